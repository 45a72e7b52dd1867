/* serve.c: the node at work: opens the doors, then keeps house in the main thread until a signal
 * ends it. Threads are the doors' own; signals are blocked everywhere and taken here only. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auditor.h"
#include "catchup.h"
#include "cli.h"
#include "home.h"
#include "poller.h"
#include "registrar.h"
#include "signer.h"
#include "watcher.h"
#include "yq/attachment.h"
#include "yq/clock.h"
#include "yq/dcm.h"
#include "yq/deliver.h"
#include "yq/door.h"
#include "yq/intake.h"
#include "yq/log.h"
#include "yq/registry.h"

enum { TICK_MS = 300, HEALTH_MS = 5000, UNWELL_MS = 1000, PURGE_MS = 3600 * 1000, QUEUE_MS = 5000 };
static const int64_t day_ms = 24 * 3600 * 1000;

struct node {
    const struct yq_cli *cli;
    struct yq_home home;
    int lock;
    struct yq_dimse *dimse;
    struct yq_http *http;
    struct yq_auditor *auditor;
    struct yq_post *post;
    struct yq_registrar *registrar;
    struct yq_signer_thread *signer;
    struct yq_watcher *watcher;
    struct yq_mllp *mllp;
    struct yq_pollers *pollers;
    struct yq_catchup *catchup;
    size_t left; /* threads that no driver gives back */
    uint64_t conf_stamp;
    int64_t read_ms; /* when the configuration was */
    int64_t next_health_ms, next_purge_ms, next_expiry_ms, next_queue_ms;
    bool unwell, queue_alert;
};

static void apply_logging(const struct yq_conf *conf)
{
    yq_log_set_level((enum yq_level)conf->log_level);
    yq_log_set_json(conf->log_format == YQ_LOG_AS_JSON);
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Keys that are read once, at the start, and differ now. */
static void name_restart_keys(const struct yq_conf *old, const struct yq_conf *new, char *text,
                              size_t size)
{
    const struct {
        const char *key;
        bool differs;
    } keys[] = {
        {"dicom.bind", strcmp(old->dicom_bind, new->dicom_bind) != 0},
        {"dicom.port", old->dicom_port != new->dicom_port},
        {"dicom.tls_port", old->dicom_tls_port != new->dicom_tls_port},
        {"hl7.bind", strcmp(old->hl7_bind, new->hl7_bind) != 0},
        {"hl7.port", old->hl7_port != new->hl7_port},
        {"hl7.tls_port", old->hl7_tls_port != new->hl7_tls_port},
        {"http.bind", strcmp(old->http_bind, new->http_bind) != 0},
        {"http.port", old->http_port != new->http_port},
        {"http.workers", old->http_workers != new->http_workers},
        {"http.connections", old->http_connections != new->http_connections},
    };
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].differs && used < size)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%s", used ? "," : "", keys[i].key);
}

/* Which files: those that are younger than what was read before. */
static void tell_trail(struct node *node)
{
    char uri[YQ_PATH_MOST + 8], path[YQ_PATH_MOST];
    struct yq_buf what yq_cleanup(yq_buf_fini) = {0};
    struct yq_err ignored;
    struct stat about;
    size_t named = 0;
    int64_t before_ms = node->read_ms;
    node->read_ms = yq_now_ms();
    yq_buf_puts(&what, "the configuration was read anew");
    DIR *dir = opendir(node->home.conf_folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || strstr(entry->d_name, ".new") ||
            !yq_path_join(path, node->home.conf_folder, entry->d_name, &ignored) ||
            stat(path, &about) != 0 || !S_ISREG(about.st_mode) ||
            (int64_t)about.st_mtim.tv_sec * 1000 + about.st_mtim.tv_nsec / 1000000 < before_ms)
            continue;
        yq_buf_putf(&what, "%s%s", named++ ? ", " : "; changed: ", entry->d_name);
    }
    if (dir)
        closedir(dir);
    yq_home_uri(node->home.conf_folder, uri, sizeof uri);
    yq_audit_configured(node->home.house.audit, YQ_DEED_TYPE_SOFTWARE, uri, yq_buf_text(&what));
}

static void reload(struct node *node)
{
    struct yq_conf *fresh = NULL;
    struct yq_err err = {0};
    char restart[160];
    if (!yq_home_conf(node->cli, &fresh, &err)) {
        yq_log_err(YQ_LOG_ERROR, "conf-kept", &err, "advice=\"%s\"",
                   "the earlier configuration stays in force; correct the file");
        return;
    }
    const struct yq_conf *old = yq_conf_hold(node->home.house.conf);
    name_restart_keys(old, fresh, restart, sizeof restart);
    yq_conf_release(node->home.house.conf, old);
    yq_home_bound(&node->home, fresh);
    yq_deliver_wants(&node->home.house, fresh);
    apply_logging(fresh);
    size_t peers = fresh->peer_count, rules = fresh->rule_count;
    yq_conf_swap(node->home.house.conf, fresh);
    tell_trail(node);
    yq_deliver_reconsider(&node->home.house);
    yq_bell_ring(&node->home.house.outbox); /* hours and peers may be others now */
    yq_log(YQ_LOG_INFO, "conf-reloaded", "peers=%zu rules=%zu%s%s", peers, rules,
           *restart ? " needs-restart=" : "", restart);
}

static void reload_when_changed(struct node *node)
{
    uint64_t stamp = yq_conf_stamp(node->home.conf_folder);
    if (stamp == node->conf_stamp)
        return;
    node->conf_stamp = stamp;
    reload(node);
}

static void warn_of(const char *whose, const char *file, int64_t expires_ms, int64_t alert_days)
{
    int64_t left_ms = expires_ms - yq_now_ms();
    if (!expires_ms || left_ms > alert_days * day_ms)
        return;
    yq_log(
        left_ms > 0 ? YQ_LOG_WARN : YQ_LOG_ERROR, "certificate-expires",
        "whose=%s file=\"%s\" days=%lld hint=\"have it renewed and put the new one in its place; "
        "it is taken up at once\"",
        whose, file, (long long)(left_ms / day_ms));
}

/* Certificates are warned of when they are taken up, and then every day. */
static void watch_expiry(struct node *node, const struct yq_conf *conf, int64_t now)
{
    struct yq_tls_facts facts;
    struct yq_tls_context *context = yq_tls_box_hold(node->home.house.tls);
    if (!context || now < node->next_expiry_ms) {
        yq_tls_release(context);
        return;
    }
    node->next_expiry_ms = now + day_ms;
    yq_tls_facts_of(context, &facts);
    yq_tls_release(context);
    warn_of("node", conf->dicom_tls_certificate, facts.expires_ms, conf->dicom_tls_alert_days);
    warn_of("ca", conf->dicom_tls_ca, facts.ca_expires_ms, conf->dicom_tls_alert_days);
}

/* Takes up our certificate, or a new one in its place. False: what is there cannot be used. */
static bool look_at_tls(struct node *node, const struct yq_conf *conf, bool *changed,
                        struct yq_err *err)
{
    const struct yq_tls_plan plan = {.certificate = conf->dicom_tls_certificate,
                                     .key = conf->dicom_tls_key,
                                     .ca = conf->dicom_tls_ca,
                                     .profile = (enum yq_tls_profile)conf->dicom_tls_profile};
    *changed = false;
    return !*plan.certificate ||
           yq_tls_box_look(node->home.house.tls, &plan,
                           (enum yq_tls_clients)conf->dicom_tls_clients, changed, err);
}

static void watch_tls(struct node *node, int64_t now)
{
    struct yq_err err = {0};
    bool changed;
    const struct yq_conf *conf = yq_conf_hold(node->home.house.conf);
    if (!look_at_tls(node, conf, &changed, &err))
        yq_log_err(YQ_LOG_ERROR, "tls-kept", &err, "advice=\"%s\"",
                   "the earlier certificate stays in force; correct the file");
    else if (changed)
        yq_log(YQ_LOG_INFO, "tls-reloaded", "certificate=\"%s\"", conf->dicom_tls_certificate);
    if (changed)
        node->next_expiry_ms = 0;
    watch_expiry(node, conf, now);
    yq_conf_release(node->home.house.conf, conf);
}

static void watch_health(struct node *node, int64_t now)
{
    struct yq_err err = {0};
    if (now < node->next_health_ms)
        return;
    yq_cache_yield(node->home.house.cache); /* before the store has to refuse */
    bool well = yq_keep_health(&node->home.house, &err);
    node->next_health_ms = now + (well ? HEALTH_MS : UNWELL_MS);
    if (well != node->unwell)
        return;
    node->unwell = !well;
    if (well)
        yq_log(YQ_LOG_INFO, "health", "state=ok");
    else
        yq_log(YQ_LOG_ERROR, "health", "state=unwell problem=\"%s\"", err.text);
}

static void watch_queue(struct node *node, int64_t now)
{
    struct yq_queue_alert alert;
    struct yq_err err = {0};
    if (now < node->next_queue_ms)
        return;
    node->next_queue_ms = now + QUEUE_MS;
    if (!yq_deliver_alert(&node->home.house, &alert, &err) || alert.on == node->queue_alert)
        return; /* /health says what is wrong with the catalog */
    node->queue_alert = alert.on;
    if (alert.on)
        yq_log(YQ_LOG_ERROR, "queue-alert", "state=on problem=\"%s\"", alert.text);
    else
        yq_log(YQ_LOG_INFO, "queue-alert", "state=off");
}

static void prune_queue(struct node *node)
{
    struct yq_err err = {0};
    uint64_t gone;
    const struct yq_conf *conf = yq_conf_hold(node->home.house.conf);
    int64_t days = conf->queue_keep_days;
    yq_conf_release(node->home.house.conf, conf);
    if (!yq_outbox_prune(node->home.house.catalog, yq_now_ms() - days * 86400000, &gone, &err))
        yq_log_err(YQ_LOG_WARN, "queue-pruned", &err, "%s", "");
    else if (gone)
        yq_log(YQ_LOG_INFO, "queue-pruned", "jobs=%" PRIu64, gone);
}

static void forget_deleted(struct node *node)
{
    struct yq_err err = {0};
    uint64_t gone;
    const struct yq_conf *conf = yq_conf_hold(node->home.house.conf);
    int64_t days = conf->store_deleted_days;
    yq_conf_release(node->home.house.conf, conf);
    if (!yq_catalog_forget(node->home.house.catalog, yq_now_ms() - days * 86400000, &gone, &err))
        yq_log_err(YQ_LOG_WARN, "deleted-forgotten", &err, "%s", "");
    else if (gone)
        yq_log(YQ_LOG_INFO, "deleted-forgotten", "instances=%" PRIu64, gone);
}

static void forget_messages(struct node *node)
{
    struct yq_err err = {0};
    uint64_t gone;
    const struct yq_conf *conf = yq_conf_hold(node->home.house.conf);
    int64_t days = conf->hl7_keep_days;
    yq_conf_release(node->home.house.conf, conf);
    if (!days)
        return;
    if (!yq_inbox_prune(node->home.house.catalog, yq_now_ms() - days * day_ms, &gone, &err))
        yq_log_err(YQ_LOG_WARN, "hl7-forgotten", &err, "%s", "");
    else if (gone)
        yq_log(YQ_LOG_INFO, "hl7-forgotten", "messages=%" PRIu64, gone);
}

static void purge_trash(struct node *node, int64_t now)
{
    if (now < node->next_purge_ms)
        return;
    node->next_purge_ms = now + PURGE_MS;
    const struct yq_conf *conf = yq_conf_hold(node->home.house.conf);
    int64_t days = conf->store_trash_days;
    yq_conf_release(node->home.house.conf, conf);
    size_t gone = yq_store_purge_trash(node->home.house.store, yq_now_ms() - days * 86400000);
    if (gone)
        yq_log(YQ_LOG_INFO, "trash-purged", "files=%zu", gone);
    size_t unused = yq_attachment_purge(&node->home.house);
    if (unused)
        yq_log(YQ_LOG_INFO, "attachments-purged", "files=%zu", unused);
    prune_queue(node);
    forget_deleted(node);
    forget_messages(node);
}

/* Until SIGTERM or SIGINT; returns which. */
static int keep_house(struct node *node, const sigset_t *signals)
{
    for (;;) {
        struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
        int got = sigtimedwait(signals, NULL, &tick);
        if (got == SIGTERM || got == SIGINT)
            return got;
        if (got == SIGHUP) {
            node->conf_stamp = yq_conf_stamp(node->home.conf_folder);
            reload(node);
        }
        int64_t now = yq_monotonic_ms();
        reload_when_changed(node);
        watch_tls(node, now);
        watch_health(node, now);
        watch_queue(node, now);
        yq_pollers_tend(node->pollers);
        purge_trash(node, now);
    }
}

/* The doors say why they do not open; a port that is taken gets its advice here. */
static int door_failed(const struct yq_err *err, const char *key, int64_t port)
{
    if (err->code == YQ_CONFLICT || err->code == YQ_BUSY)
        return yq_cli_fail("port %" PRId64
                           " is taken (in use by another program?): choose another with "
                           "--set %s=...",
                           port, key);
    return yq_cli_fail_err(err);
}

/* Pictures without text are pictures all the same. */
static void load_font(const struct yq_conf *conf)
{
    struct yq_err err = {0};
    if (*conf->image_font && !yq_image_use_font(conf->image_font, &err))
        yq_log_err(YQ_LOG_WARN, "no-font", &err,
                   "text=\"annotations are refused, texts of presentation states left out: install "
                   "fonts-wqy-microhei or set image.font\"%s",
                   "");
}

static int open_doors(struct node *node, const struct yq_conf *conf)
{
    struct yq_err err = {0};
    bool changed;
    load_font(conf);
    if (!look_at_tls(node, conf, &changed, &err) ||
        !yq_dimse_open(&node->home.house, &node->dimse, &err))
        return yq_cli_fail_err(&err);
    if (conf->http_port && !yq_http_open(&node->home.house, &node->http, &err))
        return door_failed(&err, "http.port", conf->http_port);
    if ((conf->hl7_port || conf->hl7_tls_port) &&
        !yq_mllp_open(&node->home.house, &node->mllp, &err))
        return yq_cli_fail_err(&err);
    yq_deliver_reconsider(&node->home.house); /* settings may be others than when it stopped */
    if (!yq_post_open(&node->home.house, &node->post, &err) ||
        !yq_pollers_open(&node->home.house, &node->pollers, &err))
        return yq_cli_fail_err(&err);
    if (!yq_registrar_start(&node->home.house, &node->registrar, &err))
        return yq_cli_fail_err(&err);
    if (!yq_signer_start(&node->home.house, &node->signer, &err))
        return yq_cli_fail_err(&err);
    if (!yq_watcher_start(&node->home.house, &node->watcher, &err) ||
        !yq_catchup_start(&node->home.house, &node->catchup, &err))
        return yq_cli_fail_err(&err);
    unsigned http = node->http ? yq_http_port(node->http) : 0;
    yq_log(YQ_LOG_INFO, "serving",
           "aet=%s dicom=%" PRId64 " tls=%" PRId64 " http=%u data=\"%s\" version=%s pid=%d",
           conf->dicom_aet, conf->dicom_port, conf->dicom_tls_port, http, node->home.data,
           YQ_VERSION, (int)getpid());
    return YQ_EXIT_FINE;
}

static void close_doors(struct node *node)
{
    yq_pollers_close(node->pollers, &node->left);
    yq_catchup_stop(node->catchup);
    yq_watcher_stop(node->watcher);
    yq_registrar_stop(node->registrar);
    yq_signer_stop(node->signer);
    if (node->mllp)
        yq_mllp_close(node->mllp);
    if (node->post)
        yq_post_close(node->post);
    if (node->http)
        yq_http_close(node->http);
    if (node->dimse)
        yq_dimse_close(node->dimse, 5);
}

static int serve(struct node *node, const sigset_t *signals)
{
    struct yq_err err = {0};
    if (!yq_home_open(node->cli, YQ_HOME_CREATE | YQ_HOME_SWEEP, NULL, &node->home, &err))
        return yq_cli_fail_err(&err);
    if (!yq_personal_ready(&node->home.house, &err)) { /* else it would take no record in */
        yq_home_close(&node->home);
        return yq_cli_fail_err(&err);
    }
    node->conf_stamp = yq_conf_stamp(node->home.conf_folder);
    node->read_ms = yq_now_ms();
    const struct yq_conf *conf = yq_conf_hold(node->home.house.conf);
    apply_logging(conf);
    if (!yq_auditor_start(&node->home.house, &node->auditor, &err))
        yq_log_err(YQ_LOG_ERROR, "audit", &err, "%s", "next=\"the trail is kept, not sent\"");
    yq_keep_settle(&node->home.house);
    yq_link_settle(&node->home.house);
    yq_home_hire_clerk(&node->home);
    yq_intake_resume(&node->home.house);
    yq_audit_activity(node->home.house.audit, true);
    int status = open_doors(node, conf);
    yq_conf_release(node->home.house.conf, conf);
    if (status == YQ_EXIT_FINE) {
        yq_dcm_warm(); /* callers are let in meanwhile */
        int got = keep_house(node, signals);
        yq_log(YQ_LOG_INFO, "stopping", "signal=%s", got == SIGINT ? "INT" : "TERM");
    }
    close_doors(node);
    yq_audit_activity(node->home.house.audit, false);
    yq_auditor_stop(node->auditor);
    yq_home_close(&node->home);
    if (status == YQ_EXIT_FINE)
        yq_log(YQ_LOG_INFO, "stopped", "%s", "");
    return status;
}

int yq_run_serve(struct yq_cli *cli)
{
    struct node node = {.cli = cli, .lock = -1};
    struct yq_err err = {0};
    sigset_t signals;
    if (cli->arg_count)
        return yq_cli_usage(cli, "serve takes no %s", cli->args[0]);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* inherited by every thread of the doors */
    raise_file_limit();
    /* the lock before all else: nobody may sweep under a node that runs */
    if (!yq_mkdirs(cli->data, &err) || !yq_home_lock(cli->data, &node.lock, &err))
        return yq_cli_fail_err(&err);
    int status = serve(&node, &signals);
    yq_close(&node.lock);
    if (node.left) { /* nothing may be taken away under them */
        fflush(NULL);
        _exit(status);
    }
    return status;
}

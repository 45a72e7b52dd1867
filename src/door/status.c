/* status.c: how the node is: /health for a watchdog, /metrics for Prometheus (text format 0.0.4),
 * and a page at / that leads to both.
 *
 * What costs disk work (the health probe, the catalog's totals) is kept for a moment, so that
 * asking often loads nothing. One thread asks the disk; others wait for its answer, and say that
 * the node is unwell when it does not come. No I/O under the lock. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "yq/clock.h"
#include "yq/deliver.h"
#include "yq/feed.h"
#include "yq/form.h"
#include "yq/inbox.h"

#define HEALTH_MS 1000
#define TOTALS_MS 5000
#define PATIENCE_SECONDS 5
#define DATABASES_MOST 64

struct database { /* one that is read, as the catalog knows it */
    char source[64];
    int64_t down_ms;
    uint64_t rows, kept, aside;
};

struct totals {
    bool known;
    struct yq_totals catalog;
    bool space_known;
    struct yq_store_space space;
    bool queue_known;
    struct yq_queue_alert queue;
    bool inbox_known;
    struct yq_inbox_totals inbox;
    struct database databases[DATABASES_MOST];
    size_t database_count;
};

struct kept { /* one answer and when it is from */
    bool there, asking;
    int64_t at_ms;
};

struct yq_memo {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct kept health_kept, totals_kept;
    bool healthy;
    struct yq_err trouble;
    struct totals totals;
};

struct yq_memo *yq_memo_new(void)
{
    pthread_condattr_t monotonic;
    struct yq_memo *memo = calloc(1, sizeof *memo);
    if (!memo)
        return NULL;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&memo->lock, NULL);
    pthread_cond_init(&memo->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return memo;
}

void yq_memo_free(struct yq_memo *memo)
{
    if (!memo)
        return;
    pthread_cond_destroy(&memo->answered);
    pthread_mutex_destroy(&memo->lock);
    free(memo);
}

enum turn { FRESH, OURS, LATE };

/* Under the lock: is there a fresh answer, is it our turn to get one, or did it not come? */
static enum turn take_turn(struct yq_memo *memo, struct kept *kept, int64_t keep_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_SECONDS;
    for (;;) {
        if (kept->there && yq_monotonic_ms() - kept->at_ms < keep_ms)
            return FRESH;
        if (!kept->asking) {
            kept->asking = true;
            return OURS;
        }
        if (pthread_cond_timedwait(&memo->answered, &memo->lock, &until) == ETIMEDOUT)
            return LATE;
    }
}

static void end_turn(struct yq_memo *memo, struct kept *kept)
{
    kept->there = true;
    kept->asking = false;
    kept->at_ms = yq_monotonic_ms();
    pthread_cond_broadcast(&memo->answered);
}

static bool ask_health(struct yq_house *house, struct yq_memo *memo, struct yq_err *err)
{
    bool healthy = false;
    pthread_mutex_lock(&memo->lock);
    enum turn turn = take_turn(memo, &memo->health_kept, HEALTH_MS);
    if (turn == OURS) {
        pthread_mutex_unlock(&memo->lock);
        healthy = yq_keep_health(house, err);
        pthread_mutex_lock(&memo->lock);
        memo->healthy = healthy;
        memo->trouble = *err;
        end_turn(memo, &memo->health_kept);
    } else if (turn == FRESH) {
        healthy = memo->healthy;
        *err = memo->trouble;
    } else {
        yq_fail(err, YQ_TIMEOUT, "door",
                "the disk did not answer within %d s: look at it and at the system log",
                PATIENCE_SECONDS);
    }
    pthread_mutex_unlock(&memo->lock);
    return healthy;
}

static void ask_databases(struct yq_house *house, struct totals *out)
{
    struct yq_err ignored;
    struct yq_feed *feeds = NULL;
    size_t count = 0;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    if (conf->source_count && !yq_feed_list(house->catalog, &feeds, &count, &ignored))
        count = 0;
    for (size_t i = 0; i < count && out->database_count < DATABASES_MOST; i++) {
        const struct yq_source *source = yq_conf_source(conf, feeds[i].source);
        if (!source || !source->enabled) /* it was once */
            continue;
        struct database *database = &out->databases[out->database_count++];
        (void)yq_copy(database->source, sizeof database->source, feeds[i].source);
        database->down_ms = feeds[i].down_ms;
        database->rows = feeds[i].rows;
        database->kept = feeds[i].kept;
        database->aside = feeds[i].aside;
    }
    yq_conf_release(house->conf, conf);
    free(feeds);
}

static void ask_totals(struct yq_house *house, struct yq_memo *memo, struct totals *out)
{
    struct yq_err ignored = {0}; /* /health says what is wrong */
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&memo->lock);
    enum turn turn = take_turn(memo, &memo->totals_kept, TOTALS_MS);
    if (turn == OURS) {
        pthread_mutex_unlock(&memo->lock);
        out->known = yq_catalog_totals(house->catalog, &out->catalog, &ignored);
        out->space_known = yq_store_space(house->store, &out->space, &ignored);
        out->queue_known = yq_deliver_alert(house, &out->queue, &ignored);
        out->inbox_known = yq_inbox_totals(house->catalog, &out->inbox, &ignored);
        ask_databases(house, out);
        pthread_mutex_lock(&memo->lock);
        memo->totals = *out;
        end_turn(memo, &memo->totals_kept);
    } else if (turn == FRESH) {
        *out = memo->totals;
    }
    pthread_mutex_unlock(&memo->lock);
}

/* ---- /health ---- */

/* A database that is down wants a person; the node itself is well. */
static void put_databases(struct yq_json *json, const struct totals *totals)
{
    char since[32];
    struct yq_json *list = yq_json_array();
    for (size_t i = 0; i < totals->database_count; i++) {
        const struct database *database = &totals->databases[i];
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "source", database->source);
        yq_json_text(object, "state", database->down_ms ? "down" : "ok");
        if (database->down_ms) {
            yq_clock_text(since, sizeof since, database->down_ms);
            yq_json_text(object, "since", since);
        }
        yq_json_number(object, "aside", (double)database->aside);
        yq_json_add(list, NULL, object);
    }
    yq_json_add(json, "databases", list);
}

static void put_totals(struct yq_json *json, const struct totals *totals)
{
    if (totals->database_count)
        put_databases(json, totals);
    if (totals->space_known)
        yq_json_number(json, "free_bytes", (double)totals->space.free_bytes);
    if (totals->queue_known) { /* it wants a person; the node itself is well */
        struct yq_json *queue = yq_json_object();
        yq_json_flag(queue, "alert", totals->queue.on);
        if (totals->queue.on)
            yq_json_text(queue, "problem", totals->queue.text);
        yq_json_add(json, "queue", queue);
    }
    if (totals->inbox_known) { /* HL7 messages nothing was made of */
        struct yq_json *inbox = yq_json_object();
        yq_json_number(inbox, "new", (double)totals->inbox.fresh);
        yq_json_number(inbox, "failed", (double)totals->inbox.failed);
        yq_json_add(json, "hl7", inbox);
    }
    if (!totals->known)
        return;
    struct yq_json *list = yq_json_object();
    yq_json_number(list, "patients", (double)totals->catalog.patients);
    yq_json_number(list, "studies", (double)totals->catalog.studies);
    yq_json_number(list, "series", (double)totals->catalog.series);
    yq_json_number(list, "instances", (double)totals->catalog.instances);
    yq_json_number(list, "bytes", (double)totals->catalog.bytes);
    yq_json_number(list, "contradictions", (double)totals->catalog.contradictions);
    yq_json_add(json, "totals", list);
}

/* How long our certificate and the CA of our peers still last; false: there is none. */
static bool ask_tls(struct yq_house *house, struct yq_tls_facts *facts)
{
    struct yq_tls_context *context = yq_tls_box_hold(house->tls);
    if (context)
        yq_tls_facts_of(context, facts);
    yq_tls_release(context);
    return context != NULL;
}

static void put_expiry(struct yq_json *list, const char *whose, int64_t expires_ms, int64_t days)
{
    int64_t left = expires_ms - yq_now_ms();
    char text[160];
    if (!expires_ms || left > days * 86400000)
        return;
    if (left > 0)
        snprintf(text, sizeof text, "%s expires in %lld days: have it renewed", whose,
                 (long long)(left / 86400000));
    else
        snprintf(text, sizeof text, "%s has expired: put a new one in its place", whose);
    yq_json_text(list, NULL, text);
}

/* What works now, but will not for long. */
static void put_warnings(struct yq_json *json, struct yq_house *house, const struct yq_conf *conf)
{
    struct yq_tls_facts facts;
    struct yq_json *list = yq_json_array();
    if (ask_tls(house, &facts)) {
        put_expiry(list, "the certificate of this node (dicom.tls_certificate)", facts.expires_ms,
                   conf->dicom_tls_alert_days);
        put_expiry(list, "a CA of dicom.tls_ca", facts.ca_expires_ms, conf->dicom_tls_alert_days);
    }
    yq_json_add(json, "warnings", list);
}

void yq_route_health(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct yq_err trouble = {0};
    struct totals totals;
    bool healthy = ask_health(house, request->memo, &trouble);
    struct yq_json *json = yq_json_object();
    yq_json_text(json, "status", healthy ? "ok" : "unwell");
    if (request->trusted) { /* others learn this one word */
        if (!healthy)
            yq_json_text(json, "problem", trouble.text);
        const struct yq_conf *conf = yq_conf_hold(house->conf);
        yq_json_text(json, "aet", conf->dicom_aet);
        put_warnings(json, house, conf);
        yq_conf_release(house->conf, conf);
        yq_json_text(json, "version", YQ_VERSION);
        int64_t seconds = (yq_now_ms() - house->started_ms) / 1000;
        yq_json_number(json, "uptime_seconds", (double)seconds);
        ask_totals(house, request->memo, &totals);
        put_totals(json, &totals);
    }
    if (!yq_json_print(json, false, &reply->body))
        reply->body.failed = true;
    yq_json_free(json);
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_body(reply, healthy ? 200 : 503, "application/json");
}

/* ---- /metrics ---- */

static void put_metric(struct yq_buf *out, const char *name, const char *type, double value,
                       const char *help)
{
    yq_buf_putf(out, "# HELP yingqiao_%s %s\n# TYPE yingqiao_%s %s\nyingqiao_%s %.17g\n", name,
                help, name, type, name, value);
}

static void put_counts(struct yq_buf *out, struct yq_counts *counts)
{
    const struct {
        const char *name, *type;
        atomic_ullong *count;
        const char *help;
    } table[] = {
        {"associations_accepted_total", "counter", &counts->associations_accepted,
         "DICOM associations that were accepted"},
        {"associations_refused_total", "counter", &counts->associations_refused,
         "DICOM associations that were refused"},
        {"associations_open", "gauge", &counts->associations_open, "DICOM associations open now"},
        {"instances_stored_total", "counter", &counts->stored_new, "instances that were new"},
        {"instances_already_total", "counter", &counts->stored_already,
         "instances that were here already, with the same content"},
        {"instances_replaced_total", "counter", &counts->stored_replaced,
         "instances that replaced another content"},
        {"instances_beside_total", "counter", &counts->stored_beside,
         "instances kept beside another content"},
        {"store_failed_total", "counter", &counts->store_failed,
         "instances that could not be stored"},
        {"stored_bytes_total", "counter", &counts->stored_bytes, "bytes of the stored instances"},
        {"finds_total", "counter", &counts->finds, "C-FIND requests"},
        {"find_rows_total", "counter", &counts->find_rows, "matches sent to C-FIND requests"},
        {"moves_total", "counter", &counts->moves, "C-MOVE requests"},
        {"gets_total", "counter", &counts->gets, "C-GET requests"},
        {"instances_sent_total", "counter", &counts->sent, "instances sent by DICOM"},
        {"send_failed_total", "counter", &counts->send_failed, "instances that could not be sent"},
        {"http_requests_total", "counter", &counts->http_requests, "HTTP requests answered"},
        {"http_errors_total", "counter", &counts->http_errors,
         "HTTP requests answered with a status of 400 or more"},
        {"conflicts_total", "counter", &counts->conflicts,
         "instances that came with another content under a UID that was here"},
        {"contradictions_total", "counter", &counts->contradictions,
         "values that contradicted their study or series"},
        {"hl7_connections", "gauge", &counts->hl7_connections, "HL7 connections open now"},
        {"hl7_done_total", "counter", &counts->hl7_done,
         "HL7 messages whose records were taken in"},
        {"hl7_ignored_total", "counter", &counts->hl7_ignored,
         "HL7 messages with nothing in them, or older than what is there"},
        {"hl7_failed_total", "counter", &counts->hl7_failed,
         "HL7 messages that could not be made into records"},
        {"hl7_refused_total", "counter", &counts->hl7_refused,
         "HL7 messages that were not taken: strangers, kinds that are not for us"},
        {"hl7_again_total", "counter", &counts->hl7_again, "HL7 messages that came once more"},
        {"coerced_total", "counter", &counts->coerced,
         "instances taken in with attributes changed by a rule"},
        {"coerce_left_total", "counter", &counts->coerce_left,
         "attributes that a rule could not change: nothing in its table, or too long"},
        {"records_new_total", "counter", &counts->records_new, "records that were new"},
        {"records_changed_total", "counter", &counts->records_changed,
         "records that got another version"},
        {"records_same_total", "counter", &counts->records_same,
         "records that came again as they were"},
        {"records_removed_total", "counter", &counts->records_removed, "records removed"},
        {"records_refused_total", "counter", &counts->records_refused,
         "records that were not taken: the expected version was not there, no id"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        put_metric(out, table[i].name, table[i].type, (double)atomic_load(table[i].count),
                   table[i].help);
}

static void put_catalog(struct yq_buf *out, const struct totals *totals)
{
    const struct yq_totals *catalog = &totals->catalog;
    put_metric(out, "catalog_up", "gauge", totals->known, "1: the catalog answers");
    if (totals->known) {
        put_metric(out, "patients", "gauge", (double)catalog->patients, "patients known");
        put_metric(out, "studies", "gauge", (double)catalog->studies, "studies kept");
        put_metric(out, "series", "gauge", (double)catalog->series, "series kept");
        put_metric(out, "instances", "gauge", (double)catalog->instances, "instances kept");
        put_metric(out, "object_bytes", "gauge", (double)catalog->bytes,
                   "bytes of the instances kept");
        put_metric(out, "contradictions_open", "gauge", (double)catalog->contradictions,
                   "contradictions that nobody has settled");
    }
    if (totals->space_known) {
        put_metric(out, "store_free_bytes", "gauge", (double)totals->space.free_bytes,
                   "free bytes on the disk of the objects");
        put_metric(out, "store_size_bytes", "gauge", (double)totals->space.total_bytes,
                   "size of the disk of the objects");
    }
}

static void put_inbox(struct yq_buf *out, const struct totals *totals)
{
    if (totals->inbox_known)
        put_metric(out, "hl7_failed", "gauge", (double)totals->inbox.failed,
                   "HL7 messages that wait to be replayed after their mapping was mended");
}

static void put_database_metrics(struct yq_buf *out, const struct totals *totals)
{
    static const char *const names[] = {"database_up", "database_rows_total",
                                        "database_records_total", "database_rows_aside"};
    static const char *const helps[] = {"1: the database could be read when it was last looked at",
                                        "rows of databases that were new or changed",
                                        "records that rows of databases made or changed",
                                        "rows that could not be taken"};
    for (int n = 0; totals->database_count && n < 4; n++) {
        bool counter = n == 1 || n == 2;
        yq_buf_putf(out, "# HELP yingqiao_%s %s\n# TYPE yingqiao_%s %s\n", names[n], helps[n],
                    names[n], counter ? "counter" : "gauge");
        for (size_t i = 0; i < totals->database_count; i++) {
            const struct database *one = &totals->databases[i];
            const uint64_t values[] = {!one->down_ms, one->rows, one->kept, one->aside};
            yq_buf_putf(out, "yingqiao_%s{source=\"%s\"} %llu\n", names[n], one->source,
                        (unsigned long long)values[n]);
        }
    }
}

static void put_tls(struct yq_buf *out, struct yq_house *house)
{
    struct yq_tls_facts facts;
    if (!ask_tls(house, &facts))
        return;
    put_metric(out, "certificate_expires_seconds", "gauge",
               (double)(facts.expires_ms - yq_now_ms()) / 1000,
               "seconds until the certificate of this node ends; below 0: it has");
    if (facts.ca_expires_ms)
        put_metric(out, "ca_expires_seconds", "gauge",
                   (double)(facts.ca_expires_ms - yq_now_ms()) / 1000,
                   "seconds until the first CA of dicom.tls_ca ends; below 0: it has");
}

static void put_audit(struct yq_buf *out, struct yq_house *house)
{
    struct yq_err ignored;
    struct yq_trail *trail = yq_audit_trail(house->audit);
    if (!trail)
        return;
    put_metric(out, "audit_up", "gauge", yq_trail_health(trail, &ignored),
               "1: the audit trail is written");
    put_metric(out, "audit_messages_total", "counter", (double)yq_audit_written(house->audit),
               "audit messages written");
    put_metric(out, "audit_lost_total", "counter", (double)yq_trail_lost(trail),
               "audit messages that could not be written");
    if (!house->collector)
        return;
    put_metric(out, "audit_collector_up", "gauge", yq_collector_connected(house->collector),
               "1: audit messages go to the collector of audit.syslog");
    put_metric(out, "audit_backlog_bytes", "gauge", (double)yq_collector_backlog(house->collector),
               "bytes of the audit trail that the collector has not got yet");
}

/* ---- the queue, per destination ---- */

static double jobs_waiting(const struct yq_lane *lane, int64_t now_ms)
{
    (void)now_ms;
    uint64_t sum = 0;
    for (int state = 0; state < YQ_JOB_REFUSED; state++)
        sum += lane->jobs[state];
    return (double)sum;
}
static double oldest_seconds(const struct yq_lane *lane, int64_t now_ms)
{
    return lane->oldest_ms ? (double)(now_ms - lane->oldest_ms) / 1000 : 0;
}
static double jobs_refused(const struct yq_lane *lane, int64_t now_ms)
{
    (void)now_ms;
    return (double)lane->jobs[YQ_JOB_REFUSED];
}
static double is_held(const struct yq_lane *lane, int64_t now_ms)
{
    (void)now_ms;
    return lane->held;
}
static double jobs_withheld(const struct yq_lane *lane, int64_t now_ms)
{
    (void)now_ms;
    return (double)lane->withheld;
}
static double is_paused(const struct yq_lane *lane, int64_t now_ms)
{
    return lane->next_ms > now_ms;
}
static double number_sent(const struct yq_lane *lane, int64_t now_ms)
{
    (void)now_ms;
    return (double)lane->sent;
}
static double number_failed(const struct yq_lane *lane, int64_t now_ms)
{
    (void)now_ms;
    return (double)lane->failed;
}
static double number_retried(const struct yq_lane *lane, int64_t now_ms)
{
    (void)now_ms;
    return (double)lane->retries;
}

static const struct {
    const char *name, *type, *help;
    double (*value)(const struct yq_lane *lane, int64_t now_ms);
} queue_metrics[] = {
    {"queue_jobs", "gauge", "studies, and exams for platforms, that wait; those held too",
     jobs_waiting},
    {"queue_oldest_seconds", "gauge", "how long the oldest has waited", oldest_seconds},
    {"queue_refused", "gauge", "studies or exams of which the other side refused something",
     jobs_refused},
    {"queue_withheld", "gauge", "exams that are held until something of them is put right",
     jobs_withheld},
    {"queue_paused", "gauge", "1: it could not be reached and is left alone for a while",
     is_paused},
    {"queue_held", "gauge", "1: the destination is held by hand", is_held},
    {"queue_sent_total", "counter", "instances sent (kind pull: studies fetched; report: messages)",
     number_sent},
    {"queue_failed_total", "counter", "instances or messages that were refused for good",
     number_failed},
    {"queue_retries_total", "counter", "tries that have to be made again", number_retried},
};

static void put_label(struct yq_buf *out, const char *text)
{
    for (; *text; text++) { /* an AE title has no control characters and no backslash */
        if (*text == '"')
            yq_buf_puts(out, "\\");
        yq_buf_put(out, text, 1);
    }
}

static void put_queue(struct yq_buf *out, struct yq_house *house, const struct totals *totals)
{
    struct yq_lane *lanes = NULL;
    struct yq_err ignored = {0};
    size_t count = 0;
    int64_t now_ms = yq_now_ms();
    if (totals->queue_known)
        put_metric(out, "queue_alert", "gauge", totals->queue.on,
                   "1: something waits too long or was refused");
    if (!yq_outbox_summary(house->catalog, true, &lanes, &count, &ignored))
        return;
    for (size_t m = 0; count && m < sizeof queue_metrics / sizeof *queue_metrics; m++) {
        const char *name = queue_metrics[m].name;
        yq_buf_putf(out, "# HELP yingqiao_%s %s\n# TYPE yingqiao_%s %s\n", name,
                    queue_metrics[m].help, name, queue_metrics[m].type);
        for (size_t i = 0; i < count; i++) {
            yq_buf_putf(out, "yingqiao_%s{to=\"", name);
            put_label(out, lanes[i].destination);
            yq_buf_putf(out, "\",kind=\"%s\"} %.17g\n", yq_job_kind_name(lanes[i].kind),
                        queue_metrics[m].value(&lanes[i], now_ms));
        }
    }
    free(lanes);
}

static double resident_bytes(void)
{
    char line[128] = "";
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fgets(line, sizeof line, file)) {
        char *second = strchr(line, ' ');
        pages = second ? strtoull(second, NULL, 10) : 0;
    }
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void put_pixels(struct yq_buf *out, struct yq_house *house)
{
    struct yq_cache_counts cache;
    yq_cache_count(house->cache, &cache);
    put_metric(out, "cache_hits_total", "counter", (double)cache.hits,
               "results found in the cache");
    put_metric(out, "cache_misses_total", "counter", (double)cache.misses,
               "results that were not in the cache");
    put_metric(out, "cache_broken_total", "counter", (double)cache.broken,
               "results in the cache that were damaged, and dropped");
    put_metric(out, "cache_bytes", "gauge", (double)cache.bytes,
               "bytes of the cache, as far as they were counted");
    put_metric(out, "pixel_memory_bytes", "gauge", (double)yq_budget_used(&house->pixels),
               "memory taken for decoding and encoding now");
}

static double open_descriptors(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count ? count - 1 : 0; /* without the one that looks */
}

void yq_route_metrics(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct totals totals;
    struct yq_buf *out = &reply->body;
    ask_totals(house, request->memo, &totals);
    yq_buf_puts(out, "# HELP yingqiao_build_info the version that runs\n"
                     "# TYPE yingqiao_build_info gauge\n"
                     "yingqiao_build_info{version=\"" YQ_VERSION "\"} 1\n");
    put_metric(out, "uptime_seconds", "gauge", (double)(yq_now_ms() - house->started_ms) / 1000,
               "seconds since the start");
    put_metric(out, "resident_bytes", "gauge", resident_bytes(), "resident memory");
    put_metric(out, "open_fds", "gauge", open_descriptors(), "open file descriptors");
    put_counts(out, &house->counts);
    put_catalog(out, &totals);
    put_inbox(&reply->body, &totals);
    put_database_metrics(out, &totals);
    put_pixels(out, house);
    put_tls(out, house);
    put_audit(out, house);
    put_queue(out, house, &totals);
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_body(reply, 200, "text/plain; version=0.0.4; charset=utf-8");
}

/* ---- / ---- */

static void put_html(struct yq_buf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<': yq_buf_puts(out, "&lt;"); break;
        case '>': yq_buf_puts(out, "&gt;"); break;
        case '&': yq_buf_puts(out, "&amp;"); break;
        case '"': yq_buf_puts(out, "&quot;"); break;
        default: yq_buf_put(out, text, 1);
        }
    }
}

void yq_route_index(struct yq_house *house, const struct request *request, struct reply *reply)
{
    (void)request;
    struct yq_buf *out = &reply->body;
    yq_buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<title>Yingqiao</title></head>\n<body><h1>Yingqiao " YQ_VERSION "</h1>\n<p>");
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    yq_buf_puts(out, "DICOM node <b>");
    put_html(out, conf->dicom_aet);
    yq_buf_puts(out, "</b>");
    if (conf->dicom_port)
        yq_buf_putf(out, ", DICOM port %lld", (long long)conf->dicom_port);
    if (conf->dicom_tls_port)
        yq_buf_putf(out, ", with TLS %lld", (long long)conf->dicom_tls_port);
    yq_buf_puts(out, ".</p>\n<dl>\n");
    yq_conf_release(house->conf, conf);
    for (size_t i = 0; i < yq_route_count; i++) {
        const struct yq_route *route = &yq_routes[i];
        char names[64];
        yq_buf_puts(out, "<dt>");
        if (route->methods == (YQ_GET | YQ_HEAD) && !strchr(route->path, '{'))
            yq_buf_putf(out, "<a href=\"%s\">%s</a>", route->path, route->path);
        else
            yq_buf_putf(out, "%s %s", yq_method_names(route->methods, names), route->path);
        yq_buf_puts(out, "</dt><dd>");
        put_html(out, route->help);
        yq_buf_puts(out, "</dd>\n");
    }
    yq_buf_puts(out, "</dl></body></html>\n");
    yq_reply_header(reply, "Content-Security-Policy",
                    "default-src 'none'; base-uri 'none'; form-action 'none'; "
                    "frame-ancestors 'none'");
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_body(reply, 200, "text/html; charset=utf-8");
}

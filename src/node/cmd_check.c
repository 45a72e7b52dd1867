/* cmd_check.c: reads the configuration as serve would, prints it, warns of what is probably not
 * meant. Changes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/check.h"
#include "yq/clock.h"
#include "yq/dictionary.h"
#include "yq/intake.h"
#include "yq/province.h"
#include "yq/seal.h"
#include "yq/trail.h"

static unsigned warnings;

static void warn(const char *text) __attribute__((nonnull));
static void warn(const char *text)
{
    warnings++;
    fprintf(stderr, "warning: %s\n", text);
}

static void look_at_peers(const struct yq_conf *conf)
{
    char text[YQ_PATH_MOST + 256];
    if (!conf->peer_count && conf->dicom_unknown_peers == YQ_UNKNOWN_REFUSE) {
        snprintf(text, sizeof text,
                 "no peers are configured, so every association is refused: yingqiao ae add AET "
                 "HOST PORT");
        warn(text);
    }
    for (size_t i = 0; i < conf->peer_count; i++) {
        const struct yq_peer *peer = &conf->peers[i];
        if (!peer->port && peer->rights & YQ_MAY_RETRIEVE) {
            snprintf(text, sizeof text,
                     "peer %s may retrieve but has no port: C-MOVE cannot send to it (C-GET can)",
                     peer->aet);
            warn(text);
        }
        if (!peer->rights) {
            snprintf(text, sizeof text, "peer %s may do nothing but echo", peer->aet);
            warn(text);
        }
    }
}

static bool is_a_peer(const struct yq_conf *conf, const char *pattern)
{
    for (size_t i = 0; i < conf->peer_count; i++)
        if (yq_conf_like(pattern, conf->peers[i].aet))
            return true;
    return false;
}

static void look_at_rules(const struct yq_conf *conf)
{
    char text[256];
    for (size_t i = 0; i < conf->coercion_count; i++) {
        const struct yq_coerce_rule *rule = &conf->coercion[i];
        for (size_t j = 0; j < rule->peer_count; j++) {
            if (is_a_peer(conf, rule->peers[j]))
                continue;
            snprintf(text, sizeof text,
                     "coercion rule \"%s\" is for %s, which no peer of peers.json is called",
                     rule->name, rule->peers[j]);
            warn(text);
        }
    }
}

/* False: the files of TLS cannot be used, so serve would not start, or calls over TLS would fail.
 */
static bool look_at_tls(const struct yq_conf *conf)
{
    const struct yq_tls_plan own = {.certificate = conf->dicom_tls_certificate,
                                    .key = conf->dicom_tls_key,
                                    .ca = conf->dicom_tls_ca,
                                    .profile = (enum yq_tls_profile)conf->dicom_tls_profile};
    struct yq_tls_context *context = NULL;
    struct yq_tls_facts facts;
    struct yq_err err = {0};
    if (!*own.certificate)
        return true;
    if (!yq_tls_server(&own, (enum yq_tls_clients)conf->dicom_tls_clients, &context, &err)) {
        yq_cli_fail_err(&err);
        return false;
    }
    yq_tls_facts_of(context, &facts);
    yq_tls_release(context);
    int64_t days = (facts.expires_ms - yq_now_ms()) / (24 * 3600 * 1000);
    if (facts.expires_ms <= yq_now_ms())
        warn("the certificate of this node has expired: peers will refuse it");
    else if (days < conf->dicom_tls_alert_days)
        warn("the certificate of this node ends soon (dicom.tls_alert_days): have it renewed");
    return true;
}

static bool look_at_tls_of(const struct yq_conf *conf, const struct yq_peer *peer)
{
    const struct yq_peer_tls *tls = &peer->tls;
    const struct yq_tls_plan plan = {tls->certificate, tls->key, tls->ca, YQ_TLS_BCP195};
    char text[YQ_PATH_MOST + 256];
    struct yq_err err = {0};
    if (!tls->on)
        return true;
    if (tls->unverified) {
        snprintf(text, sizeof text,
                 "peer %s has \"tls_verify\": false: whoever answers at its address gets what is "
                 "sent to it",
                 peer->aet);
        warn(text);
    }
    if (!conf->dicom_tls_port) {
        snprintf(text, sizeof text,
                 "peer %s must call over TLS, but dicom.tls_port is 0: it cannot call this node",
                 peer->aet);
        warn(text);
    } else if (*tls->wanted && conf->dicom_tls_clients == YQ_TLS_CLIENTS_NONE) {
        snprintf(text, sizeof text,
                 "peer %s has a \"tls_peer\", but dicom.tls_clients is none, so it cannot show its "
                 "certificate when it calls",
                 peer->aet);
        warn(text);
    }
    if (yq_tls_usable(&plan, &err))
        return true;
    yq_cli_fail("peer %s: %s", peer->aet, err.text);
    return false;
}

static bool look_at_users(const struct yq_conf *conf)
{
    char text[160];
    for (size_t i = 0; i < conf->user_count; i++) {
        if (yq_passcode_is_kept(conf->users[i].passcode))
            continue;
        yq_cli_fail("users.json: the passcode of %s is damaged: yingqiao user add '%s'",
                    conf->users[i].name, conf->users[i].name);
        return false;
    }
    for (size_t i = 0; i < conf->peer_count; i++) {
        const struct yq_peer *peer = &conf->peers[i];
        if (!*peer->user || strcmp(peer->user, "*") == 0 || yq_conf_user(conf, peer->user))
            continue;
        snprintf(text, sizeof text,
                 "peer %s must be user %s, who is not in users.json: it cannot come in", peer->aet,
                 peer->user);
        warn(text);
    }
    return true;
}

static bool look_at_secrecy(const struct yq_conf *conf)
{
    bool ok = look_at_users(conf) && look_at_tls(conf);
    for (size_t i = 0; ok && i < conf->peer_count; i++)
        ok = look_at_tls_of(conf, &conf->peers[i]);
    return ok;
}

static void wrong_name(void *context, unsigned line, const char *name)
{
    const struct yq_source *source = context;
    char text[400];
    snprintf(text, sizeof text,
             "mapping/%s.csv:%u: %.100s is no place in an HL7 message (such as PID-3.1), so it "
             "never has a value",
             source->rules->name, line, name);
    warn(text);
}

static void look_at_sources(const struct yq_conf *conf)
{
    char text[200];
    for (size_t i = 0; i < conf->source_count; i++) {
        struct yq_source *source = &conf->sources[i];
        if (source->type != YQ_SOURCE_HL7 || !source->enabled)
            continue;
        if (source->rules)
            yq_intake_check_mapping(source->rules, wrong_name, source);
        if (!conf->hl7_port && !conf->hl7_tls_port) {
            snprintf(text, sizeof text,
                     "source %s sends HL7, but hl7.port and hl7.tls_port are 0: it cannot call "
                     "this node",
                     source->name);
            warn(text);
        }
    }
}

/* Can each of its keys be had? */
static void look_at_keys(struct yq_house *house, const struct yq_conf *conf,
                         const struct yq_platform *platform)
{
    static const char *const names[] = {"key",         "public_key", "access_key",
                                        "channel_key", "iv",         "sign_key"};
    struct yq_keychain *keys;
    struct yq_err err = {0};
    if (!yq_platform_keys(house, conf, platform, &keys, &err)) {
        warn(err.text);
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct yq_buf bytes = {0};
        char text[400];
        if (yq_keychain_has(keys, names[i]) && !yq_keychain_get(keys, names[i], &bytes, &err)) {
            snprintf(text, sizeof text, "platform %s: \"%s\": %.300s", platform->name, names[i],
                     err.text);
            warn(text);
        }
        yq_wipe(bytes.bytes, bytes.length);
        yq_buf_fini(&bytes);
    }
}

/* What of this hospital a platform is told. */
static void look_at_hospital(const struct yq_conf *conf, const struct yq_platform *platform)
{
    const struct yq_dictionary *levels = yq_dictionary_find("hospital-level");
    char text[300];
    if (platform->province != YQ_SHANXI || platform->upload == YQ_UPLOAD_NONE)
        return;
    if (!yq_is_uscc(conf->hospital_code)) {
        snprintf(text, sizeof text,
                 "platform %s: hospital.code is %s: the platform knows hospitals by it",
                 platform->name,
                 *conf->hospital_code ? "no unified social credit code (18 characters, the last "
                                        "one checks the others)"
                                      : "not set");
        warn(text);
    }
    if (*conf->hospital_level && levels && !yq_term_accepts(levels, conf->hospital_level)) {
        snprintf(text, sizeof text,
                 "hospital.level \"%.16s\" is no code of hospital-level: yingqiao codes dictionary "
                 "hospital-level lists them",
                 conf->hospital_level);
        warn(text);
    }
    if (!*conf->records_url_base &&
        (platform->pdf == YQ_PDF_URL || platform->images == YQ_IMAGES_LIST)) {
        snprintf(text, sizeof text,
                 "platform %s gets addresses of PDFs or images, but records.url_base is empty: it "
                 "cannot fetch them",
                 platform->name);
        warn(text);
    }
}

static void look_at_platforms(const struct yq_conf *conf)
{
    struct yq_house *house = calloc(1, sizeof *house);
    char text[300];
    if (house)
        house->keychains = yq_keychains_new();
    for (size_t i = 0; house && i < conf->platform_count; i++) {
        const struct yq_platform *platform = &conf->platforms[i];
        if (!platform->enabled)
            continue;
        look_at_keys(house, conf, platform);
        look_at_hospital(conf, platform);
        if (!platform->tls_verify) {
            snprintf(
                text, sizeof text,
                "platform %s: tls_verify is false: whoever answers at its address is believed, "
                "and gets what is personal",
                platform->name);
            warn(text);
        }
        if (platform->serve != YQ_SERVE_NOT && !conf->http_port) {
            snprintf(text, sizeof text,
                     "platform %s: \"serve\" is on, but http.port is 0: it cannot call this node",
                     platform->name);
            warn(text);
        }
    }
    if (house)
        yq_keychains_free(house->keychains);
    free(house);
}

static void look_at_conf(const struct yq_cli *cli, const struct yq_conf *conf)
{
    char text[YQ_PATH_MOST + 256];
    if (conf->dicom_unknown_peers == YQ_UNKNOWN_ACCEPT)
        warn("dicom.unknown_peers=accept: everybody who reaches the port may store, query and "
             "retrieve");
    struct yq_err err;
    if (!yq_collector_check(conf->audit_syslog, &err))
        warn(err.text);
    look_at_peers(conf);
    look_at_rules(conf);
    look_at_sources(conf);
    look_at_platforms(conf);
    if (conf->http_port &&
        (conf->http_port == conf->dicom_port || conf->http_port == conf->dicom_tls_port))
        warn("two of dicom.port, dicom.tls_port and http.port are the same: the second one will "
             "not open");
    if (access(cli->data, F_OK) != 0) {
        snprintf(text, sizeof text,
                 "%s is not there yet: serve makes it, with a commented "
                 "configuration",
                 cli->data);
        warn(text);
    } else if (access(cli->data, W_OK | X_OK) != 0) {
        snprintf(text, sizeof text,
                 "%s cannot be written by this user: change its owner, or run as the user of the "
                 "node",
                 cli->data);
        warn(text);
    }
}

static int print_mapping(const struct yq_conf *conf, const char *name)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    if (!yq_conf_mapping_text(conf->folder, name, &text, &err))
        return yq_cli_fail_err(&err);
    fputs(yq_buf_text(&text), stdout);
    return YQ_EXIT_FINE;
}

int yq_run_check(struct yq_cli *cli)
{
    struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    if (cli->arg_count)
        return yq_cli_usage(cli, "check takes no %s", cli->args[0]);
    if (!yq_home_conf(cli, &conf, &err))
        return yq_cli_fail_err(&err);
    if (yq_cli_value(cli, "mapping"))
        return print_mapping(conf, yq_cli_value(cli, "mapping"));
    yq_conf_print(conf, &text);
    size_t length = strlen(yq_buf_text(&text));
    printf("%s%s", yq_buf_text(&text),
           length && yq_buf_text(&text)[length - 1] == '\n' ? "" : "\n");
    fflush(stdout);
    look_at_conf(cli, conf);
    if (!look_at_secrecy(conf))
        return YQ_EXIT_FAILED;
    fprintf(stderr, "the configuration can be used%s\n", warnings ? ", see the warnings" : "");
    return YQ_EXIT_FINE;
}

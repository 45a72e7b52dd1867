/* cmd_check.c: reads the configuration as serve would, prints it, warns of what is probably not
 * meant. Changes nothing. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "home.h"
#include "output.h"

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
        if (fnmatch(pattern, conf->peers[i].aet, FNM_NOESCAPE) == 0)
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

static void look_at_conf(const struct yq_cli *cli, const struct yq_conf *conf)
{
    char text[YQ_PATH_MOST + 256];
    if (conf->dicom_unknown_peers == YQ_UNKNOWN_ACCEPT)
        warn("dicom.unknown_peers=accept: everybody who reaches the port may store, query and "
             "retrieve");
    look_at_peers(conf);
    look_at_rules(conf);
    if (conf->http_port && conf->http_port == conf->dicom_port)
        warn("dicom.port and http.port are the same: the second one will not open");
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

int yq_run_check(struct yq_cli *cli)
{
    struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    if (cli->arg_count)
        return yq_cli_usage(cli, "check takes no %s", cli->args[0]);
    if (!yq_home_conf(cli, &conf, &err))
        return yq_cli_fail_err(&err);
    yq_conf_print(conf, &text);
    size_t length = strlen(yq_buf_text(&text));
    printf("%s%s", yq_buf_text(&text),
           length && yq_buf_text(&text)[length - 1] == '\n' ? "" : "\n");
    fflush(stdout);
    look_at_conf(cli, conf);
    fprintf(stderr, "the configuration can be used%s\n", warnings ? ", see the warnings" : "");
    return YQ_EXIT_FINE;
}

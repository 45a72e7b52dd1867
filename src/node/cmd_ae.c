/* cmd_ae.c: peers of the node: list, add, remove, test. Changes peers.json only; a running node
 * notices by itself. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "demo.h"
#include "home.h"
#include "output.h"
#include "peer.h"
#include "yq/text.h"
#include "yq/uid.h"

static const struct {
    const char *name;
    unsigned right;
} rights[] = {{"store", YQ_MAY_STORE}, {"query", YQ_MAY_QUERY}, {"retrieve", YQ_MAY_RETRIEVE}};

static void rights_text(unsigned bits, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < 3; i++)
        if (bits & rights[i].right && used < size)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%s", used ? "," : "", rights[i].name);
}

static bool rights_parse(const char *text, unsigned *bits)
{
    *bits = 0;
    for (const char *p = text; *p;) {
        size_t length = strcspn(p, ","), i = 0;
        while (i < 3 && (strlen(rights[i].name) != length || strncmp(p, rights[i].name, length)))
            i++;
        if (i == 3)
            return false;
        *bits |= rights[i].right;
        p += length;
        if (*p == ',' && !*++p)
            return false;
    }
    return *bits != 0;
}

static struct yq_json *peer_json(const struct yq_peer *peer)
{
    struct yq_json *object = yq_json_object(), *may = yq_json_array(), *syntaxes = yq_json_array();
    yq_json_text(object, "aet", peer->aet);
    yq_json_text(object, "host", peer->host);
    yq_json_number(object, "port", peer->port);
    for (size_t i = 0; i < 3; i++)
        if (peer->rights & rights[i].right)
            yq_json_text(may, NULL, rights[i].name);
    yq_json_add(object, "may", may);
    for (size_t i = 0; i < peer->syntax_count; i++)
        yq_json_text(syntaxes, NULL, peer->syntaxes[i]);
    yq_json_add(object, "syntaxes", syntaxes);
    yq_json_text(object, "charset", peer->charset);
    yq_json_text(object, "assume_charset", peer->assume_charset);
    yq_json_number(object, "max_associations", peer->max_associations);
    yq_json_flag(object, "tls", peer->tls.on);
    if (peer->tls.on) {
        yq_json_flag(object, "tls_verify", !peer->tls.unverified);
        yq_json_text(object, "tls_ca", peer->tls.ca);
        yq_json_text(object, "tls_peer", peer->tls.wanted);
    }
    yq_json_text(object, "note", peer->note);
    return object;
}

static int list(struct yq_cli *cli)
{
    static const char *const heads[] = {"AE TITLE", "HOST", "PORT", "MAY", "CHARSET", "NOTE"};
    struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
    struct yq_err err = {0};
    if (cli->arg_count > 1)
        return yq_cli_usage(cli, "ae list takes no %s", cli->args[1]);
    if (!yq_home_conf(cli, &conf, &err))
        return yq_cli_fail_err(&err);
    if (cli->json) {
        struct yq_json *array = yq_json_array();
        for (size_t i = 0; i < conf->peer_count; i++)
            yq_json_add(array, NULL, peer_json(&conf->peers[i]));
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    struct yq_table table yq_cleanup(yq_table_fini) = {.heads = heads, .columns = 6};
    for (size_t i = 0; i < conf->peer_count; i++) {
        const struct yq_peer *peer = &conf->peers[i];
        char may[64];
        rights_text(peer->rights, may, sizeof may);
        yq_table_add(&table, peer->aet);
        yq_table_add(&table, peer->host);
        if (peer->port)
            yq_table_addf(&table, "%u%s", peer->port, peer->tls.on ? " tls" : "");
        else
            yq_table_add(&table, "-");
        yq_table_add(&table, may);
        yq_table_add(&table, peer->charset);
        yq_table_add(&table, peer->note);
    }
    if (conf->peer_count)
        yq_table_print(&table, stdout);
    else
        printf("no peers yet: yingqiao ae add AET HOST PORT\n");
    return YQ_EXIT_FINE;
}

static bool read_assumption(const char *text, struct yq_peer *peer)
{
    bool always;
    const char *charset = yq_text_assumed(text, &always);
    return *charset && yq_text_charset_known(charset) &&
           yq_copy(peer->assume_charset, sizeof peer->assume_charset, text);
}

/* What the command line says of a new peer. Returns an exit status. */
static int read_peer(struct yq_cli *cli, struct yq_peer *peer)
{
    char *end;
    const char *may = yq_cli_value(cli, "may"), *charset = yq_cli_value(cli, "charset"),
               *assume = yq_cli_value(cli, "assume-charset"), *note = yq_cli_value(cli, "note"),
               *syntax;
    if (cli->arg_count != 4)
        return yq_cli_usage(cli, "ae add wants AET HOST PORT");
    if (!yq_aet_valid(cli->args[1]))
        return yq_cli_usage(cli,
                            "an AE title has 1 to 16 printable ASCII characters, no backslash");
    (void)yq_copy(peer->aet, sizeof peer->aet, cli->args[1]);
    if (!*cli->args[2] || strpbrk(cli->args[2], " \t\r\n\"\\") ||
        !yq_copy(peer->host, sizeof peer->host, cli->args[2]))
        return yq_cli_usage(cli, "HOST is a name, an address or a CIDR of at most 255 characters");
    errno = 0;
    long port = strtol(cli->args[3], &end, 10);
    if (errno || *end || !*cli->args[3] || port < 0 || port > 65535)
        return yq_cli_usage(cli, "PORT is a number from 1 to 65535, or 0 for a peer that only "
                                 "calls us");
    peer->port = (unsigned)port;
    if (!rights_parse(may ? may : "store,query,retrieve", &peer->rights))
        return yq_cli_usage(cli, "--may wants some of store,query,retrieve");
    for (size_t i = 0; (syntax = yq_cli_nth(cli, "syntax", i)) != NULL; i++) {
        if (i == YQ_PEER_SYNTAXES)
            return yq_cli_usage(cli, "at most %d times --syntax", YQ_PEER_SYNTAXES);
        const char *uid = yq_conf_syntax(syntax);
        if (!uid)
            return yq_cli_usage(cli, "--syntax wants a UID such as " YQ_TS_EXPLICIT_LE
                                     " or a name such as explicit, jpeg-lossless, j2k");
        (void)yq_copy(peer->syntaxes[peer->syntax_count++], YQ_UID_SIZE, uid);
    }
    if (charset &&
        (!yq_text_charset_known(charset) || !yq_copy(peer->charset, sizeof peer->charset, charset)))
        return yq_cli_usage(cli, "--charset wants a defined term such as GB18030 or ISO_IR 192");
    if (assume && !read_assumption(assume, peer))
        return yq_cli_usage(cli, "--assume-charset wants a defined term such as GB18030, or "
                                 "\"always GB18030\"");
    if (note && !yq_copy(peer->note, sizeof peer->note, note))
        return yq_cli_usage(cli, "--note has at most %zu bytes", sizeof peer->note - 1);
    return YQ_EXIT_FINE;
}

static int read_tls(struct yq_cli *cli, struct yq_peer_tls *tls)
{
    const char *ca = yq_cli_value(cli, "tls-ca"), *wanted = yq_cli_value(cli, "tls-peer");
    char whole[PATH_MAX];
    tls->on = yq_cli_flag(cli, "tls");
    tls->unverified = yq_cli_flag(cli, "tls-no-verify");
    if (!tls->on && (ca || wanted || tls->unverified))
        return yq_cli_usage(cli, "--tls-ca, --tls-peer and --tls-no-verify go with --tls");
    if (ca && (!realpath(ca, whole) || !yq_copy(tls->ca, sizeof tls->ca, whole)))
        return yq_cli_usage(cli, "--tls-ca wants a file: %.120s: %s", ca, strerror(errno));
    if (wanted && (!*wanted || !yq_copy(tls->wanted, sizeof tls->wanted, wanted)))
        return yq_cli_usage(cli,
                            "--tls-peer wants a SHA-256 fingerprint or a name of at most %zu "
                            "bytes",
                            sizeof tls->wanted - 1);
    return YQ_EXIT_FINE;
}

static int add(struct yq_cli *cli)
{
    struct yq_peer peer = {0};
    struct yq_err err = {0};
    char folder[YQ_PATH_MOST], where[YQ_PATH_MOST + 16];
    int status = read_peer(cli, &peer);
    if (status == YQ_EXIT_FINE)
        status = read_tls(cli, &peer.tls);
    if (status != YQ_EXIT_FINE)
        return status;
    if (!yq_home_conf_folder(cli, folder, &err) ||
        (!cli->conf && (!yq_mkdirs(folder, &err) || !yq_conf_write_examples(folder, &err))) ||
        !yq_conf_peer_add(folder, &peer, &err))
        return yq_cli_fail_err(&err);
    yq_home_tell(cli, YQ_DEED_TYPE_NETWORK, folder, "peers.json", "peer added", peer.aet);
    if (cli->json)
        return yq_print_json(peer_json(&peer)) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    yq_cli_where(cli, where, sizeof where);
    printf("added %s; `yingqiao ae test %s%s` tries it\n", peer.aet, peer.aet, where);
    return YQ_EXIT_FINE;
}

/* A rule that leads to a peer which is gone would make the whole configuration refused. */
static const char *rule_that_needs(const struct yq_conf *conf, const char *aet)
{
    for (size_t i = 0; i < conf->rule_count; i++)
        for (size_t k = 0; k < conf->rules[i].peer_count; k++)
            if (strcmp(conf->rules[i].peers[k], aet) == 0)
                return conf->rules[i].name;
    return NULL;
}

static int take_away(struct yq_cli *cli)
{
    char folder[YQ_PATH_MOST];
    struct yq_err err = {0}, ignored = {0};
    struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
    if (cli->arg_count != 2)
        return yq_cli_usage(cli, "ae remove wants AET");
    const char *rule =
        yq_home_conf(cli, &conf, &ignored) ? rule_that_needs(conf, cli->args[1]) : NULL;
    if (rule)
        return yq_cli_fail("the rule \"%s\" leads to %s: take it out of rules.json first", rule,
                           cli->args[1]);
    if (!yq_home_conf_folder(cli, folder, &err) || !yq_conf_peer_remove(folder, cli->args[1], &err))
        return yq_cli_fail_err(&err);
    yq_home_tell(cli, YQ_DEED_TYPE_NETWORK, folder, "peers.json", "peer removed", cli->args[1]);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "removed", cli->args[1]);
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    printf("removed %s\n", cli->args[1]);
    return YQ_EXIT_FINE;
}

static bool keep_reason(void *context, const struct yq_entry *entry,
                        const struct yq_sent_counts *counts, const struct yq_err *trouble)
{
    (void)entry;
    (void)counts;
    if (trouble)
        *(struct yq_err *)context = *trouble;
    return true;
}

/* The invented image goes through a house of its own, so that it never becomes one of ours. */
static bool send_test_image(struct yq_cli *cli, const struct yq_called *called, bool *warned,
                            struct yq_err *err)
{
    struct yq_home home;
    struct yq_ingested in;
    struct yq_entry entry;
    struct yq_sent_counts counts = {0};
    struct yq_err trouble = {0};
    char path[YQ_PATH_MOST];
    struct yq_origin origin = {.door = "demo"};
    if (!yq_home_open_guest(cli, &home, err))
        return false;
    struct yq_sending sending = {.house = &home.house,
                                 .peer = &called->peer,
                                 .our_aet = called->our_aet,
                                 .move_aet = "",
                                 .after = keep_reason,
                                 .context = &trouble};
    bool ok = yq_path_join(path, home.data, "test.dcm", err) && yq_demo_test_image(path, err) &&
              yq_ingest_file(&home.house, &origin, path, &in, err) &&
              yq_catalog_get(home.house.catalog, in.key.instance, &entry, err) &&
              yq_call_send(&sending, &entry, 1, &counts, err);
    if (ok && counts.completed + counts.warning != 1) {
        *err = trouble;
        ok = trouble.code != YQ_OK ? false
                                   : yq_fail(err, YQ_REFUSED, "node", "the peer did not take it");
    }
    *warned = ok && counts.warning;
    yq_home_close_guest(&home);
    return ok;
}

static int test_fails(struct yq_cli *cli, const struct yq_called *called, const char *step,
                      const struct yq_err *err)
{
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "aet", called->peer.aet);
        yq_json_flag(object, "ok", false);
        yq_json_text(object, "step", step);
        yq_json_text(object, "reason", err->text);
        yq_print_json(object);
    }
    return yq_cli_fail("%s of %s at %s:%u failed: %s", step, called->peer.aet, called->peer.host,
                       called->peer.port, err->text);
}

static int test(struct yq_cli *cli)
{
    struct yq_called called;
    struct yq_err err = {0};
    bool warned = false;
    if (cli->arg_count != 2)
        return yq_cli_usage(cli, "ae test wants AET");
    int status = yq_called_find(cli, cli->args[1], &called);
    if (status != YQ_EXIT_FINE)
        return status;
    if (!yq_call_echo(called.our_aet, &called.peer, &err))
        return test_fails(cli, &called, "echo", &err);
    if (!cli->json)
        printf("echo: %s at %s:%u answers\n", called.peer.aet, called.peer.host, called.peer.port);
    if (!send_test_image(cli, &called, &warned, &err))
        return test_fails(cli, &called, "send", &err);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "aet", called.peer.aet);
        yq_json_flag(object, "ok", true);
        yq_json_flag(object, "warning", warned);
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    printf("send: it took one small image%s\n"
           "note: that image is a test of an invented patient (Patient ID YQ-TEST): delete it "
           "there when it is in the way\n",
           warned ? ", with a warning" : "");
    return YQ_EXIT_FINE;
}

int yq_run_ae(struct yq_cli *cli)
{
    const char *what = cli->arg_count ? cli->args[0] : "";
    if (strcmp(what, "add") != 0 && cli->given_count)
        return yq_cli_usage(cli, "--%s belongs to ae add", cli->given[0].option->name);
    if (strcmp(what, "list") == 0)
        return list(cli);
    if (strcmp(what, "add") == 0)
        return add(cli);
    if (strcmp(what, "remove") == 0)
        return take_away(cli);
    if (strcmp(what, "test") == 0)
        return test(cli);
    return yq_cli_usage(cli, "ae wants one of list, add, remove, test");
}

/* cmd_compose.c: the message that a province gets of an exam or report, as it would go now: plain
 * and indented, personal values masked unless --personal; or sealed as it goes over the wire. Reads
 * the catalog; sends nothing. Looking at a record is told to the audit trail. What would be refused
 * is said on standard error; exit status 1 where it would be held back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "outward.h"
#include "yq/audit.h"
#include "yq/province.h"

const char *yq_cli_province(const struct yq_conf *conf, const char *name,
                            const struct yq_platform **platform)
{
    *platform = yq_conf_platform(conf, name);
    if (*platform)
        return yq_province_name((*platform)->province);
    for (size_t i = 0; i < yq_interface_count; i++)
        if (strcmp(yq_interfaces[i].platform, name) == 0)
            return yq_interfaces[i].platform;
    return NULL;
}

/* ---- which interface ---- */

static const struct yq_interface *usual(const char *province, enum yq_kind kind, bool merged)
{
    if (merged && kind == YQ_KIND_REPORT && yq_interface_find(province, "examMergeReport-sync"))
        return yq_interface_find(province, "examMergeReport-sync");
    for (size_t i = 0; i < yq_interface_count; i++)
        if (strcmp(yq_interfaces[i].platform, province) == 0 && yq_interfaces[i].count &&
            yq_interfaces[i].collected && yq_interfaces[i].kind == kind)
            return &yq_interfaces[i];
    return NULL;
}

struct composing {
    const struct yq_cli *cli;
    struct yq_home home;
    const struct yq_conf *conf;
    const struct yq_platform *platform; /* NULL: none is configured of this name */
    struct yq_platform usual;           /* its settings then */
    const char *province;
    const struct yq_interface *interface;
};

static bool choose(struct composing *c, enum yq_kind kind, struct yq_err *err)
{
    const char *name = yq_cli_value(c->cli, "interface");
    bool merged = c->platform && c->platform->upload == YQ_UPLOAD_MERGED;
    c->interface = name ? yq_interface_find(c->province, name) : usual(c->province, kind, merged);
    if (c->interface && c->interface->count)
        return true;
    if (name)
        return yq_fail(err, YQ_ABSENT, "node",
                       "%s has no interface %.60s with fields; `yingqiao fields %s` lists them",
                       c->province, name, c->province);
    return yq_fail(err, YQ_ABSENT, "node", "%s collects no %s by itself: give %s", c->province,
                   yq_kinds[kind].plural,
                   kind == YQ_KIND_EXAM ? "--report ID" : "--interface NAME");
}

/* ---- the message ---- */

static void print_findings(const struct yq_composed *composed)
{
    for (size_t i = 0; i < composed->findings.count; i++) {
        const struct yq_finding *f = &composed->findings.list[i];
        fprintf(stderr, "%s  %s%s\n    %s\n    %s\n", f->member, f->what,
                f->held      ? " (held for it)"
                : f->serious ? " (goes all the same)"
                             : " (only odd)",
                f->chinese, f->english);
    }
    if (composed->held)
        fprintf(stderr, "it would be held back for %zu finding%s\n", composed->held,
                composed->held == 1 ? "" : "s");
}

static bool compose(struct composing *c, const struct yq_company *company, bool plain,
                    struct yq_composed *out, struct yq_err *err)
{
    struct yq_buf pdf yq_cleanup(yq_buf_fini) = {0};
    struct yq_node_value values[1];
    size_t count = 0;
    bool report = company->records[0]->kind == YQ_KIND_REPORT;
    enum yq_pdf_how how = c->platform ? (enum yq_pdf_how)c->platform->pdf : YQ_PDF_URL;
    if (report && yq_record_get(company->records[0], "pdf")) {
        if (!yq_compose_pdf(&c->home.house, how, company, &pdf, &values[0], err))
            return false;
        count = 1;
    }
    return yq_compose(&c->home.house, c->conf, c->platform ? c->platform : &c->usual, c->interface,
                      company, values, count, plain, out, err);
}

static bool print(struct composing *c, const struct yq_composed *composed, struct yq_err *err)
{
    struct yq_buf sealed yq_cleanup(yq_buf_fini) = {0};
    if (yq_cli_flag(c->cli, "plain")) {
        puts(yq_buf_text(yq_cli_flag(c->cli, "personal") ? &composed->message : &composed->shown));
        return true;
    }
    if (!c->platform)
        return yq_fail(
            err, YQ_ABSENT, "node",
            "platforms.json has no %s, so there is no key to seal it with: --plain shows "
            "the message before that",
            c->cli->args[0]);
    const struct yq_province *province = yq_province_of(&c->home.house, c->platform->province);
    if (!province || !province->envelope)
        return yq_fail(err, YQ_ABSENT, "node",
                       "messages to %s are not sealed as a whole: --plain shows them", c->province);
    struct yq_keychain *keys = NULL;
    bool ok = yq_platform_keys(&c->home.house, c->conf, c->platform, &keys, err) &&
              province->envelope(c->conf, keys, &composed->message, &sealed, err);
    if (ok)
        puts(yq_buf_text(&sealed));
    return ok;
}

static int run(struct composing *c, struct yq_err *err)
{
    const char *report = yq_cli_value(c->cli, "report");
    enum yq_kind kind = report ? YQ_KIND_REPORT : YQ_KIND_EXAM;
    bool plain = yq_cli_flag(c->cli, "plain"), personal = yq_cli_flag(c->cli, "personal");
    struct yq_company company = {0};
    struct yq_composed composed = {0};
    const char *id = report ? report : c->cli->args[1];
    if (!choose(c, kind, err) || !yq_audit_ready(c->home.house.audit, err))
        return yq_cli_fail_err(err);
    if (!yq_company_open(&c->home.house, kind, id, &company, err))
        return err->code == YQ_ABSENT ? yq_cli_fail("there is no %s %s", yq_kinds[kind].name, id)
                                      : yq_cli_fail_err(err);
    bool ok = compose(c, &company, plain, &composed, err);
    yq_audit_record(c->home.house.audit, NULL, 'R', company.records[0], 0,
                    !plain     ? "composed, sealed"
                    : personal ? "composed, shown unmasked"
                               : "composed, shown masked",
                    ok ? NULL : err);
    ok = ok && print(c, &composed, err);
    int status = !ok ? yq_cli_fail_err(err) : composed.held ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
    if (ok)
        print_findings(&composed);
    yq_composed_fini(&composed);
    yq_company_fini(&company);
    return status;
}

int yq_run_compose(struct yq_cli *cli)
{
    struct composing c = {.cli = cli};
    struct yq_err err = {0};
    int status;
    if (cli->arg_count != 2)
        return yq_cli_usage(cli, "compose wants a platform and an exam");
    if (!yq_home_open(cli, 0, NULL, &c.home, &err)) {
        yq_home_close(&c.home);
        return yq_cli_fail_err(&err);
    }
    c.conf = yq_conf_hold(c.home.house.conf);
    c.province = yq_cli_province(c.conf, cli->args[0], &c.platform);
    if (!c.province)
        status = yq_cli_usage(cli, "%s is neither in platforms.json nor a province", cli->args[0]);
    else
        status = run(&c, &err);
    yq_conf_release(c.home.house.conf, c.conf);
    yq_home_close(&c.home);
    return status;
}

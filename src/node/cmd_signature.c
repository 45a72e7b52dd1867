/* cmd_signature.c: whether the signature of a report and the seals of its PDF hold, or those of a
 * PDF on disk; part by part, in Chinese and English. Works on the data folder, also while the node
 * runs; asks no service. That a report was looked at is told to the audit trail. Exit status 1:
 * something does not hold, or nothing is signed. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/file.h"
#include "yq/proof.h"
#include "yq/registry.h"

enum { PDF_MOST = 256 << 20, ANCHORS_MOST = 1 << 20 };

static const struct {
    const char *english, *chinese;
} states[] = {{"holds", "成立"}, {"doubtful", "存疑"}, {"WRONG", "不成立"}};

static const char *chinese_part(const char *part)
{
    static const char *const words[][2] = {
        {"signature", "签名"}, {"certificate", "证书"}, {"stamp", "时间戳"}, {"seal", "签章"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], part) == 0)
            return words[i][1];
    return part;
}

/* ---- said ---- */

static void moment(const char *name, int64_t ms)
{
    char text[32];
    yq_clock_text(text, sizeof text, ms);
    if (ms)
        printf("    %-10s %s\n", name, text);
}

static void print_proof(const struct yq_proof *p)
{
    printf("%s %s: %s %s", p->part, chinese_part(p->part), states[p->state].english,
           states[p->state].chinese);
    printf("  (%s%s%s)\n", p->form, *p->signer.algorithm ? ", " : "", p->signer.algorithm);
    if (*p->chinese)
        printf("    %s\n    %s\n", p->chinese, p->english);
    if (*p->signer.subject)
        printf("    %-10s %s\n    %-10s %s\n    %-10s %s\n", "subject", p->signer.subject, "issuer",
               p->signer.issuer, "serial", p->signer.serial);
    moment("from", p->signer.from_ms);
    moment("until", p->signer.until_ms);
    moment(strcmp(p->part, "stamp") == 0 ? "stamped" : "signed",
           p->at_ms ? p->at_ms : p->signer.signed_ms);
    if (*p->seal)
        printf("    %-10s %s\n", "seal", p->seal);
    if (strcmp(p->part, "seal") == 0)
        printf("    %-10s %s\n", "covers",
               p->whole ? "the whole file 整个文件"
                        : "an earlier state of the file 文件的较早状态");
}

static void json_moment(struct yq_json *object, const char *name, int64_t ms)
{
    char text[32];
    yq_clock_text(text, sizeof text, ms);
    if (ms)
        yq_json_text(object, name, text);
}

static struct yq_json *proof_json(const struct yq_proof *p)
{
    static const char *const words[] = {"holds", "doubtful", "wrong"};
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "part", p->part);
    yq_json_text(object, "member", p->member);
    yq_json_text(object, "state", words[p->state]);
    yq_json_text(object, "form", p->form);
    yq_json_text(object, "chinese", p->chinese);
    yq_json_text(object, "english", p->english);
    yq_json_text(object, "algorithm", p->signer.algorithm);
    yq_json_text(object, "subject", p->signer.subject);
    yq_json_text(object, "issuer", p->signer.issuer);
    yq_json_text(object, "serial", p->signer.serial);
    json_moment(object, "from", p->signer.from_ms);
    json_moment(object, "until", p->signer.until_ms);
    json_moment(object, "at", p->at_ms ? p->at_ms : p->signer.signed_ms);
    yq_json_flag(object, "trusted", p->signer.trusted);
    if (strcmp(p->part, "seal") == 0) {
        yq_json_flag(object, "whole", p->whole);
        yq_json_text(object, "seal", p->seal);
    }
    return object;
}

static int tell(const struct yq_cli *cli, const struct yq_proofs *proofs, bool anchors)
{
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    size_t bad = 0;
    for (size_t i = 0; i < proofs->count; i++) {
        bad += proofs->list[i].state != YQ_PROOF_HOLDS;
        if (array)
            yq_json_add(array, NULL, proof_json(&proofs->list[i]));
        else
            print_proof(&proofs->list[i]);
    }
    if (array)
        return yq_print_json(array) && proofs->count && !bad ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (!proofs->count)
        printf("nothing here is signed 没有签名\n");
    else if (bad)
        printf("%zu of %zu parts do not hold 有 %zu 项不成立或存疑\n", bad, proofs->count, bad);
    else
        printf("everything holds 全部成立%s\n",
               anchors ? ""
                       : "; who signed was not judged: no anchors 未配置信任证书，未判断签名人");
    return proofs->count && !bad ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

/* ---- asked ---- */

static bool read_anchors(const char *path, struct yq_anchors **out, struct yq_err *err)
{
    struct yq_buf file yq_cleanup(yq_buf_fini) = {0};
    return yq_file_read(path, ANCHORS_MOST, &file, err) &&
           yq_anchors_read(file.bytes, file.length, out, err);
}

/* Of the platform that is named; else of the only one that has some. */
static bool platform_anchors(const struct yq_cli *cli, const struct yq_conf *conf,
                             struct yq_anchors **out, struct yq_err *err)
{
    const char *name = yq_cli_value(cli, "platform");
    const struct yq_platform *platform = name ? yq_conf_platform(conf, name) : NULL;
    size_t with = 0;
    if (name && !platform)
        return yq_fail(err, YQ_ABSENT, "node", "platforms.json has no platform %s", name);
    for (size_t i = 0; !name && i < conf->platform_count; i++)
        if (*conf->platforms[i].anchors && ++with)
            platform = &conf->platforms[i];
    if (with > 1)
        return yq_fail(err, YQ_BAD_INPUT, "node",
                       "several platforms have anchors: name one with --platform");
    return yq_proof_anchors(platform, out, err);
}

static bool prove_report(struct yq_home *home, const char *id, const struct yq_anchors *anchors,
                         struct yq_proofs *out, struct yq_err *err)
{
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry;
    if (!yq_record_out(&home->house, YQ_KIND_REPORT, id, 0, &record, &entry, err))
        return false;
    bool ok = record || yq_fail(err, YQ_ABSENT, "node", "the report was removed");
    if (record)
        yq_record_nationalize(&home->house, entry.source, record);
    ok = ok && yq_proof_report(&home->house, record, anchors, out, err);
    if (record)
        yq_audit_record(home->house.audit, NULL, 'R', record, entry.version, "its signature",
                        ok ? NULL : err);
    yq_record_out_fini(record, &entry);
    return ok;
}

static bool look_at_report(const struct yq_cli *cli, const char *id, struct yq_anchors **anchors,
                           struct yq_proofs *out, struct yq_err *err)
{
    struct yq_home home = {0};
    bool ok = yq_home_open(cli, 0, NULL, &home, err);
    if (ok && !*anchors) {
        const struct yq_conf *conf = yq_conf_hold(home.house.conf);
        ok = platform_anchors(cli, conf, anchors, err);
        yq_conf_release(home.house.conf, conf);
    }
    ok = ok && prove_report(&home, id, *anchors, out, err);
    yq_home_close(&home);
    return ok;
}

static bool look_at_file(const struct yq_cli *cli, const char *path, struct yq_anchors **anchors,
                         struct yq_proofs *out, struct yq_err *err)
{
    struct yq_buf pdf yq_cleanup(yq_buf_fini) = {0};
    struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
    if (!*anchors && yq_cli_value(cli, "platform") &&
        (!yq_home_conf(cli, &conf, err) || !platform_anchors(cli, conf, anchors, err)))
        return false;
    const struct yq_trust trust = {.anchors = *anchors};
    return yq_file_read(path, PDF_MOST, &pdf, err) &&
           yq_proof_pdf(pdf.bytes, pdf.length, &trust, out, err);
}

int yq_run_signature(struct yq_cli *cli)
{
    const char *file = yq_cli_value(cli, "file"), *own = yq_cli_value(cli, "anchors");
    struct yq_err err = {0};
    struct yq_anchors *anchors = NULL;
    if (cli->arg_count != (file ? 0 : 1))
        return yq_cli_usage(cli, "signature wants the id of a report, or --file PDF");
    struct yq_proofs *proofs = calloc(1, sizeof *proofs);
    bool ok = proofs ? true : yq_fail(&err, YQ_FULL, "node", "no memory");
    ok = ok && (!own || read_anchors(own, &anchors, &err));
    ok = ok && (file ? look_at_file(cli, file, &anchors, proofs, &err)
                     : look_at_report(cli, cli->args[0], &anchors, proofs, &err));
    int status = ok ? tell(cli, proofs, anchors) : yq_cli_fail_err(&err);
    yq_anchors_free(anchors);
    free(proofs);
    return status;
}

/* sign_people.c: signing jobs for people: found by the report, begun, stopped, explained. */
#include "sign_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "yq/clock.h"

static bool find_row(struct yq_house *house, const char *report, int64_t *row, struct yq_err *err)
{
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry;
    if (!yq_record_out(house, YQ_KIND_REPORT, report, 0, &record, &entry, err))
        return false;
    *row = entry.row;
    yq_record_out_fini(record, &entry);
    return true;
}

bool yq_sign_job(struct yq_house *house, const char *report, int64_t *row, struct yq_signing *out,
                 struct yq_err *err)
{
    *row = 0;
    *out = (struct yq_signing){0};
    if (!find_row(house, report, row, err) || !yq_signing_get(house->catalog, *row, out, err))
        return false;
    (void)yq_copy(out->name, sizeof out->name, report);
    return true;
}

/* The first that signs. */
static bool find_platform(const struct yq_house *house, char *name, size_t size, struct yq_err *err)
{
    bool found = false;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    for (size_t i = 0; i < conf->platform_count && !found; i++) {
        const struct yq_platform *platform = &conf->platforms[i];
        found = platform->enabled && platform->sign != YQ_SIGN_NONE &&
                yq_copy(name, size, platform->name);
    }
    yq_conf_release(house->conf, conf);
    return found || yq_fail(err, YQ_ABSENT, "walk",
                            "no platform signs reports: see \"sign\" in platforms.json");
}

static bool is_wanted(const struct sign_report *report, struct yq_err *err)
{
    if (report->too_long)
        return yq_fail(err, YQ_REFUSED, "walk",
                       "what is to be signed of it is longer than the province takes");
    switch (report->need) {
    case YQ_SIGN_NOT_FINAL:
        return yq_fail(err, YQ_REFUSED, "walk",
                       "only a final or corrected report that is not disabled is signed");
    case YQ_SIGN_BY_OTHERS:
        return yq_fail(err, YQ_REFUSED, "walk", "the report came with a signature of its own");
    case YQ_SIGN_FITS: return yq_fail(err, YQ_REFUSED, "walk", "the report is signed already");
    case YQ_SIGN_WANTED: break;
    }
    return true;
}

/* Where what is signed is signed already, nobody need sign twice. */
static bool resume(struct yq_house *house, struct yq_signing *job, const struct sign_report *is,
                   struct yq_err *err)
{
    struct sign_kept kept yq_cleanup(sign_kept_fini) = {0};
    bool same = job->id && memcmp(job->text, is->sum, sizeof job->text) == 0;
    if (same && !sign_kept_open(house, job, &kept, err) && err->code != YQ_REFUSED &&
        err->code != YQ_IO)
        return false;
    if (!kept.signature.length) {
        sign_begin(job, is);
        return true;
    }
    job->state = kept.stamp.length ? YQ_SIGNING_STAMPED : YQ_SIGNING_SIGNED;
    job->tries = 0;
    job->reason[0] = '\0';
    job->next_ms = yq_now_ms();
    return true;
}

bool yq_sign_start(struct yq_house *house, const char *report, struct yq_err *err)
{
    struct sign_report is yq_cleanup(sign_report_fini) = {0};
    struct yq_signing job yq_cleanup(yq_signing_fini) = {0};
    char platform[sizeof job.platform];
    int64_t row;
    if (!find_row(house, report, &row, err) || !sign_report_read(house, row, &is, err) ||
        !is_wanted(&is, err) || !find_platform(house, platform, sizeof platform, err))
        return false;
    if (!yq_signing_get(house->catalog, row, &job, err) && err->code != YQ_ABSENT)
        return false;
    if (!resume(house, &job, &is, err))
        return false;
    job.report = row;
    (void)yq_copy(job.platform, sizeof job.platform, platform);
    if (!yq_signing_put(house->catalog, &job, err))
        return false;
    yq_bell_ring(&house->signing);
    return true;
}

bool yq_sign_cancel(struct yq_house *house, const char *report, struct yq_err *err)
{
    struct yq_signing job yq_cleanup(yq_signing_fini) = {0};
    int64_t row;
    if (!yq_sign_job(house, report, &row, &job, err))
        return false;
    if (job.state == YQ_SIGNING_DONE || job.state == YQ_SIGNING_CANCELLED)
        return yq_fail(err, YQ_CONFLICT, "walk", "its signing is over: %s",
                       yq_signing_state_name(job.state));
    job.state = YQ_SIGNING_CANCELLED;
    (void)yq_copy(job.reason, sizeof job.reason, "cancelled by hand");
    return yq_signing_put(house->catalog, &job, err);
}

bool yq_sign_qr(struct yq_house *house, const struct yq_signing *job, struct yq_buf *out,
                struct yq_err *err)
{
    struct sign_kept kept yq_cleanup(sign_kept_fini) = {0};
    if (job->state != YQ_SIGNING_WAITING)
        return yq_fail(err, YQ_ABSENT, "walk", "there is no QR code: the job is %s",
                       yq_signing_state_name(job->state));
    if (!sign_kept_open(house, job, &kept, err))
        return false;
    if (!kept.qr.length)
        return yq_fail(err, YQ_ABSENT, "walk", "the service has given no QR code for this job");
    yq_buf_put(out, kept.qr.bytes, kept.qr.length);
    return !out->failed || yq_fail(err, YQ_FULL, "walk", "no memory for a QR code");
}

/* ---- in words ---- */

static const char *const words[YQ_SIGNING_STATE_COUNT][2] = {
    [YQ_SIGNING_WANTED] = {"待向签名服务申请签名任务", "the signing service is to be asked"},
    [YQ_SIGNING_WAITING] = {"待医生签名", "the doctor has not signed yet"},
    [YQ_SIGNING_SIGNED] = {"已签名，待取时间戳", "signed, and waits for its time stamp"},
    [YQ_SIGNING_STAMPED] = {"已签名并取得时间戳，待写入报告",
                            "signed and stamped, and is about to be written into the report"},
    [YQ_SIGNING_DONE] = {"已签名", "signed"},
    [YQ_SIGNING_STUCK] = {"签名停止，需人工处理", "stopped: a person has to look at it"},
    [YQ_SIGNING_CANCELLED] = {"签名已取消", "cancelled"},
};

void yq_sign_explain(const struct yq_signing *job, int64_t now_ms, bool chinese, char *text,
                     size_t size)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&out, words[job->state][chinese ? 0 : 1]);
    if (job->state == YQ_SIGNING_WAITING) {
        int64_t asked = (now_ms - job->asked_ms) / 60000;
        yq_buf_putf(&out,
                    chinese ? "（第 %u 次申请，已等 %" PRId64 " 分钟）"
                            : " (asked %u times, the last %" PRId64 " minutes ago)",
                    job->rounds, asked);
    }
    if (*job->reason)
        yq_buf_putf(&out, chinese ? "：%s" : ": %s", job->reason);
    if (job->tries)
        yq_buf_putf(&out, chinese ? "（已重试 %u 次）" : " (%u tries in vain)", job->tries);
    (void)yq_copy(text, size, yq_buf_text(&out));
}

/* sign.c: the desk where signing is looked after: which reports came that are to be signed, and
 * which jobs are due.
 *
 * Reports are found by the order in which their versions were kept, from where the desk looked
 * last; on the first day of a platform that signs it begins with what comes from then on. A service
 * that does not answer is left alone for a while, which grows; its jobs stay as they are. A desk
 * belongs to one thread. */
#include "sign_inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/log.h"
#include "yq/proof.h"

enum { SEATS_MOST = 16 };

struct yq_sign_desk {
    struct yq_house *house;
    const struct yq_conf *conf; /* held; the seats are made from it */
    struct sign_seat seats[SEATS_MOST];
    size_t count;
};

/* ---- the seats ---- */

static void leave_seats(struct yq_sign_desk *desk)
{
    for (size_t i = 0; i < desk->count; i++) {
        yq_web_close(desk->seats[i].web);
        yq_anchors_free(desk->seats[i].anchors);
    }
    desk->count = 0;
    if (desk->conf)
        yq_conf_release(desk->house->conf, desk->conf);
    desk->conf = NULL;
}

static bool take_seat(struct yq_house *house, struct sign_seat *seat, const struct yq_conf *conf,
                      struct yq_err *err)
{
    if (!*seat->platform->sign_app || !*seat->platform->sign_key)
        return yq_fail(err, YQ_BAD_INPUT, "walk",
                       "sign is on, but sign_app or sign_key is not set");
    return yq_platform_keys(house, conf, seat->platform, &seat->keys, err) &&
           yq_proof_anchors(seat->platform, &seat->anchors, err) &&
           yq_platform_web(seat->platform, &seat->web, err);
}

static const struct yq_sign_service *service_of(const struct yq_house *house,
                                                const struct yq_platform *platform)
{
    const struct yq_province *province = yq_province_of(house, platform->province);
    bool signs = platform->enabled && platform->sign != YQ_SIGN_NONE;
    return signs && province ? province->signing : NULL;
}

/* A platform whose seat cannot be taken is told of once a configuration, and left. */
static void take_seats(struct yq_sign_desk *desk)
{
    const struct yq_conf *conf = yq_conf_hold(desk->house->conf);
    if (conf == desk->conf) {
        yq_conf_release(desk->house->conf, conf);
        return;
    }
    leave_seats(desk);
    desk->conf = conf;
    for (size_t i = 0; i < conf->platform_count && desk->count < SEATS_MOST; i++) {
        struct sign_seat *seat = &desk->seats[desk->count];
        struct yq_err err = {0};
        *seat = (struct sign_seat){.platform = &conf->platforms[i],
                                   .service = service_of(desk->house, &conf->platforms[i])};
        if (!seat->service)
            continue;
        if (take_seat(desk->house, seat, conf, &err)) {
            desk->count++;
            continue;
        }
        yq_log_err(YQ_LOG_ERROR, "sign-off", &err,
                   "platform=%s next=\"no report is signed until platforms.json is corrected\"",
                   seat->platform->name);
        yq_web_close(seat->web);
        yq_anchors_free(seat->anchors);
    }
}

/* A platform that signs for the first time begins with what comes from now on. */
static bool begin_here(struct yq_house *house, const char *platform, int64_t *from,
                       struct yq_err *err)
{
    if (!yq_signing_position(house->catalog, platform, from, err))
        return false;
    return *from >= 0 || (yq_signing_end(house->catalog, from, err) &&
                          yq_signing_move(house->catalog, platform, *from, err));
}

bool yq_sign_desk_open(struct yq_house *house, struct yq_sign_desk **out, struct yq_err *err)
{
    int64_t ignored;
    *out = calloc(1, sizeof **out);
    if (!*out)
        return yq_fail(err, YQ_FULL, "walk", "no memory for signing");
    (*out)->house = house;
    take_seats(*out); /* before anything comes */
    for (size_t i = 0; i < (*out)->count; i++)
        if (!begin_here(house, (*out)->seats[i].platform->name, &ignored, err))
            yq_log_err(YQ_LOG_WARN, "signer", err, "next=\"it is tried again\"%s", "");
    return true;
}

void yq_sign_desk_close(struct yq_sign_desk *desk)
{
    if (!desk)
        return;
    leave_seats(desk);
    free(desk);
}

/* ---- a report as it is now ---- */

void sign_report_fini(struct sign_report *report)
{
    yq_record_out_fini(report->record, &report->entry);
    yq_buf_fini(&report->text);
}

static bool look_at_text(struct yq_house *house, struct sign_report *report, struct yq_err *err)
{
    if (!report->record || report->entry.kind != YQ_KIND_REPORT) {
        report->need = YQ_SIGN_NOT_FINAL;
        return true;
    }
    if (!yq_sign_text(report->record, &report->text, err)) {
        if (report->text.failed)
            return false;
        report->too_long = true;
        report->text.length = 0;
    }
    struct yq_digest *digest yq_cleanup(yq_digest_cleanup) = yq_digest_new(YQ_SHA256);
    if (!digest)
        return yq_fail(err, YQ_FULL, "walk", "no memory for a digest");
    yq_digest_add(digest, report->text.bytes, report->text.length);
    yq_digest_end(digest, report->sum);
    report->need = yq_sign_need(house, report->entry.source, report->record,
                                report->too_long ? "" : yq_buf_text(&report->text));
    return true;
}

bool sign_report_read(struct yq_house *house, int64_t row, struct sign_report *out,
                      struct yq_err *err)
{
    *out = (struct sign_report){0};
    if (yq_ledger_get_row(house->catalog, row, &out->entry, err) &&
        yq_record_open(house, &out->entry, &out->record, err) && look_at_text(house, out, err))
        return true;
    sign_report_fini(out);
    *out = (struct sign_report){0};
    return false;
}

void sign_begin(struct yq_signing *job, const struct sign_report *report)
{
    memcpy(job->text, report->sum, sizeof job->text);
    job->version = report->entry.version;
    job->state = YQ_SIGNING_WANTED;
    job->user[0] = job->data_id[0] = job->reason[0] = '\0';
    job->rounds = job->tries = 0;
    job->asked_ms = job->expires_ms = 0;
    job->next_ms = yq_now_ms();
    yq_buf_clear(&job->kept);
}

/* ---- reports that came ---- */

/* What its new version means to its job. *write: it is to be written. */
static void turn(struct yq_signing *job, const struct sign_report *report,
                 const struct yq_platform *platform, bool *write)
{
    bool same = memcmp(job->text, report->sum, sizeof job->text) == 0;
    bool over = job->state >= YQ_SIGNING_DONE;
    *write = true;
    if (job->id && !over)
        job->next_ms = yq_now_ms(); /* the step sees what changed */
    else if (report->need != YQ_SIGN_WANTED)
        *write = false;
    else if (!job->id || !same)
        sign_begin(job, report);
    else if (job->state == YQ_SIGNING_DONE) {
        /* a sender who knows nothing of it wrote over the signature: it is still good */
        job->state = YQ_SIGNING_STAMPED;
        job->next_ms = yq_now_ms();
    } else
        *write = false; /* a person stopped it, or was told */
    if (*write)
        (void)yq_copy(job->platform, sizeof job->platform, platform->name);
}

static bool plan(struct yq_house *house, const struct sign_seat *seat, int64_t row,
                 struct yq_err *err)
{
    struct sign_report report yq_cleanup(sign_report_fini) = {0};
    struct yq_signing job yq_cleanup(yq_signing_fini) = {0};
    bool write;
    if (!sign_report_read(house, row, &report, err))
        return err->code == YQ_ABSENT || err->code == YQ_REFUSED;
    bool there = yq_signing_get(house->catalog, row, &job, err);
    if (!there && err->code != YQ_ABSENT)
        return false;
    if (there && strcmp(job.platform, seat->platform->name) != 0 && job.state < YQ_SIGNING_DONE)
        return true; /* another platform's service is at it */
    job.report = row;
    turn(&job, &report, seat->platform, &write);
    return !write || yq_signing_put(house->catalog, &job, err) || err->code == YQ_CONFLICT;
}

/* *did counts what was looked at. */
static bool look_at_reports(struct yq_house *house, const struct sign_seat *seat, size_t *did,
                            struct yq_err *err)
{
    enum { VERSIONS = 100 };
    struct yq_ledger_entry *list = NULL;
    size_t count = 0;
    int64_t from, end;
    const char *name = seat->platform->name;
    if (!begin_here(house, name, &from, err) || !yq_signing_end(house->catalog, &end, err))
        return false;
    if (from >= end)
        return true;
    if (!yq_ledger_versions(house->catalog, from, VERSIONS, &list, &count, err))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        if (list[i].kind == YQ_KIND_REPORT && list[i].version == list[i].latest)
            ok = plan(house, seat, list[i].row, err);
    if (ok && count)
        ok = yq_signing_move(house->catalog, name, list[count - 1].version_row, err);
    yq_ledger_list_free(list, count);
    *did += count;
    return ok;
}

/* ---- jobs that are due ---- */

static bool do_jobs(const struct sign_round *round, size_t *did, struct yq_err *err)
{
    int64_t rows[SIGN_CHUNK];
    size_t count;
    if (yq_monotonic_ms() < round->seat->away_until_ms)
        return true;
    if (!yq_signing_due(round->house->catalog, round->seat->platform->name, yq_now_ms(), rows,
                        SIGN_CHUNK, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (round->stopped(round->context) || yq_monotonic_ms() < round->seat->away_until_ms)
            break;
        if (!sign_step(round, rows[i], err))
            return false;
        ++*did;
    }
    return true;
}

bool yq_sign_work(struct yq_sign_desk *desk, bool (*stopped)(void *context), void *context,
                  size_t *did, struct yq_err *err)
{
    *did = 0;
    take_seats(desk);
    for (size_t i = 0; i < desk->count; i++) {
        const struct sign_round round = {.house = desk->house,
                                         .conf = desk->conf,
                                         .seat = &desk->seats[i],
                                         .stopped = stopped,
                                         .context = context};
        if (!look_at_reports(desk->house, &desk->seats[i], did, err) || !do_jobs(&round, did, err))
            return false;
    }
    return true;
}

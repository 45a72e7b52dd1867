/* report_out.c: an exam goes to a platform: claimed (deliver.c) -> with its patient, its reports,
 * its studies -> the province's pieces in their order -> each composed, compared with what the
 * platform has, looked at by the gate, sent -> noted and the job settled in one transaction.
 *
 * Composed is what is there at that moment, so the newest wins; what changes meanwhile makes the
 * job due again. A piece that does not get through holds back the later ones of the same exam and
 * nothing else. What a crash leaves is sent once more: to a platform the same exam twice is one.
 * Runs on a courier's thread. */
#include "report_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "yq/clock.h"
#include "yq/form.h"
#include "yq/log.h"
#include "yq/registry.h"
#include "yq/seal.h"

enum {
    NOTE_MS = 1000, /* what there is after so long is written, and asked whether to go on */
    DOWN_TRIES = 4, /* a no counts for good after so many */
    BREATH_MS = 50,
};

static bool is_stopped(void *errand) { return errand_stopped(errand); }

/* ---- what is written down ---- */

/* The row of a piece as it is to be, to be filled in. */
static struct yq_sent_piece *row_of(struct carrying *carrying, const char *name)
{
    for (size_t i = 0; i < carrying->noted_count; i++)
        if (strcmp(carrying->noted[i].piece, name) == 0)
            return &carrying->noted[i];
    if (carrying->noted_count == carrying->noted_room)
        return NULL;
    struct yq_sent_piece *row = &carrying->noted[carrying->noted_count++];
    *row = (struct yq_sent_piece){.exam = carrying->exam};
    for (size_t i = 0; i < carrying->scope.sent_count; i++)
        if (strcmp(carrying->scope.sent[i].piece, name) == 0)
            *row = carrying->scope.sent[i];
    (void)yq_copy(row->platform, sizeof row->platform, carrying->errand->job.destination);
    (void)yq_copy(row->piece, sizeof row->piece, name);
    row->changed_ms = yq_now_ms();
    return row;
}

static const struct yq_sent_piece *known(const struct carrying *carrying, const char *name)
{
    for (size_t i = 0; i < carrying->scope.sent_count; i++)
        if (strcmp(carrying->scope.sent[i].piece, name) == 0)
            return &carrying->scope.sent[i];
    return NULL;
}

static void mark(struct carrying *carrying, const char *name, enum yq_sent_state state,
                 const char *reason)
{
    struct yq_sent_piece *row = row_of(carrying, name);
    if (!row)
        return;
    row->state = state;
    (void)yq_copy(row->reason, sizeof row->reason, reason);
}

static void begin_noting(const struct carrying *carrying, struct yq_noting *noting)
{
    *noting = (struct yq_noting){.job = &carrying->errand->job,
                                 .pieces = carrying->noted,
                                 .count = carrying->noted_count,
                                 .calls = carrying->calls,
                                 .call_count = carrying->call_count,
                                 .sent = carrying->sent,
                                 .refused = carrying->refused};
    if (carrying->out.platform)
        noting->calls_kept = carrying->out.platform->keep_requests;
}

/* What was noted is known now. */
static void after_noting(struct carrying *carrying)
{
    report_forget_calls(carrying);
    carrying->sent = carrying->refused = 0;
    carrying->noted_ms = yq_monotonic_ms();
}

/* On the way: what there is so far; asks whether to go on. */
static void note(struct carrying *carrying)
{
    struct yq_noting noting;
    struct yq_err err = {0};
    begin_noting(carrying, &noting);
    if (!yq_consignments_note(carrying->errand->courier->house->catalog, &noting, &err)) {
        yq_log_err(YQ_LOG_WARN, "queue-note", &err, "job=%" PRId64, carrying->errand->job.id);
        return; /* it is written with the next */
    }
    carrying->going_on = noting.going_on;
    after_noting(carrying);
}

/* Where calls are bounded, a job that waits for its turn is better left to whoever comes first. */
static bool may_take_next(const struct errand *errand)
{
    return !errand->platform->rate && !errand_stopped(errand) &&
           !yq_windows_closed(&errand->platform->open, yq_clock_minute(yq_now_ms()));
}

/* A catalog that is unwell gets well by itself: the job stays with its courier until it is written
 * down what became of it. */
static void settle(struct carrying *carrying)
{
    const struct timespec pause = {.tv_nsec = 200 * 1000000L};
    struct yq_noting noting;
    struct yq_err err = {0};
    struct yq_job next = {.id = 0};
    bool told = false;
    begin_noting(carrying, &noting);
    if (may_take_next(carrying->errand))
        noting.next = &next;
    noting.how = &carrying->errand->end;
    noting.left = carrying->left;
    noting.refused_there = carrying->errand->end.how == YQ_SETTLE_REFUSED;
    while (!yq_consignments_note(carrying->errand->courier->house->catalog, &noting, &err)) {
        if (!told)
            yq_log_err(YQ_LOG_ERROR, "queue-settle", &err, "job=%" PRId64,
                       carrying->errand->job.id);
        told = true;
        if (errand_stopped(carrying->errand))
            return; /* the next start makes it wait again */
        nanosleep(&pause, NULL);
    }
    carrying->errand->courier->has_next = noting.has_next;
    carrying->errand->courier->next = next;
}

/* ---- how it ends ---- */

static void give_reason(struct errand *errand, const char *piece, const char *why)
{
    if (*piece && strcmp(piece, "exam") != 0)
        snprintf(errand->reason, sizeof errand->reason, "%.60s: %s", piece, why);
    else
        (void)yq_copy(errand->reason, sizeof errand->reason, why);
    errand->end.reason = errand->reason;
}

static void hold(struct carrying *carrying, const char *piece, const char *why)
{
    if (*piece)
        mark(carrying, piece, YQ_SENT_HELD, why);
    give_reason(carrying->errand, piece, why);
    carrying->errand->end.how = YQ_SETTLE_HELD;
}

static void refuse(struct carrying *carrying, const char *piece, const char *why)
{
    mark(carrying, piece, YQ_SENT_REFUSED, why);
    give_reason(carrying->errand, piece, why);
    carrying->errand->end.how = YQ_SETTLE_REFUSED;
}

static void again(struct carrying *carrying, const char *piece, const char *why, unsigned tries)
{
    struct errand *errand = carrying->errand;
    if (*piece)
        mark(carrying, piece, YQ_SENT_WAITS, why);
    give_reason(errand, piece, why);
    errand->end.how = YQ_SETTLE_RETRY;
    errand->end.next_ms = yq_now_ms() + errand_pause_ms(errand, tries);
}

static void back(struct carrying *carrying) { carrying->errand->end.how = YQ_SETTLE_BACK; }

/* ---- one piece ---- */

static bool wait_turn(struct carrying *carrying)
{
    const struct timespec breath = {.tv_nsec = BREATH_MS * 1000000L};
    int64_t now_ms = yq_monotonic_ms();
    int64_t until_ms =
        now_ms + report_way_turn(carrying->way, carrying->out.platform->rate, now_ms);
    while (yq_monotonic_ms() < until_ms && !errand_stopped(carrying->errand))
        nanosleep(&breath, NULL);
    return !errand_stopped(carrying->errand);
}

/* At each address in turn, beginning with the one that answered last. */
static enum yq_verdict call(struct carrying *carrying, const struct yq_piece *piece,
                            const struct yq_composed *composed, char reason[YQ_JOB_REASON_SIZE])
{
    char address[256];
    size_t count = 0, first = carrying->call_count;
    enum yq_verdict verdict = YQ_NOT_REACHED;
    while (yq_platform_address(carrying->out.platform, count, address, sizeof address))
        count++;
    if (!count) {
        (void)yq_copy(reason, YQ_JOB_REASON_SIZE, "platforms.json has no `url` for the platform");
        return YQ_NOT_REACHED;
    }
    size_t begin = report_way_address(carrying->way, count, yq_monotonic_ms());
    for (size_t i = 0; i < count && verdict == YQ_NOT_REACHED; i++) {
        size_t which = (begin + i) % count;
        if (i && errand_stopped(carrying->errand))
            break;
        (void)yq_platform_address(carrying->out.platform, which, address, sizeof address);
        carrying->out.address = address;
        verdict =
            carrying->province->send(&carrying->out, piece, composed, reason, YQ_JOB_REASON_SIZE);
        if (verdict != YQ_NOT_REACHED)
            report_way_reached(carrying->way, which, yq_monotonic_ms());
        for (; first < carrying->call_count; first++)
            carrying->calls[first].failed = verdict != YQ_WENT;
    }
    return verdict;
}

static bool took(struct carrying *carrying, const char *piece, const uint8_t sum[32])
{
    struct yq_sent_piece *row = row_of(carrying, piece);
    if (row) {
        row->state = YQ_SENT_DONE;
        row->reason[0] = '\0';
        memcpy(row->identity, sum, 32);
        memcpy(row->tried, sum, 32);
        row->tries = 0;
        row->sent++;
        row->sent_ms = row->changed_ms;
    }
    carrying->sent++;
    carrying->sent_all++;
    carrying->errand->end.lane = YQ_LANE_WELL;
    report_way_went_well(carrying->way);
    return true;
}

/* It said no, perhaps for now only: front-end machines say so for passing trouble, too. */
static void turned_down(struct carrying *carrying, const char *piece, const uint8_t sum[32],
                        const char *why)
{
    struct yq_sent_piece *row = row_of(carrying, piece);
    unsigned tries = 1;
    if (row) {
        tries = memcmp(row->tried, sum, 32) == 0 ? row->tries + 1 : 1;
        memcpy(row->tried, sum, 32);
        row->tries = tries;
    }
    carrying->errand->end.lane = YQ_LANE_WELL; /* it answers */
    report_way_went_well(carrying->way);
    if (tries < DOWN_TRIES) {
        again(carrying, piece, why, tries - 1);
    } else {
        carrying->refused++;
        refuse(carrying, piece, why);
    }
}

/* Nothing of use came back. Once is a matter of this exam, which is tried again; several times in a
 * row, or when one was sent to see whether the platform is back, it is the platform's: its lane
 * pauses, and what could not be sent waits as before. */
static void stumbled(struct carrying *carrying, const char *piece, const char *why, bool reached)
{
    struct errand *errand = carrying->errand;
    bool away = report_way_stumbled(carrying->way) || errand->job.lane_tries;
    again(carrying, piece, why, carrying->sent_all ? 0 : errand->job.tries);
    if (!away)
        return;
    if (!reached)
        errand->end.how = YQ_SETTLE_BACK;
    errand->end.lane = YQ_LANE_TROUBLE;
    errand->end.lane_next_ms = yq_now_ms() + errand_pause_ms(errand, errand->job.lane_tries);
}

/* True: the platform has it now. */
static bool send(struct carrying *carrying, const struct yq_piece *piece,
                 const struct yq_composed *composed, const uint8_t sum[32])
{
    char reason[YQ_JOB_REASON_SIZE] = "";
    struct yq_buf why yq_cleanup(yq_buf_fini) = {0};
    if (!wait_turn(carrying)) {
        back(carrying);
        return false;
    }
    enum yq_verdict verdict = call(carrying, piece, composed, reason);
    if (verdict == YQ_WENT)
        return took(carrying, piece->name, sum);
    if (errand_stopped(carrying->errand)) { /* perhaps it was cut off by that */
        back(carrying);
        return false;
    }
    report_mask(carrying, reason, sizeof reason - 8, &why);
    const char *text = why.length ? yq_buf_text(&why) : "the platform gave no reason";
    switch (verdict) {
    case YQ_TURNED_DOWN: turned_down(carrying, piece->name, sum, text); break;
    case YQ_HOLD_BACK: hold(carrying, piece->name, text); break;
    case YQ_NOT_REACHED: stumbled(carrying, piece->name, text, false); break;
    default: stumbled(carrying, piece->name, text, true);
    }
    return false;
}

static void say_gate(const struct yq_composed *composed, char *text, size_t size)
{
    const struct yq_finding *worst = NULL; /* the first for which it is held */
    for (size_t i = 0; i < composed->findings.count && !worst; i++)
        if (composed->findings.list[i].held)
            worst = &composed->findings.list[i];
    if (!worst)
        (void)yq_copy(text, size, "the province would refuse it");
    else
        snprintf(text, size, "the province would refuse %s%.60s: %.140s",
                 composed->held > 1 ? "several fields, among them " : "", worst->member,
                 worst->english);
}

static bool is_gone(const struct carrying *carrying, const struct yq_piece *piece)
{
    for (size_t i = 0; i < carrying->scope.report_count; i++)
        if (carrying->scope.reports[i].gone &&
            strcmp(carrying->scope.reports[i].id, piece->id) == 0)
            return true;
    return false;
}

/* It could not be composed. True: there is nothing to send of it. */
static bool not_composed(struct carrying *carrying, const struct yq_piece *piece,
                         const struct yq_err *err)
{
    if (err->code == YQ_ABSENT && is_gone(carrying, piece))
        return true;
    if (err->code == YQ_BAD_INPUT || err->code == YQ_ABSENT || err->code == YQ_REFUSED ||
        err->code == YQ_CONFLICT)
        hold(carrying, piece->name, err->text);
    else
        again(carrying, piece->name, err->text, carrying->errand->job.tries);
    return false;
}

/* True: the platform has it as it is here. */
static bool carry(struct carrying *carrying, const struct yq_piece *piece,
                  struct yq_composed *composed)
{
    uint8_t sum[32];
    char text[YQ_JOB_REASON_SIZE];
    struct yq_err err = {0};
    const struct yq_sent_piece *before = known(carrying, piece->name);
    if (!carrying->province->compose(&carrying->out, piece, composed, &err))
        return not_composed(carrying, piece, &err);
    struct yq_digest *digest yq_cleanup(yq_digest_cleanup) = yq_digest_new(YQ_SHA256);
    if (!digest || composed->message.failed || composed->identity.failed) {
        again(carrying, piece->name, "no memory", carrying->errand->job.tries);
        return false;
    }
    yq_digest_add(digest, composed->identity.bytes, composed->identity.length);
    yq_digest_end(digest, sum);
    if (before && memcmp(before->identity, sum, 32) == 0) {
        carrying->same++;
        if (before->state != YQ_SENT_DONE)
            mark(carrying, piece->name, YQ_SENT_DONE, "");
        return true;
    }
    if (before && before->state == YQ_SENT_REFUSED && memcmp(before->tried, sum, 32) == 0) {
        (void)yq_copy(text, sizeof text, before->reason);
        refuse(carrying, piece->name, text);
        return false;
    }
    if (composed->held) {
        say_gate(composed, text, sizeof text);
        hold(carrying, piece->name, text);
        return false;
    }
    return send(carrying, piece, composed, sum);
}

/* ---- all pieces ---- */

static bool may_go_on(struct carrying *carrying)
{
    const struct yq_platform *platform = carrying->out.platform;
    if (errand_stopped(carrying->errand))
        return false;
    if (yq_monotonic_ms() - carrying->noted_ms > NOTE_MS || carrying->call_count > CALLS_MOST / 2)
        note(carrying);
    return carrying->going_on && !yq_windows_closed(&platform->open, yq_clock_minute(yq_now_ms()));
}

/* Those behind one that did not get through. */
static void leave(struct carrying *carrying, size_t from)
{
    char text[YQ_JOB_REASON_SIZE];
    carrying->left = carrying->count - from;
    if (carrying->errand->end.how == YQ_SETTLE_BACK)
        return;
    snprintf(text, sizeof text, "waits for %s", carrying->pieces[from].name);
    for (size_t i = from + 1; i < carrying->count; i++) {
        const struct yq_sent_piece *before = known(carrying, carrying->pieces[i].name);
        if (!before || (before->state != YQ_SENT_DONE &&
                        (before->state != YQ_SENT_WAITS || strcmp(before->reason, text) != 0)))
            mark(carrying, carrying->pieces[i].name, YQ_SENT_WAITS, text);
    }
}

/* What waited and is no piece of the exam any more. */
static void drop_stale(struct carrying *carrying)
{
    for (size_t s = 0; s < carrying->scope.sent_count; s++) {
        const struct yq_sent_piece *sent = &carrying->scope.sent[s];
        bool there = sent->state == YQ_SENT_DONE;
        for (size_t i = 0; !there && i < carrying->count; i++)
            there = strcmp(carrying->pieces[i].name, sent->piece) == 0;
        struct yq_sent_piece *row = there ? NULL : row_of(carrying, sent->piece);
        if (row && row->sent)
            row->state = YQ_SENT_DONE; /* as it was then */
        else if (row)
            row->drop = true;
    }
}

static void carry_all(struct carrying *carrying)
{
    size_t i = 0;
    carrying->errand->end.how = YQ_SETTLE_OVER;
    for (; i < carrying->count; i++) {
        struct yq_composed composed = {0};
        if (i && !may_go_on(carrying)) {
            back(carrying);
            break;
        }
        bool there = carry(carrying, &carrying->pieces[i], &composed);
        yq_composed_fini(&composed);
        if (!there)
            break;
    }
    if (i < carrying->count)
        leave(carrying, i);
    drop_stale(carrying);
}

/* ---- what is carried ---- */

static bool was_sent(const struct yq_exam_scope *scope)
{
    for (size_t i = 0; i < scope->sent_count; i++)
        if (scope->sent[i].sent)
            return true;
    return false;
}

static bool load_exam(struct carrying *carrying, struct yq_err *err)
{
    struct yq_house *house = carrying->errand->courier->house;
    struct yq_ledger_entry entry;
    struct yq_record *exam = NULL;
    if (!yq_ledger_get_row(house->catalog, carrying->exam, &entry, err))
        return false;
    carrying->out.removed = entry.removed;
    bool ok = entry.removed
                  ? yq_company_last(house, entry.kind, entry.id, &carrying->company,
                                    &carrying->out.removed, err)
                  : yq_record_open(house, &entry, &exam, err) &&
                        (exam || yq_fail(err, YQ_IO, "walk", "the record says nothing")) &&
                        yq_company_of(house, exam, &entry, &carrying->company, err);
    yq_ledger_entry_fini(&entry);
    return ok;
}

static bool name_scope(struct carrying *carrying, struct yq_err *err)
{
    const struct yq_exam_scope *scope = &carrying->scope;
    size_t count = scope->report_count + scope->study_count;
    carrying->names = calloc(count + 1, sizeof *carrying->names);
    carrying->noted_room = YQ_PIECES_MOST + scope->sent_count;
    /* each is filled before it counts; clearing all of them for every exam would be felt */
    carrying->noted = malloc(carrying->noted_room * sizeof *carrying->noted);
    carrying->pieces = malloc(YQ_PIECES_MOST * sizeof *carrying->pieces);
    if (!carrying->names || !carrying->noted || !carrying->pieces)
        return yq_fail(err, YQ_FULL, "walk", "no memory for an exam's pieces");
    for (size_t i = 0; i < scope->report_count; i++)
        carrying->names[i] = scope->reports[i].id;
    for (size_t i = 0; i < scope->study_count; i++)
        carrying->names[scope->report_count + i] = scope->studies[i];
    carrying->out.reports = carrying->names;
    carrying->out.report_count = scope->report_count;
    carrying->out.studies = carrying->names + scope->report_count;
    carrying->out.study_count = scope->study_count;
    return true;
}

static bool furnish(struct carrying *carrying, struct yq_err *err)
{
    struct errand *errand = carrying->errand;
    struct yq_courier *courier = errand->courier;
    const struct yq_platform *platform = errand->platform;
    struct yq_keychain *keys = NULL;
    carrying->province = yq_province_of(courier->house, platform->province);
    if (!carrying->province || !carrying->province->pieces || !carrying->province->compose ||
        !carrying->province->send)
        return yq_fail(err, YQ_REFUSED, "walk", "this version sends nothing to platforms of %s",
                       yq_province_name(platform->province));
    carrying->way = report_way_of(platform->name);
    if (!carrying->way)
        return yq_fail(err, YQ_FULL, "walk", "no memory for a courier");
    if (!report_means_open(courier, platform, err) ||
        !yq_platform_keys(courier->house, errand->conf, platform, &keys, err))
        return false;
    carrying->out = (struct yq_errand_out){.house = courier->house,
                                           .conf = errand->conf,
                                           .platform = platform,
                                           .exam = &carrying->company,
                                           .keys = keys,
                                           .web = courier->means->web,
                                           .address = "",
                                           .stopped = is_stopped,
                                           .context = errand,
                                           .keep = report_keep,
                                           .keep_context = carrying};
    return true;
}

static bool load(struct carrying *carrying, struct yq_err *err)
{
    return furnish(carrying, err) && load_exam(carrying, err) &&
           yq_consignment_scope(carrying->errand->courier->house->catalog,
                                carrying->errand->job.destination, carrying->exam, &carrying->scope,
                                err) &&
           name_scope(carrying, err) &&
           ((carrying->out.removed && !was_sent(&carrying->scope)) ||
            carrying->province->pieces(&carrying->out, carrying->pieces, YQ_PIECES_MOST,
                                       &carrying->count, err));
}

static void not_loaded(struct carrying *carrying, const struct yq_err *err)
{
    struct errand *errand = carrying->errand;
    carrying->left = 1;
    if (err->code == YQ_ABSENT && !carrying->company.count) { /* a row of an earlier catalog */
        carrying->left = 0;
        errand->end.how = YQ_SETTLE_OVER;
        give_reason(errand, "", err->text);
    } else if (err->code == YQ_REFUSED || err->code == YQ_BAD_INPUT) {
        hold(carrying, "", err->text);
    } else {
        again(carrying, "", err->text, errand->job.tries);
    }
}

static void carrying_fini(struct carrying *carrying)
{
    report_forget_calls(carrying);
    yq_company_fini(&carrying->company);
    yq_exam_scope_fini(&carrying->scope);
    free(carrying->names);
    free(carrying->noted);
    free(carrying->pieces);
}

/* A report whose exam has not come was let go by hand: the planner looks for the exam once more. */
static void look_again(struct carrying *carrying, int64_t report)
{
    struct yq_err err = {0};
    const struct yq_job *job = &carrying->errand->job;
    carrying->left = 1;
    if (yq_consignment_want(carrying->errand->courier->house->catalog, job->destination, &report, 1,
                            1, &err))
        hold(carrying, "", "the exam that the report belongs to is not here");
    else
        again(carrying, "", err.text, job->tries);
}

/* ---- the log, the trail ---- */

static void tell(const struct carrying *carrying, int64_t began_ms)
{
    const struct errand *errand = carrying->errand;
    const struct yq_settlement *end = &errand->end;
    char what[YQ_AET_SIZE + 64];
    bool quiet = end->how == YQ_SETTLE_OVER || end->how == YQ_SETTLE_BACK;
    enum yq_level level = carrying->sent_all || !quiet ? YQ_LOG_INFO : YQ_LOG_DEBUG;
    yq_log(quiet || end->how == YQ_SETTLE_RETRY ? level : YQ_LOG_WARN, "reported",
           "job=%" PRId64 " to=\"%s\" exam=%" PRId64 " sent=%" PRIu64 " same=%" PRIu64
           " left=%" PRIu64 " end=%s ms=%lld%s%s%s",
           errand->job.id, errand->job.destination, carrying->exam, carrying->sent_all,
           carrying->same, carrying->left,
           end->how == YQ_SETTLE_OVER      ? "done"
           : end->how == YQ_SETTLE_RETRY   ? "retry"
           : end->how == YQ_SETTLE_REFUSED ? "refused"
           : end->how == YQ_SETTLE_HELD    ? "held"
                                           : "waits",
           (long long)(yq_monotonic_ms() - began_ms), end->reason ? " reason=\"" : "",
           end->reason ? end->reason : "", end->reason ? "\"" : "");
    if (!carrying->sent_all || !carrying->company.count)
        return;
    snprintf(what, sizeof what, "%" PRIu64 " messages to platform %s", carrying->sent_all,
             errand->job.destination);
    yq_audit_record(errand->courier->house->audit, NULL, 'R', carrying->company.records[0], 0, what,
                    NULL);
}

void report_put_back(struct errand *errand)
{
    struct carrying carrying = {.errand = errand};
    struct yq_noting noting;
    struct yq_err err = {0};
    errand->end.how = YQ_SETTLE_BACK;
    begin_noting(&carrying, &noting);
    noting.how = &errand->end;
    if (!yq_consignments_note(errand->courier->house->catalog, &noting, &err))
        yq_log_err(YQ_LOG_WARN, "queue-settle", &err, "job=%" PRId64, errand->job.id);
}

void report_deliver(struct errand *errand)
{
    struct carrying carrying = {.errand = errand, .going_on = true};
    struct yq_err err = {0};
    int64_t began_ms = yq_monotonic_ms();
    const char *number = strchr(errand->job.study, ':');
    int64_t row = number ? strtoll(number + 1, NULL, 10) : 0;
    carrying.noted_ms = began_ms;
    if (strncmp(errand->job.study, "report:", 7) == 0) {
        look_again(&carrying, row);
    } else {
        carrying.exam = row;
        if (yq_audit_ready(errand->courier->house->audit, &err) && load(&carrying, &err))
            carry_all(&carrying);
        else
            not_loaded(&carrying, &err);
    }
    tell(&carrying, began_ms);
    settle(&carrying);
    carrying_fini(&carrying);
}

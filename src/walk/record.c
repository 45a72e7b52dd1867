/* record.c: records come in. One walk for every door: REST, HL7, a database, a folder, images.
 *
 * Promise: what has YQ_OK in its result when yq_record_in returns true is on stable storage; what
 * has not is not in the ledger at all.
 *
 * A change is worked out from what is there, and names the version it was worked out from, so that
 * another process that changed it meanwhile is noticed: then that change is worked out anew. Within
 * this process nobody meets: each record belongs to a lane, and who has a lane is alone in it.
 * Lanes are taken in their order, so nobody waits for somebody who waits for him. Runs on the
 * door's thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault.h"
#include "yq/clock.h"
#include "yq/codes.h"
#include "yq/form.h"
#include "yq/log.h"

enum { LANES = 64, ROUNDS = 8 };

struct state { /* of one record, as the changes so far leave it */
    enum yq_kind kind;
    const char *id;
    struct yq_buf name; /* in the ledger */
    int64_t version;    /* 0: it was never there */
    bool there;
    struct yq_record *record; /* NULL when not there */
    struct yq_record *gone;   /* it was removed here */
    uint8_t digest[32];       /* as the ledger has it; of no use once it was changed here */
    bool digest_known;
};

struct one { /* a submission on its way */
    struct yq_submission *submission;
    bool over;  /* its result stands */
    bool given; /* it is among the changes */
    struct yq_buf content, changed, findings;
    char attachment[YQ_CONTENT_NAME_SIZE]; /* the file it names; "" */
    struct vault_keys keys;
};

struct intake {
    struct yq_house *house;
    struct vault vault;
    const struct yq_origin *origin;
    const char *source;
    struct one *ones;
    size_t count;
    struct state *states;
    size_t state_count;
    size_t *places; /* hash table over states: place + 1 */
    size_t place_count;
    struct yq_ledger_change *changes;
    struct yq_ledger_result *results;
    uint64_t tickets[LANES];
    size_t ticket_count;
};

/* ---- lanes ---- */

static uint64_t hash_of(enum yq_kind kind, const char *id)
{
    return yq_hash_text(id) * 31 + (uint64_t)kind;
}

static void take_lanes(struct intake *intake)
{
    bool wanted[LANES] = {false};
    for (size_t i = 0; i < intake->count; i++) {
        const struct yq_record *record = intake->ones[i].submission->record;
        if (!intake->ones[i].over)
            wanted[hash_of(record->kind, yq_record_id(record)) % LANES] = true;
    }
    for (int lane = 0; lane < LANES; lane++) {
        char name[24];
        snprintf(name, sizeof name, "lane-%d", lane);
        if (wanted[lane])
            intake->tickets[intake->ticket_count++] =
                yq_claims_take(&intake->house->recording, name);
    }
}

static void release_lanes(struct intake *intake)
{
    while (intake->ticket_count)
        yq_claims_release(&intake->house->recording, intake->tickets[--intake->ticket_count]);
}

/* ---- what is there ---- */

static void forget_states(struct intake *intake)
{
    for (size_t i = 0; i < intake->state_count; i++) {
        yq_record_free(intake->states[i].record);
        yq_record_free(intake->states[i].gone);
        yq_buf_fini(&intake->states[i].name);
    }
    intake->state_count = 0;
    memset(intake->places, 0, intake->place_count * sizeof *intake->places);
}

static bool load(struct intake *intake, struct one *one, struct state *state, struct yq_err *err)
{
    struct yq_ledger_entry entry;
    const struct yq_record *record = one->submission->record;
    memset(state, 0, sizeof *state);
    state->kind = record->kind;
    state->id = yq_record_id(record);
    if (!vault_find(&intake->vault, record->kind, state->id, 0, &state->name, &entry, err)) {
        bool absent = err->code == YQ_ABSENT;
        if (absent)
            memset(err, 0, sizeof *err);
        return absent;
    }
    state->version = entry.version;
    state->there = !entry.removed;
    memcpy(state->digest, entry.digest, sizeof state->digest);
    state->digest_known = true;
    bool ok = yq_record_open(intake->house, &entry, &state->record, err);
    yq_ledger_entry_fini(&entry);
    return ok;
}

/* The state of its record, or the place in the table where that belongs. */
static struct state *known_state(const struct intake *intake, const struct one *one, size_t *at)
{
    enum yq_kind kind = one->submission->record->kind;
    const char *id = yq_record_id(one->submission->record);
    *at = hash_of(kind, id) % intake->place_count;
    for (; intake->places[*at]; *at = (*at + 1) % intake->place_count) {
        struct state *state = &intake->states[intake->places[*at] - 1];
        if (state->kind == kind && strcmp(state->id, id) == 0)
            return state;
    }
    return NULL;
}

static bool state_of(struct intake *intake, struct one *one, struct state **out, struct yq_err *err)
{
    size_t at;
    *out = known_state(intake, one, &at);
    if (*out)
        return true;
    *out = &intake->states[intake->state_count];
    if (!load(intake, one, *out, err)) {
        yq_buf_fini(&(*out)->name);
        return false;
    }
    intake->places[at] = ++intake->state_count;
    return true;
}

/* ---- one change ---- */

static bool is_expected(const struct yq_submission *submission, const struct state *state,
                        struct yq_err *err)
{
    if (submission->expect == YQ_EXPECT_ABSENT && state->there)
        return yq_fail(err, YQ_CONFLICT, "walk", "the record is there already (version %lld)",
                       (long long)state->version);
    if (submission->expect > 0 && !state->there)
        return yq_fail(err, YQ_CONFLICT, "walk", "the record is not there");
    if (submission->expect > 0 && submission->expect != state->version)
        return yq_fail(err, YQ_CONFLICT, "walk", "the record was changed: version %lld is there",
                       (long long)state->version);
    if (submission->how == YQ_RECORD_REMOVE && !state->there)
        return yq_fail(err, YQ_ABSENT, "walk", "there is no such record");
    return true;
}

static struct yq_record *merge(const struct yq_submission *submission, const struct state *state,
                               struct yq_err *err)
{
    bool below = state->there && submission->how == YQ_RECORD_OVERLAY;
    bool above = state->there && submission->how == YQ_RECORD_COMPLETE;
    struct yq_record *record = yq_record_copy(below ? state->record : submission->record);
    if (!record) {
        yq_fail(err, YQ_FULL, "walk", "no memory for a record");
        return NULL;
    }
    if ((below && !yq_record_overlay(record, submission->record, err)) ||
        (above && !yq_record_overlay(record, state->record, err))) {
        yq_record_free(record);
        return NULL;
    }
    return record;
}

static bool member_is_same(const struct yq_record *a, const struct yq_record *b, size_t member)
{
    const struct yq_record_list *x = &a->lists[member], *y = &b->lists[member];
    const char *u = a->values[member], *v = b->values[member];
    if (x->count != y->count || !u != !v || (u && strcmp(u, v) != 0))
        return false;
    for (size_t i = 0; i < x->count; i++) {
        if (!yq_record_equal(x->items[i], y->items[i]))
            return false;
    }
    return true;
}

static void name_changed(const struct yq_record *before, const struct yq_record *after,
                         struct yq_buf *out)
{
    const struct yq_kind_info *kind = &yq_kinds[after->kind];
    for (size_t i = 0; i < kind->count; i++) {
        if (!member_is_same(before, after, i))
            yq_buf_putf(out, "%s%s", out->length ? "," : "", kind->members[i].name);
    }
}

static void check(const struct intake *intake, struct yq_submission *submission,
                  const struct yq_record *record)
{
    struct yq_code_context codes = {intake->house, intake->source};
    yq_findings_fini(&submission->findings);
    yq_check_record(record, yq_codes_is_mapped, &codes, &submission->findings);
}

/* The file that the record names, where it can be one of ours. */
static const char *attachment_of(const struct yq_record *record, char name[YQ_CONTENT_NAME_SIZE])
{
    int member = yq_member_find(record->kind, "pdf");
    const char *pdf = member >= 0 ? record->values[member] : NULL;
    return pdf && yq_content_name_valid(pdf) && yq_copy(name, YQ_CONTENT_NAME_SIZE, pdf) ? name
                                                                                         : NULL;
}

static unsigned count_serious(const struct yq_findings *findings)
{
    unsigned count = 0;
    for (size_t i = 0; i < findings->count; i++)
        count += findings->list[i].serious;
    return count;
}

/* Fills the change of a record that is kept, and takes the state on to it. */
static bool work_out(struct intake *intake, struct one *one, struct state *state,
                     struct yq_ledger_change *change, struct yq_err *err)
{
    struct yq_submission *submission = one->submission;
    struct yq_record *record = merge(submission, state, err);
    if (!record)
        return false;
    bool same = state->there && yq_record_equal(record, state->record);
    check(intake, submission, record);
    if (!same) /* what this sender says; what was there was noted when it came */
        yq_codes_note_record(intake->house, intake->source, submission->record);
    if (state->there && !same)
        name_changed(state->record, record, &one->changed);
    if (submission->findings.count)
        yq_form_findings_write(&submission->findings, &one->findings);
    bool ok = vault_write(&intake->vault, record, &one->content, change->digest, err) &&
              vault_keys(&intake->vault, record, &one->keys, err);
    if (ok && (one->changed.failed || one->findings.failed || submission->findings.failed))
        ok = yq_fail(err, YQ_FULL, "walk", "no memory for a record");
    if (!ok) {
        yq_record_free(record);
        return false;
    }
    if (same && state->digest_known) /* whatever made it */
        memcpy(change->digest, state->digest, sizeof change->digest);
    change->content = yq_buf_text(&one->content);
    change->changed = yq_buf_text(&one->changed);
    change->findings = one->findings.length ? yq_buf_text(&one->findings) : NULL;
    change->serious = count_serious(&submission->findings);
    change->attachment = attachment_of(record, one->attachment);
    change->keys = one->keys.keys;
    change->key_count = one->keys.count;
    state->version += !same;
    state->there = true;
    memcpy(state->digest, change->digest, sizeof state->digest);
    state->digest_known = true;
    yq_record_free(state->record);
    state->record = record;
    return true;
}

static void take_away(struct state *state)
{
    yq_record_free(state->gone);
    state->gone = state->record;
    state->record = NULL;
    state->there = false;
    state->version++;
}

static void clear(struct one *one)
{
    yq_buf_clear(&one->content);
    yq_buf_clear(&one->changed);
    yq_buf_clear(&one->findings);
    vault_keys_fini(&one->keys);
}

static bool prepare(struct intake *intake, struct one *one, struct yq_ledger_change *change,
                    struct yq_err *err)
{
    struct state *state;
    struct yq_submission *submission = one->submission;
    one->given = false;
    clear(one);
    if (!state_of(intake, one, &state, err))
        return false;
    submission->result.version = state->version;
    if (!is_expected(submission, state, &submission->result.err)) {
        one->over = true;
        return true;
    }
    *change = (struct yq_ledger_change){.kind = submission->record->kind,
                                        .id = yq_buf_text(&state->name),
                                        .source = intake->source,
                                        .person = intake->origin->user[0]
                                                      ? intake->origin->user
                                                      : yq_audit_person(intake->house->audit),
                                        .expect = state->version};
    if (submission->how == YQ_RECORD_REMOVE)
        take_away(state);
    else if (!work_out(intake, one, state, change, err))
        return false;
    one->given = true;
    return true;
}

/* Works out what is not over yet, and writes it. *again: another process was faster with some. */
static bool run_round(struct intake *intake, bool *again, struct yq_err *err)
{
    size_t count = 0, next = 0;
    forget_states(intake);
    for (size_t i = 0; i < intake->count; i++) {
        struct one *one = &intake->ones[i];
        if (!one->over && !prepare(intake, one, &intake->changes[count], err))
            return false;
        count += !one->over && one->given;
    }
    if (!yq_ledger_write(intake->house->catalog, intake->changes, count, intake->results, err))
        return false;
    *again = false;
    for (size_t i = 0; i < intake->count; i++) {
        struct one *one = &intake->ones[i];
        if (one->over)
            continue;
        one->submission->result = intake->results[next++];
        one->over = one->submission->result.err.code != YQ_CONFLICT;
        *again |= !one->over;
    }
    return true;
}

/* ---- the whole ---- */

static bool make_tables(struct intake *intake, struct yq_submission *submissions,
                        struct yq_err *err)
{
    size_t count = intake->count;
    intake->place_count = 2 * count + 1;
    intake->ones = calloc(count, sizeof *intake->ones);
    intake->states = calloc(count, sizeof *intake->states);
    intake->places = calloc(intake->place_count, sizeof *intake->places);
    intake->changes = calloc(count, sizeof *intake->changes);
    intake->results = calloc(count, sizeof *intake->results);
    if (!intake->ones || !intake->states || !intake->places || !intake->changes || !intake->results)
        return yq_fail(err, YQ_FULL, "walk", "no memory for %zu records", count);
    for (size_t i = 0; i < count; i++)
        intake->ones[i].submission = &submissions[i];
    return true;
}

static void fini(struct intake *intake)
{
    if (intake->places)
        forget_states(intake);
    for (size_t i = 0; intake->ones && i < intake->count; i++) {
        struct one *one = &intake->ones[i];
        yq_buf_fini(&one->content);
        yq_buf_fini(&one->changed);
        yq_buf_fini(&one->findings);
        vault_keys_fini(&one->keys);
    }
    free(intake->ones);
    free(intake->states);
    free(intake->places);
    free(intake->changes);
    free(intake->results);
}

static bool is_sound(const struct yq_record *record, struct yq_err *err)
{
    const char *id = record->kind < YQ_KIND_KEPT ? yq_record_id(record) : "";
    if (record->kind >= YQ_KIND_KEPT)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "%s: stands within other records only",
                       yq_kinds[record->kind].name);
    if (!id)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "%s: is missing",
                       yq_kinds[record->kind].members[0].name);
    return strlen(id) <= YQ_RECORD_ID_MOST ||
           yq_fail(err, YQ_BAD_INPUT, "walk", "%s: longer than %d bytes",
                   yq_kinds[record->kind].members[0].name, YQ_RECORD_ID_MOST);
}

static void look_at_all(struct intake *intake)
{
    for (size_t i = 0; i < intake->count; i++) {
        struct one *one = &intake->ones[i];
        struct yq_submission *submission = one->submission;
        memset(&submission->result, 0, sizeof submission->result);
        one->over = !is_sound(submission->record, &submission->result.err);
    }
}

static bool take_in(struct intake *intake, struct yq_err *err)
{
    bool again = true;
    look_at_all(intake);
    take_lanes(intake);
    bool ok = true;
    for (int round = 0; ok && again && round < ROUNDS; round++)
        ok = run_round(intake, &again, err);
    release_lanes(intake);
    for (size_t i = 0; ok && again && i < intake->count; i++) {
        if (!intake->ones[i].over)
            yq_fail(&intake->ones[i].submission->result.err, YQ_BUSY, "walk",
                    "another program keeps changing the record");
    }
    return ok;
}

static void tell(struct intake *intake, int64_t began_ms)
{
    unsigned long long n[YQ_LEDGER_REMOVED + 1] = {0}, refused = 0, serious = 0;
    struct yq_counts *counts = &intake->house->counts;
    for (size_t i = 0; i < intake->count; i++) {
        const struct yq_submission *submission = intake->ones[i].submission;
        bool ok = submission->result.err.code == YQ_OK;
        if (ok)
            n[submission->result.outcome]++;
        refused += !ok;
        serious += ok && count_serious(&submission->findings);
    }
    atomic_fetch_add(&counts->records_new, n[YQ_LEDGER_NEW]);
    atomic_fetch_add(&counts->records_changed, n[YQ_LEDGER_CHANGED]);
    atomic_fetch_add(&counts->records_same, n[YQ_LEDGER_SAME]);
    atomic_fetch_add(&counts->records_removed, n[YQ_LEDGER_REMOVED]);
    atomic_fetch_add(&counts->records_refused, refused);
    const struct yq_submission *first = intake->ones[0].submission;
    yq_log(YQ_LOG_INFO, "records-in",
           "source=%s kind=%s count=%zu new=%llu changed=%llu same=%llu removed=%llu refused=%llu "
           "with_findings=%llu row=%lld version=%lld ms=%lld",
           intake->source, yq_kinds[first->record->kind].name, intake->count, n[YQ_LEDGER_NEW],
           n[YQ_LEDGER_CHANGED], n[YQ_LEDGER_SAME], n[YQ_LEDGER_REMOVED], refused, serious,
           (long long)first->result.row, (long long)first->result.version,
           (long long)(yq_monotonic_ms() - began_ms));
}

/* Once for each record that is another now. */
static void tell_trail(struct intake *intake)
{
    const struct yq_origin *origin = intake->origin;
    bool nobody = !origin->user[0] && !origin->aet[0] && !origin->address[0]; /* this process */
    for (size_t i = 0; intake->house->audit && i < intake->count; i++) {
        size_t ignored;
        const struct one *one = &intake->ones[i];
        const struct yq_submission *submission = one->submission;
        enum yq_ledger_outcome outcome = submission->result.outcome;
        if (submission->result.err.code != YQ_OK || outcome == YQ_LEDGER_SAME)
            continue;
        const struct state *state = known_state(intake, one, &ignored);
        const struct yq_record *record = outcome == YQ_LEDGER_REMOVED
                                             ? (state ? state->gone : NULL)
                                             : (state ? state->record : NULL);
        yq_audit_record(intake->house->audit, nobody ? NULL : intake->origin,
                        outcome == YQ_LEDGER_NEW       ? 'C'
                        : outcome == YQ_LEDGER_CHANGED ? 'U'
                                                       : 'D',
                        record ? record : submission->record, submission->result.version,
                        intake->source, NULL);
    }
}

bool yq_record_in(struct yq_house *house, const struct yq_origin *origin, const char *source,
                  struct yq_submission *submissions, size_t count, struct yq_err *err)
{
    struct intake intake = {.house = house, .origin = origin, .source = source, .count = count};
    int64_t began_ms = yq_monotonic_ms();
    if (!count)
        return true;
    bool ok = yq_audit_ready(house->audit, err) && make_tables(&intake, submissions, err) &&
              vault_open(house, &intake.vault, err) && take_in(&intake, err);
    if (ok) {
        tell(&intake, began_ms);
        tell_trail(&intake);
    } else {
        yq_log_err(YQ_LOG_ERROR, "records-failed", err, "source=%s count=%zu", source, count);
    }
    fini(&intake);
    if (ok)
        yq_link_records(house, submissions, count);
    for (size_t i = 0; ok && i < count; i++) {
        if (submissions[i].record->kind != YQ_KIND_REPORT)
            continue;
        yq_bell_ring(&house->signing);
        break;
    }
    return ok;
}

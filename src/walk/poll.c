/* poll.c: one look at a database: position -> page -> records -> kept -> position.
 *
 * Each look begins a little before the position (`overlap`), because a transaction may commit rows
 * with an earlier time than what others committed meanwhile. Rows that were taken up lately and
 * have not changed since are known by a table of hashes and cost nothing; after a restart they are
 * kept once more, which makes no new version. A time of the change column that lies in the future
 * does not carry the position with it. */
#include "poll.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/log.h"

#define ROOM "walk"

enum { FUTURE_SECONDS = 86400, AGAIN_MOST = 200, NAMED_MOST = 8 };

bool yq_poll_new(const struct yq_conf *conf, const struct yq_source *source, struct yq_poll **out,
                 struct yq_err *err)
{
    struct yq_poll *poll = calloc(1, sizeof *poll);
    *out = NULL;
    if (!poll)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to read a database");
    poll->source = source;
    poll->epoch = -1;
    snprintf(poll->name, sizeof poll->name, "odbc:%s", source->name);
    if (!rows_new(conf, source, &poll->rows, err)) {
        free(poll);
        return false;
    }
    *out = poll;
    return true;
}

void yq_poll_free(struct yq_poll *poll)
{
    if (!poll)
        return;
    rows_free(poll->rows);
    free(poll);
}

void yq_poll_interrupt(struct yq_poll *poll) { rows_interrupt(poll->rows); }

unsigned long long yq_poll_progress(const struct yq_poll *poll)
{
    return atomic_load(&poll->rows->progress);
}

/* ---- one look ---- */

struct look {
    struct yq_house *house;
    struct yq_poll *poll;
    const struct yq_abroad *abroad;
    struct yq_poll_counts *counts;
    struct yq_feed feed;                                       /* as it is at rest */
    char change[YQ_FEED_CHANGE_SIZE], keys[YQ_FEED_KEYS_SIZE]; /* read up to here */
    bool at_least;
    bool gone;    /* the house */
    bool rewound; /* meanwhile */
};

static void go(const struct look *look)
{
    if (look->abroad && look->abroad->go)
        look->abroad->go(look->abroad->context);
}

static bool back(struct look *look, bool ok)
{
    look->gone = look->abroad && look->abroad->back && !look->abroad->back(look->abroad->context);
    return ok && !look->gone;
}

static void tell_missing(struct yq_poll *poll)
{
    struct words missing = {0};
    char text[320] = "";
    size_t used = 0;
    poll_learn(poll, &missing);
    for (size_t i = 0; i < missing.count && i < NAMED_MOST && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.60s", i ? "," : "",
                                 missing.list[i]);
    if (missing.count && !poll->told)
        yq_log(YQ_LOG_WARN, "odbc-columns",
               "source=%s missing=\"%s\" count=%zu advice=\"the mapping names columns that are not "
               "there: yingqiao odbc test %s\"",
               poll->source->name, text, missing.count, poll->source->name);
    poll->told = true;
    words_fini(&missing);
}

/* Opens where it is not, and reads; a reader that failed is closed, so that the next look begins
 * anew. */
static bool read_page(struct look *look, const char *one, struct page *page, struct yq_err *err)
{
    struct rows *rows = look->poll->rows;
    struct place place = {.change = look->change,
                          .keys = look->keys,
                          .at_least = look->at_least,
                          .rows = (size_t)look->poll->source->rows};
    bool fresh = !rows->database;
    go(look);
    bool ok = rows_open(rows, err) &&
              (one ? rows_one(rows, one, page, err) : rows_page(rows, &place, page, err));
    if (!ok)
        rows_close(rows);
    if (!back(look, ok))
        return false;
    if (fresh)
        tell_missing(look->poll);
    return true;
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_row(const struct table *table, size_t row, uint64_t hash)
{
    for (size_t i = 0; i < table->column_count; i++) {
        size_t length;
        const char *value = table_value(table, row, i, &length);
        hash = hash_bytes(hash, value ? "v" : "n", 1);
        hash = hash_bytes(hash, &length, sizeof length);
        if (value)
            hash = hash_bytes(hash, value, length);
    }
    return hash;
}

struct one { /* a row of the page on its way */
    char keys[YQ_FEED_KEYS_SIZE], change[YQ_FEED_CHANGE_SIZE];
    struct made made;
    size_t first;          /* of its submissions */
    uint64_t hash;         /* of its content */
    struct yq_err trouble; /* it goes aside */
};

static struct seen *seen_of(struct yq_poll *poll, const char *keys, uint64_t *hash)
{
    *hash = yq_hash_text(keys);
    return &poll->seen[*hash % SEEN_ROOM];
}

static bool was_seen(struct yq_poll *poll, const struct one *one)
{
    uint64_t keys;
    const struct seen *seen = seen_of(poll, one->keys, &keys);
    return seen->keys == keys && seen->content == one->hash;
}

static void note_seen(struct yq_poll *poll, const struct one *one)
{
    uint64_t keys;
    struct seen *seen = seen_of(poll, one->keys, &keys);
    *seen = (struct seen){.keys = keys, .content = one->hash};
}

struct portion { /* the rows of a page that are new or changed */
    struct one *ones;
    size_t count;
    struct yq_submission *submissions;
    size_t submission_count;
};

static void portion_fini(struct portion *portion)
{
    for (size_t i = 0; i < portion->count; i++)
        made_fini(&portion->ones[i].made);
    for (size_t i = 0; i < portion->submission_count; i++)
        yq_findings_fini(&portion->submissions[i].findings);
    free(portion->ones);
    free(portion->submissions);
}

/* What this row lacks is the row's own fault: it goes aside, the others go on. */
static bool is_rows_fault(enum yq_code code)
{
    return code == YQ_BAD_INPUT || code == YQ_FULL || code == YQ_ABSENT || code == YQ_CONFLICT ||
           code == YQ_REFUSED;
}

static bool take_row(struct look *look, const struct page *page, size_t row, bool again,
                     struct portion *portion, struct yq_err *err)
{
    struct one *one = &portion->ones[portion->count];
    struct yq_poll *poll = look->poll;
    memset(one, 0, sizeof *one);
    bool fits = rows_place(poll->rows, page, row, one->change, one->keys);
    one->hash = hash_row(&page->rows, row, 0xcbf29ce484222325u);
    for (size_t i = page->first ? page->first[row] : 0; page->first && i < page->first[row + 1];
         i++)
        one->hash = hash_row(&page->details, i, one->hash);
    if (!again && was_seen(poll, one))
        return true;
    portion->count++;
    if (!fits)
        return yq_fail(&one->trouble, YQ_BAD_INPUT, ROOM,
                       "change or key columns: NULL, or too long") ||
               true;
    if (poll_make(poll, look->house, true, page, row, &one->made, &one->trouble))
        return true;
    if (is_rows_fault(one->trouble.code))
        return true;
    *err = one->trouble;
    return false;
}

static bool take_rows(struct look *look, const struct page *page, bool again,
                      struct portion *portion, struct yq_err *err)
{
    portion->ones = calloc(page->rows.rows + 1, sizeof *portion->ones);
    portion->submissions = calloc(page->rows.rows * MADE_MOST + 1, sizeof *portion->submissions);
    if (!portion->ones || !portion->submissions)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for the rows of a page");
    for (size_t row = 0; row < page->rows.rows; row++)
        if (!take_row(look, page, row, again, portion, err))
            return false;
    for (size_t i = 0; i < portion->count; i++) {
        struct one *one = &portion->ones[i];
        one->first = portion->submission_count;
        for (size_t k = 0; k < one->made.count; k++)
            portion->submissions[portion->submission_count++] =
                (struct yq_submission){.record = one->made.records[k],
                                       .how = YQ_RECORD_OVERLAY,
                                       .expect = YQ_EXPECT_ANYTHING};
    }
    return true;
}

/* What became of the records of a row. False: none of them, nor the others', may be passed over. */
static bool settle_row(const struct portion *portion, struct one *one,
                       struct yq_poll_counts *counts, struct yq_err *err)
{
    for (size_t k = 0; k < one->made.count; k++) {
        const struct yq_ledger_result *result = &portion->submissions[one->first + k].result;
        counts->kept += result->err.code == YQ_OK && result->outcome != YQ_LEDGER_SAME;
        if (result->err.code == YQ_OK || one->trouble.code != YQ_OK)
            continue;
        one->trouble = result->err;
        if (!is_rows_fault(result->err.code)) {
            *err = result->err;
            return false;
        }
    }
    return true;
}

/* The position after a page: not into the future, and not back over what was read before. */
static void place_after(struct look *look, struct yq_feed_step *step, char *change)
{
    const struct rows *rows = look->poll->rows;
    enum yq_column_type type = rows->all.columns[rows->change].type;
    int64_t ahead = place_ahead(look->change, yq_now_ms());
    step->keys = look->keys;
    (void)!yq_copy(change, YQ_FEED_CHANGE_SIZE, look->change);
    if (ahead > FUTURE_SECONDS) {
        if (!place_before(type, look->change, ahead - FUTURE_SECONDS, change))
            return;
        step->keys = "";
        if (!look->poll->far)
            yq_log(YQ_LOG_WARN, "odbc-future",
                   "source=%s days=%" PRId64 " advice=\"rows have times of changes that lie in the "
                   "future: they are taken, and looked at again each time\"",
                   look->poll->source->name, ahead / 86400);
        look->poll->far = true;
    }
    if (!*look->feed.change || place_reached(type, change, look->feed.change))
        step->change = change;
    else
        step->keys = NULL;
}

static bool step_on(struct look *look, struct portion *portion, bool move,
                    const struct yq_poll_counts *counts, struct yq_err *err)
{
    struct yq_feed_step step = {.source = look->poll->source->name,
                                .epoch = look->feed.epoch,
                                .rows = counts->rows,
                                .kept = counts->kept};
    struct yq_feed_aside *asides = calloc(portion->count + 1, sizeof *asides);
    const char **settled = calloc(portion->count + 1, sizeof *settled);
    char change[YQ_FEED_CHANGE_SIZE];
    bool current = false, ok = asides && settled;
    for (size_t i = 0; ok && i < portion->count; i++) {
        const struct one *one = &portion->ones[i];
        if (one->trouble.code == YQ_OK) {
            settled[step.settled_count++] = one->keys;
            continue;
        }
        struct yq_feed_aside *aside = &asides[step.aside_count++];
        (void)!yq_copy(aside->keys, sizeof aside->keys, one->keys);
        (void)!yq_copy(aside->change, sizeof aside->change, one->change);
        (void)!yq_copy(aside->reason, sizeof aside->reason, one->trouble.text);
    }
    step.asides = asides;
    step.settled = settled;
    if (!look->feed.aside)
        step.settled_count = 0;
    if (move)
        place_after(look, &step, change);
    bool still = !step.change || (strcmp(step.change, look->feed.change) == 0 &&
                                  strcmp(step.keys, look->feed.keys) == 0);
    if (ok && still && !portion->count)
        current = true; /* nothing happened: an idle database costs no write */
    else if (ok)
        ok = yq_feed_step(look->house->catalog, &step, &current, err);
    else
        ok = yq_fail(err, YQ_FULL, ROOM, "no memory for the rows of a page");
    if (ok && current && step.change) {
        (void)!yq_copy(look->feed.change, sizeof look->feed.change, step.change);
        (void)!yq_copy(look->feed.keys, sizeof look->feed.keys, step.keys);
    }
    look->rewound = ok && !current;
    free(asides);
    free(settled);
    return ok;
}

static bool keep_portion(struct look *look, const struct page *page, bool move,
                         struct portion *portion, struct yq_err *err)
{
    struct yq_poll_counts counts = {0};
    const struct yq_origin origin = {.door = "odbc"};
    if (!take_rows(look, page, !move, portion, err))
        return false;
    if (portion->submission_count &&
        !yq_record_in(look->house, &origin, look->poll->name, portion->submissions,
                      portion->submission_count, err))
        return false;
    counts.rows = portion->count;
    for (size_t i = 0; i < portion->count; i++) {
        if (!settle_row(portion, &portion->ones[i], &counts, err))
            return false;
        counts.aside += portion->ones[i].trouble.code != YQ_OK;
    }
    if (!step_on(look, portion, move, &counts, err))
        return false;
    for (size_t i = 0; i < portion->count && !look->rewound; i++)
        note_seen(look->poll, &portion->ones[i]);
    look->counts->rows += counts.rows;
    look->counts->kept += counts.kept;
    look->counts->aside += counts.aside;
    look->feed.aside += counts.aside;
    return true;
}

/* Rows of a page: records, kept, then the position. `move`: it goes on to look->change. */
static bool keep_page(struct look *look, const struct page *page, bool move, struct yq_err *err)
{
    struct portion portion = {0};
    bool ok = keep_portion(look, page, move, &portion, err);
    portion_fini(&portion);
    return ok;
}

/* Where the look begins: a little before what is at rest. */
static void begin(struct look *look)
{
    struct yq_poll *poll = look->poll;
    const struct rows *rows = poll->rows;
    if (look->feed.epoch != poll->epoch) { /* rewound, or the first look */
        memset(poll->seen, 0, sizeof poll->seen);
        poll->epoch = look->feed.epoch;
    }
    if (place_before(rows->all.columns[rows->change].type, look->feed.change, poll->source->overlap,
                     look->change)) {
        look->keys[0] = '\0';
        look->at_least = true;
        return;
    }
    (void)!yq_copy(look->change, sizeof look->change, look->feed.change);
    (void)!yq_copy(look->keys, sizeof look->keys, look->feed.keys);
    look->at_least = !*look->keys;
}

/* Rows aside that somebody wants tried again, each by its keys. */
static bool try_again(struct look *look, struct yq_err *err)
{
    struct yq_feed_aside *asides = NULL;
    size_t count = 0;
    bool ok = yq_feed_asides(look->house->catalog, look->poll->source->name, true, AGAIN_MOST,
                             &asides, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        struct page page;
        ok = read_page(look, asides[i].keys, &page, err);
        if (!ok)
            break;
        if (page.rows.rows) {
            ok = keep_page(look, &page, false, err);
        } else { /* deleted: nothing is left to try */
            const char *settled = asides[i].keys;
            const struct yq_feed_step step = {.source = look->poll->source->name,
                                              .epoch = look->feed.epoch,
                                              .settled = &settled,
                                              .settled_count = 1};
            bool current;
            ok = yq_feed_step(look->house->catalog, &step, &current, err);
        }
        page_fini(&page);
    }
    free(asides);
    return ok;
}

static bool open_first(struct look *look, struct yq_err *err)
{
    struct rows *rows = look->poll->rows;
    bool fresh = !rows->database;
    if (!fresh)
        return true;
    go(look);
    bool ok = rows_open(rows, err);
    if (!back(look, ok))
        return false;
    tell_missing(look->poll);
    return true;
}

static bool read_on(struct look *look, const struct yq_stop *stop, struct yq_err *err)
{
    for (bool more = true; more;) {
        struct page page;
        if (!read_page(look, NULL, &page, err))
            return false;
        bool ok = true;
        if (page.rows.rows) {
            (void)rows_place(look->poll->rows, &page, page.rows.rows - 1, look->change, look->keys);
            look->at_least = false;
            ok = keep_page(look, &page, true, err);
        }
        more = ok && page.more && page.rows.rows && !look->rewound &&
               !(stop && stop->wanted(stop->context));
        page_fini(&page);
        if (!ok)
            return false;
    }
    return true;
}

enum yq_polled yq_poll_look(struct yq_house *house, struct yq_poll *poll,
                            const struct yq_abroad *abroad, const struct yq_stop *stop,
                            struct yq_poll_counts *counts, struct yq_err *err)
{
    struct look look = {.house = house, .poll = poll, .abroad = abroad, .counts = counts};
    memset(counts, 0, sizeof *counts);
    memset(err, 0, sizeof *err);
    if (!yq_feed_get(house->catalog, poll->source->name, &look.feed, err) && err->code != YQ_ABSENT)
        return YQ_POLL_FAILED;
    memset(err, 0, sizeof *err);
    bool ok = open_first(&look, err);
    if (ok) {
        begin(&look);
        ok = (!look.feed.aside || try_again(&look, err)) && read_on(&look, stop, err);
    }
    return look.gone ? YQ_POLL_GONE : ok ? YQ_POLLED : YQ_POLL_FAILED;
}

/* ---- for people ---- */

void yq_poll_survey_fini(struct yq_poll_survey *survey)
{
    free(survey->columns);
    free(survey->detail_columns);
    free(survey->missing);
    memset(survey, 0, sizeof *survey);
}

static void find_near(const struct table *table, struct yq_poll_missing *missing, size_t *least)
{
    for (size_t i = 0; i < table->column_count; i++) {
        size_t away = yq_word_distance(missing->name, table->columns[i].name);
        if (away >= *least)
            continue;
        *least = away;
        (void)!yq_copy(missing->near, sizeof missing->near, table->columns[i].name);
    }
}

static bool copy_columns(const struct table *table, struct yq_database_column **out, size_t *count)
{
    *count = table->column_count;
    *out = malloc((table->column_count + 1) * sizeof **out);
    if (*out && table->column_count)
        memcpy(*out, table->columns, table->column_count * sizeof **out);
    return *out;
}

static bool survey_names(struct yq_poll *poll, struct yq_poll_survey *out, struct yq_err *err)
{
    struct words missing = {0};
    poll_learn(poll, &missing);
    memcpy(out->kinds, poll->kinds, sizeof out->kinds);
    out->missing = calloc(missing.count + 1, sizeof *out->missing);
    bool ok = out->missing && copy_columns(&poll->rows->all, &out->columns, &out->column_count) &&
              copy_columns(&poll->rows->details, &out->detail_columns, &out->detail_count);
    for (size_t i = 0; ok && i < missing.count; i++) {
        struct yq_poll_missing *one = &out->missing[out->missing_count++];
        (void)!yq_copy(one->name, sizeof one->name, missing.list[i]);
        size_t least = strlen(one->name) / 3 + 2;
        find_near(&poll->rows->all, one, &least);
        find_near(&poll->rows->details, one, &least);
    }
    words_fini(&missing);
    return ok || yq_fail(err, YQ_FULL, ROOM, "no memory");
}

bool yq_poll_inspect(struct yq_poll *poll, struct yq_poll_survey *out, struct yq_err *err)
{
    struct rows *rows = poll->rows;
    memset(out, 0, sizeof *out);
    memset(err, 0, sizeof *err);
    if (!rows_open_loosely(rows, err))
        return false;
    out->trouble = *err;
    out->facts = *yq_database_facts(rows->database);
    if (survey_names(poll, out, err) &&
        (out->trouble.code != YQ_OK || rows_without_place(rows, &out->unplaced, err)))
        return true;
    yq_poll_survey_fini(out);
    return false;
}

static void show_row(struct yq_house *house, struct yq_poll *poll, const struct page *page,
                     size_t row, void (*show)(void *context, const struct yq_poll_sample *sample),
                     void *context)
{
    char change[YQ_FEED_CHANGE_SIZE] = "", keys[YQ_FEED_KEYS_SIZE] = "";
    struct made made;
    struct yq_findings findings[MADE_MOST] = {{0}};
    struct yq_err trouble = {0};
    (void)rows_place(poll->rows, page, row, change, keys);
    bool ok = poll_make(poll, house, false, page, row, &made, &trouble);
    for (size_t i = 0; i < made.count; i++)
        yq_check_record(made.records[i], NULL, NULL, &findings[i]);
    const struct yq_poll_sample sample = {.change = change,
                                          .keys = keys,
                                          .records = made.records,
                                          .findings = findings,
                                          .count = made.count,
                                          .trouble = ok ? NULL : &trouble};
    show(context, &sample);
    for (size_t i = 0; i < made.count; i++)
        yq_findings_fini(&findings[i]);
    made_fini(&made);
}

bool yq_poll_preview(struct yq_house *house, struct yq_poll *poll, size_t rows,
                     void (*show)(void *context, const struct yq_poll_sample *sample),
                     void *context, struct yq_err *err)
{
    const struct place place = {.change = "", .keys = "", .newest = true, .rows = rows};
    struct page page;
    if (!rows_open(poll->rows, err))
        return false;
    poll_learn(poll, NULL);
    if (!rows_page(poll->rows, &place, &page, err))
        return false;
    for (size_t row = 0; row < page.rows.rows; row++)
        show_row(house, poll, &page, row, show, context);
    page_fini(&page);
    return true;
}

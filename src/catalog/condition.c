/* condition.c: matching keys become conditions (PS3.4 C.2.2.2). What the sender wrote is only ever
 * bound, never part of the statement's text.
 *
 * Literal values, UIDs, date ranges and the beginnings of patterns are written so that an index
 * serves them. Where an indexed column has several values in it (the partial indices of schema.c),
 * there is a second lookup for those. Names are looked up by their keys (names.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/text.h"

#define KEYS_MOST 256                     /* of one query */
#define KEY_MOST 1024                     /* bytes of a key that is compared by pattern */
#define ALTERNATIVES_MOST 20000           /* UIDs of one list */
#define VALUES_MOST 30000                 /* SQLite's default limit is 32766 */
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf" /* U+10FFFF */

void sql_fini(struct sql *sql)
{
    yq_buf_fini(&sql->text);
    yq_buf_fini(&sql->values);
}

void sql_value(struct sql *sql, const char *text, size_t length)
{
    yq_buf_put(&sql->values, text, length);
    yq_buf_put(&sql->values, "", 1);
    sql->value_count++;
}

static void value(struct sql *sql, const char *text) { sql_value(sql, text, strlen(text)); }

static void put_column(struct sql *sql, enum yq_attr attr, const char *suffix)
{
    if (attr == YQ_AvailableTransferSyntaxUID)
        yq_buf_puts(&sql->text, "instance.transfer_syntax");
    else
        yq_buf_putf(&sql->text, "%s.%s%s", table_name(yq_attrs[attr].level), yq_attrs[attr].name,
                    suffix);
}

static void put_match(struct sql *sql, enum match_kind kind, enum yq_attr attr, const char *suffix,
                      const char *key)
{
    yq_buf_putf(&sql->text, "yq_match(%d, ", (int)kind);
    put_column(sql, attr, suffix);
    yq_buf_puts(&sql->text, ", ?)");
    value(sql, key);
}

static bool vr_is(enum yq_attr attr, const char *list)
{
    return strstr(list, yq_attrs[attr].vr) != NULL;
}

static bool has_wildcard(const char *key) { return strpbrk(key, "*?") != NULL; }

/* "" or stars only: whatever the VR, the sender wants all. */
static bool is_universal(const char *key) { return key[strspn(key, "* ")] == '\0'; }

/* The partial index that holds the rows in which this column has several values, or NULL. */
static const char *list_index(enum yq_attr attr)
{
    switch ((int)attr) {
    case YQ_PatientID: return "study_patient_ids";
    case YQ_AccessionNumber: return "study_accessions";
    default: return NULL;
    }
}

/* A condition of two branches: "(a OR (b))" or, where each branch has an index, a union of two
 * lookups: SQLite would rather read the whole table than OR two indices. */
static void put_first(struct sql *sql, bool indexed)
{
    yq_buf_puts(&sql->text, indexed ? "study.id IN (SELECT study.id FROM study WHERE " : "(");
}

static void put_second(struct sql *sql, const char *index)
{
    if (index)
        yq_buf_putf(&sql->text, " UNION SELECT study.id FROM study INDEXED BY %s WHERE ", index);
    else
        yq_buf_puts(&sql->text, " OR (");
}

static void put_end(struct sql *sql, bool indexed)
{
    yq_buf_puts(&sql->text, indexed ? ")" : "))");
}

/* The second branch of values: one of several. */
static void put_several(struct sql *sql, enum match_kind kind, enum yq_attr attr, const char *key)
{
    put_second(sql, list_index(attr));
    yq_buf_puts(&sql->text, "instr(");
    put_column(sql, attr, "");
    yq_buf_puts(&sql->text, ", '\\') > 0 AND ");
    put_match(sql, kind, attr, "", key);
    put_end(sql, list_index(attr));
}

/* column IN (each part of the key between backslashes); true when there was any. */
static bool put_list(struct sql *sql, enum yq_attr attr, const char *key, struct yq_err *err)
{
    size_t count = 0;
    put_column(sql, attr, "");
    yq_buf_puts(&sql->text, " IN (");
    while (true) {
        size_t length = strcspn(key, "\\"), whole = length;
        const char *one = key;
        while (length && one[length - 1] == ' ')
            length--;
        while (length && *one == ' ')
            one++, length--;
        if (length && ++count > ALTERNATIVES_MOST)
            return yq_fail(err, YQ_BAD_INPUT, "catalog", "more than %d values in one key",
                           ALTERNATIVES_MOST);
        if (length) {
            yq_buf_puts(&sql->text, count > 1 ? ",?" : "?");
            sql_value(sql, one, length);
        }
        if (!key[whole])
            break;
        key += whole + 1;
    }
    yq_buf_puts(&sql->text, ")");
    return true;
}

/* The beginning of a pattern up to its first wildcard: a range that an index can serve. */
static void put_prefix(struct sql *sql, enum yq_attr attr, const char *suffix, const char *key,
                       size_t length)
{
    put_column(sql, attr, suffix);
    yq_buf_puts(&sql->text, " >= ? AND ");
    put_column(sql, attr, suffix);
    yq_buf_puts(&sql->text, " < ? AND ");
    sql_value(sql, key, length);
    yq_buf_put(&sql->values, key, length); /* value + the last character there is */
    value(sql, LAST_CHARACTER);
}

static bool put_text(struct sql *sql, enum yq_attr attr, const char *key, struct yq_err *err)
{
    size_t prefix = strcspn(key, "*?\\");
    if (!has_wildcard(key)) {
        put_first(sql, list_index(attr));
        if (!put_list(sql, attr, key, err))
            return false;
        put_several(sql, MATCH_TEXT, attr, key);
    } else if (prefix && *key != ' ' && !strchr(key, '\\') && list_index(attr)) {
        put_first(sql, true);
        put_prefix(sql, attr, "", key, prefix);
        put_match(sql, MATCH_TEXT, attr, "", key);
        put_several(sql, MATCH_TEXT, attr, key);
    } else {
        put_match(sql, MATCH_TEXT, attr, "", key);
    }
    return true;
}

static void put_exact(struct sql *sql, enum yq_attr attr, const char *key)
{
    bool single = vr_is(attr, "UI") && yq_attrs[attr].source == YQ_FROM_HEADER;
    if (!single)
        put_first(sql, list_index(attr));
    put_column(sql, attr, "");
    yq_buf_puts(&sql->text, " = ?");
    value(sql, key);
    if (!single) /* a UID never is one of several, and its index serves equality alone */
        put_several(sql, MATCH_EQUAL, attr, key);
}

/* A key that leaves few rows, found by an index of its own. */
static bool is_narrow(const struct yq_query *query)
{
    static const enum yq_attr keys[] = {YQ_StudyInstanceUID, YQ_SeriesInstanceUID,
                                        YQ_SOPInstanceUID,   YQ_AccessionNumber,
                                        YQ_PatientID,        YQ_StudyDate};
    for (size_t i = 0; i < query->match_count; i++) {
        const struct yq_match *match = &query->matches[i];
        for (size_t j = 0; j < sizeof keys / sizeof *keys; j++) {
            if (match->attr == keys[j] && *match->value &&
                (match->exact || !strpbrk(match->value, "*?-")))
                return true;
        }
    }
    return false;
}

struct name_search { /* a condition about a name that is being written: its alternatives */
    struct sql *sql;
    enum yq_attr attr;
    enum name_key kind; /* of rows of name_key; NAME_NONE: the row's own value is compared */
    size_t count;
};

/* One alternative: the keys of a kind that match. */
static void put_key(struct name_search *search, enum name_key kind, enum match_kind how,
                    const char *key)
{
    struct sql *sql = search->sql;
    size_t prefix = strcspn(key, "*?");
    yq_buf_puts(&sql->text, search->count++ ? " UNION ALL " : "study.id IN (");
    yq_buf_putf(&sql->text, "SELECT study_id FROM name_key WHERE kind = %d", (int)kind);
    if (!key[prefix]) {
        yq_buf_puts(&sql->text, " AND key = ?");
        value(sql, key);
        return;
    }
    if (prefix) { /* up to the first wildcard: a range that the table's order serves */
        yq_buf_puts(&sql->text, " AND key >= ? AND key < ?");
        sql_value(sql, key, prefix);
        yq_buf_put(&sql->values, key, prefix); /* value + the last character there is */
        value(sql, LAST_CHARACTER);
    }
    if (strcmp(key + prefix, "*") == 0 && prefix)
        return;
    yq_buf_putf(&sql->text, " AND yq_match(%d, key, ?)", (int)how);
    value(sql, key);
}

static void put_alternative(struct name_search *search, bool sound, const char *key)
{
    if (search->kind != NAME_NONE) {
        put_key(search, sound ? NAME_PATIENT_SOUND : search->kind, sound ? MATCH_SOUND : MATCH_NAME,
                key);
        return;
    }
    yq_buf_puts(&search->sql->text, search->count++ ? " OR " : "(");
    if (sound)
        put_match(search->sql, MATCH_NAME_SOUND, search->attr, "", key);
    else
        put_match(search->sql, MATCH_NAME, search->attr, "_fold", key);
}

/* One name of a list: by its sound, as it is folded, and without a given name where that may be
 * missing. */
static bool put_name(struct name_search *search, bool pinyin, const char *name)
{
    struct yq_buf fold yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf sound yq_cleanup(yq_buf_fini) = {0};
    yq_text_fold(name, &fold);
    if (pinyin && yq_text_pinyin_pattern(name, &sound))
        put_alternative(search, true, yq_buf_text(&sound));
    while (fold.length && !fold.failed) {
        put_alternative(search, false, yq_buf_text(&fold));
        if (fold.length < 3 || memcmp(fold.bytes + fold.length - 2, " *", 2) != 0)
            break;
        fold.length -= 2; /* "Zhang^*" is also a Zhang without a given name */
        fold.bytes[fold.length] = '\0';
    }
    return !fold.failed && !sound.failed;
}

/* The names of a list are alternatives. */
static bool put_names(struct sql *sql, const struct yq_query *query, enum yq_attr attr,
                      const char *key, struct yq_err *err)
{
    struct name_search search = {
        .sql = sql, .attr = attr, .kind = is_narrow(query) ? NAME_NONE : name_key_of(attr)};
    for (const char *p = key;; p++) {
        size_t length = strcspn(p, "\\");
        char *one = strndup(p, length);
        bool ok = one && put_name(&search, query->pinyin && attr == YQ_PatientName, one);
        free(one);
        if (!ok)
            return yq_fail(err, YQ_FULL, "catalog", "no memory for a query");
        p += length;
        if (!*p)
            break;
    }
    yq_buf_puts(&sql->text, search.count ? ")" : "1"); /* only ^ and =: as good as empty */
    return true;
}

static void put_date(struct sql *sql, enum yq_attr attr, const struct span *span)
{
    put_column(sql, attr, "");
    if (!span->range && strcmp(span->from, span->to) == 0) {
        yq_buf_puts(&sql->text, " = ?");
        value(sql, span->from);
        return;
    }
    yq_buf_puts(&sql->text, " >= ? AND ");
    put_column(sql, attr, "");
    yq_buf_puts(&sql->text, " <= ? AND ");
    put_column(sql, attr, ""); /* "***" is not a date, and in no range */
    yq_buf_puts(&sql->text, " GLOB '[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'");
    value(sql, *span->from ? span->from : "00000000");
    value(sql, *span->to ? span->to : "99999999");
}

static void put_time(struct sql *sql, enum yq_attr attr, const struct span *span)
{
    yq_buf_puts(&sql->text, "yq_time(");
    put_column(sql, attr, "");
    yq_buf_puts(&sql->text, ", ?, ?)");
    value(sql, span->from);
    value(sql, span->to);
}

/* Date and time as one range: from the first moment of the first day on, not every day anew. */
static void put_moment(struct sql *sql, enum yq_attr date, const struct span *dates,
                       enum yq_attr time, const struct span *times)
{
    char from[24] = "", to[24] = "";
    put_date(sql, date, dates);
    yq_buf_puts(&sql->text, " AND yq_moment(");
    put_column(sql, date, "");
    yq_buf_puts(&sql->text, ", ");
    put_column(sql, time, "");
    yq_buf_puts(&sql->text, ", ?, ?)");
    if (*dates->from)
        snprintf(from, sizeof from, "%.8s%.13s", dates->from,
                 *times->from ? times->from : "000000.000000");
    if (*dates->to)
        snprintf(to, sizeof to, "%.8s%.13s", dates->to, *times->to ? times->to : "999999.999999");
    value(sql, from);
    value(sql, to);
}

static enum yq_attr time_of(enum yq_attr date)
{
    switch ((int)date) {
    case YQ_StudyDate: return YQ_StudyTime;
    case YQ_SeriesDate: return YQ_SeriesTime;
    case YQ_AcquisitionDate: return YQ_AcquisitionTime;
    case YQ_ContentDate: return YQ_ContentTime;
    case YQ_PatientBirthDate: return YQ_PatientBirthTime;
    case YQ_PerformedProcedureStepStartDate: return YQ_PerformedProcedureStepStartTime;
    default: return YQ_ATTR_COUNT;
    }
}

static bool span_of(const struct yq_query *query, enum yq_attr attr, struct span *span)
{
    for (size_t i = 0; i < query->match_count; i++) {
        const struct yq_match *match = &query->matches[i];
        if (match->attr == attr && !match->exact)
            return span_parse(match->value, vr_is(attr, "TM"), span);
    }
    return false;
}

/* Both of a pair are ranges, and the query wants them as one. */
static bool combined(const struct yq_query *query, enum yq_attr date, struct span *dates,
                     struct span *times)
{
    enum yq_attr time = time_of(date);
    return query->combined_datetime && time != YQ_ATTR_COUNT && span_of(query, date, dates) &&
           dates->range && span_of(query, time, times) && times->range;
}

static bool time_is_combined(const struct yq_query *query, enum yq_attr time)
{
    struct span dates, times;
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        if (time_of((enum yq_attr)i) == time)
            return combined(query, (enum yq_attr)i, &dates, &times);
    }
    return false;
}

static void put_when(struct sql *sql, const struct yq_query *query, const struct yq_match *match,
                     const struct span *span)
{
    struct span dates, times;
    bool date = vr_is(match->attr, "DA");
    if (date && combined(query, match->attr, &dates, &times))
        put_moment(sql, match->attr, &dates, time_of(match->attr), &times);
    else if (date)
        put_date(sql, match->attr, span);
    else if (time_is_combined(query, match->attr))
        yq_buf_puts(&sql->text, "1");
    else
        put_time(sql, match->attr, span);
}

static bool put_condition(struct sql *sql, const struct yq_query *query,
                          const struct yq_match *match, struct yq_err *err)
{
    enum yq_attr attr = match->attr;
    const char *key = match->value;
    struct span span;
    bool is_list = attr == YQ_ModalitiesInStudy || attr == YQ_SOPClassesInStudy;
    yq_buf_puts(&sql->text, " AND ");
    if (match->exact) {
        put_exact(sql, attr, key);
        return true;
    }
    bool uids = vr_is(attr, "UI") && !is_list && !has_wildcard(key);
    if (uids)
        return put_list(sql, attr, key, err);
    if (strlen(key) > KEY_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "catalog", "a key is longer than %d bytes", KEY_MOST);
    if (vr_is(attr, "DA TM") && span_parse(key, vr_is(attr, "TM"), &span))
        put_when(sql, query, match, &span);
    else if (is_list)
        put_match(sql, MATCH_TEXT, attr, "", key);
    else if (vr_is(attr, "PN"))
        return put_names(sql, query, attr, key, err);
    else if (vr_is(attr, "IS DS US"))
        put_match(sql, MATCH_NUMBER, attr, "", key);
    else if (vr_is(attr, "LT ST UT UC"))
        put_match(sql, MATCH_WHOLE, attr, "", key);
    else
        return put_text(sql, attr, key, err);
    return true;
}

/* Keys that select: not universal, not a count. */
static bool selects(const struct yq_match *match)
{
    if (yq_attrs[match->attr].source == YQ_COMPUTED && vr_is(match->attr, "IS"))
        return false;
    if (match->exact)
        return true;
    if (vr_is(match->attr, "DA TM") && strcmp(match->value, "-") == 0)
        return false;
    return !is_universal(match->value);
}

static bool put_level(struct sql *sql, const struct yq_query *query, enum yq_qr_level level,
                      struct yq_err *err)
{
    for (size_t i = 0; i < query->match_count; i++) {
        const struct yq_match *match = &query->matches[i];
        if (yq_attrs[match->attr].level == level && selects(match) &&
            !put_condition(sql, query, match, err))
            return false;
    }
    return true;
}

static bool has_keys(const struct yq_query *query, enum yq_qr_level level)
{
    for (size_t i = 0; i < query->match_count; i++) {
        if (yq_attrs[query->matches[i].attr].level == level && selects(&query->matches[i]))
            return true;
    }
    return false;
}

/* A UID of a lower level: then the index leads from below to the few above. */
static bool names_one_below(const struct yq_query *query)
{
    for (size_t i = 0; i < query->match_count; i++) {
        const struct yq_match *match = &query->matches[i];
        if ((match->attr == YQ_SeriesInstanceUID && query->level < YQ_SERIES) ||
            match->attr == YQ_SOPInstanceUID) {
            if (selects(match) && !has_wildcard(match->value))
                return true;
        }
    }
    return false;
}

/* " AND some entity below matches all keys of its levels". */
static bool put_below(struct sql *sql, const struct yq_query *query, struct yq_err *err)
{
    bool series = query->level < YQ_SERIES && has_keys(query, YQ_SERIES);
    bool instance = query->level < YQ_IMAGE && has_keys(query, YQ_IMAGE);
    bool from_below = names_one_below(query);
    if (!series && !instance)
        return true;
    if (query->level == YQ_SERIES) {
        yq_buf_puts(&sql->text,
                    from_below
                        ? " AND series.id IN (SELECT instance.series_id FROM instance WHERE 1"
                        : " AND EXISTS (SELECT 1 FROM instance WHERE instance.series_id = "
                          "series.id");
    } else {
        yq_buf_puts(&sql->text, from_below ? " AND study.id IN (SELECT series.study_id"
                                           : " AND EXISTS (SELECT 1");
        yq_buf_puts(&sql->text, " FROM series");
        if (instance)
            yq_buf_puts(&sql->text, " JOIN instance ON instance.series_id = series.id");
        yq_buf_puts(&sql->text, from_below ? " WHERE series.n_instances > 0"
                                           : " WHERE series.study_id = study.id AND "
                                             "series.n_instances > 0");
    }
    if (instance)
        yq_buf_puts(&sql->text, " AND instance.copy = 0");
    bool ok = (query->level >= YQ_SERIES || put_level(sql, query, YQ_SERIES, err)) &&
              put_level(sql, query, YQ_IMAGE, err);
    yq_buf_puts(&sql->text, ")");
    return ok;
}

static void put_sight(struct sql *sql, enum yq_attr attr, const char *patterns)
{
    if (!*patterns)
        return;
    yq_buf_putf(&sql->text, " AND yq_match(%d, seen.%s, ?)", (int)MATCH_TEXT, yq_attrs[attr].name);
    value(sql, patterns);
}

void sight_write(struct sql *sql, const struct yq_sight *sight, const char *study)
{
    if (!sight)
        return;
    yq_buf_putf(&sql->text,
                " AND EXISTS (SELECT 1 FROM series AS seen WHERE seen.study_id = %s.id AND "
                "seen.n_instances > 0",
                study);
    put_sight(sql, YQ_Modality, sight->modalities);
    put_sight(sql, YQ_InstitutionName, sight->institutions);
    yq_buf_puts(&sql->text, ")");
}

bool conditions_write(struct sql *sql, const struct yq_query *query, struct yq_err *err)
{
    if (query->match_count > KEYS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "catalog", "more than %d keys in one query", KEYS_MOST);
    for (int level = YQ_PATIENT; level <= YQ_IMAGE; level++) {
        bool at_hand = level <= (int)query->level || level == YQ_STUDY; /* patients are studies */
        if (at_hand && !put_level(sql, query, (enum yq_qr_level)level, err))
            return false;
    }
    if (!put_below(sql, query, err))
        return false;
    sight_write(sql, query->sight, "study");
    if (sql->value_count > VALUES_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "catalog", "more than %d values in one query",
                       VALUES_MOST);
    return true;
}

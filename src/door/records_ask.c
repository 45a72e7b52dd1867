/* records_ask.c: what a client wants of records: which, in which version, under which condition.
 * Everything comes from outside. Runs on worker threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "records.h"
#include "yq/attachment.h"

enum yq_kind records_kind(const struct request *request)
{
    return yq_kind_by_name(yq_places_get(&request->places, "records"));
}

struct yq_record *records_named(const struct request *request, struct reply *reply)
{
    struct yq_err err = {0};
    enum yq_kind kind = records_kind(request);
    struct yq_record *named = yq_record_new(kind);
    if (!named) {
        yq_reply_problem(reply, 503, "no memory for a record");
        return NULL;
    }
    if (yq_record_set(named, 0, yq_places_get(&request->places, "id"), &err) &&
        (yq_record_id(named) ||
         yq_fail(&err, YQ_BAD_INPUT, "door", "%s is empty", yq_kinds[kind].members[0].name)))
        return named;
    records_refuse(reply, 400, kind, &err);
    yq_record_free(named);
    return NULL;
}

/* ---- parameters ---- */

bool records_params(const struct request *request, const char *const *allowed, struct reply *reply)
{
    for (size_t i = 0; i < request->params.count; i++) {
        const char *name = request->params.list[i].name;
        size_t at = 0;
        while (allowed[at] && strcmp(allowed[at], name) != 0)
            at++;
        if (allowed[at])
            continue;
        yq_reply_problem(reply, 400, "there is no parameter %.40s here", name);
        return false;
    }
    return true;
}

bool records_flag(const struct request *request, const char *name, bool *out, struct reply *reply)
{
    const char *text = yq_params_get(&request->params, name);
    if (!text)
        return true;
    *out = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (*out || strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        return true;
    yq_reply_problem(reply, 400, "%s is true or false", name);
    return false;
}

bool records_personal(struct yq_house *house, const struct request *request, bool *personal,
                      struct reply *reply)
{
    *personal = false;
    if (!records_flag(request, "personal", personal, reply))
        return false;
    if (!*personal || request->rights & YQ_RIGHT_PERSONAL)
        return true;
    yq_reply_problem(reply, 403,
                     "this token may see personal members masked only: its entry in "
                     "tokens.json has no right \"personal\"");
    yq_audit_forbidden(house->audit, &request->from, "HTTP: personal members of records");
    return false;
}

static int number_at(const char *text, size_t at, size_t digits)
{
    int value = 0;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (text[at + i] - '0');
    return value;
}

/* The model knows how to read times, whatever member they are for. */
bool records_time(const char *text, int64_t *ms)
{
    struct yq_err ignored = {0};
    struct yq_record *record yq_cleanup(yq_record_cleanup) = yq_record_new(YQ_KIND_EXAM);
    const struct yq_kind_info *info = &yq_kinds[YQ_KIND_EXAM];
    size_t place = 0;
    while (place < info->count && info->members[place].type != YQ_VALUE_DATETIME)
        place++;
    if (!record || place == info->count || !yq_record_set(record, (int)place, text, &ignored) ||
        !record->values[place] || strlen(record->values[place]) != strlen("2026-03-01 08:15:00"))
        return false;
    const char *value = record->values[place];
    struct tm tm = {.tm_year = number_at(value, 0, 4) - 1900,
                    .tm_mon = number_at(value, 5, 2) - 1,
                    .tm_mday = number_at(value, 8, 2),
                    .tm_hour = number_at(value, 11, 2),
                    .tm_min = number_at(value, 14, 2),
                    .tm_sec = number_at(value, 17, 2),
                    .tm_isdst = -1};
    *ms = (int64_t)mktime(&tm) * 1000;
    return true;
}

/* ---- conditions: RFC 9110 13.1.1, 13.1.2 ---- */

/* Strong comparison with the tag of a version: a weak one (W/"3") was that of a masked view. */
static bool names_version(const char *list, int64_t version)
{
    char tag[32];
    snprintf(tag, sizeof tag, "\"%lld\"", (long long)version);
    for (const char *at = strstr(list, tag); at; at = strstr(at + 1, tag))
        if (at == list || (at[-1] != '/' && strspn(at - 1, ", \t")))
            return true;
    return false;
}

static bool read_current(struct yq_house *house, enum yq_kind kind, const char *id,
                         int64_t *version, struct reply *reply)
{
    struct yq_ledger_entry entry = {0};
    struct yq_err err = {0};
    *version = 0;
    struct yq_record *record = NULL;
    if (yq_record_out(house, kind, id, 0, &record, &entry, &err)) {
        *version = entry.removed ? 0 : entry.version;
        yq_record_out_fini(record, &entry);
        return true;
    }
    if (err.code == YQ_ABSENT)
        return true;
    yq_reply_error(reply, &err);
    return false;
}

bool records_expect(struct yq_house *house, const struct request *request, enum yq_kind kind,
                    const char *id, int64_t *expect, bool *given, struct reply *reply)
{
    int64_t version;
    *expect = YQ_EXPECT_ANYTHING;
    *given = *request->if_match || *request->if_none_match;
    if (!*given)
        return true;
    if (!read_current(house, kind, id, &version, reply))
        return false;
    bool fits = !*request->if_match || (version && (strcmp(request->if_match, "*") == 0 ||
                                                    names_version(request->if_match, version)));
    bool differs = !*request->if_none_match ||
                   (strcmp(request->if_none_match, "*") == 0
                        ? !version
                        : !version || !names_version(request->if_none_match, version));
    if (fits && differs) {
        *expect = version ? version : YQ_EXPECT_ABSENT;
        return true;
    }
    const char *weak = strstr(request->if_match, "W/") ? "; W/ is the tag of a masked view" : "";
    if (version)
        yq_reply_problem(reply, 412, "the record is there in version %lld%s", (long long)version,
                         weak);
    else
        yq_reply_problem(reply, 412, "there is no such record");
    return false;
}

void records_source(const struct request *request, char source[YQ_SOURCE_SIZE])
{
    const char *user = request->from.user;
    snprintf(source, YQ_SOURCE_SIZE, "rest:%s", *user ? user : "local");
}

/* ---- records ---- */

/* A PDF within the JSON of a report. */
static bool take_extra(void *context, struct yq_record *record, const char *name, const char *value,
                       size_t length, bool *taken, struct yq_err *err)
{
    struct yq_house *house = context;
    struct yq_attachment attachment;
    int place = yq_member_find(record->kind, "pdf");
    if (strcmp(name, "pdfBase64") != 0 || place < 0)
        return true;
    *taken = true;
    if (yq_attachment_keep_base64(house, value, length, &attachment, err))
        return yq_record_set(record, place, attachment.name, err);
    return yq_while(err, "pdfBase64");
}

bool records_read(struct yq_house *house, enum yq_kind kind, const char *text, size_t length,
                  struct yq_record **out, struct yq_err *err)
{
    struct yq_form_extra extra = {take_extra, house};
    return yq_form_record_read(kind, text, length, &extra, out, err);
}

bool records_patch(struct yq_house *house, struct yq_record *record, const char *text,
                   size_t length, struct yq_err *err)
{
    struct yq_form_extra extra = {take_extra, house};
    return yq_form_record_patch(record, text, length, &extra, err);
}

static bool looks_masked(const struct yq_record *record)
{
    const struct yq_kind_info *info = &yq_kinds[record->kind];
    for (size_t i = 0; i < info->count; i++)
        if (info->members[i].personal && record->values[i] && strchr(record->values[i], '*'))
            return true;
    return false;
}

bool records_unmasked(struct yq_house *house, const struct yq_record *record, struct yq_err *err)
{
    struct yq_record *there = NULL;
    struct yq_ledger_entry entry = {0};
    const struct yq_kind_info *info = &yq_kinds[record->kind];
    bool fine = true;
    if (!looks_masked(record) || !yq_record_id(record))
        return true;
    if (!yq_record_out(house, record->kind, yq_record_id(record), 0, &there, &entry, err)) {
        bool absent = err->code == YQ_ABSENT;
        if (absent)
            *err = (struct yq_err){0};
        return absent;
    }
    for (size_t i = 0; i < info->count && fine && there; i++) {
        struct yq_buf masked yq_cleanup(yq_buf_fini) = {0};
        const char *value = record->values[i], *real = there->values[i];
        if (!info->members[i].personal || !value || !real || strcmp(value, real) == 0)
            continue;
        yq_record_mask(&info->members[i], real, &masked);
        if (strcmp(yq_buf_text(&masked), value) == 0)
            fine = yq_fail(err, YQ_BAD_INPUT, "door",
                           "%s is the masked value that was read here, not the value itself",
                           info->members[i].name);
    }
    yq_record_out_fini(there, &entry);
    return fine;
}

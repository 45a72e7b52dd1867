/* record.c: a record as JSON, and back.
 *
 * Reading goes no deeper than the model does, so no text makes it recurse further; a record holds
 * no more than its members allow (record.h). Pure; one thread at a time per record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_scan.h"
#include "yq/form.h"
#include "yq/text.h"

#define EXTRA_MOST ((size_t)256 << 20)

/* ---- out ---- */

struct writing {
    struct yq_buf *out;
    unsigned look, depth;
};

static void new_line(struct writing *writing)
{
    if (!(writing->look & YQ_LOOK_INDENT))
        return;
    yq_buf_put(writing->out, "\n", 1);
    for (unsigned i = 0; i < writing->depth; i++)
        yq_buf_put(writing->out, "\t", 1);
}

static void put_value(struct writing *writing, const struct yq_member *member, const char *value,
                      size_t length)
{
    if (member->personal && writing->look & YQ_LOOK_MASKED) {
        struct yq_buf clear yq_cleanup(yq_buf_fini) = {0}, masked yq_cleanup(yq_buf_fini) = {0};
        yq_buf_put(&clear, value, length);
        yq_record_mask(member, yq_buf_text(&clear), &masked);
        json_put_text(writing->out, yq_buf_text(&masked), masked.length);
        writing->out->failed |= clear.failed || masked.failed;
        return;
    }
    if (member->type == YQ_VALUE_FLAG)
        yq_buf_puts(writing->out, *value == '1' ? "true" : "false");
    else if ((member->type == YQ_VALUE_INTEGER || member->type == YQ_VALUE_NUMBER) &&
             json_is_number(value))
        yq_buf_put(writing->out, value, length);
    else
        json_put_text(writing->out, value, length);
}

static void put_values(struct writing *writing, const struct yq_member *member, const char *value)
{
    if (!member->many) {
        put_value(writing, member, value, strlen(value));
        return;
    }
    yq_buf_put(writing->out, "[", 1);
    for (const char *end; value; value = *end ? end + 1 : NULL) {
        end = value + strcspn(value, "\n");
        put_value(writing, member, value, (size_t)(end - value));
        if (*end)
            yq_buf_puts(writing->out, writing->look & YQ_LOOK_INDENT ? ", " : ",");
    }
    yq_buf_put(writing->out, "]", 1);
}

static void put_record(struct writing *writing, const struct yq_record *record);

static void put_list(struct writing *writing, const struct yq_record_list *list)
{
    yq_buf_put(writing->out, "[", 1);
    writing->depth++;
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            yq_buf_put(writing->out, ",", 1);
        new_line(writing);
        put_record(writing, list->items[i]);
    }
    writing->depth--;
    new_line(writing);
    yq_buf_put(writing->out, "]", 1);
}

static void put_record(struct writing *writing, const struct yq_record *record)
{
    const struct yq_kind_info *kind = &yq_kinds[record->kind];
    bool any = false;
    yq_buf_put(writing->out, "{", 1);
    writing->depth++;
    for (size_t i = 0; i < kind->count; i++) {
        const struct yq_member *member = &kind->members[i];
        bool list = member->type == YQ_VALUE_LIST;
        if (list ? !record->lists[i].count : !record->values[i])
            continue;
        if (any)
            yq_buf_put(writing->out, ",", 1);
        any = true;
        new_line(writing);
        yq_buf_putf(writing->out, "\"%s\":%s", member->name,
                    writing->look & YQ_LOOK_INDENT ? " " : "");
        if (list)
            put_list(writing, &record->lists[i]);
        else
            put_values(writing, member, record->values[i]);
    }
    writing->depth--;
    if (any)
        new_line(writing);
    yq_buf_put(writing->out, "}", 1);
}

void yq_form_record_write(const struct yq_record *record, unsigned look, struct yq_buf *out)
{
    struct writing writing = {.out = out, .look = look};
    put_record(&writing, record);
}

/* ---- in ---- */

struct reading {
    struct json_scan scan;
    bool *came; /* which members the outermost record has in the text; NULL: nobody asks */
    const struct yq_form_extra *extra;
    struct yq_buf name, value;
};

static bool read_record(struct reading *reading, struct yq_record *record, struct yq_err *err);

/* What a member may be in JSON, in words. */
static const char *wanted_type(const struct yq_member *member)
{
    switch (member->type) {
    case YQ_VALUE_LIST: return "an array of objects";
    case YQ_VALUE_FLAG: return "true or false";
    case YQ_VALUE_INTEGER:
    case YQ_VALUE_NUMBER: return "a number";
    default: return member->many ? "a string, or an array of them" : "a string";
    }
}

static bool wrong_type(const struct yq_member *member, struct yq_err *err)
{
    return yq_fail(err, YQ_BAD_INPUT, "form", "%s: has to be %s", member->name,
                   wanted_type(member));
}

/* One value into reading->value; *there false: null. */
static bool read_value(struct reading *reading, const struct yq_member *member, bool *there,
                       struct yq_err *err)
{
    struct json_scan *scan = &reading->scan;
    bool number = member->type == YQ_VALUE_INTEGER || member->type == YQ_VALUE_NUMBER;
    bool flag = member->type == YQ_VALUE_FLAG;
    char c = json_peek(scan);
    *there = c != 'n';
    switch (c) {
    case '"': return json_text(scan, YQ_RECORD_VALUE_MOST, &reading->value, err);
    case 'n': return json_word(scan, "null", err);
    case 't':
    case 'f':
        yq_buf_clear(&reading->value);
        yq_buf_puts(&reading->value, c == 't' ? "1" : "0");
        return json_word(scan, c == 't' ? "true" : "false", err) &&
               (flag || wrong_type(member, err));
    case '{':
    case '[':
    case 0: return c ? wrong_type(member, err) : json_wrong(scan, "a value is wanted here", err);
    default:
        return json_number(scan, &reading->value, err) &&
               (number || flag || member->type == YQ_VALUE_CODE || wrong_type(member, err));
    }
}

static bool read_many(struct reading *reading, struct yq_record *record, int place,
                      struct yq_err *err)
{
    const struct yq_member *member = &yq_kinds[record->kind].members[place];
    struct json_scan *scan = &reading->scan;
    bool there;
    scan->at++;
    if (json_take(scan, ']'))
        return true;
    for (size_t i = 0;; i++) {
        char where[96];
        snprintf(where, sizeof where, "value %zu", i + 1);
        if (!read_value(reading, member, &there, err))
            return yq_while(err, where);
        if (there && reading->value.length &&
            !yq_record_append(record, member->name, yq_buf_text(&reading->value), err))
            return yq_while(err, where);
        if (json_take(scan, ']'))
            return true;
        if (!json_need(scan, ',', err))
            return false;
    }
}

static bool read_item(struct reading *reading, struct yq_record *record, int place, size_t which,
                      struct yq_err *err)
{
    const struct yq_member *member = &yq_kinds[record->kind].members[place];
    char where[96];
    snprintf(where, sizeof where, "%s[%zu]", member->name, which);
    if (json_peek(&reading->scan) != '{') {
        wrong_type(member, err);
        return false;
    }
    struct yq_record *item = yq_record_new(member->of);
    if (!item)
        return yq_fail(err, YQ_FULL, "form", "no memory for a record");
    if (!read_record(reading, item, err)) {
        yq_record_free(item);
        return yq_while(err, where);
    }
    return yq_record_add(record, place, item, err);
}

static bool read_list(struct reading *reading, struct yq_record *record, int place,
                      struct yq_err *err)
{
    const struct yq_member *member = &yq_kinds[record->kind].members[place];
    struct json_scan *scan = &reading->scan;
    if (json_peek(scan) == 'n')
        return json_word(scan, "null", err);
    if (!json_take(scan, '['))
        return json_peek(scan) ? wrong_type(member, err)
                               : json_wrong(scan, "a value is wanted here", err);
    if (json_take(scan, ']'))
        return true;
    for (size_t i = 0;; i++) {
        if (i == YQ_RECORD_ITEMS_MOST)
            return yq_fail(err, YQ_BAD_INPUT, "form", "%s: more than %d", member->name,
                           YQ_RECORD_ITEMS_MOST);
        if (!read_item(reading, record, place, i, err))
            return false;
        if (json_take(scan, ']'))
            return true;
        if (!json_need(scan, ',', err))
            return false;
    }
}

static bool read_member(struct reading *reading, struct yq_record *record, int place,
                        struct yq_err *err)
{
    const struct yq_member *member = &yq_kinds[record->kind].members[place];
    bool there;
    if (member->type == YQ_VALUE_LIST)
        return read_list(reading, record, place, err);
    if (member->many && json_peek(&reading->scan) == '[')
        return read_many(reading, record, place, err);
    return read_value(reading, member, &there, err) &&
           (!there || yq_record_set(record, place, yq_buf_text(&reading->value), err));
}

/* Of a name that came, what may be shown: it is the sender's word, and may be anything. */
static bool unknown(const struct yq_record *record, const char *name, struct yq_err *err)
{
    char shown[65];
    size_t length = 0;
    while (length < sizeof shown - 1 && name[length] > ' ' && name[length] < 0x7F &&
           name[length] != '"')
        length++;
    memcpy(shown, name, length);
    shown[length] = '\0';
    return yq_fail(err, YQ_BAD_INPUT, "form", "%s: %s has no such member",
                   length ? shown : "(no name)", yq_kinds[record->kind].name);
}

static bool read_extra(struct reading *reading, struct yq_record *record, struct yq_err *err)
{
    bool taken = false;
    if (!reading->extra)
        return unknown(record, yq_buf_text(&reading->name), err);
    char c = json_peek(&reading->scan);
    if (c != '"')
        return unknown(record, yq_buf_text(&reading->name), err);
    return json_text(&reading->scan, EXTRA_MOST, &reading->value, err) &&
           reading->extra->take(reading->extra->context, record, yq_buf_text(&reading->name),
                                yq_buf_text(&reading->value), reading->value.length, &taken, err) &&
           (taken || unknown(record, yq_buf_text(&reading->name), err));
}

static bool read_pair(struct reading *reading, struct yq_record *record, bool *seen,
                      struct yq_err *err)
{
    if (!json_text(&reading->scan, 256, &reading->name, err) ||
        !json_need(&reading->scan, ':', err))
        return false;
    int place = yq_member_find(record->kind, yq_buf_text(&reading->name));
    if (place < 0)
        return read_extra(reading, record, err);
    if (seen[place])
        return yq_fail(err, YQ_BAD_INPUT, "form", "%s: comes twice",
                       yq_kinds[record->kind].members[place].name);
    seen[place] = true;
    return read_member(reading, record, place, err);
}

static bool read_pairs(struct reading *reading, struct yq_record *record, bool *seen,
                       struct yq_err *err)
{
    struct json_scan *scan = &reading->scan;
    if (!json_need(scan, '{', err))
        return false;
    if (json_take(scan, '}'))
        return true;
    for (;;) {
        if (!read_pair(reading, record, seen, err))
            return false;
        if (json_take(scan, '}'))
            return true;
        if (!json_need(scan, ',', err))
            return false;
    }
}

static bool read_record(struct reading *reading, struct yq_record *record, struct yq_err *err)
{
    bool *lent = reading->came;
    bool *seen = lent ? lent : calloc(yq_kinds[record->kind].count, sizeof *seen);
    reading->came = NULL;
    bool ok = seen ? read_pairs(reading, record, seen, err)
                   : yq_fail(err, YQ_FULL, "form", "no memory for a record");
    if (!lent)
        free(seen);
    return ok;
}

/* `came`: as many as the kind has members; NULL: nobody asks. */
static bool read_text(enum yq_kind kind, const char *text, size_t length,
                      const struct yq_form_extra *extra, bool *came, struct yq_record **out,
                      struct yq_err *err)
{
    struct reading reading = {.scan = {text, length, 0}, .came = came, .extra = extra};
    *out = NULL;
    if (!yq_text_is_utf8(text, length))
        return yq_fail(err, YQ_BAD_INPUT, "form", "JSON is UTF-8 (RFC 8259), and this is not");
    struct yq_record *record = yq_record_new(kind);
    if (!record)
        return yq_fail(err, YQ_FULL, "form", "no memory for a record");
    bool ok = read_record(&reading, record, err);
    if (ok && json_peek(&reading.scan))
        ok = json_wrong(&reading.scan, "something stands behind the object", err);
    if (ok && reading.scan.at < length)
        ok = json_wrong(&reading.scan, "something stands behind the object", err);
    yq_buf_fini(&reading.name);
    yq_buf_fini(&reading.value);
    if (!ok) {
        yq_record_free(record);
        return false;
    }
    *out = record;
    return true;
}

bool yq_form_record_read(enum yq_kind kind, const char *text, size_t length,
                         const struct yq_form_extra *extra, struct yq_record **out,
                         struct yq_err *err)
{
    return read_text(kind, text, length, extra, NULL, out, err);
}

bool yq_form_record_patch(struct yq_record *record, const char *text, size_t length,
                          const struct yq_form_extra *extra, struct yq_err *err)
{
    struct yq_record *patch yq_cleanup(yq_record_cleanup) = NULL;
    size_t count = yq_kinds[record->kind].count;
    bool *came = calloc(count, sizeof *came);
    if (!came)
        return yq_fail(err, YQ_FULL, "form", "no memory for a record");
    bool ok = read_text(record->kind, text, length, extra, came, &patch, err) &&
              yq_record_overlay(record, patch, err);
    for (size_t i = 0; i < count && ok; i++)
        if (came[i] && !patch->values[i] && !patch->lists[i].count)
            ok = yq_record_set(record, (int)i, NULL, err);
    free(came);
    return ok;
}

/* json_records.c: records of a JSON file: an array of objects, one object, or several one behind
 * the other (NDJSON), at the root or at a path in it. Each is checked and taken apart when it is
 * its turn; what stands around it is only passed over. Depth and the number of values are bounded.
 * Pure. */
#include <stdlib.h>
#include <string.h>

#include "foreign_inside.h"
#include "json_scan.h"

#define ROOM "form"

struct json_records {
    struct json_scan scan;
    bool array;   /* the records are elements of an array: a comma or ] follows each */
    bool started; /* one of them was read */
    bool over;
    bool lines; /* each line is a record: one that is no JSON is wrong alone */
    struct yq_buf value, name;
    size_t counted; /* lines up to here */
    unsigned line;
};

/* ---- taking apart ---- */

struct build {
    struct json_records *own;
    struct outline *outline; /* NULL: only passed over */
    struct yq_err *err;
};

static bool take_value(struct build *build, uint32_t node, unsigned depth);

static bool add(struct build *build, uint32_t parent, const char *name, size_t length,
                uint32_t *last, uint32_t *out)
{
    *out = 0;
    if (!build->outline || outline_add(build->outline, parent, name, length, last, out))
        return true;
    return build->outline->count >= FOREIGN_NODES_MOST
               ? json_wrong(&build->own->scan, "a record has too many values", build->err)
               : foreign_no_memory(build->err);
}

static bool take_members(struct build *build, uint32_t node, unsigned depth)
{
    struct json_scan *scan = &build->own->scan;
    uint32_t last = 0, child;
    if (json_take(scan, '}'))
        return true;
    do {
        json_peek(scan);
        if (!json_text(scan, FOREIGN_VALUE_MOST, &build->own->name, build->err) ||
            !json_need(scan, ':', build->err) ||
            !add(build, node, yq_buf_text(&build->own->name), build->own->name.length, &last,
                 &child) ||
            !take_value(build, child, depth + 1))
            return false;
    } while (json_take(scan, ','));
    return json_need(scan, '}', build->err);
}

static bool take_elements(struct build *build, uint32_t node, unsigned depth)
{
    struct json_scan *scan = &build->own->scan;
    uint32_t last = 0, child;
    if (build->outline)
        build->outline->nodes[node].array = true;
    if (json_take(scan, ']'))
        return true;
    do {
        if (!add(build, node, "", 0, &last, &child) || !take_value(build, child, depth + 1))
            return false;
    } while (json_take(scan, ','));
    return json_need(scan, ']', build->err);
}

static bool take_value(struct build *build, uint32_t node, unsigned depth)
{
    struct json_scan *scan = &build->own->scan;
    struct yq_buf *value = &build->own->value;
    char c = json_peek(scan);
    if (depth > FOREIGN_DEPTH_MOST)
        return json_wrong(scan, "nested too deep", build->err);
    if (c == '{' || c == '[') {
        scan->at++;
        return c == '{' ? take_members(build, node, depth) : take_elements(build, node, depth);
    }
    yq_buf_clear(value);
    if (c == 'n')
        return json_word(scan, "null", build->err);
    if (c == 't' || c == 'f') {
        yq_buf_puts(value, c == 't' ? "true" : "false");
        if (!json_word(scan, yq_buf_text(value), build->err))
            return false;
    } else if (c == '"' ? !json_text(scan, FOREIGN_VALUE_MOST, value, build->err)
                        : !json_number(scan, value, build->err)) {
        return false;
    }
    if (build->outline)
        outline_text(build->outline, node, value->bytes, value->length);
    return true;
}

/* ---- finding them ---- */

/* Into the member of the object at the scanner that the path begins with; *rest behind it. */
static bool descend(struct yq_foreign *foreign, const char **path, struct yq_err *err)
{
    struct json_records *own = foreign->own;
    struct build skip = {.own = own, .err = err};
    size_t length = strcspn(*path, "/");
    const char *name = *path;
    if (!json_need(&own->scan, '{', err))
        return false;
    do {
        json_peek(&own->scan);
        if (!json_text(&own->scan, FOREIGN_VALUE_MOST, &own->name, err) ||
            !json_need(&own->scan, ':', err))
            return false;
        if (own->name.length == length && memcmp(own->name.bytes, name, length) == 0) {
            *path += length + (name[length] == '/');
            return true;
        }
        if (!take_value(&skip, 0, 1))
            return false;
    } while (json_take(&own->scan, ','));
    return yq_fail(err, YQ_BAD_INPUT, ROOM,
                   "the file has nothing at \"%s\" (\"records\" of the "
                   "source)",
                   foreign->records);
}

/* Does the first line begin with { and end with }, with something behind it? */
static bool has_lines(const struct yq_foreign *foreign, size_t at)
{
    const char *end = memchr(foreign->text + at, '\n', foreign->length - at);
    size_t stop = end ? (size_t)(end - foreign->text) : 0;
    while (stop > at && strchr(" \t\r\n", foreign->text[stop]))
        stop--;
    return stop > at && foreign->text[stop] == '}';
}

static bool json_open(struct yq_foreign *foreign, struct yq_err *err)
{
    struct json_records *own = calloc(1, sizeof *own);
    const char *path = foreign->records;
    foreign->own = own;
    if (!own)
        return foreign_no_memory(err);
    own->scan = (struct json_scan){.text = foreign->text, .length = foreign->length};
    own->line = 1;
    while (*path)
        if (!descend(foreign, &path, err))
            return false;
    char c = json_peek(&own->scan);
    own->array = json_take(&own->scan, '[');
    if (c != '[' && c != '{')
        return json_wrong(&own->scan, "an object or an array is wanted here", err);
    own->lines = c == '{' && !*foreign->records && has_lines(foreign, own->scan.at);
    return true;
}

static void json_close(struct yq_foreign *foreign)
{
    struct json_records *own = foreign->own;
    if (!own)
        return;
    yq_buf_fini(&own->value);
    yq_buf_fini(&own->name);
    free(own);
}

static void count_lines(struct yq_foreign *foreign, struct json_records *own)
{
    for (; own->counted < foreign->start; own->counted++)
        own->line += foreign->text[own->counted] == '\n';
    foreign->line = own->line;
}

/* Where the next record begins. False: there is none, or (err) it is no JSON. */
static bool find_next(struct yq_foreign *foreign, struct yq_err *err)
{
    struct json_records *own = foreign->own;
    if (own->array && own->started && !json_take(&own->scan, ',')) {
        own->over = true;
        return json_need(&own->scan, ']', err) && false;
    }
    if (own->array && !own->started && json_take(&own->scan, ']')) {
        own->over = true;
        return false;
    }
    if (!own->array && own->started && *foreign->records)
        return false; /* one object at a path */
    if (!own->array && json_peek(&own->scan) == '\0' && own->scan.at >= foreign->length)
        return false;
    if (json_peek(&own->scan) == '{' || own->lines)
        return true;
    return json_wrong(&own->scan, "a record is an object", err);
}

/* Passes over the line that is no record. */
static bool skip_line(struct yq_foreign *foreign, const char **fault)
{
    struct json_records *own = foreign->own;
    const char *from = foreign->text + foreign->start;
    const char *end = memchr(from, '\n', foreign->length - foreign->start);
    foreign->end = end ? (size_t)(end - foreign->text) : foreign->length;
    own->scan.at = foreign->end;
    *fault = "it is no valid JSON";
    return true;
}

static bool json_next(struct yq_foreign *foreign, const char **fault, struct yq_err *err)
{
    struct json_records *own = foreign->own;
    struct build build = {.own = own, .outline = &foreign->outline, .err = err};
    uint32_t root, none = 0;
    json_peek(&own->scan);
    foreign->start = foreign->end = own->scan.at;
    if (own->over)
        return false;
    if (!find_next(foreign, err)) {
        count_lines(foreign, own);
        return false;
    }
    foreign->start = own->scan.at;
    count_lines(foreign, own);
    own->started = true;
    outline_clear(&foreign->outline);
    if (!outline_add(&foreign->outline, UINT32_MAX, "", 0, &none, &root))
        return foreign_no_memory(err);
    bool object = json_peek(&own->scan) == '{';
    if (!(object && take_value(&build, root, 0)))
        return own->lines && (!object || err->code == YQ_BAD_INPUT) && skip_line(foreign, fault);
    if (own->lines && memchr(foreign->text + foreign->start, '\n', own->scan.at - foreign->start))
        return skip_line(foreign, fault); /* it went on into the next one */
    foreign->end = own->scan.at;
    return !foreign->outline.texts.failed || foreign_no_memory(err);
}

static void json_put_head(const struct yq_foreign *foreign, struct yq_buf *out)
{
    (void)foreign;
    yq_buf_puts(out, "[\n");
}

static void json_put_record(const struct yq_foreign *foreign, struct yq_buf *out)
{
    yq_buf_put(out, foreign->text + foreign->start, foreign->end - foreign->start);
}

/* From where it stopped being JSON: to be mended by hand. */
static void json_put_rest(const struct yq_foreign *foreign, struct yq_buf *out)
{
    yq_buf_puts(out, "\n");
    yq_buf_put(out, foreign->text + foreign->start, foreign->length - foreign->start);
}

static void json_put_tail(const struct yq_foreign *foreign, struct yq_buf *out)
{
    (void)foreign;
    yq_buf_puts(out, "\n]\n");
}

const struct foreign_reader foreign_json = {
    json_open, json_next, json_close, json_put_head, json_put_record, json_put_rest, json_put_tail};

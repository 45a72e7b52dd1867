/* hl7.c: a message as places in its text, and values by path. HL7 v2.5.1 chapter 2.5 to 2.8.
 *
 * Nothing is copied until a value is asked for, so a PDF of many megabytes in one field costs a
 * search for its end and no more. Recursion: none. Work for one value: the segments it is looked
 * for in, and the length of the one it is found in. */
#include "yq/hl7.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hl7_inside.h"

/* ---- segments ---- */

static size_t segment_end(const char *text, size_t length)
{
    const char *cr = memchr(text, '\r', length);
    size_t end = cr ? (size_t)(cr - text) : length;
    const char *lf = memchr(text, '\n', end);
    return lf ? (size_t)(lf - text) : end;
}

static bool is_name(const char *text, size_t length)
{
    if (length < 3)
        return false;
    for (int i = 0; i < 3; i++) {
        char c = text[i];
        if (!((c >= 'A' && c <= 'Z') || (i && c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return true;
}

static bool add_segment(struct yq_hl7 *out, size_t *room, const char *text, size_t length,
                        struct yq_err *err)
{
    if (out->count == YQ_HL7_SEGMENTS_MOST)
        return yq_fail(err, YQ_FULL, "form", "a message of more than %d segments",
                       YQ_HL7_SEGMENTS_MOST);
    if (out->count == *room) {
        size_t more = *room ? *room * 2 : 32;
        void *grown = realloc(out->segments, more * sizeof *out->segments);
        if (!grown)
            return yq_fail(err, YQ_FULL, "form", "no memory for a message's segments");
        out->segments = grown;
        *room = more;
    }
    struct yq_hl7_segment *segment = &out->segments[out->count++];
    *segment = (struct yq_hl7_segment){.text = text, .length = length};
    for (int i = 0; i < 3; i++) /* names are written in capitals, mostly */
        segment->name[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 32) : text[i];
    return true;
}

static bool is_delimiter(char c)
{
    return (c > ' ' && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') ||
           (c > 'z' && c < 0x7f);
}

/* MSH-1 and MSH-2. What MSH-2 leaves out is what everybody uses. */
static bool read_delimiters(const char *text, size_t length, struct yq_hl7 *out, struct yq_err *err)
{
    if (length < 8 || strncasecmp(text, "MSH", 3) != 0 || !is_delimiter(text[3]))
        return yq_fail(err, YQ_BAD_INPUT, "form",
                       "this is no HL7 message: it does not begin with MSH and a delimiter");
    out->field = text[3];
    const char *end = memchr(text + 4, out->field, length - 4);
    size_t count = end ? (size_t)(end - text - 4) : 0;
    if (!count || count > 5)
        return yq_fail(err, YQ_BAD_INPUT, "form", "MSH-2 does not name the delimiters");
    char *const places[] = {&out->component, &out->repetition, &out->escape, &out->sub};
    static const char usual[] = "^~\\&";
    for (size_t i = 0; i < 4; i++) {
        char c = i < count ? text[4 + i] : usual[i];
        if (!is_delimiter(c) || c == out->field)
            c = 0;
        for (size_t j = 0; j < i && c; j++)
            if (*places[j] == c)
                c = 0;
        *places[i] = c;
    }
    return out->component != 0 ||
           yq_fail(err, YQ_BAD_INPUT, "form", "MSH-2 does not name the delimiters");
}

/* A line that begins with no segment's name goes on with the one before it: senders put line breaks
 * into text. */
bool yq_hl7_parse(const char *text, size_t length, struct yq_hl7 *out, struct yq_err *err)
{
    size_t room = 0;
    *out = (struct yq_hl7){0};
    while (length && (*text == '\r' || *text == '\n' || *text == ' '))
        text++, length--;
    size_t head = segment_end(text, length);
    if (!read_delimiters(text, head, out, err))
        return false;
    for (size_t at = 0; at < length;) {
        const char *line = text + at;
        size_t end = segment_end(line, length - at);
        bool named =
            is_name(line, end) &&
            (end == 3 ? line[0] < 'a' && line[1] < 'a' && line[2] < 'a' : line[3] == out->field);
        if (named && !add_segment(out, &room, line, end, err)) {
            yq_hl7_fini(out);
            return false;
        }
        if (!named && out->count > 1 && end) {
            struct yq_hl7_segment *last = &out->segments[out->count - 1];
            last->length = (size_t)(line + end - last->text);
        }
        at += end + 1;
    }
    return true;
}

void yq_hl7_fini(struct yq_hl7 *message)
{
    free(message->segments);
    message->segments = NULL;
    message->count = 0;
}

/* ---- places within a segment ---- */

/* The n-th (from 1) of the parts between `delimiter`. */
static bool part_of(struct hl7_span whole, char delimiter, unsigned n, struct hl7_span *out)
{
    if (!delimiter) {
        *out = whole;
        return n == 1;
    }
    for (;;) {
        const char *end = memchr(whole.text, delimiter, whole.length);
        size_t length = end ? (size_t)(end - whole.text) : whole.length;
        if (--n == 0) {
            *out = (struct hl7_span){whole.text, length};
            return true;
        }
        if (!end)
            return false;
        whole.text = end + 1;
        whole.length -= length + 1;
    }
}

bool hl7_field(const struct yq_hl7 *message, const struct yq_hl7_segment *segment, unsigned n,
               struct hl7_span *out)
{
    bool head = strcmp(segment->name, "MSH") == 0; /* MSH-1 is the delimiter itself */
    if (n == 0)
        return false;
    if (head && n <= 2) {
        *out = (struct hl7_span){segment->text + 3, 1};
        if (n == 2)
            return part_of((struct hl7_span){segment->text, segment->length}, message->field, 2,
                           out);
        return true;
    }
    return part_of((struct hl7_span){segment->text, segment->length}, message->field,
                   head ? n : n + 1, out);
}

/* The part before the next delimiter, and what is left behind it. False: nothing is. */
static bool next_part(struct hl7_span *rest, char delimiter, struct hl7_span *out)
{
    if (!rest->text)
        return false;
    const char *end = delimiter ? memchr(rest->text, delimiter, rest->length) : NULL;
    *out = (struct hl7_span){rest->text, end ? (size_t)(end - rest->text) : rest->length};
    rest->length -= end ? out->length + 1 : rest->length;
    rest->text = end ? end + 1 : NULL;
    return true;
}

/* MSH-2 is full of what is no delimiter there. */
static bool is_whole(const struct yq_hl7_segment *segment, unsigned field)
{
    return strcmp(segment->name, "MSH") == 0 && field <= 2;
}

static struct hl7_span trimmed(struct hl7_span span)
{
    while (span.length && (span.text[0] == ' ' || span.text[0] == '\t'))
        span.text++, span.length--;
    while (span.length && strchr(" \t\r\n", span.text[span.length - 1]))
        span.length--;
    return span;
}

static bool is_null(struct hl7_span span)
{
    return span.length == 2 && span.text[0] == '"' && span.text[1] == '"';
}

static bool same_word(const struct yq_hl7 *message, struct hl7_span span, const char *word)
{
    span = trimmed(span);
    if (message->escape && memchr(span.text, message->escape, span.length)) {
        struct yq_buf text yq_cleanup(yq_buf_fini) = {.most = 1024};
        yq_hl7_unescape(message, span.text, span.length, &text);
        return !text.failed && strcasecmp(yq_buf_text(&text), word) == 0;
    }
    return span.length == strlen(word) && strncasecmp(span.text, word, span.length) == 0;
}

/* Has one of the components from `first` on, or a subcomponent of any, this text? */
static bool repetition_like(const struct yq_hl7 *message, struct hl7_span repetition,
                            unsigned first, const char *word)
{
    struct hl7_span component, sub;
    for (unsigned c = 1; next_part(&repetition, message->component, &component); c++) {
        if (c >= first && same_word(message, component, word))
            return true;
        for (unsigned s = 1; message->sub && next_part(&component, message->sub, &sub); s++)
            if ((s > 1 || c >= first) && same_word(message, sub, word))
                return true;
    }
    return false;
}

bool yq_hl7_is_like(const struct yq_hl7 *message, size_t segment, unsigned field, const char *code)
{
    struct hl7_span whole;
    return segment < message->count &&
           hl7_field(message, &message->segments[segment], field, &whole) && whole.length < 4096 &&
           repetition_like(message, whole, 1, code);
}

bool yq_hl7_raw(const struct yq_hl7 *message, size_t segment, unsigned field, unsigned component,
                const char **text, size_t *length)
{
    struct hl7_span span;
    if (segment >= message->count ||
        !hl7_field(message, &message->segments[segment], field, &span) ||
        (component && !part_of(span, message->component, component, &span)))
        return false;
    *text = span.text;
    *length = span.length;
    return true;
}

/* ---- values ---- */

static bool has_high(struct hl7_span span)
{
    for (size_t i = 0; i < span.length; i++)
        if ((unsigned char)span.text[i] >= 0x80)
            return true;
    return false;
}

struct making { /* one value on its way out */
    const struct yq_hl7 *message;
    struct yq_buf *out;
    bool null;
};

static bool component_of(const struct making *making, struct hl7_span repetition, unsigned n,
                         struct hl7_span *out)
{
    if (!part_of(repetition, making->message->component, n, out))
        return false;
    *out = trimmed(*out);
    return out->length > 0;
}

static void take_back(struct yq_buf *out, size_t length)
{
    if (out->length <= length)
        return;
    out->length = length;
    out->bytes[length] = '\0';
}

static bool put(struct making *making, struct hl7_span span)
{
    size_t before = making->out->length;
    span = trimmed(span);
    if (is_null(span)) {
        making->null = true;
        return false;
    }
    yq_hl7_unescape(making->message, span.text, span.length, making->out);
    return making->out->length > before;
}

/* Family and given name as people write them: ideographs without a blank between them. */
static bool put_name(struct making *making, struct hl7_span repetition, unsigned first)
{
    struct hl7_span family = {0}, given = {0}, sub;
    bool has_family = component_of(making, repetition, first, &family);
    bool has_given = component_of(making, repetition, first + 1, &given);
    if (has_family && making->message->sub && part_of(family, making->message->sub, 1, &sub))
        family = trimmed(sub); /* FN of v2.3 and later: own name, prefixes behind it */
    bool there = has_family && put(making, family);
    if (has_given && !is_null(trimmed(given))) {
        if (there && !(has_high(family) && has_high(given)))
            yq_buf_puts(making->out, " ");
        there = put(making, given) || there;
    }
    return there;
}

/* XCN: the first component is a number, but where senders write the name alone. */
static bool is_lonely_name(const struct making *making, struct hl7_span repetition,
                           struct hl7_span *first)
{
    struct hl7_span other;
    return component_of(making, repetition, 1, first) && has_high(*first) &&
           !component_of(making, repetition, 2, &other) &&
           !component_of(making, repetition, 3, &other);
}

static bool put_coded(struct making *making, const struct yq_hl7_segment *segment,
                      struct hl7_span repetition)
{
    struct hl7_span type = {0}, part;
    bool result = strcmp(segment->name, "OBX") == 0 &&
                  hl7_field(making->message, segment, 2, &type) && type.length;
    if (result && type.length == 2 && strncasecmp(type.text, "SN", 2) == 0) {
        bool there = false;
        for (unsigned c = 1; c <= 4; c++)
            if (component_of(making, repetition, c, &part))
                there = put(making, part) || there;
        return there;
    }
    if (result && type.text[0] != 'C' && type.text[0] != 'c') /* no CE, CWE, CNE, CF */
        return put(making, repetition);
    return component_of(making, repetition, 2, &part) && !is_null(part)
               ? put(making, part)
               : component_of(making, repetition, 1, &part) && put(making, part);
}

static bool put_repetition(struct making *making, const struct yq_hl7_segment *segment,
                           struct hl7_span repetition, const struct yq_hl7_path *path)
{
    struct hl7_span part;
    switch (path->part) {
    case YQ_HL7_WHOLE: return put(making, repetition);
    case YQ_HL7_NAME: return put_name(making, repetition, 1);
    case YQ_HL7_TEXT: return put_coded(making, segment, repetition);
    case YQ_HL7_PERSON:
        return is_lonely_name(making, repetition, &part) ? put(making, part)
                                                         : put_name(making, repetition, 2);
    case YQ_HL7_CODE:
        return !is_lonely_name(making, repetition, &part) &&
               component_of(making, repetition, 1, &part) && put(making, part);
    case YQ_HL7_COMPONENT: break;
    }
    if (!part_of(repetition, making->message->component, path->component, &part))
        return false;
    if (path->sub && !(making->message->sub ? part_of(part, making->message->sub, path->sub, &part)
                                            : path->sub == 1))
        return false;
    return put(making, part);
}

/* A whole field that is deleted is so for all of its components. */
static enum yq_hl7_found put_field(struct making *making, const struct yq_hl7_segment *segment,
                                   const struct yq_hl7_path *path)
{
    struct hl7_span field, repetition;
    bool there = false;
    unsigned nth = 0;
    if (!hl7_field(making->message, segment, path->field, &field))
        return YQ_HL7_ABSENT;
    if (is_null(trimmed(field)))
        return YQ_HL7_DELETED;
    if (is_whole(segment, path->field))
        return put(making, field) ? YQ_HL7_THERE : YQ_HL7_ABSENT;
    /* several lines of one text come as repetitions, too */
    bool all = path->repetition == YQ_HL7_ALL ||
               (path->repetition == YQ_HL7_FIRST &&
                (path->which == YQ_HL7_LIKE || path->which == YQ_HL7_ALL));
    while (next_part(&field, making->message->repetition, &repetition)) {
        if (path->repetition == YQ_HL7_NTH && ++nth != path->nth_repetition)
            continue;
        if (path->repetition == YQ_HL7_LIKE &&
            !repetition_like(making->message, repetition, 2, path->like_repetition))
            continue;
        size_t before = making->out->length;
        if (there)
            yq_buf_puts(making->out, "\n");
        if (put_repetition(making, segment, repetition, path))
            there = true;
        else /* the line break alone */
            take_back(making->out, before);
        if (there && !all)
            break;
    }
    return there ? YQ_HL7_THERE : making->null ? YQ_HL7_DELETED : YQ_HL7_ABSENT;
}

/* A result that was deleted, was wrong or cannot be had (table 0085) has nothing to say. */
static bool is_gone(const struct yq_hl7 *message, size_t at)
{
    struct hl7_span status;
    return hl7_field(message, &message->segments[at], 11, &status) && status.length == 1 &&
           strchr("DWXdwx", status.text[0]) && status.text[0];
}

static bool is_meant(const struct yq_hl7 *message, size_t at, const struct yq_hl7_path *path,
                     unsigned seen)
{
    switch (path->which) {
    case YQ_HL7_NTH: return seen == path->nth;
    case YQ_HL7_LIKE:
        return yq_hl7_is_like(message, at, 3, path->like) &&
               !(strcmp(path->segment, "OBX") == 0 && is_gone(message, at));
    case YQ_HL7_FIRST:
    case YQ_HL7_ALL: break;
    }
    return true;
}

static enum yq_hl7_found get_within(const struct yq_hl7 *message, struct yq_hl7_range range,
                                    const struct yq_hl7_path *path, struct yq_buf *out, bool *met)
{
    struct making making = {.message = message, .out = out};
    enum yq_hl7_found found = YQ_HL7_ABSENT;
    bool several = path->which == YQ_HL7_ALL || path->which == YQ_HL7_LIKE;
    unsigned seen = 0;
    for (size_t i = range.from; i < range.until && i < message->count; i++) {
        if (memcmp(message->segments[i].name, path->segment, 3) != 0 ||
            !is_meant(message, i, path, ++seen))
            continue;
        *met = true;
        size_t before = out->length;
        if (found == YQ_HL7_THERE)
            yq_buf_puts(out, "\n");
        enum yq_hl7_found one = put_field(&making, &message->segments[i], path);
        if (one != YQ_HL7_THERE)
            take_back(out, before);
        if (found != YQ_HL7_THERE)
            found = one;
        if (!several)
            break;
    }
    return found;
}

enum yq_hl7_found yq_hl7_get(const struct yq_hl7 *message, const struct yq_hl7_range *ranges,
                             size_t range_count, const struct yq_hl7_path *path, struct yq_buf *out)
{
    for (size_t i = 0; i < range_count; i++) {
        bool met = false;
        enum yq_hl7_found found = get_within(message, ranges[i], path, out, &met);
        if (met)
            return found;
    }
    return YQ_HL7_ABSENT;
}

enum yq_hl7_found yq_hl7_value(const struct yq_hl7 *message, size_t segment, unsigned field,
                               unsigned component, struct yq_buf *out)
{
    struct making making = {.message = message, .out = out};
    struct yq_hl7_path path = {.field = field,
                               .part = component ? YQ_HL7_COMPONENT : YQ_HL7_WHOLE,
                               .component = component};
    return segment < message->count ? put_field(&making, &message->segments[segment], &path)
                                    : YQ_HL7_ABSENT;
}

/* path.c: the path of a URL against the patterns of the route table. RFC 3986 3.3, 2.1: segments
 * are split before anything is decoded. Every byte comes from outside. Pure, so any thread. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "query.h"
#include "yq/record.h"
#include "yq/text.h"

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Decodes in place; false: a bad escape, or one of a control character. */
static bool decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        char c = *from;
        if (c == '%') {
            int high = hex_digit(from[1]);
            int low = high < 0 ? -1 : hex_digit(from[2]);
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            if ((unsigned char)c < 0x20 || c == 0x7f)
                return false;
            from += 2;
        }
        *to++ = c;
    }
    *to = '\0';
    return true;
}

static bool split(struct yq_path *path)
{
    for (char *at = path->text + 1;;) {
        char *slash = strchr(at, '/');
        if (slash)
            *slash = '\0';
        if (!decode(at) || !yq_text_is_utf8(at, strlen(at)))
            return false;
        if (path->count < YQ_SEGMENTS_MOST)
            path->segments[path->count] = at;
        path->count++;
        if (!slash)
            return true;
        at = slash + 1;
    }
}

bool yq_path_parse(const char *raw, struct yq_path *out, struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    size_t length = strnlen(raw, YQ_URI_MOST + 1);
    if (length > YQ_URI_MOST)
        return yq_fail(err, YQ_FULL, "door", "the path is longer than %d bytes", YQ_URI_MOST);
    if (*raw != '/')
        return yq_fail(err, YQ_BAD_INPUT, "door", "a path begins with a slash");
    out->text = strndup(raw, length);
    if (!out->text)
        return yq_fail(err, YQ_FULL, "door", "no memory for a path");
    if (split(out))
        return true;
    yq_path_fini(out);
    return yq_fail(err, YQ_BAD_INPUT, "door",
                   "the path is not UTF-8 with two hex digits after each percent sign, or has a "
                   "control character in it");
}

void yq_path_fini(struct yq_path *path)
{
    free(path->text);
    memset(path, 0, sizeof *path);
}

/* ---- patterns ---- */

static bool is_plural(const char *text)
{
    for (int i = 0; i < YQ_KIND_KEPT; i++)
        if (strcmp(yq_kinds[i].plural, text) == 0)
            return true;
    return false;
}

/* One segment against one of the pattern, which is `length` long. */
static bool fits(const char *segment, const char *pattern, size_t length, struct yq_places *out)
{
    if (*pattern != '{')
        return strlen(segment) == length && memcmp(segment, pattern, length) == 0;
    struct yq_place *place = &out->list[out->count];
    if (!*segment || out->count == YQ_PLACES_MOST || length - 2 >= sizeof place->name)
        return false;
    memcpy(place->name, pattern + 1, length - 2);
    place->name[length - 2] = '\0';
    place->value = segment;
    out->count++;
    return strcmp(place->name, "records") != 0 || is_plural(segment);
}

bool yq_path_fits(const struct yq_path *path, const char *pattern, struct yq_places *out)
{
    size_t count = 0;
    out->count = 0;
    if (path->count > YQ_SEGMENTS_MOST)
        return false;
    for (const char *at = pattern; *at == '/';) {
        size_t length = strcspn(++at, "/");
        if (count == path->count || !fits(path->segments[count], at, length, out))
            return false;
        count++;
        at += length;
    }
    return count == path->count;
}

const char *yq_places_get(const struct yq_places *places, const char *name)
{
    for (size_t i = 0; i < places->count; i++)
        if (strcmp(places->list[i].name, name) == 0)
            return places->list[i].value;
    return "";
}

/* ---- what a body is ---- */

bool yq_media_of_body(const char *header, char type[64])
{
    size_t length = strcspn(header, "; \t");
    if (!length || length >= 64)
        return false;
    for (size_t i = 0; i < length; i++)
        type[i] = (char)(header[i] >= 'A' && header[i] <= 'Z' ? header[i] | 0x20 : header[i]);
    type[length] = '\0';
    for (const char *at = strchr(header, ';'); at; at = strchr(at, ';')) {
        at += 1 + strspn(at + 1, " \t");
        if (strncasecmp(at, "charset=", 8) != 0)
            continue;
        at += 8 + (at[8] == '"');
        size_t size = strcspn(at, "\"; \t");
        if (!(size == 5 && strncasecmp(at, "utf-8", 5) == 0) &&
            !(size == 4 && strncasecmp(at, "utf8", 4) == 0))
            return false;
    }
    return true;
}

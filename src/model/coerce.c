/* coerce.c: what was coerced, as a value and as the text that the catalog keeps; what a value may
 * look like. PS3.5 6.2.
 *
 * The text: the time in milliseconds, the character set, then per attribute its name, the rule, the
 * original and the value, each begun by a UNIT, an attribute by a RECORD. An absent original is the
 * field ABSENT. */
#include "yq/coerce.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RECORD '\x1e'
#define UNIT '\x1f'
#define ABSENT "\x1d"

bool yq_coerce_allowed(enum yq_attr attr)
{
    const struct yq_attr_info *info = &yq_attrs[attr];
    return info->source == YQ_FROM_HEADER && !info->within && info->level != YQ_IMAGE &&
           strcmp(info->vr, "UI") != 0;
}

/* ---- values ---- */

static size_t characters(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static bool digits(const char *text, size_t count) { return strspn(text, "0123456789") >= count; }

static const char *date_fault(const char *text)
{
    if (strlen(text) == 8 && digits(text, 8)) {
        int month = (text[4] - '0') * 10 + text[5] - '0',
            day = (text[6] - '0') * 10 + text[7] - '0';
        if (month >= 1 && month <= 12 && day >= 1 && day <= 31)
            return NULL;
    }
    return "is no date (YYYYMMDD)";
}

static const char *time_fault(const char *text)
{
    static const char most[] = "235960";
    size_t whole = strspn(text, "0123456789"), length = strlen(text);
    bool fits = whole == 2 || whole == 4 || whole == 6;
    for (size_t i = 0; fits && i < whole; i += 2)
        fits = strncmp(text + i, most + i, 2) <= 0;
    if (fits && length > whole)
        fits = whole == 6 && text[6] == '.' && length > 7 && length <= 13 &&
               digits(text + 7, length - 7);
    return fits ? NULL : "is no time (HHMMSS.FFFFFF)";
}

static const char *age_fault(const char *text)
{
    bool fits = strlen(text) == 4 && digits(text, 3) && strchr("DWMY", text[3]);
    return fits ? NULL : "is no age (nnnD, nnnW, nnnM or nnnY)";
}

static const char *code_fault(const char *text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _";
    return strspn(text, allowed) == strlen(text)
               ? NULL
               : "has other characters than A-Z, 0-9, blank and underscore";
}

static const char *number_fault(const char *text, bool whole)
{
    char *end;
    const char *allowed = whole ? "+-0123456789" : "+-.Ee0123456789";
    if (strspn(text, allowed) != strlen(text) || strlen(text) > (whole ? 12 : 16))
        return "is no number of its VR";
    if (whole) {
        long long number = strtoll(text, &end, 10);
        return *end || number > INT32_MAX || number < INT32_MIN ? "is no whole number" : NULL;
    }
    (void)strtod(text, &end);
    return *end ? "is no number" : NULL;
}

/* At most three groups of 64 characters with five components each (PS3.5 6.2.1). */
static const char *name_fault(const char *text)
{
    size_t groups = 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, "="), carets = 0;
        for (size_t i = 0; i < length; i++)
            carets += at[i] == '^';
        if (characters(at, length) > 64 || carets > 4 || ++groups > 3)
            return "is no person name (three groups of 64 characters and five components)";
        at += length;
        if (!*at)
            return NULL;
    }
}

static const char *text_fault(const char *vr, const char *text)
{
    static const struct {
        char vr[3];
        size_t most;
        const char *fault;
    } lengths[] = {
        {"SH", 16, "is longer than 16 characters"},
        {"CS", 16, "is longer than 16 characters"},
        {"LO", 64, "is longer than 64 characters"},
        {"ST", 1024, "is longer than 1024 characters"},
        {"LT", 10240, "is longer than 10240 characters"},
    };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        if (strcmp(lengths[i].vr, vr) == 0 && characters(text, strlen(text)) > lengths[i].most)
            return lengths[i].fault;
    return NULL;
}

static bool is_long(const char *vr) { return strcmp(vr, "LT") == 0 || strcmp(vr, "ST") == 0; }

const char *yq_coerce_fault(const char *vr, const char *text)
{
    for (const char *p = text; *p; p++) {
        bool line = is_long(vr) && strchr("\t\n\f\r", *p);
        if (((unsigned char)*p < 0x20 && !line) || *p == 0x7f)
            return "has a control character in it";
        if (*p == '\\' && !is_long(vr))
            return "has a backslash in it, which separates values";
    }
    if (!*text)
        return NULL;
    if (text[0] == ' ' || text[strlen(text) - 1] == ' ')
        return "begins or ends with a blank";
    const char *fault = text_fault(vr, text);
    if (fault)
        return fault;
    if (strcmp(vr, "DA") == 0)
        return date_fault(text);
    if (strcmp(vr, "TM") == 0)
        return time_fault(text);
    if (strcmp(vr, "AS") == 0)
        return age_fault(text);
    if (strcmp(vr, "CS") == 0)
        return code_fault(text);
    if (strcmp(vr, "IS") == 0 || strcmp(vr, "DS") == 0)
        return number_fault(text, *vr == 'I');
    return strcmp(vr, "PN") == 0 ? name_fault(text) : NULL;
}

/* ---- what was coerced ---- */

static void change_fini(struct yq_change *change)
{
    free(change->rule);
    free(change->original);
    free(change->value);
}

void yq_coercions_fini(struct yq_coercions *coercions)
{
    for (size_t i = 0; i < coercions->count; i++)
        change_fini(&coercions->changes[i]);
    memset(coercions, 0, sizeof *coercions);
}

static bool set_text(char **field, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return false;
    free(*field);
    *field = copy;
    return true;
}

bool yq_coercions_note(struct yq_coercions *coercions, enum yq_attr attr, const char *original,
                       const char *value, const char *rule)
{
    size_t i = 0;
    while (i < coercions->count && coercions->changes[i].attr != attr)
        i++;
    struct yq_change *change = &coercions->changes[i];
    if (i == coercions->count) {
        *change = (struct yq_change){.attr = attr};
        if (original && !set_text(&change->original, original))
            return false;
        coercions->count++;
    }
    if (!set_text(&change->value, value) || !set_text(&change->rule, rule))
        return false;
    /* "" and an absent value are not told apart: neither says anything. */
    if (strcmp(change->original ? change->original : "", change->value) == 0) {
        change_fini(change);
        *change = coercions->changes[--coercions->count];
    }
    return true;
}

static void put_field(struct yq_buf *out, const char *text)
{
    char unit = UNIT;
    yq_buf_put(out, &unit, 1);
    if (!text)
        yq_buf_puts(out, ABSENT);
    for (const char *p = text; p && *p; p++)
        yq_buf_put(out, (unsigned char)*p < 0x20 && !strchr("\t\n\f\r", *p) ? " " : p, 1);
}

void yq_coercions_write(const struct yq_coercions *coercions, struct yq_buf *out)
{
    yq_buf_putf(out, "%" PRId64, coercions->when_ms);
    put_field(out, coercions->charset);
    for (size_t i = 0; i < coercions->count; i++) {
        const struct yq_change *change = &coercions->changes[i];
        char record = RECORD;
        yq_buf_put(out, &record, 1);
        yq_buf_puts(out, yq_attrs[change->attr].name);
        put_field(out, change->rule);
        put_field(out, change->original);
        put_field(out, change->value);
    }
}

/* Cuts *text at the next `end`; NULL: there is none. */
static char *cut(char **text, char end)
{
    char *begun = *text, *stop = strchr(begun, end);
    if (!stop)
        return NULL;
    *stop = '\0';
    *text = stop + 1;
    return begun;
}

static const char *field_text(const char *field)
{
    return strcmp(field, ABSENT) == 0 ? NULL : field;
}

static bool read_change(char *text, struct yq_coercions *out)
{
    char *name = cut(&text, UNIT), *rule = name ? cut(&text, UNIT) : NULL;
    char *original = rule ? cut(&text, UNIT) : NULL;
    if (!original || strchr(text, UNIT))
        return false;
    enum yq_attr attr = yq_attr_by_name(name);
    size_t before = out->count;
    return attr != YQ_ATTR_COUNT && yq_coerce_allowed(attr) && field_text(rule) &&
           field_text(text) && yq_coercions_note(out, attr, field_text(original), text, rule) &&
           out->count == before + 1;
}

bool yq_coercions_read(const char *text, struct yq_coercions *out, struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    char *copy = strdup(text), *end = NULL;
    if (!copy)
        return yq_fail(err, YQ_FULL, "model", "no memory for what was coerced");
    int64_t when = strtoll(copy, &end, 10);
    bool ok = end != copy && *end == UNIT;
    char *at = ok ? end + 1 : NULL, *charset = ok ? cut(&at, RECORD) : NULL;
    ok = charset && yq_copy(out->charset, sizeof out->charset, charset);
    while (ok && at) {
        char *record = at;
        at = strchr(record, RECORD);
        if (at)
            *at++ = '\0';
        ok = read_change(record, out);
    }
    free(copy);
    out->when_ms = when;
    if (ok)
        return true;
    yq_coercions_fini(out);
    return yq_fail(err, YQ_BAD_INPUT, "model", "the note of what was coerced cannot be read");
}

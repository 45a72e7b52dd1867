/* expr_date.c: dates of expressions: out of a form that a pattern describes, and into one.
 *
 * Patterns as in Unicode TS 35, the part that hospitals use: yyyy yy M MM d dd H HH h hh m mm s ss
 * S... a; text between single quotes is itself, and so is everything else. The canonical forms are
 * record.h's. Pure. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "expr_inside.h"
#include "record_inside.h"

struct wall { /* what a clock on the wall shows; -1: not said */
    int year, month, day, hour, minute, second;
    int half; /* 0: before noon, 1: after it */
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Length of the run of one letter at the beginning of a pattern; 0: it is no such letter. */
static size_t letter_run(const char *pattern)
{
    size_t length = 0;
    if (!*pattern || !strchr("yMdHhmsSa", *pattern))
        return 0;
    while (pattern[length] == *pattern)
        length++;
    return length;
}

/* The next character of a pattern that stands for itself, past its quotes. */
static char literal(const char **pattern, bool *quoted)
{
    const char *at = *pattern;
    while (*at == '\'' && at[1] != '\'') {
        *quoted = !*quoted;
        at++;
        if (!*quoted && letter_run(at)) {
            *pattern = at;
            return '\0';
        }
    }
    if (*at == '\'')
        at++; /* two of them are one */
    *pattern = *at ? at + 1 : at;
    return *at;
}

static int *part_of(struct wall *wall, char letter)
{
    switch (letter) {
    case 'y': return &wall->year;
    case 'M': return &wall->month;
    case 'd': return &wall->day;
    case 'H':
    case 'h': return &wall->hour;
    case 'm': return &wall->minute;
    default: return &wall->second;
    }
}

static const char *read_half(const char *text, struct wall *wall)
{
    static const char *const words[][2] = {{"AM", "PM"}, {"上午", "下午"}};
    for (size_t i = 0; i < 2; i++)
        for (int half = 0; half < 2; half++)
            if (strncasecmp(text, words[i][half], strlen(words[i][half])) == 0) {
                wall->half = half;
                return text + strlen(words[i][half]);
            }
    return NULL;
}

static const char *read_month_name(const char *text, struct wall *wall)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int i = 0; i < 12; i++)
        if (strncasecmp(text, names + (size_t)3 * i, 3) == 0) {
            wall->month = i + 1;
            return text + 3;
        }
    return NULL;
}

/* One letter of the pattern `run` times; NULL: the text does not go with it. */
static const char *read_part(const char *text, char letter, size_t run, struct wall *wall)
{
    size_t length = 0, most = letter == 'y' && run > 2 ? 4 : 2;
    int number = 0;
    if (letter == 'a')
        return read_half(text, wall);
    if (letter == 'M' && run == 3)
        return read_month_name(text, wall);
    if (letter == 'S')
        most = 9;
    while (length < most && is_digit(text[length]))
        number = number * 10 + (text[length++] - '0');
    if (!length || (run > 1 && letter != 'S' && length != most))
        return NULL;
    if (letter == 'y' && length == 2) /* 49 is 2049, 50 is 1950 */
        number += number < 50 ? 2000 : 1900;
    if (letter != 'S')
        *part_of(wall, letter) = number;
    return text + length;
}

static bool read_pattern(const char *text, const char *pattern, struct wall *wall)
{
    bool quoted = false;
    text += strspn(text, " ");
    while (*pattern) {
        size_t run = quoted ? 0 : letter_run(pattern);
        if (run) {
            text = read_part(text, *pattern, run, wall);
            if (!text)
                return false;
            pattern += run;
            continue;
        }
        char c = literal(&pattern, &quoted);
        if (c && *text++ != c)
            return false;
    }
    return !text[strspn(text, " ")];
}

static bool put_canonical(const char *text, bool timed, struct yq_buf *out)
{
    struct yq_member member = {.name = "date", .type = timed ? YQ_VALUE_DATETIME : YQ_VALUE_DATE};
    struct yq_err err;
    size_t before = out->length;
    return record_canonical(&member, text, out, &err) && out->length > before;
}

bool expr_date_read(const char *text, const char *pattern, struct yq_buf *out)
{
    if (!pattern) {
        size_t digits = 0;
        for (const char *p = text; *p; p++)
            digits += is_digit(*p);
        return put_canonical(text, digits > 8 || strchr(text, ':'), out);
    }
    char whole[64];
    struct wall wall = {-1, -1, -1, -1, -1, -1, -1};
    if (!read_pattern(text, pattern, &wall) || wall.year < 0)
        return false;
    if (wall.half >= 0 && (wall.hour < 1 || wall.hour > 12))
        return false;
    if (wall.half >= 0)
        wall.hour = wall.hour % 12 + 12 * wall.half;
    bool timed = wall.hour >= 0;
    int length = snprintf(whole, sizeof whole, "%04d-%02d-%02d", wall.year,
                          wall.month < 0 ? 1 : wall.month, wall.day < 0 ? 1 : wall.day);
    if (timed)
        snprintf(whole + length, sizeof whole - (size_t)length, " %02d:%02d:%02d", wall.hour,
                 wall.minute < 0 ? 0 : wall.minute, wall.second < 0 ? 0 : wall.second);
    return put_canonical(whole, timed, out);
}

static void put_part(const struct wall *wall, char letter, size_t run, struct yq_buf *out)
{
    struct wall copy = *wall;
    int number = *part_of(&copy, letter);
    if (letter == 'a') {
        yq_buf_puts(out, wall->hour < 12 ? "AM" : "PM");
        return;
    }
    if (letter == 'S')
        number = 0;
    if (letter == 'y' && run == 2)
        number %= 100;
    if (letter == 'h')
        number = (number + 11) % 12 + 1;
    yq_buf_putf(out, "%0*d", (int)(run < 9 ? run : 9), number);
}

bool expr_date_write(const char *text, const char *pattern, struct yq_buf *out)
{
    struct yq_buf whole yq_cleanup(yq_buf_fini) = {0};
    struct wall wall = {0};
    bool quoted = false;
    if (!put_canonical(text, true, &whole) ||
        sscanf(yq_buf_text(&whole), "%d-%d-%d %d:%d:%d", &wall.year, // NOLINT(cert-err34-c)
               &wall.month, &wall.day, &wall.hour, &wall.minute, &wall.second) != 6)
        return false; /* it is in canonical form: no number is out of range */
    while (*pattern) {
        size_t run = quoted ? 0 : letter_run(pattern);
        if (run) {
            put_part(&wall, *pattern, run, out);
            pattern += run;
            continue;
        }
        char c = literal(&pattern, &quoted);
        if (c)
            yq_buf_put(out, &c, 1);
    }
    return true;
}

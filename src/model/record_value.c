/* record_value.c: the canonical form of a record's values, from what senders write. Refuses what
 * cannot be of the member's type or is longer than it; the error names the member, never the value.
 * Whether a value makes sense (dictionary, check digit, order of times) is check.h's question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "record_inside.h"

static bool refuse(const struct yq_member *member, const char *why, struct yq_err *err)
{
    return yq_fail(err, YQ_BAD_INPUT, "model", "%s %s", member->name, why);
}

/* ---- characters ---- */

/* Bytes of the character at `at` (RFC 3629: shortest form, no surrogates); 0: it is none. */
static size_t utf8_step(const unsigned char *at, size_t left)
{
    unsigned lead = at[0];
    size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead > 0xf4 || length > left || length == 0)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((lead == 0xe0 && at[1] < 0xa0) || (lead == 0xed && at[1] > 0x9f) ||
        (lead == 0xf0 && at[1] < 0x90) || (lead == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

#define IDEOGRAPHIC_BLANK "\xe3\x80\x80"

/* Without blanks, tabs, line breaks and ideographic blanks around it. */
static void trim(const char **text, size_t *length)
{
    for (;;) {
        if (*length && strchr(" \t\r\n", **text))
            (*text)++, (*length)--;
        else if (*length >= 3 && memcmp(*text, IDEOGRAPHIC_BLANK, 3) == 0)
            *text += 3, *length -= 3;
        else
            break;
    }
    for (;;) {
        if (*length && strchr(" \t\r\n", (*text)[*length - 1]))
            (*length)--;
        else if (*length >= 3 && memcmp(*text + *length - 3, IDEOGRAPHIC_BLANK, 3) == 0)
            *length -= 3;
        else
            break;
    }
}

static bool put_text(const struct yq_member *member, const char *text, size_t length,
                     bool line_breaks, struct yq_buf *out, struct yq_err *err)
{
    size_t characters = 0;
    for (size_t i = 0, step; i < length; i += step, characters++) {
        step = utf8_step((const unsigned char *)text + i, length - i);
        unsigned char c = (unsigned char)text[i];
        if (!step)
            return refuse(member, "is not UTF-8", err);
        if (c == '\r' && line_breaks) {
            if (i + 1 < length && text[i + 1] == '\n')
                continue;
            yq_buf_puts(out, "\n");
        } else if (c == '\t') {
            yq_buf_puts(out, " ");
        } else if ((c < ' ' && !(c == '\n' && line_breaks)) || c == 0x7f) {
            return refuse(member, "has a control character in it", err);
        } else {
            yq_buf_put(out, text + i, step);
        }
    }
    if (member->length && characters > member->length)
        return yq_fail(err, YQ_BAD_INPUT, "model", "%s has %zu characters, and may have %u at most",
                       member->name, characters, member->length);
    return true;
}

/* ---- numbers ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* -?digits[.digits]; what is before and behind the point may be missing, but not both. */
static bool put_number(const struct yq_member *member, const char *text, size_t length,
                       bool fraction, struct yq_buf *out, struct yq_err *err)
{
    enum { DIGITS_MOST = 18 };
    size_t at = length && (*text == '-' || *text == '+'), whole, behind = 0;
    bool minus = length && *text == '-', nothing = true;
    while (at + 1 < length && text[at] == '0' && is_digit(text[at + 1]))
        at++;
    size_t start = at;
    while (at < length && is_digit(text[at]))
        nothing = text[at++] == '0' && nothing;
    whole = at - start;
    if (fraction && at < length && text[at] == '.') {
        size_t point = ++at;
        while (at < length && is_digit(text[at]))
            nothing = text[at++] == '0' && nothing;
        behind = at - point;
    }
    if (at != length || whole + behind == 0 || whole + behind > DIGITS_MOST)
        return refuse(member, fraction ? "is not a number" : "is not a whole number", err);
    yq_buf_puts(out, minus && !nothing ? "-" : "");
    yq_buf_put(out, whole ? text + start : "0", whole ? whole : 1);
    if (behind) {
        yq_buf_puts(out, ".");
        yq_buf_put(out, text + length - behind, behind);
    }
    return true;
}

/* ---- dates ---- */

struct moment {
    int year, month, day, hour, minute, second, zone_minutes;
    bool timed, zoned;
};

struct reader {
    const char *at, *end;
};

/* Exactly or at most this many digits. */
static bool read_digits(struct reader *in, size_t least, size_t most, int *out)
{
    size_t count = 0;
    *out = 0;
    while (count < most && in->at < in->end && is_digit(*in->at)) {
        *out = *out * 10 + (*in->at++ - '0');
        count++;
    }
    return count >= least;
}

static bool take(struct reader *in, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, text, length) != 0)
        return false;
    in->at += length;
    return true;
}

static size_t digits_ahead(const struct reader *in)
{
    size_t count = 0;
    while (in->at + count < in->end && is_digit(in->at[count]))
        count++;
    return count;
}

static bool read_date(struct reader *in, struct moment *out)
{
    static const char *const between[][3] = {
        {"-", "-", ""}, {"/", "/", ""}, {".", ".", ""}, {"年", "月", "日"}};
    if (digits_ahead(in) >= 8)
        return read_digits(in, 4, 4, &out->year) && read_digits(in, 2, 2, &out->month) &&
               read_digits(in, 2, 2, &out->day);
    if (!read_digits(in, 4, 4, &out->year))
        return false;
    for (size_t i = 0; i < sizeof between / sizeof *between; i++)
        if (take(in, between[i][0]))
            return read_digits(in, 1, 2, &out->month) && take(in, between[i][1]) &&
                   read_digits(in, 1, 2, &out->day) && (take(in, between[i][2]) || true);
    return false;
}

static bool read_zone(struct reader *in, struct moment *out)
{
    int hours, minutes = 0;
    if (in->at == in->end)
        return true;
    out->zoned = true;
    if (take(in, "Z"))
        return in->at == in->end;
    int sign = take(in, "+") ? 1 : take(in, "-") ? -1 : 0;
    if (!sign || !read_digits(in, 2, 2, &hours))
        return false;
    take(in, ":");
    if (in->at < in->end && !read_digits(in, 2, 2, &minutes))
        return false;
    out->zone_minutes = sign * (hours * 60 + minutes);
    return hours <= 14 && minutes < 60 && in->at == in->end;
}

static bool read_time(struct reader *in, struct moment *out)
{
    int ignored;
    bool packed = digits_ahead(in) >= 3; /* 0815, 081500 */
    out->timed = true;
    if (!read_digits(in, packed ? 2 : 1, 2, &out->hour))
        return false;
    if ((!packed && !take(in, ":")) || !read_digits(in, 2, 2, &out->minute))
        return false;
    if (packed ? digits_ahead(in) > 0 : take(in, ":"))
        if (!read_digits(in, 2, 2, &out->second))
            return false;
    if (take(in, ".") && !read_digits(in, 1, 9, &ignored))
        return false;
    return read_zone(in, out);
}

static bool in_calendar(const struct moment *moment)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = moment->year, month = moment->month;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1800 && year <= 9999 && month >= 1 && month <= 12 && moment->day >= 1 &&
           moment->day <= days[month - 1] + (month == 2 && leap) && moment->hour < 24 &&
           moment->minute < 60 && moment->second < 60;
}

static bool read_moment(const char *text, size_t length, struct moment *out)
{
    struct reader in = {text, text + length};
    *out = (struct moment){0};
    if (!read_date(&in, out))
        return false;
    bool gap = false;
    while (take(&in, " ") || take(&in, "T"))
        gap = true;
    if (in.at == in.end)
        return in_calendar(out);
    return (gap || is_digit(*in.at)) && read_time(&in, out) && in_calendar(out);
}

static bool put_moment(const struct yq_member *member, const char *text, size_t length,
                       struct yq_buf *out, struct yq_err *err)
{
    struct moment m;
    bool with_time = member->type == YQ_VALUE_DATETIME;
    if (!read_moment(text, length, &m))
        return refuse(member, with_time ? "is not a date and time" : "is not a date", err);
    if (m.zoned && with_time) {
        struct tm local = {.tm_year = m.year - 1900,
                           .tm_mon = m.month - 1,
                           .tm_mday = m.day,
                           .tm_hour = m.hour,
                           .tm_min = m.minute,
                           .tm_sec = m.second};
        time_t when = timegm(&local) - (time_t)m.zone_minutes * 60;
        localtime_r(&when, &local);
        m = (struct moment){local.tm_year + 1900,
                            local.tm_mon + 1,
                            local.tm_mday,
                            local.tm_hour,
                            local.tm_min,
                            local.tm_sec,
                            0,
                            true,
                            true};
    }
    yq_buf_putf(out, "%04d-%02d-%02d", m.year, m.month, m.day);
    if (with_time)
        yq_buf_putf(out, " %02d:%02d:%02d", m.hour, m.minute, m.second);
    return true;
}

/* ---- the rest ---- */

static bool put_flag(const struct yq_member *member, const char *text, size_t length,
                     struct yq_buf *out, struct yq_err *err)
{
    static const char *const words[][2] = {{"0", "1"}, {"false", "true"}, {"no", "yes"},
                                           {"n", "y"}, {"f", "t"},        {"否", "是"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        for (int on = 0; on < 2; on++) {
            if (strlen(words[i][on]) == length && strncasecmp(words[i][on], text, length) == 0) {
                yq_buf_puts(out, on ? "1" : "0");
                return true;
            }
        }
    }
    return refuse(member, "is neither 0 nor 1", err);
}

static bool put_uid(const struct yq_member *member, const char *text, size_t length,
                    struct yq_buf *out, struct yq_err *err)
{
    bool fine = length <= 64 && text[0] != '.' && text[length - 1] != '.';
    for (size_t i = 0; fine && i < length; i++)
        fine = is_digit(text[i]) || (text[i] == '.' && text[i + 1] != '.');
    if (!fine)
        return refuse(member, "is not a UID: digits and single dots, 64 at most", err);
    yq_buf_put(out, text, length);
    return true;
}

static bool put_one(const struct yq_member *member, const char *text, size_t length,
                    struct yq_buf *out, struct yq_err *err)
{
    switch (member->type) {
    case YQ_VALUE_INTEGER: return put_number(member, text, length, false, out, err);
    case YQ_VALUE_NUMBER: return put_number(member, text, length, true, out, err);
    case YQ_VALUE_DATE:
    case YQ_VALUE_DATETIME: return put_moment(member, text, length, out, err);
    case YQ_VALUE_FLAG: return put_flag(member, text, length, out, err);
    case YQ_VALUE_UID: return put_uid(member, text, length, out, err);
    case YQ_VALUE_CODE: return put_text(member, text, length, false, out, err);
    default: return put_text(member, text, length, !member->many, out, err);
    }
}

/* Where one of several values ends: UIDs and accession numbers come with commas, too. */
static size_t value_end(const struct yq_member *member, const char *text, size_t length)
{
    bool commas = member->type == YQ_VALUE_UID || strcasecmp(member->name, "accessionNumber") == 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n' || (commas && strchr(",;\\", text[i])))
            return i;
        if (commas && length - i >= 3 && memcmp(text + i, "，", 3) == 0)
            return i;
    }
    return length;
}

static bool is_there(const struct yq_buf *values, const char *value, size_t length)
{
    const char *at = yq_buf_text(values), *end = at + values->length;
    while (at < end) {
        size_t here = strcspn(at, "\n");
        if (here == length && memcmp(at, value, length) == 0)
            return true;
        at += here + 1;
    }
    return false;
}

static bool put_many(const struct yq_member *member, const char *text, size_t length,
                     struct yq_buf *out, struct yq_err *err)
{
    while (length) {
        struct yq_buf one yq_cleanup(yq_buf_fini) = {.most = YQ_RECORD_VALUE_MOST};
        size_t step = value_end(member, text, length), inner = step;
        const char *value = text;
        trim(&value, &inner);
        if (inner && !put_one(member, value, inner, &one, err))
            return false;
        out->failed = out->failed || one.failed;
        if (one.length && !is_there(out, yq_buf_text(&one), one.length))
            yq_buf_putf(out, "%s%s", out->length ? "\n" : "", yq_buf_text(&one));
        if (step < length)
            step += (unsigned char)text[step] >= 0x80 ? 3 : 1;
        text += step;
        length -= step;
    }
    return true;
}

bool record_canonical(const struct yq_member *member, const char *text, struct yq_buf *out,
                      struct yq_err *err)
{
    size_t length = strnlen(text, YQ_RECORD_VALUE_MOST + 1);
    if (length > YQ_RECORD_VALUE_MOST)
        return yq_fail(err, YQ_FULL, "model", "%s is too long", member->name);
    trim(&text, &length);
    if (!length)
        return true;
    return member->many ? put_many(member, text, length, out, err)
                        : put_one(member, text, length, out, err);
}

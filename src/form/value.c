/* value.c: values of DICOM as people write them: names, dates, ages. PS3.5 6.2, and 6.2.1 for
 * names.
 *
 * What is no value of its kind stays as it is. Nothing is escaped here. Pure functions. */
#include "yq/form.h"

#include <stdio.h>
#include <string.h>

static size_t digits(const char *text) { return strspn(text, "0123456789"); }

void yq_form_date(const char *date, struct yq_buf *out)
{
    size_t count = digits(date);
    const char *rest = date + count;
    if (count == 8 && (!*rest || *rest == ' '))
        yq_buf_putf(out, "%.4s-%.2s-%.2s", date, date + 4, date + 6);
    else
        yq_buf_puts(out, date);
}

/* hhmmss, or less of it; the fraction is left away. */
static void put_clock(const char *time, size_t count, struct yq_buf *out)
{
    for (size_t i = 0; i + 2 <= count && i < 6; i += 2)
        yq_buf_putf(out, "%s%.2s", i ? ":" : "", time + i);
}

void yq_form_time(const char *time, struct yq_buf *out)
{
    size_t count = digits(time);
    const char *rest = time + count;
    if (count >= 4 && count <= 6 && count % 2 == 0 && (!*rest || *rest == '.' || *rest == ' '))
        put_clock(time, count, out);
    else
        yq_buf_puts(out, time);
}

void yq_form_datetime(const char *datetime, struct yq_buf *out)
{
    size_t count = digits(datetime);
    if (count < 8 || count > 14 || count % 2) {
        yq_buf_puts(out, datetime);
        return;
    }
    yq_buf_putf(out, "%.4s-%.2s-%.2s", datetime, datetime + 4, datetime + 6);
    if (count >= 12) {
        yq_buf_puts(out, " ");
        put_clock(datetime + 8, count - 8, out);
    }
    const char *zone = datetime + count;
    if (*zone == '.')
        zone += 1 + digits(zone + 1);
    if ((*zone == '+' || *zone == '-') && digits(zone + 1) == 4)
        yq_buf_putf(out, " %.5s", zone);
}

bool yq_form_age(const char *age, bool chinese, struct yq_buf *out)
{
    static const struct {
        char unit;
        const char *chinese, *latin;
    } units[] = {{'Y', "岁", " y"}, {'M', "个月", " m"}, {'W', "周", " w"}, {'D', "天", " d"}};
    size_t count = digits(age);
    for (size_t i = 0; count && count < 4 && i < sizeof units / sizeof *units; i++) {
        if (age[count] != units[i].unit)
            continue;
        const char *number = age + strspn(age, "0");
        int length = (int)(age + count - number);
        yq_buf_putf(out, "%.*s%s", length ? length : 1, length ? number : "0",
                    chinese ? units[i].chinese : units[i].latin);
        return true;
    }
    return false;
}

const char *yq_form_sex(const char *sex, bool chinese)
{
    static const char *const words[][2] = {{"M", "男"}, {"F", "女"}, {"O", "其他"}};
    for (size_t i = 0; chinese && i < sizeof words / sizeof *words; i++)
        if (strcmp(sex, words[i][0]) == 0)
            return words[i][1];
    return sex;
}

/* ---- names ---- */

struct part {
    const char *text;
    size_t length;
};

static struct part trim(const char *text, size_t length)
{
    while (length && *text == ' ') {
        text++;
        length--;
    }
    while (length && text[length - 1] == ' ')
        length--;
    return (struct part){text, length};
}

/* The pieces of text between separators, at most `most`. */
static size_t split(struct part whole, char separator, struct part *parts, size_t most)
{
    size_t count = 0;
    for (size_t at = 0; at <= whole.length && count < most;) {
        const char *end = memchr(whole.text + at, separator, whole.length - at);
        size_t length = end ? (size_t)(end - whole.text) - at : whole.length - at;
        parts[count++] = trim(whole.text + at, length);
        at += length + 1;
    }
    return count;
}

/* Ideographs, kana, hangul: from U+2E80 up; written without a blank between family and given name.
 */
static bool is_east_asian(struct part part)
{
    for (size_t i = 0; i < part.length; i++)
        if ((unsigned char)part.text[i] >= 0xe2 &&
            !((unsigned char)part.text[i] == 0xe2 && i + 1 < part.length &&
              (unsigned char)part.text[i + 1] < 0xba))
            return true;
    return false;
}

bool yq_form_is_east_asian(const char *text)
{
    return is_east_asian((struct part){text, strlen(text)});
}

/* One component group: family, given, middle name; prefix and suffix behind. */
static bool put_group(struct part group, struct yq_buf *out)
{
    struct part parts[5] = {{0}};
    size_t count = split(group, '^', parts, 5), before = out->length;
    const struct part *last = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!parts[i].length)
            continue;
        bool close = last && i < 3 && is_east_asian(*last) && is_east_asian(parts[i]);
        if (last && !close)
            yq_buf_puts(out, i < 3 ? " " : ", ");
        yq_buf_put(out, parts[i].text, parts[i].length);
        last = &parts[i];
    }
    return out->length > before;
}

void yq_form_person(const char *name, struct yq_buf *out)
{
    struct part groups[3] = {{0}}, whole = {name, strlen(name)};
    size_t count = split(whole, '=', groups, 3), before = out->length;
    bool put = count > 1 && put_group(groups[1], out);
    if (count > 0 && groups[0].length) {
        if (put)
            yq_buf_puts(out, " ");
        put |= put_group(groups[0], out);
    }
    if (!put && count > 2)
        put_group(groups[2], out);
    while (out->length > before && out->bytes[out->length - 1] == ' ')
        out->bytes[--out->length] = '\0';
}

/* serve_ask.c: the questions S7, S8, S9: JSON from outside becomes values within bounds. Numbers
 * may come as strings and the other way round; what is empty is not asked. Pure. */
#include <stdio.h>
#include <string.h>

#include "serve.h"
#include "yq/form.h"

void serve_ask_fini(struct serve_ask *ask)
{
    yq_buf_fini(&ask->apply);
    yq_buf_fini(&ask->patient);
    yq_buf_fini(&ask->report);
    yq_buf_fini(&ask->accession);
    yq_buf_fini(&ask->study);
    yq_buf_fini(&ask->series);
}

/* Appends the value without blanks around it. False: it is neither text nor a number, or too long.
 */
static bool read_value(const struct yq_answer *json, const char *name, struct yq_buf *out)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    enum yq_answer_type type = yq_answer_type(json, name);
    if (type == YQ_ANSWER_NONE)
        return true;
    if ((type != YQ_ANSWER_TEXT && type != YQ_ANSWER_NUMBER) || !yq_answer_get(json, name, &text) ||
        text.length > SERVE_VALUE_MOST)
        return false;
    const char *at = yq_buf_text(&text);
    at += strspn(at, " \t");
    size_t length = strlen(at);
    while (length && (at[length - 1] == ' ' || at[length - 1] == '\t'))
        length--;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)at[i] < 0x20)
            return false;
    yq_buf_put(out, at, length);
    return !out->failed;
}

static bool read_number(const struct yq_answer *json, const char *name, uint64_t usual,
                        uint64_t most, uint64_t *out)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    if (!read_value(json, name, &text))
        return false;
    *out = usual;
    if (!text.length)
        return true;
    *out = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9' || i == 9)
            return false;
        *out = 10 * *out + (uint64_t)(text.bytes[i] - '0');
    }
    return *out >= 1 && *out <= most;
}

/* ---- times ---- */

struct moment {
    int year, month, day, hour, minute, second;
};

static bool is_form(const char *text, const char *form)
{
    for (; *form; form++, text++)
        if (*form == '9' ? *text < '0' || *text > '9' : *text != *form)
            return false;
    return !*text;
}

static int number_at(const char *text, int digits)
{
    int value = 0;
    while (digits-- > 0)
        value = 10 * value + (*text++ - '0');
    return value;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* "2026-03-01 08:00:00", or the date alone. */
static bool read_moment(const char *text, bool *timed, struct moment *out)
{
    *timed = is_form(text, "9999-99-99 99:99:99");
    if (!*timed && !is_form(text, "9999-99-99"))
        return false;
    *out = (struct moment){.year = number_at(text, 4),
                           .month = number_at(text + 5, 2),
                           .day = number_at(text + 8, 2),
                           .hour = *timed ? number_at(text + 11, 2) : 0,
                           .minute = *timed ? number_at(text + 14, 2) : 0,
                           .second = *timed ? number_at(text + 17, 2) : 0};
    return out->year >= 1 && out->month >= 1 && out->month <= 12 && out->day >= 1 &&
           out->day <= days_of(out->year, out->month) && out->hour < 24 && out->minute < 60 &&
           out->second < 60;
}

static void day_before(struct moment *moment)
{
    if (--moment->day)
        return;
    if (!--moment->month) {
        moment->month = 12;
        moment->year--;
    }
    moment->day = days_of(moment->year, moment->month);
}

/* One bound. Exams and reports: from the beginning of a day to its end, where only days are named.
 * Series: from a day until the day before another. */
static bool read_bound(const struct yq_answer *json, bool series, bool end, char out[20])
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct moment moment;
    bool timed;
    out[0] = '\0';
    if (!read_value(json, end ? "endTime" : "startTime", &text))
        return false;
    if (!text.length)
        return true;
    if (!read_moment(yq_buf_text(&text), &timed, &moment))
        return false;
    if (!series) {
        (void)snprintf(out, 20, "%.10s%s", yq_buf_text(&text),
                       timed ? yq_buf_text(&text) + 10
                       : end ? " 23:59:59"
                             : " 00:00:00");
        return true;
    }
    if (moment.hour || moment.minute || moment.second) /* a day is asked for */
        return false;
    if (end)
        day_before(&moment);
    (void)snprintf(out, 20, "%04d%02d%02d", moment.year % 10000, moment.month % 100,
                   moment.day % 100);
    return moment.year > 0;
}

static bool read_bounds(const struct yq_answer *json, enum serve_what what, struct serve_ask *out,
                        const char **why)
{
    bool series = what == SERVE_SERIES;
    if (read_bound(json, series, false, out->from) && read_bound(json, series, true, out->until))
        return true;
    *why = series ? "startTime、endTime 的格式应为 yyyy-mm-dd"
                  : "startTime、endTime 的格式应为 yyyy-mm-dd HH:mm:ss";
    return false;
}

static bool is_uid_or_nothing(const struct yq_buf *text)
{
    return !text->length || yq_uid_valid(yq_buf_text(text));
}

static bool read_members(const struct yq_answer *json, enum serve_what what, struct serve_ask *out,
                         const char **why)
{
    *why = "参数应为字符串或数字，且不得过长";
    bool read = read_value(json, "applyId", &out->apply);
    if (what == SERVE_EXAMS)
        read = read && read_value(json, "patientId", &out->patient);
    if (what == SERVE_REPORTS)
        read = read && read_value(json, "reportId", &out->report);
    if (what == SERVE_SERIES)
        read = read && read_value(json, "accessionNumber", &out->accession) &&
               read_value(json, "studyInstanceUID", &out->study) &&
               read_value(json, "seriesInstanceUID", &out->series);
    if (!read)
        return false;
    *why = "studyInstanceUID、seriesInstanceUID 应为 DICOM UID";
    if (!is_uid_or_nothing(&out->study) || !is_uid_or_nothing(&out->series))
        return false;
    *why = "accessionNumber 不得含有 * ? \\\\";
    if (strpbrk(yq_buf_text(&out->accession), "*?\\"))
        return false;
    *why = "pageNum 应为从 1 起的整数，pageSize 应为 1 至 500 的整数";
    return read_number(json, "pageNum", 1, 999999999, &out->page) &&
           read_number(json, "pageSize", SERVE_PAGE, SERVE_PAGE_MOST, &out->size);
}

bool serve_ask_read(enum serve_what what, const char *text, size_t length, struct serve_ask *out,
                    const char **why)
{
    struct yq_answer *json = NULL;
    struct yq_err err = {0};
    memset(out, 0, sizeof *out);
    *why = "请求体不是 JSON 对象";
    bool read = yq_answer_read(text, length, &json, &err) &&
                yq_answer_type(json, "") == YQ_ANSWER_OBJECT &&
                read_members(json, what, out, why) && read_bounds(json, what, out, why);
    yq_answer_free(json);
    if (read && *out->from && *out->until && strcmp(out->from, out->until) > 0 &&
        what != SERVE_SERIES) {
        *why = "startTime 晚于 endTime";
        return false;
    }
    return read;
}

/* rehearse_check.c: a message against its field table (data/platforms/shanxi): what must be there,
 * its JSON type as it is printed, length, dictionary, date, and what is not in the table at all.
 * The tables are the model's; the checks are written anew here, over what came, so that a mistake
 * of check_interface.c or of the composer is not made twice. Pure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rehearse_inside.h"
#include "yq/dictionary.h"

static void add(struct yq_findings *findings, bool serious, const char *const words[4])
{
    struct yq_finding *f =
        findings->count < REHEARSE_FINDINGS_MOST ? yq_findings_add(findings) : NULL;
    if (!f)
        return;
    f->serious = serious;
    yq_copy(f->member, sizeof f->member, words[0]);
    yq_copy(f->what, sizeof f->what, words[1]);
    yq_copy(f->chinese, sizeof f->chinese, words[2]);
    yq_copy(f->english, sizeof f->english, words[3]);
}

void rehearse_complain(struct yq_findings *findings, const char *member, const char *what,
                       const char *chinese, const char *english)
{
    const char *const words[4] = {member, what, chinese, english};
    add(findings, true, words);
}

void rehearse_remark(struct yq_findings *findings, const char *member, const char *what,
                     const char *chinese, const char *english)
{
    const char *const words[4] = {member, what, chinese, english};
    add(findings, false, words);
}

bool rehearse_is_refused(const struct yq_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        if (findings->list[i].serious)
            return true;
    return findings->failed;
}

/* ---- forms ---- */

static unsigned two(const char *text)
{
    return (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
}

bool rehearse_is_moment(const char *text, bool timed)
{
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const char form[] = "0000-00-00 00:00:00";
    size_t length = strlen(text);
    if (length != (timed ? 19u : 10u))
        return false;
    for (size_t i = 0; i < length; i++)
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    unsigned year = two(text) * 100 + two(text + 2), month = two(text + 5), day = two(text + 8);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1850 || year > 2200 || !month || month > 12 || !day || day > days[month - 1] ||
        (month == 2 && day == 29 && !leap))
        return false;
    return !timed || (two(text + 11) < 24 && two(text + 14) < 60 && two(text + 17) < 60);
}

bool rehearse_is_id_card(const char *text) /* GB 11643 */
{
    static const unsigned weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    if (strlen(text) != 18 || strspn(text, "0123456789") < 17)
        return false;
    for (size_t i = 0; i < 17; i++)
        sum += weights[i] * (unsigned)(text[i] - '0');
    return text[17] == "10X98765432"[sum % 11];
}

bool rehearse_is_uid(const char *text) /* PS3.5 9.1 */
{
    size_t length = strlen(text);
    if (!length || length > 64 || text[strspn(text, "0123456789.")])
        return false;
    for (size_t i = 0; i < length; i++) {
        bool begins = i == 0 || text[i - 1] == '.';
        if (begins && (text[i] == '.' || (text[i] == '0' && text[i + 1] >= '0')))
            return false;
    }
    return text[length - 1] != '.';
}

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* ---- what a line of a table wants ---- */

enum wanted { WANTS_TEXT, WANTS_NUMBER, WANTS_FLAG, WANTS_ARRAY, WANTS_OBJECT };

static enum wanted wanted_by(const char *type)
{
    static const struct {
        const char *type;
        enum wanted wanted;
    } table[] = {{"数字", WANTS_NUMBER}, {"数值", WANTS_NUMBER},   {"Integer", WANTS_NUMBER},
                 {"int", WANTS_NUMBER},  {"Int", WANTS_NUMBER},    {"Long", WANTS_NUMBER},
                 {"long", WANTS_NUMBER}, {"boolean", WANTS_FLAG},  {"array", WANTS_ARRAY},
                 {"数组", WANTS_ARRAY},  {"Object", WANTS_OBJECT}, {"对象", WANTS_OBJECT}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(type, table[i].type) == 0)
            return table[i].wanted;
    return strncmp(type, "List<", 5) == 0 ? WANTS_ARRAY : WANTS_TEXT;
}

static bool is_of(const struct rj *value, enum wanted wanted)
{
    switch (wanted) {
    case WANTS_TEXT: return value->type == RJ_TEXT;
    case WANTS_NUMBER: return value->type == RJ_NUMBER;
    case WANTS_FLAG: return value->type == RJ_TRUE || value->type == RJ_FALSE;
    case WANTS_ARRAY: return value->type == RJ_ARRAY;
    case WANTS_OBJECT: return value->type == RJ_OBJECT;
    }
    return false;
}

static bool is_empty(const struct rj *value)
{
    return !value || value->type == RJ_NULL || (value->type == RJ_TEXT && !value->length) ||
           (value->type == RJ_ARRAY && !value->count);
}

/* The form that the note of a field prints: a day, a moment, one from and to, or none. */
enum moment { NO_MOMENT, DAY, MOMENT, SPAN, DAY_OR_MOMENT };

static enum moment moment_of(const struct yq_field *field)
{
    static const char *const either[] = {"sympBegdate", "sympEnddate", "reportPubDate", NULL};
    const char *note = field->note;
    for (size_t i = 0; either[i]; i++)
        if (strcmp(field->name, either[i]) == 0)
            return DAY_OR_MOMENT;
    if (strcmp(field->type, "Date") == 0)
        return DAY_OR_MOMENT;
    bool day =
        strstr(note, "yyyy-MM-dd") || strstr(note, "yyyy-mm-dd") || strstr(note, "YYYY-MM-DD");
    if (day && strstr(note, ":mm:ss"))
        return strstr(note, "区间") ? SPAN : MOMENT;
    return day ? DAY : NO_MOMENT;
}

static bool is_span(const char *text)
{
    char word[64];
    const char *slash = strchr(text, '/');
    if (!slash)
        return rehearse_is_moment(text, true);
    size_t length = (size_t)(slash - text);
    while (length && text[length - 1] == ' ')
        length--;
    snprintf(word, sizeof word, "%.*s", (int)(length < 60 ? length : 60), text);
    slash += 1 + strspn(slash + 1, " ");
    return rehearse_is_moment(word, true) && rehearse_is_moment(slash, true);
}

static bool has_form(enum moment moment, const char *text)
{
    switch (moment) {
    case NO_MOMENT: return true;
    case DAY: return rehearse_is_moment(text, false);
    case MOMENT: return rehearse_is_moment(text, true);
    case SPAN: return is_span(text);
    case DAY_OR_MOMENT: return rehearse_is_moment(text, false) || rehearse_is_moment(text, true);
    }
    return false;
}

/* ---- one field ---- */

struct looked {
    const struct yq_field *field;
    const char *member; /* with its place */
    struct yq_findings *findings;
};

static void say(const struct looked *l, const char *what, const char *chinese, const char *english)
{
    char text[240];
    snprintf(text, sizeof text, "%s：%s", l->field->chinese, chinese);
    rehearse_complain(l->findings, l->member, what, text, english);
}

static void check_length(const struct looked *l, const struct rj *value)
{
    char chinese[160], english[160];
    size_t length = count_characters(value->text);
    if (!l->field->length || length <= l->field->length)
        return;
    snprintf(chinese, sizeof chinese, "%s：长 %zu 个字符，最多 %u 个", l->field->chinese, length,
             l->field->length);
    snprintf(english, sizeof english, "%zu characters, %u at most", length, l->field->length);
    if (l->field->about)
        rehearse_remark(l->findings, l->member, "too-long", chinese, english);
    else
        rehearse_complain(l->findings, l->member, "too-long", chinese, english);
}

static bool has_code(const struct yq_dictionary *dictionary, const char *code, size_t length)
{
    char word[128];
    if (!length || length >= sizeof word)
        return false;
    memcpy(word, code, length);
    word[length] = '\0';
    if (yq_term_accepts(dictionary, word))
        return true;
    for (size_t i = 0; i < dictionary->count; i++)
        if (strcmp(dictionary->terms[i].code, word) == 0)
            return true;
    return false;
}

static void check_dictionary(const struct looked *l, const char *text)
{
    const struct yq_dictionary *dictionary = yq_dictionary_find(l->field->dictionary);
    char chinese[160], english[160];
    const char *between = *l->field->between ? l->field->between : ",";
    for (const char *at = text; dictionary;) {
        size_t length = strcspn(at, between);
        if (!has_code(dictionary, at, length)) {
            snprintf(chinese, sizeof chinese, "值不在字典“%s”中", dictionary->chinese);
            snprintf(english, sizeof english, "the value is not in dictionary %s",
                     dictionary->name);
            say(l, "not-in-dictionary", chinese, english);
            return;
        }
        if (!at[length])
            return;
        at += length + 1;
    }
}

static void check_items(const struct looked *l, const struct rj *array)
{
    size_t place = 0;
    bool objects = strstr(l->field->type, "SetInfoDTO");
    for (const struct rj *item = array->first; item; item = item->next, place++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%.40s[%zu].", l->member, place);
        if (objects && item->type == RJ_OBJECT) {
            rehearse_check_fields("SetInfo", item, prefix, l->findings);
        } else if (objects || item->type != RJ_TEXT || !item->length) {
            prefix[strlen(prefix) - 1] = '\0';
            struct looked one = {l->field, prefix, l->findings};
            say(&one, "type", objects ? "每项应为对象" : "每项应为非空字符串",
                objects ? "each item is to be an object" : "each item is to be a string");
        }
    }
}

static void check_value(const struct looked *l, const struct rj *value)
{
    static const char *const chinese[] = {"应为字符串", "应为数字", "应为 true 或 false",
                                          "应为数组", "应为对象"};
    static const char *const english[] = {"is to be a string", "is to be a number",
                                          "is to be true or false", "is to be an array",
                                          "is to be an object"};
    enum wanted wanted = wanted_by(l->field->type);
    if (!is_of(value, wanted)) {
        say(l, "type", chinese[wanted], english[wanted]);
        return;
    }
    if (wanted == WANTS_ARRAY) {
        check_items(l, value);
        return;
    }
    if (wanted == WANTS_OBJECT || wanted == WANTS_FLAG)
        return;
    check_length(l, value);
    if (*l->field->dictionary)
        check_dictionary(l, value->text);
    if (!has_form(moment_of(l->field), value->text))
        say(l, "format", "日期或时间的格式不符，或没有这一天",
            "this is not the form of date and time that is printed, or no such day");
    if (value->type == RJ_TEXT &&
        (value->text[0] == ' ' || (value->length && value->text[value->length - 1] == ' ')))
        rehearse_remark(l->findings, l->member, "blank", "前后有空格", "blanks at its ends");
}

static const struct yq_field *field_named(const struct yq_interface *interface, const char *name)
{
    for (size_t i = 0; i < interface->count; i++)
        if (strcmp(interface->fields[i].name, name) == 0)
            return &interface->fields[i];
    return NULL;
}

void rehearse_check_fields(const char *interface, const struct rj *object, const char *prefix,
                           struct yq_findings *findings)
{
    const struct yq_interface *table = yq_interface_find("shanxi", interface);
    char member[160];
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++) {
        const struct yq_field *field = &table->fields[i];
        const struct rj *value = rj_member(object, field->name);
        snprintf(member, sizeof member, "%s%s", prefix, field->name);
        struct looked l = {field, member, findings};
        bool wanted = strcmp(field->required, "yes") == 0 && !*field->when &&
                      strcmp(field->name, "pdf_path") != 0;
        if (!is_empty(value))
            check_value(&l, value);
        else if (wanted)
            say(&l, "missing", "必填项没有值", "required, and there is no value");
        else if (value && value->type == RJ_NULL)
            rehearse_remark(findings, member, "null", "没有值的项不要传 null",
                            "null is sent for what has no value: leave it out");
    }
    for (const struct rj *m = object->first; m; m = m->next) {
        snprintf(member, sizeof member, "%s%.60s", prefix, m->name);
        if (!field_named(table, m->name))
            rehearse_complain(findings, member, "unknown-member", "文档中没有此项",
                              "the document has no such field");
    }
}

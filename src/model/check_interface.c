/* check_interface.c: what an interface of a province would refuse of a record, by its field table.
 *
 * Lengths: Hebei's tables are columns of VARCHAR in whatever database the site has, so bytes are
 * counted, as GBK has them; Shanxi's are members of JSON and Neijiang's columns of views that must
 * hold "100岁" in four, so characters are. Sichuan's have none. The tables say so (unit). Pure. */
#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_inside.h"
#include "yq/dictionary.h"
#include "yq/expr.h"

struct scope {
    const struct yq_record *const *records;
    size_t count;
    const struct yq_record *item; /* of a list, when that is what is looked at; NULL: none */
};

const struct yq_interface *yq_interface_find(const char *platform, const char *name)
{
    for (size_t i = 0; i < yq_interface_count; i++)
        if (strcmp(yq_interfaces[i].platform, platform) == 0 &&
            strcmp(yq_interfaces[i].name, name) == 0)
            return &yq_interfaces[i];
    return NULL;
}

bool yq_interface_collects(const struct yq_interface *interface, enum yq_kind kind)
{
    if (!interface->collected || interface->kind == YQ_KIND_COUNT)
        return false;
    for (size_t i = 0; i < yq_kinds[kind].count; i++)
        if (yq_kinds[kind].members[i].type == YQ_VALUE_LIST &&
            yq_kinds[kind].members[i].of == interface->kind)
            return true;
    return interface->kind == kind;
}

/* ---- names in sources: kind.member ---- */

static bool split_name(const char *name, enum yq_kind *kind, const struct yq_member **member)
{
    char word[32];
    size_t length = strcspn(name, ".");
    if (length >= sizeof word || !name[length])
        return false;
    memcpy(word, name, length);
    word[length] = '\0';
    *kind = yq_kind_by_name(word);
    int at = *kind == YQ_KIND_COUNT ? -1 : yq_member_find(*kind, name + length + 1);
    if (at < 0)
        return false;
    *member = &yq_kinds[*kind].members[at];
    return true;
}

static const struct yq_record *record_of(const struct scope *scope, enum yq_kind kind)
{
    if (scope->item && scope->item->kind == kind)
        return scope->item;
    for (size_t i = 0; i < scope->count; i++)
        if (scope->records[i] && scope->records[i]->kind == kind)
            return scope->records[i];
    return NULL;
}

static const char *value_of(const struct scope *scope, const char *name)
{
    enum yq_kind kind;
    const struct yq_member *member;
    if (!split_name(name, &kind, &member))
        return NULL;
    const struct yq_record *record = record_of(scope, kind);
    size_t at = (size_t)(member - yq_kinds[kind].members);
    if (!record)
        return NULL;
    if (member->type == YQ_VALUE_LIST)
        return record->lists[at].count ? "[]" : NULL;
    return record->values[at];
}

static bool get(void *context, const char *name, struct yq_buf *out)
{
    const char *value = value_of(context, name);
    if (value)
        yq_buf_puts(out, value);
    return value;
}

static bool convert(void *context, const char *from, const char *to, const char *code,
                    struct yq_buf *out)
{
    const char *into = yq_term_convert(from, to, code);
    (void)context;
    if (into)
        yq_buf_puts(out, into);
    return into;
}

/* ---- sources, parsed once and kept ---- */

enum { INTERFACES_MOST = 512 }; /* as make_platforms has it */
static _Atomic(_Atomic(struct yq_expr *) *) parsed[INTERFACES_MOST];

/* Where the parsed source of a field is kept; NULL: no memory, or it is in no table. */
static _Atomic(struct yq_expr *) *place_of(const struct yq_field *field)
{
    for (size_t i = 0; i < yq_interface_count && i < INTERFACES_MOST; i++) {
        const struct yq_interface *f = &yq_interfaces[i];
        if (!f->count || field < f->fields || field >= f->fields + f->count)
            continue;
        _Atomic(struct yq_expr *) *list = atomic_load(&parsed[i]), *none = NULL;
        if (!list) {
            list = calloc(f->count, sizeof *list);
            if (list && !atomic_compare_exchange_strong(&parsed[i], &none, list)) {
                free((void *)list);
                list = none;
            }
        }
        return list ? list + (field - f->fields) : NULL;
    }
    return NULL;
}

/* NULL: no memory, or it is wrong, which the tests of the tables would have found. */
static struct yq_expr *source_of(const struct yq_field *field)
{
    _Atomic(struct yq_expr *) *place = place_of(field);
    struct yq_expr *expr = place ? atomic_load(place) : NULL, *none = NULL;
    struct yq_err err;
    if (expr || !place || !yq_expr_parse(field->source, &expr, &err))
        return expr;
    if (!atomic_compare_exchange_strong(place, &none, expr)) {
        yq_expr_free(expr);
        expr = none;
    }
    return expr;
}

/* ---- values ---- */

struct names { /* what the names in a source say */
    const struct scope *scope;
    const struct yq_member *member; /* the first one, and its kind */
    enum yq_kind kind;
    bool known; /* one of them is of a record that is here */
    bool many;  /* one of them may have several values */
};

static void look_at_name(void *context, const char *name)
{
    struct names *names = context;
    enum yq_kind kind;
    const struct yq_member *member;
    if (!split_name(name, &kind, &member))
        return;
    if (!names->member) {
        names->member = member;
        names->kind = kind;
    }
    names->many = names->many || member->many;
    names->known = names->known || record_of(names->scope, kind);
}

static bool field_value(const struct yq_field *field, const struct scope *scope,
                        struct names *names, struct yq_buf *out)
{
    struct yq_surroundings around = {(void *)scope, get, convert};
    struct yq_err err;
    bool there = false;
    size_t before = out->length;
    *names = (struct names){.scope = scope};
    const struct yq_expr *expr = *field->source ? source_of(field) : NULL;
    if (!expr)
        return false;
    yq_expr_names(expr, look_at_name, names);
    if (!names->member)
        names->known = true; /* always the same text */
    if (!yq_expr_value(expr, &around, out, &there, &err))
        there = false;
    for (size_t i = before; there && i < out->length; i++)
        if (out->bytes[i] == '\n' && names->many)
            out->bytes[i] = (uint8_t)*field->between;
    return there;
}

bool yq_field_value(const struct yq_field *field, const struct yq_record *const *records,
                    size_t count, struct yq_buf *out)
{
    struct scope scope = {records, count, NULL};
    struct names names;
    return field_value(field, &scope, &names, out);
}

/* ---- the rules ---- */

struct looking {
    struct scope scope;
    const char *prefix; /* "results[3]." */
    struct yq_findings *findings;
};

static void say(const struct looking *l, const struct yq_field *field, const char *what,
                const char *chinese, const char *english)
{
    char path[192];
    bool serious = !field->about || strcmp(what, "too-long") != 0;
    snprintf(path, sizeof path, "%s%s", l->prefix, field->name);
    check_say(l->findings, serious, path, what, chinese, english);
}

/* "exam.visitType=1 2": does one of the words stand there? Of a record that is not here: no. */
static bool is_wanted(const struct looking *l, const struct yq_field *field)
{
    char name[96];
    if (strcmp(field->required, "yes") != 0 && !*field->when)
        return false;
    if (!*field->when)
        return true;
    if (strcmp(field->when, "never") == 0)
        return false;
    size_t length = strcspn(field->when, "=");
    snprintf(name, sizeof name, "%.*s", (int)length, field->when);
    const char *value = value_of(&l->scope, name);
    const char *word = field->when + length;
    while (value && *word) {
        word += strspn(word, "= ");
        size_t size = strcspn(word, " ");
        if (strlen(value) == size && strncmp(word, value, size) == 0)
            return true;
        word += size;
    }
    return false;
}

static void say_missing(const struct looking *l, const struct yq_field *field,
                        const struct names *names)
{
    char chinese[240], english[240];
    const struct yq_member *member = names->member;
    const char *kind = member ? yq_kinds[names->kind].chinese : "";
    snprintf(chinese, sizeof chinese, "必填项“%s”没有值，请在%s中填写%s", field->chinese, kind,
             member ? member->chinese : "");
    snprintf(english, sizeof english, "required, and there is no value: give %s.%s",
             member ? yq_kinds[names->kind].name : "", member ? member->name : "");
    say(l, field, "missing", chinese, english);
}

static void check_field_length(const struct looking *l, const struct yq_field *field,
                               const char *value)
{
    char chinese[240], english[240];
    size_t length = field->bytes ? check_gbk_bytes(value) : check_characters(value);
    if (!field->length || length <= field->length)
        return;
    snprintf(chinese, sizeof chinese, "“%s”有 %zu 个%s，该接口最多 %u 个，请缩短", field->chinese,
             length, field->bytes ? "字节（按 GBK，一个汉字两个）" : "字符", field->length);
    snprintf(english, sizeof english, "%zu %s, and the interface takes %u at most: shorten it",
             length, field->bytes ? "bytes (in GBK: two for a Chinese character)" : "characters",
             field->length);
    say(l, field, "too-long", chinese, english);
}

static void check_field_dictionary(const struct looking *l, const struct yq_field *field,
                                   const char *value)
{
    const struct yq_dictionary *dictionary = yq_dictionary_find(field->dictionary);
    char chinese[240], english[240], code[128];
    if (!dictionary)
        return;
    for (const char *at = value; *at;) {
        size_t length = strcspn(at, ",|;");
        snprintf(code, sizeof code, "%.*s", (int)(length < 120 ? length : 120), at);
        at += length;
        at += *at != '\0';
        if (!length || yq_term_accepts(dictionary, code))
            continue;
        snprintf(chinese, sizeof chinese,
                 "“%s”的代码不在字典“%s”中：请改正，或用 yingqiao codes 对应院内代码",
                 field->chinese, dictionary->chinese);
        snprintf(english, sizeof english,
                 "the code is not in dictionary %s: correct it, or map the local code with "
                 "yingqiao codes",
                 dictionary->name);
        say(l, field, "not-in-dictionary", chinese, english);
        return;
    }
}

/* dddd-dd-dd, and the time behind it where there is to be one. */
static bool is_moment(const char *value, bool timed)
{
    static const char form[] = "dddd-dd-dd dd:dd:dd";
    size_t length = strlen(value);
    if (length != (timed ? 19u : 10u))
        return false;
    for (size_t i = 0; i < length; i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)value[i]) : value[i] != form[i])
            return false;
    return true;
}

static bool is_number(const char *value)
{
    char *end;
    if (!*value || value[strspn(value, "-0123456789.")])
        return false;
    strtod(value, &end);
    return !*end;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static void check_field_type(const struct looking *l, const struct yq_field *field,
                             const char *value)
{
    static const char *const numbers[] = {"数字",    "数值", "整数", "int",     "Int",
                                          "Integer", "Long", "long", "NUMERIC", NULL};
    if (is_one_of(field->type, numbers) && !is_number(value))
        say(l, field, "format", "该接口要求数字，请改正", "the interface wants a number");
    else if (strcmp(field->type, "日期") == 0 && !is_moment(value, false))
        say(l, field, "format", "该接口要求日期，格式 2026-03-01",
            "the interface wants a date: "
            "2026-03-01");
    else if (strcmp(field->type, "日期时间") == 0 && !is_moment(value, true))
        say(l, field, "format", "该接口要求日期时间，格式 2026-03-01 08:15:00",
            "the interface wants a date and time: 2026-03-01 08:15:00");
}

static void check_field(const struct looking *l, const struct yq_field *field)
{
    struct yq_buf value yq_cleanup(yq_buf_fini) = {.most = YQ_RECORD_VALUE_MOST};
    struct names names;
    bool there = field_value(field, &l->scope, &names, &value);
    if (!*field->source || !names.known)
        return;
    if (!there) {
        if (is_wanted(l, field))
            say_missing(l, field, &names);
        return;
    }
    check_field_length(l, field, yq_buf_text(&value));
    if (*field->dictionary)
        check_field_dictionary(l, field, yq_buf_text(&value));
    check_field_type(l, field, yq_buf_text(&value));
}

/* Calls for each item of a list of the interface's kind in one of the records. */
static void check_items(const struct yq_interface *interface, const struct looking *l)
{
    for (size_t r = 0; r < l->scope.count; r++) {
        const struct yq_record *record = l->scope.records[r];
        for (size_t m = 0; record && m < yq_kinds[record->kind].count; m++) {
            const struct yq_member *member = &yq_kinds[record->kind].members[m];
            if (member->type != YQ_VALUE_LIST || member->of != interface->kind)
                continue;
            for (size_t n = 0; n < record->lists[m].count; n++) {
                char prefix[64];
                snprintf(prefix, sizeof prefix, "%.30s[%zu].", member->name, n);
                struct looking item = *l;
                item.scope.item = record->lists[m].items[n];
                item.prefix = prefix;
                for (size_t i = 0; i < interface->count; i++)
                    check_field(&item, &interface->fields[i]);
            }
        }
    }
}

void yq_check_interface_among(const struct yq_interface *interface,
                              const struct yq_record *const *records, size_t count,
                              struct yq_findings *findings)
{
    struct looking l = {{records, count, NULL}, "", findings};
    if (interface->kind != YQ_KIND_COUNT && interface->kind >= YQ_KIND_KEPT &&
        !record_of(&l.scope, interface->kind)) {
        check_items(interface, &l);
        return;
    }
    for (size_t i = 0; i < interface->count; i++)
        check_field(&l, &interface->fields[i]);
}

void yq_check_interface(const struct yq_interface *interface, const struct yq_record *record,
                        struct yq_findings *findings)
{
    yq_check_interface_among(interface, &record, 1, findings);
}

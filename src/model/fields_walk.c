/* fields_walk.c: through a field table with records at hand: the values it makes, and what the
 * province would refuse of them.
 *
 * Lengths: Hebei's tables are columns of VARCHAR in whatever database the site has, so bytes are
 * counted, as GBK has them; Shanxi's are members of JSON and Neijiang's columns of views that must
 * hold "100岁" in four, so characters are. Sichuan's have none. The tables say so (unit). Objects
 * within objects are followed to a depth. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_inside.h"
#include "fields_inside.h"
#include "yq/dictionary.h"

enum { DEPTH_MOST = 4, LISTS = 2 };

struct place { /* one level of objects */
    const struct yq_scope *scope;
    const struct yq_record *item;
    const char *list, *value; /* "node.examInfo" and its value at hand; NULL: of no such list */
    const char *prefix;       /* of findings: "setInfoList[3]." */
    unsigned depth;
    enum yq_gate gate; /* of the fields that the objects stand in: the laxest */
    bool identity;     /* what stands for values where messages are compared */
};
struct walking {
    const struct yq_pen *pen;
    struct yq_findings *findings;
};

/* ---- names ---- */

static const struct yq_record *record_of(const struct place *place, enum yq_kind kind)
{
    const struct yq_record *item = place->item ? place->item : place->scope->item;
    if (item && item->kind == kind)
        return item;
    for (size_t i = 0; i < place->scope->count; i++)
        if (place->scope->records[i] && place->scope->records[i]->kind == kind)
            return place->scope->records[i];
    return NULL;
}

static const char *outside_value(const struct place *place, const char *name)
{
    const struct yq_scope *scope = place->scope;
    const char *value = NULL;
    char longer[192];
    if (!scope->outside)
        return NULL;
    if (place->list && strcmp(place->list, name) == 0)
        return place->value;
    if (place->list && strncmp(name, "node.", 5) == 0 &&
        snprintf(longer, sizeof longer, "%s[%s].%s", place->list, place->value, name + 5) <
            (int)sizeof longer)
        value = scope->outside(scope->context, longer, place->identity);
    if (!value)
        value = scope->outside(scope->context, name, place->identity);
    return value && *value ? value : NULL;
}

static const char *member_value(const struct place *place, enum yq_kind kind,
                                const struct yq_member *member)
{
    const struct yq_record *record = record_of(place, kind);
    size_t at = (size_t)(member - yq_kinds[kind].members);
    if (!record)
        return NULL;
    if (member->type == YQ_VALUE_LIST)
        return record->lists[at].count ? "[]" : NULL;
    return record->values[at];
}

static const char *value_of(const struct place *place, const char *name)
{
    enum yq_kind kind;
    const struct yq_member *member;
    if (strncmp(name, "node.", 5) == 0 || strncmp(name, "hospital.", 9) == 0)
        return outside_value(place, name);
    return fields_split_name(name, &kind, &member) ? member_value(place, kind, member) : NULL;
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
    const struct place *place = context;
    if (place->scope->convert)
        return place->scope->convert(place->scope->context, from, to, code, out);
    const char *into = yq_term_convert(from, to, code);
    if (into)
        yq_buf_puts(out, into);
    return into;
}

/* Can anybody tell here what the field's value is? */
static bool is_known(const struct yq_field_line *line, const struct place *place)
{
    const struct yq_scope *scope = place->scope;
    if (line->of && !line->several)
        return true;
    if (line->node && !scope->node)
        return false;
    if (line->node || (line->hospital && scope->outside) || (!line->kinds && !line->hospital))
        return true;
    for (unsigned kind = 0; kind < YQ_KIND_COUNT; kind++)
        if (line->kinds & 1u << kind && record_of(place, (enum yq_kind)kind))
            return true;
    return false;
}

/* ---- values ---- */

/* The value with line feeds between several; `room` for one that has to be made. NULL: none, and
 * err->code says whether the source stumbled over what is there. */
static const char *raw_value(const struct yq_field_line *line, const struct place *place,
                             struct yq_buf *room, struct yq_err *err)
{
    struct yq_surroundings around = {(void *)place, get, convert};
    bool there = false;
    err->code = YQ_OK;
    if (!line->source)
        return NULL;
    if (line->alone) {
        const char *value = line->member && !line->outside
                                ? member_value(place, line->kind, line->member)
                                : value_of(place, line->alone);
        return value && value[strspn(value, " \t\r\n")] ? value : NULL;
    }
    yq_buf_clear(room);
    return yq_expr_value(line->source, &around, room, &there, err) && there ? yq_buf_text(room)
                                                                            : NULL;
}

/* With what stands between several in the place of the line feeds. */
static const char *joined(const struct yq_field_line *line, const char *value, struct yq_buf *room)
{
    if (!value || !line->many || line->as == YQ_AS_ARRAY || !strchr(value, '\n'))
        return value;
    yq_buf_clear(room);
    for (;;) {
        size_t length = strcspn(value, "\n");
        yq_buf_put(room, value, length);
        value += length;
        if (!*value++)
            break;
        yq_buf_puts(room, line->field.between);
    }
    return yq_buf_text(room);
}

static bool is_json_number(const char *text)
{
    size_t digits;
    text += *text == '-';
    digits = strspn(text, "0123456789");
    if (!digits || digits > 18 || (*text == '0' && digits > 1))
        return false;
    text += digits;
    if (*text == '.') {
        digits = strspn(++text, "0123456789");
        if (!digits || digits > 18)
            return false;
        text += digits;
    }
    return !*text;
}

bool yq_fields_value(const struct yq_field_line *line, const struct yq_scope *scope,
                     struct yq_buf *out)
{
    struct place place = {.scope = scope, .prefix = ""};
    struct yq_buf made yq_cleanup(yq_buf_fini) = {.most = YQ_RECORD_VALUE_MOST};
    struct yq_buf whole yq_cleanup(yq_buf_fini) = {.most = 2u * YQ_RECORD_VALUE_MOST};
    struct yq_err err;
    const char *value = joined(line, raw_value(line, &place, &made, &err), &whole);
    if (value)
        yq_buf_puts(out, value);
    return value;
}

/* ---- the rules ---- */

struct looking {
    const struct place *place;
    const struct yq_field_line *line;
    struct yq_findings *findings;
};

static enum yq_gate gate_of(const struct yq_field_line *line, const struct place *place)
{
    return line->gate > place->gate ? line->gate : place->gate;
}

static void say(const struct looking *l, const char *what, const char *chinese, const char *english)
{
    char path[192];
    const struct yq_field_line *line = l->line;
    bool serious = !line->field.about || strcmp(what, "too-long") != 0;
    size_t before = l->findings->count;
    snprintf(path, sizeof path, "%s%s", l->place->prefix, line->field.name);
    check_say(l->findings, serious, path, what, chinese, english);
    if (l->findings->count > before)
        l->findings->list[before].held = serious && gate_of(line, l->place) == YQ_GATE_HOLD;
}

/* "exam.visitType=1 2": does one of the words stand there? Of a record that is not here: no. With
 * no words: is nothing there? */
static bool is_wanted(const struct looking *l)
{
    const struct yq_field *field = &l->line->field;
    char name[96];
    if (strcmp(field->required, "yes") != 0 && !*field->when)
        return false;
    if (!*field->when)
        return true;
    if (strcmp(field->when, "never") == 0)
        return false;
    size_t length = strcspn(field->when, "=");
    snprintf(name, sizeof name, "%.*s", (int)length, field->when);
    const char *value = value_of(l->place, name);
    const char *word = field->when + length;
    if (!word[strspn(word, "= ")])
        return !value;
    while (value && *word) {
        word += strspn(word, "= ");
        size_t size = strcspn(word, " ");
        if (size && strlen(value) == size && strncmp(word, value, size) == 0)
            return true;
        word += size;
    }
    return false;
}

static void say_missing(const struct looking *l)
{
    char chinese[240], english[240];
    const struct yq_field_line *line = l->line;
    const struct yq_outside_name *outside = line->outside;
    if (outside && *outside->setting) {
        snprintf(chinese, sizeof chinese, "必填项“%s”没有值，请在 node.json 中设置 %s（%s）%s%s",
                 line->field.chinese, outside->setting, outside->chinese,
                 line->member ? "，或在检查、报告中填写" : "",
                 line->member ? line->member->chinese : "");
        snprintf(english, sizeof english,
                 "required, and there is no value: set %s in node.json%s%s", outside->setting,
                 line->member ? ", or give " : "", line->member ? line->member->name : "");
    } else if (line->member) {
        snprintf(chinese, sizeof chinese, "必填项“%s”没有值，请在%s中填写%s", line->field.chinese,
                 yq_kinds[line->kind].chinese, line->member->chinese);
        snprintf(english, sizeof english, "required, and there is no value: give %s.%s",
                 yq_kinds[line->kind].name, line->member->name);
    } else {
        snprintf(chinese, sizeof chinese, "必填项“%s”没有值%s%s", line->field.chinese,
                 outside ? "：" : "", outside ? outside->chinese : "");
        snprintf(english, sizeof english, "required, and there is no value%s%s",
                 outside ? ": " : "", outside ? outside->name : "");
    }
    say(l, "missing", chinese, english);
}

static void check_length(const struct looking *l, const char *value)
{
    const struct yq_field *field = &l->line->field;
    char chinese[240], english[240];
    if (!field->length || strlen(value) <= field->length)
        return; /* as many bytes as characters may be, at least */
    size_t length = field->bytes ? check_gbk_bytes(value) : check_characters(value);
    if (length <= field->length)
        return;
    snprintf(chinese, sizeof chinese, "“%s”有 %zu 个%s，该接口最多 %u 个，请缩短", field->chinese,
             length, field->bytes ? "字节（按 GBK，一个汉字两个）" : "字符", field->length);
    snprintf(english, sizeof english, "%zu %s, and the interface takes %u at most: shorten it",
             length, field->bytes ? "bytes (in GBK: two for a Chinese character)" : "characters",
             field->length);
    say(l, "too-long", chinese, english);
}

static void check_dictionary(const struct looking *l, const char *value)
{
    const struct yq_field *field = &l->line->field;
    const struct yq_dictionary *dictionary = yq_dictionary_find(field->dictionary);
    char chinese[240], english[240], code[128];
    if (!dictionary)
        return;
    for (const char *at = value; *at;) {
        size_t length = strcspn(at, ",|; \n");
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
        say(l, "not-in-dictionary", chinese, english);
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

static void check_type(const struct looking *l, const char *value)
{
    const char *type = l->line->field.type;
    if (l->line->as == YQ_AS_NUMBER && !is_number(value))
        say(l, "format", "该接口要求数字，请改正", "the interface wants a number");
    else if (strcmp(type, "日期") == 0 && !is_moment(value, false))
        say(l, "format", "该接口要求日期，格式 2026-03-01",
            "the interface wants a date: 2026-03-01");
    else if (strcmp(type, "日期时间") == 0 && !is_moment(value, true))
        say(l, "format", "该接口要求日期时间，格式 2026-03-01 08:15:00",
            "the interface wants a date and time: 2026-03-01 08:15:00");
}

/* The number of an id card, where the record says that it is one (GB 11643): no province takes one
 * whose digits contradict each other. */
static void check_id_card(const struct looking *l, const char *value)
{
    const struct yq_member *member = l->line->member;
    const char *end = member ? strstr(member->name, "dNumber") : NULL; /* idNumber, ...IdNumber */
    char name[96];
    if (!end || end == member->name || strcmp(end, "dNumber") != 0 ||
        (end[-1] != 'i' && end[-1] != 'I'))
        return;
    snprintf(name, sizeof name, "%s.%.*sdType", yq_kinds[l->line->kind].name,
             (int)(end - member->name), member->name);
    const char *type = value_of(l->place, name);
    if (type && strcmp(type, "01") == 0 && !yq_is_id_card(value))
        say(l, "check-digit", "不是有效的公民身份号码（18 位，末位为校验码），请按证件核对",
            "not a valid id card number (18 characters, the last one checks the others): compare "
            "it with the card");
}

/* The source cannot make a value of what is there: a date that is none, ... */
static void say_stumbled(const struct looking *l, const struct yq_err *why)
{
    char chinese[240], english[240];
    snprintf(chinese, sizeof chinese, "“%s”的来源表达式无法处理该值（%.120s），请改正记录或来源",
             l->line->field.chinese, why->text);
    snprintf(english, sizeof english,
             "the source can make nothing of the value (%.140s): correct "
             "the record, or the source",
             why->text);
    say(l, "format", chinese, english);
}

/* `value` NULL: none. */
static void check_value(const struct looking *l, const char *value, const struct yq_err *why)
{
    if (!value) {
        if (why->code != YQ_OK)
            say_stumbled(l, why);
        else if (is_wanted(l))
            say_missing(l);
        return;
    }
    check_length(l, value);
    if (*l->line->field.dictionary)
        check_dictionary(l, value);
    check_type(l, value);
    check_id_card(l, value);
}

/* ---- the walk ---- */

struct rooms { /* memory for values, used again and again */
    struct yq_buf made, whole, identity_made, identity_whole;
};

static void rooms_fini(struct rooms *rooms)
{
    yq_buf_fini(&rooms->made);
    yq_buf_fini(&rooms->whole);
    yq_buf_fini(&rooms->identity_made);
    yq_buf_fini(&rooms->identity_whole);
}

static void write_array(const struct walking *w, const struct yq_written *written)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0}, other yq_cleanup(yq_buf_fini) = {0};
    const char *at = written->text, *beside = written->identity;
    w->pen->begin(w->pen->context, written->line->field.name, true);
    while (*at) {
        size_t length = strcspn(at, "\n"), length_beside = strcspn(beside, "\n");
        struct yq_written one = {.line = written->line};
        yq_buf_clear(&text);
        yq_buf_clear(&other);
        yq_buf_put(&text, at, length);
        yq_buf_put(&other, beside, length_beside);
        one.text = yq_buf_text(&text);
        one.identity = yq_buf_text(&other);
        if (length)
            w->pen->value(w->pen->context, NULL, &one);
        at += length + (at[length] != '\0');
        beside += length_beside + (beside[length_beside] != '\0');
    }
    w->pen->end(w->pen->context, true);
}

static void write_value(const struct walking *w, const struct place *place,
                        const struct yq_field_line *line, const char *value, struct rooms *rooms)
{
    struct yq_written written = {line, value, value,
                                 line->as == YQ_AS_NUMBER && is_json_number(value)};
    if (line->node) {
        struct place other = *place;
        other.identity = true;
        struct yq_err err;
        const char *identity = joined(line, raw_value(line, &other, &rooms->identity_made, &err),
                                      &rooms->identity_whole);
        written.identity = identity ? identity : value;
    }
    if (line->as == YQ_AS_ARRAY)
        write_array(w, &written);
    else
        w->pen->value(w->pen->context, line->field.name, &written);
}

static void walk_place(const struct walking *w, const struct yq_fields *fields,
                       const struct place *place, struct rooms *rooms);

static void walk_object(const struct walking *w, const struct yq_fields *fields,
                        const struct place *place, const char *name)
{
    struct rooms rooms = {{.most = YQ_RECORD_VALUE_MOST},
                          {.most = 2u * YQ_RECORD_VALUE_MOST},
                          {.most = YQ_RECORD_VALUE_MOST},
                          {.most = 2u * YQ_RECORD_VALUE_MOST}};
    if (w->pen)
        w->pen->begin(w->pen->context, name, false);
    walk_place(w, fields, place, &rooms);
    if (w->pen)
        w->pen->end(w->pen->context, false);
    rooms_fini(&rooms);
}

/* The list of records that the source of objects(...) is about. */
static const struct yq_record_list *list_of(const struct yq_field_line *line,
                                            const struct place *place)
{
    const struct yq_record *record = line->member ? record_of(place, line->kind) : NULL;
    if (!record || line->member->type != YQ_VALUE_LIST)
        return NULL;
    return &record->lists[line->member - yq_kinds[line->kind].members];
}

static void walk_items(const struct walking *w, const struct yq_fields *fields,
                       const struct place *place, const struct yq_field_line *line,
                       const char *value)
{
    const struct yq_record_list *list = strcmp(value, "[]") == 0 ? list_of(line, place) : NULL;
    struct place within = *place;
    char prefix[160], name[64];
    const bool node =
        line->alone || (line->outside && strncmp(line->outside->name, "node.", 5) == 0);
    for (size_t n = 0; list ? n < list->count : *value; n++) {
        struct yq_buf one yq_cleanup(yq_buf_fini) = {0};
        snprintf(prefix, sizeof prefix, "%.80s%.40s[%zu].", place->prefix, line->field.name, n);
        within.prefix = prefix;
        if (list) {
            within.item = list->items[n];
        } else {
            size_t length = strcspn(value, "\n");
            yq_buf_put(&one, value, length);
            value += length + (value[length] != '\0');
            if (node && line->outside && yq_copy(name, sizeof name, line->outside->name)) {
                within.list = name;
                within.value = yq_buf_text(&one);
            }
        }
        walk_object(w, fields, &within, NULL);
    }
}

static void walk_objects(const struct walking *w, const struct place *place,
                         const struct yq_field_line *line, struct rooms *rooms)
{
    const struct yq_scope *scope = place->scope;
    const struct yq_fields *fields =
        scope->fields ? scope->fields(scope->context, line->of) : yq_fields_of(line->of);
    struct place within = *place;
    struct looking l = {place, line, w->findings};
    char prefix[160];
    if (!fields || place->depth == DEPTH_MOST)
        return;
    within.depth++;
    within.gate = gate_of(line, place);
    if (!line->several) {
        snprintf(prefix, sizeof prefix, "%.80s%.60s.", place->prefix, line->field.name);
        within.prefix = prefix;
        walk_object(w, fields, &within, line->field.name);
        return;
    }
    struct yq_err err;
    const char *value = raw_value(line, place, &rooms->made, &err);
    if (!value) {
        if (l.findings && gate_of(line, place) != YQ_GATE_OFF && is_known(line, place) &&
            is_wanted(&l))
            say_missing(&l);
        return;
    }
    if (w->pen)
        w->pen->begin(w->pen->context, line->field.name, true);
    walk_items(w, fields, &within, line, value);
    if (w->pen)
        w->pen->end(w->pen->context, true);
}

static void walk_place(const struct walking *w, const struct yq_fields *fields,
                       const struct place *place, struct rooms *rooms)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct yq_field_line *line = &fields->lines[i];
        struct looking l = {place, line, w->findings};
        if (line->of) {
            walk_objects(w, place, line, rooms);
            continue;
        }
        if (!line->source)
            continue;
        struct yq_err err;
        const char *value = joined(line, raw_value(line, place, &rooms->made, &err), &rooms->whole);
        if (w->findings && gate_of(line, place) != YQ_GATE_OFF && (value || is_known(line, place)))
            check_value(&l, value, &err);
        if (w->pen && value)
            write_value(w, place, line, value, rooms);
    }
}

/* Calls for each item of a list of the interface's kind in one of the records. */
static void walk_kind(const struct walking *w, const struct yq_fields *fields,
                      const struct yq_scope *scope)
{
    for (size_t r = 0; r < scope->count; r++) {
        const struct yq_record *record = scope->records[r];
        for (size_t m = 0; record && m < yq_kinds[record->kind].count; m++) {
            const struct yq_member *member = &yq_kinds[record->kind].members[m];
            if (member->type != YQ_VALUE_LIST || member->of != fields->interface->kind)
                continue;
            for (size_t n = 0; n < record->lists[m].count; n++) {
                char prefix[64];
                snprintf(prefix, sizeof prefix, "%.30s[%zu].", member->name, n);
                struct place place = {
                    .scope = scope, .item = record->lists[m].items[n], .prefix = prefix};
                walk_object(w, fields, &place, NULL);
            }
        }
    }
}

void yq_fields_walk(const struct yq_fields *fields, const struct yq_scope *scope,
                    const struct yq_pen *pen, struct yq_findings *findings)
{
    struct walking w = {pen, findings};
    struct place place = {.scope = scope, .prefix = ""};
    enum yq_kind kind = fields->interface->kind;
    /* what stands within records, looked at by itself: each of them */
    if (!pen && kind != YQ_KIND_COUNT && kind >= YQ_KIND_KEPT && !record_of(&place, kind))
        walk_kind(&w, fields, scope);
    else
        walk_object(&w, fields, &place, NULL);
}

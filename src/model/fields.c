/* fields.c: field tables made ready (fields.h): sources parsed, names and dictionaries looked up.
 * What is not understood is told with what is wanted. Pure. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields_inside.h"
#include "yq/dictionary.h"

#define ROOM "model"

const struct yq_outside_name yq_outside_names[] = {
    {"hospital.code", "hospital.code", "本院统一社会信用代码"},
    {"hospital.name", "hospital.name", "本院名称"},
    {"hospital.insuranceCode", "hospital.insurance_code", "本院定点医药机构代码"},
    {"hospital.insuranceName", "hospital.insurance_name", "本院定点医药机构名称"},
    {"hospital.insuranceDivision", "hospital.insurance_division", "本院所属医保区划代码"},
    {"hospital.level", "hospital.level", "本院医院级别"},
    {"node.removed", "", "检查已在本节点删除"},
    {"node.pdfUrl", "", "报告 PDF 的签名地址"},
    {"node.pdfBase64", "", "报告 PDF 的内容（Base64）"},
    {"node.patientId", "", "影像头中的患者编号"},
    {"node.patientName", "", "影像头中的姓名"},
    {"node.patientSex", "", "影像头中的性别（M F O）"},
    {"node.patientAge", "", "影像头中的年龄（如 45Y）"},
    {"node.accessionNumber", "", "影像头中的检查号"},
    {"node.studyUid", "", "影像：Study Instance UID"},
    {"node.studyDate", "", "影像的检查时间"},
    {"node.modality", "", "序列的设备类型"},
    {"node.seriesUid", "", "影像：Series Instance UID"},
    {"node.seriesNumber", "", "影像：Series Number"},
    {"node.filePaths", "", "每个实例的签名地址"},
    {"node.date", "", "对账的日期"},
    {"node.examInfo", "", "对账：那一天有检查的设备类型，每个一项"},
    {"node.exams", "", "对账：这种类型的检查数"},
    {"node.images", "", "对账：这种类型的影像数"},
    {"node.reports", "", "对账：这种类型的报告数"},
    {"node.studies", "", "对账：这种类型的检查的编号"},
};
const size_t yq_outside_count = sizeof yq_outside_names / sizeof *yq_outside_names;

const char *yq_gate_name(enum yq_gate gate)
{
    return gate == YQ_GATE_HOLD ? "hold" : gate == YQ_GATE_WARN ? "warn" : "off";
}

/* ---- names ---- */

bool fields_split_name(const char *name, enum yq_kind *kind, const struct yq_member **member)
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

const struct yq_outside_name *fields_outside(const char *name)
{
    for (size_t i = 0; i < yq_outside_count; i++)
        if (strcmp(yq_outside_names[i].name, name) == 0)
            return &yq_outside_names[i];
    return NULL;
}

struct naming { /* the names of a source, one after the other */
    struct yq_field_line *line;
    char wrong[64]; /* the first that nobody has; "" none */
    bool other;     /* there is a name beside updatedTime */
};

static void take_name(void *context, const char *name)
{
    struct naming *naming = context;
    struct yq_field_line *line = naming->line;
    enum yq_kind kind;
    const struct yq_member *member;
    const struct yq_outside_name *outside = fields_outside(name);
    naming->other = naming->other || !strstr(name, ".updatedTime");
    if (outside) {
        line->outside = line->outside ? line->outside : outside;
        line->node = line->node || strncmp(name, "node.", 5) == 0;
        line->hospital = line->hospital || strncmp(name, "hospital.", 9) == 0;
        line->many = line->many || line->node;
    } else if (fields_split_name(name, &kind, &member)) {
        if (!line->member) {
            line->member = member;
            line->kind = kind;
        }
        if (member->personal && !line->personal)
            line->personal = member;
        line->kinds |= 1u << kind;
        line->many = line->many || member->many;
    } else if (!*naming->wrong) {
        (void)yq_copy(naming->wrong, sizeof naming->wrong, name);
    }
}

static void nearer(const char **best, size_t *least, const char *candidate, const char *wrong)
{
    size_t away = yq_word_distance(wrong, candidate);
    if (away < *least) {
        *least = away;
        *best = candidate;
    }
}

static bool fail_name(const char *wrong, struct yq_err *err)
{
    char word[64], guess[160] = "";
    const char *best = NULL, *dot = strchr(wrong, '.');
    size_t least = strlen(wrong) / 3 + 1;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(wrong, "."), wrong);
    enum yq_kind kind = yq_kind_by_name(word);
    if (kind != YQ_KIND_COUNT && dot) {
        for (size_t i = 0; i < yq_kinds[kind].count; i++)
            nearer(&best, &least, yq_kinds[kind].members[i].name, dot + 1);
        if (best)
            snprintf(guess, sizeof guess, " (did you mean \"%.31s.%.40s\"?)", word, best);
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "\"%.63s\" is no member of %s%s", wrong,
                       yq_kinds[kind].name, guess);
    }
    for (size_t i = 0; i < yq_outside_count; i++)
        nearer(&best, &least, yq_outside_names[i].name, wrong);
    if (best)
        snprintf(guess, sizeof guess, " (did you mean \"%.60s\"?)", best);
    return yq_fail(err, YQ_BAD_INPUT, ROOM,
                   "\"%.63s\" is nothing that is known: exam.patientName, hospital.code, "
                   "node.pdfUrl, \"text\" in quotes, ...%s",
                   wrong, guess);
}

/* ---- dictionaries of code(...) ---- */

static bool is_known_dictionary(const char *name, bool from)
{
    if (from && (strcmp(name, "local") == 0 || strncmp(name, "local:", 6) == 0 ||
                 strcmp(name, "name") == 0))
        return true;
    return yq_dictionary_find(name);
}

static void take_code(void *context, const char *from, const char *to)
{
    char *wrong = context; /* of 64 */
    if (!*wrong && !is_known_dictionary(from, true))
        (void)yq_copy(wrong, 64, from);
    if (!*wrong && !is_known_dictionary(to, false))
        (void)yq_copy(wrong, 64, to);
}

/* ---- objects ---- */

/* Reads "object(NAME)" and "objects(NAME, A)"; *rest: A and what is behind it. False: it is
 * neither. */
static bool read_objects(const char *source, bool *several, char name[64], const char **rest)
{
    source += strspn(source, " \t");
    *several = strncmp(source, "objects", 7) == 0;
    if (!*several && strncmp(source, "object", 6) != 0)
        return false;
    source += *several ? 7 : 6;
    source += strspn(source, " \t");
    if (*source++ != '(')
        return false;
    source += strspn(source, " \t");
    size_t length = strcspn(source, " \t,)");
    snprintf(name, 64, "%.*s", (int)(length < 63 ? length : 63), source);
    source += length;
    *rest = source + strspn(source, " \t");
    return true;
}

static bool prepare_objects(struct yq_field_line *line, const char *name, const char *rest,
                            const struct yq_interface *interface, struct yq_err *err)
{
    char list[4096];
    line->of = yq_interface_find(interface->platform, name);
    if (!line->of || !line->of->count)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "there is no interface %s of %s; `yingqiao fields %s` lists them", name,
                       interface->platform, interface->platform);
    size_t length = strlen(rest);
    while (length && strchr(" \t\r", rest[length - 1]))
        length--;
    if (!length || rest[length - 1] != ')' || (*rest == ',') != line->several ||
        (!line->several && length != 1) || length >= sizeof list)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "objects are object(INTERFACE), or objects(INTERFACE, A) with what they are "
                       "made of");
    if (!line->several)
        return true;
    memcpy(list, rest + 1, length - 2);
    list[length - 2] = '\0';
    return yq_expr_parse(list, &line->source, err);
}

/* ---- a line ---- */

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static enum yq_written_as form_of(const char *type)
{
    static const char *const numbers[] = {"数字",    "数值", "整数", "int",     "Int",
                                          "Integer", "Long", "long", "NUMERIC", NULL};
    static const char *const arrays[] = {"array", "Array", "数组", NULL};
    if (is_one_of(type, arrays) || strncmp(type, "List<", 5) == 0)
        return YQ_AS_ARRAY;
    return is_one_of(type, numbers) ? YQ_AS_NUMBER : YQ_AS_TEXT;
}

/* "exam.visitType=1 2", "node.pdfBase64=" (required where that is not there), "never". */
static bool check_when(const char *when, struct yq_err *err)
{
    char name[96];
    enum yq_kind kind;
    const struct yq_member *member;
    if (!*when || strcmp(when, "never") == 0)
        return true;
    size_t length = strcspn(when, "=");
    snprintf(name, sizeof name, "%.*s", (int)length, when);
    if (!when[length])
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "when is NAME=VALUE VALUE .., or never");
    return fields_outside(name) || fields_split_name(name, &kind, &member) || fail_name(name, err);
}

static bool check_source(struct yq_field_line *line, struct yq_err *err)
{
    struct naming naming = {.line = line};
    char dictionary[64] = "";
    yq_expr_names(line->source, take_name, &naming);
    if (*naming.wrong)
        return fail_name(naming.wrong, err);
    yq_expr_codes(line->source, take_code, dictionary);
    if (*dictionary)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "code(...) names \"%s\", and there is no such dictionary", dictionary);
    line->stamp = line->member && !naming.other;
    line->alone = line->of ? NULL : yq_expr_name(line->source);
    return true;
}

bool fields_prepare(struct yq_field_line *line, const struct yq_interface *interface,
                    struct yq_err *err)
{
    const struct yq_field *field = &line->field;
    char name[64];
    const char *rest;
    line->kind = YQ_KIND_COUNT;
    line->as = form_of(field->type);
    if (*field->dictionary && !yq_dictionary_find(field->dictionary))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "there is no dictionary %s", field->dictionary);
    if (!check_when(field->when, err))
        return false;
    if (!*field->source)
        return true;
    bool fine = read_objects(field->source, &line->several, name, &rest)
                    ? prepare_objects(line, name, rest, interface, err)
                    : yq_expr_parse(field->source, &line->source, err);
    return fine && (!line->source || check_source(line, err));
}

/* ---- tables ---- */

void fields_release(struct yq_field_line *line)
{
    yq_expr_free(line->source);
    for (size_t i = 0; i < sizeof line->owned / sizeof *line->owned; i++)
        free(line->owned[i]);
}

void yq_fields_free(struct yq_fields *fields)
{
    if (!fields)
        return;
    for (size_t i = 0; i < fields->count; i++)
        fields_release(&fields->lines[i]);
    free(fields->lines);
    free(fields);
}

struct yq_fields *fields_make(const struct yq_interface *interface, unsigned *line,
                              struct yq_err *err)
{
    struct yq_fields *fields = calloc(1, sizeof *fields);
    *line = 1;
    if (fields)
        fields->lines = calloc(interface->count ? interface->count : 1, sizeof *fields->lines);
    if (!fields || !fields->lines) {
        yq_fields_free(fields);
        (void)yq_fail(err, YQ_FULL, ROOM, "no memory for a field table");
        return NULL;
    }
    fields->interface = interface;
    for (size_t i = 0; i < interface->count; i++) {
        struct yq_field_line *at = &fields->lines[fields->count++];
        at->field = interface->fields[i];
        *line = (unsigned)i + 2; /* below the heading */
        if (!fields_prepare(at, interface, err)) {
            yq_fields_free(fields);
            return NULL;
        }
    }
    return fields;
}

bool yq_fields_check(const struct yq_interface *interface, unsigned *line, struct yq_err *err)
{
    struct yq_fields *fields = fields_make(interface, line, err);
    yq_fields_free(fields);
    return fields;
}

enum { INTERFACES_MOST = 512 }; /* as make_platforms has it */
static _Atomic(struct yq_fields *) made[INTERFACES_MOST];

const struct yq_fields *yq_fields_of(const struct yq_interface *interface)
{
    size_t at = (size_t)(interface - yq_interfaces);
    struct yq_fields *fields, *none = NULL;
    struct yq_err err;
    unsigned line;
    if (at >= yq_interface_count || at >= INTERFACES_MOST)
        return NULL;
    fields = atomic_load(&made[at]);
    if (fields)
        return fields;
    fields = fields_make(interface, &line, &err);
    if (fields && !atomic_compare_exchange_strong(&made[at], &none, fields)) {
        yq_fields_free(fields);
        fields = none;
    }
    return fields;
}

/* hl7_draft.c: message -> records, by the mapping of its source. Looks at nothing but the message:
 * so it is what `yingqiao hl7 test` shows, too.
 *
 * A message is cut into groups: each OBR, with the ORC before it, is an exam, a report or a lab
 * report. A path is looked for in the group first, then in what stands before all groups. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hl7.h"
#include "yq/attachment.h"
#include "yq/codes.h"

struct group {
    struct yq_hl7_range all, patient;
    size_t orc; /* SIZE_MAX: none */
    bool has_obr;
};

bool hl7_fault(struct yq_intake *intake, enum yq_code code, unsigned condition,
               const char *location, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char text[sizeof intake->fault.text];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    intake->condition = condition;
    (void)yq_copy(intake->location, sizeof intake->location, location);
    return yq_fail(&intake->fault, code, "hl7", "%s", text);
}

void hl7_drafts_fini(struct hl7_drafts *drafts)
{
    for (size_t i = 0; i < drafts->count; i++) {
        yq_record_free(drafts->list[i].record);
        free(drafts->list[i].deleted);
    }
    free(drafts->list);
    *drafts = (struct hl7_drafts){0};
}

/* ---- what kind of message it is ---- */

enum hl7_kind_of hl7_kind(const struct yq_hl7_head *head)
{
    static const struct {
        const char *type, *event;
        enum hl7_kind_of kind;
    } table[] = {
        {"ORM", "O01", HL7_ORDER},   {"ORM", "", HL7_ORDER},      {"OMG", "O19", HL7_ORDER},
        {"OMG", "", HL7_ORDER},      {"OMI", "O23", HL7_ORDER},   {"OMI", "", HL7_ORDER},
        {"ORU", "R01", HL7_RESULT},  {"ORU", "", HL7_RESULT},     {"ADT", "A01", HL7_PATIENT},
        {"ADT", "A04", HL7_PATIENT}, {"ADT", "A05", HL7_PATIENT}, {"ADT", "A08", HL7_PATIENT},
        {"ADT", "A28", HL7_PATIENT}, {"ADT", "A31", HL7_PATIENT}, {"ADT", "A40", HL7_MERGE},
        {"ADT", "A18", HL7_MERGE},   {"ADT", "A34", HL7_MERGE},   {"ADT", "A02", HL7_NOTHING},
        {"ADT", "A03", HL7_NOTHING}, {"ADT", "A06", HL7_NOTHING}, {"ADT", "A07", HL7_NOTHING},
        {"ADT", "A11", HL7_NOTHING}, {"ADT", "A12", HL7_NOTHING}, {"ADT", "A13", HL7_NOTHING},
    };
    enum hl7_kind_of kind = HL7_UNKNOWN_TYPE;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcasecmp(head->type, table[i].type) != 0)
            continue;
        if (strcasecmp(head->event, table[i].event) == 0)
            return table[i].kind;
        kind = HL7_UNKNOWN_EVENT;
    }
    return kind;
}

static bool is(const struct yq_intake *intake, size_t segment, const char *name)
{
    return strcmp(intake->message.segments[segment].name, name) == 0;
}

/* ---- groups ---- */

static bool cut(struct yq_intake *intake, struct group *groups, size_t *count)
{
    struct yq_hl7_range patient = {0, 0};
    size_t orc = SIZE_MAX;
    *count = 0;
    for (size_t i = 0; i < intake->message.count; i++) {
        struct group *open =
            *count && groups[*count - 1].all.until == i ? &groups[*count - 1] : NULL;
        bool is_orc = is(intake, i, "ORC"), is_obr = is(intake, i, "OBR");
        if (is(intake, i, "PID")) { /* another patient's results may follow in one message */
            patient = (struct yq_hl7_range){i, i + 1};
            orc = SIZE_MAX;
            continue;
        }
        if (is_orc)
            orc = i;
        if (is_orc || (is_obr && (!open || open->has_obr))) {
            if (*count == HL7_GROUPS_MOST)
                return hl7_fault(intake, YQ_FULL, 207, "", "more than %d orders in one message",
                                 HL7_GROUPS_MOST);
            groups[(*count)++] = (struct group){{i, i + 1}, patient, orc, is_obr};
        } else if (open) {
            open->all.until = i + 1;
            open->has_obr = open->has_obr || is_obr;
        } else if (patient.until == i && patient.until) {
            patient.until = i + 1;
        }
    }
    return *count > 0;
}

static void look_at(struct yq_intake *intake, const struct group *group, struct hl7_view *view)
{
    size_t head = 0;
    while (head < intake->message.count && !is(intake, head, "PID") && !is(intake, head, "ORC") &&
           !is(intake, head, "OBR"))
        head++;
    *view = (struct hl7_view){.intake = intake, .group = group->all};
    view->ranges[view->range_count++] = group->all;
    if (group->orc != SIZE_MAX && group->orc < group->all.from)
        view->ranges[view->range_count++] = (struct yq_hl7_range){group->orc, group->orc + 1};
    view->ranges[view->range_count++] = group->patient;
    view->ranges[view->range_count++] = (struct yq_hl7_range){0, head};
}

/* ---- what a mapping sees ---- */

static bool get(void *context, const char *name, struct yq_buf *out)
{
    struct hl7_view *view = context;
    struct yq_hl7_path path;
    bool known;
    bool there = hl7_view_special(view, name, out, &known);
    if (known)
        return there;
    if (!yq_hl7_path_parse(name, &path))
        return false;
    const struct yq_hl7 *message = &view->intake->message;
    enum yq_hl7_found found = yq_hl7_get(message, view->ranges, view->range_count, &path, out);
    if (found == YQ_HL7_ABSENT && path.segment[0] == 'Z') { /* ZDS stands behind all orders */
        struct yq_hl7_range all = {0, message->count};
        found = yq_hl7_get(message, &all, 1, &path, out);
    }
    view->deleted = view->deleted || found == YQ_HL7_DELETED;
    return found == YQ_HL7_THERE;
}

static bool convert(void *context, const char *from, const char *to, const char *code,
                    struct yq_buf *out)
{
    struct hl7_view *view = context;
    char source[YQ_SOURCE_SIZE];
    snprintf(source, sizeof source, "hl7:%s", view->intake->source->name);
    struct yq_code_context codes = {view->intake->house, source};
    return yq_codes_convert(&codes, from, to, code, out);
}

/* The first path of an expression, to tell the sender where to look. */
static void take_location(void *context, const char *name)
{
    char *location = context;
    struct yq_hl7_path path;
    if (!*location && strlen(name) < 32 && yq_hl7_path_parse(name, &path))
        (void)yq_copy(location, 32, name);
}

static bool apply(struct hl7_view *view, struct yq_record *record, bool *deleted)
{
    const struct yq_mapping *mapping = view->intake->source->rules;
    const struct yq_surroundings around = {.context = view, .get = get, .convert = convert};
    for (size_t i = 0; i < mapping->count; i++) {
        struct yq_mapping one = {.lines = &mapping->lines[i], .count = 1};
        struct yq_err err = {0};
        int member = mapping->lines[i].member;
        if (mapping->lines[i].kind != record->kind)
            continue;
        (void)yq_copy(one.name, sizeof one.name, mapping->name);
        view->deleted = false;
        if (!yq_mapping_apply(&one, &around, record, &err)) {
            char location[32] = "";
            yq_expr_names(mapping->lines[i].source, take_location, location);
            return hl7_fault(view->intake, err.code, err.code == YQ_BAD_INPUT ? 102 : 207, location,
                             "%s", err.text);
        }
        if (deleted)
            deleted[member] = view->deleted && !record->values[member];
    }
    return true;
}

/* The draft that is added, applied; NULL with the fault. `most`: false where its absence is none.
 */
static struct hl7_draft *add(struct hl7_view *view, enum hl7_role role, struct hl7_drafts *out)
{
    static const enum yq_kind kinds[] = {[HL7_ROLE_ORDER] = YQ_KIND_EXAM,
                                         [HL7_ROLE_REPORT] = YQ_KIND_REPORT,
                                         [HL7_ROLE_EXAMINED] = YQ_KIND_EXAM,
                                         [HL7_ROLE_LAB] = YQ_KIND_LAB,
                                         [HL7_ROLE_PATIENT] = YQ_KIND_PATIENT};
    enum yq_kind kind = kinds[role];
    if (out->count == out->room) {
        size_t room = out->room ? out->room * 2 : 4;
        void *grown = realloc(out->list, room * sizeof *out->list);
        if (!grown)
            goto none;
        out->list = grown;
        out->room = room;
    }
    struct hl7_draft *draft = &out->list[out->count];
    *draft = (struct hl7_draft){.role = role,
                                .record = yq_record_new(kind),
                                .deleted = calloc(yq_kinds[kind].count, sizeof(bool))};
    out->count++;
    if (!draft->record || !draft->deleted)
        goto none;
    view->role = role;
    if (!apply(view, draft->record, draft->deleted))
        return NULL;
    if (yq_record_id(draft->record) || role == HL7_ROLE_EXAMINED)
        return draft;
    const struct yq_mapping *mapping = view->intake->source->rules;
    char location[32] = "";
    bool mapped = false;
    for (size_t i = 0; i < mapping->count; i++) {
        if (mapping->lines[i].kind == kind && mapping->lines[i].member == 0)
            yq_expr_names(mapping->lines[i].source, take_location, location);
        mapped = mapped || mapping->lines[i].kind == kind;
    }
    hl7_fault(view->intake, YQ_BAD_INPUT, 101, location,
              mapped ? "nothing in the message gives the %s its %s: the mapping \"%s\" looks for "
                       "it in %s and where else it says"
                     : "there is no line for kind %s (%s) in the mapping \"%s\"; it should say "
                       "where it is, such as %s",
              yq_kinds[kind].name, yq_kinds[kind].members[0].name, mapping->name,
              *location ? location : "OBR-3.1");
    return NULL;
none:
    hl7_fault(view->intake, YQ_FULL, 207, "", "no memory for a record");
    return NULL;
}

/* ---- results ---- */

static bool type_is(const struct yq_intake *intake, size_t obx, const char *const *types)
{
    const char *text;
    size_t length;
    if (!is(intake, obx, "OBX") || !yq_hl7_raw(&intake->message, obx, 2, 1, &text, &length))
        return false;
    for (; *types; types++)
        if (strlen(*types) == length && strncasecmp(text, *types, length) == 0)
            return true;
    return false;
}

static bool word_in(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(word, *words) == 0)
            return true;
    return false;
}

/* Laboratory or radiology: by the source, by OBR-24 (HL7 table 0074), by what the results are. */
static bool is_lab(const struct yq_intake *intake, const struct group *group)
{
    static const char *const labs[] = {"LAB", "CH",  "HM",  "MB",  "BG",  "BLB", "CG",
                                       "CP",  "ICU", "IMM", "ISO", "MCB", "MYC", "NRS",
                                       "SR",  "TX",  "URN", "VR",  NULL};
    static const char *const numbers[] = {"NM", "SN", NULL};
    static const char *const texts[] = {"TX", "FT", "ED", "RP", NULL};
    if (intake->source->content != YQ_CONTENT_AUTO)
        return intake->source->content == YQ_CONTENT_LAB;
    struct yq_buf section yq_cleanup(yq_buf_fini) = {.most = 256};
    struct yq_hl7_path path;
    bool number = false, text = false;
    if (yq_hl7_path_parse("OBR-24.1", &path) &&
        yq_hl7_get(&intake->message, &group->all, 1, &path, &section) == YQ_HL7_THERE)
        return word_in(yq_buf_text(&section), labs);
    for (size_t i = group->all.from; i < group->all.until; i++) {
        number = number || type_is(intake, i, numbers);
        text = text || type_is(intake, i, texts);
    }
    return number && !text;
}

static bool add_results(struct hl7_view *view, struct hl7_draft *draft)
{
    struct yq_intake *intake = view->intake;
    static const char *const documents[] = {"ED", "RP", NULL};
    int member = yq_member_find(YQ_KIND_LAB, "results");
    struct hl7_view inner yq_cleanup(hl7_view_fini) = *view;
    inner.said = NULL;
    size_t from = view->group.from;
    memmove(inner.ranges + 1, inner.ranges, view->range_count * sizeof *inner.ranges);
    inner.range_count = view->range_count + 1;
    for (; from < view->group.until; from++) {
        size_t until = from + 1;
        struct yq_err err = {0};
        if (!is(intake, from, "OBX") || type_is(intake, from, documents))
            continue;
        while (until < view->group.until && !is(intake, until, "OBX"))
            until++;
        inner.ranges[0] = (struct yq_hl7_range){from, until};
        inner.group = inner.ranges[0];
        hl7_view_fini(&inner);
        struct yq_record *result = yq_record_new(YQ_KIND_LAB_RESULT);
        if (!result)
            return hl7_fault(intake, YQ_FULL, 207, "", "no memory for a result");
        if (!apply(&inner, result, NULL)) {
            yq_record_free(result);
            return false;
        }
        if (!yq_record_add(draft->record, member, result, &err))
            return hl7_fault(intake, err.code, 207, "OBX-1", "%s", err.text);
    }
    return true;
}

/* Several OBR of one report, or of one lab report, are one record: texts below each other, items
 * and results behind each other. */
static bool join_members(struct yq_record *record, const struct yq_record *more, struct yq_err *err)
{
    const struct yq_kind_info *kind = &yq_kinds[record->kind];
    for (size_t m = 1; m < kind->count; m++) {
        const struct yq_member *member = &kind->members[m];
        const char *a = record->values[m], *b = more->values[m];
        char value[1024];
        bool text = strcmp(member->name, "findings") == 0 ||
                    strcmp(member->name, "impression") == 0 || strcmp(member->name, "advice") == 0;
        if (!b)
            continue;
        if (!a && !yq_record_set(record, (int)m, b, err))
            return false;
        for (size_t n = 0;
             a && member->many && yq_record_nth(more, member->name, n, value, sizeof value); n++)
            if (!yq_record_append(record, member->name, value, err))
                return false;
        if (a && text && strcmp(a, b) != 0) {
            struct yq_buf both yq_cleanup(yq_buf_fini) = {0};
            yq_buf_putf(&both, "%s\n%s", a, b);
            if (!yq_record_set(record, (int)m, yq_buf_text(&both), err))
                return false;
        }
    }
    return true;
}

static bool join_results(struct yq_record *record, struct yq_record *more, struct yq_err *err)
{
    int member = yq_member_find(YQ_KIND_LAB, "results");
    struct yq_record_list *list = &more->lists[member];
    for (size_t i = 0; i < list->count; i++) {
        struct yq_record *result = list->items[i];
        list->items[i] = NULL;
        if (!yq_record_add(record, member, result, err)) {
            list->count = 0;
            return false;
        }
    }
    list->count = 0;
    return true;
}

static bool join(struct yq_intake *intake, struct hl7_drafts *drafts)
{
    for (size_t i = 0; i < drafts->count; i++) {
        struct hl7_draft *draft = &drafts->list[i];
        struct yq_err err = {0};
        if (draft->role != HL7_ROLE_REPORT && draft->role != HL7_ROLE_LAB)
            continue;
        for (size_t j = i + 1; j < drafts->count;) {
            struct hl7_draft *other = &drafts->list[j];
            if (other->role != draft->role ||
                strcmp(yq_record_id(other->record), yq_record_id(draft->record)) != 0) {
                j++;
                continue;
            }
            if (!join_members(draft->record, other->record, &err) ||
                (draft->role == HL7_ROLE_LAB && !join_results(draft->record, other->record, &err)))
                return hl7_fault(intake, err.code, 207, "OBR-3", "%s", err.text);
            /* with its exam, which is this one's */
            size_t gone = draft->role == HL7_ROLE_REPORT && j + 1 < drafts->count &&
                                  drafts->list[j + 1].role == HL7_ROLE_EXAMINED
                              ? 2
                              : 1;
            for (size_t k = j; k < j + gone; k++) {
                yq_record_free(drafts->list[k].record);
                free(drafts->list[k].deleted);
            }
            memmove(&drafts->list[j], &drafts->list[j + gone],
                    (drafts->count - j - gone) * sizeof *drafts->list);
            drafts->count -= gone;
        }
    }
    return true;
}

/* ---- documents: ED ---- */

static const char *data_of(const struct yq_intake *intake, size_t obx, size_t *length)
{
    const char *text = NULL, *longest = NULL;
    size_t most = 0;
    if (yq_hl7_raw(&intake->message, obx, 5, 5, &longest, &most) && most)
        return *length = most, longest;
    for (unsigned c = 1; yq_hl7_raw(&intake->message, obx, 5, c, &text, length); c++)
        if (*length > most)
            longest = text, most = *length;
    *length = most;
    return longest;
}

/* Without line breaks, however they are written. */
static bool put_data(const struct yq_intake *intake, const char *text, size_t length,
                     struct yq_buf *out)
{
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    yq_hl7_unescape(&intake->message, text, length, &plain);
    uint8_t *place = yq_buf_raw(out, plain.length);
    size_t used = 0;
    for (size_t i = 0; place && i < plain.length; i++)
        if (plain.bytes[i] > ' ')
            place[used++] = plain.bytes[i];
    if (!place || plain.failed)
        return false;
    out->length = used;
    out->bytes[used] = '\0';
    return true;
}

static bool keep_pdf(struct yq_intake *intake, size_t obx, struct yq_attachment *pdf, bool keep,
                     bool *found)
{
    struct yq_err err = {0};
    struct yq_buf data yq_cleanup(yq_buf_fini) = {0};
    size_t length = 0;
    const char *text = data_of(intake, obx, &length);
    if (!text || !length)
        return true;
    bool said = yq_hl7_is_like(&intake->message, obx, 3, "PDF");
    for (unsigned c = 1; c <= 3; c++) {
        const char *word;
        size_t size;
        said = said || (yq_hl7_raw(&intake->message, obx, 5, c, &word, &size) && size == 3 &&
                        strncasecmp(word, "PDF", 3) == 0);
    }
    if (!put_data(intake, text, length, &data))
        return hl7_fault(intake, YQ_FULL, 207, "", "no memory for a document of %zu bytes", length);
    const char *base64 = yq_buf_text(&data);
    if (!said && strncmp(base64, "JVBERi", 6) != 0)
        return true; /* a picture, a sound: nothing that a report has a place for */
    *found = true;
    if (!keep)
        return yq_copy(pdf->name, sizeof pdf->name, "(PDF)");
    if (yq_attachment_keep_base64(intake->house, base64, data.length, pdf, &err))
        return true;
    return hl7_fault(intake, err.code, err.code == YQ_BAD_INPUT ? 102 : 207, "OBX-5",
                     "the document in OBX-5: %s", err.text);
}

static bool find_pdf(struct hl7_view *view, struct yq_attachment *pdf, bool keep)
{
    static const char *const types[] = {"ED", NULL};
    bool found = false;
    for (size_t i = view->group.from; i < view->group.until && !found; i++)
        if (type_is(view->intake, i, types) && !keep_pdf(view->intake, i, pdf, keep, &found))
            return false;
    if (found)
        view->pdf = pdf->name;
    return true;
}

/* ---- messages ---- */

static bool draft_result(struct yq_intake *intake, const struct group *group, bool keep,
                         struct hl7_drafts *out)
{
    struct hl7_view view yq_cleanup(hl7_view_fini) = {0};
    struct yq_attachment pdf = {0};
    look_at(intake, group, &view);
    if (!find_pdf(&view, &pdf, keep))
        return false;
    bool lab = is_lab(intake, group);
    struct hl7_draft *draft = add(&view, lab ? HL7_ROLE_LAB : HL7_ROLE_REPORT, out);
    if (!draft)
        return false;
    return lab ? add_results(&view, draft) : add(&view, HL7_ROLE_EXAMINED, out) != NULL;
}

static bool draft_order(struct yq_intake *intake, const struct group *group, struct hl7_drafts *out)
{
    struct hl7_view view yq_cleanup(hl7_view_fini) = {0};
    look_at(intake, group, &view);
    if (is_lab(intake, group)) {
        out->nothing = "an order for the laboratory: nothing is kept before its results come";
        return true;
    }
    return add(&view, HL7_ROLE_ORDER, out) != NULL;
}

static bool draft_groups(struct yq_intake *intake, enum hl7_kind_of kind, bool keep,
                         struct hl7_drafts *out)
{
    struct group *groups = calloc(HL7_GROUPS_MOST, sizeof *groups);
    size_t count = 0;
    if (!groups)
        return hl7_fault(intake, YQ_FULL, 207, "", "no memory for a message");
    bool ok = cut(intake, groups, &count);
    if (!ok && intake->fault.code == YQ_OK)
        hl7_fault(intake, YQ_BAD_INPUT, 100, kind == HL7_RESULT ? "OBR-1" : "ORC-1",
                  "there is no OBR in the message%s", kind == HL7_RESULT ? "" : ", and no ORC");
    for (size_t i = 0; i < count && ok; i++)
        ok = kind == HL7_RESULT ? draft_result(intake, &groups[i], keep, out)
                                : draft_order(intake, &groups[i], out);
    free(groups);
    return ok && join(intake, out);
}

static bool draft_patient(struct yq_intake *intake, struct hl7_drafts *out)
{
    struct hl7_view view yq_cleanup(hl7_view_fini) = {.intake = intake,
                                                      .group = {0, intake->message.count}};
    view.ranges[view.range_count++] = view.group;
    return add(&view, HL7_ROLE_PATIENT, out) != NULL;
}

/* MRG-1 -> PID-3, both by the mapping's patientId, read with MRG-1 in the place of PID-3. */
static bool draft_merge(struct yq_intake *intake, struct hl7_drafts *out)
{
    static const char *const places[] = {"MRG-1[MR].1", "MRG-1[PI].1", "MRG-1.1"};
    struct yq_hl7_range all = {0, intake->message.count};
    struct yq_buf from yq_cleanup(yq_buf_fini) = {.most = 4096};
    if (!draft_patient(intake, out))
        return false;
    for (size_t i = 0; i < 3 && !from.length; i++) {
        struct yq_hl7_path path;
        if (yq_hl7_path_parse(places[i], &path))
            (void)yq_hl7_get(&intake->message, &all, 1, &path, &from);
    }
    if (!from.length)
        return hl7_fault(intake, YQ_BAD_INPUT, 101, "MRG-1",
                         "MRG-1 does not say which patient is merged");
    return (yq_copy(out->from, sizeof out->from, yq_buf_text(&from)) &&
            yq_copy(out->into, sizeof out->into, yq_record_id(out->list[0].record))) ||
           hl7_fault(intake, YQ_BAD_INPUT, 102, "MRG-1", "MRG-1 or PID-3 is too long");
}

bool hl7_draft(struct yq_intake *intake, bool keep, struct hl7_drafts *out)
{
    enum hl7_kind_of kind = hl7_kind(&intake->head);
    *out = (struct hl7_drafts){0};
    if (!intake->source->rules)
        return hl7_fault(intake, YQ_BAD_INPUT, 207, "", "the source \"%s\" has no mapping",
                         intake->source->name);
    switch (kind) {
    case HL7_ORDER:
    case HL7_RESULT: return draft_groups(intake, kind, keep, out);
    case HL7_PATIENT: return draft_patient(intake, out);
    case HL7_MERGE: return draft_merge(intake, out);
    case HL7_NOTHING: out->nothing = "this event tells nothing that is kept here"; return true;
    case HL7_UNKNOWN_TYPE:
    case HL7_UNKNOWN_EVENT: break;
    }
    intake->rejected = true;
    return kind == HL7_UNKNOWN_EVENT
               ? hl7_fault(intake, YQ_REFUSED, 201, "MSH-9.2",
                           "messages %.8s with event %.8s are not taken", intake->head.type,
                           intake->head.event)
               : hl7_fault(intake, YQ_REFUSED, 200, "MSH-9.1", "messages %.8s are not taken",
                           *intake->head.type ? intake->head.type : "without a type (MSH-9)");
}

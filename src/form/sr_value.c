/* sr_value.c: the values of content items, by value type. PS3.3 C.17.3.2 to C.17.3.9, C.18 (the
 * macros of NUM, CODE, COMPOSITE, IMAGE, WAVEFORM, SCOORD, TCOORD, SCOORD3D). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sr_inside.h"
#include "yq/form.h"
#include "yq/uid.h"

enum { NUMBERS_MOST = 8, TEXT_MOST = 256 };

static void put_label_space(struct sr *sr, struct label label)
{
    sr_label(sr, label);
    sr_raw(sr, " ");
}

/* ---- texts, codes ---- */

static void put_text(struct sr *sr, const struct yq_item *item)
{
    sr_text(sr, yq_item_text(item, 0x0040a160));
}

static void put_code_word(struct sr *sr, const struct code *code)
{
    sr_text(sr, *code->meaning ? code->meaning : code->value);
}

static void put_code(struct sr *sr, const struct yq_item *item)
{
    struct code code = sr_code(item, 0x0040a168);
    put_code_word(sr, &code);
}

static void put_formed(struct sr *sr, const struct yq_item *item, uint32_t tag,
                       void (*form)(const char *, struct yq_buf *))
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    form(yq_item_text(item, tag), &text);
    sr_buf(sr, &text);
}

static void put_datetime(struct sr *sr, const struct yq_item *item)
{
    put_formed(sr, item, 0x0040a120, yq_form_datetime);
}

static void put_date(struct sr *sr, const struct yq_item *item)
{
    put_formed(sr, item, 0x0040a121, yq_form_date);
}

static void put_time(struct sr *sr, const struct yq_item *item)
{
    put_formed(sr, item, 0x0040a122, yq_form_time);
}

static void put_person(struct sr *sr, const struct yq_item *item)
{
    put_formed(sr, item, 0x0040a123, yq_form_person);
}

static void put_uid(struct sr *sr, const struct yq_item *item)
{
    sr_raw(sr, sr->html ? "<span class=\"u\">" : "");
    sr_text(sr, yq_item_text(item, 0x0040a124));
    sr_raw(sr, sr->html ? "</span>" : "");
}

/* ---- numbers ---- */

bool sr_number(struct sr *sr, const struct yq_item *item)
{
    const struct yq_item *measured = yq_item_first(item, 0x0040a300);
    char value[TEXT_MOST];
    size_t count = yq_item_values(measured, 0x0040a30a);
    for (size_t i = 0; i < count && i < NUMBERS_MOST; i++) {
        if (i)
            sr_raw(sr, ", ");
        if (yq_item_value(measured, 0x0040a30a, i, value, sizeof value))
            sr_text(sr, value);
    }
    if (!count)
        sr_sign(sr, "—", "-");
    return count;
}

/* What UCUM writes in letters of a keyboard. */
static const char *unit_word(const struct code *unit)
{
    static const char *const words[][2] = {
        {"cm2", "cm²"},     {"mm2", "mm²"},        {"m2", "m²"},         {"cm3", "cm³"},
        {"mm3", "mm³"},     {"um", "µm"},          {"deg", "°"},         {"Cel", "°C"},
        {"[hnsf'U]", "HU"}, {"{H.B.}/min", "bpm"}, {"mm[Hg]", "mmHg"},   {"1", ""},
        {"{ratio}", ""},    {"mGy.cm", "mGy·cm"},  {"dGy.m2", "dGy·m²"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(unit->value, words[i][0]) == 0)
            return words[i][1];
    return strpbrk(unit->value, "[{") && *unit->meaning ? unit->meaning : unit->value;
}

void sr_unit(struct sr *sr, const struct yq_item *item)
{
    struct code unit = sr_code(yq_item_first(item, 0x0040a300), 0x004008ea);
    if (strcmp(unit.scheme, "UCUM") == 0)
        sr_text(sr, sr->signs ? unit_word(&unit) : unit.value);
    else
        put_code_word(sr, &unit);
}

void sr_qualifier(struct sr *sr, const struct yq_item *item)
{
    struct code qualifier = sr_code(item, 0x0040a301);
    put_code_word(sr, &qualifier);
}

static void put_number(struct sr *sr, const struct yq_item *item)
{
    if (sr_number(sr, item)) {
        sr_raw(sr, " ");
        sr_unit(sr, item);
    }
    struct code qualifier = sr_code(item, 0x0040a301);
    if (!*qualifier.meaning && !*qualifier.value)
        return;
    sr_raw(sr, " (");
    sr_qualifier(sr, item);
    sr_raw(sr, ")");
}

/* ---- references ---- */

const struct yq_item *sr_reference(const struct yq_item *item)
{
    return yq_item_first(item, 0x00081199);
}

static int by_instance(const void *a, const void *b)
{
    return strcmp(((const struct evidence *)a)->instance, ((const struct evidence *)b)->instance);
}

static const struct evidence *place_of(const struct sr *sr, const char *instance)
{
    struct evidence key = {.instance = instance};
    if (!sr->evidence_count)
        return NULL;
    return bsearch(&key, sr->evidence, sr->evidence_count, sizeof key, by_instance);
}

static void put_uid_parameter(struct sr *sr, const char *name, const char *uid)
{
    yq_buf_putf(sr->out, "&amp;%s=%s", name, uid);
}

/* The first value of a list of frames; 0: none. */
static int64_t first_frame(const struct yq_item *reference)
{
    int64_t frame = 0;
    if (!yq_item_whole(reference, 0x00081160, 0, &frame) || frame < 0 || frame > INT32_MAX)
        return 0;
    return frame;
}

bool sr_linked(const struct sr *sr, const struct yq_item *reference)
{
    return sr->html && sr->wish->wado && yq_uid_valid(yq_item_text(reference, 0x00081155));
}

/* UIDs are digits and dots: nothing in them needs an escape. */
void sr_url(struct sr *sr, const struct yq_item *reference, bool small)
{
    const char *instance = yq_item_text(reference, 0x00081155);
    const struct evidence *place = place_of(sr, instance);
    sr_text(sr, sr->wish->wado);
    sr_raw(sr, "?requestType=WADO");
    if (place && yq_uid_valid(place->study) && yq_uid_valid(place->series)) {
        put_uid_parameter(sr, "studyUID", place->study);
        put_uid_parameter(sr, "seriesUID", place->series);
    }
    put_uid_parameter(sr, "objectUID", instance);
    int64_t frame = first_frame(reference);
    if (frame)
        yq_buf_putf(sr->out, "&amp;frameNumber=%" PRId64, frame);
    const char *state = yq_item_text(sr_reference(reference), 0x00081155);
    place = yq_uid_valid(state) ? place_of(sr, state) : NULL;
    if (place && yq_uid_valid(place->series)) {
        put_uid_parameter(sr, "presentationUID", state);
        put_uid_parameter(sr, "presentationSeriesUID", place->series);
    }
    if (small)
        sr_raw(sr, "&amp;contentType=image/jpeg&amp;rows=192&amp;columns=192");
}

/* "CTImageStorage" as people say it. */
static void put_class(struct sr *sr, const char *uid)
{
    const char *name = sr->wish->class_name ? sr->wish->class_name(uid) : NULL;
    const char *end = name ? strstr(name, "Storage") : NULL;
    char text[TEXT_MOST];
    size_t used = 0;
    if (!name) {
        sr_text(sr, uid);
        return;
    }
    for (const char *c = name; *c && c != end && used + 3 < sizeof text; c++) {
        bool upper = *c >= 'A' && *c <= 'Z';
        bool before = c > name && c[-1] >= 'a' && c[-1] <= 'z';
        bool after = c > name && c[1] >= 'a' && c[1] <= 'z';
        if (upper && (before || after))
            text[used++] = ' ';
        text[used++] = *c;
    }
    text[used] = '\0';
    sr_text(sr, text);
}

/* "5, 6, 7": of a list that may be long. */
static void put_list(struct sr *sr, const struct yq_item *item, uint32_t tag, struct label label)
{
    size_t count = yq_item_values(item, tag);
    if (!count)
        return;
    sr_raw(sr, sr->html ? " · " : ", ");
    put_label_space(sr, label);
    for (size_t i = 0; i < count && i < NUMBERS_MOST; i++) {
        int64_t number = 0;
        if (yq_item_whole(item, tag, i, &number))
            yq_buf_putf(sr->out, "%s%" PRId64, i ? ", " : "", number);
    }
    if (count > NUMBERS_MOST)
        sr_sign(sr, ", …", ", ...");
}

static void put_link(struct sr *sr, const struct yq_item *reference)
{
    bool linked = sr_linked(sr, reference);
    if (linked) {
        sr_raw(sr, "<a href=\"");
        sr_url(sr, reference, false);
        sr_raw(sr, "\">");
    }
    put_class(sr, yq_item_text(reference, 0x00081150));
    if (linked)
        sr_raw(sr, "</a>");
}

static void put_reference(struct sr *sr, const struct yq_item *item)
{
    const struct yq_item *reference = sr_reference(item);
    const char *state = yq_item_text(sr_reference(reference), 0x00081155);
    if (!reference) {
        sr_sign(sr, "—", "-");
        return;
    }
    put_link(sr, reference);
    put_list(sr, reference, 0x00081160, (struct label){"帧", "frame"});
    put_list(sr, reference, 0x0062000b, (struct label){"分割", "segment"});
    put_list(sr, reference, 0x0040a0b0, (struct label){"通道", "channel"});
    if (*state) {
        sr_raw(sr, sr->html ? " · " : ", ");
        sr_label(sr, (struct label){"带显示状态", "with presentation state"});
    }
    if (!sr->html) {
        sr_raw(sr, " ");
        sr_text(sr, yq_item_text(reference, 0x00081155));
    }
}

/* ---- coordinates, and the rest ---- */

/* The type, and the first numbers. */
static void put_coordinates(struct sr *sr, const struct yq_item *item, unsigned dimensions)
{
    size_t count = yq_item_values(item, 0x00700022);
    sr_text(sr, yq_item_text(item, 0x00700023));
    for (size_t i = 0; i < count && i < NUMBERS_MOST * (size_t)dimensions; i++) {
        double value = 0;
        (void)yq_item_number(item, 0x00700022, i, &value);
        yq_buf_putf(sr->out, "%s%.6g", i % dimensions ? ", " : i ? ") (" : " (", value);
    }
    if (count)
        sr_raw(sr, ")");
    if (count > NUMBERS_MOST * (size_t)dimensions)
        sr_sign(sr, " …", " ...");
}

static void put_scoord(struct sr *sr, const struct yq_item *item) { put_coordinates(sr, item, 2); }

static void put_scoord3d(struct sr *sr, const struct yq_item *item)
{
    put_coordinates(sr, item, 3);
    sr_raw(sr, " mm");
}

static void put_tcoord(struct sr *sr, const struct yq_item *item)
{
    char text[TEXT_MOST];
    sr_text(sr, yq_item_text(item, 0x0040a130));
    put_list(sr, item, 0x0040a132, (struct label){"采样", "sample"});
    size_t offsets = yq_item_values(item, 0x0040a138);
    for (size_t i = 0; i < offsets && i < NUMBERS_MOST; i++) {
        if (!yq_item_value(item, 0x0040a138, i, text, sizeof text))
            continue;
        sr_raw(sr, i ? ", " : " ");
        sr_text(sr, text);
    }
    if (offsets)
        sr_raw(sr, " ms");
    size_t times = yq_item_values(item, 0x0040a13a);
    for (size_t i = 0; i < times && i < NUMBERS_MOST; i++) {
        struct yq_buf when yq_cleanup(yq_buf_fini) = {0};
        if (!yq_item_value(item, 0x0040a13a, i, text, sizeof text))
            continue;
        yq_form_datetime(text, &when);
        sr_raw(sr, i ? ", " : " ");
        sr_buf(sr, &when);
    }
}

static void put_by_reference(struct sr *sr, const struct yq_item *item)
{
    char place[TEXT_MOST] = "";
    size_t used = 0, count = yq_item_values(item, 0x0040db73);
    for (size_t i = 0; i < count && i < SR_LEVELS_MOST && used + 16 < sizeof place; i++) {
        int64_t number = 0;
        (void)yq_item_whole(item, 0x0040db73, i, &number);
        used += (size_t)snprintf(place + used, sizeof place - used, "%s%" PRIu32, i ? "." : "",
                                 (uint32_t)number);
    }
    if (sr->html)
        yq_buf_putf(sr->out, "<a href=\"#c%s\">", place);
    put_label_space(sr, (struct label){"见条目", "see item"});
    sr_raw(sr, place);
    if (sr->html)
        sr_raw(sr, "</a>");
}

static void put_unknown(struct sr *sr, const struct yq_item *item)
{
    sr_label(sr, (struct label){"无法显示的内容", "content that cannot be shown"});
    sr_raw(sr, ": ");
    sr_text(sr, yq_item_text(item, 0x0040a040));
}

/* ---- the tables ---- */

static const struct value_type types[] = {
    {.name = "CONTAINER", .container = true},
    {.name = "TEXT", .put = put_text, .text = true, .flows = true},
    {.name = "NUM", .put = put_number, .number = true, .flows = true},
    {.name = "CODE", .put = put_code, .flows = true},
    {.name = "DATETIME", .put = put_datetime, .flows = true},
    {.name = "DATE", .put = put_date, .flows = true},
    {.name = "TIME", .put = put_time, .flows = true},
    {.name = "PNAME", .put = put_person, .flows = true},
    {.name = "UIDREF", .put = put_uid},
    {.name = "COMPOSITE", .put = put_reference, .reference = true},
    {.name = "IMAGE", .put = put_reference, .reference = true, .image = true},
    {.name = "WAVEFORM", .put = put_reference, .reference = true},
    {.name = "SCOORD", .put = put_scoord},
    {.name = "SCOORD3D", .put = put_scoord3d},
    {.name = "TCOORD", .put = put_tcoord},
};
static const struct value_type by_reference = {.name = "", .put = put_by_reference};
static const struct value_type unknown = {.name = "?", .put = put_unknown};

const struct value_type *sr_value_type(const struct yq_item *item)
{
    const char *name = yq_item_text(item, 0x0040a040);
    if (yq_item_values(item, 0x0040db73))
        return &by_reference;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i].name) == 0)
            return &types[i];
    return &unknown;
}

static const struct relation relations[] = {
    {.name = "CONTAINS"},
    {.name = "HAS CONCEPT MOD", .property = true},
    {.name = "HAS OBS CONTEXT", .property = true},
    {.name = "HAS ACQ CONTEXT", .property = true},
    {.name = "HAS PROPERTIES"},
    {.name = "INFERRED FROM", .label = {"依据", "inferred from"}},
    {.name = "SELECTED FROM", .label = {"选自", "selected from"}},
};

const struct relation *sr_relation(const struct yq_item *item)
{
    const char *name = yq_item_text(item, 0x0040a010);
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++)
        if (strcmp(name, relations[i].name) == 0)
            return &relations[i];
    return &relations[0];
}

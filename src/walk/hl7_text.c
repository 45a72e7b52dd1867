/* hl7_text.c: what a mapping may ask for besides paths, because no path says it:
 *
 *   #status        what ORC-1 and ORC-5 of an order, OBR-25 and OBX-11 of a result come to
 *   #pdf #link     the PDF that came as ED, as it is kept; the address that came as RP
 *   TEXT           text of a report's OBX that the mapping does not name by code, up to its first
 *                  heading
 *   TEXT[heading]  what stands behind this heading, up to the next one
 *
 * Headings are those that the mapping names and a few usual ones: a line that begins with one and a
 * colon, or has it in 【】, or holds nothing else. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hl7.h"

enum { WORDS_MOST = 200 };

static bool field_is(const struct hl7_view *view, size_t segment, unsigned field, const char *word)
{
    const char *text;
    size_t length;
    return yq_hl7_raw(&view->intake->message, segment, field, 1, &text, &length) &&
           length == strlen(word) && strncasecmp(text, word, length) == 0;
}

static char letter_of(const struct hl7_view *view, size_t segment, unsigned field)
{
    const char *text;
    size_t length;
    if (!yq_hl7_raw(&view->intake->message, segment, field, 1, &text, &length) || !length)
        return '\0';
    if (length > 1 && isalnum((unsigned char)text[1])) /* a word, meant for another field */
        return '\0';
    return text[0] >= 'a' && text[0] <= 'z' ? (char)(text[0] - 32) : text[0];
}

static bool is(const struct hl7_view *view, size_t segment, const char *name)
{
    return strcmp(view->intake->message.segments[segment].name, name) == 0;
}

/* The first segment of this name where the view looks; false: there is none. */
static bool find(const struct hl7_view *view, const char *name, size_t *out)
{
    for (size_t r = 0; r < view->range_count; r++)
        for (size_t i = view->ranges[r].from; i < view->ranges[r].until; i++)
            if (is(view, i, name)) {
                *out = i;
                return true;
            }
    return false;
}

/* ---- #status ---- */

static const char *order_status(const struct hl7_view *view)
{
    static const struct {
        const char *word, *status;
    } controls[] = {{"CA", "cancelled"}, {"OC", "cancelled"}, {"DC", "cancelled"},
                    {"CR", "cancelled"}, {"OD", "cancelled"}, {"DR", "cancelled"},
                    {"UA", "cancelled"}},
      states[] = {{"CA", "cancelled"}, {"DC", "cancelled"}, {"SC", "scheduled"},
                  {"IP", "started"},   {"A", "started"},    {"CM", "examined"}};
    size_t orc;
    if (!find(view, "ORC", &orc))
        return "requested";
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        if (field_is(view, orc, 1, controls[i].word))
            return controls[i].status;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (field_is(view, orc, 5, states[i].word))
            return states[i].status;
    return field_is(view, orc, 1, "NW") || field_is(view, orc, 1, "SN") ? "requested" : NULL;
}

/* A result that was deleted, is wrong, or cannot be had (HL7 table 0085). */
static bool is_gone(const struct hl7_view *view, size_t obx)
{
    char letter = letter_of(view, obx, 11);
    return letter == 'D' || letter == 'W' || letter == 'X';
}

static const char *result_status(const struct hl7_view *view)
{
    size_t obr, results = 0, gone = 0;
    bool corrected = false, preliminary = false;
    for (size_t i = view->group.from; i < view->group.until; i++) {
        if (!is(view, i, "OBX"))
            continue;
        char letter = letter_of(view, i, 11);
        results++;
        gone += is_gone(view, i);
        corrected = corrected || letter == 'C';
        preliminary = preliminary || (letter && strchr("PRSBIO", letter));
    }
    char whole = find(view, "OBR", &obr) ? letter_of(view, obr, 25) : '\0';
    if (whole == 'X' || (results && gone == results))
        return "withdrawn";
    if (whole == 'C' || (corrected && whole != 'P' && whole != 'R'))
        return "corrected";
    if (whole == 'F')
        return "final";
    if (whole && strchr("PRASIO", whole))
        return "preliminary";
    return !results ? NULL : preliminary ? "preliminary" : "final";
}

static const char *status_of(const struct hl7_view *view)
{
    if (view->role == HL7_ROLE_ORDER)
        return order_status(view);
    const char *status = result_status(view);
    if (view->role != HL7_ROLE_EXAMINED || !status)
        return status;
    if (strcmp(status, "withdrawn") == 0)
        return NULL;
    return strcmp(status, "preliminary") == 0 ? "examined" : "reported";
}

/* ---- #link ---- */

static bool put_link(const struct hl7_view *view, struct yq_buf *out)
{
    for (size_t i = view->group.from; i < view->group.until; i++)
        if (is(view, i, "OBX") && field_is(view, i, 2, "RP") && !is_gone(view, i) &&
            yq_hl7_value(&view->intake->message, i, 5, 1, out) == YQ_HL7_THERE)
            return true;
    return false;
}

/* ---- TEXT ---- */

struct words { /* that a mapping names */
    char codes[WORDS_MOST][128];
    char headings[WORDS_MOST][64];
    size_t code_count, heading_count;
};

static const char *const usual_headings[] = {
    "影像所见", "检查所见", "影像表现", "检查表现", "超声所见", "镜下所见", "所见",      "诊断意见",
    "影像诊断", "检查结论", "诊断结论", "超声提示", "诊断印象", "印象",     "结论",      "建议",
    "临床诊断", "检查方法", "检查部位", "检查技术", "备注",     "FINDINGS", "IMPRESSION"};

static void add_heading(struct words *words, const char *text, size_t length)
{
    char *place = words->headings[words->heading_count];
    if (words->heading_count == WORDS_MOST || !length || length >= sizeof words->headings[0])
        return;
    memcpy(place, text, length);
    place[length] = '\0';
    words->heading_count++;
}

static bool heading_name(const char *name, const char **text, size_t *length)
{
    if (strncmp(name, "TEXT[", 5) != 0)
        return false;
    *text = name + 5;
    *length = strcspn(*text, "]");
    return *length && strcmp(*text + *length, "]") == 0;
}

static void take_name(void *context, const char *name)
{
    struct words *words = context;
    struct yq_hl7_path path;
    const char *text;
    size_t length;
    if (heading_name(name, &text, &length))
        add_heading(words, text, length);
    else if (yq_hl7_path_parse(name, &path) && strcmp(path.segment, "OBX") == 0 &&
             path.which == YQ_HL7_LIKE && words->code_count < WORDS_MOST)
        (void)yq_copy(words->codes[words->code_count++], sizeof words->codes[0], path.like);
}

static void words_read(const struct yq_mapping *mapping, struct words *words)
{
    words->code_count = words->heading_count = 0;
    for (size_t i = 0; i < mapping->count; i++)
        yq_expr_names(mapping->lines[i].source, take_name, words);
    for (size_t i = 0; i < sizeof usual_headings / sizeof *usual_headings; i++)
        add_heading(words, usual_headings[i], strlen(usual_headings[i]));
}

static bool is_text(const struct hl7_view *view, size_t obx)
{
    return field_is(view, obx, 2, "TX") || field_is(view, obx, 2, "FT") ||
           field_is(view, obx, 2, "ST") || !letter_of(view, obx, 2);
}

static void put_texts(const struct hl7_view *view, const struct words *words, struct yq_buf *out)
{
    const struct yq_hl7 *message = &view->intake->message;
    struct yq_hl7_path path = {.segment = "OBX", .which = YQ_HL7_ALL, .field = 5};
    for (size_t i = view->group.from; i < view->group.until; i++) {
        bool named = !is(view, i, "OBX") || !is_text(view, i) || is_gone(view, i);
        for (size_t w = 0; w < words->code_count && !named; w++)
            named = yq_hl7_is_like(message, i, 3, words->codes[w]);
        struct yq_hl7_range one = {i, i + 1};
        if (named)
            continue;
        if (out->length)
            yq_buf_puts(out, "\n");
        (void)yq_hl7_get(message, &one, 1, &path, out);
    }
}

static const char *skip(const char *text, const char *const *any)
{
    for (size_t i = 0; any[i]; i++)
        if (strncmp(text, any[i], strlen(any[i])) == 0)
            return text + strlen(any[i]);
    return text;
}

/* Is it a heading's line? *rest: what stands behind it. */
static bool heading_line(const char *line, const char *heading, const char **rest)
{
    static const char *const open[] = {"【", "[", "<", "《", NULL};
    static const char *const close[] = {"】", "]", ">", "》", NULL};
    static const char *const colon[] = {"：", ":", NULL};
    line += strspn(line, " \t");
    line = skip(line, (const char *const[]){"\xe3\x80\x80\xe3\x80\x80", "\xe3\x80\x80", NULL});
    const char *inner = skip(line, open);
    size_t length = strlen(heading);
    if (strncasecmp(inner, heading, length) != 0)
        return false;
    const char *after = skip(inner + length, close);
    bool bracketed = inner != line && after != inner + length;
    after += strspn(after, " \t");
    const char *behind = skip(after, colon);
    *rest = behind + strspn(behind, " \t");
    return bracketed || behind != after || *after == '\n' || !*after;
}

static bool any_heading(const struct words *words, const char *line, const char *wanted,
                        const char **rest, bool *meant)
{
    bool found = false;
    size_t longest = 0;
    for (size_t i = 0; i < words->heading_count; i++) {
        const char *behind;
        size_t length = strlen(words->headings[i]);
        if (length <= longest || !heading_line(line, words->headings[i], &behind))
            continue;
        longest = length;
        *rest = behind;
        *meant = wanted && strcasecmp(words->headings[i], wanted) == 0;
        found = true;
    }
    return found;
}

/* `wanted` NULL: what stands before the first heading. */
static bool put_section(const struct words *words, const char *text, const char *wanted,
                        struct yq_buf *out)
{
    size_t before = out->length;
    bool within = wanted == NULL, meant;
    while (*text) {
        const char *rest = text;
        size_t length = strcspn(text, "\n");
        const char *next = text + length + (text[length] == '\n');
        if (any_heading(words, text, wanted, &rest, &meant))
            within = meant;
        if (rest > text + length)
            rest = text + length;
        if (within && (out->length > before || rest < text + length)) {
            if (out->length > before)
                yq_buf_puts(out, "\n");
            yq_buf_put(out, rest, (size_t)(text + length - rest));
        }
        text = next;
    }
    while (out->length > before && strchr(" \t\n", out->bytes[out->length - 1]))
        out->bytes[--out->length] = '\0';
    return out->length > before;
}

struct hl7_said {
    struct words words;
    struct yq_buf text;
};

void hl7_view_fini(struct hl7_view *view)
{
    if (view->said)
        yq_buf_fini(&view->said->text);
    free(view->said);
    view->said = NULL;
}

/* A mapping asks for many headings: the text is put together once. */
static const struct hl7_said *said_in(struct hl7_view *view)
{
    struct hl7_said *said = view->said ? NULL : calloc(1, sizeof *said);
    if (!said)
        return view->said;
    said->text.most = (size_t)YQ_RECORD_VALUE_MOST * 2;
    words_read(view->intake->source->rules, &said->words);
    put_texts(view, &said->words, &said->text);
    return view->said = said;
}

static bool put_text(struct hl7_view *view, const char *heading, size_t length, struct yq_buf *out)
{
    char wanted[64];
    const struct hl7_said *said = said_in(view);
    if (!said || said->text.failed) {
        out->failed = true;
        return false;
    }
    if (heading && length >= sizeof wanted)
        return false;
    if (heading) {
        memcpy(wanted, heading, length);
        wanted[length] = '\0';
    }
    return said->text.length &&
           put_section(&said->words, yq_buf_text(&said->text), heading ? wanted : NULL, out);
}

bool hl7_view_special(struct hl7_view *view, const char *name, struct yq_buf *out, bool *known)
{
    const char *text;
    size_t length;
    *known = true;
    if (strcmp(name, "TEXT") == 0)
        return put_text(view, NULL, 0, out);
    if (heading_name(name, &text, &length))
        return put_text(view, text, length, out);
    if (strcmp(name, "#link") == 0)
        return put_link(view, out);
    if (strcmp(name, "#status") == 0 || strcmp(name, "#pdf") == 0) {
        const char *value = name[1] == 's' ? status_of(view) : view->pdf;
        if (value)
            yq_buf_puts(out, value);
        return value != NULL;
    }
    *known = false;
    return false;
}

/* ---- names that can be nothing ---- */

struct suspicion {
    void (*wrong)(void *context, unsigned line, const char *name);
    void *context;
    unsigned line;
};

static void judge_name(void *context, const char *name)
{
    const struct suspicion *suspicion = context;
    struct yq_hl7_path path;
    const char *text;
    size_t length;
    static const char *const special[] = {"TEXT", "#status", "#pdf", "#link"};
    bool known = heading_name(name, &text, &length) || yq_hl7_path_parse(name, &path);
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        known = known || strcmp(name, special[i]) == 0;
    if (!known)
        suspicion->wrong(suspicion->context, suspicion->line, name);
}

void yq_intake_check_mapping(const struct yq_mapping *mapping,
                             void (*wrong)(void *context, unsigned line, const char *name),
                             void *context)
{
    for (size_t i = 0; i < mapping->count; i++) {
        struct suspicion suspicion = {wrong, context, mapping->lines[i].line};
        yq_expr_names(mapping->lines[i].source, judge_name, &suspicion);
    }
}

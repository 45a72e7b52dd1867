/* hl7_answer.c: what MSH says, and acknowledgments: original and enhanced mode (HL7 v2.5.1 2.9),
 * MSA (2.15.8), ERR as v2.5 has it and as it was before (2.15.5). */
#include <string.h>
#include <strings.h>

#include "hl7_inside.h"
#include "yq/text.h"

static void read_part(const struct yq_hl7 *message, unsigned field, unsigned component, char *out,
                      size_t size)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {.most = 4096};
    *out = '\0';
    if (yq_hl7_value(message, 0, field, component, &text) == YQ_HL7_THERE && !text.failed)
        (void)yq_copy(out, size, yq_buf_text(&text));
}

static enum yq_hl7_when read_when(const struct yq_hl7 *message, unsigned field)
{
    static const struct {
        const char *word;
        enum yq_hl7_when when;
    } words[] = {{"AL", YQ_HL7_ALWAYS},
                 {"NE", YQ_HL7_NEVER},
                 {"ER", YQ_HL7_ON_ERROR},
                 {"SU", YQ_HL7_ON_SUCCESS}};
    char text[8];
    read_part(message, field, 1, text, sizeof text);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i].word) == 0)
            return words[i].when;
    return YQ_HL7_UNSAID;
}

void yq_hl7_head_read(const struct yq_hl7 *message, struct yq_hl7_head *out)
{
    *out = (struct yq_hl7_head){0};
    read_part(message, 3, 1, out->application, sizeof out->application);
    read_part(message, 4, 1, out->facility, sizeof out->facility);
    read_part(message, 7, 1, out->time, sizeof out->time);
    read_part(message, 9, 1, out->type, sizeof out->type);
    read_part(message, 9, 2, out->event, sizeof out->event);
    read_part(message, 10, 0, out->control, sizeof out->control);
    read_part(message, 11, 1, out->processing, sizeof out->processing);
    read_part(message, 12, 1, out->version, sizeof out->version);
    out->accept = read_when(message, 15);
    out->answer = read_when(message, 16);
}

bool yq_hl7_enhanced(const struct yq_hl7_head *head)
{
    return head->accept != YQ_HL7_UNSAID || head->answer != YQ_HL7_UNSAID;
}

const char *yq_hl7_condition_text(unsigned condition)
{
    static const struct {
        unsigned condition;
        const char *text;
    } texts[] = {
        {0, "Message accepted"},
        {100, "Segment sequence error"},
        {101, "Required field missing"},
        {102, "Data type error"},
        {103, "Table value not found"},
        {200, "Unsupported message type"},
        {201, "Unsupported event code"},
        {202, "Unsupported processing id"},
        {203, "Unsupported version id"},
        {204, "Unknown key identifier"},
        {205, "Duplicate key identifier"},
        {206, "Application record locked"},
        {207, "Application internal error"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].condition == condition)
            return texts[i].text;
    return "Application internal error";
}

/* MSH-n as it stands, so that names come back as they were sent. */
static void put_same(const struct yq_hl7 *message, unsigned field, struct yq_buf *out)
{
    struct hl7_span span;
    if (message->count && hl7_field(message, &message->segments[0], field, &span) &&
        span.length < 512)
        yq_buf_put(out, span.text, span.length);
}

/* "OBX[3]-5.1" -> OBX^3^5^1^1 (ERL), which the form before v2.5 has as its first components. */
static void put_location(const char *location, char component, struct yq_buf *out)
{
    struct yq_hl7_path path;
    if (!yq_hl7_path_parse(location, &path))
        return;
    yq_buf_putf(out, "%s%c%u%c%u", path.segment, component, path.which == YQ_HL7_NTH ? path.nth : 1,
                component, path.field);
    if (path.part == YQ_HL7_COMPONENT)
        yq_buf_putf(out, "%c1%c%u", component, component, path.component);
}

static bool is_before_25(const char *version)
{
    return strncmp(version, "2.", 2) == 0 && version[2] >= '1' && version[2] <= '4' &&
           (version[3] == '\0' || version[3] == '.');
}

static void put_error(const struct yq_hl7 *message, const struct yq_hl7_head *head,
                      const struct yq_hl7_answer *answer, struct yq_buf *out)
{
    char f = message->field, c = message->component;
    if (is_before_25(head->version)) { /* ELD: segment, sequence, field, CE in subcomponents */
        char s = message->sub ? message->sub : ' ';
        struct yq_hl7_path path;
        yq_buf_putf(out, "ERR%c", f);
        if (yq_hl7_path_parse(answer->location, &path))
            yq_buf_putf(out, "%s%c%u%c%u", path.segment, c, path.which == YQ_HL7_NTH ? path.nth : 1,
                        c, path.field);
        else
            yq_buf_putf(out, "%c%c", c, c);
        yq_buf_putf(out, "%c%u%c%s%cHL70357\r", c, answer->condition, s,
                    yq_hl7_condition_text(answer->condition), s);
        return;
    }
    yq_buf_putf(out, "ERR%c%c", f, f);
    put_location(answer->location, c, out);
    yq_buf_putf(out, "%c%u%c%s%cHL70357%cE%c%c%c", f, answer->condition, c,
                yq_hl7_condition_text(answer->condition), c, f, f, f, f);
    hl7_escape(message, answer->text, out);
    yq_buf_putf(out, "%c", f);
    hl7_escape(message, answer->user_text, out);
    yq_buf_puts(out, "\r");
}

static void put_head(const struct yq_hl7 *message, const struct yq_hl7_head *head,
                     const struct yq_hl7_answer *answer, struct yq_buf *out)
{
    char f = message->field;
    yq_buf_putf(out, "MSH%c", f);
    const char used[] = {message->component, message->repetition, message->escape, message->sub};
    for (size_t i = 0; i < sizeof used && used[i]; i++) /* as they were understood */
        yq_buf_put(out, &used[i], 1);
    yq_buf_putf(out, "%c", f);
    static const unsigned swapped[] = {5, 6, 3, 4};
    for (size_t i = 0; i < 4; i++) {
        if (swapped[i] == 5 && !message->count)
            yq_buf_puts(out, "YINGQIAO");
        put_same(message, swapped[i], out);
        yq_buf_putf(out, "%c", f);
    }
    yq_buf_putf(out, "%s%c%cACK", answer->time, f, f);
    if (*head->event) {
        yq_buf_putf(out, "%c", message->component);
        hl7_escape(message, head->event, out);
        if (!is_before_25(head->version))
            yq_buf_putf(out, "%cACK", message->component);
    }
    yq_buf_putf(out, "%c%s%c", f, answer->control, f);
    put_same(message, 11, out);
    yq_buf_putf(out, "%c", f);
    if (*head->version)
        put_same(message, 12, out);
    else
        yq_buf_puts(out, "2.5");
    /* 18: as it was said */
    struct hl7_span charset;
    if (message->count && hl7_field(message, &message->segments[0], 18, &charset) &&
        charset.length) {
        yq_buf_putf(out, "%c%c%c%c%c%c", f, f, f, f, f, f);
        put_same(message, 18, out);
    }
    yq_buf_puts(out, "\r");
}

void yq_hl7_answer_write(const struct yq_hl7 *message, const char *charset,
                         const struct yq_hl7_answer *answer, struct yq_buf *out)
{
    static const struct yq_hl7 usual = {'|', '^', '~', '\\', '&', "", NULL, 0};
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_hl7_head head = {0};
    if (!message)
        message = &usual;
    if (message->count)
        yq_hl7_head_read(message, &head);
    char f = message->field;
    put_head(message, &head, answer, &text);
    yq_buf_putf(&text, "MSA%c%s%c", f, answer->code, f);
    put_same(message, 10, &text);
    if (*answer->text) {
        yq_buf_putf(&text, "%c", f);
        hl7_escape(message, answer->text, &text);
    }
    yq_buf_puts(&text, "\r");
    if (answer->condition)
        put_error(message, &head, answer, &text);
    if (text.failed)
        out->failed = true;
    else if (!*charset || !yq_text_encode(charset, "UT", yq_buf_text(&text), out))
        yq_buf_put(out, text.bytes, text.length);
}

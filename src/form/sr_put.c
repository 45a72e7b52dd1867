/* sr_put.c: text of a report into the document: escaped for HTML (13.1.4 of the living standard),
 * or indented for plain text. Nothing of a report gets into a document but through sr_text. */
#include <string.h>

#include "sr_inside.h"
#include "yq/text.h"

#define REPLACEMENT "\xef\xbf\xbd"

void sr_raw(struct sr *sr, const char *markup) { yq_buf_puts(sr->out, markup); }

void sr_sign(struct sr *sr, const char *sign, const char *plain)
{
    sr_raw(sr, sr->signs ? sign : plain);
}

static void put_newline(struct sr *sr)
{
    yq_buf_puts(sr->out, "\n");
    for (unsigned i = 0; !sr->html && i < sr->indent; i++)
        yq_buf_puts(sr->out, " ");
}

static const char *escape_of(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

/* Bytes of a character that no document may have: controls, and those that are none. 0: it may. */
static size_t barred(const unsigned char *text)
{
    if (text[0] < 0x20 || text[0] == 0x7f)
        return text[0] == '\t' ? 0 : 1;
    if (text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0)
        return 2;
    if (text[0] == 0xef && text[1] == 0xbf && text[2] >= 0xbe)
        return 3;
    return 0;
}

/* Of well-formed UTF-8, but for blank lines at the end. */
static void put(struct sr *sr, const char *text)
{
    const char *begun = text, *end = text + strlen(text);
    while (end > text && strchr(" \t\r\n\f\v", end[-1]))
        end--;
    while (text < end) {
        const char *escape = sr->html ? escape_of(*text) : NULL;
        size_t bad = barred((const unsigned char *)text);
        if (!escape && !bad) {
            text++;
            continue;
        }
        yq_buf_put(sr->out, begun, (size_t)(text - begun));
        if (escape) {
            yq_buf_puts(sr->out, escape);
            text++;
        } else if (strchr("\r\n\f\v", *text)) {
            put_newline(sr);
            text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
        } else {
            yq_buf_puts(sr->out, REPLACEMENT);
            text += bad;
        }
        begun = text;
    }
    yq_buf_put(sr->out, begun, (size_t)(text - begun));
}

void sr_text(struct sr *sr, const char *text)
{
    struct yq_buf whole yq_cleanup(yq_buf_fini) = {0};
    bool doubtful;
    if (!yq_text_is_utf8(text, strlen(text))) {
        yq_text_decode("ISO_IR 192", "UT", text, strlen(text), &whole, &doubtful);
        sr->out->failed |= whole.failed;
        text = yq_buf_text(&whole);
    }
    put(sr, text);
}

void sr_buf(struct sr *sr, const struct yq_buf *text)
{
    sr->out->failed |= text->failed;
    sr_text(sr, yq_buf_text(text));
}

void sr_label(struct sr *sr, struct label label)
{
    if (!sr->chinese) {
        sr_raw(sr, label.english);
        return;
    }
    sr_raw(sr, label.chinese);
    sr_raw(sr, sr->html ? " <span class=\"e\" lang=\"en\">" : " ");
    sr_raw(sr, label.english);
    if (sr->html)
        sr_raw(sr, "</span>");
}

void sr_concept(struct sr *sr, const struct code *code)
{
    const char *chinese = sr->chinese ? sr_concept_chinese(code) : NULL;
    const char *name = *code->meaning ? code->meaning : code->value;
    if (!chinese) {
        sr_text(sr, name);
        return;
    }
    sr_raw(sr, chinese);
    sr_raw(sr, sr->html ? " <span class=\"e\" lang=\"en\">" : " ");
    sr_text(sr, name);
    if (sr->html)
        sr_raw(sr, "</span>");
}

void sr_place(struct sr *sr, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        yq_buf_putf(sr->out, "%s%u", i ? "." : "", sr->levels[i].number);
}

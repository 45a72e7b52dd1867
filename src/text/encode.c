/* encode.c: UTF-8 to a Specific Character Set, all or nothing. PS3.5 6.1.2.5: the first set is
 * active again before every delimiter, line end and at the end; sets in G1 are designated anew
 * after each. Thread-safe. */
#include <string.h>

#include "charset.h"
#include "yq/text.h"

struct writer {
    const struct label *label;
    enum set g0, g1;
    struct yq_buf made;
};

static void designate(struct writer *writer, const char *escape)
{
    yq_buf_put(&writer->made, "\x1b", 1);
    yq_buf_puts(&writer->made, escape);
}

/* Single bytes below 0x80 from here on. */
static void back_to_single(struct writer *writer)
{
    if (writer->g0 == SET_ASCII)
        return;
    designate(writer, writer->label->sets[0] == SET_KATAKANA ? "(J" : "(B");
    writer->g0 = SET_ASCII;
}

static bool put_character(struct writer *writer, int32_t character)
{
    uint8_t bytes[8];
    if (character < 0x80) {
        back_to_single(writer);
        bytes[0] = (uint8_t)character;
        yq_buf_put(&writer->made, bytes, 1);
        return true;
    }
    for (size_t i = 0; i < writer->label->count; i++) {
        enum set set = writer->label->sets[i];
        if (i && set_table[set].shape == SHAPE_WHOLE)
            continue; /* no escape sequence leads to it: nobody could read it */
        size_t length = convert_out(set, character, bytes, &writer->made);
        if (!length)
            continue;
        if (set_table[set].shape == SHAPE_PAIR_G0) {
            if (writer->g0 != set)
                designate(writer, set_table[set].escape);
            writer->g0 = set;
        } else if (set_table[set].shape != SHAPE_WHOLE && writer->g1 != set) {
            back_to_single(writer);
            designate(writer, set_table[set].escape);
            writer->g1 = set;
        }
        yq_buf_put(&writer->made, bytes, length);
        return true;
    }
    return false;
}

static bool encode(struct writer *writer, const char *vr, const char *text)
{
    enum set first = writer->label->sets[0];
    enum set first_g1 = set_table[first].shape == SHAPE_SINGLE ? first : SET_ASCII;
    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = strlen(text);
    writer->g0 = SET_ASCII;
    writer->g1 = first_g1;
    for (size_t at = 0; at < length;) {
        int32_t character = next_utf8(bytes, length, &at);
        if (character < 0 || character == 0x1b || !put_character(writer, character))
            return false;
        if (character < 0x80 && resets_at(vr, (uint8_t)character))
            writer->g1 = first_g1;
    }
    back_to_single(writer);
    return !writer->made.failed;
}

bool yq_text_encode(const char *charset, const char *vr, const char *text, struct yq_buf *out)
{
    struct label label;
    struct writer writer = {.label = &label};
    label_parse(charset, &label);
    if (label.unknown)
        return false;
    if (label.count > 1 && label.sets[0] == SET_ASCII &&
        set_table[label.sets[1]].shape == SHAPE_WHOLE)
        label.sets[0] = label.sets[1]; /* "\\GBK" is read as GBK, so it is written as GBK */
    if (set_table[label.sets[0]].shape == SHAPE_WHOLE)
        label.count = 1; /* these cannot be extended */
    bool ok = false;
    if (label.sets[0] == SET_UTF8) {
        ok = yq_text_is_utf8(text, strlen(text));
        if (ok)
            yq_buf_puts(out, text);
    } else {
        ok = encode(&writer, vr, text);
        if (ok)
            yq_buf_put(out, writer.made.bytes, writer.made.length);
        yq_buf_fini(&writer.made);
    }
    return ok && !out->failed;
}

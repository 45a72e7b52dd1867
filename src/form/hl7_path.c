/* hl7_path.c: how a mapping file names a place in a message: "PID-3[MR].1". */
#include <string.h>
#include <strings.h>

#include "yq/hl7.h"

static bool read_number(const char **at, unsigned *out)
{
    unsigned value = 0;
    if (**at < '1' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        value = value * 10 + (unsigned)(**at - '0');
        if (value > YQ_HL7_FIELD_MOST)
            return false;
    }
    *out = value;
    return true;
}

/* What stands in brackets; without any it is the first. */
static bool read_pick(const char **at, enum yq_hl7_pick *pick, unsigned *nth, char *like,
                      size_t size)
{
    *pick = YQ_HL7_FIRST;
    if (**at != '[')
        return true;
    const char *text = *at + 1;
    size_t length = strcspn(text, "]");
    if (!length || text[length] != ']' || length >= size)
        return false;
    *at = text + length + 1;
    if (length <= 3 && strspn(text, "0123456789") == length) {
        *pick = YQ_HL7_NTH;
        const char *number = text;
        return read_number(&number, nth) && number == text + length;
    }
    if (length == 3 && strncasecmp(text, "all", 3) == 0) {
        *pick = YQ_HL7_ALL;
        return true;
    }
    if (*text == '@')
        text++, length--;
    *pick = YQ_HL7_LIKE;
    memcpy(like, text, length);
    like[length] = '\0';
    return length > 0;
}

static bool read_part(const char *at, struct yq_hl7_path *out)
{
    static const struct {
        const char *word;
        enum yq_hl7_part part;
    } words[] = {{"name", YQ_HL7_NAME},
                 {"person", YQ_HL7_PERSON},
                 {"code", YQ_HL7_CODE},
                 {"text", YQ_HL7_TEXT}};
    if (!*at)
        return true;
    if (*at++ != '.')
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(at, words[i].word) == 0) {
            out->part = words[i].part;
            return true;
        }
    }
    out->part = YQ_HL7_COMPONENT;
    if (!read_number(&at, &out->component))
        return false;
    return !*at || (*at++ == '.' && read_number(&at, &out->sub) && !*at);
}

bool yq_hl7_path_parse(const char *text, struct yq_hl7_path *out)
{
    *out = (struct yq_hl7_path){.part = YQ_HL7_WHOLE};
    for (int i = 0; i < 3; i++) {
        char c = text[i];
        if (!((c >= 'A' && c <= 'Z') || (i && c >= '0' && c <= '9')))
            return false;
        out->segment[i] = c;
    }
    text += 3;
    if (!read_pick(&text, &out->which, &out->nth, out->like, sizeof out->like) || *text++ != '-' ||
        !read_number(&text, &out->field) ||
        !read_pick(&text, &out->repetition, &out->nth_repetition, out->like_repetition,
                   sizeof out->like_repetition))
        return false;
    return read_part(text, out);
}

/* record_mask.c: personal values as listings show them: enough to tell two apart who are on the
 * telephone about the same case, too little to know who it is. Pure. */
#include <string.h>

#include "yq/bytes.h"
#include "yq/record.h"

/* Bytes of the first `count` characters of UTF-8 text. */
static size_t prefix(const char *text, size_t count)
{
    size_t at = 0;
    while (count-- && text[at]) {
        at++;
        while (((unsigned char)text[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* The first `head` and last `tail` characters, stars between; only stars, where that would leave
 * fewer than half of them hidden. */
static void keep_ends(const char *value, size_t head, size_t tail, struct yq_buf *out)
{
    size_t count = characters(value);
    if (2 * (head + tail) > count)
        head = tail = 0;
    yq_buf_put(out, value, prefix(value, head));
    for (size_t i = head + tail; i < count && i < head + tail + 11; i++)
        yq_buf_puts(out, "*");
    yq_buf_puts(out, value + prefix(value, count - tail));
}

void yq_record_mask(const struct yq_member *member, const char *value, struct yq_buf *out)
{
    if (!value || !*value)
        return;
    if (strcasestr(member->name, "name")) { /* 张*: the family name, or the first letter */
        yq_buf_put(out, value, prefix(value, 1));
        yq_buf_puts(out, "*");
    } else if (member->type == YQ_VALUE_DATE) { /* 1980-**-** */
        yq_buf_put(out, value, prefix(value, 4));
        yq_buf_puts(out, "-**-**");
    } else if (strcmp(member->name, "phone") == 0) {
        keep_ends(value, 3, 2, out);
    } else if (member->length && member->length <= 128) { /* identifiers */
        keep_ends(value, 2, 2, out);
    } else {
        yq_buf_puts(out, "***");
    }
}

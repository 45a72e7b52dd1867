/* hl7.c: any bytes as an HL7 message: read, looked into by many paths, shown and answered. Values
 * are UTF-8 without control characters but line breaks and tabs; an answer can be read again. The
 * first byte chooses the character set that is assumed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/hl7.h"
#include "yq/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(const struct yq_buf *value)
{
    for (size_t i = 0; i < value->length; i++)
        if (value->bytes[i] < 0x20 && value->bytes[i] != '\n' && value->bytes[i] != '\t')
            abort();
    if (!yq_text_is_utf8(value->bytes, value->length))
        abort();
}

static void look(const struct yq_hl7 *message)
{
    static const char *const paths[] = {
        "MSH-1",           "MSH-2",        "MSH-9.2",    "MSH-18",        "PID-3[MR].1",
        "PID-3[2].1",      "PID-3[all].4", "PID-5.name", "PID-5[I].name", "OBR-32.1.2",
        "OBR-16.person",   "OBR-16.code",  "OBX-5.text", "OBX[2]-5",      "OBX[@1]-5",
        "OBX[FINDINGS]-5", "OBX[all]-5",   "ZDS-1.1",    "OBR-999",       "OBX-5.999.999",
        "NTE[all]-3[all]", "PV1-3.4.1"};
    struct yq_hl7_range ranges[] = {{message->count / 2, message->count}, {0, message->count}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct yq_hl7_path path;
        struct yq_buf value = {.most = 1 << 22};
        if (!yq_hl7_path_parse(paths[i], &path))
            abort();
        enum yq_hl7_found found = yq_hl7_get(message, ranges, 2, &path, &value);
        if (found == YQ_HL7_THERE && !value.failed && !value.length)
            abort();
        check_value(&value);
        yq_buf_fini(&value);
    }
}

static void answer_it(const struct yq_hl7 *message, const char *charset)
{
    const struct yq_hl7_answer answer = {.code = "AE",
                                         .control = "1",
                                         .time = "20260301",
                                         .location = "OBX[3]-5.1",
                                         .condition = 101,
                                         .text = "a|b^c\\d\ne",
                                         .user_text = "中文"};
    struct yq_buf out = {0}, text = {0};
    struct yq_hl7 again;
    struct yq_err err;
    char read_as[YQ_HL7_CHARSET_SIZE];
    bool doubtful = false;
    yq_hl7_answer_write(message, charset, &answer, &out);
    yq_hl7_decode(out.bytes, out.length, charset, &text, read_as, &doubtful);
    if (!yq_hl7_parse(yq_buf_text(&text), text.length, &again, &err) || again.count < 2 ||
        strcmp(again.segments[1].name, "MSA") != 0)
        abort();
    yq_hl7_fini(&again);
    yq_buf_fini(&text);
    yq_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const assumes[] = {"", "utf-8", "gb18030", "GBK"};
    struct yq_buf text = {0}, shown = {0};
    struct yq_hl7 message;
    struct yq_err err;
    char charset[YQ_HL7_CHARSET_SIZE];
    bool doubtful = false;
    if (!size)
        return 0;
    yq_hl7_decode(data + 1, size - 1, assumes[*data % 4], &text, charset, &doubtful);
    if (yq_hl7_parse(yq_buf_text(&text), text.length, &message, &err)) {
        struct yq_hl7_head head;
        yq_hl7_head_read(&message, &head);
        look(&message);
        yq_hl7_show(&message, *data & 4, &shown);
        answer_it(&message, charset);
        yq_hl7_fini(&message);
    }
    yq_buf_fini(&shown);
    yq_buf_fini(&text);
    return 0;
}

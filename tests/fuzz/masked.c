/* masked.c: what a platform answers, as people are shown it: always UTF-8 without control
 * characters, and never a personal value of the record at hand, however it is written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report_masked.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct {
    const char *member, *value;
} personal[] = {{"patientName", "\u674e\u6885\u82b1"},
                {"birthDate", "1980-02-03"},
                {"idNumber", "140105198002030026"}};
enum { COUNT = sizeof personal / sizeof *personal };

static struct yq_record *the_record(void)
{
    static struct yq_record *record;
    struct yq_err err;
    if (!record && (record = yq_record_new(YQ_KIND_EXAM)))
        for (size_t i = 0; i < COUNT; i++)
            if (!yq_record_put(record, personal[i].member, personal[i].value, &err))
                abort();
    return record;
}

/* Each byte below 0x80 is shown as it is, or a line end; the others stand in whole characters. */
static void look(const struct yq_buf *text)
{
    size_t follow = 0;
    for (size_t i = 0; i < text->length; i++) {
        uint8_t c = text->bytes[i];
        if ((c < 0x20 && c != '\n') || c == 0x7f || (follow != 0) != ((c & 0xc0) == 0x80))
            abort();
        follow = follow ? follow - 1 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : 0;
    }
    if (follow)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    report_plain((const char *)bytes, size, &text);
    look(&text);
    if (!the_record())
        return 0;
    report_take_out(&text, the_record());
    look(&text);
    for (size_t i = 0; i < COUNT; i++)
        if (strstr(yq_buf_text(&text), personal[i].value))
            abort();
    return 0;
}

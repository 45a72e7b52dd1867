/* record_json.c: whatever comes as the JSON of a record is read or refused; what was read is
 * written and read again as the same. The first byte says which kind. */
#include <stdlib.h>
#include <string.h>

#include "yq/check.h"
#include "yq/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_record *record, *second;
    struct yq_buf first yq_cleanup(yq_buf_fini) = {0}, again yq_cleanup(yq_buf_fini) = {0};
    struct yq_findings findings = {0};
    struct yq_err err = {0};
    if (!size)
        return 0;
    enum yq_kind kind = (enum yq_kind)(data[0] % YQ_KIND_COUNT);
    if (yq_form_record_read(kind, (const char *)data + 1, size - 1, NULL, &record, &err)) {
        yq_form_record_write(record, YQ_LOOK_PLAIN, &first);
        if (!yq_form_record_read(kind, yq_buf_text(&first), first.length, NULL, &second, &err))
            abort();
        yq_form_record_write(second, YQ_LOOK_PLAIN, &again);
        if (first.length != again.length || !yq_record_equal(record, second) ||
            memcmp(first.bytes, again.bytes, first.length) != 0)
            abort();
        yq_buf_clear(&again);
        yq_form_record_write(record, YQ_LOOK_MASKED | YQ_LOOK_INDENT, &again);
        yq_record_free(second);
        yq_record_free(record);
    } else if (err.code != YQ_BAD_INPUT && err.code != YQ_FULL) {
        abort();
    }
    yq_buf_clear(&again);
    yq_buf_put(&again, data, size);
    yq_form_findings_read(yq_buf_text(&again), &findings);
    yq_findings_fini(&findings);
    return 0;
}

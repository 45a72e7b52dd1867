/* identifier.c: C-FIND identifiers from outside, and the answers made for them. First byte: which
 * syntax and root. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const syntaxes[] = {YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE, YQ_TS_EXPLICIT_BE};
    if (size < 1)
        return 0;
    struct yq_err err = {0};
    struct yq_find find;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    const char *values[YQ_ATTR_COUNT] = {[YQ_PatientName] = "Zhang^San=\xe5\xbc\xa0^\xe4\xb8\x89",
                                         [YQ_StudyInstanceUID] = "1.2.3",
                                         [YQ_RequestedProcedureID] = "RP1"};
    const char *syntax = syntaxes[data[0] % 3];
    if (yq_find_parse(data + 1, size - 1, syntax, data[0] & 4, data[0] & 8 ? "GB18030" : "", &find,
                      &err) &&
        !yq_find_answer(&find, values, find.read_as, "ISO_IR 192", "YINGQIAO", syntax, &out, &err))
        abort(); /* the row is sound: whatever was asked, it can be answered */
    yq_find_fini(&find);
    return 0;
}

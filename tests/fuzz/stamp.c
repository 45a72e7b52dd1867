/* stamp.c: any bytes as a time stamp: it verifies, or is refused with a reason; nobody is trusted
 * without anchors. */
#include <stdint.h>
#include <stdlib.h>

#include "yq/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_stamp stamp;
    struct yq_err err = {0};
    bool ok = yq_stamp_verify(data, size, NULL, 0, NULL, &stamp, &err);
    if (ok ? stamp.signer.trusted || !stamp.at_ms
           : !err.text[0] || (err.code != YQ_BAD_INPUT && err.code != YQ_REFUSED))
        abort();
    if (yq_stamp_verify(data, size, "test", 4, NULL, &stamp, &err) && !ok)
        abort();
    return 0;
}

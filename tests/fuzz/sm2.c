/* sm2.c: any bytes as a key, and as a signature of a text: refused with a sentence, or a key that
 * signs what it verifies. Odd first byte: a key follows; even: a signature. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char standard[] =
        "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
        "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13";
    struct yq_err err = {0};
    struct yq_buf out = {0};
    bool key = size && data[0] % 2; /* odd: a key */
    if (!size)
        return 0;
    data++;
    size--;
    if (!key) {
        if (!yq_sm2_verify(standard, 128, YQ_SM2_SIGNER_ID, "message digest", 14, data, size,
                           &err) &&
            err.code != YQ_REFUSED)
            abort();
        return 0;
    }
    if (yq_sm2_sign(data, size, YQ_SM2_SIGNER_ID, "text", 4, false, &out, &err)) {
        if (!yq_sm2_verify(data, size, YQ_SM2_SIGNER_ID, "text", 4, out.bytes, out.length, &err))
            abort();
    } else if (err.code != YQ_BAD_INPUT) {
        abort();
    } else if (!yq_sm2_verify(data, size, YQ_SM2_SIGNER_ID, "text", 4, "00", 2, &err) &&
               !*err.text) {
        abort();
    }
    yq_buf_fini(&out);
    return 0;
}

/* pkcs7.c: any bytes as a PKCS#7, over a text and over what stands in it: it verifies, or is
 * refused with a reason. What verifies attached verifies over its own text only. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] = "12345678";
    struct yq_signer signer;
    struct yq_err err = {0};
    struct yq_pkcs7 what = {.signature = data, .signature_length = size};
    bool attached = yq_pkcs7_verify(&what, NULL, &signer, &err);
    if (!attached && (!err.text[0] || (err.code != YQ_BAD_INPUT && err.code != YQ_REFUSED)))
        abort();
    if (attached && (signer.trusted || !signer.doubt[0] || !signer.algorithm[0]))
        abort();
    what.text = text;
    what.length = sizeof text - 1;
    if (yq_pkcs7_verify(&what, NULL, &signer, &err) && signer.trusted)
        abort();
    return 0;
}

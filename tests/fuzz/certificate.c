/* certificate.c: any bytes as a certificate, as anchors (which must lead to themselves), and as the
 * key under which a signature is checked. */
#include <stdint.h>
#include <stdlib.h>

#include "yq/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char value[] =
        "MEUCIQCk5k/prtWmfqTTmOW46pNZO4WBk2GgR/RUehmR6DTTwAIgaosAUqZ9gTm8cv3h"
        "DshpSypV1Q8ud/C5mGXJSBkn8/8=";
    struct yq_anchors *anchors = NULL;
    struct yq_signer signer;
    struct yq_err err = {0};
    bool read = yq_anchors_read(data, size, &anchors, &err);
    const struct yq_trust trust = {.anchors = anchors};
    if (!read && (anchors || !err.text[0]))
        abort();
    if (!yq_certificate_read(data, size, read ? &trust : NULL, &signer, &err) && !err.text[0])
        abort();
    const struct yq_pkcs1 what = {
        .certificate = data, .certificate_length = size, .signature = value};
    if (!yq_pkcs1_verify(&what, "12345678", 8, read ? &trust : NULL, &signer, &err) && !err.text[0])
        abort();
    yq_anchors_free(anchors);
    return 0;
}

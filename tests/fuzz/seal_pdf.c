/* seal_pdf.c: any bytes as a PDF with seals: each is told, with a reason where it does not verify.
 * What does not begin as a PDF gets a head, so that its inside is reached. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const uint8_t *pdf, size_t length)
{
    struct yq_pdf_seal *seals;
    struct yq_err err = {0};
    size_t count;
    if (!yq_pdf_seals(pdf, length, NULL, &seals, &count, &err)) {
        if (seals || count || !err.text[0])
            abort();
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (seals[i].signer.trusted || (!seals[i].verifies && !seals[i].doubt[0]))
            abort();
    free(seals);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char head[] = "%PDF-1.4\n1 0 obj\n<</ByteRange [0 9 9 9] /Contents <30";
    uint8_t *whole = malloc(sizeof head + size);
    look(data, size);
    if (!whole)
        return 0;
    memcpy(whole, head, sizeof head - 1);
    memcpy(whole + sizeof head - 1, data, size);
    look(whole, sizeof head - 1 + size);
    free(whole);
    return 0;
}

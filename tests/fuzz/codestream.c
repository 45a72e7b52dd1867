/* codestream.c: any bytes as one frame of any codec, of the size that they say they have; what
 * comes out goes through a coder without loss and has to come back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/codestream.h"
#include "yq/image.h"
#include "yq/uid.h"

enum { MOST = 1 << 20, HEAD = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void come_back(struct yq_frame *frame, const char *syntax)
{
    struct yq_buf before = {0};
    struct yq_err err;
    yq_buf_put(&before, frame->pixels.bytes, frame->pixels.length);
    if (yq_image_encode(frame, &(struct yq_coding){.syntax = syntax}, &err)) {
        if (!yq_image_decode(frame, 0, MOST, &err) || frame->pixels.length != before.length ||
            memcmp(frame->pixels.bytes, before.bytes, before.length) != 0)
            abort();
    }
    yq_buf_fini(&before);
}

/* Six bytes: syntax; rows and columns where the bytes do not say them; samples and sign; bits;
 * levels to leave away. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const syntaxes[] = {YQ_TS_RLE, YQ_TS_JPEG_BASELINE, YQ_TS_JPEG_LOSSLESS,
                                           YQ_TS_JPEGLS_NEAR, YQ_TS_J2K_LOSSLESS};
    static const char *const lossless[] = {YQ_TS_RLE, YQ_TS_JPEG_LOSSLESS, YQ_TS_JPEG_LOSSLESS_SV1,
                                           YQ_TS_JPEGLS_LOSSLESS, YQ_TS_J2K_LOSSLESS};
    struct yq_codestream said;
    struct yq_err err;
    if (size < HEAD)
        return 0;
    bool sized = yq_codestream_read(data + HEAD, size - HEAD, &said) && said.rows <= 4096 &&
                 said.columns <= 4096 && said.samples <= 3;
    unsigned bits = 1 + data[4] % 32;
    struct yq_frame frame = {.rows = sized ? said.rows : data[1] + 1u,
                             .columns = sized ? said.columns : data[2] + 1u,
                             .frames = 1,
                             .samples = sized         ? said.samples
                                        : data[3] & 1 ? 3
                                                      : 1,
                             .is_signed = data[3] & 2,
                             .bits_allocated = bits <= 8    ? 8
                                               : bits <= 16 ? 16
                                                            : 32,
                             .bits_stored = bits,
                             .high_bit = bits - 1};
    (void)yq_copy(frame.photometric, sizeof frame.photometric,
                  frame.samples == 1 ? "MONOCHROME2"
                  : data[3] & 4      ? "YBR_FULL_422"
                                     : "RGB");
    (void)yq_copy(frame.codestream_syntax, sizeof frame.codestream_syntax, syntaxes[data[0] % 5]);
    yq_buf_put(&frame.pixels, data + HEAD, size - HEAD);
    if (yq_image_decode(&frame, data[5] % 8, MOST, &err))
        come_back(&frame, lossless[data[0] / 5 % 5]);
    yq_frame_fini(&frame);
    return 0;
}

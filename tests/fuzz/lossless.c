/* lossless.c: any bytes as a frame of lossless JPEG, of the size that they say they have. */
#include <stdint.h>
#include <string.h>

#include "yq/codestream.h"
#include "yq/image.h"

enum { MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_codestream said;
    struct yq_err err;
    if (!yq_codestream_read(data, size, &said) || said.kind != YQ_STREAM_JPEG_LOSSLESS)
        return 0;
    struct yq_frame frame = {.rows = said.rows,
                             .columns = said.columns,
                             .frames = 1,
                             .samples = said.samples,
                             .bits_allocated = said.precision > 8 ? 16 : 8,
                             .bits_stored = said.precision,
                             .high_bit = said.precision - 1};
    (void)yq_copy(frame.codestream_syntax, sizeof frame.codestream_syntax, YQ_TS_JPEG_LOSSLESS);
    yq_buf_put(&frame.pixels, data, size);
    (void)!yq_image_decode(&frame, 0, MOST, &err);
    yq_frame_fini(&frame);
    return 0;
}

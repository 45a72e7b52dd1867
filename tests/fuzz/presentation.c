/* presentation.c: any bytes as the dataset of a presentation state, and as that of an image whose
 * palettes, tables and overlays are read. The first byte chooses the layout and the image. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/frames.h"
#include "yq/uid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch_lut(const struct yq_lut *lut)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < lut->entries; i++)
        sum += lut->values[i];
    if (lut->entries && (lut->bits < 8 || lut->bits > 16 || lut->entries > 65536 || sum == 1234567))
        abort();
}

static volatile uint8_t last;

static void touch(const struct yq_look *look)
{
    touch_lut(&look->modality);
    touch_lut(&look->presentation);
    for (size_t i = 0; i < look->voi_count; i++)
        touch_lut(&look->voi[i]);
    for (size_t i = 0; i < look->overlay_count; i++) {
        const struct yq_overlay *o = &look->overlays[i];
        if (!o->rows || !o->columns)
            abort();
        if (o->bits) /* the last bit is there */
            last ^= o->bits[((size_t)o->rows * o->columns - 1) / 8];
    }
    for (size_t i = 0; i < look->graphic_count; i++)
        if (look->graphics[i].point_count < 1 || !look->graphics[i].points)
            abort();
    if (look->slope == 0 || look->aspect <= 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const syntaxes[] = {YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE, YQ_TS_EXPLICIT_BE,
                                           YQ_TS_DEFLATED};
    static bool ready;
    if (!ready)
        yq_dcm_init();
    ready = true;
    struct yq_err err;
    struct yq_buf file = {0};
    struct yq_frame frame = {.look = {.slope = 1, .aspect = 1}};
    if (!size)
        return 0;
    yq_part10_write(&file, "1.2", "2.25.1", syntaxes[data[0] % 4]);
    yq_buf_put(&file, data + 1, size - 1);
    int fd = memfd_create("fuzz", 0);
    if (fd >= 0 && yq_write_all(fd, file.bytes, file.length, &err)) {
        if (yq_dcm_read_presentation(fd, "2.25.77", data[0] >> 2 & 1, &frame.look, &err))
            touch(&frame.look);
        yq_frame_fini(&frame);
        if (yq_dcm_read_frame(fd, data[0] >> 2 & 3, 1 << 20, &frame, &err)) {
            touch(&frame.look);
            for (size_t i = 0; i < 3; i++)
                touch_lut(&frame.palette[i]);
            yq_frame_fini(&frame);
        }
    }
    if (fd >= 0)
        close(fd);
    yq_buf_fini(&file);
    return 0;
}

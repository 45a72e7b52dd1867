/* frame.c: any bytes as a file: its first frame shown, and written in other transfer syntaxes, or
 * refused. */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/image.h"
#include "yq/transcode.h"
#include "yq/uid.h"

enum { MOST = 1 << 22 };

static struct yq_house house;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(int fd)
{
    struct yq_err err;
    struct yq_frame frame;
    struct yq_picture picture;
    if (!yq_dcm_read_frame(fd, 0, MOST, &frame, &err))
        return;
    if (yq_image_render(&frame, NULL, MOST, &picture, &err)) {
        struct yq_buf jpeg = {0};
        (void)!yq_image_jpeg(&picture, 80, &jpeg, &err);
        yq_buf_fini(&jpeg);
        yq_picture_fini(&picture);
    }
    yq_frame_fini(&frame);
}

static void transcode(int fd, const char *to)
{
    struct yq_err err;
    const struct yq_coding coding = {.syntax = to};
    int out;
    if (!yq_transcode(&house, fd, &coding, &out, &err))
        return;
    show(out);
    close(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) {
        yq_dcm_init();
        yq_budget_init(&house.pixels, 32 * MOST); /* which refuses what says it is larger */
    }
    ready = true;
    struct yq_err err;
    int fd = memfd_create("fuzz", 0);
    if (fd < 0)
        return 0;
    if (yq_write_all(fd, data, size, &err)) {
        show(fd);
        transcode(fd, YQ_TS_EXPLICIT_BE);
        transcode(fd, YQ_TS_JPEGLS_LOSSLESS);
    }
    close(fd);
    return 0;
}

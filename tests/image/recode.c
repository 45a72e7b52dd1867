/* recode.c: the frames of a file in another transfer syntax, for the cases that ask other decoders
 * what we wrote, and us what others wrote.
 *
 *   recode [syntax=UID] [quality=N] [near=N] [ratio=N] [reduce=N] [repeat=N] FILE OUT
 *   recode picture=jpeg|png|jp2|gif [quality=N] [ratio=N] [repeat=N] FILE OUT
 *
 * OUT gets the frames' bytes: a codestream, or without `syntax` the pixels; or a picture of the
 * first frame, or of all as GIF. Says on one line each
 * what a frame is: length in bytes, rows, columns, samples, bits allocated, stored, high bit, sign,
 * planar, photometric interpretation. Ends with 3 where a frame cannot be had; says why. `repeat`:
 * takes the first frame as often, and says how many milliseconds one took to read, to decode and to
 * encode. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "yq/dcm.h"
#include "yq/image.h"

#define MOST (1ull << 30)

struct wish {
    struct yq_coding coding;
    unsigned reduce, repeat;
    const char *picture;
    const char *files[2];
    size_t file_count;
};

static bool take_argument(struct wish *wish, const char *arg)
{
    const char *value = strchr(arg, '=');
    if (!value) {
        if (wish->file_count == 2)
            return false;
        wish->files[wish->file_count++] = arg;
        return true;
    }
    value++;
    if (strncmp(arg, "syntax=", 7) == 0)
        wish->coding.syntax = value;
    else if (strncmp(arg, "quality=", 8) == 0)
        wish->coding.quality = (int)strtol(value, NULL, 10);
    else if (strncmp(arg, "near=", 5) == 0)
        wish->coding.near = (int)strtol(value, NULL, 10);
    else if (strncmp(arg, "ratio=", 6) == 0)
        wish->coding.ratio = strtod(value, NULL);
    else if (strncmp(arg, "picture=", 8) == 0)
        wish->picture = value;
    else if (strncmp(arg, "reduce=", 7) == 0)
        wish->reduce = (unsigned)strtoul(value, NULL, 10);
    else if (strncmp(arg, "repeat=", 7) == 0)
        wish->repeat = (unsigned)strtoul(value, NULL, 10);
    else
        return false;
    return true;
}

/* Of the processor: others may be busy besides us. */
static double milliseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static bool have_frame(const struct wish *wish, int fd, unsigned number, struct yq_frame *frame,
                       double spent[3], struct yq_err *err)
{
    double begun = milliseconds();
    if (!yq_dcm_read_frame(fd, number, MOST, frame, err))
        return false;
    double read = milliseconds();
    bool fine = yq_image_decode(frame, wish->reduce, MOST, err);
    double decoded = milliseconds();
    fine = fine && (!wish->coding.syntax || yq_image_encode(frame, &wish->coding, err));
    spent[0] += read - begun;
    spent[1] += decoded - read;
    spent[2] += milliseconds() - decoded;
    if (!fine)
        yq_frame_fini(frame);
    return fine;
}

static bool all_frames(const struct wish *wish, int fd, FILE *out, struct yq_err *err)
{
    double spent[3] = {0};
    unsigned frames = 1;
    for (unsigned i = 0; i < frames; i++) {
        struct yq_frame f;
        if (!have_frame(wish, fd, wish->repeat ? 0 : i, &f, spent, err))
            return false;
        frames = wish->repeat ? wish->repeat : f.frames;
        if (!wish->repeat) {
            printf("%zu %u %u %u %u %u %u %d %d %s\n", f.pixels.length, f.rows, f.columns,
                   f.samples, f.bits_allocated, f.bits_stored, f.high_bit, f.is_signed, f.planar,
                   f.photometric);
            (void)fwrite(f.pixels.bytes, 1, f.pixels.length, out);
        }
        yq_frame_fini(&f);
    }
    if (wish->repeat)
        printf("%.3f %.3f %.3f\n", spent[0] / frames, spent[1] / frames, spent[2] / frames);
    return true;
}

static bool encode_picture(const struct wish *wish, const struct yq_picture *picture,
                           struct yq_buf *out, struct yq_err *err)
{
    if (strcmp(wish->picture, "png") == 0)
        return yq_image_png(picture, out, err);
    if (strcmp(wish->picture, "jp2") == 0)
        return yq_image_jp2(picture, wish->coding.ratio, out, err);
    return yq_image_jpeg(picture, wish->coding.quality ? wish->coding.quality : 90, out, err);
}

static bool one_picture(const struct wish *wish, int fd, unsigned number, struct yq_gif **gif,
                        struct yq_buf *out, unsigned *frames, struct yq_err *err)
{
    struct yq_frame frame;
    struct yq_picture picture;
    if (!yq_dcm_read_frame(fd, number, MOST, &frame, err))
        return false;
    bool fine = yq_image_render(&frame, NULL, MOST, &picture, err);
    *frames = frame.frames;
    yq_frame_fini(&frame);
    if (!fine)
        return false;
    double begun = milliseconds();
    if (strcmp(wish->picture, "gif") == 0)
        fine = (*gif || yq_gif_new(picture.rows, picture.columns, gif, err)) &&
               yq_gif_add(*gif, &picture, 10, err);
    else
        fine = encode_picture(wish, &picture, out, err);
    for (unsigned i = 1; fine && i < wish->repeat; i++) {
        out->length = 0;
        fine = encode_picture(wish, &picture, out, err);
    }
    if (wish->repeat)
        printf("%.3f\n", (milliseconds() - begun) / wish->repeat);
    yq_picture_fini(&picture);
    return fine;
}

static bool pictures(const struct wish *wish, int fd, FILE *file, struct yq_err *err)
{
    struct yq_gif *gif = NULL;
    struct yq_buf out = {0};
    unsigned frames = 1;
    bool fine = one_picture(wish, fd, 0, &gif, &out, &frames, err);
    for (unsigned i = 1; fine && gif && i < frames; i++)
        fine = one_picture(wish, fd, i, &gif, &out, &frames, err);
    if (fine && gif)
        fine = yq_gif_end(gif, &out, err);
    if (fine)
        fine = fwrite(out.bytes, 1, out.length, file) == out.length;
    yq_gif_free(gif);
    yq_buf_fini(&out);
    return fine;
}

int main(int argc, char **argv)
{
    struct wish wish = {0};
    struct yq_err err = {0};
    bool known = true;
    for (int i = 1; i < argc; i++)
        known &= take_argument(&wish, argv[i]);
    if (!known || wish.file_count != 2) {
        fputs("recode [syntax=UID] [quality=N] [near=N] [ratio=N] [reduce=N] [repeat=N] FILE OUT\n",
              stderr);
        return 2;
    }
    int fd = open(wish.files[0], O_RDONLY | O_CLOEXEC);
    FILE *out = fopen(wish.files[1], "wb");
    if (fd < 0 || !out) {
        perror("recode");
        return 2;
    }
    yq_dcm_init();
    bool fine = wish.picture ? pictures(&wish, fd, out, &err) : all_frames(&wish, fd, out, &err);
    if (!fine)
        fprintf(stderr, "%s\n", err.text);
    yq_dcm_fini();
    return fclose(out) == 0 && fine ? 0 : 3;
}

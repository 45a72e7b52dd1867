/* describe.c: a program for cases: says in JSON what an image is and how it is to be shown, frame
 * by frame, so that others (pydicom) can be asked whether that is so.
 *
 *   describe IMAGE PIXELS [STATE UID]
 *
 * PIXELS gets the pixels of all frames, uncompressed, colour by pixel; "-": they are not asked
 * for. With a presentation state:
 * how that shows the image of this UID. Fails with one line on standard error. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/frames.h"
#include "yq/image.h"

enum { MOST = 1 << 30 };

static void put_crc(const char *name, const void *bytes, size_t length)
{
    printf(",\"%s\":%lu", name, crc32(0, bytes, (uInt)length));
}

static void put_lut(const struct yq_lut *lut)
{
    printf("{\"entries\":%u,\"first\":%d,\"bits\":%u", lut->entries, lut->first, lut->bits);
    put_crc("crc", lut->values, 2 * (size_t)lut->entries); /* this machine is little endian */
    printf("}");
}

static void put_overlay(const struct yq_overlay *o)
{
    printf("{\"group\":%u,\"rows\":%u,\"columns\":%u,\"row\":%d,\"column\":%d,\"region\":%d",
           o->group, o->rows, o->columns, o->row, o->column, o->region);
    if (o->bits)
        put_crc("crc", o->bits, ((size_t)o->rows * o->columns + 7) / 8);
    else
        printf(",\"bit\":%u", o->embedded_bit);
    printf("}");
}

static void put_shutter(const struct yq_shutter *s)
{
    printf("\"shutter\":{\"grey\":%u,\"group\":%u,\"rectangle\":", s->grey, s->overlay_group);
    if (s->rectangular)
        printf("[%d,%d,%d,%d]", s->left, s->right, s->upper, s->lower);
    else
        printf("null");
    printf(",\"circle\":");
    if (s->circular)
        printf("[%d,%d,%d]", s->center_row, s->center_column, s->radius);
    else
        printf("null");
    printf(",\"vertices\":[");
    for (size_t i = 0; i < 2 * s->vertex_count; i++)
        printf("%s%d", i ? "," : "", s->vertices[i]);
    printf("]}");
}

static void put_text(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if (*text == '\n')
            printf("\\n");
        else
            putchar(*text);
    putchar('"');
}

static void put_notes(const struct yq_look *look)
{
    printf(",\"graphics\":[");
    for (size_t i = 0; i < look->graphic_count; i++) {
        const struct yq_graphic *g = &look->graphics[i];
        printf("%s{\"shape\":%d,\"filled\":%d,\"display\":%d,\"rgb\":[%u,%u,%u],\"points\":[",
               i ? "," : "", g->shape, g->filled, g->of_display, g->rgb[0], g->rgb[1], g->rgb[2]);
        for (size_t k = 0; k < 2 * g->point_count; k++)
            printf("%s%.9g", k ? "," : "", (double)g->points[k]);
        printf("]}");
    }
    printf("],\"captions\":[");
    for (size_t i = 0; i < look->caption_count; i++) {
        const struct yq_caption *c = &look->captions[i];
        printf("%s{\"text\":", i ? "," : "");
        put_text(c->text);
        printf(",\"justify\":%d,\"box\":", c->justify);
        if (c->has_box)
            printf("[%d,%.9g,%.9g,%.9g,%.9g]", c->box_of_display, (double)c->box[0],
                   (double)c->box[1], (double)c->box[2], (double)c->box[3]);
        else
            printf("null");
        printf(",\"anchor\":");
        if (c->has_anchor)
            printf("[%d,%d,%.9g,%.9g]", c->anchor_of_display, c->anchor_visible,
                   (double)c->anchor[0], (double)c->anchor[1]);
        else
            printf("null");
        printf("}");
    }
    printf("]");
}

static void put_look(const struct yq_look *look)
{
    printf("{\"slope\":%.17g,\"intercept\":%.17g,\"function\":%d,\"inverse\":%d,\"aspect\":%.17g,"
           "\"windows\":[",
           look->slope, look->intercept, look->function, look->inverse, look->aspect);
    for (size_t i = 0; i < look->window_count; i++)
        printf("%s[%.17g,%.17g]", i ? "," : "", look->windows[i].center, look->windows[i].width);
    printf("],\"modality\":");
    put_lut(&look->modality);
    printf(",\"presentation\":");
    put_lut(&look->presentation);
    printf(",\"voi\":[");
    for (size_t i = 0; i < look->voi_count; i++) {
        printf("%s", i ? "," : "");
        put_lut(&look->voi[i]);
    }
    printf("],\"overlays\":[");
    for (size_t i = 0; i < look->overlay_count; i++) {
        printf("%s", i ? "," : "");
        put_overlay(&look->overlays[i]);
    }
    printf("],");
    put_shutter(&look->shutter);
    printf(",\"rotation\":%u,\"flipped\":%d,\"area\":", look->rotation, look->flipped);
    const struct yq_area *a = &look->area;
    if (look->has_area)
        printf("[%d,%d,%d,%d,%d,%.17g]", a->mode, a->left, a->top, a->right, a->bottom,
               a->magnification);
    else
        printf("null");
    put_notes(look);
    printf("}");
}

static void put_frame(const struct yq_frame *f)
{
    printf("{\"rows\":%u,\"columns\":%u,\"frames\":%u,\"samples\":%u,\"bits\":[%u,%u,%u],"
           "\"signed\":%d,\"float\":%d,\"photometric\":\"%s\",\"syntax\":\"%s\",\"palette\":[",
           f->rows, f->columns, f->frames, f->samples, f->bits_allocated, f->bits_stored,
           f->high_bit, f->is_signed, f->is_float, f->photometric, f->codestream_syntax);
    for (size_t i = 0; i < 3; i++) {
        printf("%s", i ? "," : "");
        put_lut(&f->palette[i]);
    }
    printf("],\"look\":");
    put_look(&f->look);
    printf("}");
}

/* Colour by pixel. */
static bool save(int out, struct yq_frame *f, struct yq_err *err)
{
    if (!yq_image_decode(f, 0, MOST, err))
        return false;
    struct yq_buf turned yq_cleanup(yq_buf_fini) = {0};
    size_t cell = f->bits_allocated / 8, plane = (size_t)f->rows * f->columns;
    if (!f->planar || f->samples == 1)
        return yq_write_all(out, f->pixels.bytes, f->pixels.length, err);
    for (size_t i = 0; i < plane; i++)
        for (size_t s = 0; s < f->samples; s++)
            yq_buf_put(&turned, f->pixels.bytes + (s * plane + i) * cell, cell);
    return yq_write_all(out, turned.bytes, turned.length, err);
}

static bool describe(char **argv, int count, struct yq_err *err)
{
    struct yq_frames *frames yq_cleanup(yq_frames_cleanup) = NULL;
    int fd yq_cleanup(yq_close) = open(argv[1], O_RDONLY | O_CLOEXEC);
    const char *to = strcmp(argv[2], "-") == 0 ? "/dev/null" : argv[2];
    int out yq_cleanup(yq_close) = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int state yq_cleanup(yq_close) = count > 4 ? open(argv[3], O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || out < 0 || (count > 4 && state < 0))
        return yq_fail(err, YQ_IO, "test", "cannot open a file");
    if (!yq_frames_open(fd, &frames, err))
        return false;
    printf("[");
    for (unsigned i = 0; i < yq_frames_facts(frames)->frames; i++) {
        struct yq_frame frame yq_cleanup(yq_frame_fini) = {0};
        if (!yq_frames_read(frames, i, MOST, &frame, err) ||
            (state >= 0 && !yq_dcm_read_presentation(state, argv[4], i, &frame.look, err)))
            return false;
        printf("%s", i ? ",\n" : "");
        put_frame(&frame);
        if (to == argv[2] && !save(out, &frame, err))
            return false;
    }
    printf("]\n");
    return true;
}

int main(int argc, char **argv)
{
    struct yq_err err = {0};
    if (argc < 3)
        return 2;
    yq_dcm_init();
    bool fine = describe(argv, argc, &err);
    if (!fine)
        fprintf(stderr, "%s: %s\n", yq_code_name(err.code), err.text);
    yq_dcm_fini();
    return fine ? 0 : 1;
}

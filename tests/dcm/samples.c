/* samples.c: see samples.h. All patients are invented. */
#include "samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "yq/file.h"

int dcm_up(void **state)
{
    (void)state;
    yq_dcm_init();
    return 0;
}

int dcm_down(void **state)
{
    (void)state;
    yq_dcm_fini();
    return 0;
}

const char *syntax_of(enum yq_layout layout)
{
    static const char *const syntaxes[] = {YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE, YQ_TS_EXPLICIT_BE,
                                           YQ_TS_DEFLATED};
    return syntaxes[layout];
}

void put_head(struct yq_writer *w)
{
    yq_writer_put_text(w, 0x00080005, "CS", "ISO_IR 192");
    yq_writer_put_text(w, 0x00080016, "UI", SAMPLE_CLASS);
    yq_writer_put_text(w, 0x00080018, "UI", SAMPLE_INSTANCE);
    yq_writer_put_text(w, 0x00080020, "DA", "20240229");
    yq_writer_put_text(w, 0x00080060, "CS", "OT");
    yq_writer_put_text(w, 0x00100010, "PN", "Shu^Shan=蜀^山");
    yq_writer_put_text(w, 0x00100020, "LO", "P1");
    yq_writer_put_text(w, 0x0020000d, "UI", SAMPLE_STUDY);
    yq_writer_put_text(w, 0x0020000e, "UI", SAMPLE_SERIES);
}

static void put_number(struct yq_writer *w, uint32_t tag, unsigned value)
{
    char text[16];
    snprintf(text, sizeof text, "%u", value);
    yq_writer_put_text(w, tag, "US", text);
}

static void put_palette(struct yq_writer *w)
{
    for (uint32_t c = 0; c < 3; c++)
        yq_writer_put_text(w, 0x00281101 + c, "US", "256\\0\\16");
    for (uint32_t c = 0; c < 3; c++) {
        uint8_t table[512];
        for (unsigned i = 0; i < 256; i++) {
            unsigned value = (c == 0 ? i : c == 1 ? 255 - i : 7) * 256;
            bool big = w->layout == YQ_LAYOUT_EXPLICIT_BE;
            table[2 * i + (big ? 0 : 1)] = (uint8_t)(value >> 8);
            table[2 * i + (big ? 1 : 0)] = (uint8_t)value;
        }
        yq_writer_put(w, 0x00281201 + c, "OW", table, sizeof table);
    }
}

void put_image_module(struct yq_writer *w, const struct sample *s)
{
    unsigned stored = s->stored ? s->stored : s->bits;
    char frames[16];
    snprintf(frames, sizeof frames, "%u", s->frames);
    put_number(w, 0x00280002, s->samples);
    yq_writer_put_text(w, 0x00280004, "CS",
                       s->photometric    ? s->photometric
                       : s->palette      ? "PALETTE COLOR"
                       : s->samples == 3 ? "RGB"
                                         : "MONOCHROME2");
    if (s->samples == 3)
        put_number(w, 0x00280006, s->planar);
    if (s->frames > 1)
        yq_writer_put_text(w, 0x00280008, "IS", frames);
    put_number(w, 0x00280010, s->rows);
    put_number(w, 0x00280011, s->columns);
    put_number(w, 0x00280100, s->bits);
    put_number(w, 0x00280101, stored);
    put_number(w, 0x00280102, stored - 1);
    put_number(w, 0x00280103, s->is_signed);
    if (s->palette)
        put_palette(w);
}

void make_pixels(struct yq_buf *out, const struct sample *s)
{
    size_t count = (size_t)s->rows * s->columns * s->samples * s->frames;
    unsigned stored = s->stored ? s->stored : s->bits;
    assert_true(stored > 0);
    if (s->bits == 1) {
        uint8_t *bytes = yq_buf_room(out, (count + 7) / 8);
        for (size_t i = 0; i < count; i++)
            bytes[i / 8] |= (uint8_t)((i * 7 / 3 & 1) << i % 8);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)(i * 37 + i / s->columns * 11);
        if (stored < 32)
            value &= (1u << stored) - 1;
        if (s->is_signed && stored &&
            value >> (stored - 1) & 1) /* the sign goes through all of the cell */
            value |= ~((1u << stored) - 1);
        for (unsigned b = 0; b < s->bits; b += 8)
            yq_buf_put(out, (uint8_t[]){(uint8_t)(value >> b)}, 1);
    }
}

void make_dataset(struct yq_buf *out, enum yq_layout layout, const struct sample *s)
{
    struct yq_writer w = {.out = out, .layout = layout};
    put_head(&w);
    if (!s->rows)
        return;
    put_image_module(&w, s);
    struct yq_buf pixels = {0};
    make_pixels(&pixels, s);
    const char *vr = s->bits > 8 || layout == YQ_LAYOUT_IMPLICIT_LE ? "OW" : "OB";
    for (size_t i = 0; layout == YQ_LAYOUT_EXPLICIT_BE && s->bits > 8 && i < pixels.length;
         i += 2) {
        uint8_t byte = pixels.bytes[i];
        pixels.bytes[i] = pixels.bytes[i + 1];
        pixels.bytes[i + 1] = byte;
    }
    yq_writer_put(&w, 0x7fe00010, vr, pixels.bytes, pixels.length);
    yq_buf_fini(&pixels);
}

int empty_file(void)
{
    int fd = memfd_create("sample", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

int file_of(const void *bytes, size_t length)
{
    struct yq_err err = {0};
    int fd = empty_file();
    assert_true(yq_write_all(fd, bytes, length, &err));
    return fd;
}

int file_with(const struct yq_buf *dataset, const char *transfer_syntax)
{
    struct yq_buf file = {0};
    yq_part10_write(&file, SAMPLE_CLASS, SAMPLE_INSTANCE, transfer_syntax);
    yq_buf_put(&file, dataset->bytes, dataset->length);
    assert_false(file.failed);
    int fd = file_of(file.bytes, file.length);
    yq_buf_fini(&file);
    return fd;
}

int sample_file(enum yq_layout layout, const struct sample *sample)
{
    struct yq_buf dataset = {0};
    make_dataset(&dataset, layout, sample);
    int fd = file_with(&dataset, syntax_of(layout));
    yq_buf_fini(&dataset);
    return fd;
}

bool testdata(const char *name, char *path, size_t size)
{
    const char *folder = getenv("YQ_TESTDATA");
    snprintf(path, size, "%s/%s", folder ? folder : YQ_TESTDATA_DEFAULT, name);
    if (access(path, R_OK) == 0)
        return true;
    print_message("skipped: there is no %s\n", path);
    return false;
}

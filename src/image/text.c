/* text.c: text on a picture, by FreeType, with a rim of the opposite shade so that it is read on
 * any image. Left to right, one glyph for each character; no ligatures, no right-to-left writing.
 *
 * The font file is read once, at the start, and never changed after that; each picture opens a face
 * of its own on it, so that threads share nothing that is written. */
#include <ft2build.h>
#include FT_FREETYPE_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "draw.h"

#define ROOM "image"

enum { FONT_MOST = 64 << 20, CHARACTERS_MOST = 8192, LINES_MOST = 200 };

static struct {
    uint8_t *bytes; /* owned; for the life of the program */
    size_t length;
} font;

struct type {
    FT_Library library;
    FT_Face face;
    unsigned size; /* that is set */
};

static bool open_face(const uint8_t *bytes, size_t length, struct type *type)
{
    if (FT_Init_FreeType(&type->library) != 0)
        return false;
    if (FT_New_Memory_Face(type->library, bytes, (FT_Long)length, 0, &type->face) == 0)
        return true;
    FT_Done_FreeType(type->library);
    return false;
}

static void close_face(struct type *type)
{
    FT_Done_Face(type->face);
    FT_Done_FreeType(type->library);
}

static uint8_t *read_font(const char *path, size_t *length)
{
    struct stat about;
    uint8_t *bytes = NULL;
    size_t done = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &about) == 0 && about.st_size > 0 && about.st_size <= FONT_MOST)
        bytes = malloc((size_t)about.st_size);
    while (bytes && done < (size_t)about.st_size) {
        ssize_t some = read(fd, bytes + done, (size_t)about.st_size - done);
        if (some <= 0)
            break;
        done += (size_t)some;
    }
    close(fd);
    *length = done;
    return bytes;
}

bool yq_image_use_font(const char *path, struct yq_err *err)
{
    struct type type = {0};
    size_t length = 0;
    uint8_t *bytes = read_font(path, &length);
    if (!bytes)
        return yq_fail(err, YQ_ABSENT, ROOM, "the font %s cannot be read", path);
    if (!open_face(bytes, length, &type)) {
        free(bytes);
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "%s is no font", path);
    }
    close_face(&type);
    free(font.bytes);
    font.bytes = bytes;
    font.length = length;
    return true;
}

bool yq_type_open(struct type **out, struct yq_err *err)
{
    *out = NULL;
    if (!font.bytes)
        return yq_fail(err, YQ_REFUSED, ROOM, "there is no font for text on a picture");
    struct type *type = calloc(1, sizeof *type);
    if (!type || !open_face(font.bytes, font.length, type)) {
        free(type);
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a font");
    }
    *out = type;
    return true;
}

void yq_type_close(struct type *type)
{
    if (!type)
        return;
    close_face(type);
    free(type);
}

/* ---- characters ---- */

/* The next character of UTF-8; what is none counts byte by byte. Never steps over the 0. */
static uint32_t next(const char **text)
{
    const uint8_t *p = (const uint8_t *)*text;
    unsigned more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : p[0] >= 0xc0 ? 1 : 0;
    uint32_t code = more ? p[0] & (0x3fu >> more) : p[0];
    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            (*text)++;
            return 0xfffd;
        }
        code = code << 6 | (p[i] & 0x3f);
    }
    *text += 1 + more;
    return code;
}

static void set_size(struct type *type, unsigned size)
{
    if (type->size != size && FT_Set_Pixel_Sizes(type->face, 0, size) == 0)
        type->size = size;
}

static unsigned line_height(unsigned size) { return size + size / 4 + 1; }
static unsigned rim(unsigned size) { return size < 24 ? 1 : size / 16; }

/* Pixels of one line; *text: at its end. */
static unsigned line_width(struct type *type, const char **text, unsigned *characters)
{
    FT_Pos pen = 0;
    while (**text && **text != '\n' && *characters < CHARACTERS_MOST) {
        ++*characters;
        if (FT_Load_Char(type->face, next(text), FT_LOAD_NO_BITMAP) == 0)
            pen += type->face->glyph->advance.x;
    }
    return (unsigned)((pen + 63) / 64);
}

void yq_text_measure(struct type *type, const char *text, unsigned size, unsigned *columns,
                     unsigned *rows)
{
    unsigned widest = 0, lines = 0, characters = 0;
    set_size(type, size);
    while (characters < CHARACTERS_MOST && lines < LINES_MOST) {
        unsigned width = line_width(type, &text, &characters);
        widest = width > widest ? width : widest;
        lines++;
        if (*text != '\n')
            break;
        text++;
    }
    *columns = widest + 2 * rim(size);
    *rows = lines * line_height(size) + 2 * rim(size);
}

/* ---- drawing ---- */

/* How much of each pixel the letters cover; as large as the text, but cut to the picture. */
struct mask {
    uint8_t *cover; /* owned */
    int64_t left, top;
    unsigned columns, rows;
};

static void put_glyph(struct mask *mask, FT_GlyphSlot slot, int64_t x, int64_t y)
{
    const FT_Bitmap *bitmap = &slot->bitmap;
    if (bitmap->pixel_mode != FT_PIXEL_MODE_GRAY)
        return;
    x += slot->bitmap_left - mask->left;
    y -= slot->bitmap_top + mask->top;
    for (unsigned row = 0; row < bitmap->rows; row++)
        for (unsigned column = 0; column < bitmap->width; column++) {
            int64_t to_x = x + column, to_y = y + row;
            if (to_x < 0 || to_y < 0 || to_x >= mask->columns || to_y >= mask->rows)
                continue;
            uint8_t *to = mask->cover + (size_t)to_y * mask->columns + (size_t)to_x;
            uint8_t value = bitmap->buffer[(ptrdiff_t)row * bitmap->pitch + column];
            *to = value > *to ? value : *to;
        }
}

static void put_line(struct type *type, struct mask *mask, const char *text, const char *end,
                     int64_t x, int64_t y)
{
    FT_Pos pen = 0;
    while (text < end) {
        uint32_t code = next(&text);
        if (FT_Load_Char(type->face, code, FT_LOAD_RENDER | FT_LOAD_NO_BITMAP) != 0)
            continue;
        put_glyph(mask, type->face->glyph, x + pen / 64, y);
        pen += type->face->glyph->advance.x;
    }
}

static void put_lines(struct type *type, struct mask *mask, const char *text, unsigned size,
                      enum text_side side, unsigned columns, int64_t column, int64_t row)
{
    unsigned edge = rim(size), characters = 0;
    for (unsigned line = 0; line < LINES_MOST && characters < CHARACTERS_MOST; line++) {
        const char *end = text;
        unsigned spare = columns - 2 * edge - line_width(type, &end, &characters);
        unsigned shift = side == TEXT_RIGHT ? spare : side == TEXT_CENTER ? spare / 2 : 0;
        put_line(type, mask, text, end, column + edge + shift,
                 row + edge + (int64_t)line * line_height(size) + size);
        if (*end != '\n')
            break;
        text = end + 1;
    }
}

/* The greatest cover within `edge` pixels to the left and right, or above and below. */
static void spread(const uint8_t *in, uint8_t *out, size_t count, size_t step, unsigned edge)
{
    for (size_t i = 0; i < count; i++) {
        size_t from = i > edge ? i - edge : 0, to = i + edge < count ? i + edge : count - 1;
        uint8_t most = 0;
        for (size_t j = from; j <= to; j++)
            most = in[j * step] > most ? in[j * step] : most;
        out[i * step] = most;
    }
}

static void blend(struct canvas *canvas, const struct mask *mask, uint8_t *wide, uint8_t *wider,
                  unsigned edge, const uint8_t rgb[3])
{
    uint8_t shade = rgb[0] + rgb[1] + rgb[2] < 240 ? 255 : 0;
    const uint8_t opposite[3] = {shade, shade, shade};
    for (unsigned row = 0; row < mask->rows; row++) {
        size_t at = (size_t)row * mask->columns;
        spread(mask->cover + at, wide + at, mask->columns, 1, edge);
    }
    for (unsigned column = 0; column < mask->columns; column++)
        spread(wide + column, wider + column, mask->rows, mask->columns, edge);
    for (unsigned row = 0; row < mask->rows; row++)
        for (unsigned column = 0; column < mask->columns; column++) {
            size_t at = (size_t)row * mask->columns + column;
            yq_canvas_mix(canvas, mask->left + column, mask->top + row, opposite, wider[at]);
            yq_canvas_mix(canvas, mask->left + column, mask->top + row, rgb, mask->cover[at]);
        }
}

static int64_t within(int64_t value, int64_t most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

void yq_text_draw(struct type *type, struct canvas *canvas, const char *text, unsigned size,
                  enum text_side side, int64_t column, int64_t row, const uint8_t rgb[3])
{
    unsigned columns, rows;
    yq_text_measure(type, text, size, &columns, &rows);
    struct mask mask = {.left = within(column, canvas->columns), .top = within(row, canvas->rows)};
    mask.columns = (unsigned)(within(column + columns, canvas->columns) - mask.left);
    mask.rows = (unsigned)(within(row + rows, canvas->rows) - mask.top);
    size_t area = (size_t)mask.columns * mask.rows;
    canvas->effort -= (int64_t)area * 4 + 1000;
    if (!area || canvas->effort <= 0)
        return;
    mask.cover = calloc(3, area);
    if (!mask.cover)
        return;
    put_lines(type, &mask, text, size, side, columns, column, row);
    blend(canvas, &mask, mask.cover + area, mask.cover + 2 * area, rim(size), rgb);
    free(mask.cover);
}

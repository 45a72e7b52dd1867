/* gif.c: pictures as one GIF, by giflib. GIF89a; the application extension NETSCAPE2.0.
 *
 * Grey pictures share one map of 256 greys, so that each grey is exact; those in colour bring a map
 * of their own. Everything is written as it comes: what is held is the file so far and one picture.
 * Thread-safe; one GIF belongs to one thread. */
#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

#include "palette.h"

#define ROOM "image"

struct yq_gif {
    GifFileType *file; /* NULL: ended, or broken */
    unsigned rows, columns;
    struct yq_buf bytes;
    uint8_t *indexes; /* of one picture */
};

static int put(GifFileType *file, const GifByteType *bytes, int length)
{
    struct yq_gif *gif = file->UserData;
    yq_buf_put(&gif->bytes, bytes, (size_t)length);
    return gif->bytes.failed ? 0 : length;
}

static ColorMapObject *greys(void)
{
    ColorMapObject *map = GifMakeMapObject(256, NULL);
    for (int i = 0; map && i < 256; i++)
        map->Colors[i] = (GifColorType){(GifByteType)i, (GifByteType)i, (GifByteType)i};
    return map;
}

static bool begin(struct yq_gif *gif)
{
    ColorMapObject *map = greys();
    int code;
    gif->file = map ? EGifOpen(gif, put, &code) : NULL;
    bool fine = gif->file;
    if (fine) {
        EGifSetGifVersion(gif->file, true);
        fine = EGifPutScreenDesc(gif->file, (int)gif->columns, (int)gif->rows, 8, 0, map) &&
               EGifPutExtensionLeader(gif->file, APPLICATION_EXT_FUNC_CODE) &&
               EGifPutExtensionBlock(gif->file, 11, "NETSCAPE2.0") &&
               EGifPutExtensionBlock(gif->file, 3, "\1\0\0") && /* for ever */
               EGifPutExtensionTrailer(gif->file);
    }
    GifFreeMapObject(map);
    return fine;
}

bool yq_gif_new(unsigned rows, unsigned columns, struct yq_gif **out, struct yq_err *err)
{
    *out = NULL;
    if (!rows || !columns || rows > 65535 || columns > 65535)
        return yq_fail(err, YQ_REFUSED, ROOM, "a picture of %u by %u cannot be a GIF", columns,
                       rows);
    struct yq_gif *gif = calloc(1, sizeof *gif);
    if (gif) {
        gif->rows = rows;
        gif->columns = columns;
        gif->indexes = malloc((size_t)rows * columns);
    }
    if (gif && gif->indexes && begin(gif)) {
        *out = gif;
        return true;
    }
    yq_gif_free(gif);
    return yq_fail(err, YQ_FULL, ROOM, "no memory to make a GIF");
}

/* The pixels as indexes; *map: the picture's own, NULL where it is grey. */
static bool index_pixels(struct yq_gif *gif, const struct yq_picture *picture, ColorMapObject **map)
{
    struct palette palette;
    *map = NULL;
    if (picture->samples == 1) {
        memcpy(gif->indexes, picture->pixels.bytes, picture->pixels.length);
        return true;
    }
    if (!yq_palette_make(picture, &palette, gif->indexes))
        return false;
    *map = GifMakeMapObject(256, NULL);
    for (unsigned i = 0; *map && i < palette.count; i++)
        (*map)->Colors[i] = (GifColorType){palette.rgb[i][0], palette.rgb[i][1], palette.rgb[i][2]};
    return *map;
}

static bool put_picture(struct yq_gif *gif, const ColorMapObject *map, unsigned delay)
{
    const GraphicsControlBlock control = {.DisposalMode = DISPOSE_DO_NOT,
                                          .DelayTime = delay > 65535 ? 65535 : (int)delay,
                                          .TransparentColor = NO_TRANSPARENT_COLOR};
    GifByteType packed[4];
    size_t length = EGifGCBToExtension(&control, packed);
    bool fine = EGifPutExtension(gif->file, GRAPHICS_EXT_FUNC_CODE, (int)length, packed) &&
                EGifPutImageDesc(gif->file, 0, 0, (int)gif->columns, (int)gif->rows, false, map);
    for (unsigned y = 0; fine && y < gif->rows; y++)
        fine = EGifPutLine(gif->file, gif->indexes + (size_t)y * gif->columns, (int)gif->columns);
    return fine && !gif->bytes.failed;
}

bool yq_gif_add(struct yq_gif *gif, const struct yq_picture *picture, unsigned delay,
                struct yq_err *err)
{
    if (picture->rows != gif->rows || picture->columns != gif->columns ||
        (picture->samples != 1 && picture->samples != 3) ||
        (uint64_t)picture->rows * picture->columns * picture->samples != picture->pixels.length)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the picture's size and pixels do not agree");
    ColorMapObject *map;
    bool fine = gif->file && index_pixels(gif, picture, &map);
    if (fine) {
        fine = put_picture(gif, map, delay);
        GifFreeMapObject(map);
    }
    return fine || yq_fail(err, YQ_FULL, ROOM, "no memory to make a GIF");
}

bool yq_gif_end(struct yq_gif *gif, struct yq_buf *out, struct yq_err *err)
{
    int code;
    bool fine = gif->file && EGifCloseFile(gif->file, &code);
    gif->file = NULL;
    if (fine)
        yq_buf_put(out, gif->bytes.bytes, gif->bytes.length);
    if (fine && !gif->bytes.failed && !out->failed)
        return true;
    return yq_fail(err, YQ_FULL, ROOM, "no memory to make a GIF");
}

void yq_gif_free(struct yq_gif *gif)
{
    int code;
    if (!gif)
        return;
    if (gif->file)
        (void)EGifCloseFile(gif->file, &code);
    yq_buf_fini(&gif->bytes);
    free(gif->indexes);
    free(gif);
}

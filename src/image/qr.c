/* qr.c: a text as the picture of a QR code (ISO/IEC 18004), by libqrencode, which only this file
 * sees. Modules are black and white squares with the quiet zone of four that the standard wants.
 * Thread-safe. */
#include <errno.h>
#include <string.h>

#include <qrencode.h>

#include "yq/image.h"

enum { QUIET = 4, SCALE_MOST = 32 };

static bool paint(const QRcode *code, unsigned scale, struct yq_picture *out)
{
    unsigned modules = (unsigned)code->width, side = (modules + 2 * QUIET) * scale;
    *out = (struct yq_picture){.rows = side, .columns = side, .samples = 1};
    uint8_t *pixels = yq_buf_raw(&out->pixels, (size_t)side * side);
    if (!pixels)
        return false;
    memset(pixels, 255, (size_t)side * side);
    for (unsigned y = 0; y < modules * scale; y++) {
        uint8_t *row = pixels + (size_t)(y + QUIET * scale) * side + (size_t)QUIET * scale;
        const unsigned char *of = code->data + (size_t)(y / scale) * modules;
        for (unsigned x = 0; x < modules; x++)
            if (of[x] & 1)
                memset(row + (size_t)x * scale, 0, scale);
    }
    return true;
}

bool yq_image_qr(const char *text, unsigned scale, struct yq_picture *out, struct yq_err *err)
{
    size_t length = strlen(text);
    *out = (struct yq_picture){0};
    if (!length || length > YQ_QR_MOST || !scale || scale > SCALE_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "image", "a QR code holds 1 to %d bytes", YQ_QR_MOST);
    errno = 0;
    QRcode *code = QRcode_encodeData((int)length, (const unsigned char *)text, 0, QR_ECLEVEL_L);
    if (!code)
        return errno == ERANGE
                   ? yq_fail(err, YQ_BAD_INPUT, "image", "the text is too long for a QR code")
                   : yq_fail(err, YQ_FULL, "image", "no memory for a QR code");
    bool ok = paint(code, scale, out);
    QRcode_free(code);
    if (ok)
        return true;
    yq_picture_fini(out);
    return yq_fail(err, YQ_FULL, "image", "no memory for a QR code");
}

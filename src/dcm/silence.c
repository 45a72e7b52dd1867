/* silence.c: what compressed frames say beside their pixels: comments, EXIF (owner, place), XMP.
 * Its bytes become zeroes where they stand, so that nothing moves and pixels stay what they are.
 * ISO/IEC 10918-1 B.2.4, 14495-1 C.2, 15444-1 A.9.2.
 *
 * Looks at segments before the first scan or tile. What a decoder needs stays: JFIF (APP0), ICC
 * profiles (APP2), colour transforms (APP8, APP14). Refuses a header that does not end in the
 * fragment in which it begins: nobody could say what was passed over. Thread-safe. */
#include <string.h>
#include <unistd.h>

#include "scan.h"
#include "yq/file.h"

#define ROOM "dcm"
#define UNDEFINED 0xffffffffu
#define TAG_PIXELS 0x7fe00010u

struct header { /* of a codestream */
    int fd;
    uint64_t at, end; /* in the file; of the fragment */
};

static bool lost(struct yq_err *err)
{
    return yq_fail(err, YQ_REFUSED, ROOM, "what a compressed frame says of itself has no end");
}

static bool peek(const struct header *h, uint8_t *bytes, size_t length, struct yq_err *err)
{
    size_t got;
    if (h->end - h->at < length)
        return lost(err);
    return yq_read_at(h->fd, bytes, length, h->at, &got, err) &&
           (got == length || yq_fail(err, YQ_IO, ROOM, "the object became shorter"));
}

static bool wipe(const struct header *h, uint64_t from, uint64_t count, struct yq_err *err)
{
    static const uint8_t zeroes[4096];
    while (count) {
        size_t piece = count < sizeof zeroes ? (size_t)count : sizeof zeroes;
        ssize_t done = pwrite(h->fd, zeroes, piece, (off_t)from);
        if (done <= 0)
            return yq_fail_errno(err, ROOM, "write", "an object");
        from += (uint64_t)done;
        count -= (uint64_t)done;
    }
    return true;
}

/* Bytes of a segment, behind its length, that stay; UINT32_MAX: all. */
static uint32_t kept(bool wavelet, unsigned marker)
{
    if (wavelet)
        return marker == 0x64 ? 2 : UINT32_MAX; /* what kind of comment it is */
    bool speaks = marker == 0xfe || (marker >= 0xe0 && marker <= 0xef);
    bool needed = marker == 0xe0 || marker == 0xe2 || marker == 0xe8 || marker == 0xee;
    return speaks && !needed ? 0 : UINT32_MAX;
}

/* From the first marker behind the start of image to the first scan, tile, or the end. */
static bool silence_header(struct header *h, bool wavelet, struct yq_err *err)
{
    for (;;) {
        uint8_t m[4];
        if (!peek(h, m, 2, err))
            return false;
        if (m[0] != 0xff)
            return true; /* broken: a decoder stops here, too */
        if (m[1] == 0xff) {
            h->at++;
            continue;
        }
        if (m[1] == (wavelet ? 0x90 : 0xda) || m[1] == 0xd9)
            return true;
        if (!peek(h, m, 4, err))
            return false;
        uint32_t length = yq_be16(m + 2), stays = kept(wavelet, m[1]);
        if (length < 2 || length + 2 > h->end - h->at)
            return lost(err);
        if (stays < length - 2 && !wipe(h, h->at + 4 + stays, length - 2 - stays, err))
            return false;
        h->at += 2 + length;
    }
}

static bool silence_fragment(struct header *h, struct yq_err *err)
{
    uint8_t start[4];
    if (h->end - h->at < sizeof start)
        return true;
    if (!peek(h, start, sizeof start, err))
        return false;
    bool jpeg = start[0] == 0xff && start[1] == 0xd8 && start[2] == 0xff;
    bool wavelet = memcmp(start, "\xff\x4f\xff\x51", 4) == 0;
    h->at += 2;
    return (!jpeg && !wavelet) || silence_header(h, wavelet, err);
}

bool yq_dcm_silence(int fd, struct yq_err *err)
{
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    struct yq_part10 about;
    struct yq_element e;
    uint64_t position;
    uint32_t length;
    if (!yq_part10_read(fd, &about, err) ||
        !yq_scan_open_fd(fd, about.dataset_offset, about.transfer_syntax, &scan, err))
        return false;
    while (yq_scan_next(scan, &e, err)) {
        if (e.depth || e.tag != TAG_PIXELS || e.length != UNDEFINED || strcmp(e.vr, "SQ") == 0)
            continue;
        while (yq_scan_fragment(scan, &position, &length, err)) {
            struct header h = {fd, about.dataset_offset + position,
                               about.dataset_offset + position + length};
            if (!silence_fragment(&h, err))
                return false;
        }
        if (err->code != YQ_OK)
            return false;
    }
    return err->code == YQ_OK;
}

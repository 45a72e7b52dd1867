/* transcode.c: an object in another transfer syntax: open, then frame by frame read, decode,
 * encode, write. PS3.5 8.2, annex A.
 *
 * Between plain syntaxes nothing is decoded: the dataset alone is written anew. Where the standard
 * lets the new syntax hold the codestream of the old one, it is copied as it is. Never loses
 * anything unless the coding says so. Video and what refers to pixels elsewhere is refused: it is
 * served as it is stored. What describes the pixels must be the same for all frames, or the object
 * cannot be written.
 *
 * Memory: as much as one frame takes, plain and compressed, from the budget of the node. Any
 * thread. */
#include "yq/transcode.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "derive.h"
#include "object.h"
#include "yq/codestream.h"
#include "yq/frames.h"
#include "yq/image.h"
#include "yq/log.h"
#include "yq/recast.h"

#define FRAME_MOST ((uint64_t)2 << 30)    /* bytes of one, plain */
#define OBJECT_MOST ((uint64_t)16 << 30)  /* of all */
#define BESIDE_MOST ((uint64_t)256 << 20) /* of everything that is no pixels */

enum {
    ICON_MOST = 4 << 20,
    WAIT_MS = 60000,
    OVERHEAD = 4 << 20, /* of codecs, whatever the frame's size */
    WORTH_KEEPING_MS = 20,
};

/* ---- what becomes what ---- */

enum trait {
    PLAIN = 1,
    KEEPS = 2,     /* can hold every pixel without loss */
    ELSEWHERE = 4, /* video, or pixels that are not in the object */
    READ = 8,      /* dcm/ decodes it while it reads */
};

static unsigned traits_of(const char *syntax)
{
    static const struct {
        const char *syntax;
        unsigned traits;
    } table[] = {
        {YQ_TS_IMPLICIT_LE, PLAIN | KEEPS},
        {YQ_TS_EXPLICIT_LE, PLAIN | KEEPS},
        {YQ_TS_EXPLICIT_BE, PLAIN | KEEPS},
        {YQ_TS_DEFLATED, PLAIN | KEEPS},
        {YQ_TS_RLE, KEEPS},
        {YQ_TS_JPEG_LOSSLESS, KEEPS},
        {YQ_TS_JPEG_LOSSLESS_SV1, KEEPS},
        {YQ_TS_JPEGLS_LOSSLESS, KEEPS},
        {YQ_TS_JPEGLS_NEAR, KEEPS},
        {YQ_TS_J2K_LOSSLESS, KEEPS},
        {YQ_TS_J2K, KEEPS},
        {"1.2.840.10008.1.2.8.1", READ},       /* deflated frames */
        {"1.2.840.10008.1.2.4.94", ELSEWHERE}, /* JPIP */
        {"1.2.840.10008.1.2.4.95", ELSEWHERE},
        {"1.2.840.10008.1.2.4.204", ELSEWHERE},
        {"1.2.840.10008.1.2.4.205", ELSEWHERE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].syntax, syntax) == 0)
            return table[i].traits;
    /* MPEG-2, MPEG-4, HEVC, each also fragmentable (.1) */
    return strncmp(syntax, "1.2.840.10008.1.2.4.10", 22) == 0 ? ELSEWHERE : 0;
}

/* Whose codestreams may stand in whose objects. */
static const struct kinship {
    const char *from, *to;
    enum yq_stream_kind kind;
    bool first_order; /* only with the first predictor */
} kinships[] = {
    {YQ_TS_J2K_LOSSLESS, YQ_TS_J2K, YQ_STREAM_J2K, false},
    {YQ_TS_HTJ2K_LOSSLESS, YQ_TS_HTJ2K, YQ_STREAM_J2K, false},
    {YQ_TS_HTJ2K_LOSSLESS_RPCL, YQ_TS_HTJ2K, YQ_STREAM_J2K, false},
    {YQ_TS_HTJ2K_LOSSLESS_RPCL, YQ_TS_HTJ2K_LOSSLESS, YQ_STREAM_J2K, false},
    {YQ_TS_JPEG_BASELINE, YQ_TS_JPEG_EXTENDED, YQ_STREAM_JPEG, false},
    {YQ_TS_JPEG_LOSSLESS_SV1, YQ_TS_JPEG_LOSSLESS, YQ_STREAM_JPEG_LOSSLESS, false},
    {YQ_TS_JPEG_LOSSLESS, YQ_TS_JPEG_LOSSLESS_SV1, YQ_STREAM_JPEG_LOSSLESS, true},
};

static const struct kinship *kinship_of(const char *from, const char *to)
{
    for (size_t i = 0; i < sizeof kinships / sizeof *kinships; i++)
        if (strcmp(kinships[i].from, from) == 0 && strcmp(kinships[i].to, to) == 0)
            return &kinships[i];
    return NULL;
}

static bool decodes(const char *syntax)
{
    return (traits_of(syntax) & (PLAIN | READ)) || yq_image_can_decode(syntax);
}

bool yq_transcode_loses(const struct yq_coding *coding)
{
    return strcmp(coding->syntax, YQ_TS_JPEG_BASELINE) == 0 ||
           (strcmp(coding->syntax, YQ_TS_JPEGLS_NEAR) == 0 && coding->near > 0) ||
           (strcmp(coding->syntax, YQ_TS_J2K) == 0 && coding->ratio > 0);
}

bool yq_transcode_keeps(const char *from, const char *to)
{
    /* Only some objects become .70 by kinship, but .57 can be decoded as well. */
    return kinship_of(from, to) ||
           ((traits_of(to) & KEEPS) && yq_image_can_encode(to) && decodes(from));
}

/* ---- frames ---- */

struct work {
    struct yq_house *house;
    int fd;
    const struct yq_coding *coding;
    struct yq_part10 about;
    uint64_t size; /* of the file */
    const struct kinship *kinship;
    struct yq_frames *frames;
    const struct yq_frame *facts;
    struct yq_share share;
    struct yq_frame described; /* what the first frame became, without pixels */
    struct yq_recast *recast;
    struct yq_buf edits;
    int out;
    uint64_t packed; /* bytes of all compressed frames */
};

static uint64_t frame_bits(const struct yq_frame *f)
{
    return (uint64_t)f->rows * f->columns * f->samples * f->bits_allocated;
}

/* The predictor of a lossless JPEG: the first byte behind the components of its first scan. */
static bool is_first_order(const struct yq_buf *stream)
{
    const uint8_t *p = stream->bytes;
    for (size_t at = 2; at + 5 < stream->length && p[at] == 0xff;) {
        size_t segment = yq_be16(p + at + 2), selection = at + 5 + 2 * (size_t)p[at + 4];
        if (p[at + 1] == 0xda)
            return selection < stream->length && p[selection] == 1;
        at += 2 + segment;
    }
    return false;
}

static bool is_kin(const struct kinship *kinship, const struct yq_buf *stream)
{
    struct yq_codestream said;
    return yq_codestream_read(stream->bytes, stream->length, &said) && said.start == 0 &&
           said.kind == kinship->kind && (!kinship->first_order || is_first_order(stream));
}

/* How it is shown is not asked, which is most of what reading one frame costs; but some are decoded
 * only while they are read like that. */
static bool decode_frame(struct work *w, unsigned number, struct yq_frame *stored,
                         struct yq_err *err)
{
    if (yq_image_decode(stored, 0, FRAME_MOST, err))
        return true;
    if (err->code != YQ_REFUSED)
        return false;
    yq_frame_fini(stored);
    return yq_frames_read(w->frames, number, FRAME_MOST, stored, err) &&
           yq_image_decode(stored, 0, FRAME_MOST, err);
}

/* Frame `number` as it goes into the new object. */
static bool make_frame(struct work *w, unsigned number, struct yq_frame *out, struct yq_err *err)
{
    if (!yq_frames_stored(w->frames, number, FRAME_MOST, out, err))
        return false;
    if (w->kinship && is_kin(w->kinship, &out->pixels))
        return true;
    if (w->kinship && !(traits_of(w->coding->syntax) & KEEPS))
        return yq_fail(err, YQ_REFUSED, "walk", "a frame is not what its transfer syntax says");
    return decode_frame(w, number, out, err) && yq_image_encode(out, w->coding, err);
}

/* Frames whose samples need more bits than the dataset says are met; what it says of them stays. */
static bool is_described(const struct yq_frame *a, const struct yq_frame *b)
{
    return a->rows == b->rows && a->columns == b->columns && a->samples == b->samples &&
           a->bits_allocated == b->bits_allocated && a->is_signed == b->is_signed &&
           a->planar == b->planar && strcmp(a->photometric, b->photometric) == 0;
}

static bool decode_icon(struct yq_frame *frame, struct yq_err *err)
{
    return yq_image_decode(frame, 0, ICON_MOST, err);
}

static bool open_out(struct work *w, uint64_t size, struct yq_err *err)
{
    if (w->house && w->house->store)
        return yq_object_scratch(w->house, size, &w->out, err);
    w->out = memfd_create("transcoded", MFD_CLOEXEC);
    return w->out >= 0 || yq_fail_errno(err, "walk", "make", "a memory file");
}

/* With the first frame it is known what has to be said of all. */
static bool begin(struct work *w, const struct yq_frame *first, struct yq_err *err)
{
    uint64_t bits = frame_bits(first), plain = (bits * w->facts->frames + 7) / 8;
    struct yq_recasting how = {.fd = w->fd,
                               .to = w->coding->syntax,
                               .edits = &w->edits,
                               .most = OBJECT_MOST + BESIDE_MOST,
                               .decode = decode_icon};
    const struct yq_recast_pixels pixels = {
        .frames = w->facts->frames, .bits_allocated = first->bits_allocated, .frame_bits = bits};
    if (plain > OBJECT_MOST)
        return yq_fail(err, YQ_FULL, "walk", "%u frames of %llu bytes are too many",
                       w->facts->frames, (unsigned long long)(bits / 8));
    if (!derive_edits(w->fd, first, w->coding, w->size, plain, &w->edits, err) ||
        !open_out(w, plain, err))
        return false;
    if (yq_transcode_loses(w->coding))
        how.late = DERIVE_TAG_RATIO;
    how.out_fd = w->out;
    w->described = *first; /* looked at only for what it says */
    w->described.pixels = (struct yq_buf){0};
    return yq_recast_begin(&how, &pixels, &w->recast, err);
}

static bool pass_frame(struct work *w, unsigned number, struct yq_err *err)
{
    struct yq_frame frame yq_cleanup(yq_frame_fini) = {0};
    if (!make_frame(w, number, &frame, err) || (!w->recast && !begin(w, &frame, err)))
        return false;
    if (!is_described(&frame, &w->described))
        return yq_fail(err, YQ_REFUSED, "walk", "frame %u is of another kind than the first",
                       number + 1);
    w->packed += frame.pixels.length;
    size_t length = frame.pixels.length;
    if (traits_of(w->coding->syntax) & PLAIN) { /* without padding */
        uint64_t want = (frame_bits(&frame) + 7) / 8;
        if (length < want)
            return yq_fail(err, YQ_BAD_INPUT, "walk", "frame %u is too short", number + 1);
        length = (size_t)want;
    }
    return yq_recast_frame(w->recast, frame.pixels.bytes, length, err);
}

/* What one frame takes: as stored, plain, arranged for the encoder, compressed; JPEG 2000 takes
 * four bytes a sample, twice. */
static bool take_memory(struct work *w, struct yq_err *err)
{
    uint64_t plain = frame_bits(w->facts) / 8, samples = plain * 8 / w->facts->bits_allocated;
    if (plain > FRAME_MOST)
        return yq_fail(err, YQ_FULL, "walk", "one frame takes %llu MB",
                       (unsigned long long)(plain >> 20));
    return !w->house || yq_share_take(&w->share, &w->house->pixels,
                                      OVERHEAD + 4 * plain + 8 * samples, WAIT_MS, err);
}

static bool pass_frames(struct work *w, struct yq_err *err)
{
    for (unsigned i = 0; i < w->facts->frames; i++)
        if (!pass_frame(w, i, err))
            return false;
    if (yq_transcode_loses(w->coding)) {
        char ratio[DERIVE_RATIO_SIZE + 1];
        uint64_t plain = (frame_bits(&w->described) * w->facts->frames + 7) / 8;
        derive_ratio(ratio, plain, w->packed);
        yq_recast_late(w->recast, ratio, DERIVE_RATIO_SIZE);
    }
    return yq_recast_end(w->recast, err);
}

/* ---- objects ---- */

/* Nothing to decode: it is plain, or has no pixels at all. */
static bool pass_dataset(struct work *w, struct yq_err *err)
{
    struct yq_recasting how = {.fd = w->fd,
                               .to = w->coding->syntax,
                               .most = OBJECT_MOST + BESIDE_MOST,
                               .decode = decode_icon};
    if (!open_out(w, w->size, err))
        return false;
    how.out_fd = w->out;
    return yq_recast(&how, err);
}

static bool transcode(struct work *w, struct yq_err *err)
{
    struct stat info;
    const char *from = w->about.transfer_syntax, *to = w->coding->syntax;
    if (!yq_part10_read(w->fd, &w->about, err))
        return false;
    if (fstat(w->fd, &info) != 0)
        return yq_fail_errno(err, "walk", "look at", "an object");
    w->size = (uint64_t)info.st_size;
    bool plain = traits_of(to) & PLAIN;
    w->kinship = yq_transcode_loses(w->coding) ? NULL : kinship_of(from, to);
    if (traits_of(from) & ELSEWHERE)
        return yq_fail(err, YQ_REFUSED, "walk",
                       "video, and pixels that are elsewhere, leave as they are stored (%s)", from);
    if (!w->kinship && !decodes(from))
        return yq_fail(err, YQ_REFUSED, "walk", "no decoder for transfer syntax %s", from);
    if (!w->kinship && !yq_image_can_encode(to))
        return yq_fail(err, YQ_REFUSED, "walk", "no encoder for transfer syntax %s", to);
    if (plain && (traits_of(from) & PLAIN))
        return pass_dataset(w, err);
    if (!yq_frames_open(w->fd, &w->frames, err)) {
        if (err->code != YQ_ABSENT)
            return false;
        return plain ? pass_dataset(w, err)
                     : yq_fail(err, YQ_REFUSED, "walk", "it has no pixels to compress");
    }
    w->facts = yq_frames_facts(w->frames);
    if (!w->facts->frames || !w->facts->bits_allocated || !frame_bits(w->facts))
        return yq_fail(err, YQ_BAD_INPUT, "walk", "its pixels have no size");
    return take_memory(w, err) && pass_frames(w, err);
}

bool yq_transcode(struct yq_house *house, int fd, const struct yq_coding *coding, int *out_fd,
                  struct yq_err *err)
{
    struct work w = {.house = house, .fd = fd, .coding = coding, .out = -1};
    bool fine = transcode(&w, err);
    yq_recast_free(w.recast);
    yq_frames_close(w.frames);
    yq_buf_fini(&w.edits);
    yq_share_fini(&w.share);
    if (!fine)
        yq_close(&w.out);
    *out_fd = w.out;
    return fine;
}

/* ---- stored objects ---- */

static int64_t cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The object may have been deleted while this was made from it. */
static void keep(struct yq_house *house, const struct yq_entry *entry, const char *recipe, int fd,
                 uint64_t length)
{
    char path[YQ_PATH_MOST];
    struct yq_err ignored;
    yq_cache_put_file(house->cache, entry->object.digest, recipe, fd, length);
    if (!yq_store_path(house->store, &entry->key, entry->object.digest, path, &ignored) ||
        access(path, F_OK) != 0)
        yq_cache_forget(house->cache, entry->object.digest);
}

bool yq_transcode_entry(struct yq_house *house, const struct yq_entry *entry,
                        const struct yq_coding *coding, int *out_fd, uint64_t *length,
                        struct yq_err *err)
{
    int fd yq_cleanup(yq_close) = -1;
    struct stat info;
    char recipe[256];
    snprintf(recipe, sizeof recipe, "transcode 1 %s %s %d %d %.4f", entry->key.instance,
             coding->syntax, coding->quality, coding->near, coding->ratio);
    if (yq_cache_get(house->cache, entry->object.digest, recipe, out_fd, length))
        return true;
    int64_t began = cpu_ms();
    if (!yq_store_read(house->store, &entry->key, &entry->object, &fd, err) ||
        !yq_transcode(house, fd, coding, out_fd, err))
        return false;
    int64_t took = cpu_ms() - began;
    if (fstat(*out_fd, &info) != 0) {
        yq_fail_errno(err, "walk", "look at", "a transcoded object");
        yq_close(out_fd);
        return false;
    }
    *length = (uint64_t)info.st_size;
    if (took > WORTH_KEEPING_MS)
        keep(house, entry, recipe, *out_fd, *length);
    yq_log(YQ_LOG_DEBUG, "transcoded", "sop=%s from=%s to=%s cpu_ms=%lld", entry->key.instance,
           entry->transfer_syntax, coding->syntax, (long long)took);
    return true;
}

/* render.c: an object becomes a picture: open, only the frames asked for, decode, show, encode.
 * PS3.18 chapter 9, 8.7.4.
 *
 * Any thread. What one picture may take of memory is bounded here, whatever the object says and the
 * client asks, and all together take from one budget. What took long to make is kept in the cache,
 * under all that it depends on. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "coerce.h"
#include "yq/annotation.h"
#include "yq/file.h"
#include "yq/frames.h"
#include "yq/walk.h"

#define PIXEL_BYTES_MOST (512ull << 20) /* of one frame, compressed or not */
#define SCALED_MOST (128ull << 20)      /* of a picture in a size that the client asked for */
#define BUDGET_MS 20000                 /* how long a picture waits for its share of the memory */

#define GIF_BYTES_MOST (512ull << 20) /* of all frames of one, before they are compressed */
#define GIF_MS_MOST 30000             /* of work; a client would not wait for longer */
#define CENTISECONDS_LEAST 2          /* browsers take less for a mistake, and show it slowly */
#define CENTISECONDS_MOST 1000
#define CENTISECONDS_ELSE 10 /* where the object does not say */

#define QUALITY 90
#define WORTH_KEEPING_MS 20
#define LOOKED_FOR_BYTES (1 << 20) /* of smaller ones, not compressed, no picture takes so long */

struct work { /* one picture */
    const struct yq_rendering *how;
    const char *image;    /* its SOP Instance UID */
    int fd, presentation; /* presentation: -1 where there is none */
    struct yq_frames *frames;
    struct yq_shelf *shelf; /* where they come from; NULL: they are of no stored bytes */
    const uint8_t *digest;
};

static void work_fini(struct work *work)
{
    yq_shelf_put(work->shelf, work->digest, work->frames);
    yq_close(&work->fd);
    yq_close(&work->presentation);
}

static bool has_words(const struct yq_rendering *how) { return how->patient || how->technique; }

static uint64_t most_of(const struct yq_rendering *how)
{
    return how->view.rows || how->view.columns ? SCALED_MOST : PIXEL_BYTES_MOST;
}

/* What decoding and showing one frame takes, about. */
static uint64_t share_of(const struct work *work)
{
    const struct yq_frame *facts = yq_frames_facts(work->frames);
    uint64_t pixels = (uint64_t)facts->rows * facts->columns;
    uint64_t plain = pixels * facts->samples * ((facts->bits_allocated + 7) / 8);
    return plain + pixels * facts->samples * 4 + pixels * 3;
}

/* Whose it is and how it was made, into the corners. */
static bool annotate(const struct work *work, unsigned frame, const struct yq_frame *pixels,
                     struct yq_annotation *out, struct yq_err *err)
{
    const struct yq_rendering *how = work->how;
    struct yq_dataset header yq_cleanup(yq_dataset_fini) = {0};
    struct yq_reading reading = {.value_most = 1024, .to_pixels = true, .frame = frame};
    struct yq_annotating wanted = {.patient = how->patient,
                                   .technique = how->technique,
                                   .frame = frame + 1,
                                   .frames = pixels->frames};
    if (how->view.has_window)
        wanted.window = &how->view.window;
    else if (pixels->look.window_count)
        wanted.window = &pixels->look.windows[0];
    return yq_dcm_read_dataset(work->fd, &reading, &header, NULL, err) &&
           yq_annotation_compose(&header.root, &wanted, out, err);
}

/* The errors of this step say by their room whose they are. */
static bool present(const struct work *work, unsigned frame, struct yq_look *look,
                    struct yq_err *err)
{
    if (work->presentation < 0 ||
        yq_dcm_read_presentation(work->presentation, work->image, frame, look, err))
        return true;
    err->room = YQ_RENDER_PRESENTATION;
    return false;
}

static bool show(const struct work *work, unsigned frame, struct yq_picture *out,
                 struct yq_err *err)
{
    struct yq_frame pixels yq_cleanup(yq_frame_fini) = {0};
    struct yq_annotation words yq_cleanup(yq_annotation_fini) = {0};
    struct yq_view view = work->how->view;
    if (!yq_frames_read(work->frames, frame, PIXEL_BYTES_MOST, &pixels, err) ||
        !present(work, frame, &pixels.look, err))
        return false;
    if (has_words(work->how)) {
        if (!annotate(work, frame, &pixels, &words, err))
            return false;
        for (int i = 0; i < 4; i++)
            view.corners[i] = yq_buf_text(&words.corners[i]);
    }
    return yq_image_render(&pixels, &view, most_of(work->how), out, err);
}

static bool encode(const struct yq_picture *picture, const struct yq_rendering *how,
                   struct yq_buf *out, struct yq_err *err)
{
    int quality = how->quality ? how->quality : QUALITY;
    switch (how->media) {
    case YQ_AS_JPEG: return yq_image_jpeg(picture, quality, out, err);
    case YQ_AS_PNG: return yq_image_png(picture, out, err);
    case YQ_AS_JP2: return yq_image_jp2(picture, yq_retrieve_coding("", quality).ratio, out, err);
    case YQ_AS_GIF: break;
    }
    return yq_fail(err, YQ_BUG, "walk", "no such picture");
}

/* ---- moving pictures ---- */

/* Of this thread alone, however busy the machine is. */
static int64_t work_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* How long a frame is shown, in hundredths of a second: by the rate that is recommended, that of
 * the cine module, or the time between frames when they were taken. PS3.3 C.7.6.5, C.8.5.1. */
static unsigned pace_of(int fd)
{
    static const uint32_t rates[] = {0x00082144, 0x00180040};
    static const uint32_t times[] = {0x00181063, 0x00181065};
    struct yq_reading how = {.value_most = 64, .to_pixels = true, .frame = YQ_NO_FRAME};
    struct yq_dataset header yq_cleanup(yq_dataset_fini) = {0};
    struct yq_err ignored = {0};
    double value = 0, pace = 0;
    if (!yq_dcm_read_dataset(fd, &how, &header, NULL, &ignored))
        return CENTISECONDS_ELSE;
    for (int i = 0; i < 2 && pace <= 0; i++)
        if (yq_item_number(&header.root, rates[i], 0, &value) && value > 0)
            pace = 100 / value;
    /* the first of a vector is that of the first frame, which is 0 */
    for (size_t i = 0; i < 2 && pace <= 0; i++)
        if (yq_item_number(&header.root, times[i], i, &value) && value > 0)
            pace = value / 10;
    if (!(pace > 0))
        return CENTISECONDS_ELSE;
    if (pace < CENTISECONDS_LEAST)
        return CENTISECONDS_LEAST;
    return pace > CENTISECONDS_MOST ? CENTISECONDS_MOST : (unsigned)lround(pace);
}

struct moving {
    struct yq_gif *gif;
    unsigned pace;
    uint64_t bytes;
};

static void moving_fini(struct moving *moving) { yq_gif_free(moving->gif); }

static bool add_frame(const struct work *work, unsigned frame, struct moving *moving,
                      struct yq_err *err)
{
    struct yq_picture picture yq_cleanup(yq_picture_fini) = {0};
    if (!show(work, frame, &picture, err) ||
        (!moving->gif && !yq_gif_new(picture.rows, picture.columns, &moving->gif, err)) ||
        !yq_gif_add(moving->gif, &picture, moving->pace, err))
        return false;
    moving->bytes += picture.pixels.length;
    return moving->bytes <= GIF_BYTES_MOST ||
           yq_fail(err, YQ_FULL, "image", "these frames are too much for one picture");
}

static bool animate(const struct work *work, struct yq_buf *out, struct yq_err *err)
{
    struct moving moving yq_cleanup(moving_fini) = {.gif = NULL};
    bool all = work->how->frame == YQ_ALL_FRAMES;
    unsigned first = all ? 0 : work->how->frame;
    unsigned end = all ? yq_frames_facts(work->frames)->frames : first + 1;
    int64_t begun = work_ms();
    moving.pace = all ? pace_of(work->fd) : 0;
    for (unsigned i = first; i < end; i++) {
        if (work_ms() - begun > GIF_MS_MOST)
            return yq_fail(err, YQ_FULL, "image", "these frames take too long for one picture");
        if (add_frame(work, i, &moving, err))
            continue;
        /* a presentation state speaks of some frames: those are shown */
        bool left_out = err->code == YQ_ABSENT && strcmp(err->room, YQ_RENDER_PRESENTATION) == 0;
        if (!left_out || !all || (i + 1 == end && !moving.gif))
            return false;
    }
    return yq_gif_end(moving.gif, out, err);
}

/* ---- one picture ---- */

static bool make(struct yq_house *house, struct work *work, struct yq_buf *out, struct yq_err *err)
{
    struct yq_picture picture yq_cleanup(yq_picture_fini) = {0};
    struct yq_share share yq_cleanup(yq_share_fini) = {0};
    const struct yq_rendering *how = work->how;
    if (!yq_shelf_open(work->shelf, work->digest, work->fd, &work->frames, err) ||
        !yq_share_take(&share, &house->pixels, share_of(work), BUDGET_MS, err))
        return false;
    if (how->media == YQ_AS_GIF)
        return animate(work, out, err);
    return show(work, how->frame == YQ_ALL_FRAMES ? 0 : how->frame, &picture, err) &&
           encode(&picture, how, out, err);
}

/* ---- what is kept ---- */

static bool may_take_long(const struct yq_entry *entry, const struct yq_rendering *how)
{
    return how->media == YQ_AS_GIF || how->media == YQ_AS_JP2 ||
           entry->object.size > LOOKED_FOR_BYTES || how->view.rows > 1024 ||
           how->view.columns > 1024 ||
           strncmp(entry->transfer_syntax, "1.2.840.10008.1.2.4", 19) == 0;
}

/* All that a picture depends on besides the object's bytes. */
static void put_recipe(const struct yq_entry *entry, const struct yq_rendering *how,
                       struct yq_buf *out)
{
    const struct yq_view *view = &how->view;
    yq_buf_putf(out, "picture %s %s %d %" PRIu32 " %d %d%d", YQ_VERSION, entry->key.instance,
                (int)how->media, how->frame, how->quality, how->patient, how->technique);
    yq_buf_putf(out, " %u %u", view->rows, view->columns);
    if (view->has_window)
        yq_buf_putf(out, " w %.17g %.17g %d", view->window.center, view->window.width,
                    (int)view->function);
    if (view->has_region)
        yq_buf_putf(out, " r %.17g %.17g %.17g %.17g", view->left, view->top, view->right,
                    view->bottom);
    if (how->presentation) {
        char digest[65];
        yq_hex(digest, how->presentation->object.digest, 32);
        yq_buf_putf(out, " p %s %s", how->presentation->key.instance, digest);
    }
    if (has_words(how) && entry->coerced)
        yq_buf_putf(out, " c %" PRId64 " %" PRId64, entry->id, entry->received_ms);
}

static bool open_presentation(struct yq_house *house, const struct yq_entry *presentation, int *fd,
                              struct yq_err *err)
{
    if (!presentation ||
        yq_store_read(house->store, &presentation->key, &presentation->object, fd, err))
        return true;
    err->room = YQ_RENDER_PRESENTATION;
    return false;
}

static bool fetch(struct yq_house *house, const struct yq_entry *entry, const char *recipe,
                  struct yq_buf *out)
{
    int fd yq_cleanup(yq_close) = -1;
    uint64_t length;
    struct yq_err ignored;
    size_t got = 0, before = out->length;
    if (!yq_cache_get(house->cache, entry->object.digest, recipe, &fd, &length) ||
        length > PIXEL_BYTES_MOST)
        return false;
    uint8_t *room = yq_buf_room(out, (size_t)length);
    if (room && yq_read_at(fd, room, (size_t)length, 0, &got, &ignored) && got == length)
        return true;
    out->length = before;
    return false;
}

/* The object may have been deleted while it was made. */
static void keep(struct yq_house *house, const struct yq_entry *entry, const char *recipe,
                 const void *bytes, size_t length)
{
    char path[YQ_PATH_MOST];
    struct yq_err ignored;
    yq_cache_put(house->cache, entry->object.digest, recipe, bytes, length);
    if (!yq_store_path(house->store, &entry->key, entry->object.digest, path, &ignored) ||
        access(path, F_OK) != 0)
        yq_cache_forget(house->cache, entry->object.digest);
}

bool yq_render(struct yq_house *house, const struct yq_entry *entry, const struct yq_rendering *how,
               struct yq_buf *out, struct yq_err *err)
{
    struct work work yq_cleanup(work_fini) = {
        .how = how,
        .image = entry->key.instance,
        .fd = -1,
        .presentation = -1,
        .shelf = has_words(how) ? NULL : house->shelf, /* with words it may be another file */
        .digest = entry->object.digest};
    struct yq_buf recipe yq_cleanup(yq_buf_fini) = {0};
    size_t before = out->length;
    bool keeps = house->cache && may_take_long(entry, how);
    if (keeps)
        put_recipe(entry, how, &recipe);
    keeps = keeps && !recipe.failed;
    if (keeps && fetch(house, entry, yq_buf_text(&recipe), out))
        return true;
    if (!yq_store_read(house->store, &entry->key, &entry->object, &work.fd, err) ||
        !open_presentation(house, how->presentation, &work.presentation, err) ||
        (has_words(how) && !coerce_outgoing(house, entry, &work.fd, err)))
        return false;
    int64_t begun = work_ms();
    if (!make(house, &work, out, err))
        return false;
    if (keeps && !out->failed && work_ms() - begun >= WORTH_KEEPING_MS)
        keep(house, entry, yq_buf_text(&recipe), out->bytes + before, out->length - before);
    return true;
}

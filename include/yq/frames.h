/* frames.h: the frames of a stored image, one at a time. PS3.3 C.7.6.3, C.7.6.16; PS3.5 8, A.4.
 * Of one frame only: yq_dcm_read_frame. A handle belongs to one thread at a time. */
#ifndef YQ_FRAMES_H
#define YQ_FRAMES_H

#include "yq/err.h"
#include "yq/frame.h"

struct yq_frames;

/* Reads what describes the image in the Part 10 file `fd`, which must stay open; no pixels.
 * YQ_ABSENT (no pixel data), YQ_BAD_INPUT, YQ_REFUSED (pixels of a kind we do not know). */
yq_must_check bool yq_frames_open(int fd, struct yq_frames **out, struct yq_err *err);
void yq_frames_close(struct yq_frames *frames);
static inline void yq_frames_cleanup(struct yq_frames **frames) { yq_frames_close(*frames); }

/* Rows to photometric, as they stand there; no palette, no look, no pixels. */
const struct yq_frame *yq_frames_facts(const struct yq_frames *frames);
const char *yq_frames_syntax(const struct yq_frames *frames); /* transfer syntax */

/* Frame `number` from 0, reading no other: how it is shown, its palette, its pixels, which are
 * compressed still where image/ decodes them. YQ_ABSENT (no such frame), YQ_BAD_INPUT, YQ_REFUSED
 * (no decoder), YQ_FULL (larger than `most` bytes). */
yq_must_check bool yq_frames_read(struct yq_frames *frames, unsigned number, uint64_t most,
                                  struct yq_frame *out, struct yq_err *err);
/* The same frame's pixels as they are stored, whatever decoder there is: with codestream_syntax
 * where they are compressed. Neither look nor palette. */
yq_must_check bool yq_frames_stored(struct yq_frames *frames, unsigned number, uint64_t most,
                                    struct yq_frame *out, struct yq_err *err);

/* ---- a shelf: images that were opened, for who asks for their next frame ---- */

struct yq_shelf; /* thread-safe; what stands on it belongs to nobody */

/* It holds images of many frames that take `most` bytes together, those asked for last. NULL: no
 * memory. */
struct yq_shelf *yq_shelf_new(size_t most);
void yq_shelf_free(struct yq_shelf *shelf); /* or NULL */
/* As yq_frames_open; what was put back under the same digest of the same bytes comes from the
 * shelf. `shelf` may be NULL. */
yq_must_check bool yq_shelf_open(struct yq_shelf *shelf, const uint8_t digest[32], int fd,
                                 struct yq_frames **out, struct yq_err *err);
/* Instead of yq_frames_close. */
void yq_shelf_put(struct yq_shelf *shelf, const uint8_t digest[32], struct yq_frames *take);

/* ---- presentation states ---- */

/* Makes the look of frame `number` (from 0) of an image the one that the presentation state in the
 * Part 10 file `fd` gives it. Where it has neither windows nor look-up tables then, all values are
 * shown. YQ_BAD_INPUT (no presentation state, or broken), YQ_ABSENT (it does not speak of this
 * image and frame), YQ_REFUSED (a kind that we cannot apply); then `look` is as it was. */
yq_must_check bool yq_dcm_read_presentation(int fd, const char *image_uid, unsigned number,
                                            struct yq_look *look, struct yq_err *err);

#endif

/* derive.h: what becomes of attributes when pixels are coded otherwise. Private to walk/. */
#ifndef YQ_WALK_DERIVE_H
#define YQ_WALK_DERIVE_H

#include "yq/dcm.h"
#include "yq/frame.h"

/* Width of the compression ratio at the end of its value, which is known only when all is
 * compressed. */
enum { DERIVE_RATIO_SIZE = 16 };
#define DERIVE_TAG_RATIO 0x00282112u

/* Appends to `edits`, for yq_recasting, what describes `frame` as it is going to be written, and
 * what loss, by `coding` or of before, asks for. `size`: of the file, `plain`: of its pixels while
 * they were not compressed, in bytes. */
yq_must_check bool derive_edits(int fd, const struct yq_frame *frame,
                                const struct yq_coding *coding, uint64_t size, uint64_t plain,
                                struct yq_buf *edits, struct yq_err *err);
void derive_ratio(char text[DERIVE_RATIO_SIZE + 1], uint64_t plain, uint64_t packed);

#endif

/* report_masked.h: free text for people, without what is personal. Private to room walk. */
#ifndef YQ_WALK_REPORT_MASKED_H
#define YQ_WALK_REPORT_MASKED_H

#include "yq/bytes.h"
#include "yq/record.h"

/* Appends text (up to a 0) as UTF-8 whatever it is: \u escapes of what is beyond ASCII written out,
 * control characters but line ends as blanks, what is no character as question marks. */
void report_plain(const char *text, size_t length, struct yq_buf *out);
/* Takes every personal value of a record out of it. */
void report_take_out(struct yq_buf *text, const struct yq_record *record);

#endif

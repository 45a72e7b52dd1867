/* code.h: bytes as text and back, strictly. Private to room seal. */
#ifndef YQ_SEAL_CODE_H
#define YQ_SEAL_CODE_H

#include "yq/bytes.h"

bool code_is_hex(const void *text, size_t length); /* an even number of digits, not none */
/* Appends. False: it is no such text; nothing was appended. Of base64 line ends and blanks do not
 * count; its padding must be there. */
bool code_from_hex(const void *text, size_t length, struct yq_buf *out);
bool code_from_base64(const void *text, size_t length, struct yq_buf *out);
void code_to_hex(const void *bytes, size_t length, bool upper, struct yq_buf *out);
void code_to_base64(const void *bytes, size_t length, struct yq_buf *out);

#endif

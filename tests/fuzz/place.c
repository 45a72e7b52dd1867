/* place.c: values of a change column, as databases give them: the first byte is the column's type,
 * the second how far back. What comes before is never later. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char change[YQ_FEED_CHANGE_SIZE], before[YQ_FEED_CHANGE_SIZE];
    if (size < 2)
        return 0;
    size_t length = size - 2 < sizeof change - 1 ? size - 2 : sizeof change - 1;
    memcpy(change, bytes + 2, length);
    change[length] = '\0';
    enum yq_column_type type = (enum yq_column_type)(bytes[0] % (YQ_COLUMN_BINARY + 1));
    (void)place_ahead(change, 1767225600000);
    if (place_before(type, change, bytes[1] * 3600 + 1, before)) {
        if (strlen(before) >= sizeof before)
            abort();
        (void)place_reached(type, before, change);
    }
    return 0;
}

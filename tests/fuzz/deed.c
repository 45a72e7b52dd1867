/* Any bytes as a line of the audit trail: reading it must end, within the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/deed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_deed deed;
    uint64_t counts[YQ_SUBJECTS_MOST];
    char *line = malloc(size + 1);
    if (!line)
        return 0;
    memcpy(line, data, size);
    line[size] = '\n';
    if (yq_deed_read(line, size + 1, &deed, counts))
        for (size_t i = 0; i < deed.actor_count; i++)
            if (deed.actors[i].user && strlen(deed.actors[i].user) > size)
                abort();
    free(line);
    return 0;
}

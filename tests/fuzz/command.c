/* command.c: command sets. Whatever is understood must survive being written and read again. */
#include <stdlib.h>
#include <string.h>

#include "yq/assoc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_message message, again;
    struct yq_err err;
    struct yq_buf bytes = {0};
    if (!yq_command_decode(data, size, &message, &err))
        return 0;
    yq_command_encode(&message, &bytes);
    if (bytes.failed || !yq_command_decode(bytes.bytes, bytes.length, &again, &err) ||
        again.command != message.command || again.id != message.id ||
        strcmp(again.sop_instance, message.sop_instance) != 0)
        abort();
    yq_buf_fini(&bytes);
    return 0;
}

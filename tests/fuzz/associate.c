/* associate.c: an association as a peer may speak it: the first PDU, and all that follows.
 * Everything is accepted and read to its end. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "yq/assoc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void converse(struct yq_assoc *assoc)
{
    struct yq_message message;
    struct yq_err err;
    while (yq_assoc_next(assoc, &message, &err) == YQ_GOT_MESSAGE) {
        struct yq_message answer = {.context = message.context,
                                    .command = message.command | 0x8000,
                                    .id = message.id,
                                    .has_counts = message.has_counts};
        struct yq_buf dataset = {0};
        const void *bytes;
        size_t got;
        if (message.id % 3 == 0)
            (void)yq_assoc_cancelled(assoc, message.id);
        if (message.id % 3 == 1)
            (void)!yq_assoc_read_all(assoc, 1 << 16, &dataset, &err);
        else if (message.id % 3 == 2)
            (void)!yq_assoc_read(assoc, &bytes, &got, &err);
        yq_buf_fini(&dataset);
        if (!yq_assoc_send(assoc, &answer, "data", message.id % 2 ? 4 : 0, &err))
            break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct yq_assoc_limits limits = {1, 1, 4096};
    struct yq_assoc *assoc;
    struct yq_context *contexts;
    struct yq_err err;
    int pair[2];
    size_t first = size < 6 ? size : (size_t)yq_be32(data + 2) + 6;
    if (first > size)
        first = size;
    if (size - first > 100000 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return 0;
    (void)!write(pair[1], data + first, size - first);
    (void)shutdown(pair[1], SHUT_WR);
    if (yq_assoc_receive(pair[0], NULL, data, first, &limits, &assoc, &err)) {
        size_t count = yq_assoc_contexts(assoc, &contexts);
        const struct yq_identity *identity = yq_assoc_identity(assoc);
        if (strnlen(identity->name, sizeof identity->name) == sizeof identity->name ||
            identity->passcode_length > sizeof identity->passcode)
            abort();
        yq_assoc_believe(assoc);
        for (size_t i = 0; i < count; i++) {
            uint8_t info[16];
            size_t length =
                yq_assoc_extended(assoc, contexts[i].abstract_syntax, info, sizeof info);
            if (length)
                yq_assoc_extended_accept(assoc, contexts[i].abstract_syntax, info, length);
            contexts[i].accepted = contexts[i].proposed_count > 0;
            if (contexts[i].accepted)
                yq_copy(contexts[i].accepted_syntax, YQ_UID_SIZE,
                        contexts[i].proposed[contexts[i].proposed_count - 1]);
        }
        if (yq_assoc_accept(assoc, &err))
            converse(assoc);
        yq_assoc_free(assoc);
    }
    close(pair[1]);
    return 0;
}

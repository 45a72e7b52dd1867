/* object.c: the bytes of stored objects. Thread-safe. */
#include "object.h"

#include <string.h>

enum { PIECE = 1 << 17 };

bool yq_object_digest(int fd, enum yq_digest_kind kind, struct yq_object *object,
                      struct yq_err *err)
{
    struct yq_digest *digest yq_cleanup(yq_digest_cleanup) = yq_digest_new(kind);
    struct yq_buf piece yq_cleanup(yq_buf_fini) = {0};
    size_t got;
    object->size = 0;
    if (!digest || !yq_buf_room(&piece, PIECE))
        return yq_fail(err, YQ_FULL, "walk", "no memory to read an object");
    do {
        if (!yq_read_at(fd, piece.bytes, PIECE, object->size, &got, err))
            return false;
        yq_digest_add(digest, piece.bytes, got);
        object->size += got;
    } while (got == PIECE);
    yq_digest_end(digest, object->digest);
    return true;
}

/* object.c: the bytes of stored objects. Thread-safe. */
#include "object.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

enum { PIECE = 1 << 17, IN_MEMORY_MOST = 16 << 20 };

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

bool yq_object_scratch(struct yq_house *house, uint64_t size, int *fd, struct yq_err *err)
{
    if (size <= IN_MEMORY_MOST) {
        *fd = memfd_create("object", MFD_CLOEXEC);
        return *fd >= 0 || yq_fail_errno(err, "walk", "make", "a memory file");
    }
    struct yq_staged *staged yq_cleanup(yq_staged_cleanup) = NULL;
    if (!yq_store_begin(house->store, &staged, err))
        return false;
    *fd = fcntl(yq_staged_fd(staged), F_DUPFD_CLOEXEC, 0);
    return *fd >= 0 || yq_fail_errno(err, "walk", "make", "a file for an object that leaves");
}

bool yq_object_trash(struct yq_house *house, const struct yq_key *key, const uint8_t digest[32],
                     const char *label, struct yq_err *err)
{
    bool gone = yq_store_trash(house->store, key, digest, label, err);
    yq_cache_forget(house->cache, digest); /* after it: nobody can make it once more */
    return gone;
}

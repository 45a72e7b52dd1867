/* channel.h: what carries the bytes of a connected socket when they do not go plainly.
 *
 * A table of functions, so that `dcm/` can read and write through TLS without knowing of it: the
 * room above makes the channel with `seal/` and hands it over together with the socket. Nothing in
 * here ever waits. One thread at a time. */
#ifndef YQ_CHANNEL_H
#define YQ_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum yq_channel_want { /* instead of a number of bytes */
                       YQ_CHANNEL_END = 0,
                       YQ_CHANNEL_READ = -1, /* again, when the socket can be read */
                       YQ_CHANNEL_WRITE =
                           -2, /* again with the same bytes, when it can be written */
                       YQ_CHANNEL_BROKEN = -3
};

struct yq_channel_ways {
    ssize_t (*read)(void *of, void *bytes, size_t room);
    ssize_t (*write)(void *of, const void *bytes, size_t length);
    const char *(*why)(void *of); /* what broke it, in plain words */
    void (*finish)(void *of);     /* tells the other side that no more will come */
    void (*free)(void *of);       /* leaves the socket open */
};

struct yq_channel {
    const struct yq_channel_ways *ways; /* NULL: plain */
    void *of;                           /* owned */
};

/* Asked a few times a second while something waits for a peer; once it answers true the wait ends
 * with YQ_PEER_GONE. */
struct yq_stop {
    bool (*wanted)(void *context);
    void *context;
};

#endif

/* sink.h: where a dataset is written to: gathered, deflated where the syntax asks for it. Private
 * to this room; one thread at a time. */
#ifndef YQ_DCM_SINK_H
#define YQ_DCM_SINK_H

#include <zlib.h>

#include "yq/dcm.h"

struct yq_sink {
    int fd;
    uint64_t most;         /* bytes of the dataset, before they are deflated; 0: no bound */
    enum yq_layout layout; /* of the elements; deflated ones are explicit little endian */
    bool deflated;
    z_stream deflater;
    struct yq_buf gathered; /* not written yet; whoever appends calls yq_sink_pass now and then */
    uint64_t start;         /* offset in the file at which the dataset begins */
    uint64_t passed;        /* bytes of the dataset that went to the file (or into the deflater) */
    uint64_t written;       /* bytes that the file got */
};

/* The file stands where the dataset is to begin. `most` as in yq_sink. */
yq_must_check bool yq_sink_open(struct yq_sink *sink, int fd, const char *transfer_syntax,
                                uint64_t most, struct yq_err *err);
void yq_sink_close(struct yq_sink *sink);
/* Writes what was gathered once it is much. */
yq_must_check bool yq_sink_pass(struct yq_sink *sink, struct yq_err *err);
/* Writes all of it; the dataset ends here. */
yq_must_check bool yq_sink_end(struct yq_sink *sink, struct yq_err *err);
/* Where in the dataset the next byte goes. */
static inline uint64_t yq_sink_at(const struct yq_sink *sink)
{
    return sink->passed + sink->gathered.length;
}
/* Over bytes that were passed already; not deflated. */
yq_must_check bool yq_sink_patch(struct yq_sink *sink, uint64_t at, const void *bytes,
                                 size_t length, struct yq_err *err);

#endif

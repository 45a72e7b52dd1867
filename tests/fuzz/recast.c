/* recast.c: any bytes as an object that is written anew: in another layout, with single values
 * changed by a judge. What was written is read to its end, and comes out the same when it is
 * written once more. The first byte chooses the layouts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "yq/file.h"
#include "yq/recast.h"
#include "yq/uid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum yq_fate judge(void *context, struct yq_recast *recast, const struct yq_recast_at *at,
                          struct yq_buf *value, struct yq_err *err)
{
    (void)context;
    const uint8_t *bytes;
    size_t length;
    uint32_t last = at->element->depth ? at->path[at->element->depth - 1] : at->element->tag;
    if (strcmp(at->element->vr, "SQ") != 0 && (last & 1) &&
        !yq_recast_value(recast, last & 0xff, &bytes, &length, err))
        return YQ_FATE_FAIL;
    switch ((at->element->tag >> 2) & 7) {
    case 0: return YQ_FATE_DROP;
    case 1: return YQ_FATE_EMPTY;
    case 2:
        if (strcmp(at->element->vr, "SQ") == 0)
            return YQ_FATE_KEEP;
        yq_buf_puts(value, at->creator);
        return YQ_FATE_REPLACE;
    default: return YQ_FATE_KEEP;
    }
}

/* A new file; -1: refused. */
static int recast(int fd, const char *to, yq_recast_judge judged)
{
    struct yq_err err;
    struct yq_recasting how = {.fd = fd, .to = to, .judge = judged};
    how.out_fd = memfd_create("out", 0);
    if (how.out_fd >= 0 && yq_recast(&how, &err))
        return how.out_fd;
    if (how.out_fd >= 0)
        close(how.out_fd);
    return -1;
}

static void must_be_same(int a, int b)
{
    struct stat one, two;
    if (fstat(a, &one) != 0 || fstat(b, &two) != 0 || one.st_size != two.st_size)
        abort();
    for (off_t at = 0; at < one.st_size; at += 4096) {
        char x[4096], y[4096];
        ssize_t got = pread(a, x, sizeof x, at);
        if (got < 0 || pread(b, y, sizeof y, at) != got || memcmp(x, y, (size_t)got) != 0)
            abort();
    }
}

static void try(int fd, const char *to)
{
    int judged = recast(fd, to, judge), once = recast(fd, to, NULL);
    if (once >= 0) {
        int twice = recast(once, NULL, NULL);
        if (twice >= 0) { /* not where what came first and told the layout is gone */
            int thrice = recast(twice, NULL, NULL);
            if (thrice < 0)
                abort();
            must_be_same(twice, thrice);
            close(thrice);
            close(twice);
        }
        close(once);
    }
    if (judged >= 0)
        close(judged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const syntaxes[] = {YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE, YQ_TS_EXPLICIT_BE,
                                           YQ_TS_DEFLATED,    YQ_TS_RLE,         YQ_TS_J2K,
                                           YQ_TS_EXPLICIT_LE, YQ_TS_IMPLICIT_LE};
    static bool ready;
    if (!ready)
        yq_dcm_init();
    ready = true;
    struct yq_buf file = {0};
    struct yq_err err;
    if (!size)
        return 0;
    yq_part10_write(&file, "1.2", "1.3", syntaxes[data[0] & 7]);
    yq_buf_put(&file, data + 1, size - 1);
    int fd = memfd_create("fuzz", 0);
    if (fd >= 0 && !file.failed && yq_write_all(fd, file.bytes, file.length, &err))
        try(fd, syntaxes[data[0] >> 3 & 7]);
    if (fd >= 0)
        close(fd);
    yq_buf_fini(&file);
    return 0;
}

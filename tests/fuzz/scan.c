/* scan.c: any bytes as a dataset, in each layout: to the end, or refused, and the same from a file
 * as from memory. The first byte chooses the layout. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/uid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t walk(struct yq_scan *scan)
{
    struct yq_element e;
    struct yq_err err;
    uint64_t sum = 0;
    while (yq_scan_next(scan, &e, &err)) {
        struct yq_buf value = {0};
        if (e.tag % 3 && !yq_scan_value(scan, 300, &value, &err))
            sum ^= 1;
        for (size_t i = 0; i < value.length; i++)
            sum = sum * 31 + value.bytes[i];
        sum = sum * 31 + e.tag + e.length + e.depth;
        yq_buf_fini(&value);
    }
    sum = sum * 31 + (uint64_t)err.code;
    yq_scan_free(scan);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const syntaxes[] = {YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE, YQ_TS_EXPLICIT_BE,
                                           YQ_TS_DEFLATED};
    struct yq_err err;
    struct yq_scan *scan;
    if (!size)
        return 0;
    const char *syntax = syntaxes[data[0] % 4];
    if (!yq_scan_open_memory(data + 1, size - 1, syntax, &scan, &err))
        return 0;
    uint64_t from_memory = walk(scan);
    int fd = memfd_create("fuzz", 0);
    if (fd < 0)
        return 0;
    if (!yq_write_all(fd, data, size, &err) || !yq_scan_open_fd(fd, 1, syntax, &scan, &err) ||
        walk(scan) != from_memory)
        abort();
    struct yq_header header;
    if (yq_dcm_read_header(fd, 1, syntax, "", &header, &err))
        yq_header_fini(&header);
    close(fd);
    return 0;
}

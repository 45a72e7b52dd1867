/* part10.c: any bytes as a file: recognised and its header read, or refused. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "yq/dcm.h"
#include "yq/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_err err;
    struct yq_part10 part10;
    struct yq_header header;
    int fd = memfd_create("fuzz", 0);
    if (fd < 0)
        return 0;
    if (yq_write_all(fd, data, size, &err) && yq_part10_read(fd, &part10, &err) &&
        yq_dcm_read_header(fd, part10.dataset_offset, part10.transfer_syntax, "GBK", &header, &err))
        yq_header_fini(&header);
    char path[64];
    struct yq_buf lines = {0};
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    (void)!yq_dicomdir_files(path, &lines, &err);
    yq_buf_fini(&lines);
    close(fd);
    return 0;
}

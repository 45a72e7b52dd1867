/* sr.c: any dataset as a report or a waveform: never markup that is not ours, never a control
 * character, never more than its bound. The first byte chooses which, page or text, and the
 * character set. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/sr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct yq_buf *out, bool html)
{
    const char *text = yq_buf_text(out);
    if (strlen(text) != out->length)
        abort();
    for (size_t i = 0; i < out->length; i++)
        if (out->bytes[i] < 0x20 && !strchr("\n\t", (char)out->bytes[i]))
            abort();
    if (html && (strstr(text, "<script") || strstr(text, "<iframe") || strstr(text, "onload=\"")))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const charsets[] = {"utf-8", "gb18030", "us-ascii", "iso-8859-1"};
    static bool ready;
    struct yq_err err;
    struct yq_dataset set;
    struct yq_buf file = {0}, out = {0};
    if (!ready)
        yq_dcm_init();
    ready = true;
    if (!size)
        return 0;
    yq_part10_write(&file, "1.2", "2.25.1", YQ_TS_EXPLICIT_LE);
    yq_buf_put(&file, data + 1, size - 1);
    int fd = memfd_create("fuzz", 0);
    struct yq_reading how = {.value_most = 4096, .most = 1 << 20, .frame = YQ_ALL_FRAMES};
    struct yq_sr_wish wish = {.html = data[0] & 1,
                              .charset = charsets[data[0] >> 1 & 3],
                              .wado = data[0] & 8 ? NULL : "wado",
                              .class_name = yq_dcm_uid_name};
    if (fd >= 0 && yq_write_all(fd, file.bytes, file.length, &err) &&
        yq_dcm_read_dataset(fd, &how, &set, NULL, &err)) {
        if ((data[0] & 16 ? yq_waveform_print : yq_sr_print)(&set.root, &wish, &out, &err))
            check(&out, wish.html);
        struct yq_sr_said said;
        if (data[0] & 32 && yq_sr_read(&set.root, &said, &err)) {
            check(&said.findings, false);
            check(&said.impression, false);
            check(&said.advice, false);
            check(&said.all, false);
            yq_sr_said_fini(&said);
        }
        yq_dataset_fini(&set);
    }
    if (fd >= 0)
        close(fd);
    yq_buf_fini(&file);
    yq_buf_fini(&out);
    return 0;
}

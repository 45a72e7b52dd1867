/* anonymize.c: any bytes as an object that is anonymised. What leaves is read to its end: it has no
 * private element, no curve or overlay, no value of the profile that was not replaced, and it can
 * be anonymised once more. The first byte chooses the layout and whether there is a rule. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "yq/anonymize.h"
#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/uid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct yq_blank_rule rules[] = {
    {.name = "any", .manufacturer = "*", .blanks = {{1, 1, 3, 200}}, .count = 1}};
static const struct yq_secret secret;

static void must_name_nobody(struct yq_scan *scan, const struct yq_element *e)
{
    const struct yq_clean_row *row = yq_clean_row(e->tag);
    struct yq_buf value = {0};
    struct yq_err err;
    unsigned group = e->tag >> 16;
    if (group & 1 || group < 8 || (group & 0xff00) == 0x5000 || (group & 0xff00) == 0x6000)
        abort();
    bool marked = e->tag >= 0x00120062 && e->tag <= 0x00120064;
    if (row && row->fate == YQ_CLEAN_REMOVE && !(marked && e->depth == 0) && e->tag != 0x00280303)
        abort();
    if (row && row->fate == YQ_CLEAN_EMPTY && e->length && strcmp(e->vr, "SQ") != 0)
        abort();
    if (e->tag != 0x00100010 && e->tag != 0x00100020)
        return;
    if (!yq_scan_value(scan, 64, &value, &err) ||
        (value.length && memcmp(value.bytes, "ANON-", value.length < 5 ? value.length : 5) != 0))
        abort();
    yq_buf_fini(&value);
}

static void look_over(int fd)
{
    struct yq_part10 about;
    struct yq_scan *scan = NULL;
    struct yq_element element;
    struct yq_err err;
    if (!yq_part10_read(fd, &about, &err) ||
        !yq_scan_open_fd(fd, about.dataset_offset, about.transfer_syntax, &scan, &err))
        abort();
    while (yq_scan_next(scan, &element, &err))
        must_name_nobody(scan, &element);
    if (err.code != YQ_OK)
        abort();
    yq_scan_free(scan);
}

/* A new file; -1: refused. */
static int anonymised(const struct yq_conf *conf, int fd)
{
    struct yq_anonymized about;
    struct yq_err err;
    int out = memfd_create("out", 0);
    if (out < 0)
        return -1;
    if (yq_anonymize_file(conf, &secret, fd, out, &about, &err))
        return out;
    if (!err.text[0] || err.code == YQ_BUG)
        abort();
    close(out);
    return -1;
}

static void try(int fd, const struct yq_conf *conf)
{
    int once = anonymised(conf, fd);
    if (once < 0)
        return;
    look_over(once);
    int twice = anonymised(conf, once);
    if (twice < 0)
        abort();
    close(twice);
    close(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const syntaxes[] = {YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE,
                                           YQ_TS_EXPLICIT_BE, YQ_TS_DEFLATED,
                                           YQ_TS_RLE,         YQ_TS_JPEG_BASELINE};
    struct yq_buf file = {0};
    struct yq_err err;
    struct yq_conf *conf = calloc(1, sizeof *conf);
    if (!size || !conf) {
        free(conf);
        return 0;
    }
    conf->blank_rules = rules;
    conf->blank_rule_count = data[0] & 8 ? 1 : 0;
    yq_part10_write(&file, "1.2", "1.3", syntaxes[data[0] % 8 % 6]);
    yq_buf_put(&file, data + 1, size - 1);
    int fd = memfd_create("fuzz", 0);
    if (fd >= 0 && !file.failed && yq_write_all(fd, file.bytes, file.length, &err))
        try(fd, conf);
    if (fd >= 0)
        close(fd);
    yq_buf_fini(&file);
    free(conf);
    return 0;
}

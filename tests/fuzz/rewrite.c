/* rewrite.c: any bytes as an object that leaves with coerced values. What was taken in goes out,
 * says the new values, and can go out once more. The first byte chooses layout and values. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/text.h"
#include "yq/uid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_back(int fd, struct yq_header *header, struct yq_err *err)
{
    struct yq_part10 about;
    return yq_part10_read(fd, &about, err) &&
           yq_dcm_read_header(fd, about.dataset_offset, about.transfer_syntax, "", header, err);
}

static void must_say(const struct yq_header *header, enum yq_attr attr, const char *value)
{
    if (!header->values[attr] || strcmp(header->values[attr], value) != 0)
        abort();
}

/* A new file with the values; -1: refused. */
static int rewritten(int fd, const struct yq_rewriting *what, struct yq_err *err)
{
    int out = memfd_create("out", 0);
    if (out < 0)
        return -1;
    if (yq_dcm_rewrite(fd, what, out, err))
        return out;
    close(out);
    return -1;
}

/* `headless`: a group length, which goes, may stand before everything: what follows it may be no
 * first element. */
static void try(int fd, bool chinese, const char *charset, bool deflated, bool headless)
{
    const struct yq_replacement new[] = {
        {0x00100020, "LO", "NEW"},
        {0x00080080, "LO", chinese ? "影桥医院" : "East"},
        {0x00100010, "PN", "New^Name"},
    };
    struct yq_rewriting what = {new, 3, "CT1", "YINGQIAO", 1780000000000, charset};
    struct yq_header header = {0}, now = {0};
    struct yq_err err;
    bool taken = read_back(fd, &header, &err) && yq_uid_valid(header.sop_class) &&
                 yq_uid_valid(header.key.study) && yq_uid_valid(header.key.series) &&
                 yq_uid_valid(header.key.instance);
    int once = rewritten(fd, &what, &err);
    if (once < 0 && taken && !deflated && err.code != YQ_FULL)
        abort(); /* it was taken in, and could never leave */
    if (once >= 0 && taken) {
        bool read = read_back(once, &now, &err);
        if (!read && !headless)
            abort();
        if (!read)
            goto out;
        must_say(&now, YQ_PatientID, "NEW");
        /* Values that are no text may hold bytes that speak against the label; those stay. */
        if (now.charset_reading == YQ_READ_AS_DECLARED)
            must_say(&now, YQ_InstitutionName, new[1].value);
        must_say(&now, YQ_PatientName, "New^Name");
        int twice = rewritten(once, &what, &err);
        if (twice < 0)
            abort();
        close(twice);
    }
out:
    if (once >= 0)
        close(once);
    yq_header_fini(&header);
    yq_header_fini(&now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const syntaxes[] = {YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE, YQ_TS_EXPLICIT_BE,
                                           YQ_TS_DEFLATED};
    struct yq_buf file = {0};
    struct yq_err err;
    if (!size)
        return 0;
    yq_part10_write(&file, "1.2", "1.3", syntaxes[data[0] % 4]);
    yq_buf_put(&file, data + 1, size - 1);
    int fd = memfd_create("fuzz", 0);
    if (fd >= 0 && !file.failed && yq_write_all(fd, file.bytes, file.length, &err))
        try(fd, data[0] & 4, data[0] & 8 ? "GB18030" : "", data[0] % 4 == 3,
            data[0] % 4 == 3 || (size > 4 && !data[3] && !data[4]));
    if (fd >= 0)
        close(fd);
    yq_buf_fini(&file);
    return 0;
}

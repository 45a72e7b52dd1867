/* dicomdir.c: the files that a DICOMDIR names. PS3.3 F.3, PS3.10 8.2 (file IDs), PS3.11.
 *
 * Reads its directory records with the scanner, so that offsets between records, right or wrong,
 * play no part. Refuses file IDs that lead out of the folder: those are left out, not errors. */
#include <fcntl.h>
#include <string.h>

#include "scan.h"
#include "yq/file.h"
#include "yq/uid.h"

#define ROOM "dcm"
#define DICOMDIR_CLASS "1.2.840.10008.1.3.10"
#define TAG_RECORDS 0x00041220u
#define TAG_FILE_ID 0x00041500u

enum { FILE_ID_MOST = 1024 };

/* A file ID's components, "A\B\C", as the path "A/B/C"; false when it is none that stays within the
 * folder. */
static bool path_of(const struct yq_buf *value, char path[FILE_ID_MOST])
{
    size_t length = 0, component = 0; /* where the last one begins */
    for (size_t i = 0; i <= value->length; i++) {
        char c = i < value->length ? (char)value->bytes[i] : '\\';
        if (c != '\\') {
            if (c == '/' || (unsigned char)c < ' ') {
                if (c) /* NULs are padding */
                    return false;
                c = ' ';
            }
            if (length + 1 >= FILE_ID_MOST)
                return false;
            path[length++] = c;
            continue;
        }
        while (length > component && path[length - 1] == ' ')
            length--;
        size_t size = length - component;
        bool dots = (size == 1 && path[component] == '.') ||
                    (size == 2 && path[component] == '.' && path[component + 1] == '.');
        if (!size || dots || length + 1 >= FILE_ID_MOST)
            return false;
        path[length++] = '/';
        component = length;
    }
    path[length - 1] = '\0';
    return true;
}

static bool read_records(struct yq_scan *scan, bool *is_one, struct yq_buf *lines,
                         struct yq_err *err)
{
    struct yq_element element;
    yq_cleanup(yq_buf_fini) struct yq_buf value = {0};
    char path[FILE_ID_MOST];
    while (yq_scan_next(scan, &element, err)) {
        if (element.depth == 0 && element.tag == TAG_RECORDS)
            *is_one = true;
        if (element.tag != TAG_FILE_ID || element.depth != 1 || element.within != TAG_RECORDS)
            continue;
        yq_buf_clear(&value);
        if (!yq_scan_value(scan, FILE_ID_MOST, &value, err))
            return false;
        if (value.length && path_of(&value, path))
            yq_buf_putf(lines, "%s\n", path);
    }
    if (err->code == YQ_OK && lines->failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for the files of a DICOMDIR");
    return err->code == YQ_OK;
}

bool yq_dicomdir_files(const char *path, struct yq_buf *lines, struct yq_err *err)
{
    yq_cleanup(yq_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return yq_fail_errno(err, ROOM, "cannot open", path);
    struct yq_part10 part10;
    if (!yq_part10_read(fd, &part10, err))
        return false;
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    if (!yq_scan_open_fd(fd, part10.dataset_offset, part10.transfer_syntax, &scan, err))
        return false;
    bool is_one = strcmp(part10.sop_class, DICOMDIR_CLASS) == 0;
    size_t before = lines->length;
    bool whole = read_records(scan, &is_one, lines, err);
    bool some = is_one && lines->length > before && !lines->failed;
    if (!whole && (err->code != YQ_BAD_INPUT || !some)) /* a damaged one still names files */
        return false;
    return is_one || yq_fail(err, YQ_BAD_INPUT, ROOM, "this is not a DICOMDIR");
}

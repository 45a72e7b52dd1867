/* files.c: walks folders and DICOMDIRs, and tells DICOM files from others. Reads first bytes only.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "yq/dcm.h"
#include "yq/file.h"

#define SOP_DICOMDIR "1.2.840.10008.1.3.10"

void yq_files_fini(struct yq_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->list[i].path);
    free(files->list);
    files->list = NULL;
    files->count = files->room = 0;
}

static bool add_one(struct yq_files *files, const char *path, const struct stat *about,
                    struct yq_err *err)
{
    if (files->count == files->room) {
        size_t room = files->room ? 2 * files->room : 256;
        struct yq_path *list = reallocarray(files->list, room, sizeof *list);
        if (!list)
            return yq_fail(err, YQ_FULL, "node", "no memory for a list of %zu files", room);
        files->list = list;
        files->room = room;
    }
    char *copy = strdup(path);
    if (!copy)
        return yq_fail(err, YQ_FULL, "node", "no memory for a list of files");
    files->list[files->count++] = (struct yq_path){
        .path = copy,
        .size = (uint64_t)about->st_size,
        .mtime_ns = (int64_t)about->st_mtim.tv_sec * 1000000000 + about->st_mtim.tv_nsec};
    files->bytes += (uint64_t)about->st_size;
    return true;
}

static void tell(struct yq_files *files, const char *path, int number)
{
    char reason[80];
    if (files->trouble)
        files->trouble(files->context, path, strerror_r(number, reason, sizeof reason));
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool add_tree(struct yq_files *files, const char *path, struct yq_err *err)
{
    char *root = strdup(path);
    char *roots[] = {root, NULL};
    FTS *walk = root ? fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name) : NULL;
    if (!walk) {
        free(root);
        return yq_fail_errno(err, "node", "open folder", path);
    }
    bool ok = true;
    struct stat about;
    for (FTSENT *entry; ok && (entry = fts_read(walk)) != NULL;) {
        if (entry->fts_info == FTS_F)
            ok = add_one(files, entry->fts_path, entry->fts_statp, err);
        else if (entry->fts_info == FTS_SL && stat(entry->fts_path, &about) == 0 &&
                 S_ISREG(about.st_mode))
            ok = add_one(files, entry->fts_path, &about, err);
        else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
                 entry->fts_info == FTS_NS)
            tell(files, entry->fts_path, entry->fts_errno);
    }
    fts_close(walk);
    free(root);
    return ok;
}

static bool add_dicomdir(struct yq_files *files, const char *path, struct yq_err *err)
{
    struct yq_buf lines yq_cleanup(yq_buf_fini) = {0};
    char folder[YQ_PATH_MOST], file[YQ_PATH_MOST], name[YQ_PATH_MOST];
    if (!yq_dicomdir_files(path, &lines, err))
        return false;
    if (!yq_copy(folder, sizeof folder, path))
        return yq_fail(err, YQ_BAD_INPUT, "node", "path is longer than %d bytes", YQ_PATH_MOST);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    else
        memcpy(folder, ".", 2);
    for (const char *line = yq_buf_text(&lines); *line;) {
        size_t length = strcspn(line, "\n");
        struct stat about;
        if (length && length < sizeof name) {
            memcpy(name, line, length);
            name[length] = '\0';
            if (!yq_path_join(file, folder, name, err))
                return false;
            if (stat(file, &about) != 0)
                tell(files, file, errno);
            else if (S_ISREG(about.st_mode) && !add_one(files, file, &about, err))
                return false;
        }
        line += length + (line[length] == '\n');
    }
    return true;
}

bool yq_files_add(struct yq_files *files, const char *path, struct yq_err *err)
{
    struct stat about;
    struct yq_err look = {0};
    if (stat(path, &about) != 0)
        return yq_fail_errno(err, "node", "read", path);
    if (S_ISDIR(about.st_mode))
        return add_tree(files, path, err);
    if (!S_ISREG(about.st_mode))
        return yq_fail(err, YQ_BAD_INPUT, "node", "%s is neither a file nor a folder", path);
    if (yq_file_look(path, &look) == YQ_FILE_DICOMDIR)
        return add_dicomdir(files, path, err);
    return add_one(files, path, &about, err);
}

enum yq_file_kind yq_file_look(const char *path, struct yq_err *err)
{
    struct yq_part10 part10;
    uint8_t first[132];
    size_t got = 0;
    int fd yq_cleanup(yq_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        yq_fail_errno(err, "node", "open", path);
        return YQ_FILE_BROKEN;
    }
    if (!yq_part10_read(fd, &part10, err)) {
        if (err->code != YQ_BAD_INPUT)
            return YQ_FILE_BROKEN;
        struct yq_err other;
        bool said = yq_read_at(fd, first, sizeof first, 0, &got, &other) && got == sizeof first &&
                    memcmp(first + 128, "DICM", 4) == 0;
        return said ? YQ_FILE_BROKEN : YQ_FILE_OTHER;
    }
    if (strcmp(part10.sop_class, SOP_DICOMDIR) == 0)
        return YQ_FILE_DICOMDIR;
    return part10.bare ? YQ_FILE_BARE : YQ_FILE_DICOM;
}

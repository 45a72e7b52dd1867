/* read.c: the audit trail line by line, from any place on, over the ends of days. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "yq/bytes.h"
#include "yq/clock.h"
#include "yq/trail.h"

enum { PIECE = 1 << 16, LINE_MOST = 1 << 20, STRAGGLERS_MS = 10000 };

struct yq_trail_reader {
    char folder[YQ_PATH_MOST];
    struct yq_trail_place place; /* behind what was given out */
    int fd;                      /* of place.day; -1: none */
    struct yq_buf bytes;         /* of the file, from `place` on, once `used` are dropped */
    size_t used;
    bool skipping; /* within a line that is too long */
};

/* The days there are, after `day`; *behind: bytes in them. False: there is none. */
static bool next_day(const char *folder, const char *day, char *next, uint64_t *behind)
{
    char path[YQ_PATH_MOST];
    struct yq_err ignored;
    struct stat about;
    next[0] = '\0';
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char found[9];
        int length = 0;
        if (sscanf(entry->d_name, "audit-%8[0-9].log%n", found, &length) != 1 || !length ||
            entry->d_name[length] || strcmp(found, day) <= 0)
            continue;
        if (!next[0] || strcmp(found, next) < 0)
            memcpy(next, found, sizeof found);
        if (behind && yq_path_join(path, folder, entry->d_name, &ignored) &&
            stat(path, &about) == 0)
            *behind += (uint64_t)about.st_size;
    }
    if (dir)
        closedir(dir);
    return next[0] != '\0';
}

static bool path_of(const char *folder, const char *day, char *path, struct yq_err *err)
{
    char name[32];
    snprintf(name, sizeof name, "audit-%s.log", day);
    return yq_path_join(path, folder, name, err);
}

uint64_t yq_trail_behind(const char *folder, const struct yq_trail_place *place)
{
    char path[YQ_PATH_MOST], next[9];
    struct yq_err ignored;
    struct stat about;
    uint64_t behind = 0;
    next_day(folder, place->day, next, &behind);
    if (place->day[0] && path_of(folder, place->day, path, &ignored) && stat(path, &about) == 0 &&
        (uint64_t)about.st_size > place->offset)
        behind += (uint64_t)about.st_size - place->offset;
    return behind;
}

bool yq_trail_read_open(const char *folder, const struct yq_trail_place *from,
                        struct yq_trail_reader **out, struct yq_err *err)
{
    struct yq_trail_reader *reader = calloc(1, sizeof *reader);
    if (!reader || !yq_copy(reader->folder, sizeof reader->folder, folder)) {
        free(reader);
        return yq_fail(err, YQ_FULL, "trail", "no memory to read the audit trail");
    }
    reader->place = *from;
    reader->fd = -1;
    *out = reader;
    return true;
}

void yq_trail_read_close(struct yq_trail_reader *reader)
{
    if (!reader)
        return;
    yq_close(&reader->fd);
    yq_buf_fini(&reader->bytes);
    free(reader);
}

struct yq_trail_place yq_trail_read_place(const struct yq_trail_reader *reader)
{
    return reader->place;
}

/* Whoever wrote at the end of a day has its line in that day's file a moment later. */
static bool may_leave(const struct yq_trail_reader *reader)
{
    char day[9];
    yq_trail_day(day, yq_now_ms() - STRAGGLERS_MS);
    return strcmp(reader->place.day, day) < 0;
}

/* False: there is nothing to go to. */
static bool go_on(struct yq_trail_reader *reader)
{
    char next[9];
    if (reader->place.day[0] && !may_leave(reader))
        return false;
    if (!next_day(reader->folder, reader->place.day, next, NULL))
        return false;
    yq_close(&reader->fd);
    reader->place = (struct yq_trail_place){0};
    memcpy(reader->place.day, next, sizeof next);
    reader->skipping = false;
    yq_buf_clear(&reader->bytes);
    reader->used = 0;
    return true;
}

/* More of the file; *got 0: it has no more now, or is not there. */
static bool fill(struct yq_trail_reader *reader, size_t *got, struct yq_err *err)
{
    char path[YQ_PATH_MOST];
    *got = 0;
    if (reader->fd < 0) {
        if (!path_of(reader->folder, reader->place.day, path, err))
            return false;
        reader->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (reader->fd < 0)
            return errno == ENOENT || yq_fail_errno(err, "trail", "open", path);
    }
    struct yq_buf *bytes = &reader->bytes;
    if (reader->used && bytes->bytes) {
        memmove(bytes->bytes, bytes->bytes + reader->used, bytes->length - reader->used);
        bytes->length -= reader->used;
        reader->used = 0;
    }
    size_t before = bytes->length;
    uint64_t at = reader->place.offset + before;
    if (!yq_buf_room(bytes, PIECE))
        return yq_fail(err, YQ_FULL, "trail", "no memory to read the audit trail");
    bool ok = yq_read_at(reader->fd, bytes->bytes + before, PIECE, at, got, err);
    bytes->length = before + *got;
    return ok;
}

/* Passes over `length` bytes. */
static void pass(struct yq_trail_reader *reader, size_t length)
{
    reader->used += length;
    reader->place.offset += length;
}

bool yq_trail_read_next(struct yq_trail_reader *reader, char **line, size_t *length,
                        struct yq_err *err)
{
    err->code = YQ_OK;
    if (!reader->place.day[0] && !go_on(reader))
        return false;
    for (size_t got;;) {
        struct yq_buf *bytes = &reader->bytes;
        size_t left = bytes->length - reader->used;
        uint8_t *start = bytes->bytes ? bytes->bytes + reader->used : NULL;
        uint8_t *end = start && left ? memchr(start, '\n', left) : NULL;
        if (end) {
            bool whole = !reader->skipping;
            *line = (char *)start;
            *length = (size_t)(end - start) + 1;
            pass(reader, *length);
            reader->skipping = false;
            if (whole)
                return true;
            continue;
        }
        if (left > LINE_MOST) {
            reader->skipping = true;
            pass(reader, left);
        }
        if (!fill(reader, &got, err))
            return false;
        if (!got && !go_on(reader))
            return false;
    }
}

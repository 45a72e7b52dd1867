/* cache.c: expensive results on disk.
 *
 * A file is what was put, then the recipe, then a trailer with lengths, digest and a sum over all
 * of it. It is written under a name of its process and renamed when it is whole; nothing is synced:
 * what a power failure leaves half written does not add up, and is dropped by whoever meets it. How
 * long ago something was used is its time of modification, so it outlives the process. How many
 * bytes there are is counted once, by walking, when something is put for the first time, and anew
 * whenever room is made; that is done down to nine tenths, so that a walk serves for many. Other
 * processes may take files away at any time.
 *
 * Nothing here is locked: counters are atomic, and one thread at a time makes room, which the
 * others do not wait for. */
#include "yq/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "inside.h"
#include "yq/bytes.h"
#include "yq/clock.h"
#include "yq/file.h"
#include "yq/log.h"
#include "yq/sync.h"

#define ROOM "store"

enum {
    NAME_SIZE = 50, /* 32 hex, a dash, 16 hex */
    RECIPE_MOST = 4096,
    PIECE = 128 << 10,
    RESTING_SECONDS = 300, /* used within that long: its time is not written again */
    ENTRIES_MOST = 4 << 20,
    SHARE_MOST = 4, /* one result takes a quarter at most */
};
struct yq_cache {
    char folder[YQ_PATH_MOST];
    _Atomic uint64_t most, spare, bytes, counter;
    _Atomic uint64_t hits, misses, broken;
    atomic_bool counted; /* bytes is what is there, as far as we know */
    atomic_flag making_room;
};

struct trailer {
    char magic[8];
    uint64_t length;
    uint64_t recipe_length;
    uint8_t digest[32];
    uint64_t sum; /* of all before it, this trailer's fields too */
};
static const char magic[8] = {'y', 'q', 'c', 'a', 'c', 'h', 'e', '1'};

/* ---- sums: tell damage, at the speed of memory ---- */

struct sum {
    uint64_t lanes[4], total;
};

static uint64_t mix(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * 0x9e3779b97f4a7c15u;
    return lane ^ lane >> 29;
}

/* In pieces whose lengths are multiples of 32, but for the last one. */
static void sum_add(struct sum *sum, const uint8_t *p, size_t length)
{
    sum->total += length;
    for (; length >= 32; p += 32, length -= 32)
        for (size_t i = 0; i < 4; i++) {
            uint64_t word;
            memcpy(&word, p + 8 * i, sizeof word);
            sum->lanes[i] = mix(sum->lanes[i], word);
        }
    for (size_t i = 0; i < length; i++)
        sum->lanes[i & 3] = mix(sum->lanes[i & 3], p[i] + 1u);
}

static uint64_t sum_end(const struct sum *sum)
{
    uint64_t all = mix(1, sum->total);
    for (size_t i = 0; i < 4; i++)
        all = mix(all, sum->lanes[i] + i);
    return all;
}

static uint64_t trailer_sum(struct sum *sum, const char *recipe, const struct trailer *trailer)
{
    struct sum all = {.total = sum_end(sum)};
    sum_add(&all, (const uint8_t *)recipe, trailer->recipe_length);
    uint64_t middle = sum_end(&all);
    all = (struct sum){.total = middle};
    sum_add(&all, (const uint8_t *)trailer, offsetof(struct trailer, sum));
    return sum_end(&all);
}

/* ---- places ---- */

static bool place_of(const struct yq_cache *cache, const uint8_t digest[32], const char *recipe,
                     char path[YQ_PATH_MOST])
{
    char hex[33];
    yq_hex(hex, digest, 16);
    int length = snprintf(path, YQ_PATH_MOST, "%s/%.2s/%s-%016" PRIx64, cache->folder, hex, hex,
                          yq_hash_text(recipe));
    return length > 0 && length < YQ_PATH_MOST;
}

struct yq_cache *yq_cache_open(const char *dir, uint64_t most)
{
    struct yq_err ignored;
    struct yq_cache *cache = calloc(1, sizeof *cache);
    if (!cache || !yq_path_join(cache->folder, dir, "cache", &ignored)) {
        free(cache);
        return NULL;
    }
    atomic_init(&cache->most, most);
    atomic_flag_clear(&cache->making_room);
    return cache;
}

void yq_cache_close(struct yq_cache *cache) { free(cache); }

void yq_cache_limit(struct yq_cache *cache, uint64_t most, uint64_t spare)
{
    if (!cache)
        return;
    atomic_store(&cache->most, most);
    atomic_store(&cache->spare, spare);
    if (atomic_load(&cache->counted))
        (void)yq_cache_shrink(cache, most);
}

void yq_cache_yield(struct yq_cache *cache)
{
    struct statvfs disk;
    if (!cache || statvfs(cache->folder, &disk) != 0)
        return;
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize, spare = atomic_load(&cache->spare);
    if (left >= spare)
        return;
    uint64_t bytes = yq_cache_shrink(cache, UINT64_MAX); /* counted, at least */
    if (bytes)
        (void)yq_cache_shrink(cache, bytes > spare - left ? bytes - (spare - left) : 0);
}

void yq_cache_count(const struct yq_cache *cache, struct yq_cache_counts *out)
{
    *out = (struct yq_cache_counts){0};
    if (!cache)
        return;
    out->hits = atomic_load(&cache->hits);
    out->misses = atomic_load(&cache->misses);
    out->broken = atomic_load(&cache->broken);
    out->bytes = atomic_load(&cache->bytes);
}

/* ---- getting ---- */

static bool sum_of_file(int fd, uint64_t length, struct sum *sum)
{
    struct yq_err ignored;
    uint8_t *piece = malloc(PIECE);
    uint64_t at = 0;
    while (piece && at < length) {
        size_t want = length - at < PIECE ? (size_t)(length - at) : PIECE, got;
        if (!yq_read_at(fd, piece, want, at, &got, &ignored) || got != want)
            break;
        sum_add(sum, piece, got);
        at += got;
    }
    free(piece);
    return piece && at == length;
}

/* Whether all of it is there, and what it was put as. */
static bool is_whole(int fd, uint64_t size, const uint8_t digest[32], const char *recipe,
                     uint64_t *length)
{
    struct trailer trailer;
    struct sum sum = {.total = 0};
    struct yq_err ignored;
    char text[RECIPE_MOST];
    size_t got;
    if (size < sizeof trailer ||
        !yq_read_at(fd, &trailer, sizeof trailer, size - sizeof trailer, &got, &ignored) ||
        got != sizeof trailer || memcmp(trailer.magic, magic, sizeof magic) != 0 ||
        trailer.recipe_length >= RECIPE_MOST || trailer.recipe_length != strlen(recipe) ||
        trailer.length != size - sizeof trailer - trailer.recipe_length ||
        memcmp(trailer.digest, digest, sizeof trailer.digest) != 0)
        return false;
    if (!yq_read_at(fd, text, trailer.recipe_length, trailer.length, &got, &ignored) ||
        got != trailer.recipe_length || memcmp(text, recipe, got) != 0)
        return false;
    *length = trailer.length;
    return sum_of_file(fd, trailer.length, &sum) &&
           trailer_sum(&sum, recipe, &trailer) == trailer.sum;
}

bool yq_cache_get(struct yq_cache *cache, const uint8_t digest[32], const char *recipe, int *fd,
                  uint64_t *length)
{
    char path[YQ_PATH_MOST];
    struct stat about;
    *fd = -1;
    if (!cache || !atomic_load(&cache->most) || !place_of(cache, digest, recipe, path))
        return false;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) {
        atomic_fetch_add(&cache->misses, 1);
        return false;
    }
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode) ||
        !is_whole(file, (uint64_t)about.st_size, digest, recipe, length)) {
        /* A result under another recipe of the same hash goes too: it would be in the way. */
        (void)unlink(path);
        close(file);
        atomic_fetch_add(&cache->broken, 1);
        return false;
    }
    if (time(NULL) - about.st_mtime > RESTING_SECONDS)
        (void)futimens(file, NULL);
    atomic_fetch_add(&cache->hits, 1);
    *fd = file;
    return true;
}

/* ---- making room ---- */

struct entry {
    char name[NAME_SIZE];
    int64_t used; /* seconds */
    uint64_t bytes;
};
struct entries {
    struct entry *all;
    size_t count, room;
    uint64_t bytes;
};

static void note_entry(struct entries *entries, const char *name, const struct stat *about)
{
    if (entries->count == entries->room) {
        size_t room = entries->room ? 2 * entries->room : 1024;
        struct entry *all =
            entries->count < ENTRIES_MOST ? realloc(entries->all, room * sizeof *all) : NULL;
        if (!all)
            return; /* it stays for now */
        entries->all = all;
        entries->room = room;
    }
    struct entry *entry = &entries->all[entries->count++];
    (void)yq_copy(entry->name, sizeof entry->name, name);
    entry->used = about->st_mtime;
    entry->bytes = (uint64_t)about->st_size;
    entries->bytes += entry->bytes;
}

/* False: a process ended while it wrote this, perhaps one that had our number. */
static bool is_being_written(const struct yq_cache *cache, const char *name)
{
    char *end;
    if (strtol(name, &end, 10) != (long)getpid())
        return store_is_alive(name);
    return *end == '.' && strtoull(end + 1, NULL, 10) < atomic_load(&cache->counter);
}

/* One folder below the cache's; "": that itself, where only what is being written lies. */
static void look_into(const struct yq_cache *cache, const char *shard, struct entries *entries)
{
    char path[YQ_PATH_MOST];
    struct yq_err ignored;
    if (!yq_path_join(path, cache->folder, shard, &ignored))
        return;
    DIR *folder = opendir(path);
    for (struct dirent *found; folder && (found = readdir(folder));) {
        struct stat about;
        if (found->d_name[0] == '.' ||
            fstatat(dirfd(folder), found->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(about.st_mode))
            continue;
        if (*shard)
            note_entry(entries, found->d_name, &about);
        else if (!is_being_written(cache, found->d_name))
            (void)unlinkat(dirfd(folder), found->d_name, 0);
    }
    if (folder)
        closedir(folder);
}

static int by_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->used != y->used)
        return x->used < y->used ? -1 : 1;
    return memcmp(x->name, y->name, NAME_SIZE);
}

/* Counts what is there; what was not used for longest goes until `most` bytes are left. */
static void make_room(struct yq_cache *cache, uint64_t most)
{
    struct entries entries = {0};
    size_t gone = 0;
    uint64_t before = atomic_load(&cache->bytes);
    look_into(cache, "", &entries);
    for (unsigned i = 0; i < 256; i++) {
        char shard[3];
        snprintf(shard, sizeof shard, "%02x", i);
        look_into(cache, shard, &entries);
    }
    if (entries.count)
        qsort(entries.all, entries.count, sizeof *entries.all, by_use);
    while (gone < entries.count && entries.bytes > most) {
        const struct entry *entry = &entries.all[gone++];
        char path[YQ_PATH_MOST];
        int length =
            snprintf(path, sizeof path, "%s/%.2s/%s", cache->folder, entry->name, entry->name);
        if (length > 0 && (size_t)length < sizeof path)
            (void)unlink(path);
        entries.bytes -= entry->bytes;
    }
    /* What was put meanwhile was counted by who put it, perhaps by the walk too: that is too much
     * rather than too little, and the next walk sets it right. */
    uint64_t meanwhile = atomic_load(&cache->bytes) - before;
    atomic_store(&cache->bytes, entries.bytes + (meanwhile <= entries.bytes ? meanwhile : 0));
    atomic_store(&cache->counted, true);
    free(entries.all);
    if (gone)
        yq_log(YQ_LOG_DEBUG, "cache-room", "files=%zu left=%" PRIu64, gone, entries.bytes);
}

uint64_t yq_cache_shrink(struct yq_cache *cache, uint64_t most)
{
    if (!cache)
        return 0;
    bool needed = !atomic_load(&cache->counted) || atomic_load(&cache->bytes) > most;
    if (needed && !atomic_flag_test_and_set(&cache->making_room)) {
        make_room(cache, most);
        atomic_flag_clear(&cache->making_room);
    }
    return atomic_load(&cache->bytes);
}

/* ---- putting ---- */

struct part { /* a result on its way in */
    struct yq_cache *cache;
    int fd;
    char path[YQ_PATH_MOST];
    struct sum sum;
};

static bool begin(struct part *part, struct yq_err *err)
{
    struct yq_cache *cache = part->cache;
    int length = snprintf(part->path, sizeof part->path, "%s/%ld.%" PRIu64, cache->folder,
                          (long)getpid(), atomic_fetch_add(&cache->counter, 1));
    if (length < 0 || (size_t)length >= sizeof part->path)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the path of the cache is too long");
    for (int tries = 0; tries < 2; tries++) {
        part->fd = open(part->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (part->fd >= 0)
            return true;
        if (errno != ENOENT || !yq_mkdirs(cache->folder, err))
            break;
    }
    return yq_fail_errno(err, ROOM, "make", part->path);
}

static bool append(struct part *part, const void *bytes, size_t length, struct yq_err *err)
{
    sum_add(&part->sum, bytes, length);
    return yq_write_all(part->fd, bytes, length, err);
}

static bool append_file(struct part *part, int fd, uint64_t length, struct yq_err *err)
{
    struct yq_buf piece yq_cleanup(yq_buf_fini) = {0};
    if (!yq_buf_room(&piece, PIECE))
        return yq_fail(err, YQ_FULL, ROOM, "no memory to keep a result");
    for (uint64_t at = 0; at < length;) {
        size_t want = length - at < PIECE ? (size_t)(length - at) : PIECE, got;
        if (!yq_read_at(fd, piece.bytes, want, at, &got, err))
            return false;
        if (got != want)
            return yq_fail(err, YQ_IO, ROOM, "a result became shorter while it was kept");
        if (!append(part, piece.bytes, got, err))
            return false;
        at += got;
    }
    return true;
}

/* Gives it its name; folders may be missing. */
static bool finish(struct part *part, const uint8_t digest[32], const char *recipe, uint64_t length,
                   struct yq_err *err)
{
    struct trailer trailer = {.length = length, .recipe_length = strlen(recipe)};
    char path[YQ_PATH_MOST];
    memcpy(trailer.magic, magic, sizeof magic);
    memcpy(trailer.digest, digest, sizeof trailer.digest);
    trailer.sum = trailer_sum(&part->sum, recipe, &trailer);
    if (!yq_write_all(part->fd, recipe, trailer.recipe_length, err) ||
        !yq_write_all(part->fd, &trailer, sizeof trailer, err))
        return false;
    if (!place_of(part->cache, digest, recipe, path))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the path of the cache is too long");
    if (rename(part->path, path) == 0)
        return true;
    char *end = strrchr(path, '/');
    *end = '\0';
    bool made = errno == ENOENT && (mkdir(path, 0750) == 0 || errno == EEXIST);
    *end = '/';
    return (made && rename(part->path, path) == 0) || yq_fail_errno(err, ROOM, "name", path);
}

/* Whether it may have so much, of its own measure and of the disk; the rest makes room. */
static bool takes(struct yq_cache *cache, uint64_t length)
{
    uint64_t most = atomic_load(&cache->most);
    struct statvfs disk;
    if (length > most / SHARE_MOST)
        return false;
    if (!atomic_load(&cache->counted) || atomic_load(&cache->bytes) + length > most)
        (void)yq_cache_shrink(cache, most - most / 10 - length);
    return statvfs(cache->folder, &disk) != 0 ||
           (uint64_t)disk.f_bavail * disk.f_frsize > length + atomic_load(&cache->spare);
}

static void put(struct yq_cache *cache, const uint8_t digest[32], const char *recipe,
                const void *bytes, int fd, uint64_t length)
{
    struct part part = {.cache = cache, .fd = -1};
    struct yq_err err = {0};
    uint64_t all = length + strlen(recipe) + sizeof(struct trailer);
    if (!cache || strlen(recipe) >= RECIPE_MOST || !takes(cache, all))
        return;
    bool kept = begin(&part, &err) &&
                (bytes ? append(&part, bytes, (size_t)length, &err)
                       : append_file(&part, fd, length, &err)) &&
                finish(&part, digest, recipe, length, &err);
    yq_close(&part.fd);
    if (kept) {
        atomic_fetch_add(&cache->bytes, all);
        return;
    }
    if (part.path[0])
        (void)unlink(part.path);
    if (err.code == YQ_FULL) /* for what is worth more than this */
        (void)yq_cache_shrink(cache, atomic_load(&cache->bytes) / 2);
    yq_log_err(YQ_LOG_WARN, "cache-not-kept", &err, "bytes=%" PRIu64, length);
}

void yq_cache_put(struct yq_cache *cache, const uint8_t digest[32], const char *recipe,
                  const void *bytes, size_t length)
{
    put(cache, digest, recipe, length ? bytes : "", -1, length);
}

void yq_cache_put_file(struct yq_cache *cache, const uint8_t digest[32], const char *recipe, int fd,
                       uint64_t length)
{
    put(cache, digest, recipe, NULL, fd, length);
}

void yq_cache_forget(struct yq_cache *cache, const uint8_t digest[32])
{
    char hex[34], path[YQ_PATH_MOST];
    if (!cache)
        return;
    yq_hex(hex, digest, 16);
    hex[32] = '-';
    hex[33] = '\0';
    int length = snprintf(path, sizeof path, "%s/%.2s", cache->folder, hex);
    DIR *folder = length > 0 && (size_t)length < sizeof path ? opendir(path) : NULL;
    for (struct dirent *found; folder && (found = readdir(folder));)
        if (strncmp(found->d_name, hex, 33) == 0)
            (void)unlinkat(dirfd(folder), found->d_name, 0);
    if (folder)
        closedir(folder);
}

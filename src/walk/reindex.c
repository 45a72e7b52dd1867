/* reindex.c: rebuilds the catalog from the files.
 *
 * A file is read while the rows of those before it are written (where the catalog has a thread of
 * its own), and those after it are announced to the disk. Rows go in study by study, and within a
 * study oldest first, as they came. Nothing is synced on the way: who calls lets the catalog hurry
 * and throws it away when this fails.
 *
 * What only the earlier catalog knows is asked for by the UID and the digest in a file's name, and
 * taken over when the whole digest is the same; what belongs to studies follows at the end. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attachment.h"
#include "object.h"
#include "yq/dcm.h"

enum {
    UNDER_WAY = 64,    /* rows that may wait for their commit */
    ANNOUNCED = 32,    /* files that the disk is told of beforehand */
    TOGETHER = 1 << 10 /* files that are sorted at once, at least; whole studies */
};

struct found { /* a file of the studies at hand */
    char *path;
    size_t study; /* counted as they were met */
    int64_t written_ns;
};

struct reading { /* a file whose row is on its way */
    char *path;
    struct yq_part10 about;
    struct yq_header header;
    struct yq_object object;
    struct yq_before before; /* what the earlier catalog knew; zero: nothing */
    struct yq_origin origin; /* from it */
    struct yq_buf coerced;   /* the text for the row */
    struct yq_added added;
    struct yq_adding *adding;
};

struct reindexing {
    struct yq_house *house;
    const struct yq_progress *progress;
    struct found *files;
    size_t count, room, studies;
    struct reading readings[UNDER_WAY]; /* a ring */
    size_t first, under_way;
    struct yq_old *old; /* NULL: nothing of an earlier catalog can be read */
    struct yq_reindexed *out;
    uint64_t bytes;
};

static int oldest_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->study != y->study)
        return x->study < y->study ? -1 : 1;
    return (x->written_ns > y->written_ns) - (x->written_ns < y->written_ns);
}

/* A name carries the UIDs and the digest of what was stored, of the kind of the time: other content
 * is damaged, or somebody put the file there by hand. A row for it would lead to no file. */
static bool keeps_its_name(struct yq_house *house, int fd, const char *path,
                           const struct yq_key *key, struct yq_object *object, struct yq_err *err)
{
    char own[YQ_PATH_MOST];
    for (int kind = YQ_XXH3; kind <= YQ_SHA256; kind++) {
        if (!yq_object_digest(fd, (enum yq_digest_kind)kind, object, err) ||
            !yq_store_path(house->store, key, object->digest, own, err))
            return false;
        if (strcmp(own, path) == 0)
            return true;
    }
    return yq_fail(err, YQ_IO, "walk",
                   "content is not what its name says: not taken in (if it is good nevertheless, "
                   "yingqiao import takes it)");
}

static void note_loss(struct reindexing *r, const struct yq_err *why)
{
    if (r->out->lost)
        return;
    r->out->lost = true;
    r->out->lost_why = *why;
}

/* What the earlier catalog knew of a file of this name. */
static void look_back(struct reindexing *r, struct reading *reading)
{
    struct yq_err why;
    char instance[YQ_UID_SIZE], digest[9] = "";
    size_t length = strlen(reading->path);
    if (!r->old || length < 12 || !yq_object_instance(reading->path, instance))
        return;
    memcpy(digest, reading->path + length - 12, 8); /* <8 hex>.dcm */
    if (!yq_old_instance(r->old, instance, digest, &reading->before, &why) && why.code != YQ_ABSENT)
        note_loss(r, &why);
}

/* What the sender's labels are worth, by its entry of today. */
static void assume(struct yq_house *house, const char *source, char *charset, size_t size)
{
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    const struct yq_peer *peer = *source ? yq_conf_peer(conf, source, "", NULL) : NULL;
    (void)yq_copy(charset, size, peer ? peer->assume_charset : "");
    yq_conf_release(house->conf, conf);
}

static bool is_the_same(const struct reading *reading)
{
    const struct yq_object *before = &reading->before.object, *now = &reading->object;
    return before->size == now->size &&
           memcmp(before->digest, now->digest, sizeof now->digest) == 0;
}

static void take_over(struct reindexing *r, struct reading *reading)
{
    const struct yq_coercions *coercions = &reading->before.coercions;
    r->out->known++;
    for (size_t i = 0; i < coercions->count; i++)
        reading->header.values[coercions->changes[i].attr] = coercions->changes[i].value;
    if (!coercions->count)
        return;
    r->out->coerced++;
    yq_coercions_write(coercions, &reading->coerced);
}

static bool read_file(struct yq_house *house, struct reading *reading, struct yq_err *err)
{
    char assumed[sizeof((struct yq_peer *)0)->assume_charset];
    struct yq_part10 *about = &reading->about;
    struct yq_header *header = &reading->header;
    int fd yq_cleanup(yq_close) = open(reading->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return yq_fail_errno(err, "walk", "open", reading->path);
    assume(house, reading->before.source, assumed, sizeof assumed);
    bool ok = yq_part10_read(fd, about, err) &&
              yq_dcm_read_header(fd, about->dataset_offset, about->transfer_syntax, assumed, header,
                                 err) &&
              keeps_its_name(house, fd, reading->path, &header->key, &reading->object, err);
    if (ok)
        (void)yq_copy(header->transfer_syntax, sizeof header->transfer_syntax,
                      about->transfer_syntax);
    return ok;
}

static bool send_row(struct reindexing *r, struct reading *reading, struct yq_err *err)
{
    bool known = is_the_same(reading);
    reading->origin.door = "reindex";
    if (known) {
        (void)yq_copy(reading->origin.aet, sizeof reading->origin.aet, reading->before.source);
        take_over(r, reading);
    }
    if (reading->coerced.failed)
        return yq_fail(err, YQ_FULL, "walk", "no memory for what was coerced");
    /* A second content under one UID was kept on purpose, or is what a crash left of a replacement:
     * kept, and told. */
    struct yq_arrival arrival = {.origin = &reading->origin,
                                 .header = &reading->header,
                                 .object = &reading->object,
                                 .dataset_offset = reading->about.dataset_offset,
                                 .duplicates = YQ_KEEP_BOTH,
                                 .received_ms = known ? reading->before.received_ms : 0,
                                 .coerced = reading->coerced.length ? yq_buf_text(&reading->coerced)
                                                                    : NULL};
    return yq_catalog_add_begin(r->house->catalog, &arrival, &reading->added, &reading->adding,
                                err);
}

/* Files that cannot be read are told and passed over; a catalog that cannot be written ends it. */
static bool finish(struct reindexing *r, struct reading *reading, bool ok, struct yq_err *err)
{
    char trouble[YQ_PATH_MOST + sizeof err->text];
    bool fatal = !ok && strcmp(err->room, "catalog") == 0;
    if (!ok)
        snprintf(trouble, sizeof trouble, "%s: %s", reading->path, err->text);
    r->out->objects += ok;
    r->bytes += ok ? reading->object.size : 0;
    if (r->progress)
        r->progress->tell(r->progress->context, r->out->objects, r->bytes, ok ? NULL : trouble);
    yq_header_fini(&reading->header);
    yq_coercions_fini(&reading->before.coercions);
    yq_buf_fini(&reading->coerced);
    free(reading->path);
    memset(reading, 0, sizeof *reading);
    return !fatal;
}

static bool finish_first(struct reindexing *r, struct yq_err *err)
{
    struct reading *reading = &r->readings[r->first];
    r->first = (r->first + 1) % UNDER_WAY;
    r->under_way--;
    return finish(r, reading, yq_catalog_add_end(reading->adding, true, err), err);
}

static bool take_in(struct reindexing *r, struct found *file, struct yq_err *err)
{
    if (r->under_way == UNDER_WAY && !finish_first(r, err))
        return false;
    struct reading *reading = &r->readings[(r->first + r->under_way) % UNDER_WAY];
    reading->path = file->path;
    file->path = NULL;
    look_back(r, reading);
    if (!read_file(r->house, reading, err) || !send_row(r, reading, err))
        return finish(r, reading, false, err);
    r->under_way++;
    return true;
}

static bool finish_all(struct reindexing *r, bool ok, struct yq_err *err)
{
    struct yq_err later = {0};
    while (r->under_way)
        ok = finish_first(r, ok ? err : &later) && ok;
    return ok;
}

static void announce(const char *path)
{
    int fd yq_cleanup(yq_close) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
}

static void forget_files(struct reindexing *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->files[i].path);
    r->count = 0;
}

static bool take_in_all(struct reindexing *r, struct yq_err *err)
{
    bool ok = true;
    if (r->count)
        qsort(r->files, r->count, sizeof *r->files, oldest_first);
    for (size_t i = 0; i < ANNOUNCED && i < r->count; i++)
        announce(r->files[i].path);
    for (size_t i = 0; i < r->count && ok; i++) {
        if (i + ANNOUNCED < r->count)
            announce(r->files[i + ANNOUNCED].path);
        ok = take_in(r, &r->files[i], err);
    }
    forget_files(r);
    return ok;
}

/* objects/<2 hex>/<study>/... : the length of the part that names the study. */
static size_t study_part(const char *path)
{
    size_t slashes = 0, length = strlen(path);
    while (length && slashes < 2)
        slashes += path[--length] == '/';
    return length;
}

static bool same_study(const char *a, const char *b)
{
    size_t part = study_part(b);
    return strlen(a) > part && a[part] == '/' && strncmp(a, b, part) == 0;
}

static bool remember(struct reindexing *r, const char *path, struct yq_err *err)
{
    struct stat about;
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 2 * (size_t)TOGETHER;
        struct found *files = realloc(r->files, room * sizeof *files);
        if (!files)
            return yq_fail(err, YQ_FULL, "walk", "no memory to list a study");
        r->files = files;
        r->room = room;
    }
    struct found *new = &r->files[r->count];
    new->study = r->studies;
    new->written_ns = stat(path, &about) == 0
                          ? (int64_t)about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec
                          : 0;
    new->path = strdup(path);
    if (!new->path)
        return yq_fail(err, YQ_FULL, "walk", "no memory to list a study");
    r->count++;
    return true;
}

static bool walk_all(struct reindexing *r, struct yq_store_walk *walk, struct yq_err *err)
{
    const char *path;
    while (yq_store_walk_next(walk, &path, err)) {
        bool other = r->count && !same_study(r->files[r->count - 1].path, path);
        r->studies += other;
        if (other && r->count >= TOGETHER && !take_in_all(r, err))
            return false;
        if (!remember(r, path, err))
            return false;
    }
    return err->code == YQ_OK && take_in_all(r, err);
}

static bool carry_tables(struct reindexing *r, struct yq_err *err)
{
    struct yq_err lost;
    if (!r->old)
        return true;
    if (!yq_old_carry_tables(r->old, r->house->catalog, &lost, err))
        return false;
    if (lost.code != YQ_OK)
        note_loss(r, &lost);
    return true;
}

bool yq_keep_reindex(struct yq_house *house, const char *earlier,
                     const struct yq_progress *progress, struct yq_reindexed *out,
                     struct yq_err *err)
{
    struct reindexing *r = calloc(1, sizeof *r);
    struct yq_store_walk *walk = NULL;
    struct yq_err why;
    memset(out, 0, sizeof *out);
    if (!r)
        return yq_fail(err, YQ_FULL, "walk", "no memory to reindex");
    r->house = house;
    r->progress = progress;
    r->out = out;
    if (!yq_old_open(earlier, &r->old, &why))
        note_loss(r, &why);
    bool ok = yq_store_walk_open(house->store, &walk, err);
    if (ok) {
        ok = finish_all(r, walk_all(r, walk, err), err);
        yq_store_walk_close(walk);
    }
    if (ok && r->old && !yq_old_carry(r->old, house->catalog, &out->corrections, &why))
        note_loss(r, &why);
    ok = ok && carry_tables(r, err);
    ok = ok && attachment_reindex(house, err);
    /* A row says that its file is on stable storage; some may never have got there. */
    ok = ok && yq_store_sync_all(house->store, err);
    yq_old_close(r->old);
    forget_files(r);
    free(r->files);
    free(r);
    return ok;
}

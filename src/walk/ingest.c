/* ingest.c: an instance comes in. One walk for every door: C-STORE, import, a pull from another
 * PACS, demo.
 *
 * Promise: when yq_ingest returns true the instance is on stable storage and findable; when it
 * returns false nothing of it is left. PS3.4 B.2.3 leaves the status to us: status.c chooses it
 * from err->code. Runs on the door's thread. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "object.h"
#include "orders.h"
#include "yq/dcm.h"
#include "yq/log.h"
#include "yq/seal.h"

struct arrival { /* goes through the walk; each step adds to it */
    struct yq_house *house;
    const struct yq_origin *origin;
    const struct yq_body *body;
    const struct yq_conf *conf;
    struct yq_staged *staged;
    struct yq_header header;
    struct yq_coercions coercions; /* owns the values in the header that they changed */
    struct yq_object object;
    uint64_t dataset_offset;
    bool known; /* the catalog has a row under this SOP Instance UID */
    bool there; /* with the same content */
    struct yq_added added;
};

static bool may_store(const struct arrival *a, struct yq_err *err)
{
    const struct yq_peer *peer = a->origin->peer;
    if (peer && !a->origin->asked && !(peer->rights & YQ_MAY_STORE))
        return yq_fail(err, YQ_REFUSED, "walk",
                       "%s may not store here: add \"store\" to its \"may\" in peers.json",
                       peer->aet);
    if (!yq_uid_valid(a->body->sop_class) || !yq_uid_valid(a->body->sop_instance))
        return yq_fail(err, YQ_BAD_INPUT, "walk", "SOP class or instance UID is not a UID");
    if (!yq_uid_valid(a->body->transfer_syntax))
        return yq_fail(err, YQ_BAD_INPUT, "walk", "transfer syntax is not a UID");
    return true;
}

/* Body into staging, unparsed, behind a file meta information that depends on nothing but the three
 * UIDs, so that the same instance always makes the same file. */
static bool pour(struct arrival *a, struct yq_body *body, struct yq_err *err)
{
    struct yq_buf meta yq_cleanup(yq_buf_fini) = {0};
    struct yq_digest *digest yq_cleanup(yq_digest_cleanup) = yq_digest_new(YQ_XXH3);
    yq_part10_write(&meta, body->sop_class, body->sop_instance, body->transfer_syntax);
    if (!digest || meta.failed)
        return yq_fail(err, YQ_FULL, "walk", "no memory to take an instance in");
    if (!yq_store_begin(a->house->store, &a->staged, err) ||
        !yq_staged_write(a->staged, meta.bytes, meta.length, err))
        return false;
    yq_digest_add(digest, meta.bytes, meta.length);
    a->dataset_offset = meta.length;
    uint64_t most = (uint64_t)a->conf->store_max_object_mb << 20;
    for (;;) {
        const void *bytes;
        size_t got;
        if (!body->next(body->context, &bytes, &got, err))
            return false;
        if (!got)
            break;
        if (yq_staged_size(a->staged) + got > most)
            return yq_fail(err, YQ_FULL, "walk",
                           "object is larger than store.max_object_mb (%lld MB)",
                           (long long)a->conf->store_max_object_mb);
        if (!yq_staged_write(a->staged, bytes, got, err))
            return false;
        yq_digest_add(digest, bytes, got);
    }
    a->object.size = yq_staged_size(a->staged);
    yq_digest_end(digest, a->object.digest);
    return true;
}

static bool names_what_was_announced(struct arrival *a, struct yq_err *err)
{
    const struct yq_header *h = &a->header;
    if (strcmp(h->sop_class, a->body->sop_class) != 0)
        return yq_fail(err, YQ_BAD_INPUT, "walk",
                       "SOP class in the dataset is not the one that was announced");
    if (strcmp(h->key.instance, a->body->sop_instance) != 0)
        return yq_fail(err, YQ_BAD_INPUT, "walk",
                       "SOP instance in the dataset is not the one that was announced");
    if (!yq_uid_valid(h->key.study) || !yq_uid_valid(h->key.series))
        return yq_fail(err, YQ_BAD_INPUT, "walk", "Study or Series Instance UID is not a UID");
    return true;
}

static bool same_content(const struct arrival *a, const struct yq_entry *entry)
{
    return memcmp(entry->object.digest, a->object.digest, sizeof a->object.digest) == 0 &&
           entry->object.size == a->object.size;
}

/* What is stored under the entry is damaged or gone, and what came is what was stored: it takes its
 * place, under the digest that the row carries. */
static bool put_damaged_aside(struct arrival *a, const struct yq_entry *entry,
                              const struct yq_err *trouble, struct yq_err *err)
{
    char label[64];
    a->object = entry->object;
    a->added.stored = YQ_STORED_ALREADY;
    yq_log_err(YQ_LOG_ERROR, "object-damaged", trouble,
               "sop=%s next=\"what was sent now takes its place\"", entry->key.instance);
    yq_keep_label(label, sizeof label, "damaged");
    return yq_object_trash(a->house, &entry->key, entry->object.digest, label, err);
}

/* The identical instance is there, row and file: nothing needs to be written. Contents are compared
 * byte by byte, so that success is told only of a file that is whole, and nothing rests on digests.
 * False with an error: a damaged file could not be put aside, or the catalog cannot say; then it
 * could not take the row either, and nothing is begun. */
static bool is_there_already(struct arrival *a, struct yq_err *err)
{
    struct yq_err trouble = {0};
    struct yq_entry entry;
    if (!yq_catalog_get(a->house->catalog, a->header.key.instance, &entry, &trouble)) {
        if (trouble.code == YQ_ABSENT)
            return true;
        *err = trouble;
        return false;
    }
    a->known = true;
    if (entry.object.size != a->object.size)
        return true;
    int fd yq_cleanup(yq_close) = -1;
    bool whole = yq_store_read(a->house->store, &entry.key, &entry.object, &fd, &trouble);
    bool same = whole && yq_staged_same(a->staged, fd, &trouble);
    if (same) {
        a->there = true;
        a->added.stored = YQ_STORED_ALREADY;
        return true;
    }
    if (whole && trouble.code != YQ_CONFLICT) {
        *err = trouble;
        return false;
    }
    struct yq_object came = a->object;
    if (yq_digest_kind(entry.object.digest) ==
            YQ_SHA256 && /* it was stored by an earlier version */
        !yq_object_digest(yq_staged_fd(a->staged), YQ_SHA256, &came, err))
        return false;
    if (memcmp(came.digest, entry.object.digest, sizeof came.digest) != 0)
        return true;
    if (whole && yq_keep_check(a->house, &entry, &trouble)) /* two whole contents with one digest */
        return true;
    return put_damaged_aside(a, &entry, &trouble, err);
}

/* Keep the promise. A failed commit may still have reached the disk: only what no row names goes
 * away; where that cannot be told now, the next start asks again. */
static void take_back(struct arrival *a)
{
    struct yq_entry entry;
    struct yq_err why;
    bool found = yq_catalog_get(a->house->catalog, a->header.key.instance, &entry, &why);
    if (!found && why.code != YQ_ABSENT)
        yq_staged_leave(a->staged);
    else if (found && same_content(a, &entry))
        yq_staged_keep(a->staged);
    else
        yq_staged_abandon(a->staged);
    a->staged = NULL;
}

/* What was replaced is out of every row now: its file goes into the trash. */
static void put_away_earlier(const struct arrival *a)
{
    const struct yq_entry *earlier = &a->added.earlier;
    struct yq_err trouble;
    char label[64];
    yq_keep_label(label, sizeof label, "replaced");
    if (!yq_object_trash(a->house, &earlier->key, earlier->object.digest, label, &trouble))
        yq_log_err(YQ_LOG_WARN, "trash", &trouble, "sop=%s", earlier->key.instance);
}

/* Other bytes may stand where this object belongs, and no row name them: what a power failure left
 * of an instance that nobody was told of. It makes way. */
static bool place(struct arrival *a, struct yq_err *err)
{
    struct yq_store *store = a->house->store;
    const struct yq_key *key = &a->header.key;
    struct yq_err ignored;
    char path[YQ_PATH_MOST], label[64];
    if (yq_staged_place(a->staged, key, a->object.digest, err))
        return true;
    if (err->code != YQ_CONFLICT || !yq_store_path(store, key, a->object.digest, path, &ignored) ||
        yq_object_known(a->house, path) != YQ_KNOWN_NOT)
        return false;
    yq_keep_label(label, sizeof label, "damaged");
    return yq_object_trash(a->house, key, a->object.digest, label, err) &&
           yq_staged_place(a->staged, key, a->object.digest, err);
}

/* The file to its place, then file and row to the disk, both at the same time: the slower of the
 * two is all that is waited for. Where something is known under this UID already, one after the
 * other: no row that was acknowledged may go for one whose file a power failure can take. */
static bool make_durable(struct arrival *a, struct yq_err *err)
{
    struct yq_err second = {0};
    struct yq_adding *adding;
    struct yq_buf coerced yq_cleanup(yq_buf_fini) = {0};
    if (a->coercions.count)
        yq_coercions_write(&a->coercions, &coerced);
    if (coerced.failed)
        return yq_fail(err, YQ_FULL, "walk", "no memory to note what was coerced");
    struct orders orders; /* until the end: who writes the rows reads them */
    orders_make(a->conf, a->origin, &a->header, &orders);
    struct yq_arrival arrival = {.origin = a->origin,
                                 .header = &a->header,
                                 .object = &a->object,
                                 .dataset_offset = a->dataset_offset,
                                 .duplicates = (enum yq_duplicates)a->conf->store_duplicates,
                                 .coerced = coerced.length ? yq_buf_text(&coerced) : NULL,
                                 .unsynced = !a->known,
                                 .orders = orders.list,
                                 .order_count = orders.count};
    bool safe = a->known && yq_staged_sync(a->staged, err);
    if (a->known && !safe)
        return false;
    if (!yq_catalog_add_begin(a->house->catalog, &arrival, &a->added, &adding, err))
        return false;
    safe = safe || yq_staged_sync(a->staged, err);
    if (!yq_catalog_add_end(adding, safe, safe ? err : &second))
        return false;
    orders_given(a->house, a->origin, a->header.key.study, &orders);
    return true;
}

/* Under the claim: nobody else in this process works on the same SOP instance. */
static bool keep(struct arrival *a, struct yq_err *err)
{
    if (!is_there_already(a, err))
        return false;
    if (a->there)
        return true;
    if (!place(a, err))
        return false;
    if (!make_durable(a, err)) {
        take_back(a);
        return false;
    }
    yq_staged_keep(a->staged);
    a->staged = NULL;
    if (a->added.stored == YQ_STORED_REPLACED && !same_content(a, &a->added.earlier))
        put_away_earlier(a);
    return true;
}

static void tell(const struct arrival *a, bool ok, const struct yq_err *err)
{
    static const char *const outcomes[] = {"new", "already-there", "replaced", "kept-beside"};
    struct yq_counts *counts = &a->house->counts;
    const struct yq_origin *from = a->origin;
    yq_batch_in(from->batch, &a->header, a->body->sop_class, a->body->sop_instance, a->added.stored,
                ok ? NULL : err);
    if (!ok) {
        atomic_fetch_add(&counts->store_failed, 1);
        if (err->code == YQ_CONFLICT)
            atomic_fetch_add(&counts->conflicts, 1);
        yq_log_err(
            YQ_LOG_WARN, "instance-in", err, "outcome=%s door=%s aet=\"%s\" address=%s sop=%s",
            err->code == YQ_CONFLICT ? "conflict" : "refused", from->door, from->aet, from->address,
            yq_uid_valid(a->body->sop_instance) ? a->body->sop_instance : "?");
        return;
    }
    atomic_ullong *const by_outcome[] = {&counts->stored_new, &counts->stored_already,
                                         &counts->stored_replaced, &counts->stored_beside};
    atomic_fetch_add(by_outcome[a->added.stored], 1);
    atomic_fetch_add(&counts->stored_bytes, a->object.size);
    bool conflict = a->added.stored == YQ_STORED_REPLACED || a->added.stored == YQ_STORED_BESIDE;
    if (conflict)
        atomic_fetch_add(&counts->conflicts, 1);
    if (a->coercions.count && a->added.stored != YQ_STORED_ALREADY)
        atomic_fetch_add(&counts->coerced, 1);
    if (a->added.contradictions)
        atomic_fetch_add(&counts->contradictions, a->added.contradictions);
    yq_log(
        conflict || a->added.contradictions ? YQ_LOG_WARN : YQ_LOG_DEBUG, "instance-in",
        "outcome=%s%s door=%s aet=\"%s\" address=%s sop=%s study=%s bytes=%llu contradictions=%u",
        conflict ? "conflict-" : "", outcomes[a->added.stored], from->door, from->aet,
        from->address, a->header.key.instance, a->header.key.study,
        (unsigned long long)a->object.size, a->added.contradictions);
}

/* What its peer's entry says its labels are worth. */
static const char *assumed(const struct yq_origin *origin)
{
    return origin->peer ? origin->peer->assume_charset : "";
}

static bool walk(struct arrival *a, struct yq_body *body, struct yq_err *err)
{
    if (!may_store(a, err) || !pour(a, body, err) ||
        !yq_dcm_read_header(yq_staged_fd(a->staged), a->dataset_offset, body->transfer_syntax,
                            assumed(a->origin), &a->header, err))
        return false;
    (void)yq_copy(a->header.transfer_syntax, sizeof a->header.transfer_syntax,
                  body->transfer_syntax);
    if (!names_what_was_announced(a, err) ||
        !yq_coerce(a->house, a->conf, a->origin, &a->header, &a->coercions, err))
        return false;
    uint64_t claim = yq_claims_take(&a->house->ingesting, a->header.key.instance);
    bool ok = keep(a, err);
    yq_claims_release(&a->house->ingesting, claim);
    return ok;
}

bool yq_ingest(struct yq_house *house, const struct yq_origin *origin, struct yq_body *body,
               struct yq_ingested *out, struct yq_err *err)
{
    struct arrival a = {.house = house, .origin = origin, .body = body};
    a.conf = yq_conf_hold(house->conf);
    bool ok = walk(&a, body, err);
    if (a.staged)
        yq_staged_abandon(a.staged);
    tell(&a, ok, err);
    *out = (struct yq_ingested){.stored = a.added.stored, .key = a.header.key};
    yq_header_fini(&a.header);
    yq_coercions_fini(&a.coercions);
    yq_conf_release(house->conf, a.conf);
    return ok;
}

/* ---- a file as a body ---- */

struct file_body {
    int fd;
    uint64_t position;
    uint8_t piece[1 << 17];
};

static bool next_of_file(void *context, const void **bytes, size_t *got, struct yq_err *err)
{
    struct file_body *file = context;
    if (!yq_read_at(file->fd, file->piece, sizeof file->piece, file->position, got, err))
        return false;
    file->position += *got;
    *bytes = file->piece;
    return true;
}

bool yq_ingest_file(struct yq_house *house, const struct yq_origin *origin, const char *path,
                    struct yq_ingested *out, struct yq_err *err)
{
    struct file_body file = {.fd = -1};
    struct yq_part10 about;
    struct yq_header header = {0};
    int fd yq_cleanup(yq_close) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return yq_fail_errno(err, "walk", "open", path);
    /* What the dataset says of itself counts, as files without or with a wrong file meta
     * information are common. */
    if (!yq_part10_read(fd, &about, err) ||
        !yq_dcm_read_header(fd, about.dataset_offset, about.transfer_syntax, assumed(origin),
                            &header, err)) {
        yq_header_fini(&header);
        return false;
    }
    file.fd = fd;
    file.position = about.dataset_offset;
    struct yq_body body = {.next = next_of_file, .context = &file};
    (void)yq_copy(body.sop_class, sizeof body.sop_class, header.sop_class);
    (void)yq_copy(body.sop_instance, sizeof body.sop_instance, header.key.instance);
    (void)yq_copy(body.transfer_syntax, sizeof body.transfer_syntax, about.transfer_syntax);
    yq_header_fini(&header);
    return yq_ingest(house, origin, &body, out, err);
}

/* ---- a C-STORE-RQ as a body ---- */

struct message_body {
    struct yq_assoc *assoc;
    bool lost;
};

static bool next_of_message(void *context, const void **bytes, size_t *got, struct yq_err *err)
{
    struct message_body *body = context;
    body->lost = !yq_assoc_read(body->assoc, bytes, got, err);
    return !body->lost;
}

bool yq_ingest_message(struct yq_house *house, const struct yq_origin *origin,
                       struct yq_assoc *assoc, const struct yq_message *message, bool *stored,
                       struct yq_err *err)
{
    struct yq_ingested done;
    struct yq_err why = {0};
    struct message_body source = {.assoc = assoc};
    struct yq_body body = {.next = next_of_message, .context = &source};
    const struct yq_context *context = yq_assoc_context(assoc, message->context);
    (void)yq_copy(body.sop_class, sizeof body.sop_class, message->sop_class);
    (void)yq_copy(body.sop_instance, sizeof body.sop_instance, message->sop_instance);
    (void)yq_copy(body.transfer_syntax, sizeof body.transfer_syntax,
                  context ? context->accepted_syntax : "");
    *stored = yq_ingest(house, origin, &body, &done, &why);
    if (source.lost) {
        *err = why; /* the body did not come to its end: there is nobody to answer */
        return false;
    }
    struct yq_message answer = {.context = message->context,
                                .command = YQ_C_STORE_RSP,
                                .id = message->id,
                                .status = *stored ? 0x0000 : yq_status_store(why.code)};
    (void)yq_copy(answer.sop_class, sizeof answer.sop_class, message->sop_class);
    (void)yq_copy(answer.sop_instance, sizeof answer.sop_instance, message->sop_instance);
    if (!*stored)
        (void)yq_copy(answer.comment, sizeof answer.comment, why.text);
    else if (done.stored == YQ_STORED_BESIDE)
        (void)yq_copy(answer.comment, sizeof answer.comment,
                      "kept beside other content under the same UID");
    return yq_assoc_send(assoc, &answer, NULL, 0, err);
}

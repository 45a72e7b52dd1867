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

#include "yq/dcm.h"
#include "yq/log.h"
#include "yq/seal.h"
#include "yq/walk.h"

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
    struct yq_added added;
};

static void digest_cleanup(struct yq_digest **digest) { yq_digest_free(*digest); }

static bool may_store(const struct arrival *a, struct yq_err *err)
{
    const struct yq_peer *peer = a->origin->peer;
    if (peer && !(peer->rights & YQ_MAY_STORE))
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
    struct yq_digest *digest yq_cleanup(digest_cleanup) = yq_digest_new();
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
    yq_digest_end(digest, a->object.sha256);
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
    return memcmp(entry->object.sha256, a->object.sha256, sizeof a->object.sha256) == 0 &&
           entry->object.size == a->object.size;
}

/* The identical instance is there, row and file: nothing needs to be written. The file is read for
 * that: whoever sends again what was damaged is told of success only when it is whole again. False
 * with an error: a damaged file could not be put aside, or the catalog cannot say; then it could
 * not take the row either, and nothing is begun. */
static bool is_there_already(struct arrival *a, bool *there, struct yq_err *err)
{
    struct yq_err trouble = {0};
    struct yq_entry entry;
    char label[64];
    *there = false;
    if (!yq_catalog_get(a->house->catalog, a->header.key.instance, &entry, &trouble)) {
        if (trouble.code == YQ_ABSENT)
            return true;
        *err = trouble;
        return false;
    }
    if (!same_content(a, &entry))
        return true;
    *there = yq_keep_check(a->house, &entry, &trouble);
    a->added.stored = YQ_STORED_ALREADY;
    if (*there)
        return true;
    yq_log_err(YQ_LOG_ERROR, "object-damaged", &trouble,
               "sop=%s next=\"what was sent now takes its place\"", entry.key.instance);
    yq_keep_label(label, sizeof label, "damaged");
    return yq_store_trash(a->house->store, &entry.key, entry.object.sha256, label, err);
}

/* Keep the promise. A failed commit may still have reached the disk: only what no row names goes
 * away; where that cannot be told now, the next start asks again. */
static void take_back(struct arrival *a)
{
    struct yq_house *house = a->house;
    const struct yq_key *key = &a->header.key;
    struct yq_entry entry;
    struct yq_err why;
    bool found = yq_catalog_get(house->catalog, key->instance, &entry, &why);
    if (!found && why.code != YQ_ABSENT)
        return;
    if (!found || !same_content(a, &entry))
        yq_store_remove(house->store, key, a->object.sha256);
    yq_store_settle(house->store, key, a->object.sha256);
}

/* What was replaced is out of every row now: its file goes into the trash. */
static void put_away_earlier(const struct arrival *a)
{
    const struct yq_entry *earlier = &a->added.earlier;
    struct yq_err trouble;
    char label[64];
    yq_keep_label(label, sizeof label, "replaced");
    if (!yq_store_trash(a->house->store, &earlier->key, earlier->object.sha256, label, &trouble))
        yq_log_err(YQ_LOG_WARN, "trash", &trouble, "sop=%s", earlier->key.instance);
}

/* Under the claim: nobody else in this process works on the same SOP instance. */
static bool keep(struct arrival *a, struct yq_err *err)
{
    struct yq_house *house = a->house;
    const struct yq_key *key = &a->header.key;
    bool there;
    if (!is_there_already(a, &there, err))
        return false;
    if (there) {
        yq_staged_abandon(a->staged);
        a->staged = NULL;
        return true;
    }
    struct yq_buf coerced yq_cleanup(yq_buf_fini) = {0};
    if (a->coercions.count)
        yq_coercions_write(&a->coercions, &coerced);
    if (coerced.failed)
        return yq_fail(err, YQ_FULL, "walk", "no memory to note what was coerced");
    struct yq_staged *take = a->staged;
    a->staged = NULL;
    if (!yq_staged_commit(take, key, a->object.sha256, err))
        return false;
    struct yq_arrival arrival = {.origin = a->origin,
                                 .header = &a->header,
                                 .object = &a->object,
                                 .dataset_offset = a->dataset_offset,
                                 .duplicates = (enum yq_duplicates)a->conf->store_duplicates,
                                 .coerced = coerced.length ? yq_buf_text(&coerced) : NULL};
    if (yq_catalog_add(house->catalog, &arrival, &a->added, err)) {
        yq_store_settle(house->store, key, a->object.sha256);
        if (a->added.stored == YQ_STORED_REPLACED && !same_content(a, &a->added.earlier))
            put_away_earlier(a);
        return true;
    }
    take_back(a);
    return false;
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

static bool walk(struct arrival *a, struct yq_body *body, struct yq_err *err)
{
    if (!may_store(a, err) || !pour(a, body, err) ||
        !yq_dcm_read_header(yq_staged_fd(a->staged), a->dataset_offset, body->transfer_syntax, "",
                            &a->header, err))
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
        !yq_dcm_read_header(fd, about.dataset_offset, about.transfer_syntax, "", &header, err)) {
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

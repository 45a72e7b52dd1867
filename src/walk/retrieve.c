/* retrieve.c: instances go out: C-MOVE, C-GET, send, WADO. PS3.4 C.4.2, C.4.3; Hebei V1.5
 * chapter 4.2.
 *
 * An object leaves as it was stored, but for values that were coerced when it came, wherever the
 * receiver takes its transfer syntax. Otherwise it
 * is transcoded without loss to one that the receiver takes; where that cannot be done only that
 * instance fails. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coerce.h"
#include "object.h"
#include "yq/dcm.h"
#include "yq/log.h"
#include "yq/transcode.h"
#include "yq/walk.h"

/* Those, the preferred ones of a peer, and the stored one. */
enum { SYNTAXES_MOST = YQ_LOSSLESS + YQ_PEER_SYNTAXES + 1 };

static bool is_a_key(enum yq_attr attr)
{
    return attr == YQ_PatientID || attr == YQ_StudyInstanceUID || attr == YQ_SeriesInstanceUID ||
           attr == YQ_SOPInstanceUID || attr == YQ_AccessionNumber;
}

bool yq_retrieve_list(struct yq_house *house, const void *identifier, size_t length,
                      const char *transfer_syntax, bool patient_root, const struct yq_sight *sight,
                      struct yq_entry **out, size_t *count, struct yq_err *err)
{
    struct yq_find find;
    struct yq_query query = {.sight = sight};
    *out = NULL;
    *count = 0;
    bool ok = yq_find_parse(identifier, length, transfer_syntax, patient_root, "", &find, err);
    bool keyed = false;
    query.level = find.query.level;
    for (size_t i = 0; ok && i < find.query.match_count; i++) {
        const struct yq_match *match = &find.query.matches[i];
        if (!is_a_key(match->attr))
            continue; /* PS3.4 C.4.2.1.4.1: nothing else selects */
        keyed |= match->attr == yq_level_key(query.level) ||
                 (match->attr == YQ_AccessionNumber && query.level == YQ_STUDY);
        bool uid_list = strcmp(yq_attrs[match->attr].vr, "UI") == 0;
        if (uid_list && strpbrk(match->value, "*?")) {
            ok = yq_fail(err, YQ_BAD_INPUT, "walk", "%s is a pattern: to retrieve takes UIDs",
                         yq_attrs[match->attr].name);
            break;
        }
        ok = yq_query_add(&query, match->attr, match->value, !uid_list, err);
    }
    if (ok && !keyed)
        ok = yq_fail(err, YQ_BAD_INPUT, "walk", "identifier has no %s, the unique key of its level",
                     yq_attrs[yq_level_key(query.level)].name);
    ok = ok && yq_catalog_list(house->catalog, &query, out, count, err);
    yq_query_fini(&query);
    yq_find_fini(&find);
    return ok;
}

void yq_outgoing_fini(struct yq_outgoing *outgoing) { yq_close(&outgoing->fd); }

static bool length_of(struct yq_outgoing *out, struct yq_err *err)
{
    struct stat about;
    if (fstat(out->fd, &about) != 0)
        return yq_fail_errno(err, "walk", "stat", "object");
    if ((uint64_t)about.st_size < out->offset)
        return yq_fail(err, YQ_IO, "walk", "stored object is shorter than its header");
    out->length = (uint64_t)about.st_size - out->offset;
    return true;
}

/* The first `length` bytes of a file, as one of its own. */
static bool cut_to(struct yq_house *house, uint64_t length, int *fd, struct yq_err *err)
{
    enum { PIECE = 128 << 10 };
    struct stat about;
    struct yq_buf piece yq_cleanup(yq_buf_fini) = {0};
    int cut yq_cleanup(yq_close) = -1;
    if (fstat(*fd, &about) != 0)
        return yq_fail_errno(err, "walk", "stat", "object");
    if ((uint64_t)about.st_size == length)
        return true;
    if (!yq_buf_room(&piece, PIECE))
        return yq_fail(err, YQ_FULL, "walk", "no memory for an object");
    if (!yq_object_scratch(house, length, &cut, err))
        return false;
    for (uint64_t at = 0; at < length;) {
        size_t want = length - at < PIECE ? (size_t)(length - at) : PIECE, got;
        if (!yq_read_at(*fd, piece.bytes, want, at, &got, err) ||
            !yq_write_all(cut, piece.bytes, got, err))
            return false;
        if (!got)
            return yq_fail(err, YQ_IO, "walk", "an object became shorter while it was read");
        at += got;
    }
    yq_close(fd);
    *fd = cut;
    cut = -1;
    return true;
}

/* Transcoded as it is stored, so that the cache serves whatever was coerced; then coerced. */
bool yq_retrieve_coded(struct yq_house *house, const struct yq_entry *entry,
                       const struct yq_coding *coding, struct yq_outgoing *out, struct yq_err *err)
{
    struct yq_part10 about;
    uint64_t length;
    *out = (struct yq_outgoing){.fd = -1};
    if (!yq_transcode_entry(house, entry, coding, &out->fd, &length, err))
        return false;
    bool fine = (!entry->coerced || (cut_to(house, length, &out->fd, err) &&
                                     coerce_outgoing(house, entry, &out->fd, err))) &&
                yq_part10_read(out->fd, &about, err);
    if (!fine) {
        yq_outgoing_fini(out);
        return false;
    }
    out->offset = about.dataset_offset;
    (void)yq_copy(out->transfer_syntax, sizeof out->transfer_syntax, coding->syntax);
    if (entry->coerced)
        return length_of(out, err);
    out->length = length - out->offset;
    return true;
}

bool yq_retrieve_open(struct yq_house *house, const struct yq_entry *entry,
                      const char *const *syntaxes, size_t syntax_count, struct yq_outgoing *out,
                      struct yq_err *err)
{
    *out = (struct yq_outgoing){.fd = -1};
    int fd yq_cleanup(yq_close) = -1;
    bool as_stored = !syntax_count;
    for (size_t i = 0; i < syntax_count && !as_stored; i++)
        as_stored = strcmp(syntaxes[i], entry->transfer_syntax) == 0;
    if (as_stored) {
        if (!yq_store_read(house->store, &entry->key, &entry->object, &fd, err) ||
            !coerce_outgoing(house, entry, &fd, err))
            return false;
        out->fd = fd;
        fd = -1;
        struct yq_part10 about = {.dataset_offset = entry->dataset_offset};
        (void)yq_copy(out->transfer_syntax, sizeof out->transfer_syntax, entry->transfer_syntax);
        bool found = !entry->coerced || yq_part10_read(out->fd, &about, err);
        out->offset = about.dataset_offset;
        if (found && length_of(out, err))
            return true;
        yq_outgoing_fini(out);
        return false;
    }
    yq_fail(err, YQ_REFUSED, "walk",
            "stored as %s, which the receiver does not take, and cannot be made into what it takes",
            entry->transfer_syntax);
    for (size_t i = 0; i < syntax_count; i++) {
        const struct yq_coding coding = {.syntax = syntaxes[i]};
        if (yq_transcode_keeps(entry->transfer_syntax, syntaxes[i]) &&
            yq_retrieve_coded(house, entry, &coding, out, err))
            return true;
    }
    return false;
}

struct yq_coding yq_retrieve_coding(const char *syntax, int quality)
{
    bool given = quality > 0;
    return (struct yq_coding){.syntax = syntax,
                              .quality = quality,
                              .near = given ? (100 - quality) / 5 : 0,
                              .ratio = given && quality < 100 ? 1 + (100 - quality) / 2.5 : 0};
}

/* What the receiver takes for this class, best first: its preferred syntaxes, as stored, then the
 * rest. */
static size_t acceptable(const struct yq_assoc *assoc, const struct yq_entry *entry,
                         const struct yq_peer *peer, const char *syntaxes[SYNTAXES_MOST])
{
    size_t count = 0;
    for (size_t i = 0; peer && i < peer->syntax_count; i++)
        if (yq_assoc_context_for(assoc, entry->sop_class, peer->syntaxes[i]))
            syntaxes[count++] = peer->syntaxes[i];
    bool preferred = count > 0;
    if (!preferred && yq_assoc_context_for(assoc, entry->sop_class, entry->transfer_syntax))
        syntaxes[count++] = entry->transfer_syntax;
    for (size_t i = 0; i < YQ_LOSSLESS; i++)
        if (yq_assoc_context_for(assoc, entry->sop_class, yq_lossless[i]))
            syntaxes[count++] = yq_lossless[i];
    if (preferred && yq_assoc_context_for(assoc, entry->sop_class, entry->transfer_syntax))
        syntaxes[count++] = entry->transfer_syntax;
    return count;
}

/* A preferred syntax comes before the stored one, so it is tried alone first. */
static bool open_for(struct yq_house *house, const struct yq_entry *entry,
                     const char *const *syntaxes, size_t count, struct yq_outgoing *out,
                     struct yq_err *err)
{
    if (strcmp(syntaxes[0], entry->transfer_syntax) != 0 &&
        yq_transcode_keeps(entry->transfer_syntax, syntaxes[0]) &&
        yq_retrieve_open(house, entry, syntaxes, 1, out, err))
        return true;
    return yq_retrieve_open(house, entry, syntaxes, count, out, err);
}

static bool await_answer(struct yq_assoc *assoc, unsigned id, struct yq_delivery *delivery,
                         struct yq_message *answer, struct yq_err *err)
{
    for (;;) {
        switch (yq_assoc_next(assoc, answer, err)) {
        case YQ_GOT_MESSAGE: break;
        case YQ_GOT_NOTHING: delivery->lost = true; return false;
        default:
            delivery->lost = true;
            return yq_fail(err, YQ_PEER_GONE, "walk",
                           "the receiver ended the association before it answered");
        }
        if (answer->command == YQ_C_STORE_RSP && answer->id == id)
            return true;
        if (answer->command == YQ_C_CANCEL_RQ && delivery->watch && answer->id == delivery->watch) {
            delivery->cancelled = true;
            continue;
        }
        delivery->lost = true;
        return yq_fail(err, YQ_BAD_INPUT, "walk",
                       "the receiver sent command %04X instead of an answer", answer->command);
    }
}

static bool is_warning(unsigned status) /* PS3.7 annex C.3 */
{
    return (status & 0xf000) == 0xb000 || status == 0x0001 || status == 0x0107 || status == 0x0116;
}

/* What another try may change, and what not: PS3.4 B.2.3, PS3.7 annex C. */
static enum yq_code code_of(unsigned status)
{
    if ((status & 0xff00) == 0xa700 || status == 0x0213)
        return YQ_FULL; /* out of resources */
    return status == 0x0110 || status == 0x0210 ? YQ_BUSY : YQ_REFUSED;
}

bool yq_retrieve_send(struct yq_house *house, struct yq_assoc *assoc, const struct yq_entry *entry,
                      struct yq_delivery *delivery, struct yq_err *err)
{
    const char *syntaxes[SYNTAXES_MOST];
    struct yq_outgoing object yq_cleanup(yq_outgoing_fini) = {.fd = -1};
    delivery->warned = delivery->lost = false;
    size_t count = acceptable(assoc, entry, delivery->peer, syntaxes);
    if (!count)
        return yq_fail(err, YQ_REFUSED, "walk", "the receiver does not take SOP class %s as %s",
                       entry->sop_class, entry->transfer_syntax);
    if (!open_for(house, entry, syntaxes, count, &object, err))
        return false;
    const struct yq_context *context =
        yq_assoc_context_for(assoc, entry->sop_class, object.transfer_syntax);
    if (!context)
        return yq_fail(err, YQ_BUG, "walk", "no context for what was opened");
    struct yq_message request = {.context = context->id,
                                 .command = YQ_C_STORE_RQ,
                                 .id = yq_assoc_new_id(assoc),
                                 .has_dataset = true,
                                 .move_originator_id = delivery->move_id};
    (void)yq_copy(request.sop_class, sizeof request.sop_class, entry->sop_class);
    (void)yq_copy(request.sop_instance, sizeof request.sop_instance, entry->key.instance);
    (void)yq_copy(request.move_originator, sizeof request.move_originator,
                  delivery->move_aet ? delivery->move_aet : "");
    struct yq_message answer;
    if (!yq_assoc_send_file(assoc, &request, object.fd, object.offset, object.length, err)) {
        delivery->lost = true;
        return false;
    }
    if (!await_answer(assoc, request.id, delivery, &answer, err))
        return false;
    if (answer.status == 0x0000)
        return true;
    delivery->warned = is_warning(answer.status);
    if (delivery->warned)
        return true;
    return yq_fail(err, code_of(answer.status), "walk", "the receiver answered status %04X%s%s",
                   answer.status, answer.comment[0] ? ": " : "", answer.comment);
}

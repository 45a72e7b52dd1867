/* message.cc: DIMSE messages over an association. PS3.7 6.3 and annex E, PS3.8 annex E.
 *
 * Command sets are gathered and decoded whole, within limits.command_most; datasets go through
 * piece by piece, out of DUL's buffer or straight to the socket. Fragments of a message must be of
 * one accepted context, command before dataset. Whoever breaks that gets YQ_BAD_INPUT here and an
 * A-ABORT from the caller. */
#include "assoc_inside.h"

#include <cstring>

static const size_t WAITING_MOST = 16; /* messages kept by yq_assoc_cancelled */

static bool broke(yq_assoc *assoc, struct yq_err *err, const char *what)
{
    assoc->wire.fail(YQ_BAD_INPUT, "the peer broke the protocol: %s", what);
    *err = assoc->wire.failure;
    return false;
}

/* The next fragment. False: the association has ended, or a release was asked for (err->code
 * YQ_OK). */
static bool next_fragment(yq_assoc *assoc, DUL_PDV *pdv, struct yq_err *err)
{
    err->code = YQ_OK;
    if (assoc->release_asked)
        return false;
    if (assoc->wire.aborted || assoc->wire.failed)
        return yq_assoc_failed(assoc, EC_IllegalCall, err);
    OFCondition cond = DUL_NextPDV(&assoc->dul, pdv);
    if (cond == DUL_NOPDVS) {
        cond = DUL_ReadPDVs(&assoc->dul, nullptr, DUL_BLOCK, 0);
        if (cond == DUL_PDATAPDUARRIVED)
            cond = DUL_NextPDV(&assoc->dul, pdv);
        else if (cond == DUL_PEERREQUESTEDRELEASE) {
            assoc->release_asked = true;
            return false;
        }
    }
    if (cond.good())
        return true;
    assoc->wire.fail(YQ_PEER_GONE, "the association failed: %s", cond.text());
    return yq_assoc_failed(assoc, cond, err);
}

/* ---- commands ---- */

/* Takes one fragment of a command set; *whole when it was the last. */
static bool take_command(yq_assoc *assoc, yq_message *out, bool *whole, struct yq_err *err)
{
    DUL_PDV pdv;
    *whole = false;
    if (!next_fragment(assoc, &pdv, err))
        return false;
    if (pdv.pdvType != DUL_COMMANDPDV)
        return broke(assoc, err, "a dataset that no command announced");
    const yq_context *context = yq_assoc_context(assoc, pdv.presentationContextID);
    if (!context || !context->accepted)
        return broke(assoc, err, "a message in a presentation context that was not accepted");
    if (assoc->command_context && assoc->command_context != context->id)
        return broke(assoc, err, "a command set in two presentation contexts");
    assoc->command_context = context->id;
    yq_buf_put(&assoc->command, pdv.data, pdv.fragmentLength);
    if (assoc->command.failed)
        return broke(assoc, err, "a command set that is too long");
    if (!pdv.lastPDV)
        return true;
    bool decoded = yq_command_decode(assoc->command.bytes, assoc->command.length, out, err);
    out->context = context->id;
    yq_buf_clear(&assoc->command);
    assoc->command_context = 0;
    if (!decoded)
        return broke(assoc, err, std::string(err->text).c_str());
    *whole = true;
    return true;
}

static bool read_piece(yq_assoc *assoc, const void **bytes, size_t *got, struct yq_err *err)
{
    *got = 0;
    while (assoc->dataset_context) {
        DUL_PDV pdv;
        assoc->wire.idle = false;
        if (!next_fragment(assoc, &pdv, err))
            return assoc->release_asked ? broke(assoc, err, "a release within a message") : false;
        if (pdv.pdvType != DUL_DATASETPDV)
            return broke(assoc, err, "a command within a dataset");
        if (pdv.presentationContextID != assoc->dataset_context)
            return broke(assoc, err, "a message in two presentation contexts");
        if (pdv.lastPDV)
            assoc->dataset_context = 0;
        if (pdv.fragmentLength) {
            *bytes = pdv.data;
            *got = pdv.fragmentLength;
            return true;
        }
    }
    return true;
}

static bool is_request(unsigned command)
{
    return !(command & 0x8000) && command != YQ_C_CANCEL_RQ;
}

/* A message is about to be given out. */
static void give_out(yq_assoc *assoc, const yq_message *message)
{
    assoc->dataset_context = message->has_dataset ? message->context : 0;
    if (is_request(message->command))
        assoc->cancelled = false;
}

static bool next_message(yq_assoc *assoc, yq_message *out, struct yq_err *err)
{
    const void *bytes;
    size_t got;
    do
        if (!read_piece(assoc, &bytes, &got, err))
            return false;
    while (got);
    if (!assoc->waiting.empty()) {
        *out = assoc->waiting.front();
        assoc->waiting.pop_front();
        give_out(assoc, out);
        return true;
    }
    for (bool whole = false; !whole;) {
        assoc->wire.idle = !assoc->command_context;
        if (!take_command(assoc, out, &whole, err))
            return false;
    }
    give_out(assoc, out);
    return true;
}

static enum yq_incoming answer_release(yq_assoc *assoc)
{
    assoc->open = false;
    if (DUL_AcknowledgeRelease(&assoc->dul).bad())
        assoc->wire.abort(0, 0);
    assoc->wire.close();
    return YQ_GOT_RELEASE;
}

enum yq_incoming yq_assoc_next(struct yq_assoc *assoc, struct yq_message *out, struct yq_err *err)
{
    *err = {};
    if (!assoc->open) {
        yq_fail(err, YQ_PEER_GONE, "dcm", "the association is not open");
        return YQ_GOT_NOTHING;
    }
    bool got = yq_guarded(err, [&] { return next_message(assoc, out, err); });
    if (got)
        return YQ_GOT_MESSAGE;
    if (assoc->wire.aborted) {
        assoc->open = false;
        return YQ_GOT_ABORT;
    }
    if (assoc->release_asked && err->code == YQ_OK)
        return answer_release(assoc);
    return YQ_GOT_NOTHING;
}

bool yq_assoc_read(struct yq_assoc *assoc, const void **bytes, size_t *got, struct yq_err *err)
{
    return yq_guarded(err, [&] { return read_piece(assoc, bytes, got, err); });
}

bool yq_assoc_read_all(struct yq_assoc *assoc, size_t most, struct yq_buf *out, struct yq_err *err)
{
    for (size_t total = 0;;) {
        const void *bytes;
        size_t got;
        if (!yq_assoc_read(assoc, &bytes, &got, err))
            return false;
        if (!got)
            return true;
        total += got;
        if (total > most)
            return yq_fail(err, YQ_FULL, "dcm", "the dataset is longer than %zu bytes", most);
        yq_buf_put(out, bytes, got);
        if (out->failed)
            return yq_fail(err, YQ_FULL, "dcm", "no memory for the dataset");
    }
}

/* Finds and takes out a cancel for `id` among the messages that wait. */
static bool take_cancel(yq_assoc *assoc, unsigned id)
{
    for (auto message = assoc->waiting.begin(); message != assoc->waiting.end(); ++message)
        if (message->command == YQ_C_CANCEL_RQ && message->id == id) {
            assoc->waiting.erase(message);
            assoc->cancelled = true;
            assoc->cancelled_id = id;
            return true;
        }
    return assoc->cancelled && assoc->cancelled_id == id;
}

bool yq_assoc_cancelled(struct yq_assoc *assoc, unsigned id)
{
    struct yq_err err = {};
    return yq_guarded(&err, [&] {
        /* a dataset in between hides what comes after it */
        while (assoc->open && !assoc->dataset_context && assoc->waiting.size() < WAITING_MOST &&
               (assoc->waiting.empty() || !assoc->waiting.back().has_dataset) &&
               !assoc->release_asked && !assoc->wire.failed && !assoc->wire.aborted &&
               assoc->wire.look()) {
            yq_message message;
            bool whole;
            if (!take_command(assoc, &message, &whole, &err))
                break; /* told by what is called next */
            if (whole)
                assoc->waiting.push_back(message);
        }
        return take_cancel(assoc, id);
    });
}

/* ---- sending ---- */

static bool send_fragment(yq_assoc *assoc, unsigned context, bool is_command, const void *bytes,
                          size_t length, bool last, struct yq_err *err)
{
    DUL_PDV pdv = {};
    DUL_PDVLIST list = {};
    pdv.fragmentLength = length;
    pdv.presentationContextID = static_cast<unsigned char>(context);
    pdv.pdvType = is_command ? DUL_COMMANDPDV : DUL_DATASETPDV;
    pdv.lastPDV = last;
    pdv.data = const_cast<void *>(bytes); /* DUL only reads it */
    list.count = 1;
    list.pdv = &pdv;
    OFCondition cond = DUL_WritePDVs(&assoc->dul, &list);
    return (cond.good() && !assoc->wire.failed) || yq_assoc_failed(assoc, cond, err);
}

static bool send_command(yq_assoc *assoc, const yq_message *message, bool has_dataset,
                         struct yq_err *err)
{
    const yq_context *context = yq_assoc_context(assoc, message->context);
    if (!assoc->open || assoc->wire.failed || assoc->wire.aborted)
        return yq_assoc_failed(assoc, EC_IllegalCall, err);
    if (!context || !context->accepted)
        return yq_fail(err, YQ_BUG, "dcm", "presentation context %u was not accepted",
                       message->context);
    yq_message copy = *message;
    copy.has_dataset = has_dataset;
    struct yq_buf bytes = {};
    yq_command_encode(&copy, &bytes);
    bool sent = bytes.failed ? yq_fail(err, YQ_FULL, "dcm", "no memory")
                             : send_fragment(assoc, message->context, true, bytes.bytes,
                                             bytes.length, true, err);
    yq_buf_fini(&bytes);
    return sent;
}

/* What was held goes out; the error is the earlier one, if there was one. */
static bool finish(yq_assoc *assoc, bool sent, struct yq_err *err)
{
    bool flushed = assoc->wire.uncork();
    return sent && (flushed || yq_assoc_failed(assoc, EC_IllegalCall, err));
}

bool yq_assoc_send(struct yq_assoc *assoc, const struct yq_message *message, const void *dataset,
                   size_t length, struct yq_err *err)
{
    return yq_guarded(err, [&] {
        assoc->wire.cork();
        bool sent =
            send_command(assoc, message, length > 0, err) &&
            (!length || send_fragment(assoc, message->context, false, dataset, length, true, err));
        return finish(assoc, sent, err);
    });
}

/* The file piece by piece, each as long as a PDU of the peer takes. A dataset of odd length (a
 * deflated one out of a file, say) gets a null byte at its end, as PS3.5 A.5 wants it: fragments
 * are even (PS3.8 annex E.1), and DCMTK ends the whole association over one that is not. */
static bool send_pieces(yq_assoc *assoc, const yq_message *message, int fd, uint64_t offset,
                        uint64_t length, struct yq_err *err)
{
    assoc->chunk.resize((assoc->pdu_size - 12) & ~size_t(1)); /* as DUL cuts them */
    while (length) {
        size_t want = length < assoc->chunk.size() ? size_t(length) : assoc->chunk.size(), got;
        if (!yq_read_at(fd, assoc->chunk.data(), want, offset, &got, err)) {
            assoc->wire.fail(err->code, "%s", err->text); /* half a message is out: no way back */
            return false;
        }
        if (got < want) {
            assoc->wire.fail(YQ_IO, "the file to be sent is shorter than it was");
            return yq_assoc_failed(assoc, EC_IllegalCall, err);
        }
        offset += got;
        length -= got;
        if (!length && (got & 1))
            assoc->chunk[got++] = 0; /* chunks are even, so there is room */
        if (!send_fragment(assoc, message->context, false, assoc->chunk.data(), got, !length, err))
            return false;
    }
    return true;
}

bool yq_assoc_send_file(struct yq_assoc *assoc, const struct yq_message *message, int fd,
                        uint64_t offset, uint64_t length, struct yq_err *err)
{
    return yq_guarded(err, [&] {
        assoc->wire.cork();
        bool sent = send_command(assoc, message, length > 0, err) &&
                    send_pieces(assoc, message, fd, offset, length, err);
        return finish(assoc, sent, err);
    });
}

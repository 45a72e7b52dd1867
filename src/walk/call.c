/* call.c: the node as SCU: echo, send, find, pull. PS3.4 annexes A, B, C.
 *
 * Each call opens an association, does one thing, and releases it. Errors are sentences that an IT
 * person can act upon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/dcm.h"
#include "yq/log.h"
#include "yq/text.h"
#include "yq/walk.h"

enum { CONTEXTS_MOST = 128, CONNECT_SECONDS = 10 };

/* The two halves of what can be made of an object without loss. */
static const char *const *const native = yq_lossless;
static const char *const *const packed = yq_lossless + YQ_NATIVE;
static const struct yq_assoc_limits call_limits = {
    .idle_seconds = 120, .stall_seconds = 60, .command_most = 1 << 16};

static void assoc_cleanup(struct yq_assoc **assoc)
{
    if (*assoc)
        yq_assoc_free(*assoc);
}

/* TLS as the peer's entry wants it. */
static bool secure(void *with, int fd, int seconds, const struct yq_stop *stop,
                   struct yq_channel *out, struct yq_err *err)
{
    const struct yq_peer *peer = with;
    const struct yq_peer_tls *tls = &peer->tls;
    const struct yq_tls_call call = {.plan = {.certificate = tls->certificate,
                                              .key = tls->key,
                                              .ca = tls->ca,
                                              .profile = (enum yq_tls_profile)tls->profile},
                                     .host = peer->host,
                                     .verify = !tls->unverified,
                                     .wanted = tls->wanted};
    return yq_tls_connect(&call, fd, seconds, stop, out, err);
}

struct yq_call yq_call_of(const char *our_aet, const struct yq_peer *peer)
{
    return (struct yq_call){.host = peer->host,
                            .port = peer->port,
                            .called = peer->aet,
                            .calling = our_aet,
                            .connect_seconds = CONNECT_SECONDS,
                            .limits = call_limits,
                            .secure = peer->tls.on ? secure : NULL,
                            .secure_with = (void *)(uintptr_t)peer,
                            .user = peer->our_user,
                            .passcode = peer->our_passcode,
                            .pace = yq_pace_of(peer->aet, (uint64_t)peer->kb_per_second * 1024)};
}

/* What all calls to a peer have in common. */
static bool prepare(const char *our_aet, const struct yq_peer *peer, const struct yq_stop *stop,
                    struct yq_call *call, struct yq_err *err)
{
    if (!peer->port)
        return yq_fail(err, YQ_BAD_INPUT, "walk",
                       "%s has no port in peers.json, so it cannot be called", peer->aet);
    if (strchr(peer->host, '/'))
        return yq_fail(err, YQ_BAD_INPUT, "walk",
                       "%s has a network as its host, not an address that can be called",
                       peer->aet);
    *call = yq_call_of(our_aet, peer);
    call->relational = true;
    call->stop = stop;
    return true;
}

static bool open_to(const char *our_aet, const struct yq_peer *peer, const struct yq_stop *stop,
                    const struct yq_proposal *proposals, size_t count, struct yq_assoc **out,
                    struct yq_err *err)
{
    struct yq_call call;
    if (!prepare(our_aet, peer, stop, &call, err))
        return false;
    call.proposals = proposals;
    call.proposal_count = count;
    return yq_assoc_request(&call, out, err);
}

/* The next message, which has to be an answer to `id`. */
static bool answer_to(struct yq_assoc *assoc, unsigned command, unsigned id, struct yq_message *out,
                      struct yq_err *err)
{
    switch (yq_assoc_next(assoc, out, err)) {
    case YQ_GOT_MESSAGE: break;
    case YQ_GOT_NOTHING: return false;
    default: return yq_fail(err, YQ_PEER_GONE, "walk", "the peer ended the association");
    }
    if (out->command != command || out->id != id)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "the peer sent command %04X instead of %04X",
                       out->command, command);
    return true;
}

bool yq_call_echo(const char *our_aet, const struct yq_peer *peer, struct yq_err *err)
{
    struct yq_assoc *assoc yq_cleanup(assoc_cleanup) = NULL;
    struct yq_proposal proposal = {YQ_SOP_VERIFICATION, native, YQ_NATIVE, false};
    if (!open_to(our_aet, peer, NULL, &proposal, 1, &assoc, err))
        return false;
    const struct yq_context *context = yq_assoc_context_for(assoc, YQ_SOP_VERIFICATION, "");
    if (!context)
        return yq_fail(err, YQ_REFUSED, "walk", "%s does not offer verification (C-ECHO)",
                       peer->aet);
    struct yq_message request = {.context = context->id,
                                 .command = YQ_C_ECHO_RQ,
                                 .id = yq_assoc_new_id(assoc),
                                 .sop_class = YQ_SOP_VERIFICATION};
    struct yq_message answer;
    if (!yq_assoc_send(assoc, &request, NULL, 0, err) ||
        !answer_to(assoc, YQ_C_ECHO_RSP, request.id, &answer, err))
        return false;
    yq_assoc_release(assoc);
    return answer.status == 0 ||
           yq_fail(err, YQ_REFUSED, "walk", "%s answered the echo with status %04X", peer->aet,
                   answer.status);
}

/* ---- send ---- */

/* One presentation context for each class in each stored syntax, so that it is known which of them
 * the receiver takes; to fall back to, one with the native syntaxes (and the peer's preferred ones,
 * one each), and one with those that are compressed without loss. */
struct plan {
    struct yq_proposal proposals[CONTEXTS_MOST];
    const char *single[CONTEXTS_MOST];
    size_t count;
};

/* `syntax` alone, or (NULL) `several`. */
static bool plan_one(struct plan *plan, const char *sop_class, const char *syntax,
                     const char *const *several, size_t several_count)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct yq_proposal *p = &plan->proposals[i];
        bool same = syntax ? p->syntax_count == 1 && strcmp(p->syntaxes[0], syntax) == 0
                           : p->syntaxes == several;
        if (same && p->abstract_syntax && strcmp(p->abstract_syntax, sop_class) == 0)
            return true;
    }
    if (plan->count == CONTEXTS_MOST)
        return false;
    plan->single[plan->count] = syntax;
    plan->proposals[plan->count] =
        syntax ? (struct yq_proposal){sop_class, &plan->single[plan->count], 1, false}
               : (struct yq_proposal){sop_class, several, several_count, false};
    plan->count++;
    return true;
}

static bool plan_entry(struct plan *plan, const struct yq_entry *entry, const struct yq_peer *peer)
{
    size_t before = plan->count;
    bool ok = plan_one(plan, entry->sop_class, entry->transfer_syntax, NULL, 0);
    for (size_t i = 0; ok && i < peer->syntax_count; i++)
        ok = plan_one(plan, entry->sop_class, peer->syntaxes[i], NULL, 0);
    ok = ok && plan_one(plan, entry->sop_class, NULL, native, YQ_NATIVE) &&
         plan_one(plan, entry->sop_class, NULL, packed, YQ_LOSSLESS - YQ_NATIVE);
    if (!ok)
        plan->count = before;
    return ok;
}

/* A peer as where instances come from, or go to. */
static struct yq_origin origin_of(const struct yq_peer *peer)
{
    struct yq_origin origin = {.door = "pull", .peer = peer, .asked = true};
    (void)yq_copy(origin.aet, sizeof origin.aet, peer->aet);
    (void)yq_copy(origin.address, sizeof origin.address, peer->host);
    return origin;
}

/* Sends over one association; *sent says how far it came. False: the association is lost. */
static bool send_over(const struct yq_sending *sending, struct yq_assoc *assoc,
                      const struct yq_entry *entries, size_t count, size_t *sent,
                      struct yq_sent_counts *counts, bool *stopped, struct yq_err *err)
{
    struct yq_delivery delivery = {
        .peer = sending->peer, .move_aet = sending->move_aet, .move_id = sending->move_id};
    for (*sent = 0; *sent < count && !*stopped; (*sent)++) {
        const struct yq_entry *entry = &entries[*sent];
        struct yq_err trouble = {0};
        bool ok = yq_retrieve_send(sending->house, assoc, entry, &delivery, &trouble);
        if (delivery.lost) {
            *err = trouble;
            return false;
        }
        yq_batch_out(sending->batch, entry, ok ? NULL : &trouble);
        if (ok && delivery.warned)
            counts->warning++;
        else if (ok)
            counts->completed++;
        else
            counts->failed++;
        atomic_fetch_add(ok ? &sending->house->counts.sent : &sending->house->counts.send_failed,
                         1);
        if (!ok)
            yq_log_err(YQ_LOG_WARN, "instance-out", &trouble, "outcome=failed to=\"%s\" sop=%s",
                       sending->peer->aet, entry->key.instance);
        if (sending->after)
            *stopped = !sending->after(sending->context, entry, counts, ok ? NULL : &trouble);
    }
    return true;
}

static bool open_for_sending(const struct yq_sending *sending, const struct plan *plan,
                             struct yq_assoc **out, struct yq_err *err)
{
    struct yq_call call;
    if (!prepare(sending->our_aet, sending->peer, sending->stop, &call, err))
        return false;
    call.proposals = plan->proposals;
    call.proposal_count = plan->count;
    if (sending->pace)
        call.pace = sending->pace;
    return yq_assoc_request(&call, out, err);
}

static void fail_rest(const struct yq_sending *sending, const struct yq_entry *entries,
                      size_t count, struct yq_sent_counts *counts, const struct yq_err *err)
{
    bool listening = sending->after != NULL;
    for (size_t i = 0; i < count; i++) {
        counts->failed++;
        counts->untried++;
        yq_batch_out(sending->batch, &entries[i], err);
        atomic_fetch_add(&sending->house->counts.send_failed, 1);
        listening = listening && sending->after(sending->context, &entries[i], counts, err);
    }
}

static bool send_all(const struct yq_sending *sending, const struct yq_entry *entries, size_t count,
                     struct yq_sent_counts *counts, struct yq_err *err)
{
    *counts = (struct yq_sent_counts){.total = (unsigned)count};
    struct plan *plan = calloc(1, sizeof *plan);
    if (!plan) {
        yq_fail(err, YQ_FULL, "walk", "no memory to send");
        fail_rest(sending, entries, count, counts, err);
        return false;
    }
    bool ok = true, stopped = false;
    for (size_t done = 0; done < count && ok && !stopped;) {
        struct yq_assoc *assoc yq_cleanup(assoc_cleanup) = NULL;
        size_t batch = 0, sent = 0;
        plan->count = 0;
        while (done + batch < count && plan_entry(plan, &entries[done + batch], sending->peer))
            batch++;
        ok = open_for_sending(sending, plan, &assoc, err);
        counts->associations += ok;
        ok = ok && send_over(sending, assoc, entries + done, batch, &sent, counts, &stopped, err);
        if (ok)
            yq_assoc_release(assoc);
        else
            fail_rest(sending, entries + done + sent, count - done - sent, counts, err);
        done += batch;
    }
    free(plan);
    return ok;
}

bool yq_call_send(const struct yq_sending *sending, const struct yq_entry *entries, size_t count,
                  struct yq_sent_counts *counts, struct yq_err *err)
{
    struct yq_sending told = *sending;
    struct yq_origin other = origin_of(sending->peer);
    told.batch = yq_batch_begin(sending->house, YQ_WAY_OUT, &other, sending->asker, "");
    bool ok = send_all(&told, entries, count, counts, err);
    yq_batch_end(told.batch, ok ? NULL : err);
    return ok;
}

/* ---- find ---- */

static bool write_identifier(const struct yq_query *query, const char *syntax, struct yq_buf *out)
{
    struct yq_writer writer = {.out = out, .layout = yq_layout_of(syntax)};
    const char *values[YQ_ATTR_COUNT] = {0};
    bool put[YQ_ATTR_COUNT] = {0};
    for (size_t i = 0; i < query->match_count; i++) {
        values[query->matches[i].attr] = query->matches[i].value;
        put[query->matches[i].attr] = true;
    }
    yq_writer_put_text(&writer, 0x00080005, "CS", "ISO_IR 192");
    bool level_put = false;
    uint32_t last = 0x00080005;
    for (;;) { /* the table is not in tag order; identifiers are */
        int next = -1;
        for (int a = 0; a < YQ_ATTR_COUNT; a++)
            if (!yq_attrs[a].within && (put[a] || query->wanted[a]) && yq_attrs[a].tag > last &&
                (next < 0 || yq_attrs[a].tag < yq_attrs[next].tag))
                next = a;
        if (!level_put && (next < 0 || yq_attrs[next].tag > 0x00080052)) {
            yq_writer_put_text(&writer, 0x00080052, "CS", yq_level_name(query->level));
            level_put = true;
        }
        if (next < 0)
            return !out->failed;
        yq_writer_put_text(&writer, yq_attrs[next].tag, yq_attrs[next].vr,
                           values[next] ? values[next] : "");
        last = yq_attrs[next].tag;
    }
}

struct answer { /* one row of a peer, as sent */
    struct yq_buf raw;
    struct {
        size_t offset, length;
        bool there, number;
    } values[YQ_ATTR_COUNT];
    char charset[YQ_CHARSET_SIZE];
};

static bool collect_answer(const struct yq_buf *dataset, const char *syntax, struct answer *answer,
                           struct yq_err *err)
{
    struct yq_scan *scan yq_cleanup(yq_scan_cleanup) = NULL;
    struct yq_element element;
    if (!yq_scan_open_memory(dataset->bytes, dataset->length, syntax, &scan, err))
        return false;
    while (yq_scan_next(scan, &element, err)) {
        enum yq_attr attr = yq_attr_by_tag(element.tag, element.within);
        bool is_charset = element.tag == 0x00080005 && !element.within;
        if ((attr == YQ_ATTR_COUNT && !is_charset) || !element.length ||
            strcmp(element.vr, "SQ") == 0)
            continue;
        size_t offset = answer->raw.length, length;
        if (!yq_scan_value(scan, 1 << 20, &answer->raw, err))
            return false;
        const uint8_t *bytes = answer->raw.bytes + offset;
        length = answer->raw.length - offset;
        bool number = strcmp(element.vr, "US") == 0 && length == 2;
        while (!number && length && (bytes[length - 1] == ' ' || !bytes[length - 1]))
            length--;
        if (is_charset) {
            (void)yq_copy_trimmed(answer->charset, sizeof answer->charset, (const char *)bytes,
                                  length);
            continue;
        }
        answer->values[attr].offset = offset;
        answer->values[attr].length = length;
        answer->values[attr].there = true;
        answer->values[attr].number = number;
    }
    return err->code == YQ_OK;
}

/* What the peer's labels are worth is judged as for what it sends. */
static void judge_answer(const struct answer *answer, const char *assume_charset,
                         char charset[YQ_CHARSET_SIZE])
{
    struct yq_text_value texts[YQ_ATTR_COUNT];
    size_t count = 0;
    for (int a = 0; a < YQ_ATTR_COUNT; a++) {
        if (answer->values[a].length && !answer->values[a].number)
            texts[count++] =
                (struct yq_text_value){yq_attrs[a].vr, answer->raw.bytes + answer->values[a].offset,
                                       answer->values[a].length};
    }
    yq_text_judge(texts, count, answer->charset, assume_charset, charset);
}

static bool decode_answer(const struct answer *answer, const char *charset, struct yq_buf *text,
                          const char *values[YQ_ATTR_COUNT], struct yq_err *err)
{
    size_t at[YQ_ATTR_COUNT];
    bool doubtful = false;
    yq_buf_clear(text);
    for (int a = 0; a < YQ_ATTR_COUNT; a++) {
        const uint8_t *bytes = answer->raw.bytes + answer->values[a].offset;
        at[a] = text->length;
        if (answer->values[a].number)
            yq_buf_putf(text, "%u", yq_le16(bytes));
        else if (answer->values[a].length)
            yq_text_decode(charset, yq_attrs[a].vr, bytes, answer->values[a].length, text,
                           &doubtful);
        yq_buf_put(text, "", 1);
    }
    for (int a = 0; a < YQ_ATTR_COUNT; a++)
        values[a] = answer->values[a].there ? yq_buf_text(text) + at[a] : NULL;
    return !text->failed || yq_fail(err, YQ_FULL, "walk", "no memory for an answer");
}

static bool read_row(const struct yq_buf *dataset, const char *syntax, const char *assume_charset,
                     struct yq_buf *text, const char *values[YQ_ATTR_COUNT], struct yq_err *err)
{
    struct answer answer = {.raw = {.most = 8 << 20}};
    char charset[YQ_CHARSET_SIZE];
    bool ok = collect_answer(dataset, syntax, &answer, err);
    if (ok && answer.raw.failed)
        ok = yq_fail(err, YQ_FULL, "walk", "no memory for an answer");
    if (ok) {
        judge_answer(&answer, assume_charset, charset);
        ok = decode_answer(&answer, charset, text, values, err);
    }
    yq_buf_fini(&answer.raw);
    return ok;
}

bool yq_call_find(const char *our_aet, const struct yq_peer *peer, const struct yq_stop *stop,
                  const struct yq_query *query,
                  bool (*row)(void *context, const char *const *values), void *context,
                  struct yq_err *err)
{
    struct yq_assoc *assoc yq_cleanup(assoc_cleanup) = NULL;
    struct yq_buf identifier yq_cleanup(yq_buf_fini) = {0}, text yq_cleanup(yq_buf_fini) = {0};
    const char *sop_class = query->level == YQ_PATIENT ? YQ_SOP_FIND_PATIENT : YQ_SOP_FIND_STUDY;
    struct yq_proposal proposal = {sop_class, native, YQ_NATIVE, false};
    if (!open_to(our_aet, peer, stop, &proposal, 1, &assoc, err))
        return false;
    const struct yq_context *where = yq_assoc_context_for(assoc, sop_class, "");
    if (!where)
        return yq_fail(err, YQ_REFUSED, "walk", "%s does not offer queries (C-FIND) to us",
                       peer->aet);
    if (!write_identifier(query, where->accepted_syntax, &identifier))
        return yq_fail(err, YQ_FULL, "walk", "no memory for a query");
    struct yq_message request = {.context = where->id,
                                 .command = YQ_C_FIND_RQ,
                                 .id = yq_assoc_new_id(assoc),
                                 .has_dataset = true};
    (void)yq_copy(request.sop_class, sizeof request.sop_class, sop_class);
    if (!yq_assoc_send(assoc, &request, identifier.bytes, identifier.length, err))
        return false;
    for (bool wanted = true;;) {
        struct yq_message answer;
        struct yq_buf dataset yq_cleanup(yq_buf_fini) = {0};
        const char *values[YQ_ATTR_COUNT];
        if (!answer_to(assoc, YQ_C_FIND_RSP, request.id, &answer, err))
            return false;
        if (answer.status != 0xff00 && answer.status != 0xff01) {
            yq_assoc_release(assoc);
            if (answer.status == 0 || answer.status == 0xfe00)
                return true;
            return yq_fail(err, YQ_REFUSED, "walk", "%s answered the query with status %04X%s%s",
                           peer->aet, answer.status, answer.comment[0] ? ": " : "", answer.comment);
        }
        if (!yq_assoc_read_all(assoc, 1 << 22, &dataset, err) ||
            !read_row(&dataset, where->accepted_syntax, peer->assume_charset, &text, values, err))
            return false;
        if (wanted && !row(context, values)) {
            wanted = false;
            struct yq_message cancel = {
                .context = where->id, .command = YQ_C_CANCEL_RQ, .id = request.id};
            if (!yq_assoc_send(assoc, &cancel, NULL, 0, err))
                return false;
        }
    }
}

/* ---- move ---- */

/* A PACS that fetches from its archive may be silent for long. */
enum { MOVE_IDLE_SECONDS = 900 };

static bool read_move_end(const struct yq_message *answer, const struct yq_peer *peer,
                          const char *to, struct yq_sent_counts *counts, struct yq_err *err)
{
    if (answer->has_counts) {
        counts->completed = answer->completed;
        counts->warning = answer->warning;
        counts->failed = answer->failed;
        counts->total = answer->completed + answer->warning + answer->failed;
    }
    if (answer->status == 0)
        return true;
    if (answer->status == 0xa801)
        return yq_fail(err, YQ_REFUSED, "walk",
                       "%s does not know %s as a move destination: enter its AE title, address and "
                       "port there",
                       peer->aet, to);
    bool some = (answer->status & 0xf000) == 0xb000 || answer->status == 0xa702;
    return yq_fail(err, some ? YQ_BUSY : YQ_REFUSED, "walk",
                   "%s answered the C-MOVE with status %04X (%u completed, %u failed)%s%s",
                   peer->aet, answer->status, counts->completed, counts->failed,
                   answer->comment[0] ? ": " : "", answer->comment);
}

bool yq_call_move(const char *our_aet, const struct yq_peer *peer, const struct yq_stop *stop,
                  const struct yq_query *query, const char *to, struct yq_sent_counts *counts,
                  struct yq_err *err)
{
    struct yq_assoc *assoc yq_cleanup(assoc_cleanup) = NULL;
    struct yq_buf identifier yq_cleanup(yq_buf_fini) = {0};
    const char *sop_class = query->level == YQ_PATIENT ? YQ_SOP_MOVE_PATIENT : YQ_SOP_MOVE_STUDY;
    struct yq_proposal proposal = {sop_class, native, YQ_NATIVE, false};
    struct yq_message answer;
    struct yq_call call;
    *counts = (struct yq_sent_counts){0};
    if (!prepare(our_aet, peer, stop, &call, err))
        return false;
    call.proposals = &proposal;
    call.proposal_count = 1;
    call.limits.idle_seconds = MOVE_IDLE_SECONDS;
    if (!yq_assoc_request(&call, &assoc, err))
        return false;
    const struct yq_context *where = yq_assoc_context_for(assoc, sop_class, "");
    if (!where)
        return yq_fail(err, YQ_REFUSED, "walk", "%s does not offer C-MOVE to us", peer->aet);
    if (!write_identifier(query, where->accepted_syntax, &identifier))
        return yq_fail(err, YQ_FULL, "walk", "no memory for a query");
    struct yq_message request = {.context = where->id,
                                 .command = YQ_C_MOVE_RQ,
                                 .id = yq_assoc_new_id(assoc),
                                 .has_dataset = true};
    (void)yq_copy(request.sop_class, sizeof request.sop_class, sop_class);
    (void)yq_copy(request.move_destination, sizeof request.move_destination, to);
    if (!yq_assoc_send(assoc, &request, identifier.bytes, identifier.length, err))
        return false;
    do {
        if (!answer_to(assoc, YQ_C_MOVE_RSP, request.id, &answer, err))
            return false;
    } while (answer.status == 0xff00);
    yq_assoc_release(assoc);
    return read_move_end(&answer, peer, to, counts, err);
}

/* ---- pull ---- */

static bool take_pulled(struct yq_house *house, struct yq_assoc *assoc, const struct yq_peer *peer,
                        struct yq_batch *batch, unsigned id, struct yq_sent_counts *counts,
                        struct yq_err *err)
{
    struct yq_origin origin = origin_of(peer);
    origin.batch = batch;
    for (;;) {
        struct yq_message message;
        bool stored;
        switch (yq_assoc_next(assoc, &message, err)) {
        case YQ_GOT_MESSAGE: break;
        case YQ_GOT_NOTHING: return false;
        default: return yq_fail(err, YQ_PEER_GONE, "walk", "the peer ended the association");
        }
        if (message.command == YQ_C_STORE_RQ) {
            if (!yq_ingest_message(house, &origin, assoc, &message, &stored, err))
                return false;
            counts->total++;
            *(stored ? &counts->completed : &counts->failed) += 1;
            continue;
        }
        if (message.command != YQ_C_GET_RSP || message.id != id)
            return yq_fail(err, YQ_BAD_INPUT, "walk",
                           "the peer sent command %04X instead of an object", message.command);
        if (message.status == 0xff00)
            continue;
        yq_assoc_release(assoc);
        if (message.status == 0 || (message.status & 0xf000) == 0xb000)
            return true;
        return yq_fail(err, YQ_REFUSED, "walk", "%s answered the C-GET with status %04X%s%s",
                       peer->aet, message.status, message.comment[0] ? ": " : "", message.comment);
    }
}

static bool serve_pull(struct yq_house *house, struct yq_assoc *assoc, const struct yq_peer *peer,
                       unsigned id, struct yq_sent_counts *counts, struct yq_err *err)
{
    struct yq_origin other = origin_of(peer);
    struct yq_batch *batch = yq_batch_begin(house, YQ_WAY_PULL, &other, NULL, "");
    bool ok = take_pulled(house, assoc, peer, batch, id, counts, err);
    yq_batch_end(batch, ok ? NULL : err);
    return ok;
}

/* What is usual in hospitals, for a peer that does not say which classes a study has. */
static const char *const usual[] = {
    "1.2.840.10008.5.1.4.1.1.2",        /* CT */
    "1.2.840.10008.5.1.4.1.1.4",        /* MR */
    "1.2.840.10008.5.1.4.1.1.1",        /* CR */
    "1.2.840.10008.5.1.4.1.1.1.1",      /* DX for presentation */
    "1.2.840.10008.5.1.4.1.1.6.1",      /* US */
    "1.2.840.10008.5.1.4.1.1.3.1",      /* US multi-frame */
    "1.2.840.10008.5.1.4.1.1.7",        /* secondary capture */
    "1.2.840.10008.5.1.4.1.1.7.1",      /* its multi-frame forms: 1 bit, */
    "1.2.840.10008.5.1.4.1.1.7.2",      /* 8 bits, */
    "1.2.840.10008.5.1.4.1.1.7.3",      /* 16 bits, */
    "1.2.840.10008.5.1.4.1.1.7.4",      /* true colour */
    "1.2.840.10008.5.1.4.1.1.12.1",     /* XA */
    "1.2.840.10008.5.1.4.1.1.12.2",     /* RF */
    "1.2.840.10008.5.1.4.1.1.20",       /* NM */
    "1.2.840.10008.5.1.4.1.1.128",      /* PT */
    "1.2.840.10008.5.1.4.1.1.1.2",      /* MG for presentation */
    "1.2.840.10008.5.1.4.1.1.1.2.1",    /* MG for processing */
    "1.2.840.10008.5.1.4.1.1.1.1.1",    /* DX for processing */
    "1.2.840.10008.5.1.4.1.1.1.3",      /* intra-oral */
    "1.2.840.10008.5.1.4.1.1.13.1.3",   /* breast tomosynthesis */
    "1.2.840.10008.5.1.4.1.1.2.1",      /* enhanced CT */
    "1.2.840.10008.5.1.4.1.1.4.1",      /* enhanced MR */
    "1.2.840.10008.5.1.4.1.1.77.1.1",   /* endoscopy */
    "1.2.840.10008.5.1.4.1.1.77.1.1.1", /* video endoscopy */
    "1.2.840.10008.5.1.4.1.1.77.1.4",   /* photography */
    "1.2.840.10008.5.1.4.1.1.77.1.6",   /* whole slide */
    "1.2.840.10008.5.1.4.1.1.9.1.1",    /* 12-lead ECG */
    "1.2.840.10008.5.1.4.1.1.11.1",     /* greyscale presentation state */
    "1.2.840.10008.5.1.4.1.1.88.11",    /* basic text SR */
    "1.2.840.10008.5.1.4.1.1.88.22",    /* enhanced SR */
    "1.2.840.10008.5.1.4.1.1.88.33",    /* comprehensive SR */
    "1.2.840.10008.5.1.4.1.1.88.59",    /* key objects */
    "1.2.840.10008.5.1.4.1.1.88.67",    /* dose SR */
    "1.2.840.10008.5.1.4.1.1.104.1",    /* PDF */
    "1.2.840.10008.5.1.4.1.1.104.2",    /* CDA */
    "1.2.840.10008.5.1.4.1.1.66.4",     /* segmentation */
    "1.2.840.10008.5.1.4.1.1.481.1",    /* RT image, */
    "1.2.840.10008.5.1.4.1.1.481.2",    /* dose, */
    "1.2.840.10008.5.1.4.1.1.481.3",    /* structure set, */
    "1.2.840.10008.5.1.4.1.1.481.5",    /* plan */
};

struct wanted { /* the SOP classes to offer for a pull */
    char found[64][YQ_UID_SIZE];
    const char *classes[CONTEXTS_MOST];
    size_t found_count, count;
};

static bool note_classes(void *context, const char *const *values)
{
    struct wanted *w = context;
    const char *list = values[YQ_SOPClassesInStudy];
    while (list && *list) {
        char uid[YQ_UID_SIZE];
        size_t length = strcspn(list, "\\"), i = 0;
        (void)yq_copy_trimmed(uid, sizeof uid, list, length);
        while (i < w->found_count && strcmp(w->found[i], uid) != 0)
            i++;
        if (i == w->found_count && i < sizeof w->found / sizeof *w->found && yq_uid_valid(uid))
            (void)yq_copy(w->found[w->found_count++], YQ_UID_SIZE, uid);
        list += length + (list[length] == '\\');
    }
    return true;
}

/* Asks the peer which SOP classes its study has, so that each can be offered in every transfer
 * syntax on its own and comes as it is stored. */
static void ask_classes(const char *our_aet, const struct yq_peer *peer, const struct yq_stop *stop,
                        const struct yq_query *query, struct wanted *w)
{
    struct yq_query studies = {.level = YQ_STUDY};
    struct yq_err err = {0};
    bool ok = true;
    studies.wanted[YQ_StudyInstanceUID] = studies.wanted[YQ_SOPClassesInStudy] = true;
    for (size_t i = 0; ok && i < query->match_count; i++)
        if (yq_attrs[query->matches[i].attr].level <= YQ_STUDY)
            ok = yq_query_add(&studies, query->matches[i].attr, query->matches[i].value, false,
                              &err);
    if (!ok || !studies.match_count ||
        !yq_call_find(our_aet, peer, stop, &studies, note_classes, w, &err))
        w->found_count = 0;
    yq_query_fini(&studies);
    for (size_t i = 0; i < w->found_count; i++)
        w->classes[w->count++] = w->found[i];
    for (size_t i = 0; !w->found_count && i < sizeof usual / sizeof *usual; i++)
        w->classes[w->count++] = usual[i];
}

/* As many contexts with one syntax each as there is room for; the last of a class has the remaining
 * ones. */
static size_t propose(const struct wanted *w, struct yq_proposal *proposals)
{
    static const char *const all[] = {
        YQ_TS_EXPLICIT_LE,   YQ_TS_JPEG_LOSSLESS_SV1, YQ_TS_J2K_LOSSLESS,
        YQ_TS_JPEG_BASELINE, YQ_TS_JPEGLS_LOSSLESS,   YQ_TS_RLE,
        YQ_TS_J2K,           YQ_TS_JPEG_LOSSLESS,     YQ_TS_JPEGLS_NEAR,
        YQ_TS_JPEG_EXTENDED, YQ_TS_HTJ2K_LOSSLESS,    YQ_TS_HTJ2K_LOSSLESS_RPCL,
        YQ_TS_HTJ2K,         YQ_TS_DEFLATED,          YQ_TS_EXPLICIT_BE,
        YQ_TS_IMPLICIT_LE};
    enum { ALL = sizeof all / sizeof *all };
    size_t count = 1, each = (CONTEXTS_MOST - 1) / (w->count ? w->count : 1);
    if (each > ALL)
        each = ALL;
    for (size_t i = 0; i < w->count; i++)
        for (size_t k = 0; k < each; k++)
            proposals[count++] =
                (struct yq_proposal){w->classes[i], all + k, k + 1 < each ? 1 : ALL - k, true};
    return count;
}

bool yq_call_pull(struct yq_house *house, const struct yq_peer *peer, const struct yq_stop *stop,
                  const struct yq_query *query, struct yq_sent_counts *counts, struct yq_err *err)
{
    struct yq_assoc *assoc yq_cleanup(assoc_cleanup) = NULL;
    struct yq_buf identifier yq_cleanup(yq_buf_fini) = {0};
    struct yq_proposal proposals[CONTEXTS_MOST];
    struct wanted wanted = {.count = 0};
    const char *sop_class = query->level == YQ_PATIENT ? YQ_SOP_GET_PATIENT : YQ_SOP_GET_STUDY;
    *counts = (struct yq_sent_counts){0};
    proposals[0] = (struct yq_proposal){sop_class, native, YQ_NATIVE, false};
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    ask_classes(conf->dicom_aet, peer, stop, query, &wanted);
    bool ok =
        open_to(conf->dicom_aet, peer, stop, proposals, propose(&wanted, proposals), &assoc, err);
    yq_conf_release(house->conf, conf);
    if (!ok)
        return false;
    const struct yq_context *where = yq_assoc_context_for(assoc, sop_class, "");
    if (!where)
        return yq_fail(err, YQ_REFUSED, "walk", "%s does not offer C-GET to us", peer->aet);
    if (!write_identifier(query, where->accepted_syntax, &identifier))
        return yq_fail(err, YQ_FULL, "walk", "no memory for a query");
    struct yq_message request = {.context = where->id,
                                 .command = YQ_C_GET_RQ,
                                 .id = yq_assoc_new_id(assoc),
                                 .has_dataset = true};
    (void)yq_copy(request.sop_class, sizeof request.sop_class, sop_class);
    return yq_assoc_send(assoc, &request, identifier.bytes, identifier.length, err) &&
           serve_pull(house, assoc, peer, request.id, counts, err);
}

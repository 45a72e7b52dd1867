/* test_assoc.c: one side of an association against a peer made of bytes; one thread, no sleeping.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "raw.h"

static const struct yq_assoc_limits limits = {30, 30, 65536};
static const struct yq_assoc_limits quick = {1, 1, 65536};

struct link { /* our association, and the descriptor of the raw peer */
    struct yq_assoc *assoc;
    int peer;
    struct yq_buf in, out;
    struct yq_err err;
};

static void accept_all(struct yq_assoc *assoc)
{
    struct yq_context *contexts;
    size_t count = yq_assoc_contexts(assoc, &contexts);
    for (size_t i = 0; i < count; i++) {
        contexts[i].accepted = contexts[i].proposed_count > 0;
        if (contexts[i].accepted)
            yq_copy(contexts[i].accepted_syntax, YQ_UID_SIZE, contexts[i].proposed[0]);
    }
}

/* `mute`: the peer says nothing more, so that whoever refuses it does not wait for it to close. */
static bool receive_with(struct link *link, int type, bool mute, struct raw_request *request,
                         const struct yq_assoc_limits *with)
{
    int pair[2];
    memset(link, 0, sizeof *link);
    assert_int_equal(socketpair(AF_UNIX, type, 0, pair), 0);
    link->peer = pair[1];
    if (mute)
        shutdown(link->peer, SHUT_WR);
    bool received = yq_assoc_receive(pair[0], NULL, request->bytes.bytes, request->bytes.length,
                                     with, &link->assoc, &link->err);
    yq_buf_fini(&request->bytes);
    return received;
}

static bool receive_over(struct link *link, int type, struct raw_request *request,
                         const struct yq_assoc_limits *with)
{
    return receive_with(link, type, false, request, with);
}

/* An accepted association with the usual contexts. */
static void open_link(struct link *link, const struct yq_assoc_limits *with)
{
    struct raw_request request;
    raw_usual(&request);
    assert_true(receive_over(link, SOCK_STREAM, &request, with));
    accept_all(link->assoc);
    assert_true(yq_assoc_accept(link->assoc, &link->err));
    assert_int_equal(raw_receive(link->peer, &link->in), 2);
}

static void close_link(struct link *link)
{
    close(link->peer);
    yq_assoc_free(link->assoc);
    yq_buf_fini(&link->in);
    yq_buf_fini(&link->out);
}

static void say(struct link *link)
{
    raw_send(link->peer, &link->out);
    yq_buf_clear(&link->out);
}

static enum yq_incoming next(struct link *link, struct yq_message *message)
{
    return yq_assoc_next(link->assoc, message, &link->err);
}

static const struct yq_message echo = {
    .context = 1, .command = YQ_C_ECHO_RQ, .id = 7, .sop_class = YQ_SOP_VERIFICATION};
static const struct yq_message store = {.context = 3,
                                        .command = YQ_C_STORE_RQ,
                                        .id = 8,
                                        .sop_class = CT,
                                        .sop_instance = "1.2.3",
                                        .has_dataset = true};
static const struct yq_message find = {.context = 5,
                                       .command = YQ_C_FIND_RQ,
                                       .id = 9,
                                       .sop_class = YQ_SOP_FIND_STUDY,
                                       .has_dataset = true};

static void assert_dataset(struct link *link, const void *bytes, size_t length)
{
    struct yq_buf all = {0};
    assert_true(yq_assoc_read_all(link->assoc, 1 << 24, &all, &link->err));
    assert_int_equal(all.length, length);
    assert_memory_equal(all.bytes, bytes, length);
    yq_buf_fini(&all);
}

/* The violation was told by A-ABORT of the service provider with this reason, and the error says
 * so. */
static void assert_refused(struct link *link, unsigned reason)
{
    assert_int_equal(link->err.code, YQ_BAD_INPUT);
    assert_int_equal(raw_receive(link->peer, &link->in), 7);
    assert_int_equal(link->in.bytes[8], 2);
    assert_int_equal(link->in.bytes[9], reason);
}

/* ---- opening ---- */

static void test_what_was_proposed_is_shown(void **state)
{
    (void)state;
    struct raw_request request;
    struct link link;
    struct yq_context *contexts;
    uint8_t info[8];
    raw_begin(&request, "NODE ", " RAW", 0);
    raw_context(&request, CT,
                (const char *const[]){YQ_TS_HTJ2K_LOSSLESS, "1.2.840.113619.5.2",
                                      YQ_TS_HTJ2K_LOSSLESS, YQ_TS_EXPLICIT_LE, NULL});
    raw_context(&request, "1.3.12.2.1107.5.9.1", (const char *const[]){YQ_TS_IMPLICIT_LE, NULL});
    raw_context(&request, YQ_SOP_FIND_STUDY, (const char *const[]){YQ_TS_IMPLICIT_LE, NULL});
    raw_role(&request, CT, 0, 1);
    raw_extended(&request, YQ_SOP_FIND_STUDY, "\1\1", 2);
    raw_item(&request.user, 0x53, "\0\5\0\5", 4);          /* asynchronous operations */
    raw_item(&request.user, 0x58, "\1\0\0\4user\0\0", 10); /* user identity */
    raw_end(&request);
    assert_true(receive_over(&link, SOCK_STREAM, &request, &limits));
    assert_string_equal(yq_assoc_called(link.assoc), "NODE");
    assert_string_equal(yq_assoc_calling(link.assoc), "RAW");
    assert_string_equal(yq_assoc_peer_implementation(link.assoc), "RAW_PEER");
    assert_int_equal(yq_assoc_contexts(link.assoc, &contexts), 3);
    assert_int_equal(contexts[0].proposed_count, 3);
    assert_string_equal(contexts[0].proposed[0], YQ_TS_HTJ2K_LOSSLESS);
    assert_string_equal(contexts[0].proposed[1], "1.2.840.113619.5.2");
    assert_true(contexts[0].peer_scp);
    assert_false(contexts[1].peer_scp);
    assert_string_equal(contexts[1].abstract_syntax, "1.3.12.2.1107.5.9.1");
    assert_int_equal(yq_assoc_extended(link.assoc, YQ_SOP_FIND_STUDY, info, sizeof info), 2);
    assert_int_equal(yq_assoc_extended(link.assoc, CT, info, sizeof info), 0);
    close_link(&link);
}

/* Finds an item of an A-ASSOCIATE-AC (within: 0, or 0x50 for the user information); NULL: none. */
static const uint8_t *find_item(const struct yq_buf *pdu, unsigned type, unsigned nth,
                                unsigned within)
{
    size_t at = 74, end = pdu->length;
    while (at + 4 <= end) {
        size_t length = yq_be16(pdu->bytes + at + 2);
        if (within && pdu->bytes[at] == within) {
            end = at + 4 + length;
            at += 4;
            within = 0;
            continue;
        }
        if (!within && pdu->bytes[at] == type && !nth--)
            return pdu->bytes + at;
        at += 4 + length;
    }
    return NULL;
}

static void test_the_answer_on_the_wire(void **state)
{
    (void)state;
    struct raw_request request;
    struct link link;
    struct yq_context *contexts;
    raw_begin(&request, "NODE", "RAW", 16384);
    raw_context(&request, CT, (const char *const[]){YQ_TS_EXPLICIT_LE, YQ_TS_HTJ2K_LOSSLESS, NULL});
    raw_context(&request, "1.2.3.4", (const char *const[]){YQ_TS_IMPLICIT_LE, NULL});
    raw_context(&request, "1.2.3.5", (const char *const[]){YQ_TS_IMPLICIT_LE, NULL});
    raw_context(&request, YQ_SOP_FIND_STUDY, (const char *const[]){YQ_TS_IMPLICIT_LE, NULL});
    raw_role(&request, CT, 1, 1);
    raw_extended(&request, YQ_SOP_FIND_STUDY, "\1\1", 2);
    raw_end(&request);
    assert_true(receive_over(&link, SOCK_STREAM, &request, &limits));
    yq_assoc_contexts(link.assoc, &contexts);
    contexts[0].accepted = contexts[2].accepted = contexts[3].accepted = true;
    yq_copy(contexts[0].accepted_syntax, YQ_UID_SIZE, YQ_TS_HTJ2K_LOSSLESS);
    yq_copy(contexts[2].accepted_syntax, YQ_UID_SIZE, YQ_TS_EXPLICIT_LE); /* not proposed */
    yq_copy(contexts[3].accepted_syntax, YQ_UID_SIZE, YQ_TS_IMPLICIT_LE);
    yq_assoc_extended_accept(link.assoc, YQ_SOP_FIND_STUDY, (const uint8_t *)"\1", 1);
    assert_true(yq_assoc_accept(link.assoc, &link.err));
    assert_int_equal(raw_receive(link.peer, &link.in), 2);

    const uint8_t *item = find_item(&link.in, 0x21, 0, 0);
    assert_int_equal(item[4], 1);
    assert_int_equal(item[6], 0);
    assert_memory_equal(item + 12, YQ_TS_HTJ2K_LOSSLESS, strlen(YQ_TS_HTJ2K_LOSSLESS));
    assert_int_equal(find_item(&link.in, 0x21, 1, 0)[6], 3); /* abstract syntax not supported */
    assert_int_equal(find_item(&link.in, 0x21, 2, 0)[6], 4); /* transfer syntaxes not supported */
    assert_false(contexts[2].accepted);
    item = find_item(&link.in, 0x51, 0, 0x50);
    assert_int_equal(yq_be32(item + 4), YQ_PDU_SIZE);
    item = find_item(&link.in, 0x54, 0, 0x50);
    assert_memory_equal(item + 6, CT "\1\1", strlen(CT) + 2);
    item = find_item(&link.in, 0x56, 0, 0x50);
    assert_memory_equal(item + 6, YQ_SOP_FIND_STUDY "\1", strlen(YQ_SOP_FIND_STUDY) + 1);
    assert_null(find_item(&link.in, 0x53, 0, 0x50));
    assert_null(find_item(&link.in, 0x59, 0, 0x50));

    /* the peer is SCP of CT, so we may send there, but only what was agreed */
    assert_non_null(yq_assoc_context_for(link.assoc, CT, ""));
    assert_non_null(yq_assoc_context_for(link.assoc, CT, YQ_TS_HTJ2K_LOSSLESS));
    assert_null(yq_assoc_context_for(link.assoc, CT, YQ_TS_EXPLICIT_LE));
    assert_null(yq_assoc_context_for(link.assoc, YQ_SOP_FIND_STUDY, ""));
    close_link(&link);
}

static void test_128_contexts(void **state)
{
    (void)state;
    struct raw_request request;
    struct link link;
    struct yq_context *contexts;
    raw_begin(&request, "NODE", "RAW", 16384);
    for (int i = 0; i < 128; i++) {
        char uid[32];
        snprintf(uid, sizeof uid, "1.2.840.99.%d", i);
        raw_context(&request, uid,
                    (const char *const[]){YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE, NULL});
        raw_role(&request, uid, 1, 1);
    }
    raw_end(&request);
    assert_true(receive_over(&link, SOCK_STREAM, &request, &limits));
    assert_int_equal(yq_assoc_contexts(link.assoc, &contexts), 128);
    accept_all(link.assoc);
    assert_true(yq_assoc_accept(link.assoc, &link.err));
    assert_int_equal(raw_receive(link.peer, &link.in), 2);
    assert_int_equal(find_item(&link.in, 0x21, 127, 0)[4], 255);
    assert_int_equal(find_item(&link.in, 0x21, 127, 0)[6], 0);
    close_link(&link);
}

static void test_a_device_that_proposes_everything(void **state)
{
    (void)state;
    struct raw_request request;
    struct link link;
    struct yq_context *contexts;
    struct yq_buf texts = {0};
    const char *syntaxes[301] = {0};
    char(*uids)[32] = calloc(300, sizeof *uids);
    for (int i = 0; i < 300; i++) {
        snprintf(uids[i], sizeof uids[i], "1.2.840.99.%d", i);
        syntaxes[i] = uids[i];
    }
    raw_begin(&request, "NODE", "RAW", 16384);
    raw_context(&request, CT, syntaxes);
    raw_end(&request);
    assert_true(receive_over(&link, SOCK_STREAM, &request, &limits));
    assert_int_equal(yq_assoc_contexts(link.assoc, &contexts), 1);
    assert_int_equal(contexts[0].proposed_count, 128);
    accept_all(link.assoc);
    assert_true(yq_assoc_accept(link.assoc, &link.err));
    close_link(&link);
    yq_buf_fini(&texts);
    free(uids);
}

/* Each breaks a good request in one place; the answer is A-ABORT, and no byte of it reaches DCMTK.
 */
static void test_malformed_requests(void **state)
{
    (void)state;
    struct raw_request good;
    raw_usual(&good);
    for (size_t cut = 0; cut < good.bytes.length; cut++) { /* truncated, its length corrected */
        struct raw_request request = {0};
        struct link link;
        yq_buf_put(&request.bytes, good.bytes.bytes, cut);
        if (cut >= 6) {
            request.bytes.bytes[4] = (uint8_t)((cut - 6) >> 8);
            request.bytes.bytes[5] = (uint8_t)(cut - 6);
        }
        if (receive_with(&link, SOCK_STREAM, true, &request, &limits)) {
            /* the user information, or contexts, are merely missing: nothing is broken */
            close_link(&link);
            continue;
        }
        assert_int_equal(link.err.code, YQ_BAD_INPUT);
        /* with all items gone the application context is what is missing first */
        assert_int_equal(raw_receive(link.peer, &link.in), cut == 74 ? 3 : 7);
        close_link(&link);
    }
    yq_buf_fini(&good.bytes);
}

static void test_rejected_requests(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
        uint8_t result, source, reason;
    } cases[] = {
        {7, 2, 1, 2, 2},    /* protocol version */
        {80, '9', 1, 1, 2}, /* application context */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct raw_request request;
        struct link link;
        raw_usual(&request);
        request.bytes.bytes[cases[i].at] = cases[i].byte;
        assert_false(receive_with(&link, SOCK_STREAM, true, &request, &limits));
        assert_int_equal(raw_receive(link.peer, &link.in), 3);
        assert_int_equal(link.in.bytes[7], cases[i].result);
        assert_int_equal(link.in.bytes[8], cases[i].source);
        assert_int_equal(link.in.bytes[9], cases[i].reason);
        close_link(&link);
    }
}

static void test_reject(void **state)
{
    (void)state;
    struct raw_request request;
    struct link link;
    raw_usual(&request);
    assert_true(receive_over(&link, SOCK_STREAM, &request, &limits));
    shutdown(link.peer, SHUT_WR); /* so that nobody waits for our silence */
    yq_assoc_reject(link.assoc, 1, 1, 3);
    assert_int_equal(raw_receive(link.peer, &link.in), 3);
    assert_memory_equal(link.in.bytes + 6, "\0\1\1\3", 4);
    assert_int_equal(raw_receive(link.peer, &link.in), 0);
    close_link(&link);
}

/* ---- messages ---- */

static void test_echo_and_release(void **state)
{
    (void)state;
    struct link link;
    struct yq_message message;
    open_link(&link, &limits);
    raw_message(&link.out, &echo, NULL, 0);
    raw_small(&link.out, 5, 0, 0, 0);
    say(&link);
    shutdown(link.peer, SHUT_WR);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
    assert_int_equal(message.command, YQ_C_ECHO_RQ);
    assert_int_equal(message.context, 1);
    struct yq_message answer = {.context = 1, .command = YQ_C_ECHO_RSP, .id = message.id};
    assert_true(yq_assoc_send(link.assoc, &answer, NULL, 0, &link.err));
    assert_int_equal(raw_receive(link.peer, &link.in), 4);
    assert_int_equal(link.in.bytes[10], 1);
    assert_int_equal(link.in.bytes[11], 3);
    assert_true(yq_command_decode(link.in.bytes + 12, link.in.length - 12, &message, &link.err));
    assert_int_equal(message.command, YQ_C_ECHO_RSP);
    assert_int_equal(next(&link, &message), YQ_GOT_RELEASE);
    assert_int_equal(raw_receive(link.peer, &link.in), 6);
    assert_int_equal(next(&link, &message), YQ_GOT_NOTHING);
    assert_false(yq_assoc_send(link.assoc, &answer, NULL, 0, &link.err));
    close_link(&link);
}

/* A store as one PDU: the command, and the dataset in two PDVs, none as long as another. */
static void put_three_pdvs(struct yq_buf *out, const void *dataset, size_t first, size_t second)
{
    struct yq_buf command = {0}, body = {0};
    yq_command_encode(&store, &command);
    raw_pdv(&body, 3, RAW_COMMAND | RAW_LAST, command.bytes, command.length);
    raw_pdv(&body, 3, 0, dataset, first);
    raw_pdv(&body, 3, RAW_LAST, (const uint8_t *)dataset + first, second);
    raw_pdu(out, 4, body.bytes, body.length);
    yq_buf_fini(&command);
    yq_buf_fini(&body);
}

static void test_three_pdvs_in_one_pdu(void **state)
{
    (void)state;
    struct link link;
    struct yq_message message;
    uint8_t dataset[1000];
    for (size_t i = 0; i < sizeof dataset; i++)
        dataset[i] = (uint8_t)(i * 7);
    open_link(&link, &limits);
    put_three_pdvs(&link.out, dataset, 13, 987);
    put_three_pdvs(&link.out, dataset, 900, 1);
    put_three_pdvs(&link.out, dataset, 0, 0); /* fragments of nothing are legal */
    raw_message(&link.out, &echo, NULL, 0);
    say(&link);
    for (int i = 0; i < 3; i++) {
        static const size_t lengths[] = {1000, 901, 0};
        assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
        assert_int_equal(message.command, YQ_C_STORE_RQ);
        assert_dataset(&link, dataset, lengths[i]);
    }
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
    assert_int_equal(message.command, YQ_C_ECHO_RQ);
    close_link(&link);
}

struct drip {
    int fd;
    struct yq_buf bytes;
};

static void *drip(void *argument)
{
    struct drip *d = argument;
    for (size_t i = 0; i < d->bytes.length; i++)
        if (send(d->fd, d->bytes.bytes + i, 1, MSG_NOSIGNAL) != 1)
            break;
    return NULL;
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    struct link link;
    struct yq_message message;
    struct drip d = {0};
    pthread_t thread;
    open_link(&link, &limits);
    put_three_pdvs(&d.bytes, "hello, world", 5, 7);
    put_three_pdvs(&d.bytes, "hello, world", 1, 11);
    raw_small(&d.bytes, 7, 0, 0, 0);
    d.fd = link.peer;
    assert_int_equal(pthread_create(&thread, NULL, drip, &d), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
        assert_dataset(&link, "hello, world", 12);
    }
    assert_int_equal(next(&link, &message), YQ_GOT_ABORT);
    pthread_join(thread, NULL);
    yq_buf_fini(&d.bytes);
    close_link(&link);
}

static void test_a_pdu_longer_than_announced(void **state)
{
    (void)state;
    struct link link;
    struct yq_message message;
    size_t length = 400001;
    uint8_t *dataset = malloc(length);
    struct drip d = {0};
    pthread_t thread;
    for (size_t i = 0; i < length; i++)
        dataset[i] = (uint8_t)(i * 31 >> 3);
    open_link(&link, &limits);
    raw_message(&d.bytes, &store, dataset, length);
    raw_message(&d.bytes, &echo, NULL, 0);
    d.fd = link.peer;
    assert_int_equal(pthread_create(&thread, NULL, drip, &d), 0);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
    assert_dataset(&link, dataset, length);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
    pthread_join(thread, NULL);
    yq_buf_fini(&d.bytes);
    free(dataset);
    close_link(&link);
}

static void test_an_unread_dataset_is_passed_over(void **state)
{
    (void)state;
    struct link link;
    struct yq_message message;
    const void *bytes;
    size_t got;
    open_link(&link, &limits);
    put_three_pdvs(&link.out, "hello, world", 5, 7);
    put_three_pdvs(&link.out, "hello, world", 5, 7);
    raw_message(&link.out, &echo, NULL, 0);
    say(&link);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE); /* nothing read */
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE); /* part read */
    assert_true(yq_assoc_read(link.assoc, &bytes, &got, &link.err));
    assert_int_equal(got, 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
    assert_int_equal(message.command, YQ_C_ECHO_RQ);
    assert_true(yq_assoc_read(link.assoc, &bytes, &got, &link.err)); /* it has none */
    assert_int_equal(got, 0);
    close_link(&link);
}

static void test_read_all_has_a_bound(void **state)
{
    (void)state;
    struct link link;
    struct yq_message message;
    struct yq_buf all = {0};
    open_link(&link, &limits);
    raw_message(&link.out, &find, "hello, world", 12);
    raw_message(&link.out, &find, "hello, world", 12);
    say(&link);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
    assert_false(yq_assoc_read_all(link.assoc, 11, &all, &link.err));
    assert_int_equal(link.err.code, YQ_FULL);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE); /* and the association goes on */
    yq_buf_fini(&all);
    close_link(&link);
}

/* One write per message: a socket that keeps writes apart shows them one by one. */
static void test_one_write_per_message(void **state)
{
    (void)state;
    struct raw_request request;
    struct link link;
    uint8_t packet[8192], identifier[300] = {0};
    raw_usual(&request);
    assert_true(receive_over(&link, SOCK_SEQPACKET, &request, &limits));
    accept_all(link.assoc);
    assert_true(yq_assoc_accept(link.assoc, &link.err));
    assert_int_equal(recv(link.peer, packet, 1, 0), 1); /* the A-ASSOCIATE-AC */
    for (int i = 0; i < 3; i++) {
        struct yq_message answer = {
            .context = 5, .command = YQ_C_FIND_RSP, .id = 9, .status = i < 2 ? 0xff00 : 0};
        size_t length = i < 2 ? sizeof identifier : 0;
        assert_true(yq_assoc_send(link.assoc, &answer, identifier, length, &link.err));
        ssize_t got = recv(link.peer, packet, sizeof packet, MSG_DONTWAIT);
        assert_true(got > 12);
        size_t command = yq_be32(packet + 2) + 6;
        assert_int_equal(got, command + (length ? 12 + length : 0));
        assert_int_equal(recv(link.peer, packet, sizeof packet, MSG_DONTWAIT), -1);
    }
    close_link(&link);
}

/* ---- what breaks the protocol ---- */

static void test_pdvs_that_contradict_their_pdu(void **state)
{
    (void)state;
    static const uint8_t bodies[][12] = {
        {0, 0, 0, 1, 1, 3, 0, 0, 0, 0, 0, 0},       /* shorter than its own head */
        {0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 0},       /* of no length */
        {0, 0, 0, 9, 1, 3, 0, 0, 0, 0, 0, 0},       /* one byte longer than the PDU */
        {0xff, 0xff, 0xff, 0xff, 1, 3, 0, 0, 0, 0}, /* wraps around */
        {0xff, 0xff, 0xff, 0xfc, 1, 3, 0, 0, 0, 0},
        {0, 0, 0, 6, 1, 0, 0, 0, 0, 0, 0, 0}, /* leaves two bytes */
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct link link;
        struct yq_message message;
        open_link(&link, &limits);
        raw_pdu(&link.out, 4, bodies[i], sizeof bodies[i]);
        say(&link);
        shutdown(link.peer, SHUT_WR);
        assert_int_equal(next(&link, &message), YQ_GOT_NOTHING);
        assert_int_equal(link.err.code, YQ_BAD_INPUT);
        yq_assoc_abort(link.assoc);
        assert_int_equal(raw_receive(link.peer, &link.in), 7);
        assert_int_equal(raw_receive(link.peer, &link.in), 0); /* told once */
        close_link(&link);
    }
}

static void test_pdus_that_do_not_belong(void **state)
{
    (void)state;
    static const struct {
        unsigned type, length, reason;
    } cases[] = {
        {1, 68, 2},         {2, 68, 2},   {3, 4, 2},   {6, 4, 2}, /* not now */
        {0, 4, 1},          {8, 4, 1},    {'G', 4, 1},            /* never */
        {4, 0, 6},          {4, 5, 6},                            /* too short for a PDV */
        {5, 5, 6},          {7, 1024, 6},                         /* of fixed length */
        {4, 0x7fffffff, 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct link link;
        struct yq_message message;
        open_link(&link, &limits);
        yq_buf_put(&link.out, (uint8_t[]){(uint8_t)cases[i].type, 0}, 2);
        yq_buf_put_be32(&link.out, cases[i].length);
        yq_buf_room(&link.out, cases[i].length > 2000 ? 100 : cases[i].length);
        say(&link);
        assert_int_equal(next(&link, &message), YQ_GOT_NOTHING);
        assert_refused(&link, cases[i].reason);
        close_link(&link);
    }
}

/* Messages whose parts do not belong together; the caller aborts. */
static void test_messages_that_contradict_themselves(void **state)
{
    (void)state;
    struct yq_buf command = {0};
    yq_command_encode(&store, &command);
    size_t half = command.length / 2;
    for (int which = 0; which < 7; which++) {
        struct link link;
        struct yq_message message;
        struct yq_buf body = {0};
        const void *bytes;
        size_t got;
        open_link(&link, &limits);
        if (which == 0) /* a dataset first */
            raw_pdv(&body, 3, RAW_LAST, "abcd", 4);
        if (which == 1) /* a context nobody accepted */
            raw_pdv(&body, 7, RAW_COMMAND | RAW_LAST, command.bytes, command.length);
        if (which == 2) { /* a command in two contexts */
            raw_pdv(&body, 3, RAW_COMMAND, command.bytes, half);
            raw_pdv(&body, 1, RAW_COMMAND | RAW_LAST, command.bytes + half, command.length - half);
        }
        if (which == 3) { /* a dataset within the command */
            raw_pdv(&body, 3, RAW_COMMAND, command.bytes, half);
            raw_pdv(&body, 3, RAW_LAST, "abcd", 4);
        }
        if (which == 4) /* half a command, said to be whole */
            raw_pdv(&body, 3, RAW_COMMAND | RAW_LAST, command.bytes, half);
        if (which >= 5) { /* the dataset: another context, or a command instead */
            raw_pdv(&body, 3, RAW_COMMAND | RAW_LAST, command.bytes, command.length);
            raw_pdv(&body, which == 5 ? 1 : 3, which == 5 ? RAW_LAST : RAW_COMMAND | RAW_LAST,
                    "abcd", 4);
        }
        raw_pdu(&link.out, 4, body.bytes, body.length);
        say(&link);
        if (which < 5) {
            assert_int_equal(next(&link, &message), YQ_GOT_NOTHING);
        } else {
            assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
            assert_false(yq_assoc_read(link.assoc, &bytes, &got, &link.err));
        }
        assert_int_equal(link.err.code, YQ_BAD_INPUT);
        assert_int_equal(next(&link, &message), YQ_GOT_NOTHING); /* and stays so */
        assert_int_equal(link.err.code, YQ_BAD_INPUT);
        yq_buf_fini(&body);
        close_link(&link);
    }
    yq_buf_fini(&command);
}

static void test_a_command_set_has_a_bound(void **state)
{
    (void)state;
    struct link link;
    struct yq_message message;
    const struct yq_assoc_limits small = {30, 30, 4096};
    uint8_t rubbish[1024] = {0};
    struct yq_buf body = {0};
    open_link(&link, &small);
    raw_pdv(&body, 1, RAW_COMMAND, rubbish, sizeof rubbish);
    for (int i = 0; i < 5; i++)
        raw_pdu(&link.out, 4, body.bytes, body.length);
    say(&link);
    assert_int_equal(next(&link, &message), YQ_GOT_NOTHING);
    assert_int_equal(link.err.code, YQ_BAD_INPUT);
    yq_buf_fini(&body);
    close_link(&link);
}

/* ---- endings ---- */

static void test_the_end_in_the_middle_of_everything(void **state)
{
    (void)state;
    struct yq_buf whole = {0};
    put_three_pdvs(&whole, "hello, world", 5, 7);
    for (size_t cut = 0; cut < whole.length; cut++) {
        struct link link;
        struct yq_message message;
        struct yq_buf all = {0};
        open_link(&link, &limits);
        yq_buf_put(&link.out, whole.bytes, cut);
        say(&link);
        shutdown(link.peer, SHUT_WR);
        if (next(&link, &message) == YQ_GOT_MESSAGE)
            assert_false(yq_assoc_read_all(link.assoc, 1000, &all, &link.err));
        assert_int_equal(link.err.code, YQ_PEER_GONE);
        assert_int_equal(next(&link, &message), YQ_GOT_NOTHING);
        yq_buf_fini(&all);
        close_link(&link);
    }
    yq_buf_fini(&whole);
}

static void test_abort_and_release_within_a_dataset(void **state)
{
    (void)state;
    for (unsigned type = 5; type <= 7; type += 2) {
        struct link link;
        struct yq_message message;
        struct yq_buf body = {0}, all = {0};
        open_link(&link, &limits);
        raw_message(&link.out, &store, NULL, 0);
        yq_buf_clear(&link.out);
        struct yq_buf command = {0};
        yq_command_encode(&store, &command);
        raw_pdv(&body, 3, RAW_COMMAND | RAW_LAST, command.bytes, command.length);
        raw_pdv(&body, 3, 0, "abcd", 4);
        raw_pdu(&link.out, 4, body.bytes, body.length);
        raw_small(&link.out, type, 0, 0, 0);
        say(&link);
        assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
        assert_false(yq_assoc_read_all(link.assoc, 1000, &all, &link.err));
        assert_int_equal(link.err.code, type == 7 ? YQ_PEER_GONE : YQ_BAD_INPUT);
        assert_int_equal(next(&link, &message), type == 7 ? YQ_GOT_ABORT : YQ_GOT_NOTHING);
        yq_buf_fini(&command);
        yq_buf_fini(&body);
        yq_buf_fini(&all);
        close_link(&link);
    }
}

static void test_silence_ends(void **state)
{
    (void)state;
    struct yq_buf whole = {0};
    put_three_pdvs(&whole, "hello, world", 5, 7);
    const size_t cuts[] = {0, 3, whole.length - 2}; /* idle, within a head, within a dataset */
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct link link;
        struct yq_message message;
        struct yq_buf all = {0};
        open_link(&link, &quick);
        yq_buf_put(&link.out, whole.bytes, cuts[i]);
        say(&link);
        if (next(&link, &message) == YQ_GOT_MESSAGE)
            assert_false(yq_assoc_read_all(link.assoc, 1000, &all, &link.err));
        assert_int_equal(link.err.code, YQ_TIMEOUT);
        assert_int_equal(raw_receive(link.peer, &link.in), 7); /* the peer is told */
        yq_buf_fini(&all);
        close_link(&link);
    }
    yq_buf_fini(&whole);
}

static void test_a_peer_that_does_not_read(void **state)
{
    (void)state;
    struct link link;
    size_t length = 8 << 20;
    uint8_t *dataset = calloc(1, length);
    open_link(&link, &quick);
    struct yq_message answer = {.context = 5, .command = YQ_C_FIND_RSP, .id = 9, .status = 0xff00};
    assert_false(yq_assoc_send(link.assoc, &answer, dataset, length, &link.err));
    assert_int_equal(link.err.code, YQ_TIMEOUT);
    free(dataset);
    close_link(&link);
}

static void *interrupt(void *argument)
{
    struct link *link = argument;
    uint8_t byte;
    (void)recv(link->peer, &byte, 1, MSG_PEEK); /* its thread is at work */
    yq_assoc_interrupt(link->assoc);
    return NULL;
}

static void test_interrupt(void **state)
{
    (void)state;
    for (int sending = 0; sending < 2; sending++) {
        struct link link;
        struct yq_message message = echo;
        pthread_t thread;
        size_t length = 8 << 20;
        uint8_t *dataset = calloc(1, length);
        open_link(&link, &limits);
        message.command = YQ_C_ECHO_RSP;
        if (!sending) /* something for the other thread to see */
            assert_true(yq_assoc_send(link.assoc, &message, NULL, 0, &link.err));
        assert_int_equal(pthread_create(&thread, NULL, interrupt, &link), 0);
        if (sending)
            assert_false(yq_assoc_send(link.assoc, &message, dataset, length, &link.err));
        else
            assert_int_equal(next(&link, &message), YQ_GOT_NOTHING);
        assert_int_equal(link.err.code, YQ_PEER_GONE);
        pthread_join(thread, NULL);
        free(dataset);
        close_link(&link);
    }
}

/* ---- cancelling ---- */

static void test_cancel(void **state)
{
    (void)state;
    struct link link;
    struct yq_message message;
    const struct yq_message cancel = {.context = 5, .command = YQ_C_CANCEL_RQ, .id = 9};
    const struct yq_message other = {.context = 5, .command = YQ_C_CANCEL_RQ, .id = 44};
    open_link(&link, &limits);
    raw_message(&link.out, &find, "hello, world", 12);
    say(&link);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
    assert_false(yq_assoc_cancelled(link.assoc, 9)); /* its identifier was not read yet */
    assert_dataset(&link, "hello, world", 12);
    assert_false(yq_assoc_cancelled(link.assoc, 9));
    raw_message(&link.out, &other, NULL, 0);
    raw_message(&link.out, &echo, NULL, 0);
    raw_message(&link.out, &cancel, NULL, 0);
    struct yq_buf late = {0};
    yq_buf_put(&late, link.out.bytes + link.out.length - 1, 1);
    link.out.length--;
    say(&link);
    assert_false(yq_assoc_cancelled(link.assoc, 9)); /* its last byte is on its way */
    assert_true(yq_assoc_cancelled(link.assoc, 44));
    raw_send(link.peer, &late);
    assert_true(yq_assoc_cancelled(link.assoc, 9));
    assert_true(yq_assoc_cancelled(link.assoc, 9)); /* still */
    raw_message(&link.out, &find, "again", 5);
    say(&link);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE); /* what came meanwhile */
    assert_int_equal(message.command, YQ_C_ECHO_RQ);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
    assert_int_equal(message.command, YQ_C_FIND_RQ);
    assert_dataset(&link, "again", 5);
    assert_false(yq_assoc_cancelled(link.assoc, 9)); /* a new one with the old id */
    yq_buf_fini(&late);
    close_link(&link);
}

static void test_endings_met_while_looking_for_a_cancel(void **state)
{
    (void)state;
    static const enum yq_incoming expected[] = {YQ_GOT_RELEASE, YQ_GOT_ABORT, YQ_GOT_NOTHING};
    for (int i = 0; i < 3; i++) {
        struct link link;
        struct yq_message message;
        open_link(&link, &limits);
        raw_message(&link.out, &echo, NULL, 0);
        if (i < 2)
            raw_small(&link.out, i ? 7 : 5, 0, 0, 0);
        say(&link);
        shutdown(link.peer, SHUT_WR);
        assert_false(yq_assoc_cancelled(link.assoc, 1));
        assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
        assert_int_equal(next(&link, &message), expected[i]);
        if (i == 2)
            assert_int_equal(link.err.code, YQ_PEER_GONE);
        close_link(&link);
    }
}

static void test_a_message_with_a_dataset_waits(void **state)
{
    (void)state;
    struct link link;
    struct yq_message message;
    open_link(&link, &limits);
    raw_message(&link.out, &find, "hello, world", 12);
    raw_message(&link.out, &echo, NULL, 0);
    say(&link);
    assert_false(yq_assoc_cancelled(link.assoc, 1));
    assert_false(yq_assoc_cancelled(link.assoc, 1));
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
    assert_int_equal(message.command, YQ_C_FIND_RQ);
    assert_dataset(&link, "hello, world", 12);
    assert_int_equal(next(&link, &message), YQ_GOT_MESSAGE);
    assert_int_equal(message.command, YQ_C_ECHO_RQ);
    close_link(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_proposed_is_shown),
        cmocka_unit_test(test_the_answer_on_the_wire),
        cmocka_unit_test(test_128_contexts),
        cmocka_unit_test(test_a_device_that_proposes_everything),
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_rejected_requests),
        cmocka_unit_test(test_reject),
        cmocka_unit_test(test_echo_and_release),
        cmocka_unit_test(test_three_pdvs_in_one_pdu),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_a_pdu_longer_than_announced),
        cmocka_unit_test(test_an_unread_dataset_is_passed_over),
        cmocka_unit_test(test_read_all_has_a_bound),
        cmocka_unit_test(test_one_write_per_message),
        cmocka_unit_test(test_pdvs_that_contradict_their_pdu),
        cmocka_unit_test(test_pdus_that_do_not_belong),
        cmocka_unit_test(test_messages_that_contradict_themselves),
        cmocka_unit_test(test_a_command_set_has_a_bound),
        cmocka_unit_test(test_the_end_in_the_middle_of_everything),
        cmocka_unit_test(test_abort_and_release_within_a_dataset),
        cmocka_unit_test(test_silence_ends),
        cmocka_unit_test(test_a_peer_that_does_not_read),
        cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_endings_met_while_looking_for_a_cancel),
        cmocka_unit_test(test_a_message_with_a_dataset_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

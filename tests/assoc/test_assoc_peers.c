/* test_assoc_peers.c: two of us, over loopback: the acceptor on a thread, the requestor in the
 * test. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "yq/assoc.h"
#include "yq/file.h"

#define CT "1.2.840.10008.5.1.4.1.1.2"
#define BIG ((size_t)3 << 20)

static const struct yq_assoc_limits limits = {30, 30, 65536};

/* ---- a node of few words ---- */

struct node {
    int listener;
    unsigned port;
    pthread_t thread;
    unsigned reject; /* reason; 0: accepts */
    bool silent;     /* accepts the connection and says nothing */
    uint8_t *kept;   /* what was stored last */
    size_t kept_length;
    unsigned stored, cancels;
    enum yq_incoming end;
    struct yq_err err;
    bool relational; /* was asked for */
    char address[64];
};

static bool read_first(int fd, struct yq_buf *out)
{
    uint8_t head[6];
    if (recv(fd, head, sizeof head, MSG_WAITALL) != (ssize_t)sizeof head)
        return false;
    yq_buf_put(out, head, sizeof head);
    uint8_t *body = yq_buf_room(out, yq_be32(head + 2));
    return body && recv(fd, body, yq_be32(head + 2), MSG_WAITALL) == (ssize_t)yq_be32(head + 2);
}

static void keep_dataset(struct node *node, struct yq_assoc *assoc)
{
    struct yq_buf all = {0};
    if (yq_assoc_read_all(assoc, 1 << 24, &all, &node->err)) {
        free(node->kept);
        node->kept = all.bytes;
        node->kept_length = all.length;
        node->stored++;
    } else {
        yq_buf_fini(&all);
    }
}

/* Gives back what it keeps, as a C-STORE to the caller, in as many as the priority says. */
static bool serve_get(struct node *node, struct yq_assoc *assoc, const struct yq_message *get)
{
    const struct yq_context *context = yq_assoc_context_for(assoc, CT, "");
    struct yq_message answer;
    for (unsigned i = 0; i < 3 && context; i++) {
        struct yq_message store = {.context = context->id,
                                   .command = YQ_C_STORE_RQ,
                                   .id = yq_assoc_new_id(assoc),
                                   .sop_class = CT,
                                   .sop_instance = "1.2.3"};
        if (!yq_assoc_send(assoc, &store, node->kept, node->kept_length, &node->err))
            return false;
        do {
            if (yq_assoc_next(assoc, &answer, &node->err) != YQ_GOT_MESSAGE)
                return false;
            node->cancels += answer.command == YQ_C_CANCEL_RQ && answer.id == get->id;
        } while (answer.command != YQ_C_STORE_RSP);
        if (answer.id != store.id)
            return false;
    }
    node->cancels += yq_assoc_cancelled(assoc, get->id);
    struct yq_message done = {.context = get->context, .command = YQ_C_GET_RSP, .id = get->id};
    return yq_assoc_send(assoc, &done, NULL, 0, &node->err);
}

static bool serve(struct node *node, struct yq_assoc *assoc, const struct yq_message *message)
{
    struct yq_message answer = {
        .context = message->context, .command = message->command | 0x8000, .id = message->id};
    switch (message->command) {
    case YQ_C_STORE_RQ: keep_dataset(node, assoc); break;
    case YQ_C_GET_RQ: return serve_get(node, assoc, message);
    case YQ_C_FIND_RQ: /* one answer with all it keeps */
        answer.status = 0xff00;
        if (!yq_assoc_send(assoc, &answer, node->kept, node->kept_length, &node->err))
            return false;
        answer.status = 0;
        break;
    default: break;
    }
    return yq_assoc_send(assoc, &answer, NULL, 0, &node->err);
}

static void accept_known(struct node *node, struct yq_assoc *assoc)
{
    struct yq_context *contexts;
    size_t count = yq_assoc_contexts(assoc, &contexts);
    for (size_t i = 0; i < count; i++) {
        contexts[i].accepted = strcmp(contexts[i].abstract_syntax, "1.2.3.9.9") != 0;
        yq_copy(contexts[i].accepted_syntax, YQ_UID_SIZE, contexts[i].proposed[0]);
    }
    uint8_t info[4];
    node->relational =
        yq_assoc_extended(assoc, YQ_SOP_FIND_STUDY, info, sizeof info) == 1 && info[0] == 1;
}

static void *run_node(void *argument)
{
    struct node *node = argument;
    struct yq_assoc *assoc = NULL;
    struct yq_message message;
    struct yq_buf first = {0};
    int fd = accept(node->listener, NULL, NULL);
    if (node->silent || !read_first(fd, &first)) {
        uint8_t byte;
        while (recv(fd, &byte, 1, 0) > 0)
            ;
        close(fd);
        yq_buf_fini(&first);
        return NULL;
    }
    if (yq_assoc_receive(fd, NULL, first.bytes, first.length, &limits, &assoc, &node->err)) {
        yq_copy(node->address, sizeof node->address, yq_assoc_address(assoc));
        if (node->reject) {
            yq_assoc_reject(assoc, 1, 1, node->reject);
        } else {
            accept_known(node, assoc);
            bool open = yq_assoc_accept(assoc, &node->err);
            while (open) {
                node->end = yq_assoc_next(assoc, &message, &node->err);
                open = node->end == YQ_GOT_MESSAGE && serve(node, assoc, &message);
            }
        }
        yq_assoc_free(assoc);
    }
    yq_buf_fini(&first);
    return NULL;
}

static int listen_on_loopback(unsigned *port)
{
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t length = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &length), 0);
    *port = ntohs(here.sin_port);
    return fd;
}

static void start(struct node *node)
{
    node->listener = listen_on_loopback(&node->port);
    assert_int_equal(pthread_create(&node->thread, NULL, run_node, node), 0);
}

static void stop(struct node *node)
{
    pthread_join(node->thread, NULL);
    close(node->listener);
    free(node->kept);
}

static struct yq_assoc *call(struct node *node, const struct yq_proposal *proposals, size_t count,
                             struct yq_err *err)
{
    struct yq_call how = {.host = "127.0.0.1",
                          .port = node->port,
                          .called = "NODE",
                          .calling = "CALLER",
                          .proposals = proposals,
                          .proposal_count = count,
                          .relational = true,
                          .connect_seconds = 5,
                          .limits = limits};
    struct yq_assoc *assoc;
    return yq_assoc_request(&how, &assoc, err) ? assoc : NULL;
}

static const char *const plain[] = {YQ_TS_EXPLICIT_LE};
static const char *const htj2k[] = {YQ_TS_HTJ2K_LOSSLESS};
static const struct yq_proposal usual[] = {{YQ_SOP_VERIFICATION, plain, 1, false},
                                           {CT, plain, 1, false},
                                           {CT, htj2k, 1, false},
                                           {"1.2.3.9.9", plain, 1, false},
                                           {YQ_SOP_FIND_STUDY, plain, 1, false}};

static uint8_t *big_dataset(void)
{
    uint8_t *bytes = malloc(BIG + 1);
    unsigned value = 1;
    for (size_t i = 0; i < BIG + 1; i++)
        bytes[i] = (uint8_t)((value = value * 1103515245u + 12345u) >> 16);
    return bytes;
}

static void expect(struct yq_assoc *assoc, unsigned command, unsigned id, unsigned status)
{
    struct yq_message message;
    struct yq_err err;
    assert_int_equal(yq_assoc_next(assoc, &message, &err), YQ_GOT_MESSAGE);
    assert_int_equal(message.command, command);
    assert_int_equal(message.id, id);
    assert_int_equal(message.status, status);
}

/* ---- */

static void test_contexts_and_echo(void **state)
{
    (void)state;
    struct node node = {0};
    struct yq_err err;
    start(&node);
    struct yq_assoc *assoc = call(&node, usual, 5, &err);
    assert_non_null(assoc);
    assert_string_equal(yq_assoc_peer_implementation(assoc), YQ_IMPLEMENTATION_NAME);
    assert_int_equal(yq_assoc_context_for(assoc, CT, YQ_TS_HTJ2K_LOSSLESS)->id, 5);
    assert_int_equal(yq_assoc_context_for(assoc, CT, "")->id, 3);
    assert_null(yq_assoc_context_for(assoc, CT, YQ_TS_IMPLICIT_LE));
    assert_null(yq_assoc_context_for(assoc, "1.2.3.9.9", ""));
    assert_false(yq_assoc_context(assoc, 7)->accepted);
    struct yq_message echo = {.context = 1,
                              .command = YQ_C_ECHO_RQ,
                              .id = yq_assoc_new_id(assoc),
                              .sop_class = YQ_SOP_VERIFICATION};
    assert_true(yq_assoc_send(assoc, &echo, NULL, 0, &err));
    expect(assoc, YQ_C_ECHO_RSP, echo.id, 0);
    echo.context = 7; /* refused: never sent */
    assert_false(yq_assoc_send(assoc, &echo, NULL, 0, &err));
    yq_assoc_release(assoc);
    yq_assoc_free(assoc);
    stop(&node);
    assert_int_equal(node.end, YQ_GOT_RELEASE);
    assert_true(node.relational);
    assert_string_equal(node.address, "127.0.0.1");
}

static void test_big_there_and_back(void **state)
{
    (void)state;
    struct node node = {0};
    struct yq_err err;
    uint8_t *dataset = big_dataset();
    char path[] = "/tmp/yq-assoc-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    assert_true(yq_write_all(fd, "head", 4, &err));
    assert_true(yq_write_all(fd, dataset, BIG + 1, &err));
    start(&node);
    struct yq_assoc *assoc = call(&node, usual, 5, &err);
    struct yq_message store = {.context = 5,
                               .command = YQ_C_STORE_RQ,
                               .id = yq_assoc_new_id(assoc),
                               .sop_class = CT,
                               .sop_instance = "1.2.3"};
    assert_true(yq_assoc_send_file(assoc, &store, fd, 4, BIG + 1, &err));
    expect(assoc, YQ_C_STORE_RSP, store.id, 0);
    struct yq_message find = {.context = 9,
                              .command = YQ_C_FIND_RQ,
                              .id = yq_assoc_new_id(assoc),
                              .sop_class = YQ_SOP_FIND_STUDY};
    assert_true(yq_assoc_send(assoc, &find, "query", 5, &err));
    expect(assoc, YQ_C_FIND_RSP, find.id, 0xff00);
    struct yq_buf all = {0};
    assert_true(yq_assoc_read_all(assoc, 1 << 24, &all, &err));
    assert_int_equal(all.length, BIG + 2); /* made even on its way */
    assert_memory_equal(all.bytes, dataset, BIG + 1);
    assert_int_equal(all.bytes[BIG + 1], 0);
    yq_buf_fini(&all);
    expect(assoc, YQ_C_FIND_RSP, find.id, 0);
    /* a file that is shorter than was thought ends the association instead of sending something
     * else */
    assert_false(yq_assoc_send_file(assoc, &store, fd, 4, BIG + 2, &err));
    assert_int_equal(err.code, YQ_IO);
    yq_assoc_free(assoc);
    stop(&node);
    assert_int_equal(node.stored, 1);
    assert_int_not_equal(node.end, YQ_GOT_RELEASE);
    free(dataset);
    close(fd);
}

static void test_get_with_roles(void **state)
{
    (void)state;
    static const struct yq_proposal proposals[] = {{YQ_SOP_GET_STUDY, plain, 1, false},
                                                   {CT, plain, 1, true}};
    struct node node = {.kept = big_dataset(), .kept_length = BIG};
    struct yq_err err;
    struct yq_message message;
    start(&node);
    struct yq_assoc *assoc = call(&node, proposals, 2, &err);
    assert_non_null(assoc);
    assert_null(yq_assoc_context_for(assoc, CT, "")); /* there we are SCP */
    struct yq_message get = {.context = 1,
                             .command = YQ_C_GET_RQ,
                             .id = yq_assoc_new_id(assoc),
                             .sop_class = YQ_SOP_GET_STUDY};
    assert_true(yq_assoc_send(assoc, &get, "query", 5, &err));
    for (int i = 0; i < 3; i++) {
        struct yq_buf all = {0};
        assert_int_equal(yq_assoc_next(assoc, &message, &err), YQ_GOT_MESSAGE);
        assert_int_equal(message.command, YQ_C_STORE_RQ);
        assert_true(yq_assoc_read_all(assoc, 1 << 24, &all, &err));
        assert_memory_equal(all.bytes, node.kept, BIG);
        yq_buf_fini(&all);
        if (i == 1) { /* between two answers */
            struct yq_message cancel = {.context = 1, .command = YQ_C_CANCEL_RQ, .id = get.id};
            assert_true(yq_assoc_send(assoc, &cancel, NULL, 0, &err));
        }
        struct yq_message answer = {.context = message.context,
                                    .command = YQ_C_STORE_RSP,
                                    .id = message.id,
                                    .sop_class = CT,
                                    .sop_instance = "1.2.3"};
        assert_true(yq_assoc_send(assoc, &answer, NULL, 0, &err));
    }
    expect(assoc, YQ_C_GET_RSP, get.id, 0);
    yq_assoc_release(assoc);
    yq_assoc_free(assoc);
    stop(&node);
    assert_int_equal(node.cancels, 1);
    assert_int_equal(node.end, YQ_GOT_RELEASE);
}

static void test_abort(void **state)
{
    (void)state;
    struct node node = {0};
    struct yq_err err;
    start(&node);
    struct yq_assoc *assoc = call(&node, usual, 5, &err);
    yq_assoc_abort(assoc);
    yq_assoc_free(assoc);
    stop(&node);
    assert_int_equal(node.end, YQ_GOT_ABORT);
}

static void test_rejections_in_plain_words(void **state)
{
    (void)state;
    static const struct {
        unsigned reason;
        const char *words;
    } cases[] = {{1, "no reason"},
                 {3, "calling AE title not recognized \xe2\x80\x94 the peer must add CALLER"},
                 {7, "called AE title not recognized"}};
    for (size_t i = 0; i < 3; i++) {
        struct node node = {.reject = cases[i].reason};
        struct yq_err err;
        start(&node);
        assert_null(call(&node, usual, 5, &err));
        assert_int_equal(err.code, YQ_REFUSED);
        assert_non_null(strstr(err.text, cases[i].words));
        stop(&node);
    }
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct node node = {0};
    struct yq_err err;
    int fd = listen_on_loopback(&node.port);
    close(fd);
    assert_null(call(&node, usual, 5, &err));
    assert_int_equal(err.code, YQ_PEER_GONE);
    assert_non_null(strstr(err.text, "nothing listens on 127.0.0.1:"));

    struct yq_call how = {.host = "no-such-host.invalid",
                          .port = 104,
                          .called = "NODE",
                          .calling = "CALLER",
                          .proposals = usual,
                          .proposal_count = 1,
                          .connect_seconds = 1,
                          .limits = limits};
    struct yq_assoc *assoc;
    assert_false(yq_assoc_request(&how, &assoc, &err));
    assert_non_null(strstr(err.text, "cannot find host no-such-host.invalid"));
    assert_null(assoc);
}

static void test_no_answer(void **state)
{
    (void)state;
    struct node node = {.silent = true};
    struct yq_err err;
    struct yq_assoc *assoc;
    start(&node);
    struct yq_call how = {.host = "localhost",
                          .port = node.port,
                          .called = "NODE",
                          .calling = "CALLER",
                          .proposals = usual,
                          .proposal_count = 1,
                          .connect_seconds = 5,
                          .limits = {1, 1, 0}};
    assert_false(yq_assoc_request(&how, &assoc, &err));
    assert_int_equal(err.code, YQ_TIMEOUT);
    assert_non_null(strstr(err.text, "no answer within 1 s"));
    stop(&node);
}

/* Answers an A-ASSOCIATE-RQ with fixed bytes. */
struct parrot {
    int listener;
    const uint8_t *bytes;
    size_t length;
};

static void *run_parrot(void *argument)
{
    struct parrot *parrot = argument;
    struct yq_buf first = {0};
    int fd = accept(parrot->listener, NULL, NULL);
    if (read_first(fd, &first) &&
        send(fd, parrot->bytes, parrot->length, MSG_NOSIGNAL) == (ssize_t)parrot->length)
        (void)shutdown(fd, SHUT_WR);
    uint8_t byte;
    while (recv(fd, &byte, 1, 0) > 0)
        ;
    close(fd);
    yq_buf_fini(&first);
    return NULL;
}

static void test_nonsense_for_an_answer(void **state)
{
    (void)state;
    static const uint8_t http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    static const uint8_t data[] = {4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 3};
    static const uint8_t release[] = {5, 0, 0, 0, 0, 4, 0, 0, 0, 0};
    static const uint8_t empty_answer[80] = {2, 0,  0, 0,
                                             0, 74, 0, 1}; /* ends in an item of type 0 */
    static const uint8_t cut_answer[] = {2, 0, 0, 0, 0, 74, 0, 1};
    static const uint8_t aborted[] = {7, 0, 0, 0, 0, 4, 0, 0, 2, 0};
    static const struct {
        const uint8_t *bytes;
        size_t length;
        enum yq_code code;
    } cases[] = {
        {http, sizeof http - 1, YQ_BAD_INPUT},   {data, sizeof data, YQ_BAD_INPUT},
        {release, sizeof release, YQ_BAD_INPUT}, {empty_answer, 79, YQ_PEER_GONE},
        {empty_answer, 80, YQ_BAD_INPUT},        {cut_answer, sizeof cut_answer, YQ_PEER_GONE},
        {aborted, sizeof aborted, YQ_REFUSED},   {http, 0, YQ_PEER_GONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct node node = {0};
        struct yq_err err;
        struct parrot parrot = {.bytes = cases[i].bytes, .length = cases[i].length};
        pthread_t thread;
        parrot.listener = listen_on_loopback(&node.port);
        assert_int_equal(pthread_create(&thread, NULL, run_parrot, &parrot), 0);
        assert_null(call(&node, usual, 5, &err));
        assert_int_equal(err.code, cases[i].code);
        pthread_join(thread, NULL);
        close(parrot.listener);
    }
}

static void test_what_cannot_be_asked(void **state)
{
    (void)state;
    struct node node = {.port = 0};
    struct yq_err err;
    assert_null(call(&node, usual, 5, &err)); /* no port */
    assert_int_equal(err.code, YQ_BAD_INPUT);
    start(&node);
    assert_null(call(&node, usual, 0, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    stop(&node);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 512; fd++)
        count += lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF;
    return count;
}

/* Every test before must have closed what it opened. */
static void test_no_descriptor_is_left(void **state)
{
    (void)state;
    struct node node = {0};
    struct yq_err err;
    for (int i = 0; i < 2; i++) {
        unsigned before = open_descriptors();
        memset(&node, 0, sizeof node);
        node.reject = (unsigned)i;
        start(&node);
        struct yq_assoc *assoc = call(&node, usual, 5, &err);
        if (assoc)
            yq_assoc_release(assoc);
        yq_assoc_free(assoc);
        stop(&node);
        assert_int_equal(open_descriptors(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contexts_and_echo),
        cmocka_unit_test(test_big_there_and_back),
        cmocka_unit_test(test_get_with_roles),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_rejections_in_plain_words),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_nonsense_for_an_answer),
        cmocka_unit_test(test_what_cannot_be_asked),
        cmocka_unit_test(test_no_descriptor_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

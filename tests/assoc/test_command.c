/* test_command.c: command sets there and back, and what devices do to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "yq/assoc.h"

static struct yq_message there_and_back(const struct yq_message *message)
{
    struct yq_buf bytes = {0};
    struct yq_message out;
    struct yq_err err;
    yq_command_encode(message, &bytes);
    assert_false(bytes.failed);
    assert_int_equal(yq_le32(bytes.bytes + 8), bytes.length - 12);
    assert_true(yq_command_decode(bytes.bytes, bytes.length, &out, &err));
    yq_buf_fini(&bytes);
    return out;
}

static void test_store_request(void **state)
{
    (void)state;
    struct yq_message in = {.command = YQ_C_STORE_RQ,
                            .id = 0x1234,
                            .sop_class = "1.2.840.10008.5.1.4.1.1.2",
                            .sop_instance = "1.2.3.45", /* even */
                            .priority = 1,
                            .has_dataset = true,
                            .move_originator = "SCANNER",
                            .move_originator_id = 7};
    struct yq_message out = there_and_back(&in);
    assert_int_equal(out.command, YQ_C_STORE_RQ);
    assert_int_equal(out.id, 0x1234);
    assert_string_equal(out.sop_class, in.sop_class);
    assert_string_equal(out.sop_instance, in.sop_instance);
    assert_int_equal(out.priority, 1);
    assert_true(out.has_dataset);
    assert_string_equal(out.move_originator, "SCANNER");
    assert_int_equal(out.move_originator_id, 7);
    assert_false(out.requested);
}

static void test_move_answers(void **state)
{
    (void)state;
    struct yq_message in = {.command = YQ_C_MOVE_RSP,
                            .id = 3,
                            .status = 0xff00,
                            .has_counts = true,
                            .remaining = 5,
                            .completed = 4,
                            .failed = 3,
                            .warning = 2,
                            .comment = "odd",
                            .offending = 0x00100020};
    struct yq_message out = there_and_back(&in);
    assert_int_equal(out.status, 0xff00);
    assert_false(out.has_dataset);
    assert_true(out.has_counts);
    assert_int_equal(out.remaining, 5);
    assert_int_equal(out.completed, 4);
    assert_int_equal(out.failed, 3);
    assert_int_equal(out.warning, 2);
    assert_string_equal(out.comment, "odd");
    assert_int_equal(out.offending, 0x00100020);
    in.status = 0; /* what remains is not told at the end */
    assert_int_equal(there_and_back(&in).remaining, 0);
}

static void test_action_and_event(void **state)
{
    (void)state;
    struct yq_message action = {.command = YQ_N_ACTION_RQ,
                                .id = 9,
                                .sop_class = YQ_SOP_COMMITMENT,
                                .sop_instance = YQ_SOP_COMMITMENT_INSTANCE,
                                .requested = true,
                                .type_id = 1,
                                .has_dataset = true};
    struct yq_message out = there_and_back(&action);
    assert_true(out.requested);
    assert_int_equal(out.type_id, 1);
    assert_string_equal(out.sop_instance, YQ_SOP_COMMITMENT_INSTANCE);
    struct yq_message event = {
        .command = YQ_N_EVENT_REPORT_RSP, .id = 9, .type_id = 2, .sop_class = YQ_SOP_COMMITMENT};
    out = there_and_back(&event);
    assert_false(out.requested);
    assert_int_equal(out.type_id, 2);
}

/* A C-ECHO-RQ as no standard has it: out of order, odd length, unknown elements, wrong group
 * length. */
static const uint8_t untidy[] = {
    0x00, 0x00, 0x00, 0x08, 2, 0, 0, 0, 0x01, 0x01,                  /* no dataset */
    0x00, 0x00, 0x10, 0x01, 2, 0, 0, 0, 0x05, 0x00,                  /* message id */
    0x00, 0x00, 0x77, 0x77, 3, 0, 0, 0, 'a',  'b',  'c',             /* unknown, odd */
    0x00, 0x00, 0x02, 0x00, 5, 0, 0, 0, '1',  '.',  '2',  '.',  '3', /* class, unpadded */
    0x00, 0x00, 0x00, 0x00, 4, 0, 0, 0, 0xff, 0xff, 0x00, 0x00,      /* group length */
    0x00, 0x00, 0x00, 0x01, 2, 0, 0, 0, 0x30, 0x00,                  /* command field */
};

static void test_untidy_is_understood(void **state)
{
    (void)state;
    struct yq_message out;
    struct yq_err err;
    assert_true(yq_command_decode(untidy, sizeof untidy, &out, &err));
    assert_int_equal(out.command, YQ_C_ECHO_RQ);
    assert_int_equal(out.id, 5);
    assert_string_equal(out.sop_class, "1.2.3");
    assert_false(out.has_dataset);
}

static void test_broken_is_refused(void **state)
{
    (void)state;
    struct yq_message out;
    struct yq_err err = {0};
    /* every cut leaves an element without end or the command field out */
    for (size_t length = 0; length < sizeof untidy; length++) {
        assert_false(yq_command_decode(untidy, length, &out, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
    }
    uint8_t bytes[sizeof untidy];
    memcpy(bytes, untidy, sizeof bytes);
    memset(bytes + 4, 0xff, 4); /* undefined length */
    assert_false(yq_command_decode(bytes, sizeof bytes, &out, &err));
    memcpy(bytes, untidy, sizeof bytes);
    bytes[0] = 8; /* an element of another group */
    assert_false(yq_command_decode(bytes, sizeof bytes, &out, &err));
}

static void test_long_texts(void **state)
{
    (void)state;
    struct yq_message out;
    struct yq_err err = {0};
    struct yq_buf bytes = {0};
    char uid[66];
    memset(uid, '1', sizeof uid);
    yq_buf_put(&bytes, untidy, sizeof untidy);
    yq_buf_put_le32(&bytes, 0x10000000);
    yq_buf_put_le32(&bytes, 64);
    yq_buf_put(&bytes, uid, 64);
    assert_true(yq_command_decode(bytes.bytes, bytes.length, &out, &err));
    assert_int_equal(strlen(out.sop_instance), 64);
    yq_buf_put_le32(&bytes, 0x10000000);
    yq_buf_put_le32(&bytes, 65);
    yq_buf_put(&bytes, uid, 65);
    assert_false(yq_command_decode(bytes.bytes, bytes.length, &out, &err));
    assert_int_equal(err.code, YQ_BAD_INPUT);
    yq_buf_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_request),     cmocka_unit_test(test_move_answers),
        cmocka_unit_test(test_action_and_event),  cmocka_unit_test(test_untidy_is_understood),
        cmocka_unit_test(test_broken_is_refused), cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

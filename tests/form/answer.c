/* answer.c: JSON of others, looked into by path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yq/form.h"

static struct yq_answer *read_answer(const char *text)
{
    struct yq_answer *answer = NULL;
    struct yq_err err = {0};
    if (!yq_answer_read(text, strlen(text), &answer, &err))
        fail_msg("%s: %s", text, err.text);
    return answer;
}

static void check_value(const struct yq_answer *answer, const char *path, const char *wanted)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    bool there = yq_answer_get(answer, path, &out);
    assert_int_equal(there, wanted != NULL);
    if (wanted)
        assert_string_equal(yq_buf_text(&out), wanted);
}

static void values_are_found_by_their_path(void **state)
{
    (void)state;
    struct yq_answer *answer =
        read_answer("{\"code\":1,\"text\":\"成功\",\"ms\":1761766532029,\"share\":0.5,\"ok\":true,"
                    "\"none\":null,\"data\":{\"uids\":[\"a\",\"b\",{\"c\":2}]}}");
    check_value(answer, "code", "1");
    check_value(answer, "text", "成功");
    check_value(answer, "ms", "1761766532029");
    check_value(answer, "share", "0.5");
    check_value(answer, "ok", "true");
    check_value(answer, "none", NULL);
    check_value(answer, "Code", NULL);
    check_value(answer, "data.uids[1]", "b");
    check_value(answer, "data.uids[2].c", "2");
    check_value(answer, "data.uids[3]", NULL);
    check_value(answer, "data.uids[-1]", NULL);
    check_value(answer, "data.uids", "[\"a\",\"b\",{\"c\":2}]");
    assert_int_equal(yq_answer_count(answer, "data.uids"), 3);
    assert_int_equal(yq_answer_count(answer, "data"), 0);
    assert_string_equal(yq_answer_name(answer, "", 6), "data");
    assert_null(yq_answer_name(answer, "", 7));
    assert_int_equal(yq_answer_type(answer, "code"), YQ_ANSWER_NUMBER);
    yq_answer_free(answer);
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    char deep[80];
    memset(deep, '[', 40);
    memset(deep + 40, ']', 39);
    deep[79] = '\0';
    const char *const bad[] = {"", "{", "{\"a\":1} x", "<html>", "{\"a\":\"\xff\"}", deep};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct yq_answer *answer = NULL;
        struct yq_err err = {0};
        assert_false(yq_answer_read(bad[i], strlen(bad[i]), &answer, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_are_found_by_their_path),
                                       cmocka_unit_test(what_is_no_json_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

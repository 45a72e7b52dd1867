/* JSON as it leaves the node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yq/form.h"

static void expect(struct yq_json *take, const char *text)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    assert_true(yq_json_print(take, false, &out));
    assert_string_equal(yq_buf_text(&out), text);
    yq_json_free(take);
}

static void values_of_every_kind(void **state)
{
    (void)state;
    struct yq_json *list = yq_json_array();
    yq_json_text(list, NULL, "a\"\\\n");
    yq_json_number(list, NULL, 9007199254740992.0);
    yq_json_add(list, NULL, yq_json_object());
    struct yq_json *top = yq_json_object();
    yq_json_text(top, "name", "欧阳^娜娜");
    yq_json_text(top, "none", NULL);
    yq_json_number(top, "total", 123456789012.0);
    yq_json_flag(top, "yes", true);
    yq_json_add(top, "list", list);
    expect(top, "{\"name\":\"欧阳^娜娜\",\"none\":null,\"total\":123456789012,\"yes\":true,"
                "\"list\":[\"a\\\"\\\\\\n\",9007199254740992,{}]}");
}

static void indented_text_has_lines(void **state)
{
    (void)state;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    struct yq_json *top = yq_json_object();
    yq_json_flag(top, "no", false);
    assert_true(yq_json_print(top, true, &out));
    assert_non_null(strchr(yq_buf_text(&out), '\n'));
    yq_json_free(top);
}

static void a_failure_below_fails_the_print(void **state)
{
    (void)state;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    struct yq_json *top = yq_json_object();
    yq_json_add(top, "gone", NULL); /* what a failed yq_json_object hands on */
    yq_json_flag(top, "later", true);
    assert_false(yq_json_print(top, false, &out));
    yq_json_free(top);
    assert_false(yq_json_print(NULL, false, &out));

    struct yq_buf small yq_cleanup(yq_buf_fini) = {.most = 1};
    top = yq_json_object();
    assert_false(yq_json_print(top, false, &small));
    yq_json_free(top);
}

static void bytes_that_are_no_utf8_do_not_leave(void **state)
{
    (void)state;
    struct yq_json *list = yq_json_array();
    yq_json_text(list, NULL, "a\xff");
    expect(list, "[\"a\xef\xbf\xbd\"]");
}

static void a_row_names_its_values(void **state)
{
    (void)state;
    const char *values[YQ_ATTR_COUNT] = {0};
    values[YQ_PatientName] = "张^晓东";
    values[YQ_PatientID] = "0012";
    values[YQ_SeriesNumber] = "3";
    values[YQ_NumberOfStudyRelatedInstances] = "1200";
    values[YQ_ModalitiesInStudy] = "CT\\SR";
    values[YQ_InstanceNumber] = "***";
    values[YQ_StudyDescription] = "";
    expect(yq_form_row(values),
           "{\"PatientName\":\"张^晓东\",\"PatientID\":\"0012\",\"StudyDescription\":\"\","
           "\"ModalitiesInStudy\":\"CT\\\\SR\",\"NumberOfStudyRelatedInstances\":1200,"
           "\"SeriesNumber\":3,\"InstanceNumber\":\"***\"}");
}

static void numbers_too_large_for_json_stay_text(void **state)
{
    (void)state;
    const char *values[YQ_ATTR_COUNT] = {0};
    values[YQ_InstanceNumber] = "99999999999999999999";
    expect(yq_form_row(values), "{\"InstanceNumber\":\"99999999999999999999\"}");
    values[YQ_InstanceNumber] = "1\\2";
    expect(yq_form_row(values), "{\"InstanceNumber\":\"1\\\\2\"}");
    values[YQ_InstanceNumber] = "";
    expect(yq_form_row(values), "{\"InstanceNumber\":\"\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind),
        cmocka_unit_test(indented_text_has_lines),
        cmocka_unit_test(a_failure_below_fails_the_print),
        cmocka_unit_test(bytes_that_are_no_utf8_do_not_leave),
        cmocka_unit_test(a_row_names_its_values),
        cmocka_unit_test(numbers_too_large_for_json_stay_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* signers.c: signers.csv: who a doctor is to the signing service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#include "yq/conf.h"

static struct yq_conf conf;
static struct yq_err err;
static char path[YQ_PATH_MOST + 32], user[128];

static int set_up(void **state)
{
    (void)state;
    snprintf(conf.folder, sizeof conf.folder, "/tmp/yq-signers-XXXXXX");
    assert_non_null(mkdtemp(conf.folder));
    snprintf(path, sizeof path, "%s/signers.csv", conf.folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(conf.folder);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static enum yq_code ask(const char *doctor)
{
    memset(&err, 0, sizeof err);
    bool found = yq_conf_signer(&conf, doctor, user, sizeof user, &err);
    assert_int_equal(found, err.code == YQ_OK);
    return err.code;
}

static void a_doctor_is_found_by_his_code(void **state)
{
    (void)state;
    assert_int_equal(ask("D1"), YQ_ABSENT);
    assert_non_null(strstr(err.text, "signers.csv"));
    write_file("\xef\xbb\xbf"
               "name,doctor,userId\r\n李四,D1,548a43ae\r\n王五,D2,\"1db7\"\r\n");
    assert_int_equal(ask("D2"), YQ_OK);
    assert_string_equal(user, "1db7");
    assert_int_equal(ask("D1"), YQ_OK);
    assert_string_equal(user, "548a43ae");
    assert_int_equal(ask("D3"), YQ_ABSENT);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    write_file("doctor,user\nD1,x\n");
    assert_int_equal(ask("D1"), YQ_BAD_INPUT);
    assert_non_null(strstr(err.text, "signers.csv:1:"));
    write_file("doctor,userId\nD1\nD2,x\n");
    assert_int_equal(ask("D2"), YQ_BAD_INPUT);
    assert_non_null(strstr(err.text, "signers.csv:2:"));
    write_file("doctor,userId\nD1,\n");
    assert_int_equal(ask("D1"), YQ_BAD_INPUT);
    write_file("doctor,userId\nD1,\"x\n");
    assert_int_equal(ask("D1"), YQ_BAD_INPUT);
    write_file("");
    assert_int_equal(ask("D1"), YQ_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_doctor_is_found_by_his_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_told_with_its_line, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

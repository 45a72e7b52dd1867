/* hl7.c: HL7 messages in memory: delimiters, escapes, paths, what deletes, answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yq/hl7.h"

static struct yq_hl7 parsed(const char *text)
{
    struct yq_hl7 message;
    struct yq_err err;
    assert_true(yq_hl7_parse(text, strlen(text), &message, &err));
    return message;
}

static enum yq_hl7_found get(const struct yq_hl7 *message, const char *name, struct yq_buf *out)
{
    struct yq_hl7_range all = {0, message->count};
    struct yq_hl7_path path;
    assert_true(yq_hl7_path_parse(name, &path));
    yq_buf_clear(out);
    return yq_hl7_get(message, &all, 1, &path, out);
}

static void values_by_path(void **state)
{
    (void)state;
    static const struct {
        const char *path, *value; /* NULL: absent */
    } cases[] = {
        {"MSH-1", "|"},
        {"MSH-2", "^~\\&"},
        {"MSH-3", "RIS"},
        {"MSH-9.2", "R01"},
        {"PID-3.1", "1"},
        {"PID-3[2].1", "2"},
        {"PID-3[NI].1", "3"},
        {"PID-3[ni].1", "3"},
        {"PID-3[all].1", "1\n2\n3"},
        {"PID-3[9].1", NULL},
        {"PID-3[XX].1", NULL},
        {"PID-5.name", "欧阳娜"},
        {"PID-5[A].name", "Ouyang Na"},
        {"PID-99", NULL},
        {"PV1-1", NULL},
        {"OBR-16.code", "1001"},
        {"OBR-16.person", "李医生"},
        {"OBR-17.code", NULL},
        {"OBR-17.person", "王医生"},
        {"OBR-32.1.2", "周"},
        {"OBR-4.text", "胸部CT"},
        {"OBR-4", "CT1^胸部CT"},
        {"OBX-5", "甲~乙"},
        {"OBX[2]-5", "丙"},
        {"OBX[SEE]-5", "甲\n乙\n丙"},
        {"OBX[所见]-5", "甲\n乙\n丙"},
        {"OBX[IMP]-5", "丁"},
        {"OBX[@101]-5", "戊"},
        {"OBX[113014]-5", "庚"},
        {"OBX[GONE]-5", NULL},
        {"OBX[SN1]-5.text", "<1:80"},
        {"OBX[CE1]-5.text", "阳性"},
    };
    struct yq_buf out = {0};
    struct yq_hl7 message =
        parsed("MSH|^~\\&|RIS|H|||2026||ORU^R01|1|P|2.5\r"
               "PID|1||1^^^A^MR~2^^^B^PI~3^^^C^NI||欧阳^娜^^^^^^I~Ouyang^Na^^^^^^A\n"
               "OBR|1|||CT1^胸部CT"
               "||||||||||||1001^李^医生|王医生"
               "|||||||||||||||9&周&医生^2026\r\n"
               "OBX|1|TX|SEE^所见||甲~乙\rOBX|2|TX|SEE^所见||丙||||||F\rOBX|3|TX|CT&IMP||丁\r"
               "OBX|4|TX|101^码||戊\rOBX|5|TX|GONE||己||||||D\rOBX|6|SN|SN1||<^1^:^80\r"
               "OBX|7|CE|CE1||P^阳性^L\rOBX|8|ST|113014^UID||庚\r");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum yq_hl7_found found = get(&message, cases[i].path, &out);
        const char *wanted = cases[i].value ? cases[i].value : "";
        bool plain = strcmp(cases[i].path, "OBX-5") == 0; /* the first repetition alone */
        assert_int_equal(found, cases[i].value ? YQ_HL7_THERE : YQ_HL7_ABSENT);
        assert_string_equal(yq_buf_text(&out), plain ? "甲" : wanted);
    }
    yq_hl7_fini(&message);
    yq_buf_fini(&out);
}

static void what_is_no_path(void **state)
{
    (void)state;
    static const char *const names[] = {"",        "PID",      "PID-",        "PID-0",  "PID-3.",
                                        "PID-3.0", "PID-1000", "PID[]-3",     "PID-3[", "pid-3",
                                        "PIDX-3",  "PID-3.1.", "PID-3.1.2.3", "PID-3x", "#status"};
    struct yq_hl7_path path;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(yq_hl7_path_parse(names[i], &path));
}

static void escapes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"a\\F\\b\\S\\c\\R\\d\\T\\e\\E\\f", "a|b^c~d&e\\f"},
        {"1\\.br\\2\\.sp2\\3\\.ce\\4", "1\n2\n\n3\n4"},
        {"\\H\\bold\\N\\", "bold"},
        {"\\X0D0A\\\\X41\\", "\nA"},
        {"C:\\dir\\file", "C:\\dir\\file"},
        {"a\\", "a\\"},
        {"\\X4\\", "\\X4\\"},
        {"\\XE5BC82\\", "异"},
        {"\\.sp9999\\", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"},
    };
    struct yq_hl7 message = parsed("MSH|^~\\&|RIS");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_buf out = {0};
        yq_hl7_unescape(&message, cases[i].text, strlen(cases[i].text), &out);
        assert_string_equal(yq_buf_text(&out), cases[i].value);
        yq_buf_fini(&out);
    }
    yq_hl7_fini(&message);
}

static void two_quotes_delete(void **state)
{
    (void)state;
    struct yq_buf out = {0};
    struct yq_hl7 message = parsed("MSH|^~\\&|RIS\rPID|1||\"\"|||19|\"\"^x\r");
    assert_int_equal(get(&message, "PID-3", &out), YQ_HL7_DELETED);
    assert_int_equal(get(&message, "PID-3[MR].1", &out), YQ_HL7_DELETED);
    assert_int_equal(get(&message, "PID-7.1", &out), YQ_HL7_DELETED);
    assert_int_equal(get(&message, "PID-7.2", &out), YQ_HL7_THERE);
    assert_int_equal(get(&message, "PID-4", &out), YQ_HL7_ABSENT);
    yq_hl7_fini(&message);
    yq_buf_fini(&out);
}

static void other_delimiters(void **state)
{
    (void)state;
    struct yq_buf out = {0};
    struct yq_hl7 message = parsed("MSH#*!?@#RIS\rOBR#1###a@b*c!d?S?e\r");
    assert_int_equal(get(&message, "OBR-4.1.2", &out), YQ_HL7_THERE);
    assert_string_equal(yq_buf_text(&out), "b");
    assert_int_equal(get(&message, "OBR-4[2]", &out), YQ_HL7_THERE);
    assert_string_equal(yq_buf_text(&out), "d*e");
    yq_hl7_fini(&message);
    yq_buf_fini(&out);
}

static void what_is_no_message(void **state)
{
    (void)state;
    static const char *const texts[] = {"",           "MSH",       "MSH|",          "PID|1",
                                        "MSHA^~\\&|", "MSH||||||", "MSH|^~\\&#@!|x"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct yq_hl7 message;
        struct yq_err err;
        assert_false(yq_hl7_parse(texts[i], strlen(texts[i]), &message, &err));
        assert_int_equal(err.code, YQ_BAD_INPUT);
    }
}

static void lines_within_a_text_belong_to_it(void **state)
{
    (void)state;
    struct yq_buf out = {0};
    struct yq_hl7 message = parsed("MSH|^~\\&|RIS\rOBX|1|TX|a||one\ntwo\r\nthree|x\rNTE|1");
    assert_int_equal(message.count, 3);
    assert_int_equal(get(&message, "OBX-5", &out), YQ_HL7_THERE);
    assert_string_equal(yq_buf_text(&out), "one\ntwo\nthree");
    yq_hl7_fini(&message);
    yq_buf_fini(&out);
}

static void the_set_of_the_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *assume, *contains;
    } cases[] = {
        {"MSH|^~\\&|R|\x9c\x7c|||||||||||||||GBK\rPID|1||\xd5\xc5", "", "张"},
        {"MSH|^~\\&|R||||||||||||||||GB 18030-2000\rPID|1||\xd5\xc5", "", "张"},
        {"MSH|^~\\&|R||||||||||||||||UNICODE UTF-8\rPID|1||\xe5\xbc\xa0", "", "张"},
        {"MSH|^~\\&|R\rPID|1||\xe5\xbc\xa0\xe4\xb8\x89", "", "张三"},
        {"MSH|^~\\&|R\rPID|1||\xd5\xc5\xc8\xfd", "", "张三"},
        {"MSH|^~\\&|R||||||||||||||||UNICODE UTF-8\rPID|1||\xd5\xc5", "gb18030", "张"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_buf out = {0};
        char charset[YQ_HL7_CHARSET_SIZE];
        bool doubtful = false;
        yq_hl7_decode(cases[i].bytes, strlen(cases[i].bytes), cases[i].assume, &out, charset,
                      &doubtful);
        assert_non_null(strstr(yq_buf_text(&out), cases[i].contains));
        assert_false(doubtful);
        yq_buf_fini(&out);
    }
}

static void answers(void **state)
{
    (void)state;
    const struct yq_hl7_answer answer = {.code = "AE",
                                         .control = "9",
                                         .time = "20260301",
                                         .location = "OBX[3]-5.1",
                                         .condition = 102,
                                         .text = "a|b",
                                         .user_text = "丙"};
    struct yq_buf out = {0};
    struct yq_hl7 message = parsed("MSH|^~\\&|RIS^1|H|YQ|N|2026||ORU^R01|C1|P|2.5.1");
    yq_hl7_answer_write(&message, "", &answer, &out);
    assert_string_equal(yq_buf_text(&out),
                        "MSH|^~\\&|YQ|N|RIS^1|H|20260301||ACK^R01^ACK|9|P|2.5.1\r"
                        "MSA|AE|C1|a\\F\\b\r"
                        "ERR||OBX^3^5^1^1|102^Data type error^HL70357|E|||a\\F\\b|丙\r");
    yq_hl7_fini(&message);
    yq_buf_clear(&out);
    message = parsed("MSH|^~\\&|RIS|H|YQ|N|2026||ORU^R01|C1|P|2.3|||AL|NE||GBK");
    struct yq_hl7_head head;
    yq_hl7_head_read(&message, &head);
    assert_true(yq_hl7_enhanced(&head));
    yq_hl7_answer_write(&message, "", &answer, &out);
    assert_non_null(strstr(yq_buf_text(&out), "\rERR|OBX^3^5^102&Data type error&HL70357\r"));
    yq_hl7_fini(&message);
    yq_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_by_path),
        cmocka_unit_test(what_is_no_path),
        cmocka_unit_test(escapes),
        cmocka_unit_test(two_quotes_delete),
        cmocka_unit_test(other_delimiters),
        cmocka_unit_test(what_is_no_message),
        cmocka_unit_test(lines_within_a_text_belong_to_it),
        cmocka_unit_test(the_set_of_the_bytes),
        cmocka_unit_test(answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

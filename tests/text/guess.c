/* What labels are worth: headers of devices as they are found in hospitals, judged as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yq/text.h"

/* A header in UTF-8; what its device writes it in, what it calls that, and what we take it for. */
struct header {
    const char *values[4];
    const char *written, *declared, *assume, *judged;
    enum yq_read_as reading;
};

#define CHINESE                                                                                    \
    {                                                                                              \
        "Zhang^XiaoDong=张^晓东", "胸部CT平扫"                                                 \
    }
#define TRADITIONAL                                                                                \
    {                                                                                              \
        "Zhang^Cheng=張^誠", "診斷記錄"                                                        \
    }
#define FRENCH                                                                                     \
    {                                                                                              \
        "Buc^Jérôme", "Épaule à l'arrière, créée", "Hôpital Saint-Éloi"                          \
    }
#define GERMAN                                                                                     \
    {                                                                                              \
        "Äneas^Rüdiger", "Größe, Schädel", "Universitätsklinikum Köln"                           \
    }
#define GUESS YQ_READ_AS_GUESSED
#define DECLARED YQ_READ_AS_DECLARED
#define ASSUMED YQ_READ_AS_ASSUMED

static const struct header headers[] = {
    /* GBK under anything that devices write without thinking */
    {CHINESE, "GBK", "", "", "GB18030", GUESS},
    {CHINESE, "GBK", "ISO_IR 6", "", "GB18030", GUESS},
    {CHINESE, "GBK", "ISO_IR 100", "", "GB18030", GUESS},
    {CHINESE, "GBK", "ISO 2022 IR 100", "", "GB18030", GUESS},
    {CHINESE, "GBK", "ISO_IR 148", "", "GB18030", GUESS},
    {CHINESE, "GBK", "KLINGON", "", "GB18030", GUESS},
    {CHINESE, "GBK", "ISO_IR 192", "", "GB18030", GUESS},
    {TRADITIONAL, "GBK", "", "", "GB18030", GUESS},
    {TRADITIONAL, "GBK", "ISO_IR 100", "", "GB18030", GUESS},
    {TRADITIONAL, "GBK", "ISO_IR 192", "", "GB18030", GUESS},
    {{"李^㐀", "颅脑"}, "GB18030", "ISO_IR 100", "", "GB18030", GUESS},
    {{"欧阳娜娜"}, "GBK", "ISO_IR 100", "", "GB18030", GUESS},
    {{"覃鑫"}, "GBK", "", "", "GB18030", GUESS},
    {{"阚^珺毓"}, "GBK", "ISO_IR 148", "", "GB18030", GUESS},
    {{"谢岚慧"}, "GBK", "", "", "GB18030", GUESS}, /* by its bytes also Lepcha in UTF-8 */
    {{"王芳"}, "GBK", "ISO_IR 144", "", "ISO_IR 144", DECLARED}, /* nobody can tell */
    {{"张三", "Köln"}, "GB18030", "ISO_IR 100", "", "GB18030", GUESS},
    /* UTF-8 */
    {CHINESE, "ISO_IR 192", "", "", "ISO_IR 192", GUESS},
    {CHINESE, "ISO_IR 192", "ISO_IR 6", "", "ISO_IR 192", GUESS},
    {CHINESE, "ISO_IR 192", "ISO_IR 100", "", "ISO_IR 192", GUESS},
    {CHINESE, "ISO_IR 192", "GB18030", "", "ISO_IR 192", GUESS},
    {CHINESE, "ISO_IR 192", "GBK", "", "ISO_IR 192", GUESS},
    {CHINESE, "ISO_IR 192", "\\ISO 2022 IR 58", "", "ISO_IR 192", GUESS},
    {CHINESE, "ISO_IR 192", "ISO_IR 144", "", "ISO_IR 192", GUESS},
    {TRADITIONAL, "ISO_IR 192", "GB18030", "", "ISO_IR 192", GUESS},
    {FRENCH, "ISO_IR 192", "ISO_IR 100", "", "ISO_IR 192", GUESS},
    {{"Ñíguez"}, "ISO_IR 192", "ISO_IR 100", "", "ISO_IR 192", GUESS},
    {{"Иванов^Иван", "голова"}, "ISO_IR 192", "", "", "ISO_IR 192", GUESS},
    {{"สมชาย^ใจดี"}, "ISO_IR 192", "ISO_IR 166", "", "ISO_IR 192", GUESS},
    /* ISO 2022 with escape sequences that nobody announced */
    {CHINESE, "\\ISO 2022 IR 58", "", "", "\\ISO 2022 IR 58", GUESS},
    {CHINESE, "\\ISO 2022 IR 58", "ISO_IR 100", "", "ISO 2022 IR 100\\ISO 2022 IR 58", GUESS},
    {CHINESE, "\\ISO 2022 IR 58", "GB18030", "", "\\ISO 2022 IR 58", GUESS},
    {CHINESE, "\\ISO 2022 IR 58", "ISO_IR 192", "", "\\ISO 2022 IR 58", GUESS},
    {CHINESE, "\\ISO 2022 IR 58", "\\ISO 2022 IR 149", "", "\\ISO 2022 IR 58", GUESS},
    {{"Yamada^Tarou=山田^太郎"}, "\\ISO 2022 IR 87", "", "", "\\ISO 2022 IR 87", GUESS},
    {{"Yamada^Tarou=山田^太郎"}, "\\ISO 2022 IR 87", "GB18030", "", "\\ISO 2022 IR 87", GUESS},
    {{"Hong=洪^吉洞=홍"}, "\\ISO 2022 IR 149", "ISO_IR 6", "", "\\ISO 2022 IR 149", GUESS},
    /* what is labelled rightly stays */
    {FRENCH, "ISO_IR 100", "ISO_IR 100", "", "ISO_IR 100", DECLARED},
    {GERMAN, "ISO_IR 100", "ISO_IR 100", "", "ISO_IR 100", DECLARED},
    {{"Größe"}, "ISO_IR 100", "ISO_IR 100", "", "ISO_IR 100", DECLARED},
    {{"MÜLLER^JÖRG", "HÜFTE"}, "ISO_IR 100", "ISO_IR 100", "", "ISO_IR 100", DECLARED},
    {{"Ødegård", "Ærø"}, "ISO_IR 100", "ISO_IR 100", "", "ISO_IR 100", DECLARED},
    {{"José^Íñigo", "ANDRÉ^CONCEIÇÃO"}, "ISO_IR 100", "ISO_IR 100", "", "ISO_IR 100", DECLARED},
    {{"Świątek^Łukasz", "Badanie głowy"}, "ISO_IR 101", "ISO_IR 101", "", "ISO_IR 101", DECLARED},
    {{"Люксембург", "голова"}, "ISO_IR 144", "ISO_IR 144", "", "ISO_IR 144", DECLARED},
    {{"Διονυσιος"}, "ISO_IR 126", "ISO_IR 126", "", "ISO_IR 126", DECLARED},
    {{"สมชาย^ใจดี"}, "ISO_IR 166", "ISO_IR 166", "", "ISO_IR 166", DECLARED},
    {CHINESE, "GB18030", "GB18030", "", "GB18030", DECLARED},
    {TRADITIONAL, "GBK", "GBK", "", "GBK", DECLARED},
    {{"联通"}, "GBK", "GBK", "", "GBK", DECLARED}, /* could be UTF-8 by its bytes */
    {CHINESE, "\\ISO 2022 IR 58", "\\ISO 2022 IR 58", "", "\\ISO 2022 IR 58", DECLARED},
    {{"Hong=洪^吉洞=홍"},
     "\\ISO 2022 IR 149",
     "\\ISO 2022 IR 149",
     "",
     "\\ISO 2022 IR 149",
     DECLARED},
    {{"Yamada=山田=やまだ"},
     "\\ISO 2022 IR 87",
     "\\ISO 2022 IR 87",
     "",
     "\\ISO 2022 IR 87",
     DECLARED},
    {{"plain"}, "ISO_IR 6", "", "GB18030", "", DECLARED},
    /* no label, and Latin letters */
    {FRENCH, "ISO_IR 100", "", "", "ISO_IR 100", GUESS},
    {GERMAN, "ISO_IR 100", "ISO_IR 6", "", "ISO_IR 100", GUESS},
    {{"Größe"}, "ISO_IR 100", "", "", "ISO_IR 100", GUESS},
    {GERMAN, "ISO_IR 100", "ISO_IR 192", "", "ISO_IR 100", GUESS},
    {GERMAN, "ISO_IR 100", "GB18030", "", "GB18030", DECLARED},
    /* what the peer's entry says */
    {{"Люксембург"}, "ISO_IR 144", "", "ISO_IR 144", "ISO_IR 144", ASSUMED},
    {{"Люксембург"}, "ISO_IR 144", "ISO_IR 100", "ISO_IR 144", "ISO_IR 144", ASSUMED},
    {{"婷"}, "GBK", "ISO_IR 100", "", "GB18030", GUESS},
    {{"Äneas^Rüdiger"}, "ISO_IR 100", "ISO_IR 100", "GB18030", "ISO_IR 100", DECLARED},
    {CHINESE, "GBK", "ISO_IR 144", "GB18030", "ISO_IR 144", DECLARED},
    {CHINESE, "GBK", "ISO_IR 144", "always GB18030", "GB18030", ASSUMED},
    {CHINESE, "GBK", "ISO_IR 192", "GB18030", "GB18030", ASSUMED},
    {CHINESE, "ISO_IR 192", "ISO_IR 192", "GB18030", "ISO_IR 192", DECLARED},
};

static void judge(const struct header *h, size_t number)
{
    struct yq_buf bytes[4] = {{0}};
    struct yq_text_value values[4];
    char charset[YQ_CHARSET_SIZE];
    size_t count = 0;
    for (; count < 4 && h->values[count]; count++) {
        const char *vr = count ? "LO" : "PN";
        assert_true(yq_text_encode(h->written, vr, h->values[count], &bytes[count]));
        values[count] = (struct yq_text_value){vr, bytes[count].bytes, bytes[count].length};
    }
    enum yq_read_as reading = yq_text_judge(values, count, h->declared, h->assume, charset);
    if (reading != h->reading || strcmp(charset, h->judged) != 0)
        fail_msg("header %zu (%s in %s under \"%s\"): read as \"%s\" (%d), not \"%s\" (%d)", number,
                 h->values[0], h->written, h->declared, charset, reading, h->judged, h->reading);
    for (size_t i = 0; i < count; i++) {
        struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
        bool doubtful = false;
        yq_text_decode(charset, values[i].vr, values[i].bytes, values[i].length, &text, &doubtful);
        bool right = strcmp(h->judged, h->declared) != 0 || strcmp(h->declared, h->written) == 0;
        if (right && (doubtful || strcmp(yq_buf_text(&text), h->values[i]) != 0))
            fail_msg("header %zu: %s read as %s", number, h->values[i], yq_buf_text(&text));
        yq_buf_fini(&bytes[i]);
    }
}

static void headers_are_judged_as_a_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        judge(&headers[i], i);
}

/* A device cuts a long description in the middle of a character. */
static void a_character_cut_in_two_does_not_spoil_the_rest(void **state)
{
    (void)state;
    struct yq_text_value values[] = {{"PN", "\xd5\xc5^\xcf\xfe\xb6\xab", 7},
                                     {"LO", "\xd0\xd8\xb2\xbf\xc6", 5}};
    char charset[YQ_CHARSET_SIZE];
    assert_int_equal(yq_text_judge(values, 2, "ISO_IR 100", "", charset), YQ_READ_AS_GUESSED);
    assert_string_equal(charset, "GB18030");
    values[0] = (struct yq_text_value){"PN", "\xe5\xbc\xa0\xe4\xb8\x89", 6};
    values[1] = (struct yq_text_value){"LO", "\xe5\xbc\xa0\xe4\xb8", 5};
    assert_int_equal(yq_text_judge(values, 2, "", "", charset), YQ_READ_AS_GUESSED);
    assert_string_equal(charset, "ISO_IR 192");
}

static void a_backslash_byte_within_a_character_parts_nothing(void **state)
{
    (void)state;
    static const char *const labels[] = {"", "ISO_IR 6", "ISO_IR 100", "ISO_IR 192", "KLINGON"};
    struct yq_text_value value = {"PN", "\x8f\x88^\xd5\x5c", 5};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
        char charset[YQ_CHARSET_SIZE];
        bool doubtful = false;
        assert_int_equal(yq_text_judge(&value, 1, labels[i], "", charset), YQ_READ_AS_GUESSED);
        yq_text_decode(charset, "PN", value.bytes, value.length, &text, &doubtful);
        assert_string_equal(yq_buf_text(&text), "張^誠");
    }
}

static void nothing_to_judge_is_as_declared(void **state)
{
    (void)state;
    char charset[YQ_CHARSET_SIZE];
    struct yq_text_value empty = {"PN", NULL, 0};
    assert_int_equal(yq_text_judge(NULL, 0, "GB18030", "", charset), YQ_READ_AS_DECLARED);
    assert_string_equal(charset, "GB18030");
    assert_int_equal(yq_text_judge(&empty, 1, "", "always GBK", charset), YQ_READ_AS_DECLARED);
    assert_string_equal(charset, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_judged_as_a_whole),
        cmocka_unit_test(a_character_cut_in_two_does_not_spoil_the_rest),
        cmocka_unit_test(a_backslash_byte_within_a_character_parts_nothing),
        cmocka_unit_test(nothing_to_judge_is_as_declared),
    };
    return cmocka_run_group_tests_name("guess", tests, NULL, NULL);
}

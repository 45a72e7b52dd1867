/* Bytes of hospitals to UTF-8 and back: every set of PS3.3 C.12.1.1.2, the examples of PS3.5
 * annexes H to K, and what devices do instead. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yq/file.h"
#include "yq/text.h"

struct example {
    const char *charset, *vr, *bytes, *text;
};

static const struct example both_ways[] = {
    {"", "PN", "Wang^XiaoDong", "Wang^XiaoDong"},
    {"ISO_IR 6", "LO", "plain", "plain"},
    {"ISO_IR 100", "PN", "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
    {"ISO_IR 101", "PN", "\xa6wi\xb1tek^\xa3ukasz", "Świątek^Łukasz"},
    {"ISO_IR 109", "LO", "\xa6", "Ĥ"},
    {"ISO_IR 110", "LO", "\xa3", "Ŗ"},
    {"ISO_IR 144", "PN", "\xbb\xee\xda\xe1\xd5\xdc\xd1", "Люксемб"},
    {"ISO_IR 127", "PN", "\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"},
    {"ISO_IR 126", "PN", "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"},
    {"ISO_IR 138", "PN", "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"},
    {"ISO_IR 148", "LO", "\xfe", "ş"},
    {"ISO_IR 203", "LO", "\xa4", "€"},
    {"ISO_IR 166", "PN", "\xca\xc1\xaa\xd2\xc2", "สมชาย"},
    {"ISO_IR 13", "PN", "\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"},
    {"ISO_IR 192", "PN", "Wang=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1", "Wang=王^小東"},
    {"GB18030", "PN", "Li^Yan=\xc0\xee^\x81\x39\xee\x39=", "Li^Yan=李^㐀="},
    /* the second byte of U+8AA0 is 0x5C: no delimiter */
    {"GBK", "LO", "\xd5\x5c\\\xd5\x5c", "誠\\誠"},
    /* PS3.5 H.3.1 and H.3.2 */
    {"\\ISO 2022 IR 87", "PN",
     "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
     "Yamada^Tarou=山田^太郎=やまだ^たろう"},
    {"ISO 2022 IR 13\\ISO 2022 IR 87", "PN",
     "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^"
     "\x1b$B$?$m$&\x1b(J",
     "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
    {"\\ISO 2022 IR 87\\ISO 2022 IR 159", "LO", "\x1b$(D0!\x1b(B", "丂"},
    /* PS3.5 I.2 */
    {"\\ISO 2022 IR 149", "PN",
     "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
     "Hong^Gildong=洪^吉洞=홍^길동"},
    /* PS3.5 K.2, and text with line ends */
    {"\\ISO 2022 IR 58", "PN",
     "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="},
    {"\\ISO 2022 IR 58", "LT", "1.\x1b$)A\xb5\xda\r\n2.\x1b$)A\xb5\xda", "1.第\r\n2.第"},
    {"ISO 2022 IR 100\\ISO 2022 IR 144", "LO", "\xe9\x1b-L\xbb\x1b-A\xe9", "éЛé"},
};

static void decode(const struct example *example, bool doubt)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    bool doubtful = false;
    yq_text_decode(example->charset, example->vr, example->bytes, strlen(example->bytes), &out,
                   &doubtful);
    assert_false(out.failed);
    assert_string_equal(yq_buf_text(&out), example->text);
    assert_int_equal(doubtful, doubt);
}

static void every_set_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof both_ways / sizeof *both_ways; i++)
        decode(&both_ways[i], false);
}

static void every_set_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof both_ways / sizeof *both_ways; i++) {
        struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
        const struct example *example = &both_ways[i];
        assert_true(yq_text_encode(example->charset, example->vr, example->text, &out));
        assert_string_equal(yq_buf_text(&out), example->bytes);
    }
}

static void labels_as_hospitals_write_them(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"ISO-IR 100", "LO", "J\xe9r", "Jér"},
        {"ISO IR 192", "LO", "\xe7\x8e\x8b", "王"},
        {"UTF-8", "LO", "\xe7\x8e\x8b", "王"},
        {"utf8", "LO", "\xe7\x8e\x8b", "王"},
        {"gb2312", "LO", "\xcd\xf5", "王"},
        {"GB 18030", "LO", "\xcd\xf5", "王"},
        {"GB18030 ", "LO", "\xcd\xf5", "王"},
        {"iso_ir 100", "LO", "J\xe9r", "Jér"},
        {"ISO_2022_IR_100", "LO", "J\xe9r", "Jér"},
        {"ISO 2022 GBK", "LO", "\xcd\xf5", "王"},
        {"\\ISO_IR 58", "LO", "\x1b$)A\xcd\xf5", "王"},
        {"\\ISO_IR 192", "LO", "\xe7\x8e\x8b", "王"},
        {"ISO-8859-1", "LO", "J\xe9r", "Jér"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        decode(&examples[i], false);
        assert_true(yq_text_charset_known(examples[i].charset));
    }
    assert_true(yq_text_charset_known(""));
    assert_false(yq_text_charset_known("KLINGON"));
    assert_false(yq_text_charset_known("ISO_IR 1000"));
    assert_false(yq_text_charset_known("\\ISO 2022 IR 999"));
}

static void devices_that_do_otherwise(void **state)
{
    (void)state;
    static const struct example fine[] = {
        /* the escape not repeated after ^ , or forgotten altogether */
        {"\\ISO 2022 IR 58", "PN", "=\x1b$)A\xd5\xc5^\xd0\xa1", "=张^小"},
        {"\\ISO 2022 IR 58", "PN", "\xd5\xc5^\xd0\xa1", "张^小"},
        /* GBK under the name of GB 2312 */
        {"\\ISO 2022 IR 58", "PN", "\x1b$)A\x8f\x88^\x1b$)A\xd5\x5c", "張^誠"},
        /* an escape sequence that the label does not announce */
        {"ISO_IR 100", "PN", "\x1b$B;3ED\x1b(B", "山田"},
        /* 0x5E and 0x5C inside two bytes of G0 are no delimiters */
        {"\\ISO 2022 IR 87", "PN", "\x1b$B$^\x1b(B", "ま"},
        {"\\ISO 2022 IR 87", "LO", "\x1b$B0\\\x1b(B", "医" /* replaced below */},
        /* not switched back before the line end */
        {"\\ISO 2022 IR 87", "ST", "\x1b$B;3\r\nabc", "山\r\nabc"},
    };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        if (strcmp(fine[i].vr, "LO") != 0)
            decode(&fine[i], false);
    }
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    bool doubtful = false;
    yq_text_decode("\\ISO 2022 IR 87", "LO", "\x1b$B0\\\x1b(B", 8, &out, &doubtful);
    assert_false(doubtful);
    assert_null(strchr(yq_buf_text(&out), '\\'));
}

static void bytes_that_do_not_fit(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"", "PN", "\xe7\x8e\x8b", "王"},                   /* UTF-8, undeclared */
        {"", "PN", "\xd5\xc5^\xcf\xfe\xb6\xab", "张^晓东"}, /* GBK, undeclared */
        {"ISO_IR 6", "PN", "J\xe9", "Jé"},
        {"KLINGON", "LO", "\xcd\xf5", "王"},
        {"ISO_IR 100", "PN", "\xe7\x8e\x8b", "王"},
        {"ISO_IR 100", "LO", "a\x92z\xe9", "a\xef\xbf\xbdzé"},
        {"ISO_IR 192", "LO", "\xe7\x8e", "\xef\xbf\xbd"},
        {"ISO_IR 192", "LO",
         "a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"GB18030", "LO", "a\xff", "a\xef\xbf\xbd"},
        {"\\ISO 2022 IR 87", "PN", "\x1b$B;", "\xef\xbf\xbd"},
        {"\\ISO 2022 IR 149", "PN", "\x1b$)C\xfb^A", "\xef\xbf\xbd^A"},
        {"\\ISO 2022 IR 149", "PN", "\x1b%zA", "\xef\xbf\xbd%zA"},
        {"ISO_IR 166", "LO", "\xff", "\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        decode(&examples[i], true);
}

static void padding_goes_and_a_nul_inside_shows(void **state)
{
    (void)state;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    bool doubtful = false;
    yq_text_decode("ISO_IR 100", "LO", "ab\0\0", 4, &out, &doubtful);
    assert_string_equal(yq_buf_text(&out), "ab");
    assert_false(doubtful);
    yq_text_decode("ISO_IR 100", "LO", "\0c", 2, &out, &doubtful);
    assert_string_equal(yq_buf_text(&out), "ab\xef\xbf\xbd"
                                           "c");
    assert_true(doubtful);
    yq_text_decode("ISO_IR 100", "LO", NULL, 0, &out, &doubtful);
    assert_int_equal(out.length, 6);
}

static void long_text_crosses_the_pieces(void **state)
{
    (void)state;
    struct yq_buf in yq_cleanup(yq_buf_fini) = {0}, out yq_cleanup(yq_buf_fini) = {0};
    bool doubtful = false;
    yq_buf_puts(&in, "x");
    for (int i = 0; i < 1000; i++)
        yq_buf_puts(&in, "\x95\x32\x82\x36"); /* U+20000, a surrogate pair inside ICU */
    yq_text_decode("GB18030", "UT", in.bytes, in.length, &out, &doubtful);
    assert_false(doubtful);
    assert_int_equal(out.length, 4001);
    for (int i = 0; i < 1000; i++)
        assert_memory_equal(out.bytes + 1 + 4 * i, "\xf0\xa0\x80\x80", 4);
}

static void *decode_all(void *context)
{
    for (size_t i = 0; i < sizeof both_ways / sizeof *both_ways; i++)
        decode(&both_ways[i], false);
    return context;
}

/* Each thread has converters of its own and closes them at its end: LeakSanitizer watches. */
static void threads_do_not_share_converters(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, decode_all, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void a_bound_shows_as_failed(void **state)
{
    (void)state;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {.most = 4};
    bool doubtful = false;
    yq_text_decode("GBK", "LO", "\xcd\xf5\xcd\xf5", 4, &out, &doubtful);
    assert_true(out.failed);
}

static void what_a_set_cannot_hold_is_not_written(void **state)
{
    (void)state;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    assert_false(yq_text_encode("", "PN", "王", &out));
    assert_false(yq_text_encode("ISO_IR 100", "PN", "Wang=王", &out));
    assert_false(yq_text_encode("\\ISO 2022 IR 58", "PN", "誠", &out));
    assert_false(yq_text_encode("GBK", "PN", "\xf0\xa0\x80\x80", &out));
    assert_false(yq_text_encode("KLINGON", "PN", "a", &out));
    assert_false(yq_text_encode("ISO_IR 192", "PN", "\xff", &out));
    assert_false(yq_text_encode("ISO_IR 100", "PN", "\xff", &out));
    assert_false(yq_text_encode("ISO_IR 166", "PN", "€", &out));
    assert_false(yq_text_encode("\\ISO 2022 IR 87", "PN", "\x1b$B", &out));
    assert_false(yq_text_encode("ISO 2022 IR 100\\GBK", "PN", "王", &out)); /* none could read it */
    assert_false(yq_text_encode("\\\\\\GBK", "PN", "王", &out));
    assert_int_equal(out.length, 0);
    assert_false(out.failed);
}

static void expect_fold(const char *text, const char *folded)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    yq_text_fold(text, &out);
    assert_false(out.failed);
    assert_string_equal(yq_buf_text(&out), folded);
}

static void names_are_compared_in_one_form(void **state)
{
    (void)state;
    expect_fold("Zhang^XiaoDong", "zhang xiaodong");
    expect_fold("  ZHANG  XIAODONG^^^ ", "zhang xiaodong");
    expect_fold("Ｚｈａｎｇ　Xiaodong", "zhang xiaodong");
    expect_fold("Zhang^XiaoDong=张^晓东=", "zhang xiaodong 张晓东");
    expect_fold("张 晓东", "张晓东");
    expect_fold("张^*", "张*");
    expect_fold("*^晓?", "*晓?");
    expect_fold("张=晓东", "张 晓东");
    expect_fold("Zhang^*=张^*", "zhang * 张*");
    expect_fold("김^민", "김 민");
    expect_fold("ﾔﾏﾀﾞ^ﾀﾛｳ", "ヤマダ タロウ");
    expect_fold("Äneas", "äneas");
    expect_fold("A\xcc\x88neas", "äneas"); /* decomposed */
    expect_fold("STRASSE", "strasse");
    expect_fold("Straße", "strasse");
    expect_fold("张*^?", "张* ?");
    expect_fold("^=^ ", "");
    expect_fold("", "");
    expect_fold("\xff王", "\xef\xbf\xbd王");
}

/* ---- the test files, in place ---- */

static const char *testdata(void)
{
    const char *folder = getenv("YQ_TESTDATA");
    return folder && *folder ? folder : YQ_SOURCE "/../shared/testdata";
}

static uint32_t number(const uint8_t *p, size_t width)
{
    return width == 2 ? yq_le16(p) : yq_le32(p);
}

/* The top-level elements (0008,0005) and (0010,0010) of an explicit little endian Part 10 file. */
static void read_name(const struct yq_buf *file, char charset[128], const uint8_t **name,
                      size_t *length)
{
    size_t at = 132;
    *length = 0;
    charset[0] = '\0';
    while (at + 8 <= file->length) {
        const uint8_t *p = file->bytes + at;
        uint32_t tag = (uint32_t)yq_le16(p) << 16 | yq_le16(p + 2);
        bool wide = strstr("OB OW OF SQ UT UN UC UR OD OL", (char[]){(char)p[4], (char)p[5], 0});
        size_t head = wide ? 12 : 8;
        if (at + head > file->length)
            return;
        uint32_t size = number(p + (wide ? 8 : 6), wide ? 4 : 2);
        if (tag > 0x00100010 || size > file->length - at - head)
            return;
        if (tag == 0x00080005)
            yq_copy_trimmed(charset, 128, p + head, size);
        if (tag == 0x00100010) {
            *name = p + head;
            *length = size;
        }
        at += head + size;
    }
}

static void check_file(const char *file, const char *expected)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0}, out yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    char path[YQ_PATH_MOST], charset[128];
    const uint8_t *name = NULL;
    size_t length;
    bool doubtful = false;
    snprintf(path, sizeof path, "%s/charset/%s", testdata(), file);
    assert_true(yq_file_read(path, 10 << 20, &bytes, &err));
    read_name(&bytes, charset, &name, &length);
    assert_true(length > 0);
    yq_text_decode(charset, "PN", name, length, &out, &doubtful);
    size_t used = out.length, wanted = strlen(expected); /* empty groups at the end mean nothing */
    while (used && strchr(" =", out.bytes[used - 1]))
        used--;
    while (wanted && expected[wanted - 1] == '=')
        wanted--;
    assert_int_equal(used, wanted);
    assert_memory_equal(out.bytes, expected, wanted);
    assert_false(doubtful);
}

static void every_test_file_decodes(void **state)
{
    (void)state;
    struct yq_buf list yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    char path[YQ_PATH_MOST];
    unsigned checked = 0;
    snprintf(path, sizeof path, "%s/expected/charset.json", testdata());
    if (!yq_file_read(path, 1 << 20, &list, &err)) {
        print_message("skipped: no test files at %s (YQ_TESTDATA)\n", testdata());
        skip();
    }
    /* the file is flat enough to be read by its marks */
    for (char *at = strstr((char *)list.bytes, ".dcm\""); at; at = strstr(at + 1, ".dcm\"")) {
        static const char mark[] = "\"PatientName\": \"";
        char *start = at, *name = strstr(at, "\"PatientName\": ");
        while (start[-1] != '"')
            start--;
        if (!name || strncmp(name, mark, sizeof mark - 1) != 0)
            continue; /* null: no single right answer */
        char file[128];
        snprintf(file, sizeof file, "%.*s", (int)(at + 4 - start), start);
        name += sizeof mark - 1;
        char *end = strchr(name, '"');
        char saved = *end;
        *end = '\0';
        check_file(file, name);
        *end = saved;
        checked++;
    }
    assert_true(checked >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_is_read),
        cmocka_unit_test(every_set_is_written),
        cmocka_unit_test(labels_as_hospitals_write_them),
        cmocka_unit_test(devices_that_do_otherwise),
        cmocka_unit_test(bytes_that_do_not_fit),
        cmocka_unit_test(padding_goes_and_a_nul_inside_shows),
        cmocka_unit_test(long_text_crosses_the_pieces),
        cmocka_unit_test(threads_do_not_share_converters),
        cmocka_unit_test(a_bound_shows_as_failed),
        cmocka_unit_test(what_a_set_cannot_hold_is_not_written),
        cmocka_unit_test(names_are_compared_in_one_form),
        cmocka_unit_test(every_test_file_decodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Recipes: the vectors of the provinces' documents and of the standards, what is refused, what is
 * opened, and that a wrong signature is a wrong one whatever is wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "yq/recipe.h"

static struct yq_err err;
static struct yq_keychain *keys;

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)
#define refused(expression, with)                                                                  \
    do {                                                                                           \
        assert_false(expression);                                                                  \
        assert_int_equal(err.code, with);                                                          \
    } while (0)

/* A key that stands in the environment under its own name. */
static void key(const char *name, const char *form, const char *value)
{
    char variable[64], where[96];
    snprintf(variable, sizeof variable, "YQ_TEST_%s", name);
    snprintf(where, sizeof where, "%senv:%s", form, variable);
    assert_int_equal(setenv(variable, value, 1), 0);
    ok(yq_keychain_add(keys, name, where, NULL, &err));
}

static int make_keys(void **state)
{
    (void)state;
    keys = yq_keychain_new();
    assert_non_null(keys);
    key("shanxi", "hex ", "2a77be8ebc9c90cd25ccd1d31dce7a77");
    key("n_access", "", "123456");
    key("n_secret", "", "abcdefg");
    key("aes", "", "qkzdcsilusqgph37");
    key("iv", "", "2rthacazxph2qtkt");
    key("jefe", "", "Jefe");
    key("gb", "hex ", "0123456789abcdeffedcba9876543210");
    key("aes192", "", "012345678901234567890123");
    key("aes256", "", "01234567890123456789012345678901");
    key("d", "", "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8");
    key("q", "",
        "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
        "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13");
    key("other", "", "128B2FA8BD433C6C068C8D803DFF79792A519A55171B1B650C23661D15897263");
    return 0;
}

static int end_keys(void **state)
{
    (void)state;
    yq_keychain_free(keys);
    return 0;
}

static struct yq_recipe *parse(const char *text)
{
    struct yq_recipe *recipe;
    ok(yq_recipe_parse(text, &recipe, &err));
    return recipe;
}

/* "text" alone, or name and value one after the other, ended by NULL. */
struct cook {
    struct yq_ingredient values[12];
    size_t count;
};

static struct cook of(const char *text, ...)
{
    struct cook cook = {0};
    va_list list;
    va_start(list, text);
    if (text)
        cook.values[cook.count++] = (struct yq_ingredient){NULL, text, strlen(text)};
    for (const char *name; (name = va_arg(list, const char *));) {
        const char *value = va_arg(list, const char *);
        cook.values[cook.count++] = (struct yq_ingredient){name, value, strlen(value)};
    }
    va_end(list);
    return cook;
}

static void gives(const char *text, const struct cook *cook, const char *wanted)
{
    struct yq_recipe *recipe = parse(text);
    struct yq_buf out = {0};
    yq_buf_puts(&out, ">"); /* it appends */
    ok(yq_recipe_make(recipe, keys, cook->values, cook->count, &out, &err));
    assert_string_equal(yq_buf_text(&out) + 1, wanted);
    ok(yq_recipe_check(recipe, keys, cook->values, cook->count, wanted, strlen(wanted), &err));
    yq_buf_fini(&out);
    yq_recipe_free(recipe);
}
#define GIVES(recipe, wanted, ...) gives(recipe, &(struct cook[]){of(__VA_ARGS__, NULL)}[0], wanted)

/* ---- the documents' own ---- */

static void shanxi(void **state)
{
    (void)state;
    static const char plain[] = "{\"patientName\":\"张三\",\"patientId\":\"Test123456\"}";
    static const char sealed[] =
        "laoxZiinrHrTUa1tythils6bY9/PaMJpAdm7xoKwHx0KbPEea+Am911ApbxJwJLy4Q"
        "I6Vq1xoMTGEWqoUvOzOQ==";
    GIVES("text | sm4-ecb(shanxi) | base64", sealed, plain);
    struct yq_recipe *recipe = parse("text|sm4-ecb(shanxi)|base64");
    struct yq_buf out = {0};
    ok(yq_recipe_open(recipe, keys, sealed, strlen(sealed), &out, &err));
    assert_string_equal(yq_buf_text(&out), plain);
    yq_buf_fini(&out);
    yq_recipe_free(recipe);
    /* the signature of the envelope: values by name */
    GIVES("values(sorted) | sha1 | HEX", "A9993E364706816ABA3E25717850C26C9CD0D89D", NULL,
          "timestamp", "c", "data", "a", "hospitalCode", "b");
    GIVES("values(data, hospitalCode, timestamp) | sha1 | HEX",
          "A9993E364706816ABA3E25717850C26C9CD0D89D", NULL, "timestamp", "c", "data", "a",
          "hospitalCode", "b", "signature", "x");
}

static void neijiang(void **state)
{
    (void)state;
    static const char rule[] =
        "join(\"\", key(n_access), pairs(sorted), key(n_secret)) | md5 | HEX";
    GIVES(rule, "287CD8197006447BA90C1DB2CF295420", NULL, "query",
          "{\"adtStartTime\":\"2020-01-01 00:00:00\",\"adtEndTime\":\"2020-01-02 00:00:00\"}",
          "timeStamp", "1589167913", "areaId", "1asjlajsjfaslasdfasdfasfas");
    GIVES(rule, "AC9263A8B3D66E7D17A0D54C291B5165", NULL, "query",
          "{\"studyStartTime\":\"2020-01-01 00:00:00\",\"studyEndTime\":\"2020-01-02 00:00:00\"}",
          "timeStamp", "1589167913", "areaId", "1asjlajsjfaslasdfasdfasfas");
    GIVES("text | aes-cbc(aes, iv) | HEX",
          "E2991AA1DD58C3430407EF61A3EB072C8B3E7E73296CD1636B90EA5E85AD054EC63155779D7ED75AF74DE0F"
          "2E1FA3EDA9ACF7CD4E3D0F88727B50F0E70C880525B82764957A96891831A5E2523E12708",
          "HIS#ACCESSIONNUMBER#57120003#000001013#20210629#1629876453773#0#10");
}

/* ---- the standards' own ---- */

static void digests(void **state)
{
    (void)state;
    static const char often[] = "abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd";
    GIVES("text | sm3 | hex", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
          "abc");
    GIVES("text | sm3 | hex", "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
          often);
    GIVES("text | md5 | hex", "900150983cd24fb0d6963f7d28e17f72", "abc");
    GIVES("text | md5 | hex", "d41d8cd98f00b204e9800998ecf8427e", "");
    GIVES("text | sha1 | HEX", "A9993E364706816ABA3E25717850C26C9CD0D89D", "abc");
    GIVES("text | sha256 | hex", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
          "abc");
    /* RFC 2202, RFC 4231 */
    static const char asked[] = "what do ya want for nothing?";
    GIVES("text | hmac-md5(jefe) | hex", "750c783e6ab0b503eaa86e310a5db738", asked);
    GIVES("text | hmac-sha1(jefe) | hex", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", asked);
    GIVES("text | hmac-sha256(jefe) | hex",
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", asked);
    GIVES("text | md5 | hex | md5 | base64", "7AQFxa75Pncc2A4NsYC4iw==", "abc");
}

/* GB/T 32907, annex A: one block, and the same a million times over: CBC over zeroes feeds each
 * block's result into the next. */
static void sm4(void **state)
{
    (void)state;
    static const uint8_t block[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                      0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};
    static const uint8_t once[16] = {0x68, 0x1e, 0xdf, 0x34, 0xd2, 0x06, 0x96, 0x5e,
                                     0x86, 0xb3, 0xe9, 0x4f, 0x53, 0x6e, 0x42, 0x46};
    static const uint8_t often[16] = {0x59, 0x52, 0x98, 0xc7, 0xc6, 0xfd, 0x27, 0x1f,
                                      0x04, 0x02, 0xf8, 0x04, 0xc3, 0x3d, 0x3f, 0x66};
    struct yq_buf out = {0};
    struct yq_recipe *ecb = parse("text | sm4-ecb(gb)");
    struct yq_ingredient text = {NULL, block, 16};
    ok(yq_recipe_make(ecb, keys, &text, 1, &out, &err));
    assert_int_equal(out.length, 32);
    assert_memory_equal(out.bytes, once, 16);
    yq_buf_clear(&out);
    struct yq_recipe *cbc = parse("text | sm4-cbc(gb, gb)");
    text = (struct yq_ingredient){NULL, calloc(1000000, 16), 16000000};
    assert_non_null(text.value);
    ok(yq_recipe_make(cbc, keys, &text, 1, &out, &err));
    assert_memory_equal(out.bytes, once, 16);
    assert_memory_equal(out.bytes + 15999984, often, 16);
    struct yq_buf plain = {0};
    ok(yq_recipe_open(cbc, keys, out.bytes, out.length, &plain, &err));
    assert_int_equal(plain.length, text.length);
    assert_memory_equal(plain.bytes, text.value, plain.length);
    free((void *)(uintptr_t)text.value);
    yq_buf_fini(&plain);
    yq_buf_fini(&out);
    yq_recipe_free(ecb);
    yq_recipe_free(cbc);
}

/* ---- the language ---- */

static void first_steps(void **state)
{
    (void)state;
#define SOME "b", "2", "a", "1", "B", "3", "e", ""
    GIVES("values(sorted)", "312", NULL, SOME);
    GIVES("values(sorted, \"#\")", "3#1#2#", NULL, SOME);
    GIVES("values(sorted, present, \"#\")", "3#1#2", NULL, SOME);
    GIVES("values(b, B)", "23", NULL, SOME);
    GIVES("pairs(sorted)", "B=3&a=1&b=2&e=", NULL, SOME);
    GIVES("pairs(sorted, present)", "B=3&a=1&b=2", NULL, SOME);
    GIVES("pairs(sorted, \"#\", \"\", present)", "B#3a#1b#2", NULL, SOME);
    GIVES("pairs(b, e, a, \":\")", "b:2&e:&a:1", NULL, SOME);
    GIVES("pairs(z, b, e, present)", "b=2", NULL, SOME);
    GIVES("join(\"|\", b, \"x\\\"\\\\\\n\", key(jefe), pairs(a, B), text)",
          "2|x\"\\\n|Jefe|a=1&B=3|T", "T", SOME);
    GIVES("join(\"\", key, \"，\")", "k，", NULL, "key", "k");
    GIVES("text | base64", "", "");
    GIVES("text", "as it is", "as it is", SOME);
}

static void not_understood(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned place;
    } wrong[] = {
        {"", 1},
        {"md5", 1},
        {"text md5", 6},
        {"text |", 7},
        {"text | md6", 8},
        {"text | md5 |", 13},
        {"text | md5(", 11},
        {"text | sm4-ecb", 15},
        {"text | sm4-ecb()", 16},
        {"text | sm4-ecb(key", 19},
        {"text | sm4-cbc(key)", 19},
        {"text | hmac-md5(a, b)", 18},
        {"text | sm2-sign(key, id)", 22},
        {"values()", 8},
        {"values(sorted, a)", 17},
        {"values(present)", 15},
        {"values(sorted, \"a\", \"b\")", 21},
        {"pairs(sorted, \"a\", \"b\", \"c\")", 25},
        {"join(\"\")", 8},
        {"join(a)", 6},
        {"join(\"，, a)", 12},
        {"join(\"，\", b, join(\"\", a))", 18},
        {"join(\"\", key())", 14},
        {"text | HEX | hex | HEX | hex | HEX | hex | HEX | hex | hex", 56},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct yq_recipe *recipe;
        char place[32];
        refused(yq_recipe_parse(wrong[i].text, &recipe, &err), YQ_BAD_INPUT);
        assert_null(recipe);
        snprintf(place, sizeof place, "character %u:", wrong[i].place);
        if (!strstr(err.text, place))
            fail_msg("%s: %s", wrong[i].text, err.text);
    }
    struct yq_recipe *recipe;
    char *long_one = malloc(YQ_RECIPE_MOST + 2);
    memset(long_one, ' ', YQ_RECIPE_MOST + 1);
    memcpy(long_one, "text", 4);
    long_one[YQ_RECIPE_MOST + 1] = '\0';
    refused(yq_recipe_parse(long_one, &recipe, &err), YQ_BAD_INPUT);
    long_one[YQ_RECIPE_MOST] = '\0';
    ok(yq_recipe_parse(long_one, &recipe, &err));
    yq_recipe_free(recipe);
    free(long_one);
}

static void not_made(const char *text, const struct cook *cook, enum yq_code code, const char *says)
{
    struct yq_recipe *recipe = parse(text);
    struct yq_buf out = {0};
    refused(yq_recipe_make(recipe, keys, cook->values, cook->count, &out, &err), code);
    if (!strstr(err.text, says))
        fail_msg("%s: %s", text, err.text);
    yq_buf_fini(&out);
    yq_recipe_free(recipe);
}
#define NOT_MADE(recipe, code, says, ...)                                                          \
    not_made(recipe, &(struct cook[]){of(__VA_ARGS__, NULL)}[0], code, says)

static void cannot_be_made(void **state)
{
    (void)state;
    NOT_MADE("values(a, c)", YQ_BAD_INPUT, "parameter c", NULL, "a", "1");
    NOT_MADE("text | md5", YQ_BAD_INPUT, "no text", NULL, "a", "1");
    NOT_MADE("text | hmac-sm3(nothing) | hex", YQ_ABSENT, "nothing", "x");
    NOT_MADE("text | sm4-ecb(jefe)", YQ_BAD_INPUT, "key jefe has 4 bytes", "x");
    NOT_MADE("text | sm4-ecb(d)", YQ_BAD_INPUT, "hex file:", "x");
    NOT_MADE("text | aes-cbc(aes, jefe)", YQ_BAD_INPUT, "key jefe", "x");
    NOT_MADE("text | sm2-sign(jefe)", YQ_BAD_INPUT, "key jefe: it is no key", "x");
    NOT_MADE("text | sm2-sign(q)", YQ_BAD_INPUT, "key q: it is a public key", "x");
    struct yq_err none = {0};
    struct yq_recipe *recipe = parse("text | sm4-ecb(gb) | hex");
    struct yq_buf out = {0};
    struct yq_ingredient huge = {NULL, "", (size_t)YQ_RECIPE_VALUE_MOST + 1};
    refused(yq_recipe_make(recipe, keys, &huge, 1, &out, &err), YQ_FULL);
    refused(yq_recipe_make(recipe, NULL, &(struct yq_ingredient){NULL, "", 0}, 1, &out, &err),
            YQ_ABSENT);
    assert_int_equal(none.code, YQ_OK);
    yq_recipe_free(recipe);
    yq_buf_fini(&out);
}

/* ---- opening ---- */

static void opens(void **state)
{
    (void)state;
    static const char *const all[] = {
        "text|sm4-ecb(gb)|hex",
        "text|sm4-cbc(gb,iv)|HEX",
        "text|aes-ecb(aes)|base64",
        "text|aes-cbc(aes192,iv)",
        "text|aes-ecb(aes256)|hex|base64",
        "text|hex",
        "text",
        "text|sm4-ecb(gb)|base64|aes-cbc(aes256,iv)|HEX",
    };
    char text[100];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct yq_recipe *recipe = parse(all[i]);
        assert_true(yq_recipe_opens(recipe));
        for (size_t length = 1; length < 70; length++) {
            struct yq_buf sealed = {0}, plain = {0};
            memset(text, (int)length, length);
            struct yq_ingredient in = {NULL, text, length};
            ok(yq_recipe_make(recipe, keys, &in, 1, &sealed, &err));
            ok(yq_recipe_open(recipe, keys, sealed.bytes, sealed.length, &plain, &err));
            assert_int_equal(plain.length, length);
            assert_memory_equal(plain.bytes, text, length);
            yq_buf_fini(&sealed);
            yq_buf_fini(&plain);
        }
        yq_recipe_free(recipe);
    }
}

static void not_opened(const char *text, const void *sealed, size_t length)
{
    struct yq_recipe *recipe = parse(text);
    struct yq_buf out = {0};
    refused(yq_recipe_open(recipe, keys, sealed, length, &out, &err), YQ_BAD_INPUT);
    assert_string_equal(err.text, "it does not open with this key");
    assert_int_equal(out.length, 0);
    yq_recipe_free(recipe);
    yq_buf_fini(&out);
}

static void one_answer(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",         "=",    "====", "A",        "AA",
        "AA=",      "AB==", "AAB=", "A===",     "AA=A",
        "AAAA=AAA", "AAAA", "????", "AAAA====", "AAAAAAAAAAAAAAAAAAAAAA=="};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        not_opened("text | sm4-ecb(gb) | base64", wrong[i], strlen(wrong[i]));
    not_opened("text | sm4-ecb(gb) | hex", "0", 1);
    not_opened("text | sm4-ecb(gb) | hex", "0g", 2);
    not_opened("text | sm4-ecb(gb) | hex", "00 1", 4);
    /* every wrong padding, by sealing a whole block that ends so, and leaving the padding away */
    struct yq_recipe *recipe = parse("text | sm4-ecb(gb)");
    for (unsigned last = 0; last < 256; last++)
        for (unsigned differs = 0; differs < 16; differs++) {
            uint8_t block[16];
            struct yq_buf sealed = {0}, out = {0};
            memset(block, (int)last, sizeof block);
            block[differs] ^= differs == 15 ? 0 : 0x80;
            struct yq_ingredient in = {NULL, block, 16};
            ok(yq_recipe_make(recipe, keys, &in, 1, &sealed, &err));
            bool fits = last >= 1 && last <= 16 && (differs == 15 || differs < 16 - last);
            if (fits) {
                ok(yq_recipe_open(recipe, keys, sealed.bytes, 16, &out, &err));
                assert_int_equal(out.length, 16 - last);
            } else
                not_opened("text | sm4-ecb(gb)", sealed.bytes, 16);
            yq_buf_fini(&sealed);
            yq_buf_fini(&out);
        }
    yq_recipe_free(recipe);
    struct yq_buf out = {0};
    recipe = parse("text | sm3 | hex");
    assert_false(yq_recipe_opens(recipe));
    refused(yq_recipe_open(recipe, keys, "00", 2, &out, &err), YQ_BAD_INPUT);
    yq_recipe_free(recipe);
    /* what people paste: line ends within Base64, hexadecimal digits of either case */
    recipe = parse("text | base64");
    ok(yq_recipe_open(recipe, keys, "YW\r\nJj\n", 7, &out, &err));
    assert_string_equal(yq_buf_text(&out), "abc");
    yq_recipe_free(recipe);
    yq_buf_clear(&out);
    recipe = parse("text | HEX");
    ok(yq_recipe_open(recipe, keys, "4a4B", 4, &out, &err));
    assert_string_equal(yq_buf_text(&out), "JK");
    yq_recipe_free(recipe);
    yq_buf_fini(&out);
}

/* ---- checking ---- */

static void not_right(const char *text, const struct cook *cook, const char *shown)
{
    struct yq_recipe *recipe = parse(text);
    refused(yq_recipe_check(recipe, keys, cook->values, cook->count, shown, strlen(shown), &err),
            YQ_REFUSED);
    yq_recipe_free(recipe);
}

static void checks(void **state)
{
    (void)state;
    struct cook abc = of("abc", NULL);
    static const char right[] = "900150983CD24FB0D6963F7D28E17F72";
    struct yq_recipe *recipe = parse("text | md5 | hex");
    ok(yq_recipe_check(recipe, keys, abc.values, 1, right, 32, &err));
    refused(yq_recipe_check(recipe, keys, abc.values, 1, right, 31, &err), YQ_REFUSED);
    refused(yq_recipe_check(recipe, keys, abc.values, 1, "", 0, &err), YQ_REFUSED);
    for (int i = 0; i < 32; i++) { /* each bit of each character but the case of letters */
        for (int bit = 0; bit < 8; bit++) {
            char wrong[33];
            memcpy(wrong, right, sizeof wrong);
            wrong[i] = (char)(wrong[i] ^ 1 << bit);
            if (wrong[i] && !(bit == 5 && right[i] >= 'A'))
                not_right("text | md5 | hex", &abc, wrong);
        }
    }
    yq_recipe_free(recipe);
    not_right("text | md5 | base64", &abc, "kAFQmDzST7DWlj99KOF/cG==");
    not_right("text | md5 | base64", &abc, "KAFQMDZST7DWLJ99KOF/CG==");
}

static void sm2(void **state)
{
    (void)state;
    /* GB/T 32918.5, A.2 */
    struct cook digest = of("message digest", NULL), other = of("message digesT", NULL);
    static const char raw[] = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
                              "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA";
    static const char *const all[] = {"text | sm2-sign(q) | hex", "text | sm2-sign(d) | base64",
                                      "text | sm2-sign-raw(q)", "text | sm2-sign-raw(d) | HEX",
                                      "text | sm2-sign(d, \"1234567812345678\") | hex"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct yq_recipe *recipe = parse(all[i]);
        ok(yq_recipe_check(recipe, keys, digest.values, 1, raw, strlen(raw), &err));
        yq_recipe_free(recipe);
        not_right(all[i], &other, raw);
    }
    not_right("text | sm2-sign(other) | hex", &digest, raw);
    not_right("text | sm2-sign(q, \"another\") | hex", &digest, raw);
    /* what is signed verifies, in every form, of a text of any length */
    static const char *const made[] = {"text | sm2-sign(d)", "text | sm2-sign(d) | hex",
                                       "pairs(sorted) | sm2-sign-raw(d) | base64",
                                       "text | sm2-sign-raw(d) | HEX",
                                       "text | sm3 | sm2-sign-raw(d, \"an id\")"};
    struct cook both = of("", "a", "1", "b", "2", NULL);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        struct yq_recipe *recipe = parse(made[i]);
        struct yq_buf out = {0};
        ok(yq_recipe_make(recipe, keys, both.values, both.count, &out, &err));
        ok(yq_recipe_check(recipe, keys, both.values, both.count, (const char *)out.bytes,
                           out.length, &err));
        refused(yq_recipe_check(recipe, keys, both.values, both.count, (const char *)out.bytes,
                                out.length - 1, &err),
                YQ_REFUSED);
        yq_buf_fini(&out);
        yq_recipe_free(recipe);
    }
}

static void note(void *context, const char *name) { yq_buf_putf(context, "%s ", name); }

static void names_its_keys(void **state)
{
    (void)state;
    struct yq_buf names = {0};
    struct yq_recipe *recipe =
        parse("join(\"\", key(a), b, key(c)) | aes-cbc(d, e) | hmac-sm3(f) | sm2-sign(g)");
    yq_recipe_keys(recipe, note, &names);
    assert_string_equal(yq_buf_text(&names), "a c d e f g ");
    yq_buf_fini(&names);
    yq_recipe_free(recipe);
    yq_recipe_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shanxi),
        cmocka_unit_test(neijiang),
        cmocka_unit_test(digests),
        cmocka_unit_test(sm4),
        cmocka_unit_test(first_steps),
        cmocka_unit_test(not_understood),
        cmocka_unit_test(cannot_be_made),
        cmocka_unit_test(opens),
        cmocka_unit_test(one_answer),
        cmocka_unit_test(checks),
        cmocka_unit_test(sm2),
        cmocka_unit_test(names_its_keys),
    };
    return cmocka_run_group_tests(tests, make_keys, end_keys);
}

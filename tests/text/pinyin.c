/* Names by their sound: readings, several readings, initials, patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "yq/text.h"

/* The keys with a blank behind each. */
static void keys_of(const char *name, struct yq_buf *text)
{
    struct yq_buf keys yq_cleanup(yq_buf_fini) = {0};
    yq_text_pinyin(name, &keys);
    assert_false(keys.failed);
    for (size_t at = 0; at < keys.length; at += strlen((const char *)keys.bytes + at) + 1)
        yq_buf_putf(text, "%s ", (const char *)keys.bytes + at);
}

static void expect_keys(const char *name, const char *expected)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    keys_of(name, &text);
    assert_string_equal(yq_buf_text(&text), expected);
}

static bool is_key(const char *name, const char *key)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    char wanted[64];
    yq_buf_puts(&text, " ");
    keys_of(name, &text);
    snprintf(wanted, sizeof wanted, " %s ", key);
    return strstr(yq_buf_text(&text), wanted) != NULL;
}

static void names_have_spellings_and_initials(void **state)
{
    (void)state;
    expect_keys("张^三", "zhangsan zs ");
    expect_keys("张三", "zhangsan zs ");
    expect_keys("張三", "zhangsan zs ");
    expect_keys("Zhang^San", "zhangsan zs ");
    expect_keys("ZHANG SAN", "zhangsan zs ");
    expect_keys("欧阳^娜娜", "ouyangnana ouyangnuona ouyangnanuo ouyangnuonuo oynn ");
    expect_keys("Müller^Änne", "mulleranne ma ");
    expect_keys("买买提·艾力",
                "maimaitiaili maimaidiaili maimaitiyili maimaidiyili mmtal mmdal mmtyl mmdyl ");
    expect_keys("Иванов", "");
    expect_keys("^=", "");
    expect_keys("", "");
    expect_keys("王Lily", "wanglily wl ");
}

static void several_readings_are_found_under_each(void **state)
{
    (void)state;
    static const char *const found[][2] = {
        {"单^田芳", "shantianfang"}, {"单^田芳", "dantianfang"},
        {"单^田芳", "stf"},          {"曾^国藩", "zengguofan"},
        {"曾^国藩", "cengguofan"},   {"仇^英", "qiuying"},
        {"仇^英", "chouying"},       {"解^晓东", "xiexiaodong"},
        {"解^晓东", "jiexiaodong"},  {"欧阳^修", "ouyangxiu"},
        {"区^小明", "ouxiaoming"},   {"区^小明", "quxiaoming"},
        {"查^良镛", "zhaliangyong"}, {"盖^聂", "genie"},
        {"盖^聂", "gainie"},         {"朴^树", "piaoshu"},
        {"朴^树", "pushu"},          {"尉迟^恭", "yuchigong"},
        {"尉迟^恭", "weichigong"},   {"翟^天", "zhaitian"},
        {"翟^天", "ditian"},         {"乐^毅", "yueyi"},
        {"乐^毅", "leyi"},           {"万俟^卨", "moqixie"},
        {"单于^明", "chanyuming"},   {"长孙^皇", "zhangsunhuang"},
        {"吕^布", "lvbu"},           {"吕^布", "lubu"},
        {"吕^布", "lyubu"},          {"吕^布", "lb"},
        {"任^华", "renhua"},         {"纪^宁", "jining"},
        {"覃^海洋", "qinhaiyang"},   {"覃^海洋", "tanhaiyang"},
        {"张^行", "zhangxing"},      {"张^行", "zhanghang"},
        {"王^乐", "wangle"},         {"王^乐", "wangyue"},
        {"李^䶮", "liyan"},          {"令狐^冲", "linghuchong"},
        {"欧阳^修", "oyx"},          {"曾^国藩", "cgf"},
    };
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        if (!is_key(found[i][0], found[i][1]))
            fail_msg("%s is not found as %s", found[i][0], found[i][1]);
    }
}

static void combinations_are_bounded(void **state)
{
    (void)state;
    struct yq_buf keys yq_cleanup(yq_buf_fini) = {0}, name yq_cleanup(yq_buf_fini) = {0};
    size_t count = 0;
    for (int i = 0; i < 1000; i++)
        yq_buf_puts(&name, "单");
    yq_text_pinyin(yq_buf_text(&name), &keys);
    for (size_t at = 0; at < keys.length; at += strlen((const char *)keys.bytes + at) + 1)
        count++;
    assert_in_range(count, 2, 32);
    assert_true(keys.length < 32 * 160);
}

static void expect_pattern(const char *text, const char *expected)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    assert_int_equal(yq_text_pinyin_pattern(text, &out), expected != NULL);
    assert_string_equal(yq_buf_text(&out), expected ? expected : "");
}

static void patterns_are_letters_and_wildcards(void **state)
{
    (void)state;
    expect_pattern("ZHANG^SAN", "zhangsan");
    expect_pattern("Zhang San", "zhangsan");
    expect_pattern("ｚｈａｎｇ", "zhang");
    expect_pattern("Xi'an", "xian");
    expect_pattern("zhāng*", "zhang*");
    expect_pattern("lü", "lu");
    expect_pattern("z*s?", "z*s?");
    expect_pattern("张", NULL);
    expect_pattern("zhang三", NULL);
    expect_pattern("Иван", NULL);
    expect_pattern("*", NULL);
    expect_pattern("", NULL);
}

static void patterns_match_letters_and_syllables(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *key;
        bool matches;
    } cases[] = {
        {"zhangsan", "zhangsan", true},
        {"zhang*", "zhangsan", true},
        {"zhang*", "zhang", true},
        {"z*s?", "zhangsan", true},
        {"z*s?", "zs", false},
        {"zhang?", "zhangsan", true},
        {"zhang?", "zhang", false},
        {"?s", "zs", true},
        {"*san", "zhangsan", true},
        {"*an*", "zhangsan", true},
        {"wang*", "zhangsan", false},
        {"zhan", "zhangsan", false},
        {"z?", "zhuangshuang", false},
        {"**", "", true},
        {"?", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (yq_text_pinyin_match(cases[i].key, cases[i].pattern) != cases[i].matches)
            fail_msg("%s and %s", cases[i].pattern, cases[i].key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_spellings_and_initials),
        cmocka_unit_test(several_readings_are_found_under_each),
        cmocka_unit_test(combinations_are_bounded),
        cmocka_unit_test(patterns_are_letters_and_wildcards),
        cmocka_unit_test(patterns_match_letters_and_syllables),
    };
    return cmocka_run_group_tests_name("pinyin", tests, NULL, NULL);
}

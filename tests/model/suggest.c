/* Suggestions: what hospitals call their examinations, and what they mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/suggest.h"

static struct yq_suggester *suggester(const char *dictionary)
{
    struct yq_suggester *made;
    struct yq_err err;
    assert_true(yq_suggester_new(yq_dictionary_find(dictionary), &made, &err));
    return made;
}

static void every_term_suggests_itself(void **state)
{
    (void)state;
    static const char *const names[] = {"recognition-item", "neijiang/recognition-item",
                                        "radiology-code",   "sex",
                                        "id-type",          "lab-method"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct yq_dictionary *dictionary = yq_dictionary_find(names[i]);
        struct yq_suggester *made = suggester(names[i]);
        for (size_t k = 0; k < dictionary->count; k++) {
            struct yq_suggestion best;
            const struct yq_term *term = &dictionary->terms[k];
            assert_int_equal(yq_suggest(made, term->chinese, 0.5, &best, 1), 1);
            assert_true(best.score > 0.999);
            if (strcmp(best.term->chinese, term->chinese) != 0)
                fail_msg("%s: %s", term->chinese, best.term->chinese);
        }
        yq_suggester_free(made);
    }
}

static void what_hospitals_write_is_understood(void **state)
{
    (void)state;
    static const struct {
        const char *dictionary, *name, *code;
    } wanted[] = {
        {"recognition-item", "颅脑CT平扫", "CT010312506"},
        {"recognition-item", "头部CT（平扫）", "CT010312506"},
        {"recognition-item", "CT头颅平扫", "CT010312506"},
        {"recognition-item", "头颅CT平扫+增强", "CT010322506"},
        {"recognition-item", "头颅CTA", "CT010382506"},
        {"recognition-item", "胸部CT平扫", "CT020072506"},
        {"recognition-item", "胸部X线正侧位摄影", "DR020062506"},
        {"recognition-item", "胸片", "DR020072506"},
        {"recognition-item", "左膝关节正侧位片", "DR080302506"},
        {"recognition-item", "右侧膝关节正侧位DR", "DR080162506"},
        {"recognition-item", "左侧膝关节核磁共振平扫", "MR050122506"},
        {"recognition-item", "磁共振平扫（颅脑）", "MR010132506"},
        {"recognition-item", "腰椎MRI", "MR030062506"},
        {"recognition-item", "腰椎间盘CT平扫", "CT060072506"},
        {"recognition-item", "上腹部CT增强扫描", "CT030032506"},
        {"recognition-item", "MRCP", "MR070092506"},
        {"neijiang/recognition-item", "头颅CT平扫", "24"},
        {"neijiang/recognition-item", "左膝关节磁共振平扫", "46"},
        {"neijiang/recognition-item", "双髋关节MR平扫", "45"},
        {"neijiang/recognition-item", "胸部正侧位DR", "2"},
        {"radiology-code", "头颅CT平扫", "B020ZYZZZ"},
        {"radiology-code", "胸部CT平扫", "BW23ZYZZZ"},
        {"radiology-code", "腰椎磁共振平扫", "BR39ZYZZZ"},
        {"radiology-code", "左膝MRI平扫", "BQ38ZYZZZ"},
        {"sex", "男", "1"},
        {"sex", "女", "2"},
        {"id-type", "身份证", "01"},
        {"patient-type", "住院病人", "3"},
        {"exam-type", "超声", "06"},
    };
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct yq_suggester *made = suggester(wanted[i].dictionary);
        struct yq_suggestion best[3];
        size_t count = yq_suggest(made, wanted[i].name, 0.1, best, 3);
        if (!count || strcmp(best[0].term->code, wanted[i].code) != 0) {
            wrong++;
            print_message("%s %s:", wanted[i].dictionary, wanted[i].name);
            for (size_t k = 0; k < count; k++)
                print_message(" %s %s %.3f", best[k].term->code, best[k].term->chinese,
                              best[k].score);
            print_message("\n");
        }
        for (size_t k = 1; k < count; k++)
            assert_true(best[k - 1].score >= best[k].score);
        yq_suggester_free(made);
    }
    assert_int_equal(wrong, 0);
}

/* Writes `text` with `from` as `to`. */
static void rewrite(char *text, size_t size, const char *from, const char *to)
{
    char *at = strstr(text, from), rest[512];
    if (!at)
        return;
    snprintf(rest, sizeof rest, "%s", at + strlen(from));
    snprintf(at, size - (size_t)(at - text), "%s%s", to, rest);
}

/* All 320 items in other hospitals' spelling. */
static void other_spellings_find_the_same_item(void **state)
{
    (void)state;
    static const char *const spellings[][12] = {
        {" CT ", "CT", " MRI ", "核磁共振"},
        {"右", "右侧", "左", "左侧", "双", "双侧", " MRI 平扫", "磁共振平扫成像", " CT 平扫",
         "计算机体层（CT）平扫"},
        {"肩", "肩关节", "膝", "膝关节", "踝", "踝关节", "肘", "肘关节", "髋", "髋关节", "腕",
         "腕关节"},
        {"平扫", "普通扫描", "增强", "平扫+增强", "头颅", "颅脑", "正侧位", "正位及侧位"},
    };
    const struct yq_dictionary *dictionary = yq_dictionary_find("recognition-item");
    struct yq_suggester *made = suggester("recognition-item");
    size_t asked = 0, first = 0, listed = 0;
    for (size_t s = 0; s < sizeof spellings / sizeof *spellings; s++)
        for (size_t i = 0; i < dictionary->count; i++) {
            const struct yq_term *term = &dictionary->terms[i];
            struct yq_suggestion best[3];
            char name[256];
            snprintf(name, sizeof name, "%s%s", strncmp(term->code, "DR", 2) == 0 ? "DR" : "",
                     term->chinese);
            for (size_t k = 0; k < 12 && spellings[s][k]; k += 2)
                rewrite(name, sizeof name, spellings[s][k], spellings[s][k + 1]);
            size_t count = yq_suggest(made, name, 0.3, best, 3);
            asked++;
            first += count && best[0].term == term;
            for (size_t k = 0; k < count; k++)
                listed += best[k].term == term;
            if (!count || best[0].term != term)
                print_message("%s: %s, not %s\n", name, count ? best[0].term->chinese : "nothing",
                              term->chinese);
        }
    print_message("%zu names, %zu found first, %zu among three\n", asked, first, listed);
    assert_true(first * 100 >= asked * 99);
    assert_true(listed * 1000 >= asked * 995);
    yq_suggester_free(made);
}

static void sides_and_modalities_are_not_mixed_up(void **state)
{
    (void)state;
    struct yq_suggester *made = suggester("recognition-item");
    struct yq_suggestion best[5];
    size_t count = yq_suggest(made, "左肩MRI平扫", 0.6, best, 5);
    assert_true(count >= 1);
    for (size_t i = 0; i < count; i++) {
        assert_true(strncmp(best[i].term->code, "MR", 2) == 0);
        assert_null(strstr(best[i].term->chinese, "右"));
    }
    yq_suggester_free(made);
}

static void anything_is_taken(void **state)
{
    (void)state;
    struct yq_suggester *made = suggester("recognition-item");
    struct yq_suggestion best[2];
    char many[5000];
    assert_int_equal(yq_suggest(made, "", 0, best, 2), 0);
    assert_int_equal(yq_suggest(made, " ()　", 0.99, best, 2), 0);
    assert_int_equal(yq_suggest(made, "头颅", 0, best, 0), 0);
    for (size_t i = 0; i < sizeof many - 1; i++)
        many[i] = (char)(i % 255 + 1);
    many[sizeof many - 1] = '\0';
    yq_suggest(made, many, 0, best, 2);
    for (size_t i = 0; i + 3 < sizeof many; i += 3)
        memcpy(many + i, "左", 4);
    yq_suggest(made, many, 0, best, 2);
    for (size_t i = 0; i + 6 < sizeof many; i += 6)
        memcpy(many + i, "胸片", 7);
    yq_suggest(made, many, 0, best, 2);
    yq_suggest(made, "\xe5\xa4", 0, best, 2); /* cut off */
    yq_suggest(made, "\xf0", 0, best, 2);
    yq_suggester_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_term_suggests_itself),
        cmocka_unit_test(what_hospitals_write_is_understood),
        cmocka_unit_test(other_spellings_find_the_same_item),
        cmocka_unit_test(sides_and_modalities_are_not_mixed_up),
        cmocka_unit_test(anything_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Recipes by province and name: all that are compiled in are understood, the hospital's own take
 * their place, and wrong ones keep the configuration from being taken up, with file and line. */
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

#include "yq/file.h"
#include "yq/recipes.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    struct yq_err err;
    char path[128];
    snprintf(folder, sizeof folder, "/tmp/yq-recipes-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/platforms/shanxi", folder);
    return yq_mkdirs(path, &err) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const all[] = {"platforms/shanxi/recipes.csv", "platforms/shanxi",
                                      "platforms", ""};
    char path[128];
    int failed = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, all[i]);
        failed |= i ? rmdir(path) : (unlink(path), 0);
    }
    return failed;
}

static bool load(const char *text, struct yq_conf **conf, struct yq_err *err)
{
    char path[YQ_PATH_MOST];
    snprintf(path, sizeof path, "%s/platforms/shanxi/recipes.csv", folder);
    assert_true(yq_file_write(path, text, strlen(text), 0640, err));
    return yq_conf_load(folder, NULL, 0, conf, err);
}

static void compiled_in(void **state)
{
    (void)state;
    struct yq_err err;
    assert_true(yq_recipe_line_count > 10);
    for (size_t i = 0; i < yq_recipe_line_count; i++) {
        struct yq_recipe *recipe;
        if (!yq_recipe_parse(yq_recipe_lines[i].text, &recipe, &err))
            fail_msg("%s %s: %s", yq_recipe_lines[i].province, yq_recipe_lines[i].name, err.text);
        yq_recipe_free(recipe);
    }
}

static void by_name(void **state)
{
    (void)state;
    struct yq_err err;
    const struct yq_recipe *one, *again, *other;
    assert_true(yq_recipe_of(NULL, YQ_SHANXI, "seal", &one, &err));
    assert_true(yq_recipe_of(NULL, YQ_SHANXI, "seal", &again, &err));
    assert_ptr_equal(one, again);
    assert_true(yq_recipe_opens(one));
    assert_true(yq_recipe_of(NULL, YQ_NEIJIANG, "n203-sign", &other, &err));
    assert_false(yq_recipe_opens(other));
    assert_false(yq_recipe_of(NULL, YQ_SHANXI, "n203-sign", &other, &err));
    assert_int_equal(err.code, YQ_ABSENT);
    assert_null(other);
}

static void own_lines(void **state)
{
    (void)state;
    struct yq_err err = {0};
    struct yq_conf *conf;
    bool own;
    const struct yq_recipe *usual, *ours;
    assert_true(load("\xEF\xBB\xBFname,recipe,note\r\n# a remark\r\n"
                     "seal,\"text | sm4-cbc(key, iv) | base64\",as they told us\r\n"
                     "sign,\"join('', data, timestamp) | sm3 | hex\"\r\n",
                     &conf, &err));
    assert_true(yq_recipes_check(conf, &err));
    assert_string_equal(yq_recipe_text_of(conf, YQ_SHANXI, "sign", &own),
                        "join('', data, timestamp) | sm3 | hex");
    assert_true(own);
    assert_non_null(yq_recipe_text_of(conf, YQ_SHANXI, "coss-result", &own));
    assert_false(own);
    assert_true(yq_recipe_of(conf, YQ_SHANXI, "seal", &ours, &err));
    assert_true(yq_recipe_of(NULL, YQ_SHANXI, "seal", &usual, &err));
    assert_ptr_not_equal(ours, usual);
    yq_conf_free(conf);
    assert_true(yq_recipe_opens(ours)); /* it outlives its configuration */
}

static void refused(const char *text, const char *with)
{
    struct yq_err err = {0};
    struct yq_conf *conf = NULL;
    bool taken = load(text, &conf, &err);
    if (taken) {
        taken = yq_recipes_check(conf, &err);
        yq_conf_free(conf);
    }
    if (taken || err.code != YQ_BAD_INPUT || strncmp(err.text, with, strlen(with)) != 0)
        fail_msg("%s: %s", text, err.text);
}

static void wrong_ones(void **state)
{
    (void)state;
#define AT "platforms/shanxi/recipes.csv:"
    refused("recipe,name\n", AT "1: the first line");
    refused("name,recipe\nseal\n", AT "2: name and recipe");
    refused("name,recipe\nseal,a,b,c\n", AT "2: ");
    refused("name,recipe\ns eal,text\n", AT "2: \"s eal\" is no name");
    refused("name,recipe\nsign,text\n\nsign,text\n", AT "4: \"sign\" stands in this file twice");
    refused("name,recipe\nseal,\"text\n", AT "2: ");
    refused("name,recipe\nsael,text\n", AT "2: shanxi has no recipe \"sael\"; it has seal, sign");
    refused("name,recipe\n#\nsign,text | md6\n", AT "3: recipe, character 8: a step is wanted");
    refused("name,recipe\nsign,text | sm4-ecb(kee)\n", AT "2: there is no key \"kee\"");
    refused("name,recipe\nseal,text | md5 | hex\n", AT "2: what \"seal\" seals must be opened");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiled_in),
        cmocka_unit_test(by_name),
        cmocka_unit_test_setup_teardown(own_lines, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(wrong_ones, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* recipe.c: any line as a recipe, then any bytes as its values, as what it opens and as what is
 * shown as its signature: refused with a sentence, or the same again when it is opened. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct yq_keychain *keys;

static void key(const char *name, const char *variable, const char *value)
{
    struct yq_err err;
    char where[64] = "env:";
    (void)yq_copy(where + 4, sizeof where - 4, variable);
    if (setenv(variable, value, 1) != 0 || !yq_keychain_add(keys, name, where, NULL, &err))
        abort();
}

static void note(void *context, const char *name)
{
    if (!*name)
        abort();
    ++*(size_t *)context;
}

static void use(const struct yq_recipe *recipe, const uint8_t *data, size_t size)
{
    struct yq_err err = {0};
    struct yq_buf out = {0}, plain = {0};
    struct yq_ingredient values[] = {{NULL, data, size},
                                     {"b", data, size / 2},
                                     {"a", data + size / 2, size - size / 2},
                                     {"c", "", 0}};
    if (yq_recipe_make(recipe, keys, values, 4, &out, &err)) {
        if (yq_recipe_opens(recipe) &&
            (!yq_recipe_open(recipe, keys, out.bytes, out.length, &plain, &err) ||
             plain.length != size || (size && memcmp(plain.bytes, data, size) != 0)) &&
            size)
            abort();
        if (!yq_recipe_check(recipe, keys, values, 4, yq_buf_text(&out), out.length, &err) &&
            err.code != YQ_REFUSED)
            abort();
    } else if (!*err.text || err.code == YQ_OK) {
        abort();
    }
    yq_buf_clear(&plain);
    err = (struct yq_err){0};
    if (!yq_recipe_open(recipe, keys, data, size, &plain, &err) && (!*err.text || plain.length))
        abort();
    err = (struct yq_err){0};
    if (!yq_recipe_check(recipe, keys, values, 4, (const char *)data, size, &err) && !*err.text)
        abort();
    yq_buf_fini(&out);
    yq_buf_fini(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_err err = {0};
    struct yq_recipe *recipe;
    size_t named = 0;
    if (!keys) {
        keys = yq_keychain_new();
        if (!keys)
            abort();
        key("k", "YQ_FUZZ_K", "0123456789abcdef");
        key("l", "YQ_FUZZ_L", "0123456789abcdef01234567");
        key("s", "YQ_FUZZ_S", "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8");
    }
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL; /* the recipe ends with its line */
    size_t length = end ? (size_t)(end - data) : size;
    char *text = malloc(length + 1);
    if (!text)
        return 0;
    if (length)
        memcpy(text, data, length);
    text[length] = '\0';
    if (yq_recipe_parse(text, &recipe, &err)) {
        yq_recipe_keys(recipe, note, &named);
        if (end)
            use(recipe, end + 1, size - length - 1);
        else
            use(recipe, (const uint8_t *)"", 0);
        yq_recipe_free(recipe);
    } else if (err.code != YQ_BAD_INPUT || !*err.text) {
        abort();
    }
    free(text);
    return 0;
}

/* recipe_make.c: recipes at work: signing and sealing, opening, checking. What is shown to us is
 * compared in a time that depends on its length only; whatever is wrong with what was sealed, the
 * answer is one and the same. What holds keys is wiped. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "recipe_inside.h"

struct kitchen { /* one use of a recipe */
    const struct yq_recipe *recipe;
    struct yq_keychain *keys;
    const struct yq_ingredient *values;
    const struct yq_ingredient *sorted[PARAMETERS_MOST]; /* the named ones, by name */
    size_t count, sorted_count;
    struct yq_buf secrets[PARTS_MOST]; /* keys among the parts */
    struct yq_buf base, turns[2];      /* what the steps take, what they gave */
    struct yq_err *err;
};

static void wipe(struct yq_buf *buf, bool secret)
{
    if (secret)
        yq_wipe(buf->bytes, buf->capacity);
    yq_buf_fini(buf);
}

static void clean(struct kitchen *kitchen)
{
    bool secret = false;
    for (size_t i = 0; i < kitchen->recipe->part_count; i++) {
        secret = secret || kitchen->recipe->parts[i].kind == PART_KEY;
        wipe(&kitchen->secrets[i], true);
    }
    wipe(&kitchen->base, secret);
    wipe(&kitchen->turns[0], secret);
    wipe(&kitchen->turns[1], secret);
}

/* ---- the first part: one text out of many values ---- */

static int by_name(const void *a, const void *b)
{
    const struct yq_ingredient *one = *(const struct yq_ingredient *const *)a;
    const struct yq_ingredient *other = *(const struct yq_ingredient *const *)b;
    int order = strcmp(one->name, other->name);
    return order ? order : (one > other) - (one < other); /* as they were given */
}

static bool sort(struct kitchen *kitchen)
{
    uint64_t total = 0;
    for (size_t i = 0; i < kitchen->count; i++) {
        const struct yq_ingredient *value = &kitchen->values[i];
        total += value->length;
        if (value->length > YQ_RECIPE_VALUE_MOST || total > YQ_RECIPE_VALUE_MOST)
            return yq_fail(kitchen->err, YQ_FULL, "seal", "a recipe takes at most %d bytes",
                           YQ_RECIPE_VALUE_MOST);
        if (!value->name)
            continue;
        if (kitchen->sorted_count == PARAMETERS_MOST)
            return yq_fail(kitchen->err, YQ_BAD_INPUT, "seal", "more than %d parameters",
                           PARAMETERS_MOST);
        kitchen->sorted[kitchen->sorted_count++] = value;
    }
    qsort(kitchen->sorted, kitchen->sorted_count, sizeof(void *), by_name);
    return true;
}

static const struct yq_ingredient *find(const struct kitchen *kitchen, const char *name)
{
    for (size_t i = 0; i < kitchen->count; i++) {
        const char *of = kitchen->values[i].name;
        if (name ? of && strcmp(of, name) == 0 : !of)
            return &kitchen->values[i];
    }
    return NULL;
}

/* The same; an error without it. */
static const struct yq_ingredient *need(const struct kitchen *kitchen, const char *name)
{
    const struct yq_ingredient *found = find(kitchen, name);
    if (!found && name)
        yq_fail(kitchen->err, YQ_BAD_INPUT, "seal", "the parameter %.64s is missing", name);
    else if (!found)
        yq_fail(kitchen->err, YQ_BAD_INPUT, "seal", "there is no text for the recipe");
    return found;
}

static void put_value(struct yq_buf *out, const struct yq_ingredient *value)
{
    yq_buf_put(out, value->value, value->length);
}

static bool put_list(struct kitchen *kitchen, const struct part *part, struct yq_buf *out)
{
    size_t count = part->sorted ? kitchen->sorted_count : part->name_count;
    bool begun = false;
    for (size_t i = 0; i < count; i++) {
        const struct yq_ingredient *value = part->sorted    ? kitchen->sorted[i]
                                            : part->present ? find(kitchen, part->names[i])
                                                            : need(kitchen, part->names[i]);
        if (!value && !part->present)
            return false;
        if (!value || (part->present && !value->length))
            continue;
        if (begun)
            yq_buf_puts(out, part->between);
        begun = true;
        if (part->pairs) {
            yq_buf_puts(out, value->name);
            yq_buf_puts(out, part->equal);
        }
        put_value(out, value);
    }
    return true;
}

/* Keys are fetched before anything is put, and then there is room for all: what holds keys is not
 * to be moved by growing. */
static bool make_room(struct kitchen *kitchen, struct yq_buf *out)
{
    const struct yq_recipe *recipe = kitchen->recipe;
    size_t room = 0, once = 0;
    for (size_t i = 0; i < recipe->part_count; i++) {
        if (recipe->parts[i].kind != PART_KEY)
            continue;
        if (!yq_keychain_get(kitchen->keys, recipe->parts[i].text, &kitchen->secrets[i],
                             kitchen->err))
            return false;
        room += kitchen->secrets[i].length;
    }
    if (!room)
        return true;
    for (size_t i = 0; i < kitchen->count; i++) /* with the texts around each, in a recipe */
        once += kitchen->values[i].length + YQ_RECIPE_MOST +
                (kitchen->values[i].name ? strlen(kitchen->values[i].name) : 0);
    if (!yq_buf_raw(out, room + (once + YQ_RECIPE_MOST) * recipe->part_count))
        return yq_fail(kitchen->err, YQ_FULL, "seal", "no memory for a recipe");
    yq_buf_clear(out);
    return true;
}

static bool put_part(struct kitchen *kitchen, size_t number, struct yq_buf *out)
{
    const struct part *part = &kitchen->recipe->parts[number];
    const struct yq_ingredient *value;
    switch (part->kind) {
    case PART_TEXT:
    case PART_PARAMETER:
        if (!(value = need(kitchen, part->kind == PART_TEXT ? NULL : part->text)))
            return false;
        put_value(out, value);
        return true;
    case PART_KEY:
        yq_buf_put(out, kitchen->secrets[number].bytes, kitchen->secrets[number].length);
        return true;
    case PART_LITERAL: yq_buf_puts(out, part->text); return true;
    default: return put_list(kitchen, part, out);
    }
}

struct piece { /* what a step takes; borrowed */
    const void *bytes;
    size_t length;
};

static bool begin(struct kitchen *kitchen, struct piece *out)
{
    const struct yq_recipe *recipe = kitchen->recipe;
    if (!sort(kitchen))
        return false;
    if (recipe->part_count == 1 && recipe->parts[0].kind == PART_TEXT) {
        const struct yq_ingredient *text = need(kitchen, NULL);
        if (text)
            *out = (struct piece){text->length ? text->value : "", text->length};
        return text != NULL;
    }
    if (!make_room(kitchen, &kitchen->base))
        return false;
    for (size_t i = 0; i < recipe->part_count; i++) {
        if (i)
            yq_buf_puts(&kitchen->base, recipe->between);
        if (!put_part(kitchen, i, &kitchen->base))
            return false;
    }
    *out = (struct piece){yq_buf_text(&kitchen->base), kitchen->base.length};
    return !kitchen->base.failed ||
           yq_fail(kitchen->err, YQ_FULL, "seal", "no memory for a recipe");
}

/* ---- steps ---- */

static bool sign(struct kitchen *kitchen, const struct step *step, const struct piece *in,
                 struct yq_buf *out)
{
    EVP_PKEY *key;
    if (!keychain_sm2(kitchen->keys, step->key, true, &key, kitchen->err))
        return false;
    bool ok = sm2_sign(key, step->signer_id, in->bytes, in->length, step->raw, out, kitchen->err);
    EVP_PKEY_free(key);
    return ok;
}

static bool one_step(struct kitchen *kitchen, const struct step *step, const struct piece *in,
                     struct yq_buf *out)
{
    switch (step->kind) {
    case STEP_DIGEST: return cipher_digest(step, in->bytes, in->length, out, kitchen->err);
    case STEP_HMAC:
        return cipher_hmac(step, kitchen->keys, in->bytes, in->length, out, kitchen->err);
    case STEP_CIPHER:
        return cipher_seal(step, kitchen->keys, in->bytes, in->length, out, kitchen->err);
    case STEP_SM2: return sign(kitchen, step, in, out);
    case STEP_HEX: code_to_hex(in->bytes, in->length, step->upper, out); return true;
    default: code_to_base64(in->bytes, in->length, out); return true;
    }
}

/* The steps up to `end`; the last one appends to `out`, which nothing else may point into. */
static bool steps(struct kitchen *kitchen, struct piece in, size_t end, struct yq_buf *out)
{
    if (!end)
        yq_buf_put(out, in.bytes, in.length);
    for (size_t i = 0; i < end; i++) {
        struct yq_buf *to = i + 1 == end ? out : &kitchen->turns[i % 2];
        if (to != out)
            yq_buf_clear(to);
        if (!one_step(kitchen, &kitchen->recipe->steps[i], &in, to))
            return false;
        if (to->failed)
            return yq_fail(kitchen->err, YQ_FULL, "seal", "no memory for a recipe");
        in = (struct piece){yq_buf_text(to), to->length};
    }
    return !out->failed || yq_fail(kitchen->err, YQ_FULL, "seal", "no memory for a recipe");
}

bool yq_recipe_make(const struct yq_recipe *recipe, struct yq_keychain *keys,
                    const struct yq_ingredient *values, size_t count, struct yq_buf *out,
                    struct yq_err *err)
{
    struct kitchen kitchen = {
        .recipe = recipe, .keys = keys, .values = values, .count = count, .err = err};
    struct piece in;
    bool ok = begin(&kitchen, &in) && steps(&kitchen, in, recipe->step_count, out);
    clean(&kitchen);
    return ok;
}

/* ---- opening ---- */

static bool back(struct kitchen *kitchen, const struct step *step, const struct piece *in,
                 struct yq_buf *out, bool *fits)
{
    if (step->kind == STEP_CIPHER)
        return cipher_open(step, kitchen->keys, in->bytes, in->length, out, fits, kitchen->err);
    *fits = step->kind == STEP_HEX ? code_from_hex(in->bytes, in->length, out)
                                   : code_from_base64(in->bytes, in->length, out);
    return true;
}

bool yq_recipe_open(const struct yq_recipe *recipe, struct yq_keychain *keys, const void *sealed,
                    size_t length, struct yq_buf *out, struct yq_err *err)
{
    struct kitchen kitchen = {.recipe = recipe, .keys = keys, .err = err};
    struct piece in = {length ? sealed : "", length};
    bool ok = true, fits = length <= YQ_RECIPE_VALUE_MOST;
    if (!yq_recipe_opens(recipe))
        return yq_fail(err, YQ_BAD_INPUT, "seal", "this recipe signs: nothing opens by it");
    for (size_t i = recipe->step_count; ok && fits && i--;) {
        struct yq_buf *to = i ? &kitchen.turns[i % 2] : out;
        if (i)
            yq_buf_clear(to);
        ok = back(&kitchen, &recipe->steps[i], &in, to, &fits);
        in = (struct piece){yq_buf_text(to), to->length};
    }
    if (ok && fits && !recipe->step_count)
        yq_buf_put(out, sealed, length);
    clean(&kitchen);
    return ok && (fits || yq_fail(err, YQ_BAD_INPUT, "seal", "it does not open with this key"));
}

/* ---- checking ---- */

/* Equal, hexadecimal digits of either case taken as one. */
static bool same(const struct yq_recipe *recipe, const struct yq_buf *made, const char *shown,
                 size_t length)
{
    bool hex = recipe->step_count && recipe->steps[recipe->step_count - 1].kind == STEP_HEX;
    if (!hex || length != made->length)
        return yq_equal_secret(made->bytes, made->length, shown, length);
    unsigned differs = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned a = made->bytes[i], b = (unsigned char)shown[i];
        unsigned letter = (a >> 6) & 1; /* digits have no case */
        differs |= (a ^ b) & ~(letter << 5);
    }
    return differs == 0;
}

static bool check_sm2(struct kitchen *kitchen, size_t at, const char *shown, size_t length)
{
    const struct step *step = &kitchen->recipe->steps[at];
    struct yq_buf text = {0};
    struct piece in;
    EVP_PKEY *key;
    if (!begin(kitchen, &in) || !keychain_sm2(kitchen->keys, step->key, false, &key, kitchen->err))
        return false;
    bool ok = steps(kitchen, in, at, &text) &&
              sm2_verify(key, step->signer_id, text.bytes ? text.bytes : (const void *)"",
                         text.length, shown, length, kitchen->err);
    EVP_PKEY_free(key);
    wipe(&text, true);
    return ok;
}

bool yq_recipe_check(const struct yq_recipe *recipe, struct yq_keychain *keys,
                     const struct yq_ingredient *values, size_t count, const char *shown,
                     size_t length, struct yq_err *err)
{
    struct kitchen kitchen = {
        .recipe = recipe, .keys = keys, .values = values, .count = count, .err = err};
    struct yq_buf made = {0};
    size_t at = 0;
    while (at < recipe->step_count && recipe->steps[at].kind != STEP_SM2)
        at++;
    bool ok;
    if (at < recipe->step_count && recipe_only_codes(recipe, at + 1)) {
        ok = check_sm2(&kitchen, at, shown, length);
    } else {
        ok = yq_recipe_make(recipe, keys, values, count, &made, err) &&
             (same(recipe, &made, shown, length) ||
              yq_fail(err, YQ_REFUSED, "seal", "the signature is wrong"));
    }
    clean(&kitchen);
    wipe(&made, true); /* it is what a forger wants to know */
    return ok;
}

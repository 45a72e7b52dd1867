/* recipe.c: recipes as text, read from left to right into what recipe_make.c works with. The
 * grammar stands in recipe.h. Bounded in length, parts, names and steps; whatever is not understood
 * is refused with its place, in characters from 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recipe_inside.h"

struct parser {
    const char *text, *at;
    char *to; /* where the next word is kept; all words are no longer than the text */
    struct yq_recipe *recipe;
    struct yq_err *err;
};

static bool wanted(struct parser *parser, const char *what)
{
    unsigned place = 1;
    for (const char *c = parser->text; c < parser->at; c++)
        place += ((unsigned char)*c & 0xC0) != 0x80;
    return yq_fail(parser->err, YQ_BAD_INPUT, "seal", "recipe, character %u: %s", place, what);
}

/* ---- words ---- */

static void skip(struct parser *parser) { parser->at += strspn(parser->at, " \t"); }

static bool next_is(struct parser *parser, char c)
{
    skip(parser);
    if (*parser->at != c)
        return false;
    parser->at++;
    skip(parser);
    return true;
}

static size_t word_length(const char *at)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.-";
    return strspn(at, letters) ? strspn(at, more) : 0;
}

static const char *keep(struct parser *parser, const char *from, size_t length)
{
    char *kept = parser->to;
    memcpy(kept, from, length);
    kept[length] = '\0';
    parser->to += length + 1;
    return kept;
}

/* The word that begins here; NULL and an error: none does. */
static const char *word(struct parser *parser, const char *what)
{
    size_t length = word_length(parser->at);
    if (!length) {
        wanted(parser, what);
        return NULL;
    }
    const char *kept = keep(parser, parser->at, length);
    parser->at += length;
    skip(parser);
    return kept;
}

/* Whether this word stands here, and if so is passed over. */
static bool word_is(struct parser *parser, const char *text)
{
    size_t length = strlen(text);
    if (word_length(parser->at) != length || strncmp(parser->at, text, length) != 0)
        return false;
    parser->at += length;
    skip(parser);
    return true;
}

static bool is_quote(char c) { return c == '"' || c == '\''; }

static const char *literal(struct parser *parser)
{
    char *kept = parser->to, quote = *parser->at;
    if (!is_quote(quote)) {
        wanted(parser, "a text in quotes is wanted");
        return NULL;
    }
    for (parser->at++; *parser->at != quote; parser->at++) {
        bool escaped = *parser->at == '\\';
        if (escaped)
            parser->at++;
        if (!*parser->at || (unsigned char)*parser->at < 32) {
            wanted(parser, "the text has no quote at its end");
            return NULL;
        }
        *parser->to++ = escaped && *parser->at == 'n' ? '\n' : *parser->at;
    }
    parser->at++;
    *parser->to++ = '\0';
    skip(parser);
    return kept;
}

/* ---- what comes first ---- */

/* values(...) and pairs(...), behind the word. */
static bool list(struct parser *parser, struct part *part)
{
    struct yq_recipe *recipe = parser->recipe;
    const char *texts[2];
    size_t text_count = 0, texts_most = part->pairs ? 2 : 1;
    part->kind = PART_LIST;
    part->names = recipe->names + recipe->name_count;
    if (!next_is(parser, '('))
        return wanted(parser, "( is wanted");
    do {
        if (is_quote(*parser->at)) {
            if (text_count == texts_most)
                return wanted(parser, "there is one text too many");
            if (!(texts[text_count++] = literal(parser)))
                return false;
        } else if (word_is(parser, "sorted")) {
            part->sorted = true;
        } else if (word_is(parser, "present")) {
            part->present = true;
        } else if (recipe->name_count == NAMES_MOST) {
            return wanted(parser, "there are too many names");
        } else {
            const char *name = word(parser, "sorted, present, a name or a text is wanted");
            if (!name)
                return false;
            recipe->names[recipe->name_count++] = name;
            part->name_count++;
        }
    } while (next_is(parser, ','));
    part->equal = part->pairs && text_count ? texts[0] : "=";
    part->between = part->pairs ? (text_count > 1 ? texts[1] : "&") : text_count ? texts[0] : "";
    if (part->sorted == (part->name_count > 0))
        return wanted(parser, "either sorted or names are wanted");
    return next_is(parser, ')') || wanted(parser, ", or ) is wanted");
}

/* The name within the ( ) of a key. */
static const char *key_name(struct parser *parser)
{
    if (!next_is(parser, '(')) {
        wanted(parser, "( and the name of a key are wanted");
        return NULL;
    }
    return word(parser, "the name of a key is wanted");
}

static bool part(struct parser *parser, bool alone)
{
    struct yq_recipe *recipe = parser->recipe;
    if (recipe->part_count == PARTS_MOST)
        return wanted(parser, "there are too many parts");
    struct part *made = &recipe->parts[recipe->part_count++];
    if (word_is(parser, "text")) {
        made->kind = PART_TEXT;
        return true;
    }
    if ((made->pairs = word_is(parser, "pairs")) || word_is(parser, "values"))
        return list(parser, made);
    if (alone)
        return wanted(parser, "text, values(...), pairs(...) or join(...) is wanted");
    if (is_quote(*parser->at)) {
        made->kind = PART_LITERAL;
        return (made->text = literal(parser)) != NULL;
    }
    if (word_length(parser->at) == 3 && strncmp(parser->at, "key", 3) == 0 &&
        parser->at[3 + strspn(parser->at + 3, " \t")] == '(') {
        parser->at += 3;
        made->kind = PART_KEY;
        return (made->text = key_name(parser)) != NULL &&
               (next_is(parser, ')') || wanted(parser, ") is wanted"));
    }
    made->kind = PART_PARAMETER;
    return (made->text = word(parser, "a name, key(...), a text, pairs(...) or values(...) is "
                                      "wanted")) != NULL;
}

static bool first(struct parser *parser)
{
    parser->recipe->between = "";
    if (!word_is(parser, "join"))
        return part(parser, true);
    if (!next_is(parser, '('))
        return wanted(parser, "( is wanted");
    if (!(parser->recipe->between = literal(parser)))
        return false;
    while (next_is(parser, ','))
        if (!part(parser, false))
            return false;
    if (!parser->recipe->part_count)
        return wanted(parser, ", and what is to be joined are wanted");
    return next_is(parser, ')') || wanted(parser, ", or ) is wanted");
}

/* ---- steps ---- */

static const struct known {
    const char *word;
    enum step_kind kind;
    bool iv, variant; /* variant: upper case, r||s */
} known_steps[] = {
    {"md5", STEP_DIGEST, 0, 0},       {"sha1", STEP_DIGEST, 0, 0},
    {"sha256", STEP_DIGEST, 0, 0},    {"sm3", STEP_DIGEST, 0, 0},
    {"hmac-md5", STEP_HMAC, 0, 0},    {"hmac-sha1", STEP_HMAC, 0, 0},
    {"hmac-sha256", STEP_HMAC, 0, 0}, {"hmac-sm3", STEP_HMAC, 0, 0},
    {"sm4-ecb", STEP_CIPHER, 0, 0},   {"sm4-cbc", STEP_CIPHER, true, 0},
    {"aes-ecb", STEP_CIPHER, 0, 0},   {"aes-cbc", STEP_CIPHER, true, 0},
    {"sm2-sign", STEP_SM2, 0, 0},     {"sm2-sign-raw", STEP_SM2, 0, true},
    {"hex", STEP_HEX, 0, 0},          {"HEX", STEP_HEX, 0, true},
    {"base64", STEP_BASE64, 0, 0},
};

static bool arguments(struct parser *parser, const struct known *known, struct step *step)
{
    if (known->kind != STEP_HMAC && known->kind != STEP_CIPHER && known->kind != STEP_SM2)
        return true;
    if (!(step->key = key_name(parser)))
        return false;
    if (known->iv) {
        if (!next_is(parser, ','))
            return wanted(parser, ", and the name of the IV are wanted");
        if (!(step->iv = word(parser, "the name of the IV is wanted")))
            return false;
    } else if (known->kind == STEP_SM2) {
        step->signer_id = YQ_SM2_SIGNER_ID;
        if (next_is(parser, ',') && !(step->signer_id = literal(parser)))
            return false;
    }
    return next_is(parser, ')') || wanted(parser, ") is wanted");
}

static bool step(struct parser *parser)
{
    static const char what[] = "a step is wanted: a digest, hmac-..., sm4-..., aes-..., "
                               "sm2-sign, hex, HEX or base64";
    struct yq_recipe *recipe = parser->recipe;
    if (recipe->step_count == STEPS_MOST)
        return wanted(parser, "there are too many steps");
    const struct known *known = known_steps;
    const struct known *end = known_steps + sizeof known_steps / sizeof *known_steps;
    while (known < end && !word_is(parser, known->word))
        known++;
    if (known == end)
        return wanted(parser, what);
    struct step *made = &recipe->steps[recipe->step_count++];
    *made = (struct step){.kind = known->kind, .word = known->word};
    made->upper = made->raw = known->variant;
    if (!arguments(parser, known, made))
        return false;
    bool fetched =
        known->kind == STEP_DIGEST || known->kind == STEP_HMAC || known->kind == STEP_CIPHER;
    return !fetched || cipher_fetch(made, parser->err);
}

bool yq_recipe_parse(const char *text, struct yq_recipe **out, struct yq_err *err)
{
    size_t length = strnlen(text, YQ_RECIPE_MOST + 1);
    *out = NULL;
    if (length > YQ_RECIPE_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "seal", "a recipe has at most %d bytes", YQ_RECIPE_MOST);
    /* a word takes a byte more than its letters, and so does what stands behind it */
    struct yq_recipe *recipe = calloc(1, sizeof *recipe + length + 2);
    if (!recipe)
        return yq_fail(err, YQ_FULL, "seal", "no memory for a recipe");
    struct parser parser = {
        .text = text, .at = text, .to = recipe->pool, .recipe = recipe, .err = err};
    skip(&parser);
    bool ok = first(&parser);
    while (ok && next_is(&parser, '|'))
        ok = step(&parser);
    if (ok && *parser.at)
        ok = wanted(&parser, "| or the end is wanted");
    if (ok)
        *out = recipe;
    else
        yq_recipe_free(recipe);
    return ok;
}

void yq_recipe_free(struct yq_recipe *recipe)
{
    if (!recipe)
        return;
    for (size_t i = 0; i < recipe->step_count; i++)
        cipher_release(&recipe->steps[i]);
    free(recipe);
}

void yq_recipe_keys(const struct yq_recipe *recipe, void (*name)(void *context, const char *key),
                    void *context)
{
    for (size_t i = 0; i < recipe->part_count; i++)
        if (recipe->parts[i].kind == PART_KEY)
            name(context, recipe->parts[i].text);
    for (size_t i = 0; i < recipe->step_count; i++) {
        if (recipe->steps[i].key)
            name(context, recipe->steps[i].key);
        if (recipe->steps[i].iv)
            name(context, recipe->steps[i].iv);
    }
}

static bool is_code(const struct step *step)
{
    return step->kind == STEP_HEX || step->kind == STEP_BASE64;
}

bool recipe_only_codes(const struct yq_recipe *recipe, size_t from)
{
    while (from < recipe->step_count && is_code(&recipe->steps[from]))
        from++;
    return from == recipe->step_count;
}

bool yq_recipe_opens(const struct yq_recipe *recipe)
{
    for (size_t i = 0; i < recipe->step_count; i++)
        if (!is_code(&recipe->steps[i]) && recipe->steps[i].kind != STEP_CIPHER)
            return false;
    return recipe->part_count == 1 && recipe->parts[0].kind == PART_TEXT;
}

const struct yq_recipe_line *yq_recipe_line(const char *province, const char *name)
{
    for (size_t i = 0; i < yq_recipe_line_count; i++)
        if (strcmp(yq_recipe_lines[i].province, province) == 0 &&
            strcmp(yq_recipe_lines[i].name, name) == 0)
            return &yq_recipe_lines[i];
    return NULL;
}

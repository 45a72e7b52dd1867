/* recipes.c: the recipes in force, by province and name. What was parsed is kept by its text until
 * the process ends: a recipe that somebody uses never goes, and a configuration that comes again
 * costs nothing. There are no more than a few hundred texts; a reload brings a handful. */
#include "yq/recipes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/sync.h"

enum { KEPT_MOST = 4096 };

struct kept {
    char *text;
    uint64_t hash;
    struct yq_recipe *recipe;
};
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static struct kept *kept;
static size_t kept_count;

static const struct yq_recipe *find(const char *text, uint64_t hash)
{
    for (size_t i = 0; i < kept_count; i++)
        if (kept[i].hash == hash && strcmp(kept[i].text, text) == 0)
            return kept[i].recipe;
    return NULL;
}

/* Parses it, unless that was done. */
static bool parsed(const char *text, const struct yq_recipe **out, struct yq_err *err)
{
    uint64_t hash = yq_hash_text(text);
    struct yq_recipe *fresh;
    pthread_mutex_lock(&kept_lock);
    *out = find(text, hash);
    pthread_mutex_unlock(&kept_lock);
    if (*out)
        return true;
    if (!yq_recipe_parse(text, &fresh, err))
        return false;
    char *copy = strdup(text);
    pthread_mutex_lock(&kept_lock);
    *out = find(text, hash); /* another thread may have been faster */
    bool ok = *out != NULL;
    struct kept *list = !ok && copy && kept_count < KEPT_MOST
                            ? realloc(kept, (kept_count + 1) * sizeof *list)
                            : NULL;
    if (list) {
        kept = list;
        kept[kept_count++] = (struct kept){copy, hash, fresh};
        *out = fresh;
    }
    pthread_mutex_unlock(&kept_lock);
    if (list)
        return true;
    free(copy);
    yq_recipe_free(fresh);
    return ok || yq_fail(err, YQ_FULL, "walk", "no memory for another recipe");
}

const char *yq_recipe_text_of(const struct yq_conf *conf, enum yq_province_id province,
                              const char *name, bool *own)
{
    for (size_t i = 0; conf && i < conf->own_recipe_count; i++) {
        const struct yq_own_recipe *line = &conf->own_recipes[i];
        if (line->province == province && strcmp(line->name, name) == 0) {
            *own = true;
            return line->text;
        }
    }
    *own = false;
    const struct yq_recipe_line *line = yq_recipe_line(yq_province_name(province), name);
    return line ? line->text : NULL;
}

bool yq_recipe_of(const struct yq_conf *conf, enum yq_province_id province, const char *name,
                  const struct yq_recipe **out, struct yq_err *err)
{
    bool own;
    const char *text = yq_recipe_text_of(conf, province, name, &own);
    *out = NULL;
    if (!text)
        return yq_fail(err, YQ_ABSENT, "walk", "%s has no recipe %.40s", yq_province_name(province),
                       name);
    return parsed(text, out, err);
}

/* ---- before a configuration is taken up ---- */

/* Names of keys that yq_platform_keys knows; keeps one that is none of them. */
static void unknown_key(void *context, const char *name)
{
    static const char *const names[] = {"key",         "public_key", "access_key",
                                        "channel_key", "iv",         "sign_key"};
    const char **unknown = context;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return;
    *unknown = name;
}

static bool no_such_name(const struct yq_own_recipe *own, struct yq_err *err)
{
    const char *province = yq_province_name(own->province);
    struct yq_buf names yq_cleanup(yq_buf_fini) = {0};
    for (size_t i = 0; i < yq_recipe_line_count; i++)
        if (strcmp(yq_recipe_lines[i].province, province) == 0)
            yq_buf_putf(&names, "%s%s", names.length ? ", " : "", yq_recipe_lines[i].name);
    return yq_fail(err, YQ_BAD_INPUT, "walk", "%s has no recipe \"%s\"; it has %.150s", province,
                   own->name, names.length ? yq_buf_text(&names) : "none");
}

static bool check(const struct yq_own_recipe *own, struct yq_err *err)
{
    const struct yq_recipe_line *line = yq_recipe_line(yq_province_name(own->province), own->name);
    const struct yq_recipe *recipe, *usual;
    const char *unknown = NULL;
    if (!line)
        return no_such_name(own, err);
    if (!parsed(own->text, &recipe, err) || !parsed(line->text, &usual, err))
        return false;
    yq_recipe_keys(recipe, unknown_key, &unknown);
    if (unknown)
        return yq_fail(err, YQ_BAD_INPUT, "walk",
                       "there is no key \"%.40s\": key, public_key, access_key, channel_key, iv or "
                       "sign_key",
                       unknown);
    return !yq_recipe_opens(usual) || yq_recipe_opens(recipe) ||
           yq_fail(err, YQ_BAD_INPUT, "walk",
                   "what \"%s\" seals must be opened again: text, ciphers, hex and base64 only",
                   own->name);
}

bool yq_recipes_check(const struct yq_conf *conf, struct yq_err *err)
{
    for (size_t i = 0; i < conf->own_recipe_count; i++) {
        const struct yq_own_recipe *own = &conf->own_recipes[i];
        if (check(own, err))
            continue;
        char place[64];
        snprintf(place, sizeof place, "platforms/%s/recipes.csv:%u",
                 yq_province_name(own->province), own->line);
        return yq_while(err, place);
    }
    return true;
}

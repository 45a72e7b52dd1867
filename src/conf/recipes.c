/* recipes.c: the hospital's own recipes, platforms/<province>/recipes.csv: columns name, recipe
 * and, if there is one, note, in this order; lines that begin with # are remarks. Read as a table
 * here; what the recipes say is room walk's to understand (walk/recipes.c), before the
 * configuration is taken up. Errors with file and line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "yq/csv.h"

enum { FILE_MOST = 1 << 18, LINES_MOST = 200, COLUMNS = 3 };

struct reading {
    struct yq_conf *conf;
    enum yq_province_id province;
    char file[64];
    struct yq_csv csv;
    struct yq_err *err;
};

static bool fail(const struct reading *r, const char *what, const char *why)
{
    char shown[64];
    return yq_fail(r->err, YQ_BAD_INPUT, "conf", "%s:%u: %s%s%s%s", r->file, r->csv.line,
                   *what ? "\"" : "", *what ? conf_shown(shown, sizeof shown, what) : "",
                   *what ? "\" " : "", why);
}

static bool take(struct reading *r, const char **fields, size_t count)
{
    struct yq_conf *conf = r->conf;
    if (count < 2 || count > COLUMNS)
        return fail(r, "", "name and recipe are wanted, and a note if there is one");
    if (strlen(fields[0]) > YQ_RECIPE_NAME_MOST || !conf_is_name(fields[0]))
        return fail(r, fields[0], "is no name of a recipe: letters, digits, - and _");
    for (size_t i = 0; i < conf->own_recipe_count; i++)
        if (conf->own_recipes[i].province == r->province &&
            strcmp(conf->own_recipes[i].name, fields[0]) == 0)
            return fail(r, fields[0], "stands in this file twice");
    struct yq_own_recipe *list =
        conf->own_recipe_count < LINES_MOST
            ? realloc(conf->own_recipes, (conf->own_recipe_count + 1) * sizeof *list)
            : NULL;
    if (!list)
        return fail(r, "", "there is no room for so many recipes");
    conf->own_recipes = list;
    struct yq_own_recipe *own = &list[conf->own_recipe_count];
    *own = (struct yq_own_recipe){
        .province = r->province, .line = r->csv.line, .text = strdup(fields[1])};
    (void)yq_copy(own->name, sizeof own->name, fields[0]);
    if (!own->text)
        return yq_fail(r->err, YQ_FULL, "conf", "no memory for recipes");
    conf->own_recipe_count++;
    return true;
}

bool conf_parse_recipes(struct yq_conf *conf, enum yq_province_id province, const void *bytes,
                        size_t length, struct yq_err *err)
{
    static const char bom[] = "\xEF\xBB\xBF"; /* spreadsheets write one */
    struct yq_buf row yq_cleanup(yq_buf_fini) = {0};
    struct reading r = {.conf = conf, .province = province, .err = err};
    const char *fields[COLUMNS + 1];
    size_t count;
    bool headed = false, ok = true;
    snprintf(r.file, sizeof r.file, "platforms/%s/recipes.csv", yq_province_name(province));
    r.csv.bytes = bytes;
    r.csv.length = length;
    if (length >= 3 && memcmp(bytes, bom, 3) == 0)
        r.csv.at = 3;
    err->code = YQ_OK;
    while (ok && yq_csv_next(&r.csv, &row, fields, COLUMNS + 1, &count, err)) {
        if (*fields[0] == '#')
            continue;
        if (!headed) {
            headed = count >= 2 && count <= COLUMNS && strcmp(fields[0], "name") == 0 &&
                     strcmp(fields[1], "recipe") == 0;
            ok = headed || fail(&r, "", "the first line is \"name,recipe,note\"");
        } else {
            ok = take(&r, fields, count);
        }
    }
    if (ok && err->code == YQ_BAD_INPUT) {
        char why[sizeof err->text];
        memcpy(why, err->text, sizeof why);
        ok = fail(&r, "", why);
    }
    return ok;
}

bool conf_load_recipes(struct yq_conf *conf, struct yq_err *err)
{
    for (unsigned i = 0; i < YQ_PROVINCE_COUNT; i++) {
        struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
        char name[64], path[YQ_PATH_MOST];
        enum yq_province_id province = (enum yq_province_id)i;
        snprintf(name, sizeof name, "platforms/%s/recipes.csv", yq_province_name(province));
        if (!yq_path_join(path, conf->folder, name, err))
            return false;
        if (yq_file_read(path, FILE_MOST, &bytes, err)) {
            if (!conf_parse_recipes(conf, province, yq_buf_text(&bytes), bytes.length, err))
                return false;
        } else if (err->code != YQ_ABSENT) {
            return yq_while(err, "configuration");
        }
    }
    err->code = YQ_OK;
    return true;
}

void conf_recipes_fini(struct yq_conf *conf)
{
    for (size_t i = 0; i < conf->own_recipe_count; i++)
        free(conf->own_recipes[i].text);
    free(conf->own_recipes);
    conf->own_recipes = NULL;
    conf->own_recipe_count = 0;
}

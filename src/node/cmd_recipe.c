/* cmd_recipe.c: tries a recipe on a text or on parameters, with a platform's keys: for whoever
 * compares with the sample that a province sent. Reads the configuration and the keys, not the
 * data; shows what was made or opened, never a key. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/province.h"
#include "yq/recipes.h"

enum { TEXT_MOST = 64 << 20, PAIRS_MOST = 100 };

struct trial {
    struct yq_cli *cli;
    struct yq_conf *conf;
    struct yq_house house; /* of its keychains only */
    enum yq_province_id province;
    const struct yq_platform *platform; /* NULL: no keys */
    struct yq_keychain *keys;
    const struct yq_recipe *recipe;
    struct yq_recipe *given;        /* by --as; owned */
    const char *name, *text, *file; /* of the recipe; what it is tried on */
    bool own;
    struct yq_buf input;
    struct yq_ingredient values[PAIRS_MOST + 1];
    size_t count;
};

static void end(struct trial *trial)
{
    yq_recipe_free(trial->given);
    yq_buf_fini(&trial->input);
    yq_keychains_free(trial->house.keychains);
    yq_home_conf_free(&trial->conf);
}

/* ---- whose recipes, whose keys ---- */

static bool province_of(const char *name, enum yq_province_id *out)
{
    for (unsigned i = 0; i < YQ_PROVINCE_COUNT; i++)
        if (strcmp(yq_province_name((enum yq_province_id)i), name) == 0) {
            *out = (enum yq_province_id)i;
            return true;
        }
    return false;
}

/* A platform of platforms.json, or a province: then with the keys of its platform, if there is just
 * one. */
static bool find_platform(struct trial *trial, const char *name, struct yq_err *err)
{
    trial->platform = yq_conf_platform(trial->conf, name);
    if (trial->platform) {
        trial->province = trial->platform->province;
    } else if (!province_of(name, &trial->province)) {
        return yq_fail(err, YQ_ABSENT, "node",
                       "%.40s is neither a platform of platforms.json nor a province", name);
    } else {
        size_t found = 0;
        for (size_t i = 0; i < trial->conf->platform_count; i++)
            if (trial->conf->platforms[i].province == trial->province) {
                trial->platform = &trial->conf->platforms[i];
                found++;
            }
        if (found != 1)
            trial->platform = NULL;
    }
    trial->house.keychains = yq_keychains_new();
    return !trial->platform ||
           yq_platform_keys(&trial->house, trial->conf, trial->platform, &trial->keys, err);
}

/* ---- the list ---- */

struct keys_shown {
    const struct yq_keychain *keys;
    struct yq_buf *text;
};

static void show_key(void *context, const char *name)
{
    const struct keys_shown *shown = context;
    yq_buf_putf(shown->text, "%s%s%s", shown->text->length ? ", " : "", name,
                shown->keys && !yq_keychain_has(shown->keys, name) ? " (not set)" : "");
}

static bool list_one(struct trial *trial, const struct yq_recipe_line *line, struct yq_table *table,
                     struct yq_json *array, struct yq_err *err)
{
    struct yq_buf keys yq_cleanup(yq_buf_fini) = {0};
    struct keys_shown shown = {trial->keys, &keys};
    const struct yq_recipe *recipe;
    bool own;
    const char *text = yq_recipe_text_of(trial->conf, trial->province, line->name, &own);
    if (!yq_recipe_of(trial->conf, trial->province, line->name, &recipe, err))
        return false;
    yq_recipe_keys(recipe, show_key, &shown);
    if (array) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "name", line->name);
        yq_json_text(object, "recipe", text);
        yq_json_flag(object, "own", own);
        yq_json_text(object, "keys", yq_buf_text(&keys));
        yq_json_text(object, "note", line->note);
        yq_json_add(array, NULL, object);
        return true;
    }
    yq_table_add(table, line->name);
    yq_table_add(table, own ? "yes" : "");
    yq_table_add(table, yq_buf_text(&keys));
    yq_table_add(table, text);
    return true;
}

static int list(struct trial *trial)
{
    static const char *const heads[] = {"NAME", "OWN", "KEYS", "RECIPE"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 4, .last_whole = true};
    struct yq_json *array = trial->cli->json ? yq_json_array() : NULL;
    struct yq_err err;
    for (size_t i = 0; i < yq_recipe_line_count; i++)
        if (strcmp(yq_recipe_lines[i].province, yq_province_name(trial->province)) == 0 &&
            !list_one(trial, &yq_recipe_lines[i], &table, array, &err)) {
            yq_json_free(array);
            return yq_cli_fail_err(&err);
        }
    if (array)
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    yq_table_print(&table, stdout);
    return YQ_EXIT_FINE;
}

/* ---- what it is tried on ---- */

static bool find_recipe(struct trial *trial, struct yq_err *err)
{
    const char *given = yq_cli_value(trial->cli, "as");
    if (given) {
        trial->text = given;
        trial->recipe = yq_recipe_parse(given, &trial->given, err) ? trial->given : NULL;
        return trial->recipe != NULL;
    }
    trial->text = yq_recipe_text_of(trial->conf, trial->province, trial->name, &trial->own);
    return yq_recipe_of(trial->conf, trial->province, trial->name, &trial->recipe, err);
}

static bool read_input(struct trial *trial, struct yq_err *err)
{
    bool standard = !trial->file || strcmp(trial->file, "-") == 0;
    FILE *in = standard ? stdin : fopen(trial->file, "re");
    char piece[65536];
    size_t got;
    if (!in)
        return yq_fail_errno(err, "node", "open", trial->file);
    trial->input.most = TEXT_MOST;
    while ((got = fread(piece, 1, sizeof piece, in)) > 0 && !trial->input.failed)
        yq_buf_put(&trial->input, piece, got);
    bool ok = !ferror(in);
    if (!ok)
        yq_fail_errno(err, "node", "read", standard ? "standard input" : trial->file);
    if (!standard)
        (void)fclose(in);
    if (ok && trial->input.failed)
        return yq_fail(err, YQ_FULL, "node", "it is larger than %d MB", TEXT_MOST >> 20);
    return ok;
}

/* Arguments with = are parameters, another one is a file; without any of them the text comes from
 * standard input. */
static bool take_arguments(struct trial *trial, size_t first, struct yq_err *err)
{
    for (size_t i = first; i < trial->cli->arg_count; i++) {
        char *argument = trial->cli->args[i], *equal = strchr(argument, '=');
        if (!equal && trial->file)
            return yq_fail(err, YQ_BAD_INPUT, "node", "there are two files: %.60s and %.60s",
                           trial->file, argument);
        if (!equal) {
            trial->file = argument;
            continue;
        }
        if (trial->count == PAIRS_MOST)
            return yq_fail(err, YQ_BAD_INPUT, "node", "more than %d parameters", PAIRS_MOST);
        *equal = '\0';
        trial->values[trial->count++] =
            (struct yq_ingredient){argument, equal + 1, strlen(equal + 1)};
    }
    if (trial->count && !trial->file)
        return true;
    if (!read_input(trial, err))
        return false;
    trial->values[trial->count++] =
        (struct yq_ingredient){NULL, yq_buf_text(&trial->input), trial->input.length};
    return true;
}

/* ---- what it gives ---- */

static bool is_text(const struct yq_buf *out)
{
    for (size_t i = 0; i < out->length; i++)
        if (out->bytes[i] < 32 || out->bytes[i] > 126)
            return false;
    return true;
}

static int show(struct trial *trial, const struct yq_buf *out)
{
    bool opened = yq_cli_flag(trial->cli, "open");
    if (trial->cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "recipe", trial->text);
        yq_json_flag(object, "own", trial->own);
        yq_json_text(object, opened ? "opened" : "made", yq_buf_text(out));
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    bool fine = fwrite(yq_buf_text(out), 1, out->length, stdout) == out->length;
    if (isatty(STDOUT_FILENO) || (!opened && is_text(out)))
        putchar('\n');
    return fine && fflush(stdout) == 0 ? YQ_EXIT_FINE : yq_cli_fail("it could not be written");
}

static int check(struct trial *trial, const char *shown)
{
    struct yq_err err;
    bool right = yq_recipe_check(trial->recipe, trial->keys, trial->values, trial->count, shown,
                                 strlen(shown), &err);
    if (!right && err.code != YQ_REFUSED)
        return yq_cli_fail_err(&err);
    printf("%s\n", right ? "right" : "wrong");
    return right ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

static int run(struct trial *trial, struct yq_err *err)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    const char *shown = yq_cli_value(trial->cli, "check");
    if (shown)
        return check(trial, shown);
    const struct yq_ingredient *text = &trial->values[trial->count ? trial->count - 1 : 0];
    bool ok =
        yq_cli_flag(trial->cli, "open")
            ? yq_recipe_open(trial->recipe, trial->keys, text->value, text->length, &out, err)
            : yq_recipe_make(trial->recipe, trial->keys, trial->values, trial->count, &out, err);
    return ok ? show(trial, &out) : yq_cli_fail_err(err);
}

int yq_run_recipe(struct yq_cli *cli)
{
    struct trial trial yq_cleanup(end) = {.cli = cli};
    struct yq_err err = {0};
    bool as = yq_cli_value(cli, "as") != NULL;
    size_t first = as ? 1 : 2; /* argument behind the recipe */
    if (cli->arg_count < 1)
        return yq_cli_usage(cli, "recipe wants: PLATFORM [NAME [FILE | K=V ...]]");
    if (yq_cli_flag(cli, "open") && yq_cli_value(cli, "check"))
        return yq_cli_usage(cli, "--open and --check do not go together");
    if (!yq_home_conf(cli, &trial.conf, &err) || !find_platform(&trial, cli->args[0], &err))
        return yq_cli_fail_err(&err);
    if (cli->arg_count == 1 && !as)
        return list(&trial);
    trial.name = as ? NULL : cli->args[1];
    if (!find_recipe(&trial, &err) || !take_arguments(&trial, first, &err))
        return yq_cli_fail_err(&err);
    return run(&trial, &err);
}

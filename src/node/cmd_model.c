/* cmd_model.c: the tables that records and interfaces are made of, for people, for programs (JSON),
 * for Excel and WPS (CSV with a byte order mark), and as the pages of docs/ (Markdown). */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/fields.h"
#include "yq/recipe.h"
#include "yq/record.h"

/* ---- rows that are printed in one of three ways ---- */

struct listing {
    const char *const *heads; /* of the table and of CSV */
    const char *const *keys;  /* of JSON */
    size_t columns;
    bool csv;
    struct yq_table table;
    struct yq_json *array; /* NULL but for JSON */
};

static void csv_cell(const char *text, bool last)
{
    bool quoted = text[strcspn(text, ",\"\r\n")];
    if (quoted)
        putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    fputs(quoted ? "\"" : "", stdout);
    fputs(last ? "\r\n" : ",", stdout);
}

static void start(struct listing *l, const struct yq_cli *cli)
{
    l->csv = !cli->json && yq_cli_flag(cli, "csv");
    l->array = cli->json ? yq_json_array() : NULL;
    l->table = (struct yq_table){.heads = l->heads, .columns = l->columns, .last_whole = true};
    if (!l->csv)
        return;
    fputs("\xef\xbb\xbf", stdout);
    for (size_t i = 0; i < l->columns; i++)
        csv_cell(l->keys[i], i + 1 == l->columns);
}

static void row(struct listing *l, const char *const *cells)
{
    struct yq_json *object = l->array ? yq_json_object() : NULL;
    for (size_t i = 0; i < l->columns; i++) {
        if (object)
            yq_json_text(object, l->keys[i], cells[i]);
        else if (l->csv)
            csv_cell(cells[i], i + 1 == l->columns);
        else
            yq_table_add(&l->table, cells[i]);
    }
    if (object)
        yq_json_add(l->array, NULL, object);
}

static int finish(struct listing *l)
{
    bool ok = !l->array || yq_print_json(l->array);
    if (!l->array && !l->csv)
        yq_table_print(&l->table, stdout);
    yq_table_fini(&l->table);
    return ok ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

/* A cell of a Markdown table: what would be marks there is escaped. */
static void put_markdown(const char *text)
{
    for (; *text; text++) {
        if (strchr("|*_<`[", *text))
            putchar('\\');
        putchar(*text);
    }
}

static void markdown_row(const char *const *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs("| ", stdout);
        put_markdown(cells[i]);
        putchar(' ');
    }
    puts("|");
}

static void markdown_heads(const char *const *heads, size_t count)
{
    markdown_row(heads, count);
    for (size_t i = 0; i < count; i++)
        fputs("| --- ", stdout);
    puts("|");
}

/* ---- model ---- */

static int list_kinds(const struct yq_cli *cli)
{
    static const char *const heads[] = {"KIND", "中文", "MEMBERS", "IN REST"};
    static const char *const keys[] = {"kind", "chinese", "members", "plural"};
    struct listing l = {.heads = heads, .keys = keys, .columns = 4};
    start(&l, cli);
    for (size_t i = 0; i < YQ_KIND_COUNT; i++) {
        char count[24];
        snprintf(count, sizeof count, "%zu", yq_kinds[i].count);
        row(&l, (const char *const[]){yq_kinds[i].name, yq_kinds[i].chinese, count,
                                      yq_kinds[i].plural});
    }
    return finish(&l);
}

static int list_members(const struct yq_cli *cli, const struct yq_kind_info *kind)
{
    static const char *const heads[] = {"MEMBER",   "中文", "TYPE",       "LENGTH",
                                        "MANY",     "UNIT", "DICTIONARY", "ELEMENT",
                                        "PERSONAL", "KEY",  "NOTE"};
    static const char *const keys[] = {"member",   "chinese", "type",       "length",
                                       "many",     "unit",    "dictionary", "element",
                                       "personal", "key",     "note"};
    struct listing l = {.heads = heads, .keys = keys, .columns = 11};
    start(&l, cli);
    for (size_t i = 0; i < kind->count; i++) {
        const struct yq_member *m = &kind->members[i];
        char length[24] = "", type[64];
        if (m->length)
            snprintf(length, sizeof length, "%u", m->length);
        snprintf(type, sizeof type, "%s%s%s", yq_value_type_name(m->type),
                 m->type == YQ_VALUE_LIST ? " " : "",
                 m->type == YQ_VALUE_LIST ? yq_kinds[m->of].name : "");
        row(&l, (const char *const[]){m->name, m->chinese, type, length, m->many ? "yes" : "",
                                      m->unit, m->dictionary, m->element, m->personal ? "yes" : "",
                                      m->key ? "yes" : "", m->note});
    }
    return finish(&l);
}

static void member_page(const struct yq_kind_info *kind)
{
    static const char *const heads[] = {"member", "中文",       "type",
                                        "length", "dictionary", "national data element",
                                        "marks",  "serves"};
    printf("\n## %s %s\n\n", kind->name, kind->chinese);
    if (*kind->plural)
        printf("`/api/v1/%s`, %zu members.\n\n", kind->plural, kind->count);
    else
        printf("Stands within other records, %zu members.\n\n", kind->count);
    markdown_heads(heads, 8);
    for (size_t i = 0; i < kind->count; i++) {
        const struct yq_member *m = &kind->members[i];
        char length[24] = "", type[64], marks[64];
        if (m->length)
            snprintf(length, sizeof length, "%u", m->length);
        snprintf(type, sizeof type, "%s%s%s%s", yq_value_type_name(m->type),
                 m->type == YQ_VALUE_LIST ? " " : "",
                 m->type == YQ_VALUE_LIST ? yq_kinds[m->of].name : "", m->many ? ", many" : "");
        snprintf(marks, sizeof marks, "%s%s%s", m->personal ? "personal" : "",
                 m->personal && m->key ? ", " : "", m->key ? "key" : "");
        markdown_row((const char *const[]){m->name, m->chinese, type, length, m->dictionary,
                                           m->element, marks, m->note},
                     8);
    }
}

static int model_page(void)
{
    puts(
        "# The canonical model\n\n"
        "<!-- Made by `yingqiao model --markdown` from data/model/. -->\n\n"
        "What a record may say, whichever door it comes through. Text is UTF-8; a length counts\n"
        "characters of one value; *many*: an array in JSON. A *code* is one of the dictionary\n"
        "(`yingqiao codes`), or the hospital's own while it is not mapped. *personal* members are\n"
        "masked in logs and listings and may be encrypted at rest; records are found by *keys*.\n"
        "The last column says which fields of the provinces' documents a member serves.");
    for (size_t i = 0; i < YQ_KIND_COUNT; i++)
        member_page(&yq_kinds[i]);
    return YQ_EXIT_FINE;
}

int yq_run_model(struct yq_cli *cli)
{
    if (yq_cli_flag(cli, "markdown"))
        return cli->arg_count ? yq_cli_usage(cli, "--markdown makes the page of all kinds")
                              : model_page();
    if (cli->arg_count > 1)
        return yq_cli_usage(cli, "model wants one kind at most");
    if (!cli->arg_count)
        return list_kinds(cli);
    enum yq_kind kind = yq_kind_by_name(cli->args[0]);
    if (kind == YQ_KIND_COUNT)
        return yq_cli_usage(cli, "there is no kind %s; `yingqiao model` lists them", cli->args[0]);
    return list_members(cli, &yq_kinds[kind]);
}

/* ---- fields ---- */

static const char *kind_name(enum yq_kind kind)
{
    return kind == YQ_KIND_COUNT ? "" : yq_kinds[kind].name;
}

static int list_interfaces(const struct yq_cli *cli, const char *platform)
{
    static const char *const heads[] = {"PLATFORM", "INTERFACE", "中文",  "KIND",
                                        "WAY",      "FIELDS",    "CLAUSE"};
    static const char *const keys[] = {"platform", "interface", "chinese", "kind",
                                       "way",      "fields",    "clause"};
    struct listing l = {.heads = heads, .keys = keys, .columns = 7};
    bool any = false;
    start(&l, cli);
    for (size_t i = 0; i < yq_interface_count; i++) {
        const struct yq_interface *f = &yq_interfaces[i];
        char count[24];
        if (platform && strcmp(f->platform, platform) != 0)
            continue;
        snprintf(count, sizeof count, "%zu", f->count);
        row(&l, (const char *const[]){f->platform, f->name, f->chinese, kind_name(f->kind),
                                      f->inward      ? "in"
                                      : f->collected ? "collected"
                                                     : "out",
                                      count, f->clause});
        any = true;
    }
    int status = finish(&l);
    return any ? status : yq_cli_usage(cli, "there is no platform %s", platform);
}

/* As they are in force: with the own lines of the hospital whose folder the options name. */
static int list_fields(const struct yq_cli *cli, const struct yq_interface *interface)
{
    static const char *const heads[] = {"FIELD",      "中文", "TYPE",     "LENGTH", "REQUIRED",
                                        "DICTIONARY", "GATE", "OWN LINE", "SOURCE", "NOTE"};
    static const char *const keys[] = {"name",       "chinese", "type", "length", "required",
                                       "dictionary", "gate",    "own",  "source", "note"};
    struct listing l = {.heads = heads, .keys = keys, .columns = 10};
    struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
    struct yq_err err;
    if (!interface->count)
        return yq_cli_fail("the document has no field table for %s/%s (%s)", interface->platform,
                           interface->name, interface->clause);
    if (!yq_home_conf(cli, &conf, &err))
        return yq_cli_fail_err(&err);
    const struct yq_fields *fields = yq_conf_fields(conf, interface);
    start(&l, cli);
    for (size_t i = 0; fields && i < fields->count; i++) {
        const struct yq_field *f = &fields->lines[i].field;
        char length[32] = "", required[160], own[16] = "";
        if (f->length)
            snprintf(length, sizeof length, "%u%s", f->length, f->bytes ? " bytes" : "");
        snprintf(required, sizeof required, "%s%s%s", f->required, *f->when ? " when " : "",
                 f->when);
        if (fields->lines[i].own)
            snprintf(own, sizeof own, "%u", fields->lines[i].own);
        row(&l,
            (const char *const[]){f->name, f->chinese, f->type, length, required, f->dictionary,
                                  yq_gate_name(fields->lines[i].gate), own, f->source, f->note});
    }
    return finish(&l);
}

static void field_page(const struct yq_interface *interface)
{
    static const char *const heads[] = {"field",    "中文",       "type",   "length",
                                        "required", "dictionary", "source", "note"};
    markdown_heads(heads, 8);
    for (size_t i = 0; i < interface->count; i++) {
        const struct yq_field *f = &interface->fields[i];
        char length[32] = "", required[160];
        if (f->length)
            snprintf(length, sizeof length, "%u%s", f->length, f->bytes ? " bytes" : "");
        snprintf(required, sizeof required, "%s%s%s", f->required, *f->when ? " when " : "",
                 f->when);
        markdown_row((const char *const[]){f->name, f->chinese, f->type, length, required,
                                           f->dictionary, f->source, f->note},
                     8);
    }
}

static void outside_page(void)
{
    static const char *const heads[] = {"name", "中文", "setting in node.json"};
    puts("\n## Names in sources that are of no record\n");
    markdown_heads(heads, 3);
    for (size_t i = 0; i < yq_outside_count; i++) {
        const struct yq_outside_name *o = &yq_outside_names[i];
        markdown_row((const char *const[]){o->name, o->chinese, o->setting}, 3);
    }
}

static void recipe_page(const char *platform)
{
    static const char *const heads[] = {"name", "recipe", "note"};
    bool any = false;
    for (size_t i = 0; i < yq_recipe_line_count; i++) {
        const struct yq_recipe_line *line = &yq_recipe_lines[i];
        if (strcmp(line->province, platform) != 0)
            continue;
        if (!any) {
            printf("\n## Recipes: how things are signed and sealed\n\n"
                   "`yingqiao recipe %s` lists and tries them; a hospital's own lines:\n"
                   "`platforms/%s/recipes.csv` in the folder of the configuration.\n\n",
                   platform, platform);
            markdown_heads(heads, 3);
        }
        any = true;
        markdown_row((const char *const[]){line->name, line->text, line->note}, 3);
    }
}

static int platform_page(const struct yq_cli *cli, const char *platform)
{
    bool any = false;
    for (size_t i = 0; i < yq_interface_count; i++) {
        const struct yq_interface *f = &yq_interfaces[i];
        if (strcmp(f->platform, platform) != 0)
            continue;
        if (!any)
            printf(
                "<!-- Below: made by `yingqiao fields %s --markdown` from data/platforms/%s/. "
                "Above: written by hand. See tools/province_pages.sh. -->\n\n"
                "# Fields of %s\n\n"
                "*collected*: how the platform collects records, what `yingqiao validate %s`\n"
                "looks at; *out*: the node sends or offers it; *in*: the node gets it. A length\n"
                "counts characters, or bytes of GBK where it says so. A source is a member of\n"
                "[the model](../model.md), a setting of the hospital (hospital.NAME), what only "
                "the\n"
                "node knows of a message (node.NAME), or an expression over them; where there is\n"
                "none the value is the session's or the images'.\n",
                platform, platform, platform, platform);
        any = true;
        printf("\n## %s %s\n\n", f->name, f->chinese);
        printf("%s; %s%s%s.\n\n", f->clause,
               f->inward      ? "in"
               : f->collected ? "collected"
                              : "out",
               f->kind == YQ_KIND_COUNT ? "" : "; made of, or becomes: ", kind_name(f->kind));
        if (f->count)
            field_page(f);
        else
            puts("The document gives no fields.");
    }
    if (any && strcmp(platform, "shanxi") == 0) /* the one whose messages are composed */
        outside_page();
    recipe_page(platform);
    return any ? YQ_EXIT_FINE : yq_cli_usage(cli, "there is no platform %s", platform);
}

int yq_run_fields(struct yq_cli *cli)
{
    if (yq_cli_flag(cli, "markdown"))
        return cli->arg_count == 1 ? platform_page(cli, cli->args[0])
                                   : yq_cli_usage(cli, "--markdown makes the page of one platform");
    if (cli->arg_count > 2)
        return yq_cli_usage(cli, "fields wants a platform and an interface");
    if (cli->arg_count < 2)
        return list_interfaces(cli, cli->arg_count ? cli->args[0] : NULL);
    const struct yq_interface *interface = yq_interface_find(cli->args[0], cli->args[1]);
    if (!interface)
        return yq_cli_usage(cli, "there is no interface %s/%s; `yingqiao fields %s` lists them",
                            cli->args[0], cli->args[1], cli->args[0]);
    return list_fields(cli, interface);
}

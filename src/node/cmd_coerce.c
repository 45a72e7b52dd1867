/* cmd_coerce.c: what the rules of coercion.json would change in a file, and what they did change.
 * Names are shown: this is the terminal of who runs the node. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "coerced.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/dcm.h"

#define LISTED_MOST 20000
#define LOOKED_BACK 256

static const char *shown(const char *text) { return text ? text : ""; }

/* ---- coerce test ---- */

static bool read_header(const char *path, const struct yq_peer *peer, struct yq_header *header,
                        struct yq_err *err)
{
    struct yq_part10 about;
    int fd yq_cleanup(yq_close) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return yq_fail_errno(err, "node", "open", path);
    return yq_part10_read(fd, &about, err) &&
           yq_dcm_read_header(fd, about.dataset_offset, about.transfer_syntax,
                              peer ? peer->assume_charset : "", header, err);
}

static int print_test(const struct yq_cli *cli, const struct yq_coercions *coercions)
{
    static const char *const heads[] = {"ATTRIBUTE", "CAME", "BECOMES", "RULE"};
    struct yq_table table yq_cleanup(yq_table_fini) = {.heads = heads, .columns = 4};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    for (size_t i = 0; i < coercions->count; i++) {
        const struct yq_change *change = &coercions->changes[i];
        if (cli->json) {
            struct yq_json *object = yq_json_object();
            yq_json_text(object, "attribute", yq_attrs[change->attr].name);
            yq_json_text(object, "came", change->original);
            yq_json_text(object, "becomes", change->value);
            yq_json_text(object, "rule", change->rule);
            yq_json_add(array, NULL, object);
            continue;
        }
        yq_table_add(&table, yq_attrs[change->attr].name);
        yq_table_add(&table, shown(change->original));
        yq_table_add(&table, change->value);
        yq_table_add(&table, change->rule);
    }
    if (cli->json)
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (coercions->count)
        yq_table_print(&table, stdout);
    else
        printf("nothing would be changed\n");
    return YQ_EXIT_FINE;
}

int yq_run_coerce(struct yq_cli *cli)
{
    struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
    struct yq_header header = {0};
    struct yq_coercions coercions = {0};
    struct yq_origin origin = {.door = "dimse"};
    struct yq_err err = {0};
    const char *from = yq_cli_value(cli, "from");
    if (cli->arg_count != 2 || strcmp(cli->args[0], "test") != 0)
        return yq_cli_usage(cli, "coerce wants: test FILE --from AET");
    if (!from || !yq_aet_valid(from))
        return yq_cli_usage(cli, "--from wants the AE title that would send the file");
    (void)yq_copy(origin.aet, sizeof origin.aet, from);
    bool ok = yq_home_conf(cli, &conf, &err) &&
              read_header(cli->args[1], yq_conf_peer(conf, from, "", NULL), &header, &err) &&
              yq_coerce(NULL, conf, &origin, &header, &coercions, &err);
    int status = ok ? print_test(cli, &coercions) : yq_cli_fail_err(&err);
    yq_coercions_fini(&coercions);
    yq_header_fini(&header);
    return status;
}

/* ---- studies --coerced ---- */

struct line { /* the same change in instances of one study */
    char study[YQ_UID_SIZE], source[YQ_AET_SIZE];
    struct yq_change change; /* owned */
    int64_t when_ms;
    unsigned instances;
};

struct lines {
    struct line *line;
    size_t count, room;
};

static void lines_fini(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->line[i].change.rule);
        free(lines->line[i].change.original);
        free(lines->line[i].change.value);
    }
    free(lines->line);
}

static bool fits(const struct line *line, const struct yq_entry *entry,
                 const struct yq_change *change)
{
    return strcmp(line->study, entry->key.study) == 0 && line->change.attr == change->attr &&
           strcmp(line->change.rule, change->rule) == 0 &&
           strcmp(shown(line->change.original), shown(change->original)) == 0 &&
           strcmp(line->change.value, change->value) == 0 &&
           strcmp(line->source, entry->source) == 0;
}

/* `take` is moved into a line of its own, or counted in one that is there. */
static bool add(struct lines *lines, const struct yq_entry *entry, struct yq_change *take,
                int64_t when_ms, struct yq_err *err)
{
    size_t back = lines->count > LOOKED_BACK ? lines->count - LOOKED_BACK : 0;
    for (size_t i = lines->count; i > back; i--) {
        if (fits(&lines->line[i - 1], entry, take)) {
            lines->line[i - 1].instances++;
            return true;
        }
    }
    if (lines->count == lines->room) {
        size_t room = lines->room ? 2 * lines->room : 64;
        struct line *grown = realloc(lines->line, room * sizeof *grown);
        if (!grown)
            return yq_fail(err, YQ_FULL, "node", "no memory for %zu lines", room);
        lines->line = grown;
        lines->room = room;
    }
    struct line *line = &lines->line[lines->count++];
    *line = (struct line){.change = *take, .when_ms = when_ms, .instances = 1};
    memset(take, 0, sizeof *take);
    (void)yq_copy(line->study, sizeof line->study, entry->key.study);
    (void)yq_copy(line->source, sizeof line->source, entry->source);
    return true;
}

static bool collect(struct yq_catalog *catalog, struct lines *lines, struct yq_err *err)
{
    struct yq_entry *entries = NULL;
    size_t count = 0;
    bool ok = yq_catalog_coerced_list(catalog, LISTED_MOST, &entries, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        struct yq_coercions coercions;
        if (!yq_catalog_coerced(catalog, entries[i].id, &coercions, err)) {
            ok = err->code == YQ_ABSENT; /* deleted meanwhile */
            continue;
        }
        for (size_t j = 0; ok && j < coercions.count; j++)
            ok = add(lines, &entries[i], &coercions.changes[j], coercions.when_ms, err);
        yq_coercions_fini(&coercions);
    }
    free(entries);
    return ok;
}

static struct yq_json *line_json(const struct line *line)
{
    char when[32];
    struct yq_json *object = yq_json_object();
    yq_clock_text(when, sizeof when, line->when_ms);
    yq_json_text(object, "when", when);
    yq_json_text(object, "source", line->source);
    yq_json_text(object, "rule", line->change.rule);
    yq_json_text(object, "attribute", yq_attrs[line->change.attr].name);
    yq_json_text(object, "came", line->change.original);
    yq_json_text(object, "became", line->change.value);
    yq_json_number(object, "instances", line->instances);
    yq_json_text(object, "StudyInstanceUID", line->study);
    return object;
}

static void print_line(struct yq_table *table, const struct line *line)
{
    char when[32];
    yq_clock_text(when, sizeof when, line->when_ms);
    yq_table_addf(table, "%.10s %.8s", when, when + 11);
    yq_table_add(table, line->source);
    yq_table_add(table, line->change.rule);
    yq_table_add(table, yq_attrs[line->change.attr].name);
    yq_table_add(table, shown(line->change.original));
    yq_table_add(table, line->change.value);
    yq_table_addf(table, "%u", line->instances);
    yq_table_add(table, line->study);
}

int yq_list_coerced(const struct yq_cli *cli, struct yq_home *home)
{
    static const char *const heads[] = {"WHEN", "FROM",   "RULE",      "ATTRIBUTE",
                                        "CAME", "BECAME", "INSTANCES", "STUDY UID"};
    struct yq_table table yq_cleanup(yq_table_fini) = {.heads = heads, .columns = 8};
    struct lines lines yq_cleanup(lines_fini) = {0};
    struct yq_err err = {0};
    if (!collect(home->house.catalog, &lines, &err))
        return yq_cli_fail_err(&err);
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    for (size_t i = 0; i < lines.count; i++) {
        if (cli->json)
            yq_json_add(array, NULL, line_json(&lines.line[i]));
        else
            print_line(&table, &lines.line[i]);
    }
    if (cli->json)
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (lines.count)
        yq_table_print(&table, stdout);
    else
        printf("nothing was coerced\n");
    return YQ_EXIT_FINE;
}

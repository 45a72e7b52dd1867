/* cmd_folder.c: how the watched folders are, and what a file would become. `test` shows values:
 * this is the terminal of who runs the node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/folder.h"

/* ---- folder status ---- */

struct status {
    struct yq_table table;
    struct yq_json *files; /* NULL: a table */
    const char *source;
    size_t counts[3];
};

static void add_file(void *context, enum yq_folder_place place, const char *name,
                     int64_t changed_ms, const char *why)
{
    static const char *const places[] = {"waiting", "working", "failed"};
    struct status *status = context;
    char when[32];
    yq_clock_text(when, sizeof when, changed_ms);
    status->counts[place]++;
    if (status->files) {
        struct yq_json *file = yq_json_object();
        yq_json_text(file, "place", places[place]);
        yq_json_text(file, "name", name);
        yq_json_text(file, "changed", when);
        yq_json_text(file, "why", why);
        yq_json_add(status->files, NULL, file);
        return;
    }
    yq_table_add(&status->table, status->source);
    yq_table_add(&status->table, places[place]);
    yq_table_addf(&status->table, "%.10s %.8s", when, when + 11);
    yq_table_add(&status->table, name);
    yq_table_add(&status->table, why);
}

static struct yq_json *source_json(const struct yq_source *source, const struct status *status,
                                   uint64_t done, const struct yq_err *trouble)
{
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "source", source->name);
    yq_json_text(object, "path", source->path);
    yq_json_flag(object, "enabled", source->enabled);
    yq_json_text(object, "trouble", trouble ? trouble->text : "");
    yq_json_number(object, "waiting", (double)status->counts[YQ_FOLDER_WAITING]);
    yq_json_number(object, "working", (double)status->counts[YQ_FOLDER_WORKING]);
    yq_json_number(object, "failed", (double)status->counts[YQ_FOLDER_FAILED]);
    yq_json_number(object, "done", (double)done);
    return object;
}

/* False: the folder cannot be looked at. */
static bool show_source(const struct yq_cli *cli, const struct yq_source *source,
                        struct status *status, struct yq_json *array)
{
    struct yq_err err = {0};
    uint64_t done = 0;
    memset(status->counts, 0, sizeof status->counts);
    status->source = source->name;
    status->files = cli->json ? yq_json_array() : NULL;
    bool ok = yq_folder_list(source, add_file, status, &done, &err);
    if (cli->json) {
        struct yq_json *object = source_json(source, status, done, ok ? NULL : &err);
        yq_json_add(object, "files", status->files);
        yq_json_add(array, NULL, object);
    } else if (ok) {
        printf("%s: %s%s: %zu waiting, %zu being taken, %zu in failed, %llu done\n", source->name,
               source->path, source->enabled ? "" : " (not enabled)",
               status->counts[YQ_FOLDER_WAITING], status->counts[YQ_FOLDER_WORKING],
               status->counts[YQ_FOLDER_FAILED], (unsigned long long)done);
    } else {
        printf("%s: %s\n", source->name, err.text);
    }
    return ok;
}

static int show_status(const struct yq_cli *cli, const struct yq_conf *conf)
{
    static const char *const heads[] = {"SOURCE", "PLACE", "CHANGED", "FILE", "NOT YET, BECAUSE"};
    struct status status = {.table = {.heads = heads, .columns = 5, .last_whole = true}};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    bool ok = true, any = false;
    for (size_t i = 0; i < conf->source_count; i++) {
        if (conf->sources[i].type != YQ_SOURCE_FOLDER)
            continue;
        any = true;
        ok = show_source(cli, &conf->sources[i], &status, array) && ok;
    }
    if (cli->json)
        return yq_print_json(array) && ok ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (!any)
        printf("no folder is watched: sources.json has no source of type folder\n");
    if (status.table.count) {
        printf("\n");
        yq_table_print(&status.table, stdout);
    }
    yq_table_fini(&status.table);
    return ok ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

/* ---- folder test ---- */

struct test {
    const struct yq_cli *cli;
    size_t records, faults;
};

static void show_record(void *context, unsigned line, const struct yq_record *record,
                        const struct yq_findings *findings, const char *pdf)
{
    struct test *test = context;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    test->records++;
    yq_form_record_write(record, test->cli->json ? YQ_LOOK_PLAIN : YQ_LOOK_INDENT, &text);
    if (test->cli->json) {
        printf("{\"line\":%u,\"kind\":\"%s\",\"record\":%s,\"findings\":", line,
               yq_kinds[record->kind].name, yq_buf_text(&text));
        yq_buf_clear(&text);
        yq_form_findings_write(findings, &text);
        printf("%s}\n", yq_buf_text(&text));
        return;
    }
    printf("line %u: %s%s%s\n%s\n", line, yq_kinds[record->kind].name, *pdf ? ", PDF " : "", pdf,
           yq_buf_text(&text));
    for (size_t i = 0; i < findings->count; i++)
        printf("  %s %s: %s %s\n", findings->list[i].serious ? "!" : "-", findings->list[i].member,
               findings->list[i].chinese, findings->list[i].english);
}

static void show_fault(void *context, unsigned line, const char *chinese, const char *english)
{
    struct test *test = context;
    test->faults++;
    fprintf(stderr, "line %u: would not be taken: %s\n  %s\n", line, english, chinese);
}

static void show_unused(void *context, const char *column)
{
    (void)context;
    fprintf(stderr, "no member comes from column \"%s\"\n", column);
}

static int test_file(struct yq_cli *cli, const char *path)
{
    struct yq_home home = {0};
    struct yq_err err = {0};
    struct test test = {.cli = cli};
    const struct yq_folder_test shows = {&test, show_record, show_fault, show_unused};
    const char *name = yq_cli_value(cli, "source");
    if (!name)
        return yq_cli_usage(cli, "--source wants the name of a source in sources.json");
    if (!yq_home_open(cli, YQ_HOME_NO_STORE, NULL, &home, &err)) {
        yq_home_close(&home);
        return yq_cli_fail_err(&err);
    }
    const struct yq_conf *conf = yq_conf_hold(home.house.conf);
    const struct yq_source *source = yq_conf_source(conf, name);
    bool ok = source && source->type == YQ_SOURCE_FOLDER
                  ? yq_folder_try(&home.house, source, path, &shows, &err)
                  : yq_fail(&err, YQ_ABSENT, "node",
                            "sources.json has no source of type folder with this name");
    yq_conf_release(home.house.conf, conf);
    yq_home_close(&home);
    if (!ok)
        return yq_cli_fail_err(&err);
    fprintf(stderr, "%zu records would be kept, %zu would not\n", test.records, test.faults);
    return test.faults ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
}

int yq_run_folder(struct yq_cli *cli)
{
    struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
    struct yq_err err = {0};
    if (cli->arg_count == 2 && strcmp(cli->args[0], "test") == 0)
        return test_file(cli, cli->args[1]);
    if (cli->arg_count != 1 || strcmp(cli->args[0], "status") != 0)
        return yq_cli_usage(cli, "folder wants: status, or test FILE --source NAME");
    if (!yq_home_conf(cli, &conf, &err))
        return yq_cli_fail_err(&err);
    return show_status(cli, conf);
}

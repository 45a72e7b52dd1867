/* cmd_odbc.c: the databases of sources.json for people: test, preview, status, rewind, retry. Works
 * on the catalog; a running node takes a change up with its next look. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/poll.h"

#define ASIDES_SHOWN 200

static const struct yq_source *source_named(const struct yq_conf *conf, const char *name)
{
    const struct yq_source *source = yq_conf_source(conf, name);
    return source && source->type == YQ_SOURCE_ODBC ? source : NULL;
}

static int no_source(const char *name)
{
    return yq_cli_fail("there is no source \"%.63s\" of type odbc in sources.json", name);
}

/* "2026-03-01 08:15:00", by the clock on the wall; "-" for never. */
static const char *when(int64_t ms, char text[32])
{
    struct tm wall;
    time_t seconds = (time_t)(ms / 1000);
    if (!ms || !localtime_r(&seconds, &wall) || !strftime(text, 32, "%Y-%m-%d %H:%M:%S", &wall))
        snprintf(text, 32, "-");
    return text;
}

/* Keys as people read them: "H01 · 4711". */
static void put_keys(const char *keys, struct yq_buf *out)
{
    for (const char *p = keys; *p; p++)
        if (*p == *YQ_FEED_SEPARATOR)
            yq_buf_puts(out, " · ");
        else
            yq_buf_put(out, p, 1);
}

/* ---- test ---- */

static void print_columns(const char *table, const struct yq_database_column *columns, size_t count)
{
    static const char *const heads[] = {"COLUMN", "TYPE"};
    struct yq_table list yq_cleanup(yq_table_fini) = {.heads = heads, .columns = 2};
    for (size_t i = 0; i < count; i++) {
        yq_table_add(&list, columns[i].name);
        yq_table_add(&list, columns[i].type_name);
    }
    printf("\n%s, %zu columns\n", table, count);
    yq_table_print(&list, stdout);
}

static struct yq_json *columns_json(const struct yq_database_column *columns, size_t count)
{
    struct yq_json *array = yq_json_array();
    for (size_t i = 0; i < count; i++) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "name", columns[i].name);
        yq_json_text(object, "type", columns[i].type_name);
        yq_json_add(array, NULL, object);
    }
    return array;
}

static int print_survey_json(const struct yq_poll_survey *survey)
{
    struct yq_json *object = yq_json_object(), *kinds = yq_json_array(), *missing = yq_json_array();
    yq_json_text(object, "driver", survey->facts.driver);
    yq_json_text(object, "driverVersion", survey->facts.driver_version);
    yq_json_text(object, "server", survey->facts.server);
    yq_json_text(object, "serverVersion", survey->facts.server_version);
    yq_json_add(object, "columns", columns_json(survey->columns, survey->column_count));
    if (survey->detail_count)
        yq_json_add(object, "detailColumns",
                    columns_json(survey->detail_columns, survey->detail_count));
    for (int kind = 0; kind < YQ_KIND_COUNT; kind++)
        if (survey->kinds[kind])
            yq_json_text(kinds, NULL, yq_kinds[kind].name);
    yq_json_add(object, "kinds", kinds);
    for (size_t i = 0; i < survey->missing_count; i++) {
        struct yq_json *one = yq_json_object();
        yq_json_text(one, "name", survey->missing[i].name);
        if (*survey->missing[i].near)
            yq_json_text(one, "near", survey->missing[i].near);
        yq_json_add(missing, NULL, one);
    }
    yq_json_add(object, "missing", missing);
    yq_json_number(object, "unplaced", (double)survey->unplaced);
    if (survey->trouble.code != YQ_OK)
        yq_json_text(object, "problem", survey->trouble.text);
    return yq_print_json(object) && survey->trouble.code == YQ_OK ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

static void print_kinds(const struct yq_poll_survey *survey)
{
    const char *between = "";
    printf("\na row becomes: ");
    for (int kind = 0; kind < YQ_KIND_COUNT; kind++) {
        if (!survey->kinds[kind])
            continue;
        printf("%s%s (%s)", between, yq_kinds[kind].name, yq_kinds[kind].chinese);
        between = ", ";
    }
    printf("%s\n", *between ? "" : "nothing: the mapping has no id from these columns");
}

static int print_survey(const struct yq_source *source, const struct yq_poll_survey *survey)
{
    const struct yq_database_facts *facts = &survey->facts;
    printf("%s %s, by %s %s\n", facts->server, facts->server_version, facts->driver,
           facts->driver_version);
    print_columns(source->table, survey->columns, survey->column_count);
    if (survey->detail_count)
        print_columns(source->detail_table, survey->detail_columns, survey->detail_count);
    print_kinds(survey);
    for (size_t i = 0; i < survey->missing_count; i++) {
        const struct yq_poll_missing *missing = &survey->missing[i];
        printf("mapping \"%s\": there is no column %s%s%s%s\n", source->rules->name, missing->name,
               *missing->near ? " (did you mean " : "", missing->near, *missing->near ? "?)" : "");
    }
    if (survey->unplaced)
        printf("%llu rows have no value in change_column or key_columns, and are never read\n",
               survey->unplaced);
    if (survey->trouble.code == YQ_OK)
        return YQ_EXIT_FINE;
    fflush(stdout);
    return yq_cli_fail_err(&survey->trouble);
}

static int test(const struct yq_cli *cli, const struct yq_conf *conf,
                const struct yq_source *source)
{
    struct yq_poll *poll = NULL;
    struct yq_poll_survey survey;
    struct yq_err err = {0};
    if (!yq_poll_new(conf, source, &poll, &err))
        return yq_cli_fail_err(&err);
    bool ok = yq_poll_inspect(poll, &survey, &err);
    int status = !ok         ? yq_cli_fail_err(&err)
                 : cli->json ? print_survey_json(&survey)
                             : print_survey(source, &survey);
    if (ok)
        yq_poll_survey_fini(&survey);
    yq_poll_free(poll);
    return status;
}

/* ---- preview ---- */

struct previewing {
    const struct yq_cli *cli;
    unsigned look;
    size_t shown;
};

static void show_findings(const struct yq_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        printf("  %s %s: %s %s\n", findings->list[i].serious ? "!" : "-", findings->list[i].member,
               findings->list[i].chinese, findings->list[i].english);
}

static void show_row(void *context, const struct yq_poll_sample *sample)
{
    struct previewing *previewing = context;
    struct yq_buf keys yq_cleanup(yq_buf_fini) = {0};
    put_keys(sample->keys, &keys);
    printf("%srow %s  %s\n", previewing->shown++ ? "\n" : "", yq_buf_text(&keys), sample->change);
    if (sample->trouble)
        printf("would be put aside: %s\n", sample->trouble->text);
    for (size_t i = 0; i < sample->count; i++) {
        struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
        yq_form_record_write(sample->records[i], previewing->look | YQ_LOOK_INDENT, &text);
        printf("%s %s\n", yq_kinds[sample->records[i]->kind].name, yq_buf_text(&text));
        show_findings(&sample->findings[i]);
    }
}

/* One JSON object a line. */
static void show_row_json(void *context, const struct yq_poll_sample *sample)
{
    struct previewing *previewing = context;
    struct yq_json *head = yq_json_object();
    struct yq_buf line yq_cleanup(yq_buf_fini) = {0}, keys yq_cleanup(yq_buf_fini) = {0};
    put_keys(sample->keys, &keys);
    yq_json_text(head, "keys", yq_buf_text(&keys));
    yq_json_text(head, "change", sample->change);
    if (sample->trouble)
        yq_json_text(head, "problem", sample->trouble->text);
    bool ok = yq_json_print(head, false, &line);
    yq_json_free(head);
    if (ok && line.length) { /* the records are JSON already */
        line.bytes[--line.length] = '\0';
        yq_buf_puts(&line, ", \"records\": [");
    }
    for (size_t i = 0; ok && i < sample->count; i++) {
        yq_buf_putf(&line, "%s{\"kind\": \"%s\", \"record\": ", i ? ", " : "",
                    yq_kinds[sample->records[i]->kind].name);
        yq_form_record_write(sample->records[i], previewing->look, &line);
        yq_buf_puts(&line, ", \"findings\": ");
        yq_form_findings_write(&sample->findings[i], &line);
        yq_buf_puts(&line, "}");
    }
    previewing->shown++;
    printf("%s]}\n", yq_buf_text(&line));
}

static int preview(const struct yq_cli *cli, struct yq_home *home, const struct yq_conf *conf,
                   const struct yq_source *source)
{
    struct yq_poll *poll = NULL;
    struct yq_err err = {0};
    long rows;
    bool personal = yq_cli_flag(cli, "personal");
    struct previewing previewing = {.cli = cli, .look = personal ? 0 : YQ_LOOK_MASKED};
    char text[160];
    if (!yq_cli_number(cli, "rows", 1, 1000, 5, &rows))
        return YQ_EXIT_USAGE;
    if (!yq_poll_new(conf, source, &poll, &err))
        return yq_cli_fail_err(&err);
    bool ok = yq_poll_preview(&home->house, poll, (size_t)rows,
                              cli->json ? show_row_json : show_row, &previewing, &err);
    yq_poll_free(poll);
    if (personal && previewing.shown) {
        snprintf(text, sizeof text, "odbc preview of %s: %zu rows shown with personal members",
                 source->name, previewing.shown);
        yq_audit_administered(home->house.audit, text, NULL);
    }
    if (!ok)
        return yq_cli_fail_err(&err);
    if (!previewing.shown && !cli->json)
        printf("the table has no rows with a change and a key\n");
    return YQ_EXIT_FINE;
}

/* ---- status ---- */

static const char *state_of(const struct yq_source *source, const struct yq_feed *feed)
{
    return !source->enabled  ? "disabled"
           : feed->down_ms   ? "down"
           : feed->looked_ms ? "ok"
                             : "not read yet";
}

static void get_feed(const struct yq_home *home, const struct yq_source *source,
                     struct yq_feed *feed)
{
    struct yq_err ignored;
    (void)!yq_feed_get(home->house.catalog, source->name, feed, &ignored);
}

static struct yq_json *aside_json(const struct yq_feed_aside *aside)
{
    struct yq_json *object = yq_json_object();
    struct yq_buf keys yq_cleanup(yq_buf_fini) = {0};
    char text[32];
    put_keys(aside->keys, &keys);
    yq_json_text(object, "keys", yq_buf_text(&keys));
    yq_json_text(object, "change", aside->change);
    yq_json_text(object, "reason", aside->reason);
    yq_clock_text(text, sizeof text, aside->first_ms);
    yq_json_text(object, "since", text);
    yq_json_number(object, "tries", aside->tries);
    yq_json_flag(object, "again", aside->again);
    return object;
}

static struct yq_json *feed_json(const struct yq_source *source, const struct yq_feed *feed)
{
    struct yq_json *object = yq_json_object();
    struct yq_buf keys yq_cleanup(yq_buf_fini) = {0};
    char text[32];
    put_keys(feed->keys, &keys);
    yq_json_text(object, "source", source->name);
    yq_json_text(object, "table", source->table);
    yq_json_text(object, "state", state_of(source, feed));
    yq_json_text(object, "change", feed->change);
    yq_json_text(object, "keys", yq_buf_text(&keys));
    yq_json_number(object, "rows", (double)feed->rows);
    yq_json_number(object, "records", (double)feed->kept);
    yq_json_number(object, "aside", (double)feed->aside);
    if (feed->looked_ms) {
        yq_clock_text(text, sizeof text, feed->looked_ms);
        yq_json_text(object, "looked", text);
    }
    if (feed->down_ms) {
        yq_clock_text(text, sizeof text, feed->down_ms);
        yq_json_text(object, "down", text);
        yq_json_text(object, "problem", feed->trouble);
    }
    return object;
}

static void print_asides(const struct yq_feed_aside *asides, size_t count)
{
    static const char *const heads[] = {"ROW", "SINCE", "TRIES", "WHY IT IS ASIDE"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 4, .last_whole = true};
    for (size_t i = 0; i < count; i++) {
        struct yq_buf keys yq_cleanup(yq_buf_fini) = {0};
        char text[32];
        put_keys(asides[i].keys, &keys);
        yq_table_add(&table, yq_buf_text(&keys));
        yq_table_add(&table, when(asides[i].first_ms, text));
        yq_table_addf(&table, "%u%s", asides[i].tries, asides[i].again ? ", again" : "");
        yq_table_add(&table, asides[i].reason);
    }
    if (count) {
        printf("\n");
        yq_table_print(&table, stdout);
    }
}

static void add_feed(struct yq_table *table, const struct yq_source *source,
                     const struct yq_feed *feed)
{
    struct yq_buf place yq_cleanup(yq_buf_fini) = {0};
    char text[32];
    yq_buf_puts(&place, feed->change);
    yq_buf_puts(&place, *feed->keys ? "  " : "");
    put_keys(feed->keys, &place);
    yq_table_add(table, source->name);
    yq_table_add(table, state_of(source, feed));
    yq_table_add(table, yq_buf_text(&place));
    yq_table_add(table, when(feed->looked_ms, text));
    yq_table_addf(table, "%" PRIu64, feed->rows);
    yq_table_addf(table, "%" PRIu64, feed->kept);
    yq_table_addf(table, "%" PRIu64, feed->aside);
    yq_table_add(table, feed->down_ms ? feed->trouble : "");
}

static int status_of(const struct yq_cli *cli, const struct yq_home *home,
                     const struct yq_conf *conf, const char *name)
{
    static const char *const heads[] = {"SOURCE", "STATE",   "READ UP TO", "LOOKED AT",
                                        "ROWS",   "RECORDS", "ASIDE",      "PROBLEM"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 8, .last_whole = true};
    struct yq_feed_aside *asides = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    struct yq_json *array = yq_json_array();
    for (size_t i = 0; i < conf->source_count; i++) {
        const struct yq_source *source = &conf->sources[i];
        struct yq_feed feed;
        if (source->type != YQ_SOURCE_ODBC || (name && strcmp(source->name, name) != 0))
            continue;
        get_feed(home, source, &feed);
        add_feed(&table, source, &feed);
        yq_json_add(array, NULL, feed_json(source, &feed));
    }
    if (name &&
        !yq_feed_asides(home->house.catalog, name, false, ASIDES_SHOWN, &asides, &count, &err)) {
        yq_json_free(array);
        return yq_cli_fail_err(&err);
    }
    struct yq_json *list = yq_json_array(), *all = yq_json_object();
    for (size_t i = 0; i < count; i++)
        yq_json_add(list, NULL, aside_json(&asides[i]));
    yq_json_add(all, "sources", array);
    yq_json_add(all, "aside", list);
    int status = YQ_EXIT_FINE;
    if (cli->json) {
        status = yq_print_json(all) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    } else {
        yq_json_free(all);
        yq_table_print(&table, stdout);
        print_asides(asides, count);
    }
    free(asides);
    return status;
}

/* ---- rewind, retry, forget ---- */

static void tell_trail(const struct yq_home *home, const char *what, const char *source)
{
    char text[160];
    snprintf(text, sizeof text, "odbc %s: %.63s", what, source);
    yq_audit_administered(home->house.audit, text, NULL);
}

static int rewind_to(const struct yq_cli *cli, const struct yq_home *home, const char *source)
{
    struct yq_err err = {0};
    const char *to = yq_cli_value(cli, "to");
    if (to && strlen(to) >= YQ_FEED_CHANGE_SIZE)
        return yq_cli_usage(cli, "--to takes at most %d bytes", YQ_FEED_CHANGE_SIZE - 1);
    if (!yq_feed_rewind(home->house.catalog, source, to, &err))
        return yq_cli_fail_err(&err);
    tell_trail(home, "rewind", source);
    printf("%s is read again from %s; what has not changed makes no new version\n", source,
           to ? to : "the beginning");
    return YQ_EXIT_FINE;
}

static int retry(const struct yq_home *home, const char *source, bool forget)
{
    struct yq_err err = {0};
    uint64_t count;
    if (!yq_feed_retry(home->house.catalog, source, forget, &count, &err))
        return yq_cli_fail_err(&err);
    tell_trail(home, forget ? "forget" : "retry", source);
    printf("%" PRIu64 " rows %s\n", count,
           forget ? "are forgotten" : "are tried again with the next look");
    return YQ_EXIT_FINE;
}

static int run(const struct yq_cli *cli, struct yq_home *home, const struct yq_conf *conf,
               const char *what, const char *name)
{
    const struct yq_source *source = name ? source_named(conf, name) : NULL;
    if (name && !source)
        return no_source(name);
    if (strcmp(what, "preview") == 0)
        return preview(cli, home, conf, source);
    if (strcmp(what, "status") == 0)
        return status_of(cli, home, conf, name);
    if (strcmp(what, "rewind") == 0)
        return rewind_to(cli, home, name);
    return retry(home, name, strcmp(what, "forget") == 0);
}

int yq_run_odbc(struct yq_cli *cli)
{
    static const char *const whats[] = {"status", "test", "preview", "rewind", "retry", "forget"};
    struct yq_home home = {0};
    struct yq_err err = {0};
    const char *what = cli->arg_count ? cli->args[0] : "status";
    const char *name = cli->arg_count > 1 ? cli->args[1] : NULL;
    size_t known = 0;
    while (known < sizeof whats / sizeof *whats && strcmp(whats[known], what) != 0)
        known++;
    if (known == sizeof whats / sizeof *whats)
        return yq_cli_usage(cli, "odbc wants one of status, test, preview, rewind, retry, forget");
    if (cli->arg_count > 2 || (!name && known))
        return yq_cli_usage(cli, "odbc %s wants the name of one source", what);
    if (strcmp(what, "test") == 0) {
        struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
        if (!yq_home_conf(cli, &conf, &err))
            return yq_cli_fail_err(&err);
        const struct yq_source *source = source_named(conf, name);
        return source ? test(cli, conf, source) : no_source(name);
    }
    if (!yq_home_open(cli, YQ_HOME_NO_STORE, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    const struct yq_conf *conf = yq_conf_hold(home.house.conf);
    int status = run(cli, &home, conf, what, name);
    yq_conf_release(home.house.conf, conf);
    yq_home_close(&home);
    return status;
}

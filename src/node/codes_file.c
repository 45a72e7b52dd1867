/* codes_file.c: the hospital's codes out to a CSV file for Excel and WPS, and back. All of a file
 * or nothing of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codes.h"
#include "output.h"
#include "yq/audit.h"
#include "yq/clock.h"
#include "yq/code_table.h"
#include "yq/file.h"
#include "yq/suggest.h"

enum { FILE_MOST = 64 << 20, LINES_MOST = 200000, TROUBLES_MOST = 50 };

/* ---- in ---- */

struct incoming {
    struct yq_code_line *lines;
    size_t count, room;
    uint64_t passed; /* without a national code */
    uint64_t troubles;
};

static void incoming_fini(struct incoming *incoming) { free(incoming->lines); }

static struct yq_code_line *next_line(struct incoming *incoming, struct yq_err *err)
{
    if (incoming->count == LINES_MOST) {
        (void)!yq_fail(err, YQ_FULL, "node", "the file has more than %d lines", LINES_MOST);
        return NULL;
    }
    if (incoming->count == incoming->room) {
        size_t room = incoming->room ? 2 * incoming->room : 256;
        struct yq_code_line *grown = realloc(incoming->lines, room * sizeof *grown);
        if (!grown) {
            (void)!yq_fail(err, YQ_FULL, "node", "no memory for the codes");
            return NULL;
        }
        incoming->lines = grown;
        incoming->room = room;
    }
    return memset(&incoming->lines[incoming->count], 0, sizeof *incoming->lines);
}

static bool fill(struct yq_code_line *line, const char *const values[YQ_COLUMN_COUNT],
                 struct yq_err *err)
{
    yq_copy(line->name, sizeof line->name, values[YQ_COLUMN_NAME]);
    return (yq_copy(line->list, sizeof line->list, values[YQ_COLUMN_LIST]) &&
            yq_copy(line->source, sizeof line->source, values[YQ_COLUMN_SOURCE]) &&
            yq_copy(line->code, sizeof line->code, values[YQ_COLUMN_CODE]) &&
            yq_copy(line->dictionary, sizeof line->dictionary, values[YQ_COLUMN_DICTIONARY]) &&
            yq_copy(line->national, sizeof line->national, values[YQ_COLUMN_NATIONAL])) ||
           yq_fail(err, YQ_BAD_INPUT, "node", "a value is too long");
}

static void complain(struct incoming *incoming, const char *path, unsigned line,
                     const struct yq_err *err)
{
    if (incoming->troubles++ < TROUBLES_MOST)
        fprintf(stderr, "%s:%u: %s\n", path, line, err->text);
}

/* False: the file cannot be read at all. */
static bool read_lines(struct yq_code_table *table, const char *path, bool force,
                       struct incoming *incoming, struct yq_err *err)
{
    const char *values[YQ_COLUMN_COUNT];
    while (yq_code_table_next(table, values, err)) {
        struct yq_err why = {0};
        if (!*values[YQ_COLUMN_NATIONAL]) { /* not decided yet */
            incoming->passed++;
            continue;
        }
        struct yq_code_line *line = next_line(incoming, err);
        if (!line)
            return false;
        if (fill(line, values, &why) && yq_codes_check(line, force, &why))
            incoming->count++;
        else
            complain(incoming, path, table->csv.line, &why);
    }
    if (err->code != YQ_OK)
        complain(incoming, path, table->csv.line, err);
    return true;
}

static bool take_over(struct yq_cli *cli, struct yq_home *home, const char *path,
                      const struct incoming *incoming, struct yq_err *err)
{
    char text[512];
    if (yq_cli_flag(cli, "dry-run"))
        return true;
    bool ok = yq_codes_set(home->house.catalog, incoming->lines, incoming->count, err);
    snprintf(text, sizeof text, "codes: %zu lines from %.300s", incoming->count, path);
    yq_audit_administered(home->house.audit, text, ok ? NULL : err);
    return ok;
}

int yq_codes_import(struct yq_cli *cli, struct yq_home *home, const char *path)
{
    struct incoming incoming yq_cleanup(incoming_fini) = {0};
    struct yq_code_table table yq_cleanup(yq_code_table_fini) = {.columns = 0};
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    if (!yq_file_read(path, FILE_MOST, &bytes, &err) ||
        !yq_code_table_open(&table, bytes.bytes, bytes.length, &err) ||
        !read_lines(&table, path, yq_cli_flag(cli, "force"), &incoming, &err))
        return yq_cli_fail_err(&err);
    if (incoming.troubles)
        return yq_cli_fail("%" PRIu64 " lines are wrong, and nothing was taken over; --force takes "
                           "national codes that no dictionary has",
                           incoming.troubles);
    if (!take_over(cli, home, path, &incoming, &err))
        return yq_cli_fail_err(&err);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "set", (double)incoming.count);
        yq_json_number(object, "passed_over", (double)incoming.passed);
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    printf("%zu mapped%s, %" PRIu64 " without a national code passed over\n", incoming.count,
           yq_cli_flag(cli, "dry-run") ? " (not really: --dry-run)" : "", incoming.passed);
    return YQ_EXIT_FINE;
}

/* ---- out ---- */

static bool put_mapped(struct yq_home *home, const struct yq_code_filter *filter,
                       struct yq_buf *out, struct yq_err *err)
{
    static const enum yq_code_column columns[] = {
        YQ_COLUMN_LIST,       YQ_COLUMN_SOURCE,   YQ_COLUMN_CODE,         YQ_COLUMN_NAME,
        YQ_COLUMN_DICTIONARY, YQ_COLUMN_NATIONAL, YQ_COLUMN_NATIONAL_NAME};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    struct yq_code_line *lines;
    size_t count;
    if (!yq_codes_list(home->house.catalog, filter, &lines, &count, err))
        return false;
    yq_code_table_head(columns, COLUMNS, out);
    for (size_t i = 0; i < count; i++) {
        const struct yq_code_line *line = &lines[i];
        const char *values[YQ_COLUMN_COUNT] = {[YQ_COLUMN_LIST] = line->list,
                                               [YQ_COLUMN_SOURCE] = line->source,
                                               [YQ_COLUMN_CODE] = line->code,
                                               [YQ_COLUMN_NAME] = line->name,
                                               [YQ_COLUMN_DICTIONARY] = line->dictionary,
                                               [YQ_COLUMN_NATIONAL] = line->national,
                                               [YQ_COLUMN_NATIONAL_NAME] =
                                                   yq_codes_name(line->dictionary, line->national)};
        yq_code_table_row(columns, COLUMNS, values, out);
    }
    free(lines);
    return true;
}

/* One row for each dictionary that may have it, with the best suggestion; one without when none
 * has. */
static void put_one_unmapped(const struct yq_code_seen *seen, struct yq_advisor *advisor,
                             struct yq_buf *out)
{
    static const enum yq_code_column columns[] = {
        YQ_COLUMN_LIST,       YQ_COLUMN_SOURCE,   YQ_COLUMN_CODE,      YQ_COLUMN_NAME,
        YQ_COLUMN_DICTIONARY, YQ_COLUMN_NATIONAL, YQ_COLUMN_SUGGESTED, YQ_COLUMN_SUGGESTED_NAME,
        YQ_COLUMN_SCORE,      YQ_COLUMN_TIMES,    YQ_COLUMN_LAST};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    struct yq_suggestion best[YQ_ADVISED_MOST];
    const struct yq_advice_wish wish = {.least = 0.5, .most = 1};
    char times[32], last[32], score[16];
    if (!seen) {
        yq_code_table_head(columns, COLUMNS, out);
        return;
    }
    size_t count =
        yq_advise(advisor, seen->list, *seen->name ? seen->name : seen->code, &wish, best);
    snprintf(times, sizeof times, "%" PRIu64, seen->times);
    yq_clock_text(last, sizeof last, seen->last_ms);
    for (size_t i = 0; i < count || (!count && !i); i++) {
        if (count)
            snprintf(score, sizeof score, "%.2f", best[i].score);
        const char *values[YQ_COLUMN_COUNT] = {
            [YQ_COLUMN_LIST] = seen->list,
            [YQ_COLUMN_SOURCE] = seen->source,
            [YQ_COLUMN_CODE] = seen->code,
            [YQ_COLUMN_NAME] = seen->name,
            [YQ_COLUMN_DICTIONARY] = count                            ? best[i].dictionary->name
                                     : yq_dictionary_find(seen->list) ? seen->list
                                                                      : "",
            [YQ_COLUMN_SUGGESTED] = count ? best[i].term->code : "",
            [YQ_COLUMN_SUGGESTED_NAME] = count ? best[i].term->chinese : "",
            [YQ_COLUMN_SCORE] = count ? score : "",
            [YQ_COLUMN_TIMES] = times,
            [YQ_COLUMN_LAST] = last};
        yq_code_table_row(columns, COLUMNS, values, out);
    }
}

static bool put_unmapped(const struct yq_cli *cli, struct yq_home *home,
                         const struct yq_code_filter *filter, struct yq_buf *out,
                         struct yq_err *err)
{
    struct yq_code_seen *seen;
    struct yq_advisor *advisor yq_cleanup(yq_advisor_cleanup) = NULL;
    size_t count;
    if (!yq_advisor_new(cli, &advisor, err) ||
        !yq_codes_unmapped(home->house.catalog, filter, &seen, &count, err))
        return false;
    put_one_unmapped(NULL, NULL, out);
    for (size_t i = 0; i < count; i++)
        put_one_unmapped(&seen[i], advisor, out);
    free(seen);
    return true;
}

int yq_codes_export(struct yq_cli *cli, struct yq_home *home, const char *path)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    struct yq_code_filter filter;
    struct yq_err err = {0};
    int status = yq_codes_filter(cli, &filter);
    if (status != YQ_EXIT_FINE)
        return status;
    if (!yq_cli_value(cli, "limit"))
        filter.limit = 0;
    bool ok = yq_cli_flag(cli, "unmapped") ? put_unmapped(cli, home, &filter, &out, &err)
                                           : put_mapped(home, &filter, &out, &err);
    if (ok && out.failed)
        ok = yq_fail(&err, YQ_FULL, "node", "no memory for the table");
    if (ok && path)
        ok = yq_file_write(path, out.bytes, out.length, 0644, &err);
    else if (ok && fwrite(out.bytes, 1, out.length, stdout) != out.length)
        ok = yq_fail(&err, YQ_IO, "node", "cannot write the table");
    return ok ? YQ_EXIT_FINE : yq_cli_fail_err(&err);
}

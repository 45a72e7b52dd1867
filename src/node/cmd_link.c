/* cmd_link.c: link list, set, undo; merge list, undo, patients. Works on the catalog, also while
 * the node runs. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/registry.h"

enum { SHOWN_MOST = 1000 };

static const struct yq_origin by_hand = {.door = "hand"};

static bool read_number(const struct yq_cli *cli, const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (!errno && !*end && *out > 0)
        return true;
    yq_cli_usage(cli, "%s is no number that `list` shows", text);
    return false;
}

/* ---- link list ---- */

static struct yq_json *link_json(const struct yq_link *link)
{
    char made[32];
    struct yq_json *object = yq_json_object();
    yq_clock_text(made, sizeof made, link->made_ms);
    yq_json_number(object, "id", (double)link->id);
    yq_json_text(object, "exam", *link->exam ? link->exam : NULL);
    yq_json_text(object, "report", *link->report ? link->report : NULL);
    yq_json_text(object, "StudyInstanceUID", *link->study ? link->study : NULL);
    yq_json_text(object, "by", yq_link_how_name(link->how));
    yq_json_text(object, "state", yq_tie_state_name(link->state));
    yq_json_flag(object, "by_exam", link->by_exam);
    yq_json_text(object, "made", made);
    return object;
}

static int show_links(const struct yq_cli *cli, struct yq_link *links, size_t count)
{
    static const char *const heads[] = {"NUMBER", "EXAM", "REPORT", "STUDY", "BY", "STATE"};
    struct yq_table table = {.heads = heads, .columns = 6};
    struct yq_json *list = cli->json ? yq_json_array() : NULL;
    for (size_t i = 0; i < count; i++) {
        if (list) {
            yq_json_add(list, NULL, link_json(&links[i]));
            continue;
        }
        yq_table_addf(&table, "%" PRId64, links[i].id);
        yq_table_add(&table, links[i].exam);
        yq_table_add(&table, links[i].report);
        yq_table_add(&table, links[i].study);
        yq_table_addf(&table, "%s%s", yq_link_how_name(links[i].how),
                      links[i].by_exam ? ", by the exam" : "");
        yq_table_add(&table, yq_tie_state_name(links[i].state));
    }
    if (list)
        return yq_print_json(list) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (count)
        yq_table_print(&table, stdout);
    else
        puts("no links");
    yq_table_fini(&table);
    return YQ_EXIT_FINE;
}

static struct yq_json *unlinked_json(const struct yq_unlinked *one, const char *wants)
{
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "kind", yq_kinds[one->kind].name);
    yq_json_text(object, "id", one->id);
    yq_json_text(object, "wants", wants);
    yq_json_text(object, "reason", one->reason);
    yq_json_text(object, "chinese", one->chinese);
    yq_json_text(object, "english", one->english);
    return object;
}

static int list_unlinked(struct yq_cli *cli, struct yq_house *house, size_t limit)
{
    static const struct {
        enum yq_untied what;
        const char *wants;
    } lists[] = {{YQ_UNTIED_EXAM_STUDY, "study"}, {YQ_UNTIED_REPORT_EXAM, "exam"}};
    static const char *const heads[] = {"KIND", "ID", "WANTS", "REASON"};
    struct yq_table table = {.heads = heads, .columns = 4, .last_whole = true};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    struct yq_err err = {0};
    size_t shown = 0;
    bool ok = true;
    for (size_t l = 0; ok && l < sizeof lists / sizeof *lists; l++) {
        struct yq_unlinked *list = NULL;
        size_t count = 0;
        ok = yq_unlinked_list(house, lists[l].what, 0, limit, &list, &count, &err);
        for (size_t i = 0; ok && i < count; i++, shown++) {
            if (array) {
                yq_json_add(array, NULL, unlinked_json(&list[i], lists[l].wants));
                continue;
            }
            yq_table_add(&table, yq_kinds[list[i].kind].name);
            yq_table_add(&table, list[i].id);
            yq_table_add(&table, lists[l].wants);
            yq_table_addf(&table, "%s (%s)", list[i].english, list[i].chinese);
        }
        free(list);
    }
    if (array)
        ok = yq_print_json(array) && ok;
    else if (ok && shown)
        yq_table_print(&table, stdout);
    else if (ok)
        puts("everything is linked");
    yq_table_fini(&table);
    return ok ? YQ_EXIT_FINE : yq_cli_fail_err(&err);
}

/* --exam, --report, --study; *kind YQ_KIND_COUNT: a study. */
static const char *named(const struct yq_cli *cli, enum yq_kind *kind)
{
    static const struct {
        const char *option;
        enum yq_kind kind;
    } options[] = {{"exam", YQ_KIND_EXAM}, {"report", YQ_KIND_REPORT}, {"study", YQ_KIND_COUNT}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *value = yq_cli_value(cli, options[i].option);
        *kind = options[i].kind;
        if (value)
            return value;
    }
    return NULL;
}

static int list(struct yq_cli *cli, struct yq_house *house)
{
    struct yq_link *links = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    enum yq_kind kind;
    long limit;
    const char *id = named(cli, &kind);
    if (!yq_cli_number(cli, "limit", 1, SHOWN_MOST, 100, &limit))
        return YQ_EXIT_USAGE;
    if (yq_cli_flag(cli, "unlinked"))
        return list_unlinked(cli, house, (size_t)limit);
    int state = yq_cli_flag(cli, "guesses") ? YQ_TIE_GUESS : yq_cli_flag(cli, "all") ? -2 : -1;
    bool ok = id ? yq_links_of(house, kind, id, &links, &count, &err)
                 : yq_links_list(house, state, 0, (size_t)limit, &links, &count, &err);
    int status = ok ? show_links(cli, links, count) : yq_cli_fail_err(&err);
    free(links);
    return status;
}

/* ---- link set, undo ---- */

static int decide(struct yq_cli *cli, struct yq_house *house, enum yq_tie_state state)
{
    struct yq_err err = {0};
    int64_t id = 0;
    bool ok;
    const char *exam = yq_cli_value(cli, "exam"), *report = yq_cli_value(cli, "report"),
               *study = yq_cli_value(cli, "study");
    if (cli->arg_count == 2) {
        if (!read_number(cli, cli->args[1], &id))
            return YQ_EXIT_USAGE;
        ok = yq_link_decide_id(house, &by_hand, id, state, &err);
    } else if ((exam != NULL) + (report != NULL) + (study != NULL) == 2) {
        ok = yq_link_decide(house, &by_hand, exam, report, study, state, &id, &err);
    } else {
        return yq_cli_usage(cli, "name a link by its number, or two of --exam, --report, --study");
    }
    if (!ok)
        return yq_cli_fail_err(&err);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "id", (double)id);
        yq_json_text(object, "state", yq_tie_state_name(state));
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    printf("link %" PRId64 " is %s\n", id, state == YQ_TIE_SET ? "set" : "undone");
    return YQ_EXIT_FINE;
}

int yq_run_link(struct yq_cli *cli)
{
    struct yq_home home = {0};
    struct yq_err err = {0};
    const char *what = cli->arg_count ? cli->args[0] : "list";
    bool lists = strcmp(what, "list") == 0, sets = strcmp(what, "set") == 0;
    if (!lists && !sets && strcmp(what, "undo") != 0)
        return yq_cli_usage(cli, "link knows list, set and undo, not %.40s", what);
    if (cli->arg_count > (lists ? 1 : 2))
        return yq_cli_usage(cli, "link %s takes no %.40s", what, cli->args[cli->arg_count - 1]);
    if (!yq_home_open(cli, 0, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    int status = lists ? list(cli, &home.house)
                       : decide(cli, &home.house, sets ? YQ_TIE_SET : YQ_TIE_UNDONE);
    yq_home_close(&home);
    return status;
}

/* ---- merged patients ---- */

static void mask(const struct yq_cli *cli, const char *id, struct yq_buf *out)
{
    const int member = yq_member_find(YQ_KIND_PATIENT, "patientId");
    if (yq_cli_flag(cli, "personal"))
        yq_buf_puts(out, id);
    else
        yq_record_mask(&yq_kinds[YQ_KIND_PATIENT].members[member], id, out);
}

static struct yq_json *merge_json(const struct yq_cli *cli, const struct yq_merge_row *row)
{
    char text[32];
    struct yq_buf from yq_cleanup(yq_buf_fini) = {0}, into yq_cleanup(yq_buf_fini) = {0};
    struct yq_json *object = yq_json_object();
    mask(cli, row->from, &from);
    mask(cli, row->into, &into);
    yq_json_number(object, "id", (double)row->id);
    yq_json_text(object, "from", yq_buf_text(&from));
    yq_json_text(object, "into", yq_buf_text(&into));
    yq_json_text(object, "source", row->source);
    yq_json_number(object, "records", (double)row->records);
    yq_json_number(object, "studies", (double)row->studies);
    yq_clock_text(text, sizeof text, row->at_ms);
    yq_json_text(object, "at", text);
    yq_clock_text(text, sizeof text, row->undone_ms);
    yq_json_text(object, "undone", row->undone_ms ? text : NULL);
    return object;
}

static int list_merges(struct yq_cli *cli, struct yq_house *house)
{
    static const char *const heads[] = {"NUMBER",  "FROM",    "INTO", "SOURCE",
                                        "RECORDS", "STUDIES", "AT",   "STATE"};
    struct yq_table table = {.heads = heads, .columns = 8};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    struct yq_merge_row *rows = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    long limit;
    if (!yq_cli_number(cli, "limit", 1, SHOWN_MOST, 100, &limit))
        return YQ_EXIT_USAGE;
    bool ok = yq_patient_merges(house, (size_t)limit, &rows, &count, &err);
    for (size_t i = 0; ok && i < count; i++) {
        char at[32];
        struct yq_buf from yq_cleanup(yq_buf_fini) = {0}, into yq_cleanup(yq_buf_fini) = {0};
        if (array) {
            yq_json_add(array, NULL, merge_json(cli, &rows[i]));
            continue;
        }
        mask(cli, rows[i].from, &from);
        mask(cli, rows[i].into, &into);
        yq_clock_text(at, sizeof at, rows[i].at_ms);
        yq_table_addf(&table, "%" PRId64, rows[i].id);
        yq_table_add(&table, yq_buf_text(&from));
        yq_table_add(&table, yq_buf_text(&into));
        yq_table_add(&table, rows[i].source);
        yq_table_addf(&table, "%zu", rows[i].records);
        yq_table_addf(&table, "%zu", rows[i].studies);
        yq_table_add(&table, at);
        yq_table_add(&table, rows[i].undone_ms ? "undone" : "holds");
    }
    if (array)
        ok = yq_print_json(array) && ok;
    else if (ok && count)
        yq_table_print(&table, stdout);
    else if (ok)
        puts("no patients were merged");
    yq_table_fini(&table);
    free(rows);
    return ok ? YQ_EXIT_FINE : yq_cli_fail_err(&err);
}

static int undo_merge(struct yq_cli *cli, struct yq_house *house, int64_t id)
{
    struct yq_err err = {0};
    size_t left = 0;
    if (!yq_patient_unmerge(house, &by_hand, id, &left, &err))
        return yq_cli_fail_err(&err);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "id", (double)id);
        yq_json_number(object, "left", (double)left);
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    printf("merge %" PRId64 " is undone\n", id);
    if (left)
        printf("%zu that went to a third patient meanwhile stay there\n", left);
    return YQ_EXIT_FINE;
}

static int merge_patients(struct yq_cli *cli, struct yq_house *house)
{
    struct yq_err err = {0};
    int64_t id = 0;
    if (!yq_patient_merge(house, &by_hand, "hand", cli->args[1], cli->args[2], &id, &err))
        return yq_cli_fail_err(&err);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "id", (double)id);
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    printf("merge %" PRId64 " is done; back again: yingqiao merge undo %" PRId64 "\n", id, id);
    return YQ_EXIT_FINE;
}

int yq_run_merge(struct yq_cli *cli)
{
    struct yq_home home = {0};
    struct yq_err err = {0};
    int64_t id = 0;
    const char *what = cli->arg_count ? cli->args[0] : "list";
    bool lists = strcmp(what, "list") == 0, undoes = strcmp(what, "undo") == 0;
    size_t wanted = lists ? 1 : undoes ? 2 : 3;
    if (!lists && !undoes && strcmp(what, "patients") != 0)
        return yq_cli_usage(cli, "merge knows list, undo and patients, not %.40s", what);
    if (cli->arg_count && cli->arg_count != wanted)
        return yq_cli_usage(cli, "merge list, merge undo NUMBER or merge patients FROM INTO");
    if (undoes && !read_number(cli, cli->args[1], &id))
        return YQ_EXIT_USAGE;
    if (!yq_home_open(cli, 0, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    int status = lists    ? list_merges(cli, &home.house)
                 : undoes ? undo_merge(cli, &home.house, id)
                          : merge_patients(cli, &home.house);
    yq_home_close(&home);
    return status;
}

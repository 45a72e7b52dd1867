/* cmd_validate.c: what would be refused of a record, or of all of them, and how to mend it. Reads
 * the catalog; shows no value. Exit status 1: something would be refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "outward.h"
#include "yq/compose.h"
#include "yq/registry.h"

/* The interfaces of a platform by which records of this kind are collected: its own, and those of
 * what stands within it. NULL platform: the general rules, as one interface NULL. */
enum { RULES_MOST = 64 };
struct rules {
    const struct yq_interface *list[RULES_MOST];
    size_t count;
};

static struct rules rules_for(const char *platform, enum yq_kind kind)
{
    struct rules rules = {0};
    if (!platform) {
        rules.count = 1;
        return rules;
    }
    for (size_t i = 0; i < yq_interface_count; i++) {
        const struct yq_interface *f = &yq_interfaces[i];
        if (strcmp(f->platform, platform) == 0 && yq_interface_collects(f, kind) &&
            rules.count < RULES_MOST)
            rules.list[rules.count++] = f;
    }
    return rules;
}

static const char *name_of(const struct yq_interface *interface)
{
    return interface ? interface->name : "";
}

/* ---- one record ---- */

static void print_findings(const struct yq_interface *interface, const struct yq_findings *findings)
{
    if (interface)
        printf("%s %s (%s): ", interface->platform, interface->name, interface->chinese);
    if (!findings->count)
        printf("nothing to mend\n");
    else
        printf("%zu to mend\n", findings->count);
    for (size_t i = 0; i < findings->count; i++) {
        const struct yq_finding *f = &findings->list[i];
        printf("  %s  %s%s\n      %s\n      %s\n", f->member, f->what,
               !f->serious             ? " (only odd)"
               : interface && !f->held ? " (goes all the same)"
                                       : "",
               f->chinese, f->english);
    }
}

static void add_findings(struct yq_json *array, const struct yq_interface *interface,
                         const struct yq_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct yq_finding *f = &findings->list[i];
        struct yq_json *object = yq_json_object();
        if (interface)
            yq_json_text(object, "interface", interface->name);
        yq_json_text(object, "member", f->member);
        yq_json_text(object, "what", f->what);
        yq_json_flag(object, "serious", f->serious);
        if (interface)
            yq_json_flag(object, "held", f->held);
        yq_json_text(object, "chinese", f->chinese);
        yq_json_text(object, "english", f->english);
        yq_json_add(array, NULL, object);
    }
}

/* By the hospital's own lines and settings too. */
static void look(struct yq_house *house, const struct yq_company *company,
                 const struct yq_interface *interface, struct yq_findings *findings)
{
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    if (interface)
        yq_compose_check(house, conf, interface, company, findings);
    else
        yq_company_check(company, NULL, findings);
    yq_conf_release(house->conf, conf);
}

struct verdict {
    struct yq_json *array; /* NULL: printed as text */
    unsigned serious, held;
};

static void check_by(struct yq_house *house, const struct yq_company *company,
                     const struct yq_interface *interface, struct verdict *verdict)
{
    struct yq_findings findings = {0};
    look(house, company, interface, &findings);
    for (size_t i = 0; i < findings.count; i++) {
        verdict->serious += findings.list[i].serious;
        verdict->held += findings.list[i].held;
    }
    if (verdict->array)
        add_findings(verdict->array, interface, &findings);
    else
        print_findings(interface, &findings);
    yq_findings_fini(&findings);
}

static bool validate_record(struct yq_house *house, const char *platform, enum yq_kind kind,
                            const char *id, struct verdict *verdict, struct yq_err *err)
{
    struct rules rules = rules_for(platform, kind);
    struct yq_company company;
    if (!yq_company_open(house, kind, id, &company, err))
        return false;
    for (size_t i = 0; i < rules.count; i++)
        check_by(house, &company, rules.list[i], verdict);
    yq_company_fini(&company);
    return true;
}

/* An exam, and the reports that belong to it. */
static bool validate_exam(struct yq_house *house, const char *platform, const char *id,
                          struct verdict *verdict, struct yq_err *err)
{
    struct yq_link *links = NULL;
    size_t count = 0;
    if (!verdict->array)
        printf("exam %s\n", id);
    if (!validate_record(house, platform, YQ_KIND_EXAM, id, verdict, err) ||
        !yq_links_of(house, YQ_KIND_EXAM, id, &links, &count, err))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        bool holds = links[i].state == YQ_TIE_SURE || links[i].state == YQ_TIE_SET;
        if (!*links[i].report || !*links[i].exam || !holds)
            continue;
        if (!verdict->array)
            printf("report %s\n", links[i].report);
        ok = validate_record(house, platform, YQ_KIND_REPORT, links[i].report, verdict, err) ||
             err->code == YQ_ABSENT;
    }
    free(links);
    if (ok && !verdict->array)
        printf(verdict->held ? "held back until %u finding%s mended\n" : "nothing holds it back\n",
               verdict->held, verdict->held == 1 ? " is" : "s are");
    return ok;
}

/* kind YQ_KIND_COUNT: an exam with its reports. */
static int validate_one(struct yq_cli *cli, struct yq_house *house, const char *platform,
                        enum yq_kind kind, const char *id)
{
    struct verdict verdict = {.array = cli->json ? yq_json_array() : NULL};
    struct yq_err err;
    bool ok = kind == YQ_KIND_COUNT ? validate_exam(house, platform, id, &verdict, &err)
                                    : validate_record(house, platform, kind, id, &verdict, &err);
    if (!ok) {
        yq_json_free(verdict.array);
        return yq_cli_fail_err(&err);
    }
    if (verdict.array && !yq_print_json(verdict.array))
        return YQ_EXIT_FAILED;
    return verdict.serious ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
}

/* ---- all of them, counted ---- */

struct tally { /* a finding, without its place in a list, over all records */
    const struct yq_interface *interface;
    enum yq_kind kind;
    struct yq_finding finding; /* the first one */
    uint64_t records;
    size_t last_record; /* so that one record counts once */
};
struct tallies {
    struct tally *list;
    size_t count, room;
    uint64_t records, refused;
};

/* "results[3].value" is counted as "results[].value". */
static void without_place(const char *member, char out[64])
{
    size_t length = 0;
    for (bool inside = false; *member && length < 63; member++) {
        inside = inside && *member != ']';
        if (!inside)
            out[length++] = *member;
        inside = inside || *member == '[';
    }
    out[length] = '\0';
}

static bool count_finding(struct tallies *tallies, const struct yq_interface *interface,
                          enum yq_kind kind, const struct yq_finding *finding)
{
    char member[64];
    struct tally *tally = NULL;
    without_place(finding->member, member);
    for (size_t i = 0; i < tallies->count && !tally; i++) {
        struct tally *t = &tallies->list[i];
        if (t->interface == interface && t->kind == kind &&
            strcmp(t->finding.member, member) == 0 && strcmp(t->finding.what, finding->what) == 0)
            tally = t;
    }
    if (!tally) {
        if (tallies->count == tallies->room) {
            size_t room = tallies->room ? tallies->room * 2 : 64;
            struct tally *list = realloc(tallies->list, room * sizeof *list);
            if (!list)
                return false;
            tallies->list = list;
            tallies->room = room;
        }
        tally = &tallies->list[tallies->count++];
        *tally = (struct tally){interface, kind, *finding, 0, 0};
        memcpy(tally->finding.member, member, sizeof member);
    }
    if (tally->last_record != tallies->records)
        tally->records++;
    tally->last_record = (size_t)tallies->records;
    return true;
}

static bool count_record(struct yq_house *house, struct tallies *tallies, const char *platform,
                         const struct yq_ledger_entry *entry, struct yq_err *err)
{
    struct rules rules = rules_for(platform, entry->kind);
    struct yq_record *record = NULL;
    struct yq_company company;
    bool ok = true, serious = false;
    if (!yq_record_open(house, entry, &record, err))
        return false;
    if (!record)
        return true;
    if (!yq_company_of(house, record, entry, &company, err))
        return false;
    tallies->records++;
    for (size_t i = 0; ok && i < rules.count; i++) {
        struct yq_findings findings = {0};
        look(house, &company, rules.list[i], &findings);
        for (size_t n = 0; ok && n < findings.count; n++) {
            ok = count_finding(tallies, rules.list[i], entry->kind, &findings.list[n]);
            serious = serious || findings.list[n].serious;
        }
        yq_findings_fini(&findings);
    }
    tallies->refused += serious;
    yq_company_fini(&company);
    return ok || yq_fail(err, YQ_FULL, "node", "no memory");
}

static bool count_kind(struct yq_house *house, struct tallies *tallies, const char *platform,
                       enum yq_kind kind, struct yq_err *err)
{
    struct yq_ledger_query query = {.kind = (int)kind, .limit = 200};
    struct yq_ledger_entry *list;
    size_t count;
    bool ok = true;
    if (!rules_for(platform, kind).count)
        return true;
    do {
        if (!yq_ledger_find(house->catalog, &query, true, &list, &count, err))
            return false;
        for (size_t i = 0; ok && i < count; i++)
            ok = count_record(house, tallies, platform, &list[i], err);
        query.after_row = count ? list[count - 1].row : 0;
        yq_ledger_list_free(list, count);
    } while (ok && count == query.limit);
    return ok;
}

static int by_records(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;
    return (x->records < y->records) - (x->records > y->records);
}

static void print_tallies(const struct tallies *tallies, const char *platform)
{
    static const char *const heads[] = {"KIND",    "INTERFACE", "FIELD",         "WHAT",
                                        "RECORDS", "SERIOUS",   "HOW TO MEND IT"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 7, .last_whole = true};
    for (size_t i = 0; i < tallies->count; i++) {
        const struct tally *t = &tallies->list[i];
        yq_table_add(&table, yq_kinds[t->kind].name);
        yq_table_add(&table, name_of(t->interface));
        yq_table_add(&table, t->finding.member);
        yq_table_add(&table, t->finding.what);
        yq_table_addf(&table, "%llu", (unsigned long long)t->records);
        yq_table_add(&table, !t->finding.serious                ? ""
                             : t->interface && !t->finding.held ? "sent"
                                                                : "yes");
        yq_table_add(&table, t->finding.chinese);
    }
    if (tallies->count)
        yq_table_print(&table, stdout);
    unsigned long long all = tallies->records, some = tallies->refused;
    if (platform)
        printf("%s would refuse %llu of %llu records\n", platform, some, all);
    else
        printf("%llu of %llu records have something to mend\n", some, all);
}

static bool tallies_json(const struct tallies *tallies)
{
    struct yq_json *object = yq_json_object(), *array = yq_json_array();
    for (size_t i = 0; i < tallies->count; i++) {
        const struct tally *t = &tallies->list[i];
        struct yq_json *line = yq_json_object();
        yq_json_text(line, "kind", yq_kinds[t->kind].name);
        yq_json_text(line, "interface", name_of(t->interface));
        yq_json_text(line, "member", t->finding.member);
        yq_json_text(line, "what", t->finding.what);
        yq_json_number(line, "records", (double)t->records);
        yq_json_flag(line, "serious", t->finding.serious);
        yq_json_text(line, "chinese", t->finding.chinese);
        yq_json_text(line, "english", t->finding.english);
        yq_json_add(array, NULL, line);
    }
    yq_json_number(object, "records", (double)tallies->records);
    yq_json_number(object, "refused", (double)tallies->refused);
    yq_json_add(object, "findings", array);
    return yq_print_json(object);
}

/* kind YQ_KIND_COUNT: all. */
static int validate_all(struct yq_cli *cli, struct yq_house *house, const char *platform,
                        enum yq_kind kind)
{
    struct tallies tallies = {0};
    struct yq_err err;
    bool ok = true;
    for (int i = 0; ok && i < YQ_KIND_KEPT; i++)
        if (kind == YQ_KIND_COUNT || kind == (enum yq_kind)i)
            ok = count_kind(house, &tallies, platform, (enum yq_kind)i, &err);
    if (tallies.count)
        qsort(tallies.list, tallies.count, sizeof *tallies.list, by_records);
    int status = !ok ? yq_cli_fail_err(&err) : tallies.refused ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
    if (ok && cli->json)
        status = tallies_json(&tallies) ? status : YQ_EXIT_FAILED;
    else if (ok)
        print_tallies(&tallies, platform);
    free(tallies.list);
    return status;
}

struct asked {
    const char *platform, *id; /* a province; NULL: the general rules */
    enum yq_kind kind;         /* YQ_KIND_COUNT: all, or an exam with its reports */
};

/* [PLATFORM] [KIND [ID]], or PLATFORM EXAM. False: a usage error, said. */
static bool read_asked(struct yq_cli *cli, struct yq_house *house, struct asked *asked)
{
    const struct yq_platform *platform;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    size_t at = 0;
    *asked = (struct asked){.kind = YQ_KIND_COUNT};
    if (cli->arg_count)
        asked->platform = yq_cli_province(conf, cli->args[0], &platform);
    yq_conf_release(house->conf, conf);
    at += asked->platform != NULL;
    if (at < cli->arg_count) {
        asked->kind = yq_kind_by_name(cli->args[at]);
        bool exam = asked->kind == YQ_KIND_COUNT && asked->platform && at + 1 == cli->arg_count;
        if (exam)
            asked->id = cli->args[at];
        else if (asked->kind >= YQ_KIND_KEPT) {
            yq_cli_usage(cli, "%s is neither a platform nor a kind of records that are kept",
                         cli->args[at]);
            return false;
        }
        at++;
    }
    if (at < cli->arg_count)
        asked->id = cli->args[at++];
    if (at == cli->arg_count)
        return true;
    yq_cli_usage(cli, "validate wants: [PLATFORM] [KIND [ID]]");
    return false;
}

int yq_run_validate(struct yq_cli *cli)
{
    struct yq_home home = {0};
    struct yq_err err;
    struct asked asked;
    int status;
    if (!yq_home_open(cli, YQ_HOME_NO_STORE, NULL, &home, &err)) {
        yq_home_close(&home);
        return yq_cli_fail_err(&err);
    }
    if (!read_asked(cli, &home.house, &asked))
        status = YQ_EXIT_USAGE;
    else if (asked.platform && asked.kind != YQ_KIND_COUNT &&
             !rules_for(asked.platform, asked.kind).count)
        status = yq_cli_fail("%s has no field table for %s", asked.platform,
                             yq_kinds[asked.kind].plural);
    else if (asked.id)
        status = validate_one(cli, &home.house, asked.platform, asked.kind, asked.id);
    else
        status = validate_all(cli, &home.house, asked.platform, asked.kind);
    yq_home_close(&home);
    return status;
}

/* cmd_records.c: records for people: list, show, history, problems. What is personal is masked
 * unless it is asked for, and who asks for it is told to the audit trail. Works on the catalog,
 * also while the node runs. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "records.h"
#include "yq/clock.h"
#include "yq/form.h"

enum { PAGE = 500 };

bool yq_cli_kind(const struct yq_cli *cli, const char *name, enum yq_kind *kind)
{
    *kind = yq_kind_by_name(name);
    if (*kind < YQ_KIND_KEPT)
        return true;
    struct yq_buf names yq_cleanup(yq_buf_fini) = {0};
    for (int i = 0; i < YQ_KIND_KEPT; i++)
        yq_buf_putf(&names, "%s%s", i ? ", " : "", yq_kinds[i].name);
    yq_cli_usage(cli, "%s is no kind of record: %s", name, yq_buf_text(&names));
    return false;
}

/* ---- which ones ---- */

struct filter {
    struct yq_ledger_query query;
    struct yq_ledger_key keys[4];
    struct yq_buf texts[4];
    bool all; /* --limit 0 */
};

static void filter_fini(struct filter *filter)
{
    for (size_t i = 0; i < 4; i++)
        yq_buf_fini(&filter->texts[i]);
}

/* A key of the kind, or of whichever kind has it first. */
static const struct yq_member *member_of(int kind, const char *name)
{
    for (int i = kind < 0 ? 0 : kind; i < (kind < 0 ? YQ_KIND_KEPT : kind + 1); i++) {
        int place = yq_member_find((enum yq_kind)i, name);
        if (place >= 0 && yq_kinds[i].members[place].key)
            return &yq_kinds[i].members[place];
    }
    return NULL;
}

static int read_keys(const struct yq_cli *cli, struct yq_home *home, struct filter *filter)
{
    static const struct {
        const char *option, *member;
    } options[] = {{"accession", "accessionNumber"},
                   {"patient", "patientId"},
                   {"study", "studyInstanceUid"},
                   {"exam", "examId"}};
    struct yq_err err = {0};
    filter->query.keys = filter->keys;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *value = yq_cli_value(cli, options[i].option);
        if (!value)
            continue;
        const struct yq_member *member = member_of(filter->query.kind, options[i].member);
        struct yq_buf *text = &filter->texts[filter->query.key_count];
        if (!member)
            return yq_cli_usage(cli, "records of this kind are not found by --%s",
                                options[i].option);
        if (!yq_record_key(&home->house, member, value, text, &err))
            return yq_cli_fail_err(&err);
        filter->keys[filter->query.key_count++] =
            (struct yq_ledger_key){member->name, yq_buf_text(text)};
    }
    return YQ_EXIT_FINE;
}

static bool read_moment(const struct yq_cli *cli, const char *name, int64_t *ms)
{
    const char *text = yq_cli_value(cli, name);
    if (!text || yq_cli_moment(text, ms))
        return true;
    yq_cli_usage(cli,
                 "--%s wants a day (2026-03-01), a time (2026-03-01T08:00, UTC) or how long ago "
                 "(30m, 8h, 7d)",
                 name);
    return false;
}

/* Returns an exit status. */
static int read_filter(const struct yq_cli *cli, struct yq_home *home, struct filter *filter)
{
    long limit;
    enum yq_kind kind;
    const char *name = yq_cli_value(cli, "kind");
    filter->query = (struct yq_ledger_query){.kind = -1,
                                             .source = yq_cli_value(cli, "source"),
                                             .findings_only = yq_cli_flag(cli, "findings"),
                                             .removed_too = yq_cli_flag(cli, "removed"),
                                             .newest_first = true};
    if (name && !yq_cli_kind(cli, name, &kind))
        return YQ_EXIT_USAGE;
    if (name)
        filter->query.kind = (int)kind;
    if (!yq_cli_number(cli, "limit", 0, 100000000, 100, &limit) ||
        !read_moment(cli, "since", &filter->query.from_ms) ||
        !read_moment(cli, "until", &filter->query.until_ms))
        return YQ_EXIT_USAGE;
    filter->all = !limit;
    filter->query.limit = (size_t)limit;
    return read_keys(cli, home, filter);
}

/* Calls `each` for one entry after the other; it answers false to end it. */
static bool walk(struct yq_home *home, const struct filter *filter, bool with_content,
                 bool (*each)(void *context, struct yq_ledger_entry *entry), void *context,
                 struct yq_err *err)
{
    struct yq_ledger_query query = filter->query;
    size_t left = filter->all ? SIZE_MAX : filter->query.limit;
    while (left) {
        struct yq_ledger_entry *list = NULL;
        size_t count = 0;
        bool on = true;
        query.limit = left < PAGE ? left : PAGE;
        if (!yq_ledger_find(home->house.catalog, &query, with_content, &list, &count, err))
            return false;
        for (size_t i = 0; i < count && on; i++)
            on = each(context, &list[i]);
        query.after_row = count ? list[count - 1].row : 0;
        yq_ledger_list_free(list, count);
        left -= count;
        if (!on || count < query.limit)
            break;
    }
    return true;
}

/* ---- list ---- */

struct listing {
    struct yq_cli *cli;
    struct yq_house *house;
    bool personal;
    struct yq_table table;
    struct yq_json *array;
    size_t count;
};

/* A value, masked where it has to be; "": there is none. */
static void put_member(const struct listing *listing, const struct yq_record *record,
                       const char *name, struct yq_buf *out)
{
    int place = record ? yq_member_find(record->kind, name) : -1;
    const char *value = place >= 0 ? record->values[place] : NULL;
    if (!value)
        return;
    const struct yq_member *member = &yq_kinds[record->kind].members[place];
    if (member->personal && !listing->personal)
        yq_record_mask(member, value, out);
    else
        yq_buf_puts(out, value);
}

static void put_id(const struct listing *listing, const struct yq_ledger_entry *entry,
                   const struct yq_record *record, struct yq_buf *out)
{
    const struct yq_member *member = &yq_kinds[entry->kind].members[0];
    if (!member->personal)
        yq_buf_puts(out, entry->id);
    else if (record)
        put_member(listing, record, member->name, out);
    else
        yq_buf_puts(out, "***");
}

static struct yq_json *entry_json(const struct listing *listing,
                                  const struct yq_ledger_entry *entry,
                                  const struct yq_record *record, const char *id)
{
    char time[32];
    struct yq_findings findings = {0};
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "kind", yq_kinds[entry->kind].name);
    yq_json_text(object, "id", id);
    yq_json_number(object, "row", (double)entry->row);
    yq_json_number(object, "version", (double)entry->version);
    yq_json_flag(object, "removed", entry->removed);
    yq_clock_text(time, sizeof time, entry->received_ms);
    yq_json_text(object, "received", time);
    yq_clock_text(time, sizeof time, entry->first_ms);
    yq_json_text(object, "first", time);
    yq_json_text(object, "source", entry->source);
    if (*entry->person)
        yq_json_text(object, "person", entry->person);
    if (*entry->changed)
        yq_json_text(object, "changed", entry->changed);
    yq_form_findings_read(entry->findings, &findings);
    yq_json_number(object, "findings", (double)findings.count);
    yq_json_number(object, "serious", entry->serious);
    yq_findings_fini(&findings);
    static const char *const shown[] = {"patientName", "patientId", "accessionNumber", "status"};
    for (size_t i = 0; record && i < sizeof shown / sizeof *shown; i++) {
        struct yq_buf value yq_cleanup(yq_buf_fini) = {0};
        put_member(listing, record, shown[i], &value);
        if (value.length)
            yq_json_text(object, shown[i], yq_buf_text(&value));
    }
    return object;
}

static void add_row(struct listing *listing, const struct yq_ledger_entry *entry,
                    const struct yq_record *record, const char *id)
{
    char time[32];
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0}, number yq_cleanup(yq_buf_fini) = {0};
    struct yq_findings findings = {0};
    yq_clock_text(time, sizeof time, entry->received_ms);
    put_member(listing, record, "patientName", &name);
    put_member(listing, record, "accessionNumber", &number);
    yq_table_add(&listing->table, yq_kinds[entry->kind].name);
    yq_table_add(&listing->table, id);
    yq_table_addf(&listing->table, "%" PRId64 "%s", entry->version,
                  entry->removed ? " removed" : "");
    yq_table_addf(&listing->table, "%.10s %.8s", time, time + 11);
    yq_table_add(&listing->table, entry->source);
    yq_table_add(&listing->table, yq_buf_text(&name));
    yq_table_add(&listing->table, yq_buf_text(&number));
    yq_form_findings_read(entry->findings, &findings);
    if (findings.count)
        yq_table_addf(&listing->table, "%zu (%u serious)", findings.count, entry->serious);
    else
        yq_table_add(&listing->table, "");
    yq_findings_fini(&findings);
}

static bool list_one(void *context, struct yq_ledger_entry *entry)
{
    struct listing *listing = context;
    struct yq_record *record yq_cleanup(yq_record_cleanup) = NULL;
    struct yq_buf id yq_cleanup(yq_buf_fini) = {0};
    struct yq_err why = {0};
    if (!yq_record_open(listing->house, entry, &record, &why)) /* the rest can be seen */
        fprintf(stderr, "row %" PRId64 ": %s\n", entry->row, why.text);
    put_id(listing, entry, record, &id);
    listing->count++;
    if (listing->array)
        yq_json_add(listing->array, NULL, entry_json(listing, entry, record, yq_buf_text(&id)));
    else
        add_row(listing, entry, record, yq_buf_text(&id));
    if (listing->personal && record)
        yq_audit_record(listing->house->audit, NULL, 'R', record, entry->version, "listed unmasked",
                        NULL);
    return true;
}

static int list(struct yq_cli *cli, struct yq_home *home)
{
    static const char *const heads[] = {"KIND",   "ID",      "VERSION",   "RECEIVED (UTC)",
                                        "SOURCE", "PATIENT", "ACCESSION", "FINDINGS"};
    struct filter filter yq_cleanup(filter_fini) = {0};
    struct listing listing = {.cli = cli,
                              .house = &home->house,
                              .personal = yq_cli_flag(cli, "personal"),
                              .table = {.heads = heads, .columns = 8}};
    struct yq_err err = {0};
    int status = read_filter(cli, home, &filter);
    if (status != YQ_EXIT_FINE)
        return status;
    if (listing.personal && !yq_audit_ready(home->house.audit, &err))
        return yq_cli_fail_err(&err);
    listing.array = cli->json ? yq_json_array() : NULL;
    bool ok = walk(home, &filter, true, list_one, &listing, &err);
    if (listing.array)
        ok = yq_print_json(listing.array) && ok;
    else if (listing.count)
        yq_table_print(&listing.table, stdout);
    else if (ok)
        puts("no records of that kind");
    yq_table_fini(&listing.table);
    if (ok && !cli->json && !filter.all && listing.count == filter.query.limit)
        printf("the newest %zu; --limit 0 shows all\n", listing.count);
    return ok ? YQ_EXIT_FINE : yq_cli_fail_err(&err);
}

/* ---- show, history ---- */

static void print_findings(const struct yq_ledger_entry *entry)
{
    struct yq_findings findings = {0};
    yq_form_findings_read(entry->findings, &findings);
    for (size_t i = 0; i < findings.count; i++)
        printf("%s %s: %s (%s)\n", findings.list[i].serious ? "!" : "-", findings.list[i].member,
               findings.list[i].english, findings.list[i].chinese);
    yq_findings_fini(&findings);
}

/* 0: the latest. */
static bool read_version(const struct yq_cli *cli, int64_t *version)
{
    char *end = "";
    errno = 0;
    *version = cli->arg_count > 3 ? strtoll(cli->args[3], &end, 10) : 0;
    return !errno && !*end && (*version > 0 || cli->arg_count <= 3);
}

static int show(struct yq_cli *cli, struct yq_home *home)
{
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry;
    struct yq_err err = {0};
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    enum yq_kind kind;
    int64_t version;
    char time[32];
    bool personal = yq_cli_flag(cli, "personal");
    if (!yq_cli_kind(cli, cli->args[1], &kind))
        return YQ_EXIT_USAGE;
    if (!read_version(cli, &version))
        return yq_cli_usage(cli, "%s is no number that `history` shows", cli->args[3]);
    if (!yq_audit_ready(home->house.audit, &err) ||
        !yq_record_out(&home->house, kind, cli->args[2], version, &record, &entry, &err))
        return yq_cli_fail_err(&err);
    if (record) {
        yq_audit_record(home->house.audit, NULL, 'R', record, entry.version,
                        personal ? "shown unmasked" : "shown masked", NULL);
        yq_form_record_write(record, YQ_LOOK_INDENT | (personal ? 0U : YQ_LOOK_MASKED), &text);
    }
    bool removed = entry.removed;
    if (!cli->json) {
        yq_clock_text(time, sizeof time, entry.received_ms);
        printf("%s, version %" PRId64 ", %s from %s%s%s\n", yq_kinds[kind].name, entry.version,
               time, entry.source, *entry.person ? " by " : "", entry.person);
    }
    if (record)
        puts(yq_buf_text(&text));
    if (!cli->json)
        print_findings(&entry);
    yq_record_out_fini(record, &entry);
    return removed ? yq_cli_fail("it was removed; history tells of its versions, show KIND ID "
                                 "VERSION shows one")
                   : YQ_EXIT_FINE;
}

static int history(struct yq_cli *cli, struct yq_home *home)
{
    static const char *const heads[] = {"VERSION", "RECEIVED (UTC)", "SOURCE", "BY", "CHANGED"};
    struct yq_table table = {.heads = heads, .columns = 5, .last_whole = true};
    struct listing listing = {.cli = cli, .house = &home->house};
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry, *versions = NULL;
    struct yq_err err = {0};
    enum yq_kind kind;
    size_t count = 0;
    if (!yq_cli_kind(cli, cli->args[1], &kind))
        return YQ_EXIT_USAGE;
    bool ok = yq_record_out(&home->house, kind, cli->args[2], 0, &record, &entry, &err);
    if (ok) {
        yq_record_out_fini(record, &entry);
        ok = yq_record_history(&home->house, kind, cli->args[2], &versions, &count, &err);
    }
    if (!ok)
        return yq_cli_fail_err(&err);
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    for (size_t i = 0; i < count; i++) {
        char time[32];
        yq_clock_text(time, sizeof time, versions[i].received_ms);
        if (array) {
            yq_json_add(array, NULL, entry_json(&listing, &versions[i], NULL, cli->args[2]));
            continue;
        }
        yq_table_addf(&table, "%" PRId64, versions[i].version);
        yq_table_addf(&table, "%.10s %.8s", time, time + 11);
        yq_table_add(&table, versions[i].source);
        yq_table_add(&table, versions[i].person);
        yq_table_add(&table, versions[i].removed        ? "removed"
                             : versions[i].version == 1 ? "first"
                                                        : versions[i].changed);
    }
    yq_ledger_list_free(versions, count);
    if (array)
        ok = yq_print_json(array);
    else
        yq_table_print(&table, stdout);
    yq_table_fini(&table);
    return ok ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

/* ---- problems ---- */

struct problem {
    enum yq_kind kind;
    struct yq_finding finding; /* the first of its kind; its member without places */
    char example[YQ_RECORD_ID_MOST + 1];
    uint64_t count;
};
struct problems {
    struct problem *list;
    size_t count, room;
    bool failed;
};

/* "results[3].value" -> "results[].value" */
static void without_places(char *member)
{
    char *to = member;
    for (const char *from = member; *from; from++) {
        *to++ = *from;
        if (*from == '[')
            from += strspn(from + 1, "0123456789");
    }
    *to = '\0';
}

static void count_finding(struct problems *problems, const struct yq_ledger_entry *entry,
                          struct yq_finding *finding)
{
    without_places(finding->member);
    for (size_t i = 0; i < problems->count; i++) {
        struct problem *problem = &problems->list[i];
        if (problem->kind == entry->kind && strcmp(problem->finding.what, finding->what) == 0 &&
            strcmp(problem->finding.member, finding->member) == 0) {
            problem->count++;
            return;
        }
    }
    if (problems->count == problems->room) {
        size_t room = problems->room ? 2 * problems->room : 64;
        struct problem *grown = realloc(problems->list, room * sizeof *grown);
        problems->failed |= !grown;
        if (!grown)
            return;
        problems->list = grown;
        problems->room = room;
    }
    struct problem *new = &problems->list[problems->count++];
    *new = (struct problem){.kind = entry->kind, .finding = *finding, .count = 1};
    bool personal = yq_kinds[entry->kind].members[0].personal;
    (void)yq_copy(new->example, sizeof new->example, personal ? "" : entry->id);
}

static bool count_one(void *context, struct yq_ledger_entry *entry)
{
    struct problems *problems = context;
    struct yq_findings findings = {0};
    yq_form_findings_read(entry->findings, &findings);
    for (size_t i = 0; i < findings.count; i++)
        count_finding(problems, entry, &findings.list[i]);
    yq_findings_fini(&findings);
    return !problems->failed;
}

static int most_first(const void *a, const void *b)
{
    const struct problem *x = a, *y = b;
    if (x->finding.serious != y->finding.serious)
        return x->finding.serious ? -1 : 1;
    return (x->count < y->count) - (x->count > y->count);
}

static void print_problems(const struct yq_cli *cli, const struct problems *problems)
{
    static const char *const heads[] = {"COUNT", "KIND", "MEMBER", "WHAT", "EXAMPLE", "MEANS"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 6, .last_whole = true};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->list[i];
        const struct yq_finding *finding = &problem->finding;
        if (array) {
            struct yq_json *object = yq_json_object();
            yq_json_number(object, "count", (double)problem->count);
            yq_json_text(object, "kind", yq_kinds[problem->kind].name);
            yq_json_text(object, "member", finding->member);
            yq_json_text(object, "what", finding->what);
            yq_json_flag(object, "serious", finding->serious);
            yq_json_text(object, "example", problem->example);
            yq_json_text(object, "chinese", finding->chinese);
            yq_json_text(object, "english", finding->english);
            yq_json_add(array, NULL, object);
            continue;
        }
        yq_table_addf(&table, "%" PRIu64 "%s", problem->count, finding->serious ? " !" : "");
        yq_table_add(&table, yq_kinds[problem->kind].name);
        yq_table_add(&table, finding->member);
        yq_table_add(&table, finding->what);
        yq_table_add(&table, problem->example);
        yq_table_addf(&table, "%s (%s)", finding->english, finding->chinese);
    }
    if (array)
        yq_print_json(array);
    else if (problems->count)
        yq_table_print(&table, stdout);
    else
        puts("nothing was found wrong with the records");
}

static int show_problems(struct yq_cli *cli, struct yq_home *home)
{
    struct filter filter yq_cleanup(filter_fini) = {0};
    struct problems problems = {0};
    struct yq_err err = {0};
    int status = read_filter(cli, home, &filter);
    if (status != YQ_EXIT_FINE)
        return status;
    filter.query.findings_only = true;
    filter.all = filter.all || !yq_cli_value(cli, "limit");
    bool ok = walk(home, &filter, false, count_one, &problems, &err);
    if (ok && problems.failed)
        ok = yq_fail(&err, YQ_FULL, "node", "no memory to count");
    if (ok && problems.count)
        qsort(problems.list, problems.count, sizeof *problems.list, most_first);
    if (ok)
        print_problems(cli, &problems);
    free(problems.list);
    return ok ? YQ_EXIT_FINE : yq_cli_fail_err(&err);
}

/* ---- the command ---- */

int yq_run_records(struct yq_cli *cli)
{
    static const struct {
        const char *name;
        size_t args; /* with its own name */
        int (*run)(struct yq_cli *cli, struct yq_home *home);
    } verbs[] = {{"list", 1, list},          {"show", 3, show},
                 {"history", 3, history},    {"problems", 1, show_problems},
                 {"put", 3, yq_records_put}, {"reseal", 1, yq_records_reseal}};
    struct yq_home home = {0};
    struct yq_err err = {0};
    const char *name = cli->arg_count ? cli->args[0] : "";
    if (strcmp(name, "key") == 0)
        return cli->arg_count == 2 ? yq_records_key(cli)
                                   : yq_cli_usage(cli, "key wants the name of a file");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, name) != 0)
            continue;
        size_t more = verbs[i].run == show ? 1 : 0;
        if (cli->arg_count < verbs[i].args || cli->arg_count > verbs[i].args + more)
            return yq_cli_usage(cli, "%s wants %s", name,
                                verbs[i].args == 1               ? "options only"
                                : verbs[i].run == yq_records_put ? "a kind and a file"
                                                                 : "a kind and an id");
        unsigned flags = verbs[i].run == yq_records_put ? YQ_HOME_CREATE : 0;
        if (!yq_home_open(cli, flags, NULL, &home, &err))
            return yq_cli_fail_err(&err);
        int status = verbs[i].run(cli, &home);
        yq_home_close(&home);
        return status;
    }
    return yq_cli_usage(cli, "records wants list, show, history, problems, put, key or reseal");
}

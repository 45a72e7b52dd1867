/* cmd_audit.c: reads the audit trail for people: who did what to which study. Passes over it twice,
 * so that memory does not depend on its length: once to count, once to show the last ones. Reading
 * it is told to it as well (PS3.15 A.5.3.2). */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"

struct question {
    int64_t since_ms;
    const char *aet, *study, *patient; /* NULL: any */
    uint64_t pass_over;                /* so many that fit are not shown */
    uint64_t fits;
    bool shows; /* false, and no array: only count */
    struct yq_table table;
    struct yq_json *array;
};

static bool is(const char *a, const char *b) { return a && strcmp(a, b) == 0; }

static bool has_actor(const struct yq_deed *deed, const char *who)
{
    for (size_t i = 0; i < deed->actor_count; i++)
        if (is(deed->actors[i].aet, who) || is(deed->actors[i].user, who))
            return true;
    return false;
}

static bool has_subject(const struct yq_deed *deed, enum yq_subject_kind kind, const char *id)
{
    for (size_t i = 0; i < deed->subject_count; i++)
        if (deed->subjects[i].kind == kind && is(deed->subjects[i].id, id))
            return true;
    return false;
}

static bool fits(const struct question *question, const struct yq_deed *deed)
{
    return deed->at_ms >= question->since_ms &&
           (!question->aet || has_actor(deed, question->aet)) &&
           (!question->study || has_subject(deed, YQ_SUBJECT_STUDY, question->study)) &&
           (!question->patient || has_subject(deed, YQ_SUBJECT_PATIENT, question->patient));
}

/* ---- a row ---- */

static const char *event_of(const struct yq_deed *deed)
{
    return deed->type != YQ_DEED_TYPE_NONE ? yq_deed_type_meaning(deed->type)
                                           : yq_deed_meaning(deed->event);
}

/* Who wanted it, else who took part first. */
static const struct yq_actor *asker_of(const struct yq_deed *deed)
{
    static const struct yq_actor nobody = {.user = ""};
    for (size_t i = 0; i < deed->actor_count; i++)
        if (deed->actors[i].asked)
            return &deed->actors[i];
    return deed->actor_count ? &deed->actors[0] : &nobody;
}

static const char *name_of(const struct yq_actor *actor)
{
    return actor->aet && *actor->aet ? actor->aet : actor->user ? actor->user : "";
}

static void put_ways(const struct yq_deed *deed, char *text, size_t size)
{
    const char *from = "", *to = "";
    for (size_t i = 0; i < deed->actor_count; i++) {
        enum yq_role role = deed->actors[i].role;
        if (role == YQ_ROLE_SOURCE || role == YQ_ROLE_SOURCE_MEDIA)
            from = name_of(&deed->actors[i]);
        if (role == YQ_ROLE_DESTINATION && !*to)
            to = name_of(&deed->actors[i]);
    }
    snprintf(text, size, "%s%s%s", from, *from || *to ? " > " : "", to);
}

/* The keys of a C-FIND that was asked here. */
static void put_keys(const struct yq_subject *subject, struct yq_buf *out)
{
    struct yq_find find = {0};
    struct yq_err ignored = {0};
    bool patient_root = is(subject->id, YQ_SOP_FIND_PATIENT);
    if (!subject->query || !subject->detail ||
        !yq_find_parse(subject->query, subject->query_length, subject->detail, patient_root, "",
                       &find, &ignored))
        return;
    yq_buf_puts(out, yq_level_name(find.query.level));
    for (size_t i = 0; i < find.query.match_count; i++)
        yq_buf_putf(out, " %s=%s", yq_attrs[find.query.matches[i].attr].name,
                    find.query.matches[i].value);
    yq_find_fini(&find);
}

static void put_what(const struct yq_deed *deed, struct yq_buf *out)
{
    const struct yq_subject *subject = &deed->subjects[0];
    if (!deed->subject_count)
        return;
    bool described = subject->detail && *subject->detail;
    switch (subject->kind) {
    case YQ_SUBJECT_STUDY:
        yq_buf_putf(out, "%s%s%s", subject->id, described ? " " : "",
                    described ? subject->detail : "");
        break;
    case YQ_SUBJECT_QUERY: put_keys(subject, out); break;
    case YQ_SUBJECT_URL: yq_buf_puts(out, subject->query ? subject->query : ""); break;
    default: yq_buf_puts(out, described ? subject->detail : subject->id);
    }
}

static const char *action_of(const struct yq_deed *deed)
{
    bool record = deed->event == YQ_DEED_PATIENT || deed->event == YQ_DEED_PROCEDURE;
    if (!record && deed->event != YQ_DEED_ACCESSED)
        return "";
    switch (deed->action) {
    case 'C': return record ? ": made" : "";
    case 'R': return record ? ": read" : "";
    case 'U': return ": changed";
    case 'D': return record ? ": removed" : ": deleted";
    default: return "";
    }
}

static void add_row(struct yq_table *table, const struct yq_deed *deed, const uint64_t *counts)
{
    char when[32], ways[256];
    struct yq_buf what yq_cleanup(yq_buf_fini) = {0};
    const struct yq_actor *asker = asker_of(deed);
    const struct yq_subject *subject = deed->subject_count ? &deed->subjects[0] : NULL;
    bool study = subject && subject->kind == YQ_SUBJECT_STUDY;
    yq_clock_text(when, sizeof when, deed->at_ms);
    put_ways(deed, ways, sizeof ways);
    yq_table_addf(table, "%.10s %.8s", when, when + 11);
    yq_table_add(table, asker->name && *asker->name ? asker->name : asker->user);
    yq_table_add(table, asker->address);
    yq_table_addf(table, "%s%s", event_of(deed), action_of(deed));
    yq_table_add(table, ways);
    if (study && counts[0])
        yq_table_addf(table, "%" PRIu64, counts[0]);
    else
        yq_table_add(table, "");
    yq_table_add(table, deed->outcome == YQ_WENT_WELL ? "ok" : deed->why ? deed->why : "failed");
    put_what(deed, &what);
    yq_table_add(table, yq_buf_text(&what));
}

static struct yq_json *actor_json(const struct yq_actor *actor)
{
    static const char *const roles[] = {[YQ_ROLE_NONE] = NULL,
                                        [YQ_ROLE_APPLICATION] = "application",
                                        [YQ_ROLE_LAUNCHER] = "launcher",
                                        [YQ_ROLE_DESTINATION] = "destination",
                                        [YQ_ROLE_SOURCE] = "source",
                                        [YQ_ROLE_DESTINATION_MEDIA] = "destination-media",
                                        [YQ_ROLE_SOURCE_MEDIA] = "source-media"};
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "user", actor->user);
    yq_json_text(object, "aet", actor->aet);
    yq_json_text(object, "address", actor->address);
    yq_json_text(object, "role", roles[actor->role]);
    yq_json_flag(object, "requestor", actor->asked);
    return object;
}

static struct yq_json *subject_json(const struct yq_subject *subject, uint64_t count)
{
    static const char *const kinds[] = {
        [YQ_SUBJECT_STUDY] = "study",      [YQ_SUBJECT_PATIENT] = "patient",
        [YQ_SUBJECT_QUERY] = "query",      [YQ_SUBJECT_URL] = "search",
        [YQ_SUBJECT_FILE] = "file",        [YQ_SUBJECT_NODE] = "node",
        [YQ_SUBJECT_TRAIL] = "audit-trail"};
    struct yq_buf keys yq_cleanup(yq_buf_fini) = {0};
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "kind", kinds[subject->kind]);
    yq_json_text(object, "id", subject->id);
    if (subject->name && *subject->name)
        yq_json_text(object, "name", subject->name);
    if (subject->accession)
        yq_json_text(object, "accession", subject->accession);
    if (subject->instance)
        yq_json_text(object, "instance", subject->instance);
    if (subject->detail)
        yq_json_text(object, subject->detail_type, subject->detail);
    if (subject->kind == YQ_SUBJECT_URL)
        yq_json_text(object, "query", subject->query);
    if (subject->kind == YQ_SUBJECT_QUERY) {
        put_keys(subject, &keys);
        yq_json_text(object, "query", yq_buf_text(&keys));
    }
    if (count)
        yq_json_number(object, "instances", (double)count);
    return object;
}

static struct yq_json *deed_json(const struct yq_deed *deed, const uint64_t *counts)
{
    char when[32], action[2] = {deed->action, '\0'};
    struct yq_json *object = yq_json_object(), *actors = yq_json_array(),
                   *subjects = yq_json_array();
    yq_clock_text(when, sizeof when, deed->at_ms);
    yq_json_text(object, "time", when);
    yq_json_text(object, "event", yq_deed_meaning(deed->event));
    yq_json_text(object, "code", yq_deed_code(deed->event));
    if (deed->type != YQ_DEED_TYPE_NONE)
        yq_json_text(object, "type", yq_deed_type_meaning(deed->type));
    yq_json_text(object, "action", action);
    yq_json_number(object, "outcome", deed->outcome);
    if (deed->why)
        yq_json_text(object, "reason", deed->why);
    for (size_t i = 0; i < deed->actor_count; i++)
        yq_json_add(actors, NULL, actor_json(&deed->actors[i]));
    for (size_t i = 0; i < deed->subject_count; i++)
        yq_json_add(subjects, NULL, subject_json(&deed->subjects[i], counts[i]));
    yq_json_add(object, "participants", actors);
    yq_json_add(object, "objects", subjects);
    return object;
}

/* ---- the pass ---- */

static bool pass(const char *folder, struct question *question, struct yq_err *err)
{
    struct yq_trail_place from = {0};
    struct yq_trail_reader *reader;
    char *line;
    size_t length;
    if (question->since_ms > 0) { /* the day before has what was written at midnight */
        yq_trail_day(from.day, question->since_ms - 86400000);
    }
    if (!yq_trail_read_open(folder, &from, &reader, err))
        return false;
    question->fits = 0;
    while (yq_trail_read_next(reader, &line, &length, err)) {
        struct yq_deed deed;
        uint64_t counts[YQ_SUBJECTS_MOST];
        if (!yq_deed_read(line, length, &deed, counts) || !fits(question, &deed) ||
            question->fits++ < question->pass_over)
            continue;
        if (question->shows)
            add_row(&question->table, &deed, counts);
        if (question->array)
            yq_json_add(question->array, NULL, deed_json(&deed, counts));
    }
    yq_trail_read_close(reader);
    return err->code == YQ_OK;
}

/* Only counts, then prints the last ones. */
static bool count_and_print(struct yq_cli *cli, const char *folder, struct question *question,
                            uint64_t limit, struct yq_err *err)
{
    if (!pass(folder, question, err))
        return false;
    uint64_t total = question->fits;
    question->pass_over = limit && total > limit ? total - limit : 0;
    question->array = cli->json ? yq_json_array() : NULL;
    question->shows = !cli->json;
    bool ok = pass(folder, question, err);
    if (cli->json)
        return yq_print_json(question->array) && ok;
    if (!question->table.count)
        printf("nothing of that is in the audit trail\n");
    else
        yq_table_print(&question->table, stdout);
    if (question->pass_over)
        printf("the last %" PRIu64 " of %" PRIu64 "; --limit 0 shows all\n", limit, total);
    return ok;
}

int yq_run_audit(struct yq_cli *cli)
{
    static const char *const heads[] = {"TIME (UTC)", "WHO", "FROM",    "DID",
                                        "WAY",        "N",   "OUTCOME", "WHAT"};
    struct question question = {.table = {.heads = heads, .columns = 8},
                                .aet = yq_cli_value(cli, "aet"),
                                .study = yq_cli_value(cli, "study"),
                                .patient = yq_cli_value(cli, "patient")};
    const char *since = yq_cli_value(cli, "since");
    struct yq_home home;
    struct yq_err err = {0};
    char what[512];
    long limit;
    if (cli->arg_count)
        return yq_cli_usage(cli, "audit takes no %s", cli->args[0]);
    if (since && !yq_cli_moment(since, &question.since_ms))
        return yq_cli_usage(cli, "--since wants a day (2026-03-01), a time (2026-03-01T08:00, UTC) "
                                 "or how long ago (30m, 8h, 7d)");
    if (!yq_cli_number(cli, "limit", 0, 100000000, 100, &limit))
        return YQ_EXIT_USAGE;
    yq_home_open_trail(cli, &home);
    struct yq_trail *trail = yq_audit_trail(home.house.audit);
    if (!trail)
        return yq_cli_fail("%s holds no data of a node: name the right folder with --data DIR",
                           cli->data);
    bool ok = count_and_print(cli, yq_trail_folder(trail), &question, (uint64_t)limit, &err);
    yq_table_fini(&question.table);
    snprintf(what, sizeof what, "since=%s aet=%s study=%s patient=%s", since ? since : "",
             question.aet ? question.aet : "", question.study ? question.study : "",
             question.patient ? "given" : "");
    yq_audit_read(home.house.audit, what);
    yq_home_close(&home);
    if (!ok && err.code != YQ_OK)
        return yq_cli_fail_err(&err);
    return ok ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

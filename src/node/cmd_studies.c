/* cmd_studies.c: what the node has, and what contradicts itself in it. Names are shown: this is the
 * terminal of who runs the node. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "coerced.h"
#include "home.h"
#include "output.h"
#include "peer.h"
#include "yq/clock.h"

static const enum yq_attr listed[] = {
    YQ_StudyDate,         YQ_StudyTime,
    YQ_PatientID,         YQ_PatientName,
    YQ_PatientBirthDate,  YQ_PatientSex,
    YQ_AccessionNumber,   YQ_ModalitiesInStudy,
    YQ_StudyDescription,  YQ_NumberOfStudyRelatedSeries,
    YQ_StudyInstanceUID,  YQ_NumberOfStudyRelatedInstances,
    YQ_IssuerOfPatientID, YQ_StudyID,
};

static void name_text(const char *name, char *text, size_t size)
{
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    yq_form_person(name ? name : "", &out);
    (void)yq_copy(text, size, yq_buf_text(&out));
}

static void add_row(struct yq_table *table, const char *const *values)
{
    char name[256];
    const char *date = values[YQ_StudyDate];
    name_text(values[YQ_PatientName], name, sizeof name);
    if (date && strlen(date) == 8)
        yq_table_addf(table, "%.4s-%.2s-%.2s", date, date + 4, date + 6);
    else
        yq_table_add(table, date);
    yq_table_add(table, values[YQ_PatientID]);
    yq_table_add(table, name);
    yq_table_add(table, values[YQ_ModalitiesInStudy]);
    yq_table_add(table, values[YQ_NumberOfStudyRelatedSeries]);
    yq_table_add(table, values[YQ_NumberOfStudyRelatedInstances]);
    yq_table_add(table, values[YQ_StudyDescription]);
    yq_table_add(table, values[YQ_StudyInstanceUID]);
}

static bool print_rows(struct yq_cli *cli, struct yq_cursor *cursor, uint64_t *rows,
                       struct yq_err *err)
{
    static const char *const heads[] = {"DATE",   "PATIENT ID", "NAME",        "MODALITIES",
                                        "SERIES", "INSTANCES",  "DESCRIPTION", "STUDY UID"};
    struct yq_table table yq_cleanup(yq_table_fini) = {.heads = heads, .columns = 8};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    const char *const *values;
    for (*rows = 0; yq_cursor_next(cursor, &values, err); ++*rows) {
        if (cli->json)
            yq_json_add(array, NULL, yq_form_row(values));
        else
            add_row(&table, values);
    }
    if (err->code != YQ_OK) {
        yq_json_free(array);
        return false;
    }
    if (cli->json)
        return yq_print_json(array) || yq_fail(err, YQ_FULL, "node", "no memory");
    if (*rows)
        yq_table_print(&table, stdout);
    return true;
}

static int list(struct yq_cli *cli, struct yq_home *home, struct yq_query *query)
{
    struct yq_cursor *cursor = NULL;
    struct yq_err err = {0};
    uint64_t rows, total;
    struct yq_catalog *catalog = home->house.catalog;
    if (!yq_catalog_count(catalog, query, &total, &err) ||
        !yq_catalog_find(catalog, query, &cursor, &err))
        return yq_cli_fail_err(&err);
    bool ok = print_rows(cli, cursor, &rows, &err);
    yq_cursor_close(cursor);
    if (!ok)
        return yq_cli_fail_err(&err);
    if (!cli->json && !total)
        printf("no studies\n");
    else if (!cli->json && rows < total) {
        uint64_t shown = query->offset + rows;
        printf("%" PRIu64 " of %" PRIu64 " studies", rows, total);
        if (shown < total)
            printf("; --offset %" PRIu64 " shows the next", shown);
        printf("\n");
    }
    return YQ_EXIT_FINE;
}

static struct yq_json *contradiction_json(const struct yq_contradiction *c)
{
    char when[32];
    struct yq_json *object = yq_json_object();
    yq_clock_text(when, sizeof when, c->seen_ms);
    yq_json_text(object, "seen", when);
    yq_json_text(object, "what", c->what);
    yq_json_text(object, "kept", c->kept);
    yq_json_text(object, "came", c->came);
    yq_json_text(object, "source", c->source);
    yq_json_text(object, "StudyInstanceUID", c->study);
    yq_json_text(object, "SOPInstanceUID", c->instance);
    return object;
}

static int conflicts(struct yq_cli *cli, struct yq_home *home)
{
    static const char *const heads[] = {"SEEN", "WHAT",      "KEPT",        "CAME",
                                        "FROM", "STUDY UID", "INSTANCE UID"};
    struct yq_contradiction *all = NULL;
    size_t count = 0;
    struct yq_err err = {0};
    if (!yq_catalog_contradictions(home->house.catalog, &all, &count, &err))
        return yq_cli_fail_err(&err);
    struct yq_table table yq_cleanup(yq_table_fini) = {.heads = heads, .columns = 7};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    for (size_t i = 0; i < count; i++) {
        char when[32];
        yq_clock_text(when, sizeof when, all[i].seen_ms);
        if (cli->json) {
            yq_json_add(array, NULL, contradiction_json(&all[i]));
            continue;
        }
        yq_table_addf(&table, "%.10s %.8s", when, when + 11);
        yq_table_add(&table, all[i].what);
        bool digests = strcmp(all[i].what, "content") == 0; /* enough of them to tell them apart */
        yq_table_addf(&table, "%.*s", digests ? 12 : 1024, all[i].kept);
        yq_table_addf(&table, "%.*s", digests ? 12 : 1024, all[i].came);
        yq_table_add(&table, all[i].source);
        yq_table_add(&table, all[i].study);
        yq_table_add(&table, all[i].instance);
    }
    free(all);
    if (cli->json)
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (!count)
        printf("no contradictions\n");
    else
        yq_table_print(&table, stdout);
    return YQ_EXIT_FINE;
}

static const char *how_text(const struct yq_suspect *s)
{
    return !s->guessed ? "doubtful" : s->doubtful ? "guessed, doubtful" : "guessed";
}

static struct yq_json *suspect_json(const struct yq_suspect *s)
{
    char when[32];
    struct yq_json *object = yq_json_object();
    yq_clock_text(when, sizeof when, s->seen_ms);
    yq_json_text(object, "seen", when);
    yq_json_text(object, "source", s->source);
    yq_json_text(object, "declared", s->declared);
    yq_json_text(object, "read_as", s->read_as);
    yq_json_flag(object, "guessed", s->guessed);
    yq_json_flag(object, "doubtful", s->doubtful);
    yq_json_text(object, "PatientID", s->patient_id);
    yq_json_text(object, "PatientName", s->patient_name);
    yq_json_text(object, "StudyInstanceUID", s->study);
    return object;
}

static void add_suspect(struct yq_table *table, const struct yq_suspect *s)
{
    char when[32], name[256];
    yq_clock_text(when, sizeof when, s->seen_ms);
    name_text(s->patient_name, name, sizeof name);
    yq_table_addf(table, "%.10s %.8s", when, when + 11);
    yq_table_add(table, s->source);
    yq_table_add(table, *s->declared ? s->declared : "nothing");
    yq_table_add(table, *s->read_as ? s->read_as : "ASCII");
    yq_table_add(table, how_text(s));
    yq_table_add(table, s->patient_id);
    yq_table_add(table, name);
    yq_table_add(table, s->study);
}

static int suspects(struct yq_cli *cli, struct yq_home *home)
{
    static const char *const heads[] = {"SEEN", "FROM",       "LABEL SAYS", "READ AS",
                                        "HOW",  "PATIENT ID", "NAME",       "STUDY UID"};
    struct yq_suspect *all = NULL;
    size_t count = 0;
    struct yq_err err = {0};
    if (!yq_catalog_suspects(home->house.catalog, &all, &count, &err))
        return yq_cli_fail_err(&err);
    struct yq_table table yq_cleanup(yq_table_fini) = {.heads = heads, .columns = 8};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    for (size_t i = 0; i < count; i++) {
        if (cli->json)
            yq_json_add(array, NULL, suspect_json(&all[i]));
        else
            add_suspect(&table, &all[i]);
    }
    free(all);
    if (cli->json)
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (!count) {
        printf("no character set was guessed\n");
        return YQ_EXIT_FINE;
    }
    yq_table_print(&table, stdout);
    printf(
        "\nTo say once for all what a device writes: \"assume_charset\": \"GB18030\" (or another "
        "term) in its entry of peers.json.\n"
        "To put a name right: yingqiao studies --settle UID PatientName=NAME\n");
    return YQ_EXIT_FINE;
}

/* "Key=Value" apart; returns an exit status. */
static int read_correction(struct yq_cli *cli, const char *word, enum yq_attr *attr,
                           const char **value)
{
    char name[64];
    size_t length = strcspn(word, "=");
    if (!word[length] || length >= sizeof name)
        return yq_cli_usage(cli, "%.80s is no Key=Value", word);
    memcpy(name, word, length);
    name[length] = '\0';
    *attr = yq_key_attr(name);
    *value = word + length + 1;
    if (*attr == YQ_ATTR_COUNT)
        return yq_cli_usage(cli, "there is no attribute %s", name);
    return YQ_EXIT_FINE;
}

/* Whether --settle can be understood; returns an exit status. */
static int check_settle(struct yq_cli *cli, const char *study)
{
    if (!yq_uid_valid(study))
        return yq_cli_usage(cli, "--settle wants the Study Instance UID");
    if (!cli->arg_count)
        return yq_cli_usage(cli, "--settle wants the right value: Key=Value");
    int status = YQ_EXIT_FINE;
    for (size_t i = 0; status == YQ_EXIT_FINE && i < cli->arg_count; i++) {
        enum yq_attr attr;
        const char *value;
        status = read_correction(cli, cli->args[i], &attr, &value);
    }
    return status;
}

static int settle(struct yq_cli *cli, struct yq_home *home, const char *study)
{
    struct yq_err err = {0};
    for (size_t i = 0; i < cli->arg_count; i++) {
        enum yq_attr attr = YQ_ATTR_COUNT;
        const char *value = NULL;
        if (read_correction(cli, cli->args[i], &attr, &value) != YQ_EXIT_FINE)
            return YQ_EXIT_USAGE;
        struct yq_audit_about about;
        yq_audit_look(&home->house, study, &about);
        bool ok = yq_catalog_settle(home->house.catalog, study, attr, value, &err);
        yq_audit_accessed(home->house.audit, NULL, 'U', &about, "", "", yq_attrs[attr].name,
                          ok ? NULL : &err);
        if (!ok)
            return yq_cli_fail_err(&err);
    }
    if (!cli->json) {
        printf("settled\n");
        return YQ_EXIT_FINE;
    }
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "settled", study);
    return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

/* Returns an exit status; what is wrong was said. */
static int read_query(struct yq_cli *cli, struct yq_query *query)
{
    long limit, offset;
    if (!yq_cli_number(cli, "limit", 0, 100000000, 100, &limit) ||
        !yq_cli_number(cli, "offset", 0, 1000000000, 0, &offset))
        return YQ_EXIT_USAGE;
    *query = (struct yq_query){.level = YQ_STUDY,
                               .order = YQ_ORDER_NEWEST_FIRST,
                               .pinyin = true,
                               .limit = (uint64_t)limit,
                               .offset = (uint64_t)offset};
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++)
        query->wanted[listed[i]] = true;
    for (size_t i = 0; i < cli->arg_count; i++) {
        int status = yq_key_add(cli, cli->args[i], query);
        if (status != YQ_EXIT_FINE)
            return status;
    }
    return YQ_EXIT_FINE;
}

int yq_run_studies(struct yq_cli *cli)
{
    struct yq_home home = {0};
    struct yq_err err = {0};
    struct yq_query query yq_cleanup(yq_query_fini) = {0};
    const char *study = yq_cli_value(cli, "settle");
    if (yq_cli_flag(cli, "conflicts") && (cli->arg_count || cli->given_count > 1))
        return yq_cli_usage(cli, "--conflicts lists all of them: it goes with no filter");
    if (yq_cli_flag(cli, "coerced") && (cli->arg_count || cli->given_count > 1))
        return yq_cli_usage(cli, "--coerced lists all of them: it goes with no filter");
    if (yq_cli_flag(cli, "suspect") && (cli->arg_count || cli->given_count > 1))
        return yq_cli_usage(cli, "--suspect lists all of them: it goes with no filter");
    int status = study ? check_settle(cli, study) : read_query(cli, &query);
    if (status != YQ_EXIT_FINE)
        return status;
    if (!yq_home_open(cli, YQ_HOME_NO_STORE, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    if (study)
        status = settle(cli, &home, study);
    else if (yq_cli_flag(cli, "conflicts"))
        status = conflicts(cli, &home);
    else if (yq_cli_flag(cli, "coerced"))
        status = yq_list_coerced(cli, &home);
    else if (yq_cli_flag(cli, "suspect"))
        status = suspects(cli, &home);
    else
        status = list(cli, &home, &query);
    yq_home_close(&home);
    return status;
}

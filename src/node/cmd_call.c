/* cmd_call.c: the other side: echo, find, send, pull at a peer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"
#include "files.h"
#include "home.h"
#include "output.h"
#include "peer.h"
#include "which.h"

/* The first word of the command as the peer. Returns an exit status. */
static int read_peer(struct yq_cli *cli, struct yq_called *called)
{
    if (!cli->arg_count)
        return yq_cli_usage(cli, "%s wants a peer: AET, or AET@HOST:PORT", cli->command->name);
    return yq_called_find(cli, cli->args[0], called);
}

static int call_fails(const struct yq_called *called, const char *what, const struct yq_err *err)
{
    return yq_cli_fail("%s %s at %s:%u: %s", what, called->peer.aet, called->peer.host,
                       called->peer.port, err->text);
}

int yq_run_echo(struct yq_cli *cli)
{
    struct yq_called called = {0};
    struct yq_err err = {0};
    int status = read_peer(cli, &called);
    if (status != YQ_EXIT_FINE)
        return status;
    if (cli->arg_count > 1)
        return yq_cli_usage(cli, "echo takes no %s", cli->args[1]);
    bool ok = yq_call_echo(called.our_aet, &called.peer, &err);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "aet", called.peer.aet);
        yq_json_flag(object, "ok", ok);
        if (!ok)
            yq_json_text(object, "reason", err.text);
        yq_print_json(object);
    }
    if (!ok)
        return call_fails(&called, "echo", &err);
    if (!cli->json)
        printf("%s at %s:%u answers\n", called.peer.aet, called.peer.host, called.peer.port);
    return YQ_EXIT_FINE;
}

/* ---- find ---- */

static const struct {
    enum yq_qr_level level;
    enum yq_attr attr;
    const char *head;
} columns[] = {
    {YQ_STUDY, YQ_StudyDate, "DATE"},
    {YQ_PATIENT, YQ_PatientID, "PATIENT ID"},
    {YQ_PATIENT, YQ_PatientName, "NAME"},
    {YQ_PATIENT, YQ_PatientBirthDate, "BORN"},
    {YQ_PATIENT, YQ_PatientSex, "SEX"},
    {YQ_STUDY, YQ_AccessionNumber, "ACCESSION"},
    {YQ_STUDY, YQ_ModalitiesInStudy, "MODALITIES"},
    {YQ_STUDY, YQ_StudyDescription, "DESCRIPTION"},
    {YQ_STUDY, YQ_NumberOfStudyRelatedInstances, "INSTANCES"},
    {YQ_STUDY, YQ_StudyInstanceUID, "STUDY UID"},
    {YQ_SERIES, YQ_SeriesNumber, "SERIES"},
    {YQ_SERIES, YQ_Modality, "MODALITY"},
    {YQ_SERIES, YQ_SeriesDescription, "DESCRIPTION"},
    {YQ_SERIES, YQ_NumberOfSeriesRelatedInstances, "INSTANCES"},
    {YQ_SERIES, YQ_SeriesInstanceUID, "SERIES UID"},
    {YQ_IMAGE, YQ_InstanceNumber, "NUMBER"},
    {YQ_IMAGE, YQ_SOPClassUID, "SOP CLASS"},
    {YQ_IMAGE, YQ_SOPInstanceUID, "INSTANCE UID"},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* At study level the patient is shown too: that is what people search for. */
static bool belongs(enum yq_qr_level of, enum yq_qr_level level)
{
    return of == level || (level == YQ_STUDY && of == YQ_PATIENT);
}

struct answers {
    struct yq_table table;
    struct yq_json *array; /* NULL: a table */
    enum yq_attr shown[YQ_ATTR_COUNT];
    size_t shown_count;
    size_t count;
};

static bool take_answer(void *context, const char *const *values)
{
    struct answers *answers = context;
    answers->count++;
    if (answers->array) {
        yq_json_add(answers->array, NULL, yq_form_row(values));
        return true;
    }
    for (size_t i = 0; i < answers->shown_count; i++)
        yq_table_add(&answers->table, values[answers->shown[i]]);
    return true;
}

/* Returns an exit status. `level` is the default. */
static int read_keys(struct yq_cli *cli, enum yq_qr_level level, struct yq_query *query)
{
    const char *name = yq_cli_value(cli, "level");
    query->level = level;
    if (name) {
        char upper[16] = "";
        for (size_t i = 0; name[i] && i + 1 < sizeof upper; i++)
            upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
        if (!yq_level_parse(upper, &query->level))
            return yq_cli_usage(cli, "--level wants PATIENT, STUDY, SERIES or IMAGE");
    }
    for (size_t i = 1; i < cli->arg_count; i++) {
        int status = yq_key_add(cli, cli->args[i], query);
        if (status != YQ_EXIT_FINE)
            return status;
    }
    return YQ_EXIT_FINE;
}

/* The columns of the level, then what was asked for besides. */
static void choose_columns(struct yq_query *query, struct answers *answers, const char **heads)
{
    bool placed[YQ_ATTR_COUNT] = {false};
    for (size_t i = 0; i < COLUMNS; i++) {
        if (!belongs(columns[i].level, query->level))
            continue;
        placed[columns[i].attr] = query->wanted[columns[i].attr] = true;
        heads[answers->shown_count] = columns[i].head;
        answers->shown[answers->shown_count++] = columns[i].attr;
    }
    for (size_t i = 0; i < YQ_ATTR_COUNT; i++) {
        if (!query->wanted[i] || placed[i])
            continue;
        heads[answers->shown_count] = yq_attrs[i].name;
        answers->shown[answers->shown_count++] = (enum yq_attr)i;
    }
}

int yq_run_find(struct yq_cli *cli)
{
    struct yq_called called = {0};
    struct yq_query query yq_cleanup(yq_query_fini) = {0};
    struct yq_err err = {0};
    struct answers answers = {0};
    const char *heads[YQ_ATTR_COUNT];
    int status = read_peer(cli, &called);
    if (status == YQ_EXIT_FINE)
        status = read_keys(cli, YQ_STUDY, &query);
    if (status != YQ_EXIT_FINE)
        return status;
    choose_columns(&query, &answers, heads);
    answers.array = cli->json ? yq_json_array() : NULL;
    answers.table.heads = heads;
    answers.table.columns = answers.shown_count;
    bool ok = yq_call_find(called.our_aet, &called.peer, NULL, &query, take_answer, &answers, &err);
    struct yq_home home;
    yq_home_open_trail(cli, &home);
    yq_audit_query_peer(home.house.audit, &called.peer, &query, ok ? NULL : &err);
    yq_home_close(&home);
    if (cli->json)
        ok &= yq_print_json(answers.array);
    else if (answers.count)
        yq_table_print(&answers.table, stdout);
    else if (ok)
        printf("nothing found\n");
    yq_table_fini(&answers.table);
    if (!ok && err.code != YQ_OK)
        return call_fails(&called, "find at", &err);
    return ok ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

/* ---- send ---- */

enum { FAILURES_SHOWN = 20, BATCH = 200 };

struct sending {
    struct yq_cli *cli;
    struct yq_called called;
    struct yq_meter meter;
    struct yq_sent_counts sum;
    unsigned skipped;
    struct yq_json *failures; /* of --json */
    unsigned shown;
};

static void show_trouble(struct sending *sending, const char *what, const char *reason)
{
    if (sending->failures) {
        struct yq_json *failure = yq_json_object();
        yq_json_text(failure, "what", what);
        yq_json_text(failure, "reason", reason);
        yq_json_add(sending->failures, NULL, failure);
        return;
    }
    if (sending->shown++ >= FAILURES_SHOWN)
        return;
    yq_meter_clear(&sending->meter);
    fprintf(stderr, "%s: %s\n", what, reason);
}

static bool after_one(void *context, const struct yq_entry *entry,
                      const struct yq_sent_counts *counts, const struct yq_err *trouble)
{
    struct sending *sending = context;
    if (trouble)
        show_trouble(sending, entry->key.instance, trouble->text);
    yq_meter_show(&sending->meter,
                  sending->sum.completed + sending->sum.warning + sending->sum.failed +
                      counts->completed + counts->warning + counts->failed,
                  0);
    return true;
}

static bool send_entries(struct sending *sending, struct yq_house *house,
                         const struct yq_entry *entries, size_t count, struct yq_err *err)
{
    struct yq_sent_counts counts = {0};
    struct yq_sending call = {.house = house,
                              .peer = &sending->called.peer,
                              .our_aet = sending->called.our_aet,
                              .move_aet = "",
                              .after = after_one,
                              .context = sending};
    bool ok = yq_call_send(&call, entries, count, &counts, err);
    sending->sum.total += (unsigned)count;
    sending->sum.completed += counts.completed;
    sending->sum.warning += counts.warning;
    sending->sum.failed += (unsigned)count - counts.completed - counts.warning;
    return ok;
}

static bool send_known(struct sending *sending, const struct yq_which *which, struct yq_err *err)
{
    struct yq_home home;
    struct yq_entry *entries;
    size_t count;
    if (!yq_home_open(sending->cli, 0, NULL, &home, err))
        return false;
    bool ok = yq_which_entries(&home.house, which, &entries, &count, err);
    if (ok) {
        yq_meter_start(&sending->meter, "instances", count, 0);
        ok = send_entries(sending, &home.house, entries, count, err);
        yq_meter_clear(&sending->meter);
        free(entries);
    }
    yq_home_close(&home);
    return ok;
}

/* Takes one file into the guest house; false when it is none to be sent (told, counted). */
static bool lodge(struct sending *sending, struct yq_house *guest, const char *path,
                  struct yq_entry *entry)
{
    struct yq_origin origin = {.door = "import"};
    struct yq_ingested in;
    struct yq_err err = {0};
    enum yq_file_kind kind = yq_file_look(path, &err);
    if (kind == YQ_FILE_OTHER || kind == YQ_FILE_DICOMDIR) {
        sending->skipped++;
        return false;
    }
    if (kind != YQ_FILE_BROKEN && yq_ingest_file(guest, &origin, path, &in, &err) &&
        yq_catalog_get(guest->catalog, in.key.instance, entry, &err))
        return true;
    sending->sum.total++;
    sending->sum.failed++;
    show_trouble(sending, path, err.text);
    return false;
}

/* Files are sent from a house of their own that is taken down afterwards, some at a time: so they
 * take the one way that everything sent takes, and nothing of them stays. */
static bool send_batch(struct sending *sending, const struct yq_path *files, size_t count,
                       struct yq_err *err)
{
    struct yq_home guest;
    struct yq_entry *entries = calloc(BATCH, sizeof *entries);
    size_t lodged = 0;
    if (!entries)
        return yq_fail(err, YQ_FULL, "node", "no memory");
    if (!yq_home_open_guest(sending->cli, &guest, err)) {
        free(entries);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (lodge(sending, &guest.house, files[i].path, &entries[lodged]))
            lodged++;
    bool ok = !lodged || send_entries(sending, &guest.house, entries, lodged, err);
    yq_home_close_guest(&guest);
    free(entries);
    return ok;
}

static void unreadable(void *context, const char *path, const char *reason)
{
    struct sending *sending = context;
    sending->sum.total++;
    sending->sum.failed++;
    show_trouble(sending, path, reason);
}

static bool send_files(struct sending *sending, struct yq_err *err)
{
    struct yq_files files yq_cleanup(yq_files_fini) = {.trouble = unreadable, .context = sending};
    bool ok = true;
    for (size_t i = 1; i < sending->cli->arg_count; i++)
        if (!yq_files_add(&files, sending->cli->args[i], err))
            return false;
    yq_meter_start(&sending->meter, "instances", files.count, 0);
    for (size_t i = 0; ok && i < files.count; i += BATCH) {
        size_t count = files.count - i < BATCH ? files.count - i : BATCH;
        ok = send_batch(sending, files.list + i, count, err);
    }
    yq_meter_clear(&sending->meter);
    return ok;
}

static int report_sent(struct sending *sending, bool ok, const struct yq_err *err)
{
    const struct yq_sent_counts *sum = &sending->sum;
    if (sending->failures) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "total", sum->total);
        yq_json_number(object, "completed", sum->completed);
        yq_json_number(object, "warning", sum->warning);
        yq_json_number(object, "failed", sum->failed);
        yq_json_number(object, "skipped", sending->skipped);
        yq_json_add(object, "failures", sending->failures);
        yq_print_json(object);
    } else if (ok || sum->total) {
        printf("%u of %u sent", sum->completed + sum->warning, sum->total);
        if (sum->warning)
            printf(", %u with a warning", sum->warning);
        if (sending->skipped)
            printf(", %u files are no DICOM objects", sending->skipped);
        printf("\n");
    }
    if (sending->shown > FAILURES_SHOWN)
        yq_cli_fail("%u more failures, see --json", sending->shown - FAILURES_SHOWN);
    if (!ok)
        return call_fails(&sending->called, "send to", err);
    if (!sum->total)
        return yq_cli_fail("there was nothing to send");
    return sum->failed ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
}

int yq_run_send(struct yq_cli *cli)
{
    struct sending sending = {.cli = cli};
    struct yq_err err = {0};
    struct yq_which which = {0};
    int status = read_peer(cli, &sending.called);
    if (status != YQ_EXIT_FINE)
        return status;
    if (cli->arg_count > 1 && cli->given_count)
        return yq_cli_usage(cli, "send takes files, or one of --study, --series, --instance");
    if (cli->arg_count == 1 && !cli->given_count)
        return yq_cli_usage(cli, "send what? Files and folders, or --study, --series or "
                                 "--instance with a UID");
    if (cli->arg_count == 1 && (status = yq_which_read(cli, &which)) != YQ_EXIT_FINE)
        return status;
    sending.failures = cli->json ? yq_json_array() : NULL;
    bool ok = which.uid ? send_known(&sending, &which, &err) : send_files(&sending, &err);
    return report_sent(&sending, ok, &err);
}

/* ---- pull ---- */

static bool has_key(const struct yq_query *query, enum yq_attr attr)
{
    for (size_t i = 0; i < query->match_count; i++)
        if (query->matches[i].attr == attr)
            return true;
    return false;
}

static bool is_pattern(const struct yq_query *query)
{
    for (size_t i = 0; i < query->match_count; i++)
        if (yq_attrs[query->matches[i].attr].vr[0] != 'U' && strpbrk(query->matches[i].value, "*?"))
            return true;
    return false;
}

/* The level whose unique key is there, when only unique keys are; else the studies must be found
 * first. */
static bool exact_level(const struct yq_query *query, enum yq_qr_level *level)
{
    bool found = false;
    for (size_t i = 0; i < query->match_count; i++) {
        enum yq_attr attr = query->matches[i].attr;
        if (attr != yq_level_key(yq_attrs[attr].level))
            return false;
    }
    for (int l = YQ_PATIENT; l <= YQ_IMAGE; l++)
        if (has_key(query, yq_level_key((enum yq_qr_level)l))) {
            *level = (enum yq_qr_level)l;
            found = true;
        }
    return found && !is_pattern(query);
}

static bool take_study(void *context, const char *const *values)
{
    struct yq_buf *studies = context;
    if (values[YQ_StudyInstanceUID] && yq_uid_valid(values[YQ_StudyInstanceUID]))
        yq_buf_putf(studies, "%s%s", studies->length ? "\\" : "", values[YQ_StudyInstanceUID]);
    return !studies->failed;
}

static void add_counts(struct yq_sent_counts *sum, const struct yq_sent_counts *counts)
{
    sum->total += counts->total;
    sum->completed += counts->completed;
    sum->warning += counts->warning;
    sum->failed += counts->failed;
}

static bool pull_found(struct yq_house *house, const struct yq_called *called,
                       struct yq_query *query, struct yq_sent_counts *sum, struct yq_err *err)
{
    struct yq_buf studies yq_cleanup(yq_buf_fini) = {.most = 1 << 24};
    query->level = YQ_STUDY;
    query->wanted[YQ_StudyInstanceUID] = true;
    if (!yq_call_find(called->our_aet, &called->peer, NULL, query, take_study, &studies, err))
        return false;
    if (!studies.length)
        return yq_fail(err, YQ_ABSENT, "node", "the peer finds no study for these keys");
    char *rest = (char *)studies.bytes;
    for (char *uid; (uid = strsep(&rest, "\\")) != NULL;) {
        struct yq_query one yq_cleanup(yq_query_fini) = {.level = YQ_STUDY};
        struct yq_sent_counts counts = {0};
        bool ok = yq_query_add(&one, YQ_StudyInstanceUID, uid, true, err) &&
                  yq_call_pull(house, &called->peer, NULL, &one, &counts, err);
        add_counts(sum, &counts);
        if (!ok)
            return false;
    }
    return true;
}

static int report_pulled(struct yq_cli *cli, const struct yq_called *called, bool ok,
                         const struct yq_sent_counts *sum, const struct yq_err *err)
{
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "total", sum->total);
        yq_json_number(object, "completed", sum->completed);
        yq_json_number(object, "warning", sum->warning);
        yq_json_number(object, "failed", sum->failed);
        yq_print_json(object);
    } else if (ok || sum->total) {
        printf("%u of %u fetched\n", sum->completed + sum->warning, sum->total);
    }
    if (!ok)
        return call_fails(called, "pull from", err);
    if (sum->failed)
        return yq_cli_fail("%u instances failed at the peer or here", sum->failed);
    if (!sum->total)
        return yq_cli_fail("%s has nothing under these keys", called->peer.aet);
    return YQ_EXIT_FINE;
}

int yq_run_pull(struct yq_cli *cli)
{
    struct yq_called called = {0};
    struct yq_query query yq_cleanup(yq_query_fini) = {0};
    struct yq_home home;
    struct yq_sent_counts sum = {0};
    struct yq_err err = {0};
    enum yq_qr_level level = YQ_STUDY;
    int status = read_peer(cli, &called);
    if (status == YQ_EXIT_FINE)
        status = read_keys(cli, YQ_STUDY, &query);
    if (status != YQ_EXIT_FINE)
        return status;
    if (!query.match_count)
        return yq_cli_usage(cli, "pull wants to know what: StudyInstanceUID=..., or other keys");
    bool exact = exact_level(&query, &level);
    if (exact && !yq_cli_value(cli, "level"))
        query.level = level;
    if (!yq_home_open(cli, YQ_HOME_CREATE, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    bool ok = exact ? yq_call_pull(&home.house, &called.peer, NULL, &query, &sum, &err)
                    : pull_found(&home.house, &called, &query, &sum, &err);
    yq_home_close(&home);
    return report_pulled(cli, &called, ok, &sum, &err);
}

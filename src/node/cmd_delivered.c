/* cmd_delivered.c: did it arrive? What each platform has of an exam, and what holds the rest. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "delivered.h"
#include "yq/clock.h"
#include "yq/deliver.h"
#include "yq/registry.h"

enum { EXAMS_MOST = 20 };

struct exams {
    int64_t rows[EXAMS_MOST];
    char ids[EXAMS_MOST][YQ_RECORD_ID_MOST + 1];
    size_t count;
};

static bool find_id(struct yq_home *home, const char *id, struct exams *exams, struct yq_err *err)
{
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry = {0};
    if (!yq_record_out(&home->house, YQ_KIND_EXAM, id, 0, &record, &entry, err))
        return false;
    exams->rows[0] = entry.row;
    (void)yq_copy(exams->ids[0], sizeof exams->ids[0], id);
    exams->count = 1;
    yq_record_out_fini(record, &entry);
    return true;
}

static bool find_accession(struct yq_home *home, const char *number, struct exams *exams,
                           struct yq_err *err)
{
    struct yq_buf value yq_cleanup(yq_buf_fini) = {0};
    int member = yq_member_find(YQ_KIND_EXAM, "accessionNumber");
    struct yq_ledger_entry *list = NULL;
    if (!yq_record_key(&home->house, &yq_kinds[YQ_KIND_EXAM].members[member], number, &value, err))
        return false;
    const struct yq_ledger_key key = {"accessionNumber", yq_buf_text(&value)};
    const struct yq_ledger_query query = {.kind = YQ_KIND_EXAM,
                                          .keys = &key,
                                          .key_count = 1,
                                          .removed_too = true,
                                          .newest_first = true,
                                          .limit = EXAMS_MOST};
    size_t count = 0;
    if (!yq_ledger_find(home->house.catalog, &query, false, &list, &count, err))
        return false;
    for (size_t i = 0; i < count && i < EXAMS_MOST; i++) {
        exams->rows[i] = list[i].row;
        (void)yq_copy(exams->ids[i], sizeof exams->ids[i], list[i].id);
    }
    exams->count = count;
    yq_ledger_list_free(list, count);
    return count || yq_fail(err, YQ_ABSENT, "node", "no exam with this accession number is here");
}

static const struct yq_lane *lane_of(const struct yq_lane *lanes, size_t count,
                                     const struct yq_job *job)
{
    for (size_t i = 0; i < count; i++)
        if (lanes[i].kind == job->kind && strcmp(lanes[i].destination, job->destination) == 0)
            return &lanes[i];
    return NULL;
}

struct answer {
    struct yq_cli *cli;
    struct yq_home *home;
    struct yq_json *array;
    struct yq_lane *lanes;
    size_t lane_count;
    bool open; /* something of it has not arrived */
};

static void tell_job(struct answer *answer, const char *id, const struct yq_job *job)
{
    char why[512];
    const struct yq_conf *conf = yq_conf_hold(answer->home->house.conf);
    yq_deliver_explain(conf, job, lane_of(answer->lanes, answer->lane_count, job), yq_now_ms(), why,
                       sizeof why);
    yq_conf_release(answer->home->house.conf, conf);
    answer->open |= job->state != YQ_JOB_DONE;
    if (answer->array) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "exam", id);
        yq_json_text(object, "platform", job->destination);
        yq_json_number(object, "job", (double)job->id);
        yq_json_text(object, "state", yq_job_state_name(job->state));
        yq_json_text(object, "why", why);
        yq_json_add(object, "messages", delivered_pieces_json(answer->home, job));
        yq_json_add(answer->array, NULL, object);
        return;
    }
    printf("exam %s to %s: %s (entry %" PRId64 ")\n", id, job->destination, why, job->id);
    delivered_pieces_print(answer->home, job);
}

/* Of one whose entry was pruned the messages tell. */
static bool add_pruned(struct answer *answer, int64_t row, const char *id,
                       const struct yq_job *jobs, size_t job_count, struct yq_err *err)
{
    struct yq_sent_piece *list;
    size_t count;
    const char *last = "";
    if (!yq_consignments_of(answer->home->house.catalog, NULL, row, &list, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        bool known = strcmp(last, list[i].platform) == 0;
        for (size_t j = 0; j < job_count; j++)
            known = known || strcmp(jobs[j].destination, list[i].platform) == 0;
        if (known)
            continue;
        struct yq_job job = {.kind = YQ_JOB_REPORT, .state = YQ_JOB_DONE};
        (void)yq_copy(job.destination, sizeof job.destination, list[i].platform);
        snprintf(job.study, sizeof job.study, "exam:%lld", (long long)row);
        tell_job(answer, id, &job);
        last = list[i].platform;
    }
    free(list);
    return true;
}

static bool tell_exam(struct answer *answer, int64_t row, const char *id, struct yq_err *err)
{
    char study[32];
    struct yq_job *jobs = NULL;
    size_t count = 0;
    snprintf(study, sizeof study, "exam:%lld", (long long)row);
    if (!yq_outbox_list(answer->home->house.catalog,
                        &(struct yq_job_filter){.study = study, .all = true}, &jobs, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        tell_job(answer, id, &jobs[i]);
    bool ok = add_pruned(answer, row, id, jobs, count, err);
    if (ok && !count && !answer->array)
        printf("exam %s: no platform was to get it yet (yingqiao queue list; platforms.json)\n",
               id);
    answer->open |= !count;
    free(jobs);
    return ok;
}

static int tell(struct yq_cli *cli, struct yq_home *home, const struct exams *exams)
{
    struct answer answer = {.cli = cli, .home = home, .array = cli->json ? yq_json_array() : NULL};
    struct yq_err err = {0};
    bool ok =
        yq_outbox_summary(home->house.catalog, false, &answer.lanes, &answer.lane_count, &err);
    for (size_t i = 0; ok && i < exams->count; i++)
        ok = tell_exam(&answer, exams->rows[i], exams->ids[i], &err);
    free(answer.lanes);
    if (!ok) {
        yq_json_free(answer.array);
        return yq_cli_fail_err(&err);
    }
    if (answer.array && !yq_print_json(answer.array))
        return YQ_EXIT_FAILED;
    return answer.open ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
}

int yq_run_delivered(struct yq_cli *cli)
{
    struct yq_home home = {0};
    struct yq_err err = {0};
    struct exams exams = {.count = 0};
    const char *accession = yq_cli_value(cli, "accession");
    if (cli->arg_count + (accession != NULL) != 1)
        return yq_cli_usage(cli, "delivered wants the id of an exam, or --accession NUMBER");
    if (!yq_home_open(cli, YQ_HOME_NO_STORE, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    bool ok = accession ? find_accession(&home, accession, &exams, &err)
                        : find_id(&home, cli->args[0], &exams, &err);
    int status = ok ? tell(cli, &home, &exams) : yq_cli_fail_err(&err);
    yq_home_close(&home);
    return status;
}

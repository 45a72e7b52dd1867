/* report_plan.c: from what changed to what goes: notes of the catalog become jobs for each platform
 * that is enabled. One step of the post master's look.
 *
 * A note is about exams: itself, those that a report, a study or a patient belongs to. A report
 * whose exam is not here waits as a job of its own, held, and listed with the reason. Notes are
 * taken away in the transaction of their jobs, so a crash repeats them and loses none. */
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/consignment.h"
#include "yq/deliver.h"
#include "yq/log.h"

enum { PORTION = 2000, PUT_OFF_TIMES = 10, PUT_OFF_LEAST_MS = 60000 };

struct plan {
    const struct yq_conf *conf;
    const struct yq_due_record *due;
    size_t due_count;
    struct yq_due_job *jobs;
    size_t job_count, job_room;
    int64_t *notes;
    size_t note_count;
};

/* Several notes of one exam are one job: the most urgent, put off by the latest. */
static void put(struct plan *plan, const struct yq_due_job *job)
{
    for (size_t i = plan->job_count; i-- > 0;) {
        struct yq_due_job *there = &plan->jobs[i];
        if (there->exam != job->exam || there->report != job->report ||
            there->platform != job->platform || there->gone != job->gone)
            continue;
        if (job->urgency > there->urgency)
            there->urgency = job->urgency;
        if (job->due_ms > there->due_ms && there->urgency < 2)
            there->due_ms = job->due_ms;
        return;
    }
    plan->jobs[plan->job_count++] = *job;
}

static void plan_one(struct plan *plan, const struct yq_due_record *due)
{
    for (size_t i = 0; i < plan->conf->platform_count; i++) {
        const struct yq_platform *platform = &plan->conf->platforms[i];
        bool meant = !*due->platform || strcmp(due->platform, platform->name) == 0;
        if (!platform->enabled || !meant || (!due->exam && !due->report))
            continue;
        int64_t delay_ms = platform->delay * 1000, most_ms = delay_ms * PUT_OFF_TIMES;
        struct yq_due_job job = {.platform = platform->name,
                                 .exam = due->exam,
                                 .report = due->report,
                                 .gone = due->gone,
                                 .urgency = due->urgency,
                                 .due_ms = due->noted_ms + (due->urgency < 2 ? delay_ms : 0),
                                 .most_ms =
                                     most_ms > PUT_OFF_LEAST_MS ? most_ms : PUT_OFF_LEAST_MS};
        put(plan, &job);
    }
}

static bool make(struct plan *plan, struct yq_err *err)
{
    size_t platforms = plan->conf->platform_count;
    plan->jobs = calloc(plan->due_count * platforms + 1, sizeof *plan->jobs);
    plan->notes = calloc(plan->due_count, sizeof *plan->notes);
    if (!plan->jobs || !plan->notes)
        return yq_fail(err, YQ_FULL, "walk", "no memory for %zu jobs", plan->due_count);
    for (size_t i = 0; i < plan->due_count; i++) {
        plan_one(plan, &plan->due[i]);
        if (plan->due[i].last)
            plan->notes[plan->note_count++] = plan->due[i].id;
    }
    return true;
}

bool yq_deliver_plan(struct yq_house *house)
{
    struct yq_err err = {0};
    size_t count = 0;
    if (!yq_consignments_are_wanted(house->catalog))
        return false;
    struct yq_due_record *due = calloc(PORTION, sizeof *due);
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    struct plan plan = {.conf = conf, .due = due};
    bool ok = due && yq_consignments_due(house->catalog, due, PORTION, &count, &err);
    plan.due_count = count;
    if (ok && count)
        ok = make(&plan, &err) && yq_consignments_plan(house->catalog, plan.jobs, plan.job_count,
                                                       plan.notes, plan.note_count, &err);
    if (!ok && due)
        yq_log_err(YQ_LOG_WARN, "queue-plan", &err, "notes=%zu", count);
    yq_conf_release(house->conf, conf);
    free(plan.jobs);
    free(plan.notes);
    free(due);
    return ok && plan.note_count && count > PORTION / 2;
}

void yq_deliver_wants(struct yq_house *house, const struct yq_conf *conf)
{
    bool any = false;
    for (size_t i = 0; i < conf->platform_count; i++)
        any = any || conf->platforms[i].enabled;
    yq_consignments_wanted(house->catalog, any);
}

void yq_deliver_reconsider(struct yq_house *house)
{
    struct yq_err err = {0};
    if (yq_consignments_are_wanted(house->catalog) &&
        !yq_consignments_reconsider(house->catalog, &err))
        yq_log_err(YQ_LOG_WARN, "queue-plan", &err, "%s", "advice=\"yingqiao queue retry\"");
}

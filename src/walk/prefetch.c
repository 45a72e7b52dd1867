/* prefetch.c: earlier studies of a patient are fetched from another PACS before somebody asks for
 * them. PS3.4 C.4.1 (find), C.4.2 (move), C.4.3 (get).
 *
 * The patient is who the study says: same Patient ID, no other issuer, no other birth date. What
 * the node has already is not fetched again. Runs on a courier's thread. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deliver.h"
#include "yq/clock.h"
#include "yq/log.h"

enum { FOUND_MOST = 2000, DAY_SECONDS = 86400 };

struct patient {
    char id[256], issuer[256], born[32];
    char study_date[32]; /* of the study that arrived */
};

struct earlier { /* a study at the PACS */
    char uid[YQ_UID_SIZE];
    char date[16], time[24];
    uint64_t instances; /* 0: it did not say */
};

struct looking {
    const struct errand *errand;
    const struct yq_rule *rule;
    struct patient patient;
    char since[16]; /* YYYYMMDD; "": of any age */
    struct earlier *found;
    size_t count, room;
};

static void take(char *field, size_t size, const char *value)
{
    (void)yq_copy(field, size, value ? value : "");
}

/* The patient of the study that arrived. */
static bool read_patient(const struct errand *errand, struct patient *out, struct yq_err *err)
{
    struct yq_query query yq_cleanup(yq_query_fini) = {.level = YQ_STUDY};
    struct yq_cursor *cursor = NULL;
    const char *const *values;
    query.wanted[YQ_PatientID] = query.wanted[YQ_IssuerOfPatientID] = true;
    query.wanted[YQ_PatientBirthDate] = query.wanted[YQ_StudyDate] = true;
    if (!yq_query_add(&query, YQ_StudyInstanceUID, errand->job.study, true, err) ||
        !yq_catalog_find(errand->courier->house->catalog, &query, &cursor, err))
        return false;
    bool there = yq_cursor_next(cursor, &values, err);
    if (there) {
        take(out->id, sizeof out->id, values[YQ_PatientID]);
        take(out->issuer, sizeof out->issuer, values[YQ_IssuerOfPatientID]);
        take(out->born, sizeof out->born, values[YQ_PatientBirthDate]);
        take(out->study_date, sizeof out->study_date, values[YQ_StudyDate]);
    }
    yq_cursor_close(cursor);
    return there || err->code == YQ_OK;
}

static bool differ(const char *ours, const char *theirs)
{
    return *ours && theirs && *theirs && strcmp(ours, theirs) != 0;
}

static bool is_wanted(const struct looking *looking, const char *const *values)
{
    const struct patient *patient = &looking->patient;
    const char *uid = values[YQ_StudyInstanceUID], *date = values[YQ_StudyDate];
    if (!uid || !yq_uid_valid(uid) || strcmp(uid, looking->errand->job.study) == 0)
        return false;
    if (!values[YQ_PatientID] || strcmp(values[YQ_PatientID], patient->id) != 0 ||
        differ(patient->issuer, values[YQ_IssuerOfPatientID]) ||
        differ(patient->born, values[YQ_PatientBirthDate]))
        return false;
    if (date && *date && *patient->study_date && strcmp(date, patient->study_date) > 0)
        return false;
    if (*looking->since && (!date || strcmp(date, looking->since) < 0))
        return false;
    return yq_rule_wants_modality(looking->rule, values[YQ_ModalitiesInStudy]);
}

static bool note_study(void *context, const char *const *values)
{
    struct looking *looking = context;
    if (!is_wanted(looking, values))
        return true;
    if (looking->count == looking->room) {
        size_t room = looking->room ? 2 * looking->room : 16;
        struct earlier *grown =
            room > FOUND_MOST ? NULL : realloc(looking->found, room * sizeof *grown);
        if (!grown)
            return false; /* a patient with that many studies: the first that came will do */
        looking->found = grown;
        looking->room = room;
    }
    struct earlier *one = &looking->found[looking->count++];
    memset(one, 0, sizeof *one);
    take(one->uid, sizeof one->uid, values[YQ_StudyInstanceUID]);
    take(one->date, sizeof one->date, values[YQ_StudyDate]);
    take(one->time, sizeof one->time, values[YQ_StudyTime]);
    if (values[YQ_NumberOfStudyRelatedInstances])
        one->instances = strtoull(values[YQ_NumberOfStudyRelatedInstances], NULL, 10);
    return true;
}

static int latest_first(const void *a, const void *b)
{
    const struct earlier *x = a, *y = b;
    int order = strcmp(y->date, x->date);
    return order ? order : strcmp(y->time, x->time);
}

/* A wildcard in the id would match others; they are sorted out when they come. */
static bool ask(struct looking *looking, struct yq_err *err)
{
    static const enum yq_attr wanted[] = {
        YQ_StudyInstanceUID,  YQ_StudyDate,        YQ_StudyTime, YQ_ModalitiesInStudy,
        YQ_IssuerOfPatientID, YQ_PatientBirthDate, YQ_PatientID, YQ_NumberOfStudyRelatedInstances};
    const struct errand *errand = looking->errand;
    struct yq_query query yq_cleanup(yq_query_fini) = {.level = YQ_STUDY};
    char range[24];
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        query.wanted[wanted[i]] = true;
    snprintf(range, sizeof range, "%s-", looking->since);
    if (!yq_query_add(&query, YQ_PatientID, looking->patient.id, false, err) ||
        (*looking->since && !yq_query_add(&query, YQ_StudyDate, range, false, err)))
        return false;
    bool ok = yq_call_find(errand->conf->dicom_aet, errand->peer, &errand->courier->stop, &query,
                           note_study, looking, err);
    yq_audit_query_peer(errand->courier->house->audit, errand->peer, &query, ok ? NULL : err);
    if (!ok)
        return false;
    if (looking->count)
        qsort(looking->found, looking->count, sizeof *looking->found, latest_first);
    if (looking->count > looking->rule->last)
        looking->count = looking->rule->last;
    return true;
}

/* How many instances of a study the node has. */
static bool count_here(const struct errand *errand, const char *study, uint64_t *count,
                       struct yq_err *err)
{
    struct yq_query query yq_cleanup(yq_query_fini) = {.level = YQ_IMAGE};
    return yq_query_add(&query, YQ_StudyInstanceUID, study, true, err) &&
           yq_catalog_count(errand->courier->house->catalog, &query, count, err);
}

static bool fetch_by(const struct errand *errand, const char *study, bool move, struct yq_err *err)
{
    struct yq_query query yq_cleanup(yq_query_fini) = {.level = YQ_STUDY};
    struct yq_sent_counts counts;
    const char *us = errand->conf->dicom_aet;
    const struct yq_stop *stop = &errand->courier->stop;
    if (!yq_query_add(&query, YQ_StudyInstanceUID, study, true, err))
        return false;
    return move ? yq_call_move(us, errand->peer, stop, &query, us, &counts, err)
                : yq_call_pull(errand->courier->house, errand->peer, stop, &query, &counts, err);
}

/* A C-MOVE that succeeded and brought nothing went to somebody else who calls himself like us. */
static bool fetch(const struct errand *errand, const struct yq_rule *rule,
                  const struct earlier *study, struct yq_err *err)
{
    uint64_t before, after = 0;
    if (!count_here(errand, study->uid, &before, err) ||
        !yq_outbox_expect(errand->courier->house->catalog, &errand->job, study->uid, err))
        return false;
    bool came = false;
    for (int way = 0; way < 2 && !came && !errand_stopped(errand); way++) {
        bool move = way == 0;
        if (!(move ? rule->by_move : rule->by_get))
            continue;
        came = fetch_by(errand, study->uid, move, err) &&
               count_here(errand, study->uid, &after, err) &&
               (after > before || after >= study->instances ||
                yq_fail(err, YQ_REFUSED, "walk",
                        "%s says it sent a study, but it did not arrive: is %s at this node's "
                        "address and port there?",
                        errand->peer->aet, errand->conf->dicom_aet));
    }
    yq_log(came ? YQ_LOG_INFO : YQ_LOG_WARN, "prefetched",
           "job=%" PRId64 " from=\"%s\" rule=\"%s\" study=%s instances=%" PRIu64 " outcome=%s",
           errand->job.id, errand->peer->aet, rule->name, study->uid, after,
           came ? "ok" : "failed");
    return came;
}

static bool is_here(const struct errand *errand, const struct earlier *study, bool *here,
                    struct yq_err *err)
{
    uint64_t count;
    if (!count_here(errand, study->uid, &count, err))
        return false;
    *here = count > 0 && count >= study->instances;
    return true;
}

static bool fetch_all(struct errand *errand, struct looking *looking, struct yq_err *err)
{
    for (size_t i = 0; i < looking->count; i++) {
        bool here;
        if (!is_here(errand, &looking->found[i], &here, err))
            return false;
        if (here)
            continue;
        if (!fetch(errand, looking->rule, &looking->found[i], err))
            return false;
        errand->end.fetched++;
    }
    return true;
}

static void set_since(struct looking *looking)
{
    time_t then = (time_t)(yq_now_ms() / 1000) - (time_t)looking->rule->within_days * DAY_SECONDS;
    struct tm tm;
    localtime_r(&then, &tm);
    if (looking->rule->within_days)
        strftime(looking->since, sizeof looking->since, "%Y%m%d", &tm);
}

static void say(struct errand *errand, const char *text)
{
    (void)yq_copy(errand->reason, sizeof errand->reason, text);
    errand->end.reason = errand->reason;
}

/* A no is for people to put right; all else passes. */
static void conclude(struct errand *errand, const struct yq_err *err)
{
    bool unreachable =
        (err->code == YQ_PEER_GONE || err->code == YQ_TIMEOUT) && !errand->end.fetched;
    if (errand_stopped(errand)) {
        errand->end.how = YQ_SETTLE_BACK;
    } else if (unreachable) {
        errand_unreachable(errand, err);
    } else if (err->code == YQ_REFUSED) {
        say(errand, err->text);
        errand->end.how = YQ_SETTLE_REFUSED;
    } else {
        errand_again(errand, err, errand->end.fetched > 0);
    }
}

void prefetch(struct errand *errand)
{
    struct yq_err err = {0};
    struct looking looking = {.errand = errand,
                              .rule = yq_conf_rule(errand->conf, errand->job.rule)};
    errand->end.how = YQ_SETTLE_OVER;
    errand->end.lane = YQ_LANE_WELL;
    if (!looking.rule || looking.rule->kind != YQ_RULE_PULL) {
        errand->end.lane = YQ_LANE_AS_IT_WAS;
        say(errand, "its rule is not in rules.json any more");
        return;
    }
    set_since(&looking);
    if (!read_patient(errand, &looking.patient, &err)) {
        errand_again(errand, &err, false);
    } else if (!*looking.patient.id) {
        say(errand, "the study has no Patient ID to look for, or is not here any more");
    } else if (!ask(&looking, &err)) {
        errand_unreachable(errand, &err);
        if (errand_stopped(errand))
            errand->end.lane = YQ_LANE_AS_IT_WAS;
    } else if (!fetch_all(errand, &looking, &err)) {
        conclude(errand, &err);
    } else if (!looking.count) {
        say(errand, "no earlier studies were found");
    } else if (!errand->end.fetched) {
        say(errand, "the earlier studies were here already");
    }
    free(looking.found);
}

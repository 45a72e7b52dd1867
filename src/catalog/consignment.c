/* consignment.c: which records changed since the platforms were told, and how that becomes jobs.
 *
 * A note is written in the transaction of the change itself, so it is there exactly when the change
 * is. A newer note of the same record takes the place of the older under a number of its own: a
 * planner that read the older one removes only that. */
#include "consignment.h"

#include <stdio.h>
#include <string.h>

#include "outbox.h"
#include "yq/clock.h"

void yq_consignments_wanted(struct yq_catalog *catalog, bool wanted)
{
    atomic_store(&catalog->consigns, wanted);
}

bool yq_consignments_are_wanted(struct yq_catalog *catalog)
{
    return atomic_load(&catalog->consigns);
}

/* ---- notes ---- */

static bool put_note(struct connection *writer, int64_t record, const char *study,
                     const char *platform, int urgency, struct yq_err *err)
{
    sqlite3_stmt *put = connection_statement(writer, ST_DUE_PUT, err);
    if (!put)
        return false;
    sqlite3_bind_int64(put, 1, record);
    sqlite3_bind_text(put, 2, study, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 3, platform, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 4, urgency);
    sqlite3_bind_int64(put, 5, yq_now_ms());
    return statement_run(writer, put, err);
}

bool consignment_note(struct connection *writer, int64_t record, const char *study,
                      struct yq_err *err)
{
    bool wanted = writer->catalog && atomic_load(&writer->catalog->consigns);
    return !wanted || put_note(writer, record, study ? study : "", "", 1, err);
}

bool consignment_reconsider(struct connection *writer, struct yq_err *err)
{
    sqlite3_stmt *put = connection_statement(writer, ST_DUE_HELD, err);
    if (!put)
        return false;
    sqlite3_bind_int64(put, 1, yq_now_ms());
    return statement_run(writer, put, err);
}

static bool reconsider(struct connection *writer, void *with, struct yq_err *err)
{
    (void)with;
    return consignment_reconsider(writer, err);
}

bool yq_consignments_reconsider(struct yq_catalog *catalog, struct yq_err *err)
{
    return commit_simple(catalog, reconsider, NULL, err);
}

bool consignment_want(struct connection *writer, int64_t record, const char *platform, int urgency,
                      struct yq_err *err)
{
    return put_note(writer, record, "", platform, urgency, err);
}

struct wanting {
    const char *platform;
    const int64_t *rows;
    size_t count;
    int urgency;
    bool lost;
};

static bool forget_sent(struct connection *writer, const char *platform, int64_t exam,
                        struct yq_err *err)
{
    sqlite3_stmt *lost = connection_statement(writer, ST_CONSIGN_LOST, err);
    if (!lost)
        return false;
    sqlite3_bind_int64(lost, 1, exam);
    sqlite3_bind_text(lost, 2, platform, -1, SQLITE_STATIC);
    return statement_run(writer, lost, err);
}

static bool want(struct connection *writer, void *with, struct yq_err *err)
{
    const struct wanting *wanting = with;
    for (size_t i = 0; i < wanting->count; i++)
        if ((wanting->lost && !forget_sent(writer, wanting->platform, wanting->rows[i], err)) ||
            !put_note(writer, wanting->rows[i], "", wanting->platform, wanting->urgency, err))
            return false;
    return true;
}

bool yq_consignment_want(struct yq_catalog *catalog, const char *platform, const int64_t *rows,
                         size_t count, int urgency, struct yq_err *err)
{
    struct wanting wanting = {platform, rows, count, urgency, false};
    return !count || commit_simple(catalog, want, &wanting, err);
}

bool yq_consignment_lost(struct yq_catalog *catalog, const char *platform, const int64_t *exams,
                         size_t count, int urgency, struct yq_err *err)
{
    struct wanting wanting = {platform, exams, count, urgency, true};
    return !count || commit_simple(catalog, want, &wanting, err);
}

/* ---- from notes to exams ---- */

struct reading { /* notes, and the exams that they are about */
    struct connection *reader;
    struct yq_due_record *out;
    size_t room, count;
};

static bool add(struct reading *reading, const struct yq_due_record *about, int64_t exam)
{
    if (reading->count == reading->room)
        return false;
    reading->out[reading->count] = *about;
    reading->out[reading->count++].exam = exam;
    return true;
}

/* Exams by a statement with the number of a record or the UID of a study. *fits false: there is no
 * room for all of them. */
static bool add_exams(struct reading *reading, enum statement which,
                      const struct yq_due_record *about, int64_t record, const char *study,
                      bool *fits, struct yq_err *err)
{
    sqlite3_stmt *get = connection_statement(reading->reader, which, err);
    bool row = true;
    if (!get)
        return false;
    if (study)
        sqlite3_bind_text(get, 1, study, -1, SQLITE_STATIC);
    else
        sqlite3_bind_int64(get, 1, record);
    while (row && *fits) {
        if (!statement_step(reading->reader, get, &row, err))
            return false;
        *fits = !row || add(reading, about, sqlite3_column_int64(get, 0));
    }
    sqlite3_reset(get);
    return true;
}

struct note {
    int64_t record;
    char study[YQ_UID_SIZE];
    int kind; /* -1: of no record that is there */
    bool removed;
};

static bool add_note(struct reading *reading, struct yq_due_record *about, const struct note *note,
                     bool *fits, struct yq_err *err)
{
    size_t before = reading->count;
    bool ok = true;
    *fits = true;
    if (*note->study) {
        ok = add_exams(reading, ST_EXAMS_OF_STUDY, about, 0, note->study, fits, err);
    } else if (note->kind == YQ_KIND_EXAM) {
        *fits = add(reading, about, note->record);
    } else if (note->kind == YQ_KIND_REPORT) {
        about->report = note->record;
        ok = add_exams(reading, ST_EXAMS_OF_REPORT, about, note->record, NULL, fits, err);
    } else if (note->kind == YQ_KIND_PATIENT) {
        ok = add_exams(reading, ST_EXAMS_OF_PATIENT, about, note->record, NULL, fits, err);
    }
    if (!ok)
        return false;
    if (*fits && reading->count == before) { /* none is here */
        about->gone = note->removed;
        *fits = add(reading, about, 0);
    }
    if (!*fits && before) /* the next time */
        reading->count = before;
    else /* alone it may be about more exams than there is room for */
        reading->out[reading->count - 1].last = true;
    return true;
}

static bool read_notes(struct reading *reading, struct yq_err *err)
{
    sqlite3_stmt *get = connection_statement(reading->reader, ST_DUE_NEXT, err);
    bool row = true, fits = true;
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, (int64_t)reading->room);
    while (row && fits && reading->count < reading->room) {
        struct yq_due_record about = {0};
        struct note note = {0};
        if (!statement_step(reading->reader, get, &row, err))
            return false;
        if (!row)
            break;
        about.id = sqlite3_column_int64(get, 0);
        (void)yq_copy(about.platform, sizeof about.platform, column_text(get, 3));
        about.urgency = sqlite3_column_int(get, 4);
        about.noted_ms = sqlite3_column_int64(get, 5);
        note.record = sqlite3_column_int64(get, 1);
        (void)yq_copy(note.study, sizeof note.study, column_text(get, 2));
        note.kind = sqlite3_column_int(get, 6);
        note.removed = sqlite3_column_int(get, 7);
        if (!add_note(reading, &about, &note, &fits, err)) {
            sqlite3_reset(get);
            return false;
        }
    }
    sqlite3_reset(get);
    return true;
}

bool yq_consignments_due(struct yq_catalog *catalog, struct yq_due_record *out, size_t room,
                         size_t *count, struct yq_err *err)
{
    struct reading reading = {.out = out, .room = room};
    *count = 0;
    reading.reader = reader_take(catalog, err);
    if (!reading.reader)
        return false;
    bool ok = read_notes(&reading, err);
    reader_give(catalog, reading.reader);
    *count = reading.count;
    return ok;
}

/* ---- jobs ---- */

struct planning {
    const struct yq_due_job *jobs;
    size_t job_count;
    const int64_t *notes;
    size_t note_count;
};

static bool put_job(struct connection *writer, const struct yq_due_job *job, struct yq_err *err)
{
    char study[32];
    sqlite3_stmt *put = connection_statement(writer, ST_CONSIGN_JOB, err);
    if (!put)
        return false;
    snprintf(study, sizeof study, "%s:%lld", job->exam ? "exam" : "report",
             (long long)(job->exam ? job->exam : job->report));
    sqlite3_bind_text(put, 1, job->platform, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 2, study, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 3, job->urgency);
    sqlite3_bind_int(put, 4, job->exam ? YQ_JOB_PENDING : YQ_JOB_HELD);
    sqlite3_bind_int64(put, 5, job->due_ms);
    sqlite3_bind_int64(put, 6, yq_now_ms());
    sqlite3_bind_int64(put, 7, job->most_ms);
    if (!job->exam)
        sqlite3_bind_text(put, 8,
                          "the exam that the report belongs to is not here, or only guessed; the "
                          "report goes by itself when it is linked (yingqiao link list)",
                          -1, SQLITE_STATIC);
    return statement_run(writer, put, err);
}

/* A report whose exam has come, or that is removed, waits no more by itself. */
static bool take_waiting(struct connection *writer, int64_t report, struct yq_err *err)
{
    char study[32];
    sqlite3_stmt *take = connection_statement(writer, ST_CONSIGN_FOUND, err);
    if (!take)
        return false;
    snprintf(study, sizeof study, "report:%lld", (long long)report);
    sqlite3_bind_text(take, 1, study, -1, SQLITE_STATIC);
    return statement_run(writer, take, err);
}

static bool plan(struct connection *writer, void *with, struct yq_err *err)
{
    const struct planning *planning = with;
    for (size_t i = 0; i < planning->job_count; i++) {
        const struct yq_due_job *job = &planning->jobs[i];
        if (((job->exam || job->gone) && job->report && !take_waiting(writer, job->report, err)) ||
            (!job->gone && !put_job(writer, job, err)))
            return false;
    }
    for (size_t i = 0; i < planning->note_count; i++) {
        sqlite3_stmt *take = connection_statement(writer, ST_DUE_TAKE, err);
        if (!take)
            return false;
        sqlite3_bind_int64(take, 1, planning->notes[i]);
        if (!statement_run(writer, take, err))
            return false;
    }
    return true;
}

bool yq_consignments_plan(struct yq_catalog *catalog, const struct yq_due_job *jobs,
                          size_t job_count, const int64_t *notes, size_t note_count,
                          struct yq_err *err)
{
    struct planning planning = {jobs, job_count, notes, note_count};
    return (!job_count && !note_count) || commit_simple(catalog, plan, &planning, err);
}

/* batch.c: transfers as the audit trail has them: DICOM Instances Transferred (PS3.15 A.5.3.7) once
 * per association, study and outcome; Begin Transferring (A.5.3.3) when a study's first instance is
 * there, so that a crash leaves a trace of what was under way; Import (A.5.3.5) for files.
 *
 * Memory is bounded: an association that touches more studies than there are places gets its
 * messages earlier. What went well and what did not are two messages (A.5.2). */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "audit_inside.h"
#include "yq/walk.h"

enum { TALLIES = 32, CLASSES = 8 };

enum fate { FATE_NEW, FATE_SAME, FATE_CHANGED, FATE_FAILED };
static const char actions[] = {
    [FATE_NEW] = 'C', [FATE_SAME] = 'R', [FATE_CHANGED] = 'U', [FATE_FAILED] = 'C'};

struct tally { /* of one study and fate */
    enum fate fate;
    struct yq_audit_about about;
    char classes[CLASSES]
                [YQ_UID_SIZE]; /* the last place also stands for all there is no place for */
    uint64_t counts[CLASSES];
    size_t class_count;
    char instance[YQ_UID_SIZE]; /* the first of it, where the study is not known */
    struct yq_err trouble;      /* the first */
};

struct yq_batch {
    struct yq_house *house;
    enum yq_way way;
    struct yq_origin other, asker;
    bool has_asker;
    char medium[YQ_PATH_MOST];
    pthread_mutex_t lock; /* guards the tallies; never held over I/O */
    struct tally *tallies;
    size_t count;
};

struct yq_batch *yq_batch_begin(struct yq_house *house, enum yq_way way,
                                const struct yq_origin *other, const struct yq_origin *asker,
                                const char *medium)
{
    if (!house->audit)
        return NULL;
    struct yq_batch *batch = calloc(1, sizeof *batch);
    if (batch)
        batch->tallies = calloc(TALLIES, sizeof *batch->tallies);
    if (!batch || !batch->tallies) {
        free(batch);
        return NULL;
    }
    batch->house = house;
    batch->way = way;
    batch->other = *other;
    batch->has_asker = asker != NULL;
    if (asker)
        batch->asker = *asker;
    (void)yq_copy(batch->medium, sizeof batch->medium, medium);
    pthread_mutex_init(&batch->lock, NULL);
    return batch;
}

/* ---- the messages ---- */

static void put_receiver(const struct yq_batch *batch, struct yq_deed *deed)
{
    if (batch->way == YQ_WAY_BACK || batch->way == YQ_WAY_OUT)
        audit_other(deed, &batch->other, YQ_ROLE_DESTINATION)->asked = batch->way == YQ_WAY_BACK;
    else
        audit_us(batch->house->audit, deed, YQ_ROLE_DESTINATION)->asked =
            batch->way != YQ_WAY_IN && !batch->house->audit->person[0];
}

static void put_sender(const struct yq_batch *batch, struct yq_deed *deed)
{
    if (batch->way == YQ_WAY_IN || batch->way == YQ_WAY_PULL)
        audit_other(deed, &batch->other, YQ_ROLE_SOURCE)->asked = batch->way == YQ_WAY_IN;
    else
        audit_us(batch->house->audit, deed, YQ_ROLE_SOURCE)->asked =
            batch->way == YQ_WAY_OUT && !batch->has_asker && !batch->house->audit->person[0];
}

static void put_parties(const struct yq_batch *batch, struct yq_deed *deed)
{
    bool import = batch->way == YQ_WAY_IMPORT;
    if (!import)
        put_sender(batch, deed);
    put_receiver(batch, deed);
    if (batch->has_asker)
        audit_other(deed, &batch->asker, YQ_ROLE_NONE)->asked = true;
    audit_person(batch->house->audit, deed, import ? YQ_ROLE_DESTINATION : YQ_ROLE_NONE);
    if (import)
        audit_actor(deed, batch->medium, YQ_ROLE_SOURCE_MEDIA);
}

static void tell(const struct yq_batch *batch, const struct tally *tally, enum yq_deed_event event,
                 const struct yq_err *trouble)
{
    struct yq_class_count classes[CLASSES];
    for (size_t i = 0; i < tally->class_count; i++)
        classes[i] =
            (struct yq_class_count){.sop_class = tally->classes[i], .count = tally->counts[i]};
    bool begins = event == YQ_DEED_BEGUN,
         in = batch->way == YQ_WAY_IN || batch->way == YQ_WAY_PULL || batch->way == YQ_WAY_IMPORT;
    char action = begins ? 'E' : in && event != YQ_DEED_IMPORT ? actions[tally->fate] : 'R';
    if (event == YQ_DEED_IMPORT)
        action = 'C';
    struct yq_deed deed =
        audit_deed(event, action, tally->fate == FATE_FAILED ? &tally->trouble : trouble);
    put_parties(batch, &deed);
    audit_study(&deed, &tally->about, classes, begins ? 0 : tally->class_count)->instance =
        tally->class_count == 1 && tally->counts[0] == 1 ? tally->instance : "";
    audit_tell(batch->house->audit, &deed, false);
}

static void tell_all(const struct yq_batch *batch, const struct tally *tallies, size_t count,
                     const struct yq_err *trouble)
{
    for (size_t i = 0; i < count; i++)
        tell(batch, &tallies[i], batch->way == YQ_WAY_IMPORT ? YQ_DEED_IMPORT : YQ_DEED_TRANSFERRED,
             trouble);
}

/* ---- counting ---- */

static void count_class(struct tally *tally, const char *sop_class)
{
    size_t i = 0;
    while (i < tally->class_count && strcmp(tally->classes[i], sop_class) != 0)
        i++;
    if (i == CLASSES) {
        i = CLASSES - 1;
        tally->classes[i][0] = '\0'; /* several: the number is told, the class is not */
    } else if (i == tally->class_count) {
        (void)yq_copy(tally->classes[tally->class_count++], YQ_UID_SIZE, sop_class);
    }
    tally->counts[i]++;
}

static struct tally *find(struct yq_batch *batch, const char *study, enum fate fate)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->tallies[i].fate == fate && strcmp(batch->tallies[i].about.study, study) == 0)
            return &batch->tallies[i];
    return NULL;
}

/* Counts where the study has its place already; false when it has none. */
static bool count_known(struct yq_batch *batch, const char *study, enum fate fate,
                        const char *sop_class)
{
    pthread_mutex_lock(&batch->lock);
    struct tally *tally = find(batch, study, fate);
    if (tally)
        count_class(tally, sop_class);
    pthread_mutex_unlock(&batch->lock);
    return tally != NULL;
}

/* A new place; when there is none left, all are told and emptied first. */
static void count_first(struct yq_batch *batch, const struct tally *first)
{
    struct tally *full = NULL;
    pthread_mutex_lock(&batch->lock);
    struct tally *tally = find(batch, first->about.study, first->fate);
    if (!tally && batch->count == TALLIES) {
        struct tally *fresh = calloc(TALLIES, sizeof *fresh);
        if (fresh) {
            full = batch->tallies;
            batch->tallies = fresh;
        }
        batch->count = 0; /* without memory what was counted is lost */
    }
    bool begins = !tally && first->fate != FATE_FAILED && batch->way != YQ_WAY_IMPORT;
    if (!tally) {
        tally = &batch->tallies[batch->count++];
        *tally = *first;
    } else {
        count_class(tally, first->classes[0]);
    }
    pthread_mutex_unlock(&batch->lock);
    if (full)
        tell_all(batch, full, TALLIES, NULL);
    free(full);
    if (begins)
        tell(batch, first, YQ_DEED_BEGUN, NULL);
}

static void keep(char *field, size_t size, const char *value)
{
    if (value)
        (void)yq_copy(field, size, value);
}

void yq_batch_in(struct yq_batch *batch, const struct yq_header *header, const char *sop_class,
                 const char *sop_instance, enum yq_stored stored, const struct yq_err *trouble)
{
    static const enum fate fates[] = {[YQ_STORED_NEW] = FATE_NEW,
                                      [YQ_STORED_ALREADY] = FATE_SAME,
                                      [YQ_STORED_REPLACED] = FATE_CHANGED,
                                      [YQ_STORED_BESIDE] = FATE_CHANGED};
    if (!batch)
        return;
    enum fate fate = trouble ? FATE_FAILED : fates[stored];
    if (count_known(batch, header->key.study, fate, sop_class))
        return;
    struct tally first = {.fate = fate};
    keep(first.about.study, sizeof first.about.study, header->key.study);
    keep(first.about.patient_id, sizeof first.about.patient_id, header->values[YQ_PatientID]);
    keep(first.about.patient_name, sizeof first.about.patient_name, header->values[YQ_PatientName]);
    keep(first.about.accession, sizeof first.about.accession, header->values[YQ_AccessionNumber]);
    if (!header->key.study[0])
        keep(first.instance, sizeof first.instance, sop_instance);
    if (trouble)
        first.trouble = *trouble;
    count_class(&first, sop_class);
    count_first(batch, &first);
}

void yq_batch_out(struct yq_batch *batch, const struct yq_entry *entry,
                  const struct yq_err *trouble)
{
    if (!batch)
        return;
    enum fate fate = trouble ? FATE_FAILED : FATE_SAME;
    if (count_known(batch, entry->key.study, fate, entry->sop_class))
        return;
    struct tally first = {.fate = fate};
    yq_audit_look(batch->house, entry->key.study, &first.about);
    if (trouble)
        first.trouble = *trouble;
    count_class(&first, entry->sop_class);
    count_first(batch, &first);
}

void yq_batch_end(struct yq_batch *batch, const struct yq_err *trouble)
{
    if (!batch)
        return;
    tell_all(batch, batch->tallies, batch->count, trouble);
    pthread_mutex_destroy(&batch->lock);
    free(batch->tallies);
    free(batch);
}

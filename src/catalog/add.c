/* add.c: an instance becomes rows.
 *
 * The first values of a study and a series stand: later ones fill what is empty, and where they
 * disagree in what identifies patient and study they are kept as contradictions (the study is never
 * refused for it). Runs inside a group commit, so two first instances of one study meet each
 * other's rows. */
#include <stdlib.h>
#include <string.h>

#include "outbox.h"
#include "yq/clock.h"

/* What must be the same in all instances of a study. Ages, weights, times and texts differ for good
 * reasons between the devices that add to it. */
static const enum yq_attr identifying[] = {YQ_PatientName,      YQ_PatientID,  YQ_IssuerOfPatientID,
                                           YQ_PatientBirthDate, YQ_PatientSex, YQ_StudyDate,
                                           YQ_AccessionNumber};

struct yq_adding {
    struct work work;
    struct yq_catalog *catalog;
    struct yq_arrival arrival;
    int64_t marked; /* the row that carries a mark now; 0: none */
    struct values values;
    struct yq_added *out;
    int64_t now;
    int64_t study, series; /* row ids */
    int copy;
    int series_instances; /* served ones in the series so far */
    char modality[64];
    struct yq_buf modalities, classes; /* of the study */
};

/* What is there under the same SOP Instance UID. */
struct present {
    bool served_there, same_there;
    struct yq_entry served, same;
    int64_t served_series, served_study, same_series, same_study;
    int last_copy;
};

static bool identical(const struct yq_entry *entry, const struct yq_arrival *arrival)
{
    const struct yq_header *header = arrival->header;
    return memcmp(entry->object.digest, arrival->object->digest, 32) == 0 &&
           strcmp(entry->transfer_syntax, header->transfer_syntax) == 0 &&
           strcmp(entry->key.study, header->key.study) == 0 &&
           strcmp(entry->key.series, header->key.series) == 0;
}

static bool look(struct connection *writer, const struct yq_arrival *arrival,
                 struct present *present, struct yq_err *err)
{
    bool row;
    memset(present, 0, sizeof *present);
    sqlite3_stmt *get = connection_statement(writer, ST_ENTRIES_OF_SOP, err);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, arrival->header->key.instance, -1, SQLITE_STATIC);
    for (;;) {
        struct yq_entry entry;
        if (!statement_step(writer, get, &row, err))
            return false;
        if (!row)
            break;
        entry_read(get, &entry);
        int64_t series = sqlite3_column_int64(get, ENTRY_WIDTH);
        int64_t study = sqlite3_column_int64(get, ENTRY_WIDTH + 1);
        present->last_copy = entry.copy;
        if (entry.copy == 0) {
            present->served_there = true;
            present->served = entry;
            present->served_series = series;
            present->served_study = study;
        }
        if (!present->same_there && identical(&entry, arrival)) {
            present->same_there = true;
            present->same = entry;
            present->same_series = series;
            present->same_study = study;
        }
    }
    sqlite3_reset(get);
    return true;
}

/* Who is to be asked about it: the caller, or for files the way they came. */
static const char *source_of(const struct yq_origin *origin)
{
    return *origin->aet ? origin->aet : origin->door ? origin->door : "";
}

static bool note_content(struct connection *writer, struct yq_adding *adding,
                         const struct present *present, struct yq_err *err)
{
    char kept[65], came[65];
    bool open;
    yq_hex(kept, present->served.object.digest, 32);
    yq_hex(came, adding->arrival.object->digest, 32);
    struct claim claim = {
        .study = present->served_study,
        .instance = adding->arrival.header->key.instance,
        .source = source_of(adding->arrival.origin),
        .what = "content",
        .kept = kept,
        .came = came,
        .seen_ms = adding->now,
    };
    return contradiction_add(writer, &claim, &open, err);
}

static bool take_away(struct connection *writer, int64_t instance, int64_t series, int64_t study,
                      struct yq_err *err)
{
    sqlite3_stmt *remove = connection_statement(writer, ST_INSTANCE_REMOVE, err);
    if (!remove)
        return false;
    sqlite3_bind_int64(remove, 1, instance);
    return statement_run(writer, remove, err) && series_refresh(writer, series, err) &&
           study_refresh(writer, study, err);
}

static int bind_columns(sqlite3_stmt *statement, int place, const struct values *values,
                        enum yq_qr_level table)
{
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        if (!attr_in_table((enum yq_attr)i, table))
            continue;
        bind_text(statement, place++, values->text[i]);
        if (attr_is_name((enum yq_attr)i))
            bind_text(statement, place++, values->fold[i]);
    }
    return place;
}

/* Fills empty columns of a row: the attributes with a mark in `fill`. */
static bool fill_in(struct connection *writer, enum yq_qr_level table, int64_t id,
                    const struct values *values, const bool *fill, const char *patient,
                    struct yq_err *err)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    yq_buf_putf(&sql, "UPDATE %s SET id = id", table_name(table));
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        if (fill[i] && attr_is_name((enum yq_attr)i))
            yq_buf_putf(&sql, ", %s = ?, %s_fold = ?", yq_attrs[i].name, yq_attrs[i].name);
        else if (fill[i])
            yq_buf_putf(&sql, ", %s = ?", yq_attrs[i].name);
    }
    yq_buf_puts(&sql, patient ? ", patient = ? WHERE id = ?" : " WHERE id = ?");
    if (sql.failed)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a statement");
    sqlite3_stmt *update yq_cleanup(statement_drop) =
        connection_prepare(writer, yq_buf_text(&sql), err);
    if (!update)
        return false;
    int place = 1;
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        if (!fill[i])
            continue;
        bind_text(update, place++, values->text[i]);
        if (attr_is_name((enum yq_attr)i))
            bind_text(update, place++, values->fold[i]);
    }
    if (patient)
        bind_text(update, place++, patient);
    sqlite3_bind_int64(update, place, id);
    return statement_run(writer, update, err);
}

static bool contradicts(enum yq_attr attr, const char *kept, const char *came)
{
    if (attr_is_name(attr))
        return strcmp(kept, came) != 0 && names_differ(kept, came);
    return strcmp(kept, came) != 0;
}

static bool note_contradictions(struct connection *writer, struct yq_adding *adding,
                                const struct values *kept, struct yq_err *err)
{
    for (size_t i = 0; i < sizeof identifying / sizeof *identifying; i++) {
        enum yq_attr attr = identifying[i];
        const char *had = kept->text[attr], *came = adding->values.text[attr];
        bool open;
        if (!had || !came || !contradicts(attr, had, came))
            continue;
        struct claim claim = {
            .study = adding->study,
            .instance = adding->arrival.header->key.instance,
            .source = source_of(adding->arrival.origin),
            .what = yq_attrs[attr].name,
            .kept = had,
            .came = came,
            .seen_ms = adding->now,
        };
        if (!contradiction_add(writer, &claim, &open, err))
            return false;
        adding->out->contradictions += open;
    }
    return true;
}

static const char *either(const struct values *kept, const struct values *came, enum yq_attr attr)
{
    return kept->text[attr] ? kept->text[attr] : came->text[attr];
}

/* The row's texts, borrowed from the statement; *fill gets what the row lacks and the values have.
 */
static bool compare_row(sqlite3_stmt *row, int column, enum yq_qr_level table,
                        const struct values *came, struct values *kept, bool *fill)
{
    bool any = false;
    memset(fill, 0, YQ_ATTR_COUNT * sizeof *fill);
    memset(kept, 0, sizeof *kept);
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        if (!attr_in_table((enum yq_attr)i, table))
            continue;
        kept->text[i] = (const char *)sqlite3_column_text(row, column++);
        fill[i] = !kept->text[i] && came->text[i];
        any |= fill[i];
    }
    return any;
}

/* The keys of the study's names; `fill`: only of those that it lacked. */
static bool add_names(struct connection *writer, struct yq_adding *adding, const bool *fill,
                      struct yq_err *err)
{
    const struct values *values = &adding->values;
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        if (name_key_of((enum yq_attr)i) != NAME_NONE && (!fill || fill[i]) &&
            !names_add(writer, adding->study, (enum yq_attr)i, values->text[i], err))
            return false;
    }
    return true;
}

static bool extend_study(struct connection *writer, struct yq_adding *adding, sqlite3_stmt *row,
                         struct yq_err *err)
{
    struct values kept;
    bool fill[YQ_ATTR_COUNT];
    const struct values *came = &adding->values;
    adding->study = sqlite3_column_int64(row, 0);
    yq_buf_puts(&adding->modalities, column_text(row, 3));
    yq_buf_puts(&adding->classes, column_text(row, 4));
    bool lacking = compare_row(row, 5, YQ_STUDY, came, &kept, fill);
    if (!note_contradictions(writer, adding, &kept, err))
        return false;
    if (!lacking)
        return true;
    struct yq_buf fold yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf patient yq_cleanup(yq_buf_fini) = {0};
    if (either(&kept, came, YQ_PatientName))
        fold_variants(either(&kept, came, YQ_PatientName), &fold);
    patient_key(either(&kept, came, YQ_PatientID), either(&kept, came, YQ_IssuerOfPatientID),
                yq_buf_text(&fold), &patient);
    if (fold.failed || patient.failed)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a study");
    return fill_in(writer, YQ_STUDY, adding->study, came, fill, yq_buf_text(&patient), err) &&
           add_names(writer, adding, fill, err);
}

static bool join_study(struct connection *writer, struct yq_adding *adding, struct yq_err *err)
{
    bool there;
    sqlite3_stmt *get = connection_statement(writer, ST_STUDY_GET, err);
    if (!get)
        return false;
    bind_text(get, 1, adding->values.text[YQ_StudyInstanceUID]);
    if (!statement_step(writer, get, &there, err))
        return false;
    bool ok = !there || extend_study(writer, adding, get, err);
    sqlite3_reset(get);
    if (there || !ok)
        return ok;
    sqlite3_stmt *add = connection_statement(writer, ST_STUDY_ADD, err);
    if (!add)
        return false;
    bind_text(add, 1, adding->values.patient);
    sqlite3_bind_int64(add, 2, adding->now);
    sqlite3_bind_int64(add, 3, adding->now);
    bind_columns(add, 4, &adding->values, YQ_STUDY);
    ok = statement_run(writer, add, err);
    adding->study = sqlite3_last_insert_rowid(writer->db);
    return ok && add_names(writer, adding, NULL, err);
}

static bool extend_series(struct connection *writer, struct yq_adding *adding, sqlite3_stmt *row,
                          struct yq_err *err)
{
    struct values kept;
    bool fill[YQ_ATTR_COUNT];
    adding->series = sqlite3_column_int64(row, 0);
    adding->series_instances = sqlite3_column_int(row, 1);
    bool lacking = compare_row(row, 2, YQ_SERIES, &adding->values, &kept, fill);
    const char *modality = either(&kept, &adding->values, YQ_Modality);
    yq_copy(adding->modality, sizeof adding->modality, modality ? modality : "");
    return !lacking || fill_in(writer, YQ_SERIES, adding->series, &adding->values, fill, NULL, err);
}

static bool join_series(struct connection *writer, struct yq_adding *adding, struct yq_err *err)
{
    bool there;
    sqlite3_stmt *get = connection_statement(writer, ST_SERIES_GET, err);
    if (!get)
        return false;
    sqlite3_bind_int64(get, 1, adding->study);
    bind_text(get, 2, adding->values.text[YQ_SeriesInstanceUID]);
    if (!statement_step(writer, get, &there, err))
        return false;
    bool ok = !there || extend_series(writer, adding, get, err);
    sqlite3_reset(get);
    if (there || !ok)
        return ok;
    sqlite3_stmt *add = connection_statement(writer, ST_SERIES_ADD, err);
    if (!add)
        return false;
    const char *modality = adding->values.text[YQ_Modality];
    yq_copy(adding->modality, sizeof adding->modality, modality ? modality : "");
    adding->series_instances = 0;
    sqlite3_bind_int64(add, 1, adding->study);
    bind_columns(add, 2, &adding->values, YQ_SERIES);
    ok = statement_run(writer, add, err);
    adding->series = sqlite3_last_insert_rowid(writer->db);
    return ok;
}

/* Until its file is known to be on stable storage. */
static bool mark(struct connection *writer, struct yq_adding *adding, struct yq_err *err)
{
    sqlite3_stmt *add = connection_statement(writer, ST_MARK_ADD, err);
    if (!add)
        return false;
    adding->marked = sqlite3_last_insert_rowid(writer->db);
    sqlite3_bind_int64(add, 1, adding->marked);
    return statement_run(writer, add, err);
}

static bool add_instance(struct connection *writer, struct yq_adding *adding, struct yq_err *err)
{
    const struct yq_arrival *arrival = &adding->arrival;
    sqlite3_stmt *add = connection_statement(writer, ST_INSTANCE_ADD, err);
    if (!add)
        return false;
    sqlite3_bind_int64(add, 1, adding->series);
    sqlite3_bind_int(add, 2, adding->copy);
    sqlite3_bind_text(add, 3, arrival->header->transfer_syntax, -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 4, (int64_t)arrival->object->size);
    sqlite3_bind_blob(add, 5, arrival->object->digest, 32, SQLITE_STATIC);
    sqlite3_bind_int64(add, 6, (int64_t)arrival->dataset_offset);
    sqlite3_bind_int64(add, 7, adding->now);
    sqlite3_bind_text(add, 8, arrival->origin->aet, -1, SQLITE_STATIC);
    bind_text(add, 9, arrival->header->charset);
    sqlite3_bind_int(add, 10, arrival->header->charset_doubtful);
    bind_text(add, 11, arrival->coerced);
    bind_columns(add, 12, &adding->values, YQ_IMAGE);
    if (!statement_run(writer, add, err))
        return false;
    if (arrival->unsynced && !mark(writer, adding, err))
        return false;
    return tombstone_take(writer, arrival->header->key.instance, err);
}

static bool grow(struct connection *writer, struct yq_adding *adding, struct yq_err *err)
{
    bool served = adding->copy == 0;
    if (served && (!backslash_add(&adding->modalities, adding->modality) ||
                   !backslash_add(&adding->classes, adding->values.text[YQ_SOPClassUID])))
        return yq_fail(err, YQ_FULL, "catalog", "no memory for a study");
    sqlite3_stmt *study = connection_statement(writer, ST_STUDY_GREW, err);
    if (!study)
        return false;
    sqlite3_bind_int(study, 1, served && adding->series_instances == 0);
    sqlite3_bind_int(study, 2, served);
    sqlite3_bind_int64(study, 3, (int64_t)adding->arrival.object->size);
    bind_text(study, 4, yq_buf_text(&adding->modalities));
    bind_text(study, 5, yq_buf_text(&adding->classes));
    sqlite3_bind_int64(study, 6, adding->now);
    sqlite3_bind_int64(study, 7, adding->study);
    if (!statement_run(writer, study, err))
        return false;
    if (!served)
        return true;
    sqlite3_stmt *series = connection_statement(writer, ST_SERIES_GREW, err);
    if (!series)
        return false;
    sqlite3_bind_int64(series, 1, adding->series);
    return statement_run(writer, series, err);
}

/* Other content under a SOP Instance UID that is there: what the rule says. False also when it says
 * no. */
static bool apply_rule(struct connection *writer, struct yq_adding *adding,
                       const struct present *present, struct yq_err *err)
{
    struct yq_added *out = adding->out;
    out->had_earlier = true;
    out->earlier = present->served;
    switch (adding->arrival.duplicates) {
    case YQ_REPLACE:
        if (adding->arrival.unsynced) /* another process brought it a moment ago */
            return yq_fail(err, YQ_BUSY, "catalog", "other content came in at the same moment");
        out->stored = YQ_STORED_REPLACED;
        return take_away(writer, present->served.id, present->served_series, present->served_study,
                         err) &&
               (!present->same_there || take_away(writer, present->same.id, present->same_series,
                                                  present->same_study, err));
    case YQ_KEEP_BOTH:
        out->stored = YQ_STORED_BESIDE;
        adding->copy = present->last_copy + 1;
        return note_content(writer, adding, present, err);
    default: break;
    }
    if (!note_content(writer, adding, present, err))
        return false;
    adding->work.keep = true; /* the note stays although the instance does not */
    return yq_fail(err, YQ_CONFLICT, "catalog",
                   "another content is stored under this SOP Instance UID");
}

/* A copy beside the one that is served is never sent, so it goes nowhere. */
static bool put_out(struct connection *writer, struct yq_adding *adding, struct yq_err *err)
{
    const struct yq_arrival *arrival = &adding->arrival;
    for (size_t i = 0; adding->copy == 0 && i < arrival->order_count; i++) {
        if (!outbox_put(writer, &arrival->orders[i], &arrival->header->key, adding->now, err))
            return false;
    }
    return true;
}

static bool add(struct connection *writer, void *with, struct yq_err *err)
{
    struct yq_adding *adding = with;
    struct yq_added *out = adding->out;
    struct present present;
    memset(out, 0, sizeof *out);
    if (!look(writer, &adding->arrival, &present, err))
        return false;
    if (present.same_there &&
        (present.same.copy == 0 || adding->arrival.duplicates != YQ_REPLACE)) {
        out->stored = YQ_STORED_ALREADY;
        out->had_earlier = true;
        out->earlier = present.same;
        return true;
    }
    if (present.served_there && !apply_rule(writer, adding, &present, err))
        return false;
    return join_study(writer, adding, err) && join_series(writer, adding, err) &&
           add_instance(writer, adding, err) && grow(writer, adding, err) &&
           reading_note(writer, adding->study, source_of(adding->arrival.origin),
                        adding->arrival.header, adding->now, err) &&
           put_out(writer, adding, err);
}

static void adding_free(struct yq_adding *adding)
{
    values_fini(&adding->values);
    yq_buf_fini(&adding->modalities);
    yq_buf_fini(&adding->classes);
    free(adding);
}

bool yq_catalog_add_begin(struct yq_catalog *catalog, const struct yq_arrival *arrival,
                          struct yq_added *out, struct yq_adding **adding, struct yq_err *err)
{
    const struct yq_key *key = &arrival->header->key;
    memset(out, 0, sizeof *out);
    if (!yq_uid_valid(key->study) || !yq_uid_valid(key->series) || !yq_uid_valid(key->instance))
        return yq_fail(err, YQ_BAD_INPUT, "catalog", "a UID of the instance is missing or no UID");
    struct yq_adding *new = calloc(1, sizeof *new);
    if (!new)
        return yq_fail(err, YQ_FULL, "catalog", "no memory to add an instance");
    new->catalog = catalog;
    new->arrival = *arrival;
    new->out = out;
    new->now = arrival->received_ms ? arrival->received_ms : yq_now_ms();
    new->work.run = add;
    new->work.with = new;
    if (!values_make(arrival->header, &new->values, err)) {
        adding_free(new);
        return false;
    }
    commit_begin(catalog, &new->work);
    *adding = new;
    return true;
}

bool yq_catalog_add_end(struct yq_adding *take, bool stored, struct yq_err *err)
{
    struct yq_catalog *catalog = take->catalog;
    bool ok = commit_wait(catalog, &take->work, err);
    int64_t marked = ok ? take->marked : 0;
    adding_free(take);
    if (marked && stored)
        yq_catalog_vouch(catalog, marked);
    if (marked && !stored && !yq_catalog_drop(catalog, marked, err))
        return false; /* its mark stays as well */
    return ok && stored;
}

bool yq_catalog_add(struct yq_catalog *catalog, const struct yq_arrival *arrival,
                    struct yq_added *out, struct yq_err *err)
{
    struct yq_adding *adding;
    return yq_catalog_add_begin(catalog, arrival, out, &adding, err) &&
           yq_catalog_add_end(adding, true, err);
}

/* ---- rows whose files are in doubt ---- */

static bool drop(struct connection *writer, void *with, struct yq_err *err)
{
    int64_t id = *(const int64_t *)with;
    bool row;
    sqlite3_stmt *unmark = connection_statement(writer, ST_MARK_REMOVE, err);
    if (unmark)
        sqlite3_bind_int64(unmark, 1, id);
    sqlite3_stmt *owners = unmark && statement_run(writer, unmark, err)
                               ? connection_statement(writer, ST_OWNERS, err)
                               : NULL;
    if (!owners)
        return false;
    sqlite3_bind_int64(owners, 1, id);
    if (!statement_step(writer, owners, &row, err))
        return false;
    int64_t series = sqlite3_column_int64(owners, 0), study = sqlite3_column_int64(owners, 1);
    sqlite3_reset(owners);
    return !row || take_away(writer, id, series, study, err);
}

bool yq_catalog_drop(struct yq_catalog *catalog, int64_t id, struct yq_err *err)
{
    return commit_simple(catalog, drop, &id, err);
}

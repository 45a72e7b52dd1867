/* link_find.c: what may belong together, out of the ledger and the catalog. Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

void link_record_fini(struct link_record *record)
{
    yq_record_free(record->record);
    memset(record, 0, sizeof *record);
}

static void take_study(const char *const *values, struct link_study *out)
{
    const struct {
        char *field;
        size_t size;
        enum yq_attr attr;
    } parts[] = {{out->uid, sizeof out->uid, YQ_StudyInstanceUID},
                 {out->patient_id, sizeof out->patient_id, YQ_PatientID},
                 {out->birth_date, sizeof out->birth_date, YQ_PatientBirthDate},
                 {out->sex, sizeof out->sex, YQ_PatientSex},
                 {out->accession, sizeof out->accession, YQ_AccessionNumber},
                 {out->modalities, sizeof out->modalities, YQ_ModalitiesInStudy}};
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        yq_copy(parts[i].field, parts[i].size, values[parts[i].attr] ? values[parts[i].attr] : "");
    const char *date = values[YQ_StudyDate], *time = values[YQ_StudyTime];
    out->when = link_seconds(date ? date : "", time ? time : "");
}

bool link_find_studies(struct yq_house *house, enum yq_attr attr, const char *value,
                       struct link_study *studies, size_t room, size_t *count, struct yq_err *err)
{
    static const enum yq_attr wanted[] = {
        YQ_StudyInstanceUID, YQ_PatientID, YQ_PatientBirthDate,  YQ_PatientSex,
        YQ_AccessionNumber,  YQ_StudyDate, YQ_ModalitiesInStudy, YQ_StudyTime};
    struct yq_query query = {.level = YQ_STUDY, .order = YQ_ORDER_NEWEST_FIRST, .limit = room};
    struct yq_cursor *cursor = NULL;
    const char *const *values;
    *count = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        query.wanted[wanted[i]] = true;
    bool ok = yq_query_add(&query, attr, value, true, err) &&
              yq_catalog_find(house->catalog, &query, &cursor, err);
    while (ok && *count < room && yq_cursor_next(cursor, &values, err))
        take_study(values, &studies[(*count)++]);
    yq_cursor_close(cursor);
    yq_query_fini(&query);
    return ok && err->code == YQ_OK;
}

static bool take_entry(struct yq_house *house, const struct yq_ledger_entry *entry,
                       struct link_record *out, struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    out->row = entry->row;
    if (!yq_record_open(house, entry, &out->record, err))
        return false;
    yq_copy(out->id, sizeof out->id, out->record ? yq_record_id(out->record) : entry->id);
    return true;
}

bool link_load(struct yq_house *house, int64_t row, struct link_record *out, struct yq_err *err)
{
    struct yq_ledger_entry entry;
    memset(out, 0, sizeof *out);
    if (!yq_ledger_get_row(house->catalog, row, &entry, err))
        return false;
    bool ok = take_entry(house, &entry, out, err);
    yq_ledger_entry_fini(&entry);
    return ok;
}

bool link_find_records(struct yq_house *house, enum yq_kind kind, const char *member,
                       const char *value, bool part, struct link_record *records, size_t room,
                       size_t *count, struct yq_err *err)
{
    struct yq_buf folded yq_cleanup(yq_buf_fini) = {0};
    struct yq_ledger_entry *list = NULL;
    size_t found = 0;
    bool ok = true;
    *count = 0;
    int place = yq_member_find(kind, member);
    if (!yq_record_key(house, &yq_kinds[kind].members[place], value, &folded, err))
        return false;
    const struct yq_ledger_key key = {member, yq_buf_text(&folded)};
    const struct yq_ledger_query query = {
        .kind = kind, .keys = &key, .key_count = 1, .newest_first = true, .limit = room + 1};
    if (!yq_ledger_find(house->catalog, &query, true, &list, &found, err))
        return false;
    bool too_many = found > room && !part;
    for (size_t i = 0; !too_many && i < found && *count < room && ok; i++) {
        ok = take_entry(house, &list[i], &records[*count], err);
        *count += ok && records[*count].record;
    }
    yq_ledger_list_free(list, found);
    while (!ok && *count)
        link_record_fini(&records[--*count]);
    return ok;
}

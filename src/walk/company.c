/* company.c: gathers what belongs to a record, and makes its codes national. The record itself must
 * be there; what belongs to it is looked for by the ids it names, by links, and by its accession
 * number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "yq/codes.h"
#include "yq/company.h"
#include "yq/dictionary.h"
#include "yq/log.h"
#include "yq/registry.h"

void yq_company_fini(struct yq_company *company)
{
    for (size_t i = 0; i < company->count; i++)
        yq_record_free(company->records[i]);
    *company = (struct yq_company){0};
}

/* ---- national codes ---- */

static bool national(struct yq_house *house, const char *list, const char *source,
                     const char *dictionary, const char *code, char out[YQ_CODE_SIZE])
{
    struct yq_err ignored = {0}; /* not mapped, or the catalog is unwell: the code stays */
    return strlen(code) < YQ_CODE_SIZE &&
           yq_codes_national(house->catalog, list, source, code, dictionary, out, &ignored);
}

static void make_code_national(struct yq_house *house, const char *source, struct yq_record *record,
                               size_t member)
{
    const struct yq_member *about = &yq_kinds[record->kind].members[member];
    const struct yq_dictionary *dictionary = yq_dictionary_find(about->dictionary);
    struct yq_buf made yq_cleanup(yq_buf_fini) = {.most = YQ_RECORD_VALUE_MOST};
    struct yq_err err = {0};
    char code[YQ_CODE_SIZE], found[YQ_CODE_SIZE];
    bool changed = false;
    if (!dictionary || !record->values[member])
        return;
    for (size_t n = 0; yq_record_nth(record, about->name, n, code, sizeof code); n++) {
        bool mapped = !yq_term_accepts(dictionary, code) &&
                      national(house, NULL, source, dictionary->name, code, found);
        changed = changed || mapped;
        yq_buf_putf(&made, "%s%s", n ? "\n" : "", mapped ? found : code);
    }
    if (changed && !made.failed && !yq_record_set(record, (int)member, yq_buf_text(&made), &err))
        yq_log_err(YQ_LOG_WARN, "code-not-taken", &err, "member=%s", about->name);
}

/* From itemCode by the hospital's list, where nobody has given national ones. */
static void find_national_items(struct yq_house *house, const char *source,
                                struct yq_record *record)
{
    bool lab = record->kind == YQ_KIND_LAB;
    const char *list = lab ? YQ_CODES_LAB_ITEMS : YQ_CODES_EXAM_ITEMS;
    char code[YQ_CODE_SIZE], found[YQ_CODE_SIZE];
    struct yq_err err = {0};
    if (yq_member_find(record->kind, "nationalItemCode") < 0 ||
        yq_member_find(record->kind, "itemCode") < 0 || yq_record_get(record, "nationalItemCode"))
        return;
    for (size_t n = 0; yq_record_nth(record, "itemCode", n, code, sizeof code); n++) {
        if (!national(house, list, source, "recognition-item", code, found) &&
            !national(house, list, source, NULL, code, found))
            continue;
        if (!yq_record_append(record, "nationalItemCode", found, &err))
            yq_log_err(YQ_LOG_WARN, "code-not-taken", &err, "member=nationalItemCode");
    }
}

/* The names of the national items, from their dictionary. */
static void name_national_items(struct yq_record *record)
{
    const struct yq_dictionary *items = yq_dictionary_find("recognition-item");
    char code[YQ_CODE_SIZE];
    struct yq_err err = {0};
    if (!items || yq_member_find(record->kind, "nationalItemName") < 0 ||
        yq_record_get(record, "nationalItemName"))
        return;
    for (size_t n = 0; yq_record_nth(record, "nationalItemCode", n, code, sizeof code); n++) {
        const struct yq_term *term = yq_term_find(items, code);
        if (term && !yq_record_append(record, "nationalItemName", term->chinese, &err))
            yq_log_err(YQ_LOG_WARN, "code-not-taken", &err, "member=nationalItemName");
    }
}

void yq_record_nationalize(struct yq_house *house, const char *source, struct yq_record *record)
{
    const struct yq_kind_info *kind = &yq_kinds[record->kind];
    for (size_t i = 0; i < kind->count; i++) {
        if (kind->members[i].type == YQ_VALUE_CODE)
            make_code_national(house, source, record, i);
        for (size_t n = 0; n < record->lists[i].count; n++)
            yq_record_nationalize(house, source, record->lists[i].items[n]);
    }
    find_national_items(house, source, record);
    name_national_items(record);
}

/* ---- what belongs to it ---- */

/* What no sender says of itself: when it was changed last is when it came, in Beijing. */
static void date_record(struct yq_record *record, int64_t received_ms)
{
    struct yq_err err = {0};
    struct tm there;
    char text[32];
    time_t when = (time_t)(received_ms / 1000) + 8 * 3600;
    if (yq_member_find(record->kind, "updatedTime") < 0 || yq_record_get(record, "updatedTime"))
        return;
    if (!gmtime_r(&when, &there) || !strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &there) ||
        !yq_record_put(record, "updatedTime", text, &err))
        yq_log_err(YQ_LOG_WARN, "code-not-taken", &err, "member=updatedTime%s", "");
}

static const char *birth_of(const struct yq_record *record)
{
    return record && yq_member_find(record->kind, "birthDate") >= 0
               ? yq_record_get(record, "birthDate")
               : NULL;
}

/* Years, for infants months, for the newborn days, from the birth date to the exam. */
static void age_record(struct yq_record *record, const struct yq_record *patient)
{
    static const char *const moments[] = {"examTime", "registrationTime", "requestTime"};
    struct tm born = {0}, then = {0};
    struct yq_err err = {0};
    char number[16];
    const char *birth = birth_of(record) ? birth_of(record) : birth_of(patient), *when = NULL;
    if (record->kind != YQ_KIND_EXAM && record->kind != YQ_KIND_REPORT)
        return;
    for (size_t i = 0; birth && !when && i < sizeof moments / sizeof *moments; i++)
        if (yq_member_find(record->kind, moments[i]) >= 0)
            when = yq_record_get(record, moments[i]);
    if (!when || yq_record_get(record, "age") || !strptime(birth, "%Y-%m-%d", &born) ||
        !strptime(when, "%Y-%m-%d", &then))
        return;
    int months = (then.tm_year - born.tm_year) * 12 + then.tm_mon - born.tm_mon -
                 (then.tm_mday < born.tm_mday);
    int days = (int)((timegm(&then) - timegm(&born)) / 86400);
    if (days < 0 || months > 150 * 12)
        return;
    snprintf(number, sizeof number, "%d", months >= 12 ? months / 12 : months ? months : days);
    if (!yq_record_put(record, "age", number, &err) || !yq_record_put(record, "ageUnit",
                                                                      months >= 12 ? "Y"
                                                                      : months     ? "M"
                                                                                   : "D",
                                                                      &err))
        yq_log_err(YQ_LOG_WARN, "code-not-taken", &err, "member=age%s", "");
}

static void add(struct yq_house *house, struct yq_company *company, struct yq_record *take,
                const struct yq_ledger_entry *entry)
{
    if (company->count == YQ_COMPANY_MOST) {
        yq_record_free(take);
        return;
    }
    yq_record_nationalize(house, entry->source, take);
    date_record(take, entry->received_ms);
    company->records[company->count++] = take;
}

/* *found: whether there is one. False: it could not be read. */
static bool add_by_id(struct yq_house *house, struct yq_company *company, enum yq_kind kind,
                      const char *id, bool *found, struct yq_err *err)
{
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry = {0};
    *found = false;
    if (strlen(id) > YQ_RECORD_ID_MOST)
        return true;
    if (!yq_record_out(house, kind, id, 0, &record, &entry, err))
        return err->code == YQ_ABSENT;
    *found = record && !entry.removed;
    if (*found) {
        add(house, company, record, &entry);
        record = NULL;
    }
    yq_record_out_fini(record, &entry);
    return true;
}

static bool add_by_key(struct yq_house *house, struct yq_company *company, enum yq_kind kind,
                       const char *name, const char *value, bool *found, struct yq_err *err)
{
    const struct yq_member *member = &yq_kinds[kind].members[yq_member_find(kind, name)];
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_ledger_entry *list = NULL;
    size_t count = 0;
    *found = false;
    if (!yq_record_key(house, member, value, &text, err))
        return false;
    const struct yq_ledger_key key = {name, yq_buf_text(&text)};
    const struct yq_ledger_query query = {
        .kind = (int)kind, .keys = &key, .key_count = 1, .newest_first = true, .limit = 1};
    if (!yq_ledger_find(house->catalog, &query, false, &list, &count, err))
        return false;
    bool ok = !count || add_by_id(house, company, kind, list[0].id, found, err);
    yq_ledger_list_free(list, count);
    return ok;
}

/* The exam that it is linked with; a guess that nobody has confirmed does not count. */
static bool add_linked(struct yq_house *house, struct yq_company *company, bool *found,
                       struct yq_err *err)
{
    struct yq_link *links = NULL;
    size_t count = 0;
    if (!yq_links_of(house, YQ_KIND_REPORT, yq_record_id(company->records[0]), &links, &count, err))
        return err->code == YQ_ABSENT;
    bool ok = true;
    for (size_t i = 0; ok && !*found && i < count; i++)
        if (*links[i].exam && (links[i].state == YQ_TIE_SURE || links[i].state == YQ_TIE_SET))
            ok = add_by_id(house, company, YQ_KIND_EXAM, links[i].exam, found, err);
    free(links);
    return ok;
}

static bool add_exam(struct yq_house *house, struct yq_company *company, struct yq_err *err)
{
    static const char *const names[] = {"accessionNumber", "studyInstanceUid"};
    const struct yq_record *report = company->records[0];
    char id[YQ_RECORD_ID_MOST + 1];
    bool found = false;
    if (yq_record_nth(report, "examId", 0, id, sizeof id) &&
        !add_by_id(house, company, YQ_KIND_EXAM, id, &found, err))
        return false;
    if (!found && yq_record_id(report) && !add_linked(house, company, &found, err))
        return false;
    for (size_t i = 0; !found && i < sizeof names / sizeof *names; i++)
        if (yq_record_nth(report, names[i], 0, id, sizeof id) &&
            !add_by_key(house, company, YQ_KIND_EXAM, names[i], id, &found, err))
            return false;
    return true;
}

/* The patient whom the record names, or the exam that came with it. */
static bool add_patient(struct yq_house *house, struct yq_company *company, struct yq_err *err)
{
    bool found = company->records[0]->kind == YQ_KIND_PATIENT;
    size_t count = company->count;
    for (size_t i = 0; !found && i < count; i++) {
        const struct yq_record *record = company->records[i];
        if (yq_member_find(record->kind, "patientId") >= 0 && yq_record_get(record, "patientId") &&
            !add_by_id(house, company, YQ_KIND_PATIENT, yq_record_get(record, "patientId"), &found,
                       err))
            return false;
    }
    return true;
}

/* An exam that names no study has those that it is linked with. */
static bool add_studies(struct yq_house *house, struct yq_record *exam, struct yq_err *err)
{
    struct yq_link *links = NULL;
    size_t count = 0;
    if (!yq_record_id(exam) || yq_record_get(exam, "studyInstanceUid"))
        return true;
    if (!yq_links_of(house, YQ_KIND_EXAM, yq_record_id(exam), &links, &count, err))
        return err->code == YQ_ABSENT;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        if (*links[i].study && (links[i].state == YQ_TIE_SURE || links[i].state == YQ_TIE_SET))
            ok = yq_record_append(exam, "studyInstanceUid", links[i].study, err);
    free(links);
    return ok;
}

static bool add_others(struct yq_house *house, struct yq_company *company, struct yq_err *err)
{
    if (company->records[0]->kind == YQ_KIND_REPORT && !add_exam(house, company, err))
        return false;
    for (size_t i = 0; i < company->count; i++)
        if (company->records[i]->kind == YQ_KIND_EXAM &&
            !add_studies(house, company->records[i], err))
            return false;
    if (!add_patient(house, company, err))
        return false;
    const struct yq_record *last = company->records[company->count - 1];
    for (size_t i = 0; i < company->count; i++)
        age_record(company->records[i], last->kind == YQ_KIND_PATIENT ? last : NULL);
    return true;
}

bool yq_company_of(struct yq_house *house, struct yq_record *take,
                   const struct yq_ledger_entry *entry, struct yq_company *out, struct yq_err *err)
{
    *out = (struct yq_company){0};
    add(house, out, take, entry);
    if (add_others(house, out, err))
        return true;
    yq_company_fini(out);
    return false;
}

bool yq_company_open(struct yq_house *house, enum yq_kind kind, const char *id,
                     struct yq_company *out, struct yq_err *err)
{
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry = {0};
    *out = (struct yq_company){0};
    if (!yq_record_out(house, kind, id, 0, &record, &entry, err))
        return false;
    bool ok = true;
    if (!record || entry.removed) {
        ok = yq_fail(err, YQ_ABSENT, "walk", "the record was removed");
        yq_record_free(record);
    } else
        ok = yq_company_of(house, record, &entry, out, err);
    yq_ledger_entry_fini(&entry);
    return ok;
}

bool yq_company_last(struct yq_house *house, enum yq_kind kind, const char *id,
                     struct yq_company *out, bool *removed, struct yq_err *err)
{
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry = {0};
    *out = (struct yq_company){0};
    *removed = false;
    if (!yq_record_out(house, kind, id, 0, &record, &entry, err))
        return false;
    *removed = !record || entry.removed;
    if (*removed) {
        int64_t before = entry.version - 1;
        yq_record_out_fini(record, &entry);
        record = NULL;
        entry = (struct yq_ledger_entry){0};
        if (!yq_record_out(house, kind, id, before, &record, &entry, err))
            return false;
    }
    bool ok = record ? yq_company_of(house, record, &entry, out, err)
                     : yq_fail(err, YQ_ABSENT, "walk", "it never said anything");
    yq_ledger_entry_fini(&entry);
    return ok;
}

void yq_company_check(const struct yq_company *company, const struct yq_interface *interface,
                      struct yq_findings *findings)
{
    if (interface)
        yq_check_interface_among(interface, (const struct yq_record *const *)company->records,
                                 company->count, findings);
    else
        yq_check_record(company->records[0], NULL, NULL, findings);
}

bool yq_company_check_platform(const struct yq_company *company, const char *platform,
                               struct yq_findings *findings)
{
    bool any = false;
    for (size_t i = 0; i < yq_interface_count; i++) {
        const struct yq_interface *interface = &yq_interfaces[i];
        if (strcmp(interface->platform, platform) != 0 ||
            !yq_interface_collects(interface, company->records[0]->kind))
            continue;
        any = true;
        yq_company_check(company, interface, findings);
    }
    return any;
}

/* test_catalog.c: adding, duplicates, contradictions, removing, keeping; many threads at once. */
#include "help.h"

#include <pthread.h>

static void an_instance_makes_study_series_and_itself(void **state)
{
    (void)state;
    struct yq_entry entry;
    put(1, 1, 1, YQ_PatientID, "P1", YQ_PatientName, "Wang^Wu", YQ_Modality, "CT", -1);
    put(1, 1, 2, YQ_PatientID, "P1", YQ_PatientName, "Wang^Wu", YQ_Modality, "CT", -1);
    put(1, 2, 1, YQ_PatientID, "P1", YQ_PatientName, "Wang^Wu", YQ_Modality, "SR", -1);
    struct yq_totals t = totals();
    assert_int_equal(t.patients, 1);
    assert_int_equal(t.studies, 1);
    assert_int_equal(t.series, 2);
    assert_int_equal(t.instances, 3);
    assert_int_equal(t.bytes, 3000);
    assert_int_equal(t.contradictions, 0);
    assert_string_equal(ask(YQ_STUDY, YQ_ModalitiesInStudy, -1), "CT\\SR");
    assert_string_equal(ask(YQ_STUDY, YQ_SOPClassesInStudy, -1), "1.2.840.10008.5.1.4.1.1.2");
    assert_string_equal(ask(YQ_STUDY, YQ_NumberOfStudyRelatedSeries, -1), "2");
    assert_string_equal(ask(YQ_STUDY, YQ_NumberOfStudyRelatedInstances, -1), "3");
    assert_string_equal(ask(YQ_SERIES, YQ_NumberOfSeriesRelatedInstances, -1), "1;2");
    assert_string_equal(ask(YQ_PATIENT, YQ_NumberOfPatientRelatedInstances, -1), "3");

    ok(yq_catalog_get(catalog, "1.1.1.2", &entry, &err));
    assert_string_equal(entry.key.study, "1.1");
    assert_string_equal(entry.key.series, "1.1.1");
    assert_string_equal(entry.key.instance, "1.1.1.2");
    assert_int_equal(entry.object.size, 1000);
    assert_int_equal(entry.dataset_offset, 300);
    assert_string_equal(entry.transfer_syntax, YQ_TS_EXPLICIT_LE);
    assert_string_equal(entry.source, "CT1");
    assert_int_equal(entry.copy, 0);
    assert_true(entry.received_ms > 0);
    refused(yq_catalog_get(catalog, "1.1.1.3", &entry, &err), YQ_ABSENT);
    refused(yq_catalog_get(catalog, "' OR 1=1 --", &entry, &err), YQ_ABSENT);
}

static void keys_that_are_no_uids_are_bad_input(void **state)
{
    (void)state;
    struct made made;
    make(&made, 1, 1, 1, 1);
    made.header.key.series[0] = '\0';
    refused(add(&made), YQ_BAD_INPUT);
    make(&made, 1, 1, 1, 1);
    yq_copy(made.header.key.study, YQ_UID_SIZE, "../1");
    refused(add(&made), YQ_BAD_INPUT);
    assert_int_equal(totals().studies, 0);
}

static void what_was_stored_outlives_closing(void **state)
{
    (void)state;
    put(1, 1, 1, YQ_PatientID, "P1", -1);
    yq_catalog_close(catalog);
    ok(yq_catalog_open(path, &catalog, &err));
    assert_string_equal(ask(YQ_STUDY, YQ_PatientID, -1), "P1");
}

static void the_same_instance_again_is_already_there(void **state)
{
    (void)state;
    for (int rule = YQ_KEEP_FIRST; rule <= YQ_KEEP_BOTH; rule++) {
        struct made made;
        make(&made, 1, 1, 1, 7);
        made.duplicates = (enum yq_duplicates)rule;
        ok(add(&made));
        if (rule == YQ_KEEP_FIRST)
            ok(add(&made));
        assert_int_equal(made.added.stored, YQ_STORED_ALREADY);
        assert_true(made.added.had_earlier);
        assert_int_equal(made.added.earlier.object.digest[0], 7);
        assert_int_equal(totals().instances, 1);
        assert_int_equal(totals().contradictions, 0);
    }
}

static void other_content_keep_first(void **state)
{
    (void)state;
    struct made made;
    struct yq_contradiction *list;
    size_t count;
    put(1, 1, 1, -1);
    for (int i = 0; i < 2; i++) { /* told twice, noted once */
        make(&made, 1, 1, 1, 99);
        refused(add(&made), YQ_CONFLICT);
        assert_true(made.added.had_earlier);
        assert_string_equal(made.added.earlier.key.instance, "1.1.1.1");
        assert_int_equal(made.added.earlier.object.size, 1000);
    }
    assert_int_equal(totals().instances, 1);
    ok(yq_catalog_contradictions(catalog, &list, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].what, "content");
    assert_string_equal(list[0].study, "1.1");
    assert_string_equal(list[0].instance, "1.1.1.1");
    assert_string_equal(list[0].source, "CT1");
    assert_int_equal(strlen(list[0].kept), 64);
    assert_memory_equal(list[0].came, "63000000", 8);
    free(list);
}

static void other_content_replace(void **state)
{
    (void)state;
    struct made made;
    struct yq_entry entry;
    put(1, 1, 1, YQ_PatientID, "OLD", -1);
    make(&made, 1, 1, 1, 99);
    made.duplicates = YQ_REPLACE;
    made.object.size = 5;
    set(&made, YQ_PatientID, "NEW");
    ok(add(&made));
    assert_int_equal(made.added.stored, YQ_STORED_REPLACED);
    assert_int_equal(made.added.earlier.object.size, 1000);
    ok(yq_catalog_get(catalog, "1.1.1.1", &entry, &err));
    assert_int_equal(entry.object.size, 5);
    assert_int_equal(totals().instances, 1);
    assert_int_equal(totals().bytes, 5);
    /* Nothing of the old study was left, so nothing contradicts. */
    assert_string_equal(ask(YQ_STUDY, YQ_PatientID, -1), "NEW");
}

static void replacing_may_move_to_another_study(void **state)
{
    (void)state;
    struct made made;
    put(1, 1, 1, YQ_Modality, "CT", -1);
    put(1, 2, 1, YQ_Modality, "MR", -1);
    make(&made, 2, 1, 1, 99);
    yq_copy(made.header.key.instance, YQ_UID_SIZE, "1.1.2.1");
    made.duplicates = YQ_REPLACE;
    ok(add(&made));
    assert_int_equal(made.added.stored, YQ_STORED_REPLACED);
    assert_string_equal(made.added.earlier.key.study, "1.1");
    struct yq_totals t = totals();
    assert_int_equal(t.studies, 2);
    assert_int_equal(t.series, 2);
    assert_int_equal(t.instances, 2);
    assert_string_equal(ask(YQ_STUDY, YQ_ModalitiesInStudy, YQ_StudyInstanceUID, "1.1", -1), "CT");
    make(&made, 2, 1, 1, 98);
    yq_copy(made.header.key.instance, YQ_UID_SIZE, "1.1.1.1");
    made.duplicates = YQ_REPLACE;
    ok(add(&made));
    assert_int_equal(totals().studies, 1);
    assert_string_equal(ask(YQ_STUDY, YQ_NumberOfStudyRelatedInstances, -1), "2");
}

static void other_content_keep_both(void **state)
{
    (void)state;
    struct made made;
    struct yq_entry entry, entries[8];
    size_t count;
    put(1, 1, 1, -1);
    for (int content = 98; content <= 99; content++) {
        make(&made, 1, 1, 1, content);
        made.duplicates = YQ_KEEP_BOTH;
        ok(add(&made));
        assert_int_equal(made.added.stored, YQ_STORED_BESIDE);
        ok(add(&made)); /* the same copy again */
        assert_int_equal(made.added.stored, YQ_STORED_ALREADY);
        assert_int_equal(made.added.earlier.copy, content - 97);
    }
    ok(yq_catalog_get(catalog, "1.1.1.1", &entry, &err));
    assert_int_equal(entry.object.digest[0], (1000000 + 1001) & 0xff);
    struct yq_totals t = totals();
    assert_int_equal(t.instances, 1);
    assert_int_equal(t.bytes, 3000);
    assert_int_equal(t.contradictions, 2);
    assert_string_equal(ask(YQ_IMAGE, YQ_SOPInstanceUID, -1), "1.1.1.1");
    assert_string_equal(ask(YQ_STUDY, YQ_NumberOfStudyRelatedInstances, -1), "1");
    ok(yq_catalog_entries(catalog, 0, entries, 8, &count, &err));
    assert_int_equal(count, 3);
    assert_int_equal(entries[2].copy, 2);

    /* Replacing by what is kept beside makes that one the served one. */
    make(&made, 1, 1, 1, 99);
    made.duplicates = YQ_REPLACE;
    ok(add(&made));
    assert_int_equal(made.added.stored, YQ_STORED_REPLACED);
    ok(yq_catalog_get(catalog, "1.1.1.1", &entry, &err));
    assert_int_equal(entry.object.digest[0], 99);
    ok(yq_catalog_entries(catalog, 0, entries, 8, &count, &err));
    assert_int_equal(count, 2);
}

static void a_copy_under_another_study_shows_no_empty_study(void **state)
{
    (void)state;
    struct made made;
    struct yq_entry *gone;
    size_t count;
    put(1, 1, 1, -1);
    make(&made, 2, 1, 1, 99);
    yq_copy(made.header.key.instance, YQ_UID_SIZE, "1.1.1.1");
    made.duplicates = YQ_KEEP_BOTH;
    ok(add(&made));
    assert_string_equal(ask(YQ_STUDY, YQ_StudyInstanceUID, -1), "1.1");
    assert_string_equal(ask(YQ_SERIES, YQ_SeriesInstanceUID, -1), "1.1.1");
    assert_string_equal(ask(YQ_PATIENT, YQ_NumberOfPatientRelatedStudies, -1), "1");
    assert_int_equal(totals().studies, 1);
    struct yq_key key = {.instance = "1.1.1.1"};
    ok(yq_catalog_remove(catalog, &key, &gone, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(gone[1].key.study, "1.2");
    free(gone);
    assert_int_equal(totals().bytes, 0);
}

static void first_values_stand_and_empty_ones_are_filled(void **state)
{
    (void)state;
    put(1, 1, 1, YQ_PatientName, "Li^Si", YQ_StudyDescription, "", YQ_SeriesDescription, "  ", -1);
    put(1, 1, 2, YQ_PatientName, "LI^SI ", YQ_PatientID, "P9", YQ_StudyDescription, "Head",
        YQ_SeriesDescription, "axial", YQ_Modality, "CT", YQ_PatientAge, "040Y", -1);
    put(1, 1, 3, YQ_StudyDescription, "Neck", YQ_PatientAge, "041Y", -1);
    assert_string_equal(ask(YQ_SERIES, YQ_PatientID, -1), "P9");
    assert_string_equal(ask(YQ_STUDY, YQ_StudyDescription, -1), "Head");
    assert_string_equal(ask(YQ_SERIES, YQ_SeriesDescription, -1), "axial");
    assert_string_equal(ask(YQ_STUDY, YQ_ModalitiesInStudy, -1), "CT");
    assert_string_equal(ask(YQ_STUDY, YQ_PatientName, YQ_PatientID, "P9", -1), "Li^Si");
    assert_string_equal(ask(YQ_PATIENT, YQ_NumberOfPatientRelatedStudies, -1), "1");
    assert_int_equal(totals().contradictions, 0);
}

static void contradictions_are_kept_once_and_settled(void **state)
{
    (void)state;
    struct made made;
    struct yq_contradiction *list;
    size_t count;
    put(1, 1, 1, YQ_PatientName, "Zhang^San", YQ_PatientID, "P1", YQ_IssuerOfPatientID, "HIS", -1);
    for (int i = 2; i < 5; i++) {
        make(&made, 1, 1, i, i);
        set(&made, YQ_PatientName, "Zhao^San");
        set(&made, YQ_PatientID, "P1");
        set(&made, YQ_IssuerOfPatientID, "RIS");
        ok(add(&made));
        assert_int_equal(made.added.contradictions, 2);
    }
    ok(yq_catalog_contradictions(catalog, &list, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(list[0].what, "IssuerOfPatientID"); /* newest first */
    assert_string_equal(list[1].what, "PatientName");
    assert_string_equal(list[1].kept, "Zhang^San");
    assert_string_equal(list[1].came, "Zhao^San");
    assert_string_equal(list[1].instance, "1.1.1.2");
    free(list);
    assert_string_equal(ask(YQ_STUDY, YQ_PatientName, -1), "Zhang^San");

    ok(yq_catalog_settle(catalog, "1.1", YQ_PatientName, "Zhang^Shan", &err));
    assert_string_equal(ask(YQ_STUDY, YQ_PatientName, YQ_PatientName, "zhang shan", -1),
                        "Zhang^Shan");
    assert_int_equal(totals().contradictions, 1);
    /* Neither what came nor what was kept until now is raised again. */
    for (int i = 5; i < 7; i++) {
        make(&made, 1, 1, i, i);
        set(&made, YQ_PatientName, i == 5 ? "Zhao^San" : "Zhang^San");
        ok(add(&made));
        assert_int_equal(made.added.contradictions, 0);
    }
    make(&made, 1, 1, 7, 7);
    set(&made, YQ_PatientName, "Qian^San");
    ok(add(&made));
    assert_int_equal(made.added.contradictions, 1);
    refused(yq_catalog_settle(catalog, "1.9", YQ_PatientName, "x", &err), YQ_ABSENT);
    refused(yq_catalog_settle(catalog, "1.1", YQ_StudyInstanceUID, "1.2", &err), YQ_BAD_INPUT);
    refused(yq_catalog_settle(catalog, "1.1", YQ_Modality, "CT", &err), YQ_BAD_INPUT);
    refused(yq_catalog_settle(catalog, "1.1", YQ_ModalitiesInStudy, "CT", &err), YQ_BAD_INPUT);
    refused(yq_catalog_settle(catalog, "1.1", YQ_PatientName, "\xff", &err), YQ_BAD_INPUT);
}

static void a_correction_moves_a_study_to_its_patient(void **state)
{
    (void)state;
    put(1, 1, 1, YQ_PatientID, "P1", -1);
    put(2, 1, 1, YQ_PatientID, "P1X", -1);
    assert_int_equal(totals().patients, 2);
    ok(yq_catalog_settle(catalog, "1.2", YQ_PatientID, "P1", &err));
    assert_int_equal(totals().patients, 1);
    assert_string_equal(ask(YQ_PATIENT, YQ_NumberOfPatientRelatedStudies, -1), "2");
}

static void the_groups_of_a_name_do_not_contradict(void **state)
{
    (void)state;
    struct made made;
    put(1, 1, 1, YQ_PatientName, "Wang^Xiaodong=王^小东", -1);
    static const char *const same[] = {"WANG^XIAODONG", "wang^xiaodong=王^小东", "=王^小东",
                                       "Ｗang Xiaodong"};
    static const char *const other[] = {"Wang^Xiao", "=李^小东", "Wang^Xiaodong=李^小东"};
    int instance = 2;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++, instance++) {
        make(&made, 1, 1, instance, instance);
        set(&made, YQ_PatientName, same[i]);
        ok(add(&made));
        assert_int_equal(made.added.contradictions, 0);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++, instance++) {
        make(&made, 1, 1, instance, instance);
        set(&made, YQ_PatientName, other[i]);
        ok(add(&made));
        assert_int_equal(made.added.contradictions, 1);
    }
}

static void another_issuer_is_another_patient(void **state)
{
    (void)state;
    put(1, 1, 1, YQ_PatientID, "P1", YQ_IssuerOfPatientID, "A", YQ_StudyDate, "20200101", -1);
    put(2, 1, 1, YQ_PatientID, "P1", YQ_IssuerOfPatientID, "B", YQ_StudyDate, "20200102", -1);
    put(3, 1, 1, YQ_PatientID, "P1", YQ_IssuerOfPatientID, "A", YQ_StudyDate, "20200103", -1);
    put(4, 1, 1, YQ_PatientName, "No^Id", YQ_StudyDate, "20190101", -1);
    put(5, 1, 1, YQ_PatientName, "Neither", YQ_StudyDate, "20180101", -1);
    assert_int_equal(totals().patients, 4);
    assert_string_equal(ask(YQ_PATIENT, YQ_IssuerOfPatientID, YQ_PatientID, "P1", -1), "A;B");
    assert_string_equal(ask(YQ_PATIENT, YQ_NumberOfPatientRelatedStudies, -1), "2;1;1;1");
}

static void removing(void **state)
{
    (void)state;
    struct yq_entry *gone;
    size_t count;
    struct made made;
    for (int series = 1; series <= 2; series++) {
        for (int instance = 1; instance <= 3; instance++)
            put(1, series, instance, YQ_Modality, series == 1 ? "CT" : "MR", -1);
    }
    put(2, 1, 1, YQ_PatientName, "A", -1);
    make(&made, 2, 1, 2, 2);
    set(&made, YQ_PatientName, "B");
    ok(add(&made));
    assert_int_equal(totals().contradictions, 1);
    make(&made, 1, 1, 2, 77);
    made.duplicates = YQ_KEEP_BOTH;
    ok(add(&made));

    struct yq_key key = {"1.1", "1.1.1", "1.1.1.2"};
    ok(yq_catalog_remove(catalog, &key, &gone, &count, &err));
    assert_int_equal(count, 2); /* with its copy */
    assert_string_equal(gone[0].key.instance, "1.1.1.2");
    free(gone);
    assert_int_equal(totals().instances, 7);
    assert_int_equal(totals().contradictions, 1);
    refused(yq_catalog_remove(catalog, &key, &gone, &count, &err), YQ_ABSENT);
    assert_null(gone);

    key = (struct yq_key){"1.1", "1.1.1", ""};
    ok(yq_catalog_remove(catalog, &key, &gone, &count, &err));
    assert_int_equal(count, 2);
    free(gone);
    assert_string_equal(ask(YQ_STUDY, YQ_ModalitiesInStudy, YQ_StudyInstanceUID, "1.1", -1), "MR");
    assert_string_equal(
        ask(YQ_STUDY, YQ_NumberOfStudyRelatedSeries, YQ_StudyInstanceUID, "1.1", -1), "1");
    key = (struct yq_key){"1.2", "", ""};
    ok(yq_catalog_remove(catalog, &key, &gone, &count, &err));
    assert_int_equal(count, 2);
    free(gone);
    assert_int_equal(totals().contradictions, 0);
    assert_int_equal(totals().studies, 1);
    key = (struct yq_key){"", "", ""};
    refused(yq_catalog_remove(catalog, &key, &gone, &count, &err), YQ_BAD_INPUT);
    put(2, 1, 1, -1); /* and it may come back */
}

static void commitments_wait_until_done(void **state)
{
    (void)state;
    struct yq_commitment asked = {
        .aet = "CT1", .transaction = "1.2.3", .asked_ms = 10, .next_ms = 100};
    struct yq_commitment due = {0};
    yq_buf_puts(&asked.pairs, "1.2 3.4\n5.6 7.8\n");
    ok(yq_catalog_commitment_add(catalog, &asked, &err));
    assert_true(asked.id > 0);
    refused(yq_catalog_commitment_due(catalog, 99, &due, &err), YQ_ABSENT);
    ok(yq_catalog_commitment_due(catalog, 100, &due, &err));
    assert_int_equal(due.id, asked.id);
    assert_string_equal(due.aet, "CT1");
    assert_string_equal(due.transaction, "1.2.3");
    assert_int_equal(due.tries, 0);
    assert_string_equal(yq_buf_text(&due.pairs), yq_buf_text(&asked.pairs));
    yq_buf_fini(&due.pairs);
    ok(yq_catalog_commitment_later(catalog, asked.id, 500, &err));
    refused(yq_catalog_commitment_due(catalog, 499, &due, &err), YQ_ABSENT);
    ok(yq_catalog_commitment_due(catalog, 500, &due, &err));
    assert_int_equal(due.tries, 1);
    yq_buf_fini(&due.pairs);
    ok(yq_catalog_commitment_done(catalog, asked.id, &err));
    refused(yq_catalog_commitment_due(catalog, INT64_MAX, &due, &err), YQ_ABSENT);
    refused(yq_catalog_commitment_later(catalog, asked.id, 1, &err), YQ_ABSENT);
    yq_buf_fini(&asked.pairs);
}

static bool is_deleted(const char *study, const char *series, const char *instance)
{
    struct yq_key key = {.study = ""};
    int64_t deleted_ms = 0;
    yq_copy(key.study, YQ_UID_SIZE, study);
    yq_copy(key.series, YQ_UID_SIZE, series);
    yq_copy(key.instance, YQ_UID_SIZE, instance);
    bool deleted = yq_catalog_deleted(catalog, &key, &deleted_ms, &err);
    assert_true(deleted ? deleted_ms > 0 : err.code == YQ_ABSENT);
    return deleted;
}

static void delete_part(const char *study, const char *series)
{
    struct yq_key key = {.study = ""};
    struct yq_entry *gone;
    size_t count;
    yq_copy(key.study, YQ_UID_SIZE, study);
    yq_copy(key.series, YQ_UID_SIZE, series);
    ok(yq_catalog_remove(catalog, &key, &gone, &count, &err));
    free(gone);
}

static void what_was_deleted_is_known_until_it_comes_again(void **state)
{
    (void)state;
    uint64_t forgotten;
    put(1, 1, 1, -1);
    put(1, 1, 2, -1);
    put(1, 2, 1, -1);
    put(2, 1, 1, -1);
    assert_false(is_deleted("", "", "1.1.1.1") || is_deleted("1.1", "", ""));
    delete_part("1.1", "1.1.1");
    assert_true(is_deleted("", "", "1.1.1.1") && is_deleted("1.1", "1.1.1", "1.1.1.2"));
    assert_true(is_deleted("", "1.1.1", "") && is_deleted("1.1", "1.1.1", ""));
    assert_false(is_deleted("1.2", "", "1.1.1.1") || is_deleted("1.2", "1.1.1", ""));
    assert_false(is_deleted("", "", "1.1.2.1") || is_deleted("1.1", "1.1.2", ""));
    delete_part("1.1", "");
    assert_true(is_deleted("1.1", "", "") && is_deleted("", "", "1.1.2.1"));
    put(1, 1, 1, -1);
    assert_false(is_deleted("", "", "1.1.1.1"));
    assert_true(is_deleted("", "", "1.1.1.2") && is_deleted("", "1.1.1", ""));
    put(1, 1, 2, -1);
    assert_false(is_deleted("", "", "1.1.1.2") || is_deleted("", "1.1.1", ""));
    assert_true(is_deleted("", "1.1.2", ""));
    ok(yq_catalog_forget(catalog, 1000, &forgotten, &err));
    assert_int_equal(forgotten, 0);
    ok(yq_catalog_forget(catalog, INT64_MAX, &forgotten, &err));
    assert_int_equal(forgotten, 1);
    assert_false(is_deleted("", "1.1.2", "") || is_deleted("", "", "1.1.2.1"));
}

static void many_series_are_forgotten_in_portions(void **state)
{
    (void)state;
    uint64_t forgotten;
    for (int i = 1; i <= 25; i++)
        put(1, i, 1, -1);
    delete_part("1.1", "");
    ok(yq_catalog_forget(catalog, INT64_MAX, &forgotten, &err));
    assert_int_equal(forgotten, 25);
    assert_false(is_deleted("1.1", "", "") || is_deleted("", "", "1.1.25.1"));
}

static void a_glance_shows_what_a_picture_needs(void **state)
{
    (void)state;
    struct yq_glance glance;
    put(1, 1, 1, YQ_PatientID, "P1", YQ_PatientName, "Wang^Wu", YQ_AccessionNumber, "A1", YQ_Rows,
        "512", YQ_NumberOfFrames, "7", -1);
    put(1, 1, 2, -1);
    ok(yq_catalog_glance(catalog, "1.1.1.1", &glance, &err));
    assert_string_equal(glance.entry.key.series, "1.1.1");
    assert_true(glance.image);
    assert_int_equal(glance.frames, 7);
    assert_string_equal(glance.patient_name, "Wang^Wu");
    assert_string_equal(glance.patient_id, "P1");
    assert_string_equal(glance.accession, "A1");
    ok(yq_catalog_glance(catalog, "1.1.1.2", &glance, &err));
    assert_false(glance.image);
    assert_int_equal(glance.frames, 1);
    refused(yq_catalog_glance(catalog, "1.1.1.3", &glance, &err), YQ_ABSENT);
}

#define THREADS 8
#define PER_THREAD 25

static void *send_part(void *number)
{
    int thread = *(int *)number;
    for (int i = 0; i < PER_THREAD; i++) {
        struct made made;
        struct yq_err mine;
        struct yq_arrival arrival = {
            .origin = &made.origin, .header = &made.header, .object = &made.object};
        make(&made, 1, thread % 3 + 1, 1000 * thread + i, 1000 * thread + i);
        set(&made, YQ_PatientName, "Wang^Wu");
        set(&made, YQ_Modality, thread % 2 ? "CT" : "MR");
        if (!yq_catalog_add(catalog, &arrival, &made.added, &mine))
            return "add failed";
        struct yq_entry entry;
        if (!yq_catalog_get(catalog, made.header.key.instance, &entry, &mine))
            return "what was added is not there";
    }
    return NULL;
}

static void parts_of_one_new_study_at_once_make_one_study(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, send_part, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    struct yq_totals t = totals();
    assert_int_equal(t.studies, 1);
    assert_int_equal(t.series, 3);
    assert_int_equal(t.instances, THREADS * PER_THREAD);
    assert_string_equal(ask(YQ_STUDY, YQ_NumberOfStudyRelatedInstances, -1), "200");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(an_instance_makes_study_series_and_itself),
        CASE(keys_that_are_no_uids_are_bad_input),
        CASE(what_was_stored_outlives_closing),
        CASE(the_same_instance_again_is_already_there),
        CASE(other_content_keep_first),
        CASE(other_content_replace),
        CASE(replacing_may_move_to_another_study),
        CASE(other_content_keep_both),
        CASE(a_copy_under_another_study_shows_no_empty_study),
        CASE(first_values_stand_and_empty_ones_are_filled),
        CASE(contradictions_are_kept_once_and_settled),
        CASE(a_correction_moves_a_study_to_its_patient),
        CASE(the_groups_of_a_name_do_not_contradict),
        CASE(another_issuer_is_another_patient),
        CASE(removing),
        CASE(commitments_wait_until_done),
        CASE(what_was_deleted_is_known_until_it_comes_again),
        CASE(many_series_are_forgotten_in_portions),
        CASE(a_glance_shows_what_a_picture_needs),
        CASE(parts_of_one_new_study_at_once_make_one_study),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    failed += _cmocka_run_group_tests("find", find_tests, find_test_count, NULL, NULL);
    failed += _cmocka_run_group_tests("health", health_tests, health_test_count, NULL, NULL);
    failed += _cmocka_run_group_tests("names", name_tests, name_test_count, NULL, NULL);
    failed += _cmocka_run_group_tests("settle", settle_tests, settle_test_count, NULL, NULL);
    failed += _cmocka_run_group_tests("old", old_tests, old_test_count, NULL, NULL);
    failed += _cmocka_run_group_tests("outbox", outbox_tests, outbox_test_count, NULL, NULL);
    failed += _cmocka_run_group_tests("ledger", ledger_tests, ledger_test_count, NULL, NULL);
    return failed;
}

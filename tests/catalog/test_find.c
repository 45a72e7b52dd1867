/* test_find.c: each kind of matching at each level, and which index serves it. */
#include "help.h"

#include "inside.h"

static void fill(void)
{
    put(1, 1, 1, YQ_PatientName, "Wang^Xiaodong=王^小东", YQ_PatientID, "P001", YQ_AccessionNumber,
        "A1", YQ_StudyDate, "20200101", YQ_StudyTime, "080000", YQ_Modality, "CT", YQ_SeriesNumber,
        "1", YQ_InstanceNumber, "1", YQ_ImageType, "ORIGINAL\\PRIMARY\\AXIAL", YQ_StudyDescription,
        "Head CT", YQ_BodyPartExamined, "HEAD", -1);
    put(1, 1, 2, YQ_Modality, "CT", YQ_InstanceNumber, "2", YQ_ImageType, "DERIVED\\SECONDARY", -1);
    put(1, 2, 1, YQ_Modality, "SR", YQ_SeriesNumber, "2", YQ_InstanceNumber, "1", -1);
    put(2, 1, 1, YQ_PatientName, "Wang^Wu", YQ_PatientID, "P002", YQ_AccessionNumber, "A2",
        YQ_StudyDate, "20200102", YQ_StudyTime, "1030", YQ_Modality, "MR", YQ_SeriesNumber, "03",
        YQ_InstanceNumber, "1", YQ_StudyDescription, "[a-z] 100% _*_", -1);
    put(3, 1, 1, YQ_PatientName, "Li^Si", YQ_PatientID, "P001", YQ_AccessionNumber, "A1\\B1",
        YQ_StudyDate, "20200103", YQ_StudyTime, "235959.5", YQ_Modality, "CT", YQ_SeriesNumber, "4",
        YQ_InstanceNumber, "1", -1);
    put(4, 1, 1, YQ_PatientName, "***", YQ_PatientID, "***", YQ_AccessionNumber, "***",
        YQ_StudyDate, "***", YQ_StudyTime, "***", YQ_Modality, "***", YQ_SeriesNumber, "***",
        YQ_InstanceNumber, "***", -1);
}

/* Which studies ("1.4;1.1") a key selects. */
static const char *studies(enum yq_attr attr, const char *key)
{
    return ask(YQ_STUDY, YQ_StudyInstanceUID, attr, key, -1);
}

static void universal_keys_select_all(void **state)
{
    (void)state;
    fill();
    static const char all[] = "1.3;1.2;1.1;1.4"; /* newest first; what is no date comes last */
    assert_string_equal(ask(YQ_STUDY, YQ_StudyInstanceUID, -1), all);
    static const enum yq_attr attrs[] = {YQ_PatientName, YQ_PatientID,        YQ_StudyDate,
                                         YQ_StudyTime,   YQ_StudyInstanceUID, YQ_ModalitiesInStudy,
                                         YQ_Modality,    YQ_StudyDescription, YQ_SeriesNumber};
    for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++) {
        assert_string_equal(studies(attrs[i], "*"), all);
        assert_string_equal(studies(attrs[i], "**"), all);
    }
    assert_string_equal(studies(YQ_StudyDate, "-"), all);
    assert_string_equal(studies(YQ_NumberOfStudyRelatedSeries, "77"), all); /* never matched */
}

static void single_values(void **state)
{
    (void)state;
    fill();
    assert_string_equal(studies(YQ_PatientID, "P001"), "1.3;1.1");
    assert_string_equal(studies(YQ_PatientID, " P001 "), "1.3;1.1");
    assert_string_equal(studies(YQ_PatientID, "p001"), "");
    assert_string_equal(studies(YQ_PatientID, "P001\\P002"), "1.3;1.2;1.1");
    assert_string_equal(studies(YQ_AccessionNumber, "A1"), "1.3;1.1"); /* one of two values */
    assert_string_equal(studies(YQ_AccessionNumber, "B1"), "1.3");
    assert_string_equal(studies(YQ_AccessionNumber, "A"), "");
    assert_string_equal(studies(YQ_StudyDate, "20200102"), "1.2");
    assert_string_equal(studies(YQ_StudyDate, "2020.01.02"), "1.2");
    assert_string_equal(studies(YQ_StudyDate, "202001"), "1.3;1.2;1.1");
    assert_string_equal(studies(YQ_StudyTime, "10:30"), "1.2");
    assert_string_equal(studies(YQ_StudyTime, "10"), "1.2");
    assert_string_equal(studies(YQ_StudyTime, "103000.0"), "1.2");
    assert_string_equal(studies(YQ_StudyTime, "1031"), "");
    assert_string_equal(studies(YQ_StudyDate, "nonsense"), "");
    assert_string_equal(studies(YQ_StudyTime, "99:99:99-"), "");
}

static void uid_lists(void **state)
{
    (void)state;
    fill();
    assert_string_equal(studies(YQ_StudyInstanceUID, "1.2"), "1.2");
    assert_string_equal(studies(YQ_StudyInstanceUID, "1.2\\1.3\\1.99"), "1.3;1.2");
    assert_string_equal(studies(YQ_StudyInstanceUID, "\\"), "");
    assert_string_equal(studies(YQ_StudyInstanceUID, "1.1*"), "1.1");
    assert_string_equal(
        ask(YQ_SERIES, YQ_SeriesInstanceUID, YQ_SeriesInstanceUID, "1.1.2\\1.2.1", -1),
        "1.2.1;1.1.2");
    struct yq_query query = {.level = YQ_STUDY};
    struct yq_cursor *cursor;
    char *many = malloc(64000);
    assert_non_null(many);
    for (int i = 0; i < 64000; i++)
        many[i] = i % 2 ? '\\' : '1';
    many[63999] = '\0';
    ok(yq_query_add(&query, YQ_StudyInstanceUID, many, false, &err));
    refused(yq_catalog_find(catalog, &query, &cursor, &err), YQ_BAD_INPUT);
    yq_query_fini(&query);
    many[30000] = '\0';
    assert_string_equal(studies(YQ_StudyInstanceUID, many), "");
    free(many);
}

static void wildcards(void **state)
{
    (void)state;
    fill();
    assert_string_equal(studies(YQ_PatientID, "P00?"), "1.3;1.2;1.1");
    assert_string_equal(studies(YQ_PatientID, "*2"), "1.2");
    assert_string_equal(studies(YQ_PatientID, "P*2"), "1.2");
    assert_string_equal(studies(YQ_AccessionNumber, "B*"), "1.3");
    assert_string_equal(studies(YQ_AccessionNumber, "?1"), "1.3;1.1");
    assert_string_equal(studies(YQ_StudyDescription, "*CT"), "1.1");
    assert_string_equal(studies(YQ_StudyDescription, "head*"), "");
    assert_string_equal(studies(YQ_StudyDate, "2020010?"), "1.3;1.2;1.1");
    assert_string_equal(studies(YQ_ModalitiesInStudy, "C*"), "1.3;1.1");
    /* Characters that mean something to SQL's LIKE and GLOB mean nothing here. */
    assert_string_equal(studies(YQ_StudyDescription, "[a-z]*"), "1.2");
    assert_string_equal(studies(YQ_StudyDescription, "*100%*"), "1.2");
    assert_string_equal(studies(YQ_StudyDescription, "%"), "");
    assert_string_equal(studies(YQ_StudyDescription, "[h]*"), "");
    assert_string_equal(studies(YQ_StudyDescription, "_ead*"), "");
}

static void person_names(void **state)
{
    (void)state;
    fill();
    assert_string_equal(studies(YQ_PatientName, "WANG^WU"), "1.2");
    assert_string_equal(studies(YQ_PatientName, "wang wu"), "1.2");
    assert_string_equal(studies(YQ_PatientName, "Wang^Xiaodong"), "1.1");
    assert_string_equal(studies(YQ_PatientName, "王^小东"), "1.1");
    assert_string_equal(studies(YQ_PatientName, "Wang^Xiaodong=王^小东"), "1.1");
    assert_string_equal(studies(YQ_PatientName, "ＷＡＮＧ*"), "1.2;1.1");
    assert_string_equal(studies(YQ_PatientName, "王*"), "1.1");
    assert_string_equal(studies(YQ_PatientName, "*小?"), "1.1");
    assert_string_equal(studies(YQ_PatientName, "王^?东"), "1.1");
    assert_string_equal(studies(YQ_PatientName, "Wang"), "");
    assert_string_equal(studies(YQ_PatientName, "Li^Si\\Wang^Wu"), "1.3;1.2");
    assert_string_equal(studies(YQ_PatientName, "^^^"), "1.3;1.2;1.1;1.4"); /* an empty name */
}

static void ranges(void **state)
{
    (void)state;
    fill();
    assert_string_equal(studies(YQ_StudyDate, "20200101-20200102"), "1.2;1.1");
    assert_string_equal(studies(YQ_StudyDate, "20200102-"), "1.3;1.2");
    assert_string_equal(studies(YQ_StudyDate, "-20200102"), "1.2;1.1");
    assert_string_equal(studies(YQ_StudyDate, "2020.01.02 - 2020.01.02"), "1.2");
    assert_string_equal(studies(YQ_StudyDate, "20200105-20200101"), "");
    assert_string_equal(studies(YQ_StudyDate, "19000101-99991231"), "1.3;1.2;1.1");
    assert_string_equal(studies(YQ_StudyTime, "0800-1030"), "1.2;1.1");
    assert_string_equal(studies(YQ_StudyTime, "08:00:00-10:30:00"), "1.2;1.1");
    assert_string_equal(studies(YQ_StudyTime, "235959.4-"), "1.3");
    assert_string_equal(studies(YQ_StudyTime, "235959.6-"), "");
    assert_string_equal(studies(YQ_StudyTime, "-08"), "1.1");
    assert_string_equal(studies(YQ_StudyTime, "-"), "1.3;1.2;1.1;1.4");
}

static const char *between(bool combined, const char *dates, const char *times)
{
    struct yq_query query = {
        .level = YQ_STUDY, .order = YQ_ORDER_NEWEST_FIRST, .combined_datetime = combined};
    ok(yq_query_add(&query, YQ_StudyTime, times, false, &err));
    ok(yq_query_add(&query, YQ_StudyDate, dates, false, &err));
    return ask_query(&query, YQ_StudyInstanceUID);
}

static void combined_ranges(void **state)
{
    (void)state;
    fill();
    put(5, 1, 1, YQ_StudyDate, "20200102", -1); /* no time: any of that day */
    assert_string_equal(between(false, "20200101-20200103", "09-23"), "1.3;1.2");
    assert_string_equal(between(true, "20200101-20200103", "09-23"), "1.3;1.2;1.5");
    assert_string_equal(between(true, "20200101-20200103", "0700-1000"), "1.2;1.5;1.1");
    assert_string_equal(between(true, "20200101-", "0801-"), "1.3;1.2;1.5");
    assert_string_equal(between(true, "-20200103", "-2359"), "1.3;1.2;1.5;1.1");
    assert_string_equal(between(true, "-20200103", "-2358"), "1.2;1.5;1.1");
    assert_string_equal(between(true, "20200102", "0000-2359"), "1.2"); /* one day is no range */
}

static void numbers(void **state)
{
    (void)state;
    fill();
    assert_string_equal(ask(YQ_SERIES, YQ_SeriesInstanceUID, YQ_SeriesNumber, "3", -1), "1.2.1");
    assert_string_equal(ask(YQ_SERIES, YQ_SeriesInstanceUID, YQ_SeriesNumber, " +04 ", -1),
                        "1.3.1");
    assert_string_equal(ask(YQ_SERIES, YQ_SeriesInstanceUID, YQ_SeriesNumber, "0x4", -1), "");
    assert_string_equal(ask(YQ_SERIES, YQ_SeriesInstanceUID, YQ_SeriesNumber, "nan", -1), "");
    assert_string_equal(ask(YQ_SERIES, YQ_SeriesNumber, YQ_SeriesNumber, "1\\2", -1), "2;1");
}

static void exact_keys_are_taken_as_they_are(void **state)
{
    (void)state;
    fill();
    assert_string_equal(ask_exact(YQ_STUDY, YQ_StudyInstanceUID, YQ_PatientID, "***"), "1.4");
    assert_string_equal(ask_exact(YQ_STUDY, YQ_StudyInstanceUID, YQ_PatientID, "P00?"), "");
    assert_string_equal(ask_exact(YQ_STUDY, YQ_StudyInstanceUID, YQ_PatientName, "***"), "1.4");
    assert_string_equal(ask_exact(YQ_STUDY, YQ_StudyInstanceUID, YQ_PatientName, "wang wu"), "");
    assert_string_equal(ask_exact(YQ_STUDY, YQ_StudyInstanceUID, YQ_StudyDate, "20200101-"), "");
    assert_string_equal(ask_exact(YQ_STUDY, YQ_StudyInstanceUID, YQ_StudyDate, "***"), "1.4");
    assert_string_equal(ask_exact(YQ_STUDY, YQ_StudyInstanceUID, YQ_AccessionNumber, "B1"), "1.3");
    assert_string_equal(ask_exact(YQ_STUDY, YQ_StudyInstanceUID, YQ_AccessionNumber, "A1\\B1"),
                        "1.3");
    assert_string_equal(ask_exact(YQ_STUDY, YQ_StudyInstanceUID, YQ_ModalitiesInStudy, "SR"),
                        "1.1");
}

static void modalities_and_classes_match_any(void **state)
{
    (void)state;
    fill();
    assert_string_equal(studies(YQ_ModalitiesInStudy, "SR"), "1.1");
    assert_string_equal(studies(YQ_ModalitiesInStudy, "SR\\MR"), "1.2;1.1");
    assert_string_equal(studies(YQ_ModalitiesInStudy, "S"), "");
    assert_string_equal(studies(YQ_SOPClassesInStudy, "1.2.3\\1.2.840.10008.5.1.4.1.1.2"),
                        "1.3;1.2;1.1;1.4");
    assert_string_equal(studies(YQ_SOPClassesInStudy, "1.2.840.10008.5.1.4.1.1"), "");
}

static void keys_of_levels_below(void **state)
{
    (void)state;
    fill();
    assert_string_equal(studies(YQ_Modality, "SR"), "1.1");
    assert_string_equal(studies(YQ_SOPInstanceUID, "1.1.1.2"), "1.1");
    assert_string_equal(studies(YQ_SeriesInstanceUID, "1.2.1\\1.3.1"), "1.3;1.2");
    assert_string_equal(studies(YQ_ImageType, "DERIVED"), "1.1");
    assert_string_equal(studies(YQ_AvailableTransferSyntaxUID, YQ_TS_JPEG_BASELINE), "");
    /* The same series must have both. */
    assert_string_equal(
        ask(YQ_STUDY, YQ_StudyInstanceUID, YQ_Modality, "SR", YQ_SeriesNumber, "2", -1), "1.1");
    assert_string_equal(
        ask(YQ_STUDY, YQ_StudyInstanceUID, YQ_Modality, "SR", YQ_SeriesNumber, "1", -1), "");
    assert_string_equal(
        ask(YQ_STUDY, YQ_StudyInstanceUID, YQ_Modality, "SR", YQ_SOPInstanceUID, "1.1.1.2", -1),
        "");
    assert_string_equal(ask(YQ_SERIES, YQ_SeriesInstanceUID, YQ_ImageType, "DERIVED", -1), "1.1.1");
    assert_string_equal(ask(YQ_SERIES, YQ_SeriesInstanceUID, YQ_SOPInstanceUID, "1.1.2.1", -1),
                        "1.1.2");
    assert_string_equal(ask(YQ_PATIENT, YQ_PatientID, YQ_Modality, "MR", -1), "P002");
    assert_string_equal(ask(YQ_PATIENT, YQ_PatientID, YQ_AccessionNumber, "A2", -1), "P002");
}

static void rows_of_each_level_carry_what_is_above(void **state)
{
    (void)state;
    fill();
    assert_string_equal(ask(YQ_PATIENT, YQ_PatientName, YQ_PatientID, "P001", -1), "Li^Si");
    assert_string_equal(ask(YQ_PATIENT, YQ_NumberOfPatientRelatedSeries, YQ_PatientID, "P001", -1),
                        "3");
    assert_string_equal(ask(YQ_IMAGE, YQ_PatientID, YQ_SOPInstanceUID, "1.2.1.1", -1), "P002");
    assert_string_equal(ask(YQ_IMAGE, YQ_SOPInstanceUID, YQ_StudyInstanceUID, "1.1",
                            YQ_SeriesInstanceUID, "1.1.1", -1),
                        "1.1.1.2;1.1.1.1");
    assert_string_equal(
        ask(YQ_IMAGE, YQ_AvailableTransferSyntaxUID, YQ_SOPInstanceUID, "1.2.1.1", -1),
        YQ_TS_EXPLICIT_LE);
    assert_string_equal(ask(YQ_IMAGE, YQ_InstanceNumber, YQ_ImageType, "AXIAL", -1), "1");
    assert_string_equal(ask(YQ_IMAGE, YQ_NumberOfStudyRelatedInstances, YQ_ImageType, "AXIAL", -1),
                        "3");

    struct yq_query query = {.level = YQ_SERIES, .limit = 1};
    struct yq_cursor *cursor;
    const char *const *values;
    ok(yq_catalog_find(catalog, &query, &cursor, &err));
    assert_true(yq_cursor_next(cursor, &values, &err));
    assert_non_null(values[YQ_PatientID]); /* unique keys though not asked for */
    assert_non_null(values[YQ_StudyInstanceUID]);
    assert_non_null(values[YQ_SeriesInstanceUID]);
    assert_null(values[YQ_Modality]);
    assert_null(values[YQ_SOPInstanceUID]);
    assert_false(yq_cursor_next(cursor, &values, &err));
    assert_int_equal(err.code, YQ_OK);
    yq_cursor_close(cursor);
}

static void paging(void **state)
{
    (void)state;
    fill();
    struct yq_query query = {.level = YQ_STUDY, .order = YQ_ORDER_NEWEST_FIRST, .limit = 2};
    assert_string_equal(ask_query(&query, YQ_StudyInstanceUID), "1.3;1.2");
    query = (struct yq_query){
        .level = YQ_STUDY, .order = YQ_ORDER_NEWEST_FIRST, .limit = 2, .offset = 2};
    assert_string_equal(ask_query(&query, YQ_StudyInstanceUID), "1.1;1.4");
    query = (struct yq_query){.level = YQ_STUDY, .order = YQ_ORDER_NEWEST_FIRST, .offset = 3};
    assert_string_equal(ask_query(&query, YQ_StudyInstanceUID), "1.4");
    query = (struct yq_query){
        .level = YQ_PATIENT, .order = YQ_ORDER_NEWEST_FIRST, .limit = UINT64_MAX, .offset = 1};
    assert_string_equal(ask_query(&query, YQ_PatientID), "P002;***");
}

static void other_orders(void **state)
{
    (void)state;
    fill();
    struct yq_query query = {.level = YQ_STUDY, .order = YQ_ORDER_ARRIVAL};
    assert_string_equal(ask_query(&query, YQ_StudyInstanceUID), "1.1;1.2;1.3;1.4");
    query = (struct yq_query){.level = YQ_SERIES, .order = YQ_ORDER_ARRIVAL, .offset = 1};
    ok(yq_query_add(&query, YQ_StudyDate, "20200101-20200102", false, &err));
    assert_string_equal(ask_query(&query, YQ_SeriesInstanceUID), "1.1.2;1.2.1");
    put(1, 0, 1, YQ_SeriesNumber, "10", YQ_InstanceNumber, "1", -1);
    put(1, 1, 3, YQ_InstanceNumber, "10", -1);
    put(1, 1, 4, YQ_InstanceNumber, "9", -1);
    query = (struct yq_query){.level = YQ_IMAGE, .order = YQ_ORDER_SERIES};
    ok(yq_query_add(&query, YQ_StudyInstanceUID, "1.1", true, &err));
    assert_string_equal(ask_query(&query, YQ_SOPInstanceUID),
                        "1.1.1.1;1.1.1.2;1.1.1.4;1.1.1.3;1.1.2.1;1.1.0.1");
}

static void a_cursor_sees_one_moment(void **state)
{
    (void)state;
    fill();
    struct yq_query query = {.level = YQ_STUDY};
    struct yq_cursor *cursor;
    const char *const *values;
    int rows = 1;
    ok(yq_catalog_find(catalog, &query, &cursor, &err));
    assert_true(yq_cursor_next(cursor, &values, &err));
    put(9, 1, 1, -1);
    while (yq_cursor_next(cursor, &values, &err))
        rows++;
    assert_int_equal(rows, 4);
    yq_cursor_close(cursor);
}

static void lists_for_retrieval(void **state)
{
    (void)state;
    struct yq_entry *list;
    size_t count;
    put(1, 1, 1, YQ_SeriesNumber, "10", YQ_InstanceNumber, "1", YQ_PatientID, "P", -1);
    put(1, 2, 1, YQ_SeriesNumber, "9", YQ_InstanceNumber, "10", -1);
    put(1, 2, 2, YQ_SeriesNumber, "9", YQ_InstanceNumber, "9", -1);
    put(2, 1, 1, YQ_PatientID, "P", -1);
    struct yq_query query = {.level = YQ_STUDY};
    ok(yq_query_add(&query, YQ_StudyInstanceUID, "1.1", false, &err));
    ok(yq_catalog_list(catalog, &query, &list, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(list[0].key.instance, "1.1.2.2");
    assert_string_equal(list[1].key.instance, "1.1.2.1");
    assert_string_equal(list[2].key.instance, "1.1.1.1");
    free(list);
    ok(yq_query_add(&query, YQ_AccessionNumber, "A", false, &err));
    ok(yq_catalog_list(catalog, &query, &list, &count, &err));
    assert_int_equal(count, 0);
    free(list);
    yq_query_fini(&query);
    query = (struct yq_query){.level = YQ_PATIENT};
    ok(yq_query_add(&query, YQ_PatientID, "P", false, &err));
    ok(yq_catalog_list(catalog, &query, &list, &count, &err));
    assert_int_equal(count, 4);
    free(list);
    yq_query_fini(&query);
}

/* Every attribute with every hostile key at every level: no error but bad input, no harm. */
static void hostile_keys(void **state)
{
    (void)state;
    fill();
    static char long_stars[1025], too_long[2000];
    for (size_t i = 0; i + 1 < sizeof long_stars; i++)
        long_stars[i] = i % 2 ? 'a' : '*';
    memset(too_long, '?', sizeof too_long - 1);
    const char *const keys[] = {"'",           "\"; DROP TABLE study; --",
                                "' OR '1'='1", "%",
                                "_",           "[",
                                "[^]",         "]",
                                "\\",          "\\\\\\",
                                "?",           "??*??",
                                "\xff\xfe",    "\x1f",
                                "\x01",        "-",
                                "--",          "1-2-3",
                                "-----",       "9999999999999999999999",
                                "1e999",       "=^=",
                                "* *",         "20200101-2020010199",
                                ":::",         "...",
                                long_stars,    too_long};
    for (int level = YQ_PATIENT; level <= YQ_IMAGE; level++) {
        for (int attr = 0; attr < YQ_ATTR_COUNT; attr++) {
            for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
                struct yq_query query = {.level = (enum yq_qr_level)level,
                                         .combined_datetime = i % 2};
                uint64_t count;
                ok(yq_query_add(&query, (enum yq_attr)attr, keys[i], false, &err));
                ok(yq_query_add(&query, YQ_StudyTime, keys[i], false, &err));
                if (!yq_catalog_count(catalog, &query, &count, &err))
                    assert_int_equal(err.code, YQ_BAD_INPUT);
                query.matches[0].exact = true;
                ok(yq_catalog_count(catalog, &query, &count, &err) || err.code == YQ_BAD_INPUT);
                yq_query_fini(&query);
            }
        }
    }
    struct yq_query query = {.level = YQ_STUDY};
    uint64_t count;
    for (int i = 0; i < 300; i++)
        ok(yq_query_add(&query, YQ_PatientID, "P", false, &err));
    refused(yq_catalog_count(catalog, &query, &count, &err), YQ_BAD_INPUT);
    yq_query_fini(&query);
    assert_int_equal(totals().studies, 4);
}

/* What SQLite would do: the plan's lines, joined. */
static const char *plan(struct yq_query *query, enum find_what what)
{
    static char text[2048];
    struct sql sql = {0};
    enum yq_attr columns[YQ_ATTR_COUNT];
    size_t column_count;
    struct connection *reader = reader_take(catalog, &err);
    assert_non_null(reader);
    yq_buf_puts(&sql.text, "EXPLAIN QUERY PLAN ");
    ok(find_write(&sql, query, what, columns, &column_count, &err));
    sqlite3_stmt *statement = sql_prepare(&sql, reader, &err);
    if (!statement)
        fail_msg("%s", err.text);
    text[0] = '\0';
    while (sqlite3_step(statement) == SQLITE_ROW) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s\n", column_text(statement, 3));
    }
    sqlite3_finalize(statement);
    reader_give(catalog, reader);
    sql_fini(&sql);
    yq_query_fini(query);
    return text;
}

/* Reads a table from end to end; the small partial indices may be. */
static bool scans(const char *text)
{
    for (const char *p = text; (p = strstr(p, "SCAN")); p++) {
        size_t line = strcspn(p, "\n");
        static const char *const partial[] = {"study_accessions", "study_patient_ids"};
        bool allowed = false;
        for (size_t i = 0; i < 2; i++) {
            size_t length = strlen(partial[i]);
            allowed |= line >= length && memcmp(p + line - length, partial[i], length) == 0;
        }
        if (!allowed)
            return true;
    }
    return false;
}

static void check_plan(enum yq_qr_level level, enum yq_attr attr, const char *key,
                       const char *index)
{
    for (int what = FIND_ROWS; what <= FIND_ENTRIES; what++) {
        struct yq_query query = {
            .level = level, .order = YQ_ORDER_NEWEST_FIRST, .limit = 100, .pinyin = true};
        ok(yq_query_add(&query, attr, key, false, &err));
        const char *text = plan(&query, (enum find_what)what);
        if (!strstr(text, index) || scans(text))
            fail_msg("%s=%s at level %d (%d) goes:\n%s", yq_attrs[attr].name, key, (int)level, what,
                     text);
    }
}

static void common_keys_are_served_by_an_index(void **state)
{
    (void)state;
    for (int level = YQ_STUDY; level <= YQ_IMAGE; level++) {
        enum yq_qr_level l = (enum yq_qr_level)level;
        check_plan(l, YQ_AccessionNumber, "A1", "study_accession");
        check_plan(l, YQ_PatientID, "P1", "study_patient_id");
        check_plan(l, YQ_PatientID, "P1*", "study_patient_id");
        check_plan(l, YQ_StudyDate, "20200101", "study_date");
        check_plan(l, YQ_StudyDate, "20200101-20200102", "study_date");
        check_plan(l, YQ_StudyInstanceUID, "1.2\\1.3", "study_uid");
        check_plan(l, YQ_PatientName, "Wang^Wu", "name_key USING PRIMARY KEY (kind=? AND key=?)");
        check_plan(l, YQ_PatientName, "王*", "name_key USING PRIMARY KEY (kind=? AND key>?");
        check_plan(l, YQ_ReferringPhysicianName, "Wang^*", "name_key USING PRIMARY KEY");
        check_plan(l, YQ_SeriesInstanceUID, "1.2", "series_uid");
        check_plan(l, YQ_SOPInstanceUID, "1.2", "instance_uid");
    }
    check_plan(YQ_PATIENT, YQ_PatientID, "P1", "study_patient_id");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
const struct CMUnitTest find_tests[] = {
    CASE(universal_keys_select_all),
    CASE(single_values),
    CASE(uid_lists),
    CASE(wildcards),
    CASE(person_names),
    CASE(ranges),
    CASE(combined_ranges),
    CASE(numbers),
    CASE(exact_keys_are_taken_as_they_are),
    CASE(modalities_and_classes_match_any),
    CASE(keys_of_levels_below),
    CASE(rows_of_each_level_carry_what_is_above),
    CASE(paging),
    CASE(other_orders),
    CASE(a_cursor_sees_one_moment),
    CASE(lists_for_retrieval),
    CASE(hostile_keys),
    CASE(common_keys_are_served_by_an_index),
};
const size_t find_test_count = sizeof find_tests / sizeof *find_tests;

/* People, found by their characters and by the sound of them, and what was guessed about those. */
#include "help.h"

#include "inside.h"
#include "yq/text.h"

/* Patient ids of the studies that a name finds, by its sound too. */
static const char *who(const char *name)
{
    struct yq_query query = {.level = YQ_STUDY, .pinyin = true};
    ok(yq_query_add(&query, YQ_PatientName, name, false, &err));
    return ask_query(&query, YQ_PatientID);
}

static void fill(void)
{
    put(1, 1, 1, YQ_PatientID, "A", YQ_PatientName, "张^三", -1);
    put(2, 1, 1, YQ_PatientID, "B", YQ_PatientName, "Shan^Tianfang=单^田芳", -1);
    put(3, 1, 1, YQ_PatientID, "C", YQ_PatientName, "Smith^John", YQ_ReferringPhysicianName,
        "张^三", -1);
}

static void people_are_found_by_their_sound(void **state)
{
    (void)state;
    static const char *const names[] = {"zhangsan", "zhang^san", "ZHANG SAN", "zs",  "zhang*",
                                        "z*s?",     "*san",      "张三",      "张*", "ＺＨＡＮＧ＊",
                                        "zh?ngs*",  "Zhang^San", "*三",       "?三", "zhang?"};
    fill();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(who(names[i]), "A") != 0)
            fail_msg("%s finds %s", names[i], who(names[i]));
    }
    assert_string_equal(who("shantianfang"), "B");
    assert_string_equal(who("dan tian fang"), "B");
    assert_string_equal(who("stf"), "B");
    assert_string_equal(who("dtf"), "B");
    assert_string_equal(who("john*"), "");
    assert_string_equal(who("smith*"), "C");
    assert_string_equal(who("lisi\\zhangsan"), "A");
    assert_string_equal(who("nobody"), "");
    /* who did not ask for it does not get it */
    assert_string_equal(ask(YQ_STUDY, YQ_PatientID, YQ_PatientName, "zhangsan", -1), "");
    assert_string_equal(ask(YQ_STUDY, YQ_PatientID, YQ_ReferringPhysicianName, "张*", -1), "C");
    assert_string_equal(ask(YQ_STUDY, YQ_PatientID, YQ_ReferringPhysicianName, "*三", -1), "C");
}

/* Beside a key that leaves few rows the names of these are looked at. */
static void beside_a_narrow_key(void **state)
{
    (void)state;
    fill();
    assert_string_equal(ask(YQ_STUDY, YQ_PatientID, YQ_PatientID, "A", YQ_PatientName, "*三", -1),
                        "A");
    assert_string_equal(ask(YQ_STUDY, YQ_PatientID, YQ_PatientID, "B", YQ_PatientName, "*三", -1),
                        "");
    assert_string_equal(ask(YQ_STUDY, YQ_PatientID, YQ_PatientID, "A", YQ_PatientName, "张三", -1),
                        "A");
    static const char *const sounds[] = {"zhangsan", "z*s?", "zs", "*san"};
    for (size_t i = 0; i < 4; i++) {
        for (int j = 0; j < 2; j++) {
            struct yq_query query = {.level = YQ_STUDY, .pinyin = true};
            ok(yq_query_add(&query, YQ_PatientID, j ? "B" : "A", false, &err));
            ok(yq_query_add(&query, YQ_PatientName, sounds[i], false, &err));
            assert_string_equal(ask_query(&query, YQ_PatientID), j ? "" : "A");
        }
    }
}

static void keys_follow_the_name(void **state)
{
    (void)state;
    put(1, 1, 1, YQ_PatientID, "A", -1);
    assert_string_equal(who("zhangsan"), "");
    put(1, 1, 2, YQ_PatientID, "A", YQ_PatientName, "张^三", -1); /* fills in */
    assert_string_equal(who("zhangsan"), "A");
    ok(yq_catalog_settle(catalog, "1.1", YQ_PatientName, "李^四", &err));
    assert_string_equal(who("zhangsan"), "");
    assert_string_equal(who("张三"), "");
    assert_string_equal(who("ls"), "A");
    ok(yq_catalog_settle(catalog, "1.1", YQ_PatientName, "", &err));
    assert_string_equal(who("l*"), "");
}

static int64_t count_of(const char *table)
{
    struct yq_buf sql yq_cleanup(yq_buf_fini) = {0};
    bool row;
    struct connection *reader = reader_take(catalog, &err);
    assert_non_null(reader);
    yq_buf_putf(&sql, "SELECT count(*) FROM %s", table);
    sqlite3_stmt *get = connection_prepare(reader, yq_buf_text(&sql), &err);
    assert_true(get && statement_step(reader, get, &row, &err) && row);
    int64_t count = sqlite3_column_int64(get, 0);
    sqlite3_finalize(get);
    reader_give(catalog, reader);
    return count;
}

static void nothing_is_left_of_what_is_removed(void **state)
{
    (void)state;
    struct yq_entry *gone;
    size_t count;
    struct yq_key key = {.study = "1.1"};
    struct made made;
    make(&made, 1, 1, 1, 1);
    set(&made, YQ_PatientName, "张^三");
    made.header.charset_reading = YQ_READ_AS_GUESSED;
    ok(add(&made));
    assert_int_equal(count_of("name_key"), 3);
    assert_int_equal(count_of("charset_reading"), 1);
    ok(yq_catalog_remove(catalog, &key, &gone, &count, &err));
    free(gone);
    assert_int_equal(count_of("name_key"), 0);
    assert_int_equal(count_of("charset_reading"), 0);
}

static void open_again(const char *sql)
{
    yq_catalog_close(catalog);
    catalog = NULL;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ok(yq_catalog_open(path, &catalog, &err));
}

static void a_catalog_without_keys_gets_them(void **state)
{
    (void)state;
    fill();
    open_again("DROP TABLE name_key; DROP TABLE mark; PRAGMA user_version=1");
    assert_string_equal(who("zhangsan"), "A");
    assert_string_equal(ask(YQ_STUDY, YQ_PatientID, YQ_ReferringPhysicianName, "张三", -1), "C");
    open_again("UPDATE name_key SET key = 'rubbish' || key"); /* not looked at: the mark is there */
    assert_string_equal(who("zhangsan"), "");
    open_again("UPDATE mark SET value = 0"); /* of other rules */
    assert_string_equal(who("zhangsan"), "A");
}

static void guesses_are_listed_until_they_are_settled(void **state)
{
    (void)state;
    struct yq_suspect *all;
    size_t count;
    for (int i = 1; i <= 4; i++) {
        struct made made;
        make(&made, i > 2 ? i : 1, 1, i, i);
        set(&made, YQ_PatientName, "张^三");
        strcpy(made.header.charset, "ISO_IR 100");
        strcpy(made.header.charset_read, "GB18030");
        made.header.charset_reading = i == 3 ? YQ_READ_AS_ASSUMED : YQ_READ_AS_GUESSED;
        made.header.charset_doubtful = i == 4;
        ok(add(&made));
    }
    ok(yq_catalog_suspects(catalog, &all, &count, &err));
    assert_int_equal(count, 2); /* a study once; what was assumed never */
    assert_string_equal(all[0].study, "1.4");
    assert_true(all[0].doubtful && all[0].guessed && !all[1].doubtful);
    assert_string_equal(all[1].study, "1.1");
    assert_string_equal(all[1].declared, "ISO_IR 100");
    assert_string_equal(all[1].read_as, "GB18030");
    assert_string_equal(all[1].patient_name, "张^三");
    free(all);
    ok(yq_catalog_settle(catalog, "1.1", YQ_PatientName, "张^山", &err));
    ok(yq_catalog_suspects(catalog, &all, &count, &err));
    assert_int_equal(count, 1);
    free(all);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
const struct CMUnitTest name_tests[] = {
    CASE(people_are_found_by_their_sound),
    CASE(beside_a_narrow_key),
    CASE(keys_follow_the_name),
    CASE(nothing_is_left_of_what_is_removed),
    CASE(a_catalog_without_keys_gets_them),
    CASE(guesses_are_listed_until_they_are_settled),
};
const size_t name_test_count = sizeof name_tests / sizeof *name_tests;

/* clean.c: what the table says, what holds without it, and what the new values are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yq/clean.h"

#define CT "1.2.840.10008.5.1.4.1.1.2"
#define SR "1.2.840.10008.5.1.4.1.1.88.11"

/* No hash: what matters here is what is asked. */
static void mark(const void *context, const char *purpose, const void *text, size_t length,
                 uint8_t out[32])
{
    memset(out, context ? 1 : 0, 32);
    out[0] = (uint8_t)*purpose;
    for (size_t i = 0; i < length; i++)
        out[1 + i % 31] = (uint8_t)(out[1 + i % 31] * 31 + ((const uint8_t *)text)[i]);
}
static const struct yq_clean_marks marks = {mark, NULL};

static struct yq_cleaner cleaner_of(const char *sop_class, const char *patient)
{
    struct yq_cleaner cleaner;
    yq_cleaner_begin(&cleaner, &marks, sop_class, patient, "1.2.3");
    return cleaner;
}

static enum yq_clean_fate fate_of(struct yq_cleaner *cleaner, uint32_t tag, const char *vr,
                                  const char *dictionary, unsigned depth)
{
    const struct yq_clean_place place = {tag, vr, dictionary, depth};
    enum yq_clean_fate fate;
    struct yq_err err;
    assert_true(yq_clean_judge(cleaner, &place, &fate, &err));
    return fate;
}

static void the_table_is_whole_and_in_order(void **state)
{
    (void)state;
    size_t listed = 0;
    for (size_t i = 0; i < yq_clean_row_count; i++) {
        const struct yq_clean_row *row = &yq_clean_rows[i];
        assert_ptr_equal(yq_clean_row(row->tag), row);
        assert_true(i == 0 || row->tag > yq_clean_rows[i - 1].tag);
        listed += *row->code != '\0';
        /* what the standard removes without a choice is removed, or at least says nothing */
        if (strcmp(row->code, "X") == 0)
            assert_true(row->fate == YQ_CLEAN_REMOVE || row->fate == YQ_CLEAN_DUMMY ||
                        row->fate == YQ_CLEAN_EMPTY);
        if (strcmp(row->code, "U") == 0)
            assert_int_equal(row->fate, YQ_CLEAN_UID);
        if (*row->code)
            assert_int_not_equal(row->fate, YQ_CLEAN_KEEP);
    }
    assert_int_equal(listed, 653); /* of 657 lines; four are of groups */
    assert_null(yq_clean_row(0x00080060));
    assert_null(yq_clean_row(0xffffffff));
}

static void what_is_listed_is_treated_as_listed(void **state)
{
    (void)state;
    struct yq_cleaner c = cleaner_of(CT, "P1");
    assert_int_equal(fate_of(&c, 0x00100010, "PN", "PN", 0), YQ_CLEAN_PATIENT);
    assert_int_equal(fate_of(&c, 0x00100020, "LO", "LO", 0), YQ_CLEAN_PATIENT);
    assert_int_equal(fate_of(&c, 0x00100030, "DA", "DA", 0), YQ_CLEAN_EMPTY);
    assert_int_equal(fate_of(&c, 0x00080050, "SH", "SH", 0), YQ_CLEAN_EMPTY);
    assert_int_equal(fate_of(&c, 0x00081030, "LO", "LO", 0), YQ_CLEAN_REMOVE);
    assert_int_equal(fate_of(&c, 0x0020000d, "UI", "UI", 0), YQ_CLEAN_UID);
    assert_int_equal(fate_of(&c, 0x00081155, "UI", "UI", 3), YQ_CLEAN_UID);
    assert_int_equal(fate_of(&c, 0x00081140, "SQ", "SQ", 0), YQ_CLEAN_INSIDE);
    assert_int_equal(fate_of(&c, 0x00081110, "SQ", "SQ", 0), YQ_CLEAN_REMOVE);
    assert_int_equal(fate_of(&c, 0x00081110, "SQ", "SQ", 1), YQ_CLEAN_EMPTY);
    assert_int_equal(fate_of(&c, 0x00080016, "UI", "UI", 0), YQ_CLEAN_KEEP);
    assert_int_equal(fate_of(&c, 0x00180015, "CS", "CS", 0), YQ_CLEAN_KEEP);
    assert_int_equal(fate_of(&c, 0x7fe00010, "OW", "OW", 0), YQ_CLEAN_KEEP);
}

static void what_no_list_can_have_goes(void **state)
{
    (void)state;
    struct yq_cleaner c = cleaner_of(CT, "P1");
    static const uint32_t tags[] = {0x00090010, 0x00191001, 0x60003000, 0x60000010, 0x60220022,
                                    0x50003000, 0x00080000, 0x00020016, 0x00041220};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        assert_int_equal(fate_of(&c, tags[i], "LO", "LO", 0), YQ_CLEAN_REMOVE);
    assert_int_equal(fate_of(&c, 0x0018fffe, "LO", "UN", 0), YQ_CLEAN_REMOVE);
    assert_int_equal(fate_of(&c, 0x7fe00010, "OW", "OW", 1), YQ_CLEAN_REMOVE);
    assert_int_equal(fate_of(&c, 0x0018fffe, "SQ", "UN", 0), YQ_CLEAN_REMOVE);
}

static void what_may_name_somebody_is_replaced_though_not_listed(void **state)
{
    (void)state;
    struct yq_cleaner c = cleaner_of(CT, "P1");
    assert_int_equal(fate_of(&c, 0x0018106a, "PN", "CS", 0), YQ_CLEAN_DUMMY);
    assert_int_equal(fate_of(&c, 0x00187006, "LT", "LT", 0), YQ_CLEAN_DUMMY);
    assert_int_equal(fate_of(&c, 0x00141020, "DA", "DA", 1), YQ_CLEAN_DUMMY);
    assert_int_equal(fate_of(&c, 0x00209312, "UI", "UI", 1), YQ_CLEAN_UID);
    assert_int_equal(fate_of(&c, 0x00081190, "UR", "UR", 0), YQ_CLEAN_REMOVE);
    /* said to be of no known kind: the dictionary knows better, or nobody can look into it */
    assert_int_equal(fate_of(&c, 0x00187006, "UN", "LT", 0), YQ_CLEAN_DUMMY);
    assert_int_equal(fate_of(&c, 0x00081140, "UN", "SQ", 0), YQ_CLEAN_REMOVE);
    assert_int_equal(fate_of(&c, 0x00189321, "UN", "SQ", 0), YQ_CLEAN_REMOVE);
    /* of another kind than the table thinks */
    assert_int_equal(fate_of(&c, 0x00100010, "SQ", "PN", 0), YQ_CLEAN_REMOVE);
    assert_int_equal(fate_of(&c, 0x0020000d, "SQ", "UI", 0), YQ_CLEAN_REMOVE);
    assert_int_equal(fate_of(&c, 0x00081140, "LO", "SQ", 0), YQ_CLEAN_REMOVE);
}

static void codes_that_name_somebody_are_masked_to_their_end(void **state)
{
    (void)state;
    struct yq_cleaner c = cleaner_of(CT, "P1");
    assert_int_equal(fate_of(&c, 0x00401101, "SQ", "SQ", 1), YQ_CLEAN_INSIDE);
    assert_int_equal(fate_of(&c, 0x00080100, "SH", "SH", 2), YQ_CLEAN_DUMMY);
    assert_int_equal(fate_of(&c, 0x00080104, "LO", "LO", 2), YQ_CLEAN_DUMMY);
    assert_int_equal(fate_of(&c, 0x00080121, "SQ", "SQ", 2), YQ_CLEAN_INSIDE);
    assert_int_equal(fate_of(&c, 0x00080100, "SH", "SH", 3), YQ_CLEAN_DUMMY);
    assert_int_equal(fate_of(&c, 0x00080104, "LO", "LO", 1), YQ_CLEAN_KEEP);
    assert_int_equal(fate_of(&c, 0x00080104, "LO", "LO", 2), YQ_CLEAN_KEEP);
}

static void a_report_with_free_text_is_refused(void **state)
{
    (void)state;
    const struct yq_clean_place text = {0x0040a160, "UT", "UT", 4};
    enum yq_clean_fate fate;
    struct yq_err err;
    struct yq_cleaner report = cleaner_of(SR, "P1"), image = cleaner_of(CT, "P1");
    assert_int_equal(fate_of(&report, 0x0040a730, "SQ", "SQ", 0), YQ_CLEAN_INSIDE);
    assert_int_equal(fate_of(&report, 0x0040a123, "PN", "PN", 1), YQ_CLEAN_DUMMY);
    assert_false(yq_clean_judge(&report, &text, &fate, &err));
    assert_int_equal(err.code, YQ_REFUSED);
    assert_true(yq_clean_judge(&image, &text, &fate, &err));
    assert_int_equal(fate, YQ_CLEAN_DUMMY);
}

static const char *value_of(const struct yq_cleaner *cleaner, uint32_t tag, const char *vr,
                            enum yq_clean_fate fate, const char *old)
{
    static char text[512];
    const struct yq_clean_place place = {tag, vr, vr, 0};
    struct yq_buf out = {0};
    yq_clean_value(cleaner, &place, fate, old, strlen(old), &out);
    (void)yq_copy(text, sizeof text, yq_buf_text(&out));
    yq_buf_fini(&out);
    return text;
}

static void dummies_fit_their_vr(void **state)
{
    (void)state;
    struct yq_cleaner c = cleaner_of(CT, "P1");
    static const char *const expected[][2] = {
        {"PN", "ANONYMIZED"}, {"SH", "ANONYMIZED"},     {"CS", "ANONYMIZED"}, {"DA", "19000101"},
        {"TM", "000000"},     {"DT", "19000101000000"}, {"IS", "0"},          {"AS", "000Y"}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_string_equal(value_of(&c, 0x00181000, expected[i][0], YQ_CLEAN_DUMMY, "x"),
                            expected[i][1]);
    assert_string_equal(value_of(&c, 0x00181000, "LO", YQ_CLEAN_DUMMY, ""), "");
    assert_string_equal(value_of(&c, 0x00080102, "SH", YQ_CLEAN_DUMMY, "L"), "99ANON");
}

static void uids_follow_from_uids(void **state)
{
    (void)state;
    struct yq_cleaner c = cleaner_of(CT, "P1");
    char one[256], text[256];
    (void)yq_copy(one, sizeof one, value_of(&c, 0x0020000e, "UI", YQ_CLEAN_UID, "1.2.3"));
    assert_true(yq_uid_valid(one));
    assert_memory_equal(one, "2.25.", 5);
    assert_string_equal(value_of(&c, 0x0020000d, "UI", YQ_CLEAN_UID, " 1.2.3 "), one);
    (void)yq_copy(text, sizeof text, one);
    strncat(text, "\\\\1.2.840.10008.1.4.1.1\\", sizeof text - strlen(text) - 1);
    strncat(text, one, sizeof text - strlen(text) - 1);
    assert_string_equal(
        value_of(&c, 0x0020000d, "UI", YQ_CLEAN_UID, "1.2.3\\\\1.2.840.10008.1.4.1.1\\1.2.3"),
        text);
    assert_string_not_equal(value_of(&c, 0x0020000d, "UI", YQ_CLEAN_UID, "1.2.4"), one);
    /* no UID, but somebody's */
    assert_true(yq_uid_valid(value_of(&c, 0x0020000d, "UI", YQ_CLEAN_UID, "Zhang^San")));
}

static void a_patient_has_one_pseudonym(void **state)
{
    (void)state;
    struct yq_cleaner a = cleaner_of(CT, "P1"), b = cleaner_of(SR, " P1 "),
                      c = cleaner_of(CT, "P2"), nobody = cleaner_of(CT, ""), other;
    assert_string_equal(a.patient, b.patient);
    assert_string_not_equal(a.patient, c.patient);
    assert_string_equal(value_of(&a, 0x00100010, "PN", YQ_CLEAN_PATIENT, "X^Y"), a.patient);
    yq_cleaner_begin(&other, &marks, CT, "", "1.2.4");
    assert_string_not_equal(nobody.patient, other.patient);
    assert_memory_equal(nobody.patient, "ANON-", 5);
}

static struct yq_clean_facts image(const char *sop_class, const char *modality,
                                   const char *burned_in)
{
    return (struct yq_clean_facts){.sop_class = sop_class,
                                   .modality = modality,
                                   .burned_in = burned_in,
                                   .image_type = "ORIGINAL\\PRIMARY\\AXIAL",
                                   .conversion = "",
                                   .label = "",
                                   .pixels = true};
}

static void what_is_known_for_names_in_pixels_is_suspected(void **state)
{
    (void)state;
    static const struct {
        const char *sop_class, *modality, *burned_in;
        bool suspected;
    } cases[] = {
        {CT, "CT", "", false},
        {CT, "CT", "NO", false},
        {CT, "CT", "YES", true},
        {"1.2.840.10008.5.1.4.1.1.6.1", "US", "", true},
        {"1.2.840.10008.5.1.4.1.1.6.1", "US", "NO", false},
        {"1.2.840.10008.5.1.4.1.1.7", "OT", "", true},
        {"1.2.840.10008.5.1.4.1.1.7.4", "CT", "", true},
        {"1.2.840.10008.5.1.4.1.1.77.1.6", "SM", "", false},
        {"1.2.840.10008.5.1.4.1.1.77.1.4", "", "", true},
        {"1.2.840.10008.5.1.4.1.1.77.1.4.1", "XC", "", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct yq_clean_facts facts =
            image(cases[i].sop_class, cases[i].modality, cases[i].burned_in);
        assert_int_equal(yq_clean_suspicion(&facts) != NULL, cases[i].suspected);
        facts.pixels = false;
        assert_null(yq_clean_suspicion(&facts));
    }
    struct yq_clean_facts screen = image(CT, "CT", "");
    screen.image_type = "DERIVED\\SECONDARY\\SCREEN SAVE";
    assert_non_null(yq_clean_suspicion(&screen));
    struct yq_clean_facts film = image("1.2.840.10008.5.1.4.1.1.1", "CR", "");
    film.conversion = "DF";
    assert_non_null(yq_clean_suspicion(&film));
}

static void documents_and_voices_are_refused(void **state)
{
    (void)state;
    struct yq_clean_facts facts = image("1.2.840.10008.5.1.4.1.1.104.1", "DOC", "NO");
    assert_non_null(yq_clean_refusal(&facts));
    facts.sop_class = "1.2.840.10008.5.1.4.1.1.9.4.2";
    assert_non_null(yq_clean_refusal(&facts));
    facts.sop_class = "1.2.840.10008.5.1.4.1.1.9.1.1";
    assert_null(yq_clean_refusal(&facts));
    facts.sop_class = CT;
    assert_null(yq_clean_refusal(&facts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_whole_and_in_order),
        cmocka_unit_test(what_is_listed_is_treated_as_listed),
        cmocka_unit_test(what_no_list_can_have_goes),
        cmocka_unit_test(what_may_name_somebody_is_replaced_though_not_listed),
        cmocka_unit_test(codes_that_name_somebody_are_masked_to_their_end),
        cmocka_unit_test(a_report_with_free_text_is_refused),
        cmocka_unit_test(dummies_fit_their_vr),
        cmocka_unit_test(uids_follow_from_uids),
        cmocka_unit_test(a_patient_has_one_pseudonym),
        cmocka_unit_test(what_is_known_for_names_in_pixels_is_suspected),
        cmocka_unit_test(documents_and_voices_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

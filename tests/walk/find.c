/* find.c: identifiers become queries, rows become answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yq/dcm.h"
#include "yq/walk.h"

struct parsed { /* an identifier in one syntax, and what became of it */
    struct yq_buf bytes;
    struct yq_writer writer;
    struct yq_find find;
    struct yq_err err;
};

static void begin(struct parsed *p, const char *level)
{
    memset(p, 0, sizeof *p);
    p->writer = (struct yq_writer){&p->bytes, YQ_LAYOUT_IMPLICIT_LE};
    if (level)
        yq_writer_put_text(&p->writer, 0x00080052, "CS", level);
}

static bool parse(struct parsed *p, bool patient_root)
{
    return yq_find_parse(p->bytes.bytes, p->bytes.length, YQ_TS_IMPLICIT_LE, patient_root, "",
                         &p->find, &p->err);
}

static void end(struct parsed *p)
{
    yq_find_fini(&p->find);
    yq_buf_fini(&p->bytes);
}

static void keys_with_values_match_and_empty_ones_are_only_asked(void **state)
{
    (void)state;
    struct parsed p;
    begin(&p, "STUDY");
    yq_writer_put_text(&p.writer, 0x00100010, "PN", "ZHANG*");
    yq_writer_put_text(&p.writer, 0x00100020, "LO", "");
    assert_true(parse(&p, false));
    assert_int_equal(p.find.query.level, YQ_STUDY);
    assert_int_equal(p.find.query.match_count, 1);
    assert_int_equal(p.find.query.matches[0].attr, YQ_PatientName);
    assert_string_equal(p.find.query.matches[0].value, "ZHANG*");
    assert_true(p.find.query.wanted[YQ_PatientID]);
    assert_int_equal(p.find.asked_count, 2);
    end(&p);
}

static void a_query_without_a_level_is_refused(void **state)
{
    (void)state;
    struct parsed p;
    begin(&p, NULL);
    yq_writer_put_text(&p.writer, 0x00100020, "LO", "1");
    assert_false(parse(&p, false));
    assert_int_equal(p.err.code, YQ_BAD_INPUT);
    end(&p);
}

static void study_root_knows_no_patient_level(void **state)
{
    (void)state;
    struct parsed p;
    begin(&p, "PATIENT");
    assert_false(parse(&p, false));
    end(&p);
    begin(&p, "PATIENT");
    assert_true(parse(&p, true));
    end(&p);
}

static void stars_as_a_patient_id_above_the_level_mean_themselves(void **state)
{
    (void)state;
    struct parsed p;
    begin(&p, "SERIES");
    yq_writer_put_text(&p.writer, 0x00100020, "LO", "***");
    assert_true(parse(&p, true));
    assert_true(p.find.query.matches[0].exact);
    end(&p);
    begin(&p, "STUDY");
    yq_writer_put_text(&p.writer, 0x00100020, "LO", "***");
    assert_true(parse(&p, false)); /* study root: an ordinary key of the level */
    assert_false(p.find.query.matches[0].exact);
    end(&p);
}

static void a_key_inside_a_sequence_matches(void **state)
{
    (void)state;
    struct parsed p;
    begin(&p, "SERIES");
    yq_writer_begin_sequence(&p.writer, 0x00400275);
    yq_writer_begin_item(&p.writer);
    yq_writer_put_text(&p.writer, 0x00401001, "SH", "RP7");
    yq_writer_end_item(&p.writer);
    yq_writer_end_sequence(&p.writer);
    assert_true(parse(&p, false));
    assert_int_equal(p.find.query.match_count, 1);
    assert_int_equal(p.find.query.matches[0].attr, YQ_RequestedProcedureID);
    end(&p);
}

/* The value of a tag in an answer; "" when it is empty, NULL when it is not there. */
static void numbers_follow_the_byte_order(void **state)
{
    (void)state;
    struct parsed p;
    begin(&p, NULL);
    p.writer.layout = YQ_LAYOUT_EXPLICIT_BE;
    yq_writer_put_text(&p.writer, 0x00080052, "CS", "IMAGE");
    yq_writer_put_text(&p.writer, 0x00280010, "US", "512");
    assert_true(yq_find_parse(p.bytes.bytes, p.bytes.length, YQ_TS_EXPLICIT_BE, false, "", &p.find,
                              &p.err));
    assert_int_equal(p.find.query.match_count, 1);
    assert_int_equal(p.find.query.matches[0].attr, YQ_Rows);
    assert_string_equal(p.find.query.matches[0].value, "512");
    end(&p);
}

static const char *value_of(const struct yq_buf *answer, uint32_t tag, uint32_t within)
{
    static char text[256];
    struct yq_err err = {0};
    struct yq_element element;
    struct yq_scan *scan yq_cleanup(yq_scan_cleanup) = NULL;
    assert_true(yq_scan_open_memory(answer->bytes, answer->length, YQ_TS_EXPLICIT_LE, &scan, &err));
    while (yq_scan_next(scan, &element, &err)) {
        struct yq_buf value yq_cleanup(yq_buf_fini) = {0};
        if (element.tag != tag || element.within != within)
            continue;
        assert_true(yq_scan_value(scan, 200, &value, &err));
        (void)yq_copy_trimmed(text, sizeof text, yq_buf_text(&value), value.length);
        return text;
    }
    assert_int_equal(err.code, YQ_OK);
    return NULL;
}

static void answer(struct parsed *p, const char *charset, struct yq_buf *out)
{
    const char *values[YQ_ATTR_COUNT] = {[YQ_PatientName] = "Zhang^San=\xe5\xbc\xa0^\xe4\xb8\x89",
                                         [YQ_StudyInstanceUID] = "1.2.3",
                                         [YQ_RequestedProcedureID] = "RP7"};
    assert_true(yq_find_answer(&p->find, values, charset, "ISO_IR 192", "NODE", YQ_TS_EXPLICIT_LE,
                               out, &p->err));
}

static void answers_carry_level_charset_and_unknown_keys_empty(void **state)
{
    (void)state;
    struct parsed p;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    begin(&p, "STUDY");
    yq_writer_put_text(&p.writer, 0x00100010, "PN", "");
    yq_writer_put_text(&p.writer, 0x00321032, "PN", "");
    assert_true(parse(&p, false));
    answer(&p, "GB18030", &out);
    assert_string_equal(value_of(&out, 0x00080005, 0), "GB18030");
    assert_string_equal(value_of(&out, 0x00080052, 0), "STUDY");
    assert_string_equal(value_of(&out, 0x00080054, 0), "NODE");
    assert_string_equal(value_of(&out, 0x00100010, 0), "Zhang^San=\xd5\xc5^\xc8\xfd");
    assert_string_equal(value_of(&out, 0x0020000d, 0), "1.2.3");
    assert_string_equal(value_of(&out, 0x00321032, 0), "");
    end(&p);
}

static void a_charset_that_cannot_hold_the_name_gives_way_to_utf8(void **state)
{
    (void)state;
    struct parsed p;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    begin(&p, "STUDY");
    yq_writer_put_text(&p.writer, 0x00100010, "PN", "");
    assert_true(parse(&p, false));
    answer(&p, "ISO_IR 100", &out);
    assert_string_equal(value_of(&out, 0x00080005, 0), "ISO_IR 192");
    assert_string_equal(value_of(&out, 0x00100010, 0), "Zhang^San=\xe5\xbc\xa0^\xe4\xb8\x89");
    end(&p);
}

static void a_sequence_asked_without_items_is_answered_with_what_is_known(void **state)
{
    (void)state;
    struct parsed p;
    struct yq_buf out yq_cleanup(yq_buf_fini) = {0};
    begin(&p, "SERIES");
    yq_writer_begin_sequence(&p.writer, 0x00400275);
    yq_writer_end_sequence(&p.writer);
    assert_true(parse(&p, false));
    assert_true(p.find.query.wanted[YQ_RequestedProcedureID]);
    answer(&p, "", &out);
    assert_string_equal(value_of(&out, 0x00401001, 0x00400275), "RP7");
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_with_values_match_and_empty_ones_are_only_asked),
        cmocka_unit_test(a_query_without_a_level_is_refused),
        cmocka_unit_test(study_root_knows_no_patient_level),
        cmocka_unit_test(stars_as_a_patient_id_above_the_level_mean_themselves),
        cmocka_unit_test(a_key_inside_a_sequence_matches),
        cmocka_unit_test(numbers_follow_the_byte_order),
        cmocka_unit_test(answers_carry_level_charset_and_unknown_keys_empty),
        cmocka_unit_test(a_charset_that_cannot_hold_the_name_gives_way_to_utf8),
        cmocka_unit_test(a_sequence_asked_without_items_is_answered_with_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

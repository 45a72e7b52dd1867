/* Deeds to lines and back. The schema itself is checked by the cases (tests/cases/audit.rng). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "yq/deed.h"

static const struct yq_witness witness = {
    .source = "NODE", .site = "A & B", .host = "a host", .pid = 7};

static struct yq_deed some_deed(void)
{
    static const struct yq_class_count classes[] = {{"1.2.3", 4}, {"", 5}};
    struct yq_deed deed = {.event = YQ_DEED_TRANSFERRED,
                           .action = 'C',
                           .outcome = YQ_FAILED_MINOR,
                           .why = "it said \"no\" & left",
                           .at_ms = 1772352550123,
                           .actor_count = 2,
                           .subject_count = 3};
    deed.actors[0] = (struct yq_actor){
        .user = "<CT>", .aet = "CT01", .address = "::1", .role = YQ_ROLE_SOURCE, .asked = true};
    deed.actors[1] = (struct yq_actor){.user = "7", .address = "a host"};
    deed.subjects[0] = (struct yq_subject){.kind = YQ_SUBJECT_STUDY,
                                           .id = "1.2",
                                           .accession = "A'1",
                                           .classes = classes,
                                           .class_count = 2};
    deed.subjects[1] = (struct yq_subject){
        .kind = YQ_SUBJECT_PATIENT, .id = "P\t1", .name = "Wang^Xiaodong=\xe7\x8e\x8b"};
    deed.subjects[2] = (struct yq_subject){.kind = YQ_SUBJECT_QUERY,
                                           .id = "1.5",
                                           .query = "\0\1\2\3<",
                                           .query_length = 5,
                                           .detail_type = "TransferSyntax",
                                           .detail = "1.2.840.10008.1.2"};
    return deed;
}

static void a_line_is_read_back_as_it_was_told(void **state)
{
    (void)state;
    struct yq_deed deed = some_deed(), back;
    uint64_t counts[YQ_SUBJECTS_MOST];
    struct yq_buf line = {0};
    yq_deed_put(&deed, &witness, &line);
    const char *text = yq_buf_text(&line);
    assert_int_equal(
        strncmp(text, "<84>1 2026-03-01T08:09:10.123Z a?host yingqiao 7 DICOM+RFC3881 - ", 65), 0);
    assert_ptr_equal(strchr(text, '\n'), text + line.length - 1);
    assert_true(yq_deed_read((char *)line.bytes, line.length, &back, counts));
    assert_int_equal(back.event, YQ_DEED_TRANSFERRED);
    assert_int_equal(back.action, 'C');
    assert_int_equal(back.outcome, YQ_FAILED_MINOR);
    assert_int_equal(back.at_ms, deed.at_ms);
    assert_string_equal(back.why, deed.why);
    assert_int_equal(back.actor_count, 2);
    assert_string_equal(back.actors[0].user, "<CT>");
    assert_string_equal(back.actors[0].aet, "CT01");
    assert_int_equal(back.actors[0].role, YQ_ROLE_SOURCE);
    assert_true(back.actors[0].asked && !back.actors[1].asked);
    assert_int_equal(back.subject_count, 3);
    assert_string_equal(back.subjects[0].accession, "A'1");
    assert_int_equal(counts[0], 9);
    assert_string_equal(back.subjects[1].id, "P\t1");
    assert_string_equal(back.subjects[1].name, deed.subjects[1].name);
    assert_int_equal(back.subjects[2].kind, YQ_SUBJECT_QUERY);
    assert_int_equal(back.subjects[2].query_length, 5);
    assert_memory_equal(back.subjects[2].query, "\0\1\2\3<", 5);
    assert_string_equal(back.subjects[2].detail, "1.2.840.10008.1.2");
    yq_buf_fini(&line);
}

static void what_xml_cannot_carry_is_replaced(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"a\x01"
         "b\x7f",
         "a\xef\xbf\xbd"
         "b\x7f"},
        {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe7\x8e", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xef\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct yq_deed deed = some_deed(), back;
        uint64_t counts[YQ_SUBJECTS_MOST];
        struct yq_buf line = {0};
        deed.subjects[1].name = texts[i][0];
        yq_deed_put(&deed, &witness, &line);
        assert_true(yq_deed_read((char *)line.bytes, line.length, &back, counts));
        assert_string_equal(back.subjects[1].name, texts[i][1]);
        yq_buf_fini(&line);
    }
}

static void half_a_line_is_none(void **state)
{
    (void)state;
    struct yq_deed deed = some_deed(), back;
    uint64_t counts[YQ_SUBJECTS_MOST];
    struct yq_buf whole = {0};
    yq_deed_put(&deed, &witness, &whole);
    for (size_t length = 0; length + strlen("</AuditMessage>\n") <= whole.length; length++) {
        struct yq_buf part = {0};
        yq_buf_put(&part, whole.bytes, length);
        yq_buf_puts(&part, "\n");
        assert_false(yq_deed_read((char *)part.bytes, part.length, &back, counts));
        yq_buf_fini(&part);
    }
    yq_buf_fini(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_line_is_read_back_as_it_was_told),
                                       cmocka_unit_test(what_xml_cannot_carry_is_replaced),
                                       cmocka_unit_test(half_a_line_is_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_attachment.c: attachments, what names them, which go; studies that records are to be made
 * of. */
#include "help.h"
#include "yq/attached.h"
#include "yq/ledger.h"
#include "yq/register.h"

static struct yq_attachment sample(char digit, int64_t kept_ms)
{
    struct yq_attachment one = {.size = 1000, .pages = 2, .kept_ms = kept_ms};
    memset(one.name, digit, 64);
    return one;
}

static struct yq_ledger_result change(const char *id, const char *content, const char *attachment)
{
    struct yq_ledger_result result;
    struct yq_ledger_change one = {.kind = YQ_KIND_REPORT,
                                   .id = id,
                                   .content = content,
                                   .changed = "",
                                   .source = "test",
                                   .person = "",
                                   .expect = YQ_EXPECT_ANYTHING,
                                   .attachment = attachment};
    if (content)
        one.digest[0] = (uint8_t)strlen(content);
    ok(yq_ledger_write(catalog, &one, 1, &result, &err));
    assert_int_equal(result.err.code, YQ_OK);
    return result;
}

static void an_attachment_is_known_once(void **state)
{
    (void)state;
    struct yq_attachment one = sample('a', 10), got;
    struct yq_attached_totals totals;
    assert_false(yq_attached_get(catalog, one.name, &got, &err));
    assert_int_equal(err.code, YQ_ABSENT);
    ok(yq_attached_put(catalog, &one, &err));
    one.kept_ms = 20;
    ok(yq_attached_put(catalog, &one, &err));
    ok(yq_attached_get(catalog, one.name, &got, &err));
    assert_int_equal(got.kept_ms, 20);
    assert_int_equal(got.pages, 2);
    ok(yq_attached_totals(catalog, &totals, &err));
    assert_int_equal(totals.count, 1);
    assert_int_equal(totals.bytes, 1000);
}

static void what_a_version_names_is_never_forgotten(void **state)
{
    (void)state;
    struct yq_attachment first = sample('a', 10), second = sample('b', 10), third = sample('c', 50);
    struct yq_attachment list[4];
    struct yq_attached_use uses[4];
    char names[4][65];
    size_t count;
    ok(yq_attached_put(catalog, &first, &err));
    ok(yq_attached_put(catalog, &second, &err));
    ok(yq_attached_put(catalog, &third, &err));
    change("R1", "{1}", first.name);
    change("R1", "{12}", NULL);
    change("R1", NULL, NULL);
    change("R2", "{12}", first.name);
    ok(yq_attached_uses(catalog, first.name, uses, 4, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(uses[0].id, "R1");
    assert_int_equal(uses[0].version, 1);
    assert_string_equal(uses[1].id, "R2");
    ok(yq_attached_forget(catalog, 40, names, 4, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(names[0], second.name);
    ok(yq_attached_forget(catalog, 40, names, 4, &count, &err));
    assert_int_equal(count, 0);
    ok(yq_attached_after(catalog, "", list, 4, &count, &err));
    assert_int_equal(count, 2);
}

static size_t waiting(struct yq_unregistered out[8])
{
    size_t count;
    ok(yq_register_next(catalog, INT64_MAX, 0, out, 8, &count, &err));
    return count;
}

static void a_study_is_looked_at_until_it_was(void **state)
{
    (void)state;
    struct yq_unregistered some[8];
    size_t count;
    put(1, 1, 1, -1);
    put(2, 1, 1, -1);
    assert_int_equal(waiting(some), 2);
    assert_string_equal(some[0].study, "1.1");
    ok(yq_register_next(catalog, some[0].changed_ms, 0, some + 2, 2, &count, &err));
    assert_int_equal(count, 0); /* it is not quiet yet */
    ok(yq_register_done(catalog, some, 1, &err));
    assert_int_equal(waiting(some), 1);
    assert_string_equal(some[0].study, "1.2");
    ok(yq_register_done(catalog, some, 1, &err));
    assert_int_equal(waiting(some), 0);
    some[0].changed_ms -= 5; /* more came while it was looked at */
    ok(yq_register_done(catalog, some, 1, &err));
    assert_int_equal(waiting(some), 1);
}

static void a_document_is_looked_at_once(void **state)
{
    (void)state;
    bool has;
    ok(yq_register_has(catalog, "1.1.1.1", 5, &has, &err));
    assert_false(has);
    ok(yq_register_instance(catalog, "1.1.1.1", 5, &err));
    ok(yq_register_has(catalog, "1.1.1.1", 5, &has, &err));
    assert_true(has);
    ok(yq_register_has(catalog, "1.1.1.1", 6, &has, &err)); /* other content took its place */
    assert_false(has);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_attachment_is_known_once),
        TEST(what_a_version_names_is_never_forgotten),
        TEST(a_study_is_looked_at_until_it_was),
        TEST(a_document_is_looked_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

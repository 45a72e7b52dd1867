/* help.h: a catalog in a temporary folder, and instances made in one line. */
#ifndef TEST_CATALOG_HELP_H
#define TEST_CATALOG_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "yq/catalog.h"

extern char dir[64], path[256];
extern struct yq_catalog *catalog;
extern struct yq_err err;

int set_up(void **state);
int tear_down(void **state);

/* An instance: UIDs "1.<study>", "1.<study>.<series>", "1.<study>.<series>.<instance>", its digest
 * made from `content`. Attributes follow as name, value, ..., NULL. */
struct made {
    struct yq_header header;
    struct yq_object object;
    struct yq_origin origin;
    struct yq_added added;
    enum yq_duplicates duplicates;
};
void make(struct made *made, int study, int series, int instance, int content);
void set(struct made *made, enum yq_attr attr, const char *value);
bool add(struct made *made);
/* Make, set, add; must work. */
void put(int study, int series, int instance, ...);

/* Values of `wanted` of all rows, in order, joined by ";" ("-" for NULL). Keys follow as attribute,
 * value, ..., -1. */
const char *ask(enum yq_qr_level level, enum yq_attr wanted, ...);
const char *ask_query(struct yq_query *query, enum yq_attr wanted);
const char *ask_exact(enum yq_qr_level level, enum yq_attr wanted, enum yq_attr attr,
                      const char *value);
struct yq_totals totals(void);

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)
#define refused(expression, with)                                                                  \
    do {                                                                                           \
        assert_false(expression);                                                                  \
        assert_int_equal(err.code, with);                                                          \
    } while (0)

extern const struct CMUnitTest find_tests[], health_tests[], settle_tests[], name_tests[],
    old_tests[], outbox_tests[], ledger_tests[];
extern const size_t find_test_count, health_test_count, settle_test_count, name_test_count,
    old_test_count, outbox_test_count, ledger_test_count;

#endif

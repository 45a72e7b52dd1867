#include "help.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

char dir[64], path[256];
struct yq_catalog *catalog;
struct yq_err err;

int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/yq-catalog-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/catalog.sqlite", dir);
    memset(&err, 0, sizeof err);
    return yq_catalog_open(path, &catalog, &err) ? 0 : -1;
}

static int remove_entry(const char *name, const struct stat *about, int type, struct FTW *where)
{
    (void)about, (void)type, (void)where;
    return remove(name);
}

int tear_down(void **state)
{
    (void)state;
    yq_catalog_close(catalog);
    return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void make(struct made *made, int study, int series, int instance, int content)
{
    memset(made, 0, sizeof *made);
    struct yq_header *header = &made->header;
    snprintf(header->key.study, YQ_UID_SIZE, "1.%d", study);
    snprintf(header->key.series, YQ_UID_SIZE, "1.%d.%d", study, series);
    snprintf(header->key.instance, YQ_UID_SIZE, "1.%d.%d.%d", study, series, instance);
    snprintf(header->sop_class, YQ_UID_SIZE, "1.2.840.10008.5.1.4.1.1.2");
    snprintf(header->transfer_syntax, YQ_UID_SIZE, "%s", YQ_TS_EXPLICIT_LE);
    made->object.size = 1000;
    memcpy(made->object.digest, &content, sizeof content);
    made->origin.door = "test";
    snprintf(made->origin.aet, YQ_AET_SIZE, "CT1");
}

void set(struct made *made, enum yq_attr attr, const char *value)
{
    made->header.values[attr] = value;
}

bool add(struct made *made)
{
    struct yq_arrival arrival = {.origin = &made->origin,
                                 .header = &made->header,
                                 .object = &made->object,
                                 .dataset_offset = 300,
                                 .duplicates = made->duplicates};
    return yq_catalog_add(catalog, &arrival, &made->added, &err);
}

void put(int study, int series, int instance, ...)
{
    struct made made;
    va_list args;
    make(&made, study, series, instance, study * 1000000 + series * 1000 + instance);
    va_start(args, instance);
    for (int attr; (attr = va_arg(args, int)) >= 0;)
        set(&made, (enum yq_attr)attr, va_arg(args, const char *));
    va_end(args);
    ok(add(&made));
    assert_int_equal(made.added.stored, YQ_STORED_NEW);
}

const char *ask_query(struct yq_query *query, enum yq_attr wanted)
{
    static char answer[16384];
    struct yq_cursor *cursor;
    const char *const *values;
    uint64_t count, rows = 0;
    answer[0] = '\0';
    query->wanted[wanted] = true;
    ok(yq_catalog_find(catalog, query, &cursor, &err));
    while (yq_cursor_next(cursor, &values, &err)) {
        size_t used = strlen(answer);
        snprintf(answer + used, sizeof answer - used, "%s%s", rows++ ? ";" : "",
                 values[wanted] ? values[wanted] : "-");
        assert_non_null(query->level == YQ_PATIENT ? answer : values[yq_level_key(query->level)]);
    }
    if (err.code != YQ_OK)
        fail_msg("%s", err.text);
    yq_cursor_close(cursor);
    ok(yq_catalog_count(catalog, query, &count, &err));
    if (!query->limit && !query->offset)
        assert_int_equal(count, rows);
    yq_query_fini(query);
    return answer;
}

const char *ask(enum yq_qr_level level, enum yq_attr wanted, ...)
{
    struct yq_query query = {.level = level, .order = YQ_ORDER_NEWEST_FIRST};
    va_list args;
    va_start(args, wanted);
    for (int attr; (attr = va_arg(args, int)) >= 0;)
        ok(yq_query_add(&query, (enum yq_attr)attr, va_arg(args, const char *), false, &err));
    va_end(args);
    return ask_query(&query, wanted);
}

const char *ask_exact(enum yq_qr_level level, enum yq_attr wanted, enum yq_attr attr,
                      const char *value)
{
    struct yq_query query = {.level = level, .order = YQ_ORDER_NEWEST_FIRST};
    ok(yq_query_add(&query, attr, value, true, &err));
    return ask_query(&query, wanted);
}

struct yq_totals totals(void)
{
    struct yq_totals out;
    ok(yq_catalog_totals(catalog, &out, &err));
    return out;
}

/* output.h: listings for people (tables) and for programs (JSON). */
#ifndef YQ_NODE_OUTPUT_H
#define YQ_NODE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "yq/bytes.h"
#include "yq/form.h"

/* A table that is printed when all its rows are there: columns as wide as their widest cell, by
 * the width that characters take on a terminal (Chinese ones take two places). A cell of more than
 * 64 places ends with "…"; --json has all of it. */
struct yq_table {
    const char *const *heads;
    size_t columns;
    bool last_whole;     /* the last column is for sentences: it is not cut */
    struct yq_buf cells; /* NUL-terminated, one after the other */
    size_t count;
};
void yq_table_add(struct yq_table *table, const char *cell); /* NULL: empty */
void yq_table_addf(struct yq_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void yq_table_print(const struct yq_table *table, FILE *file); /* heads, then rows */
void yq_table_fini(struct yq_table *table);

/* Places on a terminal; control characters count as one, because they are shown as '?'. */
size_t yq_display_width(const char *text);

/* Prints and frees; false (said on standard error) without memory. */
bool yq_print_json(struct yq_json *take);

/* "1.4 GB". */
void yq_size_text(char *text, size_t size, double bytes);
/* "3 min 20 s". */
void yq_duration_text(char *text, size_t size, double seconds);

/* A line that is rewritten while work goes on, only where standard error is a terminal. */
struct yq_meter {
    bool shown;
    int64_t started_ms, last_ms;
    uint64_t total, total_bytes; /* 0: not known */
    const char *noun;
};
void yq_meter_start(struct yq_meter *meter, const char *noun, uint64_t total, uint64_t total_bytes);
void yq_meter_show(struct yq_meter *meter, uint64_t done, uint64_t bytes);
void yq_meter_clear(struct yq_meter *meter); /* before other lines, and at the end */
double yq_meter_seconds(const struct yq_meter *meter);

#endif

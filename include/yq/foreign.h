/* foreign.h: files of other programs, read record by record: CSV as spreadsheets write it, JSON,
 * XML. What a record says is asked for by name, as expr.h does.
 *
 * The text is in memory; of what is made of it only the current record is. Pure. One thread at a
 * time per file. */
#ifndef YQ_FOREIGN_H
#define YQ_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/bytes.h"
#include "yq/err.h"

enum yq_foreign_form { YQ_FOREIGN_NONE, YQ_FOREIGN_CSV, YQ_FOREIGN_JSON, YQ_FOREIGN_XML };

/* What a file is, by its name and its first bytes. */
enum yq_foreign_form yq_foreign_look(const char *name, const void *bytes, size_t length);
/* Its text in UTF-8, without a byte order mark: read as `charset` ("": as it says itself - byte
 * order mark, XML declaration - or else as it looks). YQ_FULL without memory. */
yq_must_check bool yq_foreign_text(enum yq_foreign_form form, const char *charset,
                                   const void *bytes, size_t length, struct yq_buf *out,
                                   struct yq_err *err);

struct yq_foreign;
/* `text` is borrowed and must be UTF-8. `records`: XML and JSON: path of what repeats,
 * "data/items";
 * "": a root that is an array, several values one behind the other, or else the root itself; XML:
 * the root's children when they repeat. YQ_BAD_INPUT, with the line, when it is not of that form.
 */
yq_must_check bool yq_foreign_open(enum yq_foreign_form form, const char *records, const char *text,
                                   size_t length, struct yq_foreign **out, struct yq_err *err);
void yq_foreign_free(struct yq_foreign *foreign);

/* The next record. False at the end (err->code YQ_OK) and when the file cannot be read further
 * (YQ_BAD_INPUT with the line; YQ_FULL). *fault: NULL, or why this record alone is wrong; static.
 */
bool yq_foreign_next(struct yq_foreign *foreign, const char **fault, struct yq_err *err);
unsigned yq_foreign_line(const struct yq_foreign *foreign); /* where the record begins */

/* yq_surroundings.get: appends what the record has under a name; several values with line feeds
 * between.
 * CSV: the heading of a column, case aside. JSON, XML: a path a/b (JSON also a.b), @c for an
 * attribute, "." for the text of the record itself. "a/b[]/c" is c of the item that was chosen,
 * when a/b[] is what was chosen from, else c of all of them. */
bool yq_foreign_get(void *foreign, const char *name, struct yq_buf *out);
/* How many items the record has under the part of `name` before "[]"; 0 also when it has none.
 * Elements of an array; XML elements of this name; of a single element or array that only wraps
 * others, these. */
size_t yq_foreign_items(struct yq_foreign *foreign, const char *name);
/* Chooses the n-th of them. */
void yq_foreign_choose(struct yq_foreign *foreign, const char *name, size_t n);

/* Calls `tell` for each column of a CSV file. */
void yq_foreign_columns(const struct yq_foreign *foreign,
                        void (*tell)(void *context, const char *name), void *context);

/* A file with some of the records only: its beginning, records as they stand, its end. */
void yq_foreign_put_head(const struct yq_foreign *foreign, struct yq_buf *out);
void yq_foreign_put_record(const struct yq_foreign *foreign, struct yq_buf *out);
const char *yq_foreign_between(const struct yq_foreign *foreign); /* what stands between two */
/* What follows behind the last good record, when the rest cannot be read. */
void yq_foreign_put_rest(const struct yq_foreign *foreign, struct yq_buf *out);
void yq_foreign_put_tail(const struct yq_foreign *foreign, struct yq_buf *out);
/* JSON: the text of the current record, "" otherwise; borrowed until the next one. */
const char *yq_foreign_json(const struct yq_foreign *foreign, size_t *length);

#endif

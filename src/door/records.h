/* records.h: what the routes of records share. Private to src/door/records*.c. */
#ifndef YQ_DOOR_RECORDS_H
#define YQ_DOOR_RECORDS_H

#include "http.h"
#include "yq/form.h"
#include "yq/registry.h"

/* ---- asking (records_ask.c) ---- */

/* The kind that {records} names. */
enum yq_kind records_kind(const struct request *request);
/* An empty record with the id that {id} names, in canonical form. NULL: the reply is filled. */
struct yq_record *records_named(const struct request *request, struct reply *reply);
/* Refuses parameters that are not listed (the end is a NULL). False: the reply is filled. */
bool records_params(const struct request *request, const char *const *allowed, struct reply *reply);
/* A parameter that is true or false; *out stays when it is absent. False: the reply is filled. */
bool records_flag(const struct request *request, const char *name, bool *out, struct reply *reply);
/* ?personal=true, and whether this client may. False: the reply is filled. */
bool records_personal(struct yq_house *house, const struct request *request, bool *personal,
                      struct reply *reply);
/* "2026-03-01", "2026-03-01T08:00:00+08:00": milliseconds since 1970. */
bool records_time(const char *text, int64_t *ms);
/* The version that If-Match and If-None-Match want the record to have, for yq_submission.expect.
 * *given: there was one of them. False: it does not, and the reply is filled. */
bool records_expect(struct yq_house *house, const struct request *request, enum yq_kind kind,
                    const char *id, int64_t *expect, bool *given, struct reply *reply);
/* "rest:his", "rest:local". */
void records_source(const struct request *request, char source[YQ_SOURCE_SIZE]);
/* Reads the JSON of one record. PDFs that come within it are kept. */
yq_must_check bool records_read(struct yq_house *house, enum yq_kind kind, const char *text,
                                size_t length, struct yq_record **out, struct yq_err *err);
/* The same, over what is there already (RFC 7396). */
yq_must_check bool records_patch(struct yq_house *house, struct yq_record *record, const char *text,
                                 size_t length, struct yq_err *err);
/* Refuses a masked value that was read here and comes back: it would take the place of the real
 * one. YQ_BAD_INPUT names the member. */
yq_must_check bool records_unmasked(struct yq_house *house, const struct yq_record *record,
                                    struct yq_err *err);

/* ---- answering (records_say.c) ---- */

/* A problem whose `errors` name the member of `kind` that *err speaks of, and say why, in English
 * and in Chinese. `finding` count may be 0. */
void records_refuse(struct reply *reply, unsigned status, enum yq_kind kind,
                    const struct yq_err *err);
/* Appends that array. */
void records_put_errors(struct yq_buf *out, enum yq_kind kind, const struct yq_err *err);
/* Appends "kind", "id", "version", "outcome" and "findings" of what was kept, as members. */
void records_put_kept(struct yq_buf *out, const struct yq_submission *submission);
unsigned records_status(const struct yq_submission *submission, bool conditional);
/* Appends what is known of a version, as members. An id that is personal is masked unless
 * `personal`, and left out where the record is not at hand (NULL). */
void records_put_entry(struct yq_buf *out, const struct yq_ledger_entry *entry,
                       const struct yq_record *record, bool personal);
void records_put_time(struct yq_buf *out, int64_t ms); /* RFC 3339, quoted */
/* The body is complete JSON, which no cache keeps. */
void records_answer(struct reply *reply, unsigned status);
void records_audit(struct yq_house *house, const struct request *request,
                   const struct reply *reply);

#endif

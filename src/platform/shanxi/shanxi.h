/* shanxi.h: 山西省医疗数字影像云平台前置机对接接口规范 V2.1, as far as tables do not say it.
 * Private to room platform. */
#ifndef YQ_SHANXI_H
#define YQ_SHANXI_H

#include "yq/province.h"

extern const struct yq_province shanxi;
extern const struct yq_service shanxi_services[]; /* serve.c: S7, S8, S9 */
enum { SHANXI_SERVICES = 3 };
/* S13: reconcile.c */
bool shanxi_reconcile(struct yq_comparing *comparing, struct yq_err *err);
/* What it answers: gives each id that the platform lacks to `take`. */
typedef void shanxi_id(void *context, const char *id);
/* Of the answer as it came: `data` is what is still sealed. */
bool shanxi_statistics_read(const char *text, size_t length, struct yq_buf *data, shanxi_id *take,
                            void *context, struct yq_err *err);
/* Of what was sealed: an array, or {"study_uids": [...]}. */
bool shanxi_missing_read(const char *text, size_t length, shanxi_id *take, void *context,
                         struct yq_err *err);

/* ---- pieces of an exam (pieces.c) ---- */

enum {
    SHANXI_EXAM,
    SHANXI_REPORT,
    SHANXI_MERGED,
    SHANXI_SERIES,
    SHANXI_LISTED /* a series, as S9 has it */
};
bool shanxi_pieces(const struct yq_errand_out *errand, struct yq_piece *pieces, size_t room,
                   size_t *count, struct yq_err *err);
bool shanxi_compose(const struct yq_errand_out *errand, const struct yq_piece *piece,
                    struct yq_composed *out, struct yq_err *err);

/* ---- calls (envelope.c) ---- */

/* Appends {"hospitalCode","data","timestamp","signature"} around a message, chapter 三(一). */
bool shanxi_envelope(const struct yq_conf *conf, struct yq_keychain *keys,
                     const struct yq_buf *message, struct yq_buf *out, struct yq_err *err);
enum yq_verdict shanxi_send(const struct yq_errand_out *errand, const struct yq_piece *piece,
                            const struct yq_composed *composed, char *reason, size_t reason_size);

/* ---- signatures (verify.c) ---- */

/* Adds serious findings for what keeps the report with its signature from going: it waits for its
 * signature (this node has it signed), or the signature does not hold, here or by the platform's
 * services as `verify` says. None: it may go. What was checked is remembered. False: it cannot be
 * said now (a service or the catalog is away), try again. The errand's keys have "sign_key". */
bool shanxi_signature_ready(const struct yq_errand_out *errand, const char *report,
                            struct yq_findings *findings, struct yq_err *err);

#endif

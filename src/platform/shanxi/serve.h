/* serve.h: what the front-end machine asks (S7, S8, S9): the question, read. Private to
 * platform/shanxi. */
#ifndef YQ_SHANXI_SERVE_H
#define YQ_SHANXI_SERVE_H

#include "yq/served.h"

#define SERVE_PAGE 50
#define SERVE_PAGE_MOST 500
#define SERVE_VALUE_MOST 4096 /* bytes of one value */

enum serve_what { SERVE_EXAMS, SERVE_REPORTS, SERVE_SERIES };
struct serve_ask {
    char from[20], until[20]; /* 2026-03-01 08:00:00, of series 20260301; "": no bound */
    struct yq_buf apply, patient, report, accession, study, series; /* "": any */
    uint64_t page, size;
};
void serve_ask_fini(struct serve_ask *ask);
/* Reads the JSON of a question. False: *why is a sentence for the caller. */
bool serve_ask_read(enum serve_what what, const char *text, size_t length, struct serve_ask *out,
                    const char **why);

/* The common envelope (chapter 三) opened: appends the question that is in it. False: *why says
 * what is wrong with it, for the caller and the audit trail; *err where it is this node's fault. */
bool serve_open(const struct yq_inquiry *inquiry, struct yq_buf *out, const char **why,
                struct yq_err *err);
/* What is to go back, sealed. */
yq_must_check bool serve_seal(const struct yq_inquiry *inquiry, const struct yq_buf *content,
                              struct yq_buf *out, struct yq_err *err);

#endif

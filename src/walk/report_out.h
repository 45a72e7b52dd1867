/* report_out.h: what report_out.c (the order of things), report_means.c (what a courier keeps) and
 * report_kept.c (what people are shown of the calls) share. Private to room walk. */
#ifndef YQ_WALK_REPORT_OUT_H
#define YQ_WALK_REPORT_OUT_H

#include "deliver.h"
#include "report_way.h"
#include "yq/company.h"
#include "yq/consignment.h"
#include "yq/province.h"

enum { CALLS_MOST = 64 };

struct carrying { /* an exam with its courier */
    struct errand *errand;
    const struct yq_province *province;
    struct report_way *way;
    int64_t exam; /* its row */
    struct yq_company company;
    struct yq_exam_scope scope;
    struct yq_errand_out out; /* as the province sees it */
    const char **names;       /* of reports and studies: out.reports, out.studies */
    struct yq_piece *pieces;
    size_t count;
    struct yq_sent_piece *noted; /* to be written: at most two rows for each piece */
    size_t noted_count, noted_room;
    struct yq_platform_call calls[CALLS_MOST];
    size_t call_count;
    uint64_t sent, refused; /* since they were written last */
    uint64_t sent_all, same, left;
    int64_t noted_ms;
    bool going_on;
};

/* ---- report_means.c ---- */

struct report_means {
    struct yq_buf as; /* what it was opened by */
    struct yq_web *web;
};
/* Opens what the courier keeps, or opens it anew where the settings are others. */
bool report_means_open(struct yq_courier *courier, const struct yq_platform *platform,
                       struct yq_err *err);

/* ---- report_kept.c ---- */

/* Takes in what a province says of a call; for yq_errand_out.keep. */
/* The texts of a call that has nothing personal in it, as they are to lie in the catalog. */
void report_shut_call(struct yq_house *house, const char *platform, const struct yq_kept_call *call,
                      struct yq_buf *request, struct yq_buf *answer);
void report_keep(void *carrying, const struct yq_kept_call *call);
/* Appends text with what is personal in the records at hand taken out, at most `most` bytes. */
void report_mask(const struct carrying *carrying, const char *text, size_t most,
                 struct yq_buf *out);
void report_forget_calls(struct carrying *carrying);

#endif

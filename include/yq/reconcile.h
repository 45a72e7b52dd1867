/* reconcile.h: what a platform has, against what is here: a day's exams compared every night
 * (walk/reconcile.c), and the exams of weeks and months put into its queue little by little
 * (walk/backfill.c). The threads are node/'s. Room walk. */
#ifndef YQ_RECONCILE_H
#define YQ_RECONCILE_H

#include "yq/catchup.h"
#include "yq/platforms.h"
#include "yq/walk.h"

/* Compares this day and notes what came of it; *out is the row. Errors: YQ_ABSENT (no such
 * platform, or it compares nothing), what calling and the catalog say. Logged. */
yq_must_check bool yq_reconcile(struct yq_house *house, const char *platform, const char *date,
                                const struct yq_stop *stop, struct yq_reconciliation *out,
                                struct yq_err *err);
/* The nightly work: yesterday, and the days of the week before that were missed, with every
 * platform whose time has come. What does not work is tried again later. */
void yq_reconcile_work(struct yq_house *house, const struct yq_stop *stop);

/* Whether exams of this platform can be put into its queue: it is there, enabled, and takes any. */
const struct yq_platform *yq_backfill_platform(const struct yq_house *house,
                                               const struct yq_conf *conf, const char *name);
/* A look: begins the backfill of platforms that are connected for the first time, and puts as many
 * exams into the queues as their rates allow since `last_ms` (0: since now). */
yq_must_check bool yq_backfill_work(struct yq_house *house, int64_t last_ms, int64_t now_ms,
                                    struct yq_err *err);
/* "day 12 of 92 (2026-02-03), 1400 exams so far", for people. */
void yq_backfill_explain(const struct yq_backfill *backfill, char *text, size_t size);

#endif

/* reconcile.c: S13 /statisticalData/upload: yesterday's exams, told and compared. */
#include "shanxi.h"

bool shanxi_reconcile(struct yq_house *house, const struct yq_conf *conf,
                      const struct yq_platform *platform, const char *date, uint64_t *told,
                      uint64_t *missing, struct yq_err *err)
{
    (void)house, (void)conf, (void)date, (void)told, (void)missing;
    return yq_fail(err, YQ_ABSENT, "platform", "%s: nothing is compared yet", platform->name);
}

/* shanxi.h: 山西省医疗数字影像云平台前置机对接接口规范 V2.1, as far as tables do not say it.
 * Private to room platform. */
#ifndef YQ_SHANXI_H
#define YQ_SHANXI_H

#include "yq/province.h"

extern const struct yq_province shanxi;
extern const struct yq_service shanxi_services[]; /* serve.c: S7, S8, S9 */
extern const size_t shanxi_service_count;
/* S13: reconcile.c */
bool shanxi_reconcile(struct yq_house *house, const struct yq_conf *conf,
                      const struct yq_platform *platform, const char *date, uint64_t *told,
                      uint64_t *missing, struct yq_err *err);

#endif

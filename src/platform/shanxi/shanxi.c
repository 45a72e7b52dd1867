/* shanxi.c: what Shanxi is to the walks: S1, S2, S3 and S6 go out by upload.c. */
#include "shanxi.h"

const struct yq_province shanxi = {.id = YQ_SHANXI,
                                   .reconcile = shanxi_reconcile,
                                   .services = shanxi_services,
                                   .service_count = 0};

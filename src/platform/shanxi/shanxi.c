/* shanxi.c: what Shanxi is to the walks and doors. */
#include "shanxi.h"
#include "service.h"

const struct yq_province shanxi = {.id = YQ_SHANXI,
                                   .pieces = shanxi_pieces,
                                   .compose = shanxi_compose,
                                   .send = shanxi_send,
                                   .envelope = shanxi_envelope,
                                   .reconcile = shanxi_reconcile,
                                   .signing = &shanxi_signing,
                                   .services = shanxi_services,
                                   .service_count = SHANXI_SERVICES};

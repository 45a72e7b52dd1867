/* serve.c: what the platform asks of the hospital: S7 /exam/get, S8 /report/get, S9 /series/get. */
#include "shanxi.h"

const struct yq_service shanxi_services[] = {{0}};
const size_t shanxi_service_count = 0;

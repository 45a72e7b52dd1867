/* provinces.c: which provinces there are: one line each. */
#include "yq/provinces.h"

#include "hebei/hebei.h"
#include "neijiang/neijiang.h"
#include "shanxi/shanxi.h"

const struct yq_province *const yq_provinces[YQ_PROVINCE_COUNT] = {
    [YQ_SHANXI] = &shanxi, [YQ_HEBEI] = &hebei, [YQ_NEIJIANG] = &neijiang};

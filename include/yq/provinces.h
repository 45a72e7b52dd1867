/* provinces.h: the provinces this node knows, for node/ to hand to the walks. Room platform. */
#ifndef YQ_PROVINCES_H
#define YQ_PROVINCES_H

#include "yq/province.h"

extern const struct yq_province *const yq_provinces[YQ_PROVINCE_COUNT]; /* NULL: not yet */

#endif

/* hebei.h: private to room platform. */
#ifndef YQ_HEBEI_H
#define YQ_HEBEI_H

#include "yq/province.h"

extern const struct yq_province hebei;

#endif

/* neijiang.h: private to room platform. */
#ifndef YQ_NEIJIANG_H
#define YQ_NEIJIANG_H

#include "yq/province.h"

extern const struct yq_province neijiang;

#endif

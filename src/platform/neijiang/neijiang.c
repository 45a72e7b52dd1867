/* neijiang.c: 内江市医学影像数据交互标准 V0.94: what its platform asks of the hospital (N203). */
#include "neijiang.h"

const struct yq_province neijiang = {.id = YQ_NEIJIANG};

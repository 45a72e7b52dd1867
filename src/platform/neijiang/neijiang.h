/* neijiang.h: 内江市医学影像数据交互标准 V0.94, as far as tables do not say it. Private to room
 * platform. */
#ifndef YQ_NEIJIANG_H
#define YQ_NEIJIANG_H

#include "yq/province.h"

extern const struct yq_province neijiang;
void neijiang_retrieve(const struct yq_inquiry *inquiry, struct yq_reply_to *reply); /* N203 */

#endif

/* hebei.h: 河北省检查检验结果互认共享系统 接口规范 V1.5, as far as tables do not say it. Private to
 * room platform. */
#ifndef YQ_HEBEI_H
#define YQ_HEBEI_H

#include "yq/province.h"

extern const struct yq_province hebei;
void hebei_dicom_file(const struct yq_inquiry *inquiry, struct yq_reply_to *reply); /* H6 */

#endif

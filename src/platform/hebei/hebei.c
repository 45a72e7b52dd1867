/* hebei.c: 河北省检查检验结果互认共享系统 接口规范 V1.5: what its platform asks of the hospital
 * (H6). */
#include "hebei.h"

const struct yq_province hebei = {.id = YQ_HEBEI};

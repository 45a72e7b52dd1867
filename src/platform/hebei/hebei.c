/* hebei.c: 河北省检查检验结果互认共享系统 接口规范 V1.5: what its platform asks of the hospital
 * (H6). */
#include "hebei.h"

static const struct yq_service services[] = {
    {.path = "/api/getDicomFile",
     .post = true,
     .help = "H6: the DICOM files of a study, each with its URL",
     .body_most = 64 << 10,
     .answer = hebei_dicom_file}};

const struct yq_province hebei = {
    .id = YQ_HEBEI, .services = services, .service_count = sizeof services / sizeof *services};

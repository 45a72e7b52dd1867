/* neijiang.c: 内江市医学影像数据交互标准 V0.94: what its platform asks of the hospital (N203). */
#include "neijiang.h"

static const struct yq_service services[] = {
    {.path = "/Viewer/DICOMStudyRetrieve",
     .help = "N203: the DICOM files of a study, each with its URL",
     .answer = neijiang_retrieve}};

const struct yq_province neijiang = {
    .id = YQ_NEIJIANG, .services = services, .service_count = sizeof services / sizeof *services};

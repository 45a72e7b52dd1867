// init.cc: brings DCMTK up and down: its codec for JPEG of twelve bits, silence in its own log
// (which may carry values of datasets). Before and after all other threads. Its dictionary is a
// text of 400 KB that takes longer than all else at a start: it is read when it is first asked,
// under a lock of DCMTK's.
#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/oflog/oflog.h>

extern "C" {
#include "yq/dcm.h"
#include "yq/log.h"

void yq_dcm_init(void)
{
    try {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        DJDecoderRegistration::registerCodecs(EDC_lossyOnly);
    } catch (...) {
        yq_log(YQ_LOG_ERROR, "codec-missing", "hint=\"out of memory at start\"");
    }
}

void yq_dcm_warm(void)
{
    try {
        if (!dcmDataDict.isDictionaryLoaded())
            yq_log(YQ_LOG_ERROR, "dictionary-missing",
                   "hint=\"install DCMTK's data dictionary (Debian: libdcmtk17), or set "
                   "DCMDICTPATH\"");
    } catch (...) {
        yq_log(YQ_LOG_ERROR, "dictionary-missing", "hint=\"out of memory at start\"");
    }
}

void yq_dcm_fini(void)
{
    try {
        DJDecoderRegistration::cleanup();
    } catch (...) {
    }
}
}

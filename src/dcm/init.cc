// init.cc: brings DCMTK up and down: its codecs, silence in its own log (which may carry values of
// datasets). Before and after all other threads. Its dictionary is a text of 400 KB that takes
// longer than all else at a start: it is read when it is first asked, under a lock of DCMTK's.
#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmimage/diregist.h> // colour images, for the lossy encoder
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/dcmjpls/djencode.h>
#include <dcmtk/oflog/oflog.h>

extern "C" {
#include "yq/dcm.h"
#include "yq/log.h"

void yq_dcm_init(void)
{
    try {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        // Colours of lossless JPEG stay as they are: what was without loss remains so.
        DJDecoderRegistration::registerCodecs(EDC_lossyOnly);
        DJEncoderRegistration::registerCodecs();
        DJLSDecoderRegistration::registerCodecs();
        // Raw, not "cooked": what is in the unused bits of a pixel cell stays there.
        DJLSEncoderRegistration::registerCodecs(0, 0, 0, 0, OFFalse);
        DcmRLEDecoderRegistration::registerCodecs();
        DcmRLEEncoderRegistration::registerCodecs();
    } catch (...) {
        yq_log(YQ_LOG_ERROR, "codecs-missing", "hint=\"out of memory at start\"");
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
        DcmRLEEncoderRegistration::cleanup();
        DcmRLEDecoderRegistration::cleanup();
        DJLSEncoderRegistration::cleanup();
        DJLSDecoderRegistration::cleanup();
        DJEncoderRegistration::cleanup();
        DJDecoderRegistration::cleanup();
    } catch (...) {
    }
}
}

// frame.cc: one frame's pixels, uncompressed by DCMTK where only DCMTK can.
//
// JPEG of twelve bits is decoded here: the frame alone goes to DCMTK, as a small dataset of one
// fragment, so that what it allocates is bounded by that frame, and what else stands in the object
// cannot confuse it. Every other codestream is handed on for image/ to decode. Which is which the
// codestream itself decides, where it can. PS3.5 8.2, annex A.4. Thread-safe.
#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcxfer.h>

#include <cstring>
#include <memory>

extern "C" {
#include "pixels.h"
#include "yq/codestream.h"
#include "yq/uid.h"
}

namespace
{
const char room[] = "dcm";
const char deflated_frames[] = "1.2.840.10008.1.2.8.1";

// Who turns a codestream into pixels.
enum codec { CODEC_NONE, CODEC_INFLATE, CODEC_IMAGE_ROOM };

codec codec_of(const char *syntax)
{
    static const struct {
        const char *syntax;
        codec by;
    } table[] = {
        {YQ_TS_JPEG_BASELINE, CODEC_IMAGE_ROOM},
        {YQ_TS_JPEG_EXTENDED, CODEC_IMAGE_ROOM},
        {"1.2.840.10008.1.2.4.53", CODEC_IMAGE_ROOM}, // spectral selection, retired
        {"1.2.840.10008.1.2.4.55", CODEC_IMAGE_ROOM}, // full progression, retired
        {YQ_TS_JPEG_LOSSLESS, CODEC_IMAGE_ROOM},
        {YQ_TS_JPEG_LOSSLESS_SV1, CODEC_IMAGE_ROOM},
        {YQ_TS_JPEGLS_LOSSLESS, CODEC_IMAGE_ROOM},
        {YQ_TS_JPEGLS_NEAR, CODEC_IMAGE_ROOM},
        {YQ_TS_RLE, CODEC_IMAGE_ROOM},
        {deflated_frames, CODEC_INFLATE},
        {YQ_TS_J2K_LOSSLESS, CODEC_IMAGE_ROOM},
        {YQ_TS_J2K, CODEC_IMAGE_ROOM},
        {YQ_TS_HTJ2K_LOSSLESS, CODEC_IMAGE_ROOM},
        {YQ_TS_HTJ2K_LOSSLESS_RPCL, CODEC_IMAGE_ROOM},
        {YQ_TS_HTJ2K, CODEC_IMAGE_ROOM},
    };
    for (const auto &line : table)
        if (std::strcmp(line.syntax, syntax) == 0)
            return line.by;
    return CODEC_NONE;
}

// Whether it is a JPEG that image/ does not decode, whatever its file calls it.
bool is_deep_jpeg(const yq_buf &stream)
{
    yq_codestream said;
    (void)yq_codestream_read(stream.bytes, stream.length, &said);
    return said.kind == YQ_STREAM_JPEG && said.precision > 8;
}

void put_short(DcmDataset &dataset, const DcmTagKey &tag, unsigned value)
{
    dataset.putAndInsertUint16(tag, static_cast<Uint16>(value));
}

bool build(const yq_frame &facts, const char *syntax, const yq_buf &stream, DcmDataset &dataset)
{
    put_short(dataset, DCM_SamplesPerPixel, facts.samples);
    dataset.putAndInsertString(DCM_PhotometricInterpretation, facts.photometric);
    if (facts.samples > 1)
        put_short(dataset, DCM_PlanarConfiguration, facts.planar);
    put_short(dataset, DCM_Rows, facts.rows);
    put_short(dataset, DCM_Columns, facts.columns);
    put_short(dataset, DCM_BitsAllocated, facts.bits_allocated);
    put_short(dataset, DCM_BitsStored, facts.bits_stored);
    put_short(dataset, DCM_HighBit, facts.high_bit);
    put_short(dataset, DCM_PixelRepresentation, facts.is_signed);

    std::unique_ptr<DcmPixelSequence> sequence(new DcmPixelSequence(DCM_PixelSequenceTag));
    std::unique_ptr<DcmPixelItem> table(new DcmPixelItem(DCM_PixelItemTag));
    if (sequence->insert(table.get()).bad())
        return false;
    table.release();
    std::unique_ptr<DcmPixelItem> item(new DcmPixelItem(DCM_PixelItemTag));
    if (item->putUint8Array(stream.bytes, static_cast<unsigned long>(stream.length)).bad() ||
        sequence->insert(item.get()).bad())
        return false;
    item.release();
    std::unique_ptr<DcmPixelData> pixels(new DcmPixelData(DCM_PixelData));
    pixels->putOriginalRepresentation(DcmXfer(syntax).getXfer(), NULL, sequence.release());
    if (dataset.insert(pixels.get(), OFTrue).bad())
        return false;
    pixels.release();
    return true;
}

unsigned get_short(DcmDataset &dataset, const DcmTagKey &tag, unsigned otherwise)
{
    Uint16 value = 0;
    return dataset.findAndGetUint16(tag, value).good() ? value : otherwise;
}

// The pixels of the decoded dataset, and what decoding changed in its attributes.
bool take_decoded(DcmDataset &dataset, yq_frame &facts, yq_buf &out, yq_err *err)
{
    facts.bits_allocated = get_short(dataset, DCM_BitsAllocated, facts.bits_allocated);
    facts.bits_stored = get_short(dataset, DCM_BitsStored, facts.bits_stored);
    facts.high_bit = get_short(dataset, DCM_HighBit, facts.high_bit);
    facts.samples = get_short(dataset, DCM_SamplesPerPixel, facts.samples);
    facts.planar = get_short(dataset, DCM_PlanarConfiguration, facts.planar) == 1;
    OFString photometric;
    if (dataset.findAndGetOFString(DCM_PhotometricInterpretation, photometric).good())
        (void)yq_copy(facts.photometric, sizeof facts.photometric, photometric.c_str());

    DcmElement *element = NULL;
    Uint8 *bytes = NULL;
    Uint16 *words = NULL;
    if (dataset.findAndGetElement(DCM_PixelData, element).bad())
        return yq_fail(err, YQ_BAD_INPUT, room, "the frame cannot be decoded");
    size_t length = element->getLength();
    bool wide = element->getVR() == EVR_OW;
    bool there =
        wide ? element->getUint16Array(words).good() : element->getUint8Array(bytes).good();
    const void *pixels = wide ? static_cast<const void *>(words) : bytes;
    uint64_t cell = facts.bits_allocated / 8;
    uint64_t want = static_cast<uint64_t>(facts.rows) * facts.columns * facts.samples * cell;
    if (!there || !pixels || !cell || length < want)
        return yq_fail(err, YQ_BAD_INPUT, room, "the decoded frame is smaller than it should be");
    yq_buf_put(&out, pixels, static_cast<size_t>(want));
    return !out.failed || yq_fail(err, YQ_FULL, room, "no memory for a frame");
}

bool decode(const char *syntax, const yq_buf &stream, yq_frame &facts, yq_buf &out, yq_err *err)
{
    DcmDataset dataset;
    if (!build(facts, syntax, stream, dataset))
        return yq_fail(err, YQ_BAD_INPUT, room, "the frame cannot be prepared for decoding");
    OFCondition result = dataset.chooseRepresentation(EXS_LittleEndianExplicit, NULL);
    if (result.bad())
        return yq_fail(err, YQ_BAD_INPUT, room, "the frame cannot be decoded (DCMTK %u:%u)",
                       result.module(), result.code());
    return take_decoded(dataset, facts, out, err);
}

// Takes the codestream out of the frame and puts the pixels in its place.
bool replace(yq_frame &frame, codec by, yq_err *err)
{
    yq_cleanup(yq_buf_fini) struct yq_buf stream = frame.pixels;
    frame.pixels = {};
    frame.codestream_syntax[0] = '\0';
    if (by != CODEC_INFLATE)
        return decode(YQ_TS_JPEG_EXTENDED, stream, frame, frame.pixels, err);
    uint64_t bits =
        static_cast<uint64_t>(frame.rows) * frame.columns * frame.samples * frame.bits_allocated;
    return yq_stream_inflate(&stream, (bits + 7) / 8, &frame.pixels, err);
}
} // namespace

extern "C" bool yq_frame_decode(struct yq_frame *frame, struct yq_err *err)
{
    codec by = codec_of(frame->codestream_syntax);
    if (by == CODEC_NONE)
        return yq_fail(err, YQ_REFUSED, room, "no decoder for transfer syntax %s",
                       frame->codestream_syntax);
    if (by == CODEC_IMAGE_ROOM && !is_deep_jpeg(frame->pixels))
        return true;
    if (by == CODEC_IMAGE_ROOM && !yq_stream_fits(frame, &frame->pixels, err))
        return false;
    try {
        return replace(*frame, by, err);
    } catch (...) {
        return yq_fail(err, YQ_FULL, room, "no memory to decode a frame");
    }
}

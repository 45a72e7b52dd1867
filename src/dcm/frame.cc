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
#include <utility>

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

bool read_compressed(yq_pixels *pixels, unsigned number, uint64_t most, yq_buf *out, yq_err *err)
{
    const char *syntax = pixels->part10.transfer_syntax;
    yq_frame &facts = pixels->facts;
    codec by = codec_of(syntax);
    if (std::strcmp(syntax, YQ_TS_EXPLICIT_LE) == 0)
        return yq_fail(err, YQ_BAD_INPUT, room,
                       "the pixel data come in fragments although the transfer syntax has none");
    if (by == CODEC_NONE)
        return yq_fail(err, YQ_REFUSED, room, "no decoder for transfer syntax %s", syntax);
    uint64_t size = yq_pixels_frame_bytes(pixels);
    if (size > most)
        return yq_fail(err, YQ_FULL, room, "one frame takes %llu bytes",
                       static_cast<unsigned long long>(size));
    yq_cleanup(yq_buf_fini) struct yq_buf stream = {};
    if (!yq_pixels_index(pixels, err) || !yq_pixels_gather(pixels, number, most, &stream, err))
        return false;
    if (by == CODEC_INFLATE)
        return yq_pixels_inflate(&stream, size, out, err);
    if (is_deep_jpeg(stream))
        return yq_pixels_jpeg_fits(&facts, &stream, err) &&
               decode(YQ_TS_JPEG_EXTENDED, stream, facts, *out, err);
    std::swap(*out, stream);
    return yq_copy(facts.codestream_syntax, sizeof facts.codestream_syntax, syntax);
}

bool read_frame(yq_pixels *pixels, unsigned number, uint64_t most, yq_frame *out, yq_err *err)
{
    if (!yq_pixels_check(pixels, err))
        return false;
    if (number >= pixels->facts.frames)
        return yq_fail(err, YQ_ABSENT, room, "the object has %u frames", pixels->facts.frames);
    bool fine = pixels->encapsulated ? read_compressed(pixels, number, most, &out->pixels, err)
                                     : yq_pixels_plain(pixels, number, most, &out->pixels, err);
    if (!fine)
        return false;
    yq_buf bytes = out->pixels;
    *out = pixels->facts; // with what it owns
    out->pixels = bytes;
    std::memset(&pixels->facts, 0, sizeof pixels->facts);
    return true;
}
} // namespace

extern "C" bool yq_dcm_read_frame(int fd, unsigned number, uint64_t most, struct yq_frame *out,
                                  struct yq_err *err)
{
    std::memset(out, 0, sizeof *out);
    struct yq_pixels pixels;
    if (!yq_pixels_open(fd, number, &pixels, err))
        return false;
    bool fine = false;
    try {
        fine = read_frame(&pixels, number, most, out, err);
    } catch (...) {
        yq_fail(err, YQ_FULL, room, "no memory to decode a frame");
    }
    yq_pixels_close(&pixels);
    if (!fine)
        yq_frame_fini(out);
    return fine;
}

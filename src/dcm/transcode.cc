// transcode.cc: an object in another transfer syntax, by DCMTK's codecs. PS3.5 8.2, annex A.
//
// Before DCMTK sees the object our scanner has been through it: nesting (DCMTK recurses), the
// number of elements (each becomes an object in memory), what a deflated dataset inflates to.
// Frames are gathered and their headers compared with the attributes here, and given to DCMTK one
// fragment a frame. Values longer than 4 KB stay in the file until they are written. Never loses
// anything unless the target itself is lossy. Thread-safe.
#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcistrmf.h>
#include <dcmtk/dcmdata/dcostrma.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrlerp.h>
#include <dcmtk/dcmdata/dcwcache.h>
#include <dcmtk/dcmdata/dcxfer.h>
#include <dcmtk/dcmjpeg/djrplol.h>
#include <dcmtk/dcmjpeg/djrploss.h>
#include <dcmtk/dcmjpls/djrparam.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

extern "C" {
#include "pixels.h"
#include "yq/file.h"
#include "yq/uid.h"
}

namespace
{
const char room[] = "dcm";
const unsigned depth_most = 64;
const size_t icon_most = 4 << 20;
const uint64_t elements_most = 1000 * 1000;
const uint64_t beside_pixels_most = 64ull << 20; // of a deflated dataset, which is kept in memory

// ---- what can be done ----

enum ability { PLAIN = 1, DECODES = 2, ENCODES = 4, LOSSY = 8, JPEG = 16 };

int abilities(const char *syntax)
{
    static const struct {
        const char *syntax;
        int can;
    } table[] = {
        {YQ_TS_IMPLICIT_LE, PLAIN},
        {YQ_TS_EXPLICIT_LE, PLAIN},
        {YQ_TS_EXPLICIT_BE, PLAIN},
        {YQ_TS_DEFLATED, PLAIN},
        {YQ_TS_RLE, DECODES | ENCODES},
        {YQ_TS_JPEG_BASELINE, DECODES | ENCODES | LOSSY | JPEG},
        {YQ_TS_JPEG_EXTENDED, DECODES | LOSSY | JPEG},
        {"1.2.840.10008.1.2.4.53", DECODES | LOSSY | JPEG},
        {"1.2.840.10008.1.2.4.55", DECODES | LOSSY | JPEG},
        {YQ_TS_JPEG_LOSSLESS, DECODES | ENCODES | JPEG},
        {YQ_TS_JPEG_LOSSLESS_SV1, DECODES | ENCODES | JPEG},
        {YQ_TS_JPEGLS_LOSSLESS, DECODES | ENCODES | JPEG},
        {YQ_TS_JPEGLS_NEAR, DECODES | LOSSY | JPEG},
    };
    for (const auto &line : table)
        if (std::strcmp(line.syntax, syntax) == 0)
            return line.can;
    return 0;
}

std::unique_ptr<DcmRepresentationParameter> parameter_for(E_TransferSyntax syntax)
{
    switch (syntax) {
    case EXS_JPEGProcess1: return std::unique_ptr<DcmRepresentationParameter>(new DJ_RPLossy(90));
    case EXS_JPEGProcess14:
    case EXS_JPEGProcess14SV1:
        return std::unique_ptr<DcmRepresentationParameter>(new DJ_RPLossless(1, 0));
    case EXS_JPEGLSLossless:
        return std::unique_ptr<DcmRepresentationParameter>(new DJLSRepresentationParameter());
    case EXS_RLELossless:
        return std::unique_ptr<DcmRepresentationParameter>(new DcmRLERepresentationParameter());
    default: return nullptr;
    }
}

// ---- looking before leaping ----

// Whether DCMTK can be given this dataset without harm.
bool inspect(int fd, const yq_part10 &part10, uint64_t most, yq_err *err)
{
    yq_cleanup(yq_scan_cleanup) struct yq_scan *scan = NULL;
    if (!yq_scan_open_fd(fd, part10.dataset_offset, part10.transfer_syntax, &scan, err))
        return false;
    bool deflated = yq_layout_of(part10.transfer_syntax) == YQ_LAYOUT_DEFLATED;
    yq_element element;
    uint64_t count = 0;
    while (yq_scan_next(scan, &element, err)) {
        if (++count > elements_most)
            return yq_fail(err, YQ_FULL, room, "the dataset has more than a million elements");
        if (yq_scan_deepest(scan) > depth_most)
            return yq_fail(err, YQ_REFUSED, room, "sequences are nested deeper than %u levels",
                           depth_most);
        if (deflated && yq_scan_position(scan) + element.length > most + beside_pixels_most &&
            element.length != 0xffffffff)
            return yq_fail(err, YQ_FULL, room, "the deflated dataset is too large");
    }
    return err->code == YQ_OK;
}

// Whether the pixels are what the attributes say, as far as encoders and decoders rely on it.
bool pixels_allow(const yq_pixels &pixels, const char *to, uint64_t most, yq_err *err)
{
    bool from_plain = abilities(pixels.part10.transfer_syntax) & PLAIN;
    bool to_plain = abilities(to) & PLAIN;
    if (!from_plain && pixels.there && !pixels.encapsulated)
        return yq_fail(err, YQ_BAD_INPUT, room,
                       "the pixel data are plain although the transfer syntax is a compressed one");
    if (from_plain && pixels.encapsulated)
        return yq_fail(err, YQ_BAD_INPUT, room,
                       "the pixel data come in fragments although the transfer syntax has none");
    if (from_plain && to_plain) {
        if (pixels.there && pixels.element.length > most)
            return yq_fail(err, YQ_FULL, room, "the pixel data take %u bytes",
                           pixels.element.length);
        return true;
    }
    if (!yq_pixels_check(&pixels, err)) {
        if (err->code == YQ_ABSENT)
            err->code = YQ_REFUSED; // without pixels there is nothing to compress
        return false;
    }
    if (pixels.facts.bits_allocated != 8 && (abilities(to) & LOSSY))
        return yq_fail(err, YQ_REFUSED, room,
                       "only pixels of eight bits can be compressed lossily");
    if (pixels.facts.bits_allocated == 1 || pixels.packed || pixels.facts.is_float)
        return yq_fail(err, YQ_REFUSED, room, "such pixels cannot be compressed");
    uint64_t frame = yq_pixels_frame_bytes(&pixels);
    if (frame > most / pixels.facts.frames)
        return yq_fail(err, YQ_FULL, room, "%u frames of %llu bytes are too many",
                       pixels.facts.frames, static_cast<unsigned long long>(frame));
    if (from_plain && pixels.element.length < frame * pixels.facts.frames)
        return yq_fail(err, YQ_BAD_INPUT, room,
                       "the pixel data are shorter than rows, columns and frames say");
    return true;
}

// ---- DCMTK's streams ----

// Collects what DCMTK writes in small pieces.
class DescriptorConsumer : public DcmConsumer
{
  public:
    explicit DescriptorConsumer(int fd) : fd_(fd), failed_(false) { buffer_.reserve(capacity); }
    OFBool good() const override { return !failed_; }
    OFCondition status() const override { return failed_ ? EC_InvalidStream : EC_Normal; }
    OFBool isFlushed() const override { return buffer_.empty(); }
    offile_off_t avail() const override { return 1 << 30; }
    offile_off_t write(const void *bytes, offile_off_t length) override
    {
        if (failed_ || length <= 0)
            return 0;
        if (buffer_.size() + static_cast<size_t>(length) > capacity)
            flush();
        if (!failed_ && static_cast<size_t>(length) >= capacity)
            failed_ = !yq_write_all(fd_, bytes, static_cast<size_t>(length), &error);
        else
            buffer_.append(static_cast<const char *>(bytes), static_cast<size_t>(length));
        return failed_ ? 0 : length;
    }
    void flush() override
    {
        if (!failed_ && !buffer_.empty())
            failed_ = !yq_write_all(fd_, buffer_.data(), buffer_.size(), &error);
        buffer_.clear();
    }
    yq_err error = {};

  private:
    static const size_t capacity = 64 * 1024;
    int fd_;
    bool failed_;
    std::string buffer_;
};

class DescriptorStream : public DcmOutputStream
{
  public:
    explicit DescriptorStream(DcmConsumer *consumer) : DcmOutputStream(consumer) {}
};

// ---- the steps ----

bool fail_with(yq_err *err, const char *doing, const OFCondition &result)
{
    yq_code code = result == EC_MemoryExhausted ? YQ_FULL : YQ_BAD_INPUT;
    return yq_fail(err, code, room, "the object cannot be %s (DCMTK %u:%u)", doing, result.module(),
                   result.code());
}

bool load(int fd, const yq_part10 &part10, DcmDataset &dataset, yq_err *err)
{
    char path[64]; // DCMTK opens by name, and again for every value that it left in the file
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    DcmInputFileStream stream(path, 0);
    // Skipped, not opened there: DCMTK counts from where it opened when it comes back for a value.
    offile_off_t offset = static_cast<offile_off_t>(part10.dataset_offset);
    if (!stream.good() || (offset && stream.skip(offset) != offset))
        return yq_fail(err, YQ_IO, room, "cannot open an object by its descriptor");
    dataset.transferInit();
    OFCondition result =
        dataset.read(stream, DcmXfer(part10.transfer_syntax).getXfer(), EGL_noChange);
    dataset.transferEnd();
    return result.good() || fail_with(err, "read", result);
}

// A pixel sequence with an empty offset table.
std::unique_ptr<DcmPixelSequence> new_sequence()
{
    std::unique_ptr<DcmPixelSequence> sequence(new DcmPixelSequence(DCM_PixelSequenceTag));
    std::unique_ptr<DcmPixelItem> table(new DcmPixelItem(DCM_PixelItemTag));
    if (sequence->insert(table.get()).bad())
        throw std::bad_alloc();
    table.release();
    return sequence;
}

void append_fragment(DcmPixelSequence &sequence, const yq_buf &stream)
{
    std::unique_ptr<DcmPixelItem> item(new DcmPixelItem(DCM_PixelItemTag));
    if (item->putUint8Array(stream.bytes, static_cast<unsigned long>(stream.length)).bad() ||
        sequence.insert(item.get()).bad())
        throw std::bad_alloc(); // the only reason
    item.release();
}

// Puts the frames, checked and one fragment each, in the place of the fragments as sent.
bool replace_fragments(yq_pixels &pixels, bool jpeg, uint64_t most, DcmDataset &dataset,
                       yq_err *err)
{
    if (!yq_pixels_index(&pixels, err))
        return false;
    std::unique_ptr<DcmPixelSequence> sequence = new_sequence();
    uint64_t left = most;
    for (unsigned i = 0; i < pixels.facts.frames; i++) {
        yq_cleanup(yq_buf_fini) struct yq_buf stream = {};
        if (!yq_pixels_gather(&pixels, i, left, &stream, err) ||
            (jpeg && !yq_stream_fits(&pixels.facts, &stream, err)))
            return false;
        left -= stream.length;
        append_fragment(*sequence, stream);
    }
    std::unique_ptr<DcmPixelData> element(new DcmPixelData(DCM_PixelData));
    element->putOriginalRepresentation(DcmXfer(pixels.part10.transfer_syntax).getXfer(), NULL,
                                       sequence.release());
    OFCondition result = dataset.insert(element.get(), OFTrue);
    if (result.bad())
        return fail_with(err, "decoded", result);
    element.release();
    return true;
}

// Only the image itself; icons stay plain, as they may in any transfer syntax.
OFCondition represent(DcmDataset &dataset, E_TransferSyntax syntax)
{
    DcmElement *element = NULL;
    OFCondition result = dataset.findAndGetElement(DCM_PixelData, element);
    if (result.bad())
        return result;
    DcmPixelData *pixels = dynamic_cast<DcmPixelData *>(element);
    if (!pixels)
        return EC_CannotChangeRepresentation;
    auto parameter = parameter_for(syntax);
    DcmStack stack;
    stack.push(&dataset);
    stack.push(pixels);
    result = pixels->chooseRepresentation(syntax, parameter.get(), stack);
    if (result.good())
        pixels->removeAllButCurrentRepresentations();
    return result;
}

// The stack of each icon image's pixel data (PS3.3 C.7.6.1.1.6): dataset, sequence, item, pixels.
std::vector<DcmStack> icons_of(DcmDataset &dataset)
{
    std::vector<DcmStack> icons;
    DcmStack stack;
    while (dataset.search(DCM_PixelData, stack, ESM_afterStackTop, OFTrue).good())
        if (stack.card() > 2)
            icons.push_back(stack);
    return icons;
}

unsigned short_of(DcmItem &item, const DcmTagKey &tag)
{
    Uint16 value = 0;
    return item.findAndGetUint16(tag, value).good() ? value : 0;
}

// The fragments of a compressed icon in one piece.
OFCondition gather_icon(DcmPixelSequence &sequence, yq_buf &stream)
{
    OFCondition result = EC_Normal;
    for (unsigned long i = 1; result.good() && i < sequence.card(); i++) {
        DcmPixelItem *item = NULL;
        Uint8 *bytes = NULL;
        result = sequence.getItem(item, i);
        if (result.good())
            result = item->getUint8Array(bytes);
        if (result.good() && bytes)
            yq_buf_put(&stream, bytes, item->getLength());
    }
    return stream.failed ? EC_MemoryExhausted : result;
}

bool decode_icon(DcmStack &stack, bool jpeg, yq_err *err)
{
    DcmPixelData *pixels = dynamic_cast<DcmPixelData *>(stack.top());
    DcmItem *item = dynamic_cast<DcmItem *>(stack.elem(1));
    if (!pixels || !item)
        return yq_fail(err, YQ_BAD_INPUT, room, "an icon image is broken");
    E_TransferSyntax syntax = EXS_Unknown;
    const DcmRepresentationParameter *parameter = NULL;
    DcmPixelSequence *sequence = NULL;
    pixels->getOriginalRepresentationKey(syntax, parameter);
    if (!DcmXfer(syntax).isEncapsulated())
        return true;
    yq_cleanup(yq_buf_fini) struct yq_buf stream = {};
    stream.most = icon_most;
    OFCondition result = pixels->getEncapsulatedRepresentation(syntax, parameter, sequence);
    if (result.good())
        result = gather_icon(*sequence, stream);
    if (result.bad())
        return fail_with(err, "decoded", result);
    yq_frame facts = {};
    facts.rows = short_of(*item, DCM_Rows);
    facts.columns = short_of(*item, DCM_Columns);
    facts.samples = short_of(*item, DCM_SamplesPerPixel);
    facts.bits_allocated = short_of(*item, DCM_BitsAllocated);
    uint64_t size = static_cast<uint64_t>(facts.rows) * facts.columns * facts.samples;
    if (facts.samples > 3 || facts.bits_allocated > 16 || size > icon_most)
        return yq_fail(err, YQ_REFUSED, room, "an icon image is too large");
    if (jpeg && !yq_stream_fits(&facts, &stream, err))
        return false;
    auto whole = new_sequence();
    append_fragment(*whole, stream);
    pixels->putOriginalRepresentation(syntax, NULL, whole.release());
    result = pixels->chooseRepresentation(EXS_LittleEndianExplicit, NULL, stack);
    pixels->removeAllButCurrentRepresentations();
    return result.good() || fail_with(err, "decoded", result);
}

void keep_icons_plain(DcmDataset &dataset)
{
    for (DcmStack &stack : icons_of(dataset))
        if (DcmPixelData *icon = dynamic_cast<DcmPixelData *>(stack.top()))
            icon->setNonEncapsulationFlag(OFTrue);
}

bool recode(yq_pixels &pixels, const char *to, uint64_t most, DcmDataset &dataset, yq_err *err)
{
    int from_can = abilities(pixels.part10.transfer_syntax), to_can = abilities(to);
    if (!(from_can & PLAIN)) {
        if (!replace_fragments(pixels, from_can & JPEG, most, dataset, err))
            return false;
        OFCondition result = represent(dataset, EXS_LittleEndianExplicit);
        if (result.bad())
            return fail_with(err, "decoded", result);
        for (DcmStack &stack : icons_of(dataset))
            if (!decode_icon(stack, from_can & JPEG, err))
                return false;
    }
    if (!(to_can & PLAIN)) {
        keep_icons_plain(dataset);
        OFCondition result = represent(dataset, DcmXfer(to).getXfer());
        if (result.bad()) {
            fail_with(err, "compressed", result);
            err->code = err->code == YQ_FULL ? YQ_FULL : YQ_REFUSED; // the encoder's limits
            return false;
        }
    }
    return true;
}

void uid_of(DcmDataset &dataset, const DcmTagKey &tag, const char *otherwise, char *uid)
{
    OFString value;
    bool there = dataset.findAndGetOFString(tag, value).good() && !value.empty();
    (void)yq_copy(uid, YQ_UID_SIZE, there ? value.c_str() : otherwise);
}

bool save(DcmDataset &dataset, const yq_part10 &part10, const char *to, int out_fd, yq_err *err)
{
    E_TransferSyntax syntax = DcmXfer(to).getXfer();
    if (!dataset.canWriteXfer(syntax))
        return yq_fail(err, YQ_REFUSED, room, "the object cannot be written in %s", to);
    char sop_class[YQ_UID_SIZE], instance[YQ_UID_SIZE];
    uid_of(dataset, DCM_SOPClassUID, part10.sop_class, sop_class);
    uid_of(dataset, DCM_SOPInstanceUID, part10.sop_instance, instance);
    yq_cleanup(yq_buf_fini) struct yq_buf meta = {};
    yq_part10_write(&meta, sop_class, instance, to);
    if (meta.failed)
        return yq_fail(err, YQ_FULL, room, "no memory for file meta information");
    if (!yq_write_all(out_fd, meta.bytes, meta.length, err))
        return false;

    DescriptorConsumer consumer(out_fd);
    OFCondition result;
    {
        DescriptorStream stream(&consumer);
        DcmWriteCache cache;
        dataset.transferInit();
        result = dataset.write(stream, syntax, EET_UndefinedLength, &cache, EGL_recalcGL);
        dataset.transferEnd();
        stream.flush(); // ends the deflated stream, too
    }
    consumer.flush();
    if (!consumer.good()) {
        *err = consumer.error;
        return false;
    }
    return result.good() || fail_with(err, "written", result);
}

bool transcode(int fd, yq_pixels &pixels, const char *to, uint64_t most, int out_fd, yq_err *err)
{
    const char *from = pixels.part10.transfer_syntax;
    int from_can = abilities(from), to_can = abilities(to);
    if (!(from_can & (PLAIN | DECODES)))
        return yq_fail(err, YQ_REFUSED, room, "no decoder for transfer syntax %s yet", from);
    if (!(to_can & (PLAIN | ENCODES)))
        return yq_fail(err, YQ_REFUSED, room, "no encoder for transfer syntax %s yet", to);
    bool from_plain = from_can & PLAIN, to_plain = to_can & PLAIN;
    if (!pixels_allow(pixels, to, most, err) || !inspect(fd, pixels.part10, most, err))
        return false;
    DcmDataset dataset;
    return load(fd, pixels.part10, dataset, err) &&
           ((from_plain && to_plain) || recode(pixels, to, most, dataset, err)) &&
           save(dataset, pixels.part10, to, out_fd, err);
}
} // namespace

extern "C" {

bool yq_dcm_can_transcode(const char *from, const char *to)
{
    int from_can = abilities(from), to_can = abilities(to);
    return (from_can & (PLAIN | DECODES)) && (to_can & (PLAIN | ENCODES)) && !(to_can & LOSSY);
}

bool yq_dcm_transcode(int fd, const char *to, uint64_t most, int out_fd, struct yq_err *err)
{
    struct yq_pixels pixels;
    if (!yq_pixels_open(fd, &pixels, err))
        return false;
    bool fine = false;
    try {
        fine = transcode(fd, pixels, to, most, out_fd, err);
    } catch (...) {
        yq_fail(err, YQ_FULL, room, "no memory to transcode an object");
    }
    yq_pixels_close(&pixels);
    return fine;
}
}

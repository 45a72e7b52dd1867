/* j2k.c: decodes one JPEG 2000 or HTJ2K frame, by OpenJPEG. ISO/IEC 15444-1 annex A, PS3.5 A.4.4.
 *
 * OpenJPEG allocates from the codestream's size marker before it can be asked, so that marker has
 * been read before (yq_codestream_read) and has to agree with the dataset. A JP2 file where a bare
 * codestream should be (not conformant, but met) is opened up. A codestream that is cut off is
 * refused: half an image must not look like a whole one. The multiple component transformation is
 * undone by OpenJPEG, so what carried one is RGB, whatever the dataset calls it. Thread-safe. */
#include <openjpeg.h>
#include <string.h>

#include "asserts.h"
#include "codec.h"

#define ROOM "image"

struct stream { /* a codestream in memory */
    const uint8_t *bytes;
    size_t length, at;
};

static OPJ_SIZE_T read_stream(void *to, OPJ_SIZE_T count, void *user)
{
    struct stream *s = user;
    size_t left = s->length - s->at;
    if (!left)
        return (OPJ_SIZE_T)-1;
    if (count > left)
        count = left;
    memcpy(to, s->bytes + s->at, count);
    s->at += count;
    return count;
}

static OPJ_OFF_T skip_stream(OPJ_OFF_T count, void *user)
{
    struct stream *s = user;
    size_t left = s->length - s->at;
    if (count < 0)
        return -1;
    if ((uint64_t)count > left)
        count = (OPJ_OFF_T)left;
    s->at += (size_t)count;
    return count;
}

static OPJ_BOOL seek_stream(OPJ_OFF_T to, void *user)
{
    struct stream *s = user;
    if (to < 0 || (uint64_t)to > s->length)
        return OPJ_FALSE;
    s->at = (size_t)to;
    return OPJ_TRUE;
}

static void say_nothing(const char *text, void *user)
{
    (void)text;
    (void)user;
}

void yq_j2k_silence(void *codec)
{
    opj_set_info_handler(codec, say_nothing, NULL);
    opj_set_warning_handler(codec, say_nothing, NULL);
    opj_set_error_handler(codec, say_nothing, NULL);
}

/* ---- OpenJPEG's components to samples ---- */

struct range {
    int64_t least, greatest;
};

static struct range range_of(const int32_t *values, size_t count)
{
    int32_t least = values[0], greatest = values[0];
    for (size_t i = 1; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        greatest = values[i] > greatest ? values[i] : greatest;
    }
    return (struct range){least, greatest};
}

/* One component into every `step`-th cell. */
static void put_cells(const int32_t *from, size_t count, unsigned bytes, unsigned step, void *to)
{
    if (bytes == 1) {
        uint8_t *out = to;
        for (size_t i = 0; i < count; i++)
            out[i * step] = (uint8_t)from[i];
    } else if (bytes == 2) {
        uint16_t *out = to;
        for (size_t i = 0; i < count; i++)
            out[i * step] = (uint16_t)from[i];
    } else {
        uint32_t *out = to;
        for (size_t i = 0; i < count; i++)
            out[i * step] = (uint32_t)from[i];
    }
}

/* A component with fewer samples than the image has: each stands for several pixels. */
static bool widen(opj_image_comp_t *comp, unsigned rows, unsigned columns, struct yq_err *err)
{
    size_t pixels = (size_t)rows * columns;
    int32_t *wide = opj_image_data_alloc(pixels * sizeof *wide);
    if (!wide)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    for (unsigned y = 0; y < rows; y++) {
        const int32_t *from = comp->data + (size_t)((uint64_t)y * comp->h / rows) * comp->w;
        for (unsigned x = 0; x < columns; x++)
            wide[(size_t)y * columns + x] = from[(uint64_t)x * comp->w / columns];
    }
    opj_image_data_free(comp->data);
    comp->data = wide;
    comp->w = columns;
    comp->h = rows;
    return true;
}

/* All components of the first one's size. Colour that is subsampled is luminance and colour
 * differences. */
static bool align(opj_image_t *image, struct yq_frame *plain, struct yq_err *err)
{
    opj_image_comp_t *first = &image->comps[0];
    for (unsigned c = 0; c < image->numcomps; c++) {
        opj_image_comp_t *comp = &image->comps[c];
        if (!comp->data || !comp->w || !comp->h || !comp->prec || comp->prec > 32 ||
            comp->prec != first->prec || comp->sgnd != first->sgnd || comp->w > first->w ||
            comp->h > first->h)
            return yq_fail(err, YQ_REFUSED, ROOM,
                           "components of unlike precision or sign cannot be shown");
        if ((comp->w != first->w || comp->h != first->h) && !widen(comp, first->h, first->w, err))
            return false;
    }
    plain->rows = first->h;
    plain->columns = first->w;
    return true;
}

/* Where only the dataset says signed, the stream carries the same bits without saying it. */
static void extend_sign(opj_image_comp_t *comp, size_t pixels)
{
    unsigned up = 32 - comp->prec;
    for (size_t i = 0; i < pixels; i++)
        comp->data[i] = (int32_t)((uint32_t)comp->data[i] << up) >> up;
}

static bool pack(opj_image_t *image, struct yq_frame *plain, struct yq_err *err)
{
    opj_image_comp_t *first = &image->comps[0];
    if (!align(image, plain, err))
        return false;
    struct yq_decoded decoded = {.bytes = yq_codec_cell(plain, first->prec),
                                 .precision = first->prec,
                                 .is_signed = first->sgnd || plain->is_signed};
    unsigned count = image->numcomps;
    size_t pixels = (size_t)plain->rows * plain->columns;
    uint8_t *to = yq_buf_room(&plain->pixels, pixels * count * decoded.bytes);
    if (!to)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a frame");
    for (unsigned c = 0; c < count; c++) {
        opj_image_comp_t *comp = &image->comps[c];
        if (decoded.is_signed && !comp->sgnd)
            extend_sign(comp, pixels);
        put_cells(comp->data, pixels, decoded.bytes, count, to + (size_t)c * decoded.bytes);
    }
    if (count == 1) {
        struct range range = range_of(first->data, pixels);
        decoded.least = range.least;
        decoded.greatest = range.greatest;
    }
    yq_codec_settle(plain, &decoded);
    plain->planar = false;
    return true;
}

/* ---- running OpenJPEG ---- */

struct job {
    opj_codec_t *codec;
    opj_stream_t *stream;
    const struct yq_frame *frame;
    unsigned reduce;
    opj_image_t *image;
    const char *wrong; /* said where it fails */
};

static bool run(void *user)
{
    struct job *job = user;
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    parameters.cp_reduce = job->reduce;
    yq_j2k_silence(job->codec);
    if (!opj_setup_decoder(job->codec, &parameters) ||
        !opj_read_header(job->stream, job->codec, &job->image) || !job->image)
        return false;
    job->wrong = "the compressed frame has another size than the dataset says";
    if (job->image->numcomps != job->frame->samples)
        return false;
    job->wrong = "the JPEG 2000 frame cannot be decoded";
    return opj_decode(job->codec, job->stream, job->image) &&
           opj_end_decompress(job->codec, job->stream);
}

static bool decode(const struct yq_frame *coded, size_t start, unsigned reduce,
                   struct yq_frame *plain, struct yq_err *err)
{
    struct stream source = {.bytes = coded->pixels.bytes + start,
                            .length = coded->pixels.length - start};
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
    opj_image_t *image = NULL;
    bool fine = codec && stream;
    if (fine) {
        opj_stream_set_user_data(stream, &source, NULL);
        opj_stream_set_user_data_length(stream, source.length);
        opj_stream_set_read_function(stream, read_stream);
        opj_stream_set_skip_function(stream, skip_stream);
        opj_stream_set_seek_function(stream, seek_stream);
        struct job job = {codec, stream, coded, reduce, NULL, "the JPEG 2000 header is broken"};
        fine = yq_despite_asserts(run, &job) || yq_fail(err, YQ_BAD_INPUT, ROOM, "%s", job.wrong);
        image = job.image;
        fine = fine && pack(image, plain, err);
    } else {
        yq_fail(err, YQ_FULL, ROOM, "no memory to decode a frame");
    }
    opj_image_destroy(image);
    if (stream)
        opj_stream_destroy(stream);
    if (codec)
        opj_destroy_codec(codec);
    return fine;
}

bool yq_j2k_decode(const struct yq_frame *coded, unsigned reduce, uint64_t most,
                   struct yq_frame *plain, struct yq_err *err)
{
    struct yq_codestream said;
    if (!yq_codestream_read(coded->pixels.bytes, coded->pixels.length, &said) ||
        said.kind != YQ_STREAM_J2K)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the frame is no JPEG 2000 codestream");
    if (!yq_codec_fits(coded, &said, most, err) ||
        !decode(coded, said.start, reduce < said.levels ? reduce : said.levels, plain, err))
        return false;
    const char *photometric = NULL;
    if (plain->samples == 3 && strncmp(plain->photometric, "YBR_", 4) == 0)
        photometric = said.colour_transform || strncmp(plain->photometric, "YBR_FULL", 8) != 0
                          ? "RGB"
                          : "YBR_FULL";
    if (photometric)
        (void)yq_copy(plain->photometric, sizeof plain->photometric, photometric);
    return true;
}

/* j2k_encode.c: frames as JPEG 2000 codestreams and pictures as JP2 files, by OpenJPEG. ISO/IEC
 * 15444-1; PS3.5 8.2.4, A.4.4; PS3.3 C.7.6.3.1.2.
 *
 * Without loss: reversible 5/3 wavelet, RGB as YBR_RCT; with loss: 9/7, RGB as YBR_ICT. OpenJPEG
 * computes in 32 bits, which samples of 24 bits overflow: those of more than BITS_MOST are refused.
 * Thread-safe. */
#include <openjpeg.h>
#include <string.h>

#include "asserts.h"
#include "codec.h"
#include "yq/uid.h"

#define ROOM "image"

enum { BITS_MOST = 20, LEVELS = 5 };

/* ---- OpenJPEG's stream into a yq_buf ---- */

struct sink {
    struct yq_buf *out;
    size_t begun, at; /* `at` counts from `begun` */
};

static bool reach(struct sink *s, size_t to)
{
    size_t have = s->out->length - s->begun;
    return to <= have || yq_buf_room(s->out, to - have);
}

static OPJ_SIZE_T write_sink(void *from, OPJ_SIZE_T count, void *user)
{
    struct sink *s = user;
    if (!reach(s, s->at + count))
        return (OPJ_SIZE_T)-1;
    memcpy(s->out->bytes + s->begun + s->at, from, count);
    s->at += count;
    return count;
}

static OPJ_OFF_T skip_sink(OPJ_OFF_T count, void *user)
{
    struct sink *s = user;
    if (count < 0 || !reach(s, s->at + (size_t)count))
        return -1;
    s->at += (size_t)count;
    return count;
}

static OPJ_BOOL seek_sink(OPJ_OFF_T to, void *user)
{
    struct sink *s = user;
    if (to < 0 || !reach(s, (size_t)to))
        return OPJ_FALSE;
    s->at = (size_t)to;
    return OPJ_TRUE;
}

/* ---- encoding ---- */

struct job {
    const uint8_t *pixels; /* colour by pixel */
    unsigned rows, columns, samples, cell, precision;
    bool is_signed, rgb;
    double ratio; /* in OpenJPEG's count, of `precision` bits a sample; 0: without loss */
    OPJ_CODEC_FORMAT format;
};

static void take_cells(const struct job *job, unsigned sample, int32_t *to)
{
    size_t pixels = (size_t)job->rows * job->columns, step = (size_t)job->samples * job->cell;
    const uint8_t *p = job->pixels + (size_t)sample * job->cell;
    for (size_t i = 0; i < pixels; i++, p += step) {
        switch (job->cell) {
        case 1: to[i] = job->is_signed ? (int8_t)*p : *p; break;
        case 2: to[i] = job->is_signed ? (int16_t)yq_le16(p) : yq_le16(p); break;
        default: to[i] = (int32_t)yq_le32(p); break;
        }
    }
}

static opj_image_t *make_image(const struct job *job)
{
    opj_image_cmptparm_t parameters[3];
    memset(parameters, 0, sizeof parameters);
    for (unsigned s = 0; s < job->samples; s++)
        parameters[s] = (opj_image_cmptparm_t){.dx = 1,
                                               .dy = 1,
                                               .w = job->columns,
                                               .h = job->rows,
                                               .prec = job->precision,
                                               .bpp = job->precision,
                                               .sgnd = job->is_signed};
    opj_image_t *image = opj_image_create(job->samples, parameters,
                                          job->samples == 1 ? OPJ_CLRSPC_GRAY
                                          : job->rgb        ? OPJ_CLRSPC_SRGB
                                                            : OPJ_CLRSPC_SYCC);
    if (!image)
        return NULL;
    image->x1 = job->columns;
    image->y1 = job->rows;
    for (unsigned s = 0; s < job->samples; s++)
        take_cells(job, s, image->comps[s].data);
    return image;
}

static void set_parameters(const struct job *job, opj_cparameters_t *p)
{
    opj_set_default_encoder_parameters(p);
    p->tcp_numlayers = 1;
    p->cp_disto_alloc = 1;
    p->irreversible = job->ratio > 0;
    p->tcp_rates[0] = job->ratio > 0 ? (float)job->ratio : 0;
    p->tcp_mct = job->rgb;
    unsigned side = job->rows < job->columns ? job->rows : job->columns;
    p->numresolution = 1;
    while (p->numresolution <= LEVELS && side >> p->numresolution)
        p->numresolution++;
}

struct run {
    opj_codec_t *codec;
    opj_stream_t *stream;
    const struct job *job;
    struct sink *sink;
    opj_image_t *image;
};

static bool run(void *user)
{
    const struct run *r = user;
    opj_codec_t *codec = r->codec;
    opj_stream_t *stream = r->stream;
    opj_cparameters_t parameters;
    set_parameters(r->job, &parameters);
    yq_j2k_silence(codec);
    opj_stream_set_user_data(stream, r->sink, NULL);
    opj_stream_set_write_function(stream, write_sink);
    opj_stream_set_skip_function(stream, skip_sink);
    opj_stream_set_seek_function(stream, seek_sink);
    return opj_setup_encoder(codec, &parameters, r->image) &&
           opj_start_compress(codec, r->image, stream) && opj_encode(codec, stream) &&
           opj_end_compress(codec, stream);
}

static bool encode(const struct job *job, struct yq_buf *out, struct yq_err *err)
{
    struct sink sink = {.out = out, .begun = out->length};
    opj_codec_t *codec = opj_create_compress(job->format);
    opj_stream_t *stream = opj_stream_default_create(OPJ_FALSE);
    opj_image_t *image = make_image(job);
    bool there = codec && stream && image;
    struct run r = {codec, stream, job, &sink, image};
    bool fine = there && yq_despite_asserts(run, &r);
    opj_image_destroy(image);
    if (stream)
        opj_stream_destroy(stream);
    if (codec)
        opj_destroy_codec(codec);
    if (fine)
        return true;
    out->length = sink.begun;
    return there && !out->failed
               ? yq_fail(err, YQ_REFUSED, ROOM, "the frame cannot become JPEG 2000")
               : yq_fail(err, YQ_FULL, ROOM, "no memory to encode a frame");
}

bool yq_j2k_encode(const struct yq_frame *plain, const struct yq_coding *coding,
                   struct yq_frame *out, struct yq_err *err)
{
    if (plain->bits_stored > BITS_MOST)
        return yq_fail(err, YQ_REFUSED, ROOM, "JPEG 2000 cannot hold samples of %u bits",
                       plain->bits_stored);
    bool lossy = strcmp(coding->syntax, YQ_TS_J2K) == 0 && coding->ratio > 0;
    struct job job = {.pixels = plain->pixels.bytes,
                      .rows = plain->rows,
                      .columns = plain->columns,
                      .samples = plain->samples,
                      .cell = plain->bits_allocated / 8,
                      .precision = plain->bits_stored,
                      .is_signed = plain->is_signed,
                      .rgb = plain->samples == 3 && strcmp(plain->photometric, "RGB") == 0,
                      .format = OPJ_CODEC_J2K};
    if (lossy) {
        double ratio = coding->ratio * plain->bits_stored / plain->bits_allocated;
        job.ratio = ratio > 1 ? ratio : 1;
    }
    if (!encode(&job, &out->pixels, err))
        return false;
    if (job.rgb)
        (void)yq_copy(out->photometric, sizeof out->photometric, lossy ? "YBR_ICT" : "YBR_RCT");
    out->planar = false;
    return true;
}

bool yq_image_jp2(const struct yq_picture *picture, double ratio, struct yq_buf *out,
                  struct yq_err *err)
{
    if (!picture->rows || !picture->columns || (picture->samples != 1 && picture->samples != 3) ||
        (uint64_t)picture->rows * picture->columns * picture->samples != picture->pixels.length)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the picture's size and pixels do not agree");
    struct job job = {.pixels = picture->pixels.bytes,
                      .rows = picture->rows,
                      .columns = picture->columns,
                      .samples = picture->samples,
                      .cell = 1,
                      .precision = 8,
                      .rgb = picture->samples == 3,
                      .ratio = ratio > 0 && ratio < 1 ? 1 : ratio,
                      .format = OPJ_CODEC_JP2};
    return encode(&job, out, err);
}

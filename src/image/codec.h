/* codec.h: the codecs of this room, as the table in codec.c names them. Private to room image. */
#ifndef YQ_IMAGE_CODEC_H
#define YQ_IMAGE_CODEC_H

#include "yq/codestream.h"
#include "yq/image.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "samples are read and written as the machine has them");

/* `plain` comes as a copy of `coded` that only borrows palette and look, without pixels and syntax;
 * a decoder puts pixels into it and sets what they changed. Its caller frees the pixels. */
typedef bool yq_decoder(const struct yq_frame *coded, unsigned reduce, uint64_t most,
                        struct yq_frame *plain, struct yq_err *err);
/* The same the other way: `out` comes as a borrowing copy of `plain`, which is whole, colour by
 * pixel and tight (see yq_codec_tighten). */
typedef bool yq_encoder(const struct yq_frame *plain, const struct yq_coding *coding,
                        struct yq_frame *out, struct yq_err *err);

/* What an encoder is given. *tight holds samples of bits_stored bits at the bottom of their cells,
 * colour by pixel, no padding; of a cell's other bits each is 0 or the sign. It borrows the pixels
 * of `frame` where they are like that; other pixels the caller frees. *out has the attributes that
 * the codestream will have, and no pixels. `loses`: the values count, not every bit. `signless`:
 * the codec must not be given a sign that stands below the top of the cell. Very few bits are given
 * to none. */
yq_must_check bool yq_codec_tighten(const struct yq_frame *frame, bool loses, bool signless,
                                    struct yq_frame *tight, struct yq_frame *out,
                                    struct yq_err *err);

yq_decoder yq_lossless_decode, yq_j2k_decode, yq_rle_decode, yq_jpeg_decode, yq_jpegls_decode;
yq_encoder yq_lossless_encode, yq_j2k_encode, yq_rle_encode, yq_jpeg_encode, yq_jpegls_encode;

/* Decodes without changing `coded`; `plain` borrows all but its pixels, which the caller frees. */
yq_must_check bool yq_codec_decode(const struct yq_frame *coded, unsigned reduce, uint64_t most,
                                   struct yq_frame *plain, struct yq_err *err);

/* Whether what the codestream says of itself agrees with the frame. */
yq_must_check bool yq_codec_fits(const struct yq_frame *frame, const struct yq_codestream *said,
                                 uint64_t most, struct yq_err *err);

/* Bytes of a cell that holds `bits`, but not fewer than the frame's cells have. */
unsigned yq_codec_cell(const struct yq_frame *frame, unsigned bits);

/* What is known of samples that were decoded into cells of `bytes` each, sign extended. */
struct yq_decoded {
    unsigned bytes, precision; /* precision: as the codestream has it */
    bool is_signed;
    int64_t least, greatest; /* of the samples; of one sample a pixel */
};
/* Bits and sign of the decoded frame: the dataset's own where the samples fit into them, else the
 * codestream's. */
void yq_codec_settle(struct yq_frame *plain, const struct yq_decoded *decoded);

/* OpenJPEG's messages of an opj_codec_t go nowhere. */
void yq_j2k_silence(void *codec);

#endif

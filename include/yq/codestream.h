/* codestream.h: what a compressed frame says of itself, read from its first bytes without decoding.
 * A noun of model/. ISO/IEC 10918-1 annex B (JPEG), 14495-1 annex C (JPEG-LS), 15444-1 annex A
 * (JPEG 2000), 10918-6 (Adobe's marker). */
#ifndef YQ_CODESTREAM_H
#define YQ_CODESTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum yq_stream_kind {
    YQ_STREAM_UNKNOWN,
    YQ_STREAM_JPEG,          /* DCT: baseline, extended, progressive; of any precision */
    YQ_STREAM_JPEG_LOSSLESS, /* process 14 */
    YQ_STREAM_JPEG_OTHER,    /* arithmetic coding, hierarchical */
    YQ_STREAM_JPEG_LS,
    YQ_STREAM_J2K, /* and HTJ2K */
};

enum { YQ_COMPONENTS_MOST = 4 };
struct yq_codestream {
    enum yq_stream_kind kind;
    size_t start; /* of the codestream within the bytes: not 0 in a JP2 file */
    uint32_t rows, columns;
    unsigned samples, precision; /* precision: of the first component */
    bool is_signed;              /* the first component; JPEG 2000 only */
    bool subsampled;             /* some component has fewer samples than another */
    uint64_t tiles;              /* JPEG 2000 */
    unsigned levels;             /* JPEG 2000: how often its size can be halved */
    /* JPEG 2000: of how many pieces a decoder keeps account at most (code-blocks, precincts,
     * resolutions of tiles), and how many layers come to each. */
    uint64_t pieces;
    unsigned layers;
    unsigned scans; /* JPEG and JPEG-LS */
    bool jfif;
    int adobe; /* the colour transform of Adobe's marker; -1: there is no such marker */
    uint8_t ids[YQ_COMPONENTS_MOST]; /* JPEG: the components' identifiers */
    bool colour_transform;           /* JPEG 2000: RCT or ICT over the first three components */
};

/* False: no size could be found; then only `kind` says something. */
bool yq_codestream_read(const uint8_t *bytes, size_t length, struct yq_codestream *out);

#endif

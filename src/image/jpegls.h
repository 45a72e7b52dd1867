/* jpegls.h: what decoding and its fast inner loop share. Private to room image. */
#ifndef YQ_IMAGE_JPEGLS_H
#define YQ_IMAGE_JPEGLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JPEGLS_CONTEXTS = 365, JPEGLS_COMPONENTS = 3 };

struct jpegls_context { /* A.2.1, C.2.4.1 */
    int32_t a, b;
    int16_t c, n;
    uint8_t k;   /* of the next code, A.5.1; known here, it is not on the way to the next sample */
    int8_t flip; /* -1: the next error is mapped the other way round, A.5.2 */
};
struct jpegls_run { /* run interruption, A.7.2 */
    int32_t a, n, nn;
};

struct jpegls_bits {
    const uint8_t *next, *end; /* bytes that are not in `word` yet */
    uint64_t word;             /* the next bits, from the top */
    unsigned have;             /* how many of them are real or made up */
    unsigned made_up;          /* zeros that were put behind the end of the data */
    bool stuffed;              /* the byte before was 0xff: the next has seven bits */
};

struct jpegls_scan {
    unsigned columns;
    bool simple; /* without loss, and the range a power of two */
    int32_t maxval, near, range, t1, t2, t3, reset;
    unsigned qbpp, limit;
    struct jpegls_bits bits;
    struct jpegls_context contexts[JPEGLS_CONTEXTS];
    struct jpegls_run runs[2];
    unsigned count;                        /* components */
    unsigned run_index[JPEGLS_COMPONENTS]; /* by component where lines are interleaved */
    uint16_t *line[JPEGLS_COMPONENTS];     /* from -1 to columns */
    uint16_t *above[JPEGLS_COMPONENTS];
    int16_t *base[JPEGLS_COMPONENTS]; /* what the line above adds to a context's number */
};

/* One line of component `c` alone, or of all of them, pixel by pixel. False: not a code. */
bool yq_jpegls_line(struct jpegls_scan *scan, unsigned c);
bool yq_jpegls_pixels(struct jpegls_scan *scan);

#endif

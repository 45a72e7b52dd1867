/* jpegls_line.c: one line of JPEG-LS. ISO/IEC 14495-1 annex A.
 *
 * What depends on the line above alone is computed for the whole line before, in vectors: it is the
 * way from one sample to the next that takes the time. Every loop ends with the line or with a code
 * longer than any can be; behind the data come zeros, which are such a code. */
#include <stdlib.h>
#include <string.h>

#include "jpegls.h"

static const uint8_t run_order[32] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,  2,  3,  3,  3,  3,
                                      4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* ---- bits ---- */

static __attribute__((noinline)) void refill_slowly(struct jpegls_bits *b)
{
    while (b->have <= 56) {
        if (b->next == b->end) {
            b->made_up += 8;
            b->have += 8;
            continue;
        }
        unsigned count = b->stuffed ? 7 : 8;
        b->word |= (uint64_t)*b->next << (64 - count - b->have);
        b->have += count;
        b->stuffed = *b->next++ == 0xff;
    }
}

/* At least 57 bits are there afterwards. */
static inline __attribute__((always_inline)) void refill(struct jpegls_bits *b)
{
    uint64_t eight;
    if (b->have > 56)
        return;
    if (b->end - b->next >= 8 && !b->stuffed) {
        memcpy(&eight, b->next, 8);
        eight = __builtin_bswap64(eight);
        if (!((~eight - 0x0101010101010101u) & eight & 0x8080808080808080u)) { /* no 0xff */
            unsigned bytes = (64 - b->have) >> 3;
            b->word |= eight >> b->have;
            b->next += bytes;
            b->have += 8 * bytes;
            if (b->have < 64) /* the rest of the last byte is read again next time */
                b->word &= ~(~(uint64_t)0 >> b->have);
            return;
        }
    }
    struct jpegls_bits copy = *b; /* only that lies in memory: the other stays in registers */
    refill_slowly(&copy);
    *b = copy;
}

static inline void drop(struct jpegls_bits *b, unsigned count) /* up to 57 */
{
    b->word <<= count;
    b->have -= count;
}

static inline unsigned take(struct jpegls_bits *b, unsigned count) /* up to 32; refilled before */
{
    if (!count)
        return 0;
    unsigned value = (unsigned)(b->word >> (64 - count));
    drop(b, count);
    return value;
}

/* A.5.3: any code up to `limit`; false: longer than that. */
static __attribute__((noinline)) bool golomb_slowly(struct jpegls_bits *b, unsigned k,
                                                    unsigned limit, unsigned qbpp, int *value)
{
    unsigned zeros = 0, most = limit - qbpp - 1;
    for (refill_slowly(b); !b->word; refill_slowly(b)) {
        zeros += 57;
        if (zeros > most)
            return false;
        drop(b, 57);
    }
    unsigned here = (unsigned)__builtin_clzll(b->word);
    zeros += here;
    if (zeros > most)
        return false;
    drop(b, here);
    drop(b, 1);
    refill_slowly(b);
    *value = zeros < most ? (int)(zeros << k | take(b, k)) : (int)take(b, qbpp) + 1;
    return true;
}

static inline __attribute__((always_inline)) bool golomb(struct jpegls_bits *b, unsigned k,
                                                         unsigned limit, unsigned qbpp, int *value)
{
    refill(b);
    unsigned zeros = (unsigned)__builtin_clzll(b->word | 1), most = limit - qbpp - 1;
    if (zeros < most && zeros + 1 + k <= 56) {
        uint64_t rest = b->word << zeros << 1;
        *value = (int)(zeros << k | (unsigned)(rest >> 1 >> (63 - k)));
        drop(b, zeros + 1 + k);
        return true;
    }
    struct jpegls_bits copy = *b;
    bool fine = golomb_slowly(&copy, k, limit, qbpp, value);
    *b = copy;
    return fine;
}

/* The smallest k with n << k >= a. */
static inline unsigned order_of(int32_t a, int32_t n)
{
    int more = __builtin_clz((unsigned)n) - __builtin_clz((unsigned)a | 1);
    unsigned k = more > 0 ? (unsigned)more : 0;
    return k + ((n << k) < a);
}

/* ---- samples ---- */

static inline int quantized(const struct jpegls_scan *s, int near, int d)
{
    int size = abs(d);
    int q = (size > near) + (size >= s->t1) + (size >= s->t2) + (size >= s->t3);
    return d < 0 ? -q : q;
}

/* In sixteen bits, so that a vector holds many: how far apart two samples are, as -4 to 4. */
static inline int16_t quantized16(uint16_t a, uint16_t b, const uint16_t steps[4])
{
    uint16_t size = a > b ? (uint16_t)(a - b) : (uint16_t)(b - a);
    int16_t q = 0;
    for (int i = 0; i < 4; i++)
        q = (int16_t)(q + (size >= steps[i]));
    return (int16_t)(a < b ? -q : q);
}

/* From both neighbours above: 81 Q1 + 9 Q2. */
static void prepare(const struct jpegls_scan *s, const uint16_t *restrict above,
                    int16_t *restrict base)
{
    const uint16_t steps[4] = {(uint16_t)(s->near + 1), (uint16_t)s->t1, (uint16_t)s->t2,
                               (uint16_t)s->t3};
    const uint16_t *corner = above - 1, *right = above + 1;
    unsigned columns = s->columns;
    for (unsigned x = 0; x < columns; x++) {
        int16_t q1 = quantized16(right[x], above[x], steps);
        int16_t q2 = quantized16(above[x], corner[x], steps);
        base[x] = (int16_t)(81 * q1 + 9 * q2);
    }
}

static inline int clamped(int value, int most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

/* A.4.5, A.8: with the error's sign. `near` is -1 where samples are simply counted round. */
static inline uint16_t rebuilt(const struct jpegls_scan *s, int near, int predicted, int error)
{
    if (near < 0)
        return (uint16_t)((predicted + error) & s->maxval);
    int step = 2 * near + 1, value = predicted + error * step;
    if (value < -near)
        value += s->range * step;
    else if (value > s->maxval + near)
        value -= s->range * step;
    return (uint16_t)clamped(value, s->maxval);
}

static inline int median(int left, int above, int corner)
{
    int low = left < above ? left : above, high = left < above ? above : left;
    int plane = left + above - corner;
    return plane < low ? low : plane > high ? high : plane;
}

/* A.6, and what the next code of this context needs */
static inline void update(const struct jpegls_scan *s, int near, struct jpegls_context *context,
                          int error)
{
    int loss = near < 0 ? 0 : near;
    int a = context->a + abs(error), b = context->b + error * (2 * loss + 1), n = context->n;
    if (n == s->reset) {
        a >>= 1;
        b = b >= 0 ? b >> 1 : -((1 - b) >> 1);
        n >>= 1;
    }
    n++;
    /* Without branches: which way it goes nobody can foresee. */
    int low = b <= -n, high = b > 0, c = context->c + high - low;
    int moved = b + (n & -low) - (n & -high);
    b = moved > 0 ? 0 : moved <= -n ? 1 - n : moved;
    unsigned k = order_of(a, n);
    context->a = a;
    context->b = b;
    context->c = (int16_t)(c > 127 ? 127 : c < -128 ? -128 : c);
    context->n = (int16_t)n;
    context->k = (uint8_t)k;
    context->flip = (int8_t)(loss == 0 && k == 0 ? -(2 * b <= -n) : 0);
}

static inline __attribute__((always_inline)) bool decode_sample(struct jpegls_scan *s,
                                                                struct jpegls_bits *bits, int near,
                                                                int context_number, int predicted,
                                                                uint16_t *sample)
{
    int sign = context_number >> 31; /* -1 or 0 */
    struct jpegls_context *context = &s->contexts[(context_number ^ sign) - sign];
    int mapped;
    predicted = clamped(predicted + ((context->c ^ sign) - sign), s->maxval);
    if (context->k > 24 || !golomb(bits, context->k, s->limit, s->qbpp, &mapped))
        return false;
    int error = (mapped >> 1) ^ -(mapped & 1) ^ context->flip;
    if (abs(error) > 65535)
        return false;
    *sample = rebuilt(s, near, predicted, (error ^ sign) - sign);
    update(s, near, context, error);
    return true;
}

/* ---- runs. A.7 ---- */

/* How many samples the run has; *interrupted: another follows it within the line. */
static bool run_length(struct jpegls_bits *b, unsigned *run_index, unsigned left, unsigned *length,
                       bool *interrupted)
{
    unsigned done = 0;
    *interrupted = false;
    for (;;) {
        refill_slowly(b);
        unsigned order = run_order[*run_index];
        if (!take(b, 1)) {
            unsigned rest = take(b, order);
            if (rest >= left - done)
                return false;
            *length = done + rest;
            *interrupted = true;
            return true;
        }
        unsigned whole = 1u << order;
        if (whole > left - done) {
            *length = left;
            return true;
        }
        done += whole;
        *run_index += *run_index < 31;
        if (done == left) {
            *length = left;
            return true;
        }
    }
}

static bool run_error(struct jpegls_scan *s, unsigned type, unsigned order, int *error)
{
    struct jpegls_run *run = &s->runs[type];
    unsigned k = order_of(type ? run->a + (run->n >> 1) : run->a, run->n);
    int mapped;
    if (k > 24 || !golomb(&s->bits, k, s->limit - order - 1, s->qbpp, &mapped))
        return false;
    int sum = mapped + (int)type;
    bool map = sum & 1;
    int size = (sum + map) / 2;
    if (size > 65535)
        return false;
    *error = (k != 0 || 2 * run->nn >= run->n) == map ? -size : size;
    run->nn += *error < 0;
    run->a += (mapped + 1 - (int)type) >> 1;
    if (run->n == s->reset) {
        run->a >>= 1;
        run->n >>= 1;
        run->nn >>= 1;
    }
    run->n++;
    return true;
}

/* The run at `x` and the sample that ends it; *next: behind both. */
static __attribute__((noinline)) bool decode_run(struct jpegls_scan *s, unsigned c, unsigned x,
                                                 unsigned *next)
{
    uint16_t *line = s->line[c];
    const uint16_t *above = s->above[c];
    unsigned length, *run_index = &s->run_index[c];
    bool interrupted;
    if (!run_length(&s->bits, run_index, s->columns - x, &length, &interrupted))
        return false;
    uint16_t value = line[(ptrdiff_t)x - 1];
    for (unsigned i = 0; i < length; i++)
        line[x + i] = value;
    x += length;
    *next = x;
    if (!interrupted)
        return true;
    int up = above[x], error;
    bool alike = abs(value - up) <= s->near;
    if (!run_error(s, alike, run_order[*run_index], &error))
        return false;
    if (!alike && value > up)
        error = -error;
    line[x] = rebuilt(s, s->near, alike ? value : up, error);
    *run_index -= *run_index > 0;
    *next = x + 1;
    return true;
}

static bool decode_run_of_pixels(struct jpegls_scan *s, unsigned x, unsigned *next)
{
    unsigned length;
    bool interrupted;
    if (!run_length(&s->bits, &s->run_index[0], s->columns - x, &length, &interrupted))
        return false;
    for (unsigned c = 0; c < s->count; c++)
        for (unsigned i = 0; i < length; i++)
            s->line[c][x + i] = s->line[c][(ptrdiff_t)x - 1];
    x += length;
    *next = x;
    if (!interrupted)
        return true;
    for (unsigned c = 0; c < s->count; c++) {
        int left = s->line[c][(ptrdiff_t)x - 1], up = s->above[c][x], error;
        if (!run_error(s, 0, run_order[s->run_index[0]], &error))
            return false;
        s->line[c][x] = rebuilt(s, s->near, up, left > up ? -error : error);
    }
    s->run_index[0] -= s->run_index[0] > 0;
    *next = x + 1;
    return true;
}

/* ---- lines ---- */

static void begin_line(struct jpegls_scan *s, unsigned c)
{
    uint16_t *above = s->above[c];
    above[s->columns] = above[s->columns - 1];
    s->line[c][-1] = above[0];
    prepare(s, above, s->base[c]);
}

static inline __attribute__((always_inline)) bool decode_line(struct jpegls_scan *s, unsigned c,
                                                              int near)
{
    uint16_t *line = s->line[c];
    const uint16_t *above = s->above[c];
    const int16_t *base = s->base[c];
    struct jpegls_bits bits = s->bits; /* stays in registers */
    for (unsigned x = 0; x < s->columns;) {
        int left = line[(ptrdiff_t)x - 1], corner = above[(ptrdiff_t)x - 1], up = above[x];
        int context = base[x] + quantized(s, near < 0 ? 0 : near, corner - left);
        if (context == 0) {
            s->bits = bits;
            bool fine = decode_run(s, c, x, &x);
            bits = s->bits;
            if (!fine)
                return false;
            continue;
        }
        if (!decode_sample(s, &bits, near, context, median(left, up, corner), &line[x]))
            return false;
        x++;
    }
    s->bits = bits;
    return true;
}

bool yq_jpegls_line(struct jpegls_scan *s, unsigned c)
{
    begin_line(s, c);
    return s->simple ? decode_line(s, c, -1) : decode_line(s, c, s->near);
}

bool yq_jpegls_pixels(struct jpegls_scan *s)
{
    for (unsigned c = 0; c < s->count; c++)
        begin_line(s, c);
    for (unsigned x = 0; x < s->columns;) {
        int contexts[JPEGLS_COMPONENTS], any = 0;
        for (unsigned c = 0; c < s->count; c++) {
            int d = s->above[c][(ptrdiff_t)x - 1] - s->line[c][(ptrdiff_t)x - 1];
            contexts[c] = s->base[c][x] + quantized(s, s->near, d);
            any |= contexts[c];
        }
        if (!any) {
            if (!decode_run_of_pixels(s, x, &x))
                return false;
            continue;
        }
        for (unsigned c = 0; c < s->count; c++) {
            int predicted =
                median(s->line[c][(ptrdiff_t)x - 1], s->above[c][x], s->above[c][(ptrdiff_t)x - 1]);
            if (!decode_sample(s, &s->bits, s->near, contexts[c], predicted, &s->line[c][x]))
                return false;
        }
        x++;
    }
    return true;
}

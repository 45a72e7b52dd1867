/* lines.c: the inner loops of rendering, over one line each, so that the compiler makes vectors of
 * them and the line stays in the cache from step to step. Nothing is checked here. */
#include <endian.h>
#include <string.h>

#include "render.h"

static inline uint16_t cell16(const uint8_t *cells, size_t index)
{
    uint16_t cell;
    memcpy(&cell, cells + 2 * index, sizeof cell);
    return le16toh(cell);
}

void yq_line_through8(const uint8_t *restrict cells, size_t count, const uint8_t *restrict table,
                      uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = table[cells[i]];
}

void yq_line_through16(const uint8_t *restrict cells, size_t count, const uint8_t *restrict table,
                       uint8_t *restrict out)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) { /* look-ups are no vectors: fewer steps of the loop */
        out[i] = table[cell16(cells, i)];
        out[i + 1] = table[cell16(cells, i + 1)];
        out[i + 2] = table[cell16(cells, i + 2)];
        out[i + 3] = table[cell16(cells, i + 3)];
        out[i + 4] = table[cell16(cells, i + 4)];
        out[i + 5] = table[cell16(cells, i + 5)];
        out[i + 6] = table[cell16(cells, i + 6)];
        out[i + 7] = table[cell16(cells, i + 7)];
    }
    for (; i < count; i++)
        out[i] = table[cell16(cells, i)];
}

void yq_line_unpack16(const uint8_t *restrict cells, size_t count, unsigned shift, uint16_t mask,
                      uint16_t flip, uint16_t *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint16_t)(((cell16(cells, i) >> shift) & mask) ^ flip);
}

void yq_line_range16(const uint16_t *restrict values, size_t count, uint16_t *low, uint16_t *high)
{
    uint16_t least = *low, most = *high;
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    *low = least;
    *high = most;
}

void yq_line_add(uint32_t *restrict sums, const uint8_t *restrict line, size_t count,
                 uint16_t weight)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += (uint32_t)weight * line[i];
}

void yq_line_settle(const uint32_t *restrict sums, size_t count, uint16_t *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint16_t)((sums[i] + 64) >> 7);
}

void yq_line_mix2(const uint8_t *restrict a, const uint8_t *restrict b, const uint16_t weights[2],
                  size_t count, uint16_t *restrict out)
{
    uint16_t wa = weights[0], wb = weights[1];
    for (size_t i = 0; i < count; i++)
        out[i] = (uint16_t)(((uint32_t)wa * a[i] + (uint32_t)wb * b[i] + 64) >> 7);
}

void yq_line_mix4(const uint8_t *const lines[4], const uint16_t weights[4], size_t count,
                  uint16_t *restrict out)
{
    const uint8_t *restrict a = lines[0], *restrict b = lines[1], *restrict c = lines[2],
                            *restrict d = lines[3];
    uint16_t wa = weights[0], wb = weights[1], wc = weights[2], wd = weights[3];
    for (size_t i = 0; i < count; i++)
        out[i] = (uint16_t)(((uint32_t)wa * a[i] + (uint32_t)wb * b[i] + (uint32_t)wc * c[i] +
                             (uint32_t)wd * d[i] + 64) >>
                            7);
}

void yq_line_round(const uint16_t *restrict values, size_t count, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)((values[i] + 128u) >> 8);
}

static inline void across(const uint16_t *restrict values, const uint32_t *restrict firsts,
                          const uint16_t *restrict weights, size_t count, unsigned taps,
                          unsigned samples, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        const uint16_t *from = values + (size_t)firsts[i] * samples, *by = weights + i * taps;
        for (unsigned s = 0; s < samples; s++) {
            uint32_t sum = 1u << 22;
            for (unsigned t = 0; t < taps; t++)
                sum += (uint32_t)by[t] * from[(size_t)t * samples + s];
            *out++ = (uint8_t)(sum >> 23);
        }
    }
}

void yq_line_across(const uint16_t *values, const uint32_t *firsts, const uint16_t *weights,
                    size_t count, unsigned taps, unsigned samples, uint8_t *out)
{
    switch (samples << 4 | (taps < 5 ? taps : 0)) { /* the usual ones as loops of known length */
    case 0x12: across(values, firsts, weights, count, 2, 1, out); break;
    case 0x13: across(values, firsts, weights, count, 3, 1, out); break;
    case 0x14: across(values, firsts, weights, count, 4, 1, out); break;
    case 0x32: across(values, firsts, weights, count, 2, 3, out); break;
    case 0x33: across(values, firsts, weights, count, 3, 3, out); break;
    case 0x34: across(values, firsts, weights, count, 4, 3, out); break;
    default: across(values, firsts, weights, count, taps, samples, out); break;
    }
}

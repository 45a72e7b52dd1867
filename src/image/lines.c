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

void yq_line_round(const uint16_t *restrict values, size_t count, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)((values[i] + 128u) >> 8);
}

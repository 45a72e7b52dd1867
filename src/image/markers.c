/* markers.c: the segments of a JPEG or JPEG-LS codestream. Refuses what does not agree with the
 * dataset; nothing is read outside the codestream. Thread-safe. */
#include "markers.h"

#define ROOM "image"

struct markers yq_markers_over(const struct yq_frame *coded)
{
    return (struct markers){.at = coded->pixels.bytes,
                            .end = coded->pixels.bytes + coded->pixels.length,
                            .rows = coded->rows,
                            .columns = coded->columns,
                            .samples = coded->samples};
}

bool yq_markers_complete(const struct markers *m)
{
    for (unsigned c = 0; c < m->samples; c++)
        if (!m->seen[c])
            return false;
    return true;
}

static bool has_segment(unsigned marker) { return marker < 0xd0 || marker > 0xd9; }

bool yq_markers_next(struct markers *m, unsigned *marker, const uint8_t **p, size_t *length)
{
    while (m->end - m->at >= 4 && m->at[0] == 0xff) {
        *marker = m->at[1];
        if (*marker == 0xff) { /* fill byte */
            m->at++;
            continue;
        }
        if (*marker == 0xd9)
            return false;
        if (!has_segment(*marker)) {
            m->at += 2;
            continue;
        }
        size_t size = yq_be16(m->at + 2);
        if (size < 2 || size > (size_t)(m->end - m->at) - 2)
            return false;
        *p = m->at + 4;
        *length = size - 2;
        m->at += 2 + size;
        return true;
    }
    return false;
}

bool yq_markers_frame(struct markers *m, const uint8_t *p, size_t length, struct yq_err *err)
{
    if (m->precision || length < 6 || length != 6 + 3 * (size_t)p[5] || p[0] < 2 || p[0] > 16 ||
        yq_be16(p + 1) != m->rows || yq_be16(p + 3) != m->columns || p[5] != m->samples)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the frame header is broken, or the second");
    m->precision = p[0];
    for (unsigned c = 0; c < m->samples; c++) {
        m->ids[c] = p[6 + 3 * c];
        if (p[7 + 3 * c] != p[7] || !p[7])
            return yq_fail(err, YQ_REFUSED, ROOM, "subsampled components cannot be shown");
    }
    return true;
}

bool yq_markers_scan(struct markers *m, const uint8_t *p, size_t length,
                     unsigned components[MARKERS_COMPONENTS], unsigned *count, const uint8_t **tail,
                     struct yq_err *err)
{
    *count = length ? p[0] : 0;
    if (!m->precision || !*count || *count > m->samples || length != 4 + 2 * (size_t)*count)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "a scan header is broken");
    *tail = p + 1 + 2 * (size_t)*count;
    for (unsigned i = 0; i < *count; i++) {
        unsigned c = 0;
        while (c < m->samples && (m->ids[c] != p[1 + 2 * i] || m->seen[c]))
            c++;
        if (c == m->samples)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "a scan names what is not there");
        m->seen[c] = true;
        components[i] = c;
    }
    return true;
}

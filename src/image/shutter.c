/* shutter.c: hides what lies outside of the shutters, on a line of the image. PS3.3 C.7.6.11
 * (rectangle, circle, polygon), C.7.6.15 (bitmap). A pixel is shown that all of them show; the
 * edges themselves are shown. A polygon of more than CORNERS_MOST corners counts as none. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"

enum { CORNERS_MOST = 1024 };

/* Hides columns of the image from `from` to before `to`. */
static void hide(const struct source *source, const struct span *span, double from, double to,
                 uint8_t *out)
{
    double first = span->first, end = first + span->count;
    from = fmin(fmax(from, first), end);
    to = fmin(fmax(to, first), end);
    if (to > from)
        memset(out + (size_t)(from - first) * source->samples, source->look->shutter.grey >> 8,
               (size_t)(to - from) * source->samples);
}

static void rectangle(const struct source *source, const struct span *span, uint8_t *out)
{
    const struct yq_shutter *shutter = &source->look->shutter;
    int64_t row = (int64_t)span->row + 1;
    bool none = row < shutter->upper || row > shutter->lower;
    hide(source, span, 0, none ? HUGE_VAL : (double)shutter->left - 1, out);
    hide(source, span, shutter->right, HUGE_VAL, out);
}

static void circle(const struct source *source, const struct span *span, uint8_t *out)
{
    const struct yq_shutter *shutter = &source->look->shutter;
    double aspect = source->look->aspect > 0 ? source->look->aspect : 1;
    double down = ((double)span->row + 1 - shutter->center_row) * aspect, radius = shutter->radius;
    double half = floor(sqrt(fmax(radius * radius - down * down, 0)));
    bool none = fabs(down) > radius;
    hide(source, span, 0, none ? HUGE_VAL : shutter->center_column - half - 1, out);
    hide(source, span, shutter->center_column + half, HUGE_VAL, out);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void polygon(const struct source *source, const struct span *span, uint8_t *out)
{
    const struct yq_shutter *shutter = &source->look->shutter;
    double crossings[CORNERS_MOST], row = (double)span->row + 1;
    size_t count = 0, corners = shutter->vertex_count;
    for (size_t i = 0; i < corners; i++) {
        const int *a = shutter->vertices + 2 * i, *b = shutter->vertices + (i + 1) % corners * 2;
        if ((a[0] <= row) != (b[0] <= row))
            crossings[count++] =
                a[1] + (row - a[0]) / ((double)b[0] - a[0]) * ((double)b[1] - a[1]);
    }
    qsort(crossings, count, sizeof *crossings, by_size);
    double hidden = 0; /* up to here it is settled, as a column from 0 */
    for (size_t i = 0; i + 1 < count; i += 2) {
        hide(source, span, hidden, ceil(crossings[i]) - 1, out);
        hidden = floor(crossings[i + 1]);
    }
    hide(source, span, hidden, HUGE_VAL, out);
}

void yq_shutter_line(const struct source *source, const struct span *span, uint8_t *out)
{
    const struct yq_look *look = source->look;
    const struct yq_shutter *shutter = &look->shutter;
    if (shutter->rectangular)
        rectangle(source, span, out);
    if (shutter->circular)
        circle(source, span, out);
    if (shutter->vertex_count > 2 && shutter->vertex_count <= CORNERS_MOST)
        polygon(source, span, out);
    for (size_t i = 0; shutter->overlay_group && i < look->overlay_count; i++)
        if (look->overlays[i].group == shutter->overlay_group)
            yq_overlay_draw(source, &look->overlays[i], (uint8_t)(shutter->grey >> 8), span, out);
}

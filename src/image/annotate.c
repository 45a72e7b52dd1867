/* annotate.c: what is drawn on a picture when all else is done: the graphics and texts of a
 * presentation state (PS3.3 C.10.5), and texts in the corners. All keep a size that fits the
 * picture, whatever was cut out of the image and however it was enlarged.
 *
 * Without a font corners are refused, because somebody asked for them; the texts of a presentation
 * state are left out. Text stays upright where the image is turned. A grey picture becomes one in
 * colour only where something on it has a colour. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "render.h"

#define ROOM "image"
#define PI 3.14159265358979323846

enum { DOTS_MOST = 65536, ROUND = 180, CURVE = 16, LETTERS_LEAST = 9, LETTERS_MOST = 96 };

static const uint8_t white[3] = {255, 255, 255};

struct notes {
    struct canvas canvas;
    const struct place *place;
    struct type *type; /* or NULL: nothing is written */
    unsigned size;     /* of letters, in pixels */
    double width;      /* of lines */
};

/* ---- places ---- */

static struct dot place_of(const struct notes *notes, bool of_display, double x, double y)
{
    struct dot dot;
    if (!of_display) {
        yq_place_point(notes->place, x, y, &dot.x, &dot.y);
        return dot;
    }
    const double *d = notes->place->display;
    return (struct dot){d[0] + x * (d[2] - d[0]), d[1] + y * (d[3] - d[1])};
}

/* ---- graphics ---- */

static struct dot point_at(const struct yq_graphic *graphic, size_t index)
{
    return (struct dot){(double)graphic->points[2 * index], (double)graphic->points[2 * index + 1]};
}

/* Between points `index` and the next; through all of them (Catmull and Rom). */
static struct dot curve_at(const struct yq_graphic *graphic, size_t index, double t)
{
    size_t last = graphic->point_count - 1;
    struct dot a = point_at(graphic, index ? index - 1 : 0), b = point_at(graphic, index);
    struct dot c = point_at(graphic, index + 1);
    struct dot d = point_at(graphic, index + 2 <= last ? index + 2 : last);
    double wa = ((-t + 2) * t - 1) * t / 2, wb = ((3 * t - 5) * t * t + 2) / 2;
    double wc = ((-3 * t + 4) * t + 1) * t / 2, wd = (t - 1) * t * t / 2;
    return (struct dot){wa * a.x + wb * b.x + wc * c.x + wd * d.x,
                        wa * a.y + wb * b.y + wc * c.y + wd * d.y};
}

/* Around a center, by two radii as vectors. */
static struct dot round_at(struct dot center, struct dot a, struct dot b, size_t index)
{
    double angle = 2 * PI * (double)index / ROUND, x = cos(angle), y = sin(angle);
    return (struct dot){center.x + a.x * x + b.x * y, center.y + a.y * x + b.y * y};
}

static size_t count_of(const struct yq_graphic *graphic)
{
    size_t points = graphic->point_count;
    switch (graphic->shape) {
    case YQ_SHAPE_POINT: return points >= 1;
    case YQ_SHAPE_CIRCLE: return points >= 2 ? ROUND + 1 : 0;
    case YQ_SHAPE_ELLIPSE: return points >= 4 ? ROUND + 1 : 0;
    case YQ_SHAPE_CURVE:
        if (points < 2)
            return 0;
        points = points < DOTS_MOST / CURVE ? points : DOTS_MOST / CURVE;
        return (points - 1) * CURVE + 1;
    default: return points < 2 ? 0 : points < DOTS_MOST ? points : DOTS_MOST;
    }
}

static struct dot dot_at(const struct yq_graphic *graphic, size_t index)
{
    struct dot p[4];
    switch (graphic->shape) {
    case YQ_SHAPE_CURVE:
        if (index / CURVE + 1 >= graphic->point_count)
            return point_at(graphic, graphic->point_count - 1);
        return curve_at(graphic, index / CURVE, (double)(index % CURVE) / CURVE);
    case YQ_SHAPE_CIRCLE: {
        p[0] = point_at(graphic, 0);
        p[1] = point_at(graphic, 1);
        struct dot a = {p[1].x - p[0].x, p[1].y - p[0].y}, b = {-a.y, a.x};
        return round_at(p[0], a, b, index);
    }
    case YQ_SHAPE_ELLIPSE: {
        for (size_t i = 0; i < 4; i++)
            p[i] = point_at(graphic, i);
        struct dot center = {(p[0].x + p[1].x) / 2, (p[0].y + p[1].y) / 2};
        struct dot a = {p[1].x - center.x, p[1].y - center.y};
        struct dot b = {(p[3].x - p[2].x) / 2, (p[3].y - p[2].y) / 2};
        return round_at(center, a, b, index);
    }
    default: return point_at(graphic, index);
    }
}

static void draw_graphic(struct notes *notes, const struct yq_graphic *graphic)
{
    size_t count = count_of(graphic);
    struct dot *dots = count && graphic->points ? malloc(count * sizeof *dots) : NULL;
    if (!dots)
        return;
    for (size_t i = 0; i < count; i++) {
        struct dot dot = dot_at(graphic, i);
        dots[i] = place_of(notes, graphic->of_display, dot.x, dot.y);
    }
    if (graphic->filled && graphic->shape != YQ_SHAPE_POINT)
        yq_canvas_fill(&notes->canvas, dots, count, graphic->rgb);
    yq_canvas_line(&notes->canvas, dots, count,
                   graphic->shape == YQ_SHAPE_POINT ? 3 * notes->width : notes->width,
                   graphic->rgb);
    free(dots);
}

/* ---- texts ---- */

static int64_t whole(double value)
{
    return value > -1e6 ? value < 1e6 ? (int64_t)floor(value) : 1000000 : -1000000;
}

/* Moves a text into the picture as far as it fits. */
static int64_t moved_in(int64_t at, unsigned length, unsigned room)
{
    int64_t most = (int64_t)room - length;
    at = at < most ? at : most;
    return at > 0 ? at : 0;
}

struct box {
    double left, top, right, bottom;
};

static struct box box_of(const struct notes *notes, const struct yq_caption *caption)
{
    struct dot a =
        place_of(notes, caption->box_of_display, (double)caption->box[0], (double)caption->box[1]);
    struct dot b =
        place_of(notes, caption->box_of_display, (double)caption->box[2], (double)caption->box[3]);
    return (struct box){fmin(a.x, b.x), fmin(a.y, b.y), fmax(a.x, b.x), fmax(a.y, b.y)};
}

/* From the middle of the nearest side of a text to what it speaks of. */
static void draw_anchor(struct notes *notes, const struct box *text, struct dot anchor,
                        const uint8_t rgb[3])
{
    struct dot from = {(text->left + text->right) / 2, (text->top + text->bottom) / 2};
    if (anchor.x < text->left || anchor.x > text->right)
        from.x = anchor.x < text->left ? text->left : text->right;
    else
        from.y = anchor.y < text->top ? text->top : text->bottom;
    struct dot line[2] = {from, anchor};
    yq_canvas_line(&notes->canvas, line, 2, notes->width, rgb);
    yq_canvas_line(&notes->canvas, &anchor, 1, 3 * notes->width, rgb);
}

static void draw_caption(struct notes *notes, const struct yq_caption *caption)
{
    static const enum text_side sides[] = {
        [YQ_LEFT] = TEXT_LEFT, [YQ_CENTER] = TEXT_CENTER, [YQ_RIGHT] = TEXT_RIGHT};
    if (!caption->text || !caption->text[0])
        return;
    struct dot anchor = {0, 0};
    if (caption->has_anchor)
        anchor = place_of(notes, caption->anchor_of_display, (double)caption->anchor[0],
                          (double)caption->anchor[1]);
    struct box box = {anchor.x + notes->size / 2.0, anchor.y - notes->size / 2.0, 0, 0};
    unsigned columns, rows, size = notes->size;
    yq_text_measure(notes->type, caption->text, size, &columns, &rows);
    box.right = box.left + columns;
    if (caption->has_box) {
        box = box_of(notes, caption);
        /* Larger where there is room for it, but not by much; never smaller than is read. */
        double by = fmin((box.right - box.left) / columns, (box.bottom - box.top) / rows);
        size = (unsigned)(size * (by > 0.75 ? by < 1.5 ? by : 1.5 : 0.75));
        yq_text_measure(notes->type, caption->text, size, &columns, &rows);
    }
    double spare = box.right - box.left - columns;
    double shift = caption->justify == YQ_RIGHT    ? spare
                   : caption->justify == YQ_CENTER ? spare / 2
                                                   : 0;
    int64_t column = moved_in(whole(box.left + shift), columns, notes->canvas.columns);
    int64_t row = moved_in(whole(box.top), rows, notes->canvas.rows);
    if (caption->has_anchor && caption->anchor_visible) {
        struct box text = {(double)column, (double)row, (double)column + columns,
                           (double)row + rows};
        draw_anchor(notes, &text, anchor, caption->rgb);
    }
    yq_text_draw(notes->type, &notes->canvas, caption->text, size, sides[caption->justify % 3],
                 column, row, caption->rgb);
}

/* The corners share a size at which what stands side by side, and above each other, fits. */
static unsigned corner_size(struct notes *notes, const char *const corners[4])
{
    unsigned size = notes->size, columns[4] = {0}, rows[4] = {0};
    for (unsigned i = 0; i < 4; i++)
        if (corners[i])
            yq_text_measure(notes->type, corners[i], size, &columns[i], &rows[i]);
    double by = 1, wide = notes->canvas.columns, high = notes->canvas.rows;
    for (unsigned i = 0; i < 2; i++) {
        by = fmin(by, wide / (columns[2 * i] + columns[2 * i + 1] + 3 * size / 2.0));
        by = fmin(by, high / (rows[i] + rows[i + 2] + size));
    }
    size = (unsigned)(size * by);
    return size > LETTERS_LEAST ? size : LETTERS_LEAST;
}

static void draw_corners(struct notes *notes, const char *const corners[4])
{
    unsigned size = corner_size(notes, corners), columns, rows, edge = size / 3;
    for (unsigned i = 0; i < 4; i++) {
        if (!corners[i] || !corners[i][0])
            continue;
        bool right = i % 2, bottom = i >= 2;
        yq_text_measure(notes->type, corners[i], size, &columns, &rows);
        int64_t column = right ? (int64_t)notes->canvas.columns - columns - edge : edge;
        int64_t row = bottom ? (int64_t)notes->canvas.rows - rows - edge : edge;
        yq_text_draw(notes->type, &notes->canvas, corners[i], size, right ? TEXT_RIGHT : TEXT_LEFT,
                     column, row, white);
    }
}

/* ---- all of it ---- */

static bool is_grey(const uint8_t rgb[3]) { return rgb[0] == rgb[1] && rgb[1] == rgb[2]; }

static bool has_colour(const struct yq_look *look)
{
    for (size_t i = 0; i < look->graphic_count; i++)
        if (!is_grey(look->graphics[i].rgb))
            return true;
    for (size_t i = 0; i < look->caption_count; i++)
        if (!is_grey(look->captions[i].rgb))
            return true;
    return false;
}

/* Left grey, with colours as their shades, where it would take too much. */
static bool make_colour(struct yq_picture *picture, uint64_t most, struct yq_err *err)
{
    size_t pixels = picture->pixels.length;
    if (picture->samples == 3 || pixels > most / 3)
        return true;
    struct yq_buf colour = {0};
    uint8_t *out = yq_buf_room(&colour, 3 * pixels);
    if (!out)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a picture");
    for (size_t i = 0; i < pixels; i++)
        out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = picture->pixels.bytes[i];
    yq_buf_fini(&picture->pixels);
    picture->pixels = colour;
    picture->samples = 3;
    return true;
}

static bool has_corner(const struct yq_view *view)
{
    for (unsigned i = 0; i < 4; i++)
        if (view->corners[i] && view->corners[i][0])
            return true;
    return false;
}

bool yq_annotate(struct yq_picture *picture, const struct place *place, const struct yq_look *look,
                 const struct yq_view *view, uint64_t most, struct yq_err *err)
{
    bool corners = has_corner(view);
    if (!look->graphic_count && !look->caption_count && !corners)
        return true;
    if (has_colour(look) && !make_colour(picture, most, err))
        return false;
    struct notes notes = {.canvas = yq_canvas_of(picture), .place = place};
    if ((look->caption_count || corners) && !yq_type_open(&notes.type, err) && corners)
        return false;
    unsigned shorter = picture->rows < picture->columns ? picture->rows : picture->columns;
    notes.size = shorter / 30;
    notes.size = notes.size < LETTERS_LEAST  ? LETTERS_LEAST
                 : notes.size > LETTERS_MOST ? LETTERS_MOST
                                             : notes.size;
    notes.width = fmax(1.25, shorter / 400.0);
    for (size_t i = 0; i < look->graphic_count; i++)
        draw_graphic(&notes, &look->graphics[i]);
    for (size_t i = 0; notes.type && i < look->caption_count; i++)
        draw_caption(&notes, &look->captions[i]);
    notes.canvas.effort = yq_canvas_of(picture).effort; /* graphics leave corners their room */
    if (corners)
        draw_corners(&notes, view->corners);
    yq_type_close(notes.type);
    return true;
}

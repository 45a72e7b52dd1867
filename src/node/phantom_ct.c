/* phantom_ct.c: the body in axial slices: ellipsoids painted over each other, soft at their edges,
 * then the texture of organs and the noise of a scanner. x to the patient's left (right in the
 * picture), y backwards, z downwards from the top of the chest; mm; values in HU. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "phantom.h"

struct canvas {
    uint64_t seed;
    double z, step;
    unsigned size;
    float *hu;
};

struct shape {
    double cx, cy, cz, ax, ay, az; /* az 0: as long as the body */
    double hu;
    double grain;              /* depth of its texture, HU */
    double only_from, only_to; /* paints over these values only; both 0: over all */
    bool inside;               /* stays within the chest wall */
};

static double squared(double x) { return x * x; }

static double to_mm(const struct canvas *canvas, unsigned pixel)
{
    return ((double)pixel - canvas->size / 2.0 + 0.5) * canvas->step;
}

static unsigned to_pixel(const struct canvas *canvas, double mm)
{
    double pixel = mm / canvas->step + canvas->size / 2.0;
    return (unsigned)(pixel < 0 ? 0 : pixel > canvas->size ? canvas->size : pixel);
}

static void paint(struct canvas *canvas, const struct shape *s)
{
    double shrink = 1;
    if (s->az > 0) {
        double rest = 1 - squared((canvas->z - s->cz) / s->az);
        if (rest <= 0)
            return;
        shrink = sqrt(rest);
    }
    double ax = s->ax * shrink, ay = s->ay * shrink, thin = fmin(ax, ay);
    if (thin < 0.3)
        return;
    unsigned left = to_pixel(canvas, s->cx - ax - 1), right = to_pixel(canvas, s->cx + ax + 2);
    unsigned top = to_pixel(canvas, s->cy - ay - 1), bottom = to_pixel(canvas, s->cy + ay + 2);
    for (unsigned row = top; row < bottom; row++) {
        double y = to_mm(canvas, row);
        for (unsigned column = left; column < right; column++) {
            double x = to_mm(canvas, column);
            double q = sqrt(squared((x - s->cx) / ax) + squared((y - s->cy) / ay));
            double weight = (1 - q) * thin / canvas->step + 0.5;
            float *hu = &canvas->hu[row * canvas->size + column];
            if (weight <= 0 || (s->only_to > s->only_from &&
                                ((double)*hu < s->only_from || (double)*hu > s->only_to)))
                continue;
            if (s->inside && squared(x / 139) + squared((y - 4) / 93) > 1)
                continue;
            double value = s->hu;
            if (s->grain > 0)
                value += s->grain * (yq_noise(canvas->seed, x / 4, y / 4, canvas->z / 5) +
                                     0.5 * yq_noise(canvas->seed, x / 11, y / 11, canvas->z / 11));
            weight = weight > 1 ? 1 : weight;
            *hu = (float)((double)*hu + (value - (double)*hu) * weight);
        }
    }
}

static void paint_wall(struct canvas *canvas)
{
    double grow = 3 * sin(canvas->z / 60);
    const struct shape shapes[] = {
        {0, 2, 0, 168 + grow, 119, 0, 25, 0, 0, 0, false},
        {0, 2, 0, 166 + grow, 117, 0, -104, 6, 0, 0, false},
        {0, 4, 0, 152, 104, 0, 52, 7, 0, 0, false},
        {0, 4, 0, 139, 93, 0, -96, 5, 0, 0, false},
        {-34, 92, 0, 30, 16, 0, 50, 8, -200, 100, false},
        {34, 92, 0, 30, 16, 0, 50, 8, -200, 100, false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        paint(canvas, &shapes[i]);
}

/* Vessels of the lungs: little spheroids, larger and denser towards the hilum. */
static void paint_vessels(struct canvas *canvas)
{
    struct yq_dice dice;
    yq_dice_start(&dice, canvas->seed, "vessels");
    for (int i = 0; i < 1400; i++) {
        double side = i & 1 ? 1 : -1, way = yq_dice_unit(&dice);
        double turn = 6.2832 * yq_dice_unit(&dice), tilt = 2 * yq_dice_unit(&dice) - 1;
        double thick = 0.7 + 4.2 * squared(1 - way) * yq_dice_unit(&dice);
        struct shape s = {.cx = side * (38 + 62 * way * sqrt(1 - tilt * tilt) * cos(turn) * 0.9),
                          .cy = 2 + 82 * way * sqrt(1 - tilt * tilt) * sin(turn),
                          .cz = 80 + 100 * way * tilt,
                          .ax = thick * (0.8 + yq_dice_unit(&dice)),
                          .ay = thick * (0.8 + yq_dice_unit(&dice)),
                          .az = 3 + 16 * yq_dice_unit(&dice),
                          .hu = 60,
                          .only_from = -1100,
                          .only_to = -420};
        paint(canvas, &s);
    }
}

struct yq_nodule yq_phantom_ct_nodule(uint64_t seed)
{
    struct yq_dice dice;
    struct yq_nodule nodule = {.long_mm = 14, .short_mm = 12};
    yq_dice_start(&dice, seed, "nodule");
    nodule.right = !yq_dice_below(&dice, 2);
    nodule.y_mm = -30 + 50 * yq_dice_unit(&dice);
    nodule.z_mm = 50 + 50 * yq_dice_unit(&dice);
    return nodule;
}

static void paint_nodule(struct canvas *canvas)
{
    struct yq_nodule nodule = yq_phantom_ct_nodule(canvas->seed);
    struct shape shape = {.cx = nodule.right ? -82 : 78,
                          .cy = nodule.y_mm,
                          .cz = nodule.z_mm,
                          .ax = nodule.long_mm / 2,
                          .ay = nodule.short_mm / 2,
                          .az = nodule.long_mm / 2,
                          .hu = 35,
                          .grain = 18,
                          .only_from = -1100,
                          .only_to = -300};
    paint(canvas, &shape);
}

static void paint_chest(struct canvas *canvas)
{
    const struct shape lungs[] = {
        {-72, 2, 84, 62, 84, 128, -868, 28, 0, 0, true},
        {74, 2, 88, 60, 84, 130, -868, 28, 0, 0, true},
        {0, -2, 0, 30, 70, 0, 38, 8, -1100, 200, true}, /* mediastinum */
        {0, 0, 0, 20, 52, 0, -70, 8, 0, 0, true},
    };
    const struct shape middle[] = {
        {16, -26, 128, 62, 54, 62, 48, 6, 0, 0, true}, /* heart, and the blood in it */
        {32, -10, 132, 27, 32, 44, 178, 7, 0, 0, true},
        {-8, -36, 130, 22, 27, 40, 150, 7, 0, 0, true},
        {4, 10, 112, 34, 17, 26, 165, 6, 0, 0, true},
        {-14, -22, 66, 15, 16, 58, 190, 5, 0, 0, true}, /* ascending aorta, veins, arch */
        {-26, -4, 56, 9, 10, 70, 120, 5, 0, 0, true},
        {2, -8, 30, 27, 13, 16, 190, 5, 0, 0, true},
        {8, -10, 78, 26, 12, 14, 175, 5, 0, 0, true},
        {20, 44, 0, 12.5, 12.5, 0, 188, 5, 0, 0, true}, /* descending aorta */
        {3, 34, 0, 7, 6, 0, 34, 6, 0, 0, true},
        {3, 33, 0, 2.2, 1.6, 0, -700, 0, 0, 0, true},
        {0, 14, 10, 9, 9.5, 62, -985, 0, 0, 0, true}, /* trachea, bronchi */
        {-17, 15, 80, 8, 8, 16, -970, 0, 0, 0, true},
        {18, 17, 84, 8, 7, 16, -970, 0, 0, 0, true},
    };
    for (size_t i = 0; i < sizeof lungs / sizeof *lungs; i++)
        paint(canvas, &lungs[i]);
    paint_vessels(canvas);
    for (size_t i = 0; i < sizeof middle / sizeof *middle; i++)
        paint(canvas, &middle[i]);
    paint_nodule(canvas);
}

static void paint_belly(struct canvas *canvas)
{
    const struct shape shapes[] = {
        {-58, 2, 226, 84, 88, 96, 108, 9, 0, 0, true}, /* liver, right and left */
        {10, -44, 214, 62, 40, 62, 106, 9, 0, 0, true},
        {-40, -6, 214, 4, 16, 30, 150, 4, 0, 0, true},
        {-70, 22, 222, 18, 4, 26, 152, 4, 0, 0, true},
        {-22, 24, 190, 11, 9, 70, 128, 5, 0, 0, true},  /* vena cava */
        {84, 36, 214, 38, 46, 58, 122, 10, 0, 0, true}, /* spleen */
        {62, -32, 214, 44, 42, 54, 22, 12, 0, 0, true}, /* stomach, with air on top */
        {62, -46, 214, 34, 24, 42, -960, 0, 0, 0, true},
        {70, 48, 262, 25, 22, 40, 140, 12, 0, 0, true}, /* left kidney */
        {20, 44, 0, 12, 12, 0, 186, 5, 0, 0, true},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        paint(canvas, &shapes[i]);
}

static void paint_spine(struct canvas *canvas)
{
    bool disc = fmod(canvas->z + 6, 25) < 5;
    const struct shape shapes[] = {
        {-30, 84, 0, 20, 6, 0, 330, 60, 0, 0, false},
        {30, 84, 0, 20, 6, 0, 330, 60, 0, 0, false},
        {0, 106, 0, 4.5, 14, 0, 420, 40, 0, 0, false},
        {0, 86, 0, 18, 16, 0, disc ? 70 : 480, 30, 0, 0, false},
        {0, 63, 0, 21, 16.5, 0, disc ? 95 : 520, 10, 0, 0, false},
        {0, 63, 0, 18.6, 14.2, 0, disc ? 85 : 210, disc ? 8 : 70, 0, 0, false},
        {0, 86, 0, 11, 9.5, 0, 14, 3, 0, 0, false},
        {0, 86, 0, 5.5, 4.5, 0, 38, 3, 0, 0, false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (!disc || i > 2)
            paint(canvas, &shapes[i]);
    if (canvas->z < 150) {
        struct shape sternum = {0, -92, 0, 19, 6, 0, 420, 20, 0, 0, false};
        paint(canvas, &sternum);
        sternum = (struct shape){0, -92, 0, 17, 4, 0, 160, 40, 0, 0, false};
        paint(canvas, &sternum);
    }
}

/* A rib lies aslant: a slice cuts it where its height is the slice's. */
static void paint_ribs(struct canvas *canvas)
{
    for (int k = 0; k < 12; k++) {
        for (int side = -1; side <= 1; side += 2) {
            for (int step = 0; step < 130; step++) { /* from the spine forwards */
                double turn = 0.16 + 0.02 * step;
                double height = -62 + 24.0 * k + 78 * (1 - cos(turn)) / 2 + 3 * side;
                double off = fabs(height - canvas->z);
                if (off > 5.5 || (turn > 2.1 && k > 8))
                    continue;
                double thick = sqrt(1 - squared(off / 5.6));
                struct shape rib = {.cx = side * 145 * sin(turn),
                                    .cy = 4 + 98 * cos(turn),
                                    .ax = 4.6 * thick,
                                    .ay = 4.6 * thick,
                                    .hu = turn > 2.35 ? 160 : 560,
                                    .only_from = -1100,
                                    .only_to = 555};
                paint(canvas, &rib);
            }
        }
    }
    for (int k = 0; k < 12; k++) {
        for (int side = -1; side <= 1; side += 2) {
            for (int step = 0; step < 110; step++) {
                double turn = 0.16 + 0.02 * step;
                double height = -62 + 24.0 * k + 78 * (1 - cos(turn)) / 2 + 3 * side;
                double off = fabs(height - canvas->z);
                if (off > 3.4 || (turn > 2.1 && k > 8))
                    continue;
                struct shape marrow = {.cx = side * 145 * sin(turn),
                                       .cy = 4 + 98 * cos(turn),
                                       .ax = 2.5,
                                       .ay = 2.5,
                                       .hu = 210,
                                       .grain = 40};
                paint(canvas, &marrow);
            }
        }
    }
}

static void paint_table(struct canvas *canvas)
{
    for (unsigned row = to_pixel(canvas, 110); row < canvas->size; row++) {
        for (unsigned column = 0; column < canvas->size; column++) {
            double x = to_mm(canvas, column), y = to_mm(canvas, row);
            double below = y - (138 - squared(x) / 1500);
            float *hu = &canvas->hu[row * canvas->size + column];
            if (fabs(x) < 155 && *hu < -900)
                *hu = fabs(below) < 1.1 || fabs(below - 14) < 1.1 ? -180.0f
                      : below > 0 && below < 14                   ? -930.0f
                                                                  : *hu;
        }
    }
}

/* Scanner noise is no pixel's own: neighbours share it, and it is stronger deep in the body. */
static bool finish(const struct canvas *canvas, const struct yq_slice *slice, bool sharp,
                   uint16_t *pixels)
{
    unsigned size = canvas->size;
    float *noise = calloc((size_t)size * size, sizeof *noise);
    struct yq_dice dice;
    if (!noise)
        return false;
    yq_dice_start(&dice, slice->seed * 31 + slice->number + sharp * 7919U, "ct-noise");
    for (size_t i = 0; i < (size_t)size * size; i++)
        noise[i] = (float)yq_dice_normal(&dice);
    for (unsigned row = 0; row < size; row++) {
        for (unsigned column = 0; column < size; column++) {
            size_t at = (size_t)row * size + column;
            double x = to_mm(canvas, column), y = to_mm(canvas, row);
            double far = (squared(x / 170) + squared(y / 120)) / 2;
            double n = (double)noise[at];
            if (!sharp && row && column)
                n = 0.55 * n + 0.35 * (double)noise[at - 1] + 0.35 * (double)noise[at - size] +
                    0.2 * (double)noise[at - size - 1];
            double hu =
                (double)canvas->hu[at] + (sharp ? 34 : 13) * n * (1.15 - 0.6 * fmin(far, 1));
            double value = hu + 1024;
            if (squared(x) + squared(y) > squared(canvas->step * size / 2))
                value = 0; /* outside of what the scanner sees */
            pixels[at] = (uint16_t)(value < 0 ? 0 : value > 4095 ? 4095 : value + 0.5);
        }
    }
    free(noise);
    return true;
}

bool yq_phantom_ct(const struct yq_slice *slice, double z_mm, bool sharp, uint16_t *pixels)
{
    size_t count = (size_t)slice->size * slice->size;
    struct canvas canvas = {.seed = slice->seed,
                            .z = z_mm,
                            .step = YQ_PHANTOM_CT_MM * 512 / slice->size,
                            .size = slice->size,
                            .hu = malloc(sizeof *canvas.hu * count)};
    if (!canvas.hu)
        return false;
    for (size_t i = 0; i < count; i++)
        canvas.hu[i] = -1000;
    paint_wall(&canvas);
    paint_chest(&canvas);
    paint_belly(&canvas);
    paint_ribs(&canvas);
    paint_spine(&canvas);
    paint_table(&canvas);
    bool ok = finish(&canvas, slice, sharp, pixels);
    free(canvas.hu);
    return ok;
}

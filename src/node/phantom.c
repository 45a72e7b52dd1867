/* phantom.c: chance and noise, and the brain, the chest film. The body in slices and the ultrasound
 * have files of their own. Lengths are mm unless said otherwise. */
#include "phantom.h"

#include <math.h>

#include "yq/sync.h"

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

void yq_dice_start(struct yq_dice *dice, uint64_t seed, const char *purpose)
{
    dice->state = mix(seed) ^ yq_hash_text(purpose);
}

uint64_t yq_dice_bits(struct yq_dice *dice)
{
    dice->state += 0x9e3779b97f4a7c15;
    return mix(dice->state);
}

unsigned yq_dice_below(struct yq_dice *dice, unsigned most)
{
    return (unsigned)((yq_dice_bits(dice) >> 32) * most >> 32);
}

double yq_dice_unit(struct yq_dice *dice) { return (double)(yq_dice_bits(dice) >> 11) * 0x1p-53; }

double yq_dice_normal(struct yq_dice *dice)
{
    uint64_t bits = yq_dice_bits(dice); /* four 16-bit numbers: sum has deviation 37837 */
    double sum = (double)(bits & 0xffff) + (double)(bits >> 16 & 0xffff) +
                 (double)(bits >> 32 & 0xffff) + (double)(bits >> 48);
    return (sum - 131070) / 37837;
}

static double corner(uint64_t seed, int x, int y, int z)
{
    uint64_t h = seed + (uint64_t)(uint32_t)x * 0x8da6b343 + (uint64_t)(uint32_t)y * 0xd8163841 +
                 (uint64_t)(uint32_t)z * 0xcb1ab31f;
    h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9;
    return (double)(int32_t)(h >> 32) * 0x1p-31;
}

static double lerp(double a, double b, double t) { return a + (b - a) * t; }

double yq_noise(uint64_t seed, double x, double y, double z)
{
    double fx = floor(x), fy = floor(y), fz = floor(z);
    int ix = (int)fx, iy = (int)fy, iz = (int)fz;
    double tx = x - fx, ty = y - fy, tz = z - fz;
    double low[2];
    tx *= tx * (3 - 2 * tx);
    ty *= ty * (3 - 2 * ty);
    tz *= tz * (3 - 2 * tz);
    for (int k = 0; k < 2; k++)
        low[k] = lerp(
            lerp(corner(seed, ix, iy, iz + k), corner(seed, ix + 1, iy, iz + k), tx),
            lerp(corner(seed, ix, iy + 1, iz + k), corner(seed, ix + 1, iy + 1, iz + k), tx), ty);
    return lerp(low[0], low[1], tz);
}

static double squared(double x) { return x * x; }

/* 0 at the centre, 1 on the surface. */
static double ellipse(double x, double y, double cx, double cy, double ax, double ay)
{
    return sqrt(squared((x - cx) / ax) + squared((y - cy) / ay));
}

static uint16_t clamp12(double value)
{
    return (uint16_t)(value < 0 ? 0 : value > 4095 ? 4095 : value + 0.5);
}

/* ---- the brain ---- */

struct tissues {
    double fat, skull, marrow, fluid, grey, white, deep, eye;
};

static double brain_inside(const struct tissues *t, uint64_t seed, double x, double y, double z,
                           double depth, double scale)
{
    double fold = yq_noise(seed, x / 9, y / 9, z / 9) + 0.5 * yq_noise(seed, x / 4, y / 4, z / 5);
    if (fabs(x) < 1.1 && (y < -25 * scale || y > 40 * scale))
        return t->fluid; /* between the hemispheres */
    double side = fabs(x);
    if (z > -12 && z < 32) {
        double horn = ellipse(side, y, 8 + 3 * scale, -14, 5, 17) < 1 ||
                      ellipse(side, y, 16, 22, 5.5, 14) < 1;
        if (horn || (z < 14 && ellipse(side, y, 0, 2, 2.2, 11) < 1))
            return t->fluid;
    }
    if (z > -8 && z < 24) {
        if (ellipse(side, y, 11, 8, 9, 13) < 1 || ellipse(side, y, 24, -2, 6, 18) < 1 ||
            ellipse(side, y, 13, -20, 5, 8) < 1)
            return t->deep;
    }
    if (fabs(fold) < 0.16 * (1 - depth / 24))
        return t->fluid; /* sulci */
    if (depth < 3.2 || fabs(fold) < 0.36 * (1 - depth / 36))
        return t->grey;
    return t->white;
}

void yq_phantom_mr(const struct yq_slice *slice, bool t2, uint16_t *pixels)
{
    const struct tissues t1 = {1150, 60, 260, 170, 520, 720, 600, 190};
    const struct tissues second = {800, 50, 220, 1350, 560, 400, 450, 1400};
    const struct tissues *t = t2 ? &second : &t1;
    struct yq_dice dice;
    yq_dice_start(&dice, slice->seed + slice->number * 977U + t2, "mr-noise");
    double step = YQ_PHANTOM_MR_MM * 256 / slice->size;
    double part = ((double)slice->number + 0.5) / slice->count; /* 0 base, 1 vertex */
    double z = -42 + part * 112;
    double up = (z - 5) / (z > 5 ? 78 : 105);
    double scale = sqrt(fmax(0.03, 1 - up * up));
    double ax = 74 * scale, ay = 93 * scale;
    for (unsigned row = 0; row < slice->size; row++) {
        for (unsigned column = 0; column < slice->size; column++) {
            double x = ((double)column - slice->size / 2.0) * step;
            double y = ((double)row - slice->size / 2.0) * step + 4;
            double wobble = 1.5 * yq_noise(slice->seed, x / 40, y / 40, z / 40);
            double depth = (1 - ellipse(x, y, 0, 0, ax, ay)) * fmin(ax, ay) + wobble;
            double value = 0;
            if (depth > 12)
                value = brain_inside(t, slice->seed, x, y, z, depth - 12, scale);
            else if (depth > 10)
                value = t->fluid;
            else if (depth > 4)
                value = depth > 6 && depth < 8 ? t->marrow : t->skull;
            else if (depth > 0)
                value = depth < 0.8 ? t->fat * 0.6 : t->fat;
            if (z < -18 && ellipse(fabs(x), y, 31, -62, 12, 12.5) < 1)
                value = t->eye;
            if (depth > 0)
                value *= 1 + 0.05 * yq_noise(slice->seed + 5, x / 3, y / 3, z / 3);
            value *= 1 + 0.14 * (y / 90) - 0.08 * squared(x / 80); /* coil */
            double real = value + 16 * yq_dice_normal(&dice), other = 16 * yq_dice_normal(&dice);
            pixels[row * slice->size + column] = clamp12(sqrt(real * real + other * other));
        }
    }
}

/* ---- the chest film: attenuation summed along the beam ---- */

/* The beam's way through an ellipsoid, z downwards from the neck. */
static double chord(double x, double z, double cx, double cz, double ax, double az, double deep)
{
    double left = 1 - squared((x - cx) / ax) - squared((z - cz) / az);
    return left > 0 ? 2 * deep * sqrt(left) : 0;
}

/* A bent tube seen from the side: more at its edges than in its middle, as cortical bone is. */
static double tube(double distance, double radius)
{
    double d = fabs(distance) / radius;
    if (d >= 1)
        return 0;
    double outer = sqrt(1 - d * d), inner = d < 0.72 ? sqrt(0.5184 - d * d) : 0;
    return radius * (outer - 0.75 * inner);
}

static double ribs(double x, double z)
{
    double sum = 0, side = fabs(x);
    if (side > 142)
        return 0;
    for (int k = 0; k < 11; k++) {
        double wide = 92 + 50 * (1 - exp(-k / 2.5)), top = 22 + 27.0 * k;
        if (side > wide)
            continue;
        double bend = side / wide;
        double behind = top - 20 * bend + 46 * bend * bend * bend * bend;
        double front = top + 88 - 62 * bend * bend + 12 * bend * bend * bend * bend;
        sum += 1.1 * tube(z - behind, 5.6);
        if (side > 38 && k < 8)
            sum += 0.6 * tube(z - front, 6.2);
    }
    return sum;
}

static double film_frontal(uint64_t seed, double x, double z)
{
    double wide = 168 + 14 * exp(-squared((z - 330) / 90)) - 112 * exp(-squared((z + 42) / 42));
    double edge = 1 - squared(x / wide);
    if (edge <= 0)
        return 0;
    double sum = 0.020 * 200 * sqrt(edge);
    double side = fabs(x), dome = x < 0 ? 262 : 276; /* the right one, left in the picture, is up */
    double lung = chord(side, z, 72, 165, 58 + 8 * (z / 330), 152, 92);
    double below = dome + 0.010 * squared(side - 68);
    double floor = 1 / (1 + exp((z - below) / 1.6)); /* above the diaphragm */
    sum -= 0.0150 * lung * floor;
    double marks = yq_noise(seed, x / 7, z / 7, 0.5) + 0.6 * yq_noise(seed, x / 3, z / 3.5, 7.5);
    double hilum = exp(-(squared((side - 34) / 34) + squared((z - 165) / 55)));
    sum += lung * floor * (0.0009 * marks + 0.0042 * hilum * (0.7 + 0.6 * marks));
    sum += 0.0105 * chord(x, z, 26, 215, 62, 58, 62);  /* heart */
    sum += 0.0090 * chord(x, z, 20, 118, 22, 24, 40);  /* aortic knob */
    sum += 0.0080 * chord(x, z, -12, 140, 16, 80, 30); /* great veins */
    sum -= 0.0120 * chord(x, z, 2, 60, 8.5, 88, 9);    /* trachea */
    if (side < 21) {                                   /* spine */
        double level = fmod(z + 60, 26) / 26;
        sum += (level < 0.82 ? 0.50 : 0.26) * sqrt(1 - squared(side / 21));
        sum += 0.28 * exp(-squared((side - 11) / 3)) * exp(-squared((level - 0.4) / 0.2));
    }
    sum += 0.055 * ribs(x, z);
    double clavicle = z - (18 + 0.13 * side - 20 * squared((side - 70) / 100));
    if (side > 12 && side < 150)
        sum += 0.075 * tube(clavicle, 7.5);
    double blade = z - (95 + 1.1 * (side - 128));
    if (side > 104 && side < 152 && z < 190)
        sum += 0.035 * tube(blade, 14);
    sum -= 0.0100 * chord(x, z, 74, 322, 34, 24, 30); /* air in the stomach */
    return sum;
}

static double film_lateral(uint64_t seed, double x, double z)
{
    /* x: forwards is left */
    double wide = 118 + 10 * exp(-squared((z - 240) / 120)) - 62 * exp(-squared((z + 45) / 45));
    double edge = 1 - squared(x / wide);
    if (edge <= 0)
        return 0;
    double sum = 0.017 * 320 * sqrt(edge);
    double lung = chord(x, z, 6, 160, 86, 158, 190);
    double below = 262 + 0.012 * squared(x + 25) - 0.1 * x;
    double floor = 1 / (1 + exp((z - below) / 1.8));
    sum -= 0.0118 * lung * floor;
    double marks = yq_noise(seed + 3, x / 7, z / 7, 0.5) + 0.6 * yq_noise(seed, x / 3, z / 3, 4.5);
    double hilum = exp(-(squared(x / 26) + squared((z - 160) / 36)));
    sum += lung * floor * (0.0006 * marks + 0.0022 * hilum * (0.8 + 0.6 * marks));
    sum += 0.0092 * chord(x, z, -38, 214, 52, 56, 120);
    sum -= 0.0100 * chord(x, z, 2, 60, 8, 86, 14);
    double back = x - (70 - 16 * squared((z - 170) / 170));
    if (fabs(back) < 16) {
        double level = fmod(z + 60, 26) / 26;
        sum += (level < 0.84 ? 0.62 : 0.22) * sqrt(1 - squared(back / 16));
    }
    sum += 0.12 * tube(x + 92 - 0.0006 * squared(z - 150), 6);
    for (int k = 0; k < 11; k++)
        sum += 0.035 * tube(z - (30 + 26.0 * k - 0.42 * x + 0.0022 * squared(x)), 5.5) *
               (fabs(x) < 96);
    return sum;
}

void yq_phantom_cr(uint64_t seed, bool lateral, unsigned rows, unsigned columns, uint16_t *pixels)
{
    struct yq_dice dice;
    yq_dice_start(&dice, seed + lateral, "cr-noise");
    double step = 400.0 / rows;
    for (unsigned row = 0; row < rows; row++) {
        for (unsigned column = 0; column < columns; column++) {
            double x = ((double)column - columns / 2.0) * step;
            double z = (double)row * step - 42;
            double sum = lateral ? film_lateral(seed, x, z) : film_frontal(seed, x, z);
            double exposure = 3550 - 640 * sum;
            double noise = 9 + 4 * sum; /* fewer photons, more of it */
            pixels[(size_t)row * columns + column] =
                clamp12(exposure + noise * yq_dice_normal(&dice));
        }
    }
}

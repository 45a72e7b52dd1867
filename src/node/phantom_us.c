/* phantom_us.c: a four-chamber heart as a sector scanner shows it, beating once over the clip: grey
 * speckle, a colour Doppler jet, a depth scale, an ECG below. */
#include <math.h>
#include <string.h>

#include "phantom.h"

static double squared(double x) { return x * x; }

static double ellipse(double x, double y, double cx, double cy, double ax, double ay)
{
    return sqrt(squared((x - cx) / ax) + squared((y - cy) / ay));
}

struct beat {
    uint64_t seed;
    double squeeze; /* 0: wide, 1: contracted */
    double filling; /* speed of the blood towards the apex, -1 .. 1 */
    double phase;
};

struct chambers {
    double left, right, left_atrium, right_atrium; /* 0 centre, 1 wall */
};

static struct chambers measure(const struct beat *beat, double x, double y)
{
    double s = 1 - 0.24 * beat->squeeze, f = 1 + 0.14 * beat->squeeze;
    return (struct chambers){
        ellipse(x, y, 38, 150, 42 * s, 82 * s), ellipse(x, y, -52, 165, 34 * s, 68 * s),
        ellipse(x, y, 36, 288, 46 * f, 44 * f), ellipse(x, y, -54, 288, 42 * f, 44 * f)};
}

/* How brightly tissue answers, 0 .. 1; x, y in pixels from the apex. */
static double echo_of(const struct beat *beat, double x, double y)
{
    struct chambers c = measure(beat, x, y);
    double nearest = fmin(fmin(c.left, c.right), fmin(c.left_atrium, c.right_atrium));
    if (nearest < 0.93) {
        double valve = fabs(y - 238 + 12 * beat->squeeze) +
                       0.55 * (1 - beat->squeeze) * fabs(fabs(x - 37) - 22);
        return valve < 4 && x > -6 && x < 80 ? 0.75 : 0.035;
    }
    if (nearest < 1.05)
        return 0.92; /* the inner lining answers strongly */
    double outer = ellipse(x, y, -4, 210, 122, 168);
    if (outer < 1)
        return 0.46;
    return outer < 1.04 ? 0.98 : 0.30 + 0.12 * yq_noise(beat->seed, x / 30, y / 14, 0);
}

static void set(uint8_t *rgb, int x, int y, unsigned red, unsigned green, unsigned blue)
{
    if (x < 0 || y < 0 || x >= YQ_US_COLUMNS || y >= YQ_US_ROWS)
        return;
    uint8_t *p = rgb + 3 * ((size_t)y * YQ_US_COLUMNS + (size_t)x);
    p[0] = (uint8_t)red;
    p[1] = (uint8_t)green;
    p[2] = (uint8_t)blue;
}

/* Blood through the mitral valve: towards the probe red, away from it blue. */
static bool jet(const struct beat *beat, double x, double y, double grain, uint8_t *p)
{
    struct chambers c = measure(beat, x, y);
    if ((c.left > 0.9 && c.left_atrium > 0.9) || fabs(x - 38) > 62 || y < 88 || y > 318)
        return false;
    double core = exp(-squared((x - 38 + 4 * sin(y / 24)) / 19)) * exp(-squared((y - 205) / 85));
    double speed = beat->filling * core * (1 + 0.35 * grain);
    if (fabs(speed) < 0.16)
        return false;
    double bright = fmin(1, fabs(speed) * 1.25);
    p[0] = (uint8_t)(speed > 0 ? 95 + 160 * bright : 0);
    p[1] = (uint8_t)(bright > 0.55 ? 200 * (bright - 0.55) / 0.45 : 10);
    p[2] = (uint8_t)(speed > 0 ? 0 : 95 + 160 * bright);
    return true;
}

static void draw_sector(const struct beat *beat, unsigned frame, uint8_t *rgb)
{
    for (int row = YQ_US_APEX_Y; row < YQ_US_APEX_Y + YQ_US_DEPTH; row++) {
        for (int column = 0; column < YQ_US_COLUMNS; column++) {
            double x = column - YQ_US_APEX_X, y = row - YQ_US_APEX_Y;
            double r = sqrt(x * x + y * y), turn = atan2(x, y);
            if (r > YQ_US_DEPTH || r < 12 || fabs(turn) > 0.72)
                continue;
            /* speckle: fine along the beam, broader across it the deeper it is */
            double moved = 0.55 * frame;
            double a = yq_noise(beat->seed + 1, r / 2.1, turn * 95, moved);
            double b = yq_noise(beat->seed + 2, r / 2.4, turn * 78, moved);
            double speckle = sqrt(a * a + b * b) * 1.75;
            double value = 255 * pow(echo_of(beat, x, y) * (0.18 + speckle), 0.72);
            value *= 1.05 - 0.42 * r / YQ_US_DEPTH;
            value *= 0.8 + 0.2 * cos(turn * 1.6);
            unsigned grey = (unsigned)(value < 0 ? 0 : value > 255 ? 255 : value);
            set(rgb, column, row, grey, grey, grey);
            uint8_t *p = rgb + 3 * ((size_t)row * YQ_US_COLUMNS + (size_t)column);
            jet(beat, x, y, a, p);
        }
    }
}

static double ecg(double phase)
{
    double p = phase - floor(phase);
    return 5 * exp(-squared((p - 0.18) / 0.025)) - 6 * exp(-squared((p - 0.27) / 0.010)) +
           34 * exp(-squared((p - 0.30) / 0.012)) - 9 * exp(-squared((p - 0.335) / 0.012)) +
           8 * exp(-squared((p - 0.55) / 0.045));
}

static void draw_scales(double phase, uint8_t *rgb)
{
    for (int tick = 0; tick <= 16; tick++) /* centimetres */
        for (int x = 0; x < (tick % 5 == 0 ? 10 : 5); x++)
            set(rgb, 618 - x, YQ_US_APEX_Y + tick * 25, 190, 190, 190);
    for (int y = 0; y < 120; y++) {
        for (int x = 0; x < 10; x++) {
            set(rgb, 20 + x, 60 + y, (unsigned)(255 - 2 * y), (unsigned)(255 - 2 * y),
                (unsigned)(255 - 2 * y));
            unsigned bright = (unsigned)(y < 60 ? 255 - 3 * y : 3 * y - 105);
            set(rgb, 20 + x, 200 + y, y < 58 ? bright : 0, 0, y > 61 ? bright : 0);
        }
    }
    for (int x = 0; x < YQ_US_COLUMNS - 80; x++) {
        double at = 2.0 * x / (YQ_US_COLUMNS - 80);
        int top = 468 - (int)ecg(at), next = 468 - (int)ecg(at + 2.0 / (YQ_US_COLUMNS - 80));
        for (int y = top < next ? top : next; y <= (top > next ? top : next); y++)
            set(rgb, 40 + x, y, 40, 220, 70);
    }
    int now = 40 + (int)((phase + 1) / 2 * (YQ_US_COLUMNS - 80));
    for (int y = 432; y < 478; y++)
        set(rgb, now, y, 230, 200, 40);
}

void yq_phantom_us(uint64_t seed, unsigned frame, unsigned frames, uint8_t *rgb)
{
    double phase = (double)frame / frames;
    struct beat beat = {.seed = seed, .phase = phase};
    double contraction = (phase - 0.30) / 0.36; /* from the R wave on */
    if (contraction > 0 && contraction < 1)
        beat.squeeze = squared(sin(3.14159265 * contraction));
    beat.filling = exp(-squared((phase - 0.78) / 0.10)) +
                   0.6 * exp(-squared((phase - 0.16) / 0.06)) -
                   0.75 * exp(-squared((phase - 0.44) / 0.09));
    memset(rgb, 8, (size_t)3 * YQ_US_COLUMNS * YQ_US_ROWS);
    draw_sector(&beat, frame, rgb);
    draw_scales(phase, rgb);
}

/* phantom.h: pictures that look like a body, made from nothing but a seed. Pure: the same arguments
 * give the same pixels. */
#ifndef YQ_NODE_PHANTOM_H
#define YQ_NODE_PHANTOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Repeatable chance. */
struct yq_dice {
    uint64_t state;
};
void yq_dice_start(struct yq_dice *dice, uint64_t seed, const char *purpose);
uint64_t yq_dice_bits(struct yq_dice *dice);
unsigned yq_dice_below(struct yq_dice *dice, unsigned most); /* 0 .. most-1 */
double yq_dice_unit(struct yq_dice *dice);                   /* 0 <= x < 1 */
double yq_dice_normal(struct yq_dice *dice);                 /* mean 0, deviation 1, about */

/* Smooth noise in space, -1 .. 1. */
double yq_noise(uint64_t seed, double x, double y, double z);

struct yq_slice { /* which of a stack */
    uint64_t seed;
    unsigned number, count; /* number from 0 */
    unsigned size;          /* rows and columns */
};

/* Chest to upper abdomen, head end first; HU + 1024, 12 bits; false without memory. `sharp`: a lung
 * kernel, noisier. */
bool yq_phantom_ct(const struct yq_slice *slice, double z_mm, bool sharp, uint16_t *pixels);
struct yq_nodule { /* the one in each chest, for who reports on it */
    bool right;    /* of the patient's lungs */
    double y_mm, z_mm, long_mm, short_mm;
};
struct yq_nodule yq_phantom_ct_nodule(uint64_t seed);
#define YQ_PHANTOM_CT_MM 0.68 /* a pixel of 512; other sizes in proportion */

/* Axial brain, base first; 0 .. 4095. */
void yq_phantom_mr(const struct yq_slice *slice, bool t2, uint16_t *pixels);
#define YQ_PHANTOM_MR_MM 0.9

/* Chest, 12 bits, more exposure is a higher value (MONOCHROME1). */
void yq_phantom_cr(uint64_t seed, bool lateral, unsigned rows, unsigned columns, uint16_t *pixels);

/* Heart by ultrasound with a colour Doppler jet: RGB, 640 x 480. */
void yq_phantom_us(uint64_t seed, unsigned frame, unsigned frames, uint8_t *rgb);
enum {
    YQ_US_COLUMNS = 640,
    YQ_US_ROWS = 480,
    YQ_US_APEX_X = 320,
    YQ_US_APEX_Y = 36,
    YQ_US_DEPTH = 400
};

#endif

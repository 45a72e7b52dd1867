/* tone.c: a stored value as grey: modality look-up table or rescale, window with its function or
 * look-up table, presentation look-up table, inversion. PS3.3 C.11.1, C.11.2, C.11.4, C.11.6.
 *
 * A window that cannot be one (no width, no number) counts as none. Rounds to the nearest grey. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"

enum { UNPACKED = 2048 };

static bool take_window(struct tone *tone, enum yq_voi_function function,
                        const struct yq_window *window, bool fractions)
{
    if (!isfinite(window->center) || !isfinite(window->width) || window->width < 1e-9)
        return false;
    /* LINEAR is made for whole numbers: it has no widths below 1, and 1 is a threshold
     * (C.11.2.1.2). Who writes such a width of fractions means this. */
    bool exact = window->width < 1 || (fractions && window->width <= 1);
    tone->function = function == YQ_VOI_LINEAR && exact ? YQ_VOI_LINEAR_EXACT : function;
    tone->window = *window;
    return true;
}

static const struct yq_lut *or_null(const struct yq_lut *lut)
{
    return lut->entries && lut->values ? lut : NULL;
}

bool yq_tone_choose(struct tone *tone, const struct yq_frame *frame, const struct yq_view *view)
{
    const struct yq_look *look = view->look ? view->look : &frame->look;
    *tone = (struct tone){
        .slope = look->slope,
        .intercept = look->intercept,
        .modality = or_null(&look->modality),
        .presentation = or_null(&look->presentation),
        /* A shape says it all; so does a presentation state. C.11.6.1.2 */
        .inverse = look->has_shape || look->presented
                       ? look->inverse
                       : look->inverse || strcmp(frame->photometric, "MONOCHROME1") == 0,
    };
    bool fractions = frame->is_float || fabs(look->slope) < 1;
    if (view->has_window && take_window(tone, view->function, &view->window, fractions))
        return true;
    for (size_t i = 0; i < look->window_count && i < YQ_WINDOWS_LOOK; i++)
        if (take_window(tone, look->function, &look->windows[i], fractions))
            return true;
    for (size_t i = 0; i < look->voi_count && !tone->voi; i++)
        tone->voi = or_null(&look->voi[i]);
    return tone->voi;
}

/* ---- values ---- */

static double clamp(double value, double low, double high)
{
    return value > low ? value < high ? value : high : low; /* what is no number is low */
}

static double through(const struct yq_lut *lut, double value)
{
    double index = clamp(rint(value - lut->first), 0, lut->entries - 1);
    return lut->values[(size_t)index];
}

static double most_of(const struct yq_lut *lut)
{
    unsigned bits = lut->bits >= 1 && lut->bits <= 16 ? lut->bits : 16;
    return (double)((1u << bits) - 1);
}

static double modality(const struct tone *tone, double stored)
{
    return tone->modality ? through(tone->modality, stored)
                          : stored * tone->slope + tone->intercept;
}

static double window(const struct tone *tone, double x)
{
    double center = tone->window.center, width = tone->window.width;
    switch (tone->function) {
    case YQ_VOI_SIGMOID: return 1 / (1 + exp(-4 * (x - center) / width));
    case YQ_VOI_LINEAR_EXACT: return width > 0 ? (x - center) / width + 0.5 : x > center;
    default: /* C.11.2.1.2.1, where a width of 1 is a threshold */
        if (width > 1)
            return (x - (center - 0.5)) / (width - 1) + 0.5;
        return x > center - 0.5;
    }
}

uint8_t yq_tone_value(const struct tone *tone, double stored)
{
    double x = modality(tone, stored);
    double y = tone->voi ? through(tone->voi, x) / most_of(tone->voi) : window(tone, x);
    y = clamp(y, 0, 1);
    if (tone->presentation) {
        const struct yq_lut *lut = tone->presentation;
        y = lut->values[(size_t)(y * (lut->entries - 1) + 0.5)] / most_of(lut);
        y = clamp(y, 0, 1);
    }
    uint8_t grey = (uint8_t)(y * 255 + 0.5);
    return tone->inverse ? 255 - grey : grey;
}

/* ---- tables ---- */

/* Between which stored values the grey changes; all of them where that is not known. */
static void changing(const struct tone *tone, double *low, double *high)
{
    *low = -HUGE_VAL;
    *high = HUGE_VAL;
    if (tone->modality || tone->voi || tone->function == YQ_VOI_SIGMOID || tone->slope == 0)
        return;
    double half = tone->window.width / 2 + 1;
    double a = (tone->window.center - half - tone->intercept) / tone->slope;
    double b = (tone->window.center + half - tone->intercept) / tone->slope;
    *low = floor(fmin(a, b)) - 1;
    *high = ceil(fmax(a, b)) + 1;
}

/* The grey of stored values from `first` on. */
static void fill(const struct tone *tone, long first, size_t count, uint8_t *out)
{
    double low, high;
    changing(tone, &low, &high);
    size_t from = (size_t)clamp(low - (double)first, 0, (double)count);
    size_t to = (size_t)clamp(high - (double)first, (double)from, (double)count);
    if (from)
        memset(out, yq_tone_value(tone, (double)first), from);
    for (size_t i = from; i < to; i++)
        out[i] = yq_tone_value(tone, (double)first + (double)i);
    if (to < count)
        memset(out + to, yq_tone_value(tone, (double)first + (double)(count - 1)), count - to);
}

uint8_t *yq_tone_table(const struct tone *tone, const struct plain *plain)
{
    size_t size = (size_t)1 << plain->bits_allocated, values = (size_t)1 << plain->bits_stored;
    unsigned shift = plain->high_bit + 1 - plain->bits_stored;
    uint8_t *table = malloc(size);
    if (!table)
        return NULL;
    size_t half = values / 2;
    if (plain->is_signed) {
        fill(tone, 0, half, table);
        fill(tone, -(long)half, half, table + half);
    } else {
        fill(tone, 0, values, table);
    }
    /* What stands above the stored bits changes nothing. */
    for (size_t i = values; i < size; i += values)
        memcpy(table + i, table, values);
    if (shift) /* nor what stands below; from the end, where nothing is needed any more */
        for (size_t i = size; i-- > 0;)
            table[i] = table[(i >> shift) & (values - 1)];
    return table;
}

/* ---- the pixels' range ---- */

static void range16(const struct plain *plain, double *low, double *high)
{
    uint16_t mask = (uint16_t)((1u << plain->bits_stored) - 1);
    uint16_t sign = plain->is_signed ? (uint16_t)(1u << (plain->bits_stored - 1)) : 0;
    unsigned shift = plain->high_bit + 1 - plain->bits_stored;
    uint16_t values[UNPACKED], least = 0xffff, most = 0;
    for (size_t at = 0; at < plain->pixels; at += UNPACKED) {
        size_t count = plain->pixels - at < UNPACKED ? plain->pixels - at : UNPACKED;
        yq_line_unpack16(plain->bytes + 2 * at, count, shift, mask, sign, values);
        yq_line_range16(values, count, &least, &most);
    }
    *low = (double)least - sign;
    *high = (double)most - sign;
}

void yq_tone_whole(struct tone *tone, const struct plain *plain)
{
    double low = plain->is_signed ? -ldexp(1, (int)plain->bits_stored - 1) : 0;
    double high = low + ldexp(1, (int)plain->bits_stored) - 1;
    double a = modality(tone, low), b = modality(tone, high);
    if (tone->modality) {
        a = 0;
        b = most_of(tone->modality);
    }
    tone->function = YQ_VOI_LINEAR_EXACT;
    tone->window = (struct yq_window){.center = a / 2 + b / 2, .width = fabs(b - a)};
}

/* False: there are no such values. */
static bool range_of_pixels(const struct plain *plain, bool padding_too, double *low, double *high)
{
    if (plain->bits_allocated == 16 && !plain->is_float && padding_too) {
        range16(plain, low, high);
        return true;
    }
    *low = DBL_MAX;
    *high = -DBL_MAX;
    for (size_t i = 0; i < plain->pixels; i++) {
        double value = yq_plain_number(plain, i);
        bool padding = !padding_too && value >= plain->padding[0] && value <= plain->padding[1];
        if (padding || !isfinite(value))
            continue;
        *low = value < *low ? value : *low;
        *high = value > *high ? value : *high;
    }
    return *low <= *high;
}

void yq_tone_range(struct tone *tone, const struct plain *plain)
{
    double low, high;
    bool found = plain->has_padding && range_of_pixels(plain, false, &low, &high);
    /* The background of labels is their padding, and has to be told from the first of them. */
    if (found && (low - plain->padding[1] == 1 || low == high))
        found = false;
    if (!found && !range_of_pixels(plain, true, &low, &high))
        low = high = 0;
    if (plain->bits_stored == 1 && !plain->is_float) { /* a mask is a mask also where it is full */
        low = plain->is_signed ? -1 : 0;
        high = low + 1;
    }
    double a = modality(tone, low), b = modality(tone, high);
    if (tone->modality) { /* a table may rise and fall */
        a = HUGE_VAL;
        b = -HUGE_VAL;
        for (size_t i = 0; i < tone->modality->entries; i++) {
            a = fmin(a, tone->modality->values[i]);
            b = fmax(b, tone->modality->values[i]);
        }
    }
    tone->function = YQ_VOI_LINEAR_EXACT;
    tone->window = (struct yq_window){.center = a / 2 + b / 2, .width = fabs(b - a)};
}

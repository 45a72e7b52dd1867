/* waveform.c: waveforms, of ECG above all, drawn as on paper: 25 mm a second, 10 mm a millivolt;
 * what is measured in another unit is made to fit. Inline SVG, no script. PS3.3 A.34, C.10.9.
 *
 * The first seconds of each group are shown, and of every column of the picture the least and the
 * greatest sample, so that no peak is lost. A value is sample * sensitivity * correction +
 * baseline (C.10.9.1.4.3). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sr_inside.h"
#include "yq/form.h"

#define SECONDS_MOST 10.0
#define MM_PER_SECOND 25.0
#define MM_PER_MV 10.0
#define WIDTH (SECONDS_MOST * MM_PER_SECOND)
#define LABEL_MM 3.0 /* above each curve */

enum { GROUPS_MOST = 16, CHANNELS_MOST = 64, COLUMNS = 1250, ROW_LEAST = 15, ROW_MOST = 60 };

struct group { /* a multiplex group: channels sampled together */
    const struct yq_item *item;
    unsigned channels, bits;
    bool is_signed, readable;
    uint64_t samples; /* of a channel, as told */
    double frequency, seconds;
    const uint8_t *bytes; /* NULL: not at hand */
    uint64_t shown;       /* samples that are, and are drawn */
    bool has_padding;
    int64_t padding;
};

struct channel {
    struct code source, unit;
    double scale, baseline; /* to the unit */
    double mm;              /* of one unit */
    double low, high;       /* of what is drawn, in the unit */
};

/* ---- reading ---- */

static uint64_t whole(const struct yq_item *item, uint32_t tag)
{
    int64_t value = 0;
    return yq_item_whole(item, tag, 0, &value) && value > 0 ? (uint64_t)value : 0;
}

static bool understand_samples(struct group *g)
{
    static const struct {
        const char *name;
        unsigned bits;
        bool is_signed;
    } kinds[] = {{"SB", 8, true},   {"UB", 8, false}, {"SS", 16, true},
                 {"US", 16, false}, {"SL", 32, true}, {"UL", 32, false}};
    const char *name = yq_item_text(g->item, 0x54001006);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(name, kinds[i].name) != 0 || kinds[i].bits != g->bits)
            continue;
        g->is_signed = kinds[i].is_signed;
        return true;
    }
    return false; /* sound is another thing */
}

static int64_t number_at(const uint8_t *p, unsigned bits, bool is_signed)
{
    uint32_t raw = bits == 8 ? p[0] : bits == 16 ? yq_le16(p) : yq_le32(p);
    if (!is_signed)
        return raw;
    return bits == 8 ? (int8_t)raw : bits == 16 ? (int16_t)raw : (int32_t)raw;
}

static struct group read_group(const struct yq_item *item)
{
    struct group g = {.item = item,
                      .channels = (unsigned)(whole(item, 0x003a0005) & 0xffff),
                      .bits = (unsigned)(whole(item, 0x54001004) & 0xff),
                      .samples = whole(item, 0x003a0010)};
    const struct yq_data *data = yq_item_find(item, 0x54001010);
    const struct yq_data *padding = yq_item_find(item, 0x5400100a);
    (void)yq_item_number(item, 0x003a001a, 0, &g.frequency);
    if (g.frequency > 0 && (double)g.samples / g.frequency < 1e9)
        g.seconds = (double)g.samples / g.frequency;
    g.readable = understand_samples(&g) && g.channels && g.frequency > 0;
    if (!g.readable || !data || !data->bytes)
        return g;
    g.bytes = data->bytes;
    g.shown = data->length / (g.bits / 8) / g.channels;
    if (g.shown > g.samples)
        g.shown = g.samples;
    if ((double)g.shown > SECONDS_MOST * g.frequency)
        g.shown = (uint64_t)(SECONDS_MOST * g.frequency);
    g.has_padding = padding && padding->bytes && padding->length >= g.bits / 8;
    if (g.has_padding)
        g.padding = number_at(padding->bytes, g.bits, g.is_signed);
    return g;
}

static bool sample(const struct group *g, unsigned channel, uint64_t at, double *out)
{
    unsigned size = g->bits / 8;
    const uint8_t *p = g->bytes + (at * g->channels + channel) * size;
    int64_t raw = number_at(p, g->bits, g->is_signed);
    *out = (double)raw;
    return !g->has_padding || raw != g->padding;
}

static struct channel read_channel(const struct group *g, unsigned number)
{
    const struct yq_item *item = yq_item_at(g->item, 0x003a0200, number);
    struct channel c = {.source = sr_code(item, 0x003a0208),
                        .unit = sr_code(item, 0x003a0211),
                        .scale = 1,
                        .mm = 1,
                        .low = INFINITY,
                        .high = -INFINITY};
    double correction = 1;
    (void)yq_item_number(item, 0x003a0210, 0, &c.scale);
    (void)yq_item_number(item, 0x003a0212, 0, &correction);
    (void)yq_item_number(item, 0x003a0213, 0, &c.baseline);
    c.scale *= correction;
    for (uint64_t i = 0; i < g->shown; i++) {
        double value;
        if (!sample(g, number, i, &value))
            continue;
        value = value * c.scale + c.baseline;
        c.low = fmin(c.low, value);
        c.high = fmax(c.high, value);
    }
    if (!isfinite(c.low) || !isfinite(c.high) || c.high - c.low > 1e300)
        c.low = c.high = c.scale = c.baseline = 0;
    if (strcmp(c.unit.value, "uV") == 0)
        c.mm = MM_PER_MV / 1000;
    else if (strcmp(c.unit.value, "mV") == 0)
        c.mm = MM_PER_MV;
    else if (c.high - c.low > 1e-300)
        c.mm = 25 / (c.high - c.low);
    return c;
}

/* ---- drawing ---- */

static double row_height(const struct channel *c)
{
    double height = (c->high - c->low) * c->mm + 4;
    return height < ROW_LEAST ? ROW_LEAST : height > ROW_MOST ? ROW_MOST : height;
}

/* mm from the top of the row; what is beyond it stays at its edge. */
static double place(const struct channel *c, double value, double height)
{
    double y = height / 2 - (value - (c->low + c->high) / 2) * c->mm;
    return y < 0 ? 0 : y > height ? height : y;
}

/* The least and the greatest of the samples of a column. */
static bool extent(const struct group *g, const struct channel *c, unsigned number, uint64_t from,
                   uint64_t to, double ends[2])
{
    bool any = false;
    for (uint64_t i = from; i < to; i++) {
        double value;
        if (!sample(g, number, i, &value))
            continue;
        value = value * c->scale + c->baseline;
        ends[0] = any ? fmin(ends[0], value) : value;
        ends[1] = any ? fmax(ends[1], value) : value;
        any = true;
    }
    return any;
}

static void put_curve(struct sr *sr, const struct group *g, const struct channel *c,
                      unsigned number, double top, double height)
{
    uint64_t columns = g->shown < COLUMNS ? g->shown : COLUMNS;
    bool drawing = false, up = false;
    sr_raw(sr, "<path d=\"");
    for (uint64_t i = 0; i < columns; i++) {
        uint64_t from = g->shown * i / columns, to = g->shown * (i + 1) / columns;
        double ends[2];
        if (!extent(g, c, number, from, to, ends)) {
            drawing = false; /* a gap */
            continue;
        }
        double x = (double)from / g->frequency * MM_PER_SECOND;
        double a = top + place(c, ends[up], height), b = top + place(c, ends[!up], height);
        yq_buf_putf(sr->out, "%c%.2f %.2f", drawing ? 'L' : 'M', x, a);
        if (fabs(a - b) >= 0.005)
            yq_buf_putf(sr->out, "V%.2f", b);
        drawing = true;
        up = !up;
    }
    sr_raw(sr, "\"/>\n");
}

static void put_paper(struct sr *sr, size_t number, double height)
{
    yq_buf_putf(sr->out,
                "<svg class=\"wave\" role=\"img\" viewBox=\"0 0 %.0f %.1f\">\n<defs><pattern "
                "id=\"mm%zu\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\"><path "
                "class=\"grid\" d=\"M5 0H0V5\"/></pattern></defs>\n<rect class=\"paper\" "
                "width=\"%.0f\" height=\"%.1f\"/>\n<rect fill=\"url(#mm%zu)\" width=\"%.0f\" "
                "height=\"%.1f\"/>\n",
                WIDTH, height, number, WIDTH, height, number, WIDTH, height);
}

static void put_picture(struct sr *sr, const struct group *g, size_t group_number)
{
    struct channel channels[CHANNELS_MOST];
    unsigned count = g->channels < CHANNELS_MOST ? g->channels : CHANNELS_MOST;
    double height = 0, top = 0;
    for (unsigned i = 0; i < count; i++) {
        channels[i] = read_channel(g, i);
        height += LABEL_MM + row_height(&channels[i]);
    }
    put_paper(sr, group_number, height);
    for (unsigned i = 0; i < count; i++) {
        double row = row_height(&channels[i]);
        put_curve(sr, g, &channels[i], i, top + LABEL_MM, row);
        yq_buf_putf(sr->out, "<text x=\"1\" y=\"%.1f\">", top + 4);
        sr_text(sr, *channels[i].source.meaning ? channels[i].source.meaning
                                                : channels[i].source.value);
        sr_raw(sr, "</text>\n");
        top += LABEL_MM + row;
    }
    sr_raw(sr, "</svg>\n");
}

/* ---- words ---- */

static void put_name(struct sr *sr, const struct group *g, size_t number)
{
    const char *label = yq_item_text(g->item, 0x003a0020);
    if (*label) {
        sr_text(sr, label);
        return;
    }
    sr_label(sr, (struct label){"波形组", "Multiplex group"});
    yq_buf_putf(sr->out, " %zu", number + 1);
}

static void put_measures(struct sr *sr, const struct group *g)
{
    sr_label(sr, (struct label){"通道", "channels"});
    yq_buf_putf(sr->out, " %u, ", g->channels);
    sr_label(sr, (struct label){"采样率", "sampling frequency"});
    yq_buf_putf(sr->out, " %.6g Hz, ", g->frequency);
    sr_label(sr, (struct label){"时长", "duration"});
    yq_buf_putf(sr->out, " %.4g s", g->seconds);
}

static void put_scale(struct sr *sr, const struct group *g)
{
    if (!g->readable || !g->shown) {
        sr_raw(sr, "<br>");
        sr_label(sr, (struct label){"无法显示波形", "the waveform cannot be shown"});
        return;
    }
    sr_raw(sr, "<br>25 mm/s, 10 mm/mV");
    if (g->seconds <= (double)g->shown / g->frequency + 0.01)
        return;
    sr_raw(sr, "; ");
    sr_label(sr, (struct label){"仅显示开始部分", "the beginning only"});
}

static void put_channels(struct sr *sr, const struct group *g)
{
    size_t count = yq_item_count(g->item, 0x003a0200);
    for (size_t i = 0; i < count && i < CHANNELS_MOST; i++) {
        const struct yq_item *item = yq_item_at(g->item, 0x003a0200, i);
        const struct code source = sr_code(item, 0x003a0208), unit = sr_code(item, 0x003a0211);
        sr_raw(sr, "\n  ");
        sr_text(sr, *source.meaning ? source.meaning : source.value);
        sr_raw(sr, " (");
        sr_text(sr, *unit.value ? unit.value : unit.meaning);
        sr_raw(sr, ")");
    }
}

void sr_waveforms(struct sr *sr)
{
    size_t count = yq_item_count(sr->root, 0x54000100);
    for (size_t i = 0; i < count && i < GROUPS_MOST; i++) {
        const struct group g = read_group(yq_item_at(sr->root, 0x54000100, i));
        sr_raw(sr, sr->html ? "<section>\n<h2>" : "\n");
        put_name(sr, &g, i);
        sr_raw(sr, sr->html ? "</h2>\n<p>" : ": ");
        put_measures(sr, &g);
        if (!sr->html) {
            put_channels(sr, &g);
            continue;
        }
        put_scale(sr, &g);
        sr_raw(sr, "</p>\n");
        if (g.shown)
            put_picture(sr, &g, i);
        sr_raw(sr, "</section>\n");
    }
}

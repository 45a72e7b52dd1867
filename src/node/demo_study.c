/* demo_study.c: the sample studies' datasets, complete as PS3.3 wants them (type 1 and 2
 * attributes): A.2 CR, A.3 CT, A.4 MR, A.7 US multi-frame; demo_report.c has the documents.
 * Patients are invented. Pure but for what put does. */
#include "demo_study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/image.h"

#define SOP_CR "1.2.840.10008.5.1.4.1.1.1"
#define SOP_CT YQ_DEMO_SOP_CT
#define SOP_US_MULTI "1.2.840.10008.5.1.4.1.1.3.1"
#define SOP_MR "1.2.840.10008.5.1.4.1.1.4"

void yq_demo_uid(const struct yq_demo_study *study, const char *purpose, unsigned a, unsigned b,
                 char *uid)
{
    struct yq_dice dice;
    char text[64], digits[40];
    snprintf(text, sizeof text, "uid %s %u %u %u", purpose, study->number, a, b);
    yq_dice_start(&dice, study->seed, text);
    unsigned __int128 value = yq_dice_bits(&dice);
    value = value << 64 | yq_dice_bits(&dice);
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value);
    memcpy(uid, "2.25.", 5);
    for (size_t i = 0; i < count; i++)
        uid[5 + i] = digits[count - 1 - i];
    uid[5 + count] = '\0';
}

void yq_demo_begin(const struct yq_demo_study *study, const struct yq_demo_series *series,
                   unsigned number, struct yq_sample *s)
{
    char instance[YQ_UID_SIZE], series_uid[YQ_UID_SIZE];
    *s = (struct yq_sample){.layout = yq_layout_of(series->transfer_syntax)};
    (void)yq_copy(s->charset, sizeof s->charset, study->charset);
    yq_demo_uid(study, "series", series->number, 0, series_uid);
    yq_demo_uid(study, "instance", series->number, number, instance);
    yq_sample_text(s, 0x00080005, "CS", study->charset);
    yq_sample_text(s, 0x00080012, "DA", study->date);
    yq_sample_text(s, 0x00080013, "TM", study->time);
    yq_sample_text(s, 0x00080016, "UI", series->sop_class);
    yq_sample_text(s, 0x00080018, "UI", instance);
    yq_sample_text(s, 0x00080020, "DA", study->date);
    yq_sample_text(s, 0x00080021, "DA", study->date);
    yq_sample_text(s, 0x00080023, "DA", study->date);
    yq_sample_text(s, 0x00080030, "TM", study->time);
    yq_sample_text(s, 0x00080031, "TM", study->time);
    yq_sample_text(s, 0x00080033, "TM", study->time);
    yq_sample_text(s, 0x00080050, "SH", study->accession);
    yq_sample_text(s, 0x00080060, "CS", series->modality);
    yq_sample_text(s, 0x00080070, "LO", series->maker);
    yq_sample_text(s, 0x00080080, "LO", "影桥演示医院");
    yq_sample_text(s, 0x00080090, "PN", study->physician);
    yq_sample_text(s, 0x00081010, "SH", "YQ-DEMO");
    yq_sample_text(s, 0x0008103e, "LO", series->description);
    yq_sample_text(s, 0x00081040, "LO", "放射科");
    yq_sample_text(s, 0x00081090, "LO", series->model);
    yq_sample_text(s, 0x00100010, "PN", study->patient_name);
    yq_sample_text(s, 0x00100020, "LO", study->patient_id);
    yq_sample_text(s, 0x00100030, "DA", study->birth_date);
    yq_sample_text(s, 0x00100040, "CS", study->sex);
    yq_sample_text(s, 0x00101010, "AS", study->age);
    yq_sample_text(s, 0x00181000, "LO", "0001");
    yq_sample_text(s, 0x00181020, "LO", YQ_VERSION);
    yq_sample_text(s, 0x0020000d, "UI", study->study_uid);
    yq_sample_text(s, 0x0020000e, "UI", series_uid);
    yq_sample_text(s, 0x00200010, "SH", study->study_id);
    yq_sample_textf(s, 0x00200011, "IS", "%u", series->number);
    yq_sample_textf(s, 0x00200013, "IS", "%u", number);
}

/* The same of an image. */
static void begin(const struct yq_demo_study *study, const struct yq_demo_series *series,
                  unsigned number, struct yq_sample *s)
{
    yq_demo_begin(study, series, number, s);
    yq_sample_text(s, 0x00080022, "DA", study->date);
    yq_sample_text(s, 0x00080032, "TM", study->time);
    yq_sample_text(s, 0x00180015, "CS", series->body_part);
    yq_sample_text(s, 0x00181030, "LO", series->protocol);
    yq_sample_text(s, 0x00200012, "IS", "1");
}

bool yq_demo_finish(const struct yq_demo_study *study, const struct yq_demo_series *series,
                    unsigned number, struct yq_sample *take, struct yq_err *err)
{
    char instance[YQ_UID_SIZE], series_uid[YQ_UID_SIZE];
    yq_demo_uid(study, "series", series->number, 0, series_uid);
    yq_demo_uid(study, "instance", series->number, number, instance);
    struct yq_demo_object object = {.sop_class = series->sop_class,
                                    .instance_uid = instance,
                                    .series_uid = series_uid,
                                    .study_uid = study->study_uid,
                                    .transfer_syntax = series->transfer_syntax,
                                    .compressed =
                                        strcmp(series->transfer_syntax, YQ_TS_JPEG_BASELINE) == 0,
                                    .sample = take,
                                    .series = series->number,
                                    .number = number};
    bool ok = take->failed ? yq_fail(err, YQ_BUG, "node", "a sample could not be written in %s",
                                     study->charset)
                           : study->put(study->context, &object, err);
    yq_sample_fini(take);
    return ok;
}

void yq_demo_pixels(struct yq_sample *s, const struct yq_demo_pixels *p)
{
    yq_sample_textf(s, 0x00280002, "US", "%u", p->samples);
    yq_sample_text(s, 0x00280004, "CS", p->photometric);
    if (p->samples > 1)
        yq_sample_text(s, 0x00280006, "US", "0");
    yq_sample_textf(s, 0x00280010, "US", "%u", p->rows);
    yq_sample_textf(s, 0x00280011, "US", "%u", p->columns);
    yq_sample_textf(s, 0x00280100, "US", "%u", p->allocated);
    yq_sample_textf(s, 0x00280101, "US", "%u", p->stored);
    yq_sample_textf(s, 0x00280102, "US", "%u", p->stored - 1);
    yq_sample_text(s, 0x00280103, "US", "0");
    if (p->bytes)
        yq_sample_bytes(s, 0x7fe00010,
                        p->allocated > 8 || s->layout == YQ_LAYOUT_IMPLICIT_LE ? "OW" : "OB",
                        p->bytes, p->length);
}

/* 16-bit numbers as little-endian bytes, in place. */
static void little_endian(uint16_t *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t value = pixels[i];
        uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
        memcpy(&pixels[i], bytes, 2);
    }
}

static bool no_memory(struct yq_err *err)
{
    return yq_fail(err, YQ_FULL, "node", "no memory for a sample");
}

void yq_demo_words(struct yq_sample *s, const char *description, const char *code)
{
    yq_sample_text(s, 0x00081030, "LO", description);
    yq_sample_code(s, 0x00081032, code, "99YINGQIAO", description);
}

static void image_plane(struct yq_sample *s, const struct yq_demo_study *study, double spacing,
                        double thick, double gap, double half, double z)
{
    yq_sample_textf(s, 0x00180050, "DS", "%.4g", thick);
    yq_sample_textf(s, 0x00180088, "DS", "%.4g", gap);
    yq_sample_textf(s, 0x00200032, "DS", "%.2f\\%.2f\\%.2f", -half, -half, z);
    yq_sample_text(s, 0x00200037, "DS", "1\\0\\0\\0\\1\\0");
    yq_sample_text(s, 0x00200052, "UI", study->frame_uid);
    yq_sample_text(s, 0x00201040, "LO", "");
    yq_sample_textf(s, 0x00201041, "DS", "%.2f", z);
    yq_sample_textf(s, 0x00280030, "DS", "%.4g\\%.4g", spacing, spacing);
}

/* ---- CT ---- */

static bool ct_slice(const struct yq_demo_study *study, const struct yq_demo_series *series,
                     unsigned number, unsigned count, double gap, uint16_t *pixels,
                     struct yq_err *err)
{
    enum { SIZE = 512 };
    struct yq_sample s;
    bool sharp = series->number == 2;
    double z = gap * (number - 1), half = YQ_PHANTOM_CT_MM * SIZE / 2;
    struct yq_slice slice = {study->seed + study->number, number - 1, count, SIZE};
    if (!yq_phantom_ct(&slice, z, sharp, pixels))
        return no_memory(err);
    little_endian(pixels, (size_t)SIZE * SIZE);
    begin(study, series, number, &s);
    yq_demo_words(&s, "胸部CT增强", "CT-CHEST-C");
    yq_sample_text(&s, 0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL");
    image_plane(&s, study, YQ_PHANTOM_CT_MM, gap, gap, half, -z);
    yq_sample_text(&s, 0x00180060, "DS", "120");
    yq_sample_text(&s, 0x00180090, "DS", "500");
    yq_sample_textf(&s, 0x00181100, "DS", "%.4g", 2 * half);
    yq_sample_text(&s, 0x00181120, "DS", "0");
    yq_sample_text(&s, 0x00181130, "DS", "140");
    yq_sample_text(&s, 0x00181150, "IS", "500");
    yq_sample_textf(&s, 0x00181151, "IS", "%u", 180 + (unsigned)(40 * sin(z / 40)));
    yq_sample_text(&s, 0x00181160, "SH", "BODY");
    yq_sample_text(&s, 0x00181210, "SH", sharp ? "B70" : "B30");
    yq_sample_text(&s, 0x00185100, "CS", "HFS");
    yq_sample_text(&s, 0x00281050, "DS", sharp ? "-600" : "40");
    yq_sample_text(&s, 0x00281051, "DS", sharp ? "1500" : "400");
    yq_sample_text(&s, 0x00281052, "DS", "-1024");
    yq_sample_text(&s, 0x00281053, "DS", "1");
    yq_sample_text(&s, 0x00281054, "LO", "HU");
    struct yq_demo_pixels p = {SIZE, SIZE, 1, 1, 16, 12, "MONOCHROME2", pixels, 2 * SIZE * SIZE};
    yq_demo_pixels(&s, &p);
    return yq_demo_finish(study, series, number, &s, err);
}

bool yq_demo_ct(const struct yq_demo_study *study, struct yq_err *err)
{
    const struct yq_demo_series series[] = {
        {1, "CT", SOP_CT, YQ_TS_EXPLICIT_LE, "胸部 5mm 纵隔窗", "CHEST", "胸部增强", "影桥演示",
         "Phantom CT"},
        {2, "CT", SOP_CT, YQ_TS_JPEGLS_LOSSLESS, "胸部 肺窗", "CHEST", "胸部增强", "影桥演示",
         "Phantom CT"},
    };
    const struct {
        unsigned count;
        double gap;
    } stack[] = {{40, YQ_DEMO_CT_GAP_1}, {12, YQ_DEMO_CT_GAP_2}};
    uint16_t *pixels = malloc(sizeof *pixels * 512 * 512);
    bool ok = pixels || no_memory(err);
    for (size_t i = 0; ok && i < 2; i++)
        for (unsigned n = 1; ok && n <= stack[i].count; n++)
            ok = ct_slice(study, &series[i], n, stack[i].count, stack[i].gap, pixels, err);
    free(pixels);
    return ok && yq_demo_report(study, err);
}

/* ---- MR ---- */

static bool mr_slice(const struct yq_demo_study *study, const struct yq_demo_series *series,
                     unsigned number, uint16_t *pixels, struct yq_err *err)
{
    enum { SIZE = 256, COUNT = 20 };
    struct yq_sample s;
    bool t2 = series->number == 2;
    double half = YQ_PHANTOM_MR_MM * SIZE / 2;
    struct yq_slice slice = {study->seed + study->number, number - 1, COUNT, SIZE};
    yq_phantom_mr(&slice, t2, pixels);
    little_endian(pixels, (size_t)SIZE * SIZE);
    begin(study, series, number, &s);
    yq_demo_words(&s, "头颅MR平扫", "MR-HEAD");
    yq_sample_text(&s, 0x00080008, "CS", "ORIGINAL\\PRIMARY\\OTHER");
    image_plane(&s, study, YQ_PHANTOM_MR_MM, 5, 6, half, -42 + 5.6 * number);
    yq_sample_text(&s, 0x00180020, "CS", "SE");
    yq_sample_text(&s, 0x00180021, "CS", t2 ? "SK" : "NONE");
    yq_sample_text(&s, 0x00180022, "CS", "");
    yq_sample_text(&s, 0x00180023, "CS", "2D");
    yq_sample_text(&s, 0x00180080, "DS", t2 ? "4200" : "520");
    yq_sample_text(&s, 0x00180081, "DS", t2 ? "98" : "12");
    yq_sample_text(&s, 0x00180083, "DS", "1");
    yq_sample_text(&s, 0x00180084, "DS", "63.87");
    yq_sample_text(&s, 0x00180085, "SH", "1H");
    yq_sample_text(&s, 0x00180087, "DS", "1.5");
    yq_sample_text(&s, 0x00180091, "IS", t2 ? "15" : "1");
    yq_sample_text(&s, 0x00181314, "DS", t2 ? "150" : "90");
    yq_sample_text(&s, 0x00185100, "CS", "HFS");
    yq_sample_text(&s, 0x00281050, "DS", t2 ? "700" : "480");
    yq_sample_text(&s, 0x00281051, "DS", t2 ? "1400" : "960");
    struct yq_demo_pixels p = {SIZE, SIZE, 1, 1, 16, 12, "MONOCHROME2", pixels, 2 * SIZE * SIZE};
    yq_demo_pixels(&s, &p);
    return yq_demo_finish(study, series, number, &s, err);
}

bool yq_demo_mr(const struct yq_demo_study *study, struct yq_err *err)
{
    const struct yq_demo_series series[] = {
        {1, "MR", SOP_MR, YQ_TS_IMPLICIT_LE, "横断 T1WI", "HEAD", "头颅平扫", "影桥演示",
         "Phantom MR"},
        {2, "MR", SOP_MR, YQ_TS_JPEG_LOSSLESS_SV1, "横断 T2WI", "HEAD", "头颅平扫", "影桥演示",
         "Phantom MR"},
    };
    uint16_t *pixels = malloc(sizeof *pixels * 256 * 256);
    bool ok = pixels || no_memory(err);
    for (size_t i = 0; ok && i < 2; i++)
        for (unsigned n = 1; ok && n <= 20; n++)
            ok = mr_slice(study, &series[i], n, pixels, err);
    free(pixels);
    return ok;
}

/* ---- CR ---- */

static bool cr_image(const struct yq_demo_study *study, const struct yq_demo_series *series,
                     uint16_t *pixels, struct yq_err *err)
{
    enum { ROWS = 2000, COLUMNS = 1600 };
    struct yq_sample s;
    bool lateral = series->number == 2;
    yq_phantom_cr(study->seed + study->number, lateral, ROWS, COLUMNS, pixels);
    little_endian(pixels, (size_t)ROWS * COLUMNS);
    begin(study, series, 1, &s);
    yq_demo_words(&s, "胸部正侧位", "CR-CHEST-2");
    yq_sample_text(&s, 0x00080008, "CS", "ORIGINAL\\PRIMARY");
    yq_sample_text(&s, 0x00180060, "DS", lateral ? "125" : "120");
    yq_sample_text(&s, 0x00181110, "DS", "1800");
    yq_sample_text(&s, 0x00181152, "IS", lateral ? "8" : "3");
    yq_sample_text(&s, 0x00181164, "DS", "0.2\\0.2");
    yq_sample_text(&s, 0x00185101, "CS", lateral ? "LL" : "PA");
    yq_sample_text(&s, 0x00200020, "CS", lateral ? "P\\F" : "L\\F");
    yq_sample_text(&s, 0x00281050, "DS", "2050");
    yq_sample_text(&s, 0x00281051, "DS", "2700");
    struct yq_demo_pixels p = {
        ROWS, COLUMNS, 1, 1, 16, 12, "MONOCHROME1", pixels, (size_t)2 * ROWS * COLUMNS};
    yq_demo_pixels(&s, &p);
    return yq_demo_finish(study, series, 1, &s, err);
}

bool yq_demo_cr(const struct yq_demo_study *study, struct yq_err *err)
{
    const struct yq_demo_series series[] = {
        {1, "CR", SOP_CR, YQ_TS_JPEG_LOSSLESS_SV1, "胸部正位", "CHEST", "胸部正侧位", "影桥演示",
         "Phantom CR"},
        {2, "CR", SOP_CR, YQ_TS_RLE, "胸部侧位", "CHEST", "胸部正侧位", "影桥演示", "Phantom CR"},
    };
    uint16_t *pixels = malloc(sizeof *pixels * 2000 * 1600);
    bool ok = pixels || no_memory(err);
    for (size_t i = 0; ok && i < 2; i++)
        ok = cr_image(study, &series[i], pixels, err);
    free(pixels);
    return ok && yq_demo_letter(study, err);
}

/* ---- US ---- */

/* What a pixel of the sector measures. PS3.3 C.8.5.5. */
static void ultrasound_region(struct yq_sample *s)
{
    struct yq_sample r = {.layout = s->layout};
    yq_sample_text(&r, 0x00186012, "US", "1"); /* 2D */
    yq_sample_text(&r, 0x00186014, "US", "1"); /* tissue */
    yq_sample_text(&r, 0x00186016, "UL", "2"); /* RGB values are not transparent */
    yq_sample_text(&r, 0x00186018, "UL", "50");
    yq_sample_textf(&r, 0x0018601a, "UL", "%d", YQ_US_APEX_Y);
    yq_sample_text(&r, 0x0018601c, "UL", "590");
    yq_sample_textf(&r, 0x0018601e, "UL", "%d", YQ_US_APEX_Y + YQ_US_DEPTH - 1);
    yq_sample_textf(&r, 0x00186020, "SL", "%d", YQ_US_APEX_X - 50);
    yq_sample_text(&r, 0x00186022, "SL", "0");
    yq_sample_text(&r, 0x00186024, "US", "3"); /* cm */
    yq_sample_text(&r, 0x00186026, "US", "3");
    yq_sample_double(&r, 0x00186028, 0);
    yq_sample_double(&r, 0x0018602a, 0);
    yq_sample_double(&r, 0x0018602c, 0.04);
    yq_sample_double(&r, 0x0018602e, 0.04);
    yq_sample_item(s, 0x00186011, &r);
}

/* JPEG at a quality that keeps chroma 4:2:2, as YBR_FULL_422 says. */
static bool compress_clip(struct yq_sample *s, const uint8_t *rgb, unsigned frames,
                          struct yq_err *err)
{
    size_t one = (size_t)3 * YQ_US_ROWS * YQ_US_COLUMNS, sum = 0;
    struct yq_buf *coded = calloc(frames, sizeof *coded);
    bool ok = coded || no_memory(err);
    for (unsigned f = 0; ok && f < frames; f++) {
        struct yq_picture picture = {.rows = YQ_US_ROWS, .columns = YQ_US_COLUMNS, .samples = 3};
        yq_buf_put(&picture.pixels, rgb + one * f, one);
        ok = yq_image_jpeg(&picture, 85, &coded[f], err);
        yq_picture_fini(&picture);
        sum += coded[f].length;
    }
    if (ok) {
        yq_sample_frames(s, coded, frames);
        yq_sample_textf(s, 0x00282112, "DS", "%.2f", (double)(one * frames) / (double)sum);
        yq_sample_text(s, 0x00282114, "CS", "ISO_10918_1");
    }
    for (unsigned f = 0; coded && f < frames; f++)
        yq_buf_fini(&coded[f]);
    free(coded);
    return ok;
}

static bool us_clip(const struct yq_demo_study *study, const struct yq_demo_series *series,
                    unsigned frames, uint8_t *rgb, struct yq_err *err)
{
    struct yq_sample s;
    size_t one = (size_t)3 * YQ_US_ROWS * YQ_US_COLUMNS;
    for (unsigned f = 0; f < frames; f++)
        yq_phantom_us(study->seed + study->number, f, frames, rgb + one * f);
    begin(study, series, 1, &s);
    yq_demo_words(&s, "心脏超声", "US-HEART");
    yq_sample_text(&s, 0x00080008, "CS", "ORIGINAL\\PRIMARY\\CARDIO\\0011");
    yq_sample_text(&s, 0x00082144, "IS", "25");
    yq_sample_text(&s, 0x00181063, "DS", "40");
    yq_sample_text(&s, 0x00181088, "IS", "75");
    yq_sample_text(&s, 0x00200020, "CS", "");
    ultrasound_region(&s);
    yq_sample_textf(&s, 0x00280008, "IS", "%u", frames);
    yq_sample_text(&s, 0x00280009, "AT", "00181063");
    yq_sample_text(&s, 0x00280014, "US", "1");
    yq_sample_text(&s, 0x00280301, "CS", "NO");
    bool jpeg = strcmp(series->transfer_syntax, YQ_TS_JPEG_BASELINE) == 0;
    yq_sample_text(&s, 0x00282110, "CS", jpeg ? "01" : "00");
    struct yq_demo_pixels p = {.rows = YQ_US_ROWS,
                               .columns = YQ_US_COLUMNS,
                               .frames = frames,
                               .samples = 3,
                               .allocated = 8,
                               .stored = 8,
                               .photometric = jpeg ? "YBR_FULL_422" : "RGB",
                               .bytes = jpeg ? NULL : rgb,
                               .length = one * frames};
    yq_demo_pixels(&s, &p);
    if (jpeg && !compress_clip(&s, rgb, frames, err)) {
        yq_sample_fini(&s);
        return false;
    }
    return yq_demo_finish(study, series, 1, &s, err);
}

bool yq_demo_us(const struct yq_demo_study *study, struct yq_err *err)
{
    const struct yq_demo_series series[] = {
        {1, "US", SOP_US_MULTI, YQ_TS_JPEG_BASELINE, "心尖四腔心", "HEART", "心脏超声", "影桥演示",
         "Phantom US"},
        {2, "US", SOP_US_MULTI, YQ_TS_RLE, "心尖四腔心 短片", "HEART", "心脏超声", "影桥演示",
         "Phantom US"},
    };
    uint8_t *rgb = malloc((size_t)20 * 3 * YQ_US_ROWS * YQ_US_COLUMNS);
    bool ok = rgb || no_memory(err);
    ok = ok && us_clip(study, &series[0], 20, rgb, err) && us_clip(study, &series[1], 4, rgb, err);
    free(rgb);
    return ok;
}

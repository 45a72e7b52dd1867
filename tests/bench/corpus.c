/* corpus.c: CT images of invented patients. Explicit little endian; values that people search by
 * are spread as in a hospital: a surname has a few percent of all, a day a few dozen studies. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "yq/dcm.h"
#include "yq/file.h"

#define ROOT "1.2.826.0.1.3680043.10.1411"
#define DAYS 3900 /* a hundred thousand studies: 26 a day, 770 a month */

static const char *const surnames[] = {
    "Zhang=张", "Wang=王", "Li=李", "Liu=刘", "Chen=陈",  "Yang=杨", "Zhao=赵", "Huang=黄",
    "Zhou=周",  "Wu=吴",   "Xu=徐", "Sun=孙", "Hu=胡",    "Zhu=朱",  "Gao=高",  "Lin=林",
    "He=何",    "Guo=郭",  "Ma=马", "Luo=罗", "Liang=梁", "Song=宋", "Zheng=郑"};
static const char *const given[] = {
    "Wei=伟",  "Fang=芳", "Na=娜",   "Min=敏",  "Jing=静", "Xiuying=秀英", "Li=丽",   "Qiang=强",
    "Lei=磊",  "Jun=军",  "Yang=洋", "Yong=勇", "Yan=艳",  "Jie=杰",       "Juan=娟", "Tao=涛",
    "Ming=明", "Chao=超", "Xia=霞",  "Ping=平", "Gang=刚", "Guiying=桂英", "Hua=华",  "Yulan=玉兰",
    "Bo=波",   "Xin=鑫",  "Dan=丹",  "Bin=斌",  "Hong=红", "Peng=鹏",      "Hui=辉"};
enum { SURNAMES = sizeof surnames / sizeof *surnames, GIVEN = sizeof given / sizeof *given };

void corpus_uid(const struct corpus *corpus, struct place place, char uid[YQ_UID_SIZE])
{
    int length = snprintf(uid, YQ_UID_SIZE, ROOT ".%u.%zu", corpus->seed, place.study + 1);
    if (place.series != SIZE_MAX)
        length += snprintf(uid + length, YQ_UID_SIZE - (size_t)length, ".%zu", place.series + 1);
    if (place.series != SIZE_MAX && place.image != SIZE_MAX)
        snprintf(uid + length, YQ_UID_SIZE - (size_t)length, ".%zu", place.image + 1);
}

static void put_name(char *name, size_t size, size_t study)
{
    const char *family = surnames[study % SURNAMES], *first = given[study / SURNAMES % GIVEN];
    int family_latin = (int)strcspn(family, "="), first_latin = (int)strcspn(first, "=");
    snprintf(name, size, "%.*s^%.*s=%s^%s", family_latin, family, first_latin, first,
             family + family_latin + 1, first + first_latin + 1);
}

/* A day `number` days after the beginning of 2015, leap years aside. */
static void put_date(char *date, size_t size, size_t number)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    size_t year = 2015 + number / 365, day = number % 365, month = 0;
    while (day >= lengths[month])
        day -= lengths[month++];
    snprintf(date, size, "%04zu%02zu%02zu", year, month + 1, day + 1);
}

static void put_number(struct yq_writer *writer, uint32_t tag, unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    yq_writer_put_text(writer, tag, "US", text);
}

void corpus_header(const struct corpus *corpus, struct place place, struct yq_buf *out)
{
    struct yq_writer writer = {.out = out, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct place study = {place.study, SIZE_MAX, SIZE_MAX};
    struct place series = {place.study, place.series, SIZE_MAX};
    char date[64], name[128], id[32], accession[48], text[64];
    char study_uid[YQ_UID_SIZE], series_uid[YQ_UID_SIZE], uid[YQ_UID_SIZE];
    corpus_uid(corpus, study, study_uid);
    corpus_uid(corpus, series, series_uid);
    corpus_uid(corpus, place, uid);
    put_date(date, sizeof date, place.study * 7919 % DAYS);
    put_name(name, sizeof name, place.study);
    snprintf(id, sizeof id, "P%07zu", place.study / 2);
    snprintf(accession, sizeof accession, "A%u%07zu", corpus->seed % 10, place.study);
    yq_writer_put_text(&writer, 0x00080005, "CS", "ISO_IR 192");
    yq_writer_put_text(&writer, 0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL");
    yq_writer_put_text(&writer, 0x00080016, "UI", CT);
    yq_writer_put_text(&writer, 0x00080018, "UI", uid);
    yq_writer_put_text(&writer, 0x00080020, "DA", date);
    yq_writer_put_text(&writer, 0x00080021, "DA", date);
    snprintf(text, sizeof text, "%02zu%02zu%02zu", 8 + place.study % 10, place.study % 60,
             place.study % 59);
    yq_writer_put_text(&writer, 0x00080030, "TM", text);
    yq_writer_put_text(&writer, 0x00080050, "SH", accession);
    yq_writer_put_text(&writer, 0x00080060, "CS", "CT");
    yq_writer_put_text(&writer, 0x00080070, "LO", "Invented Devices");
    yq_writer_put_text(&writer, 0x00080080, "LO", "Invented Hospital");
    yq_writer_put_text(&writer, 0x00080090, "PN", "Invented^Doctor");
    yq_writer_put_text(&writer, 0x00081030, "LO", "CT chest");
    yq_writer_put_text(&writer, 0x0008103e, "LO", "axial 1.0");
    yq_writer_put_text(&writer, 0x00100010, "PN", name);
    yq_writer_put_text(&writer, 0x00100020, "LO", id);
    yq_writer_put_text(&writer, 0x00100030, "DA", "19700101");
    yq_writer_put_text(&writer, 0x00100040, "CS", place.study % 2 ? "F" : "M");
    yq_writer_put_text(&writer, 0x00180015, "CS", "CHEST");
    yq_writer_put_text(&writer, 0x0020000d, "UI", study_uid);
    yq_writer_put_text(&writer, 0x0020000e, "UI", series_uid);
    yq_writer_put_text(&writer, 0x00200010, "SH", id);
    snprintf(text, sizeof text, "%zu", place.series + 1);
    yq_writer_put_text(&writer, 0x00200011, "IS", text);
    snprintf(text, sizeof text, "%zu", place.image + 1);
    yq_writer_put_text(&writer, 0x00200013, "IS", text);
    put_number(&writer, 0x00280002, 1);
    yq_writer_put_text(&writer, 0x00280004, "CS", "MONOCHROME2");
    put_number(&writer, 0x00280010, corpus->side);
    put_number(&writer, 0x00280011, corpus->side);
    put_number(&writer, 0x00280100, 16);
    put_number(&writer, 0x00280101, 12);
    put_number(&writer, 0x00280102, 11);
    put_number(&writer, 0x00280103, 0);
    yq_writer_put_text(&writer, 0x00281050, "DS", "40");
    yq_writer_put_text(&writer, 0x00281051, "DS", "400");
    yq_writer_put_text(&writer, 0x00281052, "DS", "-1024");
    yq_writer_put_text(&writer, 0x00281053, "DS", "1");
    if (out->failed)
        die("no memory");
}

/* A body, organs and a bone of CT numbers, with the soft noise of a scanner: what it costs to
 * compress and to decode should be what it costs with pictures of people. */
static int hounsfield(double x, double y) /* from -1 to 1 */
{
    static const struct {
        double x, y, a, b;
        int value;
    } parts[] = {{0, 0, .85, .65, 40},        {-.38, -.05, .26, .36, -840},
                 {.38, -.05, .26, .36, -840}, {.05, -.08, .17, .2, 55},
                 {0, .42, .11, .1, 320},      {0, .42, .035, .035, 20}};
    int value = -1000;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        double u = (x - parts[i].x) / parts[i].a, v = (y - parts[i].y) / parts[i].b;
        if (u * u + v * v < 1)
            value = parts[i].value;
    }
    return value;
}

void corpus_pixels(const struct corpus *corpus, struct yq_buf *out)
{
    size_t side = corpus->side, length = 2 * side * side;
    uint32_t random = 2463534242u;
    int noise = 0;
    uint8_t *pixels = malloc(length);
    if (!pixels)
        die("no memory");
    for (size_t i = 0; i < side * side; i++) {
        size_t row = i / side, column = i % side;
        double x = 2.0 * (double)column / (double)side - 1;
        double y = 2.0 * (double)row / (double)side - 1;
        random ^= random << 13, random ^= random >> 17, random ^= random << 5;
        noise = (noise + (int)(random & 31) + (int)(random >> 8 & 31) - 31) / 2;
        int value = hounsfield(x, y) + 1024 + noise;
        pixels[2 * i] = (uint8_t)(value < 0 ? 0 : value);
        pixels[2 * i + 1] = (uint8_t)(value < 0 ? 0 : value >> 8);
    }
    struct yq_writer writer = {.out = out, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put(&writer, 0x7fe00010, "OW", pixels, length);
    free(pixels);
    if (out->failed)
        die("no memory");
}

static void write_one(const struct corpus *corpus, struct place place, const struct yq_buf *pixels,
                      const char *path)
{
    struct yq_buf file yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    char uid[YQ_UID_SIZE];
    corpus_uid(corpus, place, uid);
    yq_part10_write(&file, CT, uid, YQ_TS_EXPLICIT_LE);
    corpus_header(corpus, place, &file);
    yq_buf_put(&file, pixels->bytes, pixels->length);
    FILE *out = fopen(path, "wb");
    if (file.failed || !out || fwrite(file.bytes, 1, file.length, out) != file.length ||
        fclose(out) != 0) {
        yq_fail_errno(&err, "bench", "write", path);
        die("%s", err.text);
    }
}

void corpus_write(const struct corpus *corpus, const char *folder)
{
    struct yq_buf pixels yq_cleanup(yq_buf_fini) = {0};
    char path[YQ_PATH_MOST];
    corpus_pixels(corpus, &pixels);
    for (size_t study = 0; study < corpus->studies; study++) {
        snprintf(path, sizeof path, "%s/%05zu", folder, study);
        if (mkdir(path, 0755) != 0)
            die("cannot make %s", path);
        for (size_t n = 0; n < corpus->series * corpus->images; n++) {
            struct place place = {study, n / corpus->images, n % corpus->images};
            snprintf(path, sizeof path, "%s/%05zu/%04zu-%04zu.dcm", folder, study, place.series,
                     place.image);
            write_one(corpus, place, &pixels, path);
        }
    }
}

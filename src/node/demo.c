/* demo.c: invents patients, makes their studies, and writes them to a folder or takes them into the
 * node. The same seed gives the same bytes. */
#include "demo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "demo_study.h"
#include "home.h"
#include "output.h"
#include "yq/dcm.h"
#include "yq/transcode.h"

#define SOP_SECONDARY_CAPTURE "1.2.840.10008.5.1.4.1.1.7"
#define PIXELS_MOST (1ULL << 30)

struct demo {
    const char *out; /* NULL: into the node */
    struct yq_home home;
    char scratch[YQ_PATH_MOST]; /* a folder of ours, "" when there is none */
    uint64_t files, bytes, already;
    struct yq_meter meter;
};

struct person {
    const char *name, *sex;
};
static const struct person people[] = {
    {"Zhang^Wei=张^伟", "M"},     {"Wang^Fang=王^芳", "F"},     {"Li^Xiuying=李^秀英", "F"},
    {"Liu^Yang=刘^洋", "M"},      {"Chen^Jing=陈^静", "F"},     {"Yang^Jianguo=杨^建国", "M"},
    {"Zhao^Min=赵^敏", "F"},      {"Huang^Lei=黄^磊", "M"},     {"Zhou^Guiying=周^桂英", "F"},
    {"Wu^Zhiqiang=吴^志强", "M"}, {"Xu^Lihua=徐^丽华", "F"},    {"Sun^Haitao=孙^海涛", "M"},
    {"Ouyang^Xue=欧阳^雪", "F"},  {"Zhu^Shaohua=朱^少华", "M"}, {"Lin^Meiling=林^美玲", "F"},
    {"Zhuge^Ming=诸葛^明", "M"},  {"He^Ping=何^平", "M"},       {"Gao^Yulan=高^玉兰", "F"},
};
static const char *const physicians[] = {"Ma^Dong=马^东", "Qian^Hui=钱^慧", "Feng^Bo=冯^博"};

/* ---- files ---- */

static bool write_file(const char *path, const struct yq_buf *bytes, struct yq_err *err)
{
    int fd yq_cleanup(yq_close) = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return yq_fail_errno(err, "node", "create", path);
    return yq_write_all(fd, bytes->bytes, bytes->length, err) || yq_while(err, path);
}

static bool copy_out(int from, const char *to, struct yq_err *err)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", from);
    return yq_file_read(path, PIXELS_MOST, &bytes, err) && write_file(to, &bytes, err);
}

static bool transcode(const char *from, const char *syntax, const char *to, struct yq_err *err)
{
    const struct yq_coding coding = {.syntax = syntax};
    int in yq_cleanup(yq_close) = open(from, O_RDONLY | O_CLOEXEC);
    int out yq_cleanup(yq_close) = -1;
    if (in < 0)
        return yq_fail_errno(err, "node", "open", from);
    return yq_transcode(NULL, in, &coding, &out, err) && copy_out(out, to, err);
}

/* The object as a Part 10 file in its own transfer syntax. */
static bool write_object(const char *path, const struct yq_demo_object *object, struct yq_err *err)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    char plain[YQ_PATH_MOST + 8];
    bool native = object->compressed || strcmp(object->transfer_syntax, YQ_TS_EXPLICIT_LE) == 0 ||
                  strcmp(object->transfer_syntax, YQ_TS_IMPLICIT_LE) == 0;
    yq_part10_write(&bytes, object->sop_class, object->instance_uid,
                    native ? object->transfer_syntax : YQ_TS_EXPLICIT_LE);
    yq_sample_write(object->sample, &bytes);
    if (bytes.failed)
        return yq_fail(err, YQ_FULL, "node", "no memory for a sample");
    if (native)
        return write_file(path, &bytes, err);
    snprintf(plain, sizeof plain, "%s.plain", path);
    bool ok =
        write_file(plain, &bytes, err) && transcode(plain, object->transfer_syntax, path, err);
    unlink(plain);
    return ok;
}

static bool put_file(struct demo *demo, const struct yq_demo_object *object, struct yq_err *err)
{
    char study[YQ_PATH_MOST], folder[YQ_PATH_MOST], path[YQ_PATH_MOST], name[24];
    snprintf(name, sizeof name, "%04u.dcm", object->number);
    return yq_path_join(study, demo->out, object->study_uid, err) &&
           yq_path_join(folder, study, object->series_uid, err) && yq_mkdirs(folder, err) &&
           yq_path_join(path, folder, name, err) && write_object(path, object, err);
}

static bool put_node(struct demo *demo, const struct yq_demo_object *object, struct yq_err *err)
{
    char path[YQ_PATH_MOST];
    struct yq_origin origin = {.door = "demo"};
    struct yq_ingested in;
    if (!yq_path_join(path, demo->scratch, "sample.dcm", err) || !write_object(path, object, err) ||
        !yq_ingest_file(&demo->home.house, &origin, path, &in, err))
        return false;
    demo->already += in.stored == YQ_STORED_ALREADY;
    return true;
}

static bool put(void *context, const struct yq_demo_object *object, struct yq_err *err)
{
    struct demo *demo = context;
    if (!(demo->out ? put_file(demo, object, err) : put_node(demo, object, err)))
        return false;
    demo->files++;
    yq_meter_show(&demo->meter, demo->files, 0);
    return true;
}

/* ---- studies ---- */

static void invent(uint64_t seed, unsigned number, struct yq_demo_study *study)
{
    static const char *const charsets[] = {
        "GB18030",          "ISO_IR 192", "GB18030", "\\ISO 2022 IR 58",
        "\\ISO 2022 IR 58", "GB18030",    "GBK",     "ISO_IR 192"};
    struct yq_dice dice;
    char purpose[32];
    snprintf(purpose, sizeof purpose, "study %u", number);
    yq_dice_start(&dice, seed, purpose);
    *study = (struct yq_demo_study){.seed = seed, .number = number};
    const struct person *person = &people[(number + seed) % (sizeof people / sizeof *people)];
    study->charset = charsets[number % 8];
    (void)yq_copy(study->patient_name, sizeof study->patient_name, person->name);
    study->sex = person->sex;
    study->physician = physicians[yq_dice_below(&dice, 3)];
    unsigned born = 1940 + yq_dice_below(&dice, 70), month = 1 + yq_dice_below(&dice, 12);
    snprintf(study->patient_id, sizeof study->patient_id, "YQ%06u%02u",
             yq_dice_below(&dice, 1000000), number % 100);
    snprintf(study->birth_date, sizeof study->birth_date, "%04u%02u%02u", born % 10000, month % 100,
             1 + yq_dice_below(&dice, 28));
    snprintf(study->age, sizeof study->age, "%03uY", (2026 - born - (month > 6)) % 1000);
    snprintf(study->date, sizeof study->date, "2026%02u%02u", 1 + yq_dice_below(&dice, 6),
             1 + yq_dice_below(&dice, 28));
    snprintf(study->time, sizeof study->time, "%02u%02u%02u", 8 + yq_dice_below(&dice, 10),
             yq_dice_below(&dice, 60), yq_dice_below(&dice, 60));
    snprintf(study->accession, sizeof study->accession, "A%s%04u", study->date,
             (number * 7 + yq_dice_below(&dice, 7)) % 10000);
    snprintf(study->study_id, sizeof study->study_id, "%u", 1000 + number);
    yq_demo_uid(study, "study", 0, 0, study->study_uid);
    yq_demo_uid(study, "frame", 0, 0, study->frame_uid);
}

static bool make_all(struct demo *demo, uint64_t seed, unsigned studies, struct yq_err *err)
{
    static bool (*const makers[])(const struct yq_demo_study *, struct yq_err *) = {
        yq_demo_ct, yq_demo_mr, yq_demo_cr, yq_demo_us};
    static const unsigned objects[] = {53, 40, 3, 2};
    uint64_t total = 0;
    for (unsigned i = 0; i < studies; i++)
        total += objects[i % 4];
    yq_meter_start(&demo->meter, "sample objects", total, 0);
    bool ok = true;
    for (unsigned i = 0; ok && i < studies; i++) {
        struct yq_demo_study study;
        invent(seed, i, &study);
        study.put = put;
        study.context = demo;
        ok = makers[i % 4](&study, err);
    }
    yq_meter_clear(&demo->meter);
    return ok;
}

static bool prepare(struct yq_cli *cli, struct demo *demo, struct yq_err *err)
{
    static const char mask[] = "yingqiao.XXXXXX";
    const char *base = getenv("TMPDIR");
    if (demo->out)
        return yq_mkdirs(demo->out, err);
    if (!yq_home_open(cli, YQ_HOME_CREATE, NULL, &demo->home, err) ||
        !yq_path_join(demo->scratch, base && *base ? base : "/tmp", mask, err))
        return false;
    if (mkdtemp(demo->scratch))
        return true;
    yq_fail_errno(err, "node", "make a temporary folder", demo->scratch);
    demo->scratch[0] = '\0';
    return false;
}

static int report(struct yq_cli *cli, const struct demo *demo, unsigned studies)
{
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "studies", studies);
        yq_json_number(object, "instances", (double)demo->files);
        yq_json_number(object, "already", (double)demo->already);
        yq_json_text(object, "out", demo->out);
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    printf("%u sample studies with %llu objects%s%s", studies, (unsigned long long)demo->files,
           demo->out ? " written to " : " taken into ", demo->out ? demo->out : cli->data);
    if (demo->already)
        printf(", %llu of them there already", (unsigned long long)demo->already);
    printf("\n");
    return YQ_EXIT_FINE;
}

int yq_run_demo(struct yq_cli *cli)
{
    struct demo demo = {.out = yq_cli_value(cli, "out")};
    struct yq_err err = {0};
    long seed, studies;
    if (cli->arg_count)
        return yq_cli_usage(cli, "demo takes no %s", cli->args[0]);
    if (!yq_cli_number(cli, "seed", 0, 2000000000, 1, &seed) ||
        !yq_cli_number(cli, "studies", 1, 100000, 4, &studies))
        return YQ_EXIT_USAGE;
    bool ok = prepare(cli, &demo, &err) && make_all(&demo, (uint64_t)seed, (unsigned)studies, &err);
    if (demo.scratch[0])
        yq_home_remove_tree(demo.scratch);
    yq_home_close(&demo.home);
    if (!ok)
        return yq_cli_fail_err(&err);
    return report(cli, &demo, (unsigned)studies);
}

/* ---- the image of `ae test` ---- */

bool yq_demo_test_image(const char *path, struct yq_err *err)
{
    enum { SIZE = 64 };
    uint8_t pixels[SIZE * SIZE];
    struct yq_sample s = {.layout = YQ_LAYOUT_EXPLICIT_LE, .charset = "ISO_IR 100"};
    char uids[3][YQ_UID_SIZE];
    for (size_t i = 0; i < 3; i++)
        yq_uid_make(uids[i]);
    for (unsigned i = 0; i < SIZE * SIZE; i++)
        pixels[i] = (uint8_t)(4 * (i % SIZE) ^ (i / SIZE & 8 ? 0xff : 0));
    const struct {
        uint32_t tag;
        const char *vr, *text;
    } elements[] = {
        {0x00080005, "CS", s.charset},
        {0x00080008, "CS", "DERIVED\\SECONDARY"},
        {0x00080016, "UI", SOP_SECONDARY_CAPTURE},
        {0x00080018, "UI", uids[0]},
        {0x00080020, "DA", "20260101"},
        {0x00080030, "TM", "000000"},
        {0x00080050, "SH", "YQ-TEST"},
        {0x00080060, "CS", "OT"},
        {0x00080064, "CS", "SYN"},
        {0x00080070, "LO", "Yingqiao"},
        {0x00080090, "PN", ""},
        {0x00081030, "LO", "Connection test of Yingqiao"},
        {0x00100010, "PN", "Yingqiao^Test"},
        {0x00100020, "LO", "YQ-TEST"},
        {0x00100030, "DA", ""},
        {0x00100040, "CS", "O"},
        {0x0020000d, "UI", uids[1]},
        {0x0020000e, "UI", uids[2]},
        {0x00200010, "SH", "YQ-TEST"},
        {0x00200011, "IS", "1"},
        {0x00200013, "IS", "1"},
        {0x00200020, "CS", ""},
        {0x00280301, "CS", "NO"},
    };
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        yq_sample_text(&s, elements[i].tag, elements[i].vr, elements[i].text);
    struct yq_demo_pixels p = {SIZE, SIZE, 1, 1, 8, 8, "MONOCHROME2", pixels, sizeof pixels};
    yq_demo_pixels(&s, &p);
    struct yq_demo_object object = {.sop_class = SOP_SECONDARY_CAPTURE,
                                    .instance_uid = uids[0],
                                    .transfer_syntax = YQ_TS_EXPLICIT_LE,
                                    .sample = &s};
    bool ok = s.failed ? yq_fail(err, YQ_FULL, "node", "no memory for the test image")
                       : write_object(path, &object, err);
    yq_sample_fini(&s);
    return ok;
}

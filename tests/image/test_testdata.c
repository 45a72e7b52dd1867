/* test_testdata.c: every file of the shared test data, by its manifest: what others read, we read;
 * what is broken or hostile does no harm. Skipped where the data are missing. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "samples.h"
#include "yq/file.h"
#include "yq/image.h"
#include "yq/transcode.h"

enum { MOST = 256 << 20 };

struct entry {
    char path[400]; /* within the test data */
    bool sound;     /* others open it without error, and it is not one of the broken ones */
};

/* Calls `look` for each file of the manifest. */
static unsigned each(void (*look)(int fd, const struct entry *entry))
{
    char manifest[1024], line[4096], path[1500];
    if (!testdata("manifest.csv", manifest, sizeof manifest))
        skip();
    FILE *file = fopen(manifest, "r");
    assert_non_null(file);
    unsigned count = 0;
    assert_non_null(fgets(line, sizeof line, file)); /* the heading */
    while (fgets(line, sizeof line, file)) {
        struct entry entry = {.sound =
                                  strncmp(line, "malformed", 9) && strncmp(line, "hostile", 7)};
        line[strcspn(line, ",\n")] = '\0';
        (void)yq_copy(entry.path, sizeof entry.path, line);
        snprintf(path, sizeof path, "%.*s%s", (int)(strlen(manifest) - strlen("manifest.csv")),
                 manifest, entry.path);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue; /* a name that the manifest writes in another way */
        look(fd, &entry);
        close(fd);
        count++;
    }
    fclose(file);
    return count;
}

static void scan_it(int fd, const struct entry *entry)
{
    struct yq_part10 part10;
    struct yq_err err = {0};
    struct yq_element e;
    if (!yq_part10_read(fd, &part10, &err)) {
        if (entry->sound)
            fail_msg("%s: %s", entry->path, err.text);
        return;
    }
    struct yq_scan *scan;
    assert_true(yq_scan_open_fd(fd, part10.dataset_offset, part10.transfer_syntax, &scan, &err));
    while (yq_scan_next(scan, &e, &err))
        continue;
    if (entry->sound && err.code)
        fail_msg("%s: %s", entry->path, err.text);
    yq_scan_free(scan);
}

static unsigned headers, refused, otherwise; /* otherwise: file meta information names another */

static void read_it(int fd, const struct entry *entry)
{
    struct yq_part10 part10;
    struct yq_header h;
    struct yq_err err = {0};
    if (!yq_part10_read(fd, &part10, &err))
        return;
    if (yq_dcm_read_header(fd, part10.dataset_offset, part10.transfer_syntax, "", &h, &err)) {
        headers++;
        otherwise += entry->sound && part10.sop_instance[0] &&
                     strcmp(h.key.instance, part10.sop_instance) != 0;
        yq_header_fini(&h);
        return;
    }
    refused++;
    assert_int_equal(err.code, YQ_BAD_INPUT);
    /* Of the sound ones only those that lack what makes an instance. */
    if (entry->sound && !strstr(err.text, "the dataset has no"))
        fail_msg("%s: %s", entry->path, err.text);
}

static void show(int fd, const struct entry *entry, uint64_t most)
{
    struct yq_frame frame;
    struct yq_picture picture;
    struct yq_err err = {0};
    if (!yq_dcm_read_frame(fd, 0, most, &frame, &err)) {
        assert_true(err.code == YQ_ABSENT || err.code == YQ_BAD_INPUT || err.code == YQ_REFUSED ||
                    err.code == YQ_FULL);
        return;
    }
    if (yq_image_render(&frame, NULL, most, &picture, &err))
        yq_picture_fini(&picture);
    else if (entry->sound)
        fail_msg("%s: %s", entry->path, err.text);
    yq_frame_fini(&frame);
}

static void harmless(int fd, const struct entry *entry)
{
    static const char *const targets[] = {YQ_TS_IMPLICIT_LE, YQ_TS_DEFLATED,
                                          YQ_TS_JPEG_LOSSLESS_SV1};
    if (entry->sound)
        return;
    show(fd, entry, MOST);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct yq_err err = {0};
        const struct yq_coding coding = {.syntax = targets[i]};
        int out;
        if (yq_transcode(NULL, fd, &coding, &out, &err)) {
            show(out, &(struct entry){0}, MOST);
            close(out);
        } else {
            assert_true(err.code != YQ_OK && err.code != YQ_BUG);
        }
    }
}

static unsigned shown;

static void show_sound(int fd, const struct entry *entry)
{
    if (!entry->sound)
        return;
    show(fd, entry, MOST);
    shown++;
}

/* Renderings of the same pixels in lossless syntaxes, JPEG 2000 among them, are the same. */
static void one_image_in_many_syntaxes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "ExplicitVRLE",   "ImplicitVRLE",    "ExplicitVRBE",   "Deflated",   "RLE",
        "JPEGLossless57", "JPEGLosslessSV1", "JPEGLSLossless", "J2KLossless"};
    struct yq_picture first = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[100], path[1024];
        snprintf(name, sizeof name, "transfer-syntaxes/ct_%s.dcm", names[i]);
        if (!testdata(name, path, sizeof path))
            skip();
        struct yq_frame frame;
        struct yq_picture picture = {0};
        struct yq_err err = {0};
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (!yq_dcm_read_frame(fd, 0, MOST, &frame, &err) ||
            !yq_image_render(&frame, NULL, MOST, &picture, &err))
            fail_msg("%s: %s", name, err.text);
        if (i) {
            assert_int_equal(picture.pixels.length, first.pixels.length);
            assert_memory_equal(picture.pixels.bytes, first.pixels.bytes, first.pixels.length);
            yq_picture_fini(&picture);
        } else {
            first = picture;
        }
        yq_frame_fini(&frame);
        close(fd);
    }
    yq_picture_fini(&first);
}

static void dicomdirs_name_what_is_there(void **state)
{
    (void)state;
    static const char *const names[] = {"DICOMDIR",           "DICOMDIR-bigEnd",
                                        "DICOMDIR-implicit",  "DICOMDIR-nooffset",
                                        "DICOMDIR-nopatient", "DICOMDIR-reordered"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[100], path[1024], member[2048];
        snprintf(name, sizeof name, "dicomdir/%s", names[i]);
        if (!testdata(name, path, sizeof path))
            skip();
        struct yq_buf lines = {0};
        struct yq_err err = {0};
        if (!yq_dicomdir_files(path, &lines, &err))
            fail_msg("%s: %s", name, err.text);
        unsigned files = 0;
        for (char *line = strtok((char *)lines.bytes, "\n"); line; line = strtok(NULL, "\n")) {
            snprintf(member, sizeof member, "%.*s%s", (int)(strlen(path) - strlen(names[i])), path,
                     line);
            if (access(member, R_OK) != 0)
                fail_msg("%s names %s", name, line);
            files++;
        }
        assert_int_equal(files, 31);
        yq_buf_fini(&lines);
    }
}

static void all_are_scanned(void **state)
{
    (void)state;
    assert_true(each(scan_it) > 400);
}

static void all_headers_are_read(void **state)
{
    (void)state;
    headers = refused = otherwise = 0;
    assert_true(each(read_it) > 400);
    print_message("%u headers, %u refused\n", headers, refused);
    assert_true(headers > 350);
    assert_true(otherwise <= 5); /* others see the same in those */
}

static void sound_ones_are_shown(void **state)
{
    (void)state;
    shown = 0;
    (void)each(show_sound);
    assert_true(shown > 200);
}

static void broken_and_hostile_ones_do_no_harm(void **state)
{
    (void)state;
    (void)each(harmless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_scanned),
        cmocka_unit_test(all_headers_are_read),
        cmocka_unit_test(sound_ones_are_shown),
        cmocka_unit_test(broken_and_hostile_ones_do_no_harm),
        cmocka_unit_test(one_image_in_many_syntaxes),
        cmocka_unit_test(dicomdirs_name_what_is_there),
    };
    return cmocka_run_group_tests(tests, dcm_up, dcm_down);
}

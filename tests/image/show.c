/* show.c: a frame of a file as PNM, for the cases that hold our pictures beside those of others.
 *
 *   show [frame=N] [window=C,W[,exact|sigmoid]] [rows=N] [columns=N] [region=L,T,R,B]
 *        [font=FILE] [corners=TEXT|TEXT|TEXT|TEXT] [repeat=N] [state=FILE] FILE OUT
 *
 * Ends with 3 where the frame cannot be shown; says why. `repeat`: renders as often, and says how
 * many milliseconds one took. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/frames.h"
#include "yq/image.h"

#define MOST (1ull << 30)

struct wish {
    struct yq_view view;
    const char *font, *state; /* state: a presentation state's file */
    char corners[1000];
    unsigned frame, repeat;
    const char *files[2];
    size_t file_count;
};

/* The numbers of `name=1,2,3`; *rest: what stands behind them. */
static size_t numbers(const char *arg, const char *name, double *out, size_t most,
                      const char **rest)
{
    size_t count = 0, length = strlen(name);
    if (strncmp(arg, name, length) != 0 || arg[length] != '=')
        return 0;
    for (const char *at = arg + length; (*at == '=' || *at == ',') && count < most;) {
        char *end;
        out[count] = strtod(at + 1, &end);
        if (end == at + 1)
            break;
        count++;
        at = *rest = end;
    }
    return count;
}

static bool take(struct wish *wish, const char *arg)
{
    struct yq_view *view = &wish->view;
    const struct {
        const char *name;
        unsigned *to;
    } wholes[] = {{"frame", &wish->frame},
                  {"repeat", &wish->repeat},
                  {"rows", &view->rows},
                  {"columns", &view->columns}};
    double n[4];
    const char *rest = "";
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        if (numbers(arg, wholes[i].name, n, 1, &rest) == 1) {
            *wholes[i].to = (unsigned)n[0];
            return true;
        }
    if (numbers(arg, "window", n, 2, &rest) == 2) {
        view->has_window = true;
        view->window = (struct yq_window){n[0], n[1]};
        view->function = strcmp(rest, ",exact") == 0     ? YQ_VOI_LINEAR_EXACT
                         : strcmp(rest, ",sigmoid") == 0 ? YQ_VOI_SIGMOID
                                                         : YQ_VOI_LINEAR;
        return true;
    }
    if (numbers(arg, "region", n, 4, &rest) == 4) {
        view->has_region = true;
        view->left = n[0], view->top = n[1], view->right = n[2], view->bottom = n[3];
        return true;
    }
    if (strncmp(arg, "font=", 5) == 0) {
        wish->font = arg + 5;
        return true;
    }
    if (strncmp(arg, "state=", 6) == 0) {
        wish->state = arg + 6;
        return true;
    }
    if (strncmp(arg, "corners=", 8) == 0 && yq_copy(wish->corners, sizeof wish->corners, arg + 8)) {
        char *at = wish->corners;
        for (size_t i = 0; i < 4 && at; i++)
            view->corners[i] = strsep(&at, "|");
        return true;
    }
    if (wish->file_count == 2)
        return false;
    wish->files[wish->file_count++] = arg;
    return true;
}

static bool write_pnm(const struct yq_picture *picture, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return false;
    fprintf(file, "P%d\n%u %u\n255\n", picture->samples == 1 ? 5 : 6, picture->columns,
            picture->rows);
    fwrite(picture->pixels.bytes, 1, picture->pixels.length, file);
    return fclose(file) == 0;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool present(const struct wish *wish, int fd, struct yq_frame *frame, struct yq_err *err)
{
    int state yq_cleanup(yq_close) = open(wish->state, O_RDONLY | O_CLOEXEC);
    struct yq_part10 part10;
    if (state < 0)
        return yq_fail(err, YQ_ABSENT, "show", "there is no such presentation state");
    return yq_part10_read(fd, &part10, err) &&
           yq_dcm_read_presentation(state, part10.sop_instance, wish->frame, &frame->look, err);
}

static bool show(const struct wish *wish, struct yq_picture *picture, struct yq_err *err)
{
    struct yq_frame frame yq_cleanup(yq_frame_fini) = {0};
    int fd = open(wish->files[0], O_RDONLY | O_CLOEXEC);
    bool fine = fd >= 0 ? yq_dcm_read_frame(fd, wish->frame, MOST, &frame, err)
                        : yq_fail(err, YQ_ABSENT, "show", "there is no such file");
    fine = fine && (!wish->state || present(wish, fd, &frame, err));
    if (fd >= 0)
        close(fd);
    fine = fine && yq_image_render(&frame, &wish->view, MOST, picture, err);
    double start = now();
    for (unsigned i = 0; fine && i < wish->repeat; i++) {
        yq_picture_fini(picture);
        fine = yq_image_render(&frame, &wish->view, MOST, picture, err);
    }
    if (fine && wish->repeat)
        printf("%.3f\n", (now() - start) / wish->repeat);
    return fine;
}

int main(int count, char **args)
{
    struct wish wish = {0};
    for (int i = 1; i < count; i++)
        if (!take(&wish, args[i]))
            return 2;
    if (wish.file_count != 2)
        return 2;
    yq_dcm_init();
    struct yq_picture picture = {0};
    struct yq_err err = {0};
    if ((wish.font && !yq_image_use_font(wish.font, &err)) || !show(&wish, &picture, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 3;
    }
    bool fine = write_pnm(&picture, wish.files[1]);
    yq_picture_fini(&picture);
    return fine ? 0 : 1;
}

/* draw.c: what a rendered picture costs at least: a window over 16-bit pixels in memory, and
 * libjpeg-turbo at quality 90. No network, no file, no dataset. */
#include "bench.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <turbojpeg.h>

struct drawing {
    const struct options *options;
    struct yq_buf pixels;
    double until;
    atomic_size_t count;
};

static void window(const uint8_t *from, uint8_t *to, size_t pixels)
{
    enum { LOWEST = 1024 + 40 - 200, WIDTH = 400 };
    for (size_t i = 0; i < pixels; i++) {
        int value = ((int)yq_le16(from + 2 * i) - LOWEST) * 255 / WIDTH;
        to[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

static void *draw(void *context)
{
    struct drawing *all = context;
    int side = (int)all->options->corpus.side;
    size_t pixels = (size_t)side * (size_t)side;
    const uint8_t *from = all->pixels.bytes + all->pixels.length - 2 * pixels;
    uint8_t *grey = malloc(pixels);
    tjhandle encoder = tjInitCompress();
    if (!grey || !encoder)
        die("no memory");
    while (now() < all->until) {
        unsigned char *out = NULL;
        unsigned long length = 0;
        window(from, grey, pixels);
        if (tjCompress2(encoder, grey, side, 0, side, TJPF_GRAY, &out, &length, TJSAMP_GRAY, 90,
                        0) != 0)
            die("libjpeg-turbo does not compress");
        tjFree(out);
        atomic_fetch_add(&all->count, 1);
    }
    tjDestroy(encoder);
    free(grey);
    return NULL;
}

int run_draw(const struct options *options)
{
    struct drawing all = {.options = options};
    pthread_t threads[64];
    unsigned parallel = options->parallel < 64 ? options->parallel : 64;
    corpus_pixels(&options->corpus, &all.pixels);
    double start = now();
    all.until = start + options->seconds;
    for (unsigned i = 0; i < parallel; i++)
        if (pthread_create(&threads[i], NULL, draw, &all) != 0)
            die("no thread");
    for (unsigned i = 0; i < parallel; i++)
        pthread_join(threads[i], NULL);
    printf("{\"count\":%zu,\"per_s\":%.1f}\n", atomic_load(&all.count),
           (double)atomic_load(&all.count) / (now() - start));
    yq_buf_fini(&all.pixels);
    return 0;
}

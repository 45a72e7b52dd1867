/* floor.c: what the disk gives to whoever makes files durable one by one: write, fdatasync, rename,
 * in as many threads as there would be associations, each with a folder of its own. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct flooring {
    const struct options *options;
    struct yq_buf pixels;
    atomic_size_t next;
};

struct writer {
    struct flooring *all;
    size_t number;
    struct times times;
    pthread_t thread;
};

static void write_one(const struct flooring *all, const char *staged, const char *path)
{
    int fd = open(staged, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    size_t length = all->pixels.length;
    for (size_t at = 0; fd >= 0 && at < length;) {
        size_t some = length - at < YQ_PDU_SIZE ? length - at : YQ_PDU_SIZE;
        ssize_t done = write(fd, all->pixels.bytes + at, some);
        if (done <= 0)
            die("cannot write %s: %s", staged, strerror(errno));
        at += (size_t)done;
    }
    if (fd < 0 || fdatasync(fd) != 0 || rename(staged, path) != 0)
        die("cannot make %s: %s", path, strerror(errno));
    close(fd);
}

static void *write_files(void *context)
{
    struct writer *writer = context;
    struct flooring *all = writer->all;
    const char *folder = all->options->args[0];
    char staged[512], path[512];
    snprintf(path, sizeof path, "%s/%zu", folder, writer->number);
    if (mkdir(path, 0750) != 0)
        die("cannot make %s: %s", path, strerror(errno));
    for (size_t n; (n = atomic_fetch_add(&all->next, 1)) < all->options->repeat;) {
        snprintf(staged, sizeof staged, "%s/%zu.part", folder, n);
        snprintf(path, sizeof path, "%s/%zu/%zu", folder, writer->number, n);
        double start = now();
        write_one(all, staged, path);
        times_add(&writer->times, now() - start);
    }
    return NULL;
}

int run_floor(const struct options *options)
{
    struct flooring all = {.options = options};
    struct writer writers[64] = {{0}};
    struct times times = {0};
    unsigned parallel = options->parallel < 64 ? options->parallel : 64;
    if (options->arg_count != 1)
        die("floor wants a folder");
    corpus_pixels(&options->corpus, &all.pixels);
    double start = now(), cpu = own_cpu();
    for (unsigned i = 0; i < parallel; i++) {
        writers[i].all = &all;
        writers[i].number = i;
        if (pthread_create(&writers[i].thread, NULL, write_files, &writers[i]) != 0)
            die("no thread");
    }
    for (unsigned i = 0; i < parallel; i++)
        pthread_join(writers[i].thread, NULL);
    double seconds = now() - start;
    cpu = own_cpu() - cpu;
    for (unsigned i = 0; i < parallel; i++)
        times_join(&times, &writers[i].times);
    printf("{\"count\":%zu,\"per_s\":%.1f,\"cpu_s\":%.3f,", times.count,
           (double)times.count / seconds, cpu);
    times_print(&times, stdout);
    printf("}\n");
    return 0;
}

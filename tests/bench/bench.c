/* bench.c: the command line, and what all commands need. run.py calls this program; by hand:
 *
 *   bench store -a 4 -n 4 -m 2 -k 125 HOST PORT AET     (studies, series of each, images of each)
 *   bench find -r 200 -n 100000 HOST PORT AET 'AccessionNumber=A1#'
 *   bench get|move -n 1 -m 2 -k 150 HOST PORT AET       (move: to the AE title SINK, port -d PORT)
 *   bench http -a 8 -w 3 -n 1 -m 2 -k 150 HOST PORT AET /wado [contentType=image/jpeg]
 *   bench echo -w 20 HOST PORT AET
 *   bench floor -a 4 -r 500 FOLDER
 *   bench draw -a 2 -w 2 -x 512            (window and JPEG in memory: what a picture costs at
 * least) bench make -n 4 -m 2 -k 125 FOLDER */
#include "bench.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(1);
}

double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double own_cpu(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

void times_add(struct times *times, double seconds)
{
    if (times->count == times->room) {
        times->room = times->room ? 2 * times->room : 1024;
        times->each = realloc(times->each, times->room * sizeof *times->each);
        if (!times->each)
            die("no memory");
    }
    times->each[times->count++] = seconds;
}

void times_join(struct times *times, const struct times *others)
{
    for (size_t i = 0; i < others->count; i++)
        times_add(times, others->each[i]);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void times_print(struct times *times, FILE *out)
{
    if (!times->count)
        die("nothing was measured");
    qsort(times->each, times->count, sizeof *times->each, by_size);
    size_t last = times->count - 1;
    fprintf(out, "\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"max_ms\":%.3f", 1e3 * times->each[last / 2],
            1e3 * times->each[last * 95 / 100], 1e3 * times->each[last]);
}

int run_make(const struct options *options)
{
    if (options->arg_count != 1)
        die("make wants a folder");
    corpus_write(&options->corpus, options->args[0]);
    return 0;
}

static size_t number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || end == text)
        die("%s is no number", text);
    return value;
}

static void read_option(struct options *options, int letter, const char *value)
{
    switch (letter) {
    case 'a': options->parallel = (unsigned)number(value); break;
    case 'd': options->sink = value; break;
    case 'k': options->corpus.images = number(value); break;
    case 'm': options->corpus.series = number(value); break;
    case 'n': options->corpus.studies = number(value); break;
    case 'p': options->target.pdu = (uint32_t)number(value); break;
    case 'r': options->repeat = number(value); break;
    case 's': options->corpus.seed = (unsigned)number(value); break;
    case 'w': options->seconds = strtod(value, NULL); break;
    case 'x': options->corpus.side = (unsigned)number(value); break;
    default: die("unknown option; bench.c says which there are");
    }
}

static const struct command {
    const char *name;
    int (*run)(const struct options *options);
    bool calls; /* HOST PORT AET come first */
} commands[] = {
    {"make", run_make, false}, {"floor", run_floor, false}, {"draw", run_draw, false},
    {"echo", run_echo, true},  {"store", run_store, true},  {"find", run_find, true},
    {"get", run_get, true},    {"move", run_move, true},    {"http", run_http, true},
};

int main(int argc, char **argv)
{
    struct options options = {
        .target = {.pdu = YQ_PDU_SIZE},
        .corpus = {.seed = 1, .studies = 1, .series = 1, .images = 1, .side = 512},
        .parallel = 1,
        .repeat = 1,
        .seconds = 10,
        .sink = "11250"};
    const struct command *command = NULL;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            command = &commands[i];
    if (!command)
        die("make, floor, draw, echo, store, find, get, move or http?");
    optind = 2;
    for (int letter; (letter = getopt(argc, argv, "a:d:k:m:n:p:r:s:w:x:")) != -1;)
        read_option(&options, letter, optarg);
    if (command->calls) {
        if (argc - optind < 3)
            die("%s wants HOST PORT AET", command->name);
        options.target.host = argv[optind++];
        options.target.port = argv[optind++];
        options.target.aet = argv[optind++];
    }
    options.args = argv + optind;
    options.arg_count = (size_t)(argc - optind);
    return command->run(&options);
}

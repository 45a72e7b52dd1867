/* http.c: GET of stored objects over connections that stay open (HTTP/1.1, Content-Length). */
#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 1 << 18 };

struct fetching {
    const struct options *options;
    double until;
    atomic_size_t next, count, bytes;
};

static int connect_loopback(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("nobody listens on port %s", port);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void put_path(struct yq_buf *out, const char *path, const char *study, const char *series,
                     const char *object)
{
    while (*path) {
        size_t plain = strcspn(path, "{");
        yq_buf_put(out, path, plain);
        path += plain;
        if (!*path)
            break;
        yq_buf_puts(out, path[1] == 'o' ? object : path[2] == 't' ? study : series);
        path += strcspn(path, "}") + 1;
    }
}

/* The path of an object: options->args[0], with the three UIDs of WADO-URI behind it and what else
 * is asked for (options->args[1]); or args[0] with the UIDs in the place of {study}, {series} and
 * {object}, as RESTful services want them. */
static void put_request(struct yq_buf *out, const struct options *options, size_t number)
{
    const struct corpus *corpus = &options->corpus;
    size_t in_study = corpus->series * corpus->images;
    struct place place = {number / in_study % corpus->studies, number % in_study / corpus->images,
                          number % corpus->images};
    struct place series = {place.study, place.series, SIZE_MAX};
    struct place study = {place.study, SIZE_MAX, SIZE_MAX};
    char uid[YQ_UID_SIZE], series_uid[YQ_UID_SIZE], study_uid[YQ_UID_SIZE];
    corpus_uid(corpus, place, uid);
    corpus_uid(corpus, series, series_uid);
    corpus_uid(corpus, study, study_uid);
    yq_buf_clear(out);
    yq_buf_puts(out, "GET ");
    if (strchr(options->args[0], '{'))
        put_path(out, options->args[0], study_uid, series_uid, uid);
    else
        yq_buf_putf(out, "%s?requestType=WADO&studyUID=%s&seriesUID=%s&objectUID=%s&%s",
                    options->args[0], study_uid, series_uid, uid,
                    options->arg_count > 1 ? options->args[1] : "contentType=application/dicom");
    yq_buf_puts(out, " HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
}

static size_t read_answer(int fd, uint8_t *in)
{
    size_t have = 0, length = SIZE_MAX;
    char *end;
    do {
        ssize_t got = recv(fd, in + have, ROOM - 1 - have, 0);
        if (got <= 0)
            die("the connection was lost");
        have += (size_t)got;
        in[have] = 0;
        end = strstr((char *)in, "\r\n\r\n");
    } while (!end && have < ROOM - 1);
    if (!end || strncmp((char *)in, "HTTP/1.1 200", 12) != 0)
        die("the answer is not what was asked for: %.60s", (char *)in);
    for (char *line = (char *)in; line < end; line = strchr(line, '\n') + 1)
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            length = strtoul(line + 15, NULL, 10);
    if (length == SIZE_MAX)
        die("an answer without a length");
    size_t body = have - (size_t)(end + 4 - (char *)in);
    while (body < length) {
        ssize_t got = recv(fd, in, ROOM, MSG_WAITALL & 0);
        if (got <= 0)
            die("the connection was lost");
        body += (size_t)got;
    }
    return length;
}

static void *fetch(void *context)
{
    struct fetching *all = context;
    struct yq_buf request yq_cleanup(yq_buf_fini) = {0};
    uint8_t *in = malloc(ROOM);
    int fd = connect_loopback(all->options->target.port);
    if (!in)
        die("no memory");
    while (now() < all->until &&
           (all->options->repeat < 2 || atomic_load(&all->next) < all->options->repeat)) {
        put_request(&request, all->options, atomic_fetch_add(&all->next, 1));
        if (send(fd, request.bytes, request.length, MSG_NOSIGNAL) != (ssize_t)request.length)
            die("the connection was lost");
        atomic_fetch_add(&all->bytes, read_answer(fd, in));
        atomic_fetch_add(&all->count, 1);
    }
    close(fd);
    free(in);
    return NULL;
}

int run_http(const struct options *options)
{
    struct fetching all = {.options = options};
    pthread_t threads[64];
    unsigned parallel = options->parallel < 64 ? options->parallel : 64;
    if (!options->arg_count)
        die("http wants a path");
    double start = now(), cpu = own_cpu();
    all.until = start + options->seconds;
    for (unsigned i = 0; i < parallel; i++)
        if (pthread_create(&threads[i], NULL, fetch, &all) != 0)
            die("no thread");
    for (unsigned i = 0; i < parallel; i++)
        pthread_join(threads[i], NULL);
    double seconds = now() - start;
    printf("{\"count\":%zu,\"per_s\":%.1f,\"mb_s\":%.1f,\"client_cpu_s\":%.3f}\n",
           atomic_load(&all.count), (double)atomic_load(&all.count) / seconds,
           (double)atomic_load(&all.bytes) / seconds / 1e6, own_cpu() - cpu);
    return 0;
}

/* platform.c: a province's platform that takes everything: bench_platform. Prints its port, then
 * answers every POST with {"code":1} as soon as it has the body, over connections that stay.
 * It holds its answers until "go" comes on standard input, so that a node has all its messages
 * ready before the first is counted. At the end of standard input it prints one line of JSON:
 * messages, bytes, seconds from the first to the last, the longest pause. A thread a connection;
 * it costs next to nothing beside the node that it measures. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MOST = 16384, BODY_PIECE = 65536 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int going;
static unsigned long long messages, bytes, connections;
static double first, last, longest;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void count(size_t length)
{
    pthread_mutex_lock(&lock);
    while (!going)
        pthread_cond_wait(&changed, &lock);
    double at = now();
    if (!messages++)
        first = at;
    else if (at - last > longest)
        longest = at - last;
    last = at;
    bytes += length;
    pthread_mutex_unlock(&lock);
}

struct reader {
    int fd;
    char buffer[BODY_PIECE];
    size_t from, to;
};

static int more(struct reader *reader)
{
    if (reader->from == reader->to)
        reader->from = reader->to = 0;
    ssize_t got = read(reader->fd, reader->buffer + reader->to, sizeof reader->buffer - reader->to);
    reader->to += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* The head of a request, with a 0 behind it; 0 at the end of the connection. */
static int read_head(struct reader *reader, char head[HEAD_MOST])
{
    size_t length = 0;
    for (;;) {
        while (reader->from < reader->to && length + 1 < HEAD_MOST) {
            head[length++] = reader->buffer[reader->from++];
            if (length > 3 && memcmp(head + length - 4, "\r\n\r\n", 4) == 0) {
                head[length] = '\0';
                return 1;
            }
        }
        if (length + 1 == HEAD_MOST || !more(reader))
            return 0;
    }
}

static int skip(struct reader *reader, size_t length)
{
    while (length) {
        size_t here = reader->to - reader->from;
        if (!here && !more(reader))
            return 0;
        here = reader->to - reader->from < length ? reader->to - reader->from : length;
        reader->from += here;
        length -= here;
    }
    return 1;
}

static int say(int fd, const char *text)
{
    size_t length = strlen(text);
    return send(fd, text, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static void *serve(void *context)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                 "Content-Length: 40\r\n\r\n"
                                 "{\"code\":1,\"message\":\"ok\",\"content\":null}";
    struct reader *reader = context;
    char head[HEAD_MOST];
    while (read_head(reader, head)) {
        const char *field = strcasestr(head, "\r\nContent-Length:");
        size_t length = field ? strtoul(field + 17, NULL, 10) : 0;
        if (strcasestr(head, "\r\nExpect:") && !say(reader->fd, "HTTP/1.1 100 Continue\r\n\r\n"))
            break;
        if (!skip(reader, length))
            break;
        count(length);
        if (!say(reader->fd, answer))
            break;
    }
    close(reader->fd);
    free(reader);
    return NULL;
}

static void *listen_on(void *context)
{
    int listener = *(int *)context, one = 1;
    for (;;) {
        pthread_t thread;
        struct reader *reader = calloc(1, sizeof *reader);
        if (!reader || (reader->fd = accept(listener, NULL, NULL)) < 0)
            die("accept");
        (void)setsockopt(reader->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pthread_mutex_lock(&lock);
        connections++;
        pthread_mutex_unlock(&lock);
        if (pthread_create(&thread, NULL, serve, reader) != 0)
            die("pthread_create");
        pthread_detach(thread);
    }
    return NULL;
}

static void report(void)
{
    pthread_mutex_lock(&lock);
    printf("{\"messages\":%llu,\"bytes\":%llu,\"seconds\":%.4f,\"longest_pause\":%.4f,"
           "\"connections\":%llu}\n",
           messages, bytes, last - first, longest, connections);
    (void)fflush(stdout);
    pthread_mutex_unlock(&lock);
}

int main(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof here;
    pthread_t thread;
    char line[64];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&here, size) != 0 ||
        listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&here, &size) != 0)
        die("listen");
    printf("%u\n", ntohs(here.sin_port));
    (void)fflush(stdout);
    if (pthread_create(&thread, NULL, listen_on, &listener) != 0)
        die("pthread_create");
    while (fgets(line, sizeof line, stdin)) {
        if (strcmp(line, "go\n") != 0) { /* any other line asks how far it is */
            report();
            continue;
        }
        pthread_mutex_lock(&lock);
        going = 1;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    report();
    return 0;
}

/* bench.h: load for DICOM nodes, and the floors they stand on: what the commands of this program
 * share.
 *
 * It must cost next to nothing beside the node that it measures: a message leaves in one writev out
 * of the memory it lies in, pixels are made once. Blocking sockets, a thread per association;
 * whatever goes wrong ends the program with a sentence. */
#ifndef YQ_BENCH_H
#define YQ_BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "yq/assoc.h"
#include "yq/bytes.h"
#include "yq/uid.h"

#define CT "1.2.840.10008.5.1.4.1.1.2"

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- time ---- */

double now(void); /* seconds, monotonic */
double own_cpu(void);
struct times { /* of single operations, in seconds */
    double *each;
    size_t count, room;
};
void times_add(struct times *times, double seconds);
void times_join(struct times *times, const struct times *others);
/* "p50_ms":..,"p95_ms":..,"max_ms":.. */
void times_print(struct times *times, FILE *out);

/* ---- corpus.c: the instances; the same numbers make the same bytes ---- */

struct corpus {
    unsigned seed;         /* of the UIDs: corpora differ by it */
    size_t studies;        /* so many */
    size_t series, images; /* in each study; in each series */
    unsigned side;         /* pixels of a side, 16 bits each */
};
struct place { /* of an instance in a corpus */
    size_t study, series, image;
};
/* `uid` of a study (series SIZE_MAX), a series (image SIZE_MAX) or an instance. */
void corpus_uid(const struct corpus *corpus, struct place place, char uid[YQ_UID_SIZE]);
void corpus_header(const struct corpus *corpus, struct place place, struct yq_buf *out);
/* What follows every header: the pixel data. Made once, the caller's to keep. */
void corpus_pixels(const struct corpus *corpus, struct yq_buf *out);
/* For files: the whole Part 10 file. */
void corpus_write(const struct corpus *corpus, const char *folder);

/* ---- client.c: an association, asking ---- */

struct target {
    const char *host, *port, *aet;
    uint32_t pdu; /* what we take */
};
struct wanted {
    const char *abstract, *syntax;
    bool scp; /* we want to be its SCP */
};
struct client {
    int fd;
    uint32_t pdu; /* what the peer takes */
    uint16_t next_id;
    struct yq_buf command; /* of the message being received */
    uint8_t *in;
    size_t from, to;
    uint32_t pdu_left;
};
/* False: nobody listens, or the association was not accepted. Contexts have ids 1, 3, 5 ... */
bool client_open(struct client *client, const struct target *target, const struct wanted *wanted,
                 size_t count);
void client_adopt(struct client *client, int fd); /* of a connection that was accepted */
/* Two parts, which may be empty, make the dataset. */
void client_send(struct client *client, const struct yq_message *message, const void *first,
                 size_t first_length, const void *second, size_t second_length);
/* A whole message; its dataset is counted only. False: the peer released or aborted. */
bool client_receive(struct client *client, struct yq_message *message, size_t *length);
void client_close(struct client *client); /* releases */

/* ---- sink.c: takes whatever is stored in it ---- */

/* In a thread of its own, until the program ends; the port. */
void sink_start(const char *port);

/* ---- the commands: each prints one line of JSON ---- */

struct options {
    struct target target;
    struct corpus corpus;
    unsigned parallel;
    size_t repeat;
    double seconds;
    const char *sink; /* AE title and port of the destination of a C-MOVE */
    char **args;      /* what follows the options */
    size_t arg_count;
};
int run_make(const struct options *options);
int run_echo(const struct options *options);
int run_store(const struct options *options);
int run_find(const struct options *options);
int run_get(const struct options *options);
int run_move(const struct options *options);
int run_http(const struct options *options);
int run_floor(const struct options *options);
int run_draw(const struct options *options);

#endif

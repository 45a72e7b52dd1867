/* load.c: C-ECHO until it answers; C-STORE; C-FIND; C-GET and C-MOVE. */
#include "bench.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "yq/attr.h"
#include "yq/dcm.h"

static void open_or_die(struct client *client, const struct target *target,
                        const struct wanted *wanted, size_t count)
{
    if (!client_open(client, target, wanted, count))
        die("%s:%s refused the association", target->host, target->port);
}

/* ---- echo: when it first answers, on the monotonic clock ---- */

int run_echo(const struct options *options)
{
    static const struct wanted verification = {YQ_SOP_VERIFICATION, YQ_TS_IMPLICIT_LE, false};
    double until = now() + options->seconds;
    struct client client;
    while (!client_open(&client, &options->target, &verification, 1)) {
        if (now() > until)
            die("nobody answers on port %s", options->target.port);
        usleep(300);
    }
    struct yq_message message = {
        .context = 1, .command = YQ_C_ECHO_RQ, .id = 1, .sop_class = YQ_SOP_VERIFICATION};
    size_t length;
    client_send(&client, &message, NULL, 0, NULL, 0);
    if (!client_receive(&client, &message, &length) || message.status)
        die("the echo was not answered");
    printf("{\"at\":%.6f}\n", now());
    client_close(&client);
    return 0;
}

/* ---- store ---- */

struct storing {
    const struct options *options;
    struct yq_buf pixels;
    atomic_size_t next, refused; /* series; instances */
};

struct storer {
    struct storing *all;
    struct times times;
    pthread_t thread;
};

static void store_one(struct storer *storer, struct client *client, struct place place)
{
    const struct corpus *corpus = &storer->all->options->corpus;
    struct yq_buf header yq_cleanup(yq_buf_fini) = {0};
    struct yq_message message = {.context = 1,
                                 .command = YQ_C_STORE_RQ,
                                 .id = ++client->next_id,
                                 .sop_class = CT,
                                 .has_dataset = true};
    size_t length;
    corpus_header(corpus, place, &header);
    corpus_uid(corpus, place, message.sop_instance);
    double start = now();
    client_send(client, &message, header.bytes, header.length, storer->all->pixels.bytes,
                storer->all->pixels.length);
    if (!client_receive(client, &message, &length))
        die("the association was lost");
    times_add(&storer->times, now() - start);
    if (message.status)
        atomic_fetch_add(&storer->all->refused, 1);
}

static void *store_series(void *context)
{
    struct storer *storer = context;
    struct storing *all = storer->all;
    const struct corpus *corpus = &all->options->corpus;
    static const struct wanted ct = {CT, YQ_TS_EXPLICIT_LE, false};
    struct client client;
    open_or_die(&client, &all->options->target, &ct, 1);
    for (size_t n; (n = atomic_fetch_add(&all->next, 1)) < corpus->studies * corpus->series;) {
        struct place place = {n / corpus->series, n % corpus->series, 0};
        for (; place.image < corpus->images; place.image++)
            store_one(storer, &client, place);
    }
    client_close(&client);
    return NULL;
}

int run_store(const struct options *options)
{
    struct storing all = {.options = options};
    struct storer storers[64] = {{0}};
    struct times times = {0};
    unsigned parallel = options->parallel < 64 ? options->parallel : 64;
    corpus_pixels(&options->corpus, &all.pixels);
    double start = now(), cpu = own_cpu();
    for (unsigned i = 0; i < parallel; i++) {
        storers[i].all = &all;
        if (pthread_create(&storers[i].thread, NULL, store_series, &storers[i]) != 0)
            die("no thread");
    }
    for (unsigned i = 0; i < parallel; i++)
        pthread_join(storers[i].thread, NULL);
    double seconds = now() - start;
    cpu = own_cpu() - cpu;
    for (unsigned i = 0; i < parallel; i++)
        times_join(&times, &storers[i].times);
    size_t refused = atomic_load(&all.refused), stored = times.count - refused;
    printf("{\"count\":%zu,\"refused\":%zu,\"seconds\":%.3f,\"per_s\":%.1f,\"client_cpu_s\":%.3f,",
           stored, refused, seconds, (double)stored / seconds, cpu);
    times_print(&times, stdout);
    printf("}\n");
    return 0;
}

/* ---- find ---- */

/* "AccessionNumber=A1%07zu": a place for the number of a study, another one each time. */
static void put_key(struct yq_writer *writer, const struct options *options, size_t round,
                    enum yq_attr attr)
{
    const char *name = yq_attrs[attr].name;
    char value[256] = "";
    for (size_t i = 0; i < options->arg_count; i++) {
        const char *arg = options->args[i], *equals = strchr(arg, '=');
        if (!equals || strncmp(arg, name, (size_t)(equals - arg)) != 0 || name[equals - arg])
            continue;
        const char *place = strchr(equals, '#');
        if (place)
            snprintf(value, sizeof value, "%.*s%07zu%s", (int)(place - equals - 1), equals + 1,
                     round * 7919 % options->corpus.studies, place + 1);
        else
            snprintf(value, sizeof value, "%s", equals + 1);
    }
    yq_writer_put_text(writer, yq_attrs[attr].tag, yq_attrs[attr].vr, value);
}

static void put_query(struct yq_buf *out, const struct options *options, size_t round)
{
    static const enum yq_attr keys[] = {YQ_StudyDate,   YQ_AccessionNumber, YQ_StudyDescription,
                                        YQ_PatientName, YQ_PatientID,       YQ_StudyInstanceUID};
    struct yq_writer writer = {.out = out, .layout = YQ_LAYOUT_EXPLICIT_LE};
    yq_writer_put_text(&writer, 0x00080005, "CS", "ISO_IR 192");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (i == 2)
            yq_writer_put_text(&writer, 0x00080052, "CS", "STUDY");
        put_key(&writer, options, round, keys[i]);
    }
    if (out->failed)
        die("no memory");
}

int run_find(const struct options *options)
{
    static const struct wanted find = {YQ_SOP_FIND_STUDY, YQ_TS_EXPLICIT_LE, false};
    struct client client;
    struct times times = {0};
    size_t rows = 0, length;
    open_or_die(&client, &options->target, &find, 1);
    double until = now() + options->seconds;
    for (size_t round = 0; round < options->repeat && (round < 3 || now() < until); round++) {
        struct yq_buf query yq_cleanup(yq_buf_fini) = {0};
        struct yq_message message = {.context = 1,
                                     .command = YQ_C_FIND_RQ,
                                     .id = ++client.next_id,
                                     .sop_class = YQ_SOP_FIND_STUDY,
                                     .has_dataset = true};
        put_query(&query, options, round);
        double start = now();
        client_send(&client, &message, query.bytes, query.length, NULL, 0);
        do {
            if (!client_receive(&client, &message, &length))
                die("the association was lost");
            rows += message.status == 0xff00 || message.status == 0xff01;
        } while (message.status == 0xff00 || message.status == 0xff01);
        if (message.status)
            die("the query failed with status %04x", message.status);
        if (round) /* the first one opens and prepares */
            times_add(&times, now() - start);
    }
    client_close(&client);
    printf("{\"count\":%zu,\"rows\":%.1f,", times.count, (double)rows / (double)(times.count + 1));
    times_print(&times, stdout);
    printf("}\n");
    return 0;
}

/* ---- get and move ---- */

static size_t retrieve_study(const struct options *options, struct client *client, size_t study,
                             bool move)
{
    struct yq_buf query yq_cleanup(yq_buf_fini) = {0};
    struct yq_writer writer = {.out = &query, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_message message = {.context = 1,
                                 .command = move ? YQ_C_MOVE_RQ : YQ_C_GET_RQ,
                                 .id = ++client->next_id,
                                 .has_dataset = true};
    char uid[YQ_UID_SIZE];
    size_t count = 0, length;
    snprintf(message.sop_class, YQ_UID_SIZE, "%s", move ? YQ_SOP_MOVE_STUDY : YQ_SOP_GET_STUDY);
    if (move)
        snprintf(message.move_destination, YQ_AET_SIZE, "SINK");
    corpus_uid(&options->corpus, (struct place){study, SIZE_MAX, SIZE_MAX}, uid);
    yq_writer_put_text(&writer, 0x00080052, "CS", "STUDY");
    yq_writer_put_text(&writer, 0x0020000d, "UI", uid);
    client_send(client, &message, query.bytes, query.length, NULL, 0);
    do {
        if (!client_receive(client, &message, &length))
            die("the association was lost");
        if (message.command == YQ_C_STORE_RQ) {
            message.command = YQ_C_STORE_RSP;
            message.has_dataset = false;
            message.status = 0;
            client_send(client, &message, NULL, 0, NULL, 0);
            message.status = 0xff00;
            count++;
        } else if (move) {
            count = message.completed;
        }
    } while (message.status == 0xff00);
    if (message.status)
        die("the retrieve ended with status %04x", message.status);
    return count;
}

static int retrieve(const struct options *options, bool move)
{
    const struct wanted wanted[] = {
        {move ? YQ_SOP_MOVE_STUDY : YQ_SOP_GET_STUDY, YQ_TS_EXPLICIT_LE, false},
        {CT, YQ_TS_EXPLICIT_LE, true}};
    size_t count = 0;
    struct client client;
    if (move)
        sink_start(options->sink);
    open_or_die(&client, &options->target, wanted, move ? 1 : 2);
    double start = now(), cpu = own_cpu();
    for (size_t round = 0; round < options->repeat; round++)
        for (size_t study = 0; study < options->corpus.studies; study++)
            count += retrieve_study(options, &client, study, move);
    double seconds = now() - start;
    cpu = own_cpu() - cpu;
    client_close(&client);
    printf("{\"count\":%zu,\"seconds\":%.3f,\"per_s\":%.1f,\"client_cpu_s\":%.3f}\n", count,
           seconds, (double)count / seconds, cpu);
    return 0;
}

int run_get(const struct options *options) { return retrieve(options, false); }
int run_move(const struct options *options) { return retrieve(options, true); }

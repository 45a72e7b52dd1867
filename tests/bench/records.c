/* records.c: how fast records come in, and how fast they are found: bench_records FOLDER COUNT
 * [THREADS [TOGETHER]]. COUNT exams and as many reports of them, invented, about 2 KB each, by the
 * walk that every door uses. Prints a line of JSON. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "yq/log.h"
#include "yq/registry.h"

enum { TOGETHER_MOST = 1000, THREADS_MOST = 64, LOOKS = 5000 };

static struct yq_house house;
static size_t count, threads, together;

static void die(const char *what, const struct yq_err *err)
{
    fprintf(stderr, "%s: %s\n", what, err ? err->text : "failed");
    exit(1);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double resident_mb(void)
{
    char text[128], *end;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || !fgets(text, sizeof text, file))
        die("statm", NULL);
    fclose(file);
    (void)strtol(text, &end, 10);
    return (double)strtol(end, NULL, 10) * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static void put(struct yq_record *record, const char *name, const char *value)
{
    struct yq_err err = {0};
    if (!yq_record_put(record, name, value, &err))
        die(name, &err);
}

static void putn(struct yq_record *record, const char *name, const char *head, size_t number)
{
    char text[96];
    snprintf(text, sizeof text, "%s%zu", head, number);
    put(record, name, text);
}

static struct yq_record *make(enum yq_kind kind, size_t n)
{
    static const char sentence[] =
        "\xe5\x8f\x8c\xe8\x82\xba\xe7\xba\xb9\xe7\x90\x86\xe6\xb8\x85\xe6\x99\xb0\xef\xbc\x8c";
    struct yq_record *record = yq_record_new(kind);
    char text[20 * sizeof sentence];
    if (!record)
        die("record", NULL);
    for (size_t i = 0; i < 20; i++)
        memcpy(text + i * (sizeof sentence - 1), sentence, sizeof sentence);
    if (kind == YQ_KIND_REPORT) {
        putn(record, "reportId", "R", n);
        put(record, "findings", text);
        put(record, "impression", sentence);
    } else {
        put(record, "history", text);
        put(record, "status", "examined");
        put(record, "requestTime", "2026-03-01 08:15:00");
        put(record, "requestDepartmentName", "\xe5\x91\xbc\xe5\x90\xb8\xe5\x86\x85\xe7\xa7\x91");
        put(record, "clinicalDiagnosis", sentence);
    }
    putn(record, "examId", "E", n);
    putn(record, "accessionNumber", "A2026", n);
    putn(record, "studyInstanceUid", "1.2.826.0.1.3680043.10.1.", n);
    putn(record, "patientId", "P", n / 3);
    put(record, "patientName", "\xe5\xad\x99\xe6\x82\x9f\xe7\xa9\xba");
    put(record, "sex", "1");
    return record;
}

static void send(enum yq_kind kind, size_t from, size_t until)
{
    static const struct yq_origin origin = {.door = "bench", .user = "bench"};
    struct yq_submission submissions[TOGETHER_MOST] = {0};
    struct yq_err err = {0};
    size_t n = 0;
    for (size_t i = from; i < until; i++)
        submissions[n++] = (struct yq_submission){
            .record = make(kind, i), .how = YQ_RECORD_REPLACE, .expect = YQ_EXPECT_ANYTHING};
    if (!yq_record_in(&house, &origin, "hl7:bench", submissions, n, &err))
        die("yq_record_in", &err);
    for (size_t i = 0; i < n; i++) {
        if (submissions[i].result.err.code != YQ_OK)
            die("a record", &submissions[i].result.err);
        yq_findings_fini(&submissions[i].findings);
        yq_record_free(submissions[i].record);
    }
}

static void *send_share(void *which)
{
    size_t number = *(size_t *)which, share = count / threads;
    size_t from = number * share, until = number + 1 == threads ? count : from + share;
    for (int kind = YQ_KIND_EXAM; kind <= YQ_KIND_REPORT; kind++) {
        for (size_t i = from; i < until; i += together)
            send((enum yq_kind)kind, i, i + together < until ? i + together : until);
    }
    return NULL;
}

static int up(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *name, double *times)
{
    qsort(times, LOOKS, sizeof *times, up);
    printf(", \"%s_us\": {\"p50\": %.0f, \"p99\": %.0f, \"max\": %.0f}", name,
           times[LOOKS / 2] * 1e6, times[LOOKS / 100 * 99] * 1e6, times[LOOKS - 1] * 1e6);
}

static void look_by_id(double *took, size_t n)
{
    struct yq_ledger_entry entry;
    struct yq_record *record;
    struct yq_err err = {0};
    char id[32];
    snprintf(id, sizeof id, "E%zu", n);
    double began = seconds();
    if (!yq_record_out(&house, YQ_KIND_EXAM, id, 0, &record, &entry, &err))
        die(id, &err);
    *took = seconds() - began;
    yq_record_out_fini(record, &entry);
}

static void look_by_key(double *took, const char *member, const char *head, size_t n)
{
    struct yq_buf key yq_cleanup(yq_buf_fini) = {0};
    struct yq_ledger_entry *list;
    struct yq_err err = {0};
    char value[64];
    size_t found;
    snprintf(value, sizeof value, "%s%zu", head, n);
    double began = seconds();
    int place = yq_member_find(YQ_KIND_EXAM, member);
    if (!yq_record_key(&house, &yq_kinds[YQ_KIND_EXAM].members[place], value, &key, &err))
        die(member, &err);
    struct yq_ledger_key keys[] = {{member, yq_buf_text(&key)}};
    struct yq_ledger_query query = {.kind = -1, .keys = keys, .key_count = 1};
    if (!yq_ledger_find(house.catalog, &query, true, &list, &found, &err) || !found)
        die(value, &err);
    *took = seconds() - began;
    yq_ledger_list_free(list, found);
}

static void look(void)
{
    static double times[LOOKS];
    for (size_t i = 0; i < LOOKS; i++)
        look_by_id(&times[i], (size_t)random() % count);
    print_times("by_id", times);
    for (size_t i = 0; i < LOOKS; i++)
        look_by_key(&times[i], "accessionNumber", "A2026", (size_t)random() % count);
    print_times("by_accession", times);
    for (size_t i = 0; i < LOOKS; i++)
        look_by_key(&times[i], "patientId", "P", (size_t)random() % count / 3);
    print_times("by_patient", times);
}

int main(int argc, char **argv)
{
    struct yq_err err = {0};
    char path[1200];
    pthread_t started[THREADS_MOST];
    size_t numbers[THREADS_MOST];
    if (argc < 3)
        return 2;
    count = strtoul(argv[2], NULL, 10);
    threads = argc > 3 ? strtoul(argv[3], NULL, 10) : 4;
    together = argc > 4 ? strtoul(argv[4], NULL, 10) : 100;
    if (!count || !threads || threads > THREADS_MOST || !together || together > TOGETHER_MOST)
        return 2;
    yq_log_set_level(YQ_LOG_ERROR);
    yq_claims_init(&house.recording);
    snprintf(path, sizeof path, "%s/catalog.sqlite", argv[1]);
    if (!yq_catalog_open(path, &house.catalog, &err))
        die("catalog", &err);
    send(YQ_KIND_EXAM, 0, 1); /* everything is warm */
    double before_mb = resident_mb(), began = seconds();
    for (size_t i = 0; i < threads; i++) {
        numbers[i] = i;
        if (pthread_create(&started[i], NULL, send_share, &numbers[i]) != 0)
            die("thread", NULL);
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(started[i], NULL);
    double took = seconds() - began;
    printf("{\"records\": %zu, \"threads\": %zu, \"together\": %zu, \"seconds\": %.2f, "
           "\"per_second\": %.0f, \"mb_before\": %.1f, \"mb_after\": %.1f",
           2 * count, threads, together, took, 2.0 * (double)count / took, before_mb,
           resident_mb());
    look();
    puts("}");
    yq_catalog_close(house.catalog);
    return 0;
}

/* noted.c: codes that came and are not mapped, counted in memory until the next commit writes them
 * down: so counting waits for no disk, and costs a row for each code, not for each record.
 *
 * `lock` guards all of it, and is held over nothing that waits; it is taken under no other lock and
 * takes none. What a commit takes out comes back when that commit fails. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/clock.h"
#include "yq/codes.h"

enum {
    BUCKETS = 256,
    WAITING_MOST = 2048 /* codes; one more is not counted */
};

struct note {
    struct note *next;
    uint64_t times;
    int64_t first_ms, last_ms;
    const char *list, *source, *code, *name; /* in `text` */
    char text[];
};

struct noted {
    pthread_mutex_t lock;
    struct note *buckets[BUCKETS];
    size_t count;
};

struct noted *noted_new(void)
{
    struct noted *noted = calloc(1, sizeof *noted);
    if (noted)
        pthread_mutex_init(&noted->lock, NULL);
    return noted;
}

static void free_notes(struct note *notes)
{
    for (struct note *next; notes; notes = next) {
        next = notes->next;
        free(notes);
    }
}

void noted_free(struct noted *noted)
{
    if (!noted)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        free_notes(noted->buckets[i]);
    pthread_mutex_destroy(&noted->lock);
    free(noted);
}

static struct note *note_new(const char *list, const char *source, const char *code,
                             const char *name)
{
    char bounded[YQ_CODE_NAME_SIZE];
    copy_characters(bounded, sizeof bounded, name);
    const char *parts[] = {list, source, code, bounded};
    size_t size = 0;
    for (size_t i = 0; i < 4; i++)
        size += strlen(parts[i]) + 1;
    struct note *note = malloc(sizeof *note + size);
    if (!note)
        return NULL;
    *note = (struct note){.times = 1};
    const char **places[] = {&note->list, &note->source, &note->code, &note->name};
    char *to = note->text;
    for (size_t i = 0; i < 4; i++) {
        size_t length = strlen(parts[i]) + 1;
        *places[i] = memcpy(to, parts[i], length);
        to += length;
    }
    return note;
}

static struct note **bucket_of(struct noted *noted, const struct note *note)
{
    const char *parts[] = {note->list, note->source, note->code};
    uint32_t sum = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < 3; i++)
        for (const char *p = parts[i];; p++) {
            sum = (sum ^ (uint8_t)*p) * 16777619u;
            if (!*p)
                break;
        }
    return &noted->buckets[sum % BUCKETS];
}

static bool same_code(const struct note *a, const struct note *b)
{
    return strcmp(a->code, b->code) == 0 && strcmp(a->list, b->list) == 0 &&
           strcmp(a->source, b->source) == 0;
}

/* With `lock`. Consumes `take`. */
static void put(struct noted *noted, struct note *take)
{
    struct note **bucket = bucket_of(noted, take);
    struct note *there = *bucket;
    while (there && !same_code(there, take))
        there = there->next;
    if (there) {
        there->times += take->times;
        there->last_ms = there->last_ms > take->last_ms ? there->last_ms : take->last_ms;
        there->first_ms = there->first_ms < take->first_ms ? there->first_ms : take->first_ms;
        free(take);
    } else if (noted->count == WAITING_MOST) {
        free(take);
    } else {
        take->next = *bucket;
        *bucket = take;
        noted->count++;
    }
}

void yq_codes_note(struct yq_catalog *catalog, const char *list, const char *source,
                   const char *code, const char *name)
{
    if (!*code || strlen(code) >= YQ_CODE_SIZE || strlen(list) >= YQ_CODE_LIST_SIZE ||
        strlen(source) >= YQ_SOURCE_SIZE)
        return;
    struct note *note = note_new(list, source, code, name ? name : "");
    if (!note) /* one is not counted */
        return;
    note->first_ms = note->last_ms = yq_now_ms();
    pthread_mutex_lock(&catalog->noted->lock);
    put(catalog->noted, note);
    pthread_mutex_unlock(&catalog->noted->lock);
}

/* ---- for the commit ---- */

bool noted_any(struct noted *noted)
{
    pthread_mutex_lock(&noted->lock);
    bool any = noted->count;
    pthread_mutex_unlock(&noted->lock);
    return any;
}

struct note *noted_take(struct noted *noted)
{
    struct note *all = NULL;
    pthread_mutex_lock(&noted->lock);
    for (size_t i = 0; noted->count && i < BUCKETS; i++) {
        struct note **last = &noted->buckets[i];
        while (*last)
            last = &(*last)->next;
        *last = all;
        all = noted->buckets[i];
        noted->buckets[i] = NULL;
    }
    noted->count = 0;
    pthread_mutex_unlock(&noted->lock);
    return all;
}

bool noted_write(struct connection *writer, const struct note *notes, struct yq_err *err)
{
    for (const struct note *note = notes; note; note = note->next) {
        sqlite3_stmt *add = connection_statement(writer, ST_CODE_SEEN, err);
        if (!add)
            return false;
        sqlite3_bind_text(add, 1, note->list, -1, SQLITE_STATIC);
        sqlite3_bind_text(add, 2, note->source, -1, SQLITE_STATIC);
        sqlite3_bind_text(add, 3, note->code, -1, SQLITE_STATIC);
        sqlite3_bind_text(add, 4, note->name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(add, 5, (sqlite3_int64)note->times);
        sqlite3_bind_int64(add, 6, note->first_ms);
        sqlite3_bind_int64(add, 7, note->last_ms);
        sqlite3_bind_int(add, 8, YQ_CODES_SEEN_MOST);
        if (!statement_run(writer, add, err))
            return false;
    }
    return true;
}

void noted_end(struct noted *noted, struct note *take, bool written)
{
    if (written) {
        free_notes(take);
        return;
    }
    pthread_mutex_lock(&noted->lock);
    for (struct note *next; take; take = next) {
        next = take->next;
        put(noted, take);
    }
    pthread_mutex_unlock(&noted->lock);
}

static bool nothing(struct connection *writer, void *with, struct yq_err *err)
{
    (void)writer, (void)with, (void)err;
    return true;
}

void noted_settle(struct yq_catalog *catalog)
{
    struct yq_err ignored = {0};
    if (noted_any(catalog->noted) && !commit_simple(catalog, nothing, NULL, &ignored))
        return; /* they wait for the next commit that goes well */
}

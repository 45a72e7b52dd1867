/* shelf.c: opened images of many frames, kept for who asks for the next one: viewers ask for one
 * frame a request, and without offset tables, or with functional groups of undefined length, each
 * request would walk through the object again.
 *
 * What is on the shelf has neither a file nor a scanner; whoever takes it has it for himself, so
 * that two at the same time open the image twice. Deflated images are read through their scanner:
 * they are not kept. Nothing is freed and no file is touched under the lock. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "frames_inside.h"

#define ROOM "dcm"

enum { PLACES = 64 };

struct place {
    struct yq_frames *frames; /* NULL: free */
    uint8_t digest[32];
    size_t bytes;
    uint64_t put; /* when, counted */
};

struct yq_shelf {
    pthread_mutex_t lock;
    size_t most, bytes;
    uint64_t puts;
    struct place places[PLACES];
};

struct yq_shelf *yq_shelf_new(size_t most)
{
    struct yq_shelf *shelf = calloc(1, sizeof *shelf);
    if (!shelf)
        return NULL;
    shelf->most = most;
    pthread_mutex_init(&shelf->lock, NULL);
    return shelf;
}

void yq_shelf_free(struct yq_shelf *shelf)
{
    if (!shelf)
        return;
    for (size_t i = 0; i < PLACES; i++)
        yq_frames_close(shelf->places[i].frames);
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

/* With the lock held. */
static struct yq_frames *take_out(struct yq_shelf *shelf, struct place *place)
{
    struct yq_frames *frames = place->frames;
    shelf->bytes -= place->bytes;
    *place = (struct place){0};
    return frames;
}

bool yq_shelf_open(struct yq_shelf *shelf, const uint8_t digest[32], int fd, struct yq_frames **out,
                   struct yq_err *err)
{
    struct yq_frames *found = NULL;
    if (shelf) {
        pthread_mutex_lock(&shelf->lock);
        for (size_t i = 0; i < PLACES && !found; i++) {
            struct place *place = &shelf->places[i];
            if (place->frames && memcmp(place->digest, digest, sizeof place->digest) == 0)
                found = take_out(shelf, place);
        }
        pthread_mutex_unlock(&shelf->lock);
    }
    if (!found)
        return yq_frames_open(fd, out, err);
    found->pixels.fd = fd;
    *out = found;
    return true;
}

static size_t bytes_of(const struct yq_pixels *pixels)
{
    const struct yq_fragments *f = &pixels->fragments;
    size_t frames = pixels->facts.frames, bytes = sizeof(struct yq_frames);
    bytes +=
        yq_dataset_bytes(&pixels->dataset) + pixels->groups.room * sizeof *pixels->groups.items;
    bytes += f->offsets ? frames * sizeof *f->offsets : 0;
    bytes += f->listed ? 2 * f->count * sizeof *f->at + frames * sizeof *f->starts : 0;
    return bytes;
}

/* With the lock held: a free place with room for `bytes`; what had to go for it. */
static struct place *make_room(struct yq_shelf *shelf, size_t bytes, struct yq_frames *gone[PLACES],
                               size_t *count)
{
    for (;;) {
        struct place *oldest = NULL, *empty = NULL;
        for (size_t i = 0; i < PLACES; i++) {
            struct place *place = &shelf->places[i];
            if (!place->frames)
                empty = place;
            else if (!oldest || place->put < oldest->put)
                oldest = place;
        }
        if (empty && shelf->bytes + bytes <= shelf->most)
            return empty;
        if (!oldest || *count == PLACES)
            return NULL;
        gone[(*count)++] = take_out(shelf, oldest);
    }
}

void yq_shelf_put(struct yq_shelf *shelf, const uint8_t digest[32], struct yq_frames *take)
{
    struct yq_frames *gone[PLACES];
    size_t count = 0;
    if (!take)
        return;
    size_t bytes = bytes_of(&take->pixels);
    if (!shelf || take->pixels.deflated || take->pixels.facts.frames == 1 || bytes > shelf->most) {
        yq_frames_close(take);
        return;
    }
    yq_scan_free(take->pixels.scan);
    take->pixels.scan = NULL;
    take->pixels.fd = -1;
    pthread_mutex_lock(&shelf->lock);
    struct place *place = make_room(shelf, bytes, gone, &count);
    if (place) {
        *place = (struct place){.frames = take, .bytes = bytes, .put = ++shelf->puts};
        memcpy(place->digest, digest, sizeof place->digest);
        shelf->bytes += bytes;
        take = NULL;
    }
    pthread_mutex_unlock(&shelf->lock);
    yq_frames_close(take);
    for (size_t i = 0; i < count; i++)
        yq_frames_close(gone[i]);
}

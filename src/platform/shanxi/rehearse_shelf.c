/* rehearse_shelf.c: what came, by its key, with its last content. A hash table that only grows. */
#include <stdlib.h>
#include <string.h>

#include "rehearse_inside.h"
#include "yq/sync.h"

void rehearse_shelf_fini(struct rehearse_shelf *shelf)
{
    for (size_t i = 0; i < shelf->slot_count; i++)
        for (struct rehearse_thing *thing = shelf->slots[i], *next; thing; thing = next) {
            next = thing->next;
            free(thing->key);
            free(thing->content);
            free(thing->belongs);
            free(thing);
        }
    free(shelf->slots);
    *shelf = (struct rehearse_shelf){0};
}

struct rehearse_thing *rehearse_shelf_find(const struct rehearse_shelf *shelf, const char *key)
{
    if (!shelf->slot_count)
        return NULL;
    struct rehearse_thing *thing = shelf->slots[yq_hash_text(key) % shelf->slot_count];
    while (thing && strcmp(thing->key, key) != 0)
        thing = thing->next;
    return thing;
}

static bool grow(struct rehearse_shelf *shelf)
{
    size_t slot_count = shelf->slot_count ? shelf->slot_count * 4 : 256;
    struct rehearse_thing **slots = calloc(slot_count, sizeof(void *));
    if (!slots)
        return false;
    for (size_t i = 0; i < shelf->slot_count; i++)
        for (struct rehearse_thing *thing = shelf->slots[i], *next; thing; thing = next) {
            next = thing->next;
            struct rehearse_thing **slot = &slots[yq_hash_text(thing->key) % slot_count];
            thing->next = *slot;
            *slot = thing;
        }
    free(shelf->slots);
    shelf->slots = slots;
    shelf->slot_count = slot_count;
    return true;
}

struct rehearse_thing *rehearse_shelf_put(struct rehearse_shelf *shelf, const char *key)
{
    struct rehearse_thing *thing = rehearse_shelf_find(shelf, key);
    if (thing)
        return thing;
    if (shelf->count >= shelf->slot_count && !grow(shelf))
        return NULL;
    thing = calloc(1, sizeof *thing);
    if (!thing)
        return NULL;
    thing->key = strdup(key);
    if (!thing->key) {
        free(thing);
        return NULL;
    }
    struct rehearse_thing **slot = &shelf->slots[yq_hash_text(key) % shelf->slot_count];
    thing->next = *slot;
    thing->order = shelf->count++;
    *slot = thing;
    return thing;
}

struct rehearse_thing **rehearse_shelf_list(const struct rehearse_shelf *shelf)
{
    struct rehearse_thing **list = shelf->count ? calloc(shelf->count, sizeof(void *)) : NULL;
    for (size_t i = 0; list && i < shelf->slot_count; i++)
        for (struct rehearse_thing *thing = shelf->slots[i]; thing; thing = thing->next)
            list[thing->order] = thing;
    return list;
}

/* ---- what a message says ---- */

static uint64_t mix(uint64_t mark, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++)
        mark = (mark ^ at[i]) * 1099511628211u;
    return (mark ^ 0xff) * 1099511628211u;
}

static uint64_t mark_of(uint64_t mark, const struct rj *value)
{
    size_t length = value->length;
    uint8_t type = (uint8_t)value->type;
    mark = mix(mark, value->name, strlen(value->name));
    mark = mix(mark, &type, 1);
    if (value->type == RJ_TEXT && strncmp(value->text, "http", 4) == 0)
        length = strcspn(value->text, "?");
    if (value->type == RJ_TEXT || value->type == RJ_NUMBER)
        mark = mix(mark, value->text, length);
    for (const struct rj *item = value->first; item; item = item->next)
        mark = mark_of(mark, item);
    return mix(mark, "", 0);
}

uint64_t rehearse_mark(const struct rj *value) { return mark_of(14695981039346656037u, value); }

bool rehearse_each(const char *list, bool (*take)(void *context, const char *word), void *context)
{
    char word[256];
    while (*list) {
        size_t length = strcspn(list, ",");
        if (length >= sizeof word)
            return false;
        memcpy(word, list, length);
        word[length] = '\0';
        if (!take(context, word))
            return false;
        list += length + (list[length] == ',');
    }
    return true;
}

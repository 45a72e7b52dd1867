/* report_way.c: how fast a platform may be called, at which of its addresses, and how often in a
 * row it answered nothing of use. Known to this process only: after a start it is found out anew.
 * Any thread; nothing is waited for under the lock. */
#include "report_way.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "yq/bytes.h"
#include "yq/model.h"

enum { STUMBLES_MOST = 3, PREFER_MS = 60000 };

struct report_way {
    char platform[YQ_AET_SIZE];
    int64_t turn_ms;    /* the next turn is then */
    size_t address;     /* the one that answered last */
    int64_t strayed_ms; /* since when it is not the first */
    unsigned stumbles;
    struct report_way *next;
};

static pthread_mutex_t ways_lock = PTHREAD_MUTEX_INITIALIZER;
static struct report_way *ways;

struct report_way *report_way_of(const char *platform)
{
    pthread_mutex_lock(&ways_lock);
    struct report_way *way = ways;
    while (way && strcmp(way->platform, platform) != 0)
        way = way->next;
    if (!way && (way = calloc(1, sizeof *way))) {
        (void)yq_copy(way->platform, sizeof way->platform, platform);
        way->next = ways;
        ways = way;
    }
    pthread_mutex_unlock(&ways_lock);
    return way;
}

int64_t report_way_turn(struct report_way *way, int64_t rate, int64_t now_ms)
{
    if (rate <= 0)
        return 0;
    pthread_mutex_lock(&ways_lock);
    int64_t turn_ms = way->turn_ms > now_ms ? way->turn_ms : now_ms;
    if (turn_ms - now_ms > 2 * 60000) /* the clock was set back */
        turn_ms = now_ms;
    way->turn_ms = turn_ms + (60000 + rate - 1) / rate;
    pthread_mutex_unlock(&ways_lock);
    return turn_ms - now_ms;
}

int64_t report_way_free_ms(struct report_way *way, int64_t now_ms)
{
    pthread_mutex_lock(&ways_lock);
    int64_t turn_ms = way->turn_ms > now_ms ? way->turn_ms : now_ms;
    pthread_mutex_unlock(&ways_lock);
    return turn_ms;
}

size_t report_way_address(struct report_way *way, size_t count, int64_t now_ms)
{
    pthread_mutex_lock(&ways_lock);
    size_t address = way->address < count ? way->address : 0;
    if (address && now_ms - way->strayed_ms >= PREFER_MS) {
        address = 0;
        way->strayed_ms = now_ms; /* one tries */
    }
    pthread_mutex_unlock(&ways_lock);
    return address;
}

void report_way_reached(struct report_way *way, size_t address, int64_t now_ms)
{
    pthread_mutex_lock(&ways_lock);
    if (address && !way->address)
        way->strayed_ms = now_ms;
    way->address = address;
    pthread_mutex_unlock(&ways_lock);
}

bool report_way_stumbled(struct report_way *way)
{
    pthread_mutex_lock(&ways_lock);
    bool away = ++way->stumbles >= STUMBLES_MOST;
    pthread_mutex_unlock(&ways_lock);
    return away;
}

void report_way_went_well(struct report_way *way)
{
    pthread_mutex_lock(&ways_lock);
    way->stumbles = 0;
    pthread_mutex_unlock(&ways_lock);
}

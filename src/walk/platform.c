/* platform.c: what a platform of platforms.json is called with: its keys, and a client for it.
 *
 * A keychain is made once for each way in which the configuration says where the keys are, and
 * lives as long as the house: after a reload that changed it who still works with the old one may.
 * Keys themselves are read by the keychain (seal/keychain.c), when they are first used. Any thread.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "report_out.h"
#include "yq/clock.h"
#include "yq/consignment.h"
#include "yq/log.h"
#include "yq/province.h"

#define KEYCHAINS_MOST 4096 /* reloads with other places of keys, in the life of a process */

struct held {
    struct held *next;
    char *place; /* of the platform and all of its keys, as text */
    struct yq_keychain *keys;
};

struct yq_keychains {
    pthread_mutex_t lock;
    struct held *first;
    size_t count;
};

struct yq_keychains *yq_keychains_new(void)
{
    struct yq_keychains *chains = calloc(1, sizeof *chains);
    if (chains)
        pthread_mutex_init(&chains->lock, NULL);
    return chains;
}

void yq_keychains_free(struct yq_keychains *chains)
{
    if (!chains)
        return;
    for (struct held *at = chains->first, *next; at; at = next) {
        next = at->next;
        yq_keychain_free(at->keys);
        free(at->place);
        free(at);
    }
    pthread_mutex_destroy(&chains->lock);
    free(chains);
}

struct named {
    const char *name, *where;
};
#define KEYS_OF(platform)                                                                          \
    {                                                                                              \
        {"key", (platform)->key}, {"public_key", (platform)->public_key},                          \
            {"access_key", (platform)->access_key}, {"channel_key", (platform)->channel_key},      \
            {"iv", (platform)->iv}, {"sign_key", (platform)->sign_key},                            \
    }

static bool make(const struct yq_conf *conf, const struct yq_platform *platform,
                 struct yq_keychain **out, struct yq_err *err)
{
    const struct named named[] = KEYS_OF(platform);
    struct yq_keychain *keys = yq_keychain_new();
    if (!keys)
        return yq_fail(err, YQ_FULL, "walk", "no memory for the keys of %s", platform->name);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (*named[i].where &&
            !yq_keychain_add(keys, named[i].name, named[i].where, conf->folder, err)) {
            yq_keychain_free(keys);
            return yq_while(err, platform->name);
        }
    *out = keys;
    return true;
}

static struct held *find(struct yq_keychains *chains, const char *place)
{
    struct held *at = chains->first;
    while (at && strcmp(at->place, place) != 0)
        at = at->next;
    return at;
}

static bool add(struct yq_keychains *chains, const struct yq_conf *conf,
                const struct yq_platform *platform, const char *place, struct held **out,
                struct yq_err *err)
{
    struct held *held = calloc(1, sizeof *held);
    bool ok = held && (held->place = strdup(place)) != NULL;
    if (!ok || chains->count >= KEYCHAINS_MOST)
        ok = yq_fail(err, YQ_FULL, "walk", "no room for the keys of %s", platform->name);
    if (!ok || !make(conf, platform, &held->keys, err)) {
        free(held ? held->place : NULL);
        free(held);
        return false;
    }
    held->next = chains->first;
    chains->first = *out = held;
    chains->count++;
    return true;
}

bool yq_platform_keys(struct yq_house *house, const struct yq_conf *conf,
                      const struct yq_platform *platform, struct yq_keychain **out,
                      struct yq_err *err)
{
    struct yq_keychains *chains = house->keychains;
    const struct named named[] = KEYS_OF(platform);
    struct yq_buf place yq_cleanup(yq_buf_fini) = {0};
    *out = NULL;
    yq_buf_putf(&place, "%s\n%s\n", conf->folder, platform->name);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        yq_buf_putf(&place, "%s\n", named[i].where);
    if (place.failed || !chains)
        return yq_fail(err, YQ_FULL, "walk", "no room for the keys of %s", platform->name);
    pthread_mutex_lock(&chains->lock);
    struct held *held = find(chains, yq_buf_text(&place));
    bool ok = held || add(chains, conf, platform, yq_buf_text(&place), &held, err);
    pthread_mutex_unlock(&chains->lock);
    if (ok)
        *out = held->keys;
    return ok;
}

bool yq_platform_web(const struct yq_platform *platform, struct yq_web **out, struct yq_err *err)
{
    unsigned total_ms = (unsigned)platform->timeout * 1000;
    const struct yq_web_how how = {
        .ca = platform->tls_ca,
        .certificate = platform->tls_certificate,
        .key = platform->tls_key,
        .any_certificate = !platform->tls_verify,
        .connect_ms = total_ms < 10000 ? total_ms : 10000,
        .total_ms = total_ms,
    };
    return yq_web_open(&how, out, err);
}

void yq_platform_keep(struct yq_house *house, const struct yq_platform *platform,
                      const struct yq_kept_call *call, bool failed)
{
    struct yq_platform_call kept = {.at_ms = yq_now_ms() - (int64_t)(call->took_us / 1000),
                                    .status = call->status,
                                    .took_us = call->took_us,
                                    .failed = failed};
    struct yq_buf request yq_cleanup(yq_buf_fini) = {0}, answer yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    (void)yq_copy(kept.platform, sizeof kept.platform, platform->name);
    (void)yq_copy(kept.piece, sizeof kept.piece, call->piece);
    (void)yq_copy(kept.url, sizeof kept.url, call->url);
    report_shut_call(house, platform->name, call, &request, &answer);
    kept.request = (char *)request.bytes;
    kept.answer = (char *)answer.bytes;
    if (platform->keep_requests &&
        !yq_platform_call_put(house->catalog, &kept, platform->keep_requests, &err))
        yq_log_err(YQ_LOG_WARN, "call-not-kept", &err, "to=\"%s\"", platform->name);
}

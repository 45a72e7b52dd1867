/* handout.c: DICOM objects on URLs that say themselves until when: /objects/STUDY/SERIES/INSTANCE
 * ?expires=..&signature=...
 *
 * A URL is bound to the one object, and its signature (HMAC-SHA-256 under the same secret as those
 * of PDFs, DIR/url.key, for a purpose of its own) is over its three UIDs and the time it expires;
 * nothing of it is kept. What is not ours is refused before anybody looks whether the object is
 * here. Any thread. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/attachment.h"
#include "yq/clock.h"
#include "yq/served.h"

enum { SIGNATURE = 64 };

static bool key_valid(const struct yq_key *key)
{
    return yq_uid_valid(key->study) && yq_uid_valid(key->series) && yq_uid_valid(key->instance);
}

/* The key of this purpose. */
static bool open_secret(struct yq_house *house, struct yq_secret *out, struct yq_err *err)
{
    if (!house->url_secret)
        return yq_fail(err, YQ_REFUSED, "walk", "this node has no place for a secret");
    struct yq_secret all;
    if (!yq_secret_open(house->url_secret, &all, err))
        return false;
    yq_secret_for(&all, "object-url", out);
    yq_secret_forget(&all);
    return true;
}

static void sign(const struct yq_secret *secret, const struct yq_key *key, int64_t expires,
                 char signature[SIGNATURE + 1])
{
    uint8_t mark[32];
    char text[3 * YQ_UID_SIZE + 64];
    int length = snprintf(text, sizeof text, "GET\n/objects/%s/%s/%s\n%" PRId64, key->study,
                          key->series, key->instance, expires);
    yq_secret_sign(secret, text, (size_t)length, mark);
    yq_hex(signature, mark, sizeof mark);
}

/* ---- made ---- */

bool yq_handing_begin(struct yq_house *house, int64_t expires_ms, struct yq_handing *out,
                      struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    out->expires = (expires_ms ? expires_ms : yq_attachment_url_until(house)) / 1000;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    bool fine = yq_copy(out->base, sizeof out->base, conf->records_url_base);
    yq_conf_release(house->conf, conf);
    size_t length = strlen(out->base);
    if (length && out->base[length - 1] == '/')
        out->base[length - 1] = '\0';
    if (!fine)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "records.url_base is too long");
    return open_secret(house, &out->secret, err);
}

bool yq_handing_put(const struct yq_handing *handing, const struct yq_key *key, struct yq_buf *out)
{
    char signature[SIGNATURE + 1];
    if (!key_valid(key))
        return false;
    sign(&handing->secret, key, handing->expires, signature);
    char path[3 * YQ_UID_SIZE + 64];
    int length =
        snprintf(path, sizeof path, "/objects/%s/%s/%s?expires=%" PRId64 "&signature=", key->study,
                 key->series, key->instance, handing->expires);
    yq_buf_puts(out, handing->base);
    yq_buf_put(out, path, (size_t)length);
    yq_buf_puts(out, signature);
    return !out->failed;
}

void yq_handing_end(struct yq_handing *handing) { yq_secret_forget(&handing->secret); }

bool yq_handout_url(struct yq_house *house, const struct yq_key *key, int64_t expires_ms,
                    struct yq_buf *out, struct yq_err *err)
{
    struct yq_handing handing;
    if (!yq_handing_begin(house, expires_ms, &handing, err))
        return false;
    bool made = yq_handing_put(&handing, key, out);
    yq_handing_end(&handing);
    if (made)
        return true;
    return out->failed ? yq_fail(err, YQ_FULL, "walk", "no memory for a URL")
                       : yq_fail(err, YQ_BAD_INPUT, "walk", "an object is named by three UIDs");
}

/* ---- asked for ---- */

bool yq_handout_fits(struct yq_house *house, const struct yq_key *key, const char *expires,
                     const char *signature, struct yq_err *err)
{
    char right[SIGNATURE + 1];
    struct yq_secret secret;
    size_t digits = strspn(expires, "0123456789");
    bool number = digits && digits < 12 && !expires[digits];
    int64_t until = number ? strtoll(expires, NULL, 10) : 0;
    if (!number || !key_valid(key))
        return yq_fail(err, YQ_REFUSED, "walk", "this is no URL that the node gave out");
    if (!open_secret(house, &secret, err))
        return false;
    sign(&secret, key, until, right);
    yq_secret_forget(&secret);
    if (!yq_equal_secret(signature, strlen(signature), right, SIGNATURE))
        return yq_fail(err, YQ_REFUSED, "walk", "this is no URL that the node gave out");
    return until * 1000 > yq_now_ms() ||
           yq_fail(err, YQ_TIMEOUT, "walk", "the URL has expired: ask for a new one");
}

bool yq_handout_open(struct yq_house *house, const struct yq_key *key, struct yq_glance *about,
                     struct yq_outgoing *out, struct yq_err *err)
{
    *out = (struct yq_outgoing){.fd = -1};
    for (int left = 2; left >= 0; left--) { /* replaced meanwhile: looks again */
        if (!yq_catalog_glance(house->catalog, key->instance, about, err))
            return false;
        const struct yq_key *here = &about->entry.key;
        if (strcmp(here->study, key->study) != 0 || strcmp(here->series, key->series) != 0)
            return yq_fail(err, YQ_ABSENT, "walk", "the object is not here any more");
        if (yq_retrieve_open(house, &about->entry, NULL, 0, out, err))
            return true;
        if (err->code != YQ_ABSENT)
            return false;
    }
    return yq_fail(err, YQ_IO, "walk",
                   "the catalog knows the object and its file is missing: run yingqiao verify");
}

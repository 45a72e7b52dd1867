/* rehearse_quick.c: envelopes opened without a process for each, for load: by the recipes of room
 * seal, the same code that seals them. So it proves nothing of that code, and says so at the start.
 */
#include <stdlib.h>
#include <string.h>

#include "rehearse_inside.h"
#include "yq/recipe.h"

struct rehearse_quick {
    struct yq_keychain *keys;
    struct yq_recipe *sm4, *sha1;
};

bool rehearse_quick_open(struct yq_rehearse *r, struct yq_err *err)
{
    struct rehearse_quick *q = r->quick = calloc(1, sizeof *q);
    if (!q || !(q->keys = yq_keychain_new()))
        return yq_fail(err, YQ_FULL, "rehearse", "no memory for the rehearsal");
    if (!rehearse_file(r, "sm4.key", r->hex_key, 32))
        return yq_fail(err, YQ_IO, "rehearse", "%s cannot be written", r->folder);
    return yq_keychain_add(q->keys, "key", "hex file:sm4.key", r->folder, err) &&
           yq_recipe_parse("text | sm4-ecb(key) | base64", &q->sm4, err) &&
           yq_recipe_parse("text | sha1", &q->sha1, err);
}

void rehearse_quick_close(struct yq_rehearse *r)
{
    if (!r->quick)
        return;
    yq_recipe_free(r->quick->sm4);
    yq_recipe_free(r->quick->sha1);
    yq_keychain_free(r->quick->keys);
    free(r->quick);
}

bool rehearse_quick_unseal(struct yq_rehearse *r, const char *text, size_t length,
                           struct yq_buf *out)
{
    struct yq_err err;
    return yq_recipe_open(r->quick->sm4, r->quick->keys, text, length, out, &err);
}

bool rehearse_quick_sha1(struct yq_rehearse *r, const void *text, size_t length, struct yq_buf *out)
{
    struct yq_ingredient one = {NULL, text, length};
    struct yq_err err;
    return yq_recipe_make(r->quick->sha1, r->quick->keys, &one, 1, out, &err);
}

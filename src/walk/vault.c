/* vault.c: records as they lie in the ledger: their content, the keys they are found by, and both
 * read again. Any thread. */
#include "vault.h"

#include <stdlib.h>
#include <string.h>

#include "yq/form.h"
#include "yq/seal.h"
#include "yq/text.h"

bool vault_name(struct yq_house *house, enum yq_kind kind, const char *id, struct yq_buf *out,
                struct yq_err *err)
{
    (void)house, (void)kind;
    yq_buf_puts(out, id);
    return !out->failed || yq_fail(err, YQ_FULL, "walk", "no memory for a record");
}

bool vault_write(struct yq_house *house, const struct yq_record *record, struct yq_buf *out,
                 uint8_t digest[32], struct yq_err *err)
{
    (void)house;
    size_t from = out->length;
    struct yq_digest *sum yq_cleanup(yq_digest_cleanup) = yq_digest_new(YQ_SHA256);
    yq_form_record_write(record, YQ_LOOK_PLAIN, out);
    if (!sum || out->failed)
        return yq_fail(err, YQ_FULL, "walk", "no memory for a record");
    yq_digest_add(sum, out->bytes + from, out->length - from);
    yq_digest_end(sum, digest);
    return true;
}

bool yq_record_key(struct yq_house *house, const struct yq_member *member, const char *value,
                   struct yq_buf *out, struct yq_err *err)
{
    (void)house, (void)member;
    yq_text_fold(value, out);
    return !out->failed || yq_fail(err, YQ_FULL, "walk", "no memory for a key");
}

/* ---- keys ---- */

void vault_keys_fini(struct vault_keys *keys)
{
    free(keys->keys);
    yq_buf_fini(&keys->text);
    memset(keys, 0, sizeof *keys);
}

static bool add_key(struct yq_house *house, const struct yq_member *member, const char *value,
                    struct vault_keys *out, struct yq_err *err)
{
    if (out->count == out->room) {
        size_t room = out->room ? 2 * out->room : 16;
        struct yq_ledger_key *grown = realloc(out->keys, room * sizeof *grown);
        if (!grown)
            return yq_fail(err, YQ_FULL, "walk", "no memory for a key");
        out->keys = grown;
        out->room = room;
    }
    size_t from = out->text.length;
    if (!yq_record_key(house, member, value, &out->text, err))
        return false;
    if (out->text.length == from)
        return true; /* nothing is left of it */
    yq_buf_put(&out->text, "", 1);
    out->keys[out->count++] = (struct yq_ledger_key){.member = member->name};
    return !out->text.failed || yq_fail(err, YQ_FULL, "walk", "no memory for a key");
}

static bool add_keys(struct yq_house *house, const struct yq_member *member, const char *value,
                     struct vault_keys *out, struct yq_err *err)
{
    struct yq_buf one yq_cleanup(yq_buf_fini) = {0};
    if (!member->many)
        return add_key(house, member, value, out, err);
    for (const char *end; *value; value = *end ? end + 1 : end) {
        end = value + strcspn(value, "\n");
        yq_buf_clear(&one);
        yq_buf_put(&one, value, (size_t)(end - value));
        if (one.failed)
            return yq_fail(err, YQ_FULL, "walk", "no memory for a key");
        if (one.length && !add_key(house, member, yq_buf_text(&one), out, err))
            return false;
    }
    return true;
}

bool vault_keys(struct yq_house *house, const struct yq_record *record, struct vault_keys *out,
                struct yq_err *err)
{
    const struct yq_kind_info *kind = &yq_kinds[record->kind];
    for (size_t i = 0; i < kind->count; i++) {
        const struct yq_member *member = &kind->members[i];
        if (member->key && member->type != YQ_VALUE_LIST && record->values[i] &&
            !add_keys(house, member, record->values[i], out, err))
            return false;
    }
    const char *value = yq_buf_text(&out->text);
    for (size_t i = 0; i < out->count; i++, value += strlen(value) + 1)
        out->keys[i].value = value;
    return true;
}

/* ---- out again ---- */

bool yq_record_open(struct yq_house *house, const struct yq_ledger_entry *entry,
                    struct yq_record **record, struct yq_err *err)
{
    (void)house;
    *record = NULL;
    return entry->removed || yq_form_record_read(entry->kind, entry->content,
                                                 strlen(entry->content), NULL, record, err);
}

bool yq_record_out(struct yq_house *house, enum yq_kind kind, const char *id, int64_t version,
                   struct yq_record **record, struct yq_ledger_entry *entry, struct yq_err *err)
{
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0};
    *record = NULL;
    memset(entry, 0, sizeof *entry);
    if (!vault_name(house, kind, id, &name, err) ||
        !yq_ledger_get(house->catalog, kind, yq_buf_text(&name), version, entry, err))
        return false;
    if (yq_record_open(house, entry, record, err)) {
        (void)yq_copy(entry->id, sizeof entry->id, id);
        return true;
    }
    yq_ledger_entry_fini(entry);
    return false;
}

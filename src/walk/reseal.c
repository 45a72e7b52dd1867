/* reseal.c: records that are there already, kept as the settings say now.
 *
 * Versions are taken in the order they came, in portions of one transaction each; what is as it
 * should be is passed over, so that one that was broken off goes on. The node may run meanwhile:
 * what it writes is sealed by the same settings, and a version never changes what it says. The last
 * step writes the catalog's file anew, because SQLite leaves what it overwrote where it was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault.h"
#include "yq/kept.h"
#include "yq/log.h"

enum { PORTION = 100 };

struct recast { /* what a yq_ledger_recast borrows */
    struct yq_buf content, name;
    struct vault_keys keys;
    uint8_t digest[32];
};

struct resealing {
    struct yq_house *house;
    struct vault vault;
    bool all;
    const struct yq_progress *progress;
    struct yq_resealed *out;
    struct yq_ledger_recast changes[PORTION];
    struct recast recasts[PORTION];
    size_t count;
};

static void tell(struct resealing *r, const struct yq_ledger_entry *entry, const struct yq_err *why)
{
    char text[sizeof why->text + 64];
    if (!r->progress)
        return;
    if (why) /* ids may be personal */
        snprintf(text, sizeof text, "%s in row %lld, version %lld: %s", yq_kinds[entry->kind].name,
                 (long long)entry->row, (long long)entry->version, why->text);
    r->progress->tell(r->progress->context, r->out->seen, 0, why ? text : NULL);
}

/* What it says, or said before it was removed. */
static bool open_one(struct resealing *r, const struct yq_ledger_entry *entry,
                     struct yq_record **record, struct yq_err *err)
{
    struct yq_ledger_entry before;
    if (!entry->removed)
        return yq_record_open(r->house, entry, record, err);
    if (!yq_ledger_get(r->house->catalog, entry->kind, entry->id, entry->version - 1, &before, err))
        return false;
    bool ok = yq_record_open(r->house, &before, record, err);
    yq_ledger_entry_fini(&before);
    return ok && (*record || yq_fail(err, YQ_IO, "walk", "it was removed twice"));
}

static bool write_one(struct resealing *r, const struct yq_ledger_entry *entry,
                      const struct yq_record *record, struct yq_err *err)
{
    struct recast *recast = &r->recasts[r->count];
    struct yq_ledger_recast *change = &r->changes[r->count];
    *change = (struct yq_ledger_recast){.entry = entry};
    if (!entry->removed) {
        if (!vault_write(&r->vault, record, &recast->content, recast->digest, err))
            return false;
        change->content = yq_buf_text(&recast->content);
        change->digest = recast->digest;
    }
    if (entry->version == entry->latest) {
        if (!vault_name(&r->vault, entry->kind, yq_record_id(record), &recast->name, err) ||
            !vault_keys(&r->vault, record, &recast->keys, err))
            return false;
        change->name = yq_buf_text(&recast->name);
        change->keys = recast->keys.keys;
        change->key_count = recast->keys.count;
    }
    return true;
}

static void forget(struct resealing *r)
{
    for (size_t i = 0; i < PORTION; i++) {
        yq_buf_clear(&r->recasts[i].content);
        yq_buf_clear(&r->recasts[i].name);
        vault_keys_fini(&r->recasts[i].keys);
    }
    r->count = 0;
}

/* The content is as it should be; is its name? */
static bool is_named(struct resealing *r, const struct yq_ledger_entry *entry,
                     const struct yq_record *record)
{
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0};
    struct yq_err ignored;
    return vault_name(&r->vault, entry->kind, yq_record_id(record), &name, &ignored) &&
           strcmp(yq_buf_text(&name), entry->id) == 0;
}

/* False: no memory. What cannot be opened is told and stays as it is. */
static bool take_one(struct resealing *r, const struct yq_ledger_entry *entry, struct yq_err *err)
{
    struct yq_record *record yq_cleanup(yq_record_cleanup) = NULL;
    struct yq_err why = {0};
    bool latest = entry->version == entry->latest;
    r->out->seen++;
    bool current = !r->all && !entry->removed && vault_is_current(&r->vault, entry->content);
    bool named = !latest || !yq_kinds[entry->kind].members[0].personal;
    if (entry->removed ? !latest : current && named)
        return true;
    if (!open_one(r, entry, &record, &why)) {
        r->out->left++;
        tell(r, entry, &why);
        return why.code != YQ_FULL || (*err = why, false);
    }
    if (current && is_named(r, entry, record))
        return true;
    if (!write_one(r, entry, record, err))
        return false;
    const struct yq_ledger_recast *change = &r->changes[r->count];
    bool same = !r->all && !entry->removed && strcmp(change->content, entry->content) == 0;
    if (same) { /* it has nothing to seal */
        yq_buf_clear(&r->recasts[r->count].content);
        yq_buf_clear(&r->recasts[r->count].name);
        vault_keys_fini(&r->recasts[r->count].keys);
    } else {
        r->count++;
    }
    return true;
}

static bool run(struct resealing *r, struct yq_err *err)
{
    int64_t after = 0;
    for (;;) {
        struct yq_ledger_entry *list = NULL;
        size_t count = 0;
        if (!yq_ledger_versions(r->house->catalog, after, PORTION, &list, &count, err))
            return false;
        bool ok = true;
        for (size_t i = 0; ok && i < count; i++)
            ok = take_one(r, &list[i], err);
        ok = ok && yq_ledger_recast(r->house->catalog, r->changes, r->count, err);
        if (ok && count) {
            after = list[count - 1].version_row;
            r->out->resealed += r->count;
            tell(r, &list[count - 1], NULL);
        }
        forget(r);
        yq_ledger_list_free(list, count);
        if (!ok || !count)
            return ok;
    }
}

/* ---- what is no record ---- */

/* Whether the text is as it would be kept now. */
static bool is_current(const struct resealing *r, const struct yq_kept *kept)
{
    char head[sizeof YQ_SEALED + YQ_KEY_ID_SIZE + 1];
    const char *text = yq_buf_text(&kept->text);
    snprintf(head, sizeof head, YQ_SEALED "%s:", r->vault.key);
    if (!r->vault.seals)
        return !yq_keyring_is_sealed(text, kept->text.length);
    return strncmp(text, head, strlen(head)) == 0;
}

static bool recast_text(struct resealing *r, struct yq_kept *kept, struct yq_err *err)
{
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    struct yq_err why = {0};
    const char *context = yq_buf_text(&kept->context);
    r->out->seen++;
    if (is_current(r, kept))
        return true;
    if (!yq_personal_open(r->house, context, yq_buf_text(&kept->text), kept->text.length, &plain,
                          &why)) {
        r->out->left++;
        if (r->progress)
            r->progress->tell(r->progress->context, r->out->seen, 0, why.text);
        return why.code != YQ_FULL || (*err = why, false);
    }
    yq_buf_clear(&kept->text);
    kept->changed = true;
    kept->sealed = r->vault.seals;
    r->out->resealed++;
    return yq_personal_shut(r->house, context, plain.bytes, plain.length, &kept->text, err);
}

static bool run_table(struct resealing *r, size_t table, struct yq_err *err)
{
    enum { TEXTS = 50 };
    size_t count = TEXTS;
    for (int64_t after = 0; count == TEXTS;) {
        struct yq_kept kept[TEXTS] = {0};
        bool ok = yq_kept_read(r->house->catalog, table, after, kept, TEXTS, &count, err);
        for (size_t i = 0; ok && i < count; i++) {
            ok = recast_text(r, &kept[i], err);
            after = kept[i].id;
        }
        ok = ok && yq_kept_write(r->house->catalog, table, kept, count, err);
        for (size_t i = 0; i < count; i++)
            yq_kept_fini(&kept[i]);
        if (!ok)
            return false;
    }
    return true;
}

static bool run_tables(struct resealing *r, struct yq_err *err)
{
    for (size_t table = 0; table < yq_kept_tables; table++) {
        if (!run_table(r, table, err))
            return false;
    }
    return true;
}

bool yq_record_reseal(struct yq_house *house, bool all, const struct yq_progress *progress,
                      struct yq_resealed *out, struct yq_err *err)
{
    struct resealing *r = calloc(1, sizeof *r);
    struct yq_err why;
    memset(out, 0, sizeof *out);
    if (!r)
        return yq_fail(err, YQ_FULL, "walk", "no memory to reseal records");
    r->house = house;
    r->all = all;
    r->progress = progress;
    r->out = out;
    bool ok = vault_open(house, &r->vault, err) && run(r, err) && run_tables(r, err);
    for (size_t i = 0; i < PORTION; i++) {
        yq_buf_fini(&r->recasts[i].content);
        yq_buf_fini(&r->recasts[i].name);
    }
    free(r);
    out->scrubbed = ok && yq_catalog_scrub(house->catalog, &why);
    yq_audit_administered(house->audit, "records were sealed anew (records reseal)",
                          ok ? NULL : err);
    if (ok)
        yq_log(YQ_LOG_INFO, "records-resealed", "versions=%llu changed=%llu left=%llu scrubbed=%d",
               (unsigned long long)out->seen, (unsigned long long)out->resealed,
               (unsigned long long)out->left, out->scrubbed);
    return ok;
}

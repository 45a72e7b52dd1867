/* vault.c: records as they lie in the ledger: their content, the keys they are found by, and both
 * read again.
 *
 * Where records.encrypt says so, the personal members of a record are one sealed text within its
 * JSON ("$sealed"), and what it is found by is a mark. The setting can change while records are
 * there: everything is read whatever it says, and found under both names, until `yingqiao records
 * reseal` has been over all of them. Any thread. */
#include "vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/form.h"
#include "yq/text.h"

#define SEALED_MEMBER "$sealed"
#define KEY_VARIABLE "YINGQIAO_RECORDS_KEY"
#define AS_IT_IS "yq0:" /* before text that is not sealed and looks as if it were */
#define ALSO "\x1f"

enum { MARK_BYTES = 16 };

static bool no_memory(struct yq_err *err)
{
    return yq_fail(err, YQ_FULL, "walk", "no memory for a record");
}

bool vault_open(struct yq_house *house, struct vault *out, struct yq_err *err)
{
    struct yq_err why;
    char path[sizeof((struct yq_conf *)0)->records_key_file];
    *out = (struct vault){.house = house};
    if (!house->keyring || !house->conf)
        return true;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    out->seals = conf->records_encrypt == YQ_ENCRYPT_PERSONAL;
    memcpy(path, conf->records_key_file, sizeof path);
    yq_conf_release(house->conf, conf);
    out->can = (out->seals || *path || getenv(KEY_VARIABLE)) &&
               yq_keyring_ready(house->keyring, path, KEY_VARIABLE, &why);
    if (out->can) {
        yq_keyring_current(house->keyring, out->key);
    } else if (out->seals) {
        *err = why;
        if (err->code == YQ_ABSENT) /* the key is, not what somebody asks for */
            err->code = YQ_REFUSED;
    }
    return out->can || !out->seals;
}

bool yq_personal_ready(struct yq_house *house, struct yq_err *err)
{
    struct vault vault;
    return vault_open(house, &vault, err);
}

static bool id_is_personal(enum yq_kind kind) { return yq_kinds[kind].members[0].personal; }

/* ---- texts ---- */

static bool shut(const struct vault *vault, const char *context, const void *text, size_t length,
                 struct yq_buf *out, struct yq_err *err)
{
    if (vault->seals)
        return yq_keyring_shut(vault->house->keyring, context, text, length, out, err);
    if (length >= strlen(YQ_SEALED) && memcmp(text, "yq", 2) == 0)
        yq_buf_puts(out, AS_IT_IS);
    yq_buf_put(out, text, length);
    return !out->failed || no_memory(err);
}

/* Keys are wanted whatever the setting says. */
static bool open_sealed(struct yq_house *house, const char *context, const char *kept,
                        size_t length, struct yq_buf *out, struct yq_err *err)
{
    struct vault vault;
    if (!vault_open(house, &vault, err))
        return false;
    if (!house->keyring)
        return yq_fail(err, YQ_REFUSED, "walk", "this is sealed, and there is no key here");
    return yq_keyring_open(house->keyring, context, kept, length, out, err);
}

bool yq_personal_shut(struct yq_house *house, const char *context, const void *text, size_t length,
                      struct yq_buf *out, struct yq_err *err)
{
    struct vault vault;
    return vault_open(house, &vault, err) && shut(&vault, context, text, length, out, err);
}

bool yq_personal_open(struct yq_house *house, const char *context, const char *kept, size_t length,
                      struct yq_buf *out, struct yq_err *err)
{
    size_t head = strlen(AS_IT_IS);
    if (yq_keyring_is_sealed(kept, length))
        return open_sealed(house, context, kept, length, out, err);
    bool escaped = length >= head && memcmp(kept, AS_IT_IS, head) == 0;
    yq_buf_put(out, kept + (escaped ? head : 0), length - (escaped ? head : 0));
    return !out->failed || no_memory(err);
}

/* ---- names and keys ---- */

static void put_mark(const struct vault *vault, const char *purpose, const char *text,
                     size_t length, struct yq_buf *out)
{
    uint8_t mark[32];
    char hex[2 * MARK_BYTES + 1];
    yq_keyring_mark(vault->house->keyring, purpose, text, length, mark);
    yq_hex(hex, mark, MARK_BYTES);
    yq_buf_puts(out, hex);
}

bool vault_name(const struct vault *vault, enum yq_kind kind, const char *id, struct yq_buf *out,
                struct yq_err *err)
{
    if (vault->seals && id_is_personal(kind))
        put_mark(vault, yq_kinds[kind].name, id, strlen(id), out);
    else
        yq_buf_puts(out, id);
    return !out->failed || no_memory(err);
}

/* The name it had, or will have, when the setting is the other one; false: there is none. */
static bool other_name(const struct vault *vault, enum yq_kind kind, const char *id,
                       struct yq_buf *out)
{
    struct vault other = *vault;
    struct yq_err ignored;
    other.seals = !vault->seals;
    yq_buf_clear(out);
    return vault->can && id_is_personal(kind) && vault_name(&other, kind, id, out, &ignored);
}

bool vault_find(const struct vault *vault, enum yq_kind kind, const char *id, int64_t version,
                struct yq_buf *name, struct yq_ledger_entry *out, struct yq_err *err)
{
    struct yq_catalog *catalog = vault->house->catalog;
    struct yq_buf other yq_cleanup(yq_buf_fini) = {0};
    struct yq_err why;
    yq_buf_clear(name);
    if (!vault_name(vault, kind, id, name, err))
        return false;
    if (yq_ledger_get(catalog, kind, yq_buf_text(name), version, out, err))
        return true;
    if (err->code != YQ_ABSENT || !other_name(vault, kind, id, &other) ||
        !yq_ledger_get(catalog, kind, yq_buf_text(&other), version, out, &why))
        return false;
    yq_buf_clear(name);
    yq_buf_puts(name, yq_buf_text(&other));
    if (!name->failed)
        return true;
    yq_ledger_entry_fini(out);
    return no_memory(err);
}

/* As it lies in the ledger. */
static void put_key(const struct vault *vault, const struct yq_member *member, const char *folded,
                    bool marked, struct yq_buf *out)
{
    if (marked)
        put_mark(vault, member->name, folded, strlen(folded), out);
    else
        yq_buf_puts(out, folded);
}

bool yq_record_key(struct yq_house *house, const struct yq_member *member, const char *value,
                   struct yq_buf *out, struct yq_err *err)
{
    struct vault vault;
    struct yq_buf folded yq_cleanup(yq_buf_fini) = {0};
    if (!vault_open(house, &vault, err))
        return false;
    yq_text_fold(value, &folded);
    put_key(&vault, member, yq_buf_text(&folded), false, out);
    if (member->personal && vault.can) {
        yq_buf_puts(out, ALSO);
        put_key(&vault, member, yq_buf_text(&folded), true, out);
    }
    return (!out->failed && !folded.failed) || no_memory(err);
}

void vault_keys_fini(struct vault_keys *keys)
{
    free(keys->keys);
    yq_buf_fini(&keys->text);
    memset(keys, 0, sizeof *keys);
}

/* As it is to lie there. */
static bool put_one(const char *name, const char *value, struct vault_keys *out)
{
    if (out->count == out->room) {
        size_t room = out->room ? 2 * out->room : 16;
        struct yq_ledger_key *grown = realloc(out->keys, room * sizeof *grown);
        if (!grown)
            return false;
        out->keys = grown;
        out->room = room;
    }
    yq_buf_puts(&out->text, value);
    yq_buf_put(&out->text, "", 1);
    out->keys[out->count++] = (struct yq_ledger_key){.member = name};
    return !out->text.failed;
}

static bool add_key(const struct vault *vault, const struct yq_member *member, const char *value,
                    size_t length, struct vault_keys *out)
{
    struct yq_buf one yq_cleanup(yq_buf_fini) = {0}, folded yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf key yq_cleanup(yq_buf_fini) = {0};
    yq_buf_put(&one, value, length);
    yq_text_fold(yq_buf_text(&one), &folded);
    if (!folded.length) /* nothing is left of it */
        return !folded.failed && !one.failed;
    put_key(vault, member, yq_buf_text(&folded), member->personal && vault->seals, &key);
    return !one.failed && !folded.failed && !key.failed &&
           put_one(member->name, yq_buf_text(&key), out);
}

static bool add_keys(const struct vault *vault, const struct yq_member *member, const char *value,
                     struct vault_keys *out)
{
    if (!member->many)
        return add_key(vault, member, value, strlen(value), out);
    for (const char *end; *value; value = *end ? end + 1 : end) {
        end = value + strcspn(value, "\n");
        if (!add_key(vault, member, value, (size_t)(end - value), out))
            return false;
    }
    return true;
}

/* When it took place: the first of these that it has. Not folded: it is asked for by range. */
static bool add_when(const struct yq_record *record, struct vault_keys *out)
{
    static const char *const exam[] = {"examTime",    "arrivalTime", "registrationTime",
                                       "requestTime", "updatedTime", NULL};
    static const char *const report[] = {"reportTime",  "finalTime",   "auditTime",
                                         "publishTime", "updatedTime", NULL};
    const char *const *name = record->kind == YQ_KIND_EXAM     ? exam
                              : record->kind == YQ_KIND_REPORT ? report
                                                               : NULL;
    const char *value = NULL;
    for (; name && *name && !value; name++)
        value = yq_record_get(record, *name);
    return !value || put_one(YQ_LEDGER_WHEN, value, out);
}

bool vault_keys(const struct vault *vault, const struct yq_record *record, struct vault_keys *out,
                struct yq_err *err)
{
    const struct yq_kind_info *kind = &yq_kinds[record->kind];
    for (size_t i = 0; i < kind->count; i++) {
        const struct yq_member *member = &kind->members[i];
        if (member->key && member->type != YQ_VALUE_LIST && record->values[i] &&
            !add_keys(vault, member, record->values[i], out))
            return no_memory(err);
    }
    if (!add_when(record, out))
        return no_memory(err);
    const char *value = yq_buf_text(&out->text);
    for (size_t i = 0; i < out->count; i++, value += strlen(value) + 1)
        out->keys[i].value = value;
    return true;
}

/* ---- content ---- */

/* Which context a sealed text of a record has: whose it is, by the name it has where ids are
 * sealed.
 */
static void put_context(const struct vault *vault, enum yq_kind kind, const char *id, bool is_mark,
                        struct yq_buf *out)
{
    yq_buf_putf(out, "%s:", yq_kinds[kind].name);
    if (id_is_personal(kind) && !is_mark)
        put_mark(vault, yq_kinds[kind].name, id, strlen(id), out);
    else
        yq_buf_puts(out, id);
}

static void take_value(struct yq_record *record, size_t member)
{
    free(record->values[member]);
    record->values[member] = NULL;
}

static void take_list(struct yq_record_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        yq_record_free(list->items[i]);
    free(list->items);
    *list = (struct yq_record_list){0};
}

static bool has_personal(enum yq_kind kind)
{
    for (size_t i = 0; i < yq_kinds[kind].count; i++) {
        const struct yq_member *member = &yq_kinds[kind].members[i];
        if (member->personal || (member->type == YQ_VALUE_LIST && has_personal(member->of)))
            return true;
    }
    return false;
}

/* Leaves what is personal, or what is not. Lists of which both have a part keep their items, so
 * that the parts find together again. */
static void leave(struct yq_record *record, bool personal)
{
    const struct yq_kind_info *kind = &yq_kinds[record->kind];
    for (size_t i = 0; i < kind->count; i++) {
        const struct yq_member *member = &kind->members[i];
        bool split = member->type == YQ_VALUE_LIST && !member->personal && has_personal(member->of);
        if (split) {
            for (size_t j = 0; j < record->lists[i].count; j++)
                leave(record->lists[i].items[j], personal);
        } else if (member->personal != personal) {
            take_value(record, i);
            take_list(&record->lists[i]);
        }
    }
}

/* What `from` has, into `into`, which lacks it; `from` may be robbed. */
static bool put_together(struct yq_record *into, struct yq_record *from)
{
    for (size_t i = 0; i < yq_kinds[into->kind].count; i++) {
        struct yq_record_list *list = &into->lists[i], *more = &from->lists[i];
        if (from->values[i]) {
            free(into->values[i]);
            into->values[i] = from->values[i];
            from->values[i] = NULL;
        }
        if (!list->count) {
            struct yq_record_list empty = *list;
            *list = *more;
            *more = empty;
        } else if (more->count && more->count != list->count) {
            return false;
        }
        for (size_t j = 0; j < more->count; j++) {
            if (!put_together(list->items[j], more->items[j]))
                return false;
        }
    }
    return true;
}

static bool is_empty(const struct yq_record *record)
{
    for (size_t i = 0; i < yq_kinds[record->kind].count; i++) {
        if (record->values[i])
            return false;
        for (size_t j = 0; j < record->lists[i].count; j++) {
            if (!is_empty(record->lists[i].items[j]))
                return false;
        }
    }
    return true;
}

static bool put_sealed(const struct vault *vault, const struct yq_record *personal, const char *id,
                       struct yq_buf *out, struct yq_err *err)
{
    struct yq_buf json yq_cleanup(yq_buf_fini) = {0}, context yq_cleanup(yq_buf_fini) = {0};
    yq_form_record_write(personal, YQ_LOOK_PLAIN, &json);
    put_context(vault, personal->kind, id, false, &context);
    if (json.failed || context.failed || out->failed)
        return no_memory(err);
    out->length--; /* its last bracket */
    yq_buf_putf(out, "%s\"" SEALED_MEMBER "\":\"", out->bytes[out->length - 1] == '{' ? "" : ",");
    bool ok = yq_keyring_shut(vault->house->keyring, yq_buf_text(&context), json.bytes, json.length,
                              out, err);
    yq_buf_puts(out, "\"}");
    return ok && (!out->failed || no_memory(err));
}

static bool write_split(const struct vault *vault, const struct yq_record *record,
                        struct yq_buf *out, struct yq_err *err)
{
    struct yq_record *clear = yq_record_copy(record), *personal = yq_record_copy(record);
    bool ok = (clear && personal) || no_memory(err);
    if (ok) {
        leave(clear, false);
        leave(personal, true);
        yq_form_record_write(clear, YQ_LOOK_PLAIN, out);
        ok = (!out->failed || no_memory(err)) &&
             (is_empty(personal) || put_sealed(vault, personal, yq_record_id(record), out, err));
    }
    yq_record_free(clear);
    yq_record_free(personal);
    return ok;
}

bool vault_write(const struct vault *vault, const struct yq_record *record, struct yq_buf *out,
                 uint8_t digest[32], struct yq_err *err)
{
    struct yq_buf json yq_cleanup(yq_buf_fini) = {0};
    yq_form_record_write(record, YQ_LOOK_PLAIN, &json);
    if (json.failed)
        return no_memory(err);
    if (vault->seals) { /* a plain digest would tell whether a guess is right */
        yq_keyring_mark(vault->house->keyring, "digest", json.bytes, json.length, digest);
        return write_split(vault, record, out, err);
    }
    struct yq_digest *sum yq_cleanup(yq_digest_cleanup) = yq_digest_new(YQ_SHA256);
    if (!sum)
        return no_memory(err);
    yq_digest_add(sum, json.bytes, json.length);
    yq_digest_end(sum, digest);
    yq_buf_put(out, json.bytes, json.length);
    return !out->failed || no_memory(err);
}

bool vault_is_current(const struct vault *vault, const char *content)
{
    char head[64];
    /* no quotation mark of a value stands like this */
    const char *sealed = strstr(content, "\"" SEALED_MEMBER "\":\"");
    snprintf(head, sizeof head, "\"" SEALED_MEMBER "\":\"" YQ_SEALED "%s:", vault->key);
    return vault->seals ? sealed && strncmp(sealed, head, strlen(head)) == 0 : !sealed;
}

struct opening {
    struct yq_house *house;
    const struct yq_ledger_entry *entry;
};

/* An entry of a kind whose ids are personal has the one or the other name. */
static bool open_part(const struct opening *opening, enum yq_kind kind, const char *value,
                      size_t length, struct yq_buf *json, struct yq_err *err)
{
    struct vault vault;
    bool ok = vault_open(opening->house, &vault, err);
    if (ok && !vault.can)
        return yq_fail(err, YQ_REFUSED, "walk",
                       "what is personal in this record is sealed, and there is no key: set "
                       "records.key_file");
    for (int is_mark = 1; ok && is_mark >= 0; is_mark--) {
        struct yq_buf context yq_cleanup(yq_buf_fini) = {0};
        put_context(&vault, kind, opening->entry->id, is_mark, &context);
        if (context.failed)
            return no_memory(err);
        if (yq_keyring_open(opening->house->keyring, yq_buf_text(&context), value, length, json,
                            err))
            return true;
        ok = err->code == YQ_IO && id_is_personal(kind);
    }
    return false;
}

static bool take_sealed(void *context, struct yq_record *record, const char *name,
                        const char *value, size_t length, bool *taken, struct yq_err *err)
{
    const struct opening *opening = context;
    struct yq_buf json yq_cleanup(yq_buf_fini) = {0};
    struct yq_record *personal;
    *taken = strcmp(name, SEALED_MEMBER) == 0;
    if (!*taken)
        return true;
    if (!open_part(opening, record->kind, value, length, &json, err) ||
        !yq_form_record_read(record->kind, yq_buf_text(&json), json.length, NULL, &personal, err))
        return false;
    bool ok = put_together(record, personal);
    yq_record_free(personal);
    return ok || yq_fail(err, YQ_IO, "walk", "a record in the catalog is damaged");
}

bool yq_record_open(struct yq_house *house, const struct yq_ledger_entry *entry,
                    struct yq_record **record, struct yq_err *err)
{
    struct opening opening = {house, entry};
    struct yq_form_extra extra = {take_sealed, &opening};
    *record = NULL;
    return entry->removed || yq_form_record_read(entry->kind, entry->content,
                                                 strlen(entry->content), &extra, record, err);
}

bool yq_record_out(struct yq_house *house, enum yq_kind kind, const char *id, int64_t version,
                   struct yq_record **record, struct yq_ledger_entry *entry, struct yq_err *err)
{
    struct vault vault;
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0};
    *record = NULL;
    memset(entry, 0, sizeof *entry);
    if (!vault_open(house, &vault, err) ||
        !vault_find(&vault, kind, id, version, &name, entry, err))
        return false;
    if (yq_record_open(house, entry, record, err)) {
        (void)yq_copy(entry->id, sizeof entry->id, id);
        return true;
    }
    yq_ledger_entry_fini(entry);
    return false;
}

bool yq_record_history(struct yq_house *house, enum yq_kind kind, const char *id,
                       struct yq_ledger_entry **out, size_t *count, struct yq_err *err)
{
    struct vault vault;
    struct yq_ledger_entry entry;
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0};
    if (!vault_open(house, &vault, err) || !vault_find(&vault, kind, id, 0, &name, &entry, err))
        return false;
    yq_ledger_entry_fini(&entry);
    return yq_ledger_history(house->catalog, kind, yq_buf_text(&name), out, count, err);
}

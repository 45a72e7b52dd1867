/* record.c: records and their members: finding, setting, lists, copies, equality. The canonical
 * form of values is record_value.c's. Pure; a record belongs to one thread. */
#include "yq/record.h"

#include <stdlib.h>
#include <string.h>

#include "record_inside.h"
#include "yq/bytes.h"

enum yq_kind yq_kind_by_name(const char *name)
{
    for (int i = 0; i < YQ_KIND_COUNT; i++)
        if (strcmp(yq_kinds[i].name, name) == 0 ||
            (*yq_kinds[i].plural && strcmp(yq_kinds[i].plural, name) == 0))
            return (enum yq_kind)i;
    return YQ_KIND_COUNT;
}

int yq_member_find(enum yq_kind kind, const char *name)
{
    const struct yq_kind_info *info = &yq_kinds[kind];
    size_t low = 0, high = info->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2, place = info->by_name[middle];
        int order = strcmp(info->members[place].name, name);
        if (order == 0)
            return (int)place;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

const char *yq_value_type_name(enum yq_value_type type)
{
    static const char *const names[] = {"text", "integer", "number", "date", "datetime",
                                        "code", "flag",    "uid",    "list"};
    return names[type];
}

struct yq_record *yq_record_new(enum yq_kind kind)
{
    size_t count = yq_kinds[kind].count;
    struct yq_record *record = calloc(1, sizeof *record);
    if (!record)
        return NULL;
    record->kind = kind;
    record->values = calloc(count, sizeof *record->values);
    record->lists = calloc(count, sizeof *record->lists);
    if (record->values && record->lists)
        return record;
    yq_record_free(record);
    return NULL;
}

static void list_clear(struct yq_record_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        yq_record_free(list->items[i]);
    free(list->items);
    *list = (struct yq_record_list){0};
}

/* Lists are one level deep: what stands in a list has none itself, or make_model's kinds would. */
void yq_record_free(struct yq_record *record) // NOLINT(misc-no-recursion)
{
    if (!record)
        return;
    for (size_t i = 0; i < yq_kinds[record->kind].count; i++) {
        if (record->values)
            free(record->values[i]);
        if (record->lists)
            list_clear(&record->lists[i]);
    }
    free(record->values);
    free(record->lists);
    free(record);
}

static bool list_push(struct yq_record_list *list, struct yq_record *take)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 8;
        struct yq_record **items =
            realloc(list->items, room * sizeof *items); // NOLINT(bugprone-sizeof-expression)
        if (!items)
            return false;
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = take;
    return true;
}

static bool copy_list(struct yq_record_list *to, const struct yq_record_list *from)
{
    for (size_t i = 0; i < from->count; i++) {
        struct yq_record *item = yq_record_copy(from->items[i]);
        if (!item || !list_push(to, item)) {
            yq_record_free(item);
            return false;
        }
    }
    return true;
}

struct yq_record *yq_record_copy(const struct yq_record *record) // NOLINT(misc-no-recursion)
{
    struct yq_record *copy = yq_record_new(record->kind);
    bool fine = copy != NULL;
    for (size_t i = 0; fine && i < yq_kinds[record->kind].count; i++) {
        fine = (!record->values[i] || (copy->values[i] = strdup(record->values[i]))) &&
               copy_list(&copy->lists[i], &record->lists[i]);
    }
    if (fine)
        return copy;
    yq_record_free(copy);
    return NULL;
}

/* A name that is not in the table is a mistake of this program's. */
static size_t need_member(enum yq_kind kind, const char *name)
{
    int member = yq_member_find(kind, name);
    if (member < 0)
        abort();
    return (size_t)member;
}

const char *yq_record_get(const struct yq_record *record, const char *name)
{
    return record->values[need_member(record->kind, name)];
}

const char *yq_record_id(const struct yq_record *record) { return record->values[0]; }

bool yq_record_nth(const struct yq_record *record, const char *name, size_t n, char *out,
                   size_t size)
{
    const char *at = yq_record_get(record, name);
    for (; at && n; n--) {
        at = strchr(at, '\n');
        if (at)
            at++;
    }
    if (!at)
        return false;
    size_t length = strcspn(at, "\n");
    if (length >= size)
        return false;
    memcpy(out, at, length);
    out[length] = '\0';
    return true;
}

bool yq_record_set(struct yq_record *record, int member, const char *text, struct yq_err *err)
{
    const struct yq_member *about = &yq_kinds[record->kind].members[member];
    struct yq_buf value yq_cleanup(yq_buf_fini) = {.most = YQ_RECORD_VALUE_MOST};
    if (about->type == YQ_VALUE_LIST) {
        if (text && *text)
            return yq_fail(err, YQ_BAD_INPUT, "model", "%s is a list of records", about->name);
        list_clear(&record->lists[member]);
        return true;
    }
    if (text && !record_canonical(about, text, &value, err))
        return false;
    if (member == 0 && record->kind < YQ_KIND_KEPT && value.length > YQ_RECORD_ID_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "model", "%s is longer than %d bytes", about->name,
                       YQ_RECORD_ID_MOST);
    char *kept = value.length ? strdup(yq_buf_text(&value)) : NULL;
    if (value.failed || (value.length && !kept)) {
        free(kept);
        return yq_fail(err, YQ_FULL, "model", "%s is too long", about->name);
    }
    free(record->values[member]);
    record->values[member] = kept;
    return true;
}

bool yq_record_put(struct yq_record *record, const char *name, const char *text, struct yq_err *err)
{
    return yq_record_set(record, (int)need_member(record->kind, name), text, err);
}

static bool has_value(const char *values, const char *value)
{
    size_t length = strlen(value);
    for (const char *at = values; at && *at;) {
        size_t here = strcspn(at, "\n");
        if (here == length && memcmp(at, value, length) == 0)
            return true;
        at += here + (at[here] == '\n');
    }
    return false;
}

bool yq_record_append(struct yq_record *record, const char *name, const char *text,
                      struct yq_err *err)
{
    size_t member = need_member(record->kind, name);
    const char *before = record->values[member];
    if (!before)
        return yq_record_set(record, (int)member, text, err);
    struct yq_buf value yq_cleanup(yq_buf_fini) = {.most = YQ_RECORD_VALUE_MOST};
    struct yq_buf both yq_cleanup(yq_buf_fini) = {.most = YQ_RECORD_VALUE_MOST};
    if (text && !record_canonical(&yq_kinds[record->kind].members[member], text, &value, err))
        return false;
    if (!value.length || has_value(before, yq_buf_text(&value)))
        return true;
    yq_buf_putf(&both, "%s\n%s", before, yq_buf_text(&value));
    if (value.failed || both.failed)
        return yq_fail(err, YQ_FULL, "model", "%s is too long", name);
    return yq_record_set(record, (int)member, yq_buf_text(&both), err);
}

bool yq_record_add(struct yq_record *record, int member, struct yq_record *take, struct yq_err *err)
{
    const struct yq_member *about = &yq_kinds[record->kind].members[member];
    struct yq_record_list *list = &record->lists[member];
    bool fits = about->type == YQ_VALUE_LIST && about->of == take->kind;
    if (fits && list->count < YQ_RECORD_ITEMS_MOST && list_push(list, take))
        return true;
    yq_record_free(take);
    if (!fits)
        return yq_fail(err, YQ_BAD_INPUT, "model", "%s holds no such records", about->name);
    return yq_fail(err, YQ_FULL, "model", "%s has more than %d entries", about->name,
                   YQ_RECORD_ITEMS_MOST);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_list(const struct yq_record_list *a, const struct yq_record_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!yq_record_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

bool yq_record_equal_member(const struct yq_record *a, const struct yq_record *b, int member)
{
    return same_text(a->values[member], b->values[member]) &&
           same_list(&a->lists[member], &b->lists[member]);
}

bool yq_record_equal(const struct yq_record *a,
                     const struct yq_record *b) // NOLINT(misc-no-recursion)
{
    if (a->kind != b->kind)
        return false;
    for (size_t i = 0; i < yq_kinds[a->kind].count; i++)
        if (!yq_record_equal_member(a, b, (int)i))
            return false;
    return true;
}

bool yq_record_overlay(struct yq_record *record, const struct yq_record *over, struct yq_err *err)
{
    for (size_t i = 0; i < yq_kinds[record->kind].count; i++) {
        if (over->values[i]) {
            char *value = strdup(over->values[i]);
            if (!value)
                return yq_fail(err, YQ_FULL, "model", "no memory for a record");
            free(record->values[i]);
            record->values[i] = value;
        }
        if (over->lists[i].count) {
            list_clear(&record->lists[i]);
            if (!copy_list(&record->lists[i], &over->lists[i]))
                return yq_fail(err, YQ_FULL, "model", "no memory for a record");
        }
    }
    return true;
}

/* Checking: whatever a sender put into a record, the rules and every interface's table only look at
 * it. Input: a byte for the kind, one for the interface, then lines of a byte for the member and
 * its text; a line that begins with 0xff begins a record in the last list. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(struct yq_record *record, uint8_t member, const uint8_t *text, size_t length)
{
    struct yq_err err;
    char *copy = malloc(length + 1);
    if (!copy)
        return;
    memcpy(copy, text, length);
    copy[length] = '\0';
    int at = member % (int)yq_kinds[record->kind].count;
    if (yq_kinds[record->kind].members[at].type != YQ_VALUE_LIST &&
        !yq_record_set(record, at, copy, &err))
        err.code = YQ_OK; /* what cannot be a value does not come so far */
    free(copy);
}

/* A new record in the kind's list; NULL: the kind has none. */
static struct yq_record *add_item(struct yq_record *record)
{
    struct yq_err err;
    int last = (int)yq_kinds[record->kind].count - 1;
    const struct yq_member *member = &yq_kinds[record->kind].members[last];
    if (member->type != YQ_VALUE_LIST)
        return NULL;
    struct yq_record *item = yq_record_new(member->of);
    return item && yq_record_add(record, last, item, &err) ? item : NULL;
}

static void look(const struct yq_record *record, uint8_t interface)
{
    struct yq_findings findings = {0};
    yq_check_record(record, NULL, NULL, &findings);
    yq_check_interface(&yq_interfaces[interface % yq_interface_count], record, &findings);
    for (size_t i = 0; i < findings.count; i++)
        if (!*findings.list[i].chinese || !*findings.list[i].english || !*findings.list[i].what)
            abort();
    yq_findings_fini(&findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 20000)
        return 0;
    struct yq_record *record = yq_record_new((enum yq_kind)(data[0] % YQ_KIND_COUNT));
    struct yq_record *now = record;
    for (size_t at = 2; record && at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end ? (size_t)(end - data - at) : size - at;
        if (length && data[at] == 0xff)
            now = add_item(record);
        else if (length)
            put(now ? now : record, data[at], data + at + 1, length - 1);
        now = now ? now : record;
        at += length + 1;
    }
    if (record)
        look(record, data[1]);
    yq_record_free(record);
    return 0;
}

/* Own lines over a province's table, and a message made by them of whatever is in a record. Input:
 * a byte for the interface and one for the kind, the own lines up to a byte 0xfe, then lines of a
 * byte for the member and its text; a line that begins with 0xff begins a record in the last list.
 * Lines that are wrong are refused with a sentence that names file and line; what is made is JSON,
 * the same again, and says of itself no more than it may. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/compose.h"
#include "yq/form.h"
#include "yq/text.h"

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
    if (yq_text_is_utf8(copy, length) && yq_kinds[record->kind].members[at].type != YQ_VALUE_LIST &&
        !yq_record_set(record, at, copy, &err))
        err.code = YQ_OK; /* what cannot be a value does not come so far */
    free(copy);
}

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

static void fill(struct yq_record *record, const uint8_t *data, size_t size)
{
    struct yq_record *now = record;
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end ? (size_t)(end - data - at) : size - at;
        if (length && data[at] == 0xff)
            now = add_item(record);
        else if (length)
            put(now ? now : record, data[at], data + at + 1, length - 1);
        now = now ? now : record;
        at += length + 1;
    }
}

static void look(const struct yq_composed *made)
{
    struct yq_answer *answer = NULL;
    struct yq_err err = {0};
    const struct yq_buf *texts[] = {&made->message, &made->identity, &made->shown};
    for (size_t i = 0; i < 3; i++) {
        if (!yq_answer_read(yq_buf_text(texts[i]), texts[i]->length, &answer, &err))
            abort();
        yq_answer_free(answer);
    }
    size_t held = 0;
    for (size_t i = 0; i < made->findings.count; i++) {
        held += made->findings.list[i].held;
        if (!*made->findings.list[i].chinese || !*made->findings.list[i].english)
            abort();
    }
    if (held != made->held)
        abort();
}

static void compose(const struct yq_conf *conf, const struct yq_interface *interface,
                    struct yq_record *record)
{
    static const struct yq_platform platform = {.name = "fuzz"};
    static const struct yq_node_value values[] = {{"pdfUrl", "http://h/p?s", "p"},
                                                  {"filePaths", "a\nb\n\nc", "1\n2"},
                                                  {"examInfo", "CT\nMR", NULL},
                                                  {"examInfo[CT].exams", "5", NULL},
                                                  {"studies", "1.2\n1.3", NULL}};
    const struct yq_company company = {{record}, 1};
    struct yq_composed one, two;
    struct yq_err err = {0};
    if (!yq_compose(NULL, conf, &platform, interface, &company, values, 5, false, &one, &err)) {
        if (!err.text[0])
            abort();
        return;
    }
    look(&one);
    if (!yq_compose(NULL, conf, &platform, interface, &company, values, 5, false, &two, &err) ||
        one.message.length != two.message.length ||
        strcmp(yq_buf_text(&one.message), yq_buf_text(&two.message)) != 0)
        abort();
    yq_composed_fini(&one);
    yq_composed_fini(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_conf *conf = calloc(1, sizeof *conf);
    struct yq_fields *fields = NULL;
    struct yq_err err = {0};
    if (size < 2 || size > 20000 || !conf) {
        free(conf);
        return 0;
    }
    const struct yq_interface *interface = &yq_interfaces[data[0] % yq_interface_count];
    const uint8_t *end = memchr(data + 2, 0xfe, size - 2);
    size_t lines = end ? (size_t)(end - data - 2) : size - 2;
    if (interface->count && yq_text_is_utf8((const char *)data + 2, lines)) {
        if (yq_fields_parse("own.csv", data + 2, lines, interface, &fields, &err)) {
            conf->own_fields = &fields;
            conf->own_field_count = 1;
        } else if (err.code != YQ_BAD_INPUT || strncmp(err.text, "own.csv:", 8) != 0) {
            abort();
        }
    }
    struct yq_record *record = yq_record_new((enum yq_kind)(data[1] % YQ_KIND_COUNT));
    if (record && end)
        fill(record, end + 1, size - 3 - lines);
    if (record)
        compose(conf, interface, record);
    yq_record_free(record);
    yq_fields_free(fields);
    free(conf);
    return 0;
}

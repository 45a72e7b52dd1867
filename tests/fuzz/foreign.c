/* foreign.c: any bytes as a foreign file: the first one says which form. Records come to an end,
 * names find something or nothing, and a file of some records can be read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(void *context, const char *name) { *(size_t *)context += strlen(name); }

static void ask(struct yq_foreign *foreign)
{
    static const char *const names[] = {"a", "a/b", "@c", "a[]/b", ".", "a.b", "张", "a/b[]/@c"};
    struct yq_buf out = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        yq_buf_clear(&out);
        if (!yq_foreign_get(foreign, names[i], &out) && out.length)
            abort();
    }
    size_t items = yq_foreign_items(foreign, "a[]/b"), length;
    for (size_t i = 0; i < items && i < 3; i++) {
        yq_foreign_choose(foreign, "a[]/b", i);
        yq_foreign_get(foreign, "a[]/b", &out);
    }
    (void)yq_foreign_json(foreign, &length);
    yq_buf_fini(&out);
}

/* Returns how many records it has; writes the wrong ones to `left`. */
static size_t read(enum yq_foreign_form form, const char *records, const struct yq_buf *text,
                   struct yq_buf *left)
{
    struct yq_foreign *foreign;
    struct yq_err err = {0};
    const char *fault;
    size_t count = 0, columns = 0;
    if (!yq_foreign_open(form, records, yq_buf_text(text), text->length, &foreign, &err)) {
        if (!err.text[0])
            abort();
        return 0;
    }
    yq_foreign_columns(foreign, tell, &columns);
    yq_foreign_put_head(foreign, left);
    for (; yq_foreign_next(foreign, &fault, &err); count++) {
        if (count > text->length)
            abort(); /* it does not come to an end */
        yq_buf_puts(left, count ? yq_foreign_between(foreign) : "");
        yq_foreign_put_record(foreign, left);
        if (!fault)
            ask(foreign);
    }
    if (err.code != YQ_OK && err.code != YQ_BAD_INPUT)
        abort();
    if (err.code != YQ_OK)
        yq_foreign_put_rest(foreign, left);
    yq_foreign_put_tail(foreign, left);
    yq_foreign_free(foreign);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"", "a", "a/b", "", "", "", "", ""};
    struct yq_buf text = {0}, left = {0}, again = {0};
    struct yq_err err;
    if (!size)
        return 0;
    enum yq_foreign_form form = (enum yq_foreign_form)(1 + *data % 3);
    const char *records = paths[*data / 3 % 8];
    if (yq_foreign_text(form, "", data + 1, size - 1, &text, &err)) {
        read(form, records, &text, &left);
        read(form, records, &left, &again);
    }
    yq_buf_fini(&text);
    yq_buf_fini(&left);
    yq_buf_fini(&again);
    return 0;
}

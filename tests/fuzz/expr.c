/* expr.c: any bytes as an expression and as a mapping file: refused with a sentence, or worked out
 * within bounds over surroundings that have the rest of the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yq/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool get(void *context, const char *name, struct yq_buf *out)
{
    const char *text = context;
    if (strlen(name) % 3 == 0)
        return false;
    yq_buf_puts(out, strlen(name) % 2 ? text : "20260301081500\n2026-3-1");
    return true;
}

static bool convert(void *context, const char *from, const char *to, const char *code,
                    struct yq_buf *out)
{
    (void)context;
    yq_buf_puts(out, strlen(from) > 3 ? to : code);
    return strlen(to) > 2;
}

static void count(void *context, const char *text) { *(size_t *)context += strlen(text); }

static void count_code(void *context, const char *from, const char *to)
{
    *(size_t *)context += strlen(from) + strlen(to);
}

static void one(const char *text, struct yq_surroundings *around)
{
    struct yq_expr *expr;
    struct yq_err err = {0};
    struct yq_buf out = {0};
    bool there;
    size_t names = 0;
    if (yq_expr_parse(text, &expr, &err)) {
        yq_expr_names(expr, count, &names);
        if (names > strlen(text) || (yq_expr_name(expr) && strlen(yq_expr_name(expr)) != names))
            abort();
        yq_expr_codes(expr, count_code, &names);
        if (names > 2 * strlen(text))
            abort();
        bool fine = yq_expr_value(expr, around, &out, &there, &err);
        if (fine ? there != (out.length > 0) : !err.text[0] || err.code == YQ_BUG)
            abort();
        yq_expr_free(expr);
    } else if (err.code != YQ_BAD_INPUT || !err.text[0]) {
        abort();
    }
    yq_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yq_buf text = {0};
    struct yq_mapping *mapping;
    struct yq_err err = {0};
    yq_buf_put(&text, data, size);
    yq_buf_put(&text, "", 1);
    struct yq_surroundings around = {.context = text.bytes, .get = get, .convert = convert};
    one((const char *)text.bytes, &around);
    if (yq_mapping_parse("m.csv", text.bytes, size, &mapping, &err)) {
        for (int kind = 0; kind < YQ_KIND_COUNT; kind++) {
            struct yq_record *record = yq_record_new((enum yq_kind)kind);
            if (!record || (!yq_mapping_apply(mapping, &around, record, &err) && !err.text[0]))
                abort();
            yq_record_free(record);
        }
        yq_mapping_free(mapping);
    } else if (!err.text[0]) {
        abort();
    }
    yq_buf_fini(&text);
    return 0;
}

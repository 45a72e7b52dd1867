/* coercion.c: any bytes as coercion.json, as a mapping table, as the catalog's note of what was
 * coerced. What is taken can be printed and taken again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "yq/coerce.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rules(const uint8_t *data, size_t size)
{
    struct yq_err err;
    struct yq_buf text = {0};
    struct yq_conf *conf = calloc(1, sizeof *conf), *again = calloc(1, sizeof *again);
    if (!conf || !again)
        abort();
    yq_copy(conf->folder, sizeof conf->folder, "/nowhere");
    if (conf_parse_coercion(conf, "coercion.json", data, size, &err)) {
        yq_buf_puts(&text, "[");
        for (size_t i = 0; i < conf->coercion_count; i++) {
            yq_buf_puts(&text, i ? "," : "");
            conf_put_rule(&text, &conf->coercion[i]);
        }
        yq_buf_puts(&text, "]");
        if (!conf_parse_coercion(again, "again", text.bytes, text.length, &err) ||
            again->coercion_count != conf->coercion_count)
            abort();
    } else if (!err.text[0]) {
        abort();
    }
    yq_buf_fini(&text);
    yq_conf_free(conf);
    yq_conf_free(again);
}

static void table(const uint8_t *data, size_t size)
{
    static const char *const vrs[] = {"LO", "SH", "PN", "DA", "TM", "AS", "CS", "IS", "DS", "LT"};
    struct yq_coerce_table made = {.file = "t.csv"};
    struct yq_err err;
    const char *vr = vrs[size % 10];
    if (conf_parse_table(&made, vr, data, size, &err)) {
        for (size_t i = 0; i < made.count; i++)
            if (yq_conf_table_get(&made, made.pairs[i].from) != made.pairs[i].to ||
                yq_coerce_fault(vr, made.pairs[i].to))
                abort();
    }
    conf_table_fini(&made);
}

static void note(const uint8_t *data, size_t size)
{
    struct yq_coercions coercions, again;
    struct yq_buf text = {0}, first = {0}, second = {0};
    struct yq_err err;
    yq_buf_put(&text, data, size);
    if (yq_coercions_read(yq_buf_text(&text), &coercions, &err)) {
        yq_coercions_write(&coercions, &first);
        if (!yq_coercions_read(yq_buf_text(&first), &again, &err))
            abort();
        yq_coercions_write(&again, &second);
        if (strcmp(yq_buf_text(&first), yq_buf_text(&second)) != 0)
            abort();
        yq_coercions_fini(&again);
        yq_coercions_fini(&coercions);
    }
    yq_buf_fini(&text);
    yq_buf_fini(&first);
    yq_buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rules(data, size);
    table(data, size);
    note(data, size);
    return 0;
}

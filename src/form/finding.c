/* finding.c: what was found in a record, as it is kept beside it: JSON of our own making. */
#include <string.h>

#include "json_scan.h"
#include "yq/check.h"
#include "yq/form.h"

static void put(struct yq_buf *out, const char *name, const char *value)
{
    yq_buf_putf(out, "\"%s\":", name);
    json_put_text(out, value, strlen(value));
    yq_buf_put(out, ",", 1);
}

void yq_form_findings_write(const struct yq_findings *findings, struct yq_buf *out)
{
    yq_buf_puts(out, "[");
    for (size_t i = 0; i < findings->count; i++) {
        const struct yq_finding *finding = &findings->list[i];
        yq_buf_puts(out, i ? ",{" : "{");
        put(out, "member", finding->member);
        put(out, "what", finding->what);
        put(out, "chinese", finding->chinese);
        put(out, "english", finding->english);
        yq_buf_putf(out, "\"serious\":%s}", finding->serious ? "true" : "false");
    }
    yq_buf_puts(out, "]");
}

static bool read_pair(struct json_scan *scan, struct yq_finding *finding, struct yq_err *err)
{
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0}, value yq_cleanup(yq_buf_fini) = {0};
    const struct {
        const char *name;
        char *field;
        size_t size;
    } fields[] = {{"member", finding->member, sizeof finding->member},
                  {"what", finding->what, sizeof finding->what},
                  {"chinese", finding->chinese, sizeof finding->chinese},
                  {"english", finding->english, sizeof finding->english}};
    if (!json_text(scan, 64, &name, err) || !json_need(scan, ':', err))
        return false;
    char c = json_peek(scan);
    if (c == 't' || c == 'f') {
        finding->serious |= c == 't' && strcmp(yq_buf_text(&name), "serious") == 0;
        return json_word(scan, c == 't' ? "true" : "false", err);
    }
    if (!json_text(scan, sizeof finding->chinese, &value, err))
        return false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(yq_buf_text(&name), fields[i].name) == 0)
            (void)yq_copy(fields[i].field, fields[i].size, yq_buf_text(&value));
    }
    return true;
}

void yq_form_findings_read(const char *text, struct yq_findings *out)
{
    struct json_scan scan = {text, strlen(text), 0};
    struct yq_err ignored;
    if (!json_take(&scan, '['))
        return;
    while (json_take(&scan, '{')) {
        struct yq_finding *finding = yq_findings_add(out);
        while (finding && !json_take(&scan, '}')) {
            if (!read_pair(&scan, finding, &ignored))
                return;
            (void)json_take(&scan, ',');
        }
        if (!finding)
            return;
        (void)json_take(&scan, ',');
    }
}

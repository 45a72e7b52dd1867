/* rehearse.c: what the stand-in reads of others: a message in JSON against the field tables,
 * Base64, rules of failing. What was read as JSON is read again from its own place as the same. */
#include <stdlib.h>
#include <string.h>

#include "rehearse_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct rj *whole)
{
    static const char *const tables[] = {"exam-sync", "report-sync", "examMergeReport-sync",
                                         "images-list", "SetInfo"};
    struct yq_findings findings = {0};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        rehearse_check_fields(tables[i], whole, "", &findings);
    rehearse_check_exam(whole, "", &findings);
    rehearse_check_report(whole, "", &findings);
    rehearse_check_series(whole, &findings);
    if (findings.count > REHEARSE_FINDINGS_MOST)
        abort();
    yq_findings_fini(&findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rj_document json, again;
    struct rehearse_rules rules = {0};
    struct yq_buf bytes = {0}, text = {0};
    struct yq_err err;
    unsigned seconds;
    if (rj_read((const char *)data, size, &json)) {
        if (json.values->type == RJ_OBJECT)
            look(json.values);
        if (!rj_read(json.values->raw, json.values->raw_length, &again) ||
            rehearse_mark(json.values) != rehearse_mark(again.values))
            abort();
        rj_fini(&again);
    }
    rj_fini(&json);
    if (rehearse_base64((const char *)data, size, &bytes)) {
        rehearse_put_base64(bytes.bytes, bytes.length, &text);
        if (text.length != size)
            abort();
    }
    yq_buf_clear(&text);
    yq_buf_put(&text, data, size < 500 ? size : 500);
    if (rehearse_rules_parse(yq_buf_text(&text), &rules, &err))
        rehearse_rules_ask(&rules, "/exam-sync", &seconds);
    yq_buf_fini(&bytes);
    yq_buf_fini(&text);
    return 0;
}

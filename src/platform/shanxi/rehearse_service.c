/* rehearse_service.c: what all calls of the signing service have in common (四(二)4(4)1-3):
 * version, appId, signAlgo, and a signature: the members that are not empty, sorted by name, k=v
 * with & between, HMAC by the secure code, Base64. The document prints some names with a capital in
 * its tables and without in its examples: either is taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rehearse_inside.h"
#include "yq/form.h"

enum { PARAMETERS_MOST = 64 };

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct rj *const *)a)->name, (*(const struct rj *const *)b)->name);
}

static bool is_value(const struct rj *m)
{
    return m->type != RJ_NULL && m->type != RJ_ARRAY && m->type != RJ_OBJECT &&
           (m->type != RJ_TEXT || m->length);
}

static void join(const struct rj *request, struct yq_buf *out)
{
    const struct rj *list[PARAMETERS_MOST];
    size_t count = 0;
    for (const struct rj *m = request->first; m && count < PARAMETERS_MOST; m = m->next)
        if (is_value(m) && strcmp(m->name, "signature") != 0)
            list[count++] = m;
    qsort(list, count, sizeof(void *), by_name);
    for (size_t i = 0; i < count; i++) {
        yq_buf_putf(out, "%s%s=", i ? "&" : "", list[i]->name);
        if (list[i]->type == RJ_TRUE || list[i]->type == RJ_FALSE)
            yq_buf_puts(out, list[i]->type == RJ_TRUE ? "true" : "false");
        else
            yq_buf_put(out, list[i]->text, list[i]->length);
    }
}

/* HMAC by the secure code, Base64. False: the program did not run. */
static bool make_hmac(struct yq_rehearse *r, const char *digest, const struct yq_buf *text,
                      struct yq_buf *out)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    char key[16 + 2 * sizeof r->sign_key] = "hexkey:";
    const char *const hmac[] = {"dgst", digest, "-mac", "HMAC", "-macopt", key, "-binary", NULL};
    yq_hex(key + 7, r->sign_key, strlen(r->sign_key));
    if (!rehearse_openssl(hmac, text->bytes, text->length, &bytes))
        return false;
    rehearse_put_base64(bytes.bytes, bytes.length, out);
    return !out->failed;
}

static const char *digest_of(const char *algorithm)
{
    if (strcasecmp(algorithm, "HMAC") == 0 || strcasecmp(algorithm, "HmacSHA256") == 0)
        return "-sha256";
    if (strcasecmp(algorithm, "HmacSHA1") == 0)
        return "-sha1";
    return strcasecmp(algorithm, "HmacMD5") == 0 ? "-md5" : NULL;
}

static void check_hmac(struct rehearse_visit *v, const struct rj *request)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0}, mac yq_cleanup(yq_buf_fini) = {0};
    const char *given = rj_text(rj_member(request, "signature"));
    const char *digest = digest_of(rj_text(rj_member(request, "signAlgo")));
    if (!digest) {
        rehearse_complain(&v->findings, "signAlgo", "algorithm",
                          "signAlgo 应为 HMAC、HmacSHA256、HmacSHA1 或 HmacMD5",
                          "signAlgo is to be HMAC, HmacSHA256, HmacSHA1 or HmacMD5");
        return;
    }
    if (!*v->r->sign_key || !*given)
        return;
    join(request, &text);
    if (!make_hmac(v->r, digest, &text, &mac) || strcmp(yq_buf_text(&mac), given) != 0)
        rehearse_complain(&v->findings, "signature", "signature",
                          "签名不符：非空参数按名排序拼接后以安全码 HMAC，再 Base64",
                          "the signature is wrong: parameters that are not empty, sorted by name, "
                          "HMAC by the secure code, Base64");
}

/* Whether a table has the name, in whatever case. */
static bool has_field(const struct yq_interface *table, const char *name)
{
    for (size_t i = 0; table && i < table->count; i++)
        if (strcasecmp(table->fields[i].name, name) == 0)
            return true;
    return false;
}

static const struct rj *member_of(const struct rj *request, const char *name)
{
    for (const struct rj *m = request->first; m; m = m->next)
        if (strcasecmp(m->name, name) == 0)
            return m;
    return NULL;
}

static void check_present(struct rehearse_visit *v, const struct yq_interface *table,
                          const struct rj *request)
{
    for (size_t i = 0; table && i < table->count; i++) {
        const struct yq_field *field = &table->fields[i];
        const struct rj *m = member_of(request, field->name);
        if (strcmp(field->required, "yes") == 0 && (!m || !is_value(m)))
            rehearse_complain(&v->findings, field->name, "missing", "必填项没有值",
                              "required, and there is no value");
        else if (m && (m->type == RJ_ARRAY || m->type == RJ_OBJECT))
            rehearse_complain(&v->findings, field->name, "type", "JSON 类型不对",
                              "this is of the wrong JSON type");
    }
}

bool rehearse_service(struct rehearse_visit *v, const char *interface, struct rj_document *json)
{
    const struct yq_interface *own = yq_interface_find("shanxi", interface);
    bool seals = strcmp(interface, "SEF_VerifySeal") == 0; /* not of this service */
    const struct yq_interface *common = seals ? NULL : yq_interface_find("shanxi", "sign-request");
    if (strcmp(v->call->method, "POST") != 0)
        rehearse_complain(&v->findings, "", "method", "请求方法应为 POST", "it is to be POST");
    if (!rj_read(v->call->body, v->call->length, json) || json->values->type != RJ_OBJECT) {
        rehearse_complain(&v->findings, "", "json", "消息体不是 JSON 对象",
                          "the message is no JSON object");
        return false;
    }
    if (*json->twice)
        rehearse_complain(&v->findings, json->twice, "twice", "同一项出现两次",
                          "this member stands twice");
    check_present(v, own, json->values);
    check_present(v, common, json->values);
    for (const struct rj *m = json->values->first; m; m = m->next)
        if (!has_field(own, m->name) && !has_field(common, m->name) &&
            strcmp(m->name, "deviceId") != 0) /* only in an example */
            rehearse_complain(&v->findings, m->name, "unknown-member", "文档中没有此项",
                              "the document has no such field");
    if (common)
        check_hmac(v, json->values);
    return true;
}

void rehearse_answer_service(struct rehearse_visit *v, const struct rj *request, const char *data)
{
    struct yq_buf *out = &v->call->answer;
    bool refused = rehearse_is_refused(&v->findings);
    const struct rj *trace = request ? rj_member(request, "transId") : NULL;
    yq_buf_putf(out, "{\"status\":%d,\"message\":", refused ? 400 : 200);
    for (size_t i = 0; refused && i < v->findings.count; i++)
        if (v->findings.list[i].serious) {
            yq_json_put_text(out, v->findings.list[i].chinese);
            break;
        }
    if (!refused)
        yq_buf_puts(out, "\"SUCCESS\"");
    if (trace && trace->type == RJ_TEXT) {
        yq_buf_puts(out, ",\"transId\":");
        yq_json_put_text(out, trace->text);
    }
    if (!refused)
        yq_buf_putf(out, ",\"data\":{%s}", data);
    yq_buf_puts(out, "}");
}

/* service.c: one call of the signing service (四(二)4(4)): its parameters as JSON, signed by HMAC
 * over those that are not empty; its answer.
 *
 * Decisions: member names as in the examples (title, algo, data), which is what is sent; answers
 * are taken with Status and Data as with status and data, 200 as number or text, data as an object
 * or as the text of one; signAlgo is the name of the algorithm that is used. Nothing of a request
 * or an answer gets into logs; the service's message does into the reason of a job, bounded. */
#include "service.h"

#include <stdio.h>
#include <string.h>

#include "yq/recipes.h"

enum { BODY_MOST = 64 << 20, MESSAGE_MOST = 120 };

static const char *const algorithms[] = {"HmacSHA256", "HmacSHA1", "HmacMD5"};

/* ---- recipes ---- */

static size_t put_ingredients(const struct service_param *params, size_t count,
                              struct yq_ingredient *out)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (params[i].value && *params[i].value)
            out[used++] =
                (struct yq_ingredient){params[i].name, params[i].value, strlen(params[i].value)};
    return used;
}

static bool sign_params(const struct service_call *call, const struct service_param *params,
                        size_t count, struct yq_buf *out, struct yq_err *err)
{
    char name[32];
    const struct yq_recipe *recipe;
    struct yq_ingredient values[SERVICE_PARAMS_MOST];
    size_t used = put_ingredients(params, count, values);
    (void)snprintf(name, sizeof name, "coss-%s", algorithms[call->platform->sign_algorithm]);
    return yq_recipe_of(call->conf, YQ_SHANXI, name, &recipe, err) &&
           yq_recipe_make(recipe, call->keys, values, used, out, err);
}

bool service_result_fits(const struct yq_conf *conf, struct yq_keychain *keys,
                         const struct service_param *params, size_t count, const char *shown,
                         struct yq_err *err)
{
    const struct yq_recipe *recipe;
    struct yq_ingredient values[SERVICE_PARAMS_MOST];
    for (size_t i = 0; i < count; i++) /* the empty ones too: they are named in the document */
        values[i] =
            (struct yq_ingredient){params[i].name, params[i].value, strlen(params[i].value)};
    return yq_recipe_of(conf, YQ_SHANXI, "coss-result", &recipe, err) &&
           yq_recipe_check(recipe, keys, values, count, shown, strlen(shown), err);
}

bool service_base64(const void *bytes, size_t length, struct yq_buf *out, struct yq_err *err)
{
    struct yq_recipe *recipe = NULL;
    const struct yq_ingredient text = {NULL, bytes, length};
    bool ok = yq_recipe_parse("text | base64", &recipe, err) &&
              yq_recipe_make(recipe, NULL, &text, 1, out, err);
    yq_recipe_free(recipe);
    return ok;
}

/* ---- the request ---- */

static void put_params(const struct service_param *params, size_t count, struct yq_buf *out)
{
    const char *separator = "{";
    for (size_t i = 0; i < count; i++) {
        if (!params[i].value || !*params[i].value)
            continue;
        yq_buf_putf(out, "%s\"%s\":", separator, params[i].name);
        if (params[i].bare)
            yq_buf_puts(out, params[i].value);
        else
            yq_json_put_text(out, params[i].value);
        separator = ",";
    }
    yq_buf_puts(out, "}");
}

static bool put_body(const struct service_call *call, struct yq_buf *out, struct yq_err *err)
{
    struct service_param all[SERVICE_PARAMS_MOST + 1];
    struct yq_buf signature yq_cleanup(yq_buf_fini) = {0};
    size_t count = 0;
    if (!call->unsigned_) {
        all[count++] = (struct service_param){"version", "1.0", false};
        all[count++] = (struct service_param){"appId", call->platform->sign_app, false};
        all[count++] =
            (struct service_param){"signAlgo", algorithms[call->platform->sign_algorithm], false};
    }
    for (size_t i = 0; i < call->count && count < SERVICE_PARAMS_MOST; i++)
        all[count++] = call->params[i];
    if (!call->unsigned_) {
        if (!sign_params(call, all, count, &signature, err))
            return false;
        all[count++] = (struct service_param){"signature", yq_buf_text(&signature), false};
    }
    out->most = BODY_MOST;
    put_params(all, count, out);
    return !out->failed || yq_fail(err, YQ_FULL, "platform", "no memory for a call");
}

static bool put_url(const struct service_call *call, struct yq_buf *out, struct yq_err *err)
{
    char base[256];
    const char *set = call->platform->sign_url;
    if (!(*set ? yq_copy(base, sizeof base, set)
               : yq_platform_address(call->platform, 0, base, sizeof base)))
        return yq_fail(err, YQ_BAD_INPUT, "platform", "neither sign_url nor url is set");
    size_t length = strlen(base);
    while (length && base[length - 1] == '/')
        base[--length] = '\0';
    yq_buf_putf(out, "%s%s", base, call->path);
    return !out->failed || yq_fail(err, YQ_FULL, "platform", "no memory for a URL");
}

/* ---- the answer ---- */

static bool get_either(const struct yq_answer *answer, const char *name, const char *other,
                       struct yq_buf *out)
{
    return yq_answer_get(answer, name, out) || yq_answer_get(answer, other, out);
}

/* Its message, as far as it is a sentence: bounded, without control characters. */
static bool says_no(const struct yq_answer *answer, const char *status, struct yq_err *err)
{
    struct yq_buf message yq_cleanup(yq_buf_fini) = {0};
    (void)get_either(answer, "message", "resultMessage", &message);
    for (size_t i = 0; i < message.length; i++)
        if (message.bytes[i] < ' ' || message.bytes[i] == 0x7f || message.bytes[i] == '"')
            message.bytes[i] = ' ';
    size_t length = message.length < MESSAGE_MOST ? message.length : MESSAGE_MOST;
    while (length && length < message.length && (message.bytes[length] & 0xc0) == 0x80)
        length--;
    return yq_fail(err, YQ_REFUSED, "platform", "the service refuses: %.*s (status %.20s)",
                   (int)length, yq_buf_text(&message), status);
}

static enum yq_sign_said read_data(struct yq_answer *take, struct yq_answer **data,
                                   struct yq_err *err)
{
    struct yq_buf status yq_cleanup(yq_buf_fini) = {0}, text yq_cleanup(yq_buf_fini) = {0};
    bool ok =
        get_either(take, "status", "Status", &status) && strcmp(yq_buf_text(&status), "200") == 0;
    if (!ok)
        says_no(take, yq_buf_text(&status), err);
    else if (!get_either(take, "data", "Data", &text))
        ok = yq_fail(err, YQ_REFUSED, "platform", "the service's answer has no data");
    else
        ok =
            yq_answer_read(yq_buf_text(&text), text.length, data, err) ||
            yq_fail(err, YQ_REFUSED, "platform", "the service's answer has other data than wanted");
    yq_answer_free(take);
    return ok ? YQ_SIGN_SAYS : YQ_SIGN_SAYS_NO;
}

static enum yq_sign_said read_answer(const struct service_call *call, const struct yq_web_call *web,
                                     struct yq_answer **data, struct yq_err *err)
{
    struct yq_answer *answer = NULL;
    struct yq_err why = {0};
    if (web->status >= 500 || web->status == 429) {
        yq_fail(err, YQ_PEER_GONE, "platform", "the signing service has trouble: HTTP %u",
                web->status);
        return YQ_SIGN_AWAY;
    }
    if (!yq_answer_read(yq_buf_text(&web->answer), web->answer.length, &answer, &why)) {
        yq_fail(err, YQ_PEER_GONE, "platform",
                "what answers in place of the signing service speaks no JSON (HTTP %u)",
                web->status);
        return YQ_SIGN_AWAY;
    }
    if (web->status != 200) {
        char status[24];
        (void)snprintf(status, sizeof status, "HTTP %u", web->status);
        says_no(answer, status, err);
        yq_answer_free(answer);
        return YQ_SIGN_SAYS_NO;
    }
    if (!call->unsigned_)
        return read_data(answer, data, err);
    *data = answer;
    return YQ_SIGN_SAYS;
}

enum yq_sign_said service_call(const struct service_call *call, struct yq_answer **data,
                               struct yq_err *err)
{
    struct yq_buf body yq_cleanup(yq_buf_fini) = {0}, url yq_cleanup(yq_buf_fini) = {0};
    *data = NULL;
    /* what is wrong with keys or settings is told as it is, and heals when it is mended */
    if (!put_url(call, &url, err) || !put_body(call, &body, err))
        return YQ_SIGN_AWAY;
    struct yq_web_call web = {.method = "POST",
                              .url = yq_buf_text(&url),
                              .headers = "Content-Type: application/json;charset=UTF-8\n"
                                         "Accept: application/json\n",
                              .body = body.bytes,
                              .length = body.length,
                              .stopped = call->stopped,
                              .context = call->context};
    enum yq_sign_said said =
        yq_web_do(call->web, &web, err) ? read_answer(call, &web, data, err) : YQ_SIGN_AWAY;
    yq_buf_fini(&web.answer);
    return said;
}

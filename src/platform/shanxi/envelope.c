/* envelope.c: a message on its way to the front-end machine, and what its answer means.
 *
 * Chapter 三 of the document: one envelope for S1, S2, S3 and S6, {"code": 1 or 0, "message", ...}
 * as the answer, the code as a number or as text. Only a code 1 is success: anything else leaves
 * the piece in the queue, so that what the machine's proxy or a half-started service says is never
 * taken for a yes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shanxi.h"
#include "yq/clock.h"
#include "yq/form.h"
#include "yq/recipes.h"

#define ROOM "platform"

static bool by_recipe(const struct yq_conf *conf, struct yq_keychain *keys, const char *name,
                      const struct yq_ingredient *values, size_t count, struct yq_buf *out,
                      struct yq_err *err)
{
    const struct yq_recipe *recipe;
    return yq_recipe_of(conf, YQ_SHANXI, name, &recipe, err) &&
           yq_recipe_make(recipe, keys, values, count, out, err);
}

bool shanxi_envelope(const struct yq_conf *conf, struct yq_keychain *keys,
                     const struct yq_buf *message, struct yq_buf *out, struct yq_err *err)
{
    struct yq_buf data yq_cleanup(yq_buf_fini) = {0}, signature yq_cleanup(yq_buf_fini) = {0};
    const struct yq_ingredient whole = {.value = message->bytes, .length = message->length};
    char timestamp[24];
    if (!*conf->hospital_code)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "hospital.code is not set in node.json: the platform wants this hospital's "
                       "unified social credit code");
    snprintf(timestamp, sizeof timestamp, "%" PRId64, yq_now_ms() / 1000);
    if (!by_recipe(conf, keys, "seal", &whole, 1, &data, err))
        return false;
    const struct yq_ingredient members[] = {
        {.name = "data", .value = data.bytes, .length = data.length},
        {.name = "hospitalCode",
         .value = conf->hospital_code,
         .length = strlen(conf->hospital_code)},
        {.name = "timestamp", .value = timestamp, .length = strlen(timestamp)}};
    if (!by_recipe(conf, keys, "sign", members, 3, &signature, err))
        return false;
    yq_buf_puts(out, "{\"hospitalCode\":");
    yq_json_put_text(out, conf->hospital_code);
    yq_buf_puts(out, ",\"data\":\"");
    yq_buf_put(out, data.bytes, data.length);
    yq_buf_putf(out, "\",\"timestamp\":\"%s\",\"signature\":\"", timestamp);
    yq_buf_put(out, signature.bytes, signature.length);
    yq_buf_puts(out, "\"}");
    return !out->failed || yq_fail(err, YQ_FULL, ROOM, "no memory for a message");
}

/* ---- what the answer means ---- */

/* One line for people, of what a platform wrote. */
static void quote(const char *text, char *out, size_t size)
{
    size_t length = 0;
    for (; *text && length + 1 < size; text++)
        out[length++] = (unsigned char)*text < ' ' ? ' ' : *text;
    while (length && (out[length - 1] & 0xC0) == 0x80 && text[0] && (text[0] & 0xC0) == 0x80)
        length--; /* not in the middle of a character */
    out[length] = 0;
}

static enum yq_verdict read_answer(const struct yq_web_call *call, char *reason, size_t size)
{
    struct yq_answer *answer = NULL;
    struct yq_buf code yq_cleanup(yq_buf_fini) = {0}, words yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    char quoted[160];
    if (call->status >= 500) {
        snprintf(reason, size, "the platform is in trouble: HTTP %u", call->status);
        return YQ_NOT_REACHED;
    }
    if (call->status != 200) {
        snprintf(reason, size, "the platform answered HTTP %u instead of 200", call->status);
        return YQ_TRY_AGAIN;
    }
    if (!yq_answer_read(yq_buf_text(&call->answer), call->answer.length, &answer, &err) ||
        !yq_answer_get(answer, "code", &code)) {
        snprintf(reason, size, "what answered is not the platform: no JSON with a code");
        yq_answer_free(answer);
        return YQ_TRY_AGAIN;
    }
    (void)yq_answer_get(answer, "message", &words);
    yq_answer_free(answer);
    if (strcmp(yq_buf_text(&code), "1") == 0)
        return YQ_WENT;
    quote(yq_buf_text(&words), quoted, sizeof quoted);
    snprintf(reason, size, "the platform said no (code %.16s): %s", yq_buf_text(&code),
             *quoted ? quoted : "without a reason");
    return YQ_TURNED_DOWN;
}

static enum yq_verdict not_sent(const struct yq_err *err, char *reason, size_t size)
{
    (void)yq_copy(reason, size, err->text);
    switch (err->code) {
    case YQ_PEER_GONE:
    case YQ_TIMEOUT:
    case YQ_REFUSED: /* its certificate is not believed */ return YQ_NOT_REACHED;
    case YQ_FULL:
    case YQ_IO:
    case YQ_BUSY: return YQ_TRY_AGAIN;
    default: return YQ_HOLD_BACK; /* a setting is wrong or missing: the reason names it */
    }
}

enum yq_verdict shanxi_send(const struct yq_errand_out *errand, const struct yq_piece *piece,
                            const struct yq_composed *composed, char *reason, size_t reason_size)
{
    static const char *const paths[] = {[SHANXI_EXAM] = "/exam-sync",
                                        [SHANXI_REPORT] = "/report/sync",
                                        [SHANXI_MERGED] = "/examMergeReport-sync",
                                        [SHANXI_SERIES] = "/images/list"};
    struct yq_buf body yq_cleanup(yq_buf_fini) = {0}, url yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    struct yq_web_call call = {.method = "POST",
                               .headers = "Content-Type: application/json;charset=UTF-8\n"
                                          "encryption-type: SM4\n",
                               .stopped = errand->stopped,
                               .context = errand->context};
    if (!shanxi_envelope(errand->conf, errand->keys, &composed->message, &body, &err))
        return not_sent(&err, reason, reason_size);
    yq_buf_putf(&url, "%s%s", errand->address, paths[piece->what]);
    call.url = yq_buf_text(&url);
    call.body = body.bytes;
    call.length = body.length;
    bool answered = yq_web_do(errand->web, &call, &err);
    enum yq_verdict verdict =
        answered ? read_answer(&call, reason, reason_size) : not_sent(&err, reason, reason_size);
    const struct yq_kept_call kept = {.piece = piece->name,
                                      .url = call.url,
                                      .status = call.status,
                                      .took_us = call.took_us,
                                      .request = yq_buf_text(&composed->shown),
                                      .answer = answered ? yq_buf_text(&call.answer) : err.text};
    errand->keep(errand->keep_context, &kept);
    yq_buf_fini(&call.answer);
    return verdict;
}

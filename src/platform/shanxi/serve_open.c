/* serve_open.c: the common envelope of chapter 三, as the front-end machine sends it to us: its
 * signature, its timestamp against our clock, its data opened. Where that fails the caller is told
 * of one reason, whatever it was about the key or the padding. */
#include <stdlib.h>
#include <string.h>

#include "../asked.h"
#include "serve.h"
#include "yq/clock.h"
#include "yq/form.h"
#include "yq/province.h"
#include "yq/recipes.h"

enum member { DATA, HOSPITAL, TIMESTAMP, SIGNATURE, MEMBERS };

struct envelope {
    struct yq_buf value[MEMBERS];
};

static void envelope_fini(struct envelope *envelope)
{
    for (int i = 0; i < MEMBERS; i++)
        yq_buf_fini(&envelope->value[i]);
}

static bool read_envelope(const char *text, size_t length, struct envelope *out)
{
    static const char *const names[] = {"data", "hospitalCode", "timestamp", "signature"};
    struct yq_answer *json = NULL;
    struct yq_err err = {0};
    bool read = yq_answer_read(text, length, &json, &err);
    for (int i = 0; read && i < MEMBERS; i++) {
        enum yq_answer_type type = yq_answer_type(json, names[i]);
        read = (type == YQ_ANSWER_TEXT || type == YQ_ANSWER_NUMBER) &&
               yq_answer_get(json, names[i], &out->value[i]) && out->value[i].length;
    }
    yq_answer_free(json);
    return read;
}

static bool is_now(const struct yq_inquiry *inquiry, const char *timestamp)
{
    size_t digits = strspn(timestamp, "0123456789");
    if (!digits || digits > 11 || timestamp[digits])
        return false;
    int64_t away = strtoll(timestamp, NULL, 10) - yq_now_ms() / 1000;
    int64_t most = 60 * inquiry->platform->clock_minutes;
    return away <= most && -away <= most;
}

static bool open_data(const struct yq_inquiry *inquiry, const struct yq_buf *data,
                      struct yq_buf *out, struct yq_err *err)
{
    const struct yq_recipe *seal;
    struct yq_keychain *keys;
    return yq_recipe_of(inquiry->conf, YQ_SHANXI, "seal", &seal, err) &&
           yq_platform_keys(inquiry->house, inquiry->conf, inquiry->platform, &keys, err) &&
           yq_recipe_open(seal, keys, data->bytes, data->length, out, err);
}

bool serve_open(const struct yq_inquiry *inquiry, struct yq_buf *out, const char **why,
                struct yq_err *err)
{
    struct envelope envelope yq_cleanup(envelope_fini) = {0};
    const struct yq_buf *value = envelope.value;
    struct yq_err mine = {0};
    *why = "请求体应为加密报文：hospitalCode、data、timestamp、signature";
    if (!read_envelope(inquiry->body, inquiry->length, &envelope))
        return false;
    const struct yq_ingredient members[] = {
        {.name = "data", .value = value[DATA].bytes, .length = value[DATA].length},
        {.name = "hospitalCode", .value = value[HOSPITAL].bytes, .length = value[HOSPITAL].length},
        {.name = "timestamp", .value = value[TIMESTAMP].bytes, .length = value[TIMESTAMP].length}};
    *why = "签名或加密有误";
    if (!asked_believe(inquiry, "sign", members, 3, yq_buf_text(&value[SIGNATURE]), &mine) ||
        !open_data(inquiry, &value[DATA], out, &mine)) {
        if (mine.code != YQ_REFUSED && mine.code != YQ_BAD_INPUT)
            *err = mine;
        return false;
    }
    *why = "timestamp 与本机时钟相差过大";
    if (!is_now(inquiry, yq_buf_text(&value[TIMESTAMP])))
        return false;
    *why = "hospitalCode 不是本院的编号";
    return asked_hospital(inquiry, yq_buf_text(&value[HOSPITAL]));
}

bool serve_seal(const struct yq_inquiry *inquiry, const struct yq_buf *content, struct yq_buf *out,
                struct yq_err *err)
{
    const struct yq_recipe *seal;
    struct yq_keychain *keys;
    const struct yq_ingredient text = {.value = content->bytes, .length = content->length};
    return yq_recipe_of(inquiry->conf, YQ_SHANXI, "seal", &seal, err) &&
           yq_platform_keys(inquiry->house, inquiry->conf, inquiry->platform, &keys, err) &&
           yq_recipe_make(seal, keys, &text, 1, out, err);
}

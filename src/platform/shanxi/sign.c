/* sign.c: S10, collaborative signing (四(二)4(4)5-7): addSignJob, getAuthSignResult,
 * createAndGetTssInfo.
 *
 * A result is believed only with its HMAC over appId, ext, result and userId; that it is over our
 * text, the walk checks. */
#include <stdio.h>
#include <string.h>

#include "service.h"
#include "yq/log.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TITLE "影像检查报告签名" /* nothing of the patient: it stands on a phone's screen */

static enum yq_sign_said call_of(const struct yq_sign_call *call, const char *path,
                                 const struct service_param *params, size_t count,
                                 struct yq_answer **data, struct yq_err *err)
{
    const struct service_call how = {.conf = call->conf,
                                     .platform = call->platform,
                                     .keys = call->keys,
                                     .web = call->web,
                                     .path = path,
                                     .params = params,
                                     .count = count,
                                     .stopped = call->stopped,
                                     .context = call->context};
    return service_call(&how, data, err);
}

/* A text of the answer into a field; false: it is missing, or longer. */
static bool get_field(const struct yq_answer *data, const char *name, char *out, size_t size)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    return yq_answer_get(data, name, &text) && yq_copy(out, size, yq_buf_text(&text));
}

static enum yq_sign_said lacks(const char *what, struct yq_err *err)
{
    yq_fail(err, YQ_REFUSED, "platform", "the service's answer lacks %s", what);
    return YQ_SIGN_SAYS_NO;
}

static enum yq_sign_said ask(const struct yq_sign_call *call, struct yq_sign_answer *out,
                             struct yq_err *err)
{
    char minutes[16];
    struct yq_answer *data;
    struct yq_buf base64 yq_cleanup(yq_buf_fini) = {0};
    if (!service_base64(call->text, strlen(call->text), &base64, err))
        return YQ_SIGN_AWAY;
    (void)snprintf(minutes, sizeof minutes, "%u", call->expiry_minutes);
    const struct service_param params[] = {{"transId", call->trace, false},
                                           {"userId", call->user, false},
                                           {"title", TITLE, false},
                                           {"dataType", "DATA", false},
                                           {"algo", "SM3withSM2", false},
                                           {"expiryDate", minutes, false},
                                           {"data", yq_buf_text(&base64), false},
                                           {"requireQrCode", call->qr ? "Y" : "N", false}};
    enum yq_sign_said said =
        call_of(call, "/coss/service/v1/addSignJob", params, COUNT(params), &data, err);
    if (said != YQ_SIGN_SAYS)
        return said;
    if (!get_field(data, "signDataId", out->data_id, sizeof out->data_id) || !*out->data_id)
        said = lacks("signDataId", err);
    else if (!yq_answer_get(data, "qrCode", &out->qr) && call->qr)
        said = lacks("qrCode", err);
    yq_answer_free(data);
    return said;
}

/* What getAuthSignResult vouches for with its HMAC. */
struct voucher {
    char app[256], ext[128], result[16], user[128], hmac[128];
};

static enum yq_sign_said check_voucher(const struct yq_sign_call *call,
                                       const struct yq_answer *data, struct voucher *voucher,
                                       struct yq_err *err)
{
    struct yq_err why = {0};
    if (!get_field(data, "appId", voucher->app, sizeof voucher->app) ||
        !get_field(data, "ext", voucher->ext, sizeof voucher->ext) ||
        !get_field(data, "result", voucher->result, sizeof voucher->result) ||
        !get_field(data, "userId", voucher->user, sizeof voucher->user) ||
        !get_field(data, "hmac", voucher->hmac, sizeof voucher->hmac)) {
        yq_fail(err, YQ_REFUSED, "platform",
                "the result comes without appId, ext, result, userId or hmac: it is not believed");
        return YQ_SIGN_IMPOSSIBLE;
    }
    const struct service_param params[] = {{"appId", voucher->app, false},
                                           {"ext", voucher->ext, false},
                                           {"result", voucher->result, false},
                                           {"userId", voucher->user, false}};
    if (strcmp(voucher->app, call->platform->sign_app) == 0 &&
        service_result_fits(call->conf, call->keys, params, COUNT(params), voucher->hmac, &why))
        return YQ_SIGN_SAYS;
    if (why.code != YQ_OK && why.code != YQ_REFUSED) {
        *err = why; /* our key cannot be read: nothing is wrong with the result */
        return YQ_SIGN_AWAY;
    }
    yq_log(YQ_LOG_ERROR, "sign-result-forged", "platform=%s advice=\"%s\"", call->platform->name,
           "the HMAC of a signing result is wrong: somebody stands between, or sign_key is wrong");
    yq_fail(err, YQ_REFUSED, "platform",
            "the HMAC of the result is wrong: it was not taken over (is sign_key right?)");
    return YQ_SIGN_IMPOSSIBLE;
}

static enum yq_sign_said take_result(const struct yq_sign_call *call, const struct yq_answer *data,
                                     struct yq_sign_answer *out, struct yq_err *err)
{
    struct voucher voucher;
    enum yq_sign_said said = check_voucher(call, data, &voucher, err);
    if (said != YQ_SIGN_SAYS)
        return said;
    if (strcmp(voucher.result, "true") != 0) {
        out->job = YQ_SIGN_DECLINED;
        return YQ_SIGN_SAYS;
    }
    out->job = YQ_SIGN_SIGNED;
    (void)yq_copy(out->user, sizeof out->user, voucher.user);
    if (!yq_answer_get(data, "signResult", &out->signature) || !out->signature.length)
        return lacks("signResult", err);
    if (!yq_answer_get(data, "signCert", &out->certificate) || !out->certificate.length)
        return lacks("signCert", err);
    return YQ_SIGN_SAYS;
}

static enum yq_sign_said look(const struct yq_sign_call *call, struct yq_sign_answer *out,
                              struct yq_err *err)
{
    char status[16] = "", id[sizeof out->data_id];
    struct yq_answer *data;
    const struct service_param params[] = {{"transId", call->trace, false},
                                           {"signDataId", call->data_id, false}};
    enum yq_sign_said said =
        call_of(call, "/coss/service/v1/getAuthSignResult", params, COUNT(params), &data, err);
    if (said != YQ_SIGN_SAYS)
        return said;
    (void)get_field(data, "jobStatus", status, sizeof status);
    if (get_field(data, "signDataId", id, sizeof id) && strcmp(id, call->data_id) != 0) {
        yq_fail(err, YQ_REFUSED, "platform", "the service answers of another job than was asked");
        said = YQ_SIGN_IMPOSSIBLE;
    } else if (strcmp(status, "UNSIGN") == 0)
        out->job = YQ_SIGN_WAITS;
    else if (strcmp(status, "EXPIRE") == 0)
        out->job = YQ_SIGN_EXPIRED;
    else if (strcmp(status, "FINISH") == 0)
        said = take_result(call, data, out, err);
    else
        said = lacks("jobStatus UNSIGN, FINISH or EXPIRE", err);
    yq_answer_free(data);
    return said;
}

static enum yq_sign_said stamp(const struct yq_sign_call *call, struct yq_sign_answer *out,
                               struct yq_err *err)
{
    struct yq_answer *data;
    const struct service_param params[] = {{"transId", call->trace, false},
                                           {"oriData", call->text, false},
                                           {"attachCert", "true", false}};
    enum yq_sign_said said =
        call_of(call, "/coss/service/v1/createAndGetTssInfo", params, COUNT(params), &data, err);
    if (said != YQ_SIGN_SAYS)
        return said;
    if (!yq_answer_get(data, "tsResp", &out->stamp) || !out->stamp.length)
        said = lacks("tsResp", err);
    yq_answer_free(data);
    return said;
}

const struct yq_sign_service shanxi_signing = {.ask = ask, .look = look, .stamp = stamp};

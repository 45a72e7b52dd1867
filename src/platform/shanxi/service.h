/* service.h: the platform's signing and verifying services, as sign.c (S10) and verify.c (S11, S12)
 * call them. Private to platform/shanxi/. */
#ifndef YQ_SHANXI_SERVICE_H
#define YQ_SHANXI_SERVICE_H

#include "yq/form.h"
#include "yq/sign.h"

enum { SERVICE_PARAMS_MOST = 16 };

struct service_param {
    const char *name, *value; /* value NULL or "": not sent */
    bool bare;                /* a number, true or false: without quotes in JSON */
};
struct service_call {
    const struct yq_conf *conf;
    const struct yq_platform *platform;
    struct yq_keychain *keys; /* sign_key */
    struct yq_web *web;
    const char *path; /* "/coss/service/v1/addSignJob" */
    const struct service_param *params;
    size_t count;
    bool unsigned_; /* without version, appId, signAlgo and signature (S12) */
    bool (*stopped)(void *context);
    void *context;
};
/* Calls, and reads the answer: for signed calls status has to be 200, and *data (freed by the
 * caller) is its data; for others the whole. */
enum yq_sign_said service_call(const struct service_call *call, struct yq_answer **data,
                               struct yq_err *err);
/* Whether `shown` is what vouches for these values of a result (recipe coss-result); in constant
 * time. */
bool service_result_fits(const struct yq_conf *conf, struct yq_keychain *keys,
                         const struct service_param *params, size_t count, const char *shown,
                         struct yq_err *err);
/* Appends the Base64 of text. */
bool service_base64(const void *bytes, size_t length, struct yq_buf *out, struct yq_err *err);

extern const struct yq_sign_service shanxi_signing;

#endif

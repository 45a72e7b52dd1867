/* signing.c: GET /api/v1/reports/{id}/signing: how far the signing of a report is, with the text of
 * its QR code; GET /api/v1/reports/{id}/signing/qr: that code as a picture, which a RIS shows to
 * its doctor. Who sees the code can have the report on his phone: it is for clients that may see
 * who the patient is. Runs on worker threads. */
#include <string.h>

#include "records.h"
#include "yq/clock.h"
#include "yq/image.h"
#include "yq/sign.h"

enum { SCALE = 6 };

/* The job; false: the reply is filled. *row 0 never; job->id 0: the report has none. */
static bool find(struct yq_house *house, const struct request *request, struct yq_signing *job,
                 struct reply *reply)
{
    struct yq_err err = {0};
    int64_t row;
    if (records_kind(request) != YQ_KIND_REPORT) {
        yq_reply_problem(reply, 404, "only reports are signed");
        return false;
    }
    struct yq_record *named yq_cleanup(yq_record_cleanup) = records_named(request, reply);
    if (!named)
        return false;
    if (yq_sign_job(house, yq_record_id(named), &row, job, &err) || (row && err.code == YQ_ABSENT))
        return true;
    yq_reply_error(reply, &err);
    return false;
}

static void put_time(struct yq_buf *out, const char *name, int64_t ms)
{
    if (!ms)
        return;
    yq_buf_putf(out, ",\"%s\":", name);
    records_put_time(out, ms);
}

static void put_words(struct yq_buf *out, const struct yq_signing *job)
{
    char text[400];
    yq_sign_explain(job, yq_now_ms(), true, text, sizeof text);
    yq_buf_puts(out, ",\"chinese\":");
    yq_json_put_text(out, text);
    yq_sign_explain(job, yq_now_ms(), false, text, sizeof text);
    yq_buf_puts(out, ",\"english\":");
    yq_json_put_text(out, text);
}

static bool put_qr(struct yq_house *house, const struct yq_signing *job, struct yq_buf *out,
                   struct yq_err *err)
{
    struct yq_buf qr yq_cleanup(yq_buf_fini) = {0};
    if (!yq_sign_qr(house, job, &qr, err))
        return err->code == YQ_ABSENT;
    yq_buf_puts(out, ",\"qr\":");
    yq_json_put_text(out, yq_buf_text(&qr));
    return true;
}

void yq_route_signing(struct yq_house *house, const struct request *request, struct reply *reply)
{
    static const char *const none[] = {NULL};
    struct yq_err err = {0};
    struct yq_signing job yq_cleanup(yq_signing_fini) = {0};
    struct yq_buf *out = &reply->body;
    if (!records_params(request, none, reply) || !find(house, request, &job, reply))
        return;
    yq_buf_puts(out, "{\"report\":");
    yq_json_put_text(out, yq_places_get(&request->places, "id"));
    yq_buf_putf(out, ",\"state\":\"%s\"", job.id ? yq_signing_state_name(job.state) : "none");
    if (job.id) {
        yq_buf_puts(out, ",\"platform\":");
        yq_json_put_text(out, job.platform);
        put_words(out, &job);
        yq_buf_putf(out, ",\"version\":%lld,\"asked\":%u", (long long)job.version, job.rounds);
        put_time(out, "since", job.created_ms);
        put_time(out, "askedAt", job.asked_ms);
        put_time(out, "expires", job.expires_ms);
        if (request->rights & YQ_RIGHT_PERSONAL && !put_qr(house, &job, out, &err)) {
            yq_buf_clear(out);
            yq_reply_error(reply, &err);
            return;
        }
    }
    yq_buf_puts(out, "}\n");
    records_answer(reply, 200);
}

static bool paint(struct yq_house *house, const struct yq_signing *job, struct yq_buf *out,
                  struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_picture picture yq_cleanup(yq_picture_fini) = {0};
    if (!job->id)
        return yq_fail(err, YQ_ABSENT, "door", "the report has no signing job");
    return yq_sign_qr(house, job, &text, err) &&
           yq_image_qr(yq_buf_text(&text), SCALE, &picture, err) &&
           yq_image_png(&picture, out, err);
}

void yq_route_signing_qr(struct yq_house *house, const struct request *request, struct reply *reply)
{
    static const char *const none[] = {NULL};
    struct yq_err err = {0};
    struct yq_signing job yq_cleanup(yq_signing_fini) = {0};
    if (!records_params(request, none, reply))
        return;
    if (!(request->rights & YQ_RIGHT_PERSONAL)) {
        yq_reply_problem(reply, 403,
                         "who scans the code has the report on his phone: the token's entry in "
                         "tokens.json has no right \"personal\"");
        return;
    }
    if (!find(house, request, &job, reply))
        return;
    if (!paint(house, &job, &reply->body, &err)) {
        yq_buf_clear(&reply->body);
        yq_reply_error(reply, &err);
        return;
    }
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_body(reply, 200, "image/png");
}

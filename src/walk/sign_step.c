/* sign_step.c: one step of a signing job: asked for, looked at, stamped, written into the report.
 *
 * Nothing is taken over that was not checked here: the signature against the certificate and the
 * text that was signed, the time stamp against the same text, both against the anchors where there
 * are some. What does not hold stops the job and is told loudly. */
#include "sign_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "yq/clock.h"
#include "yq/form.h"
#include "yq/log.h"

#define ALGORITHM "SM3withSM2"
#define FORMAT_PKCS1 "1" /* dictionary signature-format */

enum {
    LOOK_FIRST_MS = 2000,
    LOOK_LAST_MS = 60 * 1000,
    GRACE_MS = 5 * 60 * 1000, /* after a job's end, until it counts as expired whatever is said */
    NOBODY_MS = 60 * 1000,    /* until signers.csv is looked at again */
    HOUSE_MS = 5000           /* after trouble of our own */
};

struct step {
    const struct sign_round *round;
    struct yq_signing job;
    struct sign_report report;
    struct sign_kept kept;
    struct yq_sign_answer answer;
    enum yq_signing_state before;
};

void sign_kept_fini(struct sign_kept *kept)
{
    yq_buf_fini(&kept->qr);
    yq_buf_fini(&kept->signature);
    yq_buf_fini(&kept->certificate);
    yq_buf_fini(&kept->stamp);
}

void yq_sign_answer_fini(struct yq_sign_answer *answer)
{
    yq_buf_fini(&answer->qr);
    yq_buf_fini(&answer->signature);
    yq_buf_fini(&answer->certificate);
    yq_buf_fini(&answer->stamp);
}

static void step_fini(struct step *step)
{
    yq_signing_fini(&step->job);
    sign_report_fini(&step->report);
    sign_kept_fini(&step->kept);
    yq_sign_answer_fini(&step->answer);
}

/* ---- what is kept ---- */

static const char *context_of(const struct yq_signing *job, char text[40])
{
    (void)snprintf(text, 40, "signing:%" PRId64, job->report);
    return text;
}

bool sign_kept_open(struct yq_house *house, const struct yq_signing *job, struct sign_kept *out,
                    struct yq_err *err)
{
    char context[40];
    struct yq_answer *json = NULL;
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    *out = (struct sign_kept){0};
    if (!job->kept.length)
        return true;
    if (!yq_personal_open(house, context_of(job, context), yq_buf_text(&job->kept),
                          job->kept.length, &plain, err) ||
        !yq_answer_read(yq_buf_text(&plain), plain.length, &json, err))
        return false;
    (void)yq_answer_get(json, "qr", &out->qr);
    (void)yq_answer_get(json, "signature", &out->signature);
    (void)yq_answer_get(json, "certificate", &out->certificate);
    (void)yq_answer_get(json, "stamp", &out->stamp);
    yq_answer_free(json);
    return (!out->qr.failed && !out->signature.failed && !out->certificate.failed &&
            !out->stamp.failed) ||
           yq_fail(err, YQ_FULL, "walk", "no memory for a signature");
}

bool sign_kept_shut(struct yq_house *house, struct yq_signing *job, const struct sign_kept *kept,
                    struct yq_err *err)
{
    char context[40];
    struct yq_buf plain yq_cleanup(yq_buf_fini) = {0};
    struct yq_json *json = yq_json_object();
    yq_json_text(json, "qr", yq_buf_text(&kept->qr));
    yq_json_text(json, "signature", yq_buf_text(&kept->signature));
    yq_json_text(json, "certificate", yq_buf_text(&kept->certificate));
    yq_json_text(json, "stamp", yq_buf_text(&kept->stamp));
    bool ok = yq_json_print(json, false, &plain) ||
              yq_fail(err, YQ_FULL, "walk", "no memory for a signature");
    yq_json_free(json);
    yq_buf_clear(&job->kept);
    return ok && yq_personal_shut(house, context_of(job, context), plain.bytes, plain.length,
                                  &job->kept, err);
}

/* ---- how a step ends ---- */

/* *err is the caller's to lose: a job that somebody else wrote meanwhile is read anew next time. */
static bool end_step(struct step *step, struct yq_err *err)
{
    struct yq_signing *job = &step->job;
    job->version = step->report.entry.version;
    if (!yq_signing_put(step->round->house->catalog, job, err))
        return err->code == YQ_CONFLICT;
    if (job->state != step->before)
        yq_log(YQ_LOG_INFO, "signing", "report_row=%" PRId64 " platform=%s state=%s", job->report,
               job->platform, yq_signing_state_name(job->state));
    return true;
}

static bool go_on(struct step *step, enum yq_signing_state state, int64_t after_ms,
                  struct yq_err *err)
{
    step->job.state = state;
    step->job.tries = 0;
    step->job.reason[0] = '\0';
    step->job.next_ms = yq_now_ms() + after_ms;
    return end_step(step, err);
}

static bool end_job(struct step *step, enum yq_signing_state state, const char *reason,
                    struct yq_err *err)
{
    step->job.state = state;
    (void)yq_copy(step->job.reason, sizeof step->job.reason, reason);
    return end_step(step, err);
}

/* A person has to look at it. What is told loudly is in our words; a service's own, which may say
 * anything, are in the job alone. */
static bool give_up(struct step *step, const char *reason, struct yq_err *err)
{
    yq_log(YQ_LOG_ERROR, "signing-stuck",
           "report_row=%" PRId64 " platform=%s reason=\"%s\" advice=\"yingqiao sign list\"",
           step->job.report, step->job.platform, reason);
    return end_job(step, YQ_SIGNING_STUCK, reason, err);
}

static bool give_up_quietly(struct step *step, const char *reason, struct yq_err *err)
{
    yq_log(YQ_LOG_ERROR, "signing-stuck",
           "report_row=%" PRId64 " platform=%s tries=%u advice=\"yingqiao sign list says why\"",
           step->job.report, step->job.platform, step->job.tries);
    return end_job(step, YQ_SIGNING_STUCK, reason, err);
}

static int64_t pause_ms(const struct yq_platform *platform, unsigned tries)
{
    int64_t pause = platform->retry_seconds * 1000, most = platform->retry_most_seconds * 1000;
    while (tries-- > 1 && pause < most)
        pause *= 2;
    return pause < most ? pause : most;
}

static bool try_again(struct step *step, const char *reason, struct yq_err *err)
{
    struct yq_signing *job = &step->job;
    if (++job->tries >= SIGN_TRIES_MOST)
        return give_up_quietly(step, reason, err);
    (void)yq_copy(job->reason, sizeof job->reason, reason);
    job->next_ms = yq_now_ms() + pause_ms(step->round->seat->platform, job->tries);
    return end_step(step, err);
}

/* Nobody is asked until the pause is over; the job that met it tells people why. */
static bool is_away(struct step *step, const struct yq_err *why, struct yq_err *err)
{
    struct sign_seat *seat = step->round->seat;
    int64_t pause = pause_ms(seat->platform, ++seat->away_tries);
    seat->away_until_ms = yq_monotonic_ms() + pause;
    if (seat->away_tries == 1)
        yq_log_err(YQ_LOG_WARN, "sign-service", why,
                   "platform=%s state=down next=\"it is tried again and again\"",
                   seat->platform->name);
    (void)yq_copy(step->job.reason, sizeof step->job.reason, why->text);
    step->job.next_ms = yq_now_ms() + pause;
    return end_step(step, err);
}

static void is_there(struct sign_seat *seat)
{
    if (seat->away_tries)
        yq_log(YQ_LOG_INFO, "sign-service", "platform=%s state=ok", seat->platform->name);
    seat->away_tries = 0;
    seat->away_until_ms = 0;
}

/* ---- calls ---- */

typedef enum yq_sign_said calling(const struct yq_sign_call *call, struct yq_sign_answer *out,
                                  struct yq_err *err);

/* The same for the same step of the same job: a service may know it by that. */
static bool put_trace(const struct step *step, const char *what, char trace[33])
{
    uint8_t sum[32];
    char hex[65];
    struct yq_buf of yq_cleanup(yq_buf_fini) = {0};
    struct yq_digest *digest yq_cleanup(yq_digest_cleanup) = yq_digest_new(YQ_SHA256);
    yq_hex(hex, step->job.text, sizeof step->job.text);
    yq_buf_putf(&of, "%" PRId64 "|%u|%s|%s|%s", step->job.report, step->job.rounds, hex,
                step->job.platform, what);
    if (!digest || of.failed)
        return false;
    yq_digest_add(digest, of.bytes, of.length);
    yq_digest_end(digest, sum);
    yq_hex(trace, sum, 16);
    return true;
}

/* *said YQ_SIGN_SAYS: the step goes on; else it was ended, and this is how. */
static bool call(struct step *step, calling *service, const char *what, enum yq_sign_said *said,
                 struct yq_err *err)
{
    char trace[33];
    struct yq_err why = {0};
    const struct sign_round *round = step->round;
    if (!put_trace(step, what, trace))
        return yq_fail(err, YQ_FULL, "walk", "no memory for a call");
    const struct yq_sign_call how = {.conf = round->conf,
                                     .platform = round->seat->platform,
                                     .keys = round->seat->keys,
                                     .web = round->seat->web,
                                     .trace = trace,
                                     .text = yq_buf_text(&step->report.text),
                                     .user = step->job.user,
                                     .data_id = step->job.data_id,
                                     .qr = round->seat->platform->sign == YQ_SIGN_QR,
                                     .expiry_minutes = SIGN_EXPIRY_MINUTES,
                                     .stopped = round->stopped,
                                     .context = round->context};
    *said = service(&how, &step->answer, &why);
    if (*said != YQ_SIGN_AWAY)
        is_there(round->seat);
    switch (*said) {
    case YQ_SIGN_SAYS: return true;
    case YQ_SIGN_SAYS_NO: return try_again(step, why.text, err);
    case YQ_SIGN_AWAY: return is_away(step, &why, err);
    case YQ_SIGN_IMPOSSIBLE: break;
    }
    return give_up(step, why.text, err);
}

/* ---- the steps ---- */

static bool find_signer(struct step *step, struct yq_err *why)
{
    const char *doctor = yq_sign_doctor(step->report.record);
    step->job.user[0] = '\0';
    if (!doctor)
        return yq_fail(why, YQ_ABSENT, "walk",
                       "the report names no doctor by his code (auditDoctorCode, "
                       "reportDoctorCode), so nobody can be asked to sign");
    return yq_conf_signer(step->round->conf, doctor, step->job.user, sizeof step->job.user, why);
}

static bool ask(struct step *step, struct yq_err *err)
{
    enum yq_sign_said said;
    struct yq_err why = {0};
    struct yq_signing *job = &step->job;
    bool push = step->round->seat->platform->sign == YQ_SIGN_PUSH;
    if (!find_signer(step, &why) && (push || why.code != YQ_ABSENT)) {
        (void)yq_copy(job->reason, sizeof job->reason, why.text);
        job->next_ms = yq_now_ms() + NOBODY_MS;
        return end_step(step, err);
    }
    if (!call(step, step->round->seat->service->ask, "ask", &said, err))
        return false;
    if (said != YQ_SIGN_SAYS)
        return true;
    sign_kept_fini(&step->kept);
    step->kept = (struct sign_kept){.qr = step->answer.qr};
    step->answer.qr = (struct yq_buf){0};
    (void)yq_copy(job->data_id, sizeof job->data_id, step->answer.data_id);
    job->rounds++;
    job->asked_ms = yq_now_ms();
    job->expires_ms = job->asked_ms + SIGN_EXPIRY_MINUTES * 60000LL;
    return sign_kept_shut(step->round->house, job, &step->kept, err) &&
           go_on(step, YQ_SIGNING_WAITING, LOOK_FIRST_MS, err);
}

static bool is_signature_good(struct step *step, struct yq_err *why)
{
    struct yq_signer signer;
    const struct yq_sign_answer *answer = &step->answer;
    const struct sign_seat *seat = step->round->seat;
    if (*step->job.user && strcmp(answer->user, step->job.user) != 0)
        return yq_fail(why, YQ_REFUSED, "walk",
                       "somebody else has signed than the doctor who was asked");
    const struct yq_trust trust = {.anchors = seat->anchors};
    const struct yq_pkcs1 what = {.algorithm = ALGORITHM,
                                  .certificate = answer->certificate.bytes,
                                  .certificate_length = answer->certificate.length,
                                  .signature = yq_buf_text(&answer->signature)};
    if (!yq_pkcs1_verify(&what, step->report.text.bytes, step->report.text.length, &trust, &signer,
                         why))
        return yq_while(why, "the signature that came back does not hold");
    return !seat->anchors || signer.trusted ||
           yq_fail(why, YQ_REFUSED, "walk", "the signer's certificate is not trusted: %s",
                   signer.doubt);
}

static bool expired(struct step *step, struct yq_err *err)
{
    if (step->job.rounds < SIGN_ROUNDS_MOST)
        return go_on(step, YQ_SIGNING_WANTED, 0, err);
    return give_up(step, "nobody has signed in time, several times", err);
}

/* The pause grows with how long the doctor has let it wait. */
static bool wait_on(struct step *step, struct yq_err *err)
{
    int64_t pause = (yq_now_ms() - step->job.asked_ms) / 4;
    pause = pause < LOOK_FIRST_MS ? LOOK_FIRST_MS : pause > LOOK_LAST_MS ? LOOK_LAST_MS : pause;
    if (yq_now_ms() > step->job.expires_ms + GRACE_MS)
        return expired(step, err);
    return go_on(step, YQ_SIGNING_WAITING, pause, err);
}

static bool take_signature(struct step *step, struct yq_err *err)
{
    struct yq_err why = {0};
    if (!is_signature_good(step, &why))
        return give_up(step, why.text, err);
    yq_buf_fini(&step->kept.signature);
    yq_buf_fini(&step->kept.certificate);
    yq_buf_fini(&step->kept.qr);
    step->kept.signature = step->answer.signature;
    step->kept.certificate = step->answer.certificate;
    step->kept.qr = (struct yq_buf){0};
    step->answer.signature = step->answer.certificate = (struct yq_buf){0};
    return sign_kept_shut(step->round->house, &step->job, &step->kept, err) &&
           go_on(step, YQ_SIGNING_SIGNED, 0, err);
}

static bool look(struct step *step, struct yq_err *err)
{
    enum yq_sign_said said;
    if (!call(step, step->round->seat->service->look, "look", &said, err))
        return false;
    if (said != YQ_SIGN_SAYS)
        return true;
    switch (step->answer.job) {
    case YQ_SIGN_WAITS: return wait_on(step, err);
    case YQ_SIGN_EXPIRED: return expired(step, err);
    case YQ_SIGN_DECLINED: return give_up(step, "the doctor has declined to sign", err);
    case YQ_SIGN_SIGNED: break;
    }
    return take_signature(step, err);
}

static bool stamp(struct step *step, struct yq_err *err)
{
    enum yq_sign_said said;
    struct yq_stamp stamp;
    struct yq_err why = {0};
    const struct sign_seat *seat = step->round->seat;
    if (!call(step, seat->service->stamp, "stamp", &said, err))
        return false;
    if (said != YQ_SIGN_SAYS)
        return true;
    const struct yq_buf *token = &step->answer.stamp;
    const struct yq_trust trust = {.anchors = seat->anchors};
    if (!yq_stamp_verify(yq_buf_text(token), token->length, step->report.text.bytes,
                         step->report.text.length, &trust, &stamp, &why)) {
        (void)yq_while(&why, "the time stamp that came back does not hold");
        return try_again(step, why.text, err);
    }
    if (seat->anchors && !stamp.signer.trusted) {
        (void)yq_fail(&why, YQ_REFUSED, "walk", "who stamped the time is not trusted: %s",
                      stamp.signer.doubt);
        return give_up(step, why.text, err);
    }
    yq_buf_fini(&step->kept.stamp);
    step->kept.stamp = step->answer.stamp;
    step->answer.stamp = (struct yq_buf){0};
    return sign_kept_shut(step->round->house, &step->job, &step->kept, err) &&
           go_on(step, YQ_SIGNING_STAMPED, 0, err);
}

static struct yq_record *signature_block(const struct step *step, struct yq_err *err)
{
    struct yq_record *block = yq_record_new(YQ_KIND_REPORT);
    const char *text = yq_buf_text(&step->report.text);
    if (!block)
        yq_fail(err, YQ_FULL, "walk", "no memory for a record");
    else if (yq_record_put(block, "reportId", yq_record_id(step->report.record), err) &&
             yq_record_put(block, "signedText", text, err) &&
             yq_record_put(block, "certificate", yq_buf_text(&step->kept.certificate), err) &&
             yq_record_put(block, "signatureFormat", FORMAT_PKCS1, err) &&
             yq_record_put(block, "signatureValue", yq_buf_text(&step->kept.signature), err) &&
             yq_record_put(block, "timestampValue", yq_buf_text(&step->kept.stamp), err) &&
             (strcmp(yq_record_get(block, "signedText"), text) == 0 ||
              yq_fail(err, YQ_BUG, "walk", "a record does not keep the signed text as it is")))
        return block;
    yq_record_free(block);
    return NULL;
}

/* Only over the version whose text was compared with what was signed. */
static bool write_into_report(struct step *step, struct yq_err *err)
{
    static const struct yq_origin origin = {.door = "sign"};
    char source[YQ_SOURCE_SIZE];
    struct yq_err why = {0};
    struct yq_record *block yq_cleanup(yq_record_cleanup) = signature_block(step, &why);
    if (!block)
        return give_up(step, why.text, err);
    struct yq_submission submission = {
        .record = block, .how = YQ_RECORD_OVERLAY, .expect = step->report.entry.version};
    (void)snprintf(source, sizeof source, "sign:%s", step->job.platform);
    bool ok = yq_record_in(step->round->house, &origin, source, &submission, 1, &why);
    const struct yq_err result = ok ? submission.result.err : why;
    yq_findings_fini(&submission.findings);
    if (result.code == YQ_CONFLICT) /* it was changed this moment: looked at anew */
        return go_on(step, YQ_SIGNING_STAMPED, 0, err);
    if (result.code == YQ_BAD_INPUT)
        return give_up(step, result.text, err);
    if (result.code != YQ_OK) {
        (void)yq_copy(step->job.reason, sizeof step->job.reason, result.text);
        step->job.next_ms = yq_now_ms() + HOUSE_MS;
        return end_step(step, err);
    }
    return go_on(step, YQ_SIGNING_DONE, 0, err);
}

/* What the report is now may end the job, or begin it anew. */
static bool is_over(struct step *step, bool *over, struct yq_err *err)
{
    *over = true;
    if (step->report.too_long)
        return give_up(step, "what is to be signed of it is longer than the province takes", err);
    switch (step->report.need) {
    case YQ_SIGN_NOT_FINAL:
        return end_job(step, YQ_SIGNING_CANCELLED, "the report is not to be signed any more", err);
    case YQ_SIGN_BY_OTHERS:
        return end_job(step, YQ_SIGNING_CANCELLED, "the report came with a signature of its own",
                       err);
    case YQ_SIGN_FITS: return go_on(step, YQ_SIGNING_DONE, 0, err);
    case YQ_SIGN_WANTED: break;
    }
    *over = false;
    if (memcmp(step->job.text, step->report.sum, sizeof step->job.text) == 0)
        return true;
    yq_log(YQ_LOG_INFO, "signing-anew",
           "report_row=%" PRId64 " platform=%s reason=\"the report was changed\"", step->job.report,
           step->job.platform);
    sign_begin(&step->job, &step->report);
    sign_kept_fini(&step->kept);
    step->kept = (struct sign_kept){0};
    return true;
}

static bool do_step(struct step *step, struct yq_err *err)
{
    bool over;
    struct yq_err why = {0};
    struct yq_house *house = step->round->house;
    if (!sign_kept_open(house, &step->job, &step->kept, &why))
        return give_up(step, why.text, err);
    if (!is_over(step, &over, err))
        return false;
    if (over)
        return true;
    switch (step->job.state) {
    case YQ_SIGNING_WANTED: return ask(step, err);
    case YQ_SIGNING_WAITING: return look(step, err);
    case YQ_SIGNING_SIGNED: return stamp(step, err);
    case YQ_SIGNING_STAMPED: return write_into_report(step, err);
    default: return true;
    }
}

bool sign_step(const struct sign_round *round, int64_t row, struct yq_err *err)
{
    struct step step yq_cleanup(step_fini) = {.round = round};
    if (!yq_signing_get(round->house->catalog, row, &step.job, err))
        return err->code == YQ_ABSENT;
    step.before = step.job.state;
    if (!sign_report_read(round->house, row, &step.report, err)) {
        if (err->code != YQ_ABSENT && err->code != YQ_REFUSED && err->code != YQ_IO)
            return false;
        const struct yq_err why = *err;
        return give_up(&step, why.text, err);
    }
    return do_step(&step, err);
}

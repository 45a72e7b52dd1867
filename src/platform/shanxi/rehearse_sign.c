/* rehearse_sign.c: S10: a pretended doctor signs what he is asked to, after some questions, with an
 * SM2 key that OpenSSL's program made for this run; and a time stamp, by an RSA key as in the
 * document's example. Keys lie in a folder of the run's own and go with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rehearse_inside.h"
#include "yq/clock.h"
#include "yq/file.h"
#include "yq/form.h"

static const char *const signer_id = "distid:1234567812345678";

/* A picture of one point, where a QR code would be. */
static const char *const picture =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"
    "Jggg==";

static const struct rj *member(const struct rj *object, const char *name)
{
    const struct rj *found = rj_member(object, name);
    char small[32];
    if (found || !yq_copy(small, sizeof small, name))
        return found;
    small[0] = (char)(small[0] - 'A' + 'a'); /* Data, Algo, Title: data, algo, title */
    return rj_member(object, small);
}

/* ---- keys ---- */

static bool run(const char *const *arguments)
{
    struct yq_buf said yq_cleanup(yq_buf_fini) = {0};
    return rehearse_openssl(arguments, NULL, 0, &said);
}

static bool make_doctor(const struct yq_rehearse *r)
{
    char key[128], certificate[128];
    rehearse_path_of(r, "doctor.key", key);
    rehearse_path_of(r, "doctor.der", certificate);
    const char *const generate[] = {
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", key, NULL};
    const char *const sign[] = {"req",
                                "-new",
                                "-x509",
                                "-sm3",
                                "-key",
                                key,
                                "-sigopt",
                                signer_id,
                                "-utf8",
                                "-subj",
                                "/C=CN/CN=演练医师",
                                "-days",
                                "30",
                                "-outform",
                                "DER",
                                "-out",
                                certificate,
                                NULL};
    return run(generate) && run(sign);
}

static bool make_stamper(const struct yq_rehearse *r)
{
    char key[128], certificate[128], serial[128];
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    rehearse_path_of(r, "stamp.key", key);
    rehearse_path_of(r, "stamp.pem", certificate);
    rehearse_path_of(r, "serial", serial);
    const char *const make[] = {"req",
                                "-new",
                                "-x509",
                                "-newkey",
                                "rsa:2048",
                                "-nodes",
                                "-keyout",
                                key,
                                "-utf8",
                                "-subj",
                                "/C=CN/CN=演练时间戳",
                                "-addext",
                                "extendedKeyUsage=critical,timeStamping",
                                "-days",
                                "30",
                                "-out",
                                certificate,
                                NULL};
    yq_buf_putf(&text,
                "[tsa]\ndefault_tsa = t\n[t]\nserial = %s\ncrypto_device = builtin\n"
                "signer_cert = %s\nsigner_key = %s\nsigner_digest = sha256\n"
                "default_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1\n"
                "ess_cert_id_chain = no\ness_cert_id_alg = sha256\n",
                serial, certificate, key);
    return run(make) && rehearse_file(r, "stamp.conf", text.bytes, text.length);
}

/* `signing` is held. */
static bool need_keys(struct rehearse_visit *v)
{
    struct yq_rehearse *r = v->r;
    r->keys = r->keys || (make_doctor(r) && make_stamper(r));
    if (!r->keys)
        rehearse_complain(&v->findings, "", "stand-in", "演练程序不能用 openssl 生成密钥",
                          "the stand-in cannot make keys with openssl");
    return r->keys;
}

/* ---- addSignJob ---- */

static bool is_wrong_word(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return false;
    return true;
}

static void check_job(struct rehearse_visit *v, const struct rj *request, struct yq_buf *data)
{
    static const char *const kinds[] = {"DATA", "HASH", "WEB_SEAL", NULL};
    static const char *const yes_no[] = {"", "Y", "N", NULL};
    const struct rj *text = member(request, "Data");
    const char *minutes = rj_text(rj_member(request, "expiryDate"));
    struct yq_findings *f = &v->findings;
    if (!text || !rehearse_base64(rj_text(text), text->length, data))
        rehearse_complain(f, "data", "format", "待签数据应为 Base64", "data is to be Base64");
    if (data->length > 1 << 20)
        rehearse_complain(f, "data", "too-long", "待签数据最大 1M", "data: 1 MB at most");
    if (is_wrong_word(rj_text(rj_member(request, "dataType")), kinds))
        rehearse_complain(f, "dataType", "not-in-dictionary", "应为 DATA、HASH 或 WEB_SEAL",
                          "is to be DATA, HASH or WEB_SEAL");
    if (strcmp(rj_text(member(request, "Algo")), "SM3withSM2") != 0)
        rehearse_complain(f, "algo", "algorithm", "应为 SM3withSM2", "is to be SM3withSM2");
    if (is_wrong_word(rj_text(rj_member(request, "requireQrCode")), yes_no))
        rehearse_complain(f, "requireQrCode", "not-in-dictionary", "只能为 Y 或 N", "Y or N");
    if (*minutes && (minutes[strspn(minutes, "0123456789")] || strtoul(minutes, NULL, 10) > 4320 ||
                     !strtoul(minutes, NULL, 10)))
        rehearse_complain(f, "expiryDate", "format", "应为分钟数，不大于 4320",
                          "minutes, 4320 at most");
}

/* Takes over the data. `signing` is held. */
static struct rehearse_job *add_job(struct yq_rehearse *r, struct yq_buf *data)
{
    if (r->job_count == r->job_room) {
        size_t room = r->job_room ? r->job_room * 2 : 64;
        struct rehearse_job *jobs =
            room <= REHEARSE_JOBS_MOST ? realloc(r->jobs, room * sizeof *jobs) : NULL;
        if (!jobs)
            return NULL;
        r->jobs = jobs;
        r->job_room = room;
    }
    struct rehearse_job *job = &r->jobs[r->job_count++];
    *job = (struct rehearse_job){.data = *data};
    *data = (struct yq_buf){0};
    snprintf(job->id, sizeof job->id, "SD_%08zx-%llx", r->job_count,
             (unsigned long long)yq_now_ms());
    return job;
}

void rehearse_add_job(struct rehearse_visit *v)
{
    struct rj_document json yq_cleanup(rj_fini);
    struct yq_buf data yq_cleanup(yq_buf_fini) = {0}, answer yq_cleanup(yq_buf_fini) = {0};
    if (rehearse_service(v, "addSignJob", &json))
        check_job(v, json.values, &data);
    if (!rehearse_is_refused(&v->findings)) {
        pthread_mutex_lock(&v->r->signing);
        struct rehearse_job *job = add_job(v->r, &data);
        if (job) {
            const char *user = rj_text(rj_member(json.values, "userId"));
            yq_copy(job->user, sizeof job->user, *user ? user : "rehearsal");
            job->is_digest = strcmp(rj_text(rj_member(json.values, "dataType")), "HASH") == 0;
            yq_copy(v->id, sizeof v->id, job->id);
        }
        pthread_mutex_unlock(&v->r->signing);
        bool wants = strcmp(rj_text(rj_member(json.values, "requireQrCode")), "Y") == 0;
        yq_buf_putf(&answer, "\"signDataId\":\"%s\",\"qrCode\":\"%s\"", v->id,
                    wants ? picture : "{\\\"id\\\":\\\"REHEARSAL\\\",\\\"cv\\\":\\\"2.0\\\"}");
    }
    rehearse_answer_service(v, json.values, yq_buf_text(&answer));
}

/* ---- getAuthSignResult ---- */

static struct rehearse_job *find_job(struct yq_rehearse *r, const char *id)
{
    for (size_t i = 0; i < r->job_count; i++)
        if (strcmp(r->jobs[i].id, id) == 0)
            return &r->jobs[i];
    return NULL;
}

static bool sign(struct yq_rehearse *r, const struct rehearse_job *job, struct yq_buf *signature,
                 struct yq_buf *certificate)
{
    char key[128], path[128];
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0}, der yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    rehearse_path_of(r, "doctor.key", key);
    const char *const text[] = {"dgst", "-sm3", "-sign", key, "-sigopt", signer_id, NULL};
    const char *const digest[] = {"pkeyutl",  "-sign",      "-inkey", key,
                                  "-pkeyopt", "digest:sm3", NULL};
    if (!rehearse_openssl(job->is_digest ? digest : text, job->data.bytes, job->data.length,
                          &bytes) ||
        !yq_file_read(rehearse_path_of(r, "doctor.der", path), 8192, &der, &err))
        return false;
    rehearse_put_base64(bytes.bytes, bytes.length, signature);
    rehearse_put_base64(der.bytes, der.length, certificate);
    return true;
}

/* The time at Beijing as 20221209102806. */
static void put_now(char text[24])
{
    char utc[32];
    yq_clock_text(utc, sizeof utc, yq_now_ms() + 8 * 3600 * 1000);
    snprintf(text, 24, "%.4s%.2s%.2s%.2s%.2s%.2s", utc, utc + 5, utc + 8, utc + 11, utc + 14,
             utc + 17);
}

static void put_result(struct rehearse_visit *v, const struct rehearse_job *job, const char *app,
                       struct yq_buf *out)
{
    struct yq_buf signature yq_cleanup(yq_buf_fini) = {0}, who yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0}, text yq_cleanup(yq_buf_fini) = {0};
    char now[24], key[16 + 2 * sizeof v->r->sign_key] = "hexkey:";
    const char *const hmac[] = {"dgst", "-sha256", "-mac", "HMAC", "-macopt", key, "-binary", NULL};
    put_now(now);
    yq_hex(key + 7, v->r->sign_key, strlen(v->r->sign_key));
    yq_buf_putf(&text, "appId=%s&ext=%s&result=true&userId=%s", app, now, job->user);
    if (!need_keys(v) || !sign(v->r, job, &signature, &who) ||
        (*v->r->sign_key && !rehearse_openssl(hmac, text.bytes, text.length, &bytes)))
        v->call->status = 500;
    yq_buf_putf(out,
                "\"signResult\":\"%s\",\"signCert\":\"%s\",\"jobStatus\":\"FINISH\",\"msspId\":",
                yq_buf_text(&signature), yq_buf_text(&who));
    yq_json_put_text(out, job->user);
    yq_buf_putf(out, ",\"ext\":\"%s\",\"result\":\"true\",\"appId\":", now);
    yq_json_put_text(out, app);
    yq_buf_puts(out, ",\"userId\":");
    yq_json_put_text(out, job->user);
    yq_buf_puts(out, ",\"hmac\":\"");
    rehearse_put_base64(bytes.bytes, bytes.length, out);
    yq_buf_puts(out, "\"");
}

void rehearse_job_result(struct rehearse_visit *v)
{
    struct rj_document json yq_cleanup(rj_fini);
    struct yq_buf answer yq_cleanup(yq_buf_fini) = {0};
    bool read = rehearse_service(v, "getAuthSignResult", &json);
    const char *id = read ? rj_text(rj_member(json.values, "signDataId")) : "";
    yq_copy(v->id, sizeof v->id, id);
    pthread_mutex_lock(&v->r->signing);
    struct rehearse_job *job = find_job(v->r, id);
    if (read && *id && !job)
        rehearse_complain(&v->findings, "signDataId", "unknown", "没有此签名任务",
                          "there is no such job");
    if (job && !rehearse_is_refused(&v->findings)) {
        yq_buf_puts(&answer, "\"signDataId\":");
        yq_json_put_text(&answer, id);
        yq_buf_puts(&answer, ",");
        if (job->polls++ < v->r->how.polls)
            yq_buf_puts(&answer, "\"jobStatus\":\"UNSIGN\"");
        else
            put_result(v, job, rj_text(rj_member(json.values, "appId")), &answer);
    }
    pthread_mutex_unlock(&v->r->signing);
    rehearse_answer_service(v, json.values, yq_buf_text(&answer));
}

/* ---- createAndGetTssInfo ---- */

static bool stamp(struct yq_rehearse *r, const struct rj *text, bool with, struct yq_buf *out)
{
    char query[128], conf[128];
    struct yq_buf token yq_cleanup(yq_buf_fini) = {0}, none yq_cleanup(yq_buf_fini) = {0};
    rehearse_path_of(r, "query", query);
    rehearse_path_of(r, "stamp.conf", conf);
    const char *const ask[] = {"ts",      "-query", "-data", "/dev/stdin",
                               "-sha256", "-out",   query,   with ? "-cert" : NULL,
                               NULL};
    const char *const reply[] = {"ts",         "-reply", "-config",    conf,
                                 "-queryfile", query,    "-token_out", NULL};
    if (!rehearse_openssl(ask, text->text, text->length, &none) ||
        !rehearse_openssl(reply, NULL, 0, &token) || !token.length)
        return false;
    rehearse_put_base64(token.bytes, token.length, out);
    return true;
}

void rehearse_stamp(struct rehearse_visit *v)
{
    struct rj_document json yq_cleanup(rj_fini);
    struct yq_buf answer yq_cleanup(yq_buf_fini) = {0};
    static const char *const words[] = {"true", "false", NULL};
    bool read = rehearse_service(v, "createAndGetTssInfo", &json);
    const char *with = read ? rj_text(rj_member(json.values, "attachCert")) : "true";
    if (is_wrong_word(with, words))
        rehearse_complain(&v->findings, "attachCert", "not-in-dictionary", "应为 true 或 false",
                          "is to be true or false");
    if (read && !rehearse_is_refused(&v->findings)) {
        yq_buf_puts(&answer, "\"tsResp\":\"");
        pthread_mutex_lock(&v->r->signing);
        if (!need_keys(v) ||
            !stamp(v->r, rj_member(json.values, "oriData"), strcmp(with, "true") == 0, &answer))
            v->call->status = 500;
        pthread_mutex_unlock(&v->r->signing);
        yq_buf_puts(&answer, "\"");
    }
    rehearse_answer_service(v, json.values, yq_buf_text(&answer));
}

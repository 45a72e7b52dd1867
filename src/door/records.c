/* records.c: one record by HTTP: PUT, PATCH, POST, DELETE, GET, its versions and what was found in
 * it. The order of things is the walk's (registry.h); here is what RFC 9110 makes of it: the entity
 * tag is the version, a PUT that changes nothing is no new version, conditions decide before
 * anything is kept. Personal members are masked unless they are asked for by who may. Runs on
 * worker threads. */
#include "records.h"

#include <stdio.h>
#include <string.h>

#include "yq/compose.h"

#define PATCH_TRIES 5

static bool is_ready(struct yq_house *house, struct reply *reply)
{
    struct yq_err err = {0};
    if (yq_audit_ready(house->audit, &err))
        return true;
    yq_reply_error_as(reply, 503, &err);
    return false;
}

/* ---- in ---- */

static void say_kept(const struct request *request, const struct yq_submission *submission,
                     struct reply *reply)
{
    enum yq_kind kind = submission->record->kind;
    yq_buf_puts(&reply->body, "{");
    records_put_kept(&reply->body, submission);
    yq_buf_puts(&reply->body, "}\n");
    if (submission->how != YQ_RECORD_REMOVE)
        yq_reply_header(reply, "ETag", "\"%lld\"", (long long)submission->result.version);
    if (submission->result.outcome == YQ_LEDGER_NEW) {
        struct yq_buf path yq_cleanup(yq_buf_fini) = {0};
        yq_buf_putf(&path, "/api/v1/%s/", yq_kinds[kind].plural);
        yq_params_encode(&path, yq_record_id(submission->record));
        yq_reply_header(reply, "Location", "%s", yq_buf_text(&path));
    }
    records_answer(reply, records_status(submission, false));
    (void)request;
}

/* Hands one record in and fills the reply. False: its version was another one, and no condition of
 * the client's said which (the reply is not filled). */
static bool hand_in(struct yq_house *house, const struct request *request,
                    struct yq_submission *submission, bool conditional, bool again,
                    struct reply *reply)
{
    struct yq_err err = {0};
    char source[YQ_SOURCE_SIZE];
    records_source(request, source);
    bool done = yq_record_in(house, &request->from, source, submission, 1, &err);
    bool raced = done && submission->result.err.code == YQ_CONFLICT && !conditional && again;
    if (!done)
        yq_reply_error(reply, &err);
    else if (submission->result.err.code == YQ_OK)
        say_kept(request, submission, reply);
    else if (!raced)
        records_refuse(reply, records_status(submission, conditional), submission->record->kind,
                       &submission->result.err);
    if (done && !raced && conditional && submission->result.err.code == YQ_CONFLICT)
        yq_reply_problem(reply, 412, "the record was changed by somebody else meanwhile");
    yq_findings_fini(&submission->findings);
    return !raced;
}

/* The id in the path counts; one in the body must be the same. */
static bool take_id(const struct yq_record *named, struct yq_record *record, struct yq_err *err)
{
    const char *id = yq_record_id(named), *own = yq_record_id(record);
    if (!own)
        return yq_record_set(record, 0, id, err);
    return strcmp(id, own) == 0 ||
           yq_fail(err, YQ_BAD_INPUT, "door", "%s differs from the one in the path",
                   yq_kinds[record->kind].members[0].name);
}

static void put_record(struct yq_house *house, const struct request *request,
                       const struct yq_record *named, struct reply *reply)
{
    struct yq_err err = {0};
    struct yq_record *record yq_cleanup(yq_record_cleanup) = NULL;
    struct yq_submission submission = {.how = YQ_RECORD_REPLACE};
    bool conditional;
    if (!records_expect(house, request, named->kind, yq_record_id(named), &submission.expect,
                        &conditional, reply))
        return;
    if (!records_read(house, named->kind, yq_buf_text(&request->body), request->body.length,
                      &record, &err) ||
        !take_id(named, record, &err) || !records_unmasked(house, record, &err)) {
        records_refuse(reply, 400, named->kind, &err);
        return;
    }
    submission.record = record;
    (void)hand_in(house, request, &submission, conditional, false, reply);
}

/* Changes the latest version, and does it over when somebody else was faster. */
static bool patch_once(struct yq_house *house, const struct request *request,
                       const struct yq_record *named, bool again, struct reply *reply)
{
    struct yq_err err = {0};
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry = {0};
    struct yq_submission submission = {.how = YQ_RECORD_REPLACE};
    bool conditional, done = true;
    const char *id = yq_record_id(named);
    if (!records_expect(house, request, named->kind, id, &submission.expect, &conditional, reply))
        return true;
    if (!yq_record_out(house, named->kind, id, 0, &record, &entry, &err)) {
        yq_reply_error(reply, &err);
        return true;
    }
    if (!record)
        yq_reply_problem(reply, 410, "the record was deleted");
    else if (!records_patch(house, record, yq_buf_text(&request->body), request->body.length,
                            &err) ||
             !take_id(named, record, &err) || !records_unmasked(house, record, &err))
        records_refuse(reply, 400, named->kind, &err);
    else {
        submission.record = record;
        submission.expect = conditional ? submission.expect : entry.version;
        done = hand_in(house, request, &submission, conditional, again, reply);
    }
    yq_record_out_fini(record, &entry);
    return done;
}

static void delete_record(struct yq_house *house, const struct request *request,
                          struct yq_record *named, struct reply *reply)
{
    struct yq_submission submission = {.record = named, .how = YQ_RECORD_REMOVE};
    bool conditional;
    if (records_expect(house, request, named->kind, yq_record_id(named), &submission.expect,
                       &conditional, reply))
        (void)hand_in(house, request, &submission, conditional, false, reply);
}

void yq_route_record_write(struct yq_house *house, const struct request *request,
                           struct reply *reply)
{
    static const char *const none[] = {NULL};
    if (!is_ready(house, reply) || !records_params(request, none, reply))
        return;
    struct yq_record *named yq_cleanup(yq_record_cleanup) = records_named(request, reply);
    if (!named)
        return;
    if (request->method == YQ_PUT)
        put_record(house, request, named, reply);
    else if (request->method == YQ_DELETE)
        delete_record(house, request, named, reply);
    else
        for (int left = PATCH_TRIES; !patch_once(house, request, named, left > 0, reply); left--)
            ;
}

void yq_route_record_post(struct yq_house *house, const struct request *request,
                          struct reply *reply)
{
    static const char *const none[] = {NULL};
    struct yq_err err = {0};
    struct yq_record *record yq_cleanup(yq_record_cleanup) = NULL;
    struct yq_submission submission = {.how = YQ_RECORD_REPLACE};
    enum yq_kind kind = records_kind(request);
    bool conditional;
    if (!is_ready(house, reply) || !records_params(request, none, reply))
        return;
    if (!records_read(house, kind, yq_buf_text(&request->body), request->body.length, &record,
                      &err) ||
        (!yq_record_id(record) &&
         !yq_fail(&err, YQ_BAD_INPUT, "door", "%s is missing", yq_kinds[kind].members[0].name)) ||
        !records_unmasked(house, record, &err)) {
        records_refuse(reply, 400, kind, &err);
        return;
    }
    submission.record = record;
    if (records_expect(house, request, kind, yq_record_id(record), &submission.expect, &conditional,
                       reply))
        (void)hand_in(house, request, &submission, conditional, false, reply);
}

/* ---- out ---- */

static bool read_version(const struct request *request, int64_t *version, struct reply *reply)
{
    uint64_t number = 0;
    const char *text = yq_params_get(&request->params, "version");
    if (text && !yq_params_number(text, 1, INT64_MAX, &number)) {
        yq_reply_problem(reply, 400, "version is a whole number from 1 on");
        return false;
    }
    *version = (int64_t)number;
    return true;
}

static void say_record(const struct request *request, const struct yq_record *record,
                       const struct yq_ledger_entry *entry, bool personal, struct reply *reply)
{
    char etag[32];
    if (!record) {
        yq_reply_problem(reply, 410, "the record was deleted; /history lists its versions");
        return;
    }
    snprintf(etag, sizeof etag, "%s\"%lld\"", personal ? "" : "W/", (long long)entry->version);
    if (yq_reply_unchanged(request, reply, etag, entry->received_ms))
        return;
    yq_reply_header(reply, "Record-Source", "%s", entry->source);
    yq_form_record_write(record, personal ? YQ_LOOK_PLAIN : YQ_LOOK_MASKED, &reply->body);
    yq_buf_puts(&reply->body, "\n");
    yq_reply_body(reply, 200, "application/json");
}

void yq_route_record(struct yq_house *house, const struct request *request, struct reply *reply)
{
    static const char *const allowed[] = {"version", "personal", NULL};
    struct yq_err err = {0};
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry = {0};
    int64_t version = 0;
    bool personal;
    if (!is_ready(house, reply))
        return;
    struct yq_record *named yq_cleanup(yq_record_cleanup) = records_named(request, reply);
    if (!named || !records_params(request, allowed, reply) ||
        !read_version(request, &version, reply) ||
        !records_personal(house, request, &personal, reply))
        return;
    if (yq_record_out(house, named->kind, yq_record_id(named), version, &record, &entry, &err))
        say_record(request, record, &entry, personal, reply);
    else
        yq_reply_error(reply, &err);
    yq_audit_record(house->audit, &request->from, 'R', record ? record : named, entry.version,
                    personal ? "with personal members" : "masked", err.code != YQ_OK ? &err : NULL);
    yq_record_out_fini(record, &entry);
}

static void put_version(struct yq_buf *out, const struct yq_ledger_entry *entry)
{
    yq_buf_puts(out, "{");
    records_put_entry(out, entry, NULL, false);
    yq_buf_puts(out, ",\"changed\":[");
    const char *separator = "";
    for (const char *at = entry->changed; *at;) {
        size_t length = strcspn(at, ",");
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : 0), at);
        yq_buf_puts(out, separator);
        yq_json_put_text(out, name);
        separator = ",";
        at += length + (at[length] == ',');
    }
    yq_buf_puts(out, "]}");
}

void yq_route_record_history(struct yq_house *house, const struct request *request,
                             struct reply *reply)
{
    static const char *const none[] = {NULL};
    struct yq_err err = {0};
    struct yq_ledger_entry *list = NULL;
    size_t count = 0;
    struct yq_record *named yq_cleanup(yq_record_cleanup) = records_named(request, reply);
    if (!named || !records_params(request, none, reply))
        return;
    if (!yq_record_history(house, named->kind, yq_record_id(named), &list, &count, &err)) {
        yq_reply_error(reply, &err);
        return;
    }
    if (!count) {
        yq_reply_problem(reply, 404, "there is no such record");
    } else {
        yq_buf_puts(&reply->body, "{\"versions\":[");
        for (size_t i = 0; i < count; i++) {
            yq_buf_puts(&reply->body, i ? ",\n" : "");
            put_version(&reply->body, &list[i]);
        }
        yq_buf_puts(&reply->body, "]}\n");
        records_answer(reply, 200);
    }
    yq_ledger_list_free(list, count);
}

/* What the platform would refuse of the record as it is now; false: the reply says why not. */
static bool put_refusals(struct yq_house *house, const struct yq_record *named,
                         const char *platform, struct reply *reply)
{
    struct yq_company company;
    struct yq_findings findings = {0};
    struct yq_err err = {0};
    if (!yq_company_open(house, named->kind, yq_record_id(named), &company, &err)) {
        yq_buf_clear(&reply->body);
        yq_reply_error(reply, &err);
        return false;
    }
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    bool known = yq_compose_check_province(house, conf, platform, &company, &findings);
    yq_conf_release(house->conf, conf);
    if (known)
        yq_form_findings_write(&findings, &reply->body);
    else {
        yq_buf_clear(&reply->body);
        yq_reply_problem(reply, 400, "there is no platform %.40s that collects %s", platform,
                         yq_kinds[named->kind].plural);
    }
    yq_findings_fini(&findings);
    yq_company_fini(&company);
    return known;
}

void yq_route_record_findings(struct yq_house *house, const struct request *request,
                              struct reply *reply)
{
    static const char *const allowed[] = {"platform", NULL};
    struct yq_err err = {0};
    struct yq_ledger_entry entry = {0};
    struct yq_record *named yq_cleanup(yq_record_cleanup) = records_named(request, reply);
    if (!named || !records_params(request, allowed, reply))
        return;
    struct yq_record *record = NULL;
    if (!yq_record_out(house, named->kind, yq_record_id(named), 0, &record, &entry, &err)) {
        yq_reply_error(reply, &err);
        return;
    }
    yq_buf_puts(&reply->body, "{");
    records_put_entry(&reply->body, &entry, named, true);
    yq_buf_puts(&reply->body, ",\"findings\":");
    const char *platform = yq_params_get(&request->params, "platform");
    bool fine = !platform || put_refusals(house, named, platform, reply);
    if (!platform)
        yq_buf_puts(&reply->body, *entry.findings ? entry.findings : "[]");
    if (fine) {
        yq_buf_puts(&reply->body, "}\n");
        records_answer(reply, 200);
    }
    yq_record_out_fini(record, &entry);
}

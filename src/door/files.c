/* files.c: PDFs of records by HTTP: GET and PUT /api/v1/reports/ID/pdf (labs too) for who may see
 * and change records; GET /api/v1/reports/ID/pdf/url makes a URL that needs no login until it
 * expires, and GET /files/NAME answers it. RFC 9110; errors RFC 9457.
 *
 * A PDF is sent from the kernel's cache with a policy under which nothing in it may fetch anything
 * or run. What is asked for, and by whom, is told to the audit trail. Runs on worker threads. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "yq/attachment.h"
#include "yq/clock.h"
#include "yq/form.h"

#define POLICY "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; base-uri 'none'"
#define VERSION_MOST 1000000000000ull

static const char *param(const struct request *request, const char *name)
{
    const char *value = yq_params_get(&request->params, name);
    return value ? value : "";
}

/* ---- sending ---- */

static void send_file(const struct request *request, struct reply *reply, int take_fd,
                      const struct yq_attachment *about)
{
    char etag[40];
    bool download = *param(request, "download") == '1';
    (void)snprintf(etag, sizeof etag, "\"%.32s\"", about->name);
    yq_reply_header(reply, "Cache-Control", "private, no-cache");
    if (yq_reply_unchanged(request, reply, etag, 0)) {
        yq_close(&take_fd);
        return;
    }
    yq_reply_file(request, reply, take_fd, 0, about->size, "application/pdf", etag, 0);
    if (reply->status >= 400)
        return;
    yq_reply_header(reply, "Content-Disposition", "%s; filename=\"%.16s.pdf\"",
                    download ? "attachment" : "inline", about->name);
    yq_reply_header(reply, "Content-Security-Policy", "%s", POLICY);
    yq_reply_header(reply, "Referrer-Policy", "no-referrer");
}

/* Statuses that this door has for PDFs. */
static void refuse(struct reply *reply, const struct yq_err *err)
{
    bool theirs = strcmp(err->room, "pdf") == 0;
    if (theirs && err->code == YQ_FULL)
        yq_reply_error_as(reply, 413, err);
    else if (theirs && err->code == YQ_BAD_INPUT)
        yq_reply_error_as(reply, 422, err);
    else
        yq_reply_error(reply, err);
}

static bool is_ready(struct yq_house *house, struct reply *reply)
{
    struct yq_err err = {0};
    if (yq_audit_ready(house->audit, &err))
        return true;
    yq_reply_error_as(reply, 503, &err);
    return false;
}

/* Only the beginning of a file that is fetched in pieces is told. */
static bool is_beginning(const struct request *request)
{
    return request->method == YQ_GET && (!*request->range || strstr(request->range, "bytes=0-"));
}

static bool may_see(const struct request *request, struct reply *reply)
{
    if (request->rights & YQ_RIGHT_PERSONAL)
        return true;
    yq_reply_problem(reply, 403,
                     "a PDF shows who the patient is: the token's entry in tokens.json has no "
                     "right \"personal\"");
    return false;
}

/* ---- the PDF of a record ---- */

struct wanted {
    enum yq_kind kind;
    const char *id;
    uint64_t version; /* 0: the latest */
};

static bool read_wanted(const struct request *request, struct wanted *out, struct reply *reply)
{
    const char *version = param(request, "version");
    out->kind = yq_kind_by_name(yq_places_get(&request->places, "records"));
    out->id = yq_places_get(&request->places, "id");
    out->version = 0;
    if (out->kind >= YQ_KIND_KEPT || yq_member_find(out->kind, "pdf") < 0) {
        yq_reply_problem(reply, 404, "only reports and labs have PDFs");
        return false;
    }
    if (!*version || yq_params_number(version, 1, VERSION_MOST, &out->version))
        return true;
    yq_reply_problem(reply, 400, "version must be a whole number from 1");
    return false;
}

/* The record of this version; NULL with a reply. */
static struct yq_record *find(struct yq_house *house, const struct wanted *wanted, int64_t *version,
                              struct reply *reply)
{
    struct yq_record *record = NULL;
    struct yq_ledger_entry entry;
    struct yq_err err = {0};
    if (!yq_record_out(house, wanted->kind, wanted->id, (int64_t)wanted->version, &record, &entry,
                       &err)) {
        yq_reply_error(reply, &err);
        return NULL;
    }
    *version = entry.version;
    yq_ledger_entry_fini(&entry);
    if (!record)
        yq_reply_problem(reply, 410, "the record was removed; its earlier versions are here");
    return record;
}

static const char *name_of(const struct yq_record *record, struct reply *reply)
{
    const char *name = yq_record_get(record, "pdf");
    if (name)
        return name;
    yq_reply_problem(reply, 404, "the record has no PDF in this version");
    return NULL;
}

static void give(struct yq_house *house, const struct request *request,
                 const struct yq_record *record, int64_t version, struct reply *reply)
{
    struct yq_attachment about;
    struct yq_err err = {0};
    int fd;
    const char *name = name_of(record, reply);
    if (!name)
        return;
    if (!yq_attachment_open(house, name, &fd, &about, &err)) {
        yq_reply_error(reply, &err);
        return;
    }
    send_file(request, reply, fd, &about);
    yq_reply_header(reply, "Yingqiao-Version", "%" PRId64, version);
    if (is_beginning(request))
        yq_audit_record(house->audit, &request->from, 'R', record, version, "pdf", NULL);
}

/* Finds the record, and gives of it what the route is for. */
static void answer(struct yq_house *house, const struct request *request, struct reply *reply,
                   void (*of)(struct yq_house *, const struct request *, const struct yq_record *,
                              int64_t, struct reply *))
{
    struct wanted wanted;
    int64_t version;
    if (!may_see(request, reply) || !is_ready(house, reply) ||
        !read_wanted(request, &wanted, reply))
        return;
    struct yq_record *record = find(house, &wanted, &version, reply);
    if (record)
        of(house, request, record, version, reply);
    yq_record_free(record);
}

void yq_route_pdf(struct yq_house *house, const struct request *request, struct reply *reply)
{
    answer(house, request, reply, give);
}

/* ---- a URL of it ---- */

static void give_url(struct yq_house *house, const struct request *request,
                     const struct yq_record *record, int64_t version, struct reply *reply)
{
    struct yq_buf url yq_cleanup(yq_buf_fini) = {0};
    struct yq_attachment about;
    struct yq_err err = {0};
    char what[64], until[32];
    const char *name = name_of(record, reply), *hours = param(request, "hours");
    uint64_t number = 0;
    int64_t expires_ms = yq_attachment_url_until(house);
    if (!name)
        return;
    if (*hours && !yq_params_number(hours, 1, 8760, &number)) {
        yq_reply_problem(reply, 400, "hours must be a whole number from 1 to 8760");
        return;
    }
    if (number)
        expires_ms = yq_now_ms() + (int64_t)number * 3600000;
    (void)snprintf(what, sizeof what, "%s version %" PRId64, yq_kinds[record->kind].name, version);
    if (!yq_attached_get(house->catalog, name, &about, &err) ||
        !yq_attachment_url(house, name, what, expires_ms, &url, &err)) {
        yq_reply_error(reply, &err);
        return;
    }
    yq_clock_text(until, sizeof until, expires_ms);
    struct yq_json *json = yq_json_object();
    yq_json_text(json, "url", yq_buf_text(&url));
    yq_json_text(json, "expires", until);
    yq_json_number(json, "version", (double)version);
    if (!yq_json_print(json, false, &reply->body))
        reply->body.failed = true;
    yq_json_free(json);
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_body(reply, 200, "application/json");
    yq_audit_record(house->audit, &request->from, 'R', record, version, "URL of its PDF", NULL);
}

void yq_route_pdf_url(struct yq_house *house, const struct request *request, struct reply *reply)
{
    answer(house, request, reply, give_url);
}

/* ---- a PDF for a record that is there ---- */

static bool read_condition(const struct request *request, int64_t *expect, struct reply *reply)
{
    char digits[24];
    uint64_t version;
    const char *tag = request->if_match;
    size_t length = strlen(tag);
    *expect = YQ_EXPECT_ANYTHING;
    if (!length || strcmp(tag, "*") == 0)
        return true;
    if (length > 2 && length < sizeof digits && tag[0] == '"' && tag[length - 1] == '"') {
        memcpy(digits, tag + 1, length - 2);
        digits[length - 2] = '\0';
        if (yq_params_number(digits, 1, VERSION_MOST, &version)) {
            *expect = (int64_t)version;
            return true;
        }
    }
    yq_reply_problem(reply, 412, "If-Match names no version of the record");
    return false;
}

static void say_kept(const struct yq_submission *submission, const struct yq_attachment *kept,
                     struct reply *reply)
{
    static const char *const words[] = {"new", "changed", "same", "removed"};
    const struct yq_ledger_result *result = &submission->result;
    struct yq_json *json = yq_json_object();
    yq_json_text(json, "id", yq_record_id(submission->record));
    yq_json_number(json, "version", (double)result->version);
    yq_json_text(json, "outcome", words[result->outcome]);
    yq_json_text(json, "pdf", kept->name);
    yq_json_number(json, "pages", kept->pages);
    yq_json_number(json, "bytes", (double)kept->size);
    if (!yq_json_print(json, false, &reply->body))
        reply->body.failed = true;
    yq_json_free(json);
    yq_reply_header(reply, "ETag", "\"%" PRId64 "\"", result->version);
    yq_reply_body(reply, 200, "application/json");
}

static void put_pdf(struct yq_house *house, const struct request *request, struct yq_record *record,
                    int64_t expect, struct reply *reply)
{
    struct yq_attachment kept;
    struct yq_err err = {0};
    char source[YQ_SOURCE_SIZE];
    struct yq_submission submission = {
        .record = record, .how = YQ_RECORD_OVERLAY, .expect = expect};
    (void)snprintf(source, sizeof source, "rest:%s",
                   *request->from.user ? request->from.user : "local");
    if (!yq_attachment_keep(house, request->body.bytes, request->body.length, &kept, &err) ||
        !yq_record_put(record, "pdf", kept.name, &err)) {
        refuse(reply, &err);
        return;
    }
    if (!yq_record_in(house, &request->from, source, &submission, 1, &err))
        yq_reply_error(reply, &err);
    else if (submission.result.err.code == YQ_OK)
        say_kept(&submission, &kept, reply);
    else if (submission.result.err.code == YQ_CONFLICT)
        yq_reply_error_as(reply, 412, &submission.result.err);
    else
        yq_reply_error(reply, &submission.result.err);
    yq_findings_fini(&submission.findings);
}

void yq_route_pdf_put(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct wanted wanted;
    struct yq_err err = {0};
    int64_t expect, version;
    if (!is_ready(house, reply) || !read_wanted(request, &wanted, reply) ||
        !read_condition(request, &expect, reply))
        return;
    wanted.version = 0;
    struct yq_record *there = find(house, &wanted, &version, reply);
    struct yq_record *record = there ? yq_record_new(wanted.kind) : NULL;
    yq_record_free(there);
    if (record && yq_record_set(record, 0, wanted.id, &err))
        put_pdf(house, request, record, expect, reply);
    else if (there)
        yq_reply_problem(reply, 503, "no memory for a record");
    yq_record_free(record);
}

/* ---- by its name ---- */

/* True when it may be given; else with a reply. */
static bool is_allowed(struct yq_house *house, const struct request *request, const char *name,
                       struct reply *reply)
{
    const char *expires = param(request, "expires");
    const char *signature = param(request, "signature");
    struct yq_err err = {0};
    if (!*signature && request->trusted)
        return may_see(request, reply);
    if (yq_attachment_url_fits(house, name, expires, signature, &err))
        return true;
    yq_audit_refused(house->audit, &request->from,
                     err.code == YQ_TIMEOUT ? "HTTP with a URL of a PDF that has expired"
                                            : "HTTP with a URL of a PDF that is not ours");
    if (err.code == YQ_TIMEOUT)
        yq_reply_error_as(reply, 410, &err);
    else
        yq_reply_error(reply, &err);
    return false;
}

/* Of which record it is, for the audit trail. */
static void tell(struct yq_house *house, const struct request *request, const char *name)
{
    struct yq_attached_use use;
    struct yq_ledger_entry entry;
    struct yq_record *record = NULL;
    struct yq_err ignored;
    size_t count;
    if (!is_beginning(request) ||
        !yq_attached_uses(house->catalog, name, &use, 1, &count, &ignored) || !count ||
        !yq_ledger_get(house->catalog, use.kind, use.id, use.version, &entry, &ignored))
        return;
    if (yq_record_open(house, &entry, &record, &ignored) && record)
        yq_audit_record(house->audit, &request->from, 'R', record, use.version,
                        "pdf by a signed URL", NULL);
    yq_record_free(record);
    yq_ledger_entry_fini(&entry);
}

void yq_route_file(struct yq_house *house, const struct request *request, struct reply *reply)
{
    const char *name = yq_places_get(&request->places, "name");
    struct yq_attachment about;
    struct yq_err err = {0};
    int fd;
    if (!is_ready(house, reply) || !is_allowed(house, request, name, reply))
        return;
    if (!yq_attachment_open(house, name, &fd, &about, &err)) {
        yq_reply_error(reply, &err);
        return;
    }
    send_file(request, reply, fd, &about);
    tell(house, request, name);
}

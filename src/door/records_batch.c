/* records_batch.c: POST of many records, one JSON object a line (application/x-ndjson): of one
 * kind, or of all kinds with {"exam": {...}} around each. The body lies in a file (upload.c); some
 * hundred lines make a transaction, and after each the worker turns to whoever else waits. What
 * became of each line is a line of the answer, in the same order, in a file too: memory depends on
 * neither. A line that is wrong does not keep the others back. Runs on worker threads. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "ndjson.h"
#include "records.h"
#include "yq/file.h"
#include "yq/store.h"

#define LINES_AT_ONCE 250
#define BYTES_AT_ONCE ((size_t)8 << 20) /* of text, that make a transaction too */

struct told { /* of a line: what becomes of it */
    uint64_t number;
    struct yq_record *record;
    enum yq_kind kind;
    struct yq_err err;
    size_t submission; /* which one it is; SIZE_MAX: none, because of err */
};

struct batch {
    struct yq_house *house;
    const struct request *request;
    int kind; /* an enum yq_kind; -1: the line says which */
    uint64_t offset;
    struct yq_lines lines;
    struct yq_staged *answers;
    struct yq_buf out;
    bool at_end, given_up; /* given_up: the node stops, or its disk does */
    unsigned long long kept, refused;
    struct told told[LINES_AT_ONCE];
    struct yq_submission submissions[LINES_AT_ONCE];
    size_t count, submitted;
};

static bool read_spool(void *context, void *bytes, size_t length, size_t *got, struct yq_err *err)
{
    struct batch *batch = context;
    if (!yq_read_at(batch->request->spool, bytes, length, batch->offset, got, err))
        return false;
    batch->offset += *got;
    return true;
}

static void clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->submitted; i++)
        yq_findings_fini(&batch->submissions[i].findings);
    for (size_t i = 0; i < batch->count; i++)
        yq_record_free(batch->told[i].record);
    batch->count = batch->submitted = 0;
}

static void batch_free(void *work)
{
    struct batch *batch = work;
    if (!batch)
        return;
    clear(batch);
    yq_lines_fini(&batch->lines);
    yq_staged_cleanup(&batch->answers);
    yq_buf_fini(&batch->out);
    free(batch);
}

static struct batch *batch_new(struct yq_house *house, const struct request *request, int kind,
                               struct yq_err *err)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch) {
        yq_fail(err, YQ_FULL, "door", "no memory for a batch");
        return NULL;
    }
    batch->house = house;
    batch->request = request;
    batch->kind = kind;
    batch->lines.read = read_spool;
    batch->lines.context = batch;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    batch->lines.most = (size_t)conf->http_body_most_mb << 20;
    yq_conf_release(house->conf, conf);
    if (yq_store_begin(house->store, &batch->answers, err))
        return batch;
    batch_free(batch);
    return NULL;
}

/* ---- in ---- */

static bool read_line(struct batch *batch, const struct yq_line *line, struct told *told)
{
    const char *text = line->text;
    size_t length = line->length;
    char name[32];
    struct yq_err *err = &told->err;
    if (line->too_long)
        return yq_fail(err, YQ_BAD_INPUT, "door", "the line is longer than %zu MB",
                       batch->lines.most >> 20);
    if (batch->kind >= 0) {
        told->kind = (enum yq_kind)batch->kind;
    } else {
        if (!yq_ndjson_named(line, name, &text, &length) ||
            (told->kind = yq_kind_by_name(name)) >= YQ_KIND_KEPT)
            return yq_fail(err, YQ_BAD_INPUT, "door",
                           "a line is {\"exam\": {...}}, with the name of a kind of records");
    }
    if (!records_read(batch->house, told->kind, text, length, &told->record, err))
        return false;
    return (yq_record_id(told->record) || yq_fail(err, YQ_BAD_INPUT, "door", "%s is missing",
                                                  yq_kinds[told->kind].members[0].name)) &&
           records_unmasked(batch->house, told->record, err);
}

/* Reads lines until there are enough for a transaction. */
static bool gather(struct batch *batch, struct yq_err *err)
{
    size_t bytes = 0;
    while (batch->count < LINES_AT_ONCE && bytes < BYTES_AT_ONCE) {
        struct yq_line line;
        if (!yq_lines_next(&batch->lines, &line, err))
            return false;
        if (!line.text) {
            batch->at_end = true;
            break;
        }
        struct told *told = &batch->told[batch->count++];
        *told = (struct told){
            .number = batch->lines.number, .kind = YQ_KIND_COUNT, .submission = SIZE_MAX};
        bytes += line.length;
        if (batch->given_up)
            yq_fail(&told->err, YQ_BUSY, "door", "the node could not go on; send it again");
        else if (read_line(batch, &line, told))
            told->submission = batch->submitted++;
        if (told->submission != SIZE_MAX)
            batch->submissions[told->submission] = (struct yq_submission){
                .record = told->record, .how = YQ_RECORD_REPLACE, .expect = YQ_EXPECT_ANYTHING};
    }
    return true;
}

static void keep(struct batch *batch)
{
    struct yq_err err = {0};
    char source[YQ_SOURCE_SIZE];
    if (!batch->submitted)
        return;
    records_source(batch->request, source);
    if (yq_record_in(batch->house, &batch->request->from, source, batch->submissions,
                     batch->submitted, &err))
        return;
    batch->given_up = true; /* the sender had better try the rest later */
    for (size_t i = 0; i < batch->submitted; i++)
        batch->submissions[i].result.err = err;
}

/* ---- out ---- */

static void tell(struct batch *batch, struct told *told)
{
    struct yq_buf *out = &batch->out;
    struct yq_submission *submission =
        told->submission == SIZE_MAX ? NULL : &batch->submissions[told->submission];
    struct yq_submission none = {.result.err = told->err};
    const struct yq_err *err = submission ? &submission->result.err : &told->err;
    unsigned status = records_status(submission ? submission : &none, false);
    yq_buf_putf(out, "{\"line\":%llu,\"status\":%u,", (unsigned long long)told->number, status);
    if (err->code == YQ_OK && submission) {
        records_put_kept(out, submission);
        batch->kept++;
    } else {
        const char *id = told->record ? yq_record_id(told->record) : NULL;
        if (id) {
            yq_buf_puts(out, "\"id\":");
            yq_json_put_text(out, id);
            yq_buf_puts(out, ",");
        }
        yq_buf_puts(out, "\"errors\":");
        if (err->code == YQ_IO || err->code == YQ_BUG) /* its text is for the log */
            yq_buf_puts(out, "[{\"member\":\"\",\"why\":\"the node could not do it\","
                             "\"chinese\":\"节点暂时无法处理\"}]");
        else
            records_put_errors(out, told->kind, err);
        batch->refused++;
    }
    yq_buf_puts(out, "}\n");
}

static bool tell_all(struct batch *batch, struct yq_err *err)
{
    yq_buf_clear(&batch->out);
    for (size_t i = 0; i < batch->count; i++)
        tell(batch, &batch->told[i]);
    if (batch->out.failed)
        return yq_fail(err, YQ_FULL, "door", "no memory for an answer");
    return !batch->out.length ||
           yq_staged_write(batch->answers, batch->out.bytes, batch->out.length, err);
}

static void finish(struct batch *batch, struct reply *reply)
{
    struct yq_err err = {0};
    int fd = fcntl(yq_staged_fd(batch->answers), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        yq_fail_errno(&err, "door", "open", "the answers of a batch");
        yq_reply_error(reply, &err);
        return;
    }
    reply->fd = fd;
    reply->offset = 0;
    reply->length = yq_staged_size(batch->answers);
    reply->status = 200;
    yq_reply_header(reply, "Content-Type", "application/x-ndjson");
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_header(reply, "Records-Kept", "%llu", batch->kept);
    yq_reply_header(reply, "Records-Refused", "%llu", batch->refused);
}

/* One transaction of the batch. */
static void go_on(struct batch *batch, struct reply *reply)
{
    struct yq_err err = {0};
    if (yq_http_stopping(batch->request->door))
        batch->given_up = true;
    bool fine = gather(batch, &err);
    if (fine) {
        keep(batch);
        fine = tell_all(batch, &err);
    }
    clear(batch);
    if (!fine)
        yq_reply_error(reply, &err);
    else if (batch->at_end)
        finish(batch, reply);
    else
        reply->again = true;
}

static void serve(struct yq_house *house, const struct request *request, int kind,
                  struct reply *reply)
{
    static const char *const none[] = {NULL};
    struct yq_err err = {0};
    if (!reply->work) {
        if (!yq_audit_ready(house->audit, &err)) {
            yq_reply_error_as(reply, 503, &err);
            return;
        }
        if (!records_params(request, none, reply))
            return;
        reply->work = batch_new(house, request, kind, &err);
        reply->end = batch_free;
        if (!reply->work) {
            yq_reply_error(reply, &err);
            return;
        }
    }
    go_on(reply->work, reply);
}

void yq_route_records_batch(struct yq_house *house, const struct request *request,
                            struct reply *reply)
{
    serve(house, request, -1, reply);
}

void yq_route_records_post(struct yq_house *house, const struct request *request,
                           struct reply *reply)
{
    if (strcmp(request->media, "application/x-ndjson") == 0)
        serve(house, request, (int)records_kind(request), reply);
    else
        yq_route_record_post(house, request, reply);
}

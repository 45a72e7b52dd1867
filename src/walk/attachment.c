/* attachment.c: a PDF comes in (size -> staged -> digest -> opened once -> name -> row), and goes
 * out on a URL that says itself until when.
 *
 * The file is on stable storage before its row, the row before the record that names it: a crash in
 * between leaves a file that nobody names, which `verify` lists, or an attachment that no record
 * names, which goes after a day. A URL is signed with HMAC-SHA-256 under a secret of the node's own
 * (DIR/url.key; without that file all URLs given out are void) over the one name and the time it
 * expires; nothing of it is kept. Any thread. */
#include "attachment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "object.h"
#include "yq/clock.h"
#include "yq/form.h"
#include "yq/log.h"
#include "yq/pdf.h"

enum { PIECE = 1 << 17, TURN_MS = 60000, FORGOTTEN_AT_ONCE = 64, SIGNATURE = 64 };
static const int64_t unused_ms = 24 * 3600 * 1000;

/* ---- in ---- */

static uint64_t size_most(struct yq_house *house)
{
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    uint64_t most = (uint64_t)conf->records_pdf_most_mb << 20;
    yq_conf_release(house->conf, conf);
    return most;
}

static bool fits(struct yq_house *house, uint64_t length, struct yq_err *err)
{
    uint64_t most = size_most(house);
    return length <= most ||
           yq_fail(err, YQ_FULL, "pdf",
                   "the PDF is larger than %" PRIu64 " MB (records.pdf_most_mb)", most >> 20);
}

/* Opened once; the same bytes are not looked at again. */
static bool look_at(struct yq_house *house, int fd, struct yq_attachment *out, struct yq_err *err)
{
    struct yq_share share yq_cleanup(yq_share_fini) = {0};
    struct yq_attachment known;
    struct yq_pdf pdf;
    struct yq_err why;
    if (yq_attached_get(house->catalog, out->name, &known, &why) && known.size == out->size) {
        out->pages = known.pages;
        return true;
    }
    if (!yq_share_take(&share, &house->pixels, YQ_PDF_MEMORY, TURN_MS, err) ||
        !yq_pdf_check(fd, out->size, &pdf, err))
        return false;
    out->pages = pdf.pages;
    return true;
}

static bool file_away(struct yq_house *house, struct yq_staged *staged, struct yq_attachment *out,
                      struct yq_err *err)
{
    struct yq_object object;
    if (!yq_object_digest(yq_staged_fd(staged), YQ_SHA256, &object, err))
        return false;
    yq_hex(out->name, object.digest, sizeof object.digest);
    out->size = object.size;
    if (!look_at(house, yq_staged_fd(staged), out, err))
        return false;
    uint64_t claim = yq_claims_take(&house->ingesting, out->name); /* against a purge */
    out->kept_ms = yq_now_ms();
    bool ok = yq_staged_attach(staged, out->name, err) && yq_attached_put(house->catalog, out, err);
    yq_claims_release(&house->ingesting, claim);
    return ok;
}

bool yq_attachment_keep(struct yq_house *house, const void *bytes, size_t length,
                        struct yq_attachment *out, struct yq_err *err)
{
    struct yq_staged *staged yq_cleanup(yq_staged_cleanup) = NULL;
    memset(out, 0, sizeof *out);
    return fits(house, length, err) && yq_store_begin(house->store, &staged, err) &&
           yq_staged_write(staged, bytes, length, err) && file_away(house, staged, out, err);
}

bool yq_attachment_keep_base64(struct yq_house *house, const char *text, size_t length,
                               struct yq_attachment *out, struct yq_err *err)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {.most = (size_t)size_most(house) + 3};
    if (!yq_form_base64(text, length, &bytes))
        return bytes.failed ? fits(house, UINT64_MAX, err)
                            : yq_fail(err, YQ_BAD_INPUT, "pdf", "the PDF is not base64");
    return yq_attachment_keep(house, bytes.bytes, bytes.length, out, err);
}

static bool copy_in(int fd, uint64_t offset, uint64_t length, struct yq_staged *staged,
                    struct yq_err *err)
{
    struct yq_buf piece yq_cleanup(yq_buf_fini) = {0};
    if (!yq_buf_raw(&piece, PIECE))
        return yq_fail(err, YQ_FULL, "walk", "no memory to copy a file");
    for (uint64_t at = 0; at < length;) {
        size_t want = length - at < PIECE ? (size_t)(length - at) : PIECE, got;
        if (!yq_read_at(fd, piece.bytes, want, offset + at, &got, err))
            return false;
        if (!got)
            return yq_fail(err, YQ_BAD_INPUT, "pdf", "the file became shorter while it was read");
        if (!yq_staged_write(staged, piece.bytes, got, err))
            return false;
        at += got;
    }
    return true;
}

bool yq_attachment_keep_file(struct yq_house *house, int fd, uint64_t offset, uint64_t length,
                             struct yq_attachment *out, struct yq_err *err)
{
    struct yq_staged *staged yq_cleanup(yq_staged_cleanup) = NULL;
    memset(out, 0, sizeof *out);
    return fits(house, length, err) && yq_store_begin(house->store, &staged, err) &&
           copy_in(fd, offset, length, staged, err) && file_away(house, staged, out, err);
}

bool yq_attachment_take(void *context, struct yq_record *record, const char *name, const char *text,
                        size_t length, bool *taken, struct yq_err *err)
{
    struct yq_attachment kept;
    *taken = strcmp(name, "pdfBase64") == 0 && yq_member_find(record->kind, "pdf") >= 0;
    if (!*taken || !length)
        return true;
    return (yq_attachment_keep_base64(context, text, length, &kept, err) ||
            yq_while(err, "pdfBase64")) &&
           yq_record_put(record, "pdf", kept.name, err);
}

/* ---- out ---- */

bool yq_attachment_open(struct yq_house *house, const char *name, int *fd,
                        struct yq_attachment *out, struct yq_err *err)
{
    uint64_t size;
    *fd = -1;
    if (!yq_content_name_valid(name))
        return yq_fail(err, YQ_ABSENT, "walk", "there is no attachment of this name");
    if (!yq_attached_get(house->catalog, name, out, err))
        return false;
    if (!yq_store_attachment(house->store, name, fd, &size, err)) {
        if (err->code == YQ_ABSENT)
            err->code = YQ_IO; /* the catalog says it is here */
        return false;
    }
    if (size == out->size)
        return true;
    yq_close(fd);
    return yq_fail(err, YQ_IO, "walk", "attachment %.16s... is damaged: its size is another one",
                   name);
}

static bool sign(struct yq_house *house, const char *name, int64_t expires,
                 char signature[SIGNATURE + 1], struct yq_err *err)
{
    struct yq_secret secret;
    uint8_t mark[32];
    char text[128];
    if (!house->url_secret)
        return yq_fail(err, YQ_REFUSED, "walk", "this node has no place for a secret");
    if (!yq_secret_open(house->url_secret, &secret, err))
        return false;
    int length = snprintf(text, sizeof text, "GET\n/files/%s\n%" PRId64, name, expires);
    yq_secret_mark(&secret, "file-url", text, (size_t)length, mark);
    yq_secret_forget(&secret);
    yq_hex(signature, mark, sizeof mark);
    return true;
}

bool yq_attachment_url(struct yq_house *house, const char *name, const char *what,
                       int64_t expires_ms, struct yq_buf *out, struct yq_err *err)
{
    char signature[SIGNATURE + 1];
    int64_t expires = expires_ms / 1000;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    yq_buf_puts(out, conf->records_url_base);
    yq_conf_release(house->conf, conf);
    if (out->length && out->bytes[out->length - 1] == '/')
        out->bytes[--out->length] = '\0';
    if (!yq_content_name_valid(name))
        return yq_fail(err, YQ_ABSENT, "walk", "there is no attachment of this name");
    if (!sign(house, name, expires, signature, err))
        return false;
    yq_buf_putf(out, "/files/%s?expires=%" PRId64 "&signature=%s", name, expires, signature);
    yq_log(YQ_LOG_INFO, "url-made", "for=\"%s\" expires=%" PRId64, what, expires);
    return !out->failed || yq_fail(err, YQ_FULL, "walk", "no memory for a URL");
}

bool yq_attachment_url_fits(struct yq_house *house, const char *name, const char *expires,
                            const char *signature, struct yq_err *err)
{
    char right[SIGNATURE + 1];
    size_t digits = strspn(expires, "0123456789");
    bool number = digits && digits < 12 && !expires[digits];
    int64_t until = number ? strtoll(expires, NULL, 10) : 0;
    if (!yq_content_name_valid(name) || !number)
        return yq_fail(err, YQ_REFUSED, "walk", "this is no URL that the node gave out");
    if (!sign(house, name, until, right, err))
        return false;
    if (!yq_equal_secret(signature, strlen(signature), right, SIGNATURE))
        return yq_fail(err, YQ_REFUSED, "walk",
                       "this is no URL that the node gave out: its signature does not fit");
    return until * 1000 > yq_now_ms() ||
           yq_fail(err, YQ_TIMEOUT, "walk", "the URL has expired: ask for a new one");
}

int64_t yq_attachment_url_until(struct yq_house *house)
{
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    int64_t hours = conf->records_url_hours;
    yq_conf_release(house->conf, conf);
    return yq_now_ms() + hours * 3600000;
}

/* ---- keeping house ---- */

static bool forget_one(struct yq_house *house, const char *name, const char *label)
{
    struct yq_attachment again;
    struct yq_err err = {0};
    uint64_t claim = yq_claims_take(&house->ingesting, name);
    bool back = yq_attached_get(house->catalog, name, &again, &err);
    bool gone = !back && err.code == YQ_ABSENT &&
                yq_store_attachment_trash(house->store, name, label, &err);
    yq_claims_release(&house->ingesting, claim);
    if (!gone && !back)
        yq_log_err(YQ_LOG_WARN, "attachment-not-removed", &err, "%s", "");
    return gone;
}

size_t yq_attachment_purge(struct yq_house *house)
{
    char(*names)[65] = calloc(FORGOTTEN_AT_ONCE, sizeof *names), label[64];
    struct yq_err err = {0};
    size_t count = FORGOTTEN_AT_ONCE, gone = 0;
    yq_keep_label(label, sizeof label, "unused");
    while (names && count == FORGOTTEN_AT_ONCE) {
        if (!yq_attached_forget(house->catalog, yq_now_ms() - unused_ms, names, FORGOTTEN_AT_ONCE,
                                &count, &err)) {
            yq_log_err(YQ_LOG_WARN, "attachments-purged", &err, "%s", "");
            break;
        }
        for (size_t i = 0; i < count; i++)
            gone += forget_one(house, names[i], label);
    }
    free(names);
    return gone;
}

static bool is_whole(struct yq_house *house, const char *name, uint64_t size, struct yq_err *err)
{
    struct yq_object object;
    char digits[65];
    uint64_t there;
    int fd yq_cleanup(yq_close) = -1;
    if (!yq_store_attachment(house->store, name, &fd, &there, err) ||
        !yq_object_digest(fd, YQ_SHA256, &object, err))
        return false;
    yq_hex(digits, object.digest, sizeof object.digest);
    return (there == size && strcmp(digits, name) == 0) ||
           yq_fail(err, YQ_IO, "walk", "content is not what was stored: its digest differs");
}

static bool verify_rows(struct yq_house *house, attachment_tell *tell, void *context,
                        struct yq_err *err)
{
    struct yq_attachment some[64];
    char after[65] = "";
    size_t count;
    do {
        if (!yq_attached_after(house->catalog, after, some, 64, &count, err))
            return false;
        for (size_t i = 0; i < count; i++) {
            struct yq_err trouble = {0};
            bool whole = is_whole(house, some[i].name, some[i].size, &trouble);
            tell(context, some[i].name, some[i].size, whole ? NULL : trouble.text);
            memcpy(after, some[i].name, sizeof after);
        }
    } while (count);
    return true;
}

/* The name of attachments/<2 hex>/<name>.pdf. */
static bool name_in(const char *path, char name[65])
{
    const char *slash = strrchr(path, '/');
    if (!slash || strlen(slash) != 1 + 64 + 4)
        return false;
    memcpy(name, slash + 1, 64);
    name[64] = '\0';
    return yq_content_name_valid(name);
}

/* Calls `each` with the path and name of each file that has no row. */
static bool each_orphan(struct yq_house *house,
                        bool (*each)(struct yq_house *, const char *, const char *, void *,
                                     struct yq_err *),
                        void *with, struct yq_err *err)
{
    struct yq_store_walk *walk;
    const char *path;
    bool ok = yq_store_walk_attachments(house->store, &walk, err);
    if (!ok)
        return false;
    while (ok && yq_store_walk_next(walk, &path, err)) {
        struct yq_attachment row;
        struct yq_err why;
        char name[65];
        if (name_in(path, name) && !yq_attached_get(house->catalog, name, &row, &why))
            ok = why.code == YQ_ABSENT ? each(house, path, name, with, err) : (*err = why, false);
    }
    ok = ok && err->code == YQ_OK;
    yq_store_walk_close(walk);
    return ok;
}

struct telling {
    attachment_tell *tell;
    void *context;
};

static bool tell_orphan(struct yq_house *house, const char *path, const char *name, void *with,
                        struct yq_err *err)
{
    const struct telling *telling = with;
    struct stat about;
    (void)house, (void)name, (void)err;
    if (stat(path, &about) == 0 && yq_now_ms() / 1000 - about.st_ctime >= 60)
        telling->tell(telling->context, path, 0,
                      "no row in the catalog names this file (yingqiao reindex takes it in)");
    return true;
}

bool attachment_verify(struct yq_house *house, attachment_tell *tell, void *context,
                       struct yq_err *err)
{
    struct telling telling = {tell, context};
    return verify_rows(house, tell, context, err) && each_orphan(house, tell_orphan, &telling, err);
}

/* One that is no PDF any more is left where it is, and told. */
static bool take_in(struct yq_house *house, const char *path, const char *name, void *with,
                    struct yq_err *err)
{
    struct yq_attachment one = {.kept_ms = yq_now_ms()};
    struct yq_pdf pdf = {0};
    struct yq_err why = {0};
    int fd yq_cleanup(yq_close) = -1;
    (void)with, (void)path;
    memcpy(one.name, name, sizeof one.name);
    if (yq_store_attachment(house->store, name, &fd, &one.size, &why) &&
        is_whole(house, name, one.size, &why) && yq_pdf_check(fd, one.size, &pdf, &why)) {
        one.pages = pdf.pages;
        return yq_attached_put(house->catalog, &one, err);
    }
    yq_log_err(YQ_LOG_WARN, "attachment-left", &why, "name=%s", name);
    return true;
}

bool attachment_reindex(struct yq_house *house, struct yq_err *err)
{
    return each_orphan(house, take_in, NULL, err);
}

/* wado.c: WADO-URI: one object by its UIDs, as it is stored, in another transfer syntax, or as a
 * JPEG picture. PS3.18 chapter 9.
 *
 * Where the standard's parameters would change what comes out and this version cannot do it, it
 * says so with 501 and never answers as if they were not there. Parameters of nobody are passed
 * over. The type is chosen by contentType, else by Accept; a plain browser gets a picture of an
 * image and the file of anything else. Runs on a worker thread. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http.h"
#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/log.h"

#define JPEG "image/jpeg"
#define DICOM "application/dicom"
#define QUALITY 90 /* of a picture when the client does not say */

struct wish { /* what the client wants, made out of its request */
    const char *study, *series, *object;
    struct yq_media media[YQ_MEDIA_MOST];
    size_t media_count;
    bool any;                 /* no preference at all */
    const char *said_by;      /* "contentType" or "Accept" */
    bool file_too;            /* application/dicom would do as well */
    uint64_t frame;           /* from 1; 0: not said */
    uint64_t quality;         /* 0: not said */
    char syntax[YQ_UID_SIZE]; /* "": as stored */
};

/* The value of a parameter; an empty one counts as not given. */
static const char *value_of(const struct request *request, const char *name)
{
    const char *value = yq_params_get(&request->params, name);
    return value && *value ? value : NULL;
}

static bool refuse_unsupported(const struct request *request, struct reply *reply)
{
    static const char *const names[] = {
        "annotation",   "rows",        "columns",         "region",
        "windowCenter", "windowWidth", "presentationUID", "presentationSeriesUID",
    };
    const char *anonymize = value_of(request, "anonymize");
    if (anonymize && strcasecmp(anonymize, "no") != 0) {
        yq_reply_problem(reply, 501,
                         "anonymize is not supported in this version: nothing is sent rather than "
                         "an object that still names its patient");
        return false;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (value_of(request, names[i])) {
            yq_reply_problem(reply, 501, "%s is not supported in this version", names[i]);
            return false;
        }
    }
    return true;
}

static bool read_uid(const struct request *request, struct reply *reply, const char *name,
                     const char **out)
{
    *out = value_of(request, name);
    if (!*out || yq_uid_valid(*out))
        return true;
    yq_reply_problem(reply, 400, "%s is not a DICOM UID", name);
    return false;
}

static bool read_number(const struct request *request, struct reply *reply, const char *name,
                        uint64_t most, uint64_t *out)
{
    const char *value = value_of(request, name);
    *out = 0;
    if (!value || yq_params_number(value, 1, most, out))
        return true;
    yq_reply_problem(reply, 400, "%s must be a whole number from 1 to %llu", name,
                     (unsigned long long)most);
    return false;
}

static bool read_wish(const struct request *request, struct reply *reply, struct wish *wish)
{
    const char *syntax, *type = value_of(request, "requestType");
    memset(wish, 0, sizeof *wish);
    if (!type || strcmp(type, "WADO") != 0) {
        yq_reply_problem(reply, 400, "requestType must be WADO");
        return false;
    }
    if (!read_uid(request, reply, "studyUID", &wish->study) ||
        !read_uid(request, reply, "seriesUID", &wish->series) ||
        !read_uid(request, reply, "objectUID", &wish->object) ||
        !read_uid(request, reply, "transferSyntax", &syntax))
        return false;
    if (!wish->object) {
        yq_reply_problem(reply, 400, "objectUID is missing");
        return false;
    }
    if (syntax)
        (void)yq_copy(wish->syntax, sizeof wish->syntax, syntax);
    const char *wanted = value_of(request, "contentType");
    wish->said_by = wanted ? "contentType" : "Accept";
    if (!wanted)
        wanted = request->accept;
    wish->any = !*wanted;
    wish->media_count = yq_media_parse(wanted, wish->media, YQ_MEDIA_MOST);
    return read_number(request, reply, "frameNumber", INT32_MAX, &wish->frame) &&
           read_number(request, reply, "imageQuality", 100, &wish->quality) &&
           refuse_unsupported(request, reply);
}

/* An image has Rows (PS3.3 C.7.6.3). */
static bool is_image(struct yq_house *house, const struct yq_entry *entry, bool *image,
                     struct yq_err *err)
{
    struct yq_query query = {.level = YQ_IMAGE, .limit = 1};
    struct yq_cursor *cursor = NULL;
    const char *const *values;
    query.wanted[YQ_Rows] = true;
    bool ok = yq_query_add(&query, YQ_SOPInstanceUID, entry->key.instance, true, err) &&
              yq_catalog_find(house->catalog, &query, &cursor, err);
    *image = false;
    if (ok) {
        if (yq_cursor_next(cursor, &values, err))
            *image = values[YQ_Rows] && *values[YQ_Rows];
        else
            ok = err->code == YQ_OK;
        yq_cursor_close(cursor);
    }
    yq_query_fini(&query);
    return ok;
}

/* NULL with a reply when nothing that can be made is wanted. */
static const char *choose_type(struct yq_house *house, const struct yq_entry *entry,
                               struct wish *wish, struct reply *reply)
{
    size_t as_file, as_picture;
    bool image = false;
    struct yq_err err = {0};
    unsigned file = yq_media_weight(wish->media, wish->media_count, DICOM, &as_file);
    unsigned picture = yq_media_weight(wish->media, wish->media_count, JPEG, &as_picture);
    if (wish->any)
        file = picture = 1000;
    if (picture && !is_image(house, entry, &image, &err)) {
        yq_reply_error(reply, &err);
        return NULL;
    }
    wish->file_too = file > 0;
    if (!image && !file) {
        yq_reply_problem(reply, 406,
                         picture ? "the object is no image: %s must allow application/dicom"
                                 : "%s must allow image/jpeg or application/dicom",
                         wish->said_by);
        return NULL;
    }
    if (image && (picture > file || (picture == file && as_picture <= as_file)))
        return JPEG;
    if (!*wish->syntax && wish->media_count)
        (void)yq_copy(wish->syntax, sizeof wish->syntax, wish->media[as_file].syntax);
    return DICOM;
}

enum outcome { ANSWERED, GONE, HAS_NO_PICTURE };

/* What became of a picture that could not be made. */
static enum outcome explain(const struct wish *wish, struct reply *reply, struct yq_err *err)
{
    bool of_object = strcmp(err->room, "dcm") == 0 || strcmp(err->room, "image") == 0;
    bool no_pixels = err->code == YQ_ABSENT && of_object && wish->frame <= 1;
    if (err->code == YQ_ABSENT && !of_object)
        return GONE;
    if (wish->file_too && !wish->frame && !wish->quality && (no_pixels || err->code == YQ_REFUSED))
        return HAS_NO_PICTURE;
    if (no_pixels || err->code == YQ_REFUSED || err->code == YQ_BAD_INPUT || err->code == YQ_FULL) {
        /* the object's fault: asking again does not help */
        yq_while(err, "this object cannot be shown; application/dicom sends it as it is");
        yq_reply_error_as(reply, 406, err);
    } else {
        yq_reply_error(reply, err);
    }
    return ANSWERED;
}

static enum outcome send_picture(struct yq_house *house, const struct request *request,
                                 const struct yq_entry *entry, const struct wish *wish,
                                 struct reply *reply)
{
    char digest[65], etag[128];
    struct yq_err err = {0};
    if (*wish->syntax) {
        yq_reply_problem(reply, 400, "transferSyntax goes with contentType=application/dicom only");
        return ANSWERED;
    }
    unsigned frame = wish->frame ? (unsigned)wish->frame : 1;
    int quality = wish->quality ? (int)wish->quality : QUALITY;
    yq_hex(digest, entry->object.digest, 32);
    /* another version may render otherwise */
    snprintf(etag, sizeof etag, "\"%s-%u-%d-%s\"", digest, frame, quality, YQ_VERSION);
    if (yq_reply_unchanged(request, reply, etag, 0))
        return ANSWERED;
    if (yq_render_jpeg(house, entry, frame - 1, quality, &reply->body, &err)) {
        yq_reply_body(reply, 200, JPEG);
        return ANSWERED;
    }
    yq_reply_fini(reply); /* begins again */
    return explain(wish, reply, &err);
}

/* In another transfer syntax, or with coerced values: no file of the store. */
static void send_made(struct yq_house *house, const struct yq_entry *entry, const struct wish *wish,
                      struct reply *reply)
{
    struct yq_outgoing object yq_cleanup(yq_outgoing_fini) = {.fd = -1};
    struct yq_part10 head;
    struct yq_err err = {0};
    const char *syntaxes[] = {*wish->syntax ? wish->syntax : entry->transfer_syntax};
    if (!yq_retrieve_open(house, entry, syntaxes, 1, &object, &err)) {
        if (err.code == YQ_REFUSED || err.code == YQ_BAD_INPUT || err.code == YQ_FULL)
            yq_reply_error_as(reply, 406, &err);
        else
            yq_reply_error(reply, &err);
        return;
    }
    /* The walk promises a dataset; that a whole Part 10 file stands around it is looked at. */
    if (!yq_part10_read(object.fd, &head, &err) || head.bare ||
        head.dataset_offset != object.offset) {
        yq_fail(&err, YQ_BUG, "door", "an object that was made has no file meta information");
        yq_reply_error(reply, &err);
        return;
    }
    reply->status = 200;
    reply->fd = object.fd;
    object.fd = -1;
    reply->offset = 0;
    reply->length = object.offset + object.length;
    yq_reply_header(reply, "Content-Type", DICOM);
    yq_reply_header(reply, "Cache-Control", "private, no-cache");
}

/* False: the object went away between the catalog and the store. */
static bool send_file(struct yq_house *house, const struct request *request,
                      const struct yq_entry *entry, const struct wish *wish, struct reply *reply)
{
    int fd = -1;
    char digest[65], etag[68];
    struct yq_err err = {0};
    if (wish->frame || wish->quality) {
        yq_reply_problem(reply, 400, "%s goes with contentType=image/jpeg only",
                         wish->frame ? "frameNumber" : "imageQuality");
        return true;
    }
    if (entry->coerced || (*wish->syntax && strcmp(wish->syntax, entry->transfer_syntax) != 0)) {
        send_made(house, entry, wish, reply);
        return true;
    }
    yq_hex(digest, entry->object.digest, 32);
    snprintf(etag, sizeof etag, "\"%s\"", digest);
    if (!yq_store_read(house->store, &entry->key, &entry->object, &fd, &err)) {
        if (err.code == YQ_ABSENT)
            return false;
        yq_reply_error(reply, &err);
        return true;
    }
    if (yq_reply_unchanged(request, reply, etag, entry->received_ms)) {
        yq_close(&fd);
        return true;
    }
    yq_reply_header(reply, "Content-Disposition", "attachment; filename=\"%s.dcm\"",
                    entry->key.instance);
    yq_reply_file(request, reply, fd, entry->object.size, DICOM, etag, entry->received_ms);
    return true;
}

static bool fits(const struct wish *wish, const struct yq_entry *entry)
{
    return (!wish->study || strcmp(wish->study, entry->key.study) == 0) &&
           (!wish->series || strcmp(wish->series, entry->key.series) == 0);
}

/* *entry: what was found, with a key of "" when nothing was. */
static void answer(struct yq_house *house, const struct request *request, struct yq_entry *found,
                   struct reply *reply)
{
    struct wish wish;
    struct yq_entry entry;
    struct yq_err err = {0};
    if (!read_wish(request, reply, &wish))
        return;
    for (int tries = 0; tries < 2; tries++) { /* replaced or deleted meanwhile: look again */
        if (!yq_catalog_get(house->catalog, wish.object, &entry, &err)) {
            if (err.code == YQ_ABSENT)
                yq_reply_problem(reply, 404, "no object with this objectUID is here");
            else
                yq_reply_error(reply, &err);
            return;
        }
        if (!fits(&wish, &entry)) {
            yq_reply_problem(reply, 404, "the object is not in this study and series");
            return;
        }
        *found = entry;
        const char *type = choose_type(house, &entry, &wish, reply);
        if (!type)
            return;
        enum outcome outcome = HAS_NO_PICTURE;
        if (strcmp(type, JPEG) == 0)
            outcome = send_picture(house, request, &entry, &wish, reply);
        if (outcome == ANSWERED)
            return;
        if (outcome == HAS_NO_PICTURE && send_file(house, request, &entry, &wish, reply))
            return;
    }
    yq_fail(&err, YQ_IO, "door",
            "the catalog knows the object and its file is missing: run yingqiao verify");
    yq_reply_error_as(reply, 500, &err);
}

void yq_route_wado(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct yq_entry found = {0};
    struct yq_audit_about about;
    struct yq_err err = {0};
    if (!yq_audit_ready(house->audit, &err)) {
        yq_reply_error_as(reply, 503, &err);
        return;
    }
    answer(house, request, &found, reply);
    if (!found.key.study[0])
        return;
    if (reply->status >= 400)
        yq_fail(&err, YQ_REFUSED, "door", "answered with status %u", reply->status);
    yq_audit_look(house, found.key.study, &about);
    yq_audit_accessed(house->audit, &request->from, 'R', &about, found.sop_class,
                      found.key.instance, "", err.code != YQ_OK ? &err : NULL);
}

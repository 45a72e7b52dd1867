/* objects.c: GET /objects/STUDY/SERIES/INSTANCE: one DICOM file on a URL that was given out
 * (walk/handout.c), without login until it expires, with ranges. RFC 9110; errors RFC 9457.
 *
 * A URL that is not ours is refused before it is looked up: nobody learns by it what is here. What
 * leaves is the object as it was stored, from the kernel's cache, or with the values that were
 * coerced when it came. Who fetched what is told to the audit trail. Runs on worker threads. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "yq/file.h"
#include "yq/log.h"
#include "yq/served.h"

static const char *param(const struct request *request, const char *name)
{
    const char *value = yq_params_get(&request->params, name);
    return value ? value : "";
}

/* What does not fit is no UID, and refused as such. */
static void read_key(const struct request *request, struct yq_key *out)
{
    memset(out, 0, sizeof *out);
    const struct yq_places *places = &request->places;
    if (!yq_copy(out->study, sizeof out->study, yq_places_get(places, "study")) ||
        !yq_copy(out->series, sizeof out->series, yq_places_get(places, "series")) ||
        !yq_copy(out->instance, sizeof out->instance, yq_places_get(places, "instance")))
        memset(out, 0, sizeof *out);
}

/* True when it may be given; else with a reply. */
static bool is_allowed(struct yq_house *house, const struct request *request,
                       const struct yq_key *key, struct reply *reply)
{
    struct yq_err err = {0};
    if (yq_handout_fits(house, key, param(request, "expires"), param(request, "signature"), &err))
        return true;
    bool expired = err.code == YQ_TIMEOUT;
    yq_audit_refused(house->audit, &request->from,
                     expired ? "HTTP with a URL of an object that has expired"
                             : "HTTP with a URL of an object that is not ours");
    if (expired)
        yq_reply_error_as(reply, 410, &err);
    else
        yq_reply_error(reply, &err);
    return false;
}

/* Only the beginning of a file that is fetched in pieces is told. */
static bool is_beginning(const struct request *request)
{
    return request->method == YQ_GET && (!*request->range || strstr(request->range, "bytes=0-"));
}

static void tell(struct yq_house *house, const struct request *request,
                 const struct yq_glance *object, unsigned status)
{
    struct yq_audit_about about = {.study = ""};
    struct yq_err err = {0};
    if (!is_beginning(request))
        return;
    if (status >= 400)
        yq_fail(&err, YQ_REFUSED, "door", "answered with status %u", status);
    (void)yq_copy(about.study, sizeof about.study, object->entry.key.study);
    (void)yq_copy(about.patient_id, sizeof about.patient_id, object->patient_id);
    (void)yq_copy(about.patient_name, sizeof about.patient_name, object->patient_name);
    (void)yq_copy(about.accession, sizeof about.accession, object->accession);
    yq_audit_accessed(house->audit, &request->from, 'R', &about, object->entry.sop_class,
                      object->entry.key.instance, "by a signed URL",
                      err.code != YQ_OK ? &err : NULL);
    yq_log(YQ_LOG_INFO, "object-handed-out", "study=%s instance=%s peer=%s status=%u",
           object->entry.key.study, object->entry.key.instance, request->from.address, status);
}

static void send(const struct request *request, struct reply *reply, struct yq_outgoing *take,
                 const struct yq_entry *entry)
{
    char digest[65], etag[128];
    yq_hex(digest, entry->object.digest, 32);
    if (entry->coerced) /* other bytes than those of the digest */
        (void)snprintf(etag, sizeof etag, "\"%.32s-%" PRId64 "\"", digest, entry->received_ms);
    else
        (void)snprintf(etag, sizeof etag, "\"%.32s\"", digest);
    yq_reply_header(reply, "Cache-Control", "private, no-cache");
    if (yq_reply_unchanged(request, reply, etag, entry->received_ms))
        return;
    yq_reply_header(reply, "Content-Disposition", "attachment; filename=\"%s.dcm\"",
                    entry->key.instance);
    yq_reply_file(request, reply, take->fd, 0, take->offset + take->length, "application/dicom",
                  etag, entry->received_ms);
    take->fd = -1;
}

void yq_route_object(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct yq_key key;
    struct yq_glance about;
    struct yq_outgoing object yq_cleanup(yq_outgoing_fini) = {.fd = -1};
    struct yq_err err = {0};
    if (!yq_audit_ready(house->audit, &err)) {
        yq_reply_error_as(reply, 503, &err);
        return;
    }
    read_key(request, &key);
    if (!is_allowed(house, request, &key, reply))
        return;
    if (!yq_handout_open(house, &key, &about, &object, &err)) {
        yq_reply_error(reply, &err);
        return;
    }
    send(request, reply, &object, &about.entry);
    tell(house, request, &about, reply->status);
}

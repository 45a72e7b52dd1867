/* wado.c: WADO-URI: one object by its UIDs, as what the client takes of it. PS3.18 chapter 9.
 *
 * Reads the request by the tables of wado.h, looks the object up, chooses among the media types
 * that can be made of such an object, and hands it to wado_send.c; where an object turns out not to
 * be what its header says, the next type that the client takes is tried. Tells the audit trail.
 * Runs on a worker thread. */
#include <string.h>

#include "wado_send.h"

bool wado_answer_absent(struct wado *wado, const struct yq_key *key, const char *what,
                        const struct yq_err *why)
{
    int64_t deleted_ms;
    struct yq_err err = {0};
    if (why->code != YQ_ABSENT)
        yq_reply_error(wado->reply, why);
    else if (yq_catalog_deleted(wado->house->catalog, key, &deleted_ms, &err))
        yq_reply_problem(wado->reply, 410, "it was here and was deleted: %s", key->instance);
    else if (what)
        yq_reply_problem(wado->reply, 404, "%s", what);
    else
        return false;
    return true;
}

static bool answer_absent(struct wado *wado, const struct yq_err *why, bool last)
{
    struct yq_key key = {.study = ""};
    (void)yq_copy(key.study, sizeof key.study, wado->values.text[WADO_STUDY]);
    (void)yq_copy(key.series, sizeof key.series, wado->values.text[WADO_SERIES]);
    (void)yq_copy(key.instance, sizeof key.instance, wado->values.text[WADO_OBJECT]);
    return wado_answer_absent(wado, &key, last ? "no object with this objectUID is here" : NULL,
                              why);
}

static bool fits(const struct wado *wado)
{
    const struct yq_key *key = &wado->object.entry.key;
    const char *study = wado->values.text[WADO_STUDY], *series = wado->values.text[WADO_SERIES];
    return (!*study || strcmp(study, key->study) == 0) &&
           (!*series || strcmp(series, key->series) == 0);
}

static bool check_frame(const struct wado *wado, enum wado_category category)
{
    bool given = wado->values.given & WADO_BIT(FRAME);
    bool image = category == WADO_SINGLE_FRAME || category == WADO_MULTI_FRAME;
    if (!given || !image || wado->values.number[WADO_FRAME] <= wado->object.frames)
        return true;
    yq_reply_problem(wado->reply, 400, "frameNumber is %.0f, and the image has %u",
                     wado->values.number[WADO_FRAME], wado->object.frames);
    return false;
}

/* A picture of what is broken, or too large, is no file instead: who wanted to see it is told. */
static bool goes_on(const struct wado_type *type, const struct yq_err *err)
{
    return type->kind != WADO_PICTURE || (err->code != YQ_BAD_INPUT && err->code != YQ_FULL);
}

/* Each type that would do, until one can be made. False: the object is gone. */
static bool send(struct wado *wado)
{
    struct yq_err why = {0};
    bool on = true;
    for (size_t i = 0; on && i < wado->choice.count; i++) {
        struct yq_err err = {0};
        switch (wado_send(wado, wado->choice.types[i], wado->choice.names[i], &err)) {
        case WADO_ANSWERED: return true;
        case WADO_GONE: return false;
        case WADO_CANNOT:
            yq_reply_fini(wado->reply); /* begins again */
            why = why.code == YQ_OK ? err : why;
            on = goes_on(wado->choice.types[i], &err);
            break;
        }
    }
    if (wado->choice.types[0]->kind != WADO_DICOM)
        yq_while(&why, "application/dicom sends this object as it is; it cannot be shown");
    yq_reply_error_as(wado->reply, 406, &why);
    return true;
}

/* False: the object went away between the catalog and the store. */
static bool answer_object(struct wado *wado)
{
    struct yq_err err = {0};
    unsigned status = 400;
    enum wado_category category = wado_category(&wado->object);
    if (!check_frame(wado, category))
        return true;
    if (wado_choose(&wado->wish, &wado->values, category, &wado->choice, &status, &err))
        return send(wado);
    yq_reply_error_as(wado->reply, status, &err);
    return true;
}

static void answer(struct wado *wado)
{
    struct yq_err err = {0};
    unsigned status = 400;
    if (!wado_read(&wado->request->params, &wado->values, &status, &err)) {
        yq_reply_error_as(wado->reply, status, &err);
        return;
    }
    wado_wish_read(&wado->values, wado->request->accept, &wado->wish);
    /* Replaced or deleted meanwhile, or come again after it was missed: looks again. */
    for (int left = 2; left >= 0; left--) {
        wado->found = yq_catalog_glance(wado->house->catalog, wado->values.text[WADO_OBJECT],
                                        &wado->object, &err);
        if (!wado->found) {
            if (answer_absent(wado, &err, left == 0))
                return;
            continue;
        }
        if (!fits(wado)) {
            wado->found = false;
            yq_reply_problem(wado->reply, 404, "the object is not in this study and series");
            return;
        }
        if (answer_object(wado))
            return;
    }
    yq_fail(&err, YQ_IO, "door",
            "the catalog knows the object and its file is missing: run yingqiao verify");
    yq_reply_error_as(wado->reply, 500, &err);
}

static void tell(const struct wado *wado)
{
    struct yq_audit_about about = {.study = ""};
    struct yq_err err = {0};
    const struct yq_glance *object = &wado->object;
    if (wado->reply->status >= 400)
        yq_fail(&err, YQ_REFUSED, "door", "answered with status %u", wado->reply->status);
    (void)yq_copy(about.study, sizeof about.study, object->entry.key.study);
    (void)yq_copy(about.patient_id, sizeof about.patient_id, object->patient_id);
    (void)yq_copy(about.patient_name, sizeof about.patient_name, object->patient_name);
    (void)yq_copy(about.accession, sizeof about.accession, object->accession);
    yq_audit_accessed(wado->house->audit, &wado->request->from, 'R', &about,
                      object->entry.sop_class, object->entry.key.instance, "",
                      err.code != YQ_OK ? &err : NULL);
}

void yq_route_wado(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct wado wado = {.house = house, .request = request, .reply = reply};
    struct yq_err err = {0};
    if (!yq_audit_ready(house->audit, &err)) {
        yq_reply_error_as(reply, 503, &err);
        return;
    }
    answer(&wado);
    if (!(wado.values.given & WADO_BIT(CONTENT_TYPE)))
        yq_reply_header(reply, "Vary", "Accept");
    if (wado.found)
        tell(&wado);
}

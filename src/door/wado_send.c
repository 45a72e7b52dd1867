/* wado_send.c: an object as a DICOM file, a picture, or a document. PS3.18 9.4, 9.5, 8.7.3.4.
 * Runs on a worker thread. */
#include "wado_send.h"

#include <stdio.h>
#include <string.h>

#include "yq/anonymize.h"
#include "yq/dcm.h"
#include "yq/document.h"
#include "yq/file.h"

/* The object's fault, not ours: another type may do, and asking again does not help. */
static enum wado_outcome give_up(struct wado *wado, const struct yq_err *err)
{
    bool of_store = strcmp(err->room, "store") == 0;
    if (err->code == YQ_ABSENT && of_store)
        return WADO_GONE;
    if (err->code == YQ_ABSENT || err->code == YQ_REFUSED || err->code == YQ_BAD_INPUT ||
        (err->code == YQ_FULL && !of_store))
        return WADO_CANNOT;
    yq_reply_error(wado->reply, err);
    return WADO_ANSWERED;
}

/* A tag of the object as it is made for this request: its content, what was made of it, by which
 * version. */
static void make_etag(const struct wado *wado, const char *name, const char *more, bool weak,
                      char etag[128])
{
    char digest[65];
    uint64_t hash = 0xcbf29ce484222325;
    const char *texts[WADO_PARAMS + 2] = {name, more};
    size_t count = 2;
    for (int i = WADO_CHARSET; i < WADO_PARAMS; i++)
        texts[count++] = wado->values.text[i];
    for (size_t i = 0; i < count; i++) {
        const char *at = texts[i];
        do /* FNV-1a, with the 0 between two texts */
            hash = (hash ^ (uint8_t)*at) * 0x100000001b3;
        while (*at++);
    }
    yq_hex(digest, wado->object.entry.object.digest, 32);
    snprintf(etag, 128, "%s\"%.32s-%016llx-%s\"", weak ? "W/" : "", digest,
             (unsigned long long)hash, YQ_VERSION);
}

/* ---- pictures ---- */

static void read_rendering(const struct wado *wado, enum yq_as media, struct yq_rendering *how)
{
    const struct wado_values *values = &wado->values;
    const double *number = values->number;
    *how = (struct yq_rendering){.media = media, .frame = YQ_ALL_FRAMES};
    struct yq_view *view = &how->view;
    if (values->given & WADO_BIT(FRAME))
        how->frame = (uint32_t)number[WADO_FRAME] - 1;
    how->quality = (int)number[WADO_QUALITY];
    unsigned words = values->words[WADO_ANNOTATION] | values->words[WADO_IMAGE_ANNOTATION];
    how->patient = words & 1;
    how->technique = words & 2;
    view->rows = (unsigned)number[WADO_ROWS];
    view->columns = (unsigned)number[WADO_COLUMNS];
    view->has_window = values->given & WADO_BIT(WIDTH);
    view->window = (struct yq_window){number[WADO_CENTER], number[WADO_WIDTH]};
    /* PS3.3 C.11.2.1.2: the plain function begins at a width of 1 */
    view->function = number[WADO_WIDTH] < 1 ? YQ_VOI_LINEAR_EXACT : YQ_VOI_LINEAR;
    view->has_region = values->given & WADO_BIT(REGION);
    view->left = values->area[0];
    view->top = values->area[1];
    view->right = values->area[2];
    view->bottom = values->area[3];
}

/* False: with a reply. */
static bool find_presentation(struct wado *wado, struct yq_glance *out, struct yq_err *err)
{
    const char *series = wado->values.text[WADO_PRESENTATION_SERIES];
    struct yq_key key = {.study = ""};
    (void)yq_copy(key.series, sizeof key.series, series);
    (void)yq_copy(key.instance, sizeof key.instance, wado->values.text[WADO_PRESENTATION]);
    if (!yq_catalog_glance(wado->house->catalog, key.instance, out, err)) {
        (void)wado_answer_absent(wado, &key,
                                 "no presentation state with this presentationUID is here", err);
        return false;
    }
    if (!*series || strcmp(series, out->entry.key.series) == 0)
        return true;
    yq_reply_problem(wado->reply, 404, "the presentation state is not in presentationSeriesUID");
    return false;
}

static enum wado_outcome send_picture(struct wado *wado, const struct wado_type *type,
                                      const char *name, struct yq_err *err)
{
    static const struct {
        const char *name;
        enum yq_as media;
    } media[] = {{"image/jpeg", YQ_AS_JPEG},
                 {"image/png", YQ_AS_PNG},
                 {"image/gif", YQ_AS_GIF},
                 {"image/jp2", YQ_AS_JP2}};
    char etag[128], state[65] = "";
    const struct yq_entry *shown_by = NULL;
    struct yq_rendering how;
    size_t which = 0;
    while (which < 3 && strcmp(media[which].name, type->name) != 0)
        which++;
    struct yq_glance presentation;
    if (wado->values.given & WADO_BIT(PRESENTATION)) {
        if (!find_presentation(wado, &presentation, err))
            return WADO_ANSWERED;
        shown_by = &presentation.entry;
        yq_hex(state, shown_by->object.digest, 32);
    }
    make_etag(wado, name, state, false, etag);
    if (yq_reply_unchanged(wado->request, wado->reply, etag, 0))
        return WADO_ANSWERED;
    read_rendering(wado, media[which].media, &how);
    how.presentation = shown_by;
    if (yq_render(wado->house, &wado->object.entry, &how, &wado->reply->body, err)) {
        yq_reply_body(wado->reply, 200, name);
        return WADO_ANSWERED;
    }
    if (strcmp(err->room, YQ_RENDER_PRESENTATION) == 0) {
        bool wrong = err->code == YQ_ABSENT || err->code == YQ_BAD_INPUT;
        yq_reply_error_as(wado->reply, wrong ? 400 : err->code == YQ_REFUSED ? 406 : 500, err);
        return WADO_ANSWERED;
    }
    bool sized = wado->values.given & (WADO_BIT(ROWS) | WADO_BIT(COLUMNS));
    if (err->code == YQ_FULL && sized) {
        yq_reply_error_as(wado->reply, 400, err);
        return WADO_ANSWERED;
    }
    return give_up(wado, err);
}

/* ---- the file ---- */

/* Those in which there may be nothing but pixels that have lost already: made into native ones they
 * would only be larger. PS3.18 8.7.3.4. */
static bool may_have_lost(const char *syntax)
{
    static const char *const lossy[] = {YQ_TS_JPEG_BASELINE, "1.2.840.10008.1.2.4.51",
                                        YQ_TS_JPEGLS_NEAR,   YQ_TS_J2K,
                                        YQ_TS_HTJ2K,         "1.2.840.10008.1.2.4.93"};
    for (size_t i = 0; i < sizeof lossy / sizeof *lossy; i++)
        if (strcmp(lossy[i], syntax) == 0)
            return true;
    return strncmp(syntax, "1.2.840.10008.1.2.4.10", 22) == 0; /* video */
}

/* What is to be made; *asked: by the client, who gets nothing else. */
static const char *syntax_wanted(const struct wado *wado, bool *asked)
{
    const char *stored = wado->object.entry.transfer_syntax;
    const char *wanted = wado->values.text[WADO_SYNTAX];
    if (!*wanted)
        wanted = wado->choice.syntax;
    *asked = *wanted && strcmp(wanted, "*") != 0;
    if (*asked)
        return wanted;
    const struct yq_conf *conf = yq_conf_hold(wado->house->conf);
    bool as_stored = *wanted || conf->http_wado_default == YQ_WADO_AS_STORED;
    yq_conf_release(wado->house->conf, conf);
    return as_stored || may_have_lost(stored) ? stored : YQ_TS_EXPLICIT_LE;
}

/* The walk promises a dataset; that a whole Part 10 file stands around it is looked at. */
static bool is_whole(const struct yq_outgoing *object, struct yq_part10 *head, struct yq_err *err)
{
    return (yq_part10_read(object->fd, head, err) && !head->bare &&
            head->dataset_offset == object->offset) ||
           yq_fail(err, YQ_BUG, "door", "an object that was made has no file meta information");
}

static enum wado_outcome send_open(struct wado *wado, struct yq_outgoing *object, const char *name,
                                   const char *etag, int64_t modified_ms)
{
    if (yq_reply_unchanged(wado->request, wado->reply, etag, modified_ms))
        return WADO_ANSWERED;
    yq_reply_header(wado->reply, "Content-Disposition", "attachment; filename=\"%s.dcm\"", name);
    yq_reply_file(wado->request, wado->reply, object->fd, 0, object->offset + object->length,
                  "application/dicom", etag, modified_ms);
    object->fd = -1;
    return WADO_ANSWERED;
}

/* What loses is made only for who names the syntax. */
static bool open_made(struct wado *wado, const char *syntax, bool asked, struct yq_outgoing *out,
                      struct yq_err *err)
{
    const struct yq_entry *entry = &wado->object.entry;
    bool stored = strcmp(syntax, entry->transfer_syntax) == 0;
    if (!asked || stored)
        return yq_retrieve_open(wado->house, entry, &syntax, 1, out, err);
    struct yq_coding coding = yq_retrieve_coding(syntax, (int)wado->values.number[WADO_QUALITY]);
    return yq_retrieve_coded(wado->house, entry, &coding, out, err);
}

/* In another transfer syntax, or with coerced values: no file of the store. */
static enum wado_outcome send_made(struct wado *wado, const char *syntax, bool asked,
                                   struct yq_err *err)
{
    struct yq_outgoing object yq_cleanup(yq_outgoing_fini) = {.fd = -1};
    struct yq_part10 head;
    char etag[128], made[96];
    const struct yq_entry *entry = &wado->object.entry;
    if (!open_made(wado, syntax, asked, &object, err))
        return give_up(wado, err);
    if (!is_whole(&object, &head, err)) {
        yq_reply_error(wado->reply, err);
        return WADO_ANSWERED;
    }
    snprintf(made, sizeof made, "%s %d %lld", object.transfer_syntax, entry->coerced,
             (long long)entry->received_ms);
    make_etag(wado, "application/dicom", made, false, etag);
    return send_open(wado, &object, head.sop_instance, etag, entry->received_ms);
}

static enum wado_outcome send_stored(struct wado *wado, struct yq_err *err)
{
    char digest[65], etag[68];
    const struct yq_entry *entry = &wado->object.entry;
    struct yq_outgoing object yq_cleanup(yq_outgoing_fini) = {.fd = -1,
                                                              .length = entry->object.size};
    yq_hex(digest, entry->object.digest, 32);
    snprintf(etag, sizeof etag, "\"%s\"", digest);
    if (!yq_store_read(wado->house->store, &entry->key, &entry->object, &object.fd, err))
        return give_up(wado, err);
    return send_open(wado, &object, entry->key.instance, etag, entry->received_ms);
}

/* Nothing of the reply tells what the object was but what the client knows already: neither when it
 * came nor its digest. What is sent follows from it, the secret (by which the new UID is made), and
 * the rules. */
static enum wado_outcome send_anonymized(struct wado *wado, const char *syntax, bool asked,
                                         struct yq_err *err)
{
    struct yq_outgoing object yq_cleanup(yq_outgoing_fini) = {.fd = -1};
    struct yq_anonymized about;
    struct yq_part10 head;
    char etag[32], digest[65], made[512];
    const struct yq_entry *entry = &wado->object.entry;
    const char *syntaxes[] = {syntax, YQ_TS_EXPLICIT_LE, entry->transfer_syntax};
    if (!yq_anonymize_open(wado->house, entry, syntaxes, asked ? 1 : 3, &object, &about, err))
        return give_up(wado, err);
    if (!is_whole(&object, &head, err)) {
        yq_reply_error(wado->reply, err);
        return WADO_ANSWERED;
    }
    const struct yq_conf *conf = yq_conf_hold(wado->house->conf);
    uint64_t rules = yq_conf_stamp(conf->folder); /* other ones make another object */
    yq_conf_release(wado->house->conf, conf);
    yq_hex(digest, entry->object.digest, 32);
    snprintf(made, sizeof made, "%s %s %s %d %llx %s", digest, about.instance,
             object.transfer_syntax, entry->coerced, (unsigned long long)rules, YQ_VERSION);
    snprintf(etag, sizeof etag, "\"%016llx\"", (unsigned long long)yq_hash_text(made));
    return send_open(wado, &object, about.instance, etag, 0);
}

static enum wado_outcome send_dicom(struct wado *wado, struct yq_err *err)
{
    const struct yq_entry *entry = &wado->object.entry;
    bool asked;
    const char *syntax = syntax_wanted(wado, &asked);
    if (asked && !yq_uid_valid(syntax)) {
        yq_reply_problem(wado->reply, 400, "transfer-syntax is not a DICOM UID");
        return WADO_ANSWERED;
    }
    if (wado->values.given & WADO_BIT(ANONYMIZE))
        return send_anonymized(wado, syntax, asked, err);
    bool stored = strcmp(syntax, entry->transfer_syntax) == 0;
    if (stored && !entry->coerced)
        return send_stored(wado, err);
    enum wado_outcome outcome = send_made(wado, syntax, asked, err);
    if (outcome != WADO_CANNOT || asked || stored)
        return outcome;
    yq_reply_fini(wado->reply); /* what cannot be made into the default leaves as it is */
    return entry->coerced ? send_made(wado, entry->transfer_syntax, false, err)
                          : send_stored(wado, err);
}

/* ---- documents ---- */

static enum wado_outcome send_document(struct wado *wado, const char *name, struct yq_err *err)
{
    char etag[128], type[128];
    const struct yq_entry *entry = &wado->object.entry;
    struct reply *reply = wado->reply;
    struct yq_document document yq_cleanup(yq_document_fini) = {.fd = -1};
    if (!yq_document_open(wado->house, entry, name, wado->values.text[WADO_CHARSET], &document,
                          err))
        return give_up(wado, err);
    bool made = document.charset != NULL; /* may be compressed on its way: then other bytes */
    make_etag(wado, name, "", made, etag);
    if (yq_reply_unchanged(wado->request, reply, etag, made ? 0 : entry->received_ms))
        return WADO_ANSWERED;
    snprintf(type, sizeof type, "%s%s%s", name, made ? "; charset=" : "",
             made ? document.charset : "");
    if (document.policy)
        yq_reply_header(reply, "Content-Security-Policy", "%s", document.policy);
    yq_reply_header(reply, "Content-Disposition", "inline; filename=\"%s.%s\"", entry->key.instance,
                    document.extension);
    if (document.fd >= 0) {
        yq_reply_file(wado->request, reply, document.fd, document.offset, document.length, type,
                      etag, entry->received_ms);
        document.fd = -1;
        return WADO_ANSWERED;
    }
    reply->body = document.bytes;
    document.bytes = (struct yq_buf){0};
    yq_reply_body(reply, 200, type);
    return WADO_ANSWERED;
}

enum wado_outcome wado_send(struct wado *wado, const struct wado_type *type, const char *name,
                            struct yq_err *err)
{
    switch (type->kind) {
    case WADO_PICTURE: return send_picture(wado, type, name, err);
    case WADO_DICOM: return send_dicom(wado, err);
    default: return send_document(wado, name, err);
    }
}

/* wado_media.c: the media types of WADO-URI, of what each can be made, and which of them an answer
 * has. PS3.18 8.7.2, 8.7.4, 8.7.5, 9.3; RFC 9110 12.5.1. */
#include <string.h>

#include "wado.h"
#include "yq/uid.h"

#define IMAGES (WADO_SINGLE_FRAME | WADO_MULTI_FRAME)

/* The order is that of our preference: a client that takes anything gets what a person can look at,
 * and the file where there is nothing to look at. */
const struct wado_type wado_types[WADO_TYPES] = {
    {"image/jpeg", NULL, WADO_PICTURE, IMAGES, "one frame, 8 bits a sample, baseline JPEG"},
    {"text/html", NULL, WADO_TEXT, WADO_REPORT | WADO_WAVEFORM,
     "the report as a page, the waveform drawn"},
    {"application/pdf", NULL, WADO_DOCUMENT, WADO_PDF, "the document as it was encapsulated"},
    {"text/xml", "application/xml", WADO_DOCUMENT, WADO_CDA,
     "the clinical document as it was encapsulated"},
    {"video/mp4", NULL, WADO_VIDEO, WADO_MOVIE,
     "the video as it is stored, when it is an MP4 file"},
    {"video/mpeg", NULL, WADO_VIDEO, WADO_MOVIE, "the video as it is stored, when it is MPEG-2"},
    {"video/mp2t", NULL, WADO_VIDEO, WADO_MOVIE,
     "the video as it is stored, when it is a transport stream"},
    {"application/dicom", NULL, WADO_DICOM, WADO_EVERY, "the object as a DICOM file"},
    {"image/png", NULL, WADO_PICTURE, IMAGES, "one frame, 8 bits a sample, without loss"},
    {"image/gif", NULL, WADO_PICTURE, IMAGES,
     "all frames, moving at the object's own rate, in 256 colours"},
    {"image/jp2", "image/jpx", WADO_PICTURE, IMAGES, "one frame, 8 bits a sample, JPEG 2000"},
    {"text/plain", NULL, WADO_TEXT, WADO_REPORT | WADO_WAVEFORM,
     "the report as plain text, what the waveform has in words"},
    {"video/h264", NULL, WADO_VIDEO, WADO_MOVIE, "the video as it is stored, without a container"},
    {"video/h265", NULL, WADO_VIDEO, WADO_MOVIE, "the video as it is stored, without a container"},
    {"model/stl", NULL, WADO_DOCUMENT, WADO_MODEL, "the model as it was encapsulated"},
    {"model/obj", NULL, WADO_DOCUMENT, WADO_MODEL, "the model as it was encapsulated"},
    {"model/mtl", NULL, WADO_DOCUMENT, WADO_MODEL, "the model as it was encapsulated"},
};

static const struct {
    enum wado_category category;
    const char *name;
} categories[] = {
    {WADO_SINGLE_FRAME, "single-frame image"},
    {WADO_MULTI_FRAME, "multi-frame image"},
    {WADO_MOVIE, "video"},
    {WADO_REPORT, "structured report"},
    {WADO_PDF, "encapsulated PDF"},
    {WADO_CDA, "encapsulated CDA"},
    {WADO_MODEL, "encapsulated model"},
    {WADO_WAVEFORM, "waveform"},
    {WADO_OTHER, "object that is no image, report or document"},
};

const char *wado_category_name(enum wado_category category)
{
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
        if (categories[i].category == category)
            return categories[i].name;
    return "object";
}

/* MPEG-2, MPEG-4 AVC and HEVC: 1.2.840.10008.1.2.4.100 to .108, and the fragmentable ones below. */
static bool is_movie(const char *syntax)
{
    static const char start[] = "1.2.840.10008.1.2.4.10";
    size_t length = sizeof start - 1;
    char last = strncmp(syntax, start, length) == 0 ? syntax[length] : '\0';
    return last >= '0' && last <= '8' && (!syntax[length + 1] || syntax[length + 1] == '.');
}

enum wado_category wado_category(const struct yq_glance *object)
{
    static const char encapsulated[] = "1.2.840.10008.5.1.4.1.1.104.";
    static const char reports[] = "1.2.840.10008.5.1.4.1.1.88.";
    static const char waveforms[] = "1.2.840.10008.5.1.4.1.1.9.";
    static const char sounds[] = "1.2.840.10008.5.1.4.1.1.9.4.";
    const char *sop_class = object->entry.sop_class;
    if (strcmp(sop_class, "1.2.840.10008.5.1.4.1.1.104.1") == 0)
        return WADO_PDF;
    if (strcmp(sop_class, "1.2.840.10008.5.1.4.1.1.104.2") == 0)
        return WADO_CDA;
    if (strncmp(sop_class, encapsulated, sizeof encapsulated - 1) == 0)
        return WADO_MODEL;
    if (strncmp(sop_class, reports, sizeof reports - 1) == 0)
        return WADO_REPORT;
    if (strncmp(sop_class, waveforms, sizeof waveforms - 1) == 0 &&
        strncmp(sop_class, sounds, sizeof sounds - 1) != 0)
        return WADO_WAVEFORM;
    if (!object->image)
        return WADO_OTHER;
    if (is_movie(object->entry.transfer_syntax))
        return WADO_MOVIE;
    return object->frames > 1 ? WADO_MULTI_FRAME : WADO_SINGLE_FRAME;
}

void wado_wish_read(const struct wado_values *values, const char *accept, struct wado_wish *out)
{
    bool told = values->given & WADO_BIT(CONTENT_TYPE);
    const char *wanted = told ? values->text[WADO_CONTENT_TYPE] : accept;
    memset(out, 0, sizeof *out);
    out->said_by = told ? "contentType" : "Accept";
    out->any = !*wanted;
    out->count = yq_media_parse(wanted, out->media, YQ_MEDIA_MOST);
}

struct weight {
    unsigned q;
    size_t which;
    const char *name;
};

static struct weight weigh(const struct wado_wish *wish, const struct wado_type *type)
{
    struct weight weight = {.q = 1000, .name = type->name}, other = {.name = type->alias};
    if (wish->any)
        return weight;
    weight.q = yq_media_weight(wish->media, wish->count, weight.name, &weight.which);
    if (other.name)
        other.q = yq_media_weight(wish->media, wish->count, other.name, &other.which);
    return other.q > weight.q ? other : weight;
}

/* The first parameter that does not go with a kind; WADO_PARAMS: all do. */
static enum wado_param misfit(const struct wado_values *values, enum wado_kind kind)
{
    for (int i = 0; i < WADO_PARAMS; i++) {
        const struct wado_rule *rule = &wado_rules[i];
        if (!(values->given & 1u << i))
            continue;
        if (!(rule->goes_with & kind) ||
            (kind == WADO_DICOM && (rule->dicom_needs & ~values->given)))
            return (enum wado_param)i;
    }
    return WADO_PARAMS;
}

static bool is_better(struct weight a, struct weight b)
{
    return a.q != b.q ? a.q > b.q : a.which < b.which;
}

static bool refuse(const struct wado_wish *wish, enum wado_param misfitting, const char *with,
                   enum wado_category category, unsigned *status, struct yq_err *err)
{
    *status = misfitting < WADO_PARAMS ? 400 : 406;
    if (misfitting < WADO_PARAMS)
        return yq_fail(err, YQ_BAD_INPUT, "door", "%s does not go with %s%s",
                       wado_rules[misfitting].name, with,
                       wado_rules[misfitting].dicom_needs ? " without transferSyntax" : "");
    return yq_fail(err, YQ_REFUSED, "door",
                   "%s allows nothing that can be made of this %s; application/dicom always can",
                   wish->said_by, wado_category_name(category));
}

bool wado_choose(const struct wado_wish *wish, const struct wado_values *values,
                 enum wado_category category, struct wado_choice *out, unsigned *status,
                 struct yq_err *err)
{
    struct weight weights[WADO_TYPES];
    enum wado_param misfitting = WADO_PARAMS;
    const char *with = "";
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < WADO_TYPES; i++) {
        const struct wado_type *type = &wado_types[i];
        struct weight weight = weigh(wish, type);
        if (!(type->made_of & (unsigned)category) || !weight.q)
            continue;
        enum wado_param bad = misfit(values, type->kind);
        if (bad < WADO_PARAMS) {
            if (misfitting == WADO_PARAMS) {
                misfitting = bad;
                with = type->name;
            }
            continue;
        }
        size_t at = out->count++;
        for (; at && is_better(weight, weights[at - 1]); at--) { /* stable: ours decides a tie */
            weights[at] = weights[at - 1];
            out->types[at] = out->types[at - 1];
            out->names[at] = out->names[at - 1];
        }
        weights[at] = weight;
        out->types[at] = type;
        out->names[at] = weight.name;
        if (type->kind == WADO_DICOM && !wish->any)
            (void)yq_copy(out->syntax, sizeof out->syntax, wish->media[weight.which].syntax);
    }
    return out->count || refuse(wish, misfitting, with, category, status, err);
}

/* wado_table.c: the parameters of WADO-URI: which there are, how each is written, with which media
 * types it goes, which others it needs or bars, and what is answered when it is wrong.
 * PS3.18 9.1.2, 9.4.1.2, 9.5.1.2.
 *
 * Where editions of the standard differ, what harms nobody is taken: names in any case, one UID
 * instead of three, annotation for imageAnnotation, a region within a presentation state. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wado.h"

#define TEXTS (WADO_TEXT | WADO_DOCUMENT)
#define ANNOTATIONS (WADO_BIT(ANNOTATION) | WADO_BIT(IMAGE_ANNOTATION))
#define WINDOW (WADO_BIT(CENTER) | WADO_BIT(WIDTH))

/* clang-format off */
const struct wado_rule wado_rules[WADO_PARAMS] = {
    [WADO_REQUEST] = {"requestType", WADO_WORD, 0, 0, "WADO", NULL, WADO_ANY, true, 0, 0, 0, 400,
        "9.1.2.1", "always WADO"},
    [WADO_STUDY] = {"studyUID", WADO_UID, 0, 0, NULL, NULL, WADO_ANY, false, 0, 0, 0, 400,
        "9.1.2.1", "the study that the object is in; may be left out, and must be right when it is there"},
    [WADO_SERIES] = {"seriesUID", WADO_UID, 0, 0, NULL, NULL, WADO_ANY, false, 0, 0, 0, 400,
        "9.1.2.1", "the series that the object is in; may be left out, and must be right when it is there"},
    [WADO_OBJECT] = {"objectUID", WADO_UID, 0, 0, NULL, NULL, WADO_ANY, true, 0, 0, 0, 400,
        "9.1.2.1", "SOP Instance UID of the object; enough alone"},
    [WADO_CONTENT_TYPE] = {"contentType", WADO_LIST, 0, 0, NULL, NULL, WADO_ANY, false, 0, 0, 0, 406,
        "9.1.2.2.1", "media types that will do, with commas and, if need be, weights (;q=0.5); in its place the Accept header counts"},
    [WADO_CHARSET] = {"charset", WADO_LIST, 0, 0, NULL, NULL, WADO_ANY, false, 0, 0, 0, 406,
        "9.1.2.2.2", "character sets that will do for a text: utf-8, gb18030, gbk, gb2312, iso-8859-1, us-ascii; other types have none"},
    [WADO_ANONYMIZE] = {"anonymize", WADO_WORD, 0, 0, "yes|no", "no", WADO_DICOM, false, 0, 0, 0, 400,
        "9.4.1.2.1", "yes: without what tells who the patient is (PS3.15 annex E, Basic Profile with Clean Pixel Data)"},
    [WADO_ANNOTATION] = {"annotation", WADO_WORDS, 0, 0, "patient|technique", NULL, WADO_PICTURE, false, 0, WADO_BIT(IMAGE_ANNOTATION), 0, 400,
        "9.4.1.2.2", "the name that earlier editions of the standard have for imageAnnotation"},
    [WADO_IMAGE_ANNOTATION] = {"imageAnnotation", WADO_WORDS, 0, 0, "patient|technique", NULL, WADO_PICTURE, false, 0, WADO_BIT(ANNOTATION), 0, 400,
        "9.5.1.2.2", "writes who the patient is, or how the picture was taken, into the corners of the picture"},
    [WADO_ROWS] = {"rows", WADO_WHOLE, 1, 16384, NULL, NULL, WADO_PICTURE, false, 0, 0, 0, 400,
        "9.5.1.2.4.1", "most rows of the picture, which keeps its proportions and is made as large as fits"},
    [WADO_COLUMNS] = {"columns", WADO_WHOLE, 1, 16384, NULL, NULL, WADO_PICTURE, false, 0, 0, 0, 400,
        "9.5.1.2.4.2", "most columns of the picture, as rows"},
    [WADO_REGION] = {"region", WADO_AREA, 0, 1, NULL, NULL, WADO_PICTURE, false, 0, 0, 0, 400,
        "9.5.1.2.5", "the part of the image that is shown: left, top, right and bottom as fractions of it, 0,0,1,1 being the whole; with a presentation state, of what that shows"},
    [WADO_CENTER] = {"windowCenter", WADO_DECIMAL, -1e9, 1e9, NULL, NULL, WADO_PICTURE, false, WADO_BIT(WIDTH), WADO_BIT(PRESENTATION), 0, 400,
        "9.5.1.2.6.1", "center of the window of grey values, in the unit of the object's own"},
    [WADO_WIDTH] = {"windowWidth", WADO_DECIMAL, 1e-6, 1e9, NULL, NULL, WADO_PICTURE, false, WADO_BIT(CENTER), WADO_BIT(PRESENTATION), 0, 400,
        "9.5.1.2.6.2", "width of the window of grey values"},
    [WADO_FRAME] = {"frameNumber", WADO_WHOLE, 1, INT32_MAX, NULL, NULL, WADO_PICTURE, false, 0, 0, 0, 400,
        "9.5.1.2.1", "which frame of a multi-frame image, from 1; without it image/gif has all of them and the other types the first"},
    [WADO_QUALITY] = {"imageQuality", WADO_WHOLE, 1, 100, NULL, NULL, WADO_PICTURE | WADO_DICOM, false, 0, 0, WADO_BIT(SYNTAX), 400,
        "9.5.1.2.3", "1 (small) to 100 (best) where the coding loses: of a JPEG or JPEG 2000 picture, or of an object in a transferSyntax that can lose (JPEG-LS and JPEG 2000 lose only when it is given)"},
    [WADO_PRESENTATION] = {"presentationUID", WADO_UID, 0, 0, NULL, NULL, WADO_PICTURE, false, 0, WINDOW, 0, 400,
        "9.5.1.2.7.2", "SOP Instance UID of the presentation state by which the image is shown; 404 when it is not here, 400 when it is not about this image"},
    [WADO_PRESENTATION_SERIES] = {"presentationSeriesUID", WADO_UID, 0, 0, NULL, NULL, WADO_PICTURE, false, WADO_BIT(PRESENTATION), 0, 0, 400,
        "9.5.1.2.7.1", "the series that the presentation state is in; may be left out"},
    [WADO_SYNTAX] = {"transferSyntax", WADO_UID, 0, 0, NULL, NULL, WADO_DICOM, false, 0, 0, 0, 400,
        "9.4.1.2.3", "the transfer syntax in which the object is wanted; 406 when it cannot be made so; without it http.wado_default decides"},
};
/* clang-format on */

/* ---- values ---- */

static bool bad(struct yq_err *err, const struct wado_rule *rule, const char *what)
{
    return yq_fail(err, YQ_BAD_INPUT, "door", "%s %s", rule->name, what);
}

/* Which word of "a|b|c" it is; -1: none. */
static int word_of(const char *words, const char *text, size_t length)
{
    int number = 0;
    for (const char *at = words;; number++) {
        size_t size = strcspn(at, "|");
        if (size == length && strncmp(at, text, length) == 0)
            return number;
        if (!at[size])
            return -1;
        at += size + 1;
    }
}

static bool read_words(const struct wado_rule *rule, const char *text, bool several, unsigned *out,
                       struct yq_err *err)
{
    for (const char *at = text;;) {
        at += several ? strspn(at, " ") : 0;
        size_t length = several ? strcspn(at, ", ") : strlen(at);
        int number = word_of(rule->words, at, length);
        if (number < 0)
            return yq_fail(err, YQ_BAD_INPUT, "door", "%s takes %s%s", rule->name, rule->words,
                           several ? ", several with commas" : "");
        *out |= 1u << number;
        at += length;
        at += several ? strspn(at, " ") : 0;
        if (!*at)
            return true;
        if (*at++ != ',')
            return bad(err, rule, "takes words with commas between them");
    }
}

/* A decimal string as DICOM has it, at the start of *at; moves *at behind it. */
static bool read_decimal(const char **at, double *out)
{
    enum { DIGITS_MOST = 32 };
    char digits[DIGITS_MOST + 1], *end;
    const char *from = *at + strspn(*at, " ");
    size_t length = strspn(from, "0123456789+-.eE");
    *at = from + length;
    *at += strspn(*at, " ");
    if (length == 0 || length > DIGITS_MOST)
        return false;
    memcpy(digits, from, length);
    digits[length] = '\0';
    *out = strtod(digits, &end);
    return !*end && isfinite(*out);
}

static bool read_area(const struct wado_rule *rule, const char *text, double area[4],
                      struct yq_err *err)
{
    const char *at = text;
    for (int i = 0; i < 4; i++) {
        if (!read_decimal(&at, &area[i]) || *at != (i < 3 ? ',' : '\0'))
            return bad(err, rule, "takes four decimal numbers with commas between them");
        at += i < 3;
        if (area[i] < rule->least || area[i] > rule->most)
            return bad(err, rule, "takes numbers from 0 to 1");
    }
    return (area[0] < area[2] && area[1] < area[3]) ||
           bad(err, rule, "takes left, top, right and bottom, and this is an empty area");
}

static bool read_number(const struct wado_rule *rule, const char *text, double *out,
                        struct yq_err *err)
{
    uint64_t whole = 0;
    bool fine;
    if (rule->form == WADO_WHOLE) {
        fine = yq_params_number(text, 0, UINT64_MAX, &whole);
        *out = (double)whole;
    } else {
        const char *at = text;
        fine = read_decimal(&at, out) && !*at;
    }
    if (fine && *out >= rule->least && *out <= rule->most)
        return true;
    return yq_fail(err, YQ_BAD_INPUT, "door", "%s takes a %s number from %.10g to %.10g",
                   rule->name, rule->form == WADO_WHOLE ? "whole" : "decimal", rule->least,
                   rule->most);
}

static bool read_value(enum wado_param param, const char *text, struct wado_values *out,
                       struct yq_err *err)
{
    const struct wado_rule *rule = &wado_rules[param];
    switch (rule->form) {
    case WADO_WORD:
    case WADO_WORDS:
        return read_words(rule, text, rule->form == WADO_WORDS, &out->words[param], err);
    case WADO_UID: return yq_uid_valid(text) || bad(err, rule, "is not a DICOM UID");
    case WADO_WHOLE:
    case WADO_DECIMAL: return read_number(rule, text, &out->number[param], err);
    case WADO_AREA: return read_area(rule, text, out->area, err);
    case WADO_LIST: return true;
    }
    return false;
}

static enum wado_param param_named(const char *name)
{
    for (int i = 0; i < WADO_PARAMS; i++)
        if (strcasecmp(wado_rules[i].name, name) == 0)
            return (enum wado_param)i;
    return WADO_PARAMS;
}

static bool take(const struct yq_param *param, struct wado_values *out, unsigned *status,
                 struct yq_err *err)
{
    enum wado_param which = param_named(param->name);
    if (which == WADO_PARAMS || !*param->value)
        return true;
    const struct wado_rule *rule = &wado_rules[which];
    *status = rule->status;
    if (out->given & 1u << which) {
        *status = 400;
        return bad(err, rule, "is given twice");
    }
    if (!read_value(which, param->value, out, err))
        return false;
    if (rule->neutral && strcmp(param->value, rule->neutral) == 0)
        return true;
    out->given |= 1u << which;
    out->text[which] = param->value;
    return true;
}

/* ---- what goes together ---- */

static const char *first_of(unsigned bits)
{
    int i = 0;
    while (i < WADO_PARAMS - 1 && !(bits & 1u << i))
        i++;
    return wado_rules[i].name;
}

static bool check_company(const struct wado_values *values, struct yq_err *err)
{
    for (int i = 0; i < WADO_PARAMS; i++) {
        const struct wado_rule *rule = &wado_rules[i];
        bool given = values->given & 1u << i;
        if (rule->required && !given)
            return bad(err, rule, "is missing");
        if (given && (rule->needs & ~values->given))
            return yq_fail(err, YQ_BAD_INPUT, "door", "%s goes with %s only", rule->name,
                           first_of(rule->needs & ~values->given));
        if (given && (rule->bars & values->given))
            return yq_fail(err, YQ_BAD_INPUT, "door", "%s does not go with %s", rule->name,
                           first_of(rule->bars & values->given));
    }
    return true;
}

bool wado_read(const struct yq_params *params, struct wado_values *out, unsigned *status,
               struct yq_err *err)
{
    memset(out, 0, sizeof *out);
    for (int i = 0; i < WADO_PARAMS; i++)
        out->text[i] = "";
    for (size_t i = 0; i < params->count; i++)
        if (!take(&params->list[i], out, status, err))
            return false;
    *status = 400;
    return check_company(out, err);
}

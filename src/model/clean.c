/* clean.c: the judge of anonymising: the table, and what holds where the table says nothing. PS3.15
 * annex E.
 *
 * Stricter than the profile where it leaves elements alone: an attribute the dictionary does not
 * know goes, and one of which the table says nothing keeps its value only when its VR cannot hold a
 * name or a date. Where the table gives a choice by an attribute's type (X/Z/D), the CSV has what
 * stays valid whatever the type. Refuses structured reports with free text. Pure. */
#include "yq/clean.h"

#include <limits.h>
#include <string.h>

#define TAG_TEXT_VALUE 0x0040a160u
#define TAG_CODING_SCHEME 0x00080102u

static const char standard_root[] = "1.2.840.10008.";

const struct yq_clean_row *yq_clean_row(uint32_t tag)
{
    size_t from = 0, to = yq_clean_row_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (yq_clean_rows[middle].tag == tag)
            return &yq_clean_rows[middle];
        if (yq_clean_rows[middle].tag < tag)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

/* ---- identifiers ---- */

void yq_clean_uid(const struct yq_clean_marks *marks, const char *uid, size_t length,
                  char made[YQ_UID_SIZE])
{
    uint8_t mark[32];
    size_t root = sizeof standard_root - 1;
    if (length > root && length < YQ_UID_SIZE && memcmp(uid, standard_root, root) == 0) {
        memcpy(made, uid, length);
        made[length] = '\0';
        return;
    }
    marks->mark(marks->context, "uid", uid, length, mark);
    yq_uid_of(mark, made);
}

static size_t trim(const char **text, size_t length)
{
    while (length && (**text == ' ' || !**text)) {
        ++*text;
        length--;
    }
    while (length && ((*text)[length - 1] == ' ' || !(*text)[length - 1]))
        length--;
    return length;
}

/* A UID, or one below it. */
static bool is_of(const char *uid, const char *root)
{
    size_t length = strlen(root);
    return strncmp(uid, root, length) == 0 && (!uid[length] || uid[length] == '.');
}

void yq_cleaner_begin(struct yq_cleaner *cleaner, const struct yq_clean_marks *marks,
                      const char *sop_class, const char *patient, const char *study)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* none is taken for another */
    uint8_t mark[32];
    size_t length = trim(&patient, strlen(patient));
    *cleaner = (struct yq_cleaner){.marks = marks,
                                   .masked = UINT_MAX,
                                   .report = is_of(sop_class, "1.2.840.10008.5.1.4.1.1.88")};
    marks->mark(marks->context, length ? "patient" : "study", length ? patient : study,
                length ? length : strlen(study), mark);
    char *out = cleaner->patient;
    memcpy(out, "ANON-", 5);
    for (size_t i = 0; i < 12; i++)
        out[5 + i] = digits[mark[i] % 32];
    out[17] = '\0';
}

/* ---- one element ---- */

/* What the table cannot list: repeating groups, private and unknown elements, what is no part of a
 * dataset, pixels within items, which nobody looks at. */
static bool goes_anyway(const struct yq_clean_place *place)
{
    unsigned group = place->tag >> 16, element = place->tag & 0xffff;
    return group & 1 || group < 8 || !element || (group & 0xff00) == 0x5000 ||
           (group & 0xff00) == 0x6000 || (group == 0x7fe0 && place->depth);
}

static enum yq_clean_fate by_vr(const char *vr)
{
    static const char speaks[] = "PN LT ST UT UC AE AS DA DT TM";
    if (strcmp(vr, "UI") == 0)
        return YQ_CLEAN_UID;
    if (strcmp(vr, "UR") == 0)
        return YQ_CLEAN_REMOVE;
    return strstr(speaks, vr) ? YQ_CLEAN_DUMMY : YQ_CLEAN_KEEP;
}

/* Within a sequence that names somebody by codes. */
static enum yq_clean_fate mask(enum yq_clean_fate fate, const char *vr)
{
    static const char numbers[] = "US UL SS SL FL FD AT SV UV";
    if (fate != YQ_CLEAN_KEEP && fate != YQ_CLEAN_INSIDE && fate != YQ_CLEAN_MASK)
        return fate;
    if (strcmp(vr, "SQ") == 0)
        return YQ_CLEAN_INSIDE;
    return strcmp(vr, "UI") == 0 ? YQ_CLEAN_UID
           : strstr(numbers, vr) ? YQ_CLEAN_KEEP
                                 : YQ_CLEAN_DUMMY;
}

/* A sequence is no place for a value, a value none for items. */
static enum yq_clean_fate that_fits(enum yq_clean_fate fate, bool items)
{
    switch (fate) {
    case YQ_CLEAN_INSIDE:
    case YQ_CLEAN_MASK: return items ? fate : YQ_CLEAN_REMOVE;
    case YQ_CLEAN_DUMMY:
    case YQ_CLEAN_UID:
    case YQ_CLEAN_PATIENT: return items ? YQ_CLEAN_REMOVE : fate;
    case YQ_CLEAN_KEEP: return items ? YQ_CLEAN_INSIDE : fate;
    default: return fate;
    }
}

/* What can be said of its value: a VR that says nothing is looked up. */
static const char *vr_of(const struct yq_clean_place *place)
{
    return strcmp(place->vr, "UN") == 0 ? place->dictionary : place->vr;
}

bool yq_clean_judge(struct yq_cleaner *cleaner, const struct yq_clean_place *place,
                    enum yq_clean_fate *out, struct yq_err *err)
{
    const struct yq_clean_row *row = yq_clean_row(place->tag);
    const char *vr = vr_of(place);
    bool items = strcmp(place->vr, "SQ") == 0;
    if (place->depth < cleaner->masked)
        cleaner->masked = UINT_MAX;
    *out = YQ_CLEAN_REMOVE;
    if (goes_anyway(place) || (!row && strcmp(place->dictionary, "UN") == 0))
        return true;
    if (cleaner->report && place->tag == TAG_TEXT_VALUE)
        return yq_fail(err, YQ_REFUSED, "model",
                       "the report has free text, which may name the patient");
    if (!items && strcmp(vr, "SQ") == 0) /* items that nobody can look into */
        return true;
    enum yq_clean_fate fate = row ? row->fate : items ? YQ_CLEAN_INSIDE : by_vr(vr);
    if (fate == YQ_CLEAN_NESTED)
        fate = place->depth ? YQ_CLEAN_EMPTY : YQ_CLEAN_REMOVE;
    if (cleaner->masked != UINT_MAX)
        fate = mask(fate, vr);
    *out = that_fits(fate, items);
    if (*out == YQ_CLEAN_MASK) {
        cleaner->masked = place->depth + 1;
        *out = YQ_CLEAN_INSIDE;
    }
    return true;
}

/* ---- values ---- */

static void put_dummy(const struct yq_clean_place *place, size_t length, struct yq_buf *out)
{
    static const struct {
        const char *vr, *value;
    } dummies[] = {{"DA", "19000101"}, {"TM", "000000"}, {"DT", "19000101000000"}, {"AS", "000Y"},
                   {"DS", "0"},        {"IS", "0"},      {"UR", "about:blank"}};
    static const char texts[] = "PN LO SH AE CS LT ST UT UC";
    const char *vr = vr_of(place);
    for (size_t i = 0; i < sizeof dummies / sizeof *dummies; i++) {
        if (strcmp(dummies[i].vr, vr) == 0) {
            yq_buf_puts(out, dummies[i].value);
            return;
        }
    }
    if (strstr(texts, vr)) {
        yq_buf_puts(out, place->tag == TAG_CODING_SCHEME ? "99ANON" : "ANONYMIZED");
        return;
    }
    size_t zeroes = length < 8 ? length : 8; /* numbers and bytes */
    yq_buf_put(out, (const uint8_t[8]){0}, zeroes);
}

static void put_uids(const struct yq_clean_marks *marks, const char *text, size_t length,
                     struct yq_buf *out)
{
    for (const char *end = text + length;; text++) {
        char made[YQ_UID_SIZE];
        const char *stop = memchr(text, '\\', (size_t)(end - text));
        const char *uid = text;
        size_t count = trim(&uid, (size_t)((stop ? stop : end) - text));
        if (count) {
            yq_clean_uid(marks, uid, count, made);
            yq_buf_puts(out, made);
        }
        if (!stop)
            return;
        yq_buf_puts(out, "\\");
        text = stop;
    }
}

void yq_clean_value(const struct yq_cleaner *cleaner, const struct yq_clean_place *place,
                    enum yq_clean_fate fate, const void *value, size_t length, struct yq_buf *out)
{
    if (!length)
        return; /* nothing was said */
    if (fate == YQ_CLEAN_PATIENT)
        yq_buf_puts(out, cleaner->patient);
    else if (fate == YQ_CLEAN_UID)
        put_uids(cleaner->marks, value, length, out);
    else
        put_dummy(place, length, out);
    /* what is said to be of no known kind is padded as such, and is text all the same */
    if (out->length & 1 && strcmp(place->vr, "UN") == 0 && strcmp(place->dictionary, "UI") != 0)
        yq_buf_puts(out, " ");
}

/* ---- the object as a whole ---- */

const char *yq_clean_refusal(const struct yq_clean_facts *facts)
{
    static const struct {
        const char *root, *why;
    } refused[] = {
        {"1.2.840.10008.5.1.4.1.1.104", "a document in the object cannot be cleaned of names"},
        {"1.2.840.10008.5.1.4.1.1.9.4", "a voice cannot be cleaned of names"},
        {"1.2.840.10008.1.3.10", "a DICOMDIR cannot be anonymised"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (is_of(facts->sop_class, refused[i].root))
            return refused[i].why;
    return NULL;
}

const char *yq_clean_suspicion(const struct yq_clean_facts *facts)
{
    enum field { SOP_CLASS, MODALITY, IMAGE_TYPE, CONVERSION, LABEL };
    static const struct {
        enum field field;
        const char *text; /* SOP class: is below; image type: contains; else: is */
        const char *why;
    } kinds[] = {
        {MODALITY, "US", "ultrasound machines write names into the image"},
        {MODALITY, "IVUS", "ultrasound machines write names into the image"},
        {MODALITY, "ES", "endoscopes write names into the image"},
        {MODALITY, "XC", "a photograph may show who it is of"},
        {MODALITY, "DMS", "a photograph may show who it is of"},
        {MODALITY, "GM", "a camera may write names into the image"},
        {MODALITY, "DOC", "a page may name the patient"},
        {SOP_CLASS, "1.2.840.10008.5.1.4.1.1.7", "a captured screen or film may show names"},
        {SOP_CLASS, "1.2.840.10008.5.1.4.1.1.6", "ultrasound machines write names into the image"},
        {SOP_CLASS, "1.2.840.10008.5.1.4.1.1.3", "ultrasound machines write names into the image"},
        {SOP_CLASS, "1.2.840.10008.5.1.4.1.1.77.1.1", "endoscopes write names into the image"},
        {SOP_CLASS, "1.2.840.10008.5.1.4.1.1.77.1.4", "a photograph may show who it is of"},
        {CONVERSION, "DF", "a digitised film may show names"},
        {CONVERSION, "SD", "a scanned page may show names"},
        {CONVERSION, "SI", "a scanned image may show names"},
        {CONVERSION, "DV", "a digitised video may show names"},
        {CONVERSION, "WSD", "an image from a workstation may show names"},
        {IMAGE_TYPE, "SCREEN", "a captured screen may show names"},
        {IMAGE_TYPE, "CAPTURE", "a captured screen may show names"},
        {IMAGE_TYPE, "PROTOCOL", "a page of the protocol may show names"},
        {IMAGE_TYPE, "REPORT", "a page of a report may show names"},
        {IMAGE_TYPE, "DOSE_INFO", "a page of doses may show names"},
        {IMAGE_TYPE, "LABEL", "the label of a slide names the patient"},
        {IMAGE_TYPE, "OVERVIEW", "the overview of a slide may show its label"},
        {LABEL, "YES", "the label of a slide names the patient"},
    };
    const char *said[] = {facts->sop_class, facts->modality, facts->image_type, facts->conversion,
                          facts->label};
    if (!facts->pixels || strcmp(facts->burned_in, "NO") == 0)
        return NULL;
    if (strcmp(facts->burned_in, "YES") == 0)
        return "the object says that names are burned into its pixels";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *text = kinds[i].text, *value = said[kinds[i].field];
        bool fits = kinds[i].field == SOP_CLASS    ? is_of(value, text)
                    : kinds[i].field == IMAGE_TYPE ? strstr(value, text) != NULL
                                                   : strcmp(value, text) == 0;
        if (fits)
            return kinds[i].why;
    }
    return NULL;
}

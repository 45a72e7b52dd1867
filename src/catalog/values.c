/* values.c: what a header says, in the form that is stored: trimmed, bounded, names folded, dates
 * of ACR-NEMA times written as DICOM does. Pure; runs on the caller's thread, before a change waits
 * for its commit. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "yq/text.h"

#define VALUE_MOST 16384 /* bytes; the longest VR that is indexed (LT) has 10240 characters */
#define ABSENT SIZE_MAX

/* Bytes of text up to `most`, without a character cut in two. */
static size_t bounded(const char *text, size_t most)
{
    size_t length = strnlen(text, most);
    if (length == most) {
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    return length;
}

void copy_characters(char *field, size_t size, const char *text)
{
    size_t length = bounded(text, size - 1);
    memcpy(field, text, length);
    field[length] = '\0';
}

static bool is_long_text(const char *vr)
{
    return strcmp(vr, "LT") == 0 || strcmp(vr, "ST") == 0 || strcmp(vr, "UT") == 0 ||
           strcmp(vr, "UC") == 0;
}

/* ACR-NEMA wrote 2020.01.31 and 10:30:00. */
static void put_without(struct yq_buf *out, const char *text, size_t length, char dropped)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != dropped)
            yq_buf_put(out, text + i, 1);
    }
}

static size_t put_value(struct values *values, const char *vr, const char *text)
{
    if (!text)
        return ABSENT;
    size_t length = bounded(text, VALUE_MOST), at = values->owned.length;
    while (length && text[length - 1] == ' ')
        length--;
    while (!is_long_text(vr) && length && *text == ' ')
        text++, length--;
    if (!length)
        return ABSENT;
    if (strcmp(vr, "DA") == 0 && length == 10)
        put_without(&values->owned, text, length, '.');
    else if (strcmp(vr, "TM") == 0)
        put_without(&values->owned, text, length, ':');
    else
        yq_buf_put(&values->owned, text, length);
    yq_buf_put(&values->owned, "", 1);
    return at;
}

/* The groups of one value: alphabetic=ideographic=phonetic (PS3.5 6.2.1.1). */
static size_t split_groups(const char *value, size_t length, const char *group[3], size_t size[3])
{
    size_t count = 0;
    const char *end = value + length;
    while (count < 3) {
        const char *equals = memchr(value, '=', (size_t)(end - value));
        const char *stop = equals ? equals : end;
        group[count] = value;
        size[count++] = (size_t)(stop - value);
        if (!equals)
            break;
        value = equals + 1;
    }
    return count;
}

static void put_fold(const char *text, size_t length, struct yq_buf *out)
{
    char *copy = strndup(text, length);
    if (!copy)
        out->failed = true;
    else
        yq_text_fold(copy, out);
    free(copy);
}

/* Appends VARIANT and the fold; nothing when the fold is empty. */
static size_t put_variant(const char *text, size_t length, struct yq_buf *out)
{
    struct yq_buf fold yq_cleanup(yq_buf_fini) = {0};
    put_fold(text, length, &fold);
    out->failed |= fold.failed;
    if (!fold.length)
        return 0;
    yq_buf_puts(out, VARIANT);
    yq_buf_put(out, fold.bytes, fold.length);
    return 1;
}

void fold_variants(const char *name, struct yq_buf *out)
{
    struct yq_buf variants yq_cleanup(yq_buf_fini) = {0};
    size_t count = 0;
    for (const char *p = name;; p++) {
        const char *group[3];
        size_t size[3], length = strcspn(p, "\\");
        size_t groups = split_groups(p, length, group, size);
        count += put_variant(p, length, &variants);
        for (size_t i = 0; groups > 1 && i < groups; i++)
            count += put_variant(group[i], size[i], &variants);
        if (groups == 3) /* without the phonetic one, as workstations ask */
            count += put_variant(p, size[0] + 1 + size[1], &variants);
        p += length;
        if (!*p)
            break;
    }
    out->failed |= variants.failed;
    if (count) /* a single one stands there as itself */
        yq_buf_put(out, variants.bytes + (count == 1), variants.length - (count == 1));
}

void sound_keys(const char *name, struct yq_buf *out)
{
    for (const char *p = name;; p++) {
        const char *group[3];
        size_t size[3], length = strcspn(p, "\\");
        size_t groups = split_groups(p, length, group, size);
        for (size_t i = 0; i < groups; i++) {
            char *one = strndup(group[i], size[i]);
            if (one)
                yq_text_pinyin(one, out);
            else
                out->failed = true;
            free(one);
        }
        p += length;
        if (!*p)
            break;
    }
}

bool names_differ(const char *a, const char *b)
{
    const char *group_a[3], *group_b[3];
    size_t size_a[3], size_b[3];
    size_t count_a = split_groups(a, strlen(a), group_a, size_a);
    size_t count_b = split_groups(b, strlen(b), group_b, size_b);
    bool shared = false;
    for (size_t i = 0; i < count_a && i < count_b; i++) {
        struct yq_buf fold_a yq_cleanup(yq_buf_fini) = {0};
        struct yq_buf fold_b yq_cleanup(yq_buf_fini) = {0};
        put_fold(group_a[i], size_a[i], &fold_a);
        put_fold(group_b[i], size_b[i], &fold_b);
        if (!fold_a.length || !fold_b.length)
            continue;
        if (strcmp(yq_buf_text(&fold_a), yq_buf_text(&fold_b)) != 0)
            return true;
        shared = true;
    }
    return !shared;
}

void patient_key(const char *id, const char *issuer, const char *fold, struct yq_buf *out)
{
    if (id && *id)
        yq_buf_puts(out, id);
    else
        yq_buf_putf(out, VARIANT "%s", fold ? fold : "");
    yq_buf_putf(out, VARIANT "%s", issuer ? issuer : "");
}

static bool settle_pointers(struct values *values, struct yq_err *err)
{
    if (values->owned.failed)
        return yq_fail(err, YQ_FULL, "catalog", "no memory for the values of a header");
    const char *base = yq_buf_text(&values->owned);
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        values->text[i] = values->text_at[i] == ABSENT ? NULL : base + values->text_at[i];
        values->fold[i] = values->fold_at[i] == ABSENT ? NULL : base + values->fold_at[i];
    }
    values->patient = values->patient_at == ABSENT ? NULL : base + values->patient_at;
    return true;
}

static const char *at(const struct values *values, size_t place)
{
    return place == ABSENT ? NULL : yq_buf_text(&values->owned) + place;
}

static void put_one(struct values *values, enum yq_attr attr, const char *text)
{
    values->text_at[attr] = put_value(values, yq_attrs[attr].vr, text);
    if (values->text_at[attr] == ABSENT || !attr_is_name(attr))
        return;
    struct yq_buf fold yq_cleanup(yq_buf_fini) = {0};
    fold_variants(at(values, values->text_at[attr]), &fold);
    values->owned.failed |= fold.failed;
    if (!fold.length)
        return;
    values->fold_at[attr] = values->owned.length;
    yq_buf_put(&values->owned, yq_buf_text(&fold), fold.length + 1);
}

static void start(struct values *values)
{
    memset(values, 0, sizeof *values);
    for (int i = 0; i < YQ_ATTR_COUNT; i++)
        values->text_at[i] = values->fold_at[i] = ABSENT;
    values->patient_at = ABSENT;
}

bool values_make_one(enum yq_attr attr, const char *text, struct values *values, struct yq_err *err)
{
    start(values);
    put_one(values, attr, text);
    return settle_pointers(values, err);
}

bool values_make(const struct yq_header *header, struct values *values, struct yq_err *err)
{
    start(values);
    for (int i = 0; i < YQ_ATTR_COUNT; i++) {
        const char *text = header->values[i];
        switch (i) {
        case YQ_StudyInstanceUID: text = header->key.study; break;
        case YQ_SeriesInstanceUID: text = header->key.series; break;
        case YQ_SOPInstanceUID: text = header->key.instance; break;
        case YQ_SOPClassUID: text = header->sop_class; break;
        default: break;
        }
        if (yq_attrs[i].source == YQ_FROM_HEADER)
            put_one(values, (enum yq_attr)i, text);
    }
    struct yq_buf patient yq_cleanup(yq_buf_fini) = {0};
    patient_key(at(values, values->text_at[YQ_PatientID]),
                at(values, values->text_at[YQ_IssuerOfPatientID]),
                at(values, values->fold_at[YQ_PatientName]), &patient);
    values->owned.failed |= patient.failed;
    values->patient_at = values->owned.length;
    yq_buf_put(&values->owned, yq_buf_text(&patient), patient.length + 1);
    return settle_pointers(values, err);
}

void values_fini(struct values *values) { yq_buf_fini(&values->owned); }

/* asked.c: what the services of the provinces have in common. Nothing here is of one province. Any
 * thread. */
#include "asked.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "yq/form.h"
#include "yq/province.h"
#include "yq/recipes.h"

#define ROOM "platform"

bool asked_believe(const struct yq_inquiry *inquiry, const char *recipe,
                   const struct yq_ingredient *values, size_t count, const char *shown,
                   struct yq_err *err)
{
    const struct yq_recipe *rule;
    struct yq_keychain *keys;
    return yq_recipe_of(inquiry->conf, inquiry->platform->province, recipe, &rule, err) &&
           yq_platform_keys(inquiry->house, inquiry->conf, inquiry->platform, &keys, err) &&
           yq_recipe_check(rule, keys, values, count, shown, strlen(shown), err);
}

bool asked_hospital(const struct yq_inquiry *inquiry, const char *code)
{
    const char *codes = inquiry->platform->hospital_codes;
    size_t length = strlen(code);
    if (!codes[strspn(codes, " ")])
        return length && strcmp(code, inquiry->conf->hospital_code) == 0;
    for (codes += strspn(codes, " "); *codes; codes += strspn(codes, " ")) {
        size_t size = strcspn(codes, " ");
        if (size == length && memcmp(codes, code, size) == 0)
            return true;
        codes += size;
    }
    return false;
}

void asked_note(struct yq_reply_to *reply, const char *name, const char *value)
{
    static const char plain[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.:,- ";
    if (!value || !*value)
        return;
    yq_buf_putf(&reply->asked, "%s%s=", reply->asked.length ? "&" : "?", name);
    for (size_t i = 0; value[i] && i < 256; i++)
        yq_buf_put(&reply->asked, strchr(plain, value[i]) ? &value[i] : "?", 1);
}

bool asked_handing(const struct yq_inquiry *inquiry, struct yq_handing *out, struct yq_err *err)
{
    if (!yq_handing_begin(inquiry->house, 0, out, err))
        return false;
    const char *host = inquiry->header(inquiry, "Host");
    if (!*out->base && *host && strlen(host) < sizeof out->base - 8)
        (void)snprintf(out->base, sizeof out->base, "http://%s", host);
    return true;
}

/* ---- the objects of a study ---- */

bool images_open(const struct yq_inquiry *inquiry, const char *study, struct images *out,
                 struct yq_err *err)
{
    static const enum yq_attr wanted[] = {
        YQ_PatientName,     YQ_PatientID,        YQ_PatientSex,        YQ_PatientAge,
        YQ_AccessionNumber, YQ_Modality,         YQ_InstitutionName,   YQ_StudyInstanceUID,
        YQ_SeriesNumber,    YQ_SOPClassUID,      YQ_SeriesInstanceUID, YQ_SOPInstanceUID,
        YQ_InstanceNumber,  YQ_ModalitiesInStudy};
    struct yq_query query = {.level = YQ_IMAGE, .order = YQ_ORDER_SERIES, .limit = IMAGES_MOST + 1};
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        query.wanted[wanted[i]] = true;
    bool ok = asked_handing(inquiry, &out->handing, err) &&
              yq_query_add(&query, YQ_StudyInstanceUID, study, true, err) &&
              yq_catalog_find(inquiry->house->catalog, &query, &out->cursor, err);
    yq_query_fini(&query);
    return ok;
}

bool images_next(struct images *images, const char *const **row, struct yq_buf *url,
                 struct yq_err *err)
{
    struct yq_key key = {.study = ""};
    if (!yq_cursor_next(images->cursor, row, err))
        return false;
    if (images->count++ == IMAGES_MOST)
        return yq_fail(err, YQ_FULL, ROOM, "a study of more than %d objects", IMAGES_MOST);
    const char *const *values = *row;
    yq_buf_clear(url);
    if (yq_copy(key.study, sizeof key.study, values[YQ_StudyInstanceUID]) &&
        yq_copy(key.series, sizeof key.series, values[YQ_SeriesInstanceUID]) &&
        yq_copy(key.instance, sizeof key.instance, values[YQ_SOPInstanceUID]) &&
        yq_handing_put(&images->handing, &key, url))
        return true;
    return yq_fail(err, YQ_FULL, ROOM, "no memory for a URL");
}

void images_close(struct images *images)
{
    yq_cursor_close(images->cursor);
    images->cursor = NULL;
    yq_handing_end(&images->handing);
}

/* ---- values ---- */

/* The ideographic group alone, where there is one. */
void asked_person(const char *name, struct yq_buf *out)
{
    char group[256];
    if (!name)
        return;
    const char *second = strchr(name, '=');
    size_t length = second ? strcspn(second + 1, "=") : 0;
    if (length && length < sizeof group) {
        memcpy(group, second + 1, length);
        group[length] = '\0';
        name = group;
    }
    yq_form_person(name, out);
}

void asked_age(const char *age, struct yq_buf *out)
{
    if (!age)
        return;
    size_t zeros = strspn(age, "0");
    bool number = age[zeros] >= '0' && age[zeros] <= '9';
    yq_buf_puts(out, zeros && !number ? age + zeros - 1 : age + zeros);
}

const char *asked_sex(const char *sex)
{
    if (!sex)
        return "";
    return strcmp(sex, "M") == 0 || strcmp(sex, "F") == 0 ? sex : "O";
}

void asked_member(struct yq_buf *out, const char *name, const char *text)
{
    bool first = out->length && out->bytes[out->length - 1] == '{';
    yq_buf_puts(out, first ? "\"" : ",\"");
    yq_buf_puts(out, name);
    yq_buf_puts(out, "\":");
    yq_json_put_text(out, text ? text : "");
}

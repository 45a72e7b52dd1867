/* json.c: JSON values under construction, and catalog rows as JSON (RFC 8259). cJSON is
 * seen here and in json_answer.c.
 *
 * A value remembers that something could not be added to it, and hands that on to the value it
 * becomes part of, so that a writer checks once, at the print. One thread at a time per value. */
#include "yq/form.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/text.h"

struct yq_json {
    cJSON *item; /* NULL once failed */
    bool failed;
};

/* The largest integer up to which a double holds every integer. */
#define EXACT_MOST 9007199254740992

static struct yq_json *wrap(cJSON *item)
{
    struct yq_json *json = calloc(1, sizeof *json);
    if (!json) {
        cJSON_Delete(item);
        return NULL;
    }
    json->item = item;
    json->failed = !item;
    return json;
}

struct yq_json *yq_json_object(void) { return wrap(cJSON_CreateObject()); }
struct yq_json *yq_json_array(void) { return wrap(cJSON_CreateArray()); }

void yq_json_free(struct yq_json *json)
{
    if (!json)
        return;
    cJSON_Delete(json->item);
    free(json);
}

/* Consumes `item`; NULL is a failed allocation. */
static void attach(struct yq_json *parent, const char *name, cJSON *item)
{
    if (!parent) {
        cJSON_Delete(item);
        return;
    }
    bool ok = item && !parent->failed &&
              (name ? cJSON_AddItemToObject(parent->item, name, item)
                    : cJSON_AddItemToArray(parent->item, item));
    if (!ok) {
        cJSON_Delete(item);
        parent->failed = true;
    }
}

void yq_json_text(struct yq_json *object, const char *name, const char *value)
{
    struct yq_buf whole yq_cleanup(yq_buf_fini) = {0};
    bool doubtful;
    if (value && !yq_text_is_utf8(value, strlen(value))) { /* RFC 8259 8.1 allows nothing else */
        yq_text_decode("ISO_IR 192", "UT", value, strlen(value), &whole, &doubtful);
        value = yq_buf_text(&whole);
    }
    if (whole.failed)
        attach(object, name, NULL);
    else
        attach(object, name, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void yq_json_number(struct yq_json *object, const char *name, double value)
{
    char digits[32];
    if (value >= -EXACT_MOST && value <= EXACT_MOST && value == (double)(int64_t)value) {
        /* cJSON rounds to 15 digits */
        snprintf(digits, sizeof digits, "%" PRId64, (int64_t)value);
        attach(object, name, cJSON_CreateRaw(digits));
    } else {
        attach(object, name, cJSON_CreateNumber(value));
    }
}

void yq_json_flag(struct yq_json *object, const char *name, bool value)
{
    attach(object, name, cJSON_CreateBool(value));
}

void yq_json_add(struct yq_json *parent, const char *name, struct yq_json *take)
{
    bool whole = take && !take->failed;
    cJSON *item = NULL;
    if (take) {
        item = take->item;
        free(take);
    }
    if (!whole) {
        cJSON_Delete(item);
        item = NULL;
    }
    attach(parent, name, item);
}

bool yq_json_print(const struct yq_json *json, bool indent, struct yq_buf *out)
{
    if (!json || json->failed)
        return false;
    char *text = indent ? cJSON_Print(json->item) : cJSON_PrintUnformatted(json->item);
    if (!text)
        return false;
    yq_buf_puts(out, text);
    cJSON_free(text);
    return !out->failed;
}

/* A whole decimal integer that a double holds exactly. */
static bool integer(const char *text, double *number)
{
    char *end;
    if (!*text)
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    while (*end == ' ')
        end++;
    if (*end || errno || value > EXACT_MOST || value < -EXACT_MOST)
        return false;
    *number = (double)value;
    return true;
}

struct yq_json *yq_form_row(const char *const *values)
{
    struct yq_json *row = yq_json_object();
    for (size_t i = 0; i < YQ_ATTR_COUNT; i++) {
        const char *value = values[i], *vr = yq_attrs[i].vr;
        double number;
        if (!value)
            continue;
        /* what devices put into an IS and is no number stays as it is: a reader wants to see it */
        if ((strcmp(vr, "IS") == 0 || strcmp(vr, "US") == 0) && integer(value, &number))
            yq_json_number(row, yq_attrs[i].name, number);
        else
            yq_json_text(row, yq_attrs[i].name, value);
    }
    return row;
}

/* json_answer.c: JSON that others sent, looked into by path (RFC 8259). Small texts: what a
 * platform answers, or asks of us; how long they may be is the caller's matter. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "yq/form.h"
#include "yq/text.h"

#define ROOM "form"
enum { DEEPEST = 32, NAME_MOST = 128 };

struct yq_answer {
    cJSON *root;
};

/* cJSON recurses; whoever nests deeper is not asked at all. */
static bool is_shallow(const char *text, size_t length)
{
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (quoted) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                quoted = false;
        } else if (text[i] == '"') {
            quoted = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > DEEPEST)
                return false;
        } else if ((text[i] == '}' || text[i] == ']') && depth) {
            depth--;
        }
    }
    return true;
}

bool yq_answer_read(const char *text, size_t length, struct yq_answer **out, struct yq_err *err)
{
    const char *end = NULL;
    *out = NULL;
    if (!yq_text_is_utf8(text, length) || memchr(text, 0, length))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "this is no JSON: it is not UTF-8");
    if (!is_shallow(text, length))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "JSON nested too deeply");
    struct yq_answer *answer = calloc(1, sizeof *answer);
    if (!answer)
        return yq_fail(err, YQ_FULL, ROOM, "no memory");
    answer->root = cJSON_ParseWithLengthOpts(text, length, &end, false);
    while (answer->root && end < text + length && strchr(" \t\r\n", *end))
        end++;
    if (!answer->root || end != text + length) {
        yq_answer_free(answer);
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "this is no JSON");
    }
    *out = answer;
    return true;
}

void yq_answer_free(struct yq_answer *answer)
{
    if (!answer)
        return;
    cJSON_Delete(answer->root);
    free(answer);
}

/* One step of a path: .name or [n]; NULL: there is no such thing. */
static const cJSON *step(const cJSON *at, const char **path)
{
    char name[NAME_MOST];
    if (**path == '[') {
        char *end;
        unsigned long n = strtoul(*path + 1, &end, 10);
        if (end == *path + 1 || *end != ']' || !cJSON_IsArray(at) || n > 1000000)
            return NULL;
        *path = end + 1;
        return cJSON_GetArrayItem(at, (int)n);
    }
    if (**path == '.')
        ++*path;
    size_t length = strcspn(*path, ".[");
    if (!length || length >= sizeof name)
        return NULL;
    memcpy(name, *path, length);
    name[length] = 0;
    *path += length;
    return cJSON_GetObjectItemCaseSensitive(at, name);
}

static const cJSON *find(const struct yq_answer *answer, const char *path)
{
    const cJSON *at = answer->root;
    while (at && *path)
        at = step(at, &path);
    return at;
}

static bool put(const cJSON *at, struct yq_buf *out)
{
    if (!at || cJSON_IsNull(at))
        return false;
    if (cJSON_IsString(at)) {
        yq_buf_puts(out, at->valuestring);
    } else if (cJSON_IsNumber(at)) {
        double number = at->valuedouble;
        if (number == floor(number) && fabs(number) < 9007199254740992.0)
            yq_buf_putf(out, "%" PRId64, (int64_t)number);
        else
            yq_buf_putf(out, "%.15g", number);
    } else if (cJSON_IsBool(at)) {
        yq_buf_puts(out, cJSON_IsTrue(at) ? "true" : "false");
    } else {
        char *text = cJSON_PrintUnformatted(at);
        out->failed = out->failed || !text;
        if (text)
            yq_buf_puts(out, text);
        cJSON_free(text);
    }
    return !out->failed;
}

bool yq_answer_get(const struct yq_answer *answer, const char *path, struct yq_buf *out)
{
    return put(find(answer, path), out);
}

bool yq_answer_each(const struct yq_answer *answer, const char *path,
                    void (*take)(void *context, const char *value), void *context)
{
    const cJSON *array = find(answer, path), *at;
    if (!cJSON_IsArray(array))
        return false;
    cJSON_ArrayForEach(at, array)
    {
        struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
        if ((cJSON_IsString(at) || cJSON_IsNumber(at)) && put(at, &text))
            take(context, yq_buf_text(&text));
    }
    return true;
}

size_t yq_answer_count(const struct yq_answer *answer, const char *path)
{
    const cJSON *at = find(answer, path);
    return cJSON_IsArray(at) ? (size_t)cJSON_GetArraySize(at) : 0;
}

const char *yq_answer_name(const struct yq_answer *answer, const char *path, size_t n)
{
    const cJSON *at = find(answer, path);
    const cJSON *member = cJSON_IsObject(at) ? at->child : NULL;
    while (member && n--)
        member = member->next;
    return member ? member->string : NULL;
}

enum yq_answer_type yq_answer_type(const struct yq_answer *answer, const char *path)
{
    const cJSON *at = find(answer, path);
    return !at || cJSON_IsNull(at) ? YQ_ANSWER_NONE
           : cJSON_IsString(at)    ? YQ_ANSWER_TEXT
           : cJSON_IsNumber(at)    ? YQ_ANSWER_NUMBER
           : cJSON_IsBool(at)      ? YQ_ANSWER_FLAG
           : cJSON_IsObject(at)    ? YQ_ANSWER_OBJECT
                                   : YQ_ANSWER_ARRAY;
}

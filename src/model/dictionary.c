/* dictionary.c: lookups in the code tables. All of them are sorted by the build, so each is a
 * binary search; a lookup by name walks through one table. */
#include "yq/dictionary.h"

#include <ctype.h>
#include <string.h>

const struct yq_dictionary *yq_dictionary_find(const char *name)
{
    size_t low = 0, high = yq_dictionary_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(yq_dictionaries[middle].name, name);
        if (order == 0)
            return &yq_dictionaries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct yq_term *yq_term_find(const struct yq_dictionary *dictionary, const char *code)
{
    size_t low = 0, high = dictionary->count;
    while (low < high) { /* the first that is not before it */
        size_t middle = low + (high - low) / 2;
        if (strcmp(dictionary->terms[dictionary->by_code[middle]].code, code) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == dictionary->count)
        return NULL;
    const struct yq_term *term = &dictionary->terms[dictionary->by_code[low]];
    return strcmp(term->code, code) == 0 ? term : NULL;
}

/* Does "疑为 A 或 B" in a note name this code? */
static bool is_suspected(const char *note, const char *code)
{
    size_t length = strlen(code);
    const char *at = strstr(note, "疑为");
    while (at && (at = strstr(at, code))) {
        if (at[-1] == ' ' && !isalnum((unsigned char)at[length]))
            return true;
        at += length;
    }
    return false;
}

bool yq_term_accepts(const struct yq_dictionary *dictionary, const char *code)
{
    if (yq_term_find(dictionary, code))
        return true;
    if (!isalnum((unsigned char)*code)) /* a code, no word of a note */
        return false;
    for (size_t i = 0; i < dictionary->count; i++)
        if (is_suspected(dictionary->terms[i].note, code))
            return true;
    return false;
}

/* Blanks, and the ideographic one (E3 80 80), are passed over. */
static const char *past_blanks(const char *text)
{
    for (;; text++) {
        if (strncmp(text, "\xe3\x80\x80", 3) == 0)
            text += 2;
        else if (*text != ' ' && *text != '\t')
            return text;
    }
}

static bool same_name(const char *a, const char *b)
{
    for (;; a++, b++) {
        a = past_blanks(a);
        b = past_blanks(b);
        if (*a != *b)
            return false;
        if (!*a)
            return true;
    }
}

const struct yq_term *yq_term_named(const struct yq_dictionary *dictionary, const char *chinese)
{
    const struct yq_term *found = NULL;
    if (!*past_blanks(chinese))
        return NULL;
    for (size_t i = 0; i < dictionary->count; i++) {
        const struct yq_term *term = &dictionary->terms[i];
        if (!same_name(term->chinese, chinese))
            continue;
        if (found && strcmp(found->code, term->code) != 0)
            return NULL;
        found = found ? found : term;
    }
    return found;
}

static int order_of(const struct yq_conversion *line, const char *from, const char *to,
                    const char *code)
{
    int order = strcmp(line->from, from);
    if (order == 0)
        order = strcmp(line->to, to);
    return order ? order : strcmp(line->code, code);
}

static const char *look_up(const char *from, const char *to, const char *code)
{
    size_t low = 0, high = yq_conversion_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = order_of(&yq_conversions[middle], from, to, code);
        if (order == 0)
            return yq_conversions[middle].into;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static const char *convert_directly(const char *from, const char *to, const char *code)
{
    const struct yq_dictionary *target = yq_dictionary_find(to);
    const struct yq_dictionary *origin = yq_dictionary_find(from);
    if (!target || !origin)
        return NULL;
    const char *into = strcmp(code, "*") != 0 ? look_up(from, to, code) : NULL;
    if (!into && (target->terms == origin->terms || look_up(from, to, "*"))) {
        const struct yq_term *term = yq_term_find(target, code);
        into = term && yq_term_find(origin, code) ? term->code : NULL;
    }
    return into;
}

const char *yq_term_convert(const char *from, const char *to, const char *code)
{
    const char *into = convert_directly(from, to, code);
    const char *middle = strchr(from, '/');
    /* "shanxi/sex" to "hebei/sex", by way of "sex" */
    if (into || !middle || !strchr(to, '/'))
        return into;
    const char *canonical = convert_directly(from, middle + 1, code);
    return canonical ? convert_directly(middle + 1, to, canonical) : NULL;
}

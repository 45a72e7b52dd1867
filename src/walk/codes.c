/* codes.c: the hospital's own codes on the way of a record: converted for mapping expressions,
 * known to the checks, and noted where they have no national code. What the code tables know is
 * asked first: it costs no look into the catalog. */
#include <string.h>

#include "yq/codes.h"
#include "yq/dictionary.h"
#include "yq/walk.h"

#define LOCAL "local"

/* The hospital's table. `list` NULL: any. */
static bool national(const struct yq_code_context *context, const char *list,
                     const char *dictionary, const char *code, char out[YQ_CODE_SIZE])
{
    struct yq_err ignored = {0}; /* a catalog that is unwell is told of where the record is kept */
    return strlen(code) < YQ_CODE_SIZE &&
           yq_codes_national(context->house->catalog, list, context->source, code, dictionary, out,
                             &ignored);
}

static const struct yq_term *term_of(const char *dictionary, const char *code)
{
    const struct yq_dictionary *found = yq_dictionary_find(dictionary);
    return found ? yq_term_find(found, code) : NULL;
}

/* The list of "local" and "local:LIST"; false: it is a dictionary's name. */
static bool is_local(const char *from, const char **list)
{
    size_t length = strlen(LOCAL);
    *list = NULL;
    if (strncmp(from, LOCAL, length) != 0 || (from[length] && from[length] != ':'))
        return false;
    if (from[length] == ':')
        *list = from + length + 1;
    return true;
}

/* The hospital's code as one of `to`: by a line for that dictionary, or by one for the dictionary
 * `between` ("sex" for "shanxi/sex") and on from there. */
static const char *by_table(const struct yq_code_context *context, const char *list,
                            const char *between, const char *to, const char *code,
                            char found[YQ_CODE_SIZE])
{
    if (national(context, list, to, code, found))
        return found;
    return between && strcmp(between, to) != 0 && national(context, list, between, code, found)
               ? yq_term_convert(between, to, found)
               : NULL;
}

static const char *code_of(const struct yq_term *term) { return term ? term->code : NULL; }

static const char *from_local(const struct yq_code_context *context, const char *list,
                              const char *to, const char *code, char found[YQ_CODE_SIZE])
{
    const char *between = strchr(to, '/');
    const char *into = by_table(context, list, between ? between + 1 : NULL, to, code, found);
    return into ? into : code_of(term_of(to, code));
}

bool yq_codes_convert(void *context, const char *from, const char *to, const char *code,
                      struct yq_buf *out)
{
    char found[YQ_CODE_SIZE];
    const char *list, *into;
    if (is_local(from, &list)) {
        into = from_local(context, list, to, code, found);
    } else if (strcmp(from, "name") == 0) {
        const struct yq_dictionary *dictionary = yq_dictionary_find(to);
        into = dictionary ? code_of(yq_term_named(dictionary, code)) : NULL;
    } else {
        into = yq_term_convert(from, to, code);
    }
    if (!into && !is_local(from, &list)) /* what a sender says beyond the standard's table */
        into = by_table(context, NULL, from, to, code, found);
    if (into)
        yq_buf_puts(out, into);
    return into;
}

bool yq_codes_is_mapped(void *context, const char *dictionary, const char *code)
{
    char found[YQ_CODE_SIZE];
    const struct yq_dictionary *known = yq_dictionary_find(dictionary);
    return (known && yq_term_accepts(known, code)) ||
           national(context, NULL, dictionary, code, found);
}

/* ---- noting ---- */

/* The n-th line of a member's value, "" when there are fewer or it is too long for a code. */
static const char *nth(const struct yq_record *record, int member, size_t n, char *out, size_t size)
{
    *out = '\0';
    if (member >= 0 &&
        !yq_record_nth(record, yq_kinds[record->kind].members[member].name, n, out, size))
        *out = '\0';
    return out;
}

static void note_member(const struct yq_code_context *context, const struct yq_record *record,
                        int place)
{
    const struct yq_member *member = &yq_kinds[record->kind].members[place];
    char code[YQ_CODE_SIZE];
    for (size_t n = 0; *nth(record, place, n, code, sizeof code); n++)
        if (!yq_codes_is_mapped((void *)context, member->dictionary, code))
            yq_codes_note(context->house->catalog, member->dictionary, context->source, code, "");
}

/* Codes of items, which have no dictionary of their own: the names beside them go along. */
static void note_items(const struct yq_code_context *context, const struct yq_record *record)
{
    int codes = yq_member_find(record->kind, "itemCode");
    int names = yq_member_find(record->kind, "itemName");
    int known = yq_member_find(record->kind, "nationalItemCode");
    bool lab = record->kind == YQ_KIND_LAB || record->kind == YQ_KIND_LAB_RESULT;
    const char *list = lab ? YQ_CODES_LAB_ITEMS : YQ_CODES_EXAM_ITEMS;
    char code[YQ_CODE_SIZE], name[YQ_CODE_NAME_SIZE], found[YQ_CODE_SIZE];
    if (codes < 0 || (known >= 0 && record->values[known]))
        return;
    for (size_t n = 0; *nth(record, codes, n, code, sizeof code); n++)
        if (!national(context, list, NULL, code, found))
            yq_codes_note(context->house->catalog, list, context->source, code,
                          nth(record, names, n, name, sizeof name));
}

void yq_codes_note_record(struct yq_house *house, const char *source,
                          const struct yq_record *record)
{
    struct yq_code_context context = {house, source};
    const struct yq_kind_info *kind = &yq_kinds[record->kind];
    for (size_t i = 0; i < kind->count; i++) {
        if (kind->members[i].type == YQ_VALUE_CODE && *kind->members[i].dictionary &&
            record->values[i])
            note_member(&context, record, (int)i);
        for (size_t k = 0; record->lists && k < record->lists[i].count; k++)
            yq_codes_note_record(house, source, record->lists[i].items[k]);
    }
    if (record->kind != YQ_KIND_ITEM && record->kind != YQ_KIND_LAB_QUALITY)
        note_items(&context, record);
}

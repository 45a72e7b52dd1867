/* make_dictionaries: at build time turns data/dictionaries/ into the tables of dictionary.h:
 * index.csv (name, chinese, source, count, as), a file <name>.csv (code, chinese, parent, note) for
 * each of its lines that shares no other one's terms (`as`), and conversions.csv (from, to, code,
 * into, note). What does not fit together ends the build with file and line: a count, a code twice
 * without a note that says so, a conversion from or to what is not there, a conversion twice. */
#include "make_table.h"
#include "yq/dictionary.h"

enum { FIELDS_MOST = 5, LINE_MOST = 8192, DICTIONARIES_MOST = 512, CONVERSIONS_MOST = 8192 };

struct dictionary {
    char *name, *chinese, *source, *as;
    size_t count;          /* as index.csv says */
    struct yq_term *terms; /* NULL: shares */
    size_t place;          /* in index.csv */
};

static struct dictionary dictionaries[DICTIONARIES_MOST];
static size_t dictionary_count;
static struct yq_conversion conversions[CONVERSIONS_MOST];
static size_t conversion_count;

static char *keep(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        give_up("no memory");
    return copy;
}

static FILE *open_table(const char *folder, const char *name, const char *head)
{
    char text[LINE_MOST];
    snprintf(file, sizeof file, "%s/%s.csv", folder, name);
    line = 1;
    FILE *in = fopen(file, "r");
    if (!in || !fgets(text, sizeof text, in))
        give_up("cannot be read");
    text[strcspn(text, "\r\n")] = '\0';
    if (strcmp(text, head) != 0)
        give_up("the first line is not what it has to be");
    return in;
}

static bool next_row(FILE *in, char *text, char **fields, size_t count)
{
    if (!fgets(text, LINE_MOST, in))
        return false;
    line++;
    if (strlen(text) + 1 == LINE_MOST)
        give_up("the line is too long");
    split(text, fields, count);
    return true;
}

static const struct dictionary *find(const char *name)
{
    for (size_t i = 0; i < dictionary_count; i++)
        if (strcmp(dictionaries[i].name, name) == 0)
            return &dictionaries[i];
    return NULL;
}

/* The one that has the terms. */
static const struct dictionary *owner(const struct dictionary *one)
{
    return one->terms ? one : find(one->as);
}

static void read_index(const char *folder)
{
    char text[LINE_MOST], *fields[FIELDS_MOST], *end;
    FILE *in = open_table(folder, "index", "name,chinese,source,count,as");
    while (next_row(in, text, fields, 5)) {
        if (dictionary_count == DICTIONARIES_MOST)
            give_up("there are too many dictionaries");
        if (!*fields[0] || !*fields[1] || !*fields[2])
            give_up("name, chinese and source are wanted");
        if (find(fields[0]))
            give_up("this name stands twice");
        struct dictionary *one = &dictionaries[dictionary_count];
        one->name = keep(fields[0]);
        one->chinese = keep(fields[1]);
        one->source = keep(fields[2]);
        one->count = strtoul(fields[3], &end, 10);
        one->as = keep(fields[4]);
        one->place = dictionary_count++;
        if (*end || !one->count || one->count > 65535)
            give_up("a count is a number from 1 to 65535");
    }
    fclose(in);
}

static void check_twice(const struct yq_term *terms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(terms[i].code, terms[count].code) == 0 &&
            (!*terms[i].note || !*terms[count].note))
            give_up("this code stands twice, and no note says why");
}

static void read_terms(const char *folder, struct dictionary *one)
{
    char text[LINE_MOST], *fields[FIELDS_MOST];
    size_t count = 0;
    if (*one->as)
        return;
    FILE *in = open_table(folder, one->name, "code,chinese,parent,note");
    one->terms = calloc(one->count + 1, sizeof *one->terms);
    if (!one->terms)
        give_up("no memory");
    while (next_row(in, text, fields, 4)) {
        if (count == one->count)
            give_up("there are more lines than index.csv says");
        if (!*fields[0] || !*fields[1])
            give_up("code and chinese are wanted");
        one->terms[count] =
            (struct yq_term){keep(fields[0]), keep(fields[1]), keep(fields[2]), keep(fields[3])};
        check_twice(one->terms, count++);
    }
    if (count != one->count)
        give_up("there are fewer lines than index.csv says");
    fclose(in);
}

static void check_sharing(void)
{
    for (size_t i = 0; i < dictionary_count; i++) {
        const struct dictionary *one = &dictionaries[i], *other = owner(one);
        snprintf(file, sizeof file, "index.csv");
        line = (unsigned)one->place + 2;
        if (!other || !other->terms || other->count != one->count)
            give_up("it shares the terms of one that is not there, has none, or another count");
    }
}

static bool has_code(const struct dictionary *one, const char *code)
{
    for (size_t i = 0; i < one->count; i++)
        if (strcmp(owner(one)->terms[i].code, code) == 0)
            return true;
    return false;
}

static int by_conversion(const void *a, const void *b)
{
    const struct yq_conversion *x = a, *y = b;
    int order = strcmp(x->from, y->from);
    if (order == 0)
        order = strcmp(x->to, y->to);
    return order ? order : strcmp(x->code, y->code);
}

static void read_conversions(const char *folder)
{
    char text[LINE_MOST], *fields[FIELDS_MOST];
    FILE *in = open_table(folder, "conversions", "from,to,code,into,note");
    while (next_row(in, text, fields, 5)) {
        const struct dictionary *from = find(fields[0]), *to = find(fields[1]);
        bool same = strcmp(fields[2], "*") == 0 && strcmp(fields[3], "*") == 0;
        if (conversion_count == CONVERSIONS_MOST)
            give_up("there are too many conversions");
        if (!from || !to)
            give_up("there is no such dictionary");
        if (!same && (!has_code(from, fields[2]) || !has_code(to, fields[3])))
            give_up("there is no such code");
        conversions[conversion_count++] = (struct yq_conversion){keep(fields[0]), keep(fields[1]),
                                                                 keep(fields[2]), keep(fields[3])};
    }
    fclose(in);
    qsort(conversions, conversion_count, sizeof *conversions, by_conversion);
    for (size_t i = 1; i < conversion_count; i++)
        if (by_conversion(&conversions[i - 1], &conversions[i]) == 0) {
            fprintf(stderr, "%s: twice: %s,%s,%s\n", file, conversions[i].from, conversions[i].to,
                    conversions[i].code);
            exit(1);
        }
}

static const struct yq_term *sorting;

static int by_code(const void *a, const void *b)
{
    unsigned short x = *(const unsigned short *)a, y = *(const unsigned short *)b;
    int order = strcmp(sorting[x].code, sorting[y].code);
    return order ? order : (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct dictionary *)a)->name, ((const struct dictionary *)b)->name);
}

static void write_terms(FILE *out, const struct dictionary *one)
{
    unsigned short *order = calloc(one->count, sizeof *order);
    if (!order)
        give_up("no memory");
    fprintf(out, "static const struct yq_term terms_of_%zu[] = {\n", one->place);
    for (size_t i = 0; i < one->count; i++) {
        order[i] = (unsigned short)i;
        fputs("    {", out);
        put_string(out, one->terms[i].code, ", ");
        put_string(out, one->terms[i].chinese, ", ");
        put_string(out, one->terms[i].parent, ", ");
        put_string(out, one->terms[i].note, "},\n");
    }
    sorting = one->terms;
    qsort(order, one->count, sizeof *order, by_code);
    fprintf(out, "};\nstatic const unsigned short order_of_%zu[] = {", one->place);
    for (size_t i = 0; i < one->count; i++)
        fprintf(out, "%hu,", order[i]);
    fputs("};\n", out);
    free(order);
}

static void write_all(FILE *out)
{
    fputs("/* Made by make_dictionaries. */\n#include \"yq/dictionary.h\"\n", out);
    qsort(dictionaries, dictionary_count, sizeof *dictionaries, by_name);
    for (size_t i = 0; i < dictionary_count; i++)
        if (dictionaries[i].terms)
            write_terms(out, &dictionaries[i]);
    fputs("const struct yq_dictionary yq_dictionaries[] = {\n", out);
    for (size_t i = 0; i < dictionary_count; i++) {
        const struct dictionary *one = &dictionaries[i];
        size_t place = owner(one)->place;
        fputs("    {", out);
        put_string(out, one->name, ", ");
        put_string(out, one->chinese, ", ");
        put_string(out, one->source, ", ");
        fprintf(out, "terms_of_%zu, %zu, order_of_%zu},\n", place, one->count, place);
    }
    fprintf(out, "};\nconst size_t yq_dictionary_count = %zu;\n", dictionary_count);
    fputs("const struct yq_conversion yq_conversions[] = {\n", out);
    for (size_t i = 0; i < conversion_count; i++) {
        fputs("    {", out);
        put_string(out, conversions[i].from, ", ");
        put_string(out, conversions[i].to, ", ");
        put_string(out, conversions[i].code, ", ");
        put_string(out, conversions[i].into, "},\n");
    }
    fprintf(out, "};\nconst size_t yq_conversion_count = %zu;\n", conversion_count);
}

int main(int count, char **words)
{
    FILE *out = count == 3 ? fopen(words[2], "w") : NULL;
    snprintf(file, sizeof file, "make_dictionaries FOLDER OUT");
    if (!out)
        give_up("cannot write");
    read_index(words[1]);
    for (size_t i = 0; i < dictionary_count; i++)
        read_terms(words[1], &dictionaries[i]);
    check_sharing();
    read_conversions(words[1]);
    write_all(out);
    return fclose(out) != 0;
}

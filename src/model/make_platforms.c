/* make_platforms: at build time turns data/platforms/ into yq_interfaces (check.h): per platform
 * index.csv (interface, kind, way, chinese, clause, fields) and, for each of its lines with fields,
 * <interface>.csv (name, chinese, type, length, unit, required, when, between, dictionary, source,
 * note).
 * What is not understood, and a count that is not index.csv's, ends the build with file and line.
 */
#include <ctype.h>

#include "make_table.h"

enum { COLUMNS_MOST = 11, LINE_MOST = 8192, INTERFACES_MOST = 512 };

static const char *const platforms[] = {"hebei", "neijiang", "shanxi", "sichuan", "xuancheng"};
/* in the order of enum yq_kind */
static const char *const kinds[] = {"exam",        "report",  "lab",        "lab-device",
                                    "lab-quality", "item",    "consent",    "recognition",
                                    "viewing",     "patient", "settlement", "lab-result"};

static FILE *open_table(const char *folder, const char *platform, const char *name, char *text)
{
    snprintf(file, sizeof file, "%s/%s/%s.csv", folder, platform, name);
    line = 1;
    FILE *in = fopen(file, "r");
    if (!in || !fgets(text, LINE_MOST, in))
        give_up("cannot be read");
    return in;
}

static bool next_line(FILE *in, char *text)
{
    if (!fgets(text, LINE_MOST, in))
        return false;
    line++;
    if (strlen(text) + 1 == LINE_MOST)
        give_up("the line is too long");
    return true;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static void write_field(FILE *out, char *text)
{
    static const char *const required[] = {"yes", "if present", "no", NULL};
    static const char *const units[] = {"", "chars", "bytes", "about", NULL};
    char *fields[COLUMNS_MOST], *end;
    split(text, fields, 11);
    unsigned long length = strtoul(fields[3], &end, 10);
    if (!*fields[0] || !*fields[1])
        give_up("a field has a name and a Chinese name");
    if (*end || (length != 0) != (*fields[4] != '\0') || !is_one_of(fields[4], units))
        give_up("a length is a number of chars or bytes, or about so many");
    if (!is_one_of(fields[5], required))
        give_up("required is yes, if present or no");
    fputs("    {", out);
    put_string(out, fields[0], ", ");
    put_string(out, fields[1], ", ");
    put_string(out, fields[2], ", ");
    fprintf(out, "%lu, %s, %s, ", length, strcmp(fields[4], "bytes") == 0 ? "true" : "false",
            strcmp(fields[4], "about") == 0 ? "true" : "false");
    for (size_t i = 5; i < 11; i++)
        put_string(out, i == 7 && !*fields[i] ? "," : fields[i], ", ");
    fputs("},\n", out);
}

static void write_fields(FILE *out, const char *folder, const char *platform, const char *name,
                         size_t number, unsigned long count)
{
    char text[LINE_MOST];
    unsigned long found = 0;
    FILE *in = open_table(folder, platform, name, text);
    fprintf(out, "static const struct yq_field fields_%zu[] = {\n", number);
    for (; next_line(in, text); found++)
        write_field(out, text);
    fputs("};\n", out);
    if (found != count)
        give_up("has not as many fields as index.csv says");
    fclose(in);
}

static int kind_of(const char *word)
{
    const int none = sizeof kinds / sizeof *kinds;
    for (int i = 0; i < none; i++)
        if (strcmp(kinds[i], word) == 0)
            return i;
    if (*word)
        give_up("there is no such kind");
    return none;
}

/* The fields go to `out`, the interface's own line to `list`. */
static void write_platform(FILE *out, FILE *list, const char *folder, const char *platform,
                           size_t *number)
{
    char text[LINE_MOST], *columns[COLUMNS_MOST], *end, index[sizeof file];
    FILE *in = open_table(folder, platform, "index", text);
    memcpy(index, file, sizeof file);
    while (next_line(in, text)) {
        unsigned at = line;
        split(text, columns, 6);
        unsigned long count = strtoul(columns[5], &end, 10);
        static const char *const ways[] = {"in", "out", "collected", NULL};
        if (*end || !is_one_of(columns[2], ways))
            give_up("a way is in, out or collected, fields a number");
        int kind = kind_of(columns[1]);
        fputs("    {", list);
        put_string(list, platform, ", ");
        put_string(list, columns[0], ", ");
        put_string(list, columns[3], ", ");
        put_string(list, columns[4], ", ");
        fprintf(list, "(enum yq_kind)%d, %s, %s, ", kind,
                strcmp(columns[2], "in") == 0 ? "true" : "false",
                strcmp(columns[2], "collected") == 0 ? "true" : "false");
        if (count) {
            write_fields(out, folder, platform, columns[0], *number, count);
            fprintf(list, "fields_%zu, %lu},\n", *number, count);
        } else
            fputs("NULL, 0},\n", list);
        if (++*number == INTERFACES_MOST)
            give_up("there are too many interfaces");
        memcpy(file, index, sizeof file);
        line = at;
    }
    fclose(in);
}

int main(int count, char **words)
{
    FILE *out = count == 3 ? fopen(words[2], "w") : NULL;
    char *list_text = NULL;
    size_t list_length = 0, number = 0;
    FILE *list = open_memstream(&list_text, &list_length);
    if (!out || !list) {
        fputs("make_platforms FOLDER OUT: cannot write\n", stderr);
        return 1;
    }
    fputs("/* Made by make_platforms. */\n#include \"yq/check.h\"\n", out);
    for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
        write_platform(out, list, words[1], platforms[i], &number);
    fclose(list);
    fprintf(out, "const struct yq_interface yq_interfaces[] = {\n%s};\n", list_text);
    fprintf(out, "const size_t yq_interface_count = %zu;\n", number);
    free(list_text);
    return fclose(out) != 0;
}

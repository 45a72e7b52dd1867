/* make_profile: at build time turns data/anonymize/basic-profile.csv (tag, keyword, code, fate)
 * into the table that clean.c searches. Refuses what is out of order or not understood. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up(const char *why, unsigned line)
{
    fprintf(stderr, "make_profile: line %u: %s\n", line, why);
    exit(1);
}

static const char *fate_of(char letter)
{
    static const struct {
        char letter;
        const char *name;
    } fates[] = {{'K', "KEEP"},    {'X', "REMOVE"}, {'Z', "EMPTY"}, {'D', "DUMMY"}, {'U', "UID"},
                 {'P', "PATIENT"}, {'R', "INSIDE"}, {'M', "MASK"},  {'T', "NESTED"}};
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++)
        if (fates[i].letter == letter)
            return fates[i].name;
    return NULL;
}

static void write_row(FILE *out, char *text, unsigned line)
{
    static unsigned long last;
    char *fields[4], *end;
    for (size_t i = 0; i < 4; i++) {
        fields[i] = text;
        text = strpbrk(text, i < 3 ? "," : "\r\n");
        if (!text)
            give_up("four fields are wanted", line);
        *text++ = '\0';
    }
    unsigned long tag = strtoul(fields[0], &end, 16);
    if (*end || strlen(fields[0]) != 8 || tag <= last)
        give_up("a tag is eight digits, each greater than the one before", line);
    const char *fate = strlen(fields[3]) == 1 ? fate_of(*fields[3]) : NULL;
    if (!fate || strpbrk(fields[1], "\"\\") || strpbrk(fields[2], "\"\\"))
        give_up("the fate is one of K X Z D U P R M T", line);
    fprintf(out, "    {0x%08lx, YQ_CLEAN_%s, \"%s\", \"%s\"},\n", tag, fate, fields[1], fields[2]);
    last = tag;
}

int main(int count, char **words)
{
    char text[256];
    unsigned line = 1;
    FILE *in = count == 3 ? fopen(words[1], "r") : NULL;
    FILE *out = in ? fopen(words[2], "w") : NULL;
    if (!out || !fgets(text, sizeof text, in))
        give_up("make_profile CSV OUT", 0);
    fprintf(out, "/* Made by make_profile. */\n#include \"yq/clean.h\"\n"
                 "const struct yq_clean_row yq_clean_rows[] = {\n");
    while (fgets(text, sizeof text, in))
        write_row(out, text, ++line);
    fprintf(out, "};\nconst size_t yq_clean_row_count =\n"
                 "    sizeof yq_clean_rows / sizeof *yq_clean_rows;\n");
    fclose(in);
    if (fclose(out) != 0)
        give_up("cannot write the table", 0);
    return 0;
}

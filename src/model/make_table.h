/* make_table.h: what the programs share that turn tables of data/ into C at build time: where they
 * read, how they give up, a line's fields, a string of C. Each is one file that includes this. */
#ifndef YQ_MODEL_MAKE_TABLE_H
#define YQ_MODEL_MAKE_TABLE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char file[1024]; /* that is read, and where in it */
static unsigned line;

_Noreturn static inline void give_up(const char *why)
{
    fprintf(stderr, "%s:%u: %s\n", file, line, why);
    exit(1);
}

/* Splits in place; fields may stand in double quotes, "" in them is one quote. */
static inline void split(char *text, char **fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *to = text;
        fields[i] = text;
        bool quoted = *text == '"';
        if (quoted)
            text++;
        for (;; text++) {
            if (quoted && text[0] == '"' && text[1] == '"')
                text++;
            else if (quoted && *text == '"') {
                quoted = false;
                continue;
            } else if (!*text || (!quoted && strchr(",\r\n", *text)))
                break;
            *to++ = *text;
        }
        if ((*text == ',') != (i + 1 < count))
            give_up("the number of fields is not that of the first line");
        if (*text)
            text++;
        *to = '\0';
    }
}

/* With its quotes, and what comes behind. */
static inline void put_string(FILE *out, const char *text, const char *after)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || *text == '?') /* no trigraphs */
            fputc('\\', out);
        fputc(*text, out);
    }
    fprintf(out, "\"%s", after);
}

#endif

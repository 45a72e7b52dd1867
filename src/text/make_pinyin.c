/* make_pinyin.c: a tool of the build: writes pinyin_table.c: how each ideograph is read, from ICU's
 * Han-Latin transliteration and readings.txt. ICU takes a second and some megabytes for it, which a
 * node has not to spare; the table is 130 KB of constants.
 *
 * make_pinyin READINGS OUT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uclean.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>
#include <unicode/utrans.h>

enum { FIRST = 0x3400, BEYOND = 0xa000, RARE = 0x20000, RARE_BEYOND = 0x32000 };
enum { SYLLABLE_SIZE = 12, SYLLABLES_MOST = 2047, ALSO_MOST = 4, LINES_MOST = 1000 };

static char syllables[SYLLABLES_MOST + 1][SYLLABLE_SIZE]; /* 0: none */
static unsigned syllable_count = 1;
static unsigned common[BEYOND - FIRST], rare[RARE_BEYOND - RARE];
static struct {
    UChar32 character, second; /* second: of a double surname, or 0 */
    unsigned also[ALSO_MOST];
} lines[LINES_MOST];
static size_t line_count;

static void give_up(const char *why)
{
    fprintf(stderr, "make_pinyin: %s\n", why);
    exit(1);
}

static unsigned number_of(const char *syllable)
{
    if (!*syllable)
        return 0;
    for (unsigned i = 1; i < syllable_count; i++) {
        if (strcmp(syllables[i], syllable) == 0)
            return i;
    }
    if (syllable_count > SYLLABLES_MOST || strlen(syllable) >= SYLLABLE_SIZE)
        give_up("a syllable is too long, or one too many");
    memcpy(syllables[syllable_count], syllable, strlen(syllable) + 1);
    return syllable_count++;
}

/* "lǚ" -> "lv": letters only, the marks off. */
static unsigned plain(const UChar *text, int32_t length)
{
    UErrorCode error = U_ZERO_ERROR;
    UChar apart[64];
    char syllable[64] = "";
    size_t used = 0;
    int32_t count =
        unorm2_normalize(unorm2_getNFDInstance(&error), text, length, apart, 64, &error);
    if (U_FAILURE(error))
        return 0;
    for (int32_t i = 0; i < count && used < sizeof syllable - 1; i++) {
        if (apart[i] >= 'a' && apart[i] <= 'z')
            syllable[used++] = (char)apart[i];
        else if (apart[i] == 0x308 && used && syllable[used - 1] == 'u')
            syllable[used - 1] = 'v';
    }
    return used < SYLLABLE_SIZE ? number_of(syllable) : 0;
}

static unsigned read_by_icu(UTransliterator *reader, UChar32 character)
{
    UErrorCode error = U_ZERO_ERROR;
    UChar text[64];
    int32_t length = 0;
    U16_APPEND_UNSAFE(text, length, character);
    int32_t limit = length;
    utrans_transUChars(reader, text, &length, 64, 0, &limit, &error);
    return U_FAILURE(error) ? 0 : plain(text, length);
}

static void read_all(void)
{
    static const UChar id[] = {'H', 'a', 'n', '-', 'L', 'a', 't', 'i', 'n', 0};
    UErrorCode error = U_ZERO_ERROR;
    UTransliterator *reader = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &error);
    if (U_FAILURE(error))
        give_up("ICU has no Han-Latin");
    for (UChar32 c = FIRST; c < BEYOND; c++)
        common[c - FIRST] = read_by_icu(reader, c);
    for (UChar32 c = RARE; c < RARE_BEYOND; c++)
        rare[c - RARE] = read_by_icu(reader, c);
    utrans_close(reader);
}

static void read_line(char *text)
{
    char *word = strtok(text, " \n");
    if (!word || *word == '#')
        return;
    if (line_count == LINES_MOST)
        give_up("too many lines of readings");
    int32_t at = 0, length = (int32_t)strlen(word);
    U8_NEXT(word, at, length, lines[line_count].character);
    if (at < length)
        U8_NEXT(word, at, length, lines[line_count].second);
    if (at != length || lines[line_count].character < FIRST || lines[line_count].second < 0)
        give_up("a line of readings does not begin with one or two characters");
    for (size_t i = 0; (word = strtok(NULL, " \n")); i++) {
        if (i == ALSO_MOST)
            give_up("a character has too many readings");
        lines[line_count].also[i] = number_of(word);
    }
    line_count++;
}

static void read_lines(const char *path)
{
    char text[256];
    FILE *in = fopen(path, "r");
    if (!in)
        give_up("cannot read the readings");
    while (fgets(text, sizeof text, in))
        read_line(text);
    fclose(in);
}

static uint32_t digest(uint32_t so_far, const void *data, size_t size)
{
    const uint8_t *bytes = data; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        so_far = (so_far ^ bytes[i]) * 16777619u;
    return so_far;
}

static uint32_t digest_all(void)
{
    uint32_t all = digest(2166136261u, syllables, sizeof syllables);
    all = digest(all, common, sizeof common);
    all = digest(all, rare, sizeof rare);
    return digest(all, lines, sizeof lines);
}

static void write_all(FILE *out)
{
    fprintf(out, "/* Made by make_pinyin. */\n#include \"pinyin.h\"\n"
                 "const char pinyin_syllables[][PINYIN_SIZE] = {\n");
    for (unsigned i = 0; i < syllable_count; i++)
        fprintf(out, "\"%s\",%s", syllables[i], i % 12 == 11 ? "\n" : "");
    fprintf(out, "};\nconst uint16_t pinyin_common[PINYIN_BEYOND - PINYIN_FIRST] = {\n");
    for (unsigned i = 0; i < BEYOND - FIRST; i++)
        fprintf(out, "%u,%s", common[i], i % 24 == 23 ? "\n" : "");
    size_t count = 0;
    fprintf(out, "};\nconst uint32_t pinyin_rare[] = {\n");
    for (unsigned i = 0; i < RARE_BEYOND - RARE; i++) {
        if (rare[i])
            fprintf(out, "%uu,%s", (i + RARE) << 11 | rare[i], ++count % 12 == 0 ? "\n" : "");
    }
    fprintf(out, "};\nconst size_t pinyin_rare_count = %zu;\n", count);
    fprintf(out, "const struct pinyin_line pinyin_lines[] = {\n");
    for (size_t i = 0; i < line_count; i++)
        fprintf(out, "{%d,%d,{%u,%u,%u,%u}},\n", (int)lines[i].character, (int)lines[i].second,
                lines[i].also[0], lines[i].also[1], lines[i].also[2], lines[i].also[3]);
    fprintf(out, "};\nconst size_t pinyin_line_count = %zu;\n", line_count);
    fprintf(out, "const uint32_t pinyin_digest = %uu;\n", digest_all());
}

int main(int count, char **words)
{
    if (count != 3)
        give_up("make_pinyin READINGS OUT");
    read_all();
    read_lines(words[1]);
    FILE *out = fopen(words[2], "w");
    if (!out)
        give_up("cannot write the table");
    write_all(out);
    if (fclose(out) != 0)
        give_up("cannot write the table");
    u_cleanup();
    return 0;
}

/* charset.c: Specific Character Set (0008,0005): its defined terms (PS3.3 C.12.1.1.2, tables C.12-2
 * to C.12-5) and the spellings met in hospitals. Pure tables; thread-safe. */
#include "charset.h"

#include <ctype.h>
#include <string.h>

#include "yq/text.h"

const struct set_info set_table[SET_COUNT] = {
    [SET_ASCII] = {SHAPE_SINGLE, "ISO 2022 IR 6", "(B", NULL, NULL},
    [SET_LATIN1] = {SHAPE_SINGLE, "ISO 2022 IR 100", "-A", "ISO-8859-1", NULL},
    [SET_LATIN2] = {SHAPE_SINGLE, "ISO 2022 IR 101", "-B", "ISO-8859-2", NULL},
    [SET_LATIN3] = {SHAPE_SINGLE, "ISO 2022 IR 109", "-C", "ISO-8859-3", NULL},
    [SET_LATIN4] = {SHAPE_SINGLE, "ISO 2022 IR 110", "-D", "ISO-8859-4", NULL},
    [SET_CYRILLIC] = {SHAPE_SINGLE, "ISO 2022 IR 144", "-L", "ISO-8859-5", NULL},
    [SET_ARABIC] = {SHAPE_SINGLE, "ISO 2022 IR 127", "-G", "ISO-8859-6", NULL},
    [SET_GREEK] = {SHAPE_SINGLE, "ISO 2022 IR 126", "-F", "ISO-8859-7", NULL},
    [SET_HEBREW] = {SHAPE_SINGLE, "ISO 2022 IR 138", "-H", "ISO-8859-8", NULL},
    [SET_LATIN5] = {SHAPE_SINGLE, "ISO 2022 IR 148", "-M", "ISO-8859-9", NULL},
    [SET_LATIN9] = {SHAPE_SINGLE, "ISO 2022 IR 203", "-b", "ISO-8859-15", NULL},
    [SET_THAI] = {SHAPE_SINGLE, "ISO 2022 IR 166", "-T", "ISO-8859-11", NULL},
    [SET_KATAKANA] = {SHAPE_SINGLE, "ISO 2022 IR 13", ")I", NULL, NULL},
    [SET_KANJI] = {SHAPE_PAIR_G0, "ISO 2022 IR 87", "$B", "EUC-JP", NULL},
    [SET_KANJI2] = {SHAPE_PAIR_G0, "ISO 2022 IR 159", "$(D", "EUC-JP", NULL},
    /* Devices write more than the set has under its name: read the superset, write the set. */
    [SET_KOREAN] = {SHAPE_PAIR_G1, "ISO 2022 IR 149", "$)C", "windows-949", "EUC-KR"},
    [SET_CHINESE] = {SHAPE_PAIR_G1, "ISO 2022 IR 58", "$)A", "gb18030", "GB2312"},
    [SET_UTF8] = {SHAPE_WHOLE, "ISO_IR 192", "", NULL, NULL},
    [SET_GB18030] = {SHAPE_WHOLE, "GB18030", "", "gb18030", NULL},
    [SET_GBK] = {SHAPE_WHOLE, "GBK", "", "gb18030", "GBK"},
};

/* Compared without case, blanks, hyphens and underscores; "ISO 2022 IR n" and "ISO_IR n" name the
 * same set: whether escape sequences follow, the bytes tell. */
static const struct {
    const char *name;
    enum set set;
} names[] = {
    {"6", SET_ASCII},        {"100", SET_LATIN1},      {"101", SET_LATIN2},
    {"109", SET_LATIN3},     {"110", SET_LATIN4},      {"144", SET_CYRILLIC},
    {"127", SET_ARABIC},     {"126", SET_GREEK},       {"138", SET_HEBREW},
    {"148", SET_LATIN5},     {"203", SET_LATIN9},      {"166", SET_THAI},
    {"13", SET_KATAKANA},    {"14", SET_KATAKANA},     {"87", SET_KANJI},
    {"159", SET_KANJI2},     {"149", SET_KOREAN},      {"58", SET_CHINESE},
    {"192", SET_UTF8},       {"GB18030", SET_GB18030}, {"GBK", SET_GBK},
    {"GB2312", SET_GBK},     {"GB231280", SET_GBK},    {"GB180302000", SET_GB18030},
    {"CP936", SET_GBK},      {"EUCCN", SET_GBK},       {"UTF8", SET_UTF8},
    {"UNICODE", SET_UTF8},   {"ASCII", SET_ASCII},     {"USASCII", SET_ASCII},
    {"646", SET_ASCII},      {"88591", SET_LATIN1},    {"LATIN1", SET_LATIN1},
    {"88592", SET_LATIN2},   {"88593", SET_LATIN3},    {"88594", SET_LATIN4},
    {"88595", SET_CYRILLIC}, {"88596", SET_ARABIC},    {"88597", SET_GREEK},
    {"88598", SET_HEBREW},   {"88599", SET_LATIN5},    {"885915", SET_LATIN9},
    {"885911", SET_THAI},    {"TIS620", SET_THAI},
};

static bool find_set(const char *value, size_t length, enum set *set)
{
    char name[32];
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c == ' ' || c == '-' || c == '_' || c == '\0')
            continue;
        if (used + 1 >= sizeof name)
            return false;
        name[used++] = (char)toupper(c);
    }
    name[used] = '\0';
    static const char *const before[] = {"ISO2022IR", "ISO2022", "ISOIR", "ISO", "IR"};
    const char *rest = name;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        size_t skip = strlen(before[i]);
        if (strncmp(name, before[i], skip) == 0) {
            rest = name + skip;
            break;
        }
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(rest, names[i].name) == 0) {
            *set = names[i].set;
            return true;
        }
    }
    return false;
}

void label_parse(const char *charset, struct label *label)
{
    memset(label, 0, sizeof *label);
    for (const char *value = charset;; value++) {
        size_t length = strcspn(value, "\\");
        enum set set = SET_ASCII;
        bool blank = strspn(value, " ") >= length;
        if (!blank && !find_set(value, length, &set))
            label->unknown = true;
        else if (label->count < LABEL_MOST)
            label->sets[label->count++] = set;
        value += length;
        if (!*value)
            break;
    }
    if (!label->count)
        label->sets[label->count++] = SET_ASCII;
}

bool resets_at(const char *vr, uint8_t c)
{
    if (c == '\r' || c == '\n' || c == '\f' || c == '\t')
        return true;
    if (c == '^' || c == '=')
        return strcmp(vr, "PN") == 0;
    return c == '\\' && strcmp(vr, "LT") != 0 && strcmp(vr, "ST") != 0 && strcmp(vr, "UT") != 0;
}

bool yq_text_charset_known(const char *charset)
{
    struct label label;
    label_parse(charset, &label);
    return !label.unknown;
}

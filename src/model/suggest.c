/* suggest.c: how alike two names of an examination are.
 *
 * Both are put into one spelling (synonyms below: 核磁 MRI 磁共振, 颅脑 头部 头颅, 正侧位 ...),
 * from which modality, side and contrast are taken out as marks of their own. What is left is
 * compared by characters and pairs of characters (Dice); marks that contradict each other cost most
 * of it. All sizes are bounded: of a longer name its beginning counts. */
#include "yq/suggest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MOST = 768, /* bytes of a name in its one spelling */
    CHARS_MOST = 96, /* characters of it that count */
    MARK_MODALITY = 4,
    MARK_SIDE = 3,
    MARK_CONTRAST = 3
};

/* Replaced in this order, wherever they stand. Marks: 1 X-ray, 2 CT, 3 MR, 4 ultrasound; L R B
 * side; p plain, e enhanced, v vessels: control characters, which no name has. */
#define XRAY "\x01"
#define CT "\x02"
#define MR "\x03"
#define US "\x04"
#define LEFT "\x05"
#define RIGHT "\x06"
#define BOTH "\x07"
#define PLAIN "\x0e"
#define ENHANCED "\x0f"
#define VESSELS "\x10"

static const struct {
    const char *from, *to;
} words[] = {
    /* full width, and what only divides */
    {"（", ""},
    {"）", ""},
    {"，", ""},
    {"、", ""},
    {"；", ""},
    {"：", ""},
    {"＋", ""},
    {"／", ""},
    {"　", ""},
    {"。", ""},
    {"－", ""},
    {"·", ""},
    /* misprints and variants */
    {"髌关节", "髋"},
    {"髋骼", "骶髂"},
    {"骶骼", "骶髂"},
    {"纵膈", "纵隔"},
    {"颞下颌", "颞颌"},
    {"副鼻窦", "鼻窦"},
    {"鼻旁窦", "鼻窦"},
    {"冠状动脉", "冠脉"},
    {"垂液腺", "唾液腺"},
    /* projections, before sides are looked for */
    {"胸片", XRAY "胸正位"},
    {"腹平片", XRAY "腹正位"},
    {"正侧位", "正位旁位"},
    {"正斜位", "正位斜位"},
    {"后前位", "正位"},
    {"前后位", "正位"},
    {"侧位", "旁位"},
    {"正位及", "正位"},
    /* modalities */
    {"X线计算机", "计算机"},
    {"计算机体层", CT},
    {"计算机断层", CT},
    {"核磁共振", MR},
    {"磁共振", MR},
    {"核磁", MR},
    {"MRCP", MR "MRCP"},
    {"MRA", MR VESSELS},
    {"MRV", MR VESSELS},
    {"MRI", MR},
    {"CTA", CT VESSELS},
    {"CTV", CT VESSELS},
    {"CTU", CT "CTU"},
    {"CT", CT},
    {"MR", MR},
    {"数字化摄影", XRAY},
    {"数字X线", XRAY},
    {"X线", XRAY},
    {"X光", XRAY},
    {"X片", XRAY},
    {"平片", XRAY},
    {"位片", "位"},
    {"摄影", XRAY},
    {"摄片", XRAY},
    {"拍片", XRAY},
    {"DR", XRAY},
    {"DX", XRAY},
    {"CR", XRAY},
    {"钼靶", XRAY "钼靶"},
    {"彩超", US},
    {"超声", US},
    {"B超", US},
    /* contrast */
    {"血管造影", VESSELS},
    {"血管成像", VESSELS},
    {"动脉成像", "动脉" VESSELS},
    {"普通扫描", PLAIN},
    {"平扫", PLAIN},
    {"增强", ENHANCED},
    /* sides */
    {"双侧", BOTH},
    {"两侧", BOTH},
    {"左右", BOTH},
    {"左侧", LEFT},
    {"右侧", RIGHT},
    {"双", BOTH},
    {"左", LEFT},
    {"右", RIGHT},
    /* parts of the body */
    {"颅脑", "头颅"},
    {"头部", "头颅"},
    {"脑部", "头颅"},
    {"头颅部", "头颅"},
    {"尺桡骨", "前臂"},
    {"肱骨", "上臂"},
    {"胫腓骨", "小腿"},
    {"股骨颈", "股颈"},
    {"股骨", "大腿"},
    {"全腹部", "全腹"},
    {"关节", ""},
    {"部", ""},
    /* what says nothing */
    {"扫描", ""},
    {"成像", ""},
    {"检查", ""},
    {"常规", ""},
    {"普通", ""},
    {"薄层", ""},
    {"站立", ""},
    {"立位", ""},
    {"加", ""},
    {"及", ""},
    {"的", ""},
};

struct marks {
    unsigned modality, side, contrast; /* bits; 0: not said */
};
struct chars {
    uint32_t at[CHARS_MOST];
    size_t count;
};
struct name {
    struct marks marks;
    struct chars spelt;
    struct chars raw;     /* as it came, without blanks and in capitals; */
    char text[TEXT_MOST]; /* the same */
};
struct yq_suggester {
    const struct yq_dictionary *dictionary;
    struct name names[];
};

/* ---- one spelling ---- */

/* Copies without blanks and ASCII punctuation, in capitals; cut at a character. */
static void squeeze(const char *text, char out[TEXT_MOST])
{
    size_t length = 0;
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x80 && (byte <= ' ' || byte == 0x7f || strchr("()[]{}<>,;:.+-*/_\"'&|", byte)))
            continue;
        if (byte >= 'a' && byte <= 'z')
            byte = (unsigned char)(byte - 'a' + 'A');
        if (length + 4 >= TEXT_MOST && (byte & 0xc0) != 0x80)
            break;
        if (length + 1 < TEXT_MOST)
            out[length++] = (char)byte;
    }
    out[length] = '\0';
}

/* All places of `from` in `text`, which has TEXT_MOST bytes; what would not fit stays. */
static void replace(char *text, const char *from, const char *to)
{
    size_t gone = strlen(from), come = strlen(to), length = strlen(text);
    for (char *at = text; (at = strstr(at, from)); at += come) {
        if (length - gone + come >= TEXT_MOST)
            return;
        memmove(at + come, at + gone, length - (size_t)(at - text) - gone + 1);
        for (size_t i = 0; i < come; i++)
            at[i] = to[i];
        length = length - gone + come;
    }
}

static void take_mark(char byte, struct marks *marks)
{
    switch (byte) {
    case 1: marks->modality |= 1; break;
    case 2: marks->modality |= 2; break;
    case 3: marks->modality |= 4; break;
    case 4: marks->modality |= 8; break;
    case 5: marks->side |= 1; break;
    case 6: marks->side |= 2; break;
    case 7: marks->side |= 3; break;
    case 0xe: marks->contrast |= 1; break;
    case 0xf: marks->contrast |= 2; break;
    case 0x10: marks->contrast |= 4; break;
    default: break;
    }
}

/* The next character; *at moves on. Bytes that are no UTF-8 count as one each. */
static uint32_t next_char(const char **at)
{
    const unsigned char *p = (const unsigned char *)*at;
    unsigned more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
    uint32_t code = *p;
    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            more = i - 1;
            break;
        }
        code = code << 8 | p[i];
    }
    *at += 1 + more;
    return code;
}

static void add_char(struct chars *chars, uint32_t code)
{
    if (chars->count < CHARS_MOST)
        chars->at[chars->count++] = code;
}

static void spell(const char *text, struct name *name)
{
    char spelt[TEXT_MOST];
    memset(name, 0, sizeof *name);
    squeeze(text, name->text);
    memcpy(spelt, name->text, sizeof spelt);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        replace(spelt, words[i].from, words[i].to);
    for (const char *at = spelt; *at;) {
        uint32_t code = next_char(&at);
        if (code < 0x20)
            take_mark((char)code, &name->marks);
        else
            add_char(&name->spelt, code);
    }
    for (const char *at = name->text; *at;)
        add_char(&name->raw, next_char(&at));
    if (!name->marks.modality &&
        strstr(spelt, "位")) /* who speaks of projections speaks of X-rays */
        name->marks.modality = 1;
}

/* ---- how alike ---- */

static size_t pairs_of(const struct chars *chars) { return chars->count ? chars->count - 1 : 0; }

/* How many of a's characters, or pairs, are in b too, each once. */
static size_t common(const struct chars *a, const struct chars *b, size_t width)
{
    bool used[CHARS_MOST] = {false};
    size_t found = 0;
    for (size_t i = 0; i + width <= a->count; i++)
        for (size_t k = 0; k + width <= b->count; k++)
            if (!used[k] && memcmp(&a->at[i], &b->at[k], width * sizeof *a->at) == 0) {
                used[k] = true;
                found++;
                break;
            }
    return found;
}

static double alike(const struct chars *a, const struct chars *b)
{
    double all = (double)(a->count + b->count) + 2.0 * (double)(pairs_of(a) + pairs_of(b));
    if (!a->count || !b->count)
        return a->count == b->count ? 1 : 0;
    return 2 * ((double)common(a, b, 1) + 2.0 * (double)common(a, b, 2)) / all;
}

static double marks_factor(const struct marks *a, const struct marks *b)
{
    double factor = 1;
    if (a->modality != b->modality)
        factor *= !a->modality || !b->modality ? 0.85 : a->modality & b->modality ? 0.9 : 0.3;
    if (a->side != b->side)
        factor *= !a->side || !b->side ? 0.8 : 0.4;
    if (a->contrast != b->contrast) {
        unsigned both = a->contrast | b->contrast;
        if ((a->contrast ^ b->contrast) & 4) /* vessels, or not */
            factor *= 0.5;
        else if (!a->contrast || !b->contrast)
            factor *= both & 2 ? 0.75 : 0.92;
        else /* enhanced goes along with plain */
            factor *= a->contrast & b->contrast & 2 ? 0.97 : 0.6;
    }
    return factor;
}

static double score_of(const struct name *a, const struct name *b)
{
    if (strcmp(a->text, b->text) == 0)
        return 1;
    /* of two that mean the same the one that is written alike: 股骨 or 大腿 */
    double score = alike(&a->spelt, &b->spelt) * marks_factor(&a->marks, &b->marks);
    return 0.97 * score + 0.02 * alike(&a->raw, &b->raw);
}

/* ---- the face ---- */

bool yq_suggester_new(const struct yq_dictionary *dictionary, struct yq_suggester **out,
                      struct yq_err *err)
{
    struct yq_suggester *made = calloc(1, sizeof *made + dictionary->count * sizeof made->names[0]);
    *out = made;
    if (!made)
        return yq_fail(err, YQ_FULL, "model", "no memory for suggestions");
    made->dictionary = dictionary;
    for (size_t i = 0; i < dictionary->count; i++) {
        const struct yq_term *term = &dictionary->terms[i];
        struct name heading;
        spell(term->chinese, &made->names[i]);
        spell(term->parent, &heading); /* "DR 头颅": the modality stands there only */
        if (heading.marks.modality)
            made->names[i].marks.modality = heading.marks.modality;
    }
    return true;
}

void yq_suggester_free(struct yq_suggester *suggester) { free(suggester); }

size_t yq_suggest(const struct yq_suggester *suggester, const char *name, double least,
                  struct yq_suggestion *out, size_t most)
{
    struct name asked;
    size_t count = 0;
    spell(name, &asked);
    if (!*asked.text)
        return 0;
    for (size_t i = 0; i < suggester->dictionary->count; i++) {
        double score = score_of(&asked, &suggester->names[i]);
        if (score < least || (count == most && (!most || score <= out[most - 1].score)))
            continue;
        size_t place = count < most ? count++ : most - 1;
        for (; place && out[place - 1].score < score; place--)
            out[place] = out[place - 1];
        out[place] =
            (struct yq_suggestion){suggester->dictionary, &suggester->dictionary->terms[i], score};
    }
    return count;
}

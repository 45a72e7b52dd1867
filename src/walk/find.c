/* find.c: a C-FIND identifier becomes a query, a catalog row becomes an answer. PS3.4 C.1.4, C.2.2,
 * C.4.1.
 *
 * Knows the words of C-FIND only; matching is the catalog's. Keys the node does not index are
 * answered empty. */
#include <stdlib.h>
#include <string.h>

#include "yq/dcm.h"
#include "yq/text.h"
#include "yq/walk.h"

enum {
    TAG_CHARSET = 0x00080005,
    TAG_LEVEL = 0x00080052,
    TAG_RETRIEVE_AE = 0x00080054,
    TAG_AVAILABILITY = 0x00080056,
    KEYS_MOST = 512,
    VALUE_MOST = 1 << 18,  /* a UID list of some thousand instances */
    VALUES_MOST = 1 << 20, /* of all keys together */
};

void yq_find_fini(struct yq_find *find)
{
    yq_query_fini(&find->query);
    free(find->asked);
    memset(find, 0, sizeof *find);
}

static bool ask(struct yq_find *find, const struct yq_element *element, struct yq_err *err)
{
    if (find->asked_count == KEYS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "identifier has more than %d keys", KEYS_MOST);
    struct yq_asked *asked = realloc(find->asked, (find->asked_count + 1) * sizeof *asked);
    if (!asked)
        return yq_fail(err, YQ_FULL, "walk", "no memory for an identifier");
    find->asked = asked;
    struct yq_asked *new = &asked[find->asked_count++];
    *new = (struct yq_asked){.tag = element->tag, .within = element->within};
    memcpy(new->vr, element->vr, sizeof new->vr);
    return true;
}

/* A key with a value; keys of unknown attributes do not match anything and do not exclude anything
 * (PS3.4 C.2.2.1.3). */
static bool match(struct yq_find *find, enum yq_attr attr, const char *value, struct yq_err *err)
{
    return attr == YQ_ATTR_COUNT || yq_query_add(&find->query, attr, value, false, err);
}

struct key { /* an element with a value, as sent */
    struct yq_element element;
    size_t offset, length; /* in reading->values */
};

struct reading { /* an identifier on its way to being a query */
    struct yq_find *find;
    struct yq_scan *scan;
    bool big, level_seen; /* big: numbers are big endian */
    struct key *keys;
    size_t key_count;
    struct yq_buf values;
};

static bool take_level(struct reading *r, const char *text, struct yq_err *err)
{
    r->level_seen = yq_level_parse(text, &r->find->query.level);
    return r->level_seen || yq_fail(err, YQ_BAD_INPUT, "walk",
                                    "Query/Retrieve Level is not PATIENT, STUDY, SERIES or IMAGE");
}

static bool is_number(const struct key *key)
{
    return key->length == 2 && strcmp(key->element.vr, "US") == 0;
}

/* A value as UTF-8, without the blanks around it. */
static bool decode(const struct reading *r, const struct key *key, struct yq_buf *out,
                   struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    const uint8_t *raw = r->values.bytes + key->offset;
    bool doubtful = false;
    if (is_number(key))
        yq_buf_putf(&text, "%u", r->big ? yq_be16(raw) : yq_le16(raw));
    else if (key->length)
        yq_text_decode(r->find->read_as, key->element.vr, raw, key->length, &text, &doubtful);
    const char *start = yq_buf_text(&text);
    start += strspn(start, " ");
    size_t length = strlen(start);
    while (length && start[length - 1] == ' ')
        length--;
    yq_buf_put(out, start, length);
    return (!text.failed && !out->failed) ||
           yq_fail(err, YQ_FULL, "walk", "no memory for an identifier");
}

/* Kept until all were seen: which character set they are in is judged over all of them. */
static bool take_key(struct reading *r, const struct yq_element *element, struct yq_err *err)
{
    size_t offset = r->values.length;
    if (r->key_count == KEYS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "identifier has more than %d keys", KEYS_MOST);
    if (offset + element->length > VALUES_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "identifier has more than %d bytes of values",
                       VALUES_MOST);
    struct key *keys = realloc(r->keys, (r->key_count + 1) * sizeof *keys);
    if (!keys)
        return yq_fail(err, YQ_FULL, "walk", "no memory for an identifier");
    r->keys = keys;
    if (!yq_scan_value(r->scan, VALUE_MOST, &r->values, err))
        return false;
    keys[r->key_count++] =
        (struct key){.element = *element, .offset = offset, .length = r->values.length - offset};
    return true;
}

static bool take_charset(struct reading *r, struct yq_err *err)
{
    struct yq_buf raw yq_cleanup(yq_buf_fini) = {.most = VALUE_MOST};
    struct yq_find *find = r->find;
    if (!yq_scan_value(r->scan, VALUE_MOST, &raw, err))
        return false;
    (void)yq_copy_trimmed(find->charset, sizeof find->charset, yq_buf_text(&raw), raw.length);
    return true;
}

static bool take_element(struct reading *r, const struct yq_element *element, struct yq_err *err)
{
    struct yq_find *find = r->find;
    if ((element->tag & 0xffff) == 0)
        return true; /* a group length (PS3.5 7.2) is no key */
    if (strcmp(element->vr, "SQ") == 0)
        return element->depth == 0 ? ask(find, element, err) : true;
    if (element->depth > 1 || (element->depth == 1 && element->item > 0))
        return true; /* one item per sequence key (PS3.4 C.2.2.2.6) */
    if (element->length > VALUE_MOST)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "key (%04X,%04X) has a value of %u bytes",
                       element->tag >> 16, element->tag & 0xffff, element->length);
    if (element->tag == TAG_CHARSET && !element->within)
        return take_charset(r, err);
    return take_key(r, element, err);
}

static void judge(struct reading *r, const char *assume_charset)
{
    struct yq_text_value values[KEYS_MOST];
    size_t count = 0;
    for (size_t i = 0; i < r->key_count; i++) {
        const struct key *key = &r->keys[i];
        if (key->length && !is_number(key))
            values[count++] =
                (struct yq_text_value){key->element.vr, r->values.bytes + key->offset, key->length};
    }
    struct yq_find *find = r->find;
    if (yq_text_judge(values, count, find->charset, assume_charset, find->read_as) !=
        YQ_READ_AS_DECLARED)
        find->charset[0] = '\0';
}

static bool use_key(struct reading *r, const struct key *key, struct yq_err *err)
{
    struct yq_buf value yq_cleanup(yq_buf_fini) = {0};
    const struct yq_element *element = &key->element;
    if (!decode(r, key, &value, err))
        return false;
    if (element->tag == TAG_LEVEL && !element->within)
        return take_level(r, yq_buf_text(&value), err);
    enum yq_attr attr = yq_attr_by_tag(element->tag, element->within);
    return ask(r->find, element, err) && match(r->find, attr, yq_buf_text(&value), err);
}

static bool read_identifier(struct reading *r, const char *assume_charset, struct yq_err *err)
{
    struct yq_element element;
    while (yq_scan_next(r->scan, &element, err))
        if (!take_element(r, &element, err))
            return false;
    if (err->code != YQ_OK)
        return false;
    judge(r, assume_charset);
    for (size_t i = 0; i < r->key_count; i++)
        if (!use_key(r, &r->keys[i], err))
            return false;
    return r->level_seen ||
           yq_fail(err, YQ_BAD_INPUT, "walk", "identifier has no Query/Retrieve Level (0008,0052)");
}

/* Which values rows must carry, and which unique keys are names rather than patterns. */
static void settle_keys(struct yq_find *find, bool patient_root)
{
    struct yq_query *query = &find->query;
    for (size_t i = 0; i < find->asked_count; i++) {
        const struct yq_asked *asked = &find->asked[i];
        enum yq_attr attr = yq_attr_by_tag(asked->tag, asked->within);
        if (attr != YQ_ATTR_COUNT)
            query->wanted[attr] = true;
        for (int a = 0; a < YQ_ATTR_COUNT; a++) /* a sequence key may come without an item */
            if (yq_attrs[a].within && yq_attrs[a].within == asked->tag)
                query->wanted[a] = true;
    }
    /* PS3.4 C.4.1.2.1: a unique key above the level is a single value, so a Patient ID "***" means
     * itself. What can only be meant as a pattern (P*, or * alone) is one all the same. */
    for (size_t i = 0; i < query->match_count; i++) {
        const char *value = query->matches[i].value;
        bool pattern = strpbrk(value, "*?") && (value[strspn(value, "*?")] || !value[1]);
        if (patient_root && query->level > YQ_PATIENT && query->matches[i].attr == YQ_PatientID)
            query->matches[i].exact = !pattern;
    }
    for (enum yq_qr_level l = patient_root ? YQ_PATIENT : YQ_STUDY; l <= query->level; l++)
        query->wanted[yq_level_key(l)] = true;
}

bool yq_find_parse(const void *identifier, size_t length, const char *transfer_syntax,
                   bool patient_root, const char *assume_charset, struct yq_find *out,
                   struct yq_err *err)
{
    struct yq_scan *scan yq_cleanup(yq_scan_cleanup) = NULL;
    memset(out, 0, sizeof *out);
    if (!yq_scan_open_memory(identifier, length, transfer_syntax, &scan, err))
        return false;
    bool big = yq_layout_of(transfer_syntax) == YQ_LAYOUT_EXPLICIT_BE;
    struct reading r = {.find = out, .scan = scan, .big = big};
    bool ok = read_identifier(&r, assume_charset, err);
    yq_buf_fini(&r.values);
    free(r.keys);
    if (!ok)
        return false;
    if (out->query.level == YQ_PATIENT && !patient_root)
        return yq_fail(err, YQ_BAD_INPUT, "walk",
                       "study root has no PATIENT level: use patient root");
    settle_keys(out, patient_root);
    return true;
}

/* ---- answers ---- */

struct line { /* one element of an answer, to be sorted by tag */
    uint32_t tag;
    const char *vr;
    const char *text; /* UTF-8; NULL: empty */
    bool sequence;
};

static int by_tag(const void *a, const void *b)
{
    uint32_t x = ((const struct line *)a)->tag, y = ((const struct line *)b)->tag;
    return x < y ? -1 : x > y;
}

static bool put(struct yq_writer *writer, const struct line *line, const char *charset)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    const char *text = line->text ? line->text : "";
    bool plain = true;
    for (const char *p = text; *p && plain; p++)
        plain = (unsigned char)*p < 0x80;
    if (plain) { /* also every VR that knows no character set */
        yq_writer_put_text(writer, line->tag, line->vr, text);
        return true;
    }
    if (!yq_text_encode(charset, line->vr, text, &bytes))
        return false;
    yq_writer_put(writer, line->tag, line->vr, bytes.bytes, bytes.length);
    return true;
}

static bool put_sequence(struct yq_writer *writer, uint32_t tag, const char *const *values,
                         const char *charset)
{
    struct line lines[8];
    size_t count = 0;
    bool any = false, ok = true;
    for (int a = 0; a < YQ_ATTR_COUNT && count < 8; a++) {
        if (yq_attrs[a].within != tag)
            continue;
        lines[count++] =
            (struct line){.tag = yq_attrs[a].tag, .vr = yq_attrs[a].vr, .text = values[a]};
        any |= values[a] != NULL;
    }
    qsort(lines, count, sizeof *lines, by_tag);
    yq_writer_begin_sequence(writer, tag);
    if (any) {
        yq_writer_begin_item(writer);
        for (size_t i = 0; i < count; i++)
            ok = ok && put(writer, &lines[i], charset);
        yq_writer_end_item(writer);
    }
    yq_writer_end_sequence(writer);
    return ok;
}

static bool write_in(const struct line *lines, size_t count, const char *const *values,
                     const char *charset, enum yq_layout layout, struct yq_buf *out)
{
    struct yq_writer writer = {.out = out, .layout = layout};
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        const struct line *line = &lines[i];
        if (i && line->tag == lines[i - 1].tag)
            continue; /* asked twice, answered once */
        if (line->tag == TAG_CHARSET)
            yq_writer_put_text(&writer, TAG_CHARSET, "CS", charset);
        else if (line->sequence)
            ok = put_sequence(&writer, line->tag, values, charset);
        else
            ok = put(&writer, line, charset);
    }
    return ok;
}

bool yq_find_answer(const struct yq_find *find, const char *const *values, const char *charset,
                    const char *fallback, const char *retrieve_aet, const char *transfer_syntax,
                    struct yq_buf *out, struct yq_err *err)
{
    struct line lines[KEYS_MOST + 8];
    size_t count = 0;
    lines[count++] = (struct line){.tag = TAG_CHARSET, .vr = "CS"};
    lines[count++] =
        (struct line){.tag = TAG_LEVEL, .vr = "CS", .text = yq_level_name(find->query.level)};
    lines[count++] = (struct line){.tag = TAG_RETRIEVE_AE, .vr = "AE", .text = retrieve_aet};
    for (enum yq_qr_level l = YQ_PATIENT; l <= find->query.level; l++) {
        enum yq_attr key = yq_level_key(l);
        if (find->query.wanted[key])
            lines[count++] = (struct line){yq_attrs[key].tag, yq_attrs[key].vr, values[key], false};
    }
    for (size_t i = 0; i < find->asked_count; i++) {
        const struct yq_asked *asked = &find->asked[i];
        if (asked->within || asked->tag == TAG_RETRIEVE_AE)
            continue;
        struct line line = {.tag = asked->tag, .vr = asked->vr};
        enum yq_attr attr = yq_attr_by_tag(asked->tag, 0);
        line.sequence = strcmp(asked->vr, "SQ") == 0;
        if (attr != YQ_ATTR_COUNT) {
            line.vr = yq_attrs[attr].vr;
            line.text = values[attr];
        } else if (asked->tag == TAG_AVAILABILITY) {
            line.text = "ONLINE";
        }
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, by_tag);
    enum yq_layout layout = yq_layout_of(transfer_syntax);
    size_t start = out->length;
    if (!*charset || !yq_text_charset_known(charset) ||
        !write_in(lines, count, values, charset, layout, out)) {
        out->length = start; /* never a name that its set cannot hold */
        if (!write_in(lines, count, values, fallback, layout, out))
            return yq_fail(err, YQ_BUG, "walk", "a value of the catalog is not UTF-8");
    }
    return !out->failed || yq_fail(err, YQ_FULL, "walk", "no memory for an answer");
}

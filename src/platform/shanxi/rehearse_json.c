/* rehearse_json.c: a reader of JSON for the stand-in. Two passes over the same walk would be two
 * chances to differ, so it goes through once: values lie in one array that grows (children are
 * named by their place in it until it is complete), names and texts in one block that can hold no
 * more than the text has bytes. Knows RFC 8259 and RFC 3629; refuses what is not that. */
#include "rehearse_json.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MOST = 32, VALUES_MOST = 1 << 20 };
#define TEXT_MOST ((size_t)256 << 20)
#define NOBODY SIZE_MAX

struct links {
    size_t first, next; /* places of values */
};
struct reader {
    const char *text;
    size_t length, at;
    struct rj_document *out;
    struct links *links; /* of each value */
    size_t depth;
};

static bool wrong(struct reader *r, const char *what)
{
    if (!r->out->wrong) {
        r->out->wrong = what;
        r->out->at = r->at;
    }
    return false;
}

static int peek(const struct reader *r)
{
    return r->at < r->length ? (unsigned char)r->text[r->at] : -1;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->length && strchr(" \t\r\n", r->text[r->at]) && r->text[r->at])
        r->at++;
}

/* A new value; its place, NOBODY when there is no room. */
static size_t add(struct reader *r)
{
    struct rj_document *d = r->out;
    if (d->count == d->room || !r->links) {
        size_t room = d->room ? d->room * 2 : 64;
        struct rj *values = room <= VALUES_MOST ? realloc(d->values, room * sizeof *values) : NULL;
        if (values)
            d->values = values;
        struct links *links = values ? realloc(r->links, room * sizeof *links) : NULL;
        if (!links) {
            wrong(r, "too many values");
            return NOBODY;
        }
        r->links = links;
        d->room = room;
    }
    d->values[d->count] = (struct rj){.name = "", .text = "", .raw = r->text + r->at};
    r->links[d->count] = (struct links){NOBODY, NOBODY};
    return d->count++;
}

/* ---- texts ---- */

static void put_byte(struct reader *r, unsigned byte)
{
    r->out->texts[r->out->used++] = (char)byte;
}

static void put_point(struct reader *r, unsigned long c)
{
    if (c < 0x80) {
        put_byte(r, (unsigned)c);
    } else if (c < 0x800) {
        put_byte(r, 0xc0 | (unsigned)(c >> 6));
        put_byte(r, 0x80 | (unsigned)(c & 0x3f));
    } else if (c < 0x10000) {
        put_byte(r, 0xe0 | (unsigned)(c >> 12));
        put_byte(r, 0x80 | (unsigned)(c >> 6 & 0x3f));
        put_byte(r, 0x80 | (unsigned)(c & 0x3f));
    } else {
        put_byte(r, 0xf0 | (unsigned)(c >> 18));
        put_byte(r, 0x80 | (unsigned)(c >> 12 & 0x3f));
        put_byte(r, 0x80 | (unsigned)(c >> 6 & 0x3f));
        put_byte(r, 0x80 | (unsigned)(c & 0x3f));
    }
}

static bool read_hex(struct reader *r, unsigned long *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int c = peek(r);
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return wrong(r, "\\u wants four hex digits");
        *out = *out << 4 | (unsigned)digit;
    }
    return true;
}

/* Behind "\u". */
static bool read_escaped_point(struct reader *r)
{
    unsigned long high, low;
    if (!read_hex(r, &high))
        return false;
    if (high >= 0xdc00 && high < 0xe000)
        return wrong(r, "half of a surrogate pair");
    if (high >= 0xd800 && high < 0xdc00) {
        if (r->at + 1 >= r->length || r->text[r->at] != '\\' || r->text[r->at + 1] != 'u')
            return wrong(r, "half of a surrogate pair");
        r->at += 2;
        if (!read_hex(r, &low))
            return false;
        if (low < 0xdc00 || low >= 0xe000)
            return wrong(r, "half of a surrogate pair");
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    if (!high)
        return wrong(r, "a NUL in a text");
    put_point(r, high);
    return true;
}

static bool read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    r->at++;
    if (c == 'u')
        return read_escaped_point(r);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (!found)
        return wrong(r, "no such escape");
    put_byte(r, (unsigned char)into[found - from]);
    return true;
}

/* One character that is no ASCII. */
static bool read_utf8(struct reader *r)
{
    unsigned lead = (unsigned)peek(r);
    size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    unsigned long c = lead & (0x3fu >> more);
    static const unsigned long least[] = {0, 0x80, 0x800, 0x10000};
    if (lead < 0xc2 || lead > 0xf4 || r->at + more >= r->length)
        return wrong(r, "no UTF-8");
    for (size_t i = 1; i <= more; i++) {
        unsigned byte = (unsigned char)r->text[r->at + i];
        if ((byte & 0xc0) != 0x80)
            return wrong(r, "no UTF-8");
        c = c << 6 | (byte & 0x3f);
    }
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return wrong(r, "no UTF-8");
    memcpy(r->out->texts + r->out->used, r->text + r->at, more + 1);
    r->out->used += more + 1;
    r->at += more + 1;
    return true;
}

static bool read_text(struct reader *r, const char **text, size_t *length)
{
    size_t before = r->out->used;
    r->at++;
    for (;;) {
        int c = peek(r);
        bool fine = true;
        if (c < 0)
            return wrong(r, "a text without end");
        if (c < 0x20)
            return wrong(r, "a control character in a text");
        if (c == '"')
            break;
        if (c == '\\') {
            r->at++;
            fine = read_escape(r);
        } else if (c >= 0x80) {
            fine = read_utf8(r);
        } else {
            put_byte(r, (unsigned)c);
            r->at++;
        }
        if (!fine)
            return false;
    }
    r->at++;
    *text = r->out->texts + before;
    *length = r->out->used - before;
    put_byte(r, 0);
    return true;
}

/* ---- numbers and words ---- */

static size_t digits(struct reader *r)
{
    size_t count = 0;
    for (; peek(r) >= '0' && peek(r) <= '9'; r->at++)
        count++;
    return count;
}

static bool read_number(struct reader *r, struct rj *value)
{
    size_t from = r->at;
    value->type = RJ_NUMBER;
    r->at += peek(r) == '-';
    bool zero = peek(r) == '0';
    size_t whole = digits(r);
    if (!whole || (zero && whole > 1))
        return wrong(r, "no number");
    if (peek(r) == '.') {
        r->at++;
        if (!digits(r))
            return wrong(r, "no number");
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        r->at += peek(r) == '+' || peek(r) == '-';
        if (!digits(r))
            return wrong(r, "no number");
    }
    value->length = r->at - from;
    value->text = r->out->texts + r->out->used;
    memcpy(r->out->texts + r->out->used, r->text + from, value->length);
    r->out->used += value->length;
    put_byte(r, 0);
    return true;
}

static bool read_word(struct reader *r, struct rj *value)
{
    static const struct {
        const char *word;
        enum rj_type type;
    } words[] = {{"null", RJ_NULL}, {"true", RJ_TRUE}, {"false", RJ_FALSE}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i].word);
        if (r->length - r->at < length || memcmp(r->text + r->at, words[i].word, length) != 0)
            continue;
        r->at += length;
        value->type = words[i].type;
        return true;
    }
    return wrong(r, "no value");
}

/* ---- values ---- */

static bool read_value(struct reader *r, size_t place);

static bool stands_twice(const struct reader *r, size_t parent, size_t member)
{
    const struct rj *values = r->out->values;
    for (size_t i = r->links[parent].first; i != NOBODY && i != member; i = r->links[i].next)
        if (strcmp(values[i].name, values[member].name) == 0)
            return true;
    return false;
}

static bool read_name(struct reader *r, size_t parent, size_t place)
{
    const char *name = "";
    size_t length = 0;
    if (peek(r) != '"')
        return wrong(r, "a member's name is wanted");
    if (!read_text(r, &name, &length))
        return false;
    r->out->values[place].name = name;
    if (r->out->values[parent].count < 1024 && stands_twice(r, parent, place) && !*r->out->twice) {
        size_t most = sizeof r->out->twice - 1;
        memcpy(r->out->twice, name, length < most ? length : most);
    }
    skip_blanks(r);
    if (peek(r) != ':')
        return wrong(r, "a colon is wanted");
    r->at++;
    skip_blanks(r);
    return true;
}

/* Members or elements until the bracket. */
static bool read_inside(struct reader *r, size_t parent, bool named, int end)
{
    size_t last = NOBODY;
    r->at++;
    skip_blanks(r);
    if (peek(r) == end) {
        r->at++;
        return true;
    }
    for (;;) {
        size_t place = add(r);
        if (place == NOBODY)
            return false;
        if (last == NOBODY)
            r->links[parent].first = place;
        else
            r->links[last].next = place;
        last = place;
        if ((named && !read_name(r, parent, place)) || !read_value(r, place))
            return false;
        r->out->values[parent].count++;
        skip_blanks(r);
        int c = peek(r);
        r->at++;
        if (c == end)
            return true;
        if (c != ',') {
            r->at--;
            return wrong(r, "a comma or the closing bracket is wanted");
        }
        skip_blanks(r);
    }
}

static bool read_value(struct reader *r, size_t place)
{
    struct rj value = r->out->values[place];
    size_t from = r->at;
    int c = peek(r);
    bool fine;
    if (c == '{' || c == '[') {
        if (++r->depth > DEPTH_MOST)
            return wrong(r, "nested too deep");
        r->out->values[place].type = c == '{' ? RJ_OBJECT : RJ_ARRAY;
        fine = read_inside(r, place, c == '{', c == '{' ? '}' : ']');
        r->depth--;
        value = r->out->values[place];
    } else if (c == '"') {
        value.type = RJ_TEXT;
        fine = read_text(r, &value.text, &value.length);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        fine = read_number(r, &value);
    } else {
        fine = read_word(r, &value);
    }
    value.raw = r->text + from;
    value.raw_length = r->at - from;
    r->out->values[place] = value;
    return fine;
}

bool rj_read(const char *text, size_t length, struct rj_document *out)
{
    struct reader r = {.text = text, .length = length, .out = out};
    *out = (struct rj_document){0};
    if (length > TEXT_MOST)
        return wrong(&r, "too long");
    out->texts = malloc(2 * length + 2); /* a 0 for each text and number: no more than its quotes */
    if (!out->texts)
        return wrong(&r, "no memory");
    skip_blanks(&r);
    size_t whole = add(&r);
    bool fine = whole != NOBODY && read_value(&r, whole);
    skip_blanks(&r);
    if (fine && r.at != length)
        fine = wrong(&r, "something stands behind the value");
    for (size_t i = 0; fine && i < out->count; i++) {
        size_t first = r.links[i].first, next = r.links[i].next;
        out->values[i].first = first == NOBODY ? NULL : &out->values[first];
        out->values[i].next = next == NOBODY ? NULL : &out->values[next];
    }
    free(r.links);
    return fine;
}

void rj_fini(struct rj_document *document)
{
    free(document->values);
    free(document->texts);
    *document = (struct rj_document){0};
}

const struct rj *rj_member(const struct rj *object, const char *name)
{
    if (!object || object->type != RJ_OBJECT)
        return NULL;
    for (const struct rj *member = object->first; member; member = member->next)
        if (strcmp(member->name, name) == 0)
            return member;
    return NULL;
}

const char *rj_text(const struct rj *value)
{
    return value && value->type == RJ_TEXT ? value->text : "";
}

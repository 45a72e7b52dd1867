/* seal_pdf.c: the seals of a PDF: signature dictionaries (ISO 32000-1, 12.8), found by their
 * /ByteRange without a PDF library: what is signed are bytes of the file, not objects, and a
 * dictionary that is signed stands in it in plain form.
 *
 * /ByteRange must leave out the value of /Contents of the same dictionary, and nothing else;
 * whether it reaches to the end of the file is told. In /Contents: PKCS#7 over the bytes
 * (detached), PKCS#7 with a digest of them in it, a time stamp (ETSI.RFC3161), or an electronic
 * seal (eseal.c), whatever /SubFilter calls it. The PDF is outside bytes: everything is bounded,
 * nothing is followed, a dictionary is read to a depth of 16. Any thread. */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "signing.h"

enum {
    DEPTH_MOST = 16,
    STEPS_MOST = 20000,  /* values of one dictionary, all in all */
    BACK_MOST = 1 << 20, /* bytes before /ByteRange in which its object begins */
    BACK_TRIES = 4,
    HEADER_MOST = 1024,
    EFFORT = 16, /* times the length of the file may be read, and that much */
    EFFORT_LEAST = 1 << 24
};

/* ---- a dictionary, read ---- */

struct range { /* of the file; end 0: not there */
    size_t at, end;
};
struct dictionary {
    size_t key_at; /* of its /ByteRange */
    struct range byte_range, contents, sub_filter, type, when;
};
struct scan {
    const uint8_t *bytes;
    size_t length, at;
    unsigned steps;
    size_t wanted; /* where the /ByteRange is that we came for */
    struct dictionary found;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\0';
}

static bool is_delimiter(uint8_t c) { return c && strchr("()<>[]{}/%", c); }

static void skip_blanks(struct scan *s)
{
    while (s->at < s->length) {
        if (s->bytes[s->at] == '%')
            while (s->at < s->length && s->bytes[s->at] != '\n' && s->bytes[s->at] != '\r')
                s->at++;
        else if (is_blank(s->bytes[s->at]))
            s->at++;
        else
            return;
    }
}

static bool next_is(const struct scan *s, const char *text)
{
    size_t length = strlen(text);
    return s->length - s->at >= length && memcmp(s->bytes + s->at, text, length) == 0;
}

static bool skip_text(struct scan *s) /* ( ... ), with ( ) and \ in it */
{
    unsigned open = 0;
    for (; s->at < s->length; s->at++) {
        uint8_t c = s->bytes[s->at];
        if (c == '\\')
            s->at++;
        else if (c == '(')
            open++;
        else if (c == ')' && --open == 0) {
            s->at++;
            return true;
        }
    }
    return false;
}

static bool skip_hex(struct scan *s)
{
    const uint8_t *end = memchr(s->bytes + s->at, '>', s->length - s->at);
    if (end)
        s->at = (size_t)(end - s->bytes) + 1;
    return end;
}

static void skip_word(struct scan *s) /* a name, number, keyword */
{
    s->at++;
    while (s->at < s->length && !is_blank(s->bytes[s->at]) && !is_delimiter(s->bytes[s->at]))
        s->at++;
}

static bool skip_dictionary(struct scan *s, unsigned depth);

static bool skip_value(struct scan *s, unsigned depth)
{
    if (++s->steps > STEPS_MOST || depth > DEPTH_MOST || s->at >= s->length)
        return false;
    if (next_is(s, "<<"))
        return skip_dictionary(s, depth);
    switch (s->bytes[s->at]) {
    case '(': return skip_text(s);
    case '<': return skip_hex(s);
    case '[':
        s->at++;
        for (skip_blanks(s); !next_is(s, "]"); skip_blanks(s))
            if (!skip_value(s, depth + 1))
                return false;
        s->at++;
        return true;
    case ')':
    case '>':
    case ']':
    case '{':
    case '}': return false;
    default: skip_word(s); return true;
    }
}

static bool key_is(const struct scan *s, struct range key, const char *name)
{
    return key.end - key.at == strlen(name) &&
           memcmp(s->bytes + key.at, name, key.end - key.at) == 0;
}

static void keep_entry(const struct scan *s, struct dictionary *d, struct range key,
                       struct range value)
{
    struct {
        const char *name;
        struct range *into;
    } known[] = {{"/ByteRange", &d->byte_range},
                 {"/Contents", &d->contents},
                 {"/SubFilter", &d->sub_filter},
                 {"/Type", &d->type},
                 {"/M", &d->when}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (key_is(s, key, known[i].name)) {
            *known[i].into = value;
            if (i == 0)
                d->key_at = key.at;
        }
}

static bool skip_dictionary(struct scan *s, unsigned depth)
{
    struct dictionary own = {0};
    struct range key = {0};
    s->at += 2;
    for (skip_blanks(s); !next_is(s, ">>"); skip_blanks(s)) {
        struct range value = {.at = s->at};
        bool name = next_is(s, "/");
        if (!skip_value(s, depth + 1))
            return false;
        value.end = s->at;
        if (key.end) {
            keep_entry(s, &own, key, value);
            key = (struct range){0};
        } else if (name) { /* what else stands here is the rest of a reference: 1 0 R */
            key = value;
        }
    }
    s->at += 2;
    if (own.key_at && own.key_at == s->wanted)
        s->found = own;
    return true;
}

/* The dictionary of the /ByteRange at `wanted`: its object begins with "obj" some bytes before.
 * *left: bytes that may be read yet, over all places; 0 when there were not enough. */
static bool find_dictionary(const uint8_t *pdf, size_t length, size_t wanted, size_t *left,
                            struct dictionary *out)
{
    size_t least = wanted > BACK_MOST ? wanted - BACK_MOST : 0;
    unsigned tries = 0;
    for (size_t at = wanted; at-- > least && tries < BACK_TRIES && *left;) {
        --*left;
        if (pdf[at] != 'o' || memcmp(pdf + at, "obj", 3) != 0)
            continue;
        if (at >= 3 && memcmp(pdf + at - 3, "end", 3) == 0)
            break; /* nothing open before it */
        struct scan s = {.bytes = pdf, .length = length, .at = at + 3, .wanted = wanted};
        skip_blanks(&s);
        tries++;
        bool read = next_is(&s, "<<") && skip_dictionary(&s, 0);
        size_t used = s.at > at ? s.at - at : 1;
        *left = *left > used ? *left - used : 0;
        if (read && s.found.key_at == wanted) {
            *out = s.found;
            return true;
        }
    }
    return false;
}

/* ---- its values ---- */

/* Numbers between [ and ]; exactly four. */
static bool read_numbers(const uint8_t *pdf, struct range range, uint64_t out[4])
{
    size_t count = 0, at = range.at + 1;
    if (range.end - range.at < 2 || pdf[range.at] != '[')
        return false;
    while (at < range.end - 1) {
        if (is_blank(pdf[at])) {
            at++;
            continue;
        }
        size_t digits = 0;
        uint64_t number = 0;
        for (; at < range.end - 1 && pdf[at] >= '0' && pdf[at] <= '9' && digits < 12; digits++)
            number = number * 10 + (uint64_t)(pdf[at++] - '0');
        if (!digits || count == 4)
            return false;
        out[count++] = number;
    }
    return count == 4;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const uint8_t *pdf, struct range range, struct yq_buf *out)
{
    int high = -1;
    if (range.end - range.at < 4 || range.end - range.at > 2 * YQ_SIGNATURE_MOST ||
        pdf[range.at] != '<')
        return false;
    for (size_t at = range.at + 1; at < range.end - 1; at++) {
        int digit = hex_digit(pdf[at]);
        if (is_blank(pdf[at]))
            continue;
        if (digit < 0)
            return false;
        if (high >= 0)
            yq_buf_put(out, &(uint8_t){(uint8_t)(high << 4 | digit)}, 1);
        high = high < 0 ? digit : -1;
    }
    return !out->failed && out->length;
}

static int two(const uint8_t *digits)
{
    return digits[0] < '0' || digits[0] > '9' || digits[1] < '0' || digits[1] > '9'
               ? -1
               : (digits[0] - '0') * 10 + digits[1] - '0';
}

/* (D:20261126103000+08'00'); 0: none. */
static int64_t read_date(const uint8_t *pdf, struct range range)
{
    const uint8_t *at = pdf + range.at + 3;
    int parts[7], zone = 0;
    if (range.end < range.at + 18 || memcmp(pdf + range.at, "(D:", 3) != 0)
        return 0;
    for (size_t i = 0; i < 7; i++)
        if ((parts[i] = two(at + 2 * i)) < 0)
            return 0;
    at += 14;
    if ((*at == '+' || *at == '-') && pdf + range.end - at > 6 && two(at + 1) >= 0 &&
        two(at + 4) >= 0)
        zone = (two(at + 1) * 60 + two(at + 4)) * (*at == '-' ? -1 : 1);
    struct tm time = {.tm_year = parts[0] * 100 + parts[1] - 1900,
                      .tm_mon = parts[2] - 1,
                      .tm_mday = parts[3],
                      .tm_hour = parts[4],
                      .tm_min = parts[5],
                      .tm_sec = parts[6]};
    return ((int64_t)timegm(&time) - zone * 60) * 1000;
}

/* ---- what stands in /Contents ---- */

/* A PKCS#7 that carries a digest of the bytes. */
static bool has_digest(const struct cms *cms, const struct pieces *text)
{
    size_t length;
    const uint8_t *said = cms_content(cms, &length);
    const EVP_MD *const digests[] = {EVP_sha1(), EVP_sm3(), EVP_sha256()};
    for (size_t i = 0; i < 3; i++) {
        uint8_t sum[EVP_MAX_MD_SIZE];
        unsigned made = 0;
        if (signing_sum(digests[i], text, sum, &made) && made == length &&
            memcmp(sum, said, length) == 0)
            return true;
    }
    return false;
}

static void check_cms(const struct yq_buf *der, const struct pieces *text,
                      const struct yq_trust *trust, struct yq_pdf_seal *seal)
{
    struct yq_err err = {0};
    struct cms *cms;
    size_t inside = 0;
    bool stamp = false;
    snprintf(seal->form, sizeof seal->form, "PKCS#7");
    if (cms_open(der->bytes, der->length, &cms, &err)) {
        stamp = signing_is(cms_content_type(cms), "1.2.840.113549.1.9.16.1.4");
        bool content = cms_content(cms, &inside) && inside;
        if (stamp)
            snprintf(seal->form, sizeof seal->form, "RFC 3161");
        else if (!content || has_digest(cms, text))
            seal->verifies =
                cms_verify(cms, content ? NULL : text, false, trust, &seal->signer, &err);
        else
            yq_fail(&err, YQ_REFUSED, "seal", "the signature is of another text");
        cms_free(cms);
    }
    if (stamp) {
        struct yq_stamp said;
        seal->verifies = stamp_verify_pieces(der->bytes, der->length, text, trust, &said, &err);
        seal->signer = said.signer;
    }
    snprintf(seal->doubt, sizeof seal->doubt, "%.150s", seal->verifies ? "" : err.text);
}

static void check_contents(const struct yq_buf *der, const struct pieces *text,
                           const struct yq_trust *trust, struct yq_pdf_seal *seal)
{
    const uint8_t *inner = der->bytes;
    long length = 0;
    int tag, class;
    int form = ASN1_get_object(&inner, &length, &tag, &class, (long)der->length);
    ERR_clear_error();
    bool sequence = !(form & 0x80) && tag == V_ASN1_SEQUENCE && length > 0;
    if (sequence && *inner == 0x30 && eseal_verify(der->bytes, der->length, text, trust, seal))
        return;
    if (sequence && *inner == V_ASN1_OBJECT) {
        check_cms(der, text, trust, seal);
        return;
    }
    snprintf(seal->doubt, sizeof seal->doubt, "the signature is of a form not known");
}

static void check_seal(const uint8_t *pdf, size_t length, const struct dictionary *d,
                       const struct yq_trust *trust, struct yq_pdf_seal *seal)
{
    struct yq_buf der yq_cleanup(yq_buf_fini) = {0};
    uint64_t r[4];
    memset(seal, 0, sizeof *seal);
    if (d->sub_filter.end > d->sub_filter.at + 1)
        yq_copy_trimmed(seal->kind, sizeof seal->kind, pdf + d->sub_filter.at + 1,
                        d->sub_filter.end - d->sub_filter.at - 1);
    if (!read_numbers(pdf, d->byte_range, r) || r[0] != 0 || r[1] != d->contents.at ||
        r[2] != d->contents.end || r[3] > length - r[2]) {
        snprintf(seal->doubt, sizeof seal->doubt,
                 "/ByteRange leaves out something else than /Contents");
        return;
    }
    seal->whole = r[2] + r[3] == length;
    if (!read_hex(pdf, d->contents, &der)) {
        snprintf(seal->doubt, sizeof seal->doubt, "/Contents is no hexadecimal text");
        return;
    }
    struct pieces text = {{pdf, pdf + r[2]}, {(size_t)r[1], (size_t)r[3]}};
    if (d->when.end) /* counts where the signature says no time */
        seal->signer.signed_ms = read_date(pdf, d->when);
    check_contents(&der, &text, trust, seal);
}

/* ---- all of them ---- */

/* A dictionary counts as a seal when it has both, or says that it is one. */
static bool is_seal(const uint8_t *pdf, const struct dictionary *d)
{
    size_t length = d->type.end - d->type.at;
    bool said = (length == 4 && memcmp(pdf + d->type.at, "/Sig", 4) == 0) ||
                (length == 13 && memcmp(pdf + d->type.at, "/DocTimeStamp", 13) == 0);
    return said || d->contents.end;
}

static bool give_up(struct yq_pdf_seal **out, size_t *count, struct yq_err *err, const char *why)
{
    free(*out);
    *out = NULL;
    *count = 0;
    return yq_fail(err, YQ_FULL, "seal", "%s", why);
}

bool yq_pdf_seals(const void *pdf, size_t length, const struct yq_trust *trust,
                  struct yq_pdf_seal **out, size_t *count, struct yq_err *err)
{
    static const char word[] = "/ByteRange";
    const uint8_t *bytes = pdf, *at = pdf, *end = bytes + length;
    struct dictionary d;
    *out = NULL;
    *count = 0;
    if (!signing_find(bytes, length < HEADER_MOST ? length : HEADER_MOST, "%PDF-"))
        return yq_fail(err, YQ_BAD_INPUT, "seal", "this is no PDF");
    size_t left = EFFORT * length + EFFORT_LEAST;
    for (; (at = signing_find(at, (size_t)(end - at), word)); at++) {
        bool found = find_dictionary(bytes, length, (size_t)(at - bytes), &left, &d);
        if (!left)
            return give_up(out, count, err,
                           "the PDF cannot be searched for seals with fair effort");
        if (!found || !is_seal(bytes, &d))
            continue;
        struct yq_pdf_seal *more =
            *count < YQ_PDF_SEALS_MOST ? realloc(*out, (*count + 1) * sizeof **out) : NULL;
        if (!more)
            return give_up(out, count, err, "the PDF has too many seals, or no memory");
        *out = more;
        check_seal(bytes, length, &d, trust, &more[(*count)++]);
    }
    return true;
}

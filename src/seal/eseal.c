/* eseal.c: electronic seals as documents carry them (GB/T 38540-2020, and GM/T 0031-2014 before
 * it): SES_Signature, which has the seal (picture, name, who may use it, signed by its maker), the
 * digest of the document and the signature over both.
 *
 * Checked: the digest is that of the text; the signature; that the seal lists the signer's
 * certificate; the maker's signature of the seal; that the seal was valid then. Read by hand, not
 * by templates: both versions share their pieces, and what is signed must be taken as it stands. Of
 * indefinite lengths none are taken. Any thread. */
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "signing.h"

struct element { /* of DER */
    int tag;     /* universal; -1: another class */
    const uint8_t *whole, *body;
    size_t whole_length, length;
};
enum { CHILDREN = 12, LISTED_MOST = 256 };

static bool take(const uint8_t **at, const uint8_t *end, struct element *out)
{
    const uint8_t *body = *at;
    long length = 0;
    int tag, class, form;
    if (*at >= end)
        return false;
    form = ASN1_get_object(&body, &length, &tag, &class, (long)(end - *at));
    if (form & 0x81) { /* wrong, or of indefinite length */
        ERR_clear_error();
        return false;
    }
    *out = (struct element){.tag = class == V_ASN1_UNIVERSAL ? tag : -1,
                            .whole = *at,
                            .body = body,
                            .whole_length = (size_t)(body - *at) + (size_t)length,
                            .length = (size_t)length};
    *at = body + length;
    return true;
}

/* The elements within one, up to CHILDREN; 0: it has none, or they are damaged. */
static size_t children(const struct element *of, struct element list[CHILDREN])
{
    const uint8_t *at = of->body, *end = of->body + of->length;
    size_t count = 0;
    if (of->tag != V_ASN1_SEQUENCE)
        return 0;
    while (at < end && count < CHILDREN)
        if (!take(&at, end, &list[count++]))
            return 0;
    return count;
}

static bool are(const struct element *list, size_t count, const int *tags, size_t wanted)
{
    if (count < wanted)
        return false;
    for (size_t i = 0; i < wanted; i++)
        if (list[i].tag != tags[i])
            return false;
    return true;
}

struct eseal {
    const char *form;
    struct element signed_part, certificate, value; /* of the document */
    struct element hash, time;
    struct element info, maker, made; /* the seal, its maker's certificate and signature */
    struct element maker_algorithm;
    bool old; /* GM/T 0031 */
};

static bool read_seal(const struct element *of, struct eseal *out)
{
    static const int now[] = {V_ASN1_SEQUENCE, V_ASN1_OCTET_STRING, V_ASN1_OBJECT,
                              V_ASN1_BIT_STRING};
    struct element list[CHILDREN], inner[CHILDREN];
    size_t count = children(of, list);
    if (are(list, count, now, 4)) {
        out->info = list[0];
        out->maker = list[1];
        out->maker_algorithm = list[2];
        out->made = list[3];
        return true;
    }
    if (count < 2 || list[0].tag != V_ASN1_SEQUENCE ||
        !are(inner, children(&list[1], inner), now + 1, 3))
        return false;
    out->info = list[0];
    out->maker = inner[0];
    out->maker_algorithm = inner[1];
    out->made = inner[2];
    return true;
}

static bool read_signed(struct eseal *out)
{
    static const int front[] = {V_ASN1_INTEGER, V_ASN1_SEQUENCE};
    struct element list[CHILDREN];
    size_t count = children(&out->signed_part, list);
    if (!are(list, count, front, 2) || count < (out->old ? 7 : 5) ||
        list[3].tag != V_ASN1_BIT_STRING || !read_seal(&list[1], out))
        return false;
    out->time = list[2];
    out->hash = list[3];
    if (out->old)
        out->certificate = list[5];
    return out->certificate.tag == V_ASN1_OCTET_STRING;
}

static bool read_eseal(const uint8_t *der, size_t length, struct eseal *out)
{
    static const int now[] = {V_ASN1_SEQUENCE, V_ASN1_OCTET_STRING, V_ASN1_OBJECT,
                              V_ASN1_BIT_STRING};
    static const int old[] = {V_ASN1_SEQUENCE, V_ASN1_BIT_STRING};
    struct element whole, list[CHILDREN];
    memset(out, 0, sizeof *out);
    if (!take(&der, der + length, &whole))
        return false;
    size_t count = children(&whole, list);
    if (are(list, count, now, 4)) {
        out->form = "GB/T 38540";
        out->certificate = list[1];
        out->value = list[3];
    } else if (are(list, count, old, 2)) {
        out->form = "GM/T 0031";
        out->value = list[1];
        out->old = true;
    } else {
        return false;
    }
    out->signed_part = list[0];
    return read_signed(out);
}

/* ---- checks ---- */

/* A BIT STRING without the count of unused bits. */
static const uint8_t *bits(const struct element *of, size_t *length)
{
    *length = of->length ? of->length - 1 : 0;
    return of->length ? of->body + 1 : of->body;
}

static bool fits(X509 *certificate, const struct pieces *text, const struct element *value)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    size_t length;
    const uint8_t *bytes = bits(value, &length);
    bool ok = key && signing_fits(key, signing_is_sm2(key) ? EVP_sm3() : EVP_sha256(), NULL, text,
                                  bytes, length);
    ERR_clear_error();
    return ok;
}

static int64_t time_of(const struct element *of)
{
    const uint8_t *at = of->whole;
    ASN1_TIME *time = NULL;
    int64_t ms = 0;
    if (of->tag != V_ASN1_UTCTIME && of->tag != V_ASN1_GENERALIZEDTIME)
        return 0;
    time = d2i_ASN1_TIME(NULL, &at, (long)of->whole_length);
    ms = signing_time(time);
    ASN1_TIME_free(time);
    ERR_clear_error();
    return ms;
}

static bool is_hash(const struct eseal *seal, const struct pieces *text)
{
    const EVP_MD *const digests[] = {EVP_sm3(), EVP_sha256()};
    size_t said_length;
    const uint8_t *said = bits(&seal->hash, &said_length);
    for (size_t i = 0; i < 2; i++) {
        uint8_t sum[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        if (signing_sum(digests[i], text, sum, &length) && length == said_length &&
            memcmp(sum, said, length) == 0)
            return true;
    }
    return false;
}

/* The certificate, or its SM3, stands in the list. */
static bool lists(const struct element *list, const struct element *certificate)
{
    const uint8_t *at = list->body, *end = list->body + list->length;
    struct element one, inner[CHILDREN];
    struct pieces pieces = {{certificate->body}, {certificate->length}};
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!signing_sum(EVP_sm3(), &pieces, sum, &length))
        return false;
    for (size_t i = 0; i < LISTED_MOST && take(&at, end, &one); i++) {
        if (one.tag == V_ASN1_OCTET_STRING && one.length == certificate->length &&
            memcmp(one.body, certificate->body, one.length) == 0)
            return true;
        if (children(&one, inner) == 2 && inner[1].tag == V_ASN1_OCTET_STRING &&
            inner[1].length == length && memcmp(inner[1].body, sum, length) == 0)
            return true;
    }
    return false;
}

struct property { /* of the seal */
    struct element name, list;
    int64_t from_ms, until_ms;
};

static bool read_property(const struct eseal *seal, struct property *out)
{
    struct element list[CHILDREN], inner[CHILDREN];
    size_t count = children(&seal->info, list), times = 0;
    memset(out, 0, sizeof *out);
    if (count < 4)
        return false;
    count = children(&list[2], inner);
    for (size_t i = 0; i < count; i++) {
        int64_t at = time_of(&inner[i]);
        if (inner[i].tag == V_ASN1_UTF8STRING && !out->name.whole)
            out->name = inner[i];
        else if (inner[i].tag == V_ASN1_SEQUENCE && !out->list.whole)
            out->list = inner[i];
        else if (at && ++times == 2) /* made, valid from, valid until */
            out->from_ms = at;
        else if (at && times == 3)
            out->until_ms = at;
    }
    return out->list.whole && out->from_ms && out->until_ms;
}

/* The maker signs the seal's information, in the older form with certificate and algorithm. */
static bool maker_fits(const struct eseal *seal, X509 *maker)
{
    struct pieces alone = {{seal->info.whole}, {seal->info.whole_length}};
    struct yq_buf all yq_cleanup(yq_buf_fini) = {0};
    size_t length =
        seal->info.whole_length + seal->maker.whole_length + seal->maker_algorithm.whole_length;
    uint8_t head[6] = {0x30, 0x84};
    if (fits(maker, &alone, &seal->made))
        return true;
    size_t head_length = length < 128 ? 2 : length < 65536 ? (length < 256 ? 3 : 4) : 5;
    head[1] = (uint8_t)(length < 128 ? length : 0x80 + head_length - 2);
    for (size_t i = 2; i < head_length; i++)
        head[i] = (uint8_t)(length >> (8 * (head_length - 1 - i)));
    yq_buf_put(&all, head, head_length);
    yq_buf_put(&all, seal->info.whole, seal->info.whole_length);
    yq_buf_put(&all, seal->maker.whole, seal->maker.whole_length);
    yq_buf_put(&all, seal->maker_algorithm.whole, seal->maker_algorithm.whole_length);
    struct pieces together = {{all.bytes}, {all.length}};
    return length < 1u << 24 && !all.failed && fits(maker, &together, &seal->made);
}

static const char *check(const struct eseal *seal, const struct pieces *text, X509 *signer,
                         X509 *maker, int64_t at_ms)
{
    struct pieces tbs = {{seal->signed_part.whole}, {seal->signed_part.whole_length}};
    struct property property;
    if (!fits(signer, &tbs, &seal->value))
        return "the signature does not fit";
    if (!is_hash(seal, text))
        return "the seal is of another text: the file was changed";
    if (!read_property(seal, &property))
        return "the seal's description is damaged";
    if (!lists(&property.list, &seal->certificate))
        return "the seal is not one that this signer may use";
    if (!maker_fits(seal, maker))
        return "the seal was not made by the maker that it names";
    if (at_ms && (at_ms < property.from_ms || at_ms > property.until_ms))
        return "the seal was not valid then";
    return NULL;
}

bool eseal_verify(const uint8_t *der, size_t length, const struct pieces *text,
                  const struct yq_trust *trust, struct yq_pdf_seal *seal)
{
    struct eseal own;
    struct property property;
    if (!read_eseal(der, length, &own))
        return false;
    X509 *signer = signing_certificate_der(own.certificate.body, own.certificate.length);
    X509 *maker = signing_certificate_der(own.maker.body, own.maker.length);
    snprintf(seal->form, sizeof seal->form, "%s", own.form);
    if (read_property(&own, &property))
        yq_copy_trimmed(seal->seal, sizeof seal->seal, property.name.body, property.name.length);
    const char *wrong = !signer || !maker ? "a certificate in the seal is damaged" : NULL;
    int64_t said_ms = time_of(&own.time);
    if (said_ms)
        seal->signer.signed_ms = said_ms;
    if (signer) {
        EVP_PKEY *key = X509_get0_pubkey(signer);
        if (key)
            signing_algorithm(key, signing_is_sm2(key) ? EVP_sm3() : EVP_sha256(), &seal->signer);
        ERR_clear_error();
        signing_judge(signer, NULL, SIGNING_DOCUMENTS, trust, &seal->signer);
    }
    int64_t at_ms = trust && trust->at_ms ? trust->at_ms : seal->signer.signed_ms;
    if (!wrong)
        wrong = check(&own, text, signer, maker, at_ms);
    seal->verifies = !wrong;
    snprintf(seal->doubt, sizeof seal->doubt, "%s", wrong ? wrong : "");
    if (!wrong) { /* and who made the seal */
        struct yq_signer by = {.signed_ms = seal->signer.signed_ms};
        signing_judge(maker, NULL, SIGNING_DOCUMENTS, trust, &by);
        if (!by.trusted && seal->signer.trusted) {
            seal->signer.trusted = false;
            signing_doubt(&seal->signer, "the seal's maker is not trusted");
        }
    }
    X509_free(signer);
    X509_free(maker);
    return true;
}

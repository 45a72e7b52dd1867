/* signing.h: what signing.c, certificate.c, cms.c, cms_make.c, stamp.c, eseal.c and seal_pdf.c
 * share. Private to room seal. */
#ifndef YQ_SEAL_SIGNING_H
#define YQ_SEAL_SIGNING_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "yq/signature.h"

#define SIGNING_GM "1.2.156.10197.6.1.4.2." /* GM/T 0010: what is PKCS#7's 1.2.840.113549.1.7. */

enum { CERTIFICATE_MOST = 1 << 20, ANCHORS_MOST = 1024 };

struct pieces { /* a text, with a gap in it (PDF) */
    const uint8_t *bytes[2];
    size_t length[2];
};

/* ---- signing.c: what is given, keys, a signature over a text ---- */

#define SIGNING_ID "1234567812345678" /* signer id of SM2 (GB/T 35276) */

const uint8_t *signing_find(const uint8_t *bytes, size_t length, const char *text);
/* Narrows to what stands between "-----BEGIN X-----" and "-----END". */
bool signing_pem(const uint8_t **bytes, size_t *length);
/* Appends the DER of what is DER, PEM or Base64 (`what` for the error). */
bool signing_der(const void *given, size_t length, const char *what, struct yq_buf *der,
                 struct yq_err *err);
EVP_PKEY *signing_private(const void *given, size_t length, struct yq_err *err);
/* Of a certificate, or a bare one; *certificate is NULL then. */
EVP_PKEY *signing_public(const void *given, size_t length, X509 **certificate, struct yq_err *err);
/* By OID or key: SM3 for SM2, else the digest that is named. NULL: unknown, or too weak. */
const EVP_MD *signing_digest(const ASN1_OBJECT *algorithm);
bool signing_is_sm2(const EVP_PKEY *key);

/* Does it fit? `how` may be NULL; of RSASSA-PSS it has the parameters. */
bool signing_fits(EVP_PKEY *key, const EVP_MD *digest, const X509_ALGOR *how,
                  const struct pieces *text, const uint8_t *signature, size_t length);
bool signing_sum(const EVP_MD *digest, const struct pieces *text, uint8_t sum[EVP_MAX_MD_SIZE],
                 unsigned *length);
/* Appends the signature over the text. */
bool signing_make(EVP_PKEY *key, const EVP_MD *digest, const void *text, size_t length,
                  struct yq_buf *out, struct yq_err *err);

void signing_algorithm(const EVP_PKEY *key, const EVP_MD *digest, struct yq_signer *signer);
/* Whether an OID is `text` (dotted). */
bool signing_is(const ASN1_OBJECT *object, const char *text);
/* Fails with what OpenSSL says. */
bool signing_fail(struct yq_err *err, enum yq_code code, const char *what);

/* ---- certificate.c ---- */

X509 *signing_certificate(const void *given, size_t length, struct yq_err *err);
X509 *signing_certificate_der(const uint8_t *der, size_t length); /* NULL: is none */
/* Tells OpenSSL the signer id with which an SM2 certificate is signed; returns it. */
X509 *signing_with_id(X509 *certificate);
/* Is it the one of this issuer and serial number or, not NULL, of this key identifier? */
bool signing_named(X509 *certificate, const X509_NAME *issuer, const ASN1_INTEGER *serial,
                   const ASN1_OCTET_STRING *key_id);
/* The first doubt counts. */
void signing_doubt(struct yq_signer *signer, const char *text);
/* Fills in who it is; does its key fit the purpose and the chain lead to an anchor? `others` may
 * be NULL. What is doubtful stands in signer->doubt. signer->signed_ms is set before. */
enum signing_use { SIGNING_DOCUMENTS, SIGNING_STAMPS, SIGNING_ANY };
void signing_judge(X509 *certificate, STACK_OF(X509) * others, enum signing_use use,
                   const struct yq_trust *trust, struct yq_signer *signer);
/* Among the anchors; NULL: it is not. */
X509 *signing_anchor(const struct yq_trust *trust, const X509_NAME *issuer,
                     const ASN1_INTEGER *serial, const ASN1_OCTET_STRING *key_id);
int64_t signing_time(const ASN1_TIME *time); /* ms; 0: none */

/* ---- cms.c: SignedData ---- */

struct cms; /* opened */
bool cms_open(const uint8_t *der, size_t length, struct cms **out, struct yq_err *err);
void cms_free(struct cms *cms);
const ASN1_OBJECT *cms_content_type(const struct cms *cms);
/* What stands in it; NULL: nothing. */
const uint8_t *cms_content(const struct cms *cms, size_t *length);
/* All signers over the text (NULL: what stands in it). `signer` is zeroed before, but for
 * signed_ms, which counts where the signature says no time of its own. `stamp`: it must name its
 * certificate in a signed attribute, and be one for stamps. */
bool cms_verify(const struct cms *cms, const struct pieces *text, bool stamp,
                const struct yq_trust *trust, struct yq_signer *signer, struct yq_err *err);

/* ---- cms_make.c ---- */

struct cms_plan {
    EVP_PKEY *key;
    X509 *certificate;
    const char *outer, *inner; /* OIDs of the whole and of what is signed */
    const uint8_t *text;
    size_t length;
    long version;
    bool attached, attributes, with_certificate, names_certificate;
    int64_t at_ms;
};
bool cms_make(const struct cms_plan *plan, struct yq_buf *out, struct yq_err *err);

/* ---- stamp.c ---- */

bool stamp_verify_pieces(const uint8_t *der, size_t length, const struct pieces *text,
                         const struct yq_trust *trust, struct yq_stamp *out, struct yq_err *err);

/* ---- eseal.c: electronic seals (GB/T 38540, GM/T 0031) ---- */

/* Is it one? Fills in seal->form, name, signer, doubt, verifies. */
bool eseal_verify(const uint8_t *der, size_t length, const struct pieces *text,
                  const struct yq_trust *trust, struct yq_pdf_seal *seal);

#endif

/* signature.h: signatures of documents as the provinces' CA services make them: PKCS#7 (GM/T 0010,
 * and RFC 5652 with RSA), time stamps (RFC 3161, GM/T 0033: RSA and SM2), certificates, seals in
 * PDFs. Room seal; cms.c, stamp.c, certificate.c, seal_pdf.c. Made and checked here, with OpenSSL's
 * ASN.1 templates; no network. Any thread.
 *
 * What is given (signatures, certificates, tokens, keys) may be DER, PEM or Base64 (blanks in it do
 * not count), up to YQ_SIGNATURE_MOST bytes. */
#ifndef YQ_SIGNATURE_H
#define YQ_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"

#define YQ_SIGNATURE_MOST (16u << 20) /* with the text inside */

struct yq_signer { /* who signed, as far as the certificate says; for people */
    char subject[256], issuer[256], serial[80];
    char algorithm[48];        /* "SM3withSM2", "SHA256withRSA" */
    int64_t from_ms, until_ms; /* validity of the certificate */
    int64_t signed_ms;         /* signing time as the signature says, 0: it does not */
    bool trusted;              /* the certificate leads to one of the anchors and was valid then */
    char doubt[160];           /* why not; "" */
};

struct yq_anchors; /* certificates that are believed; immutable */
/* PEM or DER, one or many. YQ_BAD_INPUT. */
yq_must_check bool yq_anchors_read(const void *bytes, size_t length, struct yq_anchors **out,
                                   struct yq_err *err);
void yq_anchors_free(struct yq_anchors *anchors);

/* Whom to believe, and for which time. NULL where a trust is asked for, or no anchors: nobody is
 * trusted, nothing is refused for it. */
struct yq_trust {
    const struct yq_anchors *anchors;
    int64_t at_ms; /* when certificates must have been valid; 0: when the signature says that it was
                      made, else now */
};

/* ---- a signature by itself ("PKCS#1"): algorithm, certificate and value each for itself ---- */

struct yq_pkcs1 {
    const char *algorithm;   /* "SM3withSM2", "SHA256withRSA" in any case; NULL: by the key */
    const void *certificate; /* or a bare public key as in S11 (65 or 64 bytes, or PKCS#1, SPKI) */
    size_t certificate_length;
    const char *signature; /* Base64, as it stands in members; SM2: DER or raw r||s */
};
/* YQ_REFUSED: does not verify; YQ_BAD_INPUT: is none. */
yq_must_check bool yq_pkcs1_verify(const struct yq_pkcs1 *what, const void *text, size_t length,
                                   const struct yq_trust *trust, struct yq_signer *signer,
                                   struct yq_err *err);

/* ---- PKCS#7 ---- */

struct yq_pkcs7 {
    const void *signature;
    size_t signature_length;
    const void *text; /* NULL: it stands within the signature (attached); where both are there they
                         must be the same */
    size_t length;
};
/* `signer`: the first; all must verify. YQ_REFUSED: one does not; YQ_BAD_INPUT: this is none. */
yq_must_check bool yq_pkcs7_verify(const struct yq_pkcs7 *what, const struct yq_trust *trust,
                                   struct yq_signer *signer, struct yq_err *err);
/* Signs in the form of GM/T 0010 (SM2 key) or RFC 5652 (RSA key); appends DER. */
struct yq_pkcs7_how {
    const void *key, *certificate;
    size_t key_length, certificate_length;
    bool attached, attributes; /* with the text inside; with signed attributes (signing time) */
    int64_t at_ms;
};
yq_must_check bool yq_pkcs7_sign(const struct yq_pkcs7_how *how, const void *text, size_t length,
                                 struct yq_buf *out, struct yq_err *err);

/* ---- time stamps ---- */

struct yq_stamp { /* what a time stamp token says */
    int64_t at_ms;
    char policy[64], serial[80], digest[24]; /* "sha256", "sm3" */
    struct yq_signer signer;
};
/* A token, or a whole TimeStampResp, over `text` (NULL: only opened and its own signature checked).
 * A token without certificate: it must be among the anchors. YQ_REFUSED: its signature is wrong, or
 * it is of another text: the error's text says which. */
yq_must_check bool yq_stamp_verify(const void *token, size_t token_length, const void *text,
                                   size_t length, const struct yq_trust *trust,
                                   struct yq_stamp *out, struct yq_err *err);
/* Makes one (rehearsal, tests): appends DER of the token. */
struct yq_stamp_how {
    const void *key, *certificate;
    size_t key_length, certificate_length;
    const char *policy; /* dotted OID */
    int64_t at_ms, serial;
    bool with_certificate;
};
yq_must_check bool yq_stamp_make(const struct yq_stamp_how *how, const void *text, size_t length,
                                 struct yq_buf *out, struct yq_err *err);

/* ---- certificates ---- */

/* Who a certificate is of. */
yq_must_check bool yq_certificate_read(const void *certificate, size_t length,
                                       const struct yq_trust *trust, struct yq_signer *out,
                                       struct yq_err *err);

/* ---- seals in a PDF: its signature dictionaries (PDF 1.7, 12.8; GB/T 38540 where it is one) ----
 */

#define YQ_PDF_SEALS_MOST 32

struct yq_pdf_seal {
    struct yq_signer signer;
    bool verifies, whole; /* the signature fits; it covers the whole file */
    char kind[32];        /* SubFilter: "adbe.pkcs7.detached", "GM.pkcs7.detached", ... */
    char form[32];        /* what it is: "PKCS#7", "RFC 3161", "GB/T 38540", "GM/T 0031" */
    char seal[128];       /* name of the seal (GB/T 38540), "" */
    char doubt[160];      /* why it does not verify, or what is odd; "" */
};
/* *out malloc'ed, in the order of the file; *count 0: it has none. YQ_BAD_INPUT: this is no PDF;
 * YQ_FULL: more than YQ_PDF_SEALS_MOST, or made so that it takes unfair effort to find them. */
yq_must_check bool yq_pdf_seals(const void *pdf, size_t length, const struct yq_trust *trust,
                                struct yq_pdf_seal **out, size_t *count, struct yq_err *err);

#endif

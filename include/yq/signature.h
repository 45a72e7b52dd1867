/* signature.h: signatures of documents as the provinces' CA services make them: PKCS#7 (GM/T 0010,
 * and RFC 5652 with RSA), time stamps (RFC 3161, GM/T 0033: RSA and SM2), certificates, seals in
 * PDFs. Room seal; cms.c, stamp.c, certificate.c, seal_pdf.c. Made and checked here, with OpenSSL's
 * ASN.1 templates; texts are opened as far as they are bounded. Any thread. */
#ifndef YQ_SIGNATURE_H
#define YQ_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"

struct yq_signer { /* who signed, as far as the certificate says; for people */
    char subject[256], issuer[256], serial[80];
    char algorithm[48];        /* "SM3withSM2", "SHA256withRSA" */
    int64_t from_ms, until_ms; /* validity of the certificate */
    int64_t signed_ms;         /* signing time, 0: not said */
    bool trusted;              /* the certificate leads to one of the anchors and was valid then */
    char doubt[160];           /* why not; "" */
};

struct yq_anchors; /* certificates that are believed; immutable */
/* PEM or DER, one or many. YQ_BAD_INPUT. NULL anchors elsewhere: nobody is trusted, nothing
 * refused. */
yq_must_check bool yq_anchors_read(const void *bytes, size_t length, struct yq_anchors **out,
                                   struct yq_err *err);
void yq_anchors_free(struct yq_anchors *anchors);

/* Every text may be DER, PEM or Base64 (blanks in it do not count). YQ_REFUSED: does not verify;
 * YQ_BAD_INPUT: is none. `certificate` may also be a bare public key as in S11 (65, 64 bytes). */
yq_must_check bool yq_pkcs1_verify(const char *algorithm, const void *certificate,
                                   size_t certificate_length, const void *text, size_t length,
                                   const char *signature, struct yq_signer *signer,
                                   const struct yq_anchors *anchors, struct yq_err *err);
/* `text` NULL: it stands within the signature (attached). */
yq_must_check bool yq_pkcs7_verify(const char *signature, size_t signature_length, const void *text,
                                   size_t length, const struct yq_anchors *anchors,
                                   struct yq_signer *signer, struct yq_err *err);
/* Signs in the form of GM/T 0010 (SM2 key) or RFC 5652 (RSA key); appends DER. `key` and
 * `certificate` as PEM or DER. */
struct yq_pkcs7_how {
    const void *key, *certificate;
    size_t key_length, certificate_length;
    bool attached, attributes; /* with the text inside; with signed attributes (signing time) */
    int64_t at_ms;
};
yq_must_check bool yq_pkcs7_sign(const struct yq_pkcs7_how *how, const void *text, size_t length,
                                 struct yq_buf *out, struct yq_err *err);

struct yq_stamp { /* what a time stamp token says */
    int64_t at_ms;
    char policy[64], serial[80], digest[24]; /* "sha256", "sm3" */
    struct yq_signer signer;
};
/* A token, or a whole TimeStampResp, over `text` (NULL: only opened and its own signature checked).
 * YQ_REFUSED: its signature is wrong, or it is of another text: the error's text says which. */
yq_must_check bool yq_stamp_verify(const char *token, size_t token_length, const void *text,
                                   size_t length, const struct yq_anchors *anchors,
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

/* Who a certificate is of. */
yq_must_check bool yq_certificate_read(const void *certificate, size_t length,
                                       const struct yq_anchors *anchors, struct yq_signer *out,
                                       struct yq_err *err);

/* ---- seals in a PDF: its signature dictionaries (PDF 1.7, 12.8; GB/T 38540 where it is one) ----
 */

struct yq_pdf_seal {
    struct yq_signer signer;
    bool verifies, whole; /* the signature fits; it covers the whole file */
    char kind[32];        /* SubFilter: "adbe.pkcs7.detached", "GM.pkcs7.detached", ... */
    char doubt[160];
};
/* *out malloc'ed, in the order of the file; *count 0: it has none. YQ_BAD_INPUT: this is no PDF. */
yq_must_check bool yq_pdf_seals(const void *pdf, size_t length, const struct yq_anchors *anchors,
                                struct yq_pdf_seal **out, size_t *count, struct yq_err *err);

#endif

/* cms.h: SignedData as OpenSSL's templates read and write it (RFC 5652 5.1, GM/T 0010 8): the same
 * structure under either family of OIDs. Private to room seal. */
#ifndef YQ_SEAL_CMS_H
#define YQ_SEAL_CMS_H

#include <openssl/asn1t.h>
#include <openssl/pkcs7.h>

#include "signing.h"

typedef struct {
    int type; /* 0: issuer and serial number, 1: subject key identifier */
    union {
        PKCS7_ISSUER_AND_SERIAL *name;
        ASN1_OCTET_STRING *key;
    } d;
} YQ_SID;

typedef struct {
    ASN1_INTEGER *version;
    YQ_SID *sid;
    X509_ALGOR *digest;
    STACK_OF(X509_ATTRIBUTE) * attributes;
    X509_ALGOR *algorithm;
    ASN1_OCTET_STRING *signature;
    STACK_OF(X509_ATTRIBUTE) * unsigned_attributes;
} YQ_SIGNED_BY;
DEFINE_STACK_OF(YQ_SIGNED_BY)

typedef struct {
    ASN1_OBJECT *type;
    ASN1_TYPE *content;
} YQ_CONTENT;

typedef struct {
    ASN1_INTEGER *version;
    STACK_OF(X509_ALGOR) * digests;
    YQ_CONTENT *content;
    STACK_OF(X509) * certificates;
    STACK_OF(ASN1_TYPE) * crls;
    STACK_OF(YQ_SIGNED_BY) * signers;
} YQ_SIGNED;

typedef struct {
    ASN1_OBJECT *type;
    YQ_SIGNED *signed_data;
} YQ_WHOLE;

DECLARE_ASN1_ITEM(YQ_SIGNED_BY)
DECLARE_ASN1_ITEM(YQ_WHOLE)
DECLARE_ASN1_ITEM(YQ_ATTRIBUTES_SORTED) /* SET OF: as DER wants it */
DECLARE_ASN1_ITEM(YQ_ATTRIBUTES_AS_IS)  /* SEQUENCE OF: in their order */

#define OID_DATA "1.2.840.113549.1.7.1"
#define OID_SIGNED "1.2.840.113549.1.7.2"
#define OID_STAMP "1.2.840.113549.1.9.16.1.4"

#endif

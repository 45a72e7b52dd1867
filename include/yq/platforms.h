/* platforms.h: the provinces' platforms that this node reports to and answers:
 * dicom-conf/platforms.json, {"platforms": [...]}. One keyword table parses, prints and documents
 * them, as for node.json and sources.json (conf/platforms.c). Unknown keys are refused with file
 * and line. Which keys a province's platform may have beside: `for`. */
#ifndef YQ_PLATFORMS_H
#define YQ_PLATFORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/model.h"

enum yq_province_id { /* key "province" */
                      YQ_SHANXI,
                      YQ_HEBEI,
                      YQ_NEIJIANG,
                      YQ_SICHUAN,
                      YQ_XUANCHENG,
                      YQ_PROVINCE_COUNT
};
enum yq_upload { YQ_UPLOAD_SEPARATE, YQ_UPLOAD_MERGED, YQ_UPLOAD_NONE };
enum yq_images { YQ_IMAGES_NONE, YQ_IMAGES_LIST };
enum yq_pdf_how { YQ_PDF_URL, YQ_PDF_BASE64 };
enum yq_reconcile_id { YQ_RECONCILE_STUDY, YQ_RECONCILE_EXAM, YQ_RECONCILE_ACCESSION };
enum yq_serve_how { YQ_SERVE_NOT, YQ_SERVE_PLAIN, YQ_SERVE_SEALED };
enum yq_sign_how { YQ_SIGN_NONE, YQ_SIGN_PUSH, YQ_SIGN_QR };
enum yq_content_how { YQ_CONTENT_ARRAY, YQ_CONTENT_TEXT };
enum yq_signature_how { YQ_SIGNATURE_RULE, YQ_SIGNATURE_CHANNEL };
enum yq_signed_what { YQ_SIGNED_BODY, YQ_SIGNED_PAIRS };
enum yq_verify_how { YQ_VERIFY_NONE, YQ_VERIFY_LOCAL, YQ_VERIFY_SERVICE, YQ_VERIFY_BOTH };

#define YQ_AT_SHANXI (1u << YQ_SHANXI)
#define YQ_AT_HEBEI (1u << YQ_HEBEI)
#define YQ_AT_NEIJIANG (1u << YQ_NEIJIANG)
#define YQ_AT_SICHUAN (1u << YQ_SICHUAN)
#define YQ_AT_ALL ((1u << YQ_PROVINCE_COUNT) - 1)

/* X(type, c_name, "key", for, default as text, least, most, "help") */
#define YQ_PLATFORM_KEYS(X)                                                                        \
    X(flag, enabled, "enabled", YQ_AT_ALL, "true", 0, 0, "false: it is left alone")                \
    X(text, url, "url", YQ_AT_ALL, "", 0, 255,                                                     \
      "address of the platform (of the front-end machine), https://host[:port][/path]; several "   \
      "with blanks between: the next is taken where one does not answer")                          \
    X(choice, upload, "upload", YQ_AT_SHANXI, "separate", 0, 0,                                    \
      "separate|merged|none: exam and report each by itself, both in one, or neither")             \
    X(choice, images, "images", YQ_AT_SHANXI, "none", 0, 0,                                        \
      "none|list: images come to the platform by DICOM (rules.json, Q/R), or as URLs of each "     \
      "series")                                                                                    \
    X(choice, pdf, "pdf", YQ_AT_SHANXI, "url", 0, 0,                                               \
      "url|base64: the PDF of a report goes as a signed URL of this node, or in the message")      \
    X(text, key, "key", YQ_AT_ALL, "", 0, 255,                                                     \
      "where the platform's key is: [hex |base64 ]file:PATH, env:NAME or command:/path ...")       \
    X(text, public_key, "public_key", YQ_AT_HEBEI, "", 0, 255,                                     \
      "where the public key is with which the platform's signature is checked")                    \
    X(text, access_key, "access_key", YQ_AT_NEIJIANG, "", 0, 255, "where the accessKey is")        \
    X(text, channel_key, "channel_key", YQ_AT_NEIJIANG, "", 0, 255,                                \
      "where the AES key of channels and QR codes is")                                             \
    X(text, iv, "iv", YQ_AT_ALL, "", 0, 255,                                                       \
      "where the IV is, for recipes that have one (Neijiang: of channels)")                        \
    X(text, hosts, "hosts", YQ_AT_ALL, "", 0, 255,                                                 \
      "addresses or CIDR from which it may ask this node, with blanks between; empty: this "       \
      "machine only")                                                                              \
    X(choice, serve, "serve", YQ_AT_ALL, "no", 0, 0,                                               \
      "no|plain|sealed: whether its queries are answered, and whether in the sealed envelope "     \
      "(plain rests on `hosts` alone, or on the signature where the interface has one)")           \
    X(text, hospital_codes, "hospital_codes", YQ_AT_ALL, "", 0, 255,                               \
      "codes by which it calls this hospital when it asks, with blanks between; empty: "           \
      "hospital.code of node.json")                                                                \
    X(choice, signed_content, "signed_content", YQ_AT_HEBEI, "body", 0, 0,                         \
      "body|pairs: what apiSign of /api/getDicomFile is over: the body as it comes, or its "       \
      "members as sorted name=value with & between")                                               \
    X(choice, signature, "signature", YQ_AT_NEIJIANG, "rule", 0, 0,                                \
      "rule|channel: Signature of /Viewer/DICOMStudyRetrieve is made as that of N401, or as an "   \
      "AES channel")                                                                               \
    X(number, clock_minutes, "clock_minutes", YQ_AT_SHANXI, "10", 1, 1440,                         \
      "minutes by which the timestamp of a sealed query may differ from this node's clock")        \
    X(choice, series_content, "series_content", YQ_AT_SHANXI, "array", 0, 0,                       \
      "array|text: content of /series/get as a JSON array or as a string")                         \
    X(number, couriers, "couriers", YQ_AT_ALL, "2", 1, 32, "calls to it at the same time")         \
    X(number, rate, "rate", YQ_AT_ALL, "0", 0, 100000, "calls per minute at most; 0: no limit")    \
    X(text, windows, "windows", YQ_AT_ALL, "", 0, 255,                                             \
      "when it may be called: 22:00-06:00, with blanks between; empty: always")                    \
    X(number, timeout, "timeout", YQ_AT_ALL, "30", 1, 600, "seconds a call may take")              \
    X(number, retry_seconds, "retry_seconds", YQ_AT_ALL, "15", 1, 86400,                           \
      "pause before the first new try; each further one is twice as long")                         \
    X(number, retry_most_seconds, "retry_most_seconds", YQ_AT_ALL, "1800", 1, 604800,              \
      "longest pause between two tries")                                                           \
    X(number, delay, "delay", YQ_AT_ALL, "2", 0, 86400,                                            \
      "seconds that a record must have stayed as it is before it goes")                            \
    X(text, tls_ca, "tls_ca", YQ_AT_ALL, "", 0, 255,                                               \
      "file with the certificates that are believed; empty: the system's")                         \
    X(text, tls_certificate, "tls_certificate", YQ_AT_ALL, "", 0, 255, "our certificate for it")   \
    X(text, tls_key, "tls_key", YQ_AT_ALL, "", 0, 255, "its private key")                          \
    X(flag, tls_verify, "tls_verify", YQ_AT_ALL, "true", 0, 0,                                     \
      "false: whoever answers is believed (rehearsals only)")                                      \
    X(number, keep_requests, "keep_requests", YQ_AT_ALL, "200", 0, 100000,                         \
      "last calls and answers that are kept, personal values masked")                              \
    X(number, backfill_months, "backfill_months", YQ_AT_SHANXI, "3", 0, 120,                       \
      "months of exams that are sent when it is connected first; 0: none")                         \
    X(number, backfill_rate, "backfill_rate", YQ_AT_ALL, "60", 1, 100000,                          \
      "exams per minute that a backfill puts into the queue at most")                              \
    X(text, reconcile, "reconcile", YQ_AT_SHANXI, "02:30", 0, 5,                                   \
      "when yesterday's exams are compared with it every night; empty: never")                     \
    X(choice, reconcile_id, "reconcile_id", YQ_AT_SHANXI, "study", 0, 0,                           \
      "study|exam|accession: under which id an exam is told then: its study UID, its exam id, "    \
      "its "                                                                                       \
      "accession number")                                                                          \
    X(choice, sign, "sign", YQ_AT_SHANXI, "none", 0, 0,                                            \
      "none|push|qr: reports without a signature are signed by the platform's service: pushed to " \
      "the doctor's phone, or as a QR code")                                                       \
    X(text, sign_url, "sign_url", YQ_AT_SHANXI, "", 0, 255,                                        \
      "address of the signing service; empty: `url`")                                              \
    X(text, sign_app, "sign_app", YQ_AT_SHANXI, "", 0, 255, "appId that it gave us")               \
    X(text, sign_key, "sign_key", YQ_AT_SHANXI | YQ_AT_SICHUAN, "", 0, 255,                        \
      "where the secret is with which calls are signed (Shanxi: secure code of the signing "       \
      "service)")                                                                                  \
    X(choice, sign_algorithm, "sign_algorithm", YQ_AT_SHANXI, "HmacSHA256", 0, 0,                  \
      "HmacSHA256|HmacSHA1|HmacMD5: how calls to it are signed")                                   \
    X(choice, verify, "verify", YQ_AT_SHANXI, "local", 0, 0,                                       \
      "none|local|service|both: how signatures are checked before they go")                        \
    X(text, anchors, "anchors", YQ_AT_SHANXI, "", 0, 255,                                          \
      "file with the certificates that signers' ones must lead to; empty: any")

struct yq_platform { /* lives as long as its configuration */
    char name[17];   /* of this connection: letters, digits, - and _; the queue's destination */
    enum yq_province_id province;
#define YQ_PLATFORM_FIELD_text(c_name) char c_name[256];
#define YQ_PLATFORM_FIELD_number(c_name) int64_t c_name;
#define YQ_PLATFORM_FIELD_flag(c_name) bool c_name;
#define YQ_PLATFORM_FIELD_choice(c_name) int c_name;
#define YQ_PLATFORM_FIELD(type, c_name, key, for_, def, least, most, help)                         \
    YQ_PLATFORM_FIELD_##type(c_name)
    YQ_PLATFORM_KEYS(YQ_PLATFORM_FIELD)
#undef YQ_PLATFORM_FIELD
    struct yq_windows open; /* `windows`, read */
    int reconcile_minute;   /* of the day; -1: never */
};
/* yq_conf (conf.h): `platforms`, `platform_count`; NULL: none of this name. */
struct yq_conf;
const struct yq_platform *yq_conf_platform(const struct yq_conf *conf, const char *name);
/* "shanxi", ... */
const char *yq_province_name(enum yq_province_id province);
/* The keyword table for the manual, as yq_conf_source_manual. */
struct yq_buf;
void yq_conf_platform_manual(struct yq_buf *out);
/* The n-th address of `url` (from 0), without the / at its end. False: there are not so many. */
bool yq_platform_address(const struct yq_platform *platform, size_t n, char *out, size_t size);

/* ---- a hospital's own recipes: platforms/<province>/recipes.csv, columns name, recipe, note ----
 */

#define YQ_RECIPE_NAME_MOST 32
struct yq_own_recipe { /* takes the place of the province's of that name (recipes.h reads it) */
    enum yq_province_id province;
    unsigned line; /* in its file, from 1 */
    char name[YQ_RECIPE_NAME_MOST + 1];
    char *text; /* owned */
};

#endif

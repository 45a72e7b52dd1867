/* conf.h: the files of dicom-conf/ as one immutable configuration.
 *
 * JSON with comments. One keyword table (name, type, default, bounds, help) parses, prints the
 * effective settings and makes the manual. Unknown keys are refused with file and line. A reload
 * builds a new value; whoever holds the old one keeps it until released. */
#ifndef YQ_CONF_H
#define YQ_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "yq/bytes.h"
#include "yq/err.h"
#include "yq/fields.h"
#include "yq/file.h"
#include "yq/frame.h"
#include "yq/model.h"
#include "yq/platforms.h"
#include "yq/rules.h"
#include "yq/sources.h"

/* What a choice's index means, where it is not another room's: store_duplicates is a yq_duplicates,
 * log_level a yq_level. */
enum yq_unknown_peers { YQ_UNKNOWN_REFUSE, YQ_UNKNOWN_ACCEPT };
enum yq_find_pinyin { YQ_FIND_PINYIN_NEGOTIATED, YQ_FIND_PINYIN_ALWAYS, YQ_FIND_PINYIN_NEVER };
enum yq_fallback_charset { YQ_FALLBACK_UTF8, YQ_FALLBACK_GB18030 };
enum yq_user_identity { YQ_IDENTITY_ACCEPT, YQ_IDENTITY_CHECK, YQ_IDENTITY_REQUIRE };
enum yq_wado_default { YQ_WADO_STANDARD, YQ_WADO_AS_STORED };
enum yq_records_encrypt { YQ_ENCRYPT_NONE, YQ_ENCRYPT_PERSONAL };
enum yq_log_format { YQ_LOG_AS_TEXT, YQ_LOG_AS_JSON };

/* X(type, c_name, "key", default as text, least, most, "help")  -- types: text, number, flag,
 * choice (help lists the values as a|b|c: at its start) */
#define YQ_CONF_KEYS(X)                                                                            \
    X(text, dicom_aet, "dicom.aet", "YINGQIAO", 1, 16, "AE title of this node")                    \
    X(text, dicom_bind, "dicom.bind", "", 0, 64, "address to listen on for DICOM; empty: all")     \
    X(number, dicom_port, "dicom.port", "11112", 0, 65535,                                         \
      "TCP port for DICOM; 0: none, TLS only")                                                     \
    X(number, dicom_tls_port, "dicom.tls_port", "0", 0, 65535,                                     \
      "TCP port for DICOM over TLS (usually 2762); 0: none")                                       \
    X(text, dicom_tls_certificate, "dicom.tls_certificate", "", 0, 255,                            \
      "PEM file with the certificate of this node, then those between it and its CA")              \
    X(text, dicom_tls_key, "dicom.tls_key", "", 0, 255,                                            \
      "PEM file with the key of the certificate, without a passphrase, for the node's user only")  \
    X(text, dicom_tls_ca, "dicom.tls_ca", "", 0, 255,                                              \
      "PEM file with the CAs that certificates of peers must come from; empty: the machine's own " \
      "list")                                                                                      \
    X(choice, dicom_tls_clients, "dicom.tls_clients", "none", 0, 0,                                \
      "none|request|require: certificates of those who call over TLS")                             \
    X(choice, dicom_tls_profile, "dicom.tls_profile", "bcp195-nd", 0, 0,                           \
      "bcp195|bcp195-nd: both take TLS 1.2 and 1.3; bcp195 also the CBC suites of older devices")  \
    X(number, dicom_tls_alert_days, "dicom.tls_alert_days", "30", 0, 3650,                         \
      "days before the end of a certificate from which on the log and /health warn of it")         \
    X(flag, dicom_check_called_aet, "dicom.check_called_aet", "false", 0, 0,                       \
      "refuse associations that call another AE title")                                            \
    X(choice, dicom_unknown_peers, "dicom.unknown_peers", "refuse", 0, 0,                          \
      "refuse|accept: what happens to an AE title that is not in peers.json")                      \
    X(choice, dicom_user_identity, "dicom.user_identity", "accept", 0, 0,                          \
      "accept|check|require: who callers say they are is taken as it comes; must fit users.json "  \
      "when they say it; must be said, and fit")                                                   \
    X(number, dicom_max_associations, "dicom.max_associations", "64", 1, 1000,                     \
      "associations at the same time")                                                             \
    X(number, dicom_artim_seconds, "dicom.artim_seconds", "10", 1, 300,                            \
      "how long a new connection may take to send its association request")                        \
    X(number, dicom_idle_seconds, "dicom.idle_seconds", "300", 1, 86400,                           \
      "how long an association may be silent between messages")                                    \
    X(number, dicom_stall_seconds, "dicom.stall_seconds", "60", 1, 3600,                           \
      "how long a peer may be silent within a message")                                            \
    X(number, dicom_find_limit, "dicom.find_limit", "0", 0, 100000000,                             \
      "most answers to one C-FIND; 0: no limit")                                                   \
    X(choice, dicom_find_pinyin, "dicom.find_pinyin", "negotiated", 0, 0,                          \
      "negotiated|always|never: whether C-FIND finds people by pinyin too (zhangsan, zs)")         \
    X(choice, dicom_fallback_charset, "dicom.fallback_charset", "utf-8", 0, 0,                     \
      "utf-8|gb18030: character set of an answer that cannot be written in the one it was asked "  \
      "in")                                                                                        \
    X(flag, dicom_unknown_sop_classes, "dicom.unknown_sop_classes", "true", 0, 0,                  \
      "store private and unknown SOP classes too")                                                 \
    X(number, store_max_object_mb, "store.max_object_mb", "8192", 1, 1048576,                      \
      "largest object taken, MB")                                                                  \
    X(number, store_reserve_mb, "store.reserve_mb", "512", 0, 1048576,                             \
      "free disk space below which nothing is taken, MB")                                          \
    X(choice, store_duplicates, "store.duplicates", "keep-first", 0, 0,                            \
      "keep-first|replace|keep-both: other content under a SOP Instance UID that is there "        \
      "already")                                                                                   \
    X(number, store_trash_days, "store.trash_days", "30", 0, 36500,                                \
      "days that deleted objects stay in the trash")                                               \
    X(number, store_deleted_days, "store.deleted_days", "365", 0, 36500,                           \
      "days for which HTTP says of a deleted object that it is gone (410), not unknown (404)")     \
    X(number, cache_megabytes, "cache.megabytes", "1024", 0, 1048576,                              \
      "disk that converted objects and pictures may take, MB; 0: none are kept")                   \
    X(number, memory_pixels_megabytes, "memory.pixels_megabytes", "0", 0, 1048576,                 \
      "memory for decoding and encoding pixels, MB, all work together; 0: a quarter of the "       \
      "machine's")                                                                                 \
    X(text, image_font, "image.font", "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0, 255,    \
      "font file for text on pictures, one that has Chinese; empty: no text is drawn")             \
    X(text, http_bind, "http.bind", "127.0.0.1", 1, 64, "address to listen on for HTTP")           \
    X(number, http_port, "http.port", "8080", 0, 65535, "TCP port for HTTP; 0: no HTTP")           \
    X(number, http_workers, "http.workers", "4", 1, 64, "HTTP worker threads")                     \
    X(number, http_connections, "http.connections", "512", 8, 10000,                               \
      "HTTP connections at the same time")                                                         \
    X(choice, http_wado_default, "http.wado_default", "standard", 0, 0,                            \
      "standard|as-stored: transfer syntax of a DICOM file when the client names none: explicit "  \
      "little endian where nothing is lost by it, or as it is stored")                             \
    X(text, http_cors_origins, "http.cors_origins", "", 0, 255,                                    \
      "web pages that may read what is here, as https://host[:port] with blanks between them; "    \
      "*: all; empty: none")                                                                       \
    X(number, http_body_most_mb, "http.body_most_mb", "64", 1, 1024,                               \
      "largest body of a request, and of one line of a batch, MB")                                 \
    X(number, http_batch_most_mb, "http.batch_most_mb", "2048", 1, 1048576,                        \
      "largest batch (NDJSON), MB; it waits on the disk of the objects")                           \
    X(text, hl7_bind, "hl7.bind", "127.0.0.1", 0, 64, "address to listen on for HL7; empty: all")  \
    X(number, hl7_port, "hl7.port", "0", 0, 65535,                                                 \
      "TCP port for HL7 over MLLP (usually 2575); 0: none")                                        \
    X(number, hl7_tls_port, "hl7.tls_port", "0", 0, 65535,                                         \
      "TCP port for HL7 over MLLP and TLS, with the certificate of dicom.tls_certificate; 0: "     \
      "none")                                                                                      \
    X(number, hl7_connections, "hl7.connections", "64", 1, 1000,                                   \
      "HL7 connections at the same time")                                                          \
    X(number, hl7_idle_seconds, "hl7.idle_seconds", "600", 5, 86400,                               \
      "how long an HL7 connection may be silent between messages")                                 \
    X(number, hl7_stall_seconds, "hl7.stall_seconds", "30", 1, 3600,                               \
      "how long an HL7 sender may be silent within a message")                                     \
    X(number, hl7_message_most_mb, "hl7.message_most_mb", "32", 1, 512,                            \
      "largest HL7 message taken, MB (PDFs come within them)")                                     \
    X(number, hl7_keep_days, "hl7.keep_days", "90", 0, 36500,                                      \
      "days that HL7 messages are kept as they came; 0: for ever")                                 \
    X(text, audit_site, "audit.site", "", 0, 64, "name of the hospital in audit messages")         \
    X(text, audit_syslog, "audit.syslog", "", 0, 255,                                              \
      "collector of audit messages: udp://host:port or tcp://host:port; empty: none")              \
    X(number, audit_days, "audit.days", "0", 0, 36500,                                             \
      "days that the audit trail is kept; 0: for ever")                                            \
    X(flag, audit_required, "audit.required", "false", 0, 0,                                       \
      "take and give nothing while the audit trail cannot be written")                             \
    X(number, queue_couriers, "queue.couriers", "32", 2, 256,                                      \
      "associations that forward and fetch at the same time, all peers together")                  \
    X(number, queue_complete_seconds, "queue.complete_seconds", "60", 1, 86400,                    \
      "a study is complete when nothing more has come for so long")                                \
    X(number, queue_retry_seconds, "queue.retry_seconds", "15", 1, 86400,                          \
      "pause before the first new try; each further one is twice as long")                         \
    X(number, queue_retry_most_seconds, "queue.retry_most_seconds", "3600", 1, 604800,             \
      "longest pause between two tries")                                                           \
    X(number, queue_alert_minutes, "queue.alert_minutes", "60", 0, 100000,                         \
      "alert when something has waited for longer; 0: never")                                      \
    X(number, queue_keep_days, "queue.keep_days", "7", 0, 36500,                                   \
      "days that what was sent or dropped stays listed")                                           \
    X(choice, records_encrypt, "records.encrypt", "none", 0, 0,                                    \
      "none|personal: whether what is personal in records is encrypted in the catalog")            \
    X(text, records_key_file, "records.key_file", "", 0, 255,                                      \
      "file with the keys for it, kept apart from data and backups, for the node's user only "     \
      "(yingqiao records key); empty: environment variable YINGQIAO_RECORDS_KEY")                  \
    X(flag, records_from_images, "records.from_images", "true", 0, 0,                              \
      "make an exam of each study that nobody ordered here, and reports of SR documents and "      \
      "PDFs among the images")                                                                     \
    X(number, records_pdf_most_mb, "records.pdf_most_mb", "32", 1, 256,                            \
      "largest PDF that is taken with a record, MB")                                               \
    X(number, records_url_hours, "records.url_hours", "24", 1, 8760,                               \
      "hours for which the signed URL of a PDF or DICOM object is good")                           \
    X(text, records_url_base, "records.url_base", "", 0, 255,                                      \
      "what stands before /files/... and /objects/... in such a URL: https://host[:port] as "      \
      "others reach this node; empty: nothing")                                                    \
    X(text, hospital_code, "hospital.code", "", 0, 32,                                             \
      "this hospital's unified social credit code (统一社会信用代码)")                             \
    X(text, hospital_name, "hospital.name", "", 0, 255, "its full name")                           \
    X(text, hospital_insurance_code, "hospital.insurance_code", "", 0, 64,                         \
      "its code in health insurance (定点医药机构代码)")                                           \
    X(text, hospital_insurance_name, "hospital.insurance_name", "", 0, 255,                        \
      "its name in health insurance; empty: its full name")                                        \
    X(text, hospital_insurance_division, "hospital.insurance_division", "", 0, 32,                 \
      "code of the health insurance division it belongs to (医保区划代码)")                        \
    X(text, hospital_level, "hospital.level", "", 0, 16,                                           \
      "its level by the dictionary hospital-level (医院级别)")                                     \
    X(choice, log_level, "log.level", "info", 0, 0,                                                \
      "debug|info|warn|error: least level that is logged")                                         \
    X(choice, log_format, "log.format", "text", 0, 0, "text|json: form of a log line")

enum yq_token_right {                     /* beyond reading what is here */
                      YQ_RIGHT_WRITE = 1, /* may put, change and delete records */
                      YQ_RIGHT_PERSONAL =
                          2 /* may see the personal members of records as they are */
};
struct yq_token { /* a line of tokens.json: who may use HTTP from elsewhere than this machine */
    char name[64];
    char secret[129];
    unsigned rights; /* yq_token_right bits */
};

/* A line of coercion.json: what is changed in the header of an instance before it is indexed. */
enum yq_coerce_how {
    YQ_COERCE_SET,
    YQ_COERCE_COMPLETE, /* only where it is empty */
    YQ_COERCE_PREFIX,   /* where there is a value that does not begin with it already */
    YQ_COERCE_SUFFIX,
    YQ_COERCE_MAP /* to what the table has for the value of `key` */
};
struct yq_coerce_table { /* a CSV file of the folder, sorted by `from` */
    char file[64];
    struct yq_coerce_pair {
        const char *from, *to; /* into text */
    } * pairs;
    size_t count;
    struct yq_buf text;
};
struct yq_coerce_action {
    enum yq_coerce_how how;
    enum yq_attr attr, key;
    char *text; /* owned; what is set, or put before or behind */
    const struct yq_coerce_table *table;
};
struct yq_coerce_rule {
    char name[64];
    char **peers, **modalities, **stations; /* owned; patterns for yq_conf_like */
    size_t peer_count, modality_count, station_count;
    struct yq_coerce_action *actions;
    size_t action_count;
};

/* A line of anonymize.json: where a device writes names into its images. */
#define YQ_BLANKS_MOST 32
struct yq_blank_rule {
    char name[68];
    char modality[68], manufacturer[68], model[68], station[68]; /* patterns; "": any */
    unsigned rows, columns;                                      /* 0: any */
    struct yq_blank blanks[YQ_BLANKS_MOST];
    size_t count; /* 0: it writes nothing */
};

struct yq_user { /* a line of users.json: who may say who he is when he associates */
    char name[64];
    char passcode[256]; /* as yq_passcode_keep makes it */
};

struct yq_conf {
#define YQ_CONF_FIELD_text(c_name) char c_name[256];
#define YQ_CONF_FIELD_number(c_name) int64_t c_name;
#define YQ_CONF_FIELD_flag(c_name) bool c_name;
#define YQ_CONF_FIELD_choice(c_name) int c_name; /* index among the values in the help text */
#define YQ_CONF_FIELD(type, c_name, key, def, least, most, help) YQ_CONF_FIELD_##type(c_name)
    YQ_CONF_KEYS(YQ_CONF_FIELD)
#undef YQ_CONF_FIELD
    struct yq_peer *peers;
    size_t peer_count;
    struct yq_token *tokens;
    size_t token_count;
    struct yq_user *users;
    size_t user_count;
    struct yq_coerce_rule *coercion;
    size_t coercion_count;
    struct yq_coerce_table *coerce_tables; /* one per use: its values were checked for that use */
    size_t coerce_table_count;
    struct yq_blank_rule *blank_rules; /* in the order of anonymize.json */
    size_t blank_rule_count;
    struct yq_rule *rules; /* in the order of rules.json */
    size_t rule_count;
    struct yq_source *sources; /* in the order of sources.json; also those that are not enabled */
    size_t source_count;
    struct yq_platform *platforms; /* in the order of platforms.json; also those that are not on */
    size_t platform_count;
    struct yq_fields **own_fields; /* tables with own lines: platforms/<province>/<interface>.csv */
    size_t own_field_count;
    struct yq_own_recipe *own_recipes; /* platforms/<province>/recipes.csv, as they are written */
    size_t own_recipe_count;
    char folder[YQ_PATH_MOST]; /* where it was read from */
};

struct yq_setting { /* --set key=value, in the order given */
    const char *key, *value;
};

/* NULL: there is none of this name. */
const struct yq_user *yq_conf_user(const struct yq_conf *conf, const char *name);

/* Reads node.json, peers.json, rules.json, tokens.json, coercion.json, anonymize.json,
 * sources.json and platforms.json in `folder` (each may be missing) and applies `settings` on top.
 * Errors: YQ_BAD_INPUT with file:line: what is wrong, and what to do. */
yq_must_check bool yq_conf_load(const char *folder, const struct yq_setting *settings,
                                size_t setting_count, struct yq_conf **out, struct yq_err *err);
void yq_conf_free(struct yq_conf *conf);
/* One file instead of a folder: its node settings; the other files are looked for beside it. */
yq_must_check bool yq_conf_load_file(const char *file, const struct yq_setting *settings,
                                     size_t setting_count, struct yq_conf **out,
                                     struct yq_err *err);
/* Writes the commented examples (compiled in from dicom-conf/) to `folder` where the files are
 * missing. */
yq_must_check bool yq_conf_write_examples(const char *folder, struct yq_err *err);

/* The effective configuration as JSON text, secrets masked. */
void yq_conf_print(const struct yq_conf *conf, struct yq_buf *out);
/* The keyword table for the manual: one "key\tdefault\thelp\n" per line. */
void yq_conf_manual(struct yq_buf *out);
/* The same of sources.json; the types a key belongs to stand before its help. */
void yq_conf_source_manual(struct yq_buf *out);
/* The field table in force: with the hospital's own lines where it has some. NULL: no memory. */
const struct yq_fields *yq_conf_fields(const struct yq_conf *conf,
                                       const struct yq_interface *interface);
/* The source of this name. NULL: none. */
const struct yq_source *yq_conf_source(const struct yq_conf *conf, const char *name);
/* Appends the text of a mapping, of the folder or compiled in. YQ_ABSENT: there is none. */
yq_must_check bool yq_conf_mapping_text(const char *folder, const char *name, struct yq_buf *out,
                                        struct yq_err *err);

/* Who a doctor of the hospital is to the signing service: the userId beside his code in signers.csv
 * of the folder. YQ_ABSENT (no such file, no such line), YQ_BAD_INPUT (file:line). */
yq_must_check bool yq_conf_signer(const struct yq_conf *conf, const char *doctor, char *user,
                                  size_t size, struct yq_err *err);

/* The peer with this AE title; where several share it, the one whose host fits `address`. NULL:
 * none. `address` "" fits every host. *aet_known: some peer has the title but not from this
 * address. */
const struct yq_peer *yq_conf_peer(const struct yq_conf *conf, const char *aet, const char *address,
                                   bool *aet_known);
/* The rule of this name. NULL: none. */
const struct yq_rule *yq_conf_rule(const struct yq_conf *conf, const char *name);
/* The UID of a transfer syntax that is written as a UID or by a name of peers.json ("explicit");
 * NULL: neither. */
const char *yq_conf_syntax(const char *text);
/* Whether a text is like a pattern of a rule: * any characters, ? one. */
bool yq_conf_like(const char *pattern, const char *text);
/* Whether a numeric address is one of these: addresses and nets (CIDR), blanks between them; IPv4
 * in IPv6 is IPv4. "": this machine. */
bool yq_conf_hosts_fit(const char *hosts, const char *address);
/* What a table has for a value; NULL: nothing. */
const char *yq_conf_table_get(const struct yq_coerce_table *table, const char *from);
/* The peer to call under this AE title: a fixed host and a port. NULL: none. */
const struct yq_peer *yq_conf_destination(const struct yq_conf *conf, const char *aet);

/* peers.json edited in place, comments kept, replaced whole or not at all. add: YQ_CONFLICT when
 * the AE title is there with the same host; remove: YQ_ABSENT. */
yq_must_check bool yq_conf_peer_add(const char *folder, const struct yq_peer *peer,
                                    struct yq_err *err);
yq_must_check bool yq_conf_peer_remove(const char *folder, const char *aet, struct yq_err *err);
/* users.json, written anew: a user with this passcode, new or in place of the one he had. */
yq_must_check bool yq_conf_user_set(const char *folder, const struct yq_user *user,
                                    struct yq_err *err);
yq_must_check bool yq_conf_user_remove(const char *folder, const char *name, struct yq_err *err);
/* 1 to 63 bytes without control characters, quotes and backslashes. */
bool yq_conf_user_name(const char *name);
/* The line to type that adds this peer, for logs and messages; address "": not known. */
void yq_conf_peer_line(const struct yq_conf *conf, const char *aet, const char *address, char *text,
                       size_t size);

/* The current configuration of a running node: readers take a reference, a reload swaps it. */
struct yq_conf_box;
struct yq_conf_box *yq_conf_box_new(struct yq_conf *take);
const struct yq_conf *yq_conf_hold(struct yq_conf_box *box);
void yq_conf_release(struct yq_conf_box *box, const struct yq_conf *conf);
void yq_conf_swap(struct yq_conf_box *box, struct yq_conf *take);
void yq_conf_box_free(struct yq_conf_box *box);
/* A number that changes when a .json or .csv file of the folder, or of the folders mapping and
 * platforms/<province> in it, changes (names, sizes, times). */
uint64_t yq_conf_stamp(const char *folder);

#endif

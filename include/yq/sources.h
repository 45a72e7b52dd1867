/* sources.h: where records come from: dicom-conf/sources.json, {"sources": [...]}.
 *
 * One keyword table parses, prints and documents them, as for node.json; `for` says to which types
 * a key belongs. Unknown keys, and keys of another type, are refused with file and line. */
#ifndef YQ_SOURCES_H
#define YQ_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "yq/expr.h"

enum yq_source_how { YQ_SOURCE_OVERLAY, YQ_SOURCE_REPLACE };
enum yq_source_pdf { YQ_SOURCE_PDF_BESIDE, YQ_SOURCE_PDF_REQUIRED, YQ_SOURCE_PDF_NONE };
enum yq_source_type { YQ_SOURCE_HL7, YQ_SOURCE_ODBC, YQ_SOURCE_FOLDER };
#define YQ_FOR_HL7 1u
#define YQ_FOR_ODBC 2u
#define YQ_FOR_FOLDER 4u
#define YQ_FOR_ALL 7u
enum yq_content { YQ_CONTENT_AUTO, YQ_CONTENT_EXAM, YQ_CONTENT_LAB };
enum yq_acknowledge { YQ_ACKNOWLEDGE_AS_ASKED, YQ_ACKNOWLEDGE_ONCE };

/* X(type, c_name, "key", for, default as text, least, most, "help") -- types: text, number, flag,
 * choice (help begins with a|b|c:). A text whose default is shorter than `least` must be given. */
#define YQ_SOURCE_KEYS(X)                                                                          \
    X(text, mapping, "mapping", YQ_FOR_ALL, "", 0, 63,                                             \
      "mapping/NAME.csv: which member comes from where; empty: the usual one of the type")         \
    X(text, charset, "charset", YQ_FOR_ALL, "", 0, 63,                                             \
      "character set of what comes: utf-8, gb18030, gbk, ...; empty: as it says, or looks")        \
    X(flag, enabled, "enabled", YQ_FOR_ALL, "true", 0, 0, "false: it is left alone")               \
    X(text, application, "application", YQ_FOR_HL7, "*", 1, 255,                                   \
      "HL7: MSH-3 of its messages, with * and ?")                                                  \
    X(text, facility, "facility", YQ_FOR_HL7, "*", 1, 255,                                         \
      "HL7: MSH-4 of its messages, with * and ?")                                                  \
    X(text, hosts, "hosts", YQ_FOR_HL7, "", 0, 255,                                                \
      "HL7: addresses or CIDR it may call from, with blanks between; empty: this machine only")    \
    X(choice, content, "content", YQ_FOR_HL7, "auto", 0, 0,                                        \
      "auto|exam|lab: HL7: what its orders and results are of; auto: as OBR-24, or the results, "  \
      "look")                                                                                      \
    X(choice, acknowledge, "acknowledge", YQ_FOR_HL7, "as-asked", 0, 0,                            \
      "as-asked|once: HL7: in the mode that MSH-15 and MSH-16 ask for, or always one AA, AE or "   \
      "AR")                                                                                        \
    X(text, connection, "connection", YQ_FOR_ODBC, "", 1, 255,                                     \
      "ODBC: connection string without the password: DSN=ris or Driver=...;Server=...")            \
    X(text, password_file, "password_file", YQ_FOR_ODBC, "", 0, 255,                               \
      "ODBC: file with the password, for the node's user only")                                    \
    X(text, table, "table", YQ_FOR_ODBC, "", 1, 255, "ODBC: table or view that is read")           \
    X(text, kind, "kind", YQ_FOR_ODBC | YQ_FOR_FOLDER, "", 0, 63,                                  \
      "what a row or file is: exam, report, lab, ...")                                             \
    X(text, change_column, "change_column", YQ_FOR_ODBC, "", 1, 127,                               \
      "ODBC: column that grows with every change: a time or a number")                             \
    X(text, key_columns, "key_columns", YQ_FOR_ODBC, "", 1, 255,                                   \
      "ODBC: columns that tell rows with the same change apart, with commas")                      \
    X(number, seconds, "seconds", YQ_FOR_ODBC | YQ_FOR_FOLDER, "30", 1, 86400,                     \
      "how often it is looked at")                                                                 \
    X(number, rows, "rows", YQ_FOR_ODBC, "500", 1, 10000, "ODBC: rows that are read at a time")    \
    X(number, overlap, "overlap", YQ_FOR_ODBC, "120", 0, 1000000,                                  \
      "ODBC: how far back each look begins, for what was committed late: seconds of a time, else " \
      "counts")                                                                                    \
    X(number, timeout, "timeout", YQ_FOR_ODBC, "60", 1, 3600, "ODBC: seconds a query may take")    \
    X(text, detail_table, "detail_table", YQ_FOR_ODBC, "", 0, 255,                                 \
      "ODBC: table with the rows of each row's list, such as results of a laboratory report")      \
    X(text, detail_join, "detail_join", YQ_FOR_ODBC, "", 0, 255,                                   \
      "ODBC: columns by which they belong to it: DETAIL=OWN, or one name for both, with commas; "  \
      "empty: the key columns")                                                                    \
    X(text, path, "path", YQ_FOR_FOLDER, "", 1, 255, "folder: the one that is watched")            \
    X(text, records, "records", YQ_FOR_FOLDER, "", 0, 255,                                         \
      "folder, JSON and XML: path of what repeats, data/items; empty: an array, the root's "       \
      "children, or the root itself")                                                              \
    X(choice, how, "how", YQ_FOR_FOLDER, "overlay", 0, 0,                                          \
      "overlay|replace: what a file does not have of a record stays as it was, or is taken away")  \
    X(text, marker, "marker", YQ_FOR_FOLDER, "", 0, 15,                                            \
      "folder: a file is taken when there is one of its name and this behind it: .ok, .done; "     \
      "empty: when nobody writes to it any more")                                                  \
    X(number, settle_seconds, "settle_seconds", YQ_FOR_FOLDER, "5", 0, 3600,                       \
      "folder: how long a file must have stayed as it is, where nobody tells that it was closed")  \
    X(choice, pdf, "pdf", YQ_FOR_FOLDER, "beside", 0, 0,                                           \
      "beside|required|none: PDFs of reports are taken when a record names one or has the file's " \
      "name; every report must have one; they are left alone")                                     \
    X(text, pdf_file, "pdf_file", YQ_FOR_FOLDER, "first(pdfFile, PDF文件)", 1, 255,                \
      "folder: expression for the name of a record's PDF")                                         \
    X(number, pdf_seconds, "pdf_seconds", YQ_FOR_FOLDER, "600", 0, 864000,                         \
      "folder: how long a record waits for the PDF it names")                                      \
    X(number, most_mb, "most_mb", YQ_FOR_FOLDER, "64", 1, 1024, "folder: largest file, MB")        \
    X(number, done_days, "done_days", YQ_FOR_FOLDER, "90", 0, 36500,                               \
      "folder: days that what was taken stays in done; 0: for ever")                               \
    X(number, failed_days, "failed_days", YQ_FOR_FOLDER, "0", 0, 36500,                            \
      "folder: days that what could not be taken stays in failed; 0: for ever")

struct yq_source { /* lives as long as its configuration */
    char name[64]; /* letters, digits, - and _ */
    enum yq_source_type type;
#define YQ_SOURCE_FIELD_text(c_name) char c_name[256];
#define YQ_SOURCE_FIELD_number(c_name) int64_t c_name;
#define YQ_SOURCE_FIELD_flag(c_name) bool c_name;
#define YQ_SOURCE_FIELD_choice(c_name) int c_name;
#define YQ_SOURCE_FIELD(type, c_name, key, for_, def, least, most, help)                           \
    YQ_SOURCE_FIELD_##type(c_name)
    YQ_SOURCE_KEYS(YQ_SOURCE_FIELD)
#undef YQ_SOURCE_FIELD
    struct yq_mapping *rules; /* the parsed mapping file; NULL: the type has no usual one */
};

#endif

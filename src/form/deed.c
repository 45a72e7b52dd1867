/* deed.c: audit messages. PS3.15 A.5.1 (schema), A.5.2 (conventions), A.5.3 (what each message
 * holds); RFC 5424 for the line around it, as PS3.15 A.6 and A.7 want it: facility 10, MSGID
 * DICOM+RFC3881, the message as UTF-8 behind a byte order mark.
 *
 * Everything stands on one line: blanks that XML would lose, and line ends, are character
 * references. */
#include "yq/deed.h"

#include <string.h>

#include "yq/clock.h"
#include "yq/text.h"

struct code {
    const char *code, *meaning;
};
#define CODE(name, code, meaning) {code, meaning},
static const struct code events[] = {YQ_DEEDS(CODE)};
static const struct code types[] = {YQ_DEED_TYPES(CODE)};
static const struct code roles[] = {YQ_ROLES(CODE)};
#undef CODE

const char *yq_deed_meaning(enum yq_deed_event event) { return events[event].meaning; }
const char *yq_deed_code(enum yq_deed_event event) { return events[event].code; }
const char *yq_deed_type_meaning(enum yq_deed_type type) { return types[type].meaning; }

/* What a subject is: ParticipantObjectTypeCode, its role, and the code of its ID's type. */
static const struct {
    char type;
    const char *role;
    struct code id;
    const char *system;
} kinds[] = {
    [YQ_SUBJECT_STUDY] = {'2', "3", {"110180", "Study Instance UID"}, "DCM"},
    [YQ_SUBJECT_PATIENT] = {'1', "1", {"2", "Patient Number"}, "RFC-3881"},
    [YQ_SUBJECT_QUERY] = {'2', "3", {"110181", "SOP Class UID"}, "DCM"},
    [YQ_SUBJECT_URL] = {'2', "3", {"10", "Search Criteria"}, "RFC-3881"},
    [YQ_SUBJECT_FILE] = {'2', "5", {"12", "URI"}, "RFC-3881"},
    [YQ_SUBJECT_NODE] = {'2', "13", {"110182", "Node ID"}, "DCM"},
    [YQ_SUBJECT_TRAIL] = {'2', "13", {"12", "URI"}, "RFC-3881"},
};

static bool is_there(const char *text) { return text && *text; }

/* ---- pieces of XML ---- */

/* Bytes of the character at `text` when it is UTF-8 that XML 1.0 allows; 0: it is not. */
static size_t character(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t length = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (length == 1)
        return p[0] >= 0x20 || p[0] == '\t' || p[0] == '\n' || p[0] == '\r';
    if (length > left || !yq_text_is_utf8(text, length))
        return 0;
    bool none = p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe; /* U+FFFE, U+FFFF */
    return none ? 0 : length;
}

static void put_text(struct yq_buf *out, const char *text)
{
    size_t left = text ? strlen(text) : 0;
    while (left) {
        size_t length = character(text, left);
        switch (length ? *text : '\0') {
        case '\0': yq_buf_puts(out, "\xef\xbf\xbd"); break;
        case '<': yq_buf_puts(out, "&lt;"); break;
        case '>': yq_buf_puts(out, "&gt;"); break;
        case '&': yq_buf_puts(out, "&amp;"); break;
        case '"': yq_buf_puts(out, "&quot;"); break;
        case '\t':
        case '\n':
        case '\r': yq_buf_putf(out, "&#%d;", *text); break;
        default: yq_buf_put(out, text, length);
        }
        text += length ? length : 1;
        left -= length ? length : 1;
    }
}

static void put_attribute(struct yq_buf *out, const char *name, const char *value)
{
    yq_buf_putf(out, " %s=\"", name);
    put_text(out, value);
    yq_buf_puts(out, "\"");
}

static void put_base64(struct yq_buf *out, const void *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = bytes;
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned group = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
                         (left > 2 ? (unsigned)p[i + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};
        yq_buf_put(out, four, sizeof four);
    }
}

static void put_code(struct yq_buf *out, const char *element, const struct code *code,
                     const char *system)
{
    yq_buf_putf(out, "<%s csd-code=\"%s\" codeSystemName=\"%s\" originalText=\"%s\"/>", element,
                code->code, system, code->meaning);
}

/* ---- the parts of a message, in the order of the schema ---- */

static void put_event(struct yq_buf *out, const struct yq_deed *deed)
{
    char when[32];
    yq_clock_text(when, sizeof when, deed->at_ms);
    yq_buf_putf(out,
                "<EventIdentification EventActionCode=\"%c\" EventDateTime=\"%s\" "
                "EventOutcomeIndicator=\"%d\">",
                deed->action, when, (int)deed->outcome);
    put_code(out, "EventID", &events[deed->event], "DCM");
    if (deed->type != YQ_DEED_TYPE_NONE)
        put_code(out, "EventTypeCode", &types[deed->type], "DCM");
    if (is_there(deed->why)) {
        yq_buf_puts(out, "<EventOutcomeDescription>");
        put_text(out, deed->why);
        yq_buf_puts(out, "</EventOutcomeDescription>");
    }
    yq_buf_puts(out, "</EventIdentification>");
}

/* An address is digits and dots, or has a colon; anything else is a name (A.5.1). */
static bool is_numeric(const char *address)
{
    return strchr(address, ':') || strspn(address, "0123456789.") == strlen(address);
}

static void put_actor(struct yq_buf *out, const struct yq_actor *actor)
{
    yq_buf_puts(out, "<ActiveParticipant");
    put_attribute(out, "UserID", is_there(actor->user) ? actor->user : "unknown");
    if (is_there(actor->aet)) {
        yq_buf_puts(out, " AlternativeUserID=\"AETITLES=");
        put_text(out, actor->aet);
        yq_buf_puts(out, "\"");
    }
    if (is_there(actor->name))
        put_attribute(out, "UserName", actor->name);
    put_attribute(out, "UserIsRequestor", actor->asked ? "true" : "false");
    if (is_there(actor->address)) {
        put_attribute(out, "NetworkAccessPointID", actor->address);
        put_attribute(out, "NetworkAccessPointTypeCode", is_numeric(actor->address) ? "2" : "1");
    }
    if (actor->role == YQ_ROLE_NONE) {
        yq_buf_puts(out, "/>");
        return;
    }
    yq_buf_puts(out, ">");
    put_code(out, "RoleIDCode", &roles[actor->role], "DCM");
    if (actor->role == YQ_ROLE_SOURCE_MEDIA || actor->role == YQ_ROLE_DESTINATION_MEDIA) {
        static const struct code file = {"110037", "URI"};
        yq_buf_puts(out, "<MediaIdentifier>");
        put_code(out, "MediaType", &file, "DCM");
        yq_buf_puts(out, "</MediaIdentifier>");
    }
    yq_buf_puts(out, "</ActiveParticipant>");
}

static void put_source(struct yq_buf *out, const struct yq_witness *witness)
{
    yq_buf_puts(out, "<AuditSourceIdentification");
    if (is_there(witness->site))
        put_attribute(out, "AuditEnterpriseSiteID", witness->site);
    put_attribute(out, "AuditSourceID", witness->source);
    yq_buf_puts(out, "><AuditSourceTypeCode csd-code=\"4\"/></AuditSourceIdentification>");
}

static void put_description(struct yq_buf *out, const struct yq_subject *subject)
{
    if (!subject->class_count && !is_there(subject->accession) && !is_there(subject->instance))
        return;
    yq_buf_puts(out, "<ParticipantObjectDescription>");
    if (is_there(subject->accession)) {
        yq_buf_puts(out, "<Accession");
        put_attribute(out, "Number", subject->accession);
        yq_buf_puts(out, "/>");
    }
    for (size_t i = 0; i < subject->class_count; i++) {
        yq_buf_puts(out, "<SOPClass");
        if (is_there(subject->classes[i].sop_class))
            put_attribute(out, "UID", subject->classes[i].sop_class);
        yq_buf_putf(out, " NumberOfInstances=\"%llu\"",
                    (unsigned long long)subject->classes[i].count);
        if (is_there(subject->instance)) {
            yq_buf_puts(out, "><Instance");
            put_attribute(out, "UID", subject->instance);
            yq_buf_puts(out, "/></SOPClass>");
        } else {
            yq_buf_puts(out, "/>");
        }
    }
    yq_buf_puts(out, "</ParticipantObjectDescription>");
}

static void put_subject(struct yq_buf *out, const struct yq_subject *subject)
{
    yq_buf_puts(out, "<ParticipantObjectIdentification");
    put_attribute(out, "ParticipantObjectID", is_there(subject->id) ? subject->id : "unknown");
    yq_buf_putf(out, " ParticipantObjectTypeCode=\"%c\" ParticipantObjectTypeCodeRole=\"%s\">",
                kinds[subject->kind].type, kinds[subject->kind].role);
    put_code(out, "ParticipantObjectIDTypeCode", &kinds[subject->kind].id,
             kinds[subject->kind].system);
    if (subject->kind == YQ_SUBJECT_QUERY || subject->kind == YQ_SUBJECT_URL) {
        yq_buf_puts(out, "<ParticipantObjectQuery>");
        put_base64(out, subject->query, subject->query_length);
        yq_buf_puts(out, "</ParticipantObjectQuery>");
    } else { /* the schema wants one of the two, also where the table does not */
        yq_buf_puts(out, "<ParticipantObjectName>");
        put_text(out, subject->name);
        yq_buf_puts(out, "</ParticipantObjectName>");
    }
    if (is_there(subject->detail_type)) {
        yq_buf_puts(out, "<ParticipantObjectDetail");
        put_attribute(out, "type", subject->detail_type);
        yq_buf_puts(out, " value=\"");
        if (subject->detail)
            put_base64(out, subject->detail, strlen(subject->detail));
        yq_buf_puts(out, "\"/>");
    }
    put_description(out, subject);
    yq_buf_puts(out, "</ParticipantObjectIdentification>");
}

/* A field of the syslog header: printable ASCII without blanks, "-" when empty (RFC 5424 6). */
static void put_header_field(struct yq_buf *out, const char *text, size_t most)
{
    size_t length = strnlen(text, most);
    if (!length)
        yq_buf_puts(out, "-");
    for (size_t i = 0; i < length; i++)
        yq_buf_put(out, text[i] > ' ' && text[i] < 0x7f ? text + i : "?", 1);
}

void yq_deed_put(const struct yq_deed *deed, const struct yq_witness *witness, struct yq_buf *out)
{
    enum { FACILITY = 10, ERROR = 3, WARNING = 4, NOTICE = 5 };
    char when[32];
    int severity = deed->outcome == YQ_WENT_WELL      ? NOTICE
                   : deed->outcome == YQ_FAILED_MINOR ? WARNING
                                                      : ERROR;
    yq_clock_text(when, sizeof when, deed->at_ms);
    yq_buf_putf(out, "<%d>1 %s ", FACILITY * 8 + severity, when);
    put_header_field(out, witness->host, 255);
    yq_buf_putf(out, " yingqiao %d DICOM+RFC3881 - \xef\xbb\xbf", witness->pid);
    yq_buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><AuditMessage>");
    put_event(out, deed);
    for (size_t i = 0; i < deed->actor_count; i++)
        put_actor(out, &deed->actors[i]);
    put_source(out, witness);
    for (size_t i = 0; i < deed->subject_count; i++)
        put_subject(out, &deed->subjects[i]);
    yq_buf_puts(out, "</AuditMessage>\n");
}

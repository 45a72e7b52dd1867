/* deed_read.c: a line of the audit trail back into a deed, for people who ask what was done. Reads
 * what deed.c writes, strictly enough that a damaged line is none: one pass over tags and
 * attributes, in place, nothing allocated. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "yq/deed.h"

struct code {
    const char *code, *meaning;
};
#define CODE(name, code, meaning) {code, meaning},
static const struct code events[] = {YQ_DEEDS(CODE)};
static const struct code types[] = {YQ_DEED_TYPES(CODE)};
static const struct code roles[] = {YQ_ROLES(CODE)};
#undef CODE

static const struct code kinds[] = {
    [YQ_SUBJECT_STUDY] = {"110180", "3"}, [YQ_SUBJECT_PATIENT] = {"2", "1"},
    [YQ_SUBJECT_QUERY] = {"110181", "3"}, [YQ_SUBJECT_URL] = {"10", "3"},
    [YQ_SUBJECT_FILE] = {"12", "5"},      [YQ_SUBJECT_NODE] = {"110182", "13"},
    [YQ_SUBJECT_TRAIL] = {"12", "13"},
};

struct reader {
    char *at, *end; /* what is left */
    const char *name;
    bool closing;
    char *attributes; /* of the tag that was read last */
};

/* &lt; and its like, in place. */
static void resolve(char *text)
{
    static const struct {
        const char *name;
        char character;
    } names[] = {{"lt;", '<'},  {"gt;", '>'},   {"amp;", '&'}, {"quot;", '"'},
                 {"#9;", '\t'}, {"#10;", '\n'}, {"#13;", '\r'}};
    char *to = text;
    for (const char *from = text; *from; from++) {
        *to = *from;
        for (size_t i = 0; *from == '&' && i < sizeof names / sizeof *names; i++) {
            size_t length = strlen(names[i].name);
            if (strncmp(from + 1, names[i].name, length) != 0)
                continue;
            *to = names[i].character;
            from += length;
            break;
        }
        to++;
    }
    *to = '\0';
}

/* The next tag; what stands before it is *text when somebody wants it. False at the end. */
static bool next_tag(struct reader *r, const char **text)
{
    char *open = memchr(r->at, '<', (size_t)(r->end - r->at));
    if (!open)
        return false;
    *open = '\0';
    if (text) {
        *text = r->at;
        resolve(r->at);
    }
    char *close = memchr(open + 1, '>', (size_t)(r->end - open - 1));
    if (!close)
        return false;
    *close = '\0';
    r->at = close + 1;
    r->closing = open[1] == '/';
    char *name = open + 1 + r->closing;
    r->attributes = name + strcspn(name, " /");
    if (*r->attributes)
        *r->attributes++ = '\0';
    r->name = name;
    return true;
}

/* The next attribute of the tag; false when there is none. */
static bool next_attribute(struct reader *r, const char **name, char **value)
{
    char *p = r->attributes + strspn(r->attributes, " ");
    char *equals = strchr(p, '=');
    if (!equals || equals[1] != '"')
        return false;
    char *quote = strchr(equals + 2, '"');
    if (!quote)
        return false;
    *equals = *quote = '\0';
    *name = p;
    *value = equals + 2;
    r->attributes = quote + 1;
    resolve(*value);
    return true;
}

static size_t index_of(const struct code *codes, size_t count, const char *code)
{
    for (size_t i = 0; i < count; i++)
        if (codes[i].code[0] && strcmp(codes[i].code, code) == 0)
            return i;
    return count;
}

static const char *code_of(struct reader *r)
{
    const char *name;
    char *value, *code = NULL;
    while (next_attribute(r, &name, &value))
        if (strcmp(name, "csd-code") == 0)
            code = value;
    return code ? code : "";
}

static bool read_time(const char *text, int64_t *ms)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest || *rest != '.')
        return false;
    *ms = (int64_t)timegm(&tm) * 1000 + strtol(rest + 1, NULL, 10);
    return true;
}

static bool read_event(struct reader *r, struct yq_deed *out)
{
    const char *name, *text;
    char *value;
    bool timed = false, known = false;
    while (next_attribute(r, &name, &value)) {
        if (strcmp(name, "EventActionCode") == 0)
            out->action = value[0];
        else if (strcmp(name, "EventDateTime") == 0)
            timed = read_time(value, &out->at_ms);
        else if (strcmp(name, "EventOutcomeIndicator") == 0)
            out->outcome = (enum yq_outcome)strtol(value, NULL, 10);
    }
    while (next_tag(r, &text)) {
        if (r->closing && strcmp(r->name, "EventIdentification") == 0)
            return timed && known;
        if (r->closing && strcmp(r->name, "EventOutcomeDescription") == 0)
            out->why = text;
        if (r->closing)
            continue;
        if (strcmp(r->name, "EventID") == 0) {
            size_t event = index_of(events, YQ_DEED_COUNT, code_of(r));
            known = event < YQ_DEED_COUNT;
            out->event = known ? (enum yq_deed_event)event : YQ_DEED_ACTIVITY;
        } else if (strcmp(r->name, "EventTypeCode") == 0) {
            size_t type = index_of(types, YQ_DEED_TYPE_COUNT, code_of(r));
            out->type = type < YQ_DEED_TYPE_COUNT ? (enum yq_deed_type)type : YQ_DEED_TYPE_NONE;
        }
    }
    return false;
}

static void read_actor(struct reader *r, struct yq_actor *out)
{
    static const char aets[] = "AETITLES=";
    const char *name;
    char *value;
    while (next_attribute(r, &name, &value)) {
        if (strcmp(name, "UserID") == 0)
            out->user = value;
        else if (strcmp(name, "AlternativeUserID") == 0)
            out->aet = strncmp(value, aets, sizeof aets - 1) == 0 ? value + sizeof aets - 1 : value;
        else if (strcmp(name, "UserName") == 0)
            out->name = value;
        else if (strcmp(name, "NetworkAccessPointID") == 0)
            out->address = value;
        else if (strcmp(name, "UserIsRequestor") == 0)
            out->asked = strcmp(value, "true") == 0;
    }
}

static void read_subject(struct reader *r, struct yq_subject *out, char *role)
{
    const char *name;
    char *value;
    role[0] = '\0';
    while (next_attribute(r, &name, &value)) {
        if (strcmp(name, "ParticipantObjectID") == 0)
            out->id = value;
        else if (strcmp(name, "ParticipantObjectTypeCodeRole") == 0)
            (void)yq_copy(role, 4, value);
    }
}

/* Base64 in place; what is none of its digits ends it. */
static size_t decode(char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, held = 0;
    size_t length = 0;
    for (const char *p = text, *digit; *p && (digit = strchr(digits, *p)) != NULL; p++) {
        held = (held << 6 | (unsigned)(digit - digits)) & 0xffff;
        bits += 6;
        if (bits >= 8)
            text[length++] = (char)(held >> (bits -= 8));
    }
    text[length] = '\0';
    return length;
}

static void read_detail(struct reader *r, struct yq_subject *out)
{
    const char *name;
    char *value;
    while (next_attribute(r, &name, &value)) {
        if (strcmp(name, "type") == 0) {
            out->detail_type = value;
        } else if (strcmp(name, "value") == 0) {
            decode(value);
            out->detail = value;
        }
    }
}

static uint64_t read_class(struct reader *r)
{
    const char *name;
    char *value;
    uint64_t count = 0;
    while (next_attribute(r, &name, &value))
        if (strcmp(name, "NumberOfInstances") == 0)
            count = strtoull(value, NULL, 10);
    return count;
}

static void read_kind(struct reader *r, const char *role, struct yq_subject *out)
{
    const char *code = code_of(r);
    for (size_t i = 0; i < YQ_SUBJECT_KINDS; i++)
        if (strcmp(kinds[i].code, code) == 0 && strcmp(kinds[i].meaning, role) == 0)
            out->kind = (enum yq_subject_kind)i;
}

static void read_within_subject(struct reader *r, const char *text, const char *role,
                                struct yq_subject *out, uint64_t *count)
{
    const char *name;
    char *value;
    if (r->closing) {
        if (strcmp(r->name, "ParticipantObjectName") == 0) {
            out->name = text;
        } else if (strcmp(r->name, "ParticipantObjectQuery") == 0) {
            out->query = text;
            out->query_length = decode((char *)(uintptr_t)text);
        }
    } else if (strcmp(r->name, "ParticipantObjectIDTypeCode") == 0) {
        read_kind(r, role, out);
    } else if (strcmp(r->name, "ParticipantObjectDetail") == 0) {
        read_detail(r, out);
    } else if (strcmp(r->name, "SOPClass") == 0) {
        *count += read_class(r);
    } else if (strcmp(r->name, "Accession") == 0 && next_attribute(r, &name, &value)) {
        out->accession = value;
    } else if (strcmp(r->name, "Instance") == 0 && next_attribute(r, &name, &value)) {
        out->instance = value;
    }
}

static bool read_parts(struct reader *r, struct yq_deed *out, uint64_t counts[YQ_SUBJECTS_MOST])
{
    const char *text;
    char role[4] = "";
    struct yq_subject *subject = NULL;
    bool event = false;
    while (next_tag(r, &text)) {
        if (r->closing && strcmp(r->name, "AuditMessage") == 0)
            return event;
        if (r->closing && strcmp(r->name, "ParticipantObjectIdentification") == 0)
            subject = NULL;
        else if (subject)
            read_within_subject(r, text, role, subject, &counts[out->subject_count - 1]);
        if (r->closing)
            continue;
        if (strcmp(r->name, "EventIdentification") == 0) {
            event = read_event(r, out);
        } else if (strcmp(r->name, "ActiveParticipant") == 0 && out->actor_count < YQ_ACTORS_MOST) {
            read_actor(r, &out->actors[out->actor_count++]);
        } else if (strcmp(r->name, "RoleIDCode") == 0 && out->actor_count) {
            size_t found = index_of(roles, YQ_ROLE_COUNT, code_of(r));
            out->actors[out->actor_count - 1].role =
                found < YQ_ROLE_COUNT ? (enum yq_role)found : YQ_ROLE_NONE;
        } else if (strcmp(r->name, "ParticipantObjectIdentification") == 0 &&
                   out->subject_count < YQ_SUBJECTS_MOST) {
            subject = &out->subjects[out->subject_count++];
            read_subject(r, subject, role);
        }
    }
    return false;
}

bool yq_deed_read(char *text, size_t length, struct yq_deed *out, uint64_t counts[YQ_SUBJECTS_MOST])
{
    static const char head[] = "<AuditMessage>";
    memset(out, 0, sizeof *out);
    memset(counts, 0, YQ_SUBJECTS_MOST * sizeof *counts);
    if (!length || memchr(text, '\0', length))
        return false;
    if (text[length - 1] == '\n')
        length--;
    char *start = memmem(text, length, head, sizeof head - 1);
    if (!start)
        return false;
    struct reader r = {.at = start + sizeof head - 1, .end = text + length};
    text[length] = '\0';
    return read_parts(&r, out, counts);
}

/* associate.c: reads and writes A-ASSOCIATE-RQ and -AC. PS3.8 9.3.2 and 9.3.3, PS3.7 D.3.3.
 *
 * Refuses: items that reach beyond what contains them, even or repeated context ids, UIDs that are
 * none. Lets pass what devices do: unknown items, padded UIDs, items in another order, transfer
 * syntaxes named twice or broken (those are left out). Asynchronous operations are not taken up.
 * Pure functions. */
#include "associate.h"

#include <stdlib.h>
#include <string.h>

#define APPLICATION_CONTEXT "1.2.840.10008.3.1.1.1"
#define MAX_PDU_UNSAID 16384u /* for a peer that leaves the item out */
#define MAX_PDU_LEAST 128u

enum item {
    ITEM_APPLICATION = 0x10,
    ITEM_CONTEXT_RQ = 0x20,
    ITEM_CONTEXT_AC = 0x21,
    ITEM_ABSTRACT = 0x30,
    ITEM_TRANSFER = 0x40,
    ITEM_USER = 0x50,
    ITEM_MAX_PDU = 0x51,
    ITEM_IMPLEMENTATION = 0x52,
    ITEM_ROLE = 0x54,
    ITEM_VERSION = 0x55,
    ITEM_EXTENDED = 0x56,
    ITEM_IDENTITY = 0x58,
};

struct cursor {
    const uint8_t *at;
    size_t left;
};

struct parser {
    struct yq_associate *out;
    const struct yq_associate *asked;
    struct yq_refusal *refusal;
    struct yq_err *err;
};

static bool malformed(struct parser *p, const char *what)
{
    *p->refusal = (struct yq_refusal){.source = 2, .reason = 6};
    return yq_fail(p->err, YQ_BAD_INPUT, "dcm", "malformed %s: %s",
                   p->out->request ? "A-ASSOCIATE-RQ" : "A-ASSOCIATE-AC", what);
}

/* The next item: type, reserved, length, body. */
static bool take_item(struct cursor *from, unsigned *type, struct cursor *body)
{
    if (from->left < 4)
        return false;
    size_t length = yq_be16(from->at + 2);
    if (length > from->left - 4)
        return false;
    *type = from->at[0];
    *body = (struct cursor){from->at + 4, length};
    from->at += 4 + length;
    from->left -= 4 + length;
    return true;
}

static bool take_uid(const uint8_t *bytes, size_t length, char *uid)
{
    return yq_copy_trimmed(uid, YQ_UID_SIZE, bytes, length) && yq_uid_valid(uid);
}

bool yq_associate_add_syntax(struct yq_associate *associate, const char *uid)
{
    if (associate->syntax_count == associate->syntax_room) {
        size_t room = associate->syntax_room ? associate->syntax_room * 2 : 64;
        void *more = realloc(associate->syntaxes, room * sizeof *associate->syntaxes);
        if (!more)
            return false;
        associate->syntaxes = more;
        associate->syntax_room = room;
    }
    yq_copy(associate->syntaxes[associate->syntax_count], YQ_UID_SIZE, uid);
    associate->syntax_count++;
    associate->contexts[associate->context_count - 1].count++;
    return true;
}

static bool has_syntax(const struct yq_associate *associate,
                       const struct yq_associate_context *context, const char *uid)
{
    for (size_t i = 0; i < context->count; i++)
        if (!strcmp(associate->syntaxes[context->first + i], uid))
            return true;
    return false;
}

static struct yq_associate_context *find_context(const struct yq_associate *associate, unsigned id)
{
    for (size_t i = 0; i < associate->context_count; i++)
        if (associate->contexts[i].id == id)
            return (struct yq_associate_context *)&associate->contexts[i];
    return NULL;
}

static bool parse_requested_context(struct parser *p, struct cursor body)
{
    struct yq_associate *out = p->out;
    if (body.left < 4)
        return malformed(p, "a presentation context is too short");
    unsigned id = body.at[0];
    if (id % 2 == 0 || find_context(out, id))
        return malformed(p, "a presentation context id is even or there twice");
    struct yq_associate_context *context = &out->contexts[out->context_count++];
    *context = (struct yq_associate_context){.id = id, .first = out->syntax_count};
    body.at += 4;
    body.left -= 4;
    while (body.left) {
        unsigned type;
        struct cursor item;
        char uid[YQ_UID_SIZE];
        if (!take_item(&body, &type, &item))
            return malformed(p, "an item reaches beyond its presentation context");
        if (type == ITEM_ABSTRACT) {
            if (!take_uid(item.at, item.left, context->abstract_syntax))
                return malformed(p, "an abstract syntax is no UID");
        } else if (type == ITEM_TRANSFER && context->count < YQ_SYNTAXES_MOST &&
                   take_uid(item.at, item.left, uid) && !has_syntax(out, context, uid) &&
                   !yq_associate_add_syntax(out, uid)) {
            return malformed(p, "no memory for it");
        }
    }
    if (!context->abstract_syntax[0])
        return malformed(p, "a presentation context without abstract syntax");
    return true;
}

static bool parse_answered_context(struct parser *p, struct cursor body)
{
    struct yq_associate *out = p->out;
    if (body.left < 4)
        return malformed(p, "a presentation context is too short");
    const struct yq_associate_context *asked = find_context(p->asked, body.at[0]);
    if (!asked || find_context(out, asked->id))
        return true;
    struct yq_associate_context *context = &out->contexts[out->context_count++];
    *context = (struct yq_associate_context){
        .id = asked->id, .result = body.at[2], .first = out->syntax_count};
    yq_copy(context->abstract_syntax, YQ_UID_SIZE, asked->abstract_syntax);
    body.at += 4;
    body.left -= 4;
    while (context->result == 0 && body.left) {
        unsigned type;
        struct cursor item;
        char uid[YQ_UID_SIZE];
        if (!take_item(&body, &type, &item))
            return malformed(p, "an item reaches beyond its presentation context");
        if (type == ITEM_TRANSFER && !context->count && take_uid(item.at, item.left, uid) &&
            has_syntax(p->asked, asked, uid) && !yq_associate_add_syntax(out, uid))
            return malformed(p, "no memory for it");
    }
    if (context->result == 0 && !context->count)
        context->result = 4; /* transfer syntaxes not supported */
    return true;
}

static bool parse_role(struct parser *p, struct cursor body)
{
    char uid[YQ_UID_SIZE];
    size_t length = body.left < 2 ? 0 : yq_be16(body.at);
    if (body.left < 4 || length > body.left - 4)
        return malformed(p, "a role selection item is too short");
    const uint8_t *roles = body.at + 2 + length;
    if (!take_uid(body.at + 2, length, uid) || (!roles[0] && !roles[1]))
        return true; /* says nothing: the default roles stay */
    for (size_t i = 0; i < p->out->context_count; i++) {
        struct yq_associate_context *context = &p->out->contexts[i];
        if (context->role || strcmp(context->abstract_syntax, uid))
            continue;
        context->role = true;
        context->scu = roles[0] != 0;
        context->scp = roles[1] != 0;
    }
    return true;
}

static bool parse_extended(struct parser *p, struct cursor body)
{
    char uid[YQ_UID_SIZE];
    size_t length = body.left < 2 ? 0 : yq_be16(body.at);
    if (body.left < 2 || length > body.left - 2)
        return malformed(p, "an extended negotiation item is too short");
    size_t info = body.left - 2 - length;
    if (!take_uid(body.at + 2, length, uid) || !info)
        return true;
    size_t at = p->out->info.length;
    bool wanted = false;
    for (size_t i = 0; i < p->out->context_count; i++) {
        struct yq_associate_context *context = &p->out->contexts[i];
        if (context->info_length || strcmp(context->abstract_syntax, uid))
            continue;
        context->info_at = at;
        context->info_length = info;
        wanted = true;
    }
    if (wanted)
        yq_buf_put(&p->out->info, body.at + 2 + length, info);
    return !p->out->info.failed || malformed(p, "no memory for it");
}

/* Tickets and tokens (types 3 to 5) are not kept: nothing here could check them. */
static bool parse_identity(struct parser *p, struct cursor body)
{
    struct yq_identity *identity = &p->out->identity;
    size_t first = body.left < 6 ? 0 : yq_be16(body.at + 2);
    if (body.left < 6 || first > body.left - 6)
        return malformed(p, "a user identity item is too short");
    const uint8_t *second = body.at + 4 + first;
    size_t length = yq_be16(second);
    if (length > body.left - 6 - first)
        return malformed(p, "a user identity item is too short");
    if (!p->out->request || identity->type)
        return true; /* the first one counts */
    identity->type = body.at[0] ? body.at[0] : 255;
    identity->answer_asked = body.at[1] != 0;
    if (identity->type > 2)
        return true;
    if (first < sizeof identity->name && !memchr(body.at + 4, '\0', first))
        memcpy(identity->name, body.at + 4, first);
    if (identity->type == 2 && length <= sizeof identity->passcode) {
        memcpy(identity->passcode, second + 2, length);
        identity->passcode_length = length;
    }
    return true;
}

static bool parse_user(struct parser *p, struct cursor body)
{
    while (body.left) {
        unsigned type;
        struct cursor item;
        bool fine = true;
        if (!take_item(&body, &type, &item))
            return malformed(p, "a sub-item reaches beyond the user information");
        if (type == ITEM_MAX_PDU) {
            if (item.left < 4)
                return malformed(p, "the maximum length sub-item is too short");
            p->out->max_pdu = yq_be32(item.at);
        } else if (type == ITEM_IMPLEMENTATION) {
            if (!take_uid(item.at, item.left, p->out->implementation_uid))
                p->out->implementation_uid[0] = '\0';
        } else if (type == ITEM_VERSION) {
            yq_copy_trimmed(p->out->implementation_name, YQ_AET_SIZE, item.at, item.left);
        } else if (type == ITEM_ROLE) {
            fine = parse_role(p, item);
        } else if (type == ITEM_EXTENDED) {
            fine = parse_extended(p, item);
        } else if (type == ITEM_IDENTITY) {
            fine = parse_identity(p, item);
        }
        if (!fine)
            return false;
    }
    if (p->out->max_pdu && p->out->max_pdu < MAX_PDU_LEAST)
        return malformed(p, "its maximum PDU length is too small to send anything in");
    return true;
}

static bool parse_items(struct parser *p, struct cursor body)
{
    struct cursor user = {NULL, 0};
    char application[YQ_UID_SIZE] = "";
    while (body.left) {
        unsigned type;
        struct cursor item;
        bool fine = true;
        if (!take_item(&body, &type, &item))
            return malformed(p, "an item reaches beyond the PDU");
        if (type == ITEM_APPLICATION)
            take_uid(item.at, item.left, application);
        else if (type == ITEM_CONTEXT_RQ && p->out->request)
            fine = parse_requested_context(p, item);
        else if (type == ITEM_CONTEXT_AC && !p->out->request)
            fine = parse_answered_context(p, item);
        else if (type == ITEM_USER)
            user = item;
        if (!fine)
            return false;
    }
    if (p->out->request && strcmp(application, APPLICATION_CONTEXT)) {
        *p->refusal = (struct yq_refusal){true, 1, 1, 2};
        return yq_fail(p->err, YQ_BAD_INPUT, "dcm", "the application context is not DICOM's");
    }
    if (p->out->request && !p->out->context_count)
        return malformed(p, "no presentation context");
    return parse_user(p, user); /* last, as it speaks of the contexts */
}

static void take_title(char *title, const uint8_t *bytes)
{
    /* up to a NUL first: DUL fails, and leaks, over a title that is nothing but blanks */
    yq_copy_trimmed(title, YQ_AET_SIZE, bytes, strnlen((const char *)bytes, 16));
    for (char *c = title; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

bool yq_associate_parse(const void *pdu, size_t length, const struct yq_associate *asked,
                        struct yq_associate *out, struct yq_refusal *refusal, struct yq_err *err)
{
    const uint8_t *bytes = pdu;
    struct parser p = {out, asked, refusal, err};
    out->request = !asked;
    out->max_pdu = MAX_PDU_UNSAID;
    if (length < 6 || bytes[0] != (asked ? 2 : 1)) {
        bool known = length && bytes[0] >= 1 && bytes[0] <= 7;
        malformed(&p, "another kind of PDU");
        refusal->reason = known ? 2 : 1;
        return false;
    }
    if (length > YQ_ASSOCIATE_MOST || yq_be32(bytes + 2) != length - 6 || length < 74)
        return malformed(&p, "its length is wrong");
    if (!(yq_be16(bytes + 6) & 1)) {
        *refusal = (struct yq_refusal){true, 1, 2, 2};
        return yq_fail(err, YQ_BAD_INPUT, "dcm", "the peer speaks another protocol version");
    }
    take_title(out->called, bytes + 10);
    take_title(out->calling, bytes + 26);
    if (!asked && (!out->called[0] || !out->calling[0])) {
        *refusal = (struct yq_refusal){true, 1, 1, out->called[0] ? 3 : 7};
        return yq_fail(err, YQ_BAD_INPUT, "dcm", "the %s AE title is empty",
                       out->called[0] ? "calling" : "called");
    }
    return parse_items(&p, (struct cursor){bytes + 74, length - 74});
}

/* ---- writing ---- */

static void put_item(struct yq_buf *out, unsigned type, const void *body, size_t length)
{
    yq_buf_put(out, (uint8_t[]){(uint8_t)type, 0}, 2);
    yq_buf_put_be16(out, (unsigned)length);
    yq_buf_put(out, body, length);
}

static void set_be16(struct yq_buf *out, size_t at, size_t value)
{
    if (out->failed)
        return;
    out->bytes[at] = (uint8_t)(value >> 8);
    out->bytes[at + 1] = (uint8_t)value;
}

static void put_title(struct yq_buf *out, const char *title)
{
    char field[16];
    size_t length = strnlen(title, sizeof field);
    memset(field, ' ', sizeof field);
    memcpy(field, title, length);
    yq_buf_put(out, field, sizeof field);
}

static void put_context(const struct yq_associate *associate,
                        const struct yq_associate_context *context, struct yq_buf *out)
{
    size_t start = out->length;
    put_item(out, associate->request ? ITEM_CONTEXT_RQ : ITEM_CONTEXT_AC,
             (uint8_t[]){(uint8_t)context->id, 0, (uint8_t)context->result, 0}, 4);
    if (associate->request)
        put_item(out, ITEM_ABSTRACT, context->abstract_syntax, strlen(context->abstract_syntax));
    for (size_t i = 0; i < context->count; i++) {
        const char *uid = associate->syntaxes[context->first + i];
        put_item(out, ITEM_TRANSFER, uid, strlen(uid));
    }
    if (!context->count) /* DUL wants one, even where none is left or none was accepted */
        put_item(out, ITEM_TRANSFER, YQ_TS_IMPLICIT_LE, strlen(YQ_TS_IMPLICIT_LE));
    set_be16(out, start + 2, out->length - start - 4);
}

static bool is_first_of_its_class(const struct yq_associate *associate, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (!strcmp(associate->contexts[i].abstract_syntax,
                    associate->contexts[index].abstract_syntax))
            return false;
    return true;
}

static void put_user(const struct yq_associate *associate, struct yq_buf *out)
{
    size_t start = out->length;
    uint8_t most[4] = {(uint8_t)(associate->max_pdu >> 24), (uint8_t)(associate->max_pdu >> 16),
                       (uint8_t)(associate->max_pdu >> 8), (uint8_t)associate->max_pdu};
    put_item(out, ITEM_USER, NULL, 0);
    put_item(out, ITEM_MAX_PDU, most, 4);
    for (size_t i = 0; i < associate->context_count; i++) {
        const struct yq_associate_context *context = &associate->contexts[i];
        uint8_t role[2 + YQ_UID_SIZE + 2];
        size_t length = strlen(context->abstract_syntax);
        if (!context->role || !is_first_of_its_class(associate, i))
            continue;
        role[0] = 0;
        role[1] = (uint8_t)length;
        memcpy(role + 2, context->abstract_syntax, length);
        role[2 + length] = context->scu;
        role[3 + length] = context->scp;
        put_item(out, ITEM_ROLE, role, 4 + length);
    }
    set_be16(out, start + 2, out->length - start - 4);
}

void yq_associate_encode(const struct yq_associate *associate, struct yq_buf *out)
{
    size_t start = out->length;
    yq_buf_put(out, (uint8_t[]){associate->request ? 1 : 2, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 10);
    put_title(out, associate->called);
    put_title(out, associate->calling);
    yq_buf_room(out, 32);
    put_item(out, ITEM_APPLICATION, APPLICATION_CONTEXT, strlen(APPLICATION_CONTEXT));
    for (size_t i = 0; i < associate->context_count; i++)
        put_context(associate, &associate->contexts[i], out);
    put_user(associate, out);
    set_be16(out, start + 2, (out->length - start - 6) >> 16);
    set_be16(out, start + 4, (out->length - start - 6) & 0xffff);
}

void yq_associate_fini(struct yq_associate *associate)
{
    free(associate->syntaxes);
    yq_buf_fini(&associate->info);
    explicit_bzero(&associate->identity, sizeof associate->identity);
    associate->syntaxes = NULL;
    associate->syntax_count = associate->syntax_room = associate->context_count = 0;
}

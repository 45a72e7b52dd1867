/* command.c: command sets to and from bytes. PS3.7 6.3.1 (implicit VR little endian), annex E
 * (elements).
 *
 * Reading tolerates what devices send: elements out of order, odd lengths, unknown elements of
 * group 0000, a wrong group length. It refuses elements of another group or beyond the end, and
 * values too long for what they are. Pure functions, safe from any thread. */
#include <stdio.h>
#include <string.h>

#include "yq/assoc.h"

enum element { /* of group 0000 */
               E_GROUP_LENGTH = 0x0000,
               E_AFFECTED_CLASS = 0x0002,
               E_REQUESTED_CLASS = 0x0003,
               E_COMMAND = 0x0100,
               E_ID = 0x0110,
               E_ID_RESPONDED_TO = 0x0120,
               E_MOVE_DESTINATION = 0x0600,
               E_PRIORITY = 0x0700,
               E_DATASET_TYPE = 0x0800,
               E_STATUS = 0x0900,
               E_OFFENDING = 0x0901,
               E_COMMENT = 0x0902,
               E_AFFECTED_INSTANCE = 0x1000,
               E_REQUESTED_INSTANCE = 0x1001,
               E_EVENT_TYPE = 0x1002,
               E_ACTION_TYPE = 0x1008,
               E_REMAINING = 0x1020,
               E_COMPLETED = 0x1021,
               E_FAILED = 0x1022,
               E_WARNING = 0x1023,
               E_MOVE_ORIGINATOR = 0x1030,
               E_MOVE_ORIGINATOR_ID = 0x1031,
};

#define NO_DATASET 0x0101
#define RESPONSE 0x8000

static void put_number(struct yq_buf *out, unsigned element, unsigned value)
{
    yq_buf_put_le32(out, (uint32_t)element << 16);
    yq_buf_put_le32(out, 2);
    yq_buf_put_le16(out, value);
}

static void put_text(struct yq_buf *out, unsigned element, const char *text, char padding)
{
    size_t length = strlen(text);
    if (!length)
        return;
    yq_buf_put_le32(out, (uint32_t)element << 16);
    yq_buf_put_le32(out, (uint32_t)(length + length % 2));
    yq_buf_put(out, text, length);
    if (length % 2)
        yq_buf_put(out, &padding, 1);
}

static bool has_priority(unsigned command)
{
    return command == YQ_C_STORE_RQ || command == YQ_C_FIND_RQ || command == YQ_C_MOVE_RQ ||
           command == YQ_C_GET_RQ;
}

static void put_answer(const struct yq_message *message, struct yq_buf *out)
{
    put_number(out, E_STATUS, message->status);
    if (message->offending) {
        yq_buf_put_le32(out, (uint32_t)E_OFFENDING << 16);
        yq_buf_put_le32(out, 4);
        yq_buf_put_le16(out, message->offending >> 16);
        yq_buf_put_le16(out, message->offending & 0xffff);
    }
    put_text(out, E_COMMENT, message->comment, ' ');
}

static void put_counts(const struct yq_message *message, struct yq_buf *out)
{
    /* PS3.7 9.1.4.1.7: what remains is told while pending and after a cancel, and nowhere else */
    if (message->status == 0xff00 || message->status == 0xfe00)
        put_number(out, E_REMAINING, message->remaining);
    put_number(out, E_COMPLETED, message->completed);
    put_number(out, E_FAILED, message->failed);
    put_number(out, E_WARNING, message->warning);
}

void yq_command_encode(const struct yq_message *message, struct yq_buf *out)
{
    unsigned command = message->command;
    bool answer = command & RESPONSE;
    size_t start = out->length;

    yq_buf_put_le32(out, E_GROUP_LENGTH);
    yq_buf_put_le32(out, 4);
    yq_buf_put_le32(out, 0);
    put_text(out, message->requested ? E_REQUESTED_CLASS : E_AFFECTED_CLASS, message->sop_class,
             '\0');
    put_number(out, E_COMMAND, command);
    put_number(out, answer || command == YQ_C_CANCEL_RQ ? E_ID_RESPONDED_TO : E_ID, message->id);
    put_text(out, E_MOVE_DESTINATION, message->move_destination, ' ');
    if (has_priority(command))
        put_number(out, E_PRIORITY, message->priority);
    put_number(out, E_DATASET_TYPE, message->has_dataset ? 1 : NO_DATASET);
    if (answer)
        put_answer(message, out);
    put_text(out, message->requested ? E_REQUESTED_INSTANCE : E_AFFECTED_INSTANCE,
             message->sop_instance, '\0');
    if ((command & ~RESPONSE) == YQ_N_EVENT_REPORT_RQ)
        put_number(out, E_EVENT_TYPE, message->type_id);
    if ((command & ~RESPONSE) == YQ_N_ACTION_RQ)
        put_number(out, E_ACTION_TYPE, message->type_id);
    if (message->has_counts)
        put_counts(message, out);
    if (command == YQ_C_STORE_RQ && message->move_originator[0]) {
        put_text(out, E_MOVE_ORIGINATOR, message->move_originator, ' ');
        put_number(out, E_MOVE_ORIGINATOR_ID, message->move_originator_id);
    }
    if (!out->failed) { /* the group length counts what follows it */
        uint32_t length = (uint32_t)(out->length - start - 12);
        for (int i = 0; i < 4; i++)
            out->bytes[start + 8 + i] = (uint8_t)(length >> 8 * i);
    }
}

/* ---- reading ---- */

struct value {
    const uint8_t *bytes;
    size_t length;
};

static bool take_number(struct value value, unsigned *out, struct yq_err *err)
{
    if (value.length < 2)
        return yq_fail(err, YQ_BAD_INPUT, "dcm", "a number of the command set is too short");
    *out = yq_le16(value.bytes);
    return true;
}

static bool take_text(struct value value, char *field, size_t size, struct yq_err *err)
{
    while (value.length && value.bytes[0] == ' ') {
        value.bytes++;
        value.length--;
    }
    if (!yq_copy_trimmed(field, size, value.bytes,
                         strnlen((const char *)value.bytes, value.length)))
        return yq_fail(err, YQ_BAD_INPUT, "dcm", "a text of the command set is too long");
    return true;
}

/* What is written into log lines: nothing that could be taken for their quotes or ends. None of it
 * belongs into an AE title (PS3.5 6.2). */
static void make_plain(char *text)
{
    for (char *c = text; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

static bool take_destination(struct value value, struct yq_message *message, struct yq_err *err)
{
    bool taken = take_text(value, message->move_destination, sizeof message->move_destination, err);
    make_plain(message->move_destination);
    return taken;
}

static bool take_count(struct value value, unsigned *out, struct yq_message *message,
                       struct yq_err *err)
{
    message->has_counts = true;
    return take_number(value, out, err);
}

static bool take_comment(struct value value, struct yq_message *message)
{
    /* cut instead of refused: it is for people only */
    (void)yq_copy_trimmed(message->comment, sizeof message->comment, value.bytes, value.length);
    make_plain(message->comment);
    return true;
}

static bool take_offending(struct value value, struct yq_message *message)
{
    if (value.length >= 4)
        message->offending = (uint32_t)yq_le16(value.bytes) << 16 | yq_le16(value.bytes + 2);
    return true;
}

static bool take_element(unsigned element, struct value v, struct yq_message *m, struct yq_err *err)
{
    unsigned number = NO_DATASET;
    switch (element) {
    case E_REQUESTED_CLASS: m->requested = true; /* fall through */
    case E_AFFECTED_CLASS: return take_text(v, m->sop_class, sizeof m->sop_class, err);
    case E_REQUESTED_INSTANCE: m->requested = true; /* fall through */
    case E_AFFECTED_INSTANCE: return take_text(v, m->sop_instance, sizeof m->sop_instance, err);
    case E_COMMAND: return take_number(v, &m->command, err);
    case E_ID:
    case E_ID_RESPONDED_TO: return take_number(v, &m->id, err);
    case E_MOVE_DESTINATION: return take_destination(v, m, err);
    case E_PRIORITY: return take_number(v, &m->priority, err);
    case E_DATASET_TYPE:
        if (!take_number(v, &number, err))
            return false;
        m->has_dataset = number != NO_DATASET;
        return true;
    case E_STATUS: return take_number(v, &m->status, err);
    case E_OFFENDING: return take_offending(v, m);
    case E_COMMENT: return take_comment(v, m);
    case E_EVENT_TYPE:
    case E_ACTION_TYPE: return take_number(v, &m->type_id, err);
    case E_REMAINING: return take_count(v, &m->remaining, m, err);
    case E_COMPLETED: return take_count(v, &m->completed, m, err);
    case E_FAILED: return take_count(v, &m->failed, m, err);
    case E_WARNING: return take_count(v, &m->warning, m, err);
    case E_MOVE_ORIGINATOR: return take_text(v, m->move_originator, sizeof m->move_originator, err);
    case E_MOVE_ORIGINATOR_ID: return take_number(v, &m->move_originator_id, err);
    default: return true;
    }
}

bool yq_command_decode(const void *bytes, size_t length, struct yq_message *out, struct yq_err *err)
{
    const uint8_t *at = bytes;
    bool commanded = false;
    memset(out, 0, sizeof *out);
    while (length) {
        if (length < 8 || yq_le32(at + 4) > length - 8)
            return yq_fail(err, YQ_BAD_INPUT, "dcm", "the command set ends within an element");
        unsigned group = yq_le16(at), element = yq_le16(at + 2);
        struct value value = {at + 8, yq_le32(at + 4)};
        if (group)
            return yq_fail(err, YQ_BAD_INPUT, "dcm", "the command set has elements of group %04x",
                           group);
        if (!take_element(element, value, out, err))
            return false;
        commanded |= element == E_COMMAND;
        at += 8 + value.length;
        length -= 8 + value.length;
    }
    if (!commanded)
        return yq_fail(err, YQ_BAD_INPUT, "dcm", "the command set has no command field");
    return true;
}

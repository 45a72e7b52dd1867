#include "raw.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void raw_item(struct yq_buf *out, unsigned type, const void *body, size_t length)
{
    yq_buf_put(out, (uint8_t[]){(uint8_t)type, 0}, 2);
    yq_buf_put_be16(out, (unsigned)length);
    yq_buf_put(out, body, length);
}

static void put_title(struct yq_buf *out, const char *title)
{
    char field[16];
    memset(field, ' ', sizeof field);
    memcpy(field, title, strnlen(title, sizeof field));
    yq_buf_put(out, field, sizeof field);
}

void raw_begin(struct raw_request *request, const char *called, const char *calling,
               unsigned max_pdu)
{
    memset(request, 0, sizeof *request);
    request->next_id = 1;
    yq_buf_put(&request->bytes, (uint8_t[]){1, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 10);
    put_title(&request->bytes, called);
    put_title(&request->bytes, calling);
    yq_buf_room(&request->bytes, 32);
    raw_item(&request->bytes, 0x10, "1.2.840.10008.3.1.1.1", 21);
    yq_buf_put(&request->user, (uint8_t[]){0x51, 0, 0, 4}, 4);
    yq_buf_put_be32(&request->user, max_pdu);
    raw_item(&request->user, 0x52, "1.2.3.4", 7);
    raw_item(&request->user, 0x55, "RAW_PEER", 8);
}

void raw_context(struct raw_request *request, const char *abstract, const char *const *syntaxes)
{
    struct yq_buf body = {0};
    yq_buf_put(&body, (uint8_t[]){(uint8_t)request->next_id, 0, 0, 0}, 4);
    raw_item(&body, 0x30, abstract, strlen(abstract));
    for (; *syntaxes; syntaxes++)
        raw_item(&body, 0x40, *syntaxes, strlen(*syntaxes));
    raw_item(&request->bytes, 0x20, body.bytes, body.length);
    request->next_id += 2;
    yq_buf_fini(&body);
}

void raw_role(struct raw_request *request, const char *sop_class, int scu, int scp)
{
    struct yq_buf body = {0};
    yq_buf_put_be16(&body, (unsigned)strlen(sop_class));
    yq_buf_puts(&body, sop_class);
    yq_buf_put(&body, (uint8_t[]){(uint8_t)scu, (uint8_t)scp}, 2);
    raw_item(&request->user, 0x54, body.bytes, body.length);
    yq_buf_fini(&body);
}

void raw_extended(struct raw_request *request, const char *sop_class, const void *info,
                  size_t length)
{
    struct yq_buf body = {0};
    yq_buf_put_be16(&body, (unsigned)strlen(sop_class));
    yq_buf_puts(&body, sop_class);
    yq_buf_put(&body, info, length);
    raw_item(&request->user, 0x56, body.bytes, body.length);
    yq_buf_fini(&body);
}

void raw_end(struct raw_request *request)
{
    raw_item(&request->bytes, 0x50, request->user.bytes, request->user.length);
    size_t length = request->bytes.length - 6;
    for (int i = 0; i < 4; i++)
        request->bytes.bytes[2 + i] = (uint8_t)(length >> (24 - 8 * i));
    yq_buf_fini(&request->user);
}

void raw_usual(struct raw_request *request)
{
    static const char *const both[] = {YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE, NULL};
    raw_begin(request, "NODE", "RAW", 16384);
    raw_context(request, YQ_SOP_VERIFICATION, both);
    raw_context(request, CT, both);
    raw_context(request, YQ_SOP_FIND_STUDY, both);
    raw_end(request);
}

void raw_pdu(struct yq_buf *out, unsigned type, const void *body, size_t length)
{
    yq_buf_put(out, (uint8_t[]){(uint8_t)type, 0}, 2);
    yq_buf_put_be32(out, (uint32_t)length);
    yq_buf_put(out, body, length);
}

void raw_small(struct yq_buf *out, unsigned type, unsigned a, unsigned b, unsigned c)
{
    raw_pdu(out, type, (uint8_t[]){0, (uint8_t)a, (uint8_t)b, (uint8_t)c}, 4);
}

void raw_pdv(struct yq_buf *out, unsigned context, unsigned flags, const void *bytes, size_t length)
{
    yq_buf_put_be32(out, (uint32_t)length + 2);
    yq_buf_put(out, (uint8_t[]){(uint8_t)context, (uint8_t)flags}, 2);
    yq_buf_put(out, bytes, length);
}

static void put_in_pdu(struct yq_buf *out, unsigned context, unsigned flags, const void *bytes,
                       size_t length)
{
    struct yq_buf pdv = {0};
    raw_pdv(&pdv, context, flags, bytes, length);
    raw_pdu(out, 4, pdv.bytes, pdv.length);
    yq_buf_fini(&pdv);
}

void raw_message(struct yq_buf *out, const struct yq_message *message, const void *dataset,
                 size_t length)
{
    struct yq_buf command = {0};
    struct yq_message copy = *message;
    copy.has_dataset = dataset != NULL;
    yq_command_encode(&copy, &command);
    put_in_pdu(out, message->context, RAW_COMMAND | RAW_LAST, command.bytes, command.length);
    if (dataset)
        put_in_pdu(out, message->context, RAW_LAST, dataset, length);
    yq_buf_fini(&command);
}

void raw_send(int fd, const struct yq_buf *bytes)
{
    for (size_t sent = 0; sent < bytes->length;) {
        ssize_t some = send(fd, bytes->bytes + sent, bytes->length - sent, MSG_NOSIGNAL);
        if (some <= 0)
            return;
        sent += (size_t)some;
    }
}

static bool read_exactly(int fd, uint8_t *bytes, size_t length)
{
    while (length) {
        ssize_t got = recv(fd, bytes, length, 0);
        if (got <= 0)
            return false;
        bytes += got;
        length -= (size_t)got;
    }
    return true;
}

unsigned raw_receive(int fd, struct yq_buf *out)
{
    uint8_t head[6];
    yq_buf_clear(out);
    if (!read_exactly(fd, head, sizeof head))
        return 0;
    yq_buf_put(out, head, sizeof head);
    uint8_t *body = yq_buf_room(out, yq_be32(head + 2));
    return body && read_exactly(fd, body, yq_be32(head + 2)) ? head[0] : 0;
}

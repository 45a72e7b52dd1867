/* uid.c: UIDs: what one looks like, making new ones, what a transfer syntax says about the
 * dataset's layout. */
#include "yq/uid.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

bool yq_uid_valid(const char *uid)
{
    size_t length = strnlen(uid, YQ_UID_SIZE);
    if (length == 0 || length >= YQ_UID_SIZE)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool digit = uid[i] >= '0' && uid[i] <= '9';
        bool dot = uid[i] == '.' && i > 0 && i + 1 < length && uid[i - 1] != '.';
        if (!digit && !dot)
            return false;
    }
    return true;
}

/* `version` in the place where RFC 9562 wants it. */
static void write_uid(uint8_t uuid[16], unsigned version, char *uid)
{
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | version);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    char digits[40];
    size_t count = 0;
    for (bool rest = true; rest;) { /* long division of 128 bits by ten */
        unsigned remainder = 0;
        rest = false;
        for (size_t i = 0; i < 16; i++) {
            unsigned value = remainder << 8 | uuid[i];
            uuid[i] = (uint8_t)(value / 10);
            remainder = value % 10;
            rest |= uuid[i] != 0;
        }
        digits[count++] = (char)('0' + remainder);
    }
    memcpy(uid, "2.25.", 5);
    for (size_t i = 0; i < count; i++)
        uid[5 + i] = digits[count - 1 - i];
    uid[5 + count] = '\0';
}

void yq_uid_make(char *uid)
{
    uint8_t uuid[16];
    if (getrandom(uuid, sizeof uuid, 0) != (ssize_t)sizeof uuid)
        abort(); /* 16 bytes are never short once the system is up */
    write_uid(uuid, 0x40, uid);
}

void yq_uid_of(const uint8_t *digest, char *uid)
{
    uint8_t uuid[16];
    memcpy(uuid, digest, sizeof uuid);
    write_uid(uuid, 0x80, uid);
}

const char *const yq_lossless[YQ_LOSSLESS + 1] = {YQ_TS_EXPLICIT_LE,
                                                  YQ_TS_IMPLICIT_LE,
                                                  YQ_TS_JPEG_LOSSLESS_SV1,
                                                  YQ_TS_JPEGLS_LOSSLESS,
                                                  YQ_TS_J2K_LOSSLESS,
                                                  YQ_TS_JPEG_LOSSLESS,
                                                  YQ_TS_RLE,
                                                  YQ_TS_J2K,
                                                  YQ_TS_DEFLATED,
                                                  YQ_TS_EXPLICIT_BE};

bool yq_is_lossless(const char *transfer_syntax)
{
    for (size_t i = 0; i < YQ_LOSSLESS; i++)
        if (strcmp(transfer_syntax, yq_lossless[i]) == 0)
            return true;
    return false;
}

enum yq_layout yq_layout_of(const char *transfer_syntax)
{
    if (strcmp(transfer_syntax, YQ_TS_IMPLICIT_LE) == 0)
        return YQ_LAYOUT_IMPLICIT_LE;
    if (strcmp(transfer_syntax, YQ_TS_EXPLICIT_BE) == 0)
        return YQ_LAYOUT_EXPLICIT_BE;
    /* JPIP Referenced Deflate and its HTJ2K sibling are deflated datasets too (PS3.5 A.6, A.9). */
    if (strcmp(transfer_syntax, YQ_TS_DEFLATED) == 0 ||
        strcmp(transfer_syntax, "1.2.840.10008.1.2.4.95") == 0 ||
        strcmp(transfer_syntax, "1.2.840.10008.1.2.4.205") == 0)
        return YQ_LAYOUT_DEFLATED;
    return YQ_LAYOUT_EXPLICIT_LE;
}

/* err.c: filling and extending the error value. Knows nothing of any room. */
#include "yq/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool yq_fail(struct yq_err *err, enum yq_code code, const char *room, const char *format, ...)
{
    va_list args;
    err->code = code;
    err->room = room;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return false;
}

bool yq_while(struct yq_err *err, const char *doing)
{
    char before[sizeof err->text];
    memcpy(before, err->text, sizeof before);
    int used = snprintf(err->text, sizeof err->text, "%s: ", doing);
    if (used < 0 || (size_t)used >= sizeof err->text)
        return false;
    size_t room = sizeof err->text - (size_t)used - 1;
    size_t length = strnlen(before, room);
    memcpy(err->text + used, before, length);
    err->text[(size_t)used + length] = '\0';
    return false;
}

const char *yq_code_name(enum yq_code code)
{
    static const char *const names[] = {
        [YQ_OK] = "ok",           [YQ_BAD_INPUT] = "bad-input",
        [YQ_ABSENT] = "absent",   [YQ_CONFLICT] = "conflict",
        [YQ_REFUSED] = "refused", [YQ_FULL] = "full",
        [YQ_BUSY] = "busy",       [YQ_TIMEOUT] = "timeout",
        [YQ_IO] = "io",           [YQ_PEER_GONE] = "peer-gone",
        [YQ_BUG] = "bug",
    };
    return (size_t)code < sizeof names / sizeof *names ? names[code] : "bug";
}

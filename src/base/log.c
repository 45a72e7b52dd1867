/* log.c: event lines on standard error. One write(2) per line, so that lines of two threads never
 * mix. */
#include "yq/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "yq/bytes.h"
#include "yq/clock.h"

static atomic_int least_level = YQ_LOG_INFO;
static atomic_bool as_json;
static _Thread_local char trace_id[16];

void yq_log_set_level(enum yq_level least) { atomic_store(&least_level, (int)least); }
void yq_log_set_json(bool json) { atomic_store(&as_json, json); }
void yq_log_set_trace(const char *trace) { (void)yq_copy(trace_id, sizeof trace_id, trace); }
const char *yq_log_trace(void) { return trace_id; }

static const char *level_name(enum yq_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

/* Bytes of the UTF-8 character at `text`, which is none of ASCII; 0: it is no UTF-8 (RFC 3629 4).
 */
static size_t utf8_length(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t length = p[0] >= 0xf5 ? 0 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
    if (length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool outside = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || outside ? 0 : length;
}

/* What a peer says is in whatever character set it likes, and may be cut anywhere. */
static void put_json_text(struct yq_buf *out, const char *text, size_t length)
{
    yq_buf_puts(out, "\"");
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        size_t wide = c < 0x80 ? 0 : utf8_length(text + i, length - i);
        if (c >= 0x80) {
            yq_buf_put(out, wide ? text + i : "?", wide ? wide : 1);
            i += wide ? wide - 1 : 0;
        } else if (c == '"' || c == '\\') {
            yq_buf_putf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            yq_buf_puts(out, "?");
        } else {
            yq_buf_put(out, &c, 1);
        }
    }
    yq_buf_puts(out, "\"");
}

/* Splits the caller's key=value pairs; a value in double quotes may hold blanks. */
static void put_json_pairs(struct yq_buf *out, const char *pairs)
{
    for (const char *p = pairs; *p;) {
        while (*p == ' ')
            p++;
        const char *key = p;
        while (*p && *p != '=' && *p != ' ')
            p++;
        size_t key_length = (size_t)(p - key);
        if (!key_length)
            break;
        const char *value = "";
        size_t length = 0;
        if (*p == '=') {
            p++;
            bool quoted = *p == '"';
            value = p += quoted;
            while (*p && *p != (quoted ? '"' : ' '))
                p++;
            length = (size_t)(p - value);
            p += quoted && *p;
        }
        yq_buf_puts(out, ",");
        put_json_text(out, key, key_length);
        yq_buf_puts(out, ":");
        put_json_text(out, value, length);
    }
}

static void emit(enum yq_level level, const char *event, char *pairs)
{
    char when[32];
    yq_clock_text(when, sizeof when, yq_now_ms());
    for (char *p = pairs; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    struct yq_buf line yq_cleanup(yq_buf_fini) = {0};
    if (atomic_load(&as_json)) {
        yq_buf_putf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", when,
                    level_name(level), event);
        if (trace_id[0])
            yq_buf_putf(&line, ",\"trace\":\"%s\"", trace_id);
        put_json_pairs(&line, pairs);
        yq_buf_puts(&line, "}\n");
    } else {
        yq_buf_putf(&line, "%s %-5s %s", when, level_name(level), event);
        if (trace_id[0])
            yq_buf_putf(&line, " trace=%s", trace_id);
        yq_buf_putf(&line, "%s%s\n", *pairs ? " " : "", pairs);
    }
    if (line.bytes && write(STDERR_FILENO, line.bytes, line.length) < 0)
        return; /* nowhere left to say it */
}

void yq_log(enum yq_level level, const char *event, const char *format, ...)
{
    if ((int)level < atomic_load(&least_level))
        return;
    char pairs[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(pairs, sizeof pairs, format, args);
    va_end(args);
    emit(level, event, pairs);
}

void yq_log_err(enum yq_level level, const char *event, const struct yq_err *err,
                const char *format, ...)
{
    if ((int)level < atomic_load(&least_level))
        return;
    char pairs[2048];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(pairs, sizeof pairs - sizeof err->text - 64, format, args);
    va_end(args);
    size_t length = used < 0 ? 0 : strlen(pairs);
    char text[sizeof err->text];
    (void)yq_copy(text, sizeof text, err->text);
    for (char *p = text; *p; p++)
        if (*p == '"')
            *p = '\'';
    snprintf(pairs + length, sizeof pairs - length, "%scode=%s room=%s error=\"%s\"",
             length ? " " : "", yq_code_name(err->code), err->room ? err->room : "?", text);
    emit(level, event, pairs);
}

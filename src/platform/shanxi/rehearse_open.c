/* rehearse_open.c: the envelope of chapter three, opened strictly: header, members, time,
 * signature, cipher. SM4 and SHA-1 are those of OpenSSL's program; with `quick` SM4 is that of room
 * seal (recipe.h), the same that seals, which is said at the start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rehearse_inside.h"
#include "yq/clock.h"

/* ---- Base64 (RFC 4648), strict ---- */

static int digit_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool rehearse_base64(const char *text, size_t length, struct yq_buf *out)
{
    if (!length || length % 4)
        return false;
    size_t pad = text[length - 1] == '=' ? text[length - 2] == '=' ? 2 : 1 : 0;
    uint8_t *at = yq_buf_raw(out, length / 4 * 3 - pad);
    if (!at)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        uint32_t bits = 0;
        size_t whole = i + 4 == length ? 4 - pad : 4;
        for (size_t k = 0; k < 4; k++) {
            int digit = k < whole ? digit_of((unsigned char)text[i + k]) : 0;
            if (digit < 0)
                return false;
            bits = bits << 6 | (uint32_t)digit;
        }
        for (size_t k = 0; k + 1 < whole; k++)
            *at++ = (uint8_t)(bits >> (16 - 8 * k));
    }
    return true;
}

void rehearse_put_base64(const void *bytes, size_t length, struct yq_buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = bytes;
    for (; length; at += length < 3 ? length : 3, length -= length < 3 ? length : 3) {
        uint32_t bits = (uint32_t)at[0] << 16 | (length > 1 ? (uint32_t)at[1] << 8 : 0) |
                        (length > 2 ? at[2] : 0);
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                        length > 1 ? digits[bits >> 6 & 63] : '=',
                        length > 2 ? digits[bits & 63] : '='};
        yq_buf_put(out, four, sizeof four);
    }
}

/* ---- SM4-ECB with PKCS#7 padding ---- */

bool rehearse_unseal(struct yq_rehearse *r, const char *text, size_t length, struct yq_buf *out)
{
    struct yq_buf sealed yq_cleanup(yq_buf_fini) = {0};
    const char *const open[] = {"enc", "-d", "-sm4-ecb", "-K", r->hex_key, NULL};
    if (r->quick)
        return rehearse_quick_unseal(r, text, length, out);
    return rehearse_base64(text, length, &sealed) &&
           rehearse_openssl(open, sealed.bytes, sealed.length, out);
}

bool rehearse_seal(struct yq_rehearse *r, const void *plain, size_t length, struct yq_buf *out)
{
    struct yq_buf sealed yq_cleanup(yq_buf_fini) = {0};
    const char *const seal[] = {"enc", "-e", "-sm4-ecb", "-K", r->hex_key, NULL};
    if (!rehearse_openssl(seal, plain, length, &sealed))
        return false;
    rehearse_put_base64(sealed.bytes, sealed.length, out);
    return !out->failed;
}

/* ---- the envelope ---- */

static const char *const members[] = {"data", "hospitalCode", "timestamp", "signature"};
enum { DATA, HOSPITAL, TIMESTAMP, SIGNATURE, MEMBERS };

static void check_headers(const struct yq_rehearse_call *call, struct yq_findings *f)
{
    if (strcmp(call->method, "POST") != 0)
        rehearse_complain(f, "", "method", "请求方法应为 POST", "the method is to be POST");
    if (strcmp(call->encryption_type, "SM4") != 0)
        rehearse_complain(f, "encryption-type", "header", "请求头 encryption-type 应为 SM4",
                          "the header encryption-type is to be SM4");
    if (strncasecmp(call->content_type, "application/json", 16) != 0)
        rehearse_complain(f, "Content-Type", "header", "Content-Type 应为 application/json",
                          "Content-Type is to be application/json");
}

static void check_members(const struct rj *envelope, const struct rj *found[MEMBERS],
                          struct yq_findings *f)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        found[i] = rj_member(envelope, members[i]);
        if (!found[i] || (found[i]->type == RJ_TEXT && !found[i]->length))
            rehearse_complain(f, members[i], "missing", "消息体缺少此项",
                              "the message lacks this member");
        else if (found[i]->type != RJ_TEXT)
            rehearse_complain(f, members[i], "type", "此项应为字符串", "this is to be a string");
    }
    for (const struct rj *m = envelope->first; m; m = m->next) {
        bool known = false;
        for (size_t i = 0; i < MEMBERS; i++)
            known = known || strcmp(m->name, members[i]) == 0;
        if (!known)
            rehearse_complain(f, m->name, "unknown-member", "消息体没有此项",
                              "the message has no such member");
    }
}

static void check_timestamp(struct yq_rehearse *r, const char *text, struct yq_findings *f)
{
    char *end;
    long long seconds = strtoll(text, &end, 10);
    long long now = yq_now_ms() / 1000, window = r->how.window;
    if (!*text || *end || text[strspn(text, "0123456789")])
        rehearse_complain(f, "timestamp", "format", "timestamp 应为秒数，只含数字",
                          "timestamp is to be a number of seconds, digits only");
    else if (strlen(text) == 13)
        rehearse_complain(f, "timestamp", "format", "timestamp 精确到秒，收到的像是毫秒",
                          "timestamp is in seconds; this looks like milliseconds");
    else if (seconds < now - window || seconds > now + window)
        rehearse_complain(f, "timestamp", "window", "timestamp 与平台时间相差太大：请校准时钟",
                          "timestamp is too far from the platform's time: set the clock right");
}

void rehearse_check_hospital(struct yq_rehearse *r, const char *code, const char *member,
                             struct yq_findings *f)
{
    pthread_mutex_lock(&r->lock);
    if (!*r->hospital && strlen(code) < sizeof r->hospital)
        yq_copy(r->hospital, sizeof r->hospital, code);
    bool same = strcmp(r->hospital, code) == 0;
    pthread_mutex_unlock(&r->lock);
    if (!same)
        rehearse_complain(f, member, "hospital", "医院编号与登记的统一社会信用代码不一致",
                          "this is not the code by which the hospital is registered");
}

static bool make_sha1(struct yq_rehearse *r, const struct yq_buf *text, struct yq_buf *digest)
{
    static const char *const sha1[] = {"dgst", "-sha1", "-binary", NULL};
    if (r->quick)
        return rehearse_quick_sha1(r, text->bytes, text->length, digest);
    return rehearse_openssl(sha1, text->bytes, text->length, digest);
}

static void check_signature(struct yq_rehearse *r, const struct rj *const found[MEMBERS],
                            struct yq_findings *f)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0}, digest yq_cleanup(yq_buf_fini) = {0};
    char hex[41] = "";
    for (size_t i = DATA; i <= TIMESTAMP; i++) /* in the order of their names */
        yq_buf_put(&text, found[i]->text, found[i]->length);
    if (text.failed || !make_sha1(r, &text, &digest) || digest.length != 20) {
        rehearse_complain(f, "signature", "stand-in", "演练程序不能运行 openssl",
                          "the stand-in cannot run openssl");
        return;
    }
    yq_hex(hex, digest.bytes, digest.length);
    const char *given = found[SIGNATURE]->text;
    if (strcasecmp(hex, given) != 0) {
        rehearse_complain(f, "signature", "signature",
                          "签名不符：应为 data、hospitalCode、timestamp 三个值依次拼接后的 SHA1",
                          "the signature is wrong: SHA-1 of the values of data, hospitalCode and "
                          "timestamp, joined");
        return;
    }
    if (given[strcspn(given, "abcdef")])
        rehearse_complain(f, "signature", "signature-case", "签名应为大写字母",
                          "the signature is to be in capital letters");
}

bool rehearse_envelope(struct yq_rehearse *r, const struct yq_rehearse_call *call,
                       struct yq_findings *f, struct yq_buf *plain)
{
    struct rj_document json yq_cleanup(rj_fini);
    const struct rj *found[MEMBERS];
    char chinese[160], english[160];
    check_headers(call, f);
    if (!rj_read(call->body, call->length, &json) || json.values->type != RJ_OBJECT) {
        snprintf(chinese, sizeof chinese, "消息体不是 JSON 对象（第 %zu 字节）", json.at + 1);
        snprintf(english, sizeof english, "the message is no JSON object: %s at byte %zu",
                 json.wrong ? json.wrong : "another value", json.at + 1);
        rehearse_complain(f, "", "json", chinese, english);
        return false;
    }
    if (*json.twice)
        rehearse_complain(f, json.twice, "twice", "同一项出现两次", "this member stands twice");
    check_members(json.values, found, f);
    for (size_t i = 0; i < MEMBERS; i++)
        if (!found[i] || found[i]->type != RJ_TEXT || !found[i]->length)
            return false;
    check_timestamp(r, found[TIMESTAMP]->text, f);
    rehearse_check_hospital(r, found[HOSPITAL]->text, "hospitalCode", f);
    check_signature(r, found, f);
    if (rehearse_unseal(r, found[DATA]->text, found[DATA]->length, plain) && !plain->failed)
        return true;
    rehearse_complain(f, "data", "seal",
                      "data 不能解密：应为 Base64（无换行）的 SM4-ECB-PKCS7 密文，请核对密钥",
                      "data does not open: Base64 (no line ends) of SM4-ECB with PKCS#7 padding; "
                      "is it the right key?");
    return false;
}

/* served.c: what platforms send when they ask: questions in JSON, the sealed envelope, signatures
 * and parameters. The first byte says which. Whatever comes, the answer is JSON, and what was read
 * is within its bounds; nothing is looked up in a catalog, for nobody is believed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "hebei/hebei.h"
#include "neijiang/neijiang.h"
#include "shanxi/serve.h"
#include "yq/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(enum serve_what what, const char *text, size_t length)
{
    struct serve_ask ask;
    const char *why = NULL;
    bool read = serve_ask_read(what, text, length, &ask, &why);
    assert(why && *why);
    if (read) {
        assert(ask.page >= 1 && ask.size >= 1 && ask.size <= SERVE_PAGE_MOST);
        assert(!strpbrk(yq_buf_text(&ask.accession), "*?\\\n"));
        size_t length_of_bound = what == SERVE_SERIES ? 8 : 19;
        assert(!*ask.from || strlen(ask.from) == length_of_bound);
        assert(!*ask.until || strlen(ask.until) == length_of_bound);
    }
    serve_ask_fini(&ask);
}

static const char *header(const struct yq_inquiry *inquiry, const char *name)
{
    return strcmp(name, "apiSign") == 0 ? inquiry->context : "";
}

static void check(struct yq_reply_to *reply)
{
    struct yq_answer *json = NULL;
    struct yq_err err = {0};
    assert(yq_answer_read(yq_buf_text(&reply->body), reply->body.length, &json, &err));
    yq_answer_free(json);
    yq_buf_fini(&reply->body);
    yq_buf_fini(&reply->asked);
}

/* The first line is the signature, the rest the body. */
static void hebei_asks(struct yq_inquiry *inquiry, char *text)
{
    struct yq_reply_to reply = {.status = 200};
    char *end = strchr(text, '\n');
    if (!end)
        return;
    *end = '\0';
    inquiry->context = text;
    inquiry->body = end + 1;
    inquiry->length = strlen(end + 1);
    hebei_dicom_file(inquiry, &reply);
    assert(reply.refused);
    check(&reply);
}

/* Names and values, a line each. */
static void neijiang_asks(struct yq_inquiry *inquiry, char *text)
{
    struct yq_reply_to reply = {.status = 200};
    struct yq_served_param params[YQ_SERVED_PARAMS];
    size_t count = 0;
    for (char *save = NULL, *name = strtok_r(text, "\n", &save); name && count < YQ_SERVED_PARAMS;
         name = strtok_r(NULL, "\n", &save)) {
        char *value = strtok_r(NULL, "\n", &save);
        params[count++] = (struct yq_served_param){name, value ? value : ""};
    }
    inquiry->params = params;
    inquiry->param_count = count;
    neijiang_retrieve(inquiry, &reply);
    assert(reply.refused || reply.trouble.code == YQ_BAD_INPUT);
    check(&reply);
}

static void open_envelope(struct yq_inquiry *inquiry, const char *text, size_t length)
{
    struct yq_buf opened = {0};
    struct yq_err err = {0};
    const char *why = NULL;
    inquiry->body = text;
    inquiry->length = length;
    (void)serve_open(inquiry, &opened, &why, &err);
    assert(why && *why);
    yq_buf_fini(&opened);
}

static struct yq_house *house(void)
{
    static struct yq_house one;
    if (!one.keychains) {
        one.keychains = yq_keychains_new();
        setenv("YQ_FUZZ_KEY", "2a77be8ebc9c90cd25ccd1d31dce7a77", 1);
        setenv("YQ_FUZZ_POINT",
               "BGgWZ3WCFwa9CivPXkOhmg63L0mGh+xRHWJiu6MYHl+UfK+AGFTeMjxGQAegT1lA3Qbb5wgxO1OMLUdoP+"
               "cWlp4=",
               1);
    }
    return &one;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct yq_conf conf = {.hospital_code = "12140000405700042B"};
    struct yq_platform platform = {.name = "p",
                                   .key = "hex env:YQ_FUZZ_KEY",
                                   .access_key = "env:YQ_FUZZ_KEY",
                                   .channel_key = "hex env:YQ_FUZZ_KEY",
                                   .iv = "hex env:YQ_FUZZ_KEY",
                                   .public_key = "base64 env:YQ_FUZZ_POINT",
                                   .clock_minutes = 10};
    struct yq_inquiry inquiry = {
        .house = house(), .conf = &conf, .platform = &platform, .header = header, .context = ""};
    if (!size)
        return 0;
    char *text = malloc(size);
    assert(text);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0]) {
    case '0':
    case '1':
    case '2': ask((enum serve_what)(data[0] - '0'), text, size - 1); break;
    case '3': open_envelope(&inquiry, text, size - 1); break;
    case '4':
    case '5':
        platform.province = YQ_HEBEI;
        platform.signed_content = data[0] == '4' ? YQ_SIGNED_BODY : YQ_SIGNED_PAIRS;
        hebei_asks(&inquiry, text);
        break;
    case '6':
    case '7':
        platform.province = YQ_NEIJIANG;
        platform.signature = data[0] == '6' ? YQ_SIGNATURE_RULE : YQ_SIGNATURE_CHANNEL;
        neijiang_asks(&inquiry, text);
        break;
    default: break;
    }
    free(text);
    return 0;
}

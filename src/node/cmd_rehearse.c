/* cmd_rehearse.c: a province's platform is played on this machine, until somebody stops it. Needs
 * no data directory and no configuration: it stands for the other side. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "yq/clock.h"
#include "yq/file.h"
#include "yq/rehearse.h"
#include "yq/stage.h"

/* One list of acts in two rooms that do not see each other. */
_Static_assert((int)YQ_STAGE_ANSWER == (int)YQ_REHEARSE_ANSWER &&
                   (int)YQ_STAGE_SILENT == (int)YQ_REHEARSE_SILENT &&
                   (int)YQ_STAGE_HANG_UP == (int)YQ_REHEARSE_HANG_UP &&
                   (int)YQ_STAGE_CUT_HEADER == (int)YQ_REHEARSE_CUT_HEADER &&
                   (int)YQ_STAGE_CUT_BODY == (int)YQ_REHEARSE_CUT_BODY,
               "acts");

static void on_call(void *context, struct yq_stage_call *call)
{
    struct yq_rehearse_call inner = {.method = call->method,
                                     .path = call->path,
                                     .query = call->query,
                                     .content_type = call->content_type,
                                     .encryption_type = call->encryption_type,
                                     .body = call->body,
                                     .length = call->length};
    yq_rehearse_answer(context, &inner);
    call->status = inner.status;
    call->answer = inner.answer;
    call->act = (enum yq_stage_act)inner.act;
    call->wait_ms = inner.wait_ms;
}

static void say(void *context, const char *line)
{
    FILE *log = context;
    char when[32];
    yq_clock_text(when, sizeof when, yq_now_ms());
    printf("%s\n", line);
    fflush(stdout);
    if (log) {
        fprintf(log, "%s %s\n", when, line);
        fflush(log);
    }
}

/* 32 hex digits, or 16 bytes as they are. */
static bool read_key(const char *path, unsigned char key[16], struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    if (!yq_file_read(path, 1024, &text, err))
        return false;
    while (text.length && strchr("\r\n ", text.bytes[text.length - 1]) &&
           text.bytes[text.length - 1] && text.length != 16)
        text.length--;
    if (text.length == 16) {
        memcpy(key, text.bytes, 16);
        return true;
    }
    bool fine = text.length == 32;
    for (size_t i = 0; fine && i < 16; i++) {
        char digits[3] = {(char)text.bytes[2 * i], (char)text.bytes[2 * i + 1]}, *end;
        key[i] = (unsigned char)strtoul(digits, &end, 16);
        fine = isxdigit((unsigned char)digits[0]) && !*end;
    }
    return fine || yq_fail(err, YQ_BAD_INPUT, "rehearse",
                           "%s is to hold the SM4 key: 32 hex digits, or 16 bytes", path);
}

/* The key of the document's own example, where none is given. */
static bool find_key(struct yq_cli *cli, unsigned char key[16], struct yq_err *err)
{
    static const unsigned char example[16] = {0x2a, 0x77, 0xbe, 0x8e, 0xbc, 0x9c, 0x90, 0xcd,
                                              0x25, 0xcc, 0xd1, 0xd3, 0x1d, 0xce, 0x7a, 0x77};
    const char *path = yq_cli_value(cli, "key");
    if (path)
        return read_key(path, key, err);
    memcpy(key, example, 16);
    return true;
}

static int perform(const struct yq_rehearse_how *how, unsigned port, sigset_t *signals)
{
    struct yq_rehearse *rehearsal = NULL;
    struct yq_stage *stage = NULL;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err;
    int signal = 0;
    if (!yq_rehearse_open(how, &rehearsal, &err))
        return yq_cli_fail_err(&err);
    if (!yq_stage_open(port, on_call, rehearsal, &stage, &err)) {
        yq_rehearse_close(rehearsal);
        return yq_cli_fail_err(&err);
    }
    printf("山西平台演练 playing Shanxi's platform: http://127.0.0.1:%u  (Ctrl-C: 结束并汇总 ends, "
           "with a summary)\n",
           yq_stage_port(stage));
    if (how->quick)
        printf(
            "快速模式：由本程序自身解密 quick: messages are opened by the code that seals them\n");
    fflush(stdout);
    sigwait(signals, &signal);
    yq_stage_close(stage);
    yq_rehearse_tell(rehearsal, &text);
    fputs(yq_buf_text(&text), stdout);
    yq_rehearse_close(rehearsal);
    return YQ_EXIT_FINE;
}

int yq_run_rehearse(struct yq_cli *cli)
{
    struct yq_rehearse_how how = {.say = say};
    struct yq_err err;
    sigset_t signals;
    long port, window, polls, seed;
    if (cli->arg_count != 1 || strcmp(cli->args[0], "shanxi") != 0)
        return yq_cli_usage(cli, "rehearse wants the province: shanxi");
    if (!yq_cli_number(cli, "port", 0, 65535, 18080, &port) ||
        !yq_cli_number(cli, "window", 1, 86400, 300, &window) ||
        !yq_cli_number(cli, "polls", 0, 100000, 2, &polls) ||
        !yq_cli_number(cli, "seed", 0, 1L << 30, 0, &seed))
        return YQ_EXIT_USAGE;
    if (!find_key(cli, how.key, &err))
        return yq_cli_fail_err(&err);
    how.hospital = yq_cli_value(cli, "hospital");
    how.sign_key = yq_cli_value(cli, "sign-key");
    how.fail = yq_cli_value(cli, "fail");
    how.window = (unsigned)window;
    how.polls = (unsigned)polls;
    how.seed = (unsigned)(seed ? seed : yq_now_ms() | 1);
    how.quick = yq_cli_flag(cli, "quick");
    how.fetch = !yq_cli_flag(cli, "no-fetch");
    how.signatures = !yq_cli_flag(cli, "no-signatures");
    const char *log = yq_cli_value(cli, "log");
    FILE *file = log ? fopen(log, "ae") : NULL;
    if (log && !file)
        return yq_cli_fail("%s cannot be written", log);
    how.context = file;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int status = perform(&how, (unsigned)port, &signals);
    if (file)
        fclose(file);
    return status;
}

/* cmd_hl7.c: HL7 messages for people: list, show, replay, send, test. Works on the catalog, also
 * while the node runs. */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/clock.h"
#include "yq/intake.h"

enum { FILE_MOST = 512 << 20, AT_ONCE = 500, ANSWER_SECONDS = 60, START = 0x0b, END = 0x1c };

static const struct yq_origin by_hand = {.door = "hand"};

/* ---- which messages ---- */

static int read_state(const struct yq_cli *cli, unsigned *states)
{
    const char *text = yq_cli_value(cli, "state");
    *states = 0;
    for (int s = YQ_LETTER_NEW; text && s <= YQ_LETTER_IGNORED; s++)
        if (strcmp(text, yq_letter_state_name((enum yq_letter_state)s)) == 0)
            *states = 1u << s;
    if (text && !*states)
        return yq_cli_usage(cli, "--state wants new, done, failed or ignored");
    return YQ_EXIT_FINE;
}

static int read_times(const struct yq_cli *cli, struct yq_inbox_query *query)
{
    const char *since = yq_cli_value(cli, "from"), *until = yq_cli_value(cli, "to");
    if ((since && !yq_cli_moment(since, &query->from_ms)) ||
        (until && !yq_cli_moment(until, &query->until_ms)))
        return yq_cli_usage(cli, "--from and --to want a day (2026-03-01), a time "
                                 "(2026-03-01T08:00, UTC) or how long ago (30m, 8h, 7d)");
    query->source = yq_cli_value(cli, "source");
    return YQ_EXIT_FINE;
}

static bool read_id(const struct yq_cli *cli, const char *text, int64_t *id)
{
    char *end;
    errno = 0;
    *id = strtoll(text, &end, 10);
    if (!errno && !*end && *id > 0)
        return true;
    yq_cli_usage(cli, "%s is no number that `hl7 list` shows", text);
    return false;
}

/* ---- list ---- */

static struct yq_json *letter_json(const struct yq_letter *letter)
{
    char text[32];
    struct yq_json *object = yq_json_object();
    yq_json_number(object, "id", (double)letter->id);
    yq_clock_text(text, sizeof text, letter->received_ms);
    yq_json_text(object, "received", text);
    yq_json_text(object, "source", letter->source);
    yq_json_text(object, "what", letter->what);
    yq_json_text(object, "control", letter->control);
    yq_json_text(object, "state", yq_letter_state_name(letter->state));
    yq_json_number(object, "tries", letter->tries);
    yq_json_number(object, "bytes", (double)letter->size);
    yq_json_text(object, "reason", letter->reason);
    return object;
}

static int run_list(struct yq_cli *cli, struct yq_home *home)
{
    static const char *const heads[] = {"ID",      "RECEIVED (UTC)", "SOURCE", "WHAT",
                                        "CONTROL", "STATE",          "BYTES",  "REASON"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 8, .last_whole = true};
    struct yq_inbox_query query = {.newest_first = true};
    struct yq_letter *list = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    long limit;
    char time[32];
    int status = read_state(cli, &query.states);
    if (status == YQ_EXIT_FINE)
        status = read_times(cli, &query);
    if (status != YQ_EXIT_FINE)
        return status;
    if (!yq_cli_number(cli, "limit", 1, 100000, 50, &limit))
        return YQ_EXIT_USAGE;
    query.limit = (size_t)limit;
    if (!yq_inbox_list(home->house.catalog, &query, &list, &count, &err))
        return yq_cli_fail_err(&err);
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    for (size_t i = 0; i < count; i++) {
        const struct yq_letter *letter = &list[count - 1 - i]; /* oldest first, as the audit */
        if (array) {
            yq_json_add(array, NULL, letter_json(letter));
            continue;
        }
        yq_clock_text(time, sizeof time, letter->received_ms);
        time[19] = '\0';
        yq_table_addf(&table, "%" PRId64, letter->id);
        yq_table_add(&table, time);
        yq_table_add(&table, letter->source);
        yq_table_add(&table, letter->what);
        yq_table_add(&table, letter->control);
        yq_table_add(&table, yq_letter_state_name(letter->state));
        yq_table_addf(&table, "%" PRIu64, letter->size);
        yq_table_add(&table, letter->reason);
    }
    free(list);
    if (array)
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (count)
        yq_table_print(&table, stdout);
    else
        puts("no messages");
    return YQ_EXIT_FINE;
}

/* ---- show ---- */

/* The message for people, appended. */
static bool put_message(const struct yq_buf *bytes, const char *assume, bool personal,
                        struct yq_buf *out, struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_hl7 message;
    char charset[YQ_HL7_CHARSET_SIZE];
    bool doubtful = false;
    yq_hl7_decode(bytes->bytes, bytes->length, assume, &text, charset, &doubtful);
    if (!yq_hl7_parse(yq_buf_text(&text), text.length, &message, err))
        return false;
    yq_hl7_show(&message, personal, out);
    yq_hl7_fini(&message);
    return true;
}

static void tell_shown(struct yq_home *home, const struct yq_letter *letter)
{
    char what[200];
    snprintf(what, sizeof what, "HL7 message %" PRId64 " of %s was shown with personal data",
             letter->id, letter->source);
    yq_audit_administered(home->house.audit, what, NULL);
}

static int show(struct yq_cli *cli, struct yq_home *home, const struct yq_letter *letter)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0}, answer yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    bool personal = yq_cli_flag(cli, "personal");
    const struct yq_conf *conf = yq_conf_hold(home->house.conf);
    const struct yq_source *source = yq_conf_source(conf, letter->source);
    const char *assume = source ? source->charset : "";
    bool ok = put_message(&letter->bytes, assume, personal, &text, &err) &&
              (!letter->answer.length || put_message(&letter->answer, assume, true, &answer, &err));
    yq_conf_release(home->house.conf, conf);
    if (!ok)
        return yq_cli_fail_err(&err);
    if (personal)
        tell_shown(home, letter);
    if (cli->json) {
        struct yq_json *object = letter_json(letter);
        yq_json_text(object, "message", yq_buf_text(&text));
        yq_json_text(object, "answer", yq_buf_text(&answer));
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    printf("%" PRId64 "  %s  %s  %s%s%s\n%s", letter->id, letter->source, letter->what,
           yq_letter_state_name(letter->state), *letter->reason ? ": " : "", letter->reason,
           yq_buf_text(&text));
    if (answer.length)
        printf("answer:\n%s", yq_buf_text(&answer));
    return YQ_EXIT_FINE;
}

static int run_show(struct yq_cli *cli, struct yq_home *home)
{
    struct yq_letter letter = {0};
    struct yq_err err = {0};
    int64_t id;
    if (cli->arg_count != 2)
        return yq_cli_usage(cli, "hl7 show wants the ID of one message");
    if (!read_id(cli, cli->args[1], &id))
        return YQ_EXIT_USAGE;
    int status = yq_intake_read(&home->house, id, &letter, &err) ? show(cli, home, &letter)
                                                                 : yq_cli_fail_err(&err);
    yq_letter_fini(&letter);
    return status;
}

/* ---- replay ---- */

struct replayed {
    struct yq_json *list; /* NULL: text */
    size_t done, failed;
};

static bool replay(struct yq_home *home, int64_t id, struct replayed *replayed, struct yq_err *err)
{
    struct yq_letter letter;
    bool ok = yq_intake_replay(&home->house, &by_hand, id, &letter, err);
    if (ok) {
        bool failed = letter.state == YQ_LETTER_FAILED;
        *(failed ? &replayed->failed : &replayed->done) += 1;
        if (replayed->list)
            yq_json_add(replayed->list, NULL, letter_json(&letter));
        else
            printf("%" PRId64 "  %s  %s%s%s\n", id, letter.what, yq_letter_state_name(letter.state),
                   *letter.reason ? ": " : "", letter.reason);
    }
    yq_letter_fini(&letter);
    return ok;
}

static bool replay_all(struct yq_home *home, struct yq_inbox_query *query,
                       struct replayed *replayed, struct yq_err *err)
{
    size_t count = AT_ONCE;
    query->limit = AT_ONCE;
    while (count == AT_ONCE) {
        struct yq_letter *list = NULL;
        if (!yq_inbox_list(home->house.catalog, query, &list, &count, err))
            return false;
        bool ok = true;
        for (size_t i = 0; i < count && ok; i++) {
            query->after_id = list[i].id;
            ok = replay(home, list[i].id, replayed, err);
        }
        free(list);
        if (!ok)
            return false;
    }
    return true;
}

static int run_replay(struct yq_cli *cli, struct yq_home *home)
{
    struct yq_inbox_query query = {0};
    struct replayed replayed = {0};
    struct yq_err err = {0};
    bool failed = yq_cli_flag(cli, "failed"), ok = true;
    int status = read_times(cli, &query);
    if (status != YQ_EXIT_FINE)
        return status;
    bool many = failed || query.from_ms || query.until_ms;
    if (many == (cli->arg_count > 1))
        return yq_cli_usage(cli, "hl7 replay wants IDs, or --failed, or --from and --to");
    query.states = failed ? 1u << YQ_LETTER_FAILED : 0;
    replayed.list = cli->json ? yq_json_array() : NULL;
    if (many)
        ok = replay_all(home, &query, &replayed, &err);
    for (size_t i = 1; i < cli->arg_count && ok; i++) {
        int64_t id;
        if (!read_id(cli, cli->args[i], &id)) {
            yq_json_free(replayed.list);
            return YQ_EXIT_USAGE;
        }
        ok = replay(home, id, &replayed, &err);
    }
    if (replayed.list)
        yq_print_json(replayed.list);
    else
        printf("%zu done or ignored, %zu failed\n", replayed.done, replayed.failed);
    if (!ok)
        return yq_cli_fail_err(&err);
    return replayed.failed ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
}

/* ---- test ---- */

static void print_records(struct yq_cli *cli, const struct yq_intake *intake,
                          const struct yq_intake_record *records, size_t count)
{
    unsigned look = YQ_LOOK_INDENT | (yq_cli_flag(cli, "personal") ? 0 : YQ_LOOK_MASKED);
    printf("%s^%s read as %s\n", intake->head.type, intake->head.event,
           *intake->charset ? intake->charset : "ASCII");
    if (*intake->letter.reason)
        printf("ignored: %s\n", intake->letter.reason);
    for (size_t i = 0; i < count; i++) {
        struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
        yq_form_record_write(records[i].record, look, &text);
        printf("%s (%s)%s%s\n%s\n", records[i].what, yq_kinds[records[i].record->kind].name,
               *records[i].deleted ? ", deletes " : "", records[i].deleted, yq_buf_text(&text));
    }
}

static const struct yq_source *source_named(const struct yq_conf *conf, const char *name)
{
    const struct yq_source *source = name ? yq_conf_source(conf, name) : NULL;
    for (size_t i = 0; !name && i < conf->source_count && !source; i++)
        if (conf->sources[i].type == YQ_SOURCE_HL7)
            source = &conf->sources[i];
    return source && source->type == YQ_SOURCE_HL7 ? source : NULL;
}

/* A file may have the frame of MLLP around its message. */
static void unframe(const struct yq_buf *file, const uint8_t **bytes, size_t *length)
{
    *bytes = file->bytes;
    *length = file->length;
    if (*length && **bytes == START)
        (*bytes)++, (*length)--;
    while (*length && ((*bytes)[*length - 1] == END || (*bytes)[*length - 1] == '\r' ||
                       (*bytes)[*length - 1] == '\n'))
        (*length)--;
}

static int run_test(struct yq_cli *cli, struct yq_home *home)
{
    struct yq_buf file yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    struct yq_intake intake;
    struct yq_intake_record *records = NULL;
    const uint8_t *bytes;
    size_t count = 0, length;
    if (cli->arg_count != 2)
        return yq_cli_usage(cli, "hl7 test wants one file with a message");
    if (!yq_file_read(cli->args[1], FILE_MOST, &file, &err))
        return yq_cli_fail_err(&err);
    const struct yq_conf *conf = yq_conf_hold(home->house.conf);
    const struct yq_source *source = source_named(conf, yq_cli_value(cli, "source"));
    int status = YQ_EXIT_FINE;
    if (!source) {
        status = yq_cli_fail("there is no source of type hl7%s%s in sources.json",
                             yq_cli_value(cli, "source") ? " named " : "",
                             yq_cli_value(cli, "source") ? yq_cli_value(cli, "source") : "");
    } else {
        unframe(&file, &bytes, &length);
        if (yq_intake_try(&home->house, source, bytes, length, &intake, &records, &count))
            print_records(cli, &intake, records, count);
        else
            status = yq_cli_fail("it would be answered %s: %s%s%s", intake.rejected ? "AR" : "AE",
                                 intake.location, *intake.location ? ": " : "", intake.fault.text);
        yq_intake_records_free(records, count);
        yq_intake_fini(&intake);
    }
    yq_conf_release(home->house.conf, conf);
    return status;
}

/* ---- send ---- */

static bool call_host(const char *text, int *out, struct yq_err *err)
{
    char host[256];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    const char *colon = strrchr(text, ':');
    if (!colon || !colon[1] || (size_t)(colon - text) >= sizeof host || colon == text)
        return yq_fail(err, YQ_BAD_INPUT, "node", "%s is not HOST:PORT", text);
    bool six = text[0] == '[' && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - text) - (six ? 2 : 0), text + (six ? 1 : 0));
    int failed = getaddrinfo(host, colon + 1, &hints, &found);
    if (failed)
        return yq_fail(err, YQ_ABSENT, "node", "%s: %s", text, gai_strerror(failed));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    if (ok) {
        *out = fd;
        return true;
    }
    yq_fail_errno(err, "node", "call", text);
    if (fd >= 0)
        close(fd);
    return false;
}

static bool read_answer(int fd, struct yq_buf *answer, struct yq_err *err)
{
    int64_t until = yq_monotonic_ms() + ANSWER_SECONDS * 1000;
    yq_buf_clear(answer);
    for (;;) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        uint8_t c;
        int64_t left = until - yq_monotonic_ms();
        if (left <= 0 || poll(&polled, 1, (int)left) == 0)
            return yq_fail(err, YQ_TIMEOUT, "node", "no answer within %d s", ANSWER_SECONDS);
        ssize_t got = recv(fd, &c, 1, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return yq_fail(err, YQ_PEER_GONE, "node", "the other side closed without an answer");
        if (c == END)
            return true;
        if (c != START && answer->length < 65536 && (answer->length || c != '\r'))
            yq_buf_put(answer, &c, 1);
    }
}

static bool send_file(int fd, const char *path, bool *taken, struct yq_err *err)
{
    struct yq_buf file yq_cleanup(yq_buf_fini) = {0}, frame yq_cleanup(yq_buf_fini) = {0},
                       answer yq_cleanup(yq_buf_fini) = {0}, text yq_cleanup(yq_buf_fini) = {0};
    static const uint8_t start = START, end[] = {END, '\r'};
    const uint8_t *bytes;
    size_t length;
    if (!yq_file_read(path, FILE_MOST, &file, err))
        return false;
    unframe(&file, &bytes, &length);
    yq_buf_put(&frame, &start, 1);
    yq_buf_put(&frame, bytes, length);
    yq_buf_put(&frame, end, sizeof end);
    if (frame.failed)
        return yq_fail(err, YQ_FULL, "node", "no memory for %s", path);
    if (!yq_write_all(fd, frame.bytes, frame.length, err) || !read_answer(fd, &answer, err) ||
        !put_message(&answer, "", true, &text, err))
        return false;
    *taken = strstr(yq_buf_text(&text), "\nMSA|AA") || strstr(yq_buf_text(&text), "\nMSA|CA");
    printf("%s:\n%s", path, yq_buf_text(&text));
    return true;
}

static int run_send(struct yq_cli *cli)
{
    struct yq_err err = {0};
    int fd yq_cleanup(yq_close) = -1;
    size_t refused = 0;
    if (cli->arg_count < 3)
        return yq_cli_usage(cli, "hl7 send wants HOST:PORT and files with a message each");
    if (!call_host(cli->args[1], &fd, &err))
        return yq_cli_fail_err(&err);
    for (size_t i = 2; i < cli->arg_count; i++) {
        bool taken = false;
        if (!send_file(fd, cli->args[i], &taken, &err)) {
            yq_while(&err, cli->args[i]);
            return yq_cli_fail_err(&err);
        }
        refused += !taken;
    }
    return refused ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
}

int yq_run_hl7(struct yq_cli *cli)
{
    static const struct {
        const char *verb;
        int (*run)(struct yq_cli *cli, struct yq_home *home);
        unsigned flags;
    } verbs[] = {{"list", run_list, YQ_HOME_NO_STORE},
                 {"show", run_show, YQ_HOME_NO_STORE},
                 {"replay", run_replay, 0},
                 {"test", run_test, YQ_HOME_NO_STORE}};
    const char *verb = cli->arg_count ? cli->args[0] : "";
    if (strcmp(verb, "send") == 0)
        return run_send(cli);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        struct yq_home home = {0};
        struct yq_err err = {0};
        if (strcmp(verb, verbs[i].verb) != 0)
            continue;
        if (!yq_home_open(cli, verbs[i].flags, NULL, &home, &err))
            return yq_cli_fail_err(&err);
        int status = verbs[i].run(cli, &home);
        yq_home_close(&home);
        return status;
    }
    return yq_cli_usage(cli, "hl7 wants list, show, replay, send or test");
}

/* cmd_user.c: users of the node, for user identity negotiation: list, add, remove. Changes
 * users.json only; a running node notices by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "yq/seal.h"

enum { PASSCODE_LEAST = 8, PASSCODE_MOST = 256, RANDOM_BYTES = 18 };

static int list(struct yq_cli *cli)
{
    struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
    struct yq_err err = {0};
    struct yq_json *array;
    if (cli->arg_count > 1)
        return yq_cli_usage(cli, "user list takes no %s", cli->args[1]);
    if (!yq_home_conf(cli, &conf, &err))
        return yq_cli_fail_err(&err);
    if (!cli->json) {
        for (size_t i = 0; i < conf->user_count; i++)
            printf("%s\n", conf->users[i].name);
        if (!conf->user_count)
            printf("no users yet: yingqiao user add NAME\n");
        return YQ_EXIT_FINE;
    }
    array = yq_json_array();
    for (size_t i = 0; i < conf->user_count; i++) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "name", conf->users[i].name);
        yq_json_add(array, NULL, object);
    }
    return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
}

/* One line of standard input, without showing it where a person types it. False: there is none. */
static bool read_line(const char *prompt, char line[PASSCODE_MOST + 2])
{
    struct termios shown, hidden;
    bool person = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (person) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        fprintf(stderr, "%s: ", prompt);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    bool got = fgets(line, PASSCODE_MOST + 2, stdin) != NULL;
    if (person) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fprintf(stderr, "\n");
    }
    if (got)
        line[strcspn(line, "\r\n")] = '\0';
    return got;
}

/* Returns an exit status; what is wrong was said. */
static int read_passcode(char line[PASSCODE_MOST + 2])
{
    char again[PASSCODE_MOST + 2];
    if (!read_line("passcode", line))
        return yq_cli_fail("there is no passcode on standard input");
    size_t length = strlen(line);
    if (length < PASSCODE_LEAST || length > PASSCODE_MOST)
        return yq_cli_fail("a passcode has %d to %d bytes", PASSCODE_LEAST, PASSCODE_MOST);
    if (!isatty(STDIN_FILENO))
        return YQ_EXIT_FINE;
    bool same = read_line("once more", again) && strcmp(line, again) == 0;
    explicit_bzero(again, sizeof again);
    return same ? YQ_EXIT_FINE : yq_cli_fail("those were two different passcodes");
}

static int make_passcode(char line[PASSCODE_MOST + 2])
{
    uint8_t bytes[RANDOM_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return yq_cli_fail("the machine gives no random bytes");
    yq_hex(line, bytes, sizeof bytes);
    return YQ_EXIT_FINE;
}

static int add(struct yq_cli *cli)
{
    struct yq_user user = {0};
    struct yq_err err = {0};
    char folder[YQ_PATH_MOST], passcode[PASSCODE_MOST + 2] = "";
    bool made = yq_cli_flag(cli, "random");
    if (cli->arg_count != 2)
        return yq_cli_usage(cli, "user add wants NAME");
    if (!yq_conf_user_name(cli->args[1]))
        return yq_cli_usage(cli, "a user name has 1 to 63 bytes, no quotes, no backslash");
    (void)yq_copy(user.name, sizeof user.name, cli->args[1]);
    int status = made ? make_passcode(passcode) : read_passcode(passcode);
    bool kept =
        status == YQ_EXIT_FINE && yq_passcode_keep(passcode, strlen(passcode), user.passcode);
    if (status == YQ_EXIT_FINE && !kept)
        status = yq_cli_fail("the machine gives no random bytes");
    if (kept && (!yq_home_conf_folder(cli, folder, &err) || !yq_conf_user_set(folder, &user, &err)))
        status = yq_cli_fail_err(&err);
    if (status == YQ_EXIT_FINE)
        yq_home_tell(cli, YQ_DEED_TYPE_SECURITY, folder, "users.json", "user given a passcode",
                     user.name);
    if (status == YQ_EXIT_FINE && cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "name", user.name);
        if (made)
            yq_json_text(object, "passcode", passcode);
        status = yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    } else if (status == YQ_EXIT_FINE) {
        printf(made ? "%s has this passcode: %s\n" : "%s has the new passcode\n", user.name,
               passcode);
    }
    explicit_bzero(passcode, sizeof passcode);
    return status;
}

static int take_away(struct yq_cli *cli)
{
    char folder[YQ_PATH_MOST];
    struct yq_err err = {0};
    if (cli->arg_count != 2)
        return yq_cli_usage(cli, "user remove wants NAME");
    if (!yq_home_conf_folder(cli, folder, &err) || !yq_conf_user_remove(folder, cli->args[1], &err))
        return yq_cli_fail_err(&err);
    yq_home_tell(cli, YQ_DEED_TYPE_SECURITY, folder, "users.json", "user removed", cli->args[1]);
    printf("removed %s\n", cli->args[1]);
    return YQ_EXIT_FINE;
}

int yq_run_user(struct yq_cli *cli)
{
    const char *what = cli->arg_count ? cli->args[0] : "";
    if (strcmp(what, "add") != 0 && cli->given_count)
        return yq_cli_usage(cli, "--%s belongs to user add", cli->given[0].option->name);
    if (strcmp(what, "list") == 0)
        return list(cli);
    if (strcmp(what, "add") == 0)
        return add(cli);
    if (strcmp(what, "remove") == 0)
        return take_away(cli);
    return yq_cli_usage(cli, "user wants one of list, add, remove");
}

/* help.c: the command table as text for people (help), as a man page (help --man) and as words for
 * shell completion (help --words). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "yq/door.h"

static void print_options(const struct yq_option *options)
{
    for (; options && options->name; options++) {
        char left[48];
        snprintf(left, sizeof left, "--%s%s%s", options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        printf("  %-22s %s\n", left, options->help);
    }
}

/* "yingqiao NAME LINE" for each line of a synopsis. */
static void print_synopsis(const struct yq_verb *command)
{
    for (const char *line = command->synopsis; line;) {
        const char *end = strchr(line, '\n');
        int length = end ? (int)(end - line) : (int)strlen(line);
        printf("  yingqiao %s%s%.*s\n", command->name, length ? " " : "", length, line);
        line = end ? end + 1 : NULL;
    }
}

void yq_help_overview(void)
{
    printf("yingqiao " YQ_VERSION ": a DICOM node beside the PACS\n\n"
           "usage: yingqiao [--conf FILE|DIR] [--data DIR] [--set key=value]... COMMAND ...\n\n"
           "commands:\n");
    for (const struct yq_verb *c = yq_verbs; c->name; c++)
        printf("  %-10s %s\n", c->name, c->summary);
    printf("\noptions of every command:\n");
    print_options(yq_common_options);
    printf("\n`yingqiao help COMMAND` tells more of one command. Exit status: 0 fine, 1 failed, 2 "
           "not understood.\n");
}

/* Calls `put` for each line "key\tdefault\thelp" of a keyword table. */
static void each_key(void (*manual)(struct yq_buf *out),
                     void (*put)(const char *key, const char *otherwise, const char *help))
{
    struct yq_buf keys yq_cleanup(yq_buf_fini) = {0};
    char *save = NULL;
    manual(&keys);
    for (char *line = keys.length ? strtok_r((char *)keys.bytes, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        const char *key = strsep(&line, "\t"), *otherwise = strsep(&line, "\t");
        if (otherwise && line)
            put(key, otherwise, line);
    }
}

static void print_key(const char *key, const char *otherwise, const char *help)
{
    printf("  %-26s %s%s%s%s\n", key, help, *otherwise ? " (" : "", otherwise,
           *otherwise ? ")" : "");
}

void yq_help_command(const struct yq_verb *command)
{
    printf("yingqiao %s: %s\n\nusage:\n", command->name, command->summary);
    print_synopsis(command);
    printf("\n%s\n", command->help);
    if (command->options) {
        printf("\noptions:\n");
        print_options(command->options);
    }
    printf("\noptions of every command:\n");
    print_options(yq_common_options);
    if (command->run == yq_run_check) {
        printf("\nkeys of node.json and of --set, with their defaults:\n");
        each_key(yq_conf_manual, print_key);
        printf("\nkeys of a source in sources.json, with their defaults:\n");
        each_key(yq_conf_source_manual, print_key);
        printf("\nkeys of a platform in platforms.json, with their defaults:\n");
        each_key(yq_conf_platform_manual, print_key);
    }
}

/* Text for roff: backslashes, dashes and leading dots made harmless. */
static void put_roff(const char *text, size_t length)
{
    bool line_start = true;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (line_start && (c == '.' || c == '\''))
            fputs("\\&", stdout);
        if (c == '\\')
            fputs("\\e", stdout);
        else if (c == '-')
            fputs("\\-", stdout);
        else
            putchar(c);
        line_start = c == '\n';
    }
}

static void put_roff_text(const char *text) { put_roff(text, strlen(text)); }

static void man_options(const struct yq_option *options)
{
    for (; options && options->name; options++) {
        printf(".TP\n.B \\-\\-");
        put_roff_text(options->name);
        if (options->value) {
            printf(" \\fI");
            put_roff_text(options->value);
            printf("\\fR");
        }
        printf("\n");
        put_roff_text(options->help);
        printf("\n");
    }
}

static void man_command(const struct yq_verb *command)
{
    printf(".SS %s\n", command->name);
    for (const char *line = command->synopsis; line;) {
        const char *end = strchr(line, '\n');
        printf(".B yingqiao %s\n.I ", command->name);
        put_roff(line, end ? (size_t)(end - line) : strlen(line));
        printf("\n.br\n");
        line = end ? end + 1 : NULL;
    }
    printf(".PP\n");
    for (const char *p = command->help; p;) {
        const char *end = strstr(p, "\n\n");
        put_roff(p, end ? (size_t)(end - p) : strlen(p));
        printf("\n");
        if (end)
            printf(".PP\n");
        p = end ? end + 2 : NULL;
    }
    man_options(command->options);
}

static void man_key(const char *key, const char *otherwise, const char *help)
{
    printf(".TP\n.B ");
    put_roff_text(key);
    printf("\n");
    put_roff_text(help);
    if (*otherwise) {
        printf(" (default: ");
        put_roff_text(otherwise);
        printf(")");
    }
    printf("\n");
}

static void print_man(void)
{
    printf(".\\\" Made from the command table by `yingqiao help --man`.\n"
           ".TH YINGQIAO 1 \"\" \"yingqiao " YQ_VERSION "\" \"User Commands\"\n"
           ".SH NAME\nyingqiao \\- a DICOM node beside the PACS\n"
           ".SH SYNOPSIS\n.B yingqiao\n[\\fB\\-\\-conf\\fR \\fIFILE|DIR\\fR] [\\fB\\-\\-data\\fR "
           "\\fIDIR\\fR] [\\fB\\-\\-set\\fR \\fIkey=value\\fR]... \\fICOMMAND\\fR ...\n"
           ".SH DESCRIPTION\nModalities and PACS send studies to the node; cloud platforms and "
           "workstations find and pull them.\nEverything it keeps is in one data folder: plain "
           "DICOM files and one SQLite catalog.\n"
           ".SH OPTIONS\n");
    man_options(yq_common_options);
    printf(".SH COMMANDS\n");
    for (const struct yq_verb *c = yq_verbs; c->name; c++)
        man_command(c);
    printf(".SH CONFIGURATION\nKeys of node.json and of \\-\\-set:\n");
    each_key(yq_conf_manual, man_key);
    printf(".PP\nKeys of a source in sources.json:\n");
    each_key(yq_conf_source_manual, man_key);
    printf(".PP\nKeys of a platform in platforms.json:\n");
    each_key(yq_conf_platform_manual, man_key);
    printf(".SH FILES\n"
           ".TP\n.I DIR/conf/node.json\nthe settings above\n"
           ".TP\n.I DIR/conf/peers.json\nwho may send, query and retrieve, and where they are "
           "called\n"
           ".TP\n.I DIR/conf/tokens.json\nwho may use HTTP from elsewhere than this machine\n"
           ".TP\n.I DIR/conf/sources.json\nwhere exams, reports and lab results come from\n"
           ".TP\n.I DIR/conf/platforms.json\nthe provinces' platforms that are reported to and "
           "answered\n"
           ".TP\n.I DIR/conf/mapping/NAME.csv\nwhich member of a record comes from where\n"
           ".TP\n.I DIR/objects\nthe objects, as DICOM files\n"
           ".TP\n.I DIR/trash\nwhat was deleted, for store.trash_days\n"
           ".TP\n.I DIR/catalog.sqlite\nthe catalog; `yingqiao reindex` makes it anew from the "
           "files\n"
           ".SH EXIT STATUS\n0: fine. 1: failed; the reason is on standard error. 2: the command "
           "line was not understood.\n");
}

/* One word per line: the commands, or the options of one command. */
static void print_words(const struct yq_verb *command)
{
    if (!command)
        for (const struct yq_verb *c = yq_verbs; c->name; c++)
            printf("%s\n", c->name);
    for (const struct yq_option *o = command ? command->options : NULL; o && o->name; o++)
        printf("--%s\n", o->name);
    for (const struct yq_option *o = yq_common_options; o->name; o++)
        printf("--%s\n", o->name);
}

static void print_wado(bool json)
{
    struct yq_buf page yq_cleanup(yq_buf_fini) = {0};
    yq_wado_help(json, &page);
    fputs(yq_buf_text(&page), stdout);
}

int yq_run_help(struct yq_cli *cli)
{
    const struct yq_verb *command = NULL;
    if (cli->arg_count > 1)
        return yq_cli_usage(cli, "help tells of one command at a time");
    if (cli->arg_count == 1) {
        command = yq_verb_named(cli->args[0]);
        if (!command)
            return yq_cli_usage(cli, "there is no command %s", cli->args[0]);
    }
    if (yq_cli_flag(cli, "man"))
        print_man();
    else if (yq_cli_flag(cli, "wado"))
        print_wado(cli->json);
    else if (yq_cli_flag(cli, "words"))
        print_words(command);
    else if (command)
        yq_help_command(command);
    else
        yq_help_overview();
    return YQ_EXIT_FINE;
}

int yq_run_version(struct yq_cli *cli)
{
    (void)cli;
    printf("yingqiao " YQ_VERSION "\n");
    return YQ_EXIT_FINE;
}

/* cli.c: reads the command line by the command table. Knows no command's meaning. Common options
 * stand anywhere; a command's own options stand after it. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "yq/clock.h"

const struct yq_verb *yq_verb_named(const char *name)
{
    for (const struct yq_verb *c = yq_verbs; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

int yq_cli_usage(const struct yq_cli *cli, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "yingqiao: %s\n", text);
    if (cli->command)
        fprintf(stderr, "yingqiao: see `yingqiao help %s`\n", cli->command->name);
    else
        fprintf(stderr, "yingqiao: see `yingqiao help`\n");
    return YQ_EXIT_USAGE;
}

int yq_cli_fail(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fflush(stdout); /* the reason stands below what led to it */
    fprintf(stderr, "yingqiao: %s\n", text);
    return YQ_EXIT_FAILED;
}

int yq_cli_fail_err(const struct yq_err *err) { return yq_cli_fail("%s", err->text); }

void yq_cli_where(const struct yq_cli *cli, char *text, size_t size)
{
    bool usual = strcmp(cli->data, "./var") == 0;
    snprintf(text, size, "%s%s", usual ? "" : " --data ", usual ? "" : cli->data);
}

/* Names of options are unique over the whole table, so that "--may" means one thing. */
static const struct yq_option *option_named(const struct yq_option *options, const char *name,
                                            size_t length)
{
    for (; options && options->name; options++)
        if (strlen(options->name) == length && strncmp(options->name, name, length) == 0)
            return options;
    return NULL;
}

static bool take_setting(struct yq_cli *cli, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        yq_cli_usage(cli, "--set wants key=value, for example --set dicom.port=11113");
        return false;
    }
    if (cli->setting_count == YQ_CLI_SETTINGS) {
        yq_cli_usage(cli, "more than %d times --set: write them into node.json", YQ_CLI_SETTINGS);
        return false;
    }
    *equals = '\0';
    cli->settings[cli->setting_count++] = (struct yq_setting){.key = text, .value = equals + 1};
    return true;
}

static bool take_common(struct yq_cli *cli, const struct yq_option *option, char *value)
{
    if (strcmp(option->name, "conf") == 0)
        cli->conf = value;
    else if (strcmp(option->name, "data") == 0)
        cli->data = value;
    else if (strcmp(option->name, "set") == 0 && value)
        return take_setting(cli, value);
    else if (strcmp(option->name, "json") == 0)
        cli->json = true;
    else if (strcmp(option->name, "help") == 0)
        cli->wants_help = true;
    else if (strcmp(option->name, "version") == 0)
        cli->wants_version = true;
    return true;
}

/* One option at argv[*at]; moves *at over its value. */
static bool take_option(struct yq_cli *cli, char **argv, int argc, int *at)
{
    char *text = argv[*at] + 2;
    char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const struct yq_option *option = option_named(yq_common_options, text, length);
    bool common = option != NULL;
    if (!option && cli->command)
        option = option_named(cli->command->options, text, length);
    if (!option) {
        yq_cli_usage(cli, "there is no option --%.*s%s", (int)length, text,
                     cli->command ? "" : " before the command");
        return false;
    }
    char *value = equals ? equals + 1 : NULL;
    if (!option->value && value) {
        yq_cli_usage(cli, "--%s takes no value", option->name);
        return false;
    }
    if (option->value && !value) {
        if (*at + 1 >= argc) {
            yq_cli_usage(cli, "--%s wants a value: --%s %s", option->name, option->name,
                         option->value);
            return false;
        }
        value = argv[++*at];
    }
    if (option->value && !*value) {
        yq_cli_usage(cli, "--%s wants a value that is not empty", option->name);
        return false;
    }
    if (common)
        return take_common(cli, option, value);
    if (cli->given_count == YQ_CLI_GIVEN) {
        yq_cli_usage(cli, "more than %d options", YQ_CLI_GIVEN);
        return false;
    }
    cli->given[cli->given_count].option = option;
    cli->given[cli->given_count++].value = value;
    return true;
}

bool yq_cli_parse(struct yq_cli *cli, int argc, char **argv)
{
    *cli = (struct yq_cli){.data = "./var", .args = argv};
    bool options_over = false;
    for (int i = 1; i < argc; i++) {
        char *text = argv[i];
        if (!options_over && strcmp(text, "--") == 0) {
            options_over = true;
        } else if (!options_over && strcmp(text, "-h") == 0) {
            cli->wants_help = true;
        } else if (!options_over && text[0] == '-' && text[1] == '-') {
            if (!take_option(cli, argv, argc, &i))
                return false;
        } else if (!options_over && text[0] == '-' && text[1]) {
            yq_cli_usage(cli, "there is no option %s", text);
            return false;
        } else if (!cli->command) {
            cli->command = yq_verb_named(text);
            if (!cli->command) {
                yq_cli_usage(cli, "there is no command %s", text);
                return false;
            }
        } else {
            cli->args[cli->arg_count++] = text; /* never overtakes i */
        }
    }
    return true;
}

const char *yq_cli_nth(const struct yq_cli *cli, const char *name, size_t n)
{
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0 && n-- == 0)
            return cli->given[i].value;
    return NULL;
}

const char *yq_cli_value(const struct yq_cli *cli, const char *name)
{
    const char *value = NULL, *next;
    for (size_t n = 0; (next = yq_cli_nth(cli, name, n)) != NULL; n++)
        value = next;
    return value;
}

bool yq_cli_flag(const struct yq_cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0)
            return true;
    return false;
}

bool yq_cli_number(const struct yq_cli *cli, const char *name, long least, long most,
                   long otherwise, long *out)
{
    const char *text = yq_cli_value(cli, name);
    char *end;
    *out = otherwise;
    if (!text)
        return true;
    errno = 0;
    *out = strtol(text, &end, 10);
    if (errno == 0 && *text && !*end && *out >= least && *out <= most)
        return true;
    yq_cli_usage(cli, "--%s wants a number from %ld to %ld", name, least, most);
    return false;
}

bool yq_cli_moment(const char *text, int64_t *ms)
{
    struct tm tm = {0};
    char *end;
    const char *rest = strptime(text, "%Y-%m-%d", &tm);
    if (rest && *rest == 'T')
        rest = strptime(rest, "T%H:%M", &tm);
    if (rest && !*rest) {
        *ms = (int64_t)timegm(&tm) * 1000;
        return true;
    }
    long number = strtol(text, &end, 10);
    long unit = *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;
    *ms = yq_now_ms() - (int64_t)number * unit * 1000;
    return isdigit((unsigned char)*text) && unit && !end[1] && number <= 100000;
}

/* cli.h: the one command table, and what a command sees of its command line.
 *
 * The table drives dispatch, `help`, `--help`, the man page and shell completion, so that what is
 * said about a command and what it does stand in one place. Everything here belongs to the main
 * thread. */
#ifndef YQ_NODE_CLI_H
#define YQ_NODE_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "yq/conf.h"
#include "yq/err.h"

enum { YQ_EXIT_FINE, YQ_EXIT_FAILED, YQ_EXIT_USAGE };

#define YQ_CLI_SETTINGS 64
#define YQ_CLI_GIVEN 64

struct yq_option {
    const char *name;  /* without the dashes */
    const char *value; /* what its value is called; NULL: takes none */
    const char *help;
};

struct yq_cli;

struct yq_verb {
    const char *name;
    int (*run)(struct yq_cli *cli);  /* returns the exit status */
    const char *synopsis;            /* what follows the name; lines for several forms */
    const char *summary;             /* one line */
    const char *help;                /* paragraphs, separated by an empty line */
    const struct yq_option *options; /* its own, ended by a NULL name; NULL: none */
};

extern const struct yq_verb yq_verbs[]; /* ended by a NULL name */
extern const struct yq_option yq_common_options[];

struct yq_cli {
    const struct yq_verb *command;
    const char *conf; /* --conf; NULL: DIR/conf */
    const char *data; /* --data */
    bool json, wants_help, wants_version;
    struct yq_setting settings[YQ_CLI_SETTINGS];
    size_t setting_count;
    struct {
        const struct yq_option *option;
        const char *value;
    } given[YQ_CLI_GIVEN];
    size_t given_count;
    char **args; /* what is no option, the command itself left out */
    size_t arg_count;
};

/* Reads argv into *cli; args point into argv, which is reordered. False: a usage error, said on
 * standard error. */
bool yq_cli_parse(struct yq_cli *cli, int argc, char **argv);

/* The value of an option of the command: the last one given; NULL when it was not. */
const char *yq_cli_value(const struct yq_cli *cli, const char *name);
/* The n-th value of a repeated option, NULL past the last. */
const char *yq_cli_nth(const struct yq_cli *cli, const char *name, size_t n);
bool yq_cli_flag(const struct yq_cli *cli, const char *name);
/* A whole number within bounds, `otherwise` when the option was not given. False: usage error,
 * said. */
bool yq_cli_number(const struct yq_cli *cli, const char *name, long least, long most,
                   long otherwise, long *out);

/* "2026-03-01", "2026-03-01T08:00" (UTC), or how long ago: "30m", "8h", "7d". */
bool yq_cli_moment(const char *text, int64_t *ms);

/* "yingqiao: ..." and where to read more, on standard error; returns YQ_EXIT_USAGE. */
int yq_cli_usage(const struct yq_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "yingqiao: ..." on standard error; returns YQ_EXIT_FAILED. */
int yq_cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* For hints: " --data DIR" where the command was about another folder than ./var, else "". */
void yq_cli_where(const struct yq_cli *cli, char *text, size_t size);
int yq_cli_fail_err(const struct yq_err *err);

const struct yq_verb *yq_verb_named(const char *name);

/* help.c */
void yq_help_overview(void);
void yq_help_command(const struct yq_verb *command);

int yq_run_help(struct yq_cli *cli);
int yq_run_version(struct yq_cli *cli);
int yq_run_serve(struct yq_cli *cli);
int yq_run_check(struct yq_cli *cli);
int yq_run_import(struct yq_cli *cli);
int yq_run_ae(struct yq_cli *cli);
int yq_run_user(struct yq_cli *cli);
int yq_run_audit(struct yq_cli *cli);
int yq_run_echo(struct yq_cli *cli);
int yq_run_find(struct yq_cli *cli);
int yq_run_send(struct yq_cli *cli);
int yq_run_pull(struct yq_cli *cli);
int yq_run_studies(struct yq_cli *cli);
int yq_run_coerce(struct yq_cli *cli);
int yq_run_folder(struct yq_cli *cli);
int yq_run_anonymize(struct yq_cli *cli);
int yq_run_codes(struct yq_cli *cli);
int yq_run_queue(struct yq_cli *cli);
int yq_run_delivered(struct yq_cli *cli);
int yq_run_requests(struct yq_cli *cli);
int yq_run_hl7(struct yq_cli *cli);
int yq_run_link(struct yq_cli *cli);
int yq_run_report(struct yq_cli *cli);
int yq_run_sign(struct yq_cli *cli);
int yq_run_signature(struct yq_cli *cli);
int yq_run_merge(struct yq_cli *cli);
int yq_run_odbc(struct yq_cli *cli);
int yq_run_reconcile(struct yq_cli *cli);
int yq_run_backfill(struct yq_cli *cli);
int yq_run_records(struct yq_cli *cli);
int yq_run_delete(struct yq_cli *cli);
int yq_run_reindex(struct yq_cli *cli);
int yq_run_verify(struct yq_cli *cli);
int yq_run_demo(struct yq_cli *cli);
int yq_run_model(struct yq_cli *cli);
int yq_run_fields(struct yq_cli *cli);
int yq_run_validate(struct yq_cli *cli);
int yq_run_compose(struct yq_cli *cli);
int yq_run_recipe(struct yq_cli *cli);
int yq_run_rehearse(struct yq_cli *cli);

#endif

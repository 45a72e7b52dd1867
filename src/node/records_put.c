/* records_put.c: records from a file into the node, a line of JSON each; keys for what is personal,
 * and records sealed by them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "records.h"
#include "yq/form.h"

enum { TOGETHER = 500, LINE_MOST = 16 << 20 };

struct putting {
    struct yq_cli *cli;
    struct yq_house *house;
    enum yq_kind kind;
    enum yq_record_how how;
    const char *source;
    struct yq_submission submissions[TOGETHER];
    unsigned long lines[TOGETHER]; /* where they stand */
    size_t count;
    unsigned long line, kept, refused;
};

static void refuse(struct putting *putting, unsigned long line, const struct yq_err *why)
{
    putting->refused++;
    fflush(stdout);
    fprintf(stderr, "line %lu: %s\n", line, why->text);
}

/* What is printed is on stable storage. */
static void report(struct putting *putting, const struct yq_submission *one, unsigned long line)
{
    static const char *const words[] = {"new", "changed", "same", "removed"};
    if (one->result.err.code != YQ_OK) {
        refuse(putting, line, &one->result.err);
        return;
    }
    putting->kept++;
    if (putting->cli->json) {
        struct yq_json *object = yq_json_object();
        struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
        yq_json_number(object, "line", (double)line);
        yq_json_text(object, "outcome", words[one->result.outcome]);
        yq_json_number(object, "row", (double)one->result.row);
        yq_json_number(object, "version", (double)one->result.version);
        yq_json_number(object, "findings", (double)one->findings.count);
        if (yq_json_print(object, false, &text))
            puts(yq_buf_text(&text));
        yq_json_free(object);
    } else {
        printf("line %lu: %s, version %" PRId64 "\n", line, words[one->result.outcome],
               one->result.version);
    }
}

static bool flush(struct putting *putting, struct yq_err *err)
{
    static const struct yq_origin by_hand = {.door = "hand"};
    bool ok = yq_record_in(putting->house, &by_hand, putting->source, putting->submissions,
                           putting->count, err);
    for (size_t i = 0; i < putting->count; i++) {
        if (ok)
            report(putting, &putting->submissions[i], putting->lines[i]);
        yq_record_free(putting->submissions[i].record);
        yq_findings_fini(&putting->submissions[i].findings);
    }
    putting->count = 0;
    return fflush(stdout) == 0 && ok;
}

static bool take_line(struct putting *putting, const char *text, size_t length, struct yq_err *err)
{
    struct yq_err why;
    struct yq_record *record = NULL;
    bool blank = strspn(text, " \t\r\n") == length;
    if (blank)
        return true;
    if (length > LINE_MOST)
        yq_fail(&why, YQ_BAD_INPUT, "node", "longer than %d bytes", LINE_MOST);
    if (length > LINE_MOST ||
        !yq_form_record_read(putting->kind, text, length, NULL, &record, &why)) {
        refuse(putting, putting->line, &why);
        return true;
    }
    putting->lines[putting->count] = putting->line;
    putting->submissions[putting->count++] =
        (struct yq_submission){.record = record, .how = putting->how, .expect = YQ_EXPECT_ANYTHING};
    return putting->count < TOGETHER || flush(putting, err);
}

static bool put_file(struct putting *putting, FILE *file, struct yq_err *err)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    bool ok = true;
    while (ok && (length = getline(&text, &room, file)) >= 0) {
        putting->line++;
        ok = take_line(putting, text, (size_t)length, err);
    }
    free(text);
    if (ok && ferror(file))
        ok = yq_fail(err, YQ_IO, "node", "the file cannot be read");
    return ok && flush(putting, err);
}

int yq_records_put(struct yq_cli *cli, struct yq_home *home)
{
    struct yq_err err = {0};
    struct putting *putting = calloc(1, sizeof *putting);
    if (!putting)
        return yq_cli_fail("no memory");
    putting->cli = cli;
    putting->house = &home->house;
    putting->how = yq_cli_flag(cli, "overlay") ? YQ_RECORD_OVERLAY : YQ_RECORD_REPLACE;
    putting->source = "hand";
    if (!yq_cli_kind(cli, cli->args[1], &putting->kind)) {
        free(putting);
        return YQ_EXIT_USAGE;
    }
    const char *name = cli->args[2];
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    bool ok = file || yq_fail_errno(&err, "node", "read", name);
    ok = ok && put_file(putting, file, &err);
    if (file && file != stdin)
        fclose(file);
    unsigned long refused = putting->refused;
    free(putting);
    if (!ok)
        return yq_cli_fail_err(&err);
    return refused ? yq_cli_fail("%lu lines were not taken, see above", refused) : YQ_EXIT_FINE;
}

int yq_records_key(struct yq_cli *cli)
{
    struct yq_err err = {0};
    char id[YQ_KEY_ID_SIZE];
    if (!yq_keyring_make(cli->args[1], id, &err))
        return yq_cli_fail_err(&err);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "key", id);
        yq_print_json(object);
    } else {
        printf("the key %s seals from now on what is personal in records; keep a copy of the file "
               "apart from backups of the data: without it nobody reads what it sealed\n",
               id);
    }
    return YQ_EXIT_FINE;
}

struct resealing {
    struct yq_meter meter;
};

static void tell(void *context, uint64_t done, uint64_t bytes, const char *trouble)
{
    struct resealing *work = context;
    (void)bytes;
    if (!trouble) {
        yq_meter_show(&work->meter, done, 0);
        return;
    }
    yq_meter_clear(&work->meter);
    fprintf(stderr, "%s\n", trouble);
}

int yq_records_reseal(struct yq_cli *cli, struct yq_home *home)
{
    struct resealing work = {0};
    struct yq_progress progress = {.tell = tell, .context = &work};
    struct yq_resealed done;
    struct yq_ledger_totals totals = {0};
    struct yq_err err = {0};
    bool ok = yq_ledger_totals(home->house.catalog, &totals, &err);
    yq_meter_start(&work.meter, "versions", totals.versions, 0);
    ok = ok && yq_record_reseal(&home->house, yq_cli_flag(cli, "all"), &progress, &done, &err);
    yq_meter_clear(&work.meter);
    if (!ok)
        return yq_cli_fail_err(&err);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "versions", (double)done.seen);
        yq_json_number(object, "resealed", (double)done.resealed);
        yq_json_number(object, "left", (double)done.left);
        yq_json_flag(object, "scrubbed", done.scrubbed);
        yq_print_json(object);
    } else {
        printf("%" PRIu64 " versions of records, %" PRIu64 " of them kept anew\n", done.seen,
               done.resealed);
        if (!done.scrubbed)
            puts("what was overwritten may still stand in the catalog's file: run it again while "
                 "the node stands still");
    }
    return done.left ? yq_cli_fail("%" PRIu64 " versions could not be opened, see above", done.left)
                     : YQ_EXIT_FINE;
}

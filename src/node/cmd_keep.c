/* cmd_keep.c: delete, reindex, verify. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "home.h"
#include "output.h"
#include "which.h"

/* ---- delete ---- */

static void make_label(char *label, size_t size)
{
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(label, size, "%Y%m%dT%H%M%S-delete", &tm);
}

int yq_run_delete(struct yq_cli *cli)
{
    struct yq_home home = {0};
    struct yq_err err = {0};
    struct yq_which which;
    struct yq_key key = {0};
    char label[40], where[YQ_PATH_MOST + 16];
    size_t count = 0;
    if (cli->arg_count)
        return yq_cli_usage(cli,
                            "delete takes no %s: name what goes with --study, --series or "
                            "--instance",
                            cli->args[0]);
    int status = yq_which_read(cli, &which);
    if (status != YQ_EXIT_FINE)
        return status;
    make_label(label, sizeof label);
    if (!yq_home_open(cli, 0, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    bool ok = yq_which_key(&home.house, &which, &key, &err) &&
              yq_keep_delete(&home.house, &key, label, &count, &err);
    yq_home_close(&home);
    if (!ok)
        return yq_cli_fail_err(&err);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "instances", (double)count);
        yq_json_text(object, "trash", label);
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    yq_cli_where(cli, where, sizeof where);
    printf("%zu instance%s moved to the trash; to have %s back: yingqiao import %s/trash/%s%s\n",
           count, count == 1 ? "" : "s", count == 1 ? "it" : "them", cli->data, label, where);
    return YQ_EXIT_FINE;
}

/* ---- reindex and verify: long work that tells how it goes ---- */

struct long_work {
    struct yq_meter meter;
    uint64_t troubles;
    uint64_t bytes;
    struct yq_json *list; /* NULL: text */
};

static void tell(void *context, uint64_t done, uint64_t bytes, const char *trouble)
{
    struct long_work *work = context;
    work->bytes = bytes;
    if (!trouble) {
        yq_meter_show(&work->meter, done, bytes);
        return;
    }
    work->troubles++;
    if (work->list) {
        yq_json_text(work->list, NULL, trouble);
        return;
    }
    yq_meter_clear(&work->meter);
    fprintf(stderr, "%s\n", trouble);
}

static bool move_away(const char *from, const char *to, const char *tail, struct yq_err *err)
{
    char a[YQ_PATH_MOST + 16], b[YQ_PATH_MOST + 16];
    snprintf(a, sizeof a, "%s%s", from, tail);
    snprintf(b, sizeof b, "%s%s", to, tail);
    return rename(a, b) == 0 || errno == ENOENT || yq_fail_errno(err, "node", "rename", a);
}

/* The new catalog under the usual name, the old one beside it. The old one's log must be away
 * before the new one has its name, or SQLite would take it for the new one's. */
static bool swap_catalogs(const char *data, const char *fresh, struct yq_err *err)
{
    char usual[YQ_PATH_MOST], old[YQ_PATH_MOST], shared[YQ_PATH_MOST + 16];
    if (!yq_path_join(usual, data, "catalog.sqlite", err) ||
        !yq_path_join(old, data, "catalog.sqlite.old", err))
        return false;
    if (!yq_catalog_discard(old, err))
        return false;
    if (link(usual, old) != 0 && errno != ENOENT)
        return yq_fail_errno(err, "node", "keep the old catalog as", old);
    if (!move_away(usual, old, "-wal", err))
        return false;
    snprintf(shared, sizeof shared, "%s-shm", usual);
    unlink(shared);
    return yq_sync_dir(data, err) &&
           (rename(fresh, usual) == 0 || yq_fail_errno(err, "node", "rename to", usual)) &&
           yq_sync_dir(data, err);
}

static bool reindex(struct yq_cli *cli, struct long_work *work, struct yq_reindexed *done,
                    struct yq_err *err)
{
    struct yq_home home = {0};
    char fresh[YQ_PATH_MOST], usual[YQ_PATH_MOST];
    struct yq_progress progress = {.tell = tell, .context = work};
    if (!yq_path_join(fresh, cli->data, "catalog.sqlite.new", err) ||
        !yq_path_join(usual, cli->data, "catalog.sqlite", err))
        return false;
    /* a reindex before may not have come to its end */
    if (!yq_catalog_discard(fresh, err) ||
        !yq_home_open(cli, YQ_HOME_EXCLUSIVE, "catalog.sqlite.new", &home, err))
        return false;
    bool ok = yq_catalog_health(home.house.catalog, true, err) &&
              yq_catalog_hurry(home.house.catalog, true, err);
    yq_home_hire_clerk(&home);
    ok = ok && yq_keep_reindex(&home.house, usual, &progress, done, err);
    yq_home_dismiss_clerk(&home);
    ok = ok && yq_catalog_hurry(home.house.catalog, false, err);
    yq_meter_clear(&work->meter);
    if (ok) { /* closed first, so that everything is in the one file; the folder's lock stays */
        yq_catalog_close(home.house.catalog);
        home.house.catalog = NULL;
        ok = swap_catalogs(home.data, fresh, err);
    }
    yq_audit_administered(home.house.audit, "the catalog was made anew (reindex)", ok ? NULL : err);
    yq_home_close(&home);
    struct yq_err other; /* the first error is the one that is told */
    if (!ok)
        (void)!yq_catalog_discard(fresh, &other);
    return ok;
}

/* What the files alone could not say. */
static void tell_what_came_along(const struct yq_reindexed *done)
{
    if (!done->lost || done->lost_why.code != YQ_ABSENT)
        printf("from the old catalog: who sent %" PRIu64 " of them and when, what was coerced in "
               "%" PRIu64 ", %" PRIu64 " corrections of studies; the records with their links "
               "and codes; what waits to be sent\n",
               done->known, done->coerced, done->corrections);
    if (done->lost)
        fprintf(stderr,
                "%s: records, who sent the other objects and when, what was coerced in them, and "
                "contradictions that were settled are lost where it alone knew them\n",
                done->lost_why.code == YQ_ABSENT ? "there was no old catalog"
                                                 : "the old catalog could not be read in whole");
}

int yq_run_reindex(struct yq_cli *cli)
{
    struct yq_err err = {0};
    struct long_work work = {.list = cli->json ? yq_json_array() : NULL};
    struct yq_reindexed done = {0};
    int lock yq_cleanup(yq_close) = -1;
    char time[48];
    if (cli->arg_count)
        return yq_cli_usage(cli, "reindex takes no %s", cli->args[0]);
    if (access(cli->data, F_OK) != 0)
        return yq_cli_fail("there is no folder %s: name the right one with --data DIR", cli->data);
    if (!yq_home_lock(cli->data, &lock, &err)) {
        if (err.code == YQ_BUSY)
            return yq_cli_fail("%s; stop it first, reindex wants the folder alone", err.text);
        return yq_cli_fail_err(&err);
    }
    yq_meter_start(&work.meter, "objects", 0, 0);
    if (!reindex(cli, &work, &done, &err)) {
        yq_json_free(work.list);
        return yq_cli_fail_err(&err);
    }
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "objects", (double)done.objects);
        yq_json_number(object, "known", (double)done.known);
        yq_json_number(object, "coerced", (double)done.coerced);
        yq_json_number(object, "corrections", (double)done.corrections);
        yq_json_flag(object, "lost", done.lost);
        yq_json_number(object, "troubles", (double)work.troubles);
        yq_json_add(object, "list", work.list);
        yq_print_json(object);
    } else {
        yq_duration_text(time, sizeof time, yq_meter_seconds(&work.meter));
        printf("%" PRIu64 " objects in the new catalog, made in %s; the old one is "
               "catalog.sqlite.old\n",
               done.objects, time);
        tell_what_came_along(&done);
    }
    if (work.troubles)
        return yq_cli_fail("%" PRIu64 " objects could not be taken in, see above", work.troubles);
    return YQ_EXIT_FINE;
}

int yq_run_verify(struct yq_cli *cli)
{
    struct yq_home home = {0};
    struct yq_err err = {0};
    struct long_work work = {0};
    struct yq_progress progress = {.tell = tell, .context = &work};
    struct yq_totals totals = {0};
    uint64_t objects = 0, faults = 0;
    if (cli->arg_count)
        return yq_cli_usage(cli, "verify takes no %s", cli->args[0]);
    if (!yq_home_open(cli, 0, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    work.list = cli->json ? yq_json_array() : NULL;
    bool ok = yq_catalog_totals(home.house.catalog, &totals, &err);
    yq_meter_start(&work.meter, "objects", totals.instances, totals.bytes);
    ok = ok && yq_keep_verify(&home.house, &progress, &objects, &faults, &err);
    yq_meter_clear(&work.meter);
    yq_home_close(&home);
    if (!ok) {
        yq_json_free(work.list);
        return yq_cli_fail_err(&err);
    }
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "objects", (double)objects);
        yq_json_number(object, "faults", (double)faults);
        yq_json_add(object, "list", work.list);
        yq_print_json(object);
    } else if (faults) {
        printf("%" PRIu64 " objects, %" PRIu64 " faults\n", objects, faults);
    } else {
        printf("%" PRIu64 " objects, no damage\n", objects);
    }
    return faults ? YQ_EXIT_FAILED : YQ_EXIT_FINE;
}

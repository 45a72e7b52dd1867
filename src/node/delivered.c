/* delivered.c: message by message, what of an exam went to a platform when, and what holds it. */
#include "delivered.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yq/clock.h"

static int64_t row_of(const struct yq_job *job)
{
    const char *number = strchr(job->study, ':');
    return number ? strtoll(number + 1, NULL, 10) : 0;
}

void delivered_subject(struct yq_home *home, const struct yq_job *job,
                       char subject[DELIVERED_SUBJECT_SIZE])
{
    struct yq_ledger_entry entry;
    struct yq_err ignored = {0};
    if (!yq_ledger_get_row(home->house.catalog, row_of(job), &entry, &ignored)) {
        (void)yq_copy(subject, DELIVERED_SUBJECT_SIZE, "?");
        return;
    }
    (void)yq_copy(subject, DELIVERED_SUBJECT_SIZE, entry.id);
    yq_ledger_entry_fini(&entry);
}

static bool read_pieces(struct yq_home *home, const struct yq_job *job, struct yq_sent_piece **list,
                        size_t *count)
{
    struct yq_err ignored = {0};
    *list = NULL;
    *count = 0;
    return strncmp(job->study, "exam:", 5) == 0 &&
           yq_consignments_of(home->house.catalog, job->destination, row_of(job), list, count,
                              &ignored);
}

/* "2026-03-01 08:09:10", UTC; "" for never. */
static const char *when(char text[32], int64_t ms)
{
    text[0] = '\0';
    if (ms) {
        yq_clock_text(text, 32, ms);
        text[10] = ' ';
        text[19] = '\0';
    }
    return text;
}

struct yq_json *delivered_pieces_json(struct yq_home *home, const struct yq_job *job)
{
    struct yq_json *array = yq_json_array();
    struct yq_sent_piece *list;
    size_t count;
    char text[32];
    read_pieces(home, job, &list, &count);
    for (size_t i = 0; i < count; i++) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "message", list[i].piece);
        yq_json_text(object, "state", yq_sent_state_name(list[i].state));
        yq_json_number(object, "sent", list[i].sent);
        yq_clock_text(text, sizeof text, list[i].sent_ms);
        yq_json_text(object, "last_sent", list[i].sent_ms ? text : NULL);
        yq_json_text(object, "reason", list[i].reason);
        yq_json_add(array, NULL, object);
    }
    free(list);
    return array;
}

void delivered_pieces_print(struct yq_home *home, const struct yq_job *job)
{
    static const char *const heads[] = {"MESSAGE", "STATE", "SENT", "LAST SENT (UTC)", "REASON"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = 5, .last_whole = true};
    struct yq_sent_piece *list;
    size_t count;
    char text[32];
    read_pieces(home, job, &list, &count);
    for (size_t i = 0; i < count; i++) {
        yq_table_add(&table, list[i].piece);
        yq_table_add(&table, yq_sent_state_name(list[i].state));
        yq_table_addf(&table, "%u", list[i].sent);
        yq_table_add(&table, when(text, list[i].sent_ms));
        yq_table_add(&table, list[i].reason);
    }
    free(list);
    if (count)
        yq_table_print(&table, stdout);
    else
        puts("nothing of it has been tried yet");
}

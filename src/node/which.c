/* which.c: finds what --study, --series, --instance mean. */
#include "which.h"

#include <stdlib.h>
#include <string.h>

int yq_which_read(const struct yq_cli *cli, struct yq_which *which)
{
    static const struct {
        const char *option;
        enum yq_attr attr;
    } kinds[] = {{"study", YQ_StudyInstanceUID},
                 {"series", YQ_SeriesInstanceUID},
                 {"instance", YQ_SOPInstanceUID}};
    *which = (struct yq_which){.attr = YQ_ATTR_COUNT};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *uid = yq_cli_nth(cli, kinds[i].option, 0);
        if (!uid)
            continue;
        if (which->uid || yq_cli_nth(cli, kinds[i].option, 1))
            return yq_cli_usage(cli, "give one of --study, --series, --instance, once");
        if (!yq_uid_valid(uid))
            return yq_cli_usage(cli, "--%s wants a UID: digits and dots", kinds[i].option);
        *which = (struct yq_which){.attr = kinds[i].attr, .uid = uid};
    }
    if (!which->uid)
        return yq_cli_usage(cli, "name what is meant with --study, --series or --instance");
    return YQ_EXIT_FINE;
}

bool yq_which_entries(struct yq_house *house, const struct yq_which *which, struct yq_entry **out,
                      size_t *count, struct yq_err *err)
{
    struct yq_query query yq_cleanup(yq_query_fini) = {.level = YQ_IMAGE};
    *out = NULL;
    if (!yq_query_add(&query, which->attr, which->uid, true, err) ||
        !yq_catalog_list(house->catalog, &query, out, count, err))
        return false;
    if (*count)
        return true;
    free(*out);
    *out = NULL;
    return yq_fail(err, YQ_ABSENT, "node",
                   "the node has nothing under %s: `yingqiao studies` lists what it has",
                   which->uid);
}

bool yq_which_key(struct yq_house *house, const struct yq_which *which, struct yq_key *key,
                  struct yq_err *err)
{
    struct yq_entry *entries;
    size_t count;
    if (!yq_which_entries(house, which, &entries, &count, err))
        return false;
    *key = entries[0].key;
    free(entries);
    if (which->attr != YQ_SOPInstanceUID)
        key->instance[0] = '\0';
    if (which->attr == YQ_StudyInstanceUID)
        key->series[0] = '\0';
    return true;
}

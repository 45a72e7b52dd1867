/* awaited.c: what others bring soon. Each function goes when its own file comes. */
#include <stdlib.h>
#include <string.h>

#include "yq/registry.h"

void yq_link_records(struct yq_house *house, const struct yq_submission *submissions, size_t count)
{
    (void)house, (void)submissions, (void)count;
}

void yq_check_record(const struct yq_record *record, yq_is_mapped *is_mapped, void *context,
                     struct yq_findings *findings)
{
    (void)record, (void)is_mapped, (void)context, (void)findings;
}

void yq_findings_fini(struct yq_findings *findings)
{
    free(findings->list);
    memset(findings, 0, sizeof *findings);
}

struct yq_finding *yq_findings_add(struct yq_findings *findings)
{
    if (findings->count == findings->room) {
        size_t room = findings->room ? 2 * findings->room : 8;
        struct yq_finding *grown = realloc(findings->list, room * sizeof *grown);
        if (!grown) {
            findings->failed = true;
            return NULL;
        }
        findings->list = grown;
        findings->room = room;
    }
    struct yq_finding *finding = &findings->list[findings->count++];
    memset(finding, 0, sizeof *finding);
    return finding;
}

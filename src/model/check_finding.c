/* check_finding.c: lists of findings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_inside.h"

enum { FINDINGS_MOST = 10000 }; /* of one record; more help nobody */

void yq_findings_fini(struct yq_findings *findings)
{
    free(findings->list);
    *findings = (struct yq_findings){0};
}

struct yq_finding *yq_findings_add(struct yq_findings *findings)
{
    if (findings->count == findings->room) {
        size_t room = findings->room ? findings->room * 2 : 16;
        struct yq_finding *list =
            findings->count < FINDINGS_MOST ? realloc(findings->list, room * sizeof *list) : NULL;
        if (!list) {
            findings->failed = true;
            return NULL;
        }
        findings->list = list;
        findings->room = room;
    }
    struct yq_finding *finding = &findings->list[findings->count++];
    *finding = (struct yq_finding){0};
    return finding;
}

/* What was cut within a character ends before it. */
static void mend_end(char *text, size_t size)
{
    size_t length = strlen(text), last = length;
    if (length + 1 < size)
        return;
    while (last && (text[last - 1] & 0xc0) == 0x80)
        last--;
    if (last && (text[last - 1] & 0x80))
        text[last - 1] = '\0';
}

void check_say(struct yq_findings *findings, bool serious, const char *member, const char *what,
               const char *chinese, const char *english)
{
    struct yq_finding *finding = yq_findings_add(findings);
    if (!finding)
        return;
    finding->serious = serious;
    snprintf(finding->member, sizeof finding->member, "%s", member);
    snprintf(finding->what, sizeof finding->what, "%s", what);
    snprintf(finding->chinese, sizeof finding->chinese, "%s", chinese);
    snprintf(finding->english, sizeof finding->english, "%s", english);
    mend_end(finding->member, sizeof finding->member);
    mend_end(finding->chinese, sizeof finding->chinese);
    mend_end(finding->english, sizeof finding->english);
}

/* awaited.c: what others bring soon. Each function goes when its own file comes. */
#include "yq/registry.h"

void yq_link_records(struct yq_house *house, const struct yq_submission *submissions, size_t count)
{
    (void)house, (void)submissions, (void)count;
}

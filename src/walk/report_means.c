/* report_means.c: what a courier keeps from one exam to the next: a client with its connections,
 * opened anew when the configuration says otherwise. */
#include "report_out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void yq_courier_fini(struct yq_courier *courier)
{
    if (courier->means) {
        yq_web_close(courier->means->web);
        yq_buf_fini(&courier->means->as);
    }
    free(courier->means);
    courier->means = NULL;
}

/* All that it is opened by. */
static void describe(const struct yq_platform *platform, struct yq_buf *out)
{
    yq_buf_putf(out, "%s\n%s\n%s\n%d\n%" PRId64, platform->tls_ca, platform->tls_certificate,
                platform->tls_key, platform->tls_verify, platform->timeout);
}

bool report_means_open(struct yq_courier *courier, const struct yq_platform *platform,
                       struct yq_err *err)
{
    struct yq_buf as yq_cleanup(yq_buf_fini) = {0};
    describe(platform, &as);
    if (courier->means && strcmp(yq_buf_text(&courier->means->as), yq_buf_text(&as)) == 0)
        return true;
    yq_courier_fini(courier);
    struct report_means *means = calloc(1, sizeof *means);
    if (!means || as.failed) {
        free(means);
        return yq_fail(err, YQ_FULL, "walk", "no memory for a courier");
    }
    if (!yq_platform_web(platform, &means->web, err)) {
        free(means);
        return false;
    }
    means->as = as;
    as = (struct yq_buf){0};
    courier->means = means;
    return true;
}

/* rehearse_fetch.c: the addresses that came are fetched, as the platform's front-end machine would:
 * the PDF of a report, the first and the last image of a series. Of a signed address nothing is
 * kept or said but whether it works. */
#include <stdio.h>
#include <string.h>

#include "rehearse_inside.h"
#include "yq/web.h"

enum { CONNECT_MS = 5000, TOTAL_MS = 60000, PREAMBLE = 128 };
#define ANSWER_MOST ((size_t)512 << 20)

/* Its bytes; a complaint says why not. */
static bool fetch(struct yq_findings *f, const char *member, const char *url, struct yq_buf *out)
{
    char chinese[160], english[160];
    struct yq_web_how how = {.ca = "",
                             .certificate = "",
                             .key = "",
                             .any_certificate = true, /* that is not what is rehearsed */
                             .connect_ms = CONNECT_MS,
                             .total_ms = TOTAL_MS,
                             .answer_most = ANSWER_MOST};
    struct yq_web_call call = {.method = "GET", .url = url};
    struct yq_web *web = NULL;
    struct yq_err err;
    bool reached = yq_web_open(&how, &web, &err) && yq_web_do(web, &call, &err);
    if (!reached) {
        snprintf(english, sizeof english, "it cannot be fetched: %.120s", err.text);
        rehearse_complain(f, member, "fetch", "按此地址取不到文件", english);
    } else if (call.status != 200) {
        snprintf(chinese, sizeof chinese, "按此地址取文件得到 HTTP %u", call.status);
        snprintf(english, sizeof english, "fetching it gives HTTP status %u", call.status);
        rehearse_complain(f, member, "fetch", chinese, english);
    }
    yq_web_close(web);
    *out = call.answer;
    return reached && call.status == 200;
}

static bool is_http(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

void rehearse_fetch_pdf(struct rehearse_visit *v, const struct rj *report, const char *prefix)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    const char *url = rj_text(rj_member(report, "pdf_path"));
    char member[40];
    snprintf(member, sizeof member, "%.20spdf_path", prefix);
    if (!v->r->how.fetch || !is_http(url) || !fetch(&v->findings, member, url, &bytes))
        return;
    if (bytes.length < 5 || memcmp(bytes.bytes, "%PDF-", 5) != 0)
        rehearse_complain(&v->findings, member, "pdf", "此地址的文件不是 PDF",
                          "what is there is no PDF");
}

static void fetch_image(struct rehearse_visit *v, const struct rj *path, size_t place,
                        const char *series)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    char member[32];
    snprintf(member, sizeof member, "FILEPATH[%zu]", place);
    if (!is_http(rj_text(path)) || !fetch(&v->findings, member, path->text, &bytes))
        return;
    if (bytes.length < PREAMBLE + 4 || memcmp(bytes.bytes + PREAMBLE, "DICM", 4) != 0)
        rehearse_complain(&v->findings, member, "dicom", "此地址的文件不是 DICOM",
                          "what is there is no DICOM file");
    else if (!memmem(bytes.bytes, bytes.length, series, strlen(series)))
        rehearse_complain(&v->findings, member, "dicom", "此文件不属于该序列",
                          "what is there is of another series");
}

void rehearse_fetch_series(struct rehearse_visit *v, const struct rj *series)
{
    const struct rj *paths = rj_member(series, "FILEPATH");
    const char *uid = rj_text(rj_member(series, "SERIESIUID"));
    size_t place = 0;
    if (!v->r->how.fetch || !paths || paths->type != RJ_ARRAY)
        return;
    for (const struct rj *p = paths->first; p; p = p->next, place++)
        if (place == 0 || !p->next)
            fetch_image(v, p, place, uid);
}

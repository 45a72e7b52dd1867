/* routes.c: what can be asked by HTTP: the one table. */
#include "http.h"

const struct yq_route yq_routes[] = {
    {.path = "/", .methods = YQ_GET | YQ_HEAD, .function = yq_route_index, .help = "this page"},
    {.path = "/wado",
     .methods = YQ_GET | YQ_HEAD,
     .function = yq_route_wado,
     .help = "WADO-URI (DICOM PS3.18 chapter 9): one object, as it is stored or as a picture"},
    {.path = "/health",
     .methods = YQ_GET | YQ_HEAD,
     .open = true,
     .function = yq_route_health,
     .help = "whether the node can do its work"},
    {.path = "/metrics",
     .methods = YQ_GET | YQ_HEAD,
     .function = yq_route_metrics,
     .help = "counters for Prometheus"},
    {.path = "/api/v1/studies",
     .methods = YQ_GET | YQ_HEAD,
     .function = yq_route_studies,
     .help = "studies as JSON: any attribute as a filter, limit, offset"},
    {.path = "/api/v1/{records}/{id}/pdf",
     .methods = YQ_GET | YQ_HEAD,
     .function = yq_route_pdf,
     .help = "the PDF of a report or lab report, of the latest version or another"},
    {.path = "/api/v1/{records}/{id}/pdf",
     .methods = YQ_PUT | YQ_POST,
     .function = yq_route_pdf_put,
     .bodies = "application/pdf",
     .help = "this is the PDF of the report now"},
    {.path = "/api/v1/{records}/{id}/pdf/url",
     .methods = YQ_GET,
     .function = yq_route_pdf_url,
     .help = "a URL of it that needs no login until it expires"},
    {.path = "/files/{name}",
     .methods = YQ_GET | YQ_HEAD,
     .open = true,
     .function = yq_route_file,
     .help = "a PDF by its name: on a signed URL without login"},
};
const size_t yq_route_count = sizeof yq_routes / sizeof *yq_routes;

bool yq_http_open(struct yq_house *house, struct yq_http **out, struct yq_err *err)
{
    return yq_http_open_routes(house, yq_routes, yq_route_count, out, err);
}

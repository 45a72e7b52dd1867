/* routes.c: what can be asked by HTTP: the one table. */
#include "http.h"

const struct yq_route yq_routes[] = {
    {"/", YQ_GET | YQ_HEAD, false, yq_route_index, "this page"},
    {"/wado", YQ_GET | YQ_HEAD, false, yq_route_wado,
     "WADO-URI (DICOM PS3.18 chapter 9): one object, as it is stored or as a picture"},
    {"/health", YQ_GET | YQ_HEAD, true, yq_route_health, "whether the node can do its work"},
    {"/metrics", YQ_GET | YQ_HEAD, false, yq_route_metrics, "counters for Prometheus"},
    {"/api/v1/studies", YQ_GET | YQ_HEAD, false, yq_route_studies,
     "studies as JSON: any attribute as a filter, limit, offset"},
};
const size_t yq_route_count = sizeof yq_routes / sizeof *yq_routes;

bool yq_http_open(struct yq_house *house, struct yq_http **out, struct yq_err *err)
{
    return yq_http_open_routes(house, yq_routes, yq_route_count, out, err);
}

/* served.c: what the platforms of the provinces ask of this node, on the paths that their documents
 * print: the services of house->provinces as further rows of the route table.
 *
 * They need no token: a platform is known by its address, `hosts` of an enabled entry of
 * platforms.json with `serve` on, and where its interface has a signature, by that. For everybody
 * else there is nothing under these paths. What a service is asked, and who was not believed, is
 * told to the audit trail. Runs on worker threads, served_platform also on those that wait on
 * sockets. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "yq/log.h"
#include "yq/province.h"

/* ---- the table ---- */

static void answer(struct yq_house *house, const struct request *request, struct reply *reply);

static size_t count_services(const struct yq_house *house)
{
    size_t count = 0;
    for (int i = 0; i < YQ_PROVINCE_COUNT; i++) {
        const struct yq_province *province = yq_province_of(house, (enum yq_province_id)i);
        count += province ? province->service_count : 0;
    }
    return count;
}

bool served_new(const struct yq_house *house, struct served **out, size_t *count,
                struct yq_err *err)
{
    size_t room = count_services(house);
    *count = 0;
    *out = room ? calloc(room, sizeof **out) : NULL;
    if (room && !*out)
        return yq_fail(err, YQ_FULL, "door", "no memory for the services of platforms");
    for (int i = 0; i < YQ_PROVINCE_COUNT; i++) {
        const struct yq_province *province = yq_province_of(house, (enum yq_province_id)i);
        for (size_t j = 0; province && j < province->service_count && *count < room; j++) {
            const struct yq_service *service = &province->services[j];
            (*out)[(*count)++] =
                (struct served){.route = {.path = service->path,
                                          .methods = service->post ? YQ_POST : YQ_GET,
                                          .open = true,
                                          .function = answer,
                                          .help = service->help,
                                          .bodies = service->post ? "*" : NULL,
                                          .body_most = service->body_most},
                                .service = service,
                                .province = i};
        }
    }
    return true;
}

/* Behind a proxy of this machine everybody is near: then only who is named is. */
static bool may_ask(const struct yq_platform *platform, const char *address, bool proxied)
{
    bool named = platform->hosts[strspn(platform->hosts, " ")];
    return platform->enabled && platform->serve != YQ_SERVE_NOT && (named || !proxied) &&
           yq_conf_hosts_fit(platform->hosts, address);
}

bool served_platform(struct yq_house *house, const struct served *served, const char *address,
                     bool proxied, char platform[17])
{
    bool found = false;
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    for (size_t i = 0; i < conf->platform_count && !found; i++) {
        const struct yq_platform *one = &conf->platforms[i];
        found = (int)one->province == served->province && may_ask(one, address, proxied) &&
                yq_copy(platform, sizeof one->name, one->name);
    }
    yq_conf_release(house->conf, conf);
    return found;
}

/* ---- one question ---- */

static const char *header(const struct yq_inquiry *inquiry, const char *name)
{
    return yq_request_header(inquiry->context, name);
}

/* What came of it: who was not believed is a matter of security, anything else a question. */
static void tell(struct yq_house *house, const struct request *request,
                 const struct yq_platform *platform, const struct yq_reply_to *said)
{
    struct yq_buf url yq_cleanup(yq_buf_fini) = {0};
    struct yq_origin from = request->from;
    struct yq_err failed = said->trouble;
    if (said->refused) {
        if (failed.code != YQ_OK)
            yq_log_err(YQ_LOG_WARN, "platform-not-answered", &failed, "platform=%s path=%s",
                       platform->name, request->route->path);
        yq_log(YQ_LOG_WARN, "platform-refused", "platform=%s path=%s peer=%s reason=\"%s\"",
               platform->name, request->route->path, from.address, said->refused);
        yq_audit_refused(house->audit, &from, said->refused);
        return;
    }
    (void)yq_copy(from.user, sizeof from.user, platform->name);
    yq_buf_puts(&url, request->route->path);
    if (said->asked.length)
        yq_buf_puts(&url, yq_buf_text(&said->asked));
    if (failed.code == YQ_OK && said->status >= 400)
        yq_fail(&failed, YQ_BAD_INPUT, "door", "answered with status %u", said->status);
    yq_audit_query_url(house->audit, &from, yq_buf_text(&url),
                       failed.code != YQ_OK ? &failed : NULL);
    if (failed.code != YQ_OK)
        yq_log_err(YQ_LOG_WARN, "platform-not-answered", &failed, "platform=%s path=%s",
                   platform->name, request->route->path);
    else
        yq_log(YQ_LOG_INFO, "platform-answered", "platform=%s path=%s bytes=%zu", platform->name,
               request->route->path, said->body.length);
}

static void ask(struct yq_inquiry *inquiry, const struct request *request, struct reply *reply)
{
    const struct served *served = (const struct served *)request->route;
    struct yq_served_param params[YQ_SERVED_PARAMS];
    struct yq_reply_to said = {.status = 200};
    if (request->params.count > YQ_SERVED_PARAMS) {
        yq_reply_problem(reply, 400, "there are more than %d parameters", YQ_SERVED_PARAMS);
        return;
    }
    for (size_t i = 0; i < request->params.count; i++)
        params[i] =
            (struct yq_served_param){request->params.list[i].name, request->params.list[i].value};
    inquiry->params = params;
    inquiry->param_count = request->params.count;
    served->service->answer(inquiry, &said);
    tell(inquiry->house, request, inquiry->platform, &said);
    reply->body = said.body;
    yq_buf_fini(&said.asked);
    yq_reply_header(reply, "Cache-Control", "no-store");
    yq_reply_body(reply, said.status, said.type ? said.type : "application/json;charset=UTF-8");
}

static void answer(struct yq_house *house, const struct request *request, struct reply *reply)
{
    struct yq_err err = {0};
    if (!yq_audit_ready(house->audit, &err)) {
        yq_reply_error_as(reply, 503, &err);
        return;
    }
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    struct yq_inquiry inquiry = {.house = house,
                                 .conf = conf,
                                 .platform = yq_conf_platform(conf, request->platform),
                                 .from = &request->from,
                                 .body = yq_buf_text(&request->body),
                                 .length = request->body.length,
                                 .header = header,
                                 .context = request};
    if (inquiry.platform)
        ask(&inquiry, request, reply);
    else /* taken out of the configuration this moment */
        yq_reply_problem(reply, 404, "there is nothing under this path; / lists what is");
    yq_conf_release(house->conf, conf);
}

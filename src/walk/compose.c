/* compose.c: a field table and records at hand become a message: JSON with the document's members
 * in its order, beside it what tells two messages apart and what people may see, and what the
 * province would refuse (fields.h does the rules). Knows no province: what only a call can tell
 * comes as node.NAME. No personal value gets into findings or errors. Any thread. */
#include <stdio.h>
#include <string.h>

#include "yq/attachment.h"
#include "yq/codes.h"
#include "yq/compose.h"
#include "yq/form.h"

enum { DEPTH_MOST = 12, SHOWN_MOST = 400 };

void yq_composed_fini(struct yq_composed *composed)
{
    yq_buf_fini(&composed->message);
    yq_buf_fini(&composed->identity);
    yq_buf_fini(&composed->shown);
    yq_findings_fini(&composed->findings);
    *composed = (struct yq_composed){0};
}

/* ---- what names say ---- */

struct composing {
    struct yq_house *house;
    const struct yq_conf *conf;
    const struct yq_node_value *values;
    size_t count;
    bool own; /* by the hospital's own lines too */
};

static const char *setting_of(const struct yq_conf *conf, const char *name)
{
    const struct {
        const char *name, *value;
    } settings[] = {{"code", conf->hospital_code},
                    {"name", conf->hospital_name},
                    {"insuranceCode", conf->hospital_insurance_code},
                    {"insuranceName", conf->hospital_insurance_name},
                    {"insuranceDivision", conf->hospital_insurance_division},
                    {"level", conf->hospital_level}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(settings[i].name, name) == 0)
            return settings[i].value;
    return NULL;
}

static const char *outside(void *context, const char *name, bool identity)
{
    const struct composing *c = context;
    if (strncmp(name, "hospital.", 9) == 0)
        return c->conf ? setting_of(c->conf, name + 9) : NULL;
    if (strncmp(name, "node.", 5) != 0)
        return NULL;
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->values[i].name, name + 5) == 0)
            return identity && c->values[i].identity ? c->values[i].identity : c->values[i].value;
    return NULL;
}

static bool convert(void *context, const char *from, const char *to, const char *code,
                    struct yq_buf *out)
{
    const struct composing *c = context;
    struct yq_code_context codes = {c->house, ""};
    return yq_codes_convert(&codes, from, to, code, out);
}

static const struct yq_fields *fields_for(void *context, const struct yq_interface *interface)
{
    const struct composing *c = context;
    return c->own && c->conf ? yq_conf_fields(c->conf, interface) : yq_fields_of(interface);
}

static struct yq_scope scope_of(struct composing *c, const struct yq_company *company)
{
    return (struct yq_scope){.records = (const struct yq_record *const *)company->records,
                             .count = company->count,
                             .outside = outside,
                             .node = true,
                             .convert = c->house && c->house->catalog ? convert : NULL,
                             .fields = fields_for,
                             .context = c};
}

/* ---- the pen ---- */

struct writing {
    struct yq_composed *out;
    bool indent;
    unsigned depth;
};

static void put_name(struct yq_buf *out, const char *name, bool indent, unsigned depth)
{
    uint8_t last = out->length ? out->bytes[out->length - 1] : '[';
    if (last != '{' && last != '[')
        yq_buf_puts(out, ",");
    if (indent && depth)
        yq_buf_putf(out, "\n%*s", (int)(2 * depth), "");
    if (!name)
        return;
    yq_json_put_text(out, name);
    yq_buf_puts(out, indent ? ": " : ":");
}

static void begin(void *context, const char *name, bool array)
{
    struct writing *w = context;
    put_name(&w->out->message, name, w->indent, w->depth);
    put_name(&w->out->shown, name, w->indent, w->depth);
    put_name(&w->out->identity, name, false, 0);
    w->depth++;
    yq_buf_puts(&w->out->message, array ? "[" : "{");
    yq_buf_puts(&w->out->shown, array ? "[" : "{");
    yq_buf_puts(&w->out->identity, array ? "[" : "{");
}

static void put_end(struct yq_buf *out, bool array, bool indent, unsigned depth)
{
    if (indent && out->length && out->bytes[out->length - 1] != '{' &&
        out->bytes[out->length - 1] != '[')
        yq_buf_putf(out, "\n%*s", (int)(2 * depth), "");
    yq_buf_puts(out, array ? "]" : "}");
}

static void end(void *context, bool array)
{
    struct writing *w = context;
    w->depth--;
    put_end(&w->out->message, array, w->indent, w->depth);
    put_end(&w->out->shown, array, w->indent, w->depth);
    put_end(&w->out->identity, array, false, 0);
}

static void put_value(struct yq_buf *out, const char *text, bool number)
{
    if (number)
        yq_buf_puts(out, text);
    else
        yq_json_put_text(out, text);
}

/* As people may see it: masked, without signatures of URLs, not too long. */
static void show_value(struct yq_buf *out, const struct yq_written *written)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    const char *value = written->identity;
    size_t length = strlen(value);
    if (written->line->personal)
        yq_record_mask(written->line->personal, value, &text);
    else if (length > SHOWN_MOST)
        yq_buf_putf(&text, "(%zu bytes)", length);
    if (text.length)
        yq_json_put_text(out, yq_buf_text(&text));
    else
        put_value(out, value, written->number);
}

static void value(void *context, const char *name, const struct yq_written *written)
{
    struct writing *w = context;
    put_name(&w->out->message, name, w->indent, w->depth);
    put_value(&w->out->message, written->text, written->number);
    put_name(&w->out->shown, name, w->indent, w->depth);
    show_value(&w->out->shown, written);
    if (written->line->stamp)
        return;
    put_name(&w->out->identity, name, false, 0);
    put_value(&w->out->identity, written->identity, written->number);
}

/* ---- a message ---- */

static void count_held(const struct yq_node_value *values, size_t count, struct yq_composed *out)
{
    bool removed = false;
    for (size_t i = 0; i < count; i++)
        removed = removed || (strcmp(values[i].name, "removed") == 0 && *values[i].value);
    for (size_t i = 0; i < out->findings.count; i++) {
        if (removed) /* what is to go away there need not be whole */
            out->findings.list[i].held = false;
        out->held += out->findings.list[i].held;
    }
}

bool yq_compose(struct yq_house *house, const struct yq_conf *conf,
                const struct yq_platform *platform, const struct yq_interface *interface,
                const struct yq_company *company, const struct yq_node_value *values,
                size_t value_count, bool indent, struct yq_composed *out, struct yq_err *err)
{
    struct composing c = {house, conf, values, value_count, .own = platform};
    struct writing w = {.out = out, .indent = indent};
    const struct yq_pen pen = {begin, end, value, &w};
    const struct yq_scope scope = scope_of(&c, company);
    const struct yq_fields *fields = fields_for(&c, interface);
    *out = (struct yq_composed){0};
    if (!fields || !fields->count)
        return yq_fail(err, YQ_ABSENT, "walk", "%s/%s has no field table", interface->platform,
                       interface->name);
    yq_fields_walk(fields, &scope, &pen, &out->findings);
    count_held(values, value_count, out);
    if (!out->message.failed && !out->identity.failed && !out->shown.failed &&
        !out->findings.failed)
        return true;
    yq_composed_fini(out);
    return yq_fail(err, YQ_FULL, "walk", "no memory for a message");
}

/* ---- only looked at ---- */

void yq_compose_check(struct yq_house *house, const struct yq_conf *conf,
                      const struct yq_interface *interface, const struct yq_company *company,
                      struct yq_findings *findings)
{
    const struct yq_record *first = company->count ? company->records[0] : NULL;
    const struct yq_node_value pdf = {"pdfUrl", "pdf", NULL}; /* could be made of it */
    bool has_pdf = first && first->kind == YQ_KIND_REPORT && yq_record_get(first, "pdf");
    struct composing c = {house, conf, &pdf, has_pdf, .own = true};
    const struct yq_scope scope = scope_of(&c, company);
    const struct yq_fields *fields = fields_for(&c, interface);
    if (fields)
        yq_fields_walk(fields, &scope, NULL, findings);
    else
        findings->failed = true;
}

bool yq_compose_check_province(struct yq_house *house, const struct yq_conf *conf,
                               const char *province, const struct yq_company *company,
                               struct yq_findings *findings)
{
    bool any = false;
    for (size_t i = 0; i < yq_interface_count; i++) {
        const struct yq_interface *interface = &yq_interfaces[i];
        if (strcmp(interface->platform, province) != 0 ||
            !yq_interface_collects(interface, company->records[0]->kind))
            continue;
        any = true;
        yq_compose_check(house, conf, interface, company, findings);
    }
    return any;
}

/* ---- the PDF ---- */

static bool read_pdf(struct yq_house *house, const char *name, struct yq_buf *room,
                     struct yq_err *err)
{
    struct yq_attachment about;
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    int fd yq_cleanup(yq_close) = -1;
    size_t got = 0;
    if (!yq_attachment_open(house, name, &fd, &about, err))
        return false;
    if (!yq_buf_raw(&bytes, (size_t)about.size))
        return yq_fail(err, YQ_FULL, "walk", "no memory for a PDF");
    if (!yq_read_at(fd, bytes.bytes, bytes.length, 0, &got, err))
        return false;
    if (got != about.size)
        return yq_fail(err, YQ_IO, "walk", "the PDF became shorter while it was read");
    yq_form_base64_write(bytes.bytes, bytes.length, room);
    return !room->failed || yq_fail(err, YQ_FULL, "walk", "no memory for a PDF");
}

bool yq_compose_pdf(struct yq_house *house, enum yq_pdf_how how, const struct yq_company *company,
                    struct yq_buf *room, struct yq_node_value *out, struct yq_err *err)
{
    const struct yq_record *report = company->count ? company->records[0] : NULL;
    const char *name =
        report && report->kind == YQ_KIND_REPORT ? yq_record_get(report, "pdf") : NULL;
    if (!name)
        return yq_fail(err, YQ_ABSENT, "walk", "the report has no PDF here");
    yq_buf_clear(room);
    bool ok = how == YQ_PDF_BASE64 ? read_pdf(house, name, room, err)
                                   : yq_attachment_url(house, name, "a report's message",
                                                       yq_attachment_url_until(house), room, err);
    *out = (struct yq_node_value){how == YQ_PDF_BASE64 ? "pdfBase64" : "pdfUrl", yq_buf_text(room),
                                  name};
    return ok;
}

void yq_compose_reason(const struct yq_composed *composed, char *out, size_t size)
{
    size_t at = 0;
    *out = '\0';
    for (size_t i = 0; i < composed->findings.count && at + 1 < size; i++) {
        const struct yq_finding *f = &composed->findings.list[i];
        if (!f->held)
            continue;
        int more = snprintf(out + at, size - at, "%s%s: %s", at ? "; " : "", f->member, f->english);
        if (more < 0 || (size_t)more >= size - at) { /* whole ones only, but for the first */
            if (at)
                out[at] = '\0';
            break;
        }
        at += (size_t)more;
    }
}

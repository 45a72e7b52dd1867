/* compose.h: a province's message made from records by its field table (walk/compose.c). The same
 * tables check, document (`yingqiao fields`) and compose: fields.h. Room walk.
 *
 * Names in a field's source: kind.member of the records at hand; hospital.code, hospital.name,
 * hospital.insuranceCode, hospital.insuranceName, hospital.insuranceDivision, hospital.level from
 * the node's settings (hospital.* in node.json); and what the caller gives: node.NAME, those that
 * yq_outside_names lists (fields.c; a new one is added there). Type 数字, Integer, int, Long: a
 * JSON number where the value is one; array and List<...>: a JSON array, of values or of objects of
 * another interface; else a string. */
#ifndef YQ_COMPOSE_H
#define YQ_COMPOSE_H

#include "yq/check.h"
#include "yq/company.h"
#include "yq/fields.h"
#include "yq/platforms.h"
#include "yq/walk.h"

struct yq_node_value {        /* what only the node knows: "pdfUrl", "seriesUid" */
    const char *name, *value; /* without "node."; several values with line feeds between */
    const char *identity;     /* what stands for it where contents are compared (a URL that expires
                                 changes every time), as many values; NULL: the value. It also
                                 stands for it in `shown`. */
};
/* Objects of a list of the node's: {"examInfo", "CT\nMR"}, {"examInfo[CT].exams", "5"}, ... */

struct yq_composed {             /* ended with yq_composed_fini */
    struct yq_buf message;       /* one line of JSON, UTF-8, members in the document's order */
    struct yq_buf identity;      /* equal for two messages that say the same; when a record was
                                    changed last is no part of that */
    struct yq_buf shown;         /* the message with what is personal masked, for lists of calls */
    struct yq_findings findings; /* what the province would refuse of it, by the gate */
    size_t held;                 /* of them, those for which it is held back */
};
void yq_composed_fini(struct yq_composed *composed);

/* `platform` NULL: no own lines of the hospital's. `indent`: for people. A field without a value is
 * left out. Findings are no error. With node.removed nothing is held back. */
yq_must_check bool yq_compose(struct yq_house *house, const struct yq_conf *conf,
                              const struct yq_platform *platform,
                              const struct yq_interface *interface,
                              const struct yq_company *company, const struct yq_node_value *values,
                              size_t value_count, bool indent, struct yq_composed *out,
                              struct yq_err *err);

/* What the province would refuse of the company by an interface that collects records, by the
 * hospital's own lines too: nothing is made, and a PDF that is here counts as given. */
void yq_compose_check(struct yq_house *house, const struct yq_conf *conf,
                      const struct yq_interface *interface, const struct yq_company *company,
                      struct yq_findings *findings);
/* The same by all interfaces of a province that collect such records. False: it has none. */
bool yq_compose_check_province(struct yq_house *house, const struct yq_conf *conf,
                               const char *province, const struct yq_company *company,
                               struct yq_findings *findings);

/* The PDF of the report that company->records[0] is, as `how` wants it: *out is node.pdfUrl or
 * node.pdfBase64, with `room` behind it. False with YQ_ABSENT: it has none of this node's. */
yq_must_check bool yq_compose_pdf(struct yq_house *house, enum yq_pdf_how how,
                                  const struct yq_company *company, struct yq_buf *room,
                                  struct yq_node_value *out, struct yq_err *err);

/* The first sentences of what holds it back, for lists and reasons: "patName: ...; ...". */
void yq_compose_reason(const struct yq_composed *composed, char *out, size_t size);

#endif

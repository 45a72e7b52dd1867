/* compose.h: a province's message made from records by its field table (walk/compose.c). The same
 * tables check (check.h), document (`yingqiao fields`) and compose. Room walk.
 *
 * Names in a field's source: kind.member of the records at hand; hospital.code, hospital.name,
 * hospital.insuranceCode, hospital.insuranceName, hospital.insuranceDivision, hospital.level from
 * the node's settings (hospital.* in node.json); and what the caller gives: node.NAME. Type 数字,
 * Integer, int, Long: a JSON number where the value is one; array and List<...>: a JSON array, of
 * values or of objects of another interface; else a string. */
#ifndef YQ_COMPOSE_H
#define YQ_COMPOSE_H

#include "yq/check.h"
#include "yq/company.h"
#include "yq/platforms.h"
#include "yq/walk.h"

struct yq_node_value {        /* what only the node knows: "pdfUrl", "seriesUid" */
    const char *name, *value; /* without "node."; several values with line feeds between */
    const char *identity;     /* what stands for it where contents are compared (a URL that expires
                                 changes every time); NULL: the value */
};
struct yq_composed {             /* ended with yq_composed_fini */
    struct yq_buf message;       /* one line of JSON, UTF-8, members in the document's order */
    struct yq_buf identity;      /* equal for two messages that say the same */
    struct yq_findings findings; /* what the province would refuse of it, by the gate */
    size_t held;                 /* of them, those for which it is held back */
};
void yq_composed_fini(struct yq_composed *composed);

/* `platform` NULL: no own lines of the hospital's. `indent`: for people. A 否 field without a value
 * is left out. Findings are no error. */
yq_must_check bool yq_compose(struct yq_house *house, const struct yq_conf *conf,
                              const struct yq_platform *platform,
                              const struct yq_interface *interface,
                              const struct yq_company *company, const struct yq_node_value *values,
                              size_t value_count, bool indent, struct yq_composed *out,
                              struct yq_err *err);

#endif

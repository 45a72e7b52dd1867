/* check_interface.c: the interfaces of the provinces, and what one would refuse of a record, by its
 * field table as the province has it. Pure. */
#include <string.h>

#include "fields_inside.h"

const struct yq_interface *yq_interface_find(const char *platform, const char *name)
{
    for (size_t i = 0; i < yq_interface_count; i++)
        if (strcmp(yq_interfaces[i].platform, platform) == 0 &&
            strcmp(yq_interfaces[i].name, name) == 0)
            return &yq_interfaces[i];
    return NULL;
}

bool yq_interface_collects(const struct yq_interface *interface, enum yq_kind kind)
{
    if (!interface->collected || interface->kind == YQ_KIND_COUNT)
        return false;
    for (size_t i = 0; i < yq_kinds[kind].count; i++)
        if (yq_kinds[kind].members[i].type == YQ_VALUE_LIST &&
            yq_kinds[kind].members[i].of == interface->kind)
            return true;
    return interface->kind == kind;
}

bool yq_field_value(const struct yq_field *field, const struct yq_record *const *records,
                    size_t count, struct yq_buf *out)
{
    const struct yq_scope scope = {.records = records, .count = count};
    for (size_t i = 0; i < yq_interface_count; i++) {
        const struct yq_interface *f = &yq_interfaces[i];
        if (!f->count || field < f->fields || field >= f->fields + f->count)
            continue;
        const struct yq_fields *fields = yq_fields_of(f);
        return fields && yq_fields_value(&fields->lines[field - f->fields], &scope, out);
    }
    return false;
}

void yq_check_interface_among(const struct yq_interface *interface,
                              const struct yq_record *const *records, size_t count,
                              struct yq_findings *findings)
{
    const struct yq_scope scope = {.records = records, .count = count};
    const struct yq_fields *fields = yq_fields_of(interface);
    if (fields)
        yq_fields_walk(fields, &scope, NULL, findings);
    else
        findings->failed = true;
}

void yq_check_interface(const struct yq_interface *interface, const struct yq_record *record,
                        struct yq_findings *findings)
{
    yq_check_interface_among(interface, &record, 1, findings);
}

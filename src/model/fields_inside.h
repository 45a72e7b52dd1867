/* fields_inside.h: what the files about field tables share. */
#ifndef YQ_MODEL_FIELDS_INSIDE_H
#define YQ_MODEL_FIELDS_INSIDE_H

#include "yq/fields.h"

/* "exam.patientName"; false: there is no such member. */
bool fields_split_name(const char *name, enum yq_kind *kind, const struct yq_member **member);
const struct yq_outside_name *fields_outside(const char *name); /* NULL: none of this name */
/* Works out what can be, of line->field. YQ_BAD_INPUT: what is wrong with it. */
bool fields_prepare(struct yq_field_line *line, const struct yq_interface *interface,
                    struct yq_err *err);
void fields_release(struct yq_field_line *line);
/* The table as the province has it, made anew. *line: of its file, where it is wrong. */
struct yq_fields *fields_make(const struct yq_interface *interface, unsigned *line,
                              struct yq_err *err);

#endif

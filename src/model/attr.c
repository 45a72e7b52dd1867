/* attr.c: the attribute table, made from the list in attr.h. */
#include "yq/attr.h"

#include <string.h>
#include <strings.h>

const struct yq_attr_info yq_attrs[YQ_ATTR_COUNT] = {
#define YQ_ATTR_ROW(name, tag, vr, level, within, source) {#name, tag, vr, level, within, source},
    YQ_ATTRS(YQ_ATTR_ROW)
#undef YQ_ATTR_ROW
};

enum yq_attr yq_attr_by_tag(uint32_t tag, uint32_t within)
{
    int i = 0;
    while (i < YQ_ATTR_COUNT && (yq_attrs[i].tag != tag || yq_attrs[i].within != within))
        i++;
    return (enum yq_attr)i;
}

enum yq_attr yq_attr_by_name(const char *name)
{
    int i = 0;
    while (i < YQ_ATTR_COUNT && strcasecmp(yq_attrs[i].name, name) != 0)
        i++;
    return (enum yq_attr)i;
}

enum yq_attr yq_level_key(enum yq_qr_level level)
{
    static const enum yq_attr keys[] = {YQ_PatientID, YQ_StudyInstanceUID, YQ_SeriesInstanceUID,
                                        YQ_SOPInstanceUID};
    return keys[level];
}

static const char *const level_names[] = {"PATIENT", "STUDY", "SERIES", "IMAGE"};

const char *yq_level_name(enum yq_qr_level level) { return level_names[level]; }

bool yq_level_parse(const char *text, enum yq_qr_level *level)
{
    for (int i = YQ_PATIENT; i <= YQ_IMAGE; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum yq_qr_level)i;
            return true;
        }
    }
    return false;
}

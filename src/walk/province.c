/* province.c: which province is which. */
#include "yq/province.h"

const struct yq_province *yq_province_of(const struct yq_house *house, enum yq_province_id id)
{
    return house->provinces && (unsigned)id < YQ_PROVINCE_COUNT ? house->provinces[id] : NULL;
}

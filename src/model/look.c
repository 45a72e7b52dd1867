/* look.c: what a look owns. */
#include "yq/look.h"

#include <stdlib.h>
#include <string.h>

void yq_lut_fini(struct yq_lut *lut)
{
    free(lut->values);
    memset(lut, 0, sizeof *lut);
}

bool yq_lut_copy(struct yq_lut *to, const struct yq_lut *from)
{
    *to = *from;
    to->values = NULL;
    if (!from->entries)
        return true;
    to->values = malloc(from->entries * sizeof *to->values);
    if (to->values)
        memcpy(to->values, from->values, from->entries * sizeof *to->values);
    else
        to->entries = 0;
    return to->values;
}

void yq_look_fini(struct yq_look *look)
{
    yq_lut_fini(&look->modality);
    yq_lut_fini(&look->presentation);
    for (size_t i = 0; i < look->voi_count; i++)
        yq_lut_fini(&look->voi[i]);
    for (size_t i = 0; i < look->overlay_count; i++)
        free(look->overlays[i].bits);
    for (size_t i = 0; i < look->graphic_count; i++)
        free(look->graphics[i].points);
    for (size_t i = 0; i < look->caption_count; i++)
        free(look->captions[i].text);
    free(look->voi);
    free(look->overlays);
    free(look->shutter.vertices);
    free(look->graphics);
    free(look->captions);
    memset(look, 0, sizeof *look);
}

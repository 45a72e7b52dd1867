/* presentation.c: how a presentation state shows an image.
 *
 * Knows the grayscale and the color softcopy presentation state (PS3.3 A.33.1, A.33.2, C.11.8,
 * C.11.6, C.10.4, C.10.6, C.9.3, C.7.6.11, C.7.6.15; PS3.4 N.2): what it does not say is identity,
 * not what the image says, but for the pixels' shape. The image's overlays are shown where it
 * activates them. Refuses other kinds, which need more than one image or a palette. Thread-safe. */
#include "presentation.h"

#include <stdlib.h>
#include <string.h>

#include "yq/frames.h"

#define ROOM "dcm"
#define CLASS_GRAYSCALE "1.2.840.10008.5.1.4.1.1.11.1"
#define CLASS_COLOR "1.2.840.10008.5.1.4.1.1.11.2"
#define CLASS_ANY "1.2.840.10008.5.1.4.1.1.11."
#define TAG_IMAGES 0x00081140u

/* ---- of which image it speaks ---- */

static bool names_frame(const struct yq_item *image, unsigned frame)
{
    int64_t number;
    size_t count = yq_item_values(image, 0x00081160);
    for (size_t i = 0; i < count; i++)
        if (yq_item_whole(image, 0x00081160, i, &number) && number == (int64_t)frame + 1)
            return true;
    return !count;
}

static bool names_image(const struct yq_subject *subject, const struct yq_item *item)
{
    for (size_t i = 0; i < yq_item_count(item, TAG_IMAGES); i++) {
        const struct yq_item *image = yq_item_at(item, TAG_IMAGES, i);
        if (strcmp(yq_item_text(image, 0x00081155), subject->image_uid) == 0 &&
            names_frame(image, subject->frame))
            return true;
    }
    return false;
}

bool yq_subject_is_meant(const struct yq_subject *subject, const struct yq_item *item)
{
    return !yq_item_count(item, TAG_IMAGES) || names_image(subject, item);
}

const struct yq_item *yq_subject_item(const struct yq_subject *subject, const struct yq_item *root,
                                      uint32_t tag)
{
    for (size_t i = 0; i < yq_item_count(root, tag); i++)
        if (yq_subject_is_meant(subject, yq_item_at(root, tag, i)))
            return yq_item_at(root, tag, i);
    return NULL;
}

static bool check(const struct yq_item *root, const struct yq_subject *subject, struct yq_err *err)
{
    const char *sop_class = yq_item_text(root, 0x00080016);
    if (strncmp(sop_class, CLASS_ANY, sizeof CLASS_ANY - 1) != 0)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the object is no presentation state");
    if (strcmp(sop_class, CLASS_GRAYSCALE) != 0 && strcmp(sop_class, CLASS_COLOR) != 0)
        return yq_fail(err, YQ_REFUSED, ROOM,
                       "presentation states of this kind (%s) cannot be applied", sop_class);
    for (size_t i = 0; i < yq_item_count(root, 0x00081115); i++)
        if (names_image(subject, yq_item_at(root, 0x00081115, i)))
            return true;
    return yq_fail(err, YQ_ABSENT, ROOM,
                   "the presentation state does not speak of this image and frame");
}

/* ---- its parts ---- */

static int corner(const struct yq_item *item, uint32_t tag, size_t index, int otherwise)
{
    int64_t value;
    return yq_item_whole(item, tag, index, &value) && value >= INT32_MIN && value <= INT32_MAX
               ? (int)value
               : otherwise;
}

static void order(int *low, int *high)
{
    int kept = *low;
    if (*low <= *high)
        return;
    *low = *high;
    *high = kept;
}

/* The corners are those of what is seen; of a picture turned over they come in another order. */
static void read_area(const struct yq_item *item, struct yq_look *look)
{
    struct yq_area *area = &look->area;
    char mode[20] = "";
    double ratio[2];
    if (!item || yq_item_values(item, 0x00700052) < 2 || yq_item_values(item, 0x00700053) < 2)
        return;
    look->has_area = true;
    area->left = corner(item, 0x00700052, 0, 1);
    area->top = corner(item, 0x00700052, 1, 1);
    area->right = corner(item, 0x00700053, 0, 1);
    area->bottom = corner(item, 0x00700053, 1, 1);
    order(&area->left, &area->right);
    order(&area->top, &area->bottom);
    (void)yq_item_value(item, 0x00700100, 0, mode, sizeof mode);
    area->mode = strcmp(mode, "TRUE SIZE") == 0 ? YQ_AREA_TRUE_SIZE
                 : strcmp(mode, "MAGNIFY") == 0 ? YQ_AREA_MAGNIFY
                                                : YQ_AREA_FIT;
    area->magnification = 1;
    (void)yq_item_number(item, 0x00700103, 0, &area->magnification);
    if (area->magnification <= 0)
        area->magnification = 1;
    bool spaced = yq_item_number(item, 0x00700101, 0, &ratio[0]) &&
                  yq_item_number(item, 0x00700101, 1, &ratio[1]) && ratio[0] > 0 && ratio[1] > 0;
    if (spaced)
        memcpy(area->spacing, ratio, sizeof ratio);
    else if (!yq_item_number(item, 0x00700102, 0, &ratio[0]) ||
             !yq_item_number(item, 0x00700102, 1, &ratio[1]) || ratio[0] <= 0 || ratio[1] <= 0)
        return;
    if (ratio[0] / ratio[1] <= 100 && ratio[1] / ratio[0] <= 100)
        look->aspect = ratio[0] / ratio[1];
}

static void read_turn(const struct yq_item *root, struct yq_look *look)
{
    int64_t degrees = 0;
    char flip[8] = "";
    (void)yq_item_whole(root, 0x00700042, 0, &degrees);
    (void)yq_item_value(root, 0x00700041, 0, flip, sizeof flip);
    if (degrees == 90 || degrees == 180 || degrees == 270)
        look->rotation = (unsigned)degrees;
    look->flipped = strcmp(flip, "Y") == 0;
}

/* Its own planes, and those of the image that it activates, which are taken from there. C.11.7 */
static bool read_overlays(const struct yq_item *root, unsigned frame, struct yq_look *image,
                          struct yq_look *look, struct yq_err *err)
{
    for (uint32_t i = 0; i < YQ_OVERLAY_GROUPS; i++) {
        struct yq_overlay plane;
        uint32_t group = 0x6000 + 2 * i;
        bool active = yq_item_text(root, group << 16 | 0x1001)[0];
        if (!active && group != look->shutter.overlay_group)
            continue;
        if (yq_item_find(root, group << 16 | 0x3000)) {
            if (yq_overlay_plane(root, NULL, group, frame, &plane, err) &&
                !yq_overlay_add(look, &plane, err))
                return false;
            continue;
        }
        for (size_t k = 0; active && k < image->overlay_count; k++)
            if (image->overlays[k].group == group) {
                plane = image->overlays[k];
                image->overlays[k].bits = NULL;
                image->overlays[k].group = 0;
                if (!yq_overlay_add(look, &plane, err))
                    return false;
            }
    }
    return true;
}

static bool read_state(const struct yq_item *root, const struct yq_subject *subject,
                       struct yq_look *look, struct yq_err *err)
{
    const struct yq_item *voi = yq_subject_item(subject, root, 0x00283110);
    if (!yq_looks_modality(root, false, look, err) ||
        !yq_looks_voi(voi, !look->modality.entries && look->intercept < 0, look, err) ||
        !yq_looks_presentation(root, look, err) || !yq_shutter_read(root, &look->shutter, err) ||
        !yq_annotations_read(root, subject, look, err))
        return false;
    read_area(yq_subject_item(subject, root, 0x0070005a), look);
    read_turn(root, look);
    return true;
}

bool yq_dcm_read_presentation(int fd, const char *image_uid, unsigned number, struct yq_look *look,
                              struct yq_err *err)
{
    struct yq_dataset dataset yq_cleanup(yq_dataset_fini) = {0};
    struct yq_subject subject = {.image_uid = image_uid, .frame = number};
    struct yq_look shown = {.slope = 1, .aspect = look->aspect, .presented = true};
    if (!yq_dcm_read_dataset(fd, &(struct yq_reading){.frame = YQ_NO_FRAME}, &dataset, NULL, err) ||
        !check(&dataset.root, &subject, err))
        return false;
    if (!read_state(&dataset.root, &subject, &shown, err) ||
        !read_overlays(&dataset.root, number, look, &shown, err)) {
        yq_look_fini(&shown);
        return false;
    }
    yq_look_fini(look);
    *look = shown;
    return true;
}

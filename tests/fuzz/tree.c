/* tree.c: any bytes as a dataset in memory: all of it is reachable, ascending, and within its
 * bounds. The first byte chooses the layout. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "yq/dcm.h"
#include "yq/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t visit(const struct yq_item *item, unsigned depth)
{
    uint64_t sum = item->count;
    if (depth > 6)
        abort();
    for (size_t i = 0; i < item->count; i++) {
        const struct yq_data *e = &item->elements[i];
        char text[20];
        double number = 0;
        int64_t whole = 0;
        if (i && e->tag <= item->elements[i - 1].tag)
            abort();
        if (e->bytes && (e->left_out || e->bytes[e->length] || e->length > 3000))
            abort();
        if (strlen(yq_item_text(item, e->tag)) > e->length)
            abort();
        size_t values = yq_item_values(item, e->tag);
        for (size_t v = 0; v < values && v < 5; v++)
            sum += yq_item_value(item, e->tag, v, text, sizeof text) +
                   yq_item_number(item, e->tag, v, &number) +
                   yq_item_whole(item, e->tag, v, &whole);
        if (yq_item_number(item, e->tag, values, &number))
            abort();
        for (size_t k = 0; k < e->item_count; k++)
            sum += visit(&e->items[k], depth + 1);
    }
    return sum;
}

/* A long value is found within the file, in order, or not at all. */
static void locate(int fd, uint32_t tag, uint64_t size)
{
    struct yq_err err;
    struct yq_bulk bulk;
    uint64_t sum = 0, end = 0;
    if (!yq_dcm_locate(fd, tag, 1 << 16, &bulk, &err))
        return;
    for (size_t i = 0; i < bulk.count; i++) {
        if (!bulk.ranges[i].length || bulk.ranges[i].offset < end)
            abort();
        end = bulk.ranges[i].offset + bulk.ranges[i].length;
        sum += bulk.ranges[i].length;
    }
    if (end > size || sum != bulk.length || bulk.bytes.length > 1 << 16 ||
        (bulk.count > 0) == (bulk.bytes.length > 0))
        abort();
    yq_bulk_fini(&bulk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const syntaxes[] = {YQ_TS_IMPLICIT_LE, YQ_TS_EXPLICIT_LE, YQ_TS_EXPLICIT_BE,
                                           YQ_TS_DEFLATED};
    static bool ready;
    if (!ready)
        yq_dcm_init();
    ready = true;
    struct yq_err err;
    struct yq_dataset set;
    struct yq_buf file = {0};
    if (!size)
        return 0;
    yq_part10_write(&file, "1.2", "2.25.1", syntaxes[data[0] % 4]);
    yq_buf_put(&file, data + 1, size - 1);
    int fd = memfd_create("fuzz", 0);
    if (fd >= 0 && yq_write_all(fd, file.bytes, file.length, &err)) {
        struct yq_reading how = {.value_most = 1000,
                                 .most = 1 << 20,
                                 .depth_most = 6,
                                 .to_pixels = data[0] & 4,
                                 .frame = data[0] & 8 ? 1 : YQ_ALL_FRAMES};
        if (yq_dcm_read_dataset(fd, &how, &set, NULL, &err)) {
            (void)visit(&set.root, 0);
            yq_dataset_fini(&set);
        }
        locate(fd, 0x7fe00010, file.length);
        locate(fd, 0x00420011, file.length);
    }
    if (fd >= 0)
        close(fd);
    yq_buf_fini(&file);
    return 0;
}

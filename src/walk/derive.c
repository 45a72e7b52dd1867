/* derive.c: the attributes that describe pixels, as they are after transcoding. PS3.3 C.7.6.3.1
 * (how pixels are laid out), C.7.6.1.1.2 and C.12.4.1 (derived images), C.7.6.1.1.5 (what was
 * lost).
 *
 * Once something was lost it is said for ever: also where the object leaves without a codec that
 * loses. An object that loses here becomes another one: a new SOP Instance UID, which follows from
 * the old one and the coding, so that who asks twice gets the same; DERIVED; the source named.
 * Values are appended to those of earlier steps. */
#include "derive.h"

#include <stdio.h>
#include <string.h>

#include "yq/dataset.h"
#include "yq/seal.h"
#include "yq/transcode.h"
#include "yq/uid.h"

static const char *method_of(const char *syntax)
{
    static const struct {
        const char *syntax, *method;
    } table[] = {
        {YQ_TS_JPEG_BASELINE, "ISO_10918_1"},
        {YQ_TS_JPEG_EXTENDED, "ISO_10918_1"},
        {"1.2.840.10008.1.2.4.53", "ISO_10918_1"},
        {"1.2.840.10008.1.2.4.55", "ISO_10918_1"},
        {YQ_TS_JPEGLS_NEAR, "ISO_14495_1"},
        {YQ_TS_J2K, "ISO_15444_1"},
        {YQ_TS_HTJ2K, "ISO_15444_15"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].syntax, syntax) == 0)
            return table[i].method;
    return NULL;
}

void derive_ratio(char text[DERIVE_RATIO_SIZE + 1], uint64_t plain, uint64_t packed)
{
    double ratio = packed ? (double)plain / (double)packed : 1;
    int length = snprintf(text, DERIVE_RATIO_SIZE + 1, "%.2f", ratio);
    for (int i = length > 0 ? length : 0; i < DERIVE_RATIO_SIZE; i++)
        text[i] = ' ';
    text[DERIVE_RATIO_SIZE] = '\0';
}

static void put_short(struct yq_writer *w, uint32_t tag, unsigned value)
{
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    yq_writer_put(w, tag, "US", bytes, sizeof bytes);
}

static void put_pixel_module(struct yq_writer *w, const struct yq_frame *f)
{
    put_short(w, 0x00280002, f->samples);
    yq_writer_put_text(w, 0x00280004, "CS", f->photometric);
    if (f->samples > 1)
        put_short(w, 0x00280006, f->planar);
    put_short(w, 0x00280100, f->bits_allocated);
    put_short(w, 0x00280101, f->bits_stored);
    put_short(w, 0x00280102, f->high_bit);
    put_short(w, 0x00280103, f->is_signed);
}

static bool derived_uid(const char *instance, const struct yq_coding *coding, char uid[YQ_UID_SIZE],
                        struct yq_err *err)
{
    uint8_t sum[32];
    char text[256];
    struct yq_digest *digest yq_cleanup(yq_digest_cleanup) = yq_digest_new(YQ_SHA256);
    if (!digest)
        return yq_fail(err, YQ_FULL, "walk", "no memory for a digest");
    int length = snprintf(text, sizeof text, "derived 1\n%s\n%s\n%d %d %.4f", instance,
                          coding->syntax, coding->quality, coding->near, coding->ratio);
    yq_digest_add(digest, text, (size_t)length);
    yq_digest_end(digest, sum);
    yq_uid_of(sum, uid);
    return true;
}

/* Everything above group 0028. */
static bool put_derivation(struct yq_writer *w, const struct yq_item *root,
                           const struct yq_coding *coding, struct yq_err *err)
{
    char uid[YQ_UID_SIZE], text[128];
    const char *type = yq_item_text(root, 0x00080008), *rest = strchr(type, '\\');
    const char *instance = yq_item_text(root, 0x00080018);
    if (!derived_uid(instance, coding, uid, err))
        return false;
    struct yq_buf types yq_cleanup(yq_buf_fini) = {0};
    yq_buf_putf(&types, "DERIVED%s", rest ? rest : "\\SECONDARY");
    yq_writer_put_text(w, 0x00080008, "CS", yq_buf_text(&types));
    yq_writer_put_text(w, 0x00080018, "UI", uid);
    snprintf(text, sizeof text, "Lossy compression (%s)", method_of(coding->syntax));
    if (!*yq_item_text(root, 0x00082111))
        yq_writer_put_text(w, 0x00082111, "ST", text);
    yq_writer_begin_sequence(w, 0x00082112);
    yq_writer_begin_item(w);
    yq_writer_put_text(w, 0x00081150, "UI", yq_item_text(root, 0x00080016));
    yq_writer_put_text(w, 0x00081155, "UI", instance);
    yq_writer_begin_sequence(w, 0x0040a170);
    yq_writer_put_code(w, "121320", "Uncompressed predecessor");
    yq_writer_end_sequence(w);
    yq_writer_end_item(w);
    yq_writer_end_sequence(w);
    yq_writer_begin_sequence(w, 0x00089215);
    yq_writer_put_code(w, "113040", "Lossy Compression");
    yq_writer_end_sequence(w);
    return true;
}

/* A value more, `last`, behind those that are there. */
static void put_appended(struct yq_writer *w, const struct yq_item *root, uint32_t tag,
                         const char *vr, const char *last)
{
    struct yq_buf all yq_cleanup(yq_buf_fini) = {0};
    const char *before = yq_item_text(root, tag);
    yq_buf_putf(&all, "%s%s%s", before, *before ? "\\" : "", last);
    if (all.length & 1 && strcmp(vr, "DS") == 0) { /* its end has to stay where it is */
        yq_buf_clear(&all);
        yq_buf_putf(&all, "%s%s%s", before, *before ? " \\" : " ", last);
    }
    yq_writer_put(w, tag, vr, all.bytes, all.length);
}

bool derive_edits(int fd, const struct yq_frame *frame, const struct yq_coding *coding,
                  uint64_t size, uint64_t plain, struct yq_buf *edits, struct yq_err *err)
{
    struct yq_writer w = {.out = edits, .layout = YQ_LAYOUT_EXPLICIT_LE};
    struct yq_reading how = {.value_most = 4096, .most = 16 << 20, .depth_most = 0};
    struct yq_dataset dataset = {0};
    struct yq_part10 about;
    how.to_pixels = true;
    how.frame = YQ_NO_FRAME;
    if (!yq_dcm_read_dataset(fd, &how, &dataset, &about, err))
        return false;
    const struct yq_item *root = &dataset.root;
    bool loses = yq_transcode_loses(coding), fine = true;
    /* Which of the syntaxes that may lose did so only JPEG's DCT tells for sure. */
    const char *method = method_of(about.transfer_syntax);
    bool lost = method && strcmp(method, "ISO_10918_1") == 0;
    bool said = strcmp(yq_item_text(root, 0x00282110), "01") == 0;
    if (loses)
        fine = put_derivation(&w, root, coding, err);
    put_pixel_module(&w, frame);
    char ratio[DERIVE_RATIO_SIZE + 1];
    if (loses || (lost && !said))
        yq_writer_put_text(&w, 0x00282110, "CS", "01");
    if (loses) {
        derive_ratio(ratio, 1, 1);
        put_appended(&w, root, DERIVE_TAG_RATIO, "DS", ratio);
        put_appended(&w, root, 0x00282114, "CS", method_of(coding->syntax));
    } else if (lost && !*yq_item_text(root, DERIVE_TAG_RATIO)) {
        derive_ratio(ratio, plain, size);
        yq_writer_put_text(&w, DERIVE_TAG_RATIO, "DS", ratio);
        yq_writer_put_text(&w, 0x00282114, "CS", method);
    }
    yq_dataset_fini(&dataset);
    return fine &&
           (!edits->failed || yq_fail(err, YQ_FULL, "walk", "no memory to transcode an object"));
}

/* anonymize.c: an object leaves without who it is of. PS3.15 annex E; PS3.3 C.12.1.1.2 (De-
 * identification Method), C.7.6.1 (Burned In Annotation), C.8.5.5 (ultrasound regions).
 *
 * First what kind of object it is: what may carry names where nobody can take them out is refused
 * as a whole. Then it is written anew, every element judged by model/clean.c, and the pixels, where
 * names are known to stand in them, frame by frame with those places blank. */
#include "yq/anonymize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coerce.h"
#include "object.h"
#include "yq/budget.h"
#include "yq/dcm.h"
#include "yq/frames.h"
#include "yq/image.h"
#include "yq/recast.h"
#include "yq/text.h"
#include "yq/transcode.h"

#define TAG_SOP_CLASS 0x00080016u
#define TAG_SOP_INSTANCE 0x00080018u
#define TAG_REGIONS 0x00186011u
#define VALUE_SIZE 512

enum { PATIENCE_MS = 30000, VALUE_MOST = 64 << 10, REGIONS_MOST = YQ_BLANKS_MOST };
#define FRAME_MOST ((uint64_t)1 << 30)

struct job {
    const struct yq_conf *conf;
    int fd;
    struct yq_dataset header;
    struct yq_part10 part10;
    struct yq_budget *budget; /* memory for pixels; NULL: no bound */
    struct yq_clean_marks marks;
    struct yq_cleaner cleaner;
    struct yq_blank blanks[REGIONS_MOST]; /* what is made black, or what is not (outside) */
    size_t blank_count;
    bool blanks_some, outside, trims; /* trims: bits beside the pixels are emptied */
    bool known;                       /* that the pixels name nobody from here on */
    struct yq_anonymized about;
};

static void mark(const void *context, const char *purpose, const void *text, size_t length,
                 uint8_t out[32])
{
    yq_secret_mark(context, purpose, text, length, out);
}

static const char *text(const struct job *job, uint32_t tag)
{
    return yq_item_text(&job->header.root, tag);
}

/* The first value, without blanks. */
static const char *value(const struct job *job, uint32_t tag, char out[VALUE_SIZE])
{
    out[0] = '\0';
    (void)yq_item_value(&job->header.root, tag, 0, out, VALUE_SIZE);
    return out;
}

static unsigned number(const struct yq_item *item, uint32_t tag)
{
    int64_t whole = 0;
    (void)yq_item_whole(item, tag, 0, &whole);
    return whole > 0 && whole <= UINT16_MAX ? (unsigned)whole : 0;
}

/* ---- what is known of its pixels ---- */

static bool like(const char *pattern, const char *text_value)
{
    struct yq_buf a yq_cleanup(yq_buf_fini) = {0}, b yq_cleanup(yq_buf_fini) = {0};
    if (!*pattern)
        return true;
    yq_text_fold(pattern, &a);
    yq_text_fold(text_value, &b);
    return yq_conf_like(yq_buf_text(&a), yq_buf_text(&b));
}

static const struct yq_blank_rule *rule_for(const struct job *job)
{
    char modality[VALUE_SIZE], manufacturer[VALUE_SIZE], model[VALUE_SIZE], station[VALUE_SIZE];
    unsigned rows = number(&job->header.root, 0x00280010);
    unsigned columns = number(&job->header.root, 0x00280011);
    value(job, 0x00080060, modality);
    value(job, 0x00080070, manufacturer);
    value(job, 0x00081090, model);
    value(job, 0x00081010, station);
    for (size_t i = 0; i < job->conf->blank_rule_count; i++) {
        const struct yq_blank_rule *rule = &job->conf->blank_rules[i];
        if (like(rule->modality, modality) && like(rule->manufacturer, manufacturer) &&
            like(rule->model, model) && like(rule->station, station) &&
            (!rule->rows || rule->rows == rows) && (!rule->columns || rule->columns == columns))
            return rule;
    }
    return NULL;
}

/* Ultrasound regions: names stand beside them. False: there are none, or they leave nothing out. */
static bool regions_of(struct job *job)
{
    const struct yq_item *root = &job->header.root;
    size_t count = yq_item_count(root, TAG_REGIONS);
    unsigned rows = number(root, 0x00280010), columns = number(root, 0x00280011);
    if (!count || count > REGIONS_MOST)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct yq_item *region = yq_item_at(root, TAG_REGIONS, i);
        unsigned left = number(region, 0x00186018), top = number(region, 0x0018601a);
        unsigned right = number(region, 0x0018601c), bottom = number(region, 0x0018601e);
        if (right <= left || bottom <= top || right >= columns || bottom >= rows ||
            (!left && !top && right + 1 == columns && bottom + 1 == rows))
            return false;
        job->blanks[i] = (struct yq_blank){left, top, right - left + 1, bottom - top + 1};
    }
    job->blank_count = count;
    return true;
}

/* Overlays used to stand in the high bits of the pixels; what described them goes. PS3.3 C.9.2. */
static bool has_overlay_bits(const struct job *job)
{
    for (uint32_t group = 0x60000000; group <= 0x60fe0000; group += 0x00020000)
        if (yq_item_find(&job->header.root, group | 0x0102) &&
            !yq_item_find(&job->header.root, group | 0x3000))
            return true;
    return false;
}

static bool decide_pixels(struct job *job, const struct yq_clean_facts *facts, struct yq_err *err)
{
    const char *suspicion = yq_clean_suspicion(facts);
    const struct yq_blank_rule *rule = facts->pixels ? rule_for(job) : NULL;
    job->trims = facts->pixels && has_overlay_bits(job);
    job->known = rule || suspicion;
    if (rule) {
        memcpy(job->blanks, rule->blanks, sizeof job->blanks);
        job->blank_count = rule->count;
        job->blanks_some = rule->count != 0;
    } else if (suspicion) {
        if (!regions_of(job))
            return yq_fail(err, YQ_REFUSED, "walk",
                           "%s, and no rule of anonymize.json says where: it is not given away",
                           suspicion);
        job->blanks_some = job->outside = true;
    }
    return true;
}

/* Also where what it says of them does not add up. */
static bool describes_pixels(const struct yq_item *root)
{
    static const uint32_t tags[] = {0x00280002, 0x00280004, 0x00280010, 0x00280011, 0x00280100};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (yq_item_find(root, tags[i]))
            return true;
    return false;
}

static bool look(struct job *job, struct yq_err *err)
{
    char burned_in[VALUE_SIZE], modality[VALUE_SIZE], conversion[VALUE_SIZE], label[VALUE_SIZE],
        sop_class[VALUE_SIZE], whole[VALUE_SIZE];
    const struct yq_reading how = {.value_most = 4096,
                                   .depth_most = 1,
                                   .to_pixels = true,
                                   .frame = YQ_NO_FRAME,
                                   .assume_charset = ""};
    if (!yq_dcm_read_dataset(job->fd, &how, &job->header, &job->part10, err))
        return false;
    const struct yq_clean_facts facts = {
        .sop_class = value(job, TAG_SOP_CLASS, sop_class),
        .modality = value(job, 0x00080060, modality),
        .burned_in = value(job, 0x00280301, burned_in),
        .image_type = text(job, 0x00080008),
        .conversion = value(job, 0x00080064, conversion),
        .label = value(job, 0x00480010, label),
        .pixels = describes_pixels(&job->header.root),
    };
    if (!*value(job, 0x0020000d, whole)) /* a colour palette has no study */
        value(job, TAG_SOP_INSTANCE, whole);
    if (!*facts.sop_class || !*whole)
        return yq_fail(err, YQ_BAD_INPUT, "walk", "the object has no SOP Class or Instance UID");
    const char *refusal = yq_clean_refusal(&facts);
    if (refusal)
        return yq_fail(err, YQ_REFUSED, "walk", "%s: it is not given away", refusal);
    yq_cleaner_begin(&job->cleaner, &job->marks, facts.sop_class, text(job, 0x00100020), whole);
    return decide_pixels(job, &facts, err);
}

/* ---- elements ---- */

static enum yq_fate judge(void *context, struct yq_recast *recast, const struct yq_recast_at *at,
                          struct yq_buf *out, struct yq_err *err)
{
    struct job *job = context;
    const struct yq_clean_place place = {.tag = at->element->tag,
                                         .vr = at->element->vr,
                                         .dictionary = yq_dcm_dictionary_vr(at->element->tag),
                                         .depth = at->element->depth};
    enum yq_clean_fate fate;
    const uint8_t *bytes;
    size_t length;
    if (!yq_clean_judge(&job->cleaner, &place, &fate, err))
        return YQ_FATE_FAIL;
    switch (fate) {
    case YQ_CLEAN_KEEP:
    case YQ_CLEAN_INSIDE: return YQ_FATE_KEEP;
    case YQ_CLEAN_EMPTY: return YQ_FATE_EMPTY;
    case YQ_CLEAN_DUMMY:
    case YQ_CLEAN_UID:
    case YQ_CLEAN_PATIENT:
        if (!yq_recast_value(recast, VALUE_MOST, &bytes, &length, err))
            return YQ_FATE_FAIL;
        yq_clean_value(&job->cleaner, &place, fate, bytes, length, out);
        return YQ_FATE_REPLACE;
    default: return YQ_FATE_DROP;
    }
}

static void new_uid(const struct job *job, uint32_t tag, char made[YQ_UID_SIZE])
{
    char old[VALUE_SIZE];
    value(job, tag, old);
    made[0] = '\0';
    if (*old)
        yq_clean_uid(&job->marks, old, strlen(old), made);
}

/* What is said of the object from here on; `frame`: what its pixels are like from here on, or NULL.
 */
static void put_edits(const struct job *job, const struct yq_frame *frame, struct yq_buf *out)
{
    struct yq_writer writer = {.out = out, .layout = YQ_LAYOUT_EXPLICIT_LE};
    const struct {
        uint32_t tag;
        unsigned value;
    } bits[] = {{0x00280100, frame ? frame->bits_allocated : 0},
                {0x00280101, frame ? frame->bits_stored : 0},
                {0x00280102, frame ? frame->high_bit : 0},
                {0x00280103, frame ? frame->is_signed : 0}};
    if (*job->about.instance)
        yq_writer_put_text(&writer, TAG_SOP_INSTANCE, "UI", job->about.instance);
    yq_writer_put_text(&writer, 0x00120062, "CS", "YES");
    yq_writer_put_text(&writer, 0x00120063, "LO", "PS3.15 annex E, basic profile of 2026d");
    yq_writer_begin_sequence(&writer, 0x00120064);
    yq_writer_put_code(&writer, "113100", "Basic Application Confidentiality Profile");
    if (job->known)
        yq_writer_put_code(&writer, "113101", "Clean Pixel Data Option");
    yq_writer_end_sequence(&writer);
    if (frame) {
        char samples[8];
        snprintf(samples, sizeof samples, "%u", frame->samples);
        yq_writer_put_text(&writer, 0x00280002, "US", samples);
        yq_writer_put_text(&writer, 0x00280004, "CS", frame->photometric);
        if (frame->samples > 1)
            yq_writer_put_text(&writer, 0x00280006, "US", frame->planar ? "1" : "0");
    }
    for (size_t i = 0; frame && !frame->is_float && i < 4; i++) {
        char digits[8];
        snprintf(digits, sizeof digits, "%u", bits[i].value);
        yq_writer_put_text(&writer, bits[i].tag, "US", digits);
    }
    if (job->known)
        yq_writer_put_text(&writer, 0x00280301, "CS", "NO");
    yq_writer_put_text(&writer, 0x00280303, "CS", "REMOVED");
}

/* ---- pixels ---- */

/* Bytes of one frame while it is plain. */
static uint64_t frame_size(const struct job *job)
{
    const struct yq_item *root = &job->header.root;
    return (uint64_t)number(root, 0x00280010) * number(root, 0x00280011) *
           number(root, 0x00280002) * ((number(root, 0x00280100) + 7) / 8);
}

/* What a cleaned frame leaves in: as it was where that loses nothing, else not compressed. */
static const char *cleaned_syntax(const struct job *job)
{
    static const char *const without_loss[] = {YQ_TS_RLE, YQ_TS_JPEGLS_LOSSLESS,
                                               YQ_TS_J2K_LOSSLESS};
    const char *syntax = job->part10.transfer_syntax;
    for (size_t i = 0; i < sizeof without_loss / sizeof *without_loss; i++)
        if (strcmp(syntax, without_loss[i]) == 0)
            return syntax;
    return yq_is_encapsulated(syntax) ? YQ_TS_EXPLICIT_LE : syntax;
}

static bool clean_frame(const struct job *job, struct yq_frames *frames, unsigned index,
                        struct yq_frame *frame, struct yq_err *err)
{
    const struct yq_coding coding = {.syntax = cleaned_syntax(job)};
    if (!yq_frames_read(frames, index, FRAME_MOST, frame, err) ||
        !yq_image_decode(frame, 0, FRAME_MOST, err))
        return false;
    if (job->blanks_some &&
        !yq_image_blank(frame, job->blanks, job->blank_count, job->outside, err))
        return false;
    if (job->trims)
        yq_image_trim(frame);
    if (frame->is_float) /* they stand in another element than the one that is written */
        return yq_fail(err, YQ_REFUSED, "walk", "pixels in floating point are not blanked");
    return yq_image_encode(frame, &coding, err);
}

static bool put_frames(struct job *job, struct yq_frames *frames, struct yq_recast *recast,
                       const struct yq_frame *first, struct yq_err *err)
{
    bool ok = yq_recast_frame(recast, first->pixels.bytes, first->pixels.length, err);
    for (unsigned i = 1; ok && i < first->frames; i++) {
        struct yq_frame frame yq_cleanup(yq_frame_fini) = {0};
        ok = clean_frame(job, frames, i, &frame, err) &&
             yq_recast_frame(recast, frame.pixels.bytes, frame.pixels.length, err);
    }
    return ok;
}

static bool write_cleaned(struct job *job, struct yq_recasting *how, struct yq_err *err)
{
    static const uint32_t other_pixels[] = {0x7fe00008, 0x7fe00009};
    struct yq_frame first yq_cleanup(yq_frame_fini) = {0};
    struct yq_buf edits yq_cleanup(yq_buf_fini) = {0};
    struct yq_recast *recast yq_cleanup(yq_recast_cleanup) = NULL;
    struct yq_frames *frames yq_cleanup(yq_frames_cleanup) = NULL;
    struct yq_share share yq_cleanup(yq_share_fini) = {0};
    if (!yq_frames_open(job->fd, &frames, err) ||
        (job->budget &&
         !yq_share_take(&share, job->budget, 3 * frame_size(job), PATIENCE_MS, err)) ||
        !clean_frame(job, frames, 0, &first, err))
        return yq_while(err, "its pixels cannot be cleaned");
    put_edits(job, &first, &edits);
    how->edits = &edits;
    how->removed = other_pixels; /* only these are looked at */
    how->removed_count = sizeof other_pixels / sizeof *other_pixels;
    how->to = cleaned_syntax(job);
    /* pixels that share their colour are fewer than samples say: plain ones count as they came */
    uint64_t bits = (uint64_t)first.rows * first.columns * first.samples * first.bits_allocated;
    if (!*first.codestream_syntax && first.bits_allocated > 1)
        bits = (uint64_t)first.pixels.length * 8;
    const struct yq_recast_pixels pixels = {
        .frames = first.frames, .bits_allocated = first.bits_allocated, .frame_bits = bits};
    return yq_recast_begin(how, &pixels, &recast, err) &&
           put_frames(job, frames, recast, &first, err) && yq_recast_end(recast, err);
}

/* ---- the whole ---- */

static void end(struct job *job)
{
    if (!job)
        return;
    yq_dataset_fini(&job->header);
    free(job);
}

static bool write_it(struct job *job, int out_fd, struct yq_err *err)
{
    struct yq_recasting how = {.fd = job->fd, .out_fd = out_fd, .judge = judge, .context = job};
    if (job->blanks_some || job->trims)
        return write_cleaned(job, &how, err); /* frames of our own say nothing */
    struct yq_buf edits yq_cleanup(yq_buf_fini) = {0};
    put_edits(job, NULL, &edits);
    how.edits = &edits;
    return yq_recast(&how, err) &&
           (!yq_is_encapsulated(job->part10.transfer_syntax) || yq_dcm_silence(out_fd, err));
}

static struct job *begin(const struct yq_conf *conf, const struct yq_secret *secret,
                         struct yq_budget *budget, int fd, struct yq_err *err)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        yq_fail(err, YQ_FULL, "walk", "no memory to anonymise an object");
        return NULL;
    }
    job->conf = conf;
    job->budget = budget;
    job->fd = fd;
    job->marks = (struct yq_clean_marks){mark, secret};
    if (!look(job, err)) {
        end(job);
        return NULL;
    }
    new_uid(job, 0x0020000d, job->about.study);
    new_uid(job, 0x0020000e, job->about.series);
    new_uid(job, TAG_SOP_INSTANCE, job->about.instance);
    (void)yq_copy(job->about.patient, sizeof job->about.patient, job->cleaner.patient);
    job->about.cleaned = job->known;
    return job;
}

bool yq_anonymize_file(const struct yq_conf *conf, const struct yq_secret *secret, int fd,
                       int out_fd, struct yq_anonymized *about, struct yq_err *err)
{
    struct job *job = begin(conf, secret, NULL, fd, err);
    if (!job)
        return false;
    bool ok = write_it(job, out_fd, err);
    if (about)
        *about = job->about;
    end(job);
    return ok;
}

/* Bytes that the object may have: pixels that are cleaned are not compressed. */
static uint64_t size_of(const struct job *job, uint64_t size)
{
    unsigned frames = number(&job->header.root, 0x00280008);
    return job->blanks_some || job->trims ? size + frame_size(job) * (frames ? frames : 1) : size;
}

static int moved(int *fd)
{
    int number = *fd;
    *fd = -1;
    return number;
}

/* As it is, or in the first syntax that the receiver takes and that can be made without loss. */
static bool fit(struct yq_house *house, int *fd, const char *const *syntaxes, size_t count,
                struct yq_outgoing *out, struct yq_err *err)
{
    struct yq_part10 about;
    struct stat file;
    if (!yq_part10_read(*fd, &about, err))
        return false;
    bool takes = !count;
    for (size_t i = 0; i < count && !takes; i++)
        takes = strcmp(syntaxes[i], about.transfer_syntax) == 0;
    for (size_t i = 0; i < count && !takes; i++) {
        const struct yq_coding coding = {.syntax = syntaxes[i]};
        int made yq_cleanup(yq_close) = -1;
        if (!yq_transcode_keeps(about.transfer_syntax, syntaxes[i]))
            continue;
        takes = yq_transcode(house, *fd, &coding, &made, err) && yq_part10_read(made, &about, err);
        if (takes) {
            yq_close(fd);
            *fd = moved(&made);
        }
    }
    if (!takes)
        return yq_fail(err, YQ_REFUSED, "walk",
                       "anonymised it is %s, which the receiver does not take, and cannot be made "
                       "into what it takes",
                       about.transfer_syntax);
    if (fstat(*fd, &file) != 0)
        return yq_fail_errno(err, "walk", "look at", "an anonymised object");
    out->offset = about.dataset_offset;
    out->length = (uint64_t)file.st_size - about.dataset_offset;
    (void)yq_copy(out->transfer_syntax, sizeof out->transfer_syntax, about.transfer_syntax);
    out->fd = moved(fd);
    return true;
}

static bool write_out(struct yq_house *house, const struct yq_entry *entry,
                      const struct yq_secret *secret, int fd, int *made,
                      struct yq_anonymized *about, struct yq_err *err)
{
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    struct job *job = begin(conf, secret, &house->pixels, fd, err);
    bool ok = job && yq_object_scratch(house, size_of(job, entry->object.size), made, err) &&
              write_it(job, *made, err);
    if (ok && about)
        *about = job->about;
    end(job);
    yq_conf_release(house->conf, conf);
    return ok;
}

bool yq_anonymize_open(struct yq_house *house, const struct yq_entry *entry,
                       const char *const *syntaxes, size_t syntax_count, struct yq_outgoing *out,
                       struct yq_anonymized *about, struct yq_err *err)
{
    int fd yq_cleanup(yq_close) = -1, made yq_cleanup(yq_close) = -1;
    struct yq_secret secret;
    *out = (struct yq_outgoing){.fd = -1};
    if (about)
        *about = (struct yq_anonymized){0};
    if (!house->secret)
        return yq_fail(err, YQ_BUG, "walk", "this house has no place for a secret");
    if (!yq_store_read(house->store, &entry->key, &entry->object, &fd, err) ||
        !coerce_outgoing(house, entry, &fd, err) || !yq_secret_open(house->secret, &secret, err))
        return false;
    bool ok = write_out(house, entry, &secret, fd, &made, about, err);
    yq_secret_forget(&secret);
    return ok && fit(house, &made, syntaxes, syntax_count, out, err);
}

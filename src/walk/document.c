/* document.c: objects that are no still images, as what they are: structured reports as text,
 * encapsulated documents and video as the bytes that were put into them, waveforms drawn.
 * PS3.18 8.7.3, 8.7.4, chapter 9; PS3.3 A.45 (encapsulated documents), A.32.5 to .7 (video), A.35
 * (reports).
 *
 * What an object can be given as stands in two tables, by SOP class and by transfer syntax. A video
 * is looked at before its type is said: what is called H.264 in DICOM may be an MP4 file, a
 * transport stream or a bare stream. Nothing of it is decoded. Any thread; nothing is kept. */
#include "yq/document.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>

#include "object.h"
#include "yq/dcm.h"
#include "yq/file.h"
#include "yq/sr.h"

#define TAG_DOCUMENT 0x00420011u
#define TAG_PIXELS 0x7fe00010u
#define INFLATED_MOST ((size_t)128 << 20)
#define BUDGET_MS 20000 /* how long a document waits for its share of the memory */
#define REPORT_MOST ((uint64_t)192 << 20)

enum { TYPES_MOST = 2, PIECE_MOST = 1 << 30 };
enum { SR_TEXT_MOST = 4 << 20, WAVEFORM_MOST = 32 << 20, SR_DEPTH_MOST = 72 };

/* A document of somebody else is shown by itself, without a script and as of no origin. */
#define POLICY_FOREIGN "default-src 'none'; style-src 'unsafe-inline'; sandbox"
#define POLICY_REPORT                                                                              \
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; "             \
    "form-action 'none'"

/* ---- what it can be given as ---- */

struct class_types {
    const char *sop_class, *types[TYPES_MOST], *extension, *policy;
};
static const struct class_types encapsulated[] = {
    {"1.2.840.10008.5.1.4.1.1.104.1", {"application/pdf"}, "pdf", NULL}, /* viewers run scripts */
    {"1.2.840.10008.5.1.4.1.1.104.2", {"text/xml", "application/xml"}, "xml", POLICY_FOREIGN},
    {"1.2.840.10008.5.1.4.1.1.104.3", {"model/stl"}, "stl", POLICY_FOREIGN},
    {"1.2.840.10008.5.1.4.1.1.104.4", {"model/obj"}, "obj", POLICY_FOREIGN},
    {"1.2.840.10008.5.1.4.1.1.104.5", {"model/mtl"}, "mtl", POLICY_FOREIGN},
};

static bool is_report(const struct yq_entry *entry)
{
    static const char root[] = "1.2.840.10008.5.1.4.1.1.88."; /* all of it is SR: PS3.4 B.5 */
    return strncmp(entry->sop_class, root, strlen(root)) == 0;
}
/* ECG and other curves; not sound, which is of the same root: PS3.4 B.5. */
static bool is_waveform(const struct yq_entry *entry)
{
    static const char root[] = "1.2.840.10008.5.1.4.1.1.9.",
                      sound[] = "1.2.840.10008.5.1.4.1.1.9.4.";
    return strncmp(entry->sop_class, root, strlen(root)) == 0 &&
           strncmp(entry->sop_class, sound, strlen(sound)) != 0;
}

static const struct {
    const char *type, *extension, *policy;
    bool html;
} report_types[TYPES_MOST] = {{"text/html", "html", POLICY_REPORT, true},
                              {"text/plain", "txt", NULL, false}};

enum coder { CODER_NONE, CODER_MPEG2, CODER_AVC, CODER_HEVC };
static const struct {
    const char *syntax; /* and those for fragments, which have ".1" behind: PS3.5 10.17, 8.2.8 */
    enum coder coder;
} video[] = {
    {"1.2.840.10008.1.2.4.100", CODER_MPEG2}, {"1.2.840.10008.1.2.4.101", CODER_MPEG2},
    {"1.2.840.10008.1.2.4.102", CODER_AVC},   {"1.2.840.10008.1.2.4.103", CODER_AVC},
    {"1.2.840.10008.1.2.4.104", CODER_AVC},   {"1.2.840.10008.1.2.4.105", CODER_AVC},
    {"1.2.840.10008.1.2.4.106", CODER_AVC},   {"1.2.840.10008.1.2.4.107", CODER_HEVC},
    {"1.2.840.10008.1.2.4.108", CODER_HEVC},
};

static const struct class_types *as_encapsulated(const struct yq_entry *entry)
{
    for (size_t i = 0; i < sizeof encapsulated / sizeof *encapsulated; i++)
        if (strcmp(entry->sop_class, encapsulated[i].sop_class) == 0)
            return &encapsulated[i];
    return NULL;
}

static enum coder as_video(const struct yq_entry *entry)
{
    for (size_t i = 0; i < sizeof video / sizeof *video; i++) {
        size_t length = strlen(video[i].syntax);
        const char *rest = entry->transfer_syntax + length;
        if (strncmp(entry->transfer_syntax, video[i].syntax, length) == 0 &&
            (!*rest || strcmp(rest, ".1") == 0))
            return video[i].coder;
    }
    return CODER_NONE;
}

/* ---- video: what is it really? ---- */

struct kind { /* media types of it, the one that says most first */
    const char *types[TYPES_MOST];
};

enum { HEAD = 377 }; /* three packets of a transport stream begin in it */

/* ISO/IEC 13818-1: packets of 188 bytes that begin with 0x47. */
static bool is_transport(const uint8_t *head, size_t length)
{
    return length == HEAD && head[0] == 0x47 && head[188] == 0x47 && head[376] == 0x47;
}

static void tell_video(enum coder coder, const uint8_t *head, size_t length, struct kind *out)
{
    bool start = length >= 4 && head[0] == 0 && head[1] == 0 && head[2] <= 1;
    const char *first = NULL, *second = NULL;
    if (length >= 8 && memcmp(head + 4, "ftyp", 4) == 0)
        first = "video/mp4";
    else if (coder == CODER_MPEG2)
        first = "video/mpeg", second = is_transport(head, length) ? "video/mp2t" : NULL;
    else if (is_transport(head, length))
        first = "video/mp2t";
    else if (start)
        first = coder == CODER_AVC ? "video/h264" : "video/h265";
    else
        first = "application/octet-stream";
    *out = (struct kind){.types = {first, second}};
}

static const char *extension_of_video(const char *media_type)
{
    static const char *const names[][2] = {{"video/mp4", "mp4"},   {"video/mpeg", "mpg"},
                                           {"video/mp2t", "ts"},   {"video/h264", "h264"},
                                           {"video/h265", "h265"}, {"", "bin"}};
    size_t i = 0;
    while (*names[i][0] && strcmp(names[i][0], media_type) != 0)
        i++;
    return names[i][1];
}

static bool look_at_video(int fd, const struct yq_bulk *bulk, enum coder coder, struct kind *out,
                          struct yq_err *err)
{
    uint8_t head[HEAD];
    size_t want = bulk->ranges[0].length < HEAD ? (size_t)bulk->ranges[0].length : HEAD, got;
    if (!yq_read_at(fd, head, want, bulk->ranges[0].offset, &got, err))
        return false;
    tell_video(coder, head, got, out);
    return true;
}

/* ---- bytes ---- */

void yq_document_fini(struct yq_document *document)
{
    yq_close(&document->fd);
    yq_buf_fini(&document->bytes);
    *document = (struct yq_document){.fd = -1};
}

static bool copy_ranges(int from, const struct yq_bulk *bulk, int to, struct yq_err *err)
{
    for (size_t i = 0; i < bulk->count; i++) {
        off_t place = (off_t)bulk->ranges[i].offset;
        for (uint64_t left = bulk->ranges[i].length; left;) {
            ssize_t done = sendfile(to, from, &place, left < PIECE_MOST ? left : PIECE_MOST);
            if (done < 0 && errno == EINTR)
                continue;
            if (done < 0)
                return yq_fail_errno(err, "walk", "copy", "object");
            if (done == 0)
                return yq_fail(err, YQ_IO, "walk", "the object ends within its document");
            left -= (uint64_t)done;
        }
    }
    return true;
}

/* In one piece: from the file; in several: copied; of a deflated dataset: they are at hand. */
static bool give(struct yq_house *house, int *take_fd, struct yq_bulk *bulk,
                 struct yq_document *out, struct yq_err *err)
{
    out->length = bulk->length;
    if (bulk->count == 1) {
        out->fd = *take_fd;
        out->offset = bulk->ranges[0].offset;
        *take_fd = -1;
    } else if (bulk->count) {
        return yq_object_scratch(house, bulk->length, &out->fd, err) &&
               copy_ranges(*take_fd, bulk, out->fd, err);
    } else {
        out->bytes = bulk->bytes;
        out->length = bulk->bytes.length;
        bulk->bytes = (struct yq_buf){0};
    }
    return true;
}

/* Values have an even length: the last byte may be padding. What a wrong (0042,0015) says is not
 * believed. */
static bool cut_padding(const struct yq_bulk *bulk, struct yq_document *out, struct yq_err *err)
{
    uint8_t last = 1;
    size_t got;
    if (bulk->said >= 0 && out->length - (uint64_t)bulk->said <= 1) {
        out->length = (uint64_t)bulk->said;
    } else if (out->length && out->length % 2 == 0) {
        if (out->fd < 0)
            last = out->bytes.bytes[out->length - 1];
        else if (!yq_read_at(out->fd, &last, 1, out->offset + out->length - 1, &got, err))
            return false;
        out->length -= last == 0;
    }
    if (out->fd < 0)
        out->bytes.length = (size_t)out->length;
    return true;
}

/* Of the memory for what is read into it; a range of a file takes none. */
static bool take_share(struct yq_house *house, uint64_t bytes, struct yq_share *share,
                       struct yq_err *err)
{
    return !bytes || yq_share_take(share, &house->pixels, bytes, BUDGET_MS, err);
}

/* Bytes that the value of a deflated object may have. */
static size_t inflated_most(const struct yq_entry *entry)
{
    if (yq_layout_of(entry->transfer_syntax) != YQ_LAYOUT_DEFLATED)
        return 0;
    uint64_t likely = 32 * entry->object.size;
    return likely < INFLATED_MOST ? (size_t)likely : INFLATED_MOST;
}

static bool open_bytes(struct yq_house *house, const struct yq_entry *entry, const char *media_type,
                       struct yq_document *out, struct yq_err *err)
{
    const struct class_types *class = as_encapsulated(entry);
    struct yq_bulk bulk yq_cleanup(yq_bulk_fini) = {0};
    struct yq_share share yq_cleanup(yq_share_fini) = {0};
    struct kind kind = {0};
    int fd yq_cleanup(yq_close) = -1;
    size_t inflated = inflated_most(entry);
    if (!yq_store_read(house->store, &entry->key, &entry->object, &fd, err) ||
        !take_share(house, inflated, &share, err) ||
        !yq_dcm_locate(fd, class ? TAG_DOCUMENT : TAG_PIXELS, inflated, &bulk, err))
        return false;
    if (class)
        memcpy(kind.types, class->types, sizeof kind.types);
    else if (!look_at_video(fd, &bulk, as_video(entry), &kind, err))
        return false;
    for (size_t i = 0; i < TYPES_MOST && !out->media_type; i++)
        if (kind.types[i] && strcmp(kind.types[i], media_type) == 0)
            out->media_type = kind.types[i];
    if (!out->media_type)
        return yq_fail(err, YQ_REFUSED, "walk", "the object is %s and nothing else", kind.types[0]);
    out->extension = class ? class->extension : extension_of_video(out->media_type);
    out->policy = class ? class->policy : POLICY_FOREIGN;
    return give(house, &fd, &bulk, out, err) && (!class || cut_padding(&bulk, out, err));
}

/* ---- reports ---- */

/* What to read the text of this sender with. */
static void assume(struct yq_house *house, const struct yq_entry *entry, char charset[64])
{
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    const struct yq_peer *peer =
        *entry->source ? yq_conf_peer(conf, entry->source, "", NULL) : NULL;
    (void)yq_copy(charset, 64, peer ? peer->assume_charset : "");
    yq_conf_release(house->conf, conf);
}

static bool open_report(struct yq_house *house, const struct yq_entry *entry,
                        const char *media_type, struct yq_document *out, struct yq_err *err)
{
    char charset[64];
    struct yq_sr_wish wish = {
        .charset = out->charset, .wado = "wado", .class_name = yq_dcm_uid_name};
    struct yq_share share yq_cleanup(yq_share_fini) = {0};
    struct yq_outgoing object yq_cleanup(yq_outgoing_fini) = {.fd = -1};
    struct yq_dataset report yq_cleanup(yq_dataset_fini) = {0};
    for (size_t i = 0; i < TYPES_MOST && !out->media_type; i++) {
        if (strcmp(report_types[i].type, media_type) != 0)
            continue;
        wish.html = report_types[i].html;
        out->media_type = report_types[i].type;
        out->extension = report_types[i].extension;
        out->policy = report_types[i].policy;
    }
    if (!out->media_type)
        return yq_fail(err, YQ_REFUSED, "walk", "it is text/html or text/plain");
    uint64_t memory = 8 * entry->object.size + (1 << 20); /* the tree, the page, and it again */
    if (!take_share(house, memory < REPORT_MOST ? memory : REPORT_MOST, &share, err))
        return false;
    assume(house, entry, charset);
    bool waveform = is_waveform(entry);
    struct yq_reading how = {.value_most = waveform ? WAVEFORM_MOST : SR_TEXT_MOST,
                             .depth_most = SR_DEPTH_MOST,
                             .frame = YQ_ALL_FRAMES,
                             .assume_charset = charset};
    if (!yq_retrieve_open(house, entry, NULL, 0, &object, err) ||
        !yq_dcm_read_dataset(object.fd, &how, &report, NULL, err) ||
        !(waveform ? yq_waveform_print : yq_sr_print)(&report.root, &wish, &out->bytes, err))
        return false;
    out->length = out->bytes.length;
    return true;
}

bool yq_document_open(struct yq_house *house, const struct yq_entry *entry, const char *media_type,
                      const char *charset, struct yq_document *out, struct yq_err *err)
{
    *out = (struct yq_document){.fd = -1};
    bool fine;
    if (is_report(entry) || is_waveform(entry)) {
        out->charset = yq_form_charset(charset);
        fine = out->charset ? open_report(house, entry, media_type, out, err)
                            : yq_fail(err, YQ_REFUSED, "walk", "none of these character sets");
    } else if (as_encapsulated(entry) || as_video(entry) != CODER_NONE) {
        fine = open_bytes(house, entry, media_type, out, err);
    } else {
        fine = yq_fail(err, YQ_REFUSED, "walk", "the object has no form as %s", media_type);
    }
    if (!fine)
        yq_document_fini(out);
    return fine;
}

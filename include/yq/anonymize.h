/* anonymize.h: objects without who they are of. PS3.15 annex E: Basic Application Level
 * Confidentiality Profile, and Clean Pixel Data where it is known where names are written.
 *
 * What is given away names nobody; where that cannot be made sure, nothing is given away. Patient
 * and UIDs become others under the secret of the node: the same ones for all objects, at any time,
 * so that studies stay together. Any thread. */
#ifndef YQ_ANONYMIZE_H
#define YQ_ANONYMIZE_H

#include "yq/clean.h"
#include "yq/seal.h"
#include "yq/walk.h"

struct yq_anonymized {
    char study[YQ_UID_SIZE], series[YQ_UID_SIZE], instance[YQ_UID_SIZE]; /* the new ones */
    char patient[YQ_CLEAN_NAME_SIZE];
    bool cleaned; /* pixels were, or somebody looked at them before */
};

/* Writes the Part 10 file `fd` to `out_fd`, an empty regular file that can be read as well, without
 * who it is of; `conf` has the rules of anonymize.json. Pixels that are blanked leave uncompressed.
 * YQ_REFUSED: it may name somebody in a way that cannot be taken out (a document, free text of a
 * report, a kind of image that carries names while no rule says where); YQ_BAD_INPUT (not
 * understood), YQ_FULL, YQ_IO. On failure part of it may have been written. `about` may be NULL. */
yq_must_check bool yq_anonymize_file(const struct yq_conf *conf, const struct yq_secret *secret,
                                     int fd, int out_fd, struct yq_anonymized *about,
                                     struct yq_err *err);

/* The same of a stored object, with the values that were coerced, in a syntax that the receiver
 * takes, as for yq_retrieve_open; YQ_REFUSED with about->patient filled: only that cannot be made.
 * The node's secret is in house->secret, made when it is missing. */
yq_must_check bool yq_anonymize_open(struct yq_house *house, const struct yq_entry *entry,
                                     const char *const *syntaxes, size_t syntax_count,
                                     struct yq_outgoing *out, struct yq_anonymized *about,
                                     struct yq_err *err);

#endif

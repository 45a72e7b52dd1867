/* sr_inside.h: a structured report between the files that read, say and lay it out. Private to
 * src/form/. */
#ifndef YQ_FORM_SR_INSIDE_H
#define YQ_FORM_SR_INSIDE_H

#include <stdint.h>

#include "yq/sr.h"

enum { SR_LEVELS_MOST = 64 };

struct label {
    const char *chinese, *english;
};
struct code { /* PS3.3 8.8; of the dataset's memory, "" where there is none */
    const char *value, *scheme, *meaning;
};

struct sr;

/* A value type (PS3.3 C.17.3.2.1) and how its value is put. */
struct value_type {
    const char *name;
    void (*put)(struct sr *, const struct yq_item *);      /* NULL: it has none of its own */
    bool container, text, number, image, reference, flows; /* flows: a word in running text */
};
/* How an item belongs to the one above it (C.17.3.2.4). */
struct relation {
    const char *name;
    bool property;      /* says something about the item above, and stands before what follows */
    struct label label; /* NULL: goes without saying */
};

struct node { /* a content item, understood */
    const struct yq_item *item;
    const struct value_type *type;
    const struct relation *relation;
    struct code name;
    const char *when; /* Observation DateTime where it differs from what is above; "" */
};

enum wrap { WRAP_NONE, WRAP_LIST, WRAP_TABLE, WRAP_FLOW, WRAP_GALLERY, WRAP_COUNT };
struct level { /* an item whose content is being laid out */
    struct node node;
    const char *when; /* Observation DateTime in force */
    unsigned number;  /* which one of its parent's, from 1 */
    size_t next;
    bool contents;     /* the second pass: no longer the properties */
    enum wrap wrap;    /* what its children stand in just now */
    bool flowing;      /* its content is running text */
    const char *close; /* what ends it */
};

struct evidence { /* where an instance belongs */
    const char *instance, *series, *study;
};

struct sr {
    const struct yq_sr_wish *wish;
    const struct yq_item *root;
    struct yq_buf *out; /* UTF-8 */
    const struct sr_pen *pen;
    struct label title; /* of what has no name of its own */
    bool html;
    bool section;    /* root is a section: what is in it has no headings of its own */
    bool chinese;    /* the character set has it */
    bool signs;      /* it has the signs of typography, or references stand for them */
    unsigned indent; /* of plain text: blanks before each line of a value */
    struct evidence *evidence;
    size_t evidence_count;
    struct level levels[SR_LEVELS_MOST];
    size_t depth;
};

/* How a kind of document is laid out. */
struct sr_pen {
    void (*begin)(struct sr *), (*end)(struct sr *);
    void (*enter)(struct sr *, struct level *above, struct level *level);
    void (*turn)(struct sr *, struct level *); /* from its properties to its content */
    void (*leave)(struct sr *, struct level *);
    void (*cut)(struct sr *, struct level *above); /* there is more, too deep down */
};
extern const struct sr_pen sr_pen_html, sr_pen_text;

/* Lays out what is below sr->root; and whether an object is a report at all (sr.c). */
void sr_walk(struct sr *sr);
bool sr_is_report(const struct yq_item *object);

/* The content of a waveform object (waveform.c). */
void sr_waveforms(struct sr *sr);

/* ---- words (sr_words.c) ---- */

struct code sr_code(const struct yq_item *item, uint32_t sequence);
/* Two names of one thing: a heading and the only text below it. */
bool sr_same_concept(const struct code *a, const struct code *b);
/* What the concept is called in Chinese where its name is English; NULL: not known. */
const char *sr_concept_chinese(const struct code *code);

/* ---- putting (sr_put.c) ---- */

void sr_raw(struct sr *sr, const char *markup);
/* A sign of typography, or what stands for it where the character set may lack it. */
void sr_sign(struct sr *sr, const char *sign, const char *plain);
/* Text from outside: escaped in a page, indented in plain text, without control characters. */
void sr_text(struct sr *sr, const char *text);
void sr_label(struct sr *sr, struct label label);
void sr_concept(struct sr *sr, const struct code *code); /* a name, in both languages if known */
void sr_buf(struct sr *sr, const struct yq_buf *text);
/* "1.2.3": the place of the level in the content tree. */
void sr_place(struct sr *sr, size_t depth);

/* ---- values (sr_value.c) ---- */

const struct value_type *sr_value_type(const struct yq_item *item);
const struct relation *sr_relation(const struct yq_item *item);
/* Number and unit apart, for tables; true when there is a number. */
bool sr_number(struct sr *sr, const struct yq_item *item);
void sr_unit(struct sr *sr, const struct yq_item *item);
void sr_qualifier(struct sr *sr, const struct yq_item *item);
const struct yq_item *sr_reference(const struct yq_item *item); /* NULL: there is none */
bool sr_linked(const struct sr *sr, const struct yq_item *reference);
/* Into a page, where it is linked: the URL of a referenced instance. `small`: as a small picture.
 */
void sr_url(struct sr *sr, const struct yq_item *reference, bool small);

/* ---- the head of a document (sr_head.c) ---- */

struct sr_fact {
    struct label label;
    void (*put)(struct sr *, const struct sr_fact *);
    uint32_t tag, time; /* time: of the same moment; 0: none */
};
extern const struct sr_fact sr_facts[];
extern const size_t sr_fact_count;
bool sr_fact_there(const struct sr *sr, const struct sr_fact *fact);

struct sr_flag {
    uint32_t tag;
    const char *value, *style;
    struct label label;
};
extern const struct sr_flag sr_flags[];
extern const size_t sr_flag_count;

struct sr_signer {
    uint32_t sequence, name, organization, when;
    struct label label;
};
extern const struct sr_signer sr_signers[];
extern const size_t sr_signer_count;

#endif

/* wado.h: what WADO-URI takes and gives, as two tables: its parameters (wado_table.c) and its media
 * types (wado_media.c). They read requests, make the page docs/wado.md (wado_help.c), and the tests
 * try each of their lines. Private to door/. PS3.18 chapter 9.
 *
 * Pure functions over text from outside; any thread. */
#ifndef YQ_DOOR_WADO_H
#define YQ_DOOR_WADO_H

#include "query.h"
#include "yq/catalog.h"

/* ---- parameters ---- */

enum wado_param {
    WADO_REQUEST,
    WADO_STUDY,
    WADO_SERIES,
    WADO_OBJECT,
    WADO_CONTENT_TYPE,
    WADO_CHARSET,
    WADO_ANONYMIZE,
    WADO_ANNOTATION,
    WADO_IMAGE_ANNOTATION,
    WADO_ROWS,
    WADO_COLUMNS,
    WADO_REGION,
    WADO_CENTER,
    WADO_WIDTH,
    WADO_FRAME,
    WADO_QUALITY,
    WADO_PRESENTATION,
    WADO_PRESENTATION_SERIES,
    WADO_SYNTAX,
    WADO_PARAMS
};
#define WADO_BIT(param) (1u << WADO_##param)

enum wado_form {               /* how a value is written */
                 WADO_WORD,    /* one of rule.words */
                 WADO_WORDS,   /* some of them, with commas */
                 WADO_UID,     /* PS3.5 6.2, VR UI, not padded */
                 WADO_WHOLE,   /* digits; within [least, most] */
                 WADO_DECIMAL, /* VR DS; within [least, most] */
                 WADO_AREA,    /* four decimals from 0 to 1 with commas: left, top, right, bottom */
                 WADO_LIST     /* of media types or character sets; negotiated, never malformed */
};

enum wado_kind { /* of media types; bits */
                 WADO_PICTURE = 1,
                 WADO_DICOM = 2,
                 WADO_TEXT = 4,
                 WADO_DOCUMENT = 8,
                 WADO_VIDEO = 16,
                 WADO_ANY = 31
};

struct wado_rule {
    const char *name; /* as the standard spells it; taken in any case */
    enum wado_form form;
    double least, most;
    const char *words;   /* "yes|no" */
    const char *neutral; /* the word that says the same as nothing; NULL: none does */
    unsigned goes_with;  /* wado_kind bits */
    bool required;
    unsigned needs, bars; /* bits of other parameters */
    unsigned dicom_needs; /* those that it needs where the answer is application/dicom */
    unsigned status;      /* when the value is not like that */
    const char *clause;   /* of PS3.18 */
    const char *help;     /* one sentence */
};
extern const struct wado_rule wado_rules[WADO_PARAMS];

struct wado_values {
    unsigned given;                /* bits; an empty value is none */
    const char *text[WADO_PARAMS]; /* borrowed from the parameters; "" when not given */
    double number[WADO_PARAMS];
    unsigned words[WADO_PARAMS]; /* bit n: the nth word */
    double area[4];
};
/* False: *status and the sentence of *err say what to answer. Parameters of nobody are passed over.
 */
yq_must_check bool wado_read(const struct yq_params *params, struct wado_values *out,
                             unsigned *status, struct yq_err *err);

/* ---- media types ---- */

enum wado_category { /* of objects (PS3.18 8.7.2); bits */
                     WADO_SINGLE_FRAME = 1,
                     WADO_MULTI_FRAME = 2,
                     WADO_MOVIE = 4,
                     WADO_REPORT = 8,
                     WADO_PDF = 16,
                     WADO_CDA = 32,
                     WADO_MODEL = 64,
                     WADO_WAVEFORM = 128,
                     WADO_OTHER = 256, /* nothing that could be shown */
                     WADO_EVERY = 511
};
enum wado_category wado_category(const struct yq_glance *object);
const char *wado_category_name(enum wado_category category);

struct wado_type {
    const char *name;
    const char *alias; /* NULL: none */
    enum wado_kind kind;
    unsigned made_of; /* wado_category bits */
    const char *help;
};
enum { WADO_TYPES = 17 };
extern const struct wado_type wado_types[WADO_TYPES]; /* best first, where the client has no wish */

struct wado_wish { /* of the client: contentType, else Accept */
    struct yq_media media[YQ_MEDIA_MOST];
    size_t count;
    bool any; /* none at all */
    const char *said_by;
};
void wado_wish_read(const struct wado_values *values, const char *accept, struct wado_wish *out);

struct wado_choice { /* the types that would do, best first */
    const struct wado_type *types[WADO_TYPES];
    const char *names[WADO_TYPES]; /* of each, as the client wants it called */
    char syntax[YQ_UID_SIZE]; /* of application/dicom, from its transfer-syntax; "": not said */
    size_t count;
};
/* False: none; *status 406, or 400 when a parameter does not go with any of them. */
yq_must_check bool wado_choose(const struct wado_wish *wish, const struct wado_values *values,
                               enum wado_category category, struct wado_choice *out,
                               unsigned *status, struct yq_err *err);

#endif

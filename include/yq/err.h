/* err.h: how every room says that something did not work.
 *
 * An error is a value the caller owns. It is filled once, where the trouble is met; on the way up a
 * caller may add what it was doing, and only the one who handles it writes it to the log. */
#ifndef YQ_ERR_H
#define YQ_ERR_H

#include <stdbool.h>

enum yq_code { /* chosen by what a caller can do about it */
               YQ_OK,
               YQ_BAD_INPUT, /* the sender must change something */
               YQ_ABSENT,    /* there is no such thing */
               YQ_CONFLICT,  /* it is there already, and different */
               YQ_REFUSED,   /* not allowed */
               YQ_FULL,      /* no room on disk, or a limit is reached */
               YQ_BUSY,      /* try again soon */
               YQ_TIMEOUT,
               YQ_IO, /* the machine failed us */
               YQ_PEER_GONE,
               YQ_BUG, /* our own mistake, met where aborting would hurt more than saying so */
};

struct yq_err {
    enum yq_code code;
    const char *room; /* static string: "store", "catalog", ... */
    char text[240];   /* one sentence, no personal data */
};

#define yq_must_check __attribute__((warn_unused_result))

/* Fills *err and returns false, so that a failing function can end with it. */
bool yq_fail(struct yq_err *err, enum yq_code code, const char *room, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A word for the code, as logs and JSON show it: "bad-input", "absent", ... */
const char *yq_code_name(enum yq_code code);

/* Puts "<doing>: " before the text of an error on its way up; returns false. */
bool yq_while(struct yq_err *err, const char *doing);

#endif

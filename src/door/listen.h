/* listen.h: the listening socket of a door that takes connections itself. Private to src/door/. */
#ifndef YQ_DOOR_LISTEN_H
#define YQ_DOOR_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "yq/err.h"

struct listening {                  /* where, in the words of the configuration */
    const char *bind_key, *address; /* "dicom.bind"; "": all addresses, IPv6 and IPv4 */
    const char *port_key;           /* "dicom.port" */
    int64_t port;                   /* 0: nothing is opened, which is no error */
    int waiting;                    /* connections that may wait to be accepted */
};
/* A socket that does not block; *out -1: none, or an error. YQ_CONFLICT: the port is taken;
 * YQ_BAD_INPUT: the address is none. */
yq_must_check bool door_listen(const struct listening *where, int *out, struct yq_err *err);

#endif

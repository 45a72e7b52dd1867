/* status.c: our error codes in DIMSE's words. PS3.7 annex C; PS3.4 B.2.3 (storage), C.4 (query and
 * retrieve). */
#include "yq/walk.h"

unsigned yq_status_store(enum yq_code code)
{
    switch (code) {
    case YQ_OK: return 0x0000;
    case YQ_BAD_INPUT: return 0xa900; /* dataset does not match: the sender must change something */
    case YQ_CONFLICT: return 0x0111;  /* duplicate SOP instance */
    case YQ_REFUSED: return 0x0124;   /* not authorised */
    case YQ_ABSENT: return 0x0112;
    case YQ_FULL:
    case YQ_BUSY:
    case YQ_TIMEOUT:
    case YQ_IO: return 0xa700; /* out of resources: trying again later may help */
    default: return 0x0110;    /* processing failure */
    }
}

unsigned yq_status_query(enum yq_code code)
{
    switch (code) {
    case YQ_OK: return 0x0000;
    case YQ_BAD_INPUT: return 0xa900;
    case YQ_REFUSED: return 0x0124;
    case YQ_FULL:
    case YQ_BUSY:
    case YQ_TIMEOUT:
    case YQ_IO: return 0xa700;
    default: return 0xc001; /* unable to process */
    }
}

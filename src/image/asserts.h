/* asserts.h: libraries that are built with their asserts, on bytes from outside. Private to room
 * image. */
#ifndef YQ_IMAGE_ASSERTS_H
#define YQ_IMAGE_ASSERTS_H

#include <stdbool.h>

/* Runs `body`; false when it said so, or when an assert failed within it. What a library had in its
 * hands then, beyond what its own objects hold, is lost. */
bool yq_despite_asserts(bool (*body)(void *user), void *user);

#endif

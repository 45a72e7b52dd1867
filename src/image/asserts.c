/* asserts.c: an assert of a library must not end the node.
 *
 * Debian builds OpenJPEG and CharLS with their asserts, and hostile codestreams reach some of
 * OpenJPEG's (HTJ2K). So the program has an __assert_fail of its own, which the dynamic linker
 * finds before libc's: inside yq_despite_asserts it jumps out, everywhere else it ends the program
 * as ever. One guard a thread, not nested; the libraries run in the calling thread. */
#undef NDEBUG /* without which assert.h declares it */
#include "asserts.h"

#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local jmp_buf *way_out;

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): libc's name it is */
void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function)
{
    if (way_out)
        longjmp(*way_out, 1);
    (void)fprintf(stderr, "%s:%u: %s: assertion `%s' failed\n", file, line,
                  function ? function : "", assertion);
    abort();
}

bool yq_despite_asserts(bool (*body)(void *user), void *user)
{
    jmp_buf here;
    volatile bool fine = false;
    if (setjmp(here) == 0) {
        way_out = &here;
        fine = body(user);
    }
    way_out = NULL;
    return fine;
}

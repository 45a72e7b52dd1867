/* codes_advice.c: which national codes a local one may mean, over several dictionaries. Each is
 * made ready once, however many names are asked for. */
#include <stdlib.h>
#include <string.h>

#include "codes.h"
#include "yq/suggest.h"

struct yq_advisor {
    const struct yq_cli *cli;
    struct yq_suggester **ready; /* by dictionary; NULL: not yet */
};

bool yq_advisor_new(const struct yq_cli *cli, struct yq_advisor **out, struct yq_err *err)
{
    const char *named;
    *out = NULL;
    for (size_t n = 0; (named = yq_cli_nth(cli, "dictionary", n)); n++) {
        if (!yq_dictionary_find(named))
            return yq_fail(err, YQ_ABSENT, "node",
                           "there is no dictionary %.64s: yingqiao codes dictionary lists them",
                           named);
        if (n == YQ_ADVISED_MOST)
            return yq_fail(err, YQ_BAD_INPUT, "node", "at most %d dictionaries at once",
                           YQ_ADVISED_MOST);
    }
    struct yq_advisor *made = calloc(1, sizeof *made);
    if (!made || !(made->ready = calloc(yq_dictionary_count, sizeof(struct yq_suggester *)))) {
        free(made);
        return yq_fail(err, YQ_FULL, "node", "no memory for suggestions");
    }
    made->cli = cli;
    *out = made;
    return true;
}

void yq_advisor_free(struct yq_advisor *advisor)
{
    if (!advisor)
        return;
    for (size_t i = 0; i < yq_dictionary_count; i++)
        yq_suggester_free(advisor->ready[i]);
    free(advisor->ready);
    free(advisor);
}

/* The n-th dictionary to ask about a code of this list; NULL: there are fewer. */
static const char *nth(const struct yq_advisor *advisor, const char *list, size_t n)
{
    static const char *const items[] = {"recognition-item", "neijiang/recognition-item",
                                        "radiology-code"};
    if (yq_cli_nth(advisor->cli, "dictionary", 0))
        return yq_cli_nth(advisor->cli, "dictionary", n);
    if (strcmp(list, YQ_CODES_EXAM_ITEMS) == 0)
        return n < sizeof items / sizeof *items ? items[n] : NULL;
    return n == 0 ? list : NULL;
}

size_t yq_advise(struct yq_advisor *advisor, const char *list, const char *name,
                 const struct yq_advice_wish *wish, struct yq_suggestion *out)
{
    size_t count = 0;
    const char *asked;
    for (size_t n = 0; n < YQ_ADVISED_MOST && (asked = nth(advisor, list, n)); n++) {
        struct yq_err ignored;
        const struct yq_dictionary *dictionary = yq_dictionary_find(asked);
        if (!dictionary)
            continue;
        struct yq_suggester **ready = &advisor->ready[dictionary - yq_dictionaries];
        if (*ready || yq_suggester_new(dictionary, ready, &ignored))
            count += yq_suggest(*ready, name, wish->least, out + count, wish->most);
    }
    return count;
}

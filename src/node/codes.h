/* codes.h: what the parts of `yingqiao codes` share. */
#ifndef YQ_NODE_CODES_H
#define YQ_NODE_CODES_H

#include "cli.h"
#include "home.h"
#include "yq/codes.h"
#include "yq/dictionary.h"

/* --list, --source, --dictionary, --limit as a filter. Returns an exit status. */
int yq_codes_filter(struct yq_cli *cli, struct yq_code_filter *filter);
/* Is there this code in this dictionary? `force`: it need not be. False: *err says what is wrong,
 * and what to do. `code` may be changed to the same with a 0 before it, which spreadsheets take
 * away. */
bool yq_codes_check(struct yq_code_line *line, bool force, struct yq_err *err);
/* The Chinese name of a national code; "". */
const char *yq_codes_name(const char *dictionary, const char *code);

/* Suggestions from the dictionaries that --dictionary names, or those that go with a code's list.
 */
enum { YQ_ADVISED_MOST = 8 }; /* dictionaries for one code */
struct yq_advisor;
yq_must_check bool yq_advisor_new(const struct yq_cli *cli, struct yq_advisor **out,
                                  struct yq_err *err);
void yq_advisor_free(struct yq_advisor *advisor);
static inline void yq_advisor_cleanup(struct yq_advisor **advisor) { yq_advisor_free(*advisor); }
struct yq_advice_wish {
    double least;
    size_t most; /* from each dictionary */
};
/* `out` has room for most * YQ_ADVISED_MOST; how many there are. */
struct yq_suggestion;
size_t yq_advise(struct yq_advisor *advisor, const char *list, const char *name,
                 const struct yq_advice_wish *wish, struct yq_suggestion *out);

/* codes_file.c; exit statuses */
int yq_codes_import(struct yq_cli *cli, struct yq_home *home, const char *path);
int yq_codes_export(struct yq_cli *cli, struct yq_home *home, const char *path);

#endif

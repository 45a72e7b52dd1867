/* cmd_codes.c: the hospital's own codes and their national ones, for people: list, unmapped,
 * suggest, set, unset, forget, import, export, dictionary. Works on the catalog while the node
 * runs; what is set counts from the next record on. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codes.h"
#include "output.h"
#include "yq/audit.h"
#include "yq/clock.h"
#include "yq/suggest.h"
#include "yq/text.h"

enum { SUGGESTED_MOST = 20 };

int yq_codes_filter(struct yq_cli *cli, struct yq_code_filter *filter)
{
    long limit;
    if (!yq_cli_number(cli, "limit", 0, 100000000, 200, &limit))
        return YQ_EXIT_USAGE;
    *filter = (struct yq_code_filter){.list = yq_cli_value(cli, "list"),
                                      .source = yq_cli_value(cli, "source"),
                                      .dictionary = yq_cli_value(cli, "dictionary"),
                                      .limit = (size_t)limit};
    return YQ_EXIT_FINE;
}

const char *yq_codes_name(const char *dictionary, const char *code)
{
    const struct yq_dictionary *found = yq_dictionary_find(dictionary);
    const struct yq_term *term = found ? yq_term_find(found, code) : NULL;
    return term ? term->chinese : "";
}

/* A spreadsheet has made 1 of 01. */
static bool with_zero(const struct yq_dictionary *dictionary, char national[YQ_CODE_SIZE])
{
    char longer[YQ_CODE_SIZE + 1];
    snprintf(longer, sizeof longer, "0%s", national);
    if (!yq_term_find(dictionary, longer))
        return false;
    return yq_copy(national, YQ_CODE_SIZE, longer);
}

bool yq_codes_check(struct yq_code_line *line, bool force, struct yq_err *err)
{
    const struct yq_dictionary *dictionary = yq_dictionary_find(line->dictionary);
    const char *texts[] = {line->list, line->source,     line->code,
                           line->name, line->dictionary, line->national};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!yq_text_is_utf8(texts[i], strlen(texts[i])))
            return yq_fail(err, YQ_BAD_INPUT, "node", "a value is not UTF-8, or was cut");
    if (!*line->list || !*line->code || !*line->dictionary || !*line->national)
        return yq_fail(err, YQ_BAD_INPUT, "node",
                       "local list, local code, dictionary and national code are all wanted");
    if (force)
        return true;
    if (!dictionary)
        return yq_fail(err, YQ_ABSENT, "node",
                       "there is no dictionary %s: yingqiao codes dictionary lists them",
                       line->dictionary);
    return yq_term_accepts(dictionary, line->national) || with_zero(dictionary, line->national) ||
           yq_fail(err, YQ_ABSENT, "node",
                   "%s has no code %.64s: yingqiao codes dictionary %s lists them",
                   line->dictionary, line->national, line->dictionary);
}

/* ---- list ---- */

static int list(struct yq_cli *cli, struct yq_home *home)
{
    static const char *const heads[] = {"LIST",       "SOURCE",   "CODE", "NAME",
                                        "DICTIONARY", "NATIONAL", "MEANS"};
    struct yq_table table yq_cleanup(yq_table_fini) = {.heads = heads, .columns = 7};
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    struct yq_code_filter filter;
    struct yq_code_line *lines = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    int status = yq_codes_filter(cli, &filter);
    if (status == YQ_EXIT_FINE &&
        !yq_codes_list(home->house.catalog, &filter, &lines, &count, &err))
        status = yq_cli_fail_err(&err);
    for (size_t i = 0; status == YQ_EXIT_FINE && i < count; i++) {
        const struct yq_code_line *line = &lines[i];
        const char *names[] = {"list", "source", "code", "name", "dictionary", "national", "means"};
        const char *values[] = {line->list,
                                line->source,
                                line->code,
                                line->name,
                                line->dictionary,
                                line->national,
                                yq_codes_name(line->dictionary, line->national)};
        struct yq_json *object = cli->json ? yq_json_object() : NULL;
        for (size_t k = 0; k < 7; k++) {
            if (object)
                yq_json_text(object, names[k], values[k]);
            else
                yq_table_add(&table, values[k]);
        }
        if (object)
            yq_json_add(array, NULL, object);
    }
    free(lines);
    if (status != YQ_EXIT_FINE) {
        yq_json_free(array);
        return status;
    }
    if (cli->json)
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (!count)
        printf("no codes are mapped; yingqiao codes unmapped shows which came without\n");
    else
        yq_table_print(&table, stdout);
    if (filter.limit && count == filter.limit)
        printf("the first %zu; --limit 0 shows all\n", count);
    return YQ_EXIT_FINE;
}

/* ---- unmapped, suggest ---- */

static struct yq_json *suggestions_json(const struct yq_suggestion *best, size_t count)
{
    struct yq_json *array = yq_json_array();
    for (size_t i = 0; i < count; i++) {
        struct yq_json *object = yq_json_object();
        yq_json_text(object, "dictionary", best[i].dictionary->name);
        yq_json_text(object, "code", best[i].term->code);
        yq_json_text(object, "name", best[i].term->chinese);
        yq_json_number(object, "score", best[i].score);
        yq_json_add(array, NULL, object);
    }
    return array;
}

static struct yq_json *seen_json(const struct yq_code_seen *seen)
{
    char text[32];
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "list", seen->list);
    yq_json_text(object, "source", seen->source);
    yq_json_text(object, "code", seen->code);
    yq_json_text(object, "name", seen->name);
    yq_json_number(object, "times", (double)seen->times);
    yq_clock_text(text, sizeof text, seen->first_ms);
    yq_json_text(object, "first", text);
    yq_clock_text(text, sizeof text, seen->last_ms);
    yq_json_text(object, "last", text);
    return object;
}

static void add_seen(struct yq_table *table, const struct yq_code_seen *seen)
{
    char text[32];
    yq_clock_text(text, sizeof text, seen->last_ms);
    yq_table_add(table, seen->list);
    yq_table_add(table, seen->source);
    yq_table_add(table, seen->code);
    yq_table_add(table, seen->name);
    yq_table_addf(table, "%" PRIu64, seen->times);
    yq_table_addf(table, "%.10s %.8s", text, text + 11);
}

static void add_suggestions(struct yq_table *table, const struct yq_suggestion *best, size_t count)
{
    char text[1024];
    size_t length = 0;
    *text = '\0';
    for (size_t i = 0; i < count && length < sizeof text; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s %s %s (%.2f)",
                                   i ? "; " : "", best[i].dictionary->name, best[i].term->code,
                                   best[i].term->chinese, best[i].score);
    yq_table_add(table, text);
}

static int read_wish(struct yq_cli *cli, struct yq_advice_wish *wish)
{
    const char *least = yq_cli_value(cli, "least");
    char *end = NULL;
    long most;
    wish->least = least ? strtod(least, &end) : 0.5;
    if (least && (end == least || *end || !(wish->least >= 0 && wish->least <= 1)))
        return yq_cli_usage(cli, "--least wants a number from 0 to 1");
    if (!yq_cli_number(cli, "most", 1, SUGGESTED_MOST, 3, &most))
        return YQ_EXIT_USAGE;
    wish->most = (size_t)most;
    return YQ_EXIT_FINE;
}

/* `wish` NULL: without suggestions. */
static void show_unmapped(const struct yq_code_seen *seen, struct yq_advisor *advisor,
                          const struct yq_advice_wish *wish, struct yq_table *table,
                          struct yq_json *array)
{
    struct yq_suggestion best[SUGGESTED_MOST * YQ_ADVISED_MOST];
    size_t found = 0;
    if (wish)
        found = yq_advise(advisor, seen->list, *seen->name ? seen->name : seen->code, wish, best);
    if (!array) {
        add_seen(table, seen);
        if (wish)
            add_suggestions(table, best, found);
        return;
    }
    struct yq_json *object = seen_json(seen);
    if (wish)
        yq_json_add(object, "suggestions", suggestions_json(best, found));
    yq_json_add(array, NULL, object);
}

static int unmapped(struct yq_cli *cli, struct yq_home *home, const struct yq_advice_wish *wish)
{
    static const char *const heads[] = {"LIST",  "SOURCE",          "CODE",  "NAME",
                                        "TIMES", "LAST SEEN (UTC)", "MAY BE"};
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = heads, .columns = wish ? 7 : 6, .last_whole = true};
    struct yq_advisor *advisor yq_cleanup(yq_advisor_cleanup) = NULL;
    struct yq_code_filter filter;
    struct yq_code_seen *seen = NULL;
    struct yq_err err = {0};
    size_t count = 0;
    int status = yq_codes_filter(cli, &filter);
    if (status != YQ_EXIT_FINE)
        return status;
    if (wish) /* then it names where to look for suggestions */
        filter.dictionary = NULL;
    if (!yq_advisor_new(cli, &advisor, &err) ||
        !yq_codes_unmapped(home->house.catalog, &filter, &seen, &count, &err))
        return yq_cli_fail_err(&err);
    struct yq_json *array = cli->json ? yq_json_array() : NULL;
    for (size_t i = 0; i < count; i++)
        show_unmapped(&seen[i], advisor, wish, &table, array);
    free(seen);
    if (cli->json)
        return yq_print_json(array) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    if (!count)
        printf("every code that came is mapped, or none came\n");
    else
        yq_table_print(&table, stdout);
    if (filter.limit && count == filter.limit)
        printf("the first %zu; --limit 0 shows all\n", count);
    return YQ_EXIT_FINE;
}

static int suggest(struct yq_cli *cli, struct yq_home *home)
{
    struct yq_suggestion best[SUGGESTED_MOST * YQ_ADVISED_MOST];
    struct yq_advice_wish wish;
    struct yq_advisor *advisor yq_cleanup(yq_advisor_cleanup) = NULL;
    struct yq_err err = {0};
    const char *in = yq_cli_value(cli, "list");
    int status = read_wish(cli, &wish);
    if (status != YQ_EXIT_FINE)
        return status;
    if (cli->arg_count == 1)
        return unmapped(cli, home, &wish);
    if (!yq_advisor_new(cli, &advisor, &err))
        return yq_cli_fail_err(&err);
    size_t count = yq_advise(advisor, in ? in : YQ_CODES_EXAM_ITEMS, cli->args[1], &wish, best);
    if (cli->json)
        return yq_print_json(suggestions_json(best, count)) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    for (size_t i = 0; i < count; i++)
        printf("%.2f  %s %s %s\n", best[i].score, best[i].dictionary->name, best[i].term->code,
               best[i].term->chinese);
    if (!count)
        printf("nothing is like it; --least 0.3 shows more\n");
    return YQ_EXIT_FINE;
}

/* ---- set, unset, forget ---- */

static int told(struct yq_cli *cli, struct yq_home *home, const char *what, uint64_t count)
{
    char text[512];
    snprintf(text, sizeof text, "codes: %" PRIu64 " %s (list %.64s, code %.128s)", count, what,
             cli->arg_count > 1 ? cli->args[1] : "any", cli->arg_count > 2 ? cli->args[2] : "any");
    yq_audit_administered(home->house.audit, text, NULL);
    if (cli->json) {
        struct yq_json *object = yq_json_object();
        yq_json_number(object, "count", (double)count);
        return yq_print_json(object) ? YQ_EXIT_FINE : YQ_EXIT_FAILED;
    }
    printf("%" PRIu64 " %s\n", count, what);
    return YQ_EXIT_FINE;
}

static int set(struct yq_cli *cli, struct yq_home *home)
{
    struct yq_code_line line = {.changed_ms = 0};
    struct yq_err err = {0};
    const char *source = yq_cli_value(cli, "source"), *name = yq_cli_value(cli, "name");
    if (!yq_copy(line.list, sizeof line.list, cli->args[1]) ||
        !yq_copy(line.code, sizeof line.code, cli->args[2]) ||
        !yq_copy(line.dictionary, sizeof line.dictionary, cli->args[3]) ||
        !yq_copy(line.national, sizeof line.national, cli->args[4]) ||
        !yq_copy(line.source, sizeof line.source, source ? source : "") ||
        !yq_copy(line.name, sizeof line.name, name ? name : ""))
        return yq_cli_fail("a value is too long: codes have at most %d bytes, names %d",
                           YQ_CODE_SIZE - 1, YQ_CODE_NAME_SIZE - 1);
    if (!yq_codes_check(&line, yq_cli_flag(cli, "force"), &err) ||
        !yq_codes_set(home->house.catalog, &line, 1, &err))
        return yq_cli_fail_err(&err);
    return told(cli, home, "mapped", 1);
}

static int unset(struct yq_cli *cli, struct yq_home *home, bool forget)
{
    struct yq_code_filter filter;
    struct yq_err err = {0};
    uint64_t gone;
    int status = yq_codes_filter(cli, &filter);
    if (status != YQ_EXIT_FINE)
        return status;
    filter.list = cli->args[1];
    filter.code = cli->arg_count > 2 ? cli->args[2] : NULL;
    if (!(forget ? yq_codes_forget : yq_codes_unset)(home->house.catalog, &filter, &gone, &err))
        return yq_cli_fail_err(&err);
    if (!gone)
        return yq_cli_fail("there is no such code: yingqiao codes %s shows them",
                           forget ? "unmapped" : "list");
    return told(cli, home, forget ? "forgotten" : "unmapped", gone);
}

/* ---- dictionary ---- */

static struct yq_json *dictionary_json(const struct yq_dictionary *one, bool terms)
{
    struct yq_json *object = yq_json_object();
    yq_json_text(object, "name", one->name);
    yq_json_text(object, "chinese", one->chinese);
    yq_json_text(object, "source", one->source);
    yq_json_number(object, "count", (double)one->count);
    if (!terms)
        return object;
    struct yq_json *array = yq_json_array();
    for (size_t i = 0; i < one->count; i++) {
        struct yq_json *term = yq_json_object();
        yq_json_text(term, "code", one->terms[i].code);
        yq_json_text(term, "chinese", one->terms[i].chinese);
        yq_json_text(term, "parent", one->terms[i].parent);
        yq_json_text(term, "note", one->terms[i].note);
        yq_json_add(array, NULL, term);
    }
    yq_json_add(object, "terms", array);
    return object;
}

static int dictionary(struct yq_cli *cli)
{
    static const char *const heads[] = {"NAME", "CODES", "CHINESE", "SOURCE"},
                             *const term_heads[] = {"CODE", "CHINESE", "UNDER", "NOTE"};
    const char *name = cli->arg_count > 1 ? cli->args[1] : NULL;
    const struct yq_dictionary *one = name ? yq_dictionary_find(name) : NULL;
    struct yq_table table yq_cleanup(yq_table_fini) = {
        .heads = one ? term_heads : heads, .columns = 4, .last_whole = true};
    struct yq_json *array = cli->json && !one ? yq_json_array() : NULL;
    if (name && !one) {
        yq_json_free(array);
        return yq_cli_fail("there is no dictionary %.64s: yingqiao codes dictionary lists them",
                           name);
    }
    for (size_t i = 0; !one && i < yq_dictionary_count; i++) {
        const struct yq_dictionary *each = &yq_dictionaries[i];
        if (array) {
            yq_json_add(array, NULL, dictionary_json(each, false));
            continue;
        }
        yq_table_add(&table, each->name);
        yq_table_addf(&table, "%zu", each->count);
        yq_table_add(&table, each->chinese);
        yq_table_add(&table, each->source);
    }
    if (cli->json)
        return yq_print_json(one ? dictionary_json(one, true) : array) ? YQ_EXIT_FINE
                                                                       : YQ_EXIT_FAILED;
    for (size_t i = 0; one && i < one->count; i++) {
        yq_table_add(&table, one->terms[i].code);
        yq_table_add(&table, one->terms[i].chinese);
        yq_table_add(&table, one->terms[i].parent);
        yq_table_add(&table, one->terms[i].note);
    }
    if (one)
        printf("%s: %s (%s)\n", one->name, one->chinese, one->source);
    yq_table_print(&table, stdout);
    return YQ_EXIT_FINE;
}

/* ---- verbs ---- */

static const struct verb {
    const char *name;
    size_t least, most; /* words behind it */
    const char *wants;
} verbs[] = {
    {"list", 0, 0, "nothing"},
    {"unmapped", 0, 0, "nothing"},
    {"suggest", 0, 1, "a NAME, or nothing"},
    {"set", 4, 4, "LIST CODE DICTIONARY NATIONAL"},
    {"unset", 2, 2, "LIST CODE"},
    {"forget", 1, 2, "LIST, and perhaps a CODE"},
    {"import", 1, 1, "a FILE"},
    {"export", 0, 1, "a FILE, or nothing"},
    {"dictionary", 0, 1, "a NAME, or nothing"},
};

static int run(struct yq_cli *cli, struct yq_home *home, const char *what)
{
    switch (*what) {
    case 'l': return list(cli, home);
    case 's': return what[1] == 'u' ? suggest(cli, home) : set(cli, home);
    case 'u': return what[2] == 'm' ? unmapped(cli, home, NULL) : unset(cli, home, false);
    case 'f': return unset(cli, home, true);
    case 'i': return yq_codes_import(cli, home, cli->args[1]);
    default: return yq_codes_export(cli, home, cli->arg_count > 1 ? cli->args[1] : NULL);
    }
}

int yq_run_codes(struct yq_cli *cli)
{
    struct yq_home home = {0};
    struct yq_err err = {0};
    const char *what = cli->arg_count ? cli->args[0] : "list";
    const struct verb *verb = NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, what) == 0)
            verb = &verbs[i];
    if (!verb)
        return yq_cli_usage(cli, "codes wants one of list, unmapped, suggest, set, unset, forget, "
                                 "import, export, dictionary");
    size_t given = cli->arg_count ? cli->arg_count - 1 : 0;
    if (given < verb->least || given > verb->most)
        return yq_cli_usage(cli, "codes %s wants %s", what, verb->wants);
    if (strcmp(what, "dictionary") == 0)
        return dictionary(cli);
    if (!yq_home_open(cli, YQ_HOME_NO_STORE, NULL, &home, &err))
        return yq_cli_fail_err(&err);
    int status = run(cli, &home, what);
    yq_home_close(&home);
    return status;
}

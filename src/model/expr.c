/* expr.c: expressions of mapping files and field tables, parsed (expr.h).
 *
 *   expression = name | text | function "(" argument { "," argument } ")"
 *
 * A name is everything that is not followed by a bracket. What an argument must be stands in the
 * table of functions. Bounded in size, in the number of its parts, and in depth, so that evaluating
 * is too. Pure. */
#include <stdlib.h>
#include <string.h>

#include "expr_inside.h"

#define ROOM "model"

/* `takes`: one letter per argument: v a value, t text, n a number, c a condition; what stands
 * behind the asterisk comes again and again. */
static const struct {
    const char *name, *takes;
    unsigned least, most;
} functions[] = {
    [EXPR_FIRST] = {"first", "*v", 1, 64},
    [EXPR_JOIN] = {"join", "t*v", 2, 64},
    [EXPR_DATE] = {"date", "vt", 1, 2},
    [EXPR_FORMAT] = {"format", "vt", 2, 2},
    [EXPR_CODE] = {"code", "vtt", 3, 3},
    [EXPR_MAP] = {"map", "v*v", 3, 200},
    [EXPR_IF] = {"if", "cvv", 2, 3},
    [EXPR_PART] = {"part", "vtn", 3, 3},
    [EXPR_TRIM] = {"trim", "v", 1, 1},
    [EXPR_UPPER] = {"upper", "v", 1, 1},
    [EXPR_LOWER] = {"lower", "v", 1, 1},
    [EXPR_DIGITS] = {"digits", "v", 1, 1},
    [EXPR_SUBSTRING] = {"substring", "vnn", 2, 3},
    [EXPR_SPLIT] = {"split", "vt", 2, 2},
    [EXPR_NTH] = {"nth", "vn", 2, 2},
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

const char *expr_function_name(enum expr_function function) { return functions[function].name; }

struct reader {
    const char *text;
    size_t at;
    struct yq_expr *expr;
    struct yq_err *err;
};

static bool wanted(const struct reader *r, const char *what)
{
    if (r->text[r->at])
        return yq_fail(r->err, YQ_BAD_INPUT, ROOM, "character %zu: %s is wanted here", r->at + 1,
                       what);
    return yq_fail(r->err, YQ_BAD_INPUT, ROOM, "character %zu: it ends here, but %s is wanted",
                   r->at + 1, what);
}

static void skip_blanks(struct reader *r) { r->at += strspn(r->text + r->at, " \t\r\n"); }

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80 || (c && strchr("._-/@#[]", c));
}

static bool new_node(struct reader *r, enum expr_kind kind, uint16_t *out)
{
    struct yq_expr *expr = r->expr;
    if (expr->count == EXPR_NODES_MOST)
        return yq_fail(r->err, YQ_BAD_INPUT, ROOM, "character %zu: more than %d parts", r->at + 1,
                       EXPR_NODES_MOST);
    *out = (uint16_t)expr->count++;
    expr->nodes[*out] = (struct expr_node){.kind = kind, .text = (uint32_t)expr->texts.length};
    return true;
}

static bool end_text(struct reader *r)
{
    yq_buf_put(&r->expr->texts, "", 1);
    return !r->expr->texts.failed || yq_fail(r->err, YQ_FULL, ROOM, "no memory for an expression");
}

/* "text" or 'text'; \n, \t, and \ before anything else for that itself. */
static bool read_text(struct reader *r, uint16_t *out)
{
    char quote = r->text[r->at];
    if (!new_node(r, EXPR_TEXT, out))
        return false;
    for (r->at++; r->text[r->at] != quote; r->at++) {
        char c = r->text[r->at];
        bool escaped = c == '\\';
        if (escaped)
            c = r->text[++r->at];
        if (!c)
            return wanted(r, "the quote that ends the text");
        if (escaped && (c == 'n' || c == 't'))
            c = c == 'n' ? '\n' : '\t';
        yq_buf_put(&r->expr->texts, &c, 1);
    }
    r->at++;
    return end_text(r);
}

static bool read_number(struct reader *r, uint16_t *out)
{
    size_t length = strspn(r->text + r->at, "0123456789");
    if (!length || length > 5 || is_name(r->text[r->at + length]))
        return wanted(r, "a whole number");
    if (!new_node(r, EXPR_NUMBER, out))
        return false;
    r->expr->nodes[*out].number = (unsigned)strtoul(r->text + r->at, NULL, 10);
    r->at += length;
    return true;
}

static bool read_quoted_name(struct reader *r, uint16_t *out)
{
    size_t length = strcspn(r->text + ++r->at, "`");
    if (!length || !r->text[r->at + length])
        return wanted(r, "a name and the backquote that ends it");
    if (!new_node(r, EXPR_NAME, out))
        return false;
    yq_buf_put(&r->expr->texts, r->text + r->at, length);
    r->at += length + 1;
    return end_text(r);
}

static bool read_value(struct reader *r, unsigned depth, uint16_t *out);

/* A, A = B or A != B. */
static bool read_condition(struct reader *r, unsigned depth, uint16_t *out)
{
    uint16_t left, right;
    if (!read_value(r, depth, &left))
        return false;
    *out = left;
    bool equal = r->text[r->at] == '=', other = strncmp(r->text + r->at, "!=", 2) == 0;
    if (!equal && !other)
        return true;
    r->at += equal ? 1 + (r->text[r->at + 1] == '=') : 2;
    if (!new_node(r, equal ? EXPR_EQUAL : EXPR_OTHER, out) || !read_value(r, depth, &right))
        return false;
    r->expr->nodes[*out].child = left;
    r->expr->nodes[left].next = right;
    return true;
}

static bool read_argument(struct reader *r, char what, unsigned depth, uint16_t *out)
{
    bool fine;
    skip_blanks(r);
    if (what == 't' && r->text[r->at] != '"' && r->text[r->at] != '\'')
        return wanted(r, "text in quotes");
    if (what == 'n')
        fine = read_number(r, out);
    else if (what == 'c')
        fine = read_condition(r, depth, out);
    else
        fine = read_value(r, depth, out);
    if (fine)
        skip_blanks(r);
    return fine;
}

static bool read_arguments(struct reader *r, unsigned depth, uint16_t call)
{
    enum expr_function function = r->expr->nodes[call].function;
    const char *takes = functions[function].takes;
    unsigned count = 0;
    uint16_t last = 0;
    for (;; r->at++) {
        uint16_t argument = 0;
        bool again = *takes == '*';
        if (count == functions[function].most)
            return yq_fail(r->err, YQ_BAD_INPUT, ROOM,
                           "character %zu: %s(...) takes at most %u arguments", r->at + 1,
                           functions[function].name, functions[function].most);
        if (!read_argument(r, again ? takes[1] : *takes, depth, &argument))
            return false;
        takes += !again;
        if (last)
            r->expr->nodes[last].next = argument;
        else
            r->expr->nodes[call].child = argument;
        last = argument;
        count++;
        if (r->text[r->at] == ')')
            break;
        if (r->text[r->at] != ',')
            return wanted(r, "a comma or the closing bracket");
    }
    if (count < functions[function].least)
        return yq_fail(r->err, YQ_BAD_INPUT, ROOM,
                       "character %zu: %s(...) takes at least %u arguments", r->at + 1,
                       functions[function].name, functions[function].least);
    r->at++;
    return true;
}

static bool read_call(struct reader *r, size_t length, unsigned depth, uint16_t *out)
{
    const char *name = r->text + r->at;
    size_t i = 0;
    while (i < FUNCTIONS &&
           (strlen(functions[i].name) != length || memcmp(functions[i].name, name, length) != 0))
        i++;
    if (i == FUNCTIONS)
        return wanted(r, "one of first, join, date, format, code, map, if, part, trim, upper, "
                         "lower, digits, substring, split, nth");
    if (depth == EXPR_DEPTH_MOST)
        return yq_fail(r->err, YQ_BAD_INPUT, ROOM, "character %zu: nested too deep", r->at + 1);
    if (!new_node(r, EXPR_CALL, out))
        return false;
    r->expr->nodes[*out].function = (enum expr_function)i;
    r->at += length;
    skip_blanks(r);
    r->at++;
    return read_arguments(r, depth + 1, *out);
}

/* Passes over blanks on both sides. */
static bool read_value(struct reader *r, unsigned depth, uint16_t *out)
{
    bool fine;
    skip_blanks(r);
    size_t length = 0;
    const char *at = r->text + r->at;
    while (is_name(at[length]))
        length++;
    size_t behind = length + strspn(at + length, " \t\r\n");
    if (*at == '"' || *at == '\'') {
        fine = read_text(r, out);
    } else if (*at == '`') {
        fine = read_quoted_name(r, out);
    } else if (!length) {
        fine = wanted(r, "a name, text in quotes or a function");
    } else if (at[behind] == '(') {
        fine = read_call(r, length, depth, out);
    } else if ((fine = new_node(r, EXPR_NAME, out))) {
        yq_buf_put(&r->expr->texts, at, length);
        r->at += length;
        fine = end_text(r);
    }
    if (fine)
        skip_blanks(r);
    return fine;
}

bool yq_expr_parse(const char *text, struct yq_expr **out, struct yq_err *err)
{
    uint16_t root;
    *out = NULL;
    if (strlen(text) > EXPR_TEXT_MOST)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the expression is longer than %d bytes",
                       EXPR_TEXT_MOST);
    struct yq_expr *expr = calloc(1, sizeof *expr);
    if (expr)
        expr->nodes = calloc(EXPR_NODES_MOST, sizeof *expr->nodes);
    if (!expr || !expr->nodes) {
        yq_expr_free(expr);
        return yq_fail(err, YQ_FULL, ROOM, "no memory for an expression");
    }
    struct reader r = {.text = text, .expr = expr, .err = err};
    if (read_value(&r, 0, &root) && (!text[r.at] || wanted(&r, "the end"))) {
        struct expr_node *fit = realloc(expr->nodes, expr->count * sizeof *expr->nodes);
        expr->nodes = fit ? fit : expr->nodes;
        *out = expr;
        return true;
    }
    yq_expr_free(expr);
    return false;
}

void yq_expr_free(struct yq_expr *expr)
{
    if (!expr)
        return;
    yq_buf_fini(&expr->texts);
    free(expr->nodes);
    free(expr);
}

void yq_expr_names(const struct yq_expr *expr, void (*name)(void *context, const char *text),
                   void *context)
{
    for (size_t i = 0; i < expr->count; i++)
        if (expr->nodes[i].kind == EXPR_NAME)
            name(context, yq_buf_text(&expr->texts) + expr->nodes[i].text);
}

const char *yq_expr_name(const struct yq_expr *expr)
{
    return expr->nodes[0].kind == EXPR_NAME ? yq_buf_text(&expr->texts) + expr->nodes[0].text
                                            : NULL;
}

void yq_expr_codes(const struct yq_expr *expr,
                   void (*code)(void *context, const char *from, const char *to), void *context)
{
    const char *texts = yq_buf_text(&expr->texts);
    for (size_t i = 0; i < expr->count; i++) {
        const struct expr_node *call = &expr->nodes[i];
        if (call->kind != EXPR_CALL || call->function != EXPR_CODE)
            continue;
        const struct expr_node *from = &expr->nodes[expr->nodes[call->child].next];
        code(context, texts + from->text, texts + expr->nodes[from->next].text);
    }
}

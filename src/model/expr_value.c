/* expr_value.c: the value of an expression (expr.h).
 *
 * Every part is looked at once at most, as deep as the parser allows; every value in between is
 * bounded like a record's. Of several values (line feeds between) each is changed by itself. Pure,
 * any thread. */
#include <string.h>

#include "expr_inside.h"

#define ROOM "model"

struct run {
    const struct yq_expr *expr;
    const struct yq_surroundings *around;
    struct yq_err *err;
    size_t effort; /* so far */
};
#define EFFORT_MOST (64u << 20)
#define EFFORT_OF_A_STEP 64

static bool evaluate(struct run *r, uint16_t at, struct yq_buf *out);

static const struct expr_node *node_of(const struct run *r, uint16_t at)
{
    return &r->expr->nodes[at];
}

static const char *text_of(const struct run *r, uint16_t at)
{
    return yq_buf_text(&r->expr->texts) + node_of(r, at)->text;
}

static struct yq_buf new_value(void) { return (struct yq_buf){.most = YQ_RECORD_VALUE_MOST}; }

static bool is_there(const struct yq_buf *value)
{
    const char *text = yq_buf_text(value);
    return text[strspn(text, " \t\r\n")];
}

/* After each step: is there room for what was made, and is it enough now? */
static bool check_room(struct run *r, const struct yq_buf *value)
{
    if (value->failed)
        return yq_fail(r->err, YQ_FULL, ROOM, "a value is longer than %u bytes",
                       YQ_RECORD_VALUE_MOST);
    r->effort += EFFORT_OF_A_STEP + value->length;
    return r->effort < EFFORT_MOST ||
           yq_fail(r->err, YQ_FULL, ROOM, "the expression has too much to do with this value");
}

/* ---- one value of several, changed ---- */

struct step { /* what is done to one value; text is a C string */
    struct run *run;
    const struct expr_node *call;
    bool (*change)(struct step *step, const char *text, struct yq_buf *out);
    uint16_t second, third; /* further arguments */
};

static bool fail_in(struct step *step, const char *why)
{
    return yq_fail(step->run->err, YQ_BAD_INPUT, ROOM, "%s(...): %s",
                   expr_function_name(step->call->function), why);
}

static bool change_date(struct step *step, const char *text, struct yq_buf *out)
{
    const char *pattern = step->second ? text_of(step->run, step->second) : NULL;
    return expr_date_read(text, pattern, out) ||
           fail_in(step, pattern ? "the value has not the form that is asked for"
                                 : "the value is no date");
}

static bool change_format(struct step *step, const char *text, struct yq_buf *out)
{
    return expr_date_write(text, text_of(step->run, step->second), out) ||
           fail_in(step, "the value is no date");
}

/* What is not mapped stays as it is: it is shown as not mapped yet, and not lost. */
static bool change_code(struct step *step, const char *text, struct yq_buf *out)
{
    const struct yq_surroundings *around = step->run->around;
    size_t before = out->length;
    if (around->convert &&
        around->convert(around->context, text_of(step->run, step->second),
                        text_of(step->run, step->third), text, out) &&
        out->length > before)
        return true;
    if (out->length > before) {
        out->length = before;
        out->bytes[before] = '\0';
    }
    yq_buf_puts(out, text);
    return true;
}

static bool change_map(struct step *step, const char *text, struct yq_buf *out)
{
    uint16_t at = step->second;
    while (at) {
        uint16_t to = node_of(step->run, at)->next;
        if (!to)
            return evaluate(step->run, at, out); /* everything else */
        struct yq_buf key yq_cleanup(yq_buf_fini) = new_value();
        if (!evaluate(step->run, at, &key))
            return false;
        if (strcmp(yq_buf_text(&key), text) == 0)
            return evaluate(step->run, to, out);
        at = node_of(step->run, to)->next;
    }
    yq_buf_puts(out, text);
    return true;
}

static bool change_part(struct step *step, const char *text, struct yq_buf *out)
{
    const char *mark = text_of(step->run, step->second);
    size_t length = strlen(mark);
    unsigned wanted = node_of(step->run, step->third)->number;
    if (!length || !wanted)
        return true;
    for (; wanted > 1; wanted--) {
        text = strstr(text, mark);
        if (!text)
            return true;
        text += length;
    }
    const char *end = strstr(text, mark);
    yq_buf_put(out, text, end ? (size_t)(end - text) : strlen(text));
    return true;
}

/* Bytes of a blank at the beginning of `text`: ASCII's, U+00A0, U+3000, U+FEFF; 0: none. */
static size_t blank_at(const char *text)
{
    if (*text == ' ' || *text == '\t' || *text == '\r')
        return 1;
    if (strncmp(text, "\xc2\xa0", 2) == 0)
        return 2;
    return strncmp(text, "\xe3\x80\x80", 3) == 0 || strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static bool change_trim(struct step *step, const char *text, struct yq_buf *out)
{
    (void)step;
    size_t length = 0, blank;
    while ((blank = blank_at(text)))
        text += blank;
    for (size_t i = 0; text[i]; i += blank ? blank : 1) {
        blank = blank_at(text + i);
        if (!blank)
            length = i + 1;
    }
    yq_buf_put(out, text, length);
    return true;
}

static bool change_letters(struct step *step, const char *text, struct yq_buf *out)
{
    bool upper = step->call->function == EXPR_UPPER;
    char first = upper ? 'a' : 'A';
    for (; *text; text++) {
        char c = *text;
        if (c >= first && c <= first + 25)
            c = (char)(c ^ 0x20);
        yq_buf_put(out, &c, 1);
    }
    return true;
}

static bool change_digits(struct step *step, const char *text, struct yq_buf *out)
{
    (void)step;
    for (; *text; text++) {
        const unsigned char *at = (const unsigned char *)text;
        char c = *text;
        if (at[0] == 0xef && at[1] == 0xbc && at[2] >= 0x90 && at[2] <= 0x99)
            c = (char)('0' + at[2] - 0x90); /* full width */
        if (c >= '0' && c <= '9')
            yq_buf_put(out, &c, 1);
    }
    return true;
}

static const char *after_characters(const char *text, unsigned count)
{
    while (count && *text) {
        for (text++; (*text & 0xc0) == 0x80; text++)
            ;
        count--;
    }
    return text;
}

static bool change_substring(struct step *step, const char *text, struct yq_buf *out)
{
    unsigned from = node_of(step->run, step->second)->number;
    const char *begin = after_characters(text, from ? from - 1 : 0), *end = begin + strlen(begin);
    if (step->third)
        end = after_characters(begin, node_of(step->run, step->third)->number);
    yq_buf_put(out, begin, (size_t)(end - begin));
    return true;
}

/* The values between the marks, each on a line of its own. */
static bool change_split(struct step *step, const char *text, struct yq_buf *out)
{
    const char *mark = text_of(step->run, step->second);
    size_t length = strlen(mark), before = out->length;
    for (const char *end = text; end; text = end ? end + length : text) {
        end = length ? strstr(text, mark) : NULL;
        struct yq_buf one yq_cleanup(yq_buf_fini) = new_value();
        struct yq_buf neat yq_cleanup(yq_buf_fini) = new_value();
        yq_buf_put(&one, text, end ? (size_t)(end - text) : strlen(text));
        if (!change_trim(step, yq_buf_text(&one), &neat) || !neat.length)
            continue;
        yq_buf_puts(out, out->length > before ? "\n" : "");
        yq_buf_put(out, neat.bytes, neat.length);
    }
    return true;
}

static bool change_each(struct step *step, const struct yq_buf *value, struct yq_buf *out)
{
    size_t before = out->length;
    const char *at = yq_buf_text(value);
    for (bool more = true; more;) {
        size_t length = strcspn(at, "\n");
        struct yq_buf one yq_cleanup(yq_buf_fini) = new_value();
        struct yq_buf made yq_cleanup(yq_buf_fini) = new_value();
        yq_buf_put(&one, at, length);
        more = at[length];
        at += length + more;
        if (!is_there(&one))
            continue;
        if (!step->change(step, yq_buf_text(&one), &made) || !check_room(step->run, &made))
            return false;
        if (!is_there(&made))
            continue;
        yq_buf_puts(out, out->length > before ? "\n" : "");
        yq_buf_put(out, made.bytes, made.length);
    }
    return true;
}

static bool call_step(struct run *r, const struct expr_node *call, struct yq_buf *out)
{
    static bool (*const changes[])(struct step * step, const char *text, struct yq_buf *out) = {
        [EXPR_DATE] = change_date,     [EXPR_FORMAT] = change_format,
        [EXPR_CODE] = change_code,     [EXPR_MAP] = change_map,
        [EXPR_PART] = change_part,     [EXPR_TRIM] = change_trim,
        [EXPR_UPPER] = change_letters, [EXPR_LOWER] = change_letters,
        [EXPR_DIGITS] = change_digits, [EXPR_SUBSTRING] = change_substring,
        [EXPR_SPLIT] = change_split,
    };
    struct yq_buf value yq_cleanup(yq_buf_fini) = new_value();
    struct step step = {.run = r, .call = call, .change = changes[call->function]};
    if (!evaluate(r, call->child, &value))
        return false;
    step.second = node_of(r, call->child)->next;
    step.third = step.second ? node_of(r, step.second)->next : 0;
    return !is_there(&value) || change_each(&step, &value, out);
}

/* ---- the others ---- */

static bool call_first(struct run *r, const struct expr_node *call, struct yq_buf *out)
{
    for (uint16_t at = call->child; at; at = node_of(r, at)->next) {
        struct yq_buf value yq_cleanup(yq_buf_fini) = new_value();
        if (!evaluate(r, at, &value))
            return false;
        if (is_there(&value)) {
            yq_buf_put(out, value.bytes, value.length);
            return true;
        }
    }
    return true;
}

static bool call_join(struct run *r, const struct expr_node *call, struct yq_buf *out)
{
    const char *between = text_of(r, call->child);
    bool any = false;
    for (uint16_t at = node_of(r, call->child)->next; at; at = node_of(r, at)->next) {
        struct yq_buf value yq_cleanup(yq_buf_fini) = new_value();
        if (!evaluate(r, at, &value))
            return false;
        if (!is_there(&value))
            continue;
        yq_buf_puts(out, any ? between : "");
        yq_buf_put(out, value.bytes, value.length);
        any = true;
    }
    return true;
}

/* Of the values that are there. */
static bool call_nth(struct run *r, const struct expr_node *call, struct yq_buf *out)
{
    unsigned wanted = node_of(r, node_of(r, call->child)->next)->number;
    struct yq_buf value yq_cleanup(yq_buf_fini) = new_value();
    if (!evaluate(r, call->child, &value))
        return false;
    for (const char *at = yq_buf_text(&value); *at && wanted;) {
        size_t length = strcspn(at, "\n"), blank = strspn(at, " \t\r");
        if (blank < length && --wanted == 0)
            yq_buf_put(out, at, length);
        at += length + (at[length] != '\0');
    }
    return true;
}

/* A, A = B, A != B; what is not there is equal to nothing but what is not there either. */
static bool holds(struct run *r, uint16_t at, bool *yes)
{
    const struct expr_node *node = node_of(r, at);
    struct yq_buf left yq_cleanup(yq_buf_fini) = new_value();
    struct yq_buf right yq_cleanup(yq_buf_fini) = new_value();
    if (node->kind != EXPR_EQUAL && node->kind != EXPR_OTHER) {
        if (!evaluate(r, at, &left))
            return false;
        *yes = is_there(&left);
        return true;
    }
    if (!evaluate(r, node->child, &left) || !evaluate(r, node_of(r, node->child)->next, &right))
        return false;
    bool same = is_there(&left) == is_there(&right) &&
                (!is_there(&left) || strcmp(yq_buf_text(&left), yq_buf_text(&right)) == 0);
    *yes = same == (node->kind == EXPR_EQUAL);
    return true;
}

static bool call_if(struct run *r, const struct expr_node *call, struct yq_buf *out)
{
    bool yes;
    uint16_t then = node_of(r, call->child)->next, otherwise = node_of(r, then)->next;
    if (!holds(r, call->child, &yes))
        return false;
    if (!yes)
        then = otherwise;
    return !then || evaluate(r, then, out);
}

/* Appends; nothing, where there is no value. */
static bool evaluate(struct run *r, uint16_t at, struct yq_buf *out)
{
    const struct expr_node *node = node_of(r, at);
    struct yq_buf value yq_cleanup(yq_buf_fini) = new_value();
    bool fine = true;
    if (node->kind == EXPR_TEXT)
        yq_buf_puts(out, text_of(r, at));
    else if (node->kind == EXPR_NAME) {
        if (r->around->get(r->around->context, text_of(r, at), &value))
            yq_buf_puts(out, yq_buf_text(&value));
        fine = check_room(r, &value);
    } else if (node->function == EXPR_FIRST)
        fine = call_first(r, node, out);
    else if (node->function == EXPR_JOIN)
        fine = call_join(r, node, out);
    else if (node->function == EXPR_IF)
        fine = call_if(r, node, out);
    else if (node->function == EXPR_NTH)
        fine = call_nth(r, node, out);
    else
        fine = call_step(r, node, out);
    return fine && check_room(r, out);
}

bool yq_expr_value(const struct yq_expr *expr, const struct yq_surroundings *around,
                   struct yq_buf *out, bool *there, struct yq_err *err)
{
    struct run r = {.expr = expr, .around = around, .err = err};
    struct yq_buf value yq_cleanup(yq_buf_fini) = new_value();
    *there = false;
    if (!evaluate(&r, 0, &value))
        return false;
    if (!is_there(&value))
        return true;
    *there = true;
    yq_buf_put(out, value.bytes, value.length);
    return !out->failed || yq_fail(err, YQ_FULL, ROOM, "no room for a value");
}

/* outline.c: a record of JSON or XML as a tree of names and texts, and the paths into it. Nodes lie
 * in one array in the order they came; bounded in number by who adds them. Pure. */
#include <stdlib.h>
#include <string.h>

#include "foreign_inside.h"

void outline_clear(struct outline *outline)
{
    outline->count = 0;
    outline->chosen = 0;
    yq_buf_clear(&outline->texts);
}

void outline_fini(struct outline *outline)
{
    free(outline->nodes);
    yq_buf_fini(&outline->texts);
}

bool outline_add(struct outline *outline, uint32_t parent, const char *name, size_t length,
                 uint32_t *last_of_parent, uint32_t *out)
{
    if (outline->count == outline->room) {
        size_t room = outline->room ? 2 * outline->room : 64;
        struct outline_node *nodes = realloc(outline->nodes, room * sizeof *nodes);
        if (!nodes)
            return false;
        outline->nodes = nodes;
        outline->room = room;
    }
    if (outline->count == FOREIGN_NODES_MOST || outline->texts.length > UINT32_MAX / 2)
        return false;
    *out = (uint32_t)outline->count++;
    outline->nodes[*out] = (struct outline_node){.name = (uint32_t)outline->texts.length};
    yq_buf_put(&outline->texts, name, length);
    yq_buf_put(&outline->texts, "", 1);
    if (parent != UINT32_MAX) {
        if (*last_of_parent)
            outline->nodes[*last_of_parent].next = *out;
        else
            outline->nodes[parent].child = *out;
        *last_of_parent = *out;
    }
    return !outline->texts.failed;
}

void outline_text(struct outline *outline, uint32_t node, const void *text, size_t length)
{
    outline->nodes[node].text = (uint32_t)outline->texts.length;
    outline->nodes[node].leaf = true;
    yq_buf_put(&outline->texts, text, length);
    yq_buf_put(&outline->texts, "", 1);
}

static const char *name_of(const struct outline *outline, uint32_t node)
{
    return yq_buf_text(&outline->texts) + outline->nodes[node].name;
}

/* ---- paths ---- */

struct found {
    const struct outline *outline;
    struct yq_buf *values; /* NULL: nodes are counted */
    size_t count, wanted;  /* the wanted-th node is noted in `node` */
    uint32_t node;
    bool any;
};

static void put_value(struct found *found, uint32_t node)
{
    const struct outline_node *at = &found->outline->nodes[node];
    if (!at->leaf || !found->values)
        return;
    const char *text = yq_buf_text(&found->outline->texts) + at->text;
    if (found->any)
        yq_buf_puts(found->values, "\n");
    yq_buf_puts(found->values, text);
    found->any = true;
}

/* A node that a path ends at: itself, or the elements of an array. */
static void arrive(struct found *found, uint32_t node)
{
    const struct outline_node *nodes = found->outline->nodes;
    if (!nodes[node].array)
        put_value(found, node);
    for (uint32_t at = nodes[node].array ? nodes[node].child : 0; at; at = nodes[at].next)
        put_value(found, at);
}

/* The step from `path` on, without "[]"; *rest behind it, NULL: it is the last. */
static size_t step_of(const char *path, char between, const char **rest)
{
    const char *end = strchr(path, between);
    size_t length = end ? (size_t)(end - path) : strlen(path);
    *rest = end ? end + 1 : NULL;
    if (length > 2 && memcmp(path + length - 2, "[]", 2) == 0)
        length -= 2;
    return length;
}

static void walk(struct found *found, uint32_t node, const char *path, char between,
                 unsigned depth);

static void walk_child(struct found *found, uint32_t child, const char *rest, char between,
                       unsigned depth)
{
    const struct outline_node *nodes = found->outline->nodes;
    if (!rest) {
        arrive(found, child);
        return;
    }
    if (!nodes[child].array) {
        walk(found, child, rest, between, depth + 1);
        return;
    }
    for (uint32_t at = nodes[child].child; at; at = nodes[at].next)
        walk(found, at, rest, between, depth + 1);
}

static void walk(struct found *found, uint32_t node, const char *path, char between, unsigned depth)
{
    const struct outline_node *nodes = found->outline->nodes;
    const char *rest;
    size_t length = step_of(path, between, &rest);
    if (depth > FOREIGN_DEPTH_MOST)
        return;
    if (length == 1 && *path == '.' && between == '/') {
        if (rest)
            walk(found, node, rest, between, depth + 1);
        else
            arrive(found, node);
        return;
    }
    for (uint32_t at = nodes[node].child; at; at = nodes[at].next) {
        const char *name = name_of(found->outline, at);
        if (strncmp(name, path, length) == 0 && !name[length])
            walk_child(found, at, rest, between, depth);
    }
}

/* Behind the "[]" of the items that one was chosen of; NULL: the name is of something else. */
static const char *within_chosen(const struct outline *outline, const char *name)
{
    size_t length = strlen(outline->chosen_of);
    if (!outline->chosen || strncmp(name, outline->chosen_of, length) != 0 ||
        strncmp(name + length, "[]", 2) != 0)
        return NULL;
    return name[length + 2] == '/' || name[length + 2] == '.' ? name + length + 3
           : name[length + 2]                                 ? NULL
                                                              : ".";
}

bool outline_get(const struct outline *outline, const char *name, struct yq_buf *out)
{
    struct found found = {.outline = outline, .values = out};
    const char *within = within_chosen(outline, name);
    uint32_t from = within ? outline->chosen : 0;
    if (!outline->count)
        return false;
    name = within ? within : name;
    walk(&found, from, name, '/', 0);
    if (!found.any && strchr(name, '.') && strcmp(name, ".") != 0)
        walk(&found, from, name, '.', 0);
    return found.any;
}

/* ---- items ---- */

static void count_node(struct found *found, uint32_t node)
{
    if (found->count++ == found->wanted)
        found->node = node;
}

static uint32_t find_first(const struct outline *outline, uint32_t node, const char *path,
                           size_t length, size_t *count)
{
    uint32_t first = 0;
    *count = 0;
    for (uint32_t at = outline->nodes[node].child; at; at = outline->nodes[at].next) {
        const char *name = name_of(outline, at);
        if (strncmp(name, path, length) != 0 || name[length])
            continue;
        first = first ? first : at;
        ++*count;
    }
    return first;
}

/* Whether an element has nothing but elements of one name. */
static bool only_wraps(const struct outline *outline, uint32_t node)
{
    uint32_t first = outline->nodes[node].child;
    if (!first || outline->nodes[node].leaf)
        return false;
    for (uint32_t at = first; at; at = outline->nodes[at].next)
        if (!outline->nodes[at].element || !outline->nodes[at].child ||
            strcmp(name_of(outline, at), name_of(outline, first)) != 0)
            return false;
    return true;
}

static void find_items(struct found *found, const char *name)
{
    const struct outline *outline = found->outline;
    const struct outline_node *nodes = outline->nodes;
    const char *end = strstr(name, "[]"), *path = name, *rest;
    uint32_t node = 0;
    size_t count;
    while (outline->count && end) {
        size_t length = step_of(path, '/', &rest);
        bool last = !rest || rest > end;
        uint32_t first = find_first(outline, node, path, length, &count);
        if (!first)
            return;
        if (last) {
            bool inner = count == 1 && (nodes[first].array || only_wraps(outline, first));
            for (uint32_t at = inner ? nodes[first].child : first; at; at = nodes[at].next)
                if (inner || strcmp(name_of(outline, at), name_of(outline, first)) == 0)
                    count_node(found, at);
            return;
        }
        node = first;
        path = rest;
    }
}

size_t outline_items(const struct outline *outline, const char *name)
{
    struct found found = {.outline = outline, .wanted = SIZE_MAX};
    find_items(&found, name);
    return found.count;
}

void outline_choose(struct outline *outline, const char *name, size_t n)
{
    struct found found = {.outline = outline, .wanted = n};
    const char *end = strstr(name, "[]");
    outline->chosen = 0;
    if (!end || (size_t)(end - name) >= sizeof outline->chosen_of)
        return;
    find_items(&found, name);
    outline->chosen = found.node;
    memcpy(outline->chosen_of, name, (size_t)(end - name));
    outline->chosen_of[end - name] = '\0';
}

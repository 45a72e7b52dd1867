/* xml.c: records of an XML file, one after the other (libxml2's reader, which only this file sees).
 *
 * Refused: a document type declaration, and with it entities of one's own and everything that
 * would be fetched; nesting deeper than FOREIGN_DEPTH_MOST. Names are taken without their prefix.
 * The text is UTF-8 already, whatever its declaration says. What the library says of a fault is not
 * repeated, because it quotes the text; its line is. */
#include <libxml/parser.h>
#include <libxml/xmlreader.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "foreign_inside.h"

#define ROOM "form"
#define LOOKED_AT 50 /* children of the root that decide whether they repeat */

struct xml_records {
    xmlTextReaderPtr reader;
    xmlNodePtr node; /* the record; the reader's */
    bool root;       /* it is the root */
    bool inside;     /* the reader stands at a record that was read */
    char root_name[128];
    unsigned steps; /* of foreign->records */
    int fault_line; /* where the library met the first fault; 0: nowhere */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void init(void) { xmlInitParser(); }

static void note_fault(void *context, xmlErrorPtr error)
{
    struct xml_records *own = context;
    if (!own->fault_line && error->level >= XML_ERR_ERROR)
        own->fault_line = error->line > 0 ? error->line : 1;
}

static bool fail(const struct yq_foreign *foreign, const char *why, struct yq_err *err)
{
    const struct xml_records *own = foreign->own;
    return yq_fail(err, YQ_BAD_INPUT, ROOM, "line %d: %s",
                   own->fault_line ? own->fault_line : (int)foreign->line, why);
}

#define NO_XML "the file is no well-formed XML from here on"

static bool open_reader(struct yq_foreign *foreign, struct yq_err *err)
{
    struct xml_records *own = foreign->own;
    xmlFreeTextReader(own->reader);
    own->reader =
        xmlReaderForMemory(foreign->text, (int)foreign->length, NULL, "UTF-8",
                           XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                               XML_PARSE_NOCDATA | XML_PARSE_IGNORE_ENC | XML_PARSE_COMPACT);
    if (!own->reader)
        return foreign_no_memory(err);
    xmlTextReaderSetStructuredErrorHandler(own->reader, note_fault, own);
    return true;
}

/* A document type declaration stands before the root, behind comments and instructions at most. */
static bool has_doctype(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        if (text[at] != '<') {
            at++;
            continue;
        }
        const char *from = text + at;
        size_t left = length - at;
        if (left >= 9 && strncasecmp(from, "<!DOCTYPE", 9) == 0)
            return true;
        bool comment = left >= 4 && memcmp(from, "<!--", 4) == 0;
        if (!comment && !(left >= 2 && from[1] == '?'))
            return left >= 2 && from[1] == '!';
        const char *end = memmem(from, left, comment ? "-->" : "?>", comment ? 3 : 2);
        if (!end)
            return false;
        at = (size_t)(end - text) + 1;
    }
    return false;
}

static bool is_element(const struct xml_records *own)
{
    return xmlTextReaderNodeType(own->reader) == XML_READER_TYPE_ELEMENT;
}

static const char *name_at(const struct xml_records *own)
{
    const xmlChar *name = xmlTextReaderConstLocalName(own->reader);
    return name ? (const char *)name : "";
}

/* To the root. */
static bool find_root(struct yq_foreign *foreign, struct yq_err *err)
{
    struct xml_records *own = foreign->own;
    int got;
    while ((got = xmlTextReaderRead(own->reader)) == 1 && !is_element(own))
        if (xmlTextReaderNodeType(own->reader) == XML_READER_TYPE_DOCUMENT_TYPE)
            return fail(foreign, "a document type declaration (DOCTYPE) is not taken", err);
    if (got != 1)
        return fail(foreign, NO_XML, err);
    yq_copy(own->root_name, sizeof own->root_name, name_at(own));
    return true;
}

static bool has_inner_elements(xmlNodePtr node)
{
    for (xmlNodePtr at = node ? node->children : NULL; at; at = at->next)
        if (at->type == XML_ELEMENT_NODE)
            return true;
    return node && node->properties;
}

/* Whether the root's children are the records: they have one name and something in them. */
static bool children_repeat(struct yq_foreign *foreign, char *name, size_t size)
{
    struct xml_records *own = foreign->own;
    bool repeat = false;
    int got = xmlTextReaderRead(own->reader);
    *name = '\0';
    for (int seen = 0; got == 1 && seen < LOOKED_AT;) {
        if (!is_element(own) || xmlTextReaderDepth(own->reader) != 1) {
            got = xmlTextReaderRead(own->reader);
            continue;
        }
        if (*name && strcmp(name, name_at(own)) != 0)
            return false;
        if (!*name) {
            if (!yq_copy(name, size, name_at(own)))
                return false;
            repeat = has_inner_elements(xmlTextReaderExpand(own->reader));
        }
        seen++;
        got = xmlTextReaderNext(own->reader);
    }
    return repeat;
}

static bool xml_open(struct yq_foreign *foreign, struct yq_err *err)
{
    struct xml_records *own = calloc(1, sizeof *own);
    foreign->own = own;
    if (!own)
        return foreign_no_memory(err);
    pthread_once(&once, init);
    if (has_doctype(foreign->text, foreign->length))
        return fail(foreign, "a document type declaration (DOCTYPE) is not taken", err);
    if (foreign->length > INT32_MAX)
        return fail(foreign, "the file is larger than 2 GB", err);
    if (!open_reader(foreign, err) || !find_root(foreign, err))
        return false;
    if (!*foreign->records) {
        own->root = !children_repeat(foreign, foreign->records, sizeof foreign->records);
        own->fault_line = 0; /* it comes again in its place */
        if (own->root)
            *foreign->records = '\0';
        if (!open_reader(foreign, err) || !find_root(foreign, err))
            return false;
    }
    for (const char *p = foreign->records; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        own->steps += *p != '\0';
    return true;
}

static void xml_close(struct yq_foreign *foreign)
{
    struct xml_records *own = foreign->own;
    if (own)
        xmlFreeTextReader(own->reader);
    free(own);
}

/* ---- one record ---- */

struct build {
    struct outline *outline;
    bool deep, full;
};

static void put_attributes(struct build *build, xmlNodePtr node, uint32_t into, uint32_t *last)
{
    for (xmlAttrPtr at = node->properties; at && !build->full; at = at->next) {
        struct yq_buf name yq_cleanup(yq_buf_fini) = {0};
        xmlChar *value = xmlNodeListGetString(node->doc, at->children, 1);
        uint32_t made;
        yq_buf_putf(&name, "@%s", (const char *)at->name);
        if (!outline_add(build->outline, into, yq_buf_text(&name), name.length, last, &made))
            build->full = true;
        else if (value)
            outline_text(build->outline, made, value, strlen((const char *)value));
        xmlFree(value);
    }
}

static bool is_text(const xmlNode *node)
{
    return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}

static void put_texts(struct build *build, const xmlNode *node, uint32_t into)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {.most = FOREIGN_VALUE_MOST};
    bool elements = false;
    for (const xmlNode *at = node->children; at; at = at->next) {
        elements = elements || at->type == XML_ELEMENT_NODE;
        if (is_text(at) && at->content)
            yq_buf_puts(&text, (const char *)at->content);
    }
    const char *all = yq_buf_text(&text);
    build->full = build->full || text.failed;
    if (!elements || all[strspn(all, " \t\r\n")])
        outline_text(build->outline, into, all, strlen(all));
}

static void put_element(struct build *build, xmlNodePtr node, uint32_t into, unsigned depth)
{
    uint32_t last = 0, made;
    if (depth > FOREIGN_DEPTH_MOST) {
        build->deep = true;
        return;
    }
    put_attributes(build, node, into, &last);
    put_texts(build, node, into);
    for (xmlNodePtr at = node->children; at && !build->full && !build->deep; at = at->next) {
        if (at->type != XML_ELEMENT_NODE)
            continue;
        const char *name = (const char *)at->name;
        if (!outline_add(build->outline, into, name, strlen(name), &last, &made)) {
            build->full = true;
            return;
        }
        build->outline->nodes[made].element = true;
        put_element(build, at, made, depth + 1);
    }
}

static bool take_record(struct yq_foreign *foreign, const char **fault, struct yq_err *err)
{
    struct xml_records *own = foreign->own;
    struct build build = {.outline = &foreign->outline};
    uint32_t root, none = 0;
    own->node = xmlTextReaderExpand(own->reader);
    if (!own->node || (own->fault_line && !own->node->next))
        return fail(foreign, NO_XML, err); /* the fault may lie ahead; what is followed is whole */
    foreign->line = (unsigned)xmlGetLineNo(own->node);
    own->inside = true;
    outline_clear(&foreign->outline);
    if (!outline_add(&foreign->outline, UINT32_MAX, "", 0, &none, &root))
        return foreign_no_memory(err);
    put_element(&build, own->node, root, 0);
    if (build.deep)
        *fault = "its elements are nested too deep";
    else if (build.full || foreign->outline.texts.failed)
        *fault = "it has too many elements, or a text longer than 1 MB";
    else if (memmem(foreign->outline.texts.bytes, foreign->outline.texts.length, "\xef\xbf\xbd", 3))
        *fault = "it has bytes that are no text in the character set of the file";
    return true;
}

/* Whether the element here is the step of the path that belongs to its depth. */
static bool on_path(const struct yq_foreign *foreign, int depth)
{
    const char *step = foreign->records;
    for (int i = 1; i < depth && step; i++) {
        step = strchr(step, '/');
        step = step ? step + 1 : NULL;
    }
    size_t length = step ? strcspn(step, "/") : 0;
    const char *name = name_at(foreign->own);
    return length && strlen(name) == length && memcmp(name, step, length) == 0;
}

static bool xml_next(struct yq_foreign *foreign, const char **fault, struct yq_err *err)
{
    struct xml_records *own = foreign->own;
    int got = 1;
    if (own->root)
        return !own->inside && take_record(foreign, fault, err);
    bool skip = own->inside;
    own->node = NULL;
    for (;;) {
        got = skip ? xmlTextReaderNext(own->reader) : xmlTextReaderRead(own->reader);
        skip = false;
        if (got != 1)
            break;
        int depth = xmlTextReaderDepth(own->reader);
        if (!is_element(own) || depth < 1)
            continue;
        if (!on_path(foreign, depth))
            skip = true;
        else if ((unsigned)depth == own->steps)
            return take_record(foreign, fault, err);
    }
    foreign->line = (unsigned)xmlTextReaderGetParserLineNumber(own->reader);
    return got != 0 || own->fault_line ? fail(foreign, NO_XML, err) : false;
}

/* ---- a file with some of them ---- */

static void put_tags(const struct yq_foreign *foreign, bool closing, struct yq_buf *out)
{
    const struct xml_records *own = foreign->own;
    char path[sizeof foreign->records + sizeof own->root_name + 1];
    const char *names[FOREIGN_DEPTH_MOST];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/%s", own->root_name, foreign->records);
    char *save = NULL;
    for (char *at = strtok_r(path, "/", &save); at && count < FOREIGN_DEPTH_MOST;
         at = strtok_r(NULL, "/", &save))
        names[count++] = at;
    if (count)
        count--; /* the record's own */
    if (own->root)
        count = 0;
    for (size_t i = 0; i < count; i++)
        yq_buf_putf(out, closing ? "</%s>" : "<%s>", names[closing ? count - 1 - i : i]);
    yq_buf_puts(out, "\n");
}

static void xml_put_head(const struct yq_foreign *foreign, struct yq_buf *out)
{
    yq_buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    put_tags(foreign, false, out);
}

static void xml_put_record(const struct yq_foreign *foreign, struct yq_buf *out)
{
    const struct xml_records *own = foreign->own;
    xmlBufferPtr buffer = own->node ? xmlBufferCreate() : NULL;
    if (!buffer)
        return;
    if (xmlNodeDump(buffer, own->node->doc, own->node, 0, 0) >= 0)
        yq_buf_puts(out, (const char *)xmlBufferContent(buffer));
    yq_buf_puts(out, "\n");
    xmlBufferFree(buffer);
}

static void xml_put_rest(const struct yq_foreign *foreign, struct yq_buf *out)
{
    (void)foreign;
    (void)out;
}

static void xml_put_tail(const struct yq_foreign *foreign, struct yq_buf *out)
{
    put_tags(foreign, true, out);
}

const struct foreign_reader foreign_xml = {xml_open,       xml_next,     xml_close,   xml_put_head,
                                           xml_put_record, xml_put_rest, xml_put_tail};

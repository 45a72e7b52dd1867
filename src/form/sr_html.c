/* sr_html.c: a report as a page of its own: HTML5, style within, no script, nothing loaded but
 * small pictures of images that this node may have. Words in Chinese with the English behind, for
 * both kinds of readers.
 *
 * Children of one item stand in something that fits their kind: properties and facts in a list,
 * measurements in a table, images in a gallery, sentences in running text. What is open is closed
 * when another kind follows. */
#include <string.h>

#include "sr_inside.h"
#include "yq/form.h"
#include "yq/text.h"

static const char style[] =
    ":root{color-scheme:light;--ink:#1c2530;--soft:#66727f;--line:#dfe4e9;--tint:#f5f7f9;"
    "--accent:#0b5c8a}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:#eceff2;color:var(--ink);font:16px/1.7 system-ui,-apple-system,"
    "\"PingFang SC\",\"Hiragino Sans GB\",\"Microsoft YaHei\",\"Noto Sans CJK SC\",\"Noto Sans\","
    "\"WenQuanYi Micro Hei\",sans-serif}\n"
    "article{max-width:54rem;margin:1.5rem auto;padding:2.25rem 2.75rem 1.5rem;background:#fff;"
    "border:1px solid var(--line);border-radius:6px;overflow-wrap:anywhere}\n"
    "main{margin-top:1.4rem}\n"
    "h1{margin:0;font-size:1.65rem;line-height:1.3;font-weight:600}\n"
    "h2,h3,h4,h5,h6{margin:1.6rem 0 .4rem;line-height:1.4;font-weight:600;color:var(--accent)}\n"
    "h2{font-size:1.2rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}\n"
    "h3{font-size:1.05rem}\n"
    "h4,h5,h6{font-size:1rem;color:var(--ink)}\n"
    ".e{font-weight:400;font-size:.78em;color:var(--soft);letter-spacing:.01em}\n"
    ".flags{margin:.6rem 0 0}\n"
    ".flag{display:inline-block;margin:0 .4rem .3rem 0;padding:.05rem .6rem;border-radius:1rem;"
    "font-size:.82rem}\n"
    ".good{background:#e3f3e8;color:#1b6b3a}\n"
    ".warn{background:#fdf0d9;color:#8a5300}\n"
    ".good .e,.warn .e{color:inherit;opacity:.75}\n"
    ".facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));"
    "gap:.5rem 1.5rem;margin:1.1rem 0 0;padding:1rem 1.2rem;background:var(--tint);"
    "border-radius:6px}\n"
    ".facts div{min-width:0}\n"
    ".facts dt{font-size:.8rem;line-height:1.5;color:var(--soft)}\n"
    ".facts dd{margin:0;line-height:1.5;font-weight:500;white-space:pre-wrap}\n"
    "section section{padding-left:1rem;border-left:2px solid var(--line)}\n"
    ".t{margin:.5rem 0}\n"
    ".t>.v{white-space:pre-wrap}\n"
    ".n{color:var(--soft)}\n"
    ".n::after{content:\":\";margin-right:.35em}\n"
    ".t>.n{display:block;font-size:.85rem}\n"
    ".t>.n::after{content:none}\n"
    "ul{list-style:none;margin:.3rem 0;padding:0}\n"
    "li{margin:.1rem 0}\n"
    "li>.v{white-space:pre-wrap}\n"
    "li>ul,.t>ul,td>ul,figure>ul{margin:.1rem 0 .3rem .1rem;padding-left:.9rem;border-left:2px "
    "solid var(--line);font-size:.93em}\n"
    ".u{font-size:.82em;color:var(--soft)}\n"
    ".r{font-size:.8em;color:var(--accent);margin-right:.4em}\n"
    "time{margin-left:.5em;font-size:.8em;color:var(--soft);white-space:nowrap}\n"
    "table{width:100%;margin:.6rem 0;border-collapse:collapse;line-height:1.5}\n"
    "th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left;"
    "vertical-align:top;overflow-wrap:normal}\n"
    "td:last-child{overflow-wrap:anywhere}\n"
    "tbody th{min-width:6em}\n"
    "thead th{font-size:.8rem;font-weight:500;color:var(--soft);border-bottom-width:2px}\n"
    "tbody th{font-weight:500}\n"
    ".num{text-align:right;font-variant-numeric:tabular-nums;font-weight:600;white-space:nowrap}\n"
    ".signers{margin:1rem 0 0;font-size:.92rem}\n"
    ".i{display:inline}\n"
    ".i>ul,.i>ul>li,.i li ul,.i li li{display:inline;border:0;padding:0;margin:0}\n"
    ".i>ul::before{content:\" (\"}\n"
    ".i>ul::after{content:\")\"}\n"
    ".i li+li::before{content:\"; \"}\n"
    ".i>ul{color:var(--soft);font-size:.88em}\n"
    ".g{display:flex;flex-wrap:wrap;gap:.9rem;margin:.7rem 0}\n"
    "figure{margin:0;max-width:12rem;font-size:.85rem;line-height:1.45}\n"
    "figure img{display:block;max-width:12rem;max-height:12rem;margin-bottom:.3rem;"
    "border-radius:4px;background:#000}\n"
    "a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:.15em}\n"
    ":target{background:#fff6d6}\n"
    ".cut{color:#8a5300}\n"
    ".wave{display:block;width:100%;height:auto;margin:.6rem 0;border:1px solid var(--line)}\n"
    ".wave path{fill:none;stroke:#1c2530;stroke-width:.25;stroke-linejoin:round}\n"
    ".wave .paper{fill:#fffaf8}\n"
    ".wave .grid{stroke:#f0c4bc;stroke-width:.15}\n"
    ".wave text{font-size:3px;fill:#66727f;paint-order:stroke;stroke:#fffaf8;stroke-width:.8}\n"
    "footer{margin-top:2rem;padding-top:.8rem;border-top:1px solid var(--line);font-size:.75rem;"
    "line-height:1.5;color:var(--soft)}\n"
    "@media(max-width:40rem){article{margin:0;padding:1.2rem;border:0;border-radius:0}}\n"
    "@media print{body{background:#fff;font-size:11pt}article{margin:0;padding:0;border:0;"
    "max-width:none}.facts{background:none;border:1px solid var(--line)}h2,h3,h4{break-after:"
    "avoid}tr,figure{break-inside:avoid}}\n";

/* ---- what children stand in ---- */

static void open_wrap(struct sr *sr, enum wrap wrap)
{
    static const char *const opens[WRAP_COUNT] = {
        [WRAP_NONE] = "",
        [WRAP_LIST] = "<ul>",
        [WRAP_TABLE] = "<table>\n<thead><tr><th scope=\"col\">",
        [WRAP_FLOW] = "<div class=\"t\">",
        [WRAP_GALLERY] = "<div class=\"g\">\n",
    };
    sr_raw(sr, opens[wrap]);
    if (wrap != WRAP_TABLE)
        return;
    sr_label(sr, (struct label){"项目", "Item"});
    sr_raw(sr, "</th><th scope=\"col\" class=\"num\">");
    sr_label(sr, (struct label){"数值", "Value"});
    sr_raw(sr, "</th><th scope=\"col\">");
    sr_label(sr, (struct label){"单位", "Unit"});
    sr_raw(sr, "</th><th scope=\"col\">");
    sr_label(sr, (struct label){"说明", "Note"});
    sr_raw(sr, "</th></tr></thead>\n<tbody>\n");
}

static void turn_to(struct sr *sr, struct level *level, enum wrap wrap)
{
    static const char *const closes[WRAP_COUNT] = {[WRAP_NONE] = "",
                                                   [WRAP_LIST] = "</ul>",
                                                   [WRAP_TABLE] = "</tbody>\n</table>\n",
                                                   [WRAP_FLOW] = "</div>\n",
                                                   [WRAP_GALLERY] = "</div>\n"};
    if (level->wrap == wrap)
        return;
    sr_raw(sr, closes[level->wrap]);
    level->wrap = wrap;
    open_wrap(sr, wrap);
}

static enum wrap wrap_of(const struct level *above, const struct node *node)
{
    if (node->relation->property || !above->node.type->container)
        return WRAP_LIST;
    if (above->flowing && node->type->flows)
        return WRAP_FLOW;
    if (node->type->container || node->type->text)
        return WRAP_NONE;
    if (node->type->number)
        return WRAP_TABLE;
    return node->type->image ? WRAP_GALLERY : WRAP_LIST;
}

/* ---- items ---- */

static void put_id(struct sr *sr)
{
    sr_raw(sr, " id=\"c");
    sr_place(sr, sr->depth);
    sr_raw(sr, "\"");
}

static bool is_named(const struct node *node) { return *node->name.meaning || *node->name.value; }

static void put_name(struct sr *sr, const struct node *node)
{
    if (node->relation->label.english) {
        sr_raw(sr, "<span class=\"r\">");
        sr_label(sr, node->relation->label);
        sr_raw(sr, "</span>");
    }
    if (!is_named(node))
        return;
    sr_raw(sr, "<span class=\"n\">");
    sr_concept(sr, &node->name);
    sr_raw(sr, "</span>");
}

static void put_when(struct sr *sr, const struct node *node)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    if (!*node->when)
        return;
    yq_form_datetime(node->when, &text);
    sr_raw(sr, "<time>");
    sr_buf(sr, &text);
    sr_raw(sr, "</time>");
}

static void put_value(struct sr *sr, const struct node *node)
{
    if (node->type->put) {
        sr_raw(sr, "<span class=\"v\">");
        node->type->put(sr, node->item);
        sr_raw(sr, "</span>");
    }
    put_when(sr, node);
}

static void enter_section(struct sr *sr, struct level *level)
{
    static const char *const opens[] = {"<h2>", "<h3>", "<h4>", "<h5>", "<h6>"};
    static const char *const closes[] = {"</h2>\n", "</h3>\n", "</h4>\n", "</h5>\n", "</h6>\n"};
    size_t rank = sr->depth >= 2 ? sr->depth - 2 : 0;
    if (rank > 4)
        rank = 4;
    sr_raw(sr, "<section");
    put_id(sr);
    sr_raw(sr, ">\n");
    level->close = "</section>\n";
    if (!is_named(&level->node))
        return;
    sr_raw(sr, opens[rank]);
    sr_concept(sr, &level->node.name);
    put_when(sr, &level->node);
    sr_raw(sr, closes[rank]);
}

static void enter_text(struct sr *sr, const struct level *above, struct level *level)
{
    sr_raw(sr, "<div class=\"t\"");
    put_id(sr);
    sr_raw(sr, ">");
    if (!sr_same_concept(&above->node.name, &level->node.name))
        put_name(sr, &level->node);
    sr_raw(sr, "<div class=\"v\">");
    level->node.type->put(sr, level->node.item);
    sr_raw(sr, "</div>");
    put_when(sr, &level->node);
    level->close = "</div>\n";
}

static void enter_row(struct sr *sr, struct level *level)
{
    sr_raw(sr, "<tr");
    put_id(sr);
    sr_raw(sr, "><th scope=\"row\">");
    sr_concept(sr, &level->node.name);
    sr_raw(sr, "</th><td class=\"num\">");
    bool measured = sr_number(sr, level->node.item);
    sr_raw(sr, "</td><td>");
    if (measured)
        sr_unit(sr, level->node.item);
    sr_raw(sr, "</td><td>");
    sr_qualifier(sr, level->node.item);
    put_when(sr, &level->node);
    level->close = "</td></tr>\n";
}

static void enter_figure(struct sr *sr, struct level *level)
{
    const struct yq_item *reference = sr_reference(level->node.item);
    sr_raw(sr, "<figure");
    put_id(sr);
    sr_raw(sr, ">");
    if (sr_linked(sr, reference)) {
        sr_raw(sr, "<a href=\"");
        sr_url(sr, reference, false);
        sr_raw(sr, "\"><img loading=\"lazy\" alt=\"\" src=\"");
        sr_url(sr, reference, true);
        sr_raw(sr, "\"></a>");
    }
    sr_raw(sr, "<figcaption>");
    put_name(sr, &level->node);
    put_value(sr, &level->node);
    sr_raw(sr, "</figcaption>");
    level->close = "</figure>\n";
}

static void enter_entry(struct sr *sr, struct level *level, bool running)
{
    sr_raw(sr, running ? "<div class=\"i\"" : "<li");
    put_id(sr);
    sr_raw(sr, ">");
    if (!running)
        put_name(sr, &level->node);
    put_value(sr, &level->node);
    level->close = running ? "</div> " : "</li>";
}

static void enter(struct sr *sr, struct level *above, struct level *level)
{
    enum wrap wrap = wrap_of(above, &level->node);
    turn_to(sr, above, wrap);
    switch (wrap) {
    case WRAP_TABLE: enter_row(sr, level); break;
    case WRAP_GALLERY: enter_figure(sr, level); break;
    case WRAP_LIST:
    case WRAP_FLOW: enter_entry(sr, level, wrap == WRAP_FLOW); break;
    default:
        if (level->node.type->container)
            enter_section(sr, level);
        else
            enter_text(sr, above, level);
    }
}

static void turn(struct sr *sr, struct level *level) { turn_to(sr, level, WRAP_NONE); }

static void leave(struct sr *sr, struct level *level)
{
    turn_to(sr, level, WRAP_NONE);
    sr_raw(sr, level->close);
}

static void cut(struct sr *sr, struct level *above)
{
    turn_to(sr, above, WRAP_NONE);
    sr_raw(sr, "<div class=\"cut\">");
    sr_label(sr, (struct label){"更深的内容未显示", "what is nested deeper is not shown"});
    sr_raw(sr, "</div>");
}

/* ---- around them ---- */

static void put_flags(struct sr *sr)
{
    sr_raw(sr, "<p class=\"flags\">");
    for (size_t i = 0; i < sr_flag_count; i++) {
        const struct sr_flag *flag = &sr_flags[i];
        if (strcmp(yq_item_text(sr->root, flag->tag), flag->value) != 0)
            continue;
        yq_buf_putf(sr->out, "<span class=\"flag %s\">", flag->style);
        sr_label(sr, flag->label);
        sr_raw(sr, "</span>");
    }
    sr_raw(sr, "</p>\n");
}

static void put_facts(struct sr *sr)
{
    sr_raw(sr, "<dl class=\"facts\">\n");
    for (size_t i = 0; i < sr_fact_count; i++) {
        if (!sr_fact_there(sr, &sr_facts[i]))
            continue;
        sr_raw(sr, "<div><dt>");
        sr_label(sr, sr_facts[i].label);
        sr_raw(sr, "</dt><dd>");
        sr_facts[i].put(sr, &sr_facts[i]);
        sr_raw(sr, "</dd></div>\n");
    }
    sr_raw(sr, "</dl>\n");
}

static void put_signer(struct sr *sr, const struct sr_signer *signer, const struct yq_item *item)
{
    struct yq_buf name yq_cleanup(yq_buf_fini) = {0}, when yq_cleanup(yq_buf_fini) = {0};
    yq_form_person(yq_item_text(item, signer->name), &name);
    if (signer->when)
        yq_form_datetime(yq_item_text(item, signer->when), &when);
    sr_raw(sr, "<tr><th scope=\"row\">");
    sr_label(sr, signer->label);
    sr_raw(sr, "</th><td>");
    sr_buf(sr, &name);
    sr_raw(sr, "</td><td>");
    sr_text(sr, yq_item_text(item, signer->organization));
    sr_raw(sr, "</td><td>");
    sr_buf(sr, &when);
    sr_raw(sr, "</td></tr>\n");
}

static void put_signers(struct sr *sr)
{
    bool begun = false;
    for (size_t i = 0; i < sr_signer_count; i++) {
        size_t count = yq_item_count(sr->root, sr_signers[i].sequence);
        for (size_t j = 0; j < count; j++) {
            if (!begun)
                sr_raw(sr, "<table class=\"signers\"><tbody>\n");
            begun = true;
            put_signer(sr, &sr_signers[i], yq_item_at(sr->root, sr_signers[i].sequence, j));
        }
    }
    if (begun)
        sr_raw(sr, "</tbody></table>\n");
}

static void put_title(struct sr *sr, bool marked)
{
    const struct code title = sr_code(sr->root, 0x0040a043);
    const char *chinese = sr->chinese ? sr_concept_chinese(&title) : NULL;
    if (!*title.meaning && !*title.value && marked)
        sr_label(sr, sr->title);
    else if (!*title.meaning && !*title.value)
        sr_raw(sr, sr->chinese ? sr->title.chinese : sr->title.english);
    else if (marked || !chinese)
        sr_concept(sr, &title);
    else
        sr_raw(sr, chinese);
}

/* The language of the content where the report says so: TID 1204. */
static const char *language(const struct sr *sr)
{
    size_t count = yq_item_count(sr->root, 0x0040a730);
    for (size_t i = 0; i < count; i++) {
        const struct yq_item *item = yq_item_at(sr->root, 0x0040a730, i);
        const struct code name = sr_code(item, 0x0040a043);
        const char *value = sr_code(item, 0x0040a168).value;
        if (strcmp(name.value, "121049") == 0 && *value && strlen(value) <= 35 &&
            strspn(value, "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
                strlen(value))
            return value;
    }
    return NULL;
}

static void begin(struct sr *sr)
{
    const char *content = language(sr);
    sr_raw(sr, sr->chinese ? "<!DOCTYPE html>\n<html lang=\"zh-CN\">\n"
                           : "<!DOCTYPE html>\n<html lang=\"en\">\n");
    yq_buf_putf(sr->out, "<head>\n<meta charset=\"%s\">\n", sr->wish->charset);
    sr_raw(sr, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    put_title(sr, false);
    sr_raw(sr, "</title>\n<style>\n");
    sr_raw(sr, style);
    sr_raw(sr, "</style>\n</head>\n<body>\n<article>\n<header>\n<h1>");
    put_title(sr, true);
    sr_raw(sr, "</h1>\n");
    put_flags(sr);
    put_facts(sr);
    put_signers(sr);
    sr_raw(sr, "</header>\n<main");
    if (content)
        yq_buf_putf(sr->out, " lang=\"%s\"", content);
    sr_raw(sr, ">\n");
}

static void end(struct sr *sr)
{
    sr_raw(sr, "</main>\n<footer>SOP Instance UID ");
    sr_text(sr, yq_item_text(sr->root, 0x00080018));
    sr_raw(sr, "<br>");
    sr_label(sr, (struct label){"由影桥显示", "shown by Yingqiao"});
    sr_raw(sr, " " YQ_VERSION "</footer>\n</article>\n</body>\n</html>\n");
}

const struct sr_pen sr_pen_html = {
    .begin = begin, .end = end, .enter = enter, .turn = turn, .leave = leave, .cut = cut};

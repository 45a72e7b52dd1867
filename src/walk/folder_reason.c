/* folder_reason.c: what was wrong with a file, for the people who sent it: in Chinese and English,
 * with the line, the member and how to mend it; never with a value. Pure. */
#include <stdio.h>
#include <string.h>

#include "folder_inside.h"
#include "yq/clock.h"

#define LINES_MOST ((size_t)1 << 20) /* bytes of all reasons together */

static const struct {
    const char *english, *chinese, *mend; /* mend: what to do, in both languages */
} words[] = {
    {"is not a date and time", "不是日期时间",
     "写作 2026-03-01 08:15:00；其他写法在对照文件中用 date(列, \"格式\") / write 2026-03-01 "
     "08:15:00"},
    {"is not a date", "不是日期",
     "写作 2026-03-01；其他写法在对照文件中用 date(列, \"格式\") / write 2026-03-01"},
    {"the value is no date", "不是日期", "写作 2026-03-01 / write 2026-03-01"},
    {"the value has not the form", "与对照文件中的日期格式不符",
     "修改数据或对照文件 / mend the value, or the form in the mapping"},
    {"is not a whole number", "不是整数", "只写数字 / write digits only"},
    {"is not a number", "不是数字", "只写数字，单位另列 / write a number, its unit elsewhere"},
    {"is neither 0 nor 1", "不是“是/否”", "写 0 或 1 / write 0 or 1"},
    {"is not a UID", "不是 UID", "只含数字和点，最长 64 位 / digits and dots, 64 at most"},
    {"may have", "超过最大长度", "缩短 / shorten it"},
    {"is too long", "过长", "缩短 / shorten it"},
    {"has a control character", "含有控制字符", "删除该字符 / take it out"},
    {"is not UTF-8", "字符编码有误", "另存为 UTF-8 / save the file as UTF-8"},
    {"bytes that are no text", "含有不属于该字符集的字节",
     "在来源设置中写明 charset，或另存为 UTF-8 / set \"charset\" of the source, or save as UTF-8"},
    {"more fields than the heading", "列数多于表头",
     "含分隔符的内容须加双引号 / put text with separators in it into double quotes"},
    {"has shortened a long number", "电子表格把长数字缩写成了科学计数法",
     "将该列设为“文本”格式后重新导出 / make that column text, and export again"},
    {"a quote is opened", "引号没有结束", "从该行起未能读取 / nothing was read from this line on"},
    {"no heading", "没有表头", "第一行写列名 / the first line has the names of the columns"},
    {"zero bytes", "文件含有空字节，不是文本", "重新导出 / export it again"},
    {"no valid JSON", "不是有效的 JSON", "修正语法 / mend its syntax"},
    {"a record is an object", "记录必须是 JSON 对象", "用 { } 括起 / put it into { }"},
    {"DOCTYPE", "不接受带 DOCTYPE 声明的 XML", "去掉该声明 / take the declaration out"},
    {"no well-formed XML", "XML 不完整或有语法错误",
     "修正后重新放入 / mend it, and put it in again"},
    {"nested too deep", "嵌套过深", "减少层数 / use fewer levels"},
    {"larger than", "文件过大", "分成几个文件，或增大 most_mb / split it, or raise most_mb"},
    {"neither CSV nor JSON nor XML", "不是 CSV、JSON 或 XML", "改用这些格式 / use one of these"},
    {"is missing", "缺失",
     "补全；该列名称须与对照文件一致 / fill it in; its column is named as in the mapping"},
    {"which kind", "不知道是哪一种记录", "在来源设置中写明 kind / set \"kind\" of the source"},
    {"behind each other", "同一份报告的各行不相邻", "按报告编号排序 / sort the lines by report"},
    {"PDF that is named is not there", "所指的 PDF 文件不在文件夹中",
     "把 PDF 与数据一起放入 / put the PDF into the folder too"},
    {"needs a PDF", "要求附带 PDF",
     "放入同名 PDF，或写明 pdfFile / put a PDF of this name beside it"},
    {"name of a PDF", "PDF 文件名不可用", "只写文件名，不含路径 / the plain name, without a path"},
    {"PDF", "PDF 不可用", "重新生成 PDF / make the PDF anew"},
    {"is no member", "没有这个成员", "改用数据字典中的名称 / use a name of the model"},
};

static size_t find(const char *english)
{
    size_t i = 0;
    while (i < sizeof words / sizeof *words && !strstr(english, words[i].english))
        i++;
    return i;
}

const char *folder_reason_chinese(const char *english)
{
    size_t i = find(english);
    return i < sizeof words / sizeof *words ? words[i].chinese : "";
}

/* The member that a message begins with. */
static const struct yq_member *member_of(enum yq_kind kind, const char *english)
{
    char name[64];
    size_t length = strcspn(english, " :[.(");
    if (kind >= YQ_KIND_COUNT || !length || length >= sizeof name)
        return NULL;
    memcpy(name, english, length);
    name[length] = '\0';
    int place = yq_member_find(kind, name);
    return place < 0 ? NULL : &yq_kinds[kind].members[place];
}

void folder_reason_line(struct folder_taking *taking, unsigned line, enum yq_kind kind,
                        const char *english)
{
    const struct yq_member *member = member_of(kind, english);
    size_t word = find(english);
    bool known = word < sizeof words / sizeof *words;
    char chinese[240];
    snprintf(chinese, sizeof chinese, "%s%s%s", member ? member->chinese : "", member ? "：" : "",
             known ? words[word].chinese : "该记录不能接收");
    if (taking->test)
        taking->test->fault(taking->test->context, line, chinese, english);
    if (taking->reasons.length > LINES_MOST)
        return;
    yq_buf_putf(&taking->reasons, "第 %u 行 / line %u\r\n  %s\r\n  %s\r\n", line, line, chinese,
                english);
    if (known)
        yq_buf_putf(&taking->reasons, "  -> %s\r\n", words[word].mend);
    if (taking->reasons.length > LINES_MOST)
        yq_buf_puts(&taking->reasons, "……其余从略 / the rest is left out\r\n");
}

void folder_reason_file(const struct folder_taking *taking, const char *left_name,
                        struct yq_buf *out)
{
    char when[32];
    yq_clock_text(when, sizeof when, yq_now_ms());
    yq_buf_puts(out, "\xef\xbb\xbf"); /* so that Windows shows it as UTF-8 */
    yq_buf_putf(out,
                "来源 source: %s\r\n时间 time: %s\r\n记录 records: %zu，已接收 taken: %zu，"
                "未接收 not taken: %zu\r\n\r\n",
                taking->source->name, when, taking->records, taking->records - taking->bad,
                taking->bad);
    if (taking->records > taking->bad)
        yq_buf_puts(out, "已接收的记录无需重发；重发相同内容也不会产生新版本。\r\n"
                         "What was taken need not be sent again; the same again makes no new "
                         "version.\r\n");
    if (*left_name)
        yq_buf_puts(out,
                    "只含未接收记录的文件在旁边（.failed.），改正后放回监视文件夹即可。\r\n"
                    "The file beside this one with .failed. in its name has the records that "
                    "were not taken:\r\nmend it, and put it into the watched folder again.\r\n");
    yq_buf_puts(out, "\r\n");
    yq_buf_put(out, taking->reasons.bytes, taking->reasons.length);
}

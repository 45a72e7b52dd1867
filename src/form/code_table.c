/* code_table.c: the hospital's codes as CSV for spreadsheets. RFC 4180, and what Excel makes of it:
 * a double click turns 01 into 1 and 1-2 into a date, which ="01" keeps it from; a text that begins
 * with = + - or @ would be a formula. */
#include "yq/code_table.h"

#include <string.h>
#include <strings.h>

#include "yq/text.h"

#define ROOM "form"
#define MARK "\xef\xbb\xbf"

static const struct {
    const char *chinese, *english;
    bool needed, code;
} columns_known[YQ_COLUMN_COUNT] = {
    [YQ_COLUMN_LIST] = {"本地字典", "list", true, false},
    [YQ_COLUMN_SOURCE] = {"来源", "source", false, false},
    [YQ_COLUMN_CODE] = {"本地代码", "code", true, true},
    [YQ_COLUMN_NAME] = {"本地名称", "name", false, false},
    [YQ_COLUMN_DICTIONARY] = {"国家字典", "dictionary", true, false},
    [YQ_COLUMN_NATIONAL] = {"国家代码", "national", true, true},
    [YQ_COLUMN_NATIONAL_NAME] = {"国家名称", "national name", false, false},
    [YQ_COLUMN_TIMES] = {"出现次数", "times", false, false},
    [YQ_COLUMN_LAST] = {"最近出现", "last seen", false, false},
    [YQ_COLUMN_SUGGESTED] = {"建议代码", "suggested", false, true},
    [YQ_COLUMN_SUGGESTED_NAME] = {"建议名称", "suggested name", false, false},
    [YQ_COLUMN_SCORE] = {"相似度", "score", false, false},
};

/* ---- reading ---- */

/* What a spreadsheet would take for something else at the beginning of a text. */
#define FORMULA "=+-@'"

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t length = strlen(text);
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    text[length] = '\0';
    return text;
}

/* In place: without blanks around, and without what keeps a spreadsheet's hands off. */
static char *plain(char *text)
{
    text = trim(text);
    size_t length = strlen(text);
    if (length >= 3 && text[0] == '=' && text[1] == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        char *to = text += 2;
        for (const char *from = text; *from; from++) { /* "" in it is one quote */
            from += from[0] == '"' && from[1] == '"';
            *to++ = *from;
        }
        *to = '\0';
        return trim(text);
    }
    return text[0] == '\'' && text[1] && strchr(FORMULA, text[1]) ? trim(text + 1) : text;
}

static bool to_utf8(const char *bytes, size_t length, struct yq_buf *out, struct yq_err *err)
{
    bool doubtful = false;
    if (length >= 3 && memcmp(bytes, MARK, 3) == 0) {
        bytes += 3;
        length -= 3;
    }
    if (yq_text_is_utf8(bytes, length))
        yq_buf_put(out, bytes, length);
    else
        yq_text_decode("GB18030", "UT", bytes, length, out, &doubtful);
    if (out->failed)
        return yq_fail(err, YQ_FULL, ROOM, "no memory for a table of codes");
    return !doubtful || yq_fail(err, YQ_BAD_INPUT, ROOM,
                                "the file is neither UTF-8 nor GBK: save it as CSV (UTF-8)");
}

static int column_named(const char *name)
{
    for (int i = 0; i < YQ_COLUMN_COUNT; i++)
        if (strcmp(columns_known[i].chinese, name) == 0 ||
            strcasecmp(columns_known[i].english, name) == 0)
            return i;
    return -1;
}

static bool read_head(struct yq_code_table *table, struct yq_err *err)
{
    const char *fields[sizeof table->column / sizeof *table->column];
    bool there[YQ_COLUMN_COUNT] = {false};
    if (!yq_csv_next(&table->csv, &table->row, fields, sizeof fields / sizeof *fields,
                     &table->columns, err))
        return err->code != YQ_OK || yq_fail(err, YQ_BAD_INPUT, ROOM, "the file is empty");
    for (size_t i = 0; i < table->columns; i++) {
        int column = column_named(plain((char *)fields[i]));
        if (column >= 0 && there[column])
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "the column %s stands twice",
                           columns_known[column].chinese);
        table->column[i] = column;
        if (column >= 0)
            there[column] = true;
    }
    for (int i = 0; i < YQ_COLUMN_COUNT; i++)
        if (columns_known[i].needed && !there[i])
            return yq_fail(err, YQ_BAD_INPUT, ROOM,
                           "the first line has no column %s (or %s): yingqiao codes export shows "
                           "the form",
                           columns_known[i].chinese, columns_known[i].english);
    return true;
}

bool yq_code_table_open(struct yq_code_table *table, const void *bytes, size_t length,
                        struct yq_err *err)
{
    *table = (struct yq_code_table){.columns = 0};
    *err = (struct yq_err){.code = YQ_OK};
    if (!to_utf8(bytes, length, &table->text, err))
        return false;
    table->csv = (struct yq_csv){.bytes = yq_buf_text(&table->text), .length = table->text.length};
    return read_head(table, err) && err->code == YQ_OK;
}

bool yq_code_table_next(struct yq_code_table *table, const char *values[YQ_COLUMN_COUNT],
                        struct yq_err *err)
{
    const char *fields[sizeof table->column / sizeof *table->column];
    size_t count;
    *err = (struct yq_err){.code = YQ_OK};
    while (yq_csv_next(&table->csv, &table->row, fields, sizeof fields / sizeof *fields, &count,
                       err)) {
        bool any = false;
        for (size_t i = 0; i < YQ_COLUMN_COUNT; i++)
            values[i] = "";
        for (size_t i = 0; i < count && i < table->columns; i++) {
            if (table->column[i] < 0)
                continue;
            values[table->column[i]] = plain((char *)fields[i]);
            any |= *values[table->column[i]] != '\0';
        }
        if (any)
            return true;
    }
    return false;
}

void yq_code_table_fini(struct yq_code_table *table)
{
    yq_buf_fini(&table->text);
    yq_buf_fini(&table->row);
}

/* ---- writing ---- */

static void put_field(const char *text, struct yq_buf *out)
{
    bool quote = strpbrk(text, ",\"\r\n") != NULL;
    if (quote)
        yq_buf_puts(out, "\"");
    for (; *text; text++) {
        if (*text == '"')
            yq_buf_puts(out, "\"\"");
        else if (*text == '\r' || *text == '\n')
            yq_buf_puts(out, " ");
        else
            yq_buf_put(out, text, 1);
    }
    if (quote)
        yq_buf_puts(out, "\"");
}

/* A number, a date ("3-1", "MAR1") or a formula for a spreadsheet. */
static bool is_tempting(const char *code)
{
    static const char months[] = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    if (!*code || strchr("0123456789." FORMULA, *code))
        return *code;
    for (size_t i = 0; i + 1 < sizeof months; i += 3)
        if (strncasecmp(code, months + i, 3) == 0)
            return true;
    return false;
}

static void put_value(const char *text, bool code, struct yq_buf *out)
{
    struct yq_buf kept yq_cleanup(yq_buf_fini) = {0};
    if (code && is_tempting(text)) {
        yq_buf_puts(&kept, "=\"");
        for (; *text; text++)
            yq_buf_put(&kept, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
        yq_buf_puts(&kept, "\"");
    } else {
        yq_buf_puts(&kept, *text && strchr(FORMULA, *text) ? "'" : "");
        yq_buf_puts(&kept, text);
    }
    put_field(yq_buf_text(&kept), out);
    out->failed |= kept.failed;
}

void yq_code_table_head(const enum yq_code_column *columns, size_t count, struct yq_buf *out)
{
    yq_buf_puts(out, MARK);
    for (size_t i = 0; i < count; i++)
        yq_buf_putf(out, "%s%s", i ? "," : "", columns_known[columns[i]].chinese);
    yq_buf_puts(out, "\r\n");
}

void yq_code_table_row(const enum yq_code_column *columns, size_t count,
                       const char *const values[YQ_COLUMN_COUNT], struct yq_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            yq_buf_puts(out, ",");
        put_value(values[columns[i]] ? values[columns[i]] : "", columns_known[columns[i]].code,
                  out);
    }
    yq_buf_puts(out, "\r\n");
}

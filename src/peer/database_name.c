/* database_name.c: identifiers and limits as each server wants them, and UTF-16. */
#include <string.h>

#include "inside.h"

/* What may stand in a name: nothing that ends a quotation or a statement, whatever the driver. */
static bool plain(const char *name, bool quoted)
{
    size_t length = strlen(name);
    if (!length || length >= YQ_DATABASE_NAME_SIZE)
        return false;
    for (const char *p = name; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7f ||
            (!quoted && c < 0x80 && !strchr("_$#", c) && !(c >= '0' && c <= '9') &&
             !((c | 0x20) >= 'a' && (c | 0x20) <= 'z')))
            return false;
    }
    return true;
}

bool yq_database_quote(const struct yq_database *database, const char *name, struct yq_buf *out,
                       struct yq_err *err)
{
    const char *quote = database->quote;
    if (!plain(name, *quote != '\0') || (*quote && strstr(name, quote)))
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "%.60s cannot be the name of a table or column of this database", name);
    yq_buf_puts(out, quote);
    yq_buf_puts(out, name);
    /* SQL Server's driver may say [ */
    yq_buf_puts(out, strcmp(quote, "[") == 0 ? "]" : quote);
    return true;
}

bool yq_database_quote_table(const struct yq_database *database, const char *table, bool fold,
                             struct yq_buf *out, struct yq_err *err)
{
    char part[YQ_DATABASE_NAME_SIZE];
    for (const char *p = table;; p++) {
        size_t length = strcspn(p, ".");
        if (!length || length >= sizeof part)
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "%.60s is no name of a table", table);
        memcpy(part, p, length);
        part[length] = '\0';
        for (char *c = part; fold && *c; c++) {
            if (database->fold_upper && *c >= 'a' && *c <= 'z')
                *c = (char)(*c - 32);
            if (database->fold_lower && *c >= 'A' && *c <= 'Z')
                *c = (char)(*c + 32);
        }
        if (!yq_database_quote(database, part, out, err))
            return false;
        p += length;
        if (!*p)
            return true;
        yq_buf_puts(out, ".");
    }
}

void yq_database_limit(const struct yq_database *database, const char *select, size_t rows,
                       struct yq_buf *out)
{
    static const struct {
        const char *server; /* how SQL_DBMS_NAME begins */
        const char *before, *after;
    } forms[] = {
        {"Microsoft SQL Server", "SELECT TOP %zu ", ""},
        {"Adaptive Server", "SELECT TOP %zu ", ""},
        {"ACCESS", "SELECT TOP %zu ", ""},
        {"Oracle", "SELECT * FROM (SELECT ", ") WHERE ROWNUM <= %zu"},
        {"DB2", "SELECT ", " FETCH FIRST %zu ROWS ONLY"},
        {"Firebird", "SELECT ", " FETCH FIRST %zu ROWS ONLY"},
        {"PostgreSQL", "SELECT ", " LIMIT %zu"},
        {"Kingbase", "SELECT ", " LIMIT %zu"},
        {"GaussDB", "SELECT ", " LIMIT %zu"},
        {"openGauss", "SELECT ", " LIMIT %zu"},
        {"MySQL", "SELECT ", " LIMIT %zu"},
        {"MariaDB", "SELECT ", " LIMIT %zu"},
        {"SQLite", "SELECT ", " LIMIT %zu"},
        {"DM", "SELECT ", " LIMIT %zu"},
        {"", "SELECT ", ""},
    };
    size_t i = 0;
    while (strncasecmp(database->facts.server, forms[i].server, strlen(forms[i].server)) != 0)
        i++;
    const char *parts[] = {forms[i].before, select + strlen("SELECT "), forms[i].after};
    for (int part = 0; part < 3; part++) {
        const char *number = part == 1 ? NULL : strstr(parts[part], "%zu");
        if (!number) {
            yq_buf_puts(out, parts[part]);
            continue;
        }
        yq_buf_put(out, parts[part], (size_t)(number - parts[part]));
        yq_buf_putf(out, "%zu", rows);
        yq_buf_puts(out, number + 3);
    }
}

static unsigned next_character(const unsigned char **p)
{
    unsigned c = *(*p)++;
    unsigned more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
    if (more)
        c &= 0x3Fu >> more;
    for (; more && (**p & 0xC0) == 0x80; more--)
        c = c << 6 | (*(*p)++ & 0x3F);
    return more || c > 0x10FFFF ? 0xFFFD : c;
}

void wide_put(const char *text, struct yq_buf *out)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        unsigned c = next_character(&p);
        SQLWCHAR units[2] = {(SQLWCHAR)c, 0};
        if (c > 0xFFFF) {
            units[0] = (SQLWCHAR)(0xD800 + ((c - 0x10000) >> 10));
            units[1] = (SQLWCHAR)(0xDC00 + ((c - 0x10000) & 0x3FF));
        }
        yq_buf_put(out, units, sizeof *units * (c > 0xFFFF ? 2 : 1));
    }
}

static void put_character(unsigned c, struct yq_buf *out)
{
    unsigned char bytes[4];
    size_t count = 0;
    if (c < 0x80) {
        bytes[count++] = (unsigned char)c;
    } else if (c < 0x800) {
        bytes[count++] = (unsigned char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        bytes[count++] = (unsigned char)(0xE0 | c >> 12);
        bytes[count++] = (unsigned char)(0x80 | (c >> 6 & 0x3F));
    } else {
        bytes[count++] = (unsigned char)(0xF0 | c >> 18);
        bytes[count++] = (unsigned char)(0x80 | (c >> 12 & 0x3F));
        bytes[count++] = (unsigned char)(0x80 | (c >> 6 & 0x3F));
    }
    if (c >= 0x80)
        bytes[count++] = (unsigned char)(0x80 | (c & 0x3F));
    yq_buf_put(out, bytes, count);
}

void wide_get(const void *units, size_t bytes, struct yq_buf *out)
{
    size_t count = bytes / sizeof(SQLWCHAR);
    SQLWCHAR unit, low;
    for (size_t i = 0; i < count; i++) {
        memcpy(&unit, (const char *)units + i * sizeof unit, sizeof unit);
        unsigned c = unit;
        if (c >= 0xD800 && c < 0xE000) {
            low = 0;
            if (c < 0xDC00 && i + 1 < count)
                memcpy(&low, (const char *)units + (i + 1) * sizeof low, sizeof low);
            bool pair = low >= 0xDC00 && low < 0xE000;
            c = pair ? 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00u) : 0xFFFD;
            i += pair;
        }
        put_character(c, out);
    }
}

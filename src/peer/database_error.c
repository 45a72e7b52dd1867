/* database_error.c: what a driver says went wrong, in plain words.
 *
 * Drivers put values into their sentences ("invalid input syntax for type integer: ..."), so their
 * own words are kept only for classes of SQLSTATE that speak of connections, logins and names of
 * tables; of everything else the SQLSTATE and the number. */
#include <stdio.h>
#include <string.h>

#include "inside.h"

static const struct said {
    const char *state; /* its beginning; the first that fits counts */
    enum yq_code code;
    bool words; /* the driver's own may be shown */
    const char *text;
} said[] = {
    {"08S01", YQ_PEER_GONE, true, "the connection broke"},
    {"08", YQ_PEER_GONE, true, "the database cannot be reached"},
    {"57P", YQ_PEER_GONE, false, "the database is shutting down or starting"},
    {"28", YQ_REFUSED, true, "the database refuses this user or password"},
    {"IM002", YQ_ABSENT, true, "there is no such data source: Driver= or DSN= names none"},
    {"IM", YQ_ABSENT, true, "the driver cannot be used"},
    {"01000", YQ_ABSENT, true, "the driver cannot be used"},
    {"42S02", YQ_ABSENT, true, "there is no such table or view"},
    {"42P01", YQ_ABSENT, true, "there is no such table or view"},
    {"42S22", YQ_ABSENT, true, "there is no such column"},
    {"42703", YQ_ABSENT, true, "there is no such column"},
    {"42501", YQ_REFUSED, true, "the database does not allow this user to read it"},
    {"HYT00", YQ_TIMEOUT, false, "no answer within the time it may take"},
    {"HYT01", YQ_TIMEOUT, false, "the connection does not answer"},
    {"57014", YQ_TIMEOUT, false, "the query was ended, it took too long"},
    {"HY008", YQ_BUSY, false, "the query was interrupted"},
    {"40", YQ_BUSY, false, "the database wants it tried again"},
    {"55", YQ_BUSY, false, "what is read is locked"},
    {"53", YQ_BUSY, false, "the database has no room or connections left"},
    {"22", YQ_BAD_INPUT, false, "a value cannot be converted"},
    {"42", YQ_BAD_INPUT, false, "the database does not understand the query"},
    {"HY001", YQ_FULL, false, "the driver is out of memory"},
    {"HY", YQ_IO, false, "the driver reports an error"},
    {"", YQ_IO, false, "the database reports an error"},
};

/* MariaDB and MySQL say HY000 for much: their numbers tell it apart. */
static const struct numbered {
    SQLINTEGER number;
    const char *state;
} numbers[] = {{1044, "42501"}, {1045, "28000"}, {1142, "42501"}, {1143, "42501"}, {1146, "42S02"},
               {1054, "42S22"}, {1205, "55000"}, {1317, "HY008"}, {1969, "57014"}, {1040, "53000"},
               {2002, "08001"}, {2003, "08001"}, {2005, "08001"}, {2006, "08S01"}, {2013, "08S01"},
               {2026, "08001"}, {2055, "08S01"}};

struct diagnosis {
    char state[8];
    SQLINTEGER number;
    char words[400]; /* UTF-8, one line */
};

static void one_line(const char *text, char *out, size_t size)
{
    size_t used = 0;
    /* "[unixODBC][Driver Manager]..." says nothing to whom it may concern */
    while (*text == '[' && strchr(text, ']'))
        text = strchr(text, ']') + 1;
    for (; *text && used + 1 < size; text++) {
        unsigned char c = (unsigned char)*text;
        out[used++] = (char)(c < 0x20 || c == 0x7f ? ' ' : c == '"' ? '\'' : c);
    }
    while (used && (out[used - 1] == ' ' || ((unsigned char)out[used - 1] & 0xC0) == 0x80 ||
                    (unsigned char)out[used - 1] >= 0xC0)) {
        if (!*text && out[used - 1] != ' ')
            break; /* a whole character */
        used--;
    }
    out[used] = '\0';
}

static bool diagnose(struct yq_database *database, SQLSMALLINT type, SQLHANDLE handle,
                     struct diagnosis *out)
{
    SQLSMALLINT length = 0;
    struct yq_buf text yq_cleanup(yq_buf_fini) = {.most = 4096};
    memset(out, 0, sizeof *out);
    if (wide(database)) {
        SQLWCHAR state[6] = {0}, words[512] = {0};
        if (!SQL_SUCCEEDED(SQLGetDiagRecW(type, handle, 1, state, &out->number, words,
                                          sizeof words / sizeof *words, &length)))
            return false;
        for (int i = 0; i < 5; i++)
            out->state[i] = state[i] < 0x80 ? (char)state[i] : '?';
        size_t units = 0;
        while (units < sizeof words / sizeof *words && words[units])
            units++;
        wide_get(words, units * sizeof *words, &text);
    } else {
        SQLCHAR state[6] = {0}, words[512] = {0};
        if (!SQL_SUCCEEDED(
                SQLGetDiagRec(type, handle, 1, state, &out->number, words, sizeof words, &length)))
            return false;
        memcpy(out->state, state, 5);
        database->how.decode(database->how.context, words, strnlen((char *)words, sizeof words),
                             &text);
    }
    one_line(yq_buf_text(&text), out->words, sizeof out->words);
    return true;
}

static const struct said *said_of(const struct diagnosis *diagnosis)
{
    const char *state = diagnosis->state;
    if (strcmp(state, "HY000") == 0 || strncmp(state, "42000", 5) == 0)
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            if (numbers[i].number == diagnosis->number)
                state = numbers[i].state;
    const struct said *found = said;
    while (strncmp(state, found->state, strlen(found->state)) != 0)
        found++;
    return found;
}

/* The driver of SQLite says HY000 for everything; its sentences speak of names only. */
static const struct said *said_lite(const struct diagnosis *diagnosis)
{
    static const struct said table = {"", YQ_ABSENT, true, "there is no such table or view"};
    static const struct said column = {"", YQ_ABSENT, true, "there is no such column"};
    static const struct said locked = {"", YQ_BUSY, false, "what is read is locked"};
    static const struct said other = {"", YQ_IO, true, "the database reports an error"};
    if (strstr(diagnosis->words, "no such table"))
        return &table;
    if (strstr(diagnosis->words, "no such column"))
        return &column;
    return strstr(diagnosis->words, "locked") ? &locked : &other;
}

bool driver_fail(struct yq_database *database, SQLSMALLINT type, SQLHANDLE handle, const char *what,
                 struct yq_err *err)
{
    struct diagnosis diagnosis;
    if (atomic_load(&database->interrupted))
        return yq_fail(err, YQ_BUSY, ROOM, "%s: it was interrupted", what);
    if (!diagnose(database, type, handle, &diagnosis))
        return yq_fail(err, YQ_IO, ROOM, "%s: the driver says no more than that it failed", what);
    bool lite = database->lite && strcmp(diagnosis.state, "HY000") == 0;
    const struct said *found = lite ? said_lite(&diagnosis) : said_of(&diagnosis);
    const char *password = database->how.password;
    bool words = found->words && *diagnosis.words &&
                 !(password && *password && strstr(diagnosis.words, password));
    char number[16] = "";
    if (diagnosis.number)
        snprintf(number, sizeof number, ", %d", (int)diagnosis.number);
    return yq_fail(err, found->code, ROOM, "%s: %s (SQLSTATE %s%s)%s%.110s", what, found->text,
                   diagnosis.state, number, words ? ": " : "", words ? diagnosis.words : "");
}

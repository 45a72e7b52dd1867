/* rows.c: a reader's connection: the login, what the table has, which columns are needed. */
#include "rows.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "yq/file.h"
#include "yq/text.h"

#define ROOM "walk"
#define PASSWORD_MOST 1024

void words_fini(struct words *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    memset(names, 0, sizeof *names);
}

void words_add(struct words *names, const char *text)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i], text) == 0)
            return;
    if (names->count == names->room) {
        size_t room = names->room ? 2 * names->room : 64;
        char **more = realloc(names->list, room * sizeof *more);
        if (!more) {
            names->failed = true;
            return;
        }
        names->list = more;
        names->room = room;
    }
    char *copy = strdup(text);
    if (copy)
        names->list[names->count++] = copy;
    else
        names->failed = true;
}

static void want_name(void *context, const char *text) { words_add(context, text); }

bool rows_new(const struct yq_conf *conf, const struct yq_source *source, struct rows **out,
              struct yq_err *err)
{
    *out = NULL;
    if (!*source->change_column || !*source->key_columns)
        return yq_fail(err, YQ_BAD_INPUT, ROOM,
                       "the source \"%s\" lacks \"change_column\" or \"key_columns\": by them the "
                       "table is read in order",
                       source->name);
    if (!source->rules)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the source \"%s\" lacks \"mapping\"",
                       source->name);
    struct rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to read a database");
    rows->source = *source;
    rows->binary_most = (size_t)64 << 20;
    (void)!yq_copy(rows->folder, sizeof rows->folder, conf->folder);
    pthread_mutex_init(&rows->lock, NULL);
    for (size_t i = 0; i < source->rules->count; i++)
        yq_expr_names(source->rules->lines[i].source, want_name, &rows->wanted);
    *out = rows;
    if (!rows->wanted.failed)
        return true;
    rows_free(rows);
    *out = NULL;
    return yq_fail(err, YQ_FULL, ROOM, "no memory to read a database");
}

void rows_free(struct rows *rows)
{
    if (!rows)
        return;
    rows_close(rows);
    words_fini(&rows->wanted);
    pthread_mutex_destroy(&rows->lock);
    free(rows);
}

/* ---- the connection ---- */

static bool encode(void *context, const char *text, struct yq_buf *out)
{
    const struct rows *rows = context;
    return yq_text_encode(rows->source.charset, "UT", text, out);
}

static void decode(void *context, const void *bytes, size_t length, struct yq_buf *out)
{
    const struct rows *rows = context;
    bool ignored = false;
    yq_text_decode(rows->source.charset, "UT", bytes, length, out, &ignored);
}

/* The first line of a file that nobody else may read. */
static bool read_password(const struct rows *rows, struct yq_buf *out, struct yq_err *err)
{
    const char *name = rows->source.password_file;
    char path[YQ_PATH_MOST];
    struct stat about;
    if (!*name)
        return true;
    if (*name == '/' ? !yq_copy(path, sizeof path, name)
                     : !yq_path_join(path, rows->folder, name, err))
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "password_file: the path is too long");
    if (stat(path, &about) != 0)
        return yq_fail_errno(err, ROOM, "read password_file", path);
    if (!S_ISREG(about.st_mode) || (about.st_mode & 077) ||
        (about.st_uid != geteuid() && about.st_uid != 0))
        return yq_fail(err, YQ_REFUSED, ROOM,
                       "password_file %.100s may be read by others, or is somebody else's: chmod "
                       "600, and let it belong to the node's user",
                       path);
    if (!yq_file_read(path, PASSWORD_MOST, out, err))
        return false;
    char *text = (char *)out->bytes;
    if (text) {
        size_t length = strcspn(text, "\r\n");
        explicit_bzero(text + length, out->length - length);
        out->length = length;
    }
    return true;
}

static void forget(struct yq_buf *buf)
{
    if (buf->bytes)
        explicit_bzero(buf->bytes, buf->capacity);
    yq_buf_fini(buf);
}

static bool connect_to(struct rows *rows, struct yq_err *err)
{
    struct yq_buf password yq_cleanup(forget) = {0};
    struct yq_database *database;
    if (!read_password(rows, &password, err))
        return false;
    struct yq_database_how how = {.connection = rows->source.connection,
                                  .password = yq_buf_text(&password),
                                  .login_seconds = (unsigned)rows->source.timeout,
                                  .query_seconds = (unsigned)rows->source.timeout,
                                  .context = rows};
    if (how.login_seconds > 15)
        how.login_seconds = 15;
    if (*rows->source.charset) {
        how.encode = encode;
        how.decode = decode;
    }
    if (!yq_database_open(&how, &database, err))
        return false;
    atomic_fetch_add(&rows->progress, 1);
    pthread_mutex_lock(&rows->lock);
    bool wanted = !rows->interrupted;
    if (wanted)
        rows->database = database;
    pthread_mutex_unlock(&rows->lock);
    if (wanted)
        return true;
    yq_database_close(database);
    return yq_fail(err, YQ_BUSY, ROOM, "reading the database was interrupted");
}

void rows_interrupt(struct rows *rows)
{
    pthread_mutex_lock(&rows->lock);
    rows->interrupted = true;
    if (rows->database)
        yq_database_interrupt(rows->database);
    pthread_mutex_unlock(&rows->lock);
}

static void table_fini(struct table *table)
{
    free(table->columns);
    free(table->cells);
    yq_buf_fini(&table->bytes);
    memset(table, 0, sizeof *table);
}

void rows_close(struct rows *rows)
{
    pthread_mutex_lock(&rows->lock);
    struct yq_database *database = rows->database;
    rows->database = NULL;
    rows->interrupted = false; /* it was that connection that was to end */
    pthread_mutex_unlock(&rows->lock);
    yq_database_close(database);
    table_fini(&rows->all);
    table_fini(&rows->details);
    free(rows->table_sql);
    free(rows->detail_sql);
    free(rows->picked);
    free(rows->detail_picked);
    rows->table_sql = rows->detail_sql = NULL;
    rows->picked = rows->detail_picked = NULL;
    rows->picked_count = rows->detail_picked_count = rows->key_count = rows->join_count = 0;
}

/* ---- what there is ---- */

int table_column(const struct table *table, const char *name)
{
    int found = -1;
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return (int)i;
    for (size_t i = 0; i < table->column_count; i++)
        if (strcasecmp(table->columns[i].name, name) == 0) {
            if (found >= 0)
                return -1; /* two that differ in case only: it must be spelt as one of them */
            found = (int)i;
        }
    return found;
}

/* The table under its name, then as the server folds names that nobody quoted. */
static bool describe(struct rows *rows, const char *name, struct table *out, char **sql,
                     struct yq_err *err)
{
    struct yq_buf quoted yq_cleanup(yq_buf_fini) = {0}, text yq_cleanup(yq_buf_fini) = {0};
    const struct yq_database_column *columns;
    bool found = false;
    for (int fold = 0; !found && fold < 2; fold++) {
        struct yq_err why = {0};
        yq_buf_clear(&quoted);
        yq_buf_clear(&text);
        if (!yq_database_quote_table(rows->database, name, fold, &quoted, err))
            return false;
        yq_buf_putf(&text, "SELECT * FROM %s WHERE 1 = 0", yq_buf_text(&quoted));
        found = yq_database_select(rows->database, yq_buf_text(&text), NULL, 0, 0, &why);
        if (found || !fold)
            *err = why;
        if (!found && why.code != YQ_ABSENT)
            return false;
    }
    if (!found) {
        struct yq_err why = *err;
        return yq_fail(err, why.code, why.room, "%.60s: %.170s", name, why.text);
    }
    out->column_count = yq_database_columns(rows->database, &columns);
    out->columns = malloc(out->column_count * sizeof *columns);
    *sql = strdup(yq_buf_text(&quoted));
    if (!out->columns || !*sql)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to read a database");
    memcpy(out->columns, columns, out->column_count * sizeof *columns);
    yq_database_end(rows->database);
    return true;
}

static bool fail_column(const struct table *table, const char *key, const char *name,
                        const char *of, struct yq_err *err)
{
    const char *nearest = NULL;
    size_t least = strlen(name) / 3 + 2;
    for (size_t i = 0; i < table->column_count; i++) {
        size_t away = yq_word_distance(name, table->columns[i].name);
        if (away < least) {
            least = away;
            nearest = table->columns[i].name;
        }
    }
    return yq_fail(err, YQ_ABSENT, ROOM, "%s: %.60s has no column %.60s%s%.40s%s", key, of, name,
                   nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
}

/* Calls `one` for each name between commas. */
static bool each_name(struct rows *rows, const char *list,
                      bool (*one)(struct rows *, const char *name, struct yq_err *),
                      struct yq_err *err)
{
    char name[YQ_DATABASE_NAME_SIZE];
    for (const char *p = list; *p;) {
        size_t length = strcspn(p, ",");
        if (!yq_copy_trimmed(name, sizeof name, p + strspn(p, " "), length - strspn(p, " ")))
            return yq_fail(err, YQ_BAD_INPUT, ROOM, "%.60s is too long for a name", p);
        p += length + (p[length] == ',');
        if (*name && !one(rows, name, err))
            return false;
    }
    return true;
}

static bool add_key(struct rows *rows, const char *name, struct yq_err *err)
{
    int column = table_column(&rows->all, name);
    if (column < 0)
        return fail_column(&rows->all, "key_columns", name, rows->source.table, err);
    if (rows->key_count == ROWS_KEYS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "key_columns: more than %d", ROWS_KEYS_MOST);
    rows->keys[rows->key_count++] = column;
    return true;
}

static int pick(int *list, size_t *count, int column)
{
    for (size_t i = 0; i < *count; i++)
        if (list[i] == column)
            return (int)i;
    list[*count] = column;
    return (int)(*count)++;
}

/* "DETAIL_COLUMN=COLUMN", or one name for both. */
static bool add_join(struct rows *rows, const char *name, struct yq_err *err)
{
    char detail[YQ_DATABASE_NAME_SIZE], own[YQ_DATABASE_NAME_SIZE];
    const char *equal = strchr(name, '=');
    size_t length = equal ? (size_t)(equal - name) : strlen(name);
    const char *right = equal ? equal + 1 + strspn(equal + 1, " ") : name;
    (void)!yq_copy_trimmed(detail, sizeof detail, name, length);
    (void)!yq_copy(own, sizeof own, right);
    int there = table_column(&rows->details, detail), here = table_column(&rows->all, own);
    if (there < 0)
        return fail_column(&rows->details, "detail_join", detail, rows->source.detail_table, err);
    if (here < 0)
        return fail_column(&rows->all, "detail_join", own, rows->source.table, err);
    if (rows->join_count == ROWS_KEYS_MOST)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "detail_join: more than %d", ROWS_KEYS_MOST);
    rows->join_detail[rows->join_count] = there;
    rows->join_own[rows->join_count++] = pick(rows->picked, &rows->picked_count, here);
    return true;
}

static bool know_details(struct rows *rows, struct yq_err *err)
{
    const struct yq_source *source = &rows->source;
    if (!*source->detail_table)
        return true;
    if (!describe(rows, source->detail_table, &rows->details, &rows->detail_sql, err))
        return false;
    rows->detail_picked = calloc(rows->details.column_count + 1, sizeof *rows->detail_picked);
    if (!rows->detail_picked)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to read a database");
    if (!each_name(rows, *source->detail_join ? source->detail_join : source->key_columns, add_join,
                   err))
        return false;
    for (size_t i = 0; i < rows->wanted.count; i++) {
        int column = table_column(&rows->details, rows->wanted.list[i]);
        if (column >= 0)
            pick(rows->detail_picked, &rows->detail_picked_count, column);
    }
    if (!rows->detail_picked_count)
        return yq_fail(err, YQ_BAD_INPUT, ROOM, "the mapping uses no column of %.60s",
                       source->detail_table);
    return true;
}

static bool know_table(struct rows *rows, bool loosely, struct yq_err *err)
{
    const struct yq_source *source = &rows->source;
    if (!describe(rows, source->table, &rows->all, &rows->table_sql, err))
        return false;
    rows->picked = calloc(rows->all.column_count + 1, sizeof *rows->picked);
    if (!rows->picked)
        return yq_fail(err, YQ_FULL, ROOM, "no memory to read a database");
    rows->change = table_column(&rows->all, source->change_column);
    if (rows->change < 0) {
        bool ok =
            fail_column(&rows->all, "change_column", source->change_column, source->table, err);
        return ok || loosely;
    }
    if (!each_name(rows, source->key_columns, add_key, err))
        return loosely;
    pick(rows->picked, &rows->picked_count, rows->change);
    for (size_t i = 0; i < rows->key_count; i++)
        pick(rows->picked, &rows->picked_count, rows->keys[i]);
    for (size_t i = 0; i < rows->wanted.count; i++) {
        int column = table_column(&rows->all, rows->wanted.list[i]);
        if (column >= 0)
            pick(rows->picked, &rows->picked_count, column);
    }
    return know_details(rows, err) || loosely;
}

static bool open_rows(struct rows *rows, bool loosely, struct yq_err *err)
{
    if (rows->database)
        return true;
    if (connect_to(rows, err) && know_table(rows, loosely, err))
        return true;
    rows_close(rows);
    return false;
}

bool rows_open(struct rows *rows, struct yq_err *err) { return open_rows(rows, false, err); }

bool rows_open_loosely(struct rows *rows, struct yq_err *err) { return open_rows(rows, true, err); }

/* signers.c: signers.csv: which user of the signing service a doctor of the hospital is. Two
 * columns, `doctor` (his code, as reports have it) and `userId` (MSSPID); more are passed over.
 * Read when it is asked, which is once a report: so a line that was added counts at once. */
#include <string.h>

#include "parts.h"
#include "yq/csv.h"

enum { COLUMNS_MOST = 16, BYTES_MOST = 4 << 20 };

struct reader {
    struct yq_csv csv;
    struct yq_buf row;
    const char *fields[COLUMNS_MOST];
    size_t count, doctor, user;
};

static void reader_fini(struct reader *r) { yq_buf_fini(&r->row); }

static bool fail_line(const struct reader *r, struct yq_err *err, const char *why)
{
    return yq_fail(err, YQ_BAD_INPUT, "conf", "signers.csv:%u: %s", r->csv.line, why);
}

static bool next(struct reader *r, bool *row, struct yq_err *err)
{
    err->code = YQ_OK;
    *row = yq_csv_next(&r->csv, &r->row, r->fields, COLUMNS_MOST, &r->count, err);
    if (*row || err->code == YQ_OK)
        return true;
    const struct yq_err why = *err;
    return fail_line(r, err, why.text);
}

static size_t column(const struct reader *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->fields[i], name) == 0)
            return i;
    return COLUMNS_MOST;
}

static bool read_heads(struct reader *r, struct yq_err *err)
{
    bool row;
    if (r->csv.length >= 3 && memcmp(r->csv.bytes, "\xef\xbb\xbf", 3) == 0)
        r->csv.at = 3; /* as spreadsheets write it */
    if (!next(r, &row, err))
        return false;
    r->doctor = row ? column(r, "doctor") : COLUMNS_MOST;
    r->user = row ? column(r, "userId") : COLUMNS_MOST;
    return (r->doctor < COLUMNS_MOST && r->user < COLUMNS_MOST) ||
           fail_line(r, err, "the first line names the columns: doctor,userId");
}

static bool find(struct reader *r, const char *doctor, char *user, size_t size, struct yq_err *err)
{
    for (bool row;;) {
        if (!next(r, &row, err))
            return false;
        if (!row)
            return yq_fail(err, YQ_ABSENT, "conf",
                           "signers.csv has no line for doctor %.60s, so nobody knows whom the "
                           "signing service is to ask",
                           doctor);
        if (r->count <= r->doctor || r->count <= r->user)
            return fail_line(r, err, "there are fewer values than columns");
        if (strcmp(r->fields[r->doctor], doctor) != 0)
            continue;
        return (*r->fields[r->user] && yq_copy(user, size, r->fields[r->user])) ||
               fail_line(r, err, "a userId has 1 to 127 bytes");
    }
}

bool yq_conf_signer(const struct yq_conf *conf, const char *doctor, char *user, size_t size,
                    struct yq_err *err)
{
    char path[YQ_PATH_MOST];
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    struct reader r yq_cleanup(reader_fini) = {0};
    if (!yq_path_join(path, conf->folder, "signers.csv", err))
        return false;
    if (!yq_file_read(path, BYTES_MOST, &bytes, err)) {
        if (err->code != YQ_ABSENT)
            return yq_while(err, "signers.csv");
        return yq_fail(err, YQ_ABSENT, "conf",
                       "there is no signers.csv in the configuration folder, so nobody knows whom "
                       "the signing service is to ask for doctor %.60s",
                       doctor);
    }
    r.csv = (struct yq_csv){.bytes = yq_buf_text(&bytes), .length = bytes.length};
    return read_heads(&r, err) && find(&r, doctor, user, size, err);
}

/* registrar_put.c: values of DICOM into members of records. Headers are full of what does not fit:
 * that is left out, and the rest taken. */
#include <string.h>

#include "registrar.h"
#include "yq/form.h"

static bool is_fine(bool put, const struct yq_err *err) { return put || err->code == YQ_BAD_INPUT; }

bool reg_put(struct yq_record *record, const char *name, const char *text, struct yq_err *err)
{
    return !text || !*text || is_fine(yq_record_put(record, name, text, err), err);
}

bool reg_append(struct yq_record *record, const char *name, const char *text, struct yq_err *err)
{
    return !text || !*text || is_fine(yq_record_append(record, name, text, err), err);
}

bool reg_put_moment(struct yq_record *record, const char *name, const char *date, const char *time,
                    struct yq_err *err)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    char first[32];
    reg_first(date ? date : "", first, sizeof first);
    if (!*first)
        return true;
    yq_form_date(first, &text);
    reg_first(time ? time : "", first, sizeof first);
    if (*first) {
        yq_buf_puts(&text, " ");
        yq_form_time(first, &text);
    }
    return reg_put(record, name, yq_buf_text(&text), err);
}

bool reg_put_person(struct yq_record *record, const char *name, const char *sound,
                    const char *value, struct yq_err *err)
{
    struct yq_buf said yq_cleanup(yq_buf_fini) = {0}, spelt yq_cleanup(yq_buf_fini) = {0};
    char first[256], *groups[3] = {first, "", ""};
    reg_first(value ? value : "", first, sizeof first);
    for (size_t i = 1; i < 3; i++) {
        char *end = strchr(groups[i - 1], '=');
        if (!end)
            break;
        *end = '\0';
        groups[i] = end + 1;
    }
    yq_form_person(groups[0], &spelt);
    yq_form_person(groups[1], &said);
    bool east = yq_form_is_east_asian(yq_buf_text(&spelt));
    const char *shown = said.length ? yq_buf_text(&said) : yq_buf_text(&spelt);
    return reg_put(record, name, shown, err) &&
           (!sound || east || reg_put(record, sound, yq_buf_text(&spelt), err));
}

void reg_first(const char *values, char *out, size_t size)
{
    size_t length = strcspn(values, "\\");
    while (length && values[length - 1] == ' ')
        length--;
    length = length < size ? length : size - 1;
    while (length && (values[length] & 0xc0) == 0x80) /* not within a character */
        length--;
    memcpy(out, values, length);
    out[length] = '\0';
}

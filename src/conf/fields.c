/* fields.c: the hospital's own lines over the provinces' field tables:
 * platforms/<province>/<interface>.csv in the conf folder. A file for an interface that is not
 * known, and any line that is wrong, keeps the configuration from being taken up, with file and
 * line. platforms/<province>/recipes.csv is another matter. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "yq/text.h"

enum { FILE_MOST = 1 << 20, FILES_MOST = 512, NAMES_GUESSED = 128 };

static bool is_province(const char *name)
{
    for (size_t i = 0; i < yq_interface_count; i++)
        if (strcmp(yq_interfaces[i].platform, name) == 0)
            return true;
    return false;
}

static bool fail_unknown(const char *province, const char *name, struct yq_err *err)
{
    const char *names[NAMES_GUESSED];
    size_t count = 0;
    char shown[64];
    for (size_t i = 0; i < yq_interface_count && count < NAMES_GUESSED; i++)
        if (strcmp(yq_interfaces[i].platform, province) == 0 && yq_interfaces[i].count)
            names[count++] = yq_interfaces[i].name;
    const char *nearest = conf_nearest(name, names, count);
    return yq_fail(err, YQ_BAD_INPUT, "conf",
                   "platforms/%s/%s.csv: %s has no such interface with fields%s%s%s", province,
                   conf_shown(shown, sizeof shown, name), province,
                   nearest ? " (did you mean \"" : " (\"yingqiao fields ",
                   nearest ? nearest : province, nearest ? "\"?)" : "\" lists them)");
}

static bool add(struct yq_conf *conf, struct yq_fields *take, struct yq_err *err)
{
    struct yq_fields **list =
        conf->own_field_count == FILES_MOST
            ? NULL
            : realloc(conf->own_fields, (conf->own_field_count + 1) * sizeof(void *));
    if (!list) {
        yq_fields_free(take);
        return yq_fail(err, YQ_FULL, "conf", "no memory for the own lines of field tables");
    }
    conf->own_fields = list;
    list[conf->own_field_count++] = take;
    return true;
}

bool conf_parse_fields(struct yq_conf *conf, const char *province, const char *name,
                       const void *bytes, size_t length, struct yq_err *err)
{
    const struct yq_interface *interface = yq_interface_find(province, name);
    struct yq_fields *fields;
    char file[160];
    if (!interface || !interface->count)
        return fail_unknown(province, name, err);
    snprintf(file, sizeof file, "platforms/%s/%s.csv", province, name);
    if (!yq_text_is_utf8(bytes, length))
        return yq_fail(err, YQ_BAD_INPUT, "conf",
                       "%s:1: the file is not UTF-8: save it as \"CSV UTF-8\", which spreadsheets "
                       "offer beside plain CSV",
                       file);
    return yq_fields_parse(file, bytes, length, interface, &fields, err) && add(conf, fields, err);
}

/* "exam-sync" of "exam-sync.csv"; false: it is no table of fields. */
static bool name_of(const char *file, char name[128])
{
    const char *dot = strrchr(file, '.');
    if (*file == '.' || !dot || strcmp(dot, ".csv") != 0 || strcmp(file, "recipes.csv") == 0)
        return false;
    snprintf(name, 128, "%.*s", (int)(dot - file < 127 ? dot - file : 127), file);
    return true;
}

static bool read_province(struct yq_conf *conf, const char *folder, const char *province,
                          struct yq_err *err)
{
    char path[YQ_PATH_MOST], name[128];
    struct dirent **files = NULL;
    bool ok = true;
    int count = scandir(folder, &files, NULL, alphasort); /* the first fault is always the same */
    for (int i = 0; i < count; i++) {
        struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
        if (ok && name_of(files[i]->d_name, name))
            ok = yq_path_join(path, folder, files[i]->d_name, err) &&
                 (yq_file_read(path, FILE_MOST, &bytes, err) || yq_while(err, "configuration")) &&
                 conf_parse_fields(conf, province, name, yq_buf_text(&bytes), bytes.length, err);
        free(files[i]);
    }
    free(files);
    return ok;
}

bool conf_load_fields(struct yq_conf *conf, struct yq_err *err)
{
    char folder[YQ_PATH_MOST], path[YQ_PATH_MOST], shown[64];
    if (!yq_path_join(folder, conf->folder, "platforms", err))
        return false;
    DIR *dir = opendir(folder);
    bool ok = true;
    if (!dir)
        return true;
    for (struct dirent *entry; ok && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' ||
            (entry->d_type != DT_DIR && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN))
            continue;
        if (!is_province(entry->d_name))
            ok = yq_fail(err, YQ_BAD_INPUT, "conf",
                         "platforms/%s: there is no such province: hebei, neijiang, shanxi, "
                         "sichuan, xuancheng",
                         conf_shown(shown, sizeof shown, entry->d_name));
        else
            ok = yq_path_join(path, folder, entry->d_name, err) &&
                 read_province(conf, path, entry->d_name, err);
    }
    closedir(dir);
    return ok;
}

void conf_fields_fini(struct yq_conf *conf)
{
    for (size_t i = 0; i < conf->own_field_count; i++)
        yq_fields_free(conf->own_fields[i]);
    free(conf->own_fields);
    conf->own_fields = NULL;
    conf->own_field_count = 0;
}

const struct yq_fields *yq_conf_fields(const struct yq_conf *conf,
                                       const struct yq_interface *interface)
{
    for (size_t i = 0; i < conf->own_field_count; i++)
        if (conf->own_fields[i]->interface == interface)
            return conf->own_fields[i];
    return yq_fields_of(interface);
}

/* load.c: the files of a folder as one configuration; the examples; what changed.
 *
 * Denies by default: HTTP that other machines reach needs a token, and a file of tokens that others
 * may read is refused. A load either gives a whole configuration or none. Thread-safe. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"
#include "yq/sync.h"

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

typedef bool parser(struct yq_conf *conf, const char *file, const void *bytes, size_t length,
                    struct yq_err *err);

/* A missing file is fine unless it is `needed`. */
static bool read_part(struct yq_conf *conf, const char *path, bool needed, parser *parse,
                      struct yq_err *err)
{
    struct yq_buf bytes yq_cleanup(yq_buf_fini) = {0};
    if (!yq_file_read(path, JSONC_BYTES_MOST, &bytes, err)) {
        if (err->code == YQ_ABSENT && !needed) {
            err->code = YQ_OK;
            return true;
        }
        return yq_while(err, "configuration");
    }
    return parse(conf, name_of(path), yq_buf_text(&bytes), bytes.length, err);
}

static bool is_private(const char *path, struct yq_err *err)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return errno == ENOENT || errno == ENOTDIR || yq_fail_errno(err, "conf", "look at", path);
    if (about.st_mode & 077)
        return yq_fail(err, YQ_BAD_INPUT, "conf",
                       "%s: others may read or write it (mode %03o); run: chmod 600 %s",
                       name_of(path), (unsigned)(about.st_mode & 0777), path);
    return true;
}

/* Passcodes in peers.json are for the node's user and its group at most. */
static bool peers_are_private(const struct yq_conf *conf, const char *path, struct yq_err *err)
{
    struct stat about;
    bool secret = false;
    for (size_t i = 0; i < conf->peer_count; i++)
        secret = secret || *conf->peers[i].our_passcode;
    if (!secret || stat(path, &about) != 0 || !(about.st_mode & 007))
        return true;
    return yq_fail(err, YQ_BAD_INPUT, "conf",
                   "%s: there are passcodes in it, and others may read it (mode %03o); run: chmod "
                   "o= %s",
                   name_of(path), (unsigned)(about.st_mode & 0777), path);
}

static bool http_is_guarded(const struct yq_conf *conf, struct yq_err *err)
{
    if (conf->http_port == 0 || conf->token_count || conf_is_loopback(conf->http_bind))
        return true;
    return yq_fail(err, YQ_BAD_INPUT, "conf",
                   "http.bind is %s, which other machines reach, but there is no token: add one to "
                   "tokens.json in the conf folder, or set http.bind to 127.0.0.1",
                   conf->http_bind);
}

/* A path that does not begin at the root begins in the conf folder. */
static bool place(const struct yq_conf *conf, char *path, size_t size, struct yq_err *err)
{
    char whole[YQ_PATH_MOST];
    if (!*path || *path == '/')
        return true;
    return yq_path_join(whole, conf->folder, path, err) &&
           (yq_copy(path, size, whole) ||
            yq_fail(err, YQ_BAD_INPUT, "conf", "the path of %.80s is longer than %zu bytes", path,
                    size - 1));
}

static bool settle_tls(struct yq_conf *conf, struct yq_err *err)
{
    if (!place(conf, conf->dicom_tls_certificate, sizeof conf->dicom_tls_certificate, err) ||
        !place(conf, conf->dicom_tls_key, sizeof conf->dicom_tls_key, err) ||
        !place(conf, conf->dicom_tls_ca, sizeof conf->dicom_tls_ca, err))
        return false;
    for (size_t i = 0; i < conf->peer_count; i++) {
        struct yq_peer_tls *tls = &conf->peers[i].tls;
        if (!tls->on)
            continue;
        if (!place(conf, tls->ca, sizeof tls->ca, err))
            return false;
        if (!*tls->ca)
            yq_copy(tls->ca, sizeof tls->ca, conf->dicom_tls_ca);
        yq_copy(tls->certificate, sizeof tls->certificate, conf->dicom_tls_certificate);
        yq_copy(tls->key, sizeof tls->key, conf->dicom_tls_key);
        tls->profile = conf->dicom_tls_profile;
    }
    if (conf->dicom_tls_port && !*conf->dicom_tls_certificate)
        return yq_fail(err, YQ_BAD_INPUT, "conf",
                       "dicom.tls_port is set, but there is no certificate: set "
                       "dicom.tls_certificate and dicom.tls_key, see docs/operations.md");
    if (!conf->dicom_port && !conf->dicom_tls_port)
        return yq_fail(err, YQ_BAD_INPUT, "conf",
                       "dicom.port and dicom.tls_port are both 0: nobody could call this node");
    return true;
}

static bool settle_sources(struct yq_conf *conf, struct yq_err *err)
{
    for (size_t i = 0; i < conf->source_count; i++) {
        struct yq_source *source = &conf->sources[i];
        if (!place(conf, source->password_file, sizeof source->password_file, err) ||
            !place(conf, source->path, sizeof source->path, err))
            return false;
        for (size_t j = 0; j < i && *source->path; j++)
            if (strcmp(conf->sources[j].path, source->path) == 0)
                return yq_fail(err, YQ_BAD_INPUT, "conf",
                               "sources.json: \"%s\" and \"%s\" watch the same folder",
                               conf->sources[j].name, source->name);
    }
    return true;
}

static bool settle_platforms(struct yq_conf *conf, struct yq_err *err)
{
    for (size_t i = 0; i < conf->platform_count; i++) {
        struct yq_platform *platform = &conf->platforms[i];
        if (!place(conf, platform->tls_ca, sizeof platform->tls_ca, err) ||
            !place(conf, platform->tls_certificate, sizeof platform->tls_certificate, err) ||
            !place(conf, platform->tls_key, sizeof platform->tls_key, err) ||
            !place(conf, platform->anchors, sizeof platform->anchors, err))
            return false;
    }
    return true;
}

/* `node_path` NULL: node.json of the folder, if it is there. */
static bool load(struct yq_conf *conf, const char *node_path, const struct yq_setting *settings,
                 size_t setting_count, struct yq_err *err)
{
    char node[YQ_PATH_MOST], peers[YQ_PATH_MOST], tokens[YQ_PATH_MOST], coercion[YQ_PATH_MOST],
        anonymize[YQ_PATH_MOST], rules[YQ_PATH_MOST], users[YQ_PATH_MOST], sources[YQ_PATH_MOST],
        platforms[YQ_PATH_MOST];
    conf_defaults(conf);
    if (!yq_path_join(node, conf->folder, "node.json", err) ||
        !yq_path_join(peers, conf->folder, "peers.json", err) ||
        !yq_path_join(rules, conf->folder, "rules.json", err) ||
        !yq_path_join(tokens, conf->folder, "tokens.json", err) ||
        !yq_path_join(users, conf->folder, "users.json", err) ||
        !yq_path_join(coercion, conf->folder, "coercion.json", err) ||
        !yq_path_join(anonymize, conf->folder, "anonymize.json", err) ||
        !yq_path_join(sources, conf->folder, "sources.json", err) ||
        !yq_path_join(platforms, conf->folder, "platforms.json", err))
        return false;
    if (!read_part(conf, node_path ? node_path : node, node_path, conf_parse_node, err) ||
        !read_part(conf, peers, false, conf_parse_peers, err) ||
        !peers_are_private(conf, peers, err) ||
        !read_part(conf, rules, false, conf_parse_rules, err) || !is_private(tokens, err) ||
        !read_part(conf, tokens, false, conf_parse_tokens, err) || !is_private(users, err) ||
        !read_part(conf, users, false, conf_parse_users, err) ||
        !read_part(conf, coercion, false, conf_parse_coercion, err) ||
        !read_part(conf, anonymize, false, conf_parse_blanks, err) ||
        !read_part(conf, sources, false, conf_parse_sources, err) ||
        !read_part(conf, platforms, false, conf_parse_platforms, err) ||
        !conf_load_fields(conf, err) || !conf_load_recipes(conf, err))
        return false;
    for (size_t i = 0; i < setting_count; i++) {
        if (!conf_apply(conf, &settings[i], err))
            return false;
    }
    return settle_tls(conf, err) && settle_sources(conf, err) && settle_platforms(conf, err) &&
           conf_rules_check(conf, err) && http_is_guarded(conf, err);
}

static bool load_from(const char *folder, const char *node_path, const struct yq_setting *settings,
                      size_t setting_count, struct yq_conf **out, struct yq_err *err)
{
    struct yq_conf *conf = calloc(1, sizeof *conf);
    *out = NULL;
    if (!conf)
        return yq_fail(err, YQ_FULL, "conf", "no memory for the configuration");
    bool ok = yq_copy(conf->folder, sizeof conf->folder, folder) ||
              yq_fail(err, YQ_BAD_INPUT, "conf", "path is longer than %d bytes", YQ_PATH_MOST);
    if (!ok || !load(conf, node_path, settings, setting_count, err)) {
        yq_conf_free(conf);
        return false;
    }
    *out = conf;
    return true;
}

bool yq_conf_load(const char *folder, const struct yq_setting *settings, size_t setting_count,
                  struct yq_conf **out, struct yq_err *err)
{
    return load_from(folder, NULL, settings, setting_count, out, err);
}

bool yq_conf_load_file(const char *file, const struct yq_setting *settings, size_t setting_count,
                       struct yq_conf **out, struct yq_err *err)
{
    char folder[YQ_PATH_MOST];
    *out = NULL;
    if (!yq_copy(folder, sizeof folder, file))
        return yq_fail(err, YQ_BAD_INPUT, "conf", "path is longer than %d bytes", YQ_PATH_MOST);
    char *slash = strrchr(folder, '/');
    if (slash == folder)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    else
        yq_copy(folder, sizeof folder, ".");
    return load_from(folder, file, settings, setting_count, out, err);
}

void yq_conf_free(struct yq_conf *conf)
{
    if (!conf)
        return;
    if (conf->tokens)
        explicit_bzero(conf->tokens, conf->token_count * sizeof *conf->tokens);
    if (conf->users)
        explicit_bzero(conf->users, conf->user_count * sizeof *conf->users);
    free(conf->users);
    free(conf->tokens);
    conf_coercion_fini(conf);
    free(conf->platforms);
    conf_recipes_fini(conf);
    free(conf->blank_rules);
    if (conf->peers)
        explicit_bzero(conf->peers, conf->peer_count * sizeof *conf->peers);
    free(conf->peers);
    conf_rules_free(conf);
    conf_sources_fini(conf);
    conf_fields_fini(conf);
    free(conf);
}

bool yq_conf_write_examples(const char *folder, struct yq_err *err)
{
    const struct {
        const char *name;
        const unsigned char *bytes;
        size_t size;
        mode_t mode;
    } examples[] = {
        {"node.json", conf_example_node, conf_example_node_size, 0640},
        {"peers.json", conf_example_peers, conf_example_peers_size, 0640},
        {"rules.json", conf_example_rules, conf_example_rules_size, 0640},
        {"tokens.json", conf_example_tokens, conf_example_tokens_size, 0600},
        {"coercion.json", conf_example_coercion, conf_example_coercion_size, 0640},
        {"anonymize.json", conf_example_anonymize, conf_example_anonymize_size, 0640},
        {"sources.json", conf_example_sources, conf_example_sources_size, 0640},
        {"platforms.json", conf_example_platforms, conf_example_platforms_size, 0640},
    };
    if (!yq_mkdirs(folder, err))
        return false;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        char path[YQ_PATH_MOST];
        struct stat about;
        if (!yq_path_join(path, folder, examples[i].name, err))
            return false;
        if (lstat(path, &about) == 0)
            continue;
        if (!yq_file_write(path, examples[i].bytes, examples[i].size, examples[i].mode, err))
            return false;
    }
    return true;
}

static uint64_t stamp_of(const char *folder)
{
    DIR *dir = opendir(folder);
    uint64_t stamp = 0;
    if (!dir)
        return stamp;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat about;
        const char *dot = strrchr(entry->d_name, '.');
        bool ours = dot && (strcmp(dot, ".json") == 0 || strcmp(dot, ".csv") == 0);
        if (entry->d_name[0] == '.' || !ours || fstatat(dirfd(dir), entry->d_name, &about, 0) != 0)
            continue;
        struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
        yq_buf_putf(&text, "%s %lld %lld.%09ld %llu %o", entry->d_name, (long long)about.st_size,
                    (long long)about.st_mtim.tv_sec, about.st_mtim.tv_nsec,
                    (unsigned long long)about.st_ino, (unsigned)about.st_mode);
        stamp += yq_hash_text(yq_buf_text(&text)); /* a sum: the order of a folder is no order */
    }
    closedir(dir);
    return stamp;
}

uint64_t yq_conf_stamp(const char *folder)
{
    char inner[YQ_PATH_MOST], platforms[YQ_PATH_MOST];
    struct yq_err err;
    uint64_t stamp = 1 + stamp_of(folder), factor = 3;
    if (yq_path_join(inner, folder, "mapping", &err))
        stamp += factor * stamp_of(inner); /* a file that moves to another folder is a change */
    if (yq_path_join(platforms, folder, "platforms", &err))
        for (unsigned i = 0; i < YQ_PROVINCE_COUNT; i++)
            if (yq_path_join(inner, platforms, yq_province_name((enum yq_province_id)i), &err))
                stamp += (factor += 2) * stamp_of(inner);
    return stamp;
}

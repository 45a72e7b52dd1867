/* home.c: builds the house from options and takes it down again. Knows where in the data folder
 * things are. Main thread only. */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "yq/clock.h"
#include "yq/deliver.h"
#include "yq/frames.h"
#include "yq/log.h"
#include "yq/provinces.h"
#include "yq/recipes.h"

/* Less than that decodes nothing of today's devices. */
#define PIXELS_LEAST ((uint64_t)256 << 20)
#define SHELF_BYTES ((size_t)64 << 20)

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

bool yq_home_conf_folder(const struct yq_cli *cli, char *folder, struct yq_err *err)
{
    if (!cli->conf)
        return yq_path_join(folder, cli->data, "conf", err);
    if (!yq_copy(folder, YQ_PATH_MOST, cli->conf))
        return yq_fail(err, YQ_BAD_INPUT, "node", "--conf is longer than %d bytes", YQ_PATH_MOST);
    if (is_folder(folder))
        return true;
    char *slash = strrchr(folder, '/');
    if (!slash)
        memcpy(folder, ".", 2);
    else
        slash[slash == folder] = '\0';
    return true;
}

/* What rooms above the configuration make of it; it goes when that is nothing. */
static bool understood(struct yq_conf **conf, struct yq_err *err)
{
    if (yq_recipes_check(*conf, err))
        return true;
    yq_home_conf_free(conf);
    return false;
}

bool yq_home_conf(const struct yq_cli *cli, struct yq_conf **out, struct yq_err *err)
{
    char folder[YQ_PATH_MOST];
    if (cli->conf && access(cli->conf, R_OK) != 0)
        return yq_fail_errno(err, "node", "read configuration", cli->conf);
    if (cli->conf && !is_folder(cli->conf))
        return yq_conf_load_file(cli->conf, cli->settings, cli->setting_count, out, err) &&
               understood(out, err);
    return yq_home_conf_folder(cli, folder, err) &&
           yq_conf_load(folder, cli->settings, cli->setting_count, out, err) &&
           understood(out, err);
}

void yq_home_conf_free(struct yq_conf **conf)
{
    if (*conf)
        yq_conf_free(*conf);
    *conf = NULL;
}

static bool prepare_folder(const struct yq_cli *cli, unsigned flags, struct yq_err *err)
{
    char folder[YQ_PATH_MOST], catalog[YQ_PATH_MOST];
    if (flags & YQ_HOME_CREATE) {
        if (!yq_mkdirs(cli->data, err))
            return false;
        if (cli->conf)
            return true; /* his own place: nothing of ours belongs there */
        return yq_path_join(folder, cli->data, "conf", err) && yq_conf_write_examples(folder, err);
    }
    if (!yq_path_join(catalog, cli->data, "catalog.sqlite", err) ||
        !yq_path_join(folder, cli->data, "objects", err))
        return false;
    if (access(catalog, F_OK) == 0 || is_folder(folder))
        return true;
    return yq_fail(err, YQ_ABSENT, "node",
                   "%.100s holds no data of a node yet: name the right folder with --data DIR",
                   cli->data);
}

static bool take_use_lock(struct yq_home *home, bool alone, struct yq_err *err)
{
    char path[YQ_PATH_MOST];
    if (!yq_path_join(path, home->data, "use.lock", err))
        return false;
    home->use_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (home->use_lock < 0)
        return yq_fail_errno(err, "node", "open", path);
    if (flock(home->use_lock, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        return yq_fail_errno(err, "node", "lock", path);
    return yq_fail(err, YQ_BUSY, "node",
                   alone ? "another yingqiao command is at work in %.120s: wait for it to end"
                         : "the catalog of %.120s is being made anew: wait for it to end",
                   home->data);
}

/* Whoever logged in to this machine, also behind sudo; else whose process it is. */
static void name_person(char *person, size_t size)
{
    char host[65] = "localhost";
    struct yq_buf login yq_cleanup(yq_buf_fini) = {0};
    struct yq_err ignored;
    uid_t uid = (uid_t)-1;
    if (yq_file_read("/proc/self/loginuid", 16, &login, &ignored) && login.length)
        uid = (uid_t)strtoul(yq_buf_text(&login), NULL, 10);
    if (uid == (uid_t)-1) /* nobody logged in: a service, a container */
        uid = geteuid();
    const struct passwd *user = getpwuid(uid);
    (void)!gethostname(host, sizeof host - 1);
    if (user)
        snprintf(person, size, "%s@%s", user->pw_name, host);
    else
        snprintf(person, size, "%u@%s", (unsigned)uid, host);
}

/* `data`: the folder whose trail it is. */
static bool open_trail(struct yq_home *home, const char *data, bool serves, struct yq_err *err)
{
    char folder[YQ_PATH_MOST], person[128] = "";
    if (!yq_path_join(folder, data, "audit", err))
        return false;
    if (!serves)
        name_person(person, sizeof person);
    home->trail = yq_trail_open(folder);
    home->house.audit = home->trail ? yq_audit_new(home->trail, home->house.conf, person) : NULL;
    return home->house.audit || yq_fail(err, YQ_FULL, "node", "no memory for the audit trail");
}

static bool is_a_nodes(const char *data)
{
    static const char *const names[] = {"catalog.sqlite", "objects", "conf"};
    char path[YQ_PATH_MOST];
    struct yq_err ignored;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (yq_path_join(path, data, names[i], &ignored) && access(path, F_OK) == 0)
            return true;
    return false;
}

/* Of the machine, or of what the container may have of it. */
static uint64_t memory_there(void)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    struct yq_err ignored;
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    if (yq_file_read("/sys/fs/cgroup/memory.max", 64, &text, &ignored)) {
        uint64_t most = strtoull(yq_buf_text(&text), NULL, 10); /* "max" is 0 */
        if (most && most < bytes)
            bytes = most;
    }
    return bytes;
}

void yq_home_bound(struct yq_home *home, const struct yq_conf *conf)
{
    const uint64_t megabyte = 1 << 20;
    struct yq_house *house = &home->house;
    uint64_t reserve = (uint64_t)conf->store_reserve_mb * megabyte;
    uint64_t pixels = (uint64_t)conf->memory_pixels_megabytes * megabyte;
    if (!pixels) {
        pixels = memory_there() / 4;
        pixels = pixels < PIXELS_LEAST ? PIXELS_LEAST : pixels;
    }
    yq_budget_set_most(&house->pixels, pixels);
    if (house->store)
        yq_store_set_reserve(house->store, reserve);
    /* It yields before the store has to refuse. */
    yq_cache_limit(house->cache, (uint64_t)conf->cache_megabytes * megabyte,
                   2 * reserve + 16 * megabyte);
}

static bool open_all(struct yq_home *home, unsigned flags, struct yq_err *err)
{
    struct yq_house *house = &home->house;
    if (!(flags & YQ_HOME_NO_STORE)) {
        if (!yq_store_open(home->data, flags & YQ_HOME_SWEEP, &house->store, err))
            return false;
        house->cache = yq_cache_open(home->data, 0);
        house->shelf = yq_shelf_new(SHELF_BYTES);
    }
    const struct yq_conf *conf = yq_conf_hold(house->conf);
    yq_home_bound(home, conf);
    bool ok = yq_catalog_open(home->catalog, &house->catalog, err);
    if (ok)
        yq_deliver_wants(house, conf);
    yq_conf_release(house->conf, conf);
    return ok;
}

/* `take` is consumed, success or not. */
static bool furnish(struct yq_home *home, const char *catalog, struct yq_conf *take,
                    struct yq_err *err)
{
    home->house.conf = yq_conf_box_new(take);
    if (!home->house.conf)
        return yq_fail(err, YQ_FULL, "node", "no memory for the configuration");
    home->house.started_ms = yq_now_ms();
    yq_claims_init(&home->house.ingesting);
    yq_claims_init(&home->house.recording);
    yq_budget_init(&home->house.pixels, 0);
    yq_bell_init(&home->house.outbox);
    yq_bell_init(&home->house.signing);
    yq_tally_init(&home->house.sending);
    home->house.tls = yq_tls_box_new();
    if (!home->house.tls)
        return yq_fail(err, YQ_FULL, "node", "no memory for TLS");
    home->house.provinces = yq_provinces;
    home->house.keyring = yq_keyring_new();
    if (!home->house.keyring)
        return yq_fail(err, YQ_FULL, "node", "no memory for keys");
    home->house.keychains = yq_keychains_new();
    if (!home->house.keychains)
        return yq_fail(err, YQ_FULL, "node", "no memory for keys");
    home->house.secret = home->secret;
    home->house.url_secret = home->url_secret;
    return yq_path_join(home->catalog, home->data, catalog, err) &&
           yq_path_join(home->secret, home->data, "anonymize.key", err) &&
           yq_path_join(home->url_secret, home->data, "url.key", err);
}

bool yq_home_open(const struct yq_cli *cli, unsigned flags, const char *catalog,
                  struct yq_home *home, struct yq_err *err)
{
    struct yq_conf *conf = NULL;
    memset(home, 0, sizeof *home);
    home->use_lock = -1;
    if (!yq_copy(home->data, sizeof home->data, cli->data))
        return yq_fail(err, YQ_BAD_INPUT, "node", "--data is longer than %d bytes", YQ_PATH_MOST);
    if (!prepare_folder(cli, flags, err) || !yq_home_conf_folder(cli, home->conf_folder, err) ||
        !yq_home_conf(cli, &conf, err))
        return false;
    for (size_t i = 0; i < cli->setting_count; i++)
        if (strcmp(cli->settings[i].key, "log.level") == 0)
            yq_log_set_level((enum yq_level)conf->log_level);
    if (furnish(home, catalog ? catalog : "catalog.sqlite", conf, err) &&
        take_use_lock(home, flags & YQ_HOME_EXCLUSIVE, err) &&
        open_trail(home, home->data, flags & YQ_HOME_SWEEP, err) && open_all(home, flags, err))
        return true;
    yq_home_close(home);
    return false;
}

static void *write_catalog(void *catalog)
{
    yq_catalog_serve(catalog);
    return NULL;
}

void yq_home_hire_clerk(struct yq_home *home)
{
    home->hired = pthread_create(&home->clerk, NULL, write_catalog, home->house.catalog) == 0;
}

void yq_home_dismiss_clerk(struct yq_home *home)
{
    if (!home->hired)
        return;
    yq_catalog_dismiss(home->house.catalog);
    pthread_join(home->clerk, NULL);
    home->hired = false;
}

void yq_home_close(struct yq_home *home)
{
    struct yq_house *house = &home->house;
    if (!house->conf)
        return;
    yq_home_dismiss_clerk(home);
    if (house->catalog)
        yq_catalog_close(house->catalog);
    if (house->store)
        yq_store_close(house->store);
    yq_cache_close(house->cache);
    yq_shelf_free(house->shelf);
    yq_budget_fini(&house->pixels);
    yq_claims_fini(&house->ingesting);
    yq_claims_fini(&house->recording);
    yq_audit_free(house->audit);
    yq_trail_close(home->trail);
    home->trail = NULL;
    yq_bell_fini(&house->outbox);
    yq_bell_fini(&house->signing);
    yq_tally_fini(&house->sending);
    yq_conf_box_free(house->conf);
    yq_tls_box_free(house->tls);
    yq_keyring_free(house->keyring);
    yq_keychains_free(house->keychains);
    yq_close(&home->use_lock);
    memset(house, 0, sizeof *house);
}

void yq_home_uri(const char *path, char *uri, size_t size)
{
    char *whole = realpath(path, NULL);
    snprintf(uri, size, "file://%s", whole ? whole : path);
    free(whole);
}

void yq_home_open_trail(const struct yq_cli *cli, struct yq_home *home)
{
    struct yq_conf *conf = NULL;
    struct yq_err ignored;
    memset(home, 0, sizeof *home);
    home->use_lock = -1;
    if (is_a_nodes(cli->data) && yq_copy(home->data, sizeof home->data, cli->data) &&
        yq_home_conf(cli, &conf, &ignored) && furnish(home, "catalog.sqlite", conf, &ignored) &&
        open_trail(home, home->data, false, &ignored))
        return;
    yq_home_close(home);
}

void yq_home_tell(const struct yq_cli *cli, enum yq_deed_type type, const char *folder,
                  const char *file, const char *what, const char *whom)
{
    struct yq_home home;
    char path[YQ_PATH_MOST], uri[YQ_PATH_MOST + 8], text[128];
    struct yq_err ignored;
    if (!yq_path_join(path, folder, file, &ignored))
        return;
    yq_home_uri(path, uri, sizeof uri);
    snprintf(text, sizeof text, "%s: %s", what, whom);
    yq_home_open_trail(cli, &home);
    yq_audit_configured(home.house.audit, type, uri, text);
    yq_home_close(&home);
}

bool yq_home_lock(const char *data, int *fd, struct yq_err *err)
{
    char path[YQ_PATH_MOST], text[32];
    if (!yq_path_join(path, data, "serve.lock", err))
        return false;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (*fd < 0)
        return yq_fail_errno(err, "node", "open", path);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
        int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
        if (ftruncate(*fd, 0) == 0 && pwrite(*fd, text, (size_t)length, 0) == length)
            return true;
        yq_fail_errno(err, "node", "write", path);
    } else if (errno != EWOULDBLOCK) {
        yq_fail_errno(err, "node", "lock", path);
    } else {
        ssize_t got = pread(*fd, text, sizeof text - 1, 0);
        text[got > 0 ? got : 0] = '\0';
        yq_fail(err, YQ_BUSY, "node", "another yingqiao (pid %ld) serves this folder: %.120s",
                strtol(text, NULL, 10), data);
    }
    yq_close(fd);
    return false;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    remove(path);
    return 0;
}

void yq_home_remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

bool yq_home_open_guest(const struct yq_cli *cli, struct yq_home *home, struct yq_err *err)
{
    static const char mask[] = "/yingqiao.XXXXXX";
    const char *base = getenv("TMPDIR");
    struct yq_conf *conf = NULL;
    memset(home, 0, sizeof *home);
    home->use_lock = -1;
    int length =
        snprintf(home->data, sizeof home->data, "%s%s", base && *base ? base : "/tmp", mask);
    if (length < 0 || (size_t)length >= sizeof home->data)
        return yq_fail(err, YQ_BAD_INPUT, "node", "TMPDIR is longer than %d bytes", YQ_PATH_MOST);
    if (!mkdtemp(home->data)) {
        yq_fail_errno(err, "node", "make a temporary folder", home->data);
        home->data[0] = '\0';
        return false;
    }
    if (yq_home_conf_folder(cli, home->conf_folder, err) && yq_home_conf(cli, &conf, err) &&
        furnish(home, "catalog.sqlite", conf, err) && open_all(home, 0, err) &&
        (!is_a_nodes(cli->data) || open_trail(home, cli->data, false, err))) {
        yq_store_set_reserve(home->house.store, 0); /* nothing stays here */
        return true;
    }
    yq_home_close_guest(home);
    return false;
}

void yq_home_close_guest(struct yq_home *home)
{
    yq_home_close(home);
    if (home->data[0])
        yq_home_remove_tree(home->data);
    home->data[0] = '\0';
}

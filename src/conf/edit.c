/* edit.c: peers.json edited as a careful person would: one entry in or out, every other byte stays;
 * users.json, which only we write, written anew.
 *
 * Editors take turns by a lock on conf/.lock, between processes and threads alike. What is written
 * was parsed first: an edit never leaves a file that the node would refuse. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"

struct edit {
    char path[YQ_PATH_MOST]; /* of peers.json, links followed */
    mode_t mode;
    int lock;
    struct yq_buf bytes;
};

static void edit_end(struct edit *edit)
{
    yq_close(&edit->lock); /* and the lock is free */
    yq_buf_fini(&edit->bytes);
}

static bool edit_begin(struct edit *edit, const char *folder, const char *name, mode_t mode,
                       struct yq_err *err)
{
    char lock[YQ_PATH_MOST], real[PATH_MAX];
    struct stat about;
    edit->lock = -1;
    edit->mode = mode;
    if (!yq_mkdirs(folder, err) || !yq_path_join(lock, folder, ".lock", err) ||
        !yq_path_join(edit->path, folder, name, err))
        return false;
    edit->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (edit->lock < 0 || flock(edit->lock, LOCK_EX) != 0)
        return yq_fail_errno(err, "conf", "lock", lock);
    if (realpath(edit->path, real) && !yq_copy(edit->path, sizeof edit->path, real))
        return yq_fail(err, YQ_BAD_INPUT, "conf", "path is longer than %d bytes", YQ_PATH_MOST);
    if (stat(edit->path, &about) == 0)
        edit->mode = about.st_mode & 0777;
    if (!yq_file_read(edit->path, JSONC_BYTES_MOST, &edit->bytes, err)) {
        if (err->code != YQ_ABSENT)
            return yq_while(err, "configuration");
        err->code = YQ_OK;
    }
    return !edit->bytes.failed || yq_fail(err, YQ_FULL, "conf", "no memory to edit %s", name);
}

static bool peers_begin(struct edit *edit, const char *folder, struct yq_err *err)
{
    if (!edit_begin(edit, folder, "peers.json", 0640, err))
        return false;
    if (!edit->bytes.length)
        yq_buf_put(&edit->bytes, conf_example_peers, conf_example_peers_size);
    return !edit->bytes.failed || yq_fail(err, YQ_FULL, "conf", "no memory to edit peers.json");
}

static bool edit_commit(const struct edit *edit, const struct yq_buf *now, struct yq_err *err)
{
    if (now->failed)
        return yq_fail(err, YQ_FULL, "conf", "no memory to edit peers.json");
    return yq_file_write(edit->path, now->bytes, now->length, edit->mode, err);
}

/* The text of the file with the entry in front of the closing bracket. */
static bool insert(const struct edit *edit, const struct yq_peer *peer, struct yq_buf *now,
                   struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    const char *text = yq_buf_text(&edit->bytes);
    if (!jsonc_parse(&doc, "peers.json", text, edit->bytes.length, err))
        return false;
    if (doc.root->kind != JSONC_ARRAY)
        return jsonc_fail(&doc, doc.root->line, err, "the peers stand in a list []");
    const struct jsonc_node *last = doc.root->child;
    while (last && last->next)
        last = last->next;
    const char *line_end = strstr(text, "\r\n") ? "\r\n" : "\n";
    size_t bracket = doc.root->end - 1, place = bracket, done = 0;
    while (place > doc.root->start + 1 && (text[place - 1] == ' ' || text[place - 1] == '\t'))
        place--;
    bool own_line = text[place - 1] == '\n';
    if (!own_line)
        place = bracket;
    if (last && !last->comma) {
        yq_buf_put(now, text, last->end);
        yq_buf_puts(now, ",");
        done = last->end;
    }
    yq_buf_put(now, text + done, place - done);
    yq_buf_putf(now, "%s  ", own_line ? "" : line_end);
    conf_put_peer(now, peer);
    yq_buf_putf(now, "%s%s", last && last->comma ? "," : "", line_end);
    yq_buf_put(now, text + place, edit->bytes.length - place);
    return true;
}

/* True when the file may hold this peer too: the file is sound and the peer is not in it. */
static bool may_add(const struct yq_buf *bytes, const struct yq_peer *peer, struct yq_err *err)
{
    struct yq_conf *all = calloc(1, sizeof *all);
    if (!all)
        return yq_fail(err, YQ_FULL, "conf", "no memory to edit peers.json");
    bool ok = conf_parse_peers(all, "peers.json", yq_buf_text(bytes), bytes->length, err);
    for (size_t i = 0; ok && i < all->peer_count; i++) {
        if (strcmp(all->peers[i].aet, peer->aet) == 0 &&
            strcasecmp(all->peers[i].host, peer->host) == 0)
            ok = yq_fail(err, YQ_CONFLICT, "conf",
                         "%s at %s is in peers.json already; \"yingqiao ae remove\" takes it out",
                         peer->aet, peer->host);
    }
    yq_conf_free(all);
    return ok;
}

/* True when a reader of `bytes` takes them. */
static bool is_sound(const char *file, const struct yq_buf *bytes, struct yq_err *err)
{
    struct yq_conf *conf = calloc(1, sizeof *conf);
    if (!conf || bytes->failed) {
        yq_conf_free(conf);
        return yq_fail(err, YQ_FULL, "conf", "no memory to edit peers.json");
    }
    bool ok = conf_parse_peers(conf, file, yq_buf_text(bytes), bytes->length, err);
    yq_conf_free(conf);
    return ok;
}

bool yq_conf_peer_add(const char *folder, const struct yq_peer *peer, struct yq_err *err)
{
    struct edit edit yq_cleanup(edit_end) = {.lock = -1};
    struct yq_buf now yq_cleanup(yq_buf_fini) = {0}, entry yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&entry, "[");
    conf_put_peer(&entry, peer);
    yq_buf_puts(&entry, "]");
    return is_sound(NULL, &entry, err) && peers_begin(&edit, folder, err) &&
           may_add(&edit.bytes, peer, err) && insert(&edit, peer, &now, err) &&
           is_sound("peers.json", &now, err) && edit_commit(&edit, &now, err);
}

static bool blank(char c) { return c == ' ' || c == '\t'; }

/* Takes [start, end) out; the whole line where nothing else stands on it. */
static void cut(struct yq_buf *buf, size_t start, size_t end)
{
    const char *text = (const char *)buf->bytes;
    size_t from = start, to = end;
    while (from > 0 && blank(text[from - 1]))
        from--;
    while (to < buf->length && blank(text[to]))
        to++;
    size_t line_end = to;
    if (line_end < buf->length && text[line_end] == '\r')
        line_end++;
    if ((from == 0 || text[from - 1] == '\n') && line_end < buf->length && text[line_end] == '\n') {
        start = from;
        end = line_end + 1;
    }
    memmove(buf->bytes + start, buf->bytes + end, buf->length - end + 1);
    buf->length -= end - start;
}

/* Takes the first entry with this title out. *found: there was one. */
static bool remove_one(struct yq_buf *bytes, const char *aet, bool *found, struct yq_err *err)
{
    struct jsonc doc yq_cleanup(jsonc_fini) = {0};
    const struct jsonc_node *before = NULL, *at;
    *found = false;
    if (!jsonc_parse(&doc, "peers.json", yq_buf_text(bytes), bytes->length, err))
        return false;
    if (doc.root->kind != JSONC_ARRAY)
        return jsonc_fail(&doc, doc.root->line, err, "the peers stand in a list []");
    for (at = doc.root->child; at; before = at, at = at->next) {
        const struct jsonc_node *title = at->kind == JSONC_OBJECT ? jsonc_member(at, "aet") : NULL;
        if (title && title->kind == JSONC_TEXT && strcmp(title->text, aet) == 0)
            break;
    }
    if (!at)
        return true;
    *found = true;
    if (at->comma && at->comma != at->end) /* something stands between them: it stays */
        cut(bytes, at->comma, at->comma + 1);
    cut(bytes, at->start, at->comma == at->end ? at->end + 1 : at->end);
    if (!at->comma && before) /* the last one takes the comma in front of it along */
        cut(bytes, before->comma, before->comma + 1);
    return true;
}

bool yq_conf_peer_remove(const char *folder, const char *aet, struct yq_err *err)
{
    struct edit edit yq_cleanup(edit_end) = {.lock = -1};
    bool found = true, any = false;
    if (!peers_begin(&edit, folder, err))
        return false;
    while (found) {
        if (!remove_one(&edit.bytes, aet, &found, err))
            return false;
        any = any || found;
    }
    char shown[40];
    if (!any)
        return yq_fail(err, YQ_ABSENT, "conf",
                       "no peer %s in peers.json; \"yingqiao ae list\" shows who is",
                       conf_shown(shown, sizeof shown, aet));
    return edit_commit(&edit, &edit.bytes, err);
}

/* One word for a shell: what comes from the wire must not become a command when it is pasted. */
static void put_word(struct yq_buf *out, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:/-";
    if (*text && strspn(text, plain) == strlen(text)) {
        yq_buf_puts(out, text);
        return;
    }
    yq_buf_puts(out, "'");
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            yq_buf_puts(out, "'\\''");
        else
            yq_buf_put(out, (unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f ? "?" : p, 1);
    }
    yq_buf_puts(out, "'");
}

/* Where the entry belongs, so that the line works in whatever folder it is typed. */
static void put_place(struct yq_buf *out, const char *folder)
{
    char whole[PATH_MAX];
    if (!*folder || !realpath(folder, whole))
        return;
    char *slash = strrchr(whole, '/');
    bool of_data = slash && slash > whole && strcmp(slash, "/conf") == 0;
    if (of_data)
        *slash = '\0';
    yq_buf_puts(out, of_data ? " --data " : " --conf ");
    put_word(out, whole);
}

void yq_conf_peer_line(const struct yq_conf *conf, const char *aet, const char *address, char *text,
                       size_t size)
{
    struct yq_buf line yq_cleanup(yq_buf_fini) = {0};
    yq_buf_puts(&line, "yingqiao ae add ");
    put_word(&line, aet);
    yq_buf_puts(&line, " ");
    if (*address)
        put_word(&line, address);
    else
        yq_buf_puts(&line, "HOST"); /* nobody called from it */
    yq_buf_puts(&line, " 104");     /* its port is not known from its call */
    put_place(&line, conf->folder);
    yq_copy(text, size, yq_buf_text(&line));
}

/* ---- users.json ---- */

static bool users_begin(struct edit *edit, const char *folder, struct yq_conf *conf,
                        struct yq_err *err)
{
    return edit_begin(edit, folder, "users.json", 0600, err) &&
           (!edit->bytes.length ||
            conf_parse_users(conf, "users.json", edit->bytes.bytes, edit->bytes.length, err));
}

static bool users_commit(struct edit *edit, const struct yq_conf *conf, struct yq_err *err)
{
    struct yq_buf now yq_cleanup(yq_buf_fini) = {0};
    conf_put_users(&now, conf);
    edit->mode &= 0700;
    return edit_commit(edit, &now, err);
}

static bool set_user(struct yq_conf *conf, const struct yq_user *user, struct yq_err *err)
{
    struct yq_user *same = (struct yq_user *)(uintptr_t)yq_conf_user(conf, user->name);
    if (same) {
        *same = *user;
        return true;
    }
    if (conf->user_count == USERS_MOST)
        return yq_fail(err, YQ_FULL, "conf", "more than %d users", USERS_MOST);
    struct yq_user *more = calloc(conf->user_count + 1, sizeof *more);
    if (!more)
        return yq_fail(err, YQ_FULL, "conf", "no memory for a user");
    if (conf->user_count)
        memcpy(more, conf->users, conf->user_count * sizeof *more);
    free(conf->users);
    conf->users = more;
    more[conf->user_count++] = *user;
    return true;
}

bool yq_conf_user_set(const char *folder, const struct yq_user *user, struct yq_err *err)
{
    struct edit edit yq_cleanup(edit_end) = {.lock = -1};
    struct yq_conf *conf = calloc(1, sizeof *conf);
    if (!conf)
        return yq_fail(err, YQ_FULL, "conf", "no memory for a user");
    bool ok = users_begin(&edit, folder, conf, err) && set_user(conf, user, err) &&
              users_commit(&edit, conf, err);
    yq_conf_free(conf);
    return ok;
}

static bool drop_user(struct yq_conf *conf, const char *name, struct yq_err *err)
{
    struct yq_user *user = (struct yq_user *)(uintptr_t)yq_conf_user(conf, name);
    char shown[64];
    if (!user)
        return yq_fail(err, YQ_ABSENT, "conf",
                       "no user %s in users.json; \"yingqiao user list\" shows who is",
                       conf_shown(shown, sizeof shown, name));
    memmove(user, user + 1, (size_t)(conf->users + conf->user_count - (user + 1)) * sizeof *user);
    conf->user_count--;
    return true;
}

bool yq_conf_user_remove(const char *folder, const char *name, struct yq_err *err)
{
    struct edit edit yq_cleanup(edit_end) = {.lock = -1};
    struct yq_conf *conf = calloc(1, sizeof *conf);
    if (!conf)
        return yq_fail(err, YQ_FULL, "conf", "no memory for a user");
    bool ok = users_begin(&edit, folder, conf, err) && drop_user(conf, name, err) &&
              users_commit(&edit, conf, err);
    yq_conf_free(conf);
    return ok;
}

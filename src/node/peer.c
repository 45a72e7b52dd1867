/* peer.c: reads the words by which people name peers and attributes. */
#include "peer.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "home.h"

/* HOST:PORT, [IPv6]:PORT */
static bool parse_place(const char *text, struct yq_peer *peer)
{
    char *end;
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text)
        return false;
    errno = 0;
    long port = strtol(colon + 1, &end, 10);
    if (errno || *end || end == colon + 1 || port < 1 || port > 65535)
        return false;
    size_t length = (size_t)(colon - text);
    if (text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof peer->host)
        return false;
    memcpy(peer->host, text, length);
    peer->host[length] = '\0';
    peer->port = (unsigned)port;
    return true;
}

/* AET@HOST:PORT; the title may hold an @ itself. */
static bool parse_address(const char *text, struct yq_peer *peer)
{
    const char *at = strrchr(text, '@');
    char aet[YQ_AET_SIZE] = "";
    if (!at || (size_t)(at - text) >= sizeof aet || !parse_place(at + 1, peer))
        return false;
    memcpy(aet, text, (size_t)(at - text));
    (void)yq_copy(peer->aet, sizeof peer->aet, aet);
    peer->rights = YQ_MAY_STORE | YQ_MAY_QUERY | YQ_MAY_RETRIEVE;
    return yq_aet_valid(aet);
}

int yq_called_find(const struct yq_cli *cli, const char *text, struct yq_called *out)
{
    struct yq_conf *conf yq_cleanup(yq_home_conf_free) = NULL;
    struct yq_err err = {0};
    bool known = false;
    memset(out, 0, sizeof *out);
    if (!yq_home_conf(cli, &conf, &err))
        return yq_cli_fail_err(&err);
    (void)yq_copy(out->our_aet, sizeof out->our_aet, conf->dicom_aet);
    const struct yq_peer *peer = yq_conf_destination(conf, text);
    if (peer) {
        out->peer = *peer;
        return YQ_EXIT_FINE;
    }
    if (strchr(text, '@')) {
        if (parse_address(text, &out->peer))
            return YQ_EXIT_FINE;
        return yq_cli_usage(cli, "a peer that is not configured is written AET@HOST:PORT");
    }
    if (!yq_aet_valid(text))
        return yq_cli_usage(cli, "%.64s is no AE title (1 to 16 characters) and no AET@HOST:PORT",
                            text);
    if (yq_conf_peer(conf, text, "", &known) || known)
        return yq_cli_fail("%s has no port or no fixed host in %s/peers.json: give it one, or "
                           "write %s@HOST:PORT",
                           text, conf->folder, text);
    return yq_cli_fail("there is no peer %s in %s/peers.json: `yingqiao ae add %s HOST PORT`, or "
                       "write %s@HOST:PORT",
                       text, conf->folder, text, text);
}

enum yq_attr yq_key_attr(const char *name)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    if (strlen(name) != 9 || strspn(name, hex) != 4 || name[4] != ',' || strspn(name + 5, hex) != 4)
        return yq_attr_by_name(name);
    return yq_attr_by_tag((uint32_t)(strtoul(name, NULL, 16) << 16 | strtoul(name + 5, NULL, 16)),
                          0);
}

static bool is_dashed(const char *text)
{
    for (size_t i = 0; i < 10; i++)
        if (i == 4 || i == 7 ? text[i] != '-' : !isdigit((unsigned char)text[i]))
            return false;
    return !isdigit((unsigned char)text[10]);
}

/* Dates as our listing shows them, alone or in ranges, as DICOM has them: 2026-05-25 is 20260525.
 */
static void drop_dashes(char *text)
{
    char *to = text;
    for (const char *from = text; *from;) {
        if (!is_dashed(from)) {
            *to++ = *from++;
            continue;
        }
        for (size_t i = 0; i < 10; i++, from++)
            if (i != 4 && i != 7)
                *to++ = *from;
    }
    *to = '\0';
}

int yq_key_add(const struct yq_cli *cli, const char *word, struct yq_query *query)
{
    char name[64];
    struct yq_err err = {0};
    size_t length = strcspn(word, "=");
    if (length == 0 || length >= sizeof name)
        return yq_cli_usage(cli, "%.80s is no Key=Value", word);
    memcpy(name, word, length);
    name[length] = '\0';
    enum yq_attr attr = yq_key_attr(name);
    if (attr == YQ_ATTR_COUNT)
        return yq_cli_usage(cli,
                            "%s is no attribute that can be searched for: use a keyword such "
                            "as PatientID or a tag such as 0010,0020",
                            name);
    query->wanted[attr] = true;
    char *value = strdup(word[length] ? word + length + 1 : "");
    if (!value)
        return yq_cli_fail("no memory");
    int status = YQ_EXIT_FINE;
    bool date = memcmp(yq_attrs[attr].vr, "DA", 2) == 0;
    if (date)
        drop_dashes(value);
    if (date && strspn(value, "0123456789-.*?\\") != strlen(value))
        status = yq_cli_usage(cli,
                              "%s wants a date such as 20260525, or a range such as "
                              "20260501-20260531, 20260501- or -20260531",
                              name);
    else if (!yq_query_add(query, attr, value, false, &err))
        status = yq_cli_fail_err(&err);
    free(value);
    return status;
}

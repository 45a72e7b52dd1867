/* model.c: what an AE title looks like; parts of the day; the few nouns that own memory. */
#include "yq/model.h"

#include <stdlib.h>
#include <string.h>

#include "yq/frame.h"

bool yq_aet_valid(const char *aet)
{
    size_t length = strlen(aet);
    bool visible = false;
    if (length == 0 || length >= YQ_AET_SIZE)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (aet[i] < 0x20 || aet[i] > 0x7e || aet[i] == '\\')
            return false;
        visible |= aet[i] != ' ';
    }
    return visible;
}

unsigned yq_windows_closed(const struct yq_windows *windows, unsigned minute)
{
    enum { DAY = 24 * 60 };
    unsigned least = windows->count ? DAY : 0;
    for (size_t i = 0; i < windows->count; i++) {
        unsigned from = windows->window[i].from, to = windows->window[i].to;
        bool open = from <= to ? minute >= from && minute < to : minute >= from || minute < to;
        unsigned away = open ? 0 : (from + DAY - minute) % DAY;
        if (away < least)
            least = away;
    }
    return least;
}

void yq_header_fini(struct yq_header *header)
{
    yq_buf_fini(&header->text);
    memset(header, 0, sizeof *header);
}

void yq_query_fini(struct yq_query *query)
{
    for (size_t i = 0; i < query->match_count; i++)
        free(query->matches[i].value);
    free(query->matches);
    memset(query, 0, sizeof *query);
}

bool yq_query_add(struct yq_query *query, enum yq_attr attr, const char *value, bool exact,
                  struct yq_err *err)
{
    if (!*value)
        return true;
    if (query->match_count == query->match_room) {
        size_t room = query->match_room ? 2 * query->match_room : 8;
        struct yq_match *matches = realloc(query->matches, room * sizeof *matches);
        if (!matches)
            return yq_fail(err, YQ_FULL, "model", "no memory for a query of %zu keys", room);
        query->matches = matches;
        query->match_room = room;
    }
    char *copy = strdup(value);
    if (!copy)
        return yq_fail(err, YQ_FULL, "model", "no memory for a query key");
    query->matches[query->match_count++] =
        (struct yq_match){.attr = attr, .value = copy, .exact = exact};
    return true;
}

void yq_frame_fini(struct yq_frame *frame)
{
    for (int i = 0; i < 3; i++)
        yq_lut_fini(&frame->palette[i]);
    yq_look_fini(&frame->look);
    yq_buf_fini(&frame->pixels);
    memset(frame, 0, sizeof *frame);
}

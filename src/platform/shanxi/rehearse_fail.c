/* rehearse_fail.c: when the stand-in is to fail, and how. Rules are a line of text that a person
 * types; the dice are its own, so that a seed gives the same run again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rehearse_inside.h"

static const char *const names[] = {"fine",      "500",     "503",        "code0",
                                    "hang-up",   "timeout", "cut-header", "cut-body",
                                    "500-after", "slow",    "mixed"};

const char *rehearse_fault_name(enum rehearse_fault fault) { return names[fault]; }

static double dice(struct rehearse_rules *rules) /* xorshift64* */
{
    uint64_t x = rules->chance ? rules->chance : 88172645463325252u;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    rules->chance = x;
    return (double)((x * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

static bool parse_how_often(const char *text, struct rehearse_rule *rule)
{
    char *end;
    if (strncmp(text, "next", 4) == 0) {
        unsigned long next = strtoul(text + 4, &end, 10);
        rule->next = (unsigned)next;
        return text[4] >= '0' && text[4] <= '9' && !*end && next && next < 1000000;
    }
    if (strncmp(text, "1/", 2) == 0) {
        unsigned long every = strtoul(text + 2, &end, 10);
        rule->every = (unsigned)every;
        return text[2] >= '0' && text[2] <= '9' && !*end && every && every < 1000000;
    }
    rule->chance = strtod(text, &end);
    return end != text && !*end && rule->chance > 0 && rule->chance <= 1;
}

/* WHAT[:SECONDS][/path]=HOW OFTEN; `text` is changed. */
static bool parse_rule(char *text, struct rehearse_rule *rule)
{
    char *often = strchr(text, '='), *end;
    *rule = (struct rehearse_rule){0};
    if (!often)
        return false;
    *often++ = '\0';
    char *path = strchr(text, '/');
    if (path) {
        if (!yq_copy(rule->path, sizeof rule->path, path))
            return false;
        *path = '\0';
    }
    char *seconds = strchr(text, ':');
    if (seconds) {
        *seconds++ = '\0';
        unsigned long number = strtoul(seconds, &end, 10);
        if (*seconds < '0' || *seconds > '9' || *end || number > REHEARSE_TIMEOUT_S)
            return false;
        rule->seconds = (unsigned)number;
    }
    for (size_t i = REHEARSE_500; i <= REHEARSE_MIXED; i++)
        if (strcmp(text, names[i]) == 0)
            rule->fault = (enum rehearse_fault)i;
    if (!seconds)
        rule->seconds = rule->fault == REHEARSE_SLOW ? REHEARSE_SLOW_S : REHEARSE_TIMEOUT_S;
    return rule->fault != REHEARSE_FINE && parse_how_often(often, rule);
}

bool rehearse_rules_parse(const char *text, struct rehearse_rules *out, struct yq_err *err)
{
    struct rehearse_rules rules = {.chance = out->chance};
    while (*text) {
        char word[160];
        text += strspn(text, ", \t\r\n");
        size_t length = strcspn(text, ", \t\r\n");
        if (!length)
            continue;
        snprintf(word, sizeof word, "%.*s", (int)(length < 150 ? length : 150), text);
        if (rules.count == REHEARSE_RULES_MOST)
            return yq_fail(err, YQ_BAD_INPUT, "rehearse", "more than %d rules of failing",
                           REHEARSE_RULES_MOST);
        if (length >= sizeof word || !parse_rule(word, &rules.list[rules.count]))
            return yq_fail(err, YQ_BAD_INPUT, "rehearse",
                           "rule of failing %zu is not understood: WHAT[:SECONDS][/path]=HOW OFTEN "
                           "(500=0.2, timeout:5=1/10, code0/report/sync=next3)",
                           rules.count + 1);
        rules.count++;
        text += length;
    }
    *out = rules;
    return true;
}

static bool is_due(struct rehearse_rules *rules, struct rehearse_rule *rule)
{
    rule->calls++;
    if (rule->every)
        return rule->calls % rule->every == 0;
    if (rule->next) {
        rule->next--;
        return true;
    }
    return rule->chance > 0 && dice(rules) < rule->chance;
}

enum rehearse_fault rehearse_rules_ask(struct rehearse_rules *rules, const char *path,
                                       unsigned *seconds)
{
    for (size_t i = 0; i < rules->count; i++) {
        struct rehearse_rule *rule = &rules->list[i];
        if ((*rule->path && strcmp(rule->path, path) != 0) || !is_due(rules, rule))
            continue;
        *seconds = rule->seconds;
        if (rule->fault != REHEARSE_MIXED)
            return rule->fault;
        return (enum rehearse_fault)(REHEARSE_500 + (unsigned)(dice(rules) * REHEARSE_500_AFTER));
    }
    return REHEARSE_FINE;
}

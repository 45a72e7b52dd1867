/* audit.c: what is told to the audit trail, and in which message of PS3.15 A.5.3. The order of
 * participants is that of the tables there.
 *
 * A UserID is what the log calls the same: the AE title of a peer, the process id of the node, the
 * name of an HTTP token, login@host of who runs a command. */
#include "yq/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit_inside.h"
#include "yq/clock.h"
#include "yq/log.h"
#include "yq/walk.h"

enum { IDENTIFIER_MOST = 16384 };

struct yq_audit *yq_audit_new(struct yq_trail *trail, struct yq_conf_box *conf, const char *person)
{
    struct yq_audit *audit = calloc(1, sizeof *audit);
    if (!audit)
        return NULL;
    audit->trail = trail;
    audit->conf = conf;
    (void)yq_copy(audit->person, sizeof audit->person, person);
    if (gethostname(audit->host, sizeof audit->host - 1) != 0)
        audit->host[0] = '\0';
    snprintf(audit->process, sizeof audit->process, "%d", (int)getpid());
    return audit;
}

void yq_audit_free(struct yq_audit *audit) { free(audit); }

struct yq_trail *yq_audit_trail(struct yq_audit *audit) { return audit ? audit->trail : NULL; }

const char *yq_audit_person(const struct yq_audit *audit) { return audit ? audit->person : ""; }

unsigned long long yq_audit_written(struct yq_audit *audit) { return atomic_load(&audit->written); }

bool yq_audit_ready(struct yq_audit *audit, struct yq_err *err)
{
    if (!audit)
        return true;
    const struct yq_conf *conf = yq_conf_hold(audit->conf);
    bool required = conf->audit_required;
    yq_conf_release(audit->conf, conf);
    return !required || yq_trail_health(audit->trail, err);
}

/* ---- pieces ---- */

enum yq_outcome audit_outcome(const struct yq_err *trouble)
{
    if (!trouble || trouble->code == YQ_OK)
        return YQ_WENT_WELL;
    bool ours = trouble->code == YQ_FULL || trouble->code == YQ_IO || trouble->code == YQ_BUG;
    return ours ? YQ_FAILED_SERIOUS : YQ_FAILED_MINOR;
}

struct yq_deed audit_deed(enum yq_deed_event event, char action, const struct yq_err *trouble)
{
    struct yq_deed deed = {.event = event, .action = action, .at_ms = yq_now_ms()};
    deed.outcome = audit_outcome(trouble);
    deed.why = deed.outcome == YQ_WENT_WELL ? "" : trouble->text;
    return deed;
}

struct yq_actor *audit_actor(struct yq_deed *deed, const char *user, enum yq_role role)
{
    struct yq_actor *actor = &deed->actors[deed->actor_count++];
    actor->user = user;
    actor->role = role;
    return actor;
}

struct yq_subject *audit_subject(struct yq_deed *deed, enum yq_subject_kind kind, const char *id)
{
    struct yq_subject *subject = &deed->subjects[deed->subject_count++];
    subject->kind = kind;
    subject->id = id;
    return subject;
}

/* This process; the AE title is filled in where the configuration is at hand (audit_tell). */
struct yq_actor *audit_us(const struct yq_audit *audit, struct yq_deed *deed, enum yq_role role)
{
    struct yq_actor *actor = audit_actor(deed, audit->process, role);
    actor->aet = "\t"; /* no AE title has it */
    actor->name = "yingqiao";
    actor->address = audit->host;
    return actor;
}

struct yq_actor *audit_other(struct yq_deed *deed, const struct yq_origin *other, enum yq_role role)
{
    const char *user = other->user[0] ? other->user : other->aet[0] ? other->aet : "anonymous";
    struct yq_actor *actor = audit_actor(deed, user, role);
    actor->aet = other->aet;
    actor->address = other->address;
    return actor;
}

/* Who runs this command; asked is his unless somebody's already. */
void audit_person(const struct yq_audit *audit, struct yq_deed *deed, enum yq_role role)
{
    bool asked = true;
    for (size_t i = 0; i < deed->actor_count; i++)
        asked = asked && !deed->actors[i].asked;
    if (audit->person[0])
        audit_actor(deed, audit->person, role)->asked = asked;
}

void audit_tell(struct yq_audit *audit, struct yq_deed *deed, bool now)
{
    struct yq_buf line yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    const struct yq_conf *conf = yq_conf_hold(audit->conf);
    struct yq_witness witness = {.source = conf->dicom_aet,
                                 .site = conf->audit_site,
                                 .host = audit->host,
                                 .pid = (int)getpid()};
    for (size_t i = 0; i < deed->actor_count; i++)
        if (deed->actors[i].aet && strcmp(deed->actors[i].aet, "\t") == 0)
            deed->actors[i].aet = conf->dicom_aet;
    yq_deed_put(deed, &witness, &line);
    yq_conf_release(audit->conf, conf);
    bool told_before = !yq_trail_health(audit->trail, &err);
    bool ok = line.failed ? yq_fail(&err, YQ_FULL, "walk", "no memory for an audit message")
                          : yq_trail_append(audit->trail, line.bytes, line.length, now, &err);
    if (ok)
        atomic_fetch_add(&audit->written, 1);
    else if (!told_before)
        yq_log_err(YQ_LOG_ERROR, "audit-waits", &err, "message=\"%s\" outcome=%d",
                   yq_deed_meaning(deed->event), (int)deed->outcome);
}

static void alert(struct yq_audit *audit, enum yq_deed_type type, const struct yq_origin *from,
                  enum yq_subject_kind kind, const char *subject, const char *what,
                  const struct yq_err *trouble)
{
    if (!audit)
        return;
    struct yq_deed deed = audit_deed(YQ_DEED_ALERT, 'E', trouble);
    deed.type = type;
    audit_us(audit, &deed, YQ_ROLE_APPLICATION)->asked = !from && !audit->person[0];
    if (from)
        audit_other(&deed, from, YQ_ROLE_NONE)->asked = true;
    else
        audit_person(audit, &deed, YQ_ROLE_NONE);
    struct yq_subject *about = audit_subject(&deed, kind, subject);
    about->detail_type = "Alert Description";
    about->detail = what;
    audit_tell(audit, &deed, !from); /* who knocks in vain does not make the disk work */
}

/* ---- the node ---- */

void yq_audit_activity(struct yq_audit *audit, bool starts)
{
    if (!audit)
        return;
    struct yq_deed deed = audit_deed(YQ_DEED_ACTIVITY, 'E', NULL);
    deed.type = starts ? YQ_DEED_TYPE_START : YQ_DEED_TYPE_STOP;
    audit_us(audit, &deed, YQ_ROLE_APPLICATION);
    audit_person(audit, &deed, YQ_ROLE_LAUNCHER);
    audit_tell(audit, &deed, false);
}

void yq_audit_configured(struct yq_audit *audit, enum yq_deed_type type, const char *file,
                         const char *what)
{
    alert(audit, type, NULL, YQ_SUBJECT_FILE, file, what, NULL);
}

void yq_audit_administered(struct yq_audit *audit, const char *what, const struct yq_err *trouble)
{
    if (audit)
        alert(audit, YQ_DEED_TYPE_RESTRICTED, NULL, YQ_SUBJECT_NODE, audit->host, what, trouble);
}

void yq_audit_read(struct yq_audit *audit, const char *what)
{
    char uri[YQ_PATH_MOST + 8];
    if (!audit)
        return;
    struct yq_deed deed = audit_deed(YQ_DEED_LOG_USED, 'R', NULL);
    audit_us(audit, &deed, YQ_ROLE_NONE);
    audit_person(audit, &deed, YQ_ROLE_NONE);
    snprintf(uri, sizeof uri, "file://%s", yq_trail_folder(audit->trail));
    struct yq_subject *trail = audit_subject(&deed, YQ_SUBJECT_TRAIL, uri);
    trail->name = "Security Audit Log";
    trail->detail_type = "Question";
    trail->detail = what;
    audit_tell(audit, &deed, true);
}

/* ---- who knocks ---- */

static void turn_down(struct yq_audit *audit, enum yq_deed_type type, const struct yq_origin *from,
                      const char *why)
{
    struct yq_err trouble = {.code = YQ_REFUSED};
    (void)yq_copy(trouble.text, sizeof trouble.text, why);
    alert(audit, type, from, YQ_SUBJECT_NODE, from->address[0] ? from->address : from->aet, why,
          &trouble);
}

void yq_audit_refused(struct yq_audit *audit, const struct yq_origin *from, const char *why)
{
    turn_down(audit, YQ_DEED_TYPE_NODE, from, why);
}

void yq_audit_forbidden(struct yq_audit *audit, const struct yq_origin *from, const char *why)
{
    turn_down(audit, YQ_DEED_TYPE_RESTRICTED, from, why);
}

void yq_audit_login(struct yq_audit *audit, const struct yq_origin *from,
                    const struct yq_err *trouble)
{
    if (!audit)
        return;
    struct yq_deed deed = audit_deed(YQ_DEED_LOGIN, 'E', trouble);
    deed.type = YQ_DEED_TYPE_LOGIN;
    audit_other(&deed, from, YQ_ROLE_NONE)->asked = true;
    audit_us(audit, &deed, YQ_ROLE_NONE);
    audit_tell(audit, &deed, false);
}

/* ---- questions ---- */

/* The bytes of the question; of a very long one the beginning. */
static void put_query(struct yq_subject *subject, const void *query, size_t length)
{
    subject->query = query;
    subject->query_length = length < IDENTIFIER_MOST ? length : IDENTIFIER_MOST;
}

void yq_audit_query(struct yq_audit *audit, const struct yq_origin *from, const char *sop_class,
                    const char *transfer_syntax, const void *identifier, size_t length,
                    const struct yq_err *trouble)
{
    if (!audit)
        return;
    struct yq_deed deed = audit_deed(YQ_DEED_QUERY, 'E', trouble);
    audit_other(&deed, from, YQ_ROLE_SOURCE)->asked = true;
    audit_us(audit, &deed, YQ_ROLE_DESTINATION);
    struct yq_subject *subject = audit_subject(&deed, YQ_SUBJECT_QUERY, sop_class);
    put_query(subject, identifier, length);
    subject->detail_type = "TransferSyntax";
    subject->detail = transfer_syntax;
    audit_tell(audit, &deed, false);
}

void yq_audit_query_url(struct yq_audit *audit, const struct yq_origin *from, const char *url,
                        const struct yq_err *trouble)
{
    if (!audit)
        return;
    struct yq_deed deed = audit_deed(YQ_DEED_QUERY, 'E', trouble);
    audit_other(&deed, from, YQ_ROLE_SOURCE)->asked = true;
    audit_us(audit, &deed, YQ_ROLE_DESTINATION);
    char path[128] = "";
    size_t length = strcspn(url, "?");
    memcpy(path, url, length < sizeof path ? length : sizeof path - 1);
    put_query(audit_subject(&deed, YQ_SUBJECT_URL, path), url, strlen(url));
    audit_tell(audit, &deed, false);
}

void yq_audit_query_peer(struct yq_audit *audit, const struct yq_peer *peer,
                         const struct yq_query *query, const struct yq_err *trouble)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    if (!audit)
        return;
    struct yq_deed deed = audit_deed(YQ_DEED_QUERY, 'E', trouble);
    audit_us(audit, &deed, YQ_ROLE_SOURCE)->asked = !audit->person[0];
    struct yq_actor *actor = audit_actor(&deed, peer->aet, YQ_ROLE_DESTINATION);
    actor->aet = peer->aet;
    actor->address = peer->host;
    audit_person(audit, &deed, YQ_ROLE_NONE);
    yq_buf_putf(&text, "QueryRetrieveLevel=%s", yq_level_name(query->level));
    for (size_t i = 0; i < query->match_count; i++)
        yq_buf_putf(&text, "&%s=%s", yq_attrs[query->matches[i].attr].name,
                    query->matches[i].value);
    struct yq_subject *subject =
        audit_subject(&deed, YQ_SUBJECT_URL,
                      query->level == YQ_PATIENT ? YQ_SOP_FIND_PATIENT : YQ_SOP_FIND_STUDY);
    put_query(subject, text.bytes, text.length);
    audit_tell(audit, &deed, false);
}

/* ---- one study ---- */

static void keep(char *field, size_t size, const char *value)
{
    if (value)
        (void)yq_copy(field, size, value);
}

void yq_audit_look(struct yq_house *house, const char *study, struct yq_audit_about *about)
{
    struct yq_query query = {.level = YQ_STUDY, .limit = 1};
    struct yq_cursor *cursor = NULL;
    const char *const *values;
    struct yq_err ignored = {0};
    memset(about, 0, sizeof *about);
    keep(about->study, sizeof about->study, study);
    if (!house->audit || !*study)
        return;
    query.wanted[YQ_PatientID] = query.wanted[YQ_PatientName] = query.wanted[YQ_AccessionNumber] =
        true;
    if (yq_query_add(&query, YQ_StudyInstanceUID, study, true, &ignored) &&
        yq_catalog_find(house->catalog, &query, &cursor, &ignored)) {
        if (yq_cursor_next(cursor, &values, &ignored)) {
            keep(about->patient_id, sizeof about->patient_id, values[YQ_PatientID]);
            keep(about->patient_name, sizeof about->patient_name, values[YQ_PatientName]);
            keep(about->accession, sizeof about->accession, values[YQ_AccessionNumber]);
        }
        yq_cursor_close(cursor);
    }
    yq_query_fini(&query);
}

struct yq_subject *audit_study(struct yq_deed *deed, const struct yq_audit_about *about,
                               const struct yq_class_count *classes, size_t class_count)
{
    struct yq_subject *study = audit_subject(deed, YQ_SUBJECT_STUDY, about->study);
    study->accession = about->accession;
    study->classes = classes;
    study->class_count = class_count;
    audit_subject(deed, YQ_SUBJECT_PATIENT, about->patient_id)->name = about->patient_name;
    return study;
}

void yq_audit_accessed(struct yq_audit *audit, const struct yq_origin *from, char action,
                       const struct yq_audit_about *about, const char *sop_class,
                       const char *instance, const char *what, const struct yq_err *trouble)
{
    if (!audit)
        return;
    struct yq_class_count class = {.sop_class = sop_class, .count = 1};
    struct yq_deed deed = audit_deed(YQ_DEED_ACCESSED, action, trouble);
    if (from)
        audit_other(&deed, from, YQ_ROLE_NONE)->asked = true;
    audit_us(audit, &deed, YQ_ROLE_NONE)->asked = !from && !audit->person[0];
    if (!from)
        audit_person(audit, &deed, YQ_ROLE_NONE);
    struct yq_subject *study = audit_study(&deed, about, &class, *instance ? 1 : 0);
    study->instance = instance;
    study->detail_type = *what ? "Changed" : "";
    study->detail = what;
    audit_tell(audit, &deed, action != 'R');
}

void yq_audit_deleted(struct yq_audit *audit, const struct yq_audit_about *about, size_t count,
                      const struct yq_err *trouble)
{
    if (!audit)
        return;
    struct yq_class_count class = {.sop_class = "", .count = count};
    struct yq_deed deed = audit_deed(YQ_DEED_DELETED, 'D', trouble);
    audit_us(audit, &deed, YQ_ROLE_NONE)->asked = !audit->person[0];
    audit_person(audit, &deed, YQ_ROLE_NONE);
    audit_study(&deed, about, &class, 1);
    audit_tell(audit, &deed, true);
}

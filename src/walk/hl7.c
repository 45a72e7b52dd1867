/* hl7.c: HL7 message in: whose is it -> keep it as it came -> its records -> answer.
 *
 * The message is kept before anything is made of it, and acknowledged only when what was made of it
 * is on stable storage. The same message again gets the same answer. What fails stays, with its
 * reason, until somebody mends the mapping and has it replayed. Runs on the door's thread, or in a
 * command. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hl7.h"
#include "yq/clock.h"
#include "yq/log.h"
#include "yq/seal.h"

/* ---- answers ---- */

static const char *in_chinese(enum yq_code code, unsigned condition)
{
    switch (condition) {
    case 100: return "消息的段缺失或顺序有误";
    case 101: return "缺少必需的字段";
    case 102: return "字段的值不符合要求";
    case 200: return "不接收此类型的消息";
    case 201: return "不接收此事件的消息";
    case 203: return "不支持此版本";
    case 204: return "找不到所指的对象";
    default: break;
    }
    if (code == YQ_REFUSED)
        return "未登记的发送方，请联系影桥管理员";
    if (code == YQ_FULL)
        return "空间不足或超出限制，请稍后重发";
    return code == YQ_BAD_INPUT ? "消息内容不能接受" : "接收方暂时无法处理，请稍后重发";
}

static void write_answer(struct yq_intake *intake, const char *code, bool with_error,
                         struct yq_buf *out)
{
    static atomic_uint sequence;
    char control[40], when[16];
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y%m%d%H%M%S", &tm);
    snprintf(control, sizeof control, "YQ%lld%03u", (long long)yq_now_ms(),
             atomic_fetch_add(&sequence, 1) % 1000);
    const struct yq_hl7_answer answer = {
        .code = code,
        .control = control,
        .time = when,
        .location = with_error ? intake->location : "",
        .condition = with_error ? intake->condition ? intake->condition : 207 : 0,
        .text = with_error ? intake->fault.text : "",
        .user_text = with_error ? in_chinese(intake->fault.code, intake->condition) : "",
    };
    yq_hl7_answer_write(intake->message.count ? &intake->message : NULL, intake->charset, &answer,
                        out);
}

static bool wants(enum yq_hl7_when when, bool success)
{
    return when == YQ_HL7_ALWAYS || when == (success ? YQ_HL7_ON_SUCCESS : YQ_HL7_ON_ERROR);
}

/* A source may be known to wait for one answer, whatever it writes into MSH-15 and 16. */
static bool is_enhanced(const struct yq_intake *intake)
{
    int how = intake->source ? intake->source->acknowledge : YQ_ACKNOWLEDGE_AS_ASKED;
    return how == YQ_ACKNOWLEDGE_AS_ASKED && yq_hl7_enhanced(&intake->head);
}

/* It goes no further: CR or CE for who asked for accept acknowledgments, else AR or AE. */
static bool turn_down(struct yq_intake *intake)
{
    bool reject = intake->rejected;
    if (!is_enhanced(intake))
        write_answer(intake, reject ? "AR" : "AE", true, &intake->answer);
    else if (wants(intake->head.accept, false))
        write_answer(intake, reject ? "CR" : "CE", true, &intake->accept);
    else if (wants(intake->head.answer, false))
        write_answer(intake, reject ? "AR" : "AE", true, &intake->answer);
    return false;
}

static void give_answer(struct yq_intake *intake, bool success)
{
    const char *code = success ? "AA" : intake->rejected ? "AR" : "AE";
    if (!is_enhanced(intake) || wants(intake->head.answer, success))
        write_answer(intake, code, !success, &intake->answer);
}

/* ---- whose it is ---- */

/* The first that fits. *elsewhere: one would, but for where it calls from. */
static const struct yq_source *source_of(const struct yq_conf *conf, const struct yq_hl7_head *head,
                                         const char *address, bool *elsewhere)
{
    *elsewhere = false;
    for (size_t i = 0; i < conf->source_count; i++) {
        const struct yq_source *source = &conf->sources[i];
        if (source->type != YQ_SOURCE_HL7 || !source->enabled ||
            !yq_conf_like(source->application, head->application) ||
            !yq_conf_like(source->facility, head->facility))
            continue;
        if (yq_conf_hosts_fit(source->hosts, address))
            return source;
        *elsewhere = true;
    }
    return NULL;
}

static void harmless(char *out, size_t size, const char *text)
{
    (void)yq_copy(out, size, text);
    for (char *c = out; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            *c = '?';
}

static bool refuse_source(struct yq_intake *intake, bool elsewhere)
{
    char application[64], facility[64];
    harmless(application, sizeof application, intake->head.application);
    harmless(facility, sizeof facility, intake->head.facility);
    yq_log(YQ_LOG_WARN, "hl7-refused",
           "address=%s application=\"%s\" facility=\"%s\" reason=\"%s\" hint='add to "
           "sources.json: {\"name\": \"NAME\", \"type\": \"hl7\", \"application\": \"%s\", "
           "\"facility\": \"%s\", \"hosts\": \"%s\"}'",
           intake->origin->address, application, facility,
           elsewhere ? "its source may not call from this address" : "no source fits",
           *application ? application : "*", *facility ? facility : "*", intake->origin->address);
    yq_audit_refused(intake->house->audit, intake->origin, "HL7 sender is not in sources.json");
    intake->rejected = true;
    return hl7_fault(intake, YQ_REFUSED, 207, "MSH-3",
                     "this sender (MSH-3, MSH-4, address) is not known here: it has to be added "
                     "to sources.json");
}

/* The first segment alone says whose it is, so that nothing large is read for strangers. */
static bool find_source(struct yq_intake *intake, const uint8_t *bytes, size_t length)
{
    size_t end = 0;
    bool doubtful = false, elsewhere;
    while (end < length && end < 8192 && (end < 8 || (bytes[end] != '\r' && bytes[end] != '\n')))
        end++;
    yq_hl7_decode(bytes, end, "", &intake->text, intake->charset, &doubtful);
    if (intake->text.failed)
        return hl7_fault(intake, YQ_FULL, 207, "", "no memory for a message");
    if (!yq_hl7_parse(yq_buf_text(&intake->text), intake->text.length, &intake->message,
                      &intake->fault)) {
        intake->rejected = true;
        intake->condition = 100;
        return false;
    }
    yq_hl7_head_read(&intake->message, &intake->head);
    intake->source = source_of(intake->conf, &intake->head, intake->origin->address, &elsewhere);
    return intake->source || refuse_source(intake, elsewhere);
}

/* ---- reading ---- */

static bool read_message(struct yq_intake *intake, const void *bytes, size_t length)
{
    bool doubtful = false;
    yq_buf_clear(&intake->text);
    yq_hl7_fini(&intake->message);
    yq_hl7_decode(bytes, length, intake->source->charset, &intake->text, intake->charset,
                  &doubtful);
    if (intake->text.failed)
        return hl7_fault(intake, YQ_FULL, 207, "", "no memory for a message");
    if (!yq_hl7_parse(yq_buf_text(&intake->text), intake->text.length, &intake->message,
                      &intake->fault)) {
        intake->rejected = true;
        intake->condition = 100;
        return false;
    }
    (void)yq_copy(intake->message.charset, sizeof intake->message.charset, intake->charset);
    yq_hl7_head_read(&intake->message, &intake->head);
    if (doubtful)
        yq_log(YQ_LOG_WARN, "hl7-charset",
               "source=%s charset=\"%s\" reason=\"some characters could not be read\" hint=\"set "
               "charset of the source in sources.json\"",
               intake->source->name, intake->charset);
    return true;
}

static bool check_head(struct yq_intake *intake)
{
    const struct yq_hl7_head *head = &intake->head;
    intake->rejected = true;
    if (*head->version && strncmp(head->version, "2", 1) != 0)
        return hl7_fault(intake, YQ_REFUSED, 203, "MSH-12", "HL7 version %.8s is not taken",
                         head->version);
    if (!*head->control)
        return hl7_fault(intake, YQ_BAD_INPUT, 101, "MSH-10",
                         "MSH-10 is empty: without a control id nobody can tell messages apart");
    enum hl7_kind_of kind = hl7_kind(head);
    if (kind == HL7_UNKNOWN_TYPE || kind == HL7_UNKNOWN_EVENT) {
        struct hl7_drafts none;
        (void)hl7_draft(intake, false, &none); /* says which */
        return false;
    }
    intake->rejected = false;
    return true;
}

/* What binds a sealed message to its row. */
static bool letter_context(const struct yq_letter *letter, struct yq_buf *out, struct yq_err *err)
{
    yq_buf_putf(out, "hl7:%s:%s", letter->source, letter->control);
    return !out->failed || yq_fail(err, YQ_FULL, "hl7", "no memory for a message");
}

static bool keep_letter(struct yq_intake *intake, const void *bytes, size_t length)
{
    struct yq_letter *letter = &intake->letter;
    struct yq_digest *digest yq_cleanup(yq_digest_cleanup) = yq_digest_new(YQ_SHA256);
    struct yq_buf context yq_cleanup(yq_buf_fini) = {0};
    struct yq_err err = {0};
    if (!digest)
        return hl7_fault(intake, YQ_FULL, 207, "", "no memory for a message");
    yq_digest_add(digest, bytes, length);
    yq_digest_end(digest, letter->digest);
    (void)yq_copy(letter->source, sizeof letter->source, intake->source->name);
    (void)yq_copy(letter->control, sizeof letter->control, intake->head.control);
    snprintf(letter->what, sizeof letter->what, "%s^%s", intake->head.type, intake->head.event);
    letter->size = length;
    if (!letter_context(letter, &context, &err) ||
        !yq_personal_shut(intake->house, yq_buf_text(&context), bytes, length, &letter->bytes,
                          &err))
        return hl7_fault(intake, err.code, 207, "", "%s", err.text);
    letter->sealed = yq_keyring_is_sealed(yq_buf_text(&letter->bytes), letter->bytes.length);
    if (!yq_inbox_keep(intake->house->catalog, letter, &intake->again, &err))
        return hl7_fault(intake, err.code, 207, "", "%s", err.text);
    yq_buf_fini(&letter->bytes);
    return true;
}

static void log_refusal(const struct yq_intake *intake)
{
    char control[64], type[16];
    harmless(control, sizeof control, intake->head.control);
    harmless(type, sizeof type, intake->head.type);
    yq_log_err(YQ_LOG_WARN, "hl7-refused", &intake->fault,
               "address=%s source=%s type=%s control=\"%s\"", intake->origin->address,
               intake->source ? intake->source->name : "-", *type ? type : "-", control);
}

static bool open_intake(struct yq_intake *intake, const void *bytes, size_t length)
{
    if (!find_source(intake, bytes, length)) {
        if (intake->fault.code != YQ_REFUSED) /* that has been logged, with a hint */
            log_refusal(intake);
        return false;
    }
    if (yq_audit_ready(intake->house->audit, &intake->fault) &&
        read_message(intake, bytes, length) && check_head(intake) &&
        keep_letter(intake, bytes, length))
        return true;
    log_refusal(intake);
    return false;
}

bool yq_intake_open(struct yq_house *house, const struct yq_origin *origin, const void *bytes,
                    size_t length, struct yq_intake *intake)
{
    *intake = (struct yq_intake){.house = house, .origin = origin};
    intake->conf = yq_conf_hold(house->conf);
    if (!open_intake(intake, bytes, length)) {
        atomic_fetch_add(&house->counts.hl7_refused, 1);
        return turn_down(intake);
    }
    if (is_enhanced(intake) && wants(intake->head.accept, true))
        write_answer(intake, "CA", false, &intake->accept);
    return true;
}

/* ---- processing ---- */

static enum yq_letter_state make_records(struct yq_intake *intake)
{
    struct hl7_drafts drafts = {0};
    char ignored[200] = "";
    bool ok = hl7_draft(intake, true, &drafts);
    if (ok && drafts.count)
        ok = hl7_file(intake, &drafts, ignored, sizeof ignored);
    if (ok && !drafts.count && drafts.nothing)
        (void)yq_copy(ignored, sizeof ignored, drafts.nothing);
    (void)yq_copy(intake->letter.reason, sizeof intake->letter.reason,
                  ok ? ignored : intake->fault.text);
    hl7_drafts_fini(&drafts);
    return !ok ? YQ_LETTER_FAILED : *ignored ? YQ_LETTER_IGNORED : YQ_LETTER_DONE;
}

static bool is_over(enum yq_letter_state state)
{
    return state == YQ_LETTER_DONE || state == YQ_LETTER_IGNORED;
}

static void log_outcome(const struct yq_intake *intake)
{
    char control[64];
    const struct yq_letter *letter = &intake->letter;
    harmless(control, sizeof control, letter->control);
    if (letter->state == YQ_LETTER_FAILED)
        yq_log_err(YQ_LOG_WARN, "hl7", &intake->fault,
                   "source=%s id=%lld control=\"%s\" what=%s state=failed location=%s "
                   "hint=\"yingqiao hl7 show %lld; yingqiao hl7 replay %lld\"",
                   letter->source, (long long)letter->id, control, letter->what,
                   *intake->location ? intake->location : "-", (long long)letter->id,
                   (long long)letter->id);
    else
        yq_log(YQ_LOG_INFO, "hl7", "source=%s id=%lld control=\"%s\" what=%s state=%s%s%s%s",
               letter->source, (long long)letter->id, control, letter->what,
               yq_letter_state_name(letter->state), *letter->reason ? " reason=\"" : "",
               letter->reason, *letter->reason ? "\"" : "");
}

static void count_outcome(struct yq_house *house, enum yq_letter_state state)
{
    atomic_fetch_add(state == YQ_LETTER_FAILED    ? &house->counts.hl7_failed
                     : state == YQ_LETTER_IGNORED ? &house->counts.hl7_ignored
                                                  : &house->counts.hl7_done,
                     1);
}

void yq_intake_process(struct yq_intake *intake)
{
    struct yq_err err = {0};
    struct yq_letter *letter = &intake->letter;
    if (intake->again && is_over(letter->state)) {
        yq_log(YQ_LOG_INFO, "hl7", "source=%s id=%lld what=%s state=%s again=yes", letter->source,
               (long long)letter->id, letter->what, yq_letter_state_name(letter->state));
        atomic_fetch_add(&intake->house->counts.hl7_again, 1);
        give_answer(intake, true);
        return;
    }
    letter->state = make_records(intake);
    bool success = letter->state != YQ_LETTER_FAILED;
    give_answer(intake, success);
    log_outcome(intake);
    count_outcome(intake->house, letter->state);
    yq_buf_clear(&letter->answer);
    yq_buf_put(&letter->answer, intake->answer.bytes, intake->answer.length);
    /* what is not noted is done again at the next start, and changes nothing then */
    if (!yq_inbox_settle(intake->house->catalog, letter, &err))
        yq_log_err(YQ_LOG_WARN, "hl7-unsettled", &err, "id=%lld", (long long)letter->id);
}

void yq_intake_fini(struct yq_intake *intake)
{
    yq_hl7_fini(&intake->message);
    yq_letter_fini(&intake->letter);
    yq_buf_fini(&intake->text);
    yq_buf_fini(&intake->accept);
    yq_buf_fini(&intake->answer);
    if (intake->conf)
        yq_conf_release(intake->house->conf, intake->conf);
    intake->conf = NULL;
}

/* ---- once more ---- */

bool yq_intake_read(struct yq_house *house, int64_t id, struct yq_letter *out, struct yq_err *err)
{
    struct yq_buf context yq_cleanup(yq_buf_fini) = {0};
    struct yq_buf kept yq_cleanup(yq_buf_fini) = {0};
    if (!yq_inbox_get(house->catalog, id, out, err) || !letter_context(out, &context, err))
        return false;
    kept = out->bytes;
    out->bytes = (struct yq_buf){0};
    return yq_personal_open(house, yq_buf_text(&context), yq_buf_text(&kept), kept.length,
                            &out->bytes, err);
}

static const struct yq_source *source_named(const struct yq_conf *conf, const char *name)
{
    const struct yq_source *source = yq_conf_source(conf, name);
    return source && source->type == YQ_SOURCE_HL7 ? source : NULL;
}

bool yq_intake_replay(struct yq_house *house, const struct yq_origin *origin, int64_t id,
                      struct yq_letter *letter, struct yq_err *err)
{
    struct yq_intake intake = {.house = house, .origin = origin};
    *letter = (struct yq_letter){0};
    if (!yq_intake_read(house, id, &intake.letter, err)) {
        yq_letter_fini(&intake.letter);
        return false;
    }
    intake.conf = yq_conf_hold(house->conf);
    intake.source = source_named(intake.conf, intake.letter.source);
    if (!intake.source)
        hl7_fault(&intake, YQ_ABSENT, 207, "", "there is no source \"%s\" of type hl7 any more",
                  intake.letter.source);
    if (intake.source &&
        read_message(&intake, intake.letter.bytes.bytes, intake.letter.bytes.length)) {
        intake.letter.state = make_records(&intake);
    } else {
        intake.letter.state = YQ_LETTER_FAILED;
        (void)yq_copy(intake.letter.reason, sizeof intake.letter.reason, intake.fault.text);
    }
    if (intake.message.count)
        give_answer(&intake, intake.letter.state != YQ_LETTER_FAILED);
    log_outcome(&intake);
    count_outcome(house, intake.letter.state);
    yq_buf_clear(&intake.letter.answer);
    yq_buf_put(&intake.letter.answer, intake.answer.bytes, intake.answer.length);
    bool ok = yq_inbox_settle(house->catalog, &intake.letter, err);
    *letter = intake.letter; /* with what it owns */
    intake.letter = (struct yq_letter){0};
    yq_intake_fini(&intake);
    return ok;
}

void yq_intake_resume(struct yq_house *house)
{
    struct yq_inbox_query query = {.states = 1u << YQ_LETTER_NEW, .limit = 100};
    const struct yq_origin origin = {.door = "mllp"};
    struct yq_letter *list = NULL;
    size_t count = 1, done = 0;
    struct yq_err err = {0};
    while (count) {
        if (!yq_inbox_list(house->catalog, &query, &list, &count, &err)) {
            yq_log_err(YQ_LOG_WARN, "hl7-resumed", &err, "%s", "");
            return;
        }
        for (size_t i = 0; i < count; i++) {
            struct yq_letter letter;
            query.after_id = list[i].id;
            if (yq_intake_replay(house, &origin, list[i].id, &letter, &err))
                done++;
            else
                yq_log_err(YQ_LOG_WARN, "hl7-resumed", &err, "id=%lld", (long long)list[i].id);
            yq_letter_fini(&letter);
        }
        free(list);
        list = NULL;
    }
    if (done)
        yq_log(YQ_LOG_INFO, "hl7-resumed", "messages=%zu", done);
}

/* ---- looking, without keeping ---- */

void yq_intake_records_free(struct yq_intake_record *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        yq_record_free(list[i].record);
    free(list);
}

static void name_deleted(const struct hl7_draft *draft, char *text, size_t size)
{
    const struct yq_kind_info *kind = &yq_kinds[draft->record->kind];
    size_t used = 0;
    *text = '\0';
    for (size_t m = 0; m < kind->count; m++)
        if (draft->deleted[m] && used + strlen(kind->members[m].name) + 3 < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                                     kind->members[m].name);
}

bool yq_intake_try(struct yq_house *house, const struct yq_source *source, const void *bytes,
                   size_t length, struct yq_intake *intake, struct yq_intake_record **out,
                   size_t *count)
{
    static const char *const words[] = {[HL7_ROLE_ORDER] = "order",
                                        [HL7_ROLE_REPORT] = "report",
                                        [HL7_ROLE_EXAMINED] = "exam of the report",
                                        [HL7_ROLE_LAB] = "lab report",
                                        [HL7_ROLE_PATIENT] = "patient"};
    static const struct yq_origin nobody = {.door = "mllp"};
    struct hl7_drafts drafts = {0};
    *intake = (struct yq_intake){.house = house, .origin = &nobody};
    *out = NULL;
    *count = 0;
    intake->conf = yq_conf_hold(house->conf);
    intake->source = source;
    bool ok = read_message(intake, bytes, length) && check_head(intake) &&
              hl7_draft(intake, false, &drafts);
    if (ok && drafts.nothing && !drafts.count)
        (void)yq_copy(intake->letter.reason, sizeof intake->letter.reason, drafts.nothing);
    struct yq_intake_record *list = ok ? calloc(drafts.count + 1, sizeof *list) : NULL;
    for (size_t i = 0; list && i < drafts.count; i++) {
        list[i].record = drafts.list[i].record;
        list[i].what = words[drafts.list[i].role];
        name_deleted(&drafts.list[i], list[i].deleted, sizeof list[i].deleted);
        drafts.list[i].record = NULL;
        *count = i + 1;
    }
    hl7_drafts_fini(&drafts);
    *out = list;
    return ok && (list || hl7_fault(intake, YQ_FULL, 207, "", "no memory for a list"));
}

/* main.c: the command table, and the way from the command line to a command. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "yq/dcm.h"
#include "yq/log.h"
#include "yq/pdf.h"

const struct yq_option yq_common_options[] = {
    {"conf", "FILE|DIR", "configuration: a node.json or a folder with it; otherwise DIR/conf"},
    {"data", "DIR", "folder of everything the node keeps; otherwise ./var"},
    {"set", "key=value", "one setting on top of the configuration, for this run; may be repeated"},
    {"json", NULL, "print JSON instead of text"},
    {"help", NULL, "tell about the command and do nothing"},
    {"version", NULL, "print the version and do nothing"},
    {NULL, NULL, NULL},
};

static const struct yq_option ae_options[] = {
    {"may", "RIGHTS", "what the peer may do: store,query,retrieve (all three when not given)"},
    {"syntax", "SYNTAX",
     "transfer syntax it prefers when we send, a UID or a name of peers.json (explicit, j2k, ...); "
     "may be repeated, best first"},
    {"charset", "TERM", "Specific Character Set of answers to it, for example GB18030"},
    {"tls", NULL, "over TLS, both when it calls and when it is called"},
    {"tls-ca", "FILE", "PEM file with the CA of its certificate; otherwise dicom.tls_ca"},
    {"tls-peer", "NAME",
     "whose certificate it must show: a name in it, or its SHA-256 fingerprint"},
    {"tls-no-verify", NULL, "take any certificate when we call it: for a trial only"},
    {"assume-charset", "TERM",
     "what to read its values with where its label is missing or wrong, for example GB18030; "
     "\"always GB18030\": whatever its label says"},
    {"note", "TEXT", "a remark for people"},
    {NULL, NULL, NULL},
};
static const struct yq_option user_options[] = {
    {"random", NULL, "make a passcode and print it, instead of reading one"},
    {NULL, NULL, NULL},
};
static const struct yq_option find_options[] = {
    {"level", "LEVEL", "PATIENT, STUDY (when not given), SERIES or IMAGE"},
    {NULL, NULL, NULL},
};
static const struct yq_option pull_options[] = {
    {"level", "LEVEL", "PATIENT, STUDY, SERIES or IMAGE; otherwise from the keys"},
    {NULL, NULL, NULL},
};
static const struct yq_option which_options[] = {
    {"study", "UID", "Study Instance UID"},
    {"series", "UID", "Series Instance UID"},
    {"instance", "UID", "SOP Instance UID"},
    {NULL, NULL, NULL},
};
static const struct yq_option codes_options[] = {
    {"list", "LIST", "the hospital's list: exam-item, lab-item, or a dictionary's name"},
    {"source", "SOURCE", "who sends it, such as hl7:ris; \"\": everybody's"},
    {"dictionary", "NAME", "the national dictionary; suggest takes several"},
    {"name", "NAME", "what the hospital calls it"},
    {"most", "N", "suggestions from each dictionary (3)"},
    {"least", "SCORE", "how alike they must be, from 0 to 1 (0.5)"},
    {"limit", "N", "lines at most (200); 0: all"},
    {"unmapped", NULL, "export what is not mapped yet"},
    {"force", NULL, "also national codes that no dictionary has"},
    {"dry-run", NULL, "only look whether the file is right"},
    {NULL, NULL, NULL},
};

static const struct yq_option odbc_options[] = {
    {"rows", "N", "preview: how many; otherwise 5"},
    {"personal", NULL, "preview: show personal members as they are; told to the audit trail"},
    {"to", "VALUE", "rewind: value of the change column to read on from; otherwise the beginning"},
    {NULL, NULL, NULL},
};
static const struct yq_option queue_options[] = {
    {"to", "AET", "only what is for this peer, or for this platform"},
    {"state", "STATE",
     "list: only gathering, pending, retry, sending, held, refused, done or dropped"},
    {"all", NULL, "list: also what is done or dropped; retry: all that waits or was refused"},
    {"limit", "N", "list: at most N (200 when not given; 0: all)"},
    {"reason", "TEXT", "drop, hold: why; it is kept"},
    {NULL, NULL, NULL},
};
static const struct yq_option reconcile_options[] = {
    {"date", "DAY", "the day, 2026-03-01; otherwise yesterday in Beijing"},
    {"list", NULL, "the days that were compared, and what came of it"},
    {NULL, NULL, NULL},
};
static const struct yq_option backfill_options[] = {
    {"from", "DAY", "the first day, 2026-03-01"},
    {"to", "DAY", "the last day"},
    {"rate", "N", "exams a minute at most; otherwise backfill_rate of platforms.json"},
    {"list", NULL, "the backfills of this platform, and how far they are"},
    {"stop", NULL, "stop the one that is under way"},
    {NULL, NULL, NULL},
};
static const struct yq_option delivered_options[] = {
    {"accession", "NUMBER", "the exams with this accession number"},
    {NULL, NULL, NULL},
};
static const struct yq_option requests_options[] = {
    {"exam", "ID", "only calls about this exam"},
    {"failed", NULL, "only those that did not get through"},
    {"limit", "N", "the last N (50 when not given)"},
    {"show", "ID", "one of them, with what was sent and what was answered"},
    {NULL, NULL, NULL},
};
static const struct yq_option report_options[] = {
    {"out", "FILE", "pdf: write it there; standard output when not given"},
    {"url", "HOURS", "pdf: print a URL of it that needs no login for so many hours"},
    {NULL, NULL, NULL},
};
static const struct yq_option sign_options[] = {
    {"state", "STATE", "list: only wanted, waiting, signed, stamped, done, stuck or cancelled"},
    {"all", NULL, "list: also what is done or cancelled"},
    {"limit", "N", "list: so many; 200 when not given"},
    {"out", "FILE", "qr: a picture (PNG)"},
    {NULL, NULL, NULL},
};
static const struct yq_option records_options[] = {
    {"kind", "KIND", "list, problems: only exam, report, lab, ..."},
    {"accession", "NUMBER", "list: with this accession number"},
    {"patient", "ID", "list: of this patient"},
    {"exam", "ID", "list: of this exam"},
    {"study", "UID", "list: with this Study Instance UID"},
    {"source", "SOURCE", "list, problems: whose last change came from there, as hl7:ris or rest:*"},
    {"since", "WHEN", "list, problems: changed since a day, a time (UTC), or 8h, 7d ago"},
    {"until", "WHEN", "list, problems: changed before that"},
    {"findings", NULL, "list: only those in which something was found wrong"},
    {"removed", NULL, "list: also what was removed"},
    {"limit", "N", "list: at most N (100 when not given; 0: all)"},
    {"personal", NULL, "list, show: what is personal in clear, which the audit trail is told"},
    {"overlay", NULL, "put: what a line has comes over what is there, the rest stays"},
    {"all", NULL, "reseal: also what seems to be as it should be"},
    {NULL, NULL, NULL},
};
static const struct yq_option signature_options[] = {
    {"file", "PDF", "the seals of this file, not those of a report"},
    {"anchors", "FILE",
     "certificates (PEM, DER) that signers' ones must lead to; otherwise those of the platform"},
    {"platform", "NAME", "whose anchors count, where several platforms have some"},
    {NULL, NULL, NULL}};
static const struct yq_option rehearse_options[] = {
    {"port", "N", "where it listens on 127.0.0.1 (18080); 0: any"},
    {"key", "FILE",
     "with the SM4 key, 32 hex digits or 16 bytes; otherwise the one that the document prints"},
    {"hospital", "CODE", "the code that every call must name; otherwise that of the first call"},
    {"sign-key", "CODE",
     "secure code of the signing interfaces; otherwise signatures are not checked"},
    {"polls", "N", "after how many questions the pretended doctor has signed (2)"},
    {"window", "SECONDS", "how far a timestamp may be off (300)"},
    {"fail", "RULES", "when to fail and how: 500=0.1,timeout:5=1/20,code0/report/sync=next3"},
    {"seed", "N", "of what fails by chance: the same gives the same run"},
    {"no-fetch", NULL, "PDFs and images are not fetched from the addresses that are given"},
    {"no-signatures", NULL, "the signatures of reports are not verified"},
    {"quick", NULL, "for load: messages are opened in this process, by the code that seals them"},
    {"log", "FILE", "what is printed is written there too"},
    {NULL, NULL, NULL},
};
static const struct yq_option link_options[] = {
    {"exam", "ID", "this exam"},
    {"report", "ID", "this report"},
    {"study", "UID", "the study with this Study Instance UID"},
    {"guesses", NULL, "list: only guesses, which hold when they are confirmed"},
    {"unlinked", NULL, "list: what has no link, and why"},
    {"all", NULL, "list: also what was undone"},
    {"limit", "N", "list: at most N (100 when not given)"},
    {NULL, NULL, NULL},
};
static const struct yq_option merge_options[] = {
    {"personal", NULL, "list: patient ids unmasked"},
    {"limit", "N", "list: at most N (100 when not given)"},
    {NULL, NULL, NULL},
};
static const struct yq_option hl7_options[] = {
    {"state", "STATE", "list: only new, done, failed or ignored"},
    {"source", "NAME", "only messages of this source; test: whose message it would be"},
    {"from", "WHEN",
     "received since: a day (2026-03-01), a time (2026-03-01T08:00, UTC), or how long ago (8h, "
     "7d)"},
    {"to", "WHEN", "received before"},
    {"failed", NULL, "replay: all that failed"},
    {"personal", NULL, "show, test: names, numbers and results too; the audit trail is told"},
    {"limit", "N", "list: at most the last N (50 when not given)"},
    {NULL, NULL, NULL},
};
static const struct yq_option recipe_options[] = {
    {"as", "RECIPE", "this recipe instead of a named one: \"text | sm3 | hex\""},
    {"open", NULL, "the other way round: open what is sealed"},
    {"check", "SIGNATURE", "say whether this is its signature: right or wrong"},
    {NULL, NULL, NULL},
};
static const struct yq_option studies_options[] = {
    {"limit", "N", "at most N studies (100 when not given; 0: all)"},
    {"offset", "N", "pass over the first N"},
    {"conflicts", NULL, "list what contradicts the study it belongs to"},
    {"coerced", NULL, "list what rules of coercion.json have changed"},
    {"suspect", NULL, "list studies whose character set was guessed or does not fit"},
    {"settle", "UID", "correct a value of this study: Key=Value"},
    {NULL, NULL, NULL},
};
static const struct yq_option coerce_options[] = {
    {"from", "AET", "the AE title that would send the file"},
    {NULL, NULL, NULL},
};
static const struct yq_option folder_options[] = {
    {"source", "NAME", "the source of sources.json that the file would come from"},
    {NULL, NULL, NULL},
};
static const struct yq_option anonymize_options[] = {
    {"out", "FOLDER", "folder for what is anonymised"},
    {"study", "UID", "Study Instance UID"},
    {"series", "UID", "Series Instance UID"},
    {"instance", "UID", "SOP Instance UID"},
    {NULL, NULL, NULL},
};
static const struct yq_option audit_options[] = {
    {"since", "WHEN",
     "a day (2026-03-01), a time (2026-03-01T08:00, UTC), or how long ago (8h, 7d)"},
    {"aet", "AET", "only what this AE title or user took part in"},
    {"study", "UID", "only what was done to this study"},
    {"patient", "ID", "only what was done to studies of this patient"},
    {"limit", "N", "at most the last N messages (100 when not given; 0: all)"},
    {NULL, NULL, NULL},
};
static const struct yq_option compose_options[] = {
    {"report", "ID", "the message of this report instead of the exam's"},
    {"interface", "NAME", "by this interface (`yingqiao fields PLATFORM` lists them)"},
    {"plain", NULL, "the JSON before it is sealed, indented"},
    {"personal", NULL, "personal values as they are; told to the audit trail"},
    {0}};
static const struct yq_option table_options[] = {
    {"csv", NULL, "as CSV that Excel and WPS open"},
    {"markdown", NULL, "all of it as the page that is in docs/"},
    {NULL, NULL, NULL},
};
static const struct yq_option demo_options[] = {
    {"seed", "N", "another number makes other patients and pictures (1 when not given)"},
    {"studies", "N", "how many studies (4 when not given: CT, MR, CR, US)"},
    {"out", "DIR", "write DICOM files there instead of taking them into the node"},
    {NULL, NULL, NULL},
};
static const struct yq_option help_options[] = {
    {"man", NULL, "print the man page"},
    {"wado", NULL, "print the parameters and media types of WADO-URI (docs/wado.md)"},
    {"words", NULL, "print commands or options, one per line, for shell completion"},
    {NULL, NULL, NULL},
};

static const struct yq_option check_options[] = {
    {"mapping", "NAME", "print the mapping of this name and nothing else"}, {NULL, NULL, NULL}};

const struct yq_verb yq_verbs[] = {
    {"serve", yq_run_serve, "", "run the node",
     "Opens the DICOM and HTTP ports and logs to standard error. SIGTERM stops it in good order,\n"
     "SIGHUP reads the configuration again; a change of its files is noticed within a second.\n\n"
     "One node serves a data folder at a time. At the first start DIR/conf is written from\n"
     "commented examples.",
     NULL},
    {"check", yq_run_check, "", "check the configuration and print it",
     "Reads the configuration as serve would, prints the effective settings and warns of what is\n"
     "probably not meant. Exit status 1 when it cannot be used.\n\n"
     "--mapping prints a mapping of sources.json instead, that of the conf folder or else the one\n"
     "that is compiled in: a beginning for one's own.",
     check_options},
    {"import", yq_run_import, "PATH...", "take files into the node",
     "PATH is a DICOM file, a folder (with everything below it) or a DICOMDIR. Files that are not\n"
     "DICOM are passed over and counted. After an interruption the same command goes on where it\n"
     "was: files that are in already are passed over quickly.",
     NULL},
    {"ae", yq_run_ae,
     "list\nadd AET HOST PORT [--may RIGHTS] [--syntax SYNTAX]... [--charset TERM]\n    "
     "[--assume-charset TERM] [--tls] "
     "[--tls-ca FILE] [--tls-peer NAME]\n    [--tls-no-verify] [--note TEXT]\n"
     "remove AET\ntest AET",
     "list, add, remove, test peers",
     "A peer is another DICOM application: a modality, a PACS, a workstation. HOST is a name, an\n"
     "address or a CIDR; PORT 0 is for peers that only call us. A running node takes a change up\n"
     "within a second.\n\n"
     "test calls the peer (C-ECHO) and, when it has a port, sends it one small image whose\n"
     "patient is invented (Patient ID YQ-TEST), to see whether it stores.",
     ae_options},
    {"user", yq_run_user, "list\nadd NAME [--random]\nremove NAME",
     "list, add, remove those who say who they are",
     "For user identity negotiation: a peer that names a user and his passcode when it "
     "associates.\n"
     "add reads the passcode from standard input, or asks for it; adding a user again gives him a\n"
     "new one. What is kept, in DIR/conf/users.json, is salted and hashed.\n\n"
     "dicom.user_identity, and \"user\" of a peer in peers.json, say who is checked.",
     user_options},
    {"echo", yq_run_echo, "AET|AET@HOST:PORT", "ask a peer whether it answers (C-ECHO)",
     "Says in plain words why it does not, when it does not.", NULL},
    {"find", yq_run_find, "AET|AET@HOST:PORT [--level LEVEL] Key=Value...",
     "search at a peer (C-FIND)",
     "Key is a keyword such as PatientID or a tag such as 0010,0020. Key= without a value asks "
     "for\n"
     "the attribute. Values may hold * and ? and, for dates and times, ranges (20260101-20260131).",
     find_options},
    {"send", yq_run_send, "AET|AET@HOST:PORT (--study UID|--series UID|--instance UID|PATH...)",
     "send to a peer (C-STORE)",
     "Sends what the node has under these UIDs, or DICOM files and folders without taking them\n"
     "into the node. Exit status 1 when any instance was not taken.",
     which_options},
    {"pull", yq_run_pull, "AET|AET@HOST:PORT [--level LEVEL] Key=Value...",
     "fetch from a peer into the node (C-GET)",
     "With StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID or PatientID exactly these; with\n"
     "other keys (AccessionNumber, StudyDate, ...) the studies that the peer finds for them.",
     pull_options},
    {"studies", yq_run_studies,
     "[--limit N] [--offset N] [Key=Value...]\n--conflicts\n--coerced\n--suspect\n--settle "
     "STUDY_UID "
     "Key=Value",
     "list the studies of the node",
     "Newest first. Key=Value narrows the list: PatientID=12*, StudyDate=20260101-,\n"
     "ModalitiesInStudy=CT, PatientName=张*.\n\n"
     "--conflicts lists instances that contradict their study (another name, another birth date):\n"
     "they were taken, the first value stands. --settle says which value is right.\n\n"
     "--coerced lists which attributes came otherwise than they are shown, and by which rule.\n"
     "--suspect lists studies whose text was not read in the character set that they name, "
     "because\n"
     "the bytes are plainly in another one, and those in which some bytes could not be read.",
     studies_options},
    {"coerce", yq_run_coerce, "test FILE --from AET", "try the rules of coercion.json",
     "Shows what the rules would change if this AE title sent the DICOM file. Changes nothing.",
     coerce_options},
    {"folder", yq_run_folder, "status\ntest FILE --source NAME",
     "look after watched folders: files of exams, reports, lab results",
     "status lists what is in the folders of sources.json: files that wait and why, what is being\n"
     "taken, what could not be taken (the reason stands in FILE.reason.txt beside it in "
     "failed).\n\n"
     "test shows what a file would become, with what a check finds in each record, and keeps\n"
     "nothing. Exit status 1 when a record of it would not be taken.",
     folder_options},
    {"anonymize", yq_run_anonymize,
     "PATH... --out FOLDER\n--study UID|--series UID|--instance UID --out FOLDER",
     "write objects without who they are of",
     "PATH is a DICOM file, a folder or a DICOMDIR; otherwise it is what the node has under a "
     "UID.\n"
     "Written is FOLDER/PSEUDONYM/STUDY/SERIES/INSTANCE.dcm, after the Basic Application Level\n"
     "Confidentiality Profile of PS3.15: names, dates, places and texts go, private elements too.\n"
     "UIDs and the patient become others, the same ones each time, under the secret in\n"
     "DIR/anonymize.key of the data folder (made when it is missing: keep it as you keep the "
     "data;\n"
     "copied to another node it makes the same ones there).\n\n"
     "Refused and listed, exit status 1: documents, reports with free text, and images of kinds\n"
     "that carry names in their pixels (ultrasound, endoscopy, photographs, captured screens,\n"
     "digitised films) which neither say that they carry none, nor have ultrasound regions, nor a\n"
     "rule in DIR/conf/anonymize.json that says where.",
     anonymize_options},
    {"queue", yq_run_queue,
     "list [--to AET] [--state STATE] [--all] [--limit N]\nshow ID\nretry ID|--to AET|--all\n"
     "hold ID|--to AET [--reason TEXT]\nrelease ID|--to AET\ndrop ID|--to AET --reason TEXT",
     "what waits to be forwarded or fetched",
     "Rules (DIR/conf/rules.json) make entries as instances arrive: one per study, destination "
     "and\n"
     "rule. list says why each waits and until when. All of it works while the node runs and "
     "takes\n"
     "effect within a second.\n\n"
     "retry tries at once, also what was refused; by ID also what was dropped. hold keeps one "
     "entry,\n"
     "or everything for a peer with what comes later, until release. drop gives up for good.\n\n"
     "Records go to platforms (DIR/conf/platforms.json) by the same queue, an entry per exam and\n"
     "platform; --to takes a platform's name. What a province would refuse is held until it "
     "changes.\n"
     "retry by ID sends an exam once more though the platform has it.",
     queue_options},
    {"delivered", yq_run_delivered, "EXAM\n--accession NUMBER",
     "did it arrive? what the platforms have of an exam",
     "Message by message: what went to each platform when, what holds the rest and what to do. "
     "Exit\n"
     "status 1 when something of it has not arrived.",
     delivered_options},
    {"requests", yq_run_requests, "PLATFORM [--exam ID] [--failed] [--limit N] [--show ID]",
     "the last calls to a platform and what it answered",
     "The last `keep_requests` of them (platforms.json), oldest first. What is personal was "
     "masked\n"
     "before it was kept. --show tells all of one.",
     requests_options},
    {"reconcile", yq_run_reconcile, "PLATFORM [--date DAY]\nPLATFORM --list",
     "compare a day's exams with what a platform has",
     "Tells the platform the exams of that day, by modality with all their ids, and puts what it "
     "says\n"
     "it lacks into the queue again. The node does it every night for the day before "
     "(`reconcile` in\n"
     "DIR/conf/platforms.json), and for the days of a week that it missed.",
     reconcile_options},
    {"backfill", yq_run_backfill,
     "PLATFORM --from DAY --to DAY [--rate N]\nPLATFORM --list\nPLATFORM --stop",
     "send the exams of weeks and months to a platform",
     "The running node puts the exams of these days into the platform's queue, the oldest first, "
     "so\n"
     "many a minute, behind what comes meanwhile; it goes on where it was after a restart. What "
     "the\n"
     "platform has already is not sent again. A platform that is connected for the first time "
     "gets the\n"
     "last `backfill_months` by itself (DIR/conf/platforms.json).",
     backfill_options},
    {"report", yq_run_report, "pdf ID [VERSION] [--out FILE|--url HOURS]\nattach ID FILE",
     "the PDF of a report",
     "pdf gives the PDF of the report's latest version, or of another one, or a signed URL of it "
     "for\n"
     "somebody who has no login here. attach makes FILE the PDF of the report, which is a new "
     "version\n"
     "of it. All URLs that were given out are void when DIR/url.key is removed.",
     report_options},
    {"records", yq_run_records,
     "list [--kind KIND] [--accession NUMBER] [--patient ID] [--exam ID] [--study UID]\n    "
     "[--source SOURCE] [--since WHEN] [--until WHEN] [--findings] [--removed]\n    "
     "[--personal] [--limit N]\n"
     "show KIND ID [VERSION] [--personal]\nhistory KIND ID\n"
     "problems [--kind KIND] [--source SOURCE] [--since WHEN]\n"
     "put KIND FILE [--overlay]\nkey FILE\nreseal [--all]",
     "exams, reports, lab reports and what goes with them",
     "list is newest first; what is personal is masked. history tells every version: when, from\n"
     "where, what changed. problems counts what was found wrong with records, by member.\n\n"
     "put takes records from a file (- is standard input), a line of JSON each with the members "
     "of\n"
     "`yingqiao model KIND`. A line is printed when its record is on stable storage.\n\n"
     "key makes a key to encrypt what is personal in records (records.encrypt, records.key_file),\n"
     "in front of those that are in FILE. reseal keeps what is there already as the settings say\n"
     "now: encrypted, by the new key, or in clear; what was broken off goes on where it was.",
     records_options},
    {"sign", yq_run_sign,
     "list [--state STATE] [--all] [--limit N]\nshow REPORT\nstart REPORT\ncancel REPORT\n"
     "qr REPORT [--out FILE]",
     "reports on their way to a doctor's signature",
     "Where a platform has \"sign\" in platforms.json, final reports that come without a signature "
     "are\n"
     "signed by its service. list tells which are not yet, and why; show tells of one, whatever "
     "became\n"
     "of it. start begins anew, also for reports from before signing was switched on; cancel stops "
     "it.\n"
     "qr prints the text of the QR code, or writes it as a picture.",
     sign_options},
    {"link", yq_run_link,
     "list [--exam ID|--report ID|--study UID] [--guesses|--unlinked|--all] [--limit N]\n"
     "set NUMBER|two of --exam ID, --report ID, --study UID\n"
     "undo NUMBER|two of --exam ID, --report ID, --study UID",
     "which exam, report and study belong together",
     "They find each other by Study Instance UID, exam id, accession number and request number. "
     "By\n"
     "patient and time it is only a guess, which holds when it is set; so is a number that both "
     "carry\n"
     "when their patients contradict each other. --unlinked says what has no link, and the likely\n"
     "reason. What was set or undone by hand stays so.",
     link_options},
    {"merge", yq_run_merge, "list [--personal] [--limit N]\nundo NUMBER\npatients FROM INTO",
     "patients that were merged into another",
     "By HL7 (ADT^A40) or by hand: records of patient FROM get a new version with the patient id "
     "INTO,\n"
     "studies a corrected Patient ID in the catalog. undo gives back what still is as it was made.",
     merge_options},
    {"codes", yq_run_codes,
     "list [--list LIST] [--source SOURCE] [--dictionary NAME] [--limit N]\n"
     "unmapped [--list LIST] [--source SOURCE] [--dictionary NAME] [--limit N]\n"
     "suggest [NAME] [--list LIST] [--dictionary NAME]... [--most N] [--least SCORE]\n"
     "set LIST CODE DICTIONARY NATIONAL [--name NAME] [--source SOURCE] [--force]\n"
     "unset LIST CODE [--dictionary NAME] [--source SOURCE]\nforget LIST [CODE] [--source SOURCE]\n"
     "import FILE [--force] [--dry-run]\nexport [FILE] [--unmapped] [--list LIST]\n"
     "dictionary [NAME]",
     "the hospital's own codes and what they are nationally",
     "Records keep the codes that a hospital's systems send. A code that is none of the national\n"
     "dictionary is looked up here; unmapped lists those that came and are not mapped, often seen\n"
     "first, and suggest what they may mean, by how alike the names are: to be confirmed by a "
     "person.\n\n"
     "LIST is the hospital's list: the name of the dictionary whose codes it has instead (sex,\n"
     "patient-type ...), exam-item or lab-item. A line with --source (hl7:ris) counts for that "
     "sender\n"
     "only, and before those without. unset without --source takes all of them away.\n\n"
     "export writes a CSV file that Excel and WPS open; import reads it again, also as Excel saves "
     "it\n"
     "(GBK), all of it or nothing. export --unmapped has the suggestions beside an empty column:\n"
     "fill it in and import the file. dictionary lists the code tables, or the codes of one.",
     codes_options},
    {"hl7", yq_run_hl7,
     "list [--state STATE] [--source NAME] [--from WHEN] [--to WHEN] [--limit N]\n"
     "show ID [--personal]\nreplay ID...|--failed|--from WHEN [--to WHEN] [--source NAME]\n"
     "test FILE [--source NAME] [--personal]\nsend HOST:PORT FILE...",
     "HL7 messages: what came, and what became of it",
     "Messages that were received (hl7.port, sources.json) are kept as they came for "
     "hl7.keep_days.\n"
     "A failed one says why; when the mapping or the sources were mended, replay makes its "
     "records\n"
     "by the mapping of today. Older messages never take the place of newer ones.\n\n"
     "test shows which records a message in a file would make, and keeps nothing. send calls any\n"
     "MLLP receiver, sends each file as one message and prints the answers; exit status 1 when "
     "one\n"
     "was not accepted.",
     hl7_options},
    {"odbc", yq_run_odbc,
     "status [SOURCE]\ntest SOURCE\npreview SOURCE [--rows N] [--personal]\n"
     "rewind SOURCE [--to VALUE]\nretry SOURCE\nforget SOURCE",
     "databases that exams, reports and lab results are read from",
     "The sources of type odbc in DIR/conf/sources.json. status says how far each was read, and "
     "by\n"
     "name which rows could not be taken and why. test connects and shows the table's columns, "
     "and\n"
     "which names of the mapping are none of them. preview shows what the newest rows would "
     "become,\n"
     "and keeps nothing.\n\n"
     "rewind reads again from an earlier change; what has not changed makes no new version. retry\n"
     "tries rows that were put aside again, forget gives them up. A running node takes it up with\n"
     "its next look.",
     odbc_options},
    {"audit", yq_run_audit, "[--since WHEN] [--aet AET] [--study UID] [--patient ID] [--limit N]",
     "show who did what",
     "Reads the audit trail in DIR/audit: who stored, searched, fetched, changed or deleted what, "
     "from\n"
     "where and with what outcome; who was refused. Oldest first. That it was read is told to the\n"
     "trail too.",
     audit_options},
    {"model", yq_run_model, "[KIND] [--csv]\n--markdown", "show which members records have",
     "The canonical model: without KIND the kinds of records, with it (exam, report, lab, ...) "
     "the\n"
     "members: Chinese name, type, length, dictionary, national data element, whether it is\n"
     "personal, and which fields of the documents it serves.",
     table_options},
    {"fields", yq_run_fields, "[PLATFORM [INTERFACE]] [--csv]\nPLATFORM --markdown",
     "show which fields the provinces want",
     "The field tables of hebei, neijiang, shanxi and sichuan, and xuancheng's list of "
     "interfaces:\n"
     "without INTERFACE the interfaces, with it its fields: type, length, whether it is required,\n"
     "dictionary, and the members that it comes from, the hospital's own lines in their place\n"
     "(platforms/PLATFORM/INTERFACE.csv in the conf folder: columns name and any of source, "
     "required,\n"
     "between, gate, note).",
     table_options},
    {"validate", yq_run_validate, "[PLATFORM] KIND ID\n[PLATFORM] [KIND]\nPLATFORM EXAM",
     "say what a province would refuse of records",
     "With ID: what is wrong with this record and how to mend it, in Chinese and English: by the\n"
     "rules that hold everywhere or, with a PLATFORM (of platforms.json, or a province), by the "
     "tables\n"
     "of its interfaces, the hospital's own lines and its settings. EXAM: an exam and its reports, "
     "and\n"
     "what would be held back. Without ID: each finding over all records, and how many records "
     "have\n"
     "it. Shows no values. Exit status 1 when something would be refused.",
     NULL},
    {"compose", yq_run_compose, "PLATFORM EXAM [--report ID] [--interface NAME] [--plain]",
     "show the message that a province gets of an exam or report",
     "As it would go now; nothing is sent. With --plain the JSON before it is sealed, indented,\n"
     "personal values masked; without it as it goes over the wire, sealed with the platform's "
     "key.\n"
     "What the platform would refuse of it is said on standard error; exit status 1 when it would "
     "be\n"
     "held back for that. Looking is told to the audit trail.",
     compose_options},
    {"recipe", yq_run_recipe,
     "PLATFORM\nPLATFORM NAME [FILE] [K=V ...]\nPLATFORM --as RECIPE [FILE] [K=V ...]",
     "try how a platform wants things signed and sealed",
     "To compare with a province's sample. PLATFORM is one of platforms.json, whose keys are used, "
     "or\n"
     "a province. Alone: its recipes, which keys they want, and which are the hospital's own\n"
     "(platforms/PROVINCE/recipes.csv in the folder of the configuration). With NAME: what the "
     "recipe\n"
     "makes of parameters K=V, of the text in FILE, or of standard input, byte for byte as it is; "
     "a\n"
     "line end at its end counts. Keys are not shown; exit status 1 where --check says wrong.",
     recipe_options},
    {"signature", yq_run_signature,
     "REPORT-ID [--anchors FILE|--platform NAME]\n"
     "--file PDF [--anchors FILE|--platform NAME]",
     "say whether a report's signature, time stamp and seals hold",
     "Looks at the report's signed text, certificate, signature, time stamp and the seals of its\n"
     "PDF, here, without asking a service: PKCS#1 and PKCS#7 with SM2 (GM/T 0010) or RSA, time\n"
     "stamps (RFC 3161), seals in PDFs (PKCS#7, GB/T 38540). Certificates must lead to the\n"
     "platform's anchors, where it has some, and have been valid at the time of the stamp. No\n"
     "revocation lists are looked at. Says of each part whether it holds, in Chinese and English;\n"
     "exit status 1 when one does not, or nothing is signed.",
     signature_options},
    {"rehearse", yq_run_rehearse, "shanxi [--port N] [--key FILE] [--hospital CODE] [--fail RULES]",
     "play a province's platform, for a trial before the real one",
     "A stand-in on this machine (127.0.0.1) takes what the node sends and says of each call what "
     "a\n"
     "strict province would: envelope, signature, time, every field by its table, order of calls,\n"
     "the same content sent twice, signatures; PDFs and images are fetched. It opens\n"
     "messages with OpenSSL's program \"openssl\", whose command line shows the key while it "
     "runs:\n"
     "use a key that is for rehearsals only. Ctrl-C ends it, with a summary; GET /summary has it "
     "as\n"
     "JSON.\n\n"
     "RULES make it fail: WHAT[:SECONDS][/path]=HOW OFTEN, with commas between. WHAT is 500, 503,\n"
     "code0, hang-up (nothing is taken), timeout, cut-header, cut-body, 500-after (it is taken, "
     "and "
     "the\n"
     "caller does not learn it), slow, or mixed (any of them). HOW OFTEN is a chance (0.2), 1/5 "
     "(every\n"
     "fifth call) or next3 (the next three). POST /fail with other rules changes them, POST "
     "/forget\n"
     "with an exam's id or study UID lets the platform lose it, POST /reset forgets everything.",
     rehearse_options},
    {"delete", yq_run_delete, "--study UID|--series UID|--instance UID",
     "move a study, series or instance into the trash",
     "It stays in DIR/trash for store.trash_days and can be had back with import.", which_options},
    {"reindex", yq_run_reindex, "", "make the catalog anew from the files",
     "Reads every object and builds a new catalog, which then takes the place of the old one "
     "(kept\n"
     "as catalog.sqlite.old). Who sent an object, what was coerced in it and what was settled is "
     "taken\n"
     "over from the old one as far as it can be read. The node must not run meanwhile.",
     NULL},
    {"verify", yq_run_verify, "", "check every object against its digest",
     "Reads every object. Lists what is damaged, missing, or not in the catalog; exit status 1 "
     "then.",
     NULL},
    {"demo", yq_run_demo, "[--seed N] [--studies N] [--out DIR]", "make sample studies",
     "Invented patients with Chinese names and phantom pictures: CT with its report, MR, CR with\n"
     "its report as a PDF, ultrasound, in the usual transfer syntaxes and character sets. The\n"
     "same seed makes the same files.",
     demo_options},
    {"help", yq_run_help, "[COMMAND]", "tell about the commands", "This text.", help_options},
    {"version", yq_run_version, "", "print the version", "The version of the program.", NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    struct yq_cli cli;
    umask(027); /* what the node writes is for its own user and group */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);       /* a file size limit is an error of write(2), not an end */
    setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters only */
    if (argc == 2 && strcmp(argv[1], YQ_PDF_WORD) == 0)
        return yq_pdf_serve();
    yq_pdf_apart("/proc/self/exe");
    if (!yq_cli_parse(&cli, argc, argv))
        return YQ_EXIT_USAGE;
    if (cli.wants_version)
        return yq_run_version(&cli);
    if (cli.wants_help) {
        if (cli.command)
            yq_help_command(cli.command);
        else
            yq_help_overview();
        return YQ_EXIT_FINE;
    }
    if (!cli.command) {
        yq_help_overview();
        return YQ_EXIT_USAGE;
    }
    yq_log_set_level(YQ_LOG_ERROR); /* a command tells its user itself; serve logs what conf says */
    yq_dcm_init();
    int status = cli.command->run(&cli);
    yq_dcm_fini();
    if (fflush(stdout) != 0 && status == YQ_EXIT_FINE)
        status = yq_cli_fail("the output could not be written");
    return status;
}

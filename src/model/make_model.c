/* make_model: at build time turns data/model/<kind>.csv (member, chinese, type, length, many, unit,
 * dictionary, element, personal, key, note) into the tables of record.h. The list of kinds stands
 * here and in the enum; a table that is not understood ends the build with file and line. */
#include <ctype.h>

#include "make_table.h"
#include "yq/record.h"

enum { FIELDS = 11, LINE_MOST = 4096 };

static const struct {
    enum yq_kind kind;
    const char *name, *plural, *chinese;
} kinds[] = {
    {YQ_KIND_EXAM, "exam", "exams", "检查"},
    {YQ_KIND_REPORT, "report", "reports", "检查报告"},
    {YQ_KIND_LAB, "lab", "labs", "检验报告"},
    {YQ_KIND_LAB_DEVICE, "lab-device", "lab-devices", "检验设备"},
    {YQ_KIND_LAB_QUALITY, "lab-quality", "lab-qualities", "检验质控记录"},
    {YQ_KIND_ITEM, "item", "items", "项目编码"},
    {YQ_KIND_CONSENT, "consent", "consents", "患者授权"},
    {YQ_KIND_RECOGNITION, "recognition", "recognitions", "互认记录"},
    {YQ_KIND_VIEWING, "viewing", "viewings", "调阅记录"},
    {YQ_KIND_PATIENT, "patient", "patients", "患者"},
    {YQ_KIND_SETTLEMENT, "settlement", "", "结算信息"},
    {YQ_KIND_LAB_RESULT, "lab-result", "", "检验结果"},
};

static const struct {
    const char *word, *name;
} types[] = {{"text", "YQ_VALUE_TEXT"},         {"integer", "YQ_VALUE_INTEGER"},
             {"number", "YQ_VALUE_NUMBER"},     {"date", "YQ_VALUE_DATE"},
             {"datetime", "YQ_VALUE_DATETIME"}, {"code", "YQ_VALUE_CODE"},
             {"flag", "YQ_VALUE_FLAG"},         {"uid", "YQ_VALUE_UID"}};

static bool is_yes(const char *text)
{
    if (*text && strcmp(text, "yes") != 0)
        give_up("many, personal and key are yes or empty");
    return *text;
}

static const char *type_of(const char *word, char of[64])
{
    snprintf(of, 64, "YQ_KIND_COUNT");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].word, word) == 0)
            return types[i].name;
    if (strncmp(word, "list ", 5) != 0)
        give_up("a type is text, integer, number, date, datetime, code, flag, uid or list KIND");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, word + 5) == 0 && kinds[i].kind >= YQ_KIND_KEPT) {
            snprintf(of, 64, "(enum yq_kind)%d", (int)kinds[i].kind);
            return "YQ_VALUE_LIST";
        }
    give_up("a list is of a kind that stands within others");
    return NULL;
}

/* ---- names of one kind, for the index ---- */

enum { MEMBERS_MOST = 1000 };
static char names[MEMBERS_MOST][64];
static unsigned short order[MEMBERS_MOST];
static size_t name_count;

static void remember(const char *name)
{
    if (name_count == MEMBERS_MOST || strlen(name) >= sizeof *names)
        give_up("there are too many members, or the name is too long");
    for (size_t i = 0; i < name_count; i++)
        if (strcmp(names[i], name) == 0)
            give_up("there is a member of this name already");
    memcpy(names[name_count], name, strlen(name) + 1);
    order[name_count] = (unsigned short)name_count;
    name_count++;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(names[*(const unsigned short *)a], names[*(const unsigned short *)b]);
}

static void write_index(FILE *out, size_t kind)
{
    qsort(order, name_count, sizeof *order, by_name);
    fprintf(out, "static const unsigned short names_of_%zu[] = {", kind);
    for (size_t i = 0; i < name_count; i++)
        fprintf(out, "%u, ", order[i]);
    fputs("};\n", out);
    name_count = 0;
}

static void write_member(FILE *out, char *text)
{
    char *fields[FIELDS], of[64], *end;
    split(text, fields, FIELDS);
    remember(fields[0]);
    for (const char *p = fields[0]; *p; p++)
        if (!isalnum((unsigned char)*p))
            give_up("a member's name is of letters and digits");
    if (!islower((unsigned char)*fields[0]))
        give_up("a member's name begins with a small letter");
    const char *type = type_of(fields[2], of);
    unsigned long length = strtoul(fields[3], &end, 10);
    if (*end)
        give_up("a length is a number");
    fputs("    {", out);
    put_string(out, fields[0], ", ");
    put_string(out, fields[1], ", ");
    fprintf(out, "%s, %lu, %s, ", type, length, is_yes(fields[4]) ? "true" : "false");
    put_string(out, fields[5], ", ");
    put_string(out, fields[6], ", ");
    put_string(out, fields[7], ", ");
    fprintf(out, "%s, %s, ", is_yes(fields[8]) ? "true" : "false",
            is_yes(fields[9]) ? "true" : "false");
    put_string(out, fields[10], ", ");
    fprintf(out, "%s},\n", of);
}

static void write_kind(FILE *out, const char *folder, size_t kind)
{
    char text[LINE_MOST];
    snprintf(file, sizeof file, "%s/%s.csv", folder, kinds[kind].name);
    line = 1;
    FILE *in = fopen(file, "r");
    if (!in || !fgets(text, sizeof text, in))
        give_up("cannot be read");
    fprintf(out, "static const struct yq_member members_of_%zu[] = {\n", kind);
    while (fgets(text, sizeof text, in)) {
        line++;
        if (strlen(text) + 1 == sizeof text)
            give_up("the line is too long");
        write_member(out, text);
    }
    fputs("};\n", out);
    write_index(out, kind);
    fclose(in);
}

int main(int count, char **words)
{
    FILE *out = count == 3 ? fopen(words[2], "w") : NULL;
    snprintf(file, sizeof file, "make_model FOLDER OUT");
    if (!out)
        give_up("cannot write");
    fputs("/* Made by make_model. */\n#include \"yq/record.h\"\n", out);
    for (size_t i = 0; i < YQ_KIND_COUNT; i++) {
        if (kinds[i].kind != (enum yq_kind)i)
            give_up("the kinds stand in the order of the enum");
        write_kind(out, words[1], i);
    }
    fputs("const struct yq_kind_info yq_kinds[YQ_KIND_COUNT] = {\n", out);
    for (size_t i = 0; i < YQ_KIND_COUNT; i++)
        fprintf(out,
                "    {\"%s\", \"%s\", \"%s\", members_of_%zu, sizeof members_of_%zu / sizeof "
                "*members_of_%zu, names_of_%zu},\n",
                kinds[i].name, kinds[i].plural, kinds[i].chinese, i, i, i, i);
    fputs("};\n", out);
    return fclose(out) != 0;
}

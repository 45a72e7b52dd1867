/* make_recipes: at build time turns data/platforms/<province>/recipes.csv (name, recipe, note) into
 * yq_recipe_lines (recipe.h). The recipes themselves are read at run time, and by a test. What is
 * no such table ends the build with file and line. */
#include <ctype.h>

#include "make_table.h"

enum { LINE_MOST = 4096, NAME_MOST = 32 };

static const char *const platforms[] = {"hebei", "neijiang", "shanxi", "sichuan", "xuancheng"};

static void write_line(FILE *out, const char *platform, char *text)
{
    char *columns[3];
    split(text, columns, 3);
    size_t length = strlen(columns[0]);
    for (const char *c = columns[0]; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            length = 0;
    if (!length || length > NAME_MOST || !*columns[1] || !*columns[2])
        give_up("a recipe has a name of letters, digits, - and _, a text and a note");
    fputs("    {", out);
    put_string(out, platform, ", ");
    put_string(out, columns[0], ", ");
    put_string(out, columns[1], ", ");
    put_string(out, columns[2], "},\n");
}

static size_t write_platform(FILE *out, const char *folder, const char *platform)
{
    char text[LINE_MOST];
    size_t count = 0;
    snprintf(file, sizeof file, "%s/%s/recipes.csv", folder, platform);
    line = 1;
    FILE *in = fopen(file, "r");
    if (!in || !fgets(text, sizeof text, in) || strcmp(text, "name,recipe,note\n") != 0)
        give_up("cannot be read, or its columns are not name, recipe, note");
    for (; fgets(text, sizeof text, in); count++) {
        line++;
        if (strlen(text) + 1 == sizeof text)
            give_up("the line is too long");
        write_line(out, platform, text);
    }
    fclose(in);
    return count;
}

int main(int count, char **words)
{
    FILE *out = count == 3 ? fopen(words[2], "w") : NULL;
    size_t lines = 0;
    if (!out) {
        fputs("make_recipes FOLDER OUT: cannot write\n", stderr);
        return 1;
    }
    fputs("/* Made by make_recipes. */\n#include \"yq/recipe.h\"\n"
          "const struct yq_recipe_line yq_recipe_lines[] = {\n",
          out);
    for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
        lines += write_platform(out, words[1], platforms[i]);
    fprintf(out, "};\nconst size_t yq_recipe_line_count = %zu;\n", lines);
    return fclose(out) != 0;
}

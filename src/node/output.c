/* output.c: tables, sizes, durations, the progress line. What comes from DICOM objects is shown
 * without its control characters: a patient's name must not steer the terminal. */
#include "output.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "cli.h"
#include "yq/clock.h"

/* One character; *width is what it takes, -1 for one that must not be shown. Returns its bytes. */
static size_t one_character(const char *text, int *width)
{
    wchar_t wide;
    mbstate_t state = {0};
    size_t used = mbrtowc(&wide, text, strlen(text), &state);
    if (used == 0 || used > 8) { /* not UTF-8 */
        *width = -1;
        return 1;
    }
    *width = wcwidth(wide);
    return used;
}

size_t yq_display_width(const char *text)
{
    size_t sum = 0;
    while (*text) {
        int width;
        text += one_character(text, &width);
        sum += width < 0 ? 1 : (size_t)width;
    }
    return sum;
}

/* A UID fits; what somebody wrote into a description without end does not push the rest away. */
enum { CELL_MOST = 64 };

static size_t cell_width(const char *text)
{
    size_t width = yq_display_width(text);
    return width < CELL_MOST ? width : CELL_MOST;
}

/* Exactly cell_width() places, unless it is put whole; what is cut off leaves its mark. */
static void put_cell(FILE *file, const char *text, bool whole)
{
    bool cut = !whole && yq_display_width(text) > CELL_MOST;
    size_t room = cut ? CELL_MOST - 1 : SIZE_MAX;
    while (*text) {
        int width;
        size_t used = one_character(text, &width), places = width < 0 ? 1 : (size_t)width;
        if (places > room)
            break;
        room -= places;
        if (width < 0)
            fputc('?', file);
        else
            fwrite(text, 1, used, file);
        text += used;
    }
    if (cut)
        fprintf(file, "…%*s", (int)room, "");
}

void yq_table_add(struct yq_table *table, const char *cell)
{
    const char *text = cell ? cell : "";
    yq_buf_put(&table->cells, text, strlen(text) + 1);
    table->count++;
}

void yq_table_addf(struct yq_table *table, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    yq_table_add(table, text);
}

static void put_row(FILE *file, const struct yq_table *table, const char *const *cells,
                    const size_t *widths)
{
    size_t columns = table->columns;
    size_t last = columns; /* no blanks behind the last cell that says something */
    while (last > 1 && !*cells[last - 1])
        last--;
    for (size_t i = 0; i < last; i++) {
        put_cell(file, cells[i], i + 1 == columns && table->last_whole);
        if (i + 1 < last)
            fprintf(file, "%*s", (int)(widths[i] - cell_width(cells[i]) + 2), "");
    }
    fputc('\n', file);
}

void yq_table_print(const struct yq_table *table, FILE *file)
{
    size_t *widths = calloc(table->columns, sizeof *widths);
    const char **row = calloc(table->columns, sizeof *row);
    if (!widths || !row || table->cells.failed) {
        yq_cli_fail("no memory to print the list");
    } else {
        for (size_t i = 0; i < table->columns; i++)
            widths[i] = yq_display_width(table->heads[i]);
        const char *cell = yq_buf_text(&table->cells);
        for (size_t i = 0; i < table->count; i++, cell += strlen(cell) + 1) {
            size_t width = cell_width(cell);
            if (width > widths[i % table->columns])
                widths[i % table->columns] = width;
        }
        put_row(file, table, table->heads, widths);
        cell = yq_buf_text(&table->cells);
        for (size_t i = 0; i < table->count; i++, cell += strlen(cell) + 1) {
            row[i % table->columns] = cell;
            if ((i + 1) % table->columns == 0)
                put_row(file, table, row, widths);
        }
    }
    free(widths);
    free(row);
}

void yq_table_fini(struct yq_table *table)
{
    yq_buf_fini(&table->cells);
    table->count = 0;
}

bool yq_print_json(struct yq_json *take)
{
    struct yq_buf text yq_cleanup(yq_buf_fini) = {0};
    bool ok = yq_json_print(take, true, &text);
    yq_json_free(take);
    if (!ok) {
        yq_cli_fail("no memory to print the list");
        return false;
    }
    puts(yq_buf_text(&text));
    return true;
}

void yq_size_text(char *text, size_t size, double bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, size, unit && bytes < 9.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

void yq_duration_text(char *text, size_t size, double seconds)
{
    long whole = (long)(seconds + 0.5);
    if (seconds < 9.95)
        snprintf(text, size, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(text, size, "%ld s", whole);
    else if (whole < 3600)
        snprintf(text, size, "%ld min %ld s", whole / 60, whole % 60);
    else
        snprintf(text, size, "%ld h %ld min", whole / 3600, whole % 3600 / 60);
}

void yq_meter_start(struct yq_meter *meter, const char *noun, uint64_t total, uint64_t total_bytes)
{
    *meter = (struct yq_meter){.shown = isatty(STDERR_FILENO) == 1,
                               .started_ms = yq_monotonic_ms(),
                               .total = total,
                               .total_bytes = total_bytes,
                               .noun = noun};
}

double yq_meter_seconds(const struct yq_meter *meter)
{
    return (double)(yq_monotonic_ms() - meter->started_ms) / 1000;
}

void yq_meter_show(struct yq_meter *meter, uint64_t done, uint64_t bytes)
{
    int64_t now = yq_monotonic_ms();
    if (!meter->shown || now - meter->last_ms < 200)
        return;
    meter->last_ms = now;
    double seconds = yq_meter_seconds(meter);
    char rate[32] = "", left[48] = "", of[48] = "";
    if (seconds > 0.5 && bytes)
        yq_size_text(rate, sizeof rate, (double)bytes / seconds);
    double part = meter->total_bytes ? (double)bytes / (double)meter->total_bytes
                  : meter->total     ? (double)done / (double)meter->total
                                     : 0;
    if (seconds > 2 && part > 0.001 && part <= 1)
        yq_duration_text(left, sizeof left, seconds / part - seconds);
    if (meter->total)
        snprintf(of, sizeof of, " of %llu", (unsigned long long)meter->total);
    fprintf(stderr, "\r\033[K%llu%s %s%s%s%s%s%s", (unsigned long long)done, of, meter->noun,
            *rate ? ", " : "", rate, *rate ? "/s" : "", *left ? ", left: " : "", left);
    if (meter->total && part > 0 && part <= 1) {
        int filled = (int)(part * 20 + 0.5);
        fprintf(stderr, " [%.*s%*s]", filled, "####################", 20 - filled, "");
    }
    fflush(stderr);
}

void yq_meter_clear(struct yq_meter *meter)
{
    if (meter->shown && meter->last_ms)
        fputs("\r\033[K", stderr);
}

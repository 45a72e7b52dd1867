/* word.c: how far one word is from another, for "did you mean". Pure. */
#include <string.h>

#include "yq/bytes.h"

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

size_t yq_word_distance(const char *a, const char *b)
{
    enum { MOST = 48 };
    size_t rows[3][MOST + 1], la = strnlen(a, MOST), lb = strnlen(b, MOST);
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= lb; j++)
        last[j] = j;
    memset(before, 0, sizeof rows[0]);
    for (size_t i = 1; i <= la; i++) {
        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = smaller(change, smaller(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = smaller(now[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[lb];
}

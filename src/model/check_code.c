/* check_code.c: id cards, credit codes, telephone numbers and other things with a form of their
 * own. Pure; nothing is ever repaired here. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "check_inside.h"
#include "yq/dictionary.h"

static bool all_digits(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isdigit((unsigned char)text[i]))
            return false;
    return true;
}

int check_number(const char *text, size_t count)
{
    int number = 0;
    for (size_t i = 0; i < count; i++)
        number = number * 10 + (text[i] - '0');
    return number;
}

/* GB 11643-1999: ISO 7064 mod 11-2 over the seventeen digits before. */
bool yq_is_id_card(const char *text)
{
    static const int weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    if (strlen(text) != 18 || !all_digits(text, 17))
        return false;
    for (size_t i = 0; i < 17; i++)
        sum += (text[i] - '0') * weights[i];
    return toupper((unsigned char)text[17]) == "10X98765432"[sum % 11];
}

bool check_id_card_birth(const char *text, char date[11], char *sex)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (strlen(text) != 18 || !all_digits(text, 17))
        return false;
    int year = check_number(text + 6, 4), month = check_number(text + 10, 2);
    int day = check_number(text + 12, 2);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1850 || month < 1 || month > 12 || day < 1 ||
        day > days[month - 1] + (month == 2 && leap))
        return false;
    snprintf(date, 11, "%.4s-%.2s-%.2s", text + 6, text + 10, text + 12);
    *sex = (text[16] - '0') % 2 ? '1' : '2';
    return true;
}

/* GB 32100-2015: base 31 without I, O, S, V, Z; weights are powers of 3 modulo 31. */
bool yq_is_uscc(const char *text)
{
    static const char letters[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    unsigned sum = 0, weight = 1;
    if (strlen(text) != 18 || !all_digits(text + 2, 6))
        return false;
    for (size_t i = 0; i < 18; i++) {
        const char *at = strchr(letters, text[i]);
        if (!at)
            return false;
        if (i == 17)
            return (size_t)(at - letters) == (31 - sum % 31) % 31;
        sum += (unsigned)(at - letters) * weight;
        weight = weight * 3 % 31;
    }
    return false;
}

/* A mobile number of eleven digits, with or without +86; or area code and number. */
bool check_is_phone(const char *text)
{
    if (strncmp(text, "+86", 3) == 0)
        text += 3 + (text[3] == ' ' || text[3] == '-');
    size_t length = strlen(text);
    if (length == 11 && text[0] == '1')
        return text[1] >= '3' && all_digits(text, 11);
    if (length && text[0] == '0') {
        size_t area = strcspn(text, "-");
        if (area == length)
            return length >= 10 && length <= 12 && all_digits(text, length);
        size_t rest = length - area - 1;
        return (area == 3 || area == 4) && (rest == 7 || rest == 8) && all_digits(text, area) &&
               all_digits(text + area + 1, rest);
    }
    return (length == 7 || length == 8) && all_digits(text, length);
}

/* Up to seven digits, a dash, and Luhn's check digit over them. */
bool check_is_loinc(const char *text)
{
    size_t length = strcspn(text, "-");
    int sum = 0;
    if (!length || length > 7 || !text[length] || strlen(text) != length + 2 ||
        !all_digits(text, length) || !all_digits(text + length + 1, 1))
        return false;
    for (size_t i = 0; i < length; i++) {
        int digit = (text[length - 1 - i] - '0') * (i % 2 ? 1 : 2);
        sum += digit > 9 ? digit - 9 : digit;
    }
    return (10 - sum % 10) % 10 == text[length + 1] - '0';
}

/* GB/T 2260: six digits, the first two those of a province. */
bool check_is_division(const char *text)
{
    const struct yq_dictionary *provinces = yq_dictionary_find("division");
    char province[7] = "000000";
    if (strlen(text) != 6 || !all_digits(text, 6))
        return false;
    memcpy(province, text, 2);
    return !provinces || yq_term_find(provinces, province);
}

bool check_is_modality(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if (!isupper((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '_')
            return false;
    return length >= 1 && length <= 16;
}

bool check_is_postcode(const char *text) { return strlen(text) == 6 && all_digits(text, 6); }

size_t check_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

/* Bytes in GBK; what GBK lacks has four in GB 18030. Which of the scripts GBK has is told by block:
 * Chinese, its signs, full width forms, Greek and Cyrillic letters. */
size_t check_gbk_bytes(const char *text)
{
    size_t count = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at < 0x80)
            count++;
        else if ((*at & 0xe0) == 0xc0) {
            unsigned point = (*at & 0x1fu) << 6 | (at[1] & 0x3fu);
            bool greek = point >= 0x391 && point <= 0x451;
            count +=
                greek || (point && strchr("\xa4\xa7\xa8\xb0\xb1\xb7\xd7\xf7", (int)point)) ? 2 : 4;
        } else if ((*at & 0xf0) == 0xe0) {
            unsigned point = (*at & 0x0fu) << 12 | (at[1] & 0x3fu) << 6;
            bool known = (point >= 0x4e00 && point <= 0x9fc0) ||
                         (point >= 0x3000 && point <= 0x33ff) || point >= 0xfe00 ||
                         (point >= 0x2000 && point <= 0x2640);
            count += known ? 2 : 4;
        } else if ((*at & 0xf8) == 0xf0)
            count += 4;
    }
    return count;
}

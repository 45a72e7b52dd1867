/* check_inside.h: what the files about checking share. */
#ifndef YQ_MODEL_CHECK_INSIDE_H
#define YQ_MODEL_CHECK_INSIDE_H

#include "yq/check.h"

/* One more finding about `member`, in whole sentences that say how to mend it. */
void check_say(struct yq_findings *findings, bool serious, const char *member, const char *what,
               const char *chinese, const char *english);

/* check_code.c: whether a text has the form of what it is to be. */
bool check_is_phone(const char *text);
bool check_is_loinc(const char *text); /* with its check digit */
bool check_is_division(const char *text);
bool check_is_modality(const char *text); /* as DICOM writes it (CS) */
bool check_is_postcode(const char *text);
/* Birth date "1990-01-31" and sex "1" or "2" of an 18-digit id card; false: no such date. */
bool check_id_card_birth(const char *text, char date[11], char *sex);
int check_number(const char *text, size_t count); /* of so many digits */
size_t check_characters(const char *text);
size_t check_gbk_bytes(const char *text);

#endif

/* SM2: the vectors of GB/T 32918.5 and of Shanxi's document, keys in all their forms, and what is
 * no key and no signature. The private key is the one that GB/T 32918.5 prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

#include "yq/recipe.h"

#define D "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"
#define X "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
#define Y "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
#define R "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
#define S "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
#define ORDER "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123"

static const char sec1[] = "-----BEGIN SM2 PRIVATE KEY-----\n"
                           "MHcCAQEEIDlFII97IUSxPzbjisbTn5WIk5NpKGC1GkL7ge9N98W4oAoGCCqBHM9V\n"
                           "AYItoUQDQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60YM/wHa7CP81bzUCDM6kkM4md1\n"
                           "pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw==\n"
                           "-----END SM2 PRIVATE KEY-----\n";
static const char sec1_ec[] = "-----BEGIN EC PRIVATE KEY-----\n"
                              "MHcCAQEEIDlFII97IUSxPzbjisbTn5WIk5NpKGC1GkL7ge9N98W4oAoGCCqBHM9V\n"
                              "AYItoUQDQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60YM/wHa7CP81bzUCDM6kkM4md1\n"
                              "pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw==\n"
                              "-----END EC PRIVATE KEY-----\n";
static const char sec1_parameters[] =
    "-----BEGIN SM2 PARAMETERS-----\n"
    "BggqgRzPVQGCLQ==\n"
    "-----END SM2 PARAMETERS-----\n"
    "-----BEGIN SM2 PRIVATE KEY-----\n"
    "MHcCAQEEIDlFII97IUSxPzbjisbTn5WIk5NpKGC1GkL7ge9N98W4oAoGCCqBHM9V\n"
    "AYItoUQDQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60YM/wHa7CP81bzUCDM6kkM4md1\n"
    "pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw==\n"
    "-----END SM2 PRIVATE KEY-----\n";
static const char pkcs8[] = "-----BEGIN PRIVATE KEY-----\n"
                            "MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgOUUgj3shRLE/NuOK\n"
                            "xtOflYiTk2koYLUaQvuB7033xbihRANCAAQJ+d8xHlQhoVDdfRYeS8XGchefrRgz\n"
                            "/AdrsI/zVvNQIMzqSQziZ3WlLcbqcYzBqmAK7QX7814ISmYy9gctqa0T\n"
                            "-----END PRIVATE KEY-----\n";
static const char spki[] = "-----BEGIN PUBLIC KEY-----\n"
                           "MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60Y\n"
                           "M/wHa7CP81bzUCDM6kkM4md1pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw==\n"
                           "-----END PUBLIC KEY-----\n";
static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBaTCCAQ6gAwIBAgIBATAKBggqgRzPVQGDdTASMRAwDgYDVQQDDAdleGFtcGxl\n"
    "MCAXDTI2MTEyNjE3MjEwMVoYDzIxMDkwMTE1MTcyMTAxWjASMRAwDgYDVQQDDAdl\n"
    "eGFtcGxlMFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAECfnfMR5UIaFQ3X0WHkvF\n"
    "xnIXn60YM/wHa7CP81bzUCDM6kkM4md1pS3G6nGMwapgCu0F+/NeCEpmMvYHLamt\n"
    "E6NTMFEwHQYDVR0OBBYEFPniUWFMLw6egJE//aMI5HwBokG0MB8GA1UdIwQYMBaA\n"
    "FPniUWFMLw6egJE//aMI5HwBokG0MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoEcz1UB\n"
    "g3UDSQAwRgIhAJmtA2KVQ3qtP4p6pm8bccdnnEpg4iMkkJNKkbughybrAiEAmZ1x\n"
    "JuyerIxo9rbpP1vPPlmrbichU2MgveUXcDhy+ro=\n"
    "-----END CERTIFICATE-----\n";
static const char shut[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                           "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhqWqTubd+V3wICCAAw\n"
                           "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEChg9munVSKWner4drcA+rMEgZAK\n"
                           "rjOHSpmNGKuKnHUUpDJylmaLTMM4h4BnOmUXX3z96Uq3nOA5O9lZKqBg39hDuNEq\n"
                           "N8GWrJzKVtskp+6wGNy2FrNN66MC8ND0CS+zXwuIr+kwOyetTCygNjJrEFKe/TIt\n"
                           "pz/WwjDRIk/mKDGjT42t4rccAdB8SNc6YRzTwPKXCezudhA4PN+dt6A1LZYcrnY=\n"
                           "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char p256[] = "-----BEGIN EC PRIVATE KEY-----\n"
                           "MHcCAQEEIE2BbTnGYgqHUW1VS9UrocfzYyTzT2+zWVZTnH3o3aJkoAoGCCqGSM49\n"
                           "AwEHoUQDQgAEn+txcbq8MnKaDf42kdek0NzFC7yP5k5M4gKjQ5KqtEFmgzafE710\n"
                           "yyO1AL0i0IGazdepHtfnKMEDlwQUI5rGZg==\n"
                           "-----END EC PRIVATE KEY-----\n";

static struct yq_err err;

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)

static size_t unhex(const char *text, uint8_t *out)
{
    size_t length = 0;
    for (unsigned value; sscanf(text + 2 * length, "%2x", &value) == 1; length++) // NOLINT
        out[length] = (uint8_t)value;
    return length;
}

static bool verifies(const void *key, size_t key_length, const void *signature, size_t length)
{
    return yq_sm2_verify(key, key_length, YQ_SM2_SIGNER_ID, "message digest", 14, signature, length,
                         &err);
}

static void standard(void **state)
{
    (void)state;
    uint8_t raw[64];
    ok(verifies("04" X Y, 130, R S, 128));
    assert_int_equal(unhex(R S, raw), 64);
    ok(verifies("04" X Y, 130, raw, 64));
    assert_false(
        yq_sm2_verify("04" X Y, 130, "1234567812345679", "message digest", 14, R S, 128, &err));
    assert_int_equal(err.code, YQ_REFUSED);
    assert_false(yq_sm2_verify("04" X Y, 130, "", "message digest", 14, R S, 128, &err));
    assert_false(
        yq_sm2_verify("04" X Y, 130, YQ_SM2_SIGNER_ID, "message digesT", 14, R S, 128, &err));
    for (int i = 0; i < 64 * 8; i++) {
        raw[i / 8] = (uint8_t)(raw[i / 8] ^ 1 << i % 8);
        assert_false(verifies("04" X Y, 130, raw, 64));
        assert_int_equal(err.code, YQ_REFUSED);
        raw[i / 8] = (uint8_t)(raw[i / 8] ^ 1 << i % 8);
    }
}

/* S11, /dsvs/v1/pkcs1/verifyDataSign */
static void shanxi(void **state)
{
    (void)state;
    static const char key[] =
        "BGgWZ3WCFwa9CivPXkOhmg63L0mGh+xRHWJiu6MYHl+UfK+AGFTeMjxGQAegT1lA3Qbb5wgxO1OMLUdoP+cWlp4=";
    static const char signature[] =
        "MEUCIQCk5k/prtWmfqTTmOW46pNZO4WBk2GgR/RUehmR6DTTwAIgaosAUqZ9gTm8"
        "cv3hDshpSypV1Q8ud/C5mGXJSBkn8/8=";
    ok(yq_sm2_verify(key, strlen(key), YQ_SM2_SIGNER_ID, "12345678", 8, signature,
                     strlen(signature), &err));
    assert_false(yq_sm2_verify(key, strlen(key), YQ_SM2_SIGNER_ID, "12345679", 8, signature,
                               strlen(signature), &err));
    assert_int_equal(err.code, YQ_REFUSED);
}

/* Signs with it, unless it is public, and verifies with it. */
static void works(const void *key, size_t length, bool private)
{
    struct yq_buf signature = {0};
    ok(verifies(key, length, R S, 128));
    for (int raw = 0; raw < 2; raw++) {
        bool made =
            yq_sm2_sign(key, length, YQ_SM2_SIGNER_ID, "message digest", 14, raw, &signature, &err);
        if (made != private)
            fail_msg("%.30s: %s", (const char *)key, err.text);
        if (!made) {
            assert_int_equal(err.code, YQ_BAD_INPUT);
            continue;
        }
        assert_int_equal(raw ? 64 : signature.bytes[1] + 2, signature.length);
        ok(verifies("04" X Y, 130, signature.bytes, signature.length));
        yq_buf_clear(&signature);
    }
    yq_buf_fini(&signature);
}

/* The DER within a PEM. */
static void of_pem(const char *pem, bool private)
{
    char text[1200];
    size_t length = 0;
    works(pem, strlen(pem), private);
    for (const char *line = pem; line && *line; line = strchr(line, '\n') + 1) {
        size_t end = strcspn(line, "\n");
        if (*line == '-')
            continue;
        memcpy(text + length, line, end + 1); /* with its line end */
        length += end + 1;
    }
    works(text, length, private);
}

static void keys(void **state)
{
    (void)state;
    uint8_t raw[66];
    of_pem(sec1, true);
    of_pem(sec1_ec, true);
    works(sec1_parameters, strlen(sec1_parameters), true);
    of_pem(pkcs8, true);
    of_pem(spki, false);
    of_pem(certificate, false);
    works(D, 64, true);
    works(raw, unhex(D, raw), true);
    works(X Y, 128, false);
    works(raw, unhex(X Y, raw), false);
    works(raw, unhex("04" X Y, raw), false);
    works("03" X, 66, false);
    works(raw, unhex("03" X, raw), false);
    works("OUUgj3shRLE/NuOKxtOflYiTk2koYLUaQvuB7033xbg=", 44, true);
}

static void no_keys(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "A",
        "secret",
        "00",
        "04" X,
        "02" X "00",
        "04" X X,
        "05" X Y,
        "06" X Y,
        X,
        Y "00",
        ORDER,
        "0000000000000000000000000000000000000000000000000000000000000000",
        /* order - 1, for which 1 + d has no inverse; order - 2 is the greatest key */
        "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54122",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ",
        shut,
        p256,
    };
    struct yq_buf out = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (yq_sm2_sign(wrong[i], strlen(wrong[i]), YQ_SM2_SIGNER_ID, "a", 1, true, &out, &err) &&
            strcmp(wrong[i], X) != 0)
            fail_msg("%s is taken", wrong[i]);
        assert_true(strcmp(wrong[i], X) == 0 || err.code == YQ_BAD_INPUT);
    }
    yq_buf_clear(&out);
    ok(yq_sm2_sign("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54121", 64,
                   YQ_SM2_SIGNER_ID, "", 0, true, &out, &err));
    assert_int_equal(out.length, 64);
    yq_buf_fini(&out);
}

static void no_signatures(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "00",
        "=",
        "30",
        R,
        R "00" S,
        "3006020101020101",
        "30060201010201010",
        /* DER that the encoding rules do not have: zeroes in front, negative, long form, more
           behind */
        "3047022200"
        "00" R "022100" S,
        "30440220" R "0220" S,
        "308146022100" R "022100" S,
        "3046022100" R "022100" S "00",
        "3045022100" R "022100" S,
        "3080022100" R "022100" S "0000",
        ORDER S,
        R ORDER,
        "0000000000000000000000000000000000000000000000000000000000000000" S,
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t bytes[100];
        if (verifies("04" X Y, 130, wrong[i], strlen(wrong[i])) ||
            verifies("04" X Y, 130, bytes, unhex(wrong[i], bytes)))
            fail_msg("%s is taken", wrong[i]);
        assert_int_equal(err.code, YQ_REFUSED);
        assert_string_equal(err.text, "the signature does not verify");
    }
    ok(verifies("04" X Y, 130, "3046022100" R "022100" S, 144));
    uint8_t der[80];
    ok(verifies("04" X Y, 130, der, unhex("3046022100" R "022100" S, der)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard), cmocka_unit_test(shanxi),        cmocka_unit_test(keys),
        cmocka_unit_test(no_keys),  cmocka_unit_test(no_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

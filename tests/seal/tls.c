/* Whose certificate it is: by fingerprint, by name, by subject; and files that are none. Handshakes
 * are in tests/cases/test_tls.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "yq/tls.h"

#define PRINT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void certificates_are_known_by_what_they_say(void **state)
{
    const struct yq_tls_peer peer = {
        .fingerprint = PRINT, .subject = "CN=ct1,O=Hospital", .names = "ct1 ct1.hospital.lan "};
    (void)state;
    assert_true(yq_tls_is(&peer, PRINT));
    assert_true(yq_tls_is(&peer, "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
                                 "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"));
    assert_true(yq_tls_is(&peer, "ct1"));
    assert_true(yq_tls_is(&peer, "CT1.Hospital.LAN"));
    assert_true(yq_tls_is(&peer, "CN=ct1,O=Hospital"));
    assert_false(yq_tls_is(&peer, ""));
    assert_false(yq_tls_is(&peer, "ct"));
    assert_false(yq_tls_is(&peer, "ct1 ct1.hospital.lan"));
    assert_false(yq_tls_is(&peer, "hospital.lan"));
    assert_false(yq_tls_is(&peer, "CN=ct1"));
    assert_false(
        yq_tls_is(&peer, "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
}

static void who_showed_none_is_nobody(void **state)
{
    const struct yq_tls_peer peer = {.subject = "", .names = ""};
    (void)state;
    assert_false(yq_tls_is(&peer, ""));
    assert_false(yq_tls_is(&peer, "ct1"));
    assert_false(yq_tls_is(&peer, PRINT));
}

static void fingerprints_have_64_digits(void **state)
{
    (void)state;
    assert_true(yq_tls_is_fingerprint(PRINT));
    assert_false(yq_tls_is_fingerprint(PRINT "0"));
    assert_false(yq_tls_is_fingerprint(&PRINT[1]));
    assert_false(yq_tls_is_fingerprint("ct1.hospital.lan"));
    assert_false(yq_tls_is_fingerprint(""));
}

static void a_box_without_a_certificate_has_nothing_to_hold(void **state)
{
    struct yq_tls_box *box = yq_tls_box_new();
    struct yq_tls_plan plan = {.certificate = "/nowhere/node.pem", .key = "/nowhere/node.key"};
    struct yq_err err = {0};
    bool changed;
    (void)state;
    assert_non_null(box);
    assert_null(yq_tls_box_hold(box));
    assert_false(yq_tls_box_look(box, &plan, YQ_TLS_CLIENTS_NONE, &changed, &err));
    assert_false(changed);
    assert_non_null(strstr(err.text, "/nowhere/node.pem"));
    assert_true(yq_tls_box_look(box, &plan, YQ_TLS_CLIENTS_NONE, &changed, &err)); /* told once */
    assert_null(yq_tls_box_hold(box));
    yq_tls_box_free(box);
    yq_tls_box_free(NULL);
    yq_tls_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_known_by_what_they_say),
        cmocka_unit_test(who_showed_none_is_nobody),
        cmocka_unit_test(fingerprints_have_64_digits),
        cmocka_unit_test(a_box_without_a_certificate_has_nothing_to_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Signatures, stamps and certificates, against OpenSSL's command line and the samples of Shanxi's
 * document. Keys are made here and die with the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#include "shanxi_samples.h"
#include "yq/signature.h"

static char dir[64];
static struct yq_err err;

#define ok(expression)                                                                             \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)
#define refused(expression, with)                                                                  \
    do {                                                                                           \
        err.text[0] = '\0';                                                                        \
        assert_false(expression);                                                                  \
        if (err.code != (with))                                                                    \
            fail_msg("%s: %s", #expression, err.text);                                             \
    } while (0)

/* In the folder; quiet. */
static void shell(const char *format, ...)
{
    char command[2048], whole[2200];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(whole, sizeof whole, "cd %s && ( %s ) >log 2>&1 || { cat log; false; }", dir, command);
    if (system(whole) != 0) /* NOLINT(cert-env33-c): our own commands in a folder of the test */
        fail_msg("%s", command);
}

static struct yq_buf file(const char *name)
{
    struct yq_buf out = {0};
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *from = fopen(path, "rb");
    assert_non_null(from);
    uint8_t piece[4096];
    for (size_t got; (got = fread(piece, 1, sizeof piece, from)) > 0;)
        yq_buf_put(&out, piece, got);
    fclose(from);
    return out;
}

static void write_file(const char *name, const void *bytes, size_t length)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    assert_int_equal(fwrite(bytes, 1, length, to), length);
    fclose(to);
}

static const char extensions[] =
    "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n"
    "[leaf]\nkeyUsage=digitalSignature,nonRepudiation\nsubjectKeyIdentifier=hash\n"
    "[tsa]\nkeyUsage=digitalSignature\nextendedKeyUsage=critical,timeStamping\n"
    "[crypt]\nkeyUsage=keyEncipherment\n";

static void make_chain(const char *kind, const char *make_key, const char *digest, const char *id)
{
    static const char *const leaves[] = {"leaf", "tsa", "crypt"};
    shell("%s -out %s-ca.key && openssl req -new -x509 -days 3650 -subj '/C=CN/O=测试 CA/CN=%s' "
          "-utf8 -key %s-ca.key -out %s-ca.pem -%s %s -extensions ca -config x.cnf",
          make_key, kind, kind, kind, kind, digest, id);
    for (size_t i = 0; i < 3; i++) {
        const char *leaf = leaves[i];
        char more[64] = "", check[64] = "";
        if (*id) {
            snprintf(more, sizeof more, "-sigopt distid:1234567812345678");
            snprintf(check, sizeof check, "-vfyopt distid:1234567812345678");
        }
        shell("%s -out %s-%s.key && openssl req -new -utf8 -subj '/C=CN/O=医院/CN=%s' -key "
              "%s-%s.key -out a.csr -%s %s -config x.cnf && openssl x509 -req -in a.csr -days 365 "
              "-CA %s-ca.pem -CAkey %s-ca.key -CAcreateserial -out %s-%s.pem -%s %s %s "
              "-extfile x.cnf -extensions %s",
              make_key, kind, leaf, leaf, kind, leaf, digest, more, kind, kind, kind, leaf, digest,
              more, check, leaf);
    }
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/yq-signature-XXXXXX");
    assert_non_null(mkdtemp(dir));
    char whole[1024];
    int length =
        snprintf(whole, sizeof whole, "[req]\ndistinguished_name=dn\n[dn]\n%s", extensions);
    write_file("x.cnf", whole, (size_t)length);
    make_chain("sm2", "openssl ecparam -genkey -name SM2", "sm3",
               "-sigopt distid:1234567812345678");
    make_chain("rsa", "openssl genrsa 2048 | openssl rsa", "sha256", "");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    shell("rm -f -- *");
    return rmdir(dir);
}

struct party { /* whose key, and who trusts it */
    struct yq_buf key, certificate, ca;
    struct yq_anchors *anchors;
    struct yq_trust trust;
};
static struct party party(const char *kind, const char *leaf)
{
    struct party made = {0};
    char name[64];
    snprintf(name, sizeof name, "%s-%s.key", kind, leaf);
    made.key = file(name);
    snprintf(name, sizeof name, "%s-%s.pem", kind, leaf);
    made.certificate = file(name);
    snprintf(name, sizeof name, "%s-ca.pem", kind);
    made.ca = file(name);
    ok(yq_anchors_read(made.ca.bytes, made.ca.length, &made.anchors, &err));
    made.trust.anchors = made.anchors;
    return made;
}
static void over(struct party *party)
{
    yq_anchors_free(party->anchors);
    yq_buf_fini(&party->key);
    yq_buf_fini(&party->certificate);
    yq_buf_fini(&party->ca);
}

static struct yq_buf sign(const struct party *by, bool attached, bool attributes, const char *text)
{
    struct yq_buf out = {0};
    const struct yq_pkcs7_how how = {.key = by->key.bytes,
                                     .key_length = by->key.length,
                                     .certificate = by->certificate.bytes,
                                     .certificate_length = by->certificate.length,
                                     .attached = attached,
                                     .attributes = attributes,
                                     .at_ms = (int64_t)time(NULL) * 1000};
    ok(yq_pkcs7_sign(&how, text, strlen(text), &out, &err));
    return out;
}

static bool verify(const struct yq_buf *signature, const char *text, const struct yq_trust *trust,
                   struct yq_signer *signer)
{
    const struct yq_pkcs7 what = {.signature = signature->bytes,
                                  .signature_length = signature->length,
                                  .text = text,
                                  .length = text ? strlen(text) : 0};
    return yq_pkcs7_verify(&what, trust, signer, &err);
}

static void each_form_is_made_and_checked(void **state)
{
    static const char *const kinds[] = {"sm2", "rsa"};
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct yq_signer signer;
        struct party by = party(kinds[i / 4], "leaf");
        bool attached = i & 1, attributes = i & 2;
        struct yq_buf made = sign(&by, attached, attributes, "两肺纹理清晰");
        ok(verify(&made, attached && attributes ? NULL : "两肺纹理清晰", &by.trust, &signer));
        assert_string_equal(signer.doubt, "");
        assert_true(signer.trusted);
        assert_string_equal(signer.algorithm, i < 4 ? "SM3withSM2" : "SHA256withRSA");
        assert_string_equal(signer.subject, "CN=leaf,O=医院,C=CN");
        assert_int_equal(signer.signed_ms != 0, attributes);
        refused(verify(&made, "两肺纹理不清", &by.trust, &signer), YQ_REFUSED);
        if (!attached)
            refused(verify(&made, NULL, &by.trust, &signer), YQ_BAD_INPUT);
        made.bytes[made.length - 5] ^= 1; /* in the signature's value */
        refused(verify(&made, "两肺纹理清晰", &by.trust, &signer), YQ_REFUSED);
        yq_buf_fini(&made);
        over(&by);
    }
}

static void openssl_reads_what_we_sign_and_we_what_it_does(void **state)
{
    struct party rsa = party("rsa", "leaf");
    struct yq_signer signer;
    (void)state;
    struct yq_buf made = sign(&rsa, false, true, "report");
    write_file("ours.der", made.bytes, made.length);
    write_file("text", "report", 6);
    shell("openssl cms -verify -binary -inform DER -in ours.der -content text -CAfile rsa-ca.pem");
    shell("openssl smime -verify -binary -inform DER -in ours.der -content text -CAfile "
          "rsa-ca.pem");
    yq_buf_fini(&made);
    shell("openssl cms -sign -binary -outform DER -in text -out cms.der -signer rsa-leaf.pem "
          "-inkey rsa-leaf.key -md sha512 && openssl cms -sign -binary -nodetach -keyid -noattr "
          "-outform PEM -in text -out cms.pem -signer rsa-leaf.pem -inkey rsa-leaf.key && "
          "openssl cms -sign -binary -outform DER -in text -out pss.der -signer rsa-leaf.pem "
          "-inkey rsa-leaf.key -keyopt rsa_padding_mode:pss && openssl smime -sign -binary "
          "-outform DER -nodetach -in text -out smime.der -signer rsa-leaf.pem -inkey "
          "rsa-leaf.key");
    static const char *const names[] = {"cms.der", "cms.pem", "pss.der", "smime.der"};
    for (size_t i = 0; i < 4; i++) {
        struct yq_buf theirs = file(names[i]);
        ok(verify(&theirs, "report", &rsa.trust, &signer));
        assert_string_equal(signer.doubt, "");
        refused(verify(&theirs, "Report", &rsa.trust, &signer), YQ_REFUSED);
        yq_buf_fini(&theirs);
    }
    over(&rsa);
}

/* OpenSSL has no CMS with SM2; but its pkeyutl checks the value, and asn1parse the form. */
static void sm2_is_what_openssl_says_it_is(void **state)
{
    struct party sm2 = party("sm2", "leaf");
    struct yq_signer signer;
    (void)state;
    struct yq_buf made = sign(&sm2, true, false, "12345678");
    write_file("gm.der", made.bytes, made.length);
    write_file("text", "12345678", 8);
    yq_buf_fini(&made);
    shell("openssl asn1parse -inform DER -in gm.der >tree && "
          "grep -q 'OBJECT *:1.2.156.10197.6.1.4.2.2$' tree && "
          "grep -q 'OBJECT *:1.2.156.10197.6.1.4.2.1$' tree && "
          "openssl asn1parse -inform DER -in gm.der -noout -out value -strparse "
          "$(tail -n 1 tree | cut -d : -f 1) && "
          "openssl x509 -in sm2-leaf.pem -noout -pubkey >pub && openssl pkeyutl -verify -pubin "
          "-inkey pub -in text -sigfile value -rawin -digest sm3 -pkeyopt "
          "distid:1234567812345678");
    shell("openssl pkeyutl -sign -inkey sm2-leaf.key -in text -out value -rawin -digest sm3 "
          "-pkeyopt distid:1234567812345678 && openssl base64 -in value -out value.b64");
    struct yq_buf value = file("value.b64");
    struct yq_pkcs1 what = {.algorithm = "SM3WithSM2",
                            .certificate = sm2.certificate.bytes,
                            .certificate_length = sm2.certificate.length,
                            .signature = yq_buf_text(&value)};
    ok(yq_pkcs1_verify(&what, "12345678", 8, &sm2.trust, &signer, &err));
    assert_string_equal(signer.doubt, "");
    assert_true(signer.trusted);
    refused(yq_pkcs1_verify(&what, "12345679", 8, &sm2.trust, &signer, &err), YQ_REFUSED);
    what.algorithm = "SHA256withRSA";
    refused(yq_pkcs1_verify(&what, "12345678", 8, &sm2.trust, &signer, &err), YQ_BAD_INPUT);
    what.signature = "nonsense!";
    refused(yq_pkcs1_verify(&what, "12345678", 8, &sm2.trust, &signer, &err), YQ_BAD_INPUT);
    yq_buf_fini(&value);
    over(&sm2);
}

/* ---- whom to believe ---- */

static void trust_has_its_reasons(void **state)
{
    struct party sm2 = party("sm2", "leaf"), rsa = party("rsa", "leaf");
    struct party crypt = party("sm2", "crypt");
    struct yq_signer signer;
    (void)state;
    struct yq_buf made = sign(&sm2, false, true, "x");
    ok(verify(&made, "x", NULL, &signer));
    assert_false(signer.trusted);
    assert_non_null(strstr(signer.doubt, "anchors"));
    ok(verify(&made, "x", &rsa.trust, &signer)); /* another CA */
    assert_false(signer.trusted);
    assert_non_null(strstr(signer.doubt, "leads to none"));
    sm2.trust.at_ms = (int64_t)(time(NULL) + 400 * 86400) * 1000;
    ok(verify(&made, "x", &sm2.trust, &signer));
    assert_false(signer.trusted);
    assert_non_null(strstr(signer.doubt, "expired"));
    sm2.trust.at_ms = (int64_t)(time(NULL) - 86400) * 1000;
    ok(yq_certificate_read(sm2.certificate.bytes, sm2.certificate.length, &sm2.trust, &signer,
                           &err));
    assert_false(signer.trusted);
    assert_non_null(strstr(signer.doubt, "not valid yet"));
    yq_buf_fini(&made);
    made = sign(&crypt, false, true, "x");
    ok(verify(&made, "x", &crypt.trust, &signer));
    assert_false(signer.trusted);
    assert_non_null(strstr(signer.doubt, "key usage"));
    yq_buf_fini(&made);
    over(&crypt);
    over(&rsa);
    over(&sm2);
}

static void anchors_are_many_or_none(void **state)
{
    struct yq_anchors *anchors;
    struct yq_signer signer;
    (void)state;
    shell("cat rsa-ca.pem sm2-ca.pem >both.pem && openssl x509 -in sm2-ca.pem -outform DER -out "
          "one.der && openssl x509 -in rsa-ca.pem -outform DER >two.der && cat two.der >>one.der");
    static const char *const names[] = {"both.pem", "one.der"};
    for (size_t i = 0; i < 2; i++) {
        struct yq_buf both = file(names[i]), leaf = file("sm2-leaf.pem");
        ok(yq_anchors_read(both.bytes, both.length, &anchors, &err));
        const struct yq_trust trust = {.anchors = anchors};
        ok(yq_certificate_read(leaf.bytes, leaf.length, &trust, &signer, &err));
        assert_true(signer.trusted);
        yq_anchors_free(anchors);
        refused(yq_anchors_read(both.bytes, both.length - 90, &anchors, &err), YQ_BAD_INPUT);
        yq_buf_fini(&both);
        yq_buf_fini(&leaf);
    }
    refused(yq_anchors_read("", 0, &anchors, &err), YQ_BAD_INPUT);
    refused(yq_anchors_read("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", 58,
                            &anchors, &err),
            YQ_BAD_INPUT);
}

/* ---- stamps ---- */

static struct yq_buf stamp(const struct party *by, bool with_certificate, const char *text)
{
    struct yq_buf out = {0};
    const struct yq_stamp_how how = {.key = by->key.bytes,
                                     .key_length = by->key.length,
                                     .certificate = by->certificate.bytes,
                                     .certificate_length = by->certificate.length,
                                     .policy = "1.2.3.4",
                                     .at_ms = (int64_t)time(NULL) * 1000,
                                     .serial = 4711,
                                     .with_certificate = with_certificate};
    ok(yq_stamp_make(&how, text, strlen(text), &out, &err));
    return out;
}

static void stamps_are_made_and_checked(void **state)
{
    static const char *const kinds[] = {"sm2", "rsa"};
    struct yq_stamp said;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct party by = party(kinds[i], "tsa"), leaf = party(kinds[i], "leaf");
        struct yq_buf made = stamp(&by, true, "test");
        ok(yq_stamp_verify(made.bytes, made.length, "test", 4, &by.trust, &said, &err));
        assert_string_equal(said.signer.doubt, "");
        assert_true(said.signer.trusted);
        assert_string_equal(said.digest, i ? "sha256" : "sm3");
        assert_string_equal(said.policy, "1.2.3.4");
        assert_string_equal(said.serial, "1267");
        assert_true(said.at_ms > 0);
        ok(yq_stamp_verify(made.bytes, made.length, NULL, 0, NULL, &said, &err));
        refused(yq_stamp_verify(made.bytes, made.length, "Test", 4, NULL, &said, &err), YQ_REFUSED);
        assert_non_null(strstr(err.text, "another text"));
        made.bytes[made.length - 5] ^= 1;
        refused(yq_stamp_verify(made.bytes, made.length, "test", 4, NULL, &said, &err), YQ_REFUSED);
        yq_buf_fini(&made);
        made = stamp(&leaf, true, "test"); /* not a certificate for stamps */
        ok(yq_stamp_verify(made.bytes, made.length, "test", 4, &by.trust, &said, &err));
        assert_false(said.signer.trusted);
        assert_non_null(strstr(said.signer.doubt, "time stamps"));
        yq_buf_fini(&made);
        made = stamp(&by, false, "test"); /* without certificate */
        refused(yq_stamp_verify(made.bytes, made.length, "test", 4, &by.trust, &said, &err),
                YQ_REFUSED);
        struct yq_anchors *anchors;
        ok(yq_anchors_read(by.certificate.bytes, by.certificate.length, &anchors, &err));
        const struct yq_trust trust = {.anchors = anchors};
        ok(yq_stamp_verify(made.bytes, made.length, "test", 4, &trust, &said, &err));
        assert_true(said.signer.trusted);
        yq_anchors_free(anchors);
        yq_buf_fini(&made);
        over(&leaf);
        over(&by);
    }
}

static void openssl_stamps_and_checks_stamps(void **state)
{
    static const char cnf[] =
        "[tsa]\ndefault_tsa=a\n[a]\nserial=serial\ncrypto_device=builtin\nsigner_cert=rsa-tsa.pem\n"
        "certs=rsa-ca.pem\nsigner_key=rsa-tsa.key\nsigner_digest=sha256\ndefault_policy=1.2.3\n"
        "digests=sha256\naccuracy=secs:1\nordering=yes\ntsa_name=yes\ness_cert_id_chain=no\n"
        "ess_cert_id_alg=sha1\n";
    struct party rsa = party("rsa", "tsa");
    struct yq_stamp said;
    (void)state;
    write_file("ts.cnf", cnf, sizeof cnf - 1);
    write_file("text", "test", 4);
    shell("openssl ts -query -data text -sha256 -cert -out q && openssl ts -reply -config ts.cnf "
          "-queryfile q -out r && openssl ts -reply -config ts.cnf -queryfile q -token_out -out t");
    static const char *const names[] = {"r", "t"};
    for (size_t i = 0; i < 2; i++) {
        struct yq_buf theirs = file(names[i]);
        ok(yq_stamp_verify(theirs.bytes, theirs.length, "test", 4, &rsa.trust, &said, &err));
        assert_true(said.signer.trusted);
        yq_buf_fini(&theirs);
    }
    struct yq_buf made = stamp(&rsa, true, "test");
    write_file("ours", made.bytes, made.length);
    shell("openssl ts -verify -data text -in ours -token_in -CAfile rsa-ca.pem");
    yq_buf_fini(&made);
    const char text[] = "MAUwAwIBAg=="; /* a refusal is no stamp: status 2 */
    refused(yq_stamp_verify(text, strlen(text), "test", 4, NULL, &said, &err), YQ_REFUSED);
    over(&rsa);
}

/* ---- PDFs that are not as they should be (good ones: tests/cases/test_signature.py) ---- */

static void pdfs_that_are_none_or_too_much(void **state)
{
    static const char seal[] =
        "1 0 obj\n<</Type/Sig /ByteRange [0 1 2 3] /Contents <00>>>\nendobj\n";
    struct yq_buf pdf = {0};
    struct yq_pdf_seal *seals;
    size_t count;
    (void)state;
    refused(yq_pdf_seals("", 0, NULL, &seals, &count, &err), YQ_BAD_INPUT);
    refused(yq_pdf_seals("no PDF at all", 13, NULL, &seals, &count, &err), YQ_BAD_INPUT);
    yq_buf_puts(&pdf, "%PDF-1.4\n");
    for (int i = 0; i < YQ_PDF_SEALS_MOST; i++)
        yq_buf_puts(&pdf, seal);
    ok(yq_pdf_seals(pdf.bytes, pdf.length, NULL, &seals, &count, &err));
    assert_int_equal(count, YQ_PDF_SEALS_MOST);
    for (size_t i = 0; i < count; i++)
        assert_true(!seals[i].verifies && !seals[i].whole && *seals[i].doubt);
    free(seals);
    yq_buf_puts(&pdf, seal);
    refused(yq_pdf_seals(pdf.bytes, pdf.length, NULL, &seals, &count, &err), YQ_FULL);
    assert_null(seals);
    /* each place makes the search go to the end of the file: an end is made of that */
    yq_buf_clear(&pdf);
    yq_buf_puts(&pdf, "%PDF-1.4\n");
    for (int i = 0; i < 40000; i++)
        yq_buf_puts(&pdf, "1 0 obj\n<< /A ( /ByteRange ");
    refused(yq_pdf_seals(pdf.bytes, pdf.length, NULL, &seals, &count, &err), YQ_FULL);
    yq_buf_fini(&pdf);
}

/* ---- the document's samples ---- */

/* S11, PKCS#1: two characters repaired. */
static void s11_pkcs1(void **state)
{
    static const char key[] =
        "BGgWZ3WCFwa9CivPXkOhmg63L0mGh+xRHWJiu6MYHl+UfK+AGFTeMjxGQAegT1lA3Qbb5wgxO1OMLUdoP+cWlp4=";
    struct yq_signer signer;
    (void)state;
    struct yq_pkcs1 what = {.algorithm = "SM3WithSM2",
                            .certificate = key,
                            .certificate_length = sizeof key - 1,
                            .signature = "MEUCIQCk5k/prtWmfqTTmOW46pNZO4WBk2GgR/RUehmR6DTT\n"
                                         "wAIgaosAUqZ9gTm8cv3hDshpSypV1Q8ud/C5mGXJSBkn8/8="};
    ok(yq_pkcs1_verify(&what, "12345678", 8, NULL, &signer, &err));
    assert_string_equal(signer.algorithm, "SM3withSM2");
    assert_false(signer.trusted);
    refused(yq_pkcs1_verify(&what, "12345677", 8, NULL, &signer, &err), YQ_REFUSED);
}

/* S11, PKCS#7: its text is "123", not the "12345678" of the request beside it. */
static void s11_pkcs7(void **state)
{
    struct yq_signer signer;
    struct yq_pkcs7 what = {.signature = s11, .signature_length = sizeof s11 - 1};
    (void)state;
    ok(yq_pkcs7_verify(&what, NULL, &signer, &err));
    assert_string_equal(signer.algorithm, "SM3withSM2");
    assert_string_equal(signer.subject, "C=AL,CN=cai,dnQualifier=zhenwei");
    assert_string_equal(signer.serial, "2B6064390649BBC62A7705D65E");
    what.text = "123";
    what.length = 3;
    ok(yq_pkcs7_verify(&what, NULL, &signer, &err));
    what.text = "12345678";
    what.length = 8;
    refused(yq_pkcs7_verify(&what, NULL, &signer, &err), YQ_REFUSED);
}

/* S10, S11: the stamps hold but for the digest of a certificate that the scan has damaged. */
static void s10_s11_stamps(void **state)
{
    const struct {
        const char *token;
        size_t length;
        int64_t at_ms;
    } samples[] = {{stamp_made, sizeof stamp_made - 1, 1628498675000},
                   {stamp_checked, sizeof stamp_checked - 1, 1625130200000}};
    struct yq_stamp said;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        refused(yq_stamp_verify(samples[i].token, samples[i].length, "test", 4, NULL, &said, &err),
                YQ_REFUSED);
        assert_non_null(
            strstr(err.text, "names another certificate")); /* the last thing looked at */
        assert_int_equal(said.at_ms, samples[i].at_ms);
        assert_string_equal(said.digest, "sha256");
        assert_string_equal(said.policy, "1.2");
        assert_string_equal(said.signer.serial, "1B4000000000000DD1D0");
        assert_string_equal(said.signer.subject, "CN=rsa1024,OU=111111,O=BJCA,C=CN");
        refused(yq_stamp_verify(samples[i].token, samples[i].length, "Test", 4, NULL, &said, &err),
                YQ_REFUSED);
        assert_non_null(strstr(err.text, "another text"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_made_and_checked),
        cmocka_unit_test(openssl_reads_what_we_sign_and_we_what_it_does),
        cmocka_unit_test(sm2_is_what_openssl_says_it_is),
        cmocka_unit_test(trust_has_its_reasons),
        cmocka_unit_test(anchors_are_many_or_none),
        cmocka_unit_test(stamps_are_made_and_checked),
        cmocka_unit_test(openssl_stamps_and_checks_stamps),
        cmocka_unit_test(pdfs_that_are_none_or_too_much),
        cmocka_unit_test(s11_pkcs1),
        cmocka_unit_test(s11_pkcs7),
        cmocka_unit_test(s10_s11_stamps),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* tls_words.c: what OpenSSL says went wrong, in words that tell an IT person where to look. What is
 * not in the tables is told in OpenSSL's own. Pure but for OpenSSL's queue of errors, which is the
 * thread's own. */
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "inside.h"

static const struct {
    int reason;
    const char *words;
} words[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "the peer speaks no TLS on this port"},
    {SSL_R_HTTP_REQUEST, "the peer speaks HTTP, not TLS"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "the peer speaks no TLS on this port"},
    {SSL_R_RECORD_LENGTH_MISMATCH, "the peer speaks no TLS on this port"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer speaks TLS 1.1 or older only; 1.2 is the least"},
    {SSL_R_VERSION_TOO_LOW, "the peer speaks TLS 1.1 or older only; 1.2 is the least"},
    {SSL_R_NO_SHARED_CIPHER,
     "no cipher suite in common: dicom.tls_profile=bcp195 takes more of them than bcp195-nd"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
     "the peer shows no certificate, and dicom.tls_clients=require wants one"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
     "the peer demands a certificate of this node: set dicom.tls_certificate and dicom.tls_key"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the peer does not trust our certificate (its issuer is not "
                                   "among the CAs of the peer)"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the peer does not accept our certificate"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "the peer does not accept our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the peer does not accept our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "the peer says that our certificate is revoked"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the peer says that our certificate has expired"},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR, "the peer does not accept our certificate"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the peer refuses our TLS versions (1.2 and 1.3)"},
    {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, "the peer refuses our cipher suites"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "the peer refused the handshake: no cipher suite in common, or it demands a certificate of "
     "this node (dicom.tls_certificate, dicom.tls_key)"},
};

static const char *words_for(unsigned long code)
{
    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        return NULL;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].reason == ERR_GET_REASON(code))
            return words[i].words;
    return NULL;
}

const char *tls_reason(char *text, size_t size)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = words_for(code);
    if (!reason)
        reason = ERR_reason_error_string(code);
    snprintf(text, size, "%s", reason ? reason : "unknown reason");
    ERR_clear_error();
    return text;
}

/* A certificate that we do not accept. */
static void explain_distrust(struct yq_tls *tls, long result)
{
    const char *whose = tls->server ? "certificate of the caller" : "certificate of the peer";
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(tls->why, sizeof tls->why, "the %s, or of one of its CAs, has expired", whose);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(tls->why, sizeof tls->why,
                 "the %s is not valid yet: compare the clocks of both machines", whose);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(tls->why, sizeof tls->why,
                 "the %s is for another host name: give the name it is for as \"host\", or as "
                 "\"tls_peer\"",
                 whose);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        snprintf(tls->why, sizeof tls->why,
                 "the %s is not trusted: add its CA to the file that %s names", whose,
                 tls->server ? "dicom.tls_ca" : "tls_ca");
        break;
    default:
        snprintf(tls->why, sizeof tls->why, "the %s is not accepted: %.100s", whose,
                 X509_verify_cert_error_string(result));
    }
}

/* The connection ended, or was cut, where it should have gone on. */
static void explain_end(struct yq_tls *tls, int error_number)
{
    if (!tls->greeted)
        snprintf(tls->why, sizeof tls->why,
                 tls->server ? "the caller ended the connection within the TLS handshake; it "
                               "probably does not accept our certificate"
                             : "the peer ended the connection within the TLS handshake; it "
                               "probably speaks no TLS on this port");
    else if (!tls->heard && !tls->server)
        snprintf(tls->why, sizeof tls->why,
                 "the peer ended the connection right after the TLS handshake: it probably demands "
                 "a certificate of this node, or does not accept the one it has");
    else if (error_number)
        snprintf(tls->why, sizeof tls->why, "the connection was lost: %s", strerror(error_number));
    else
        snprintf(tls->why, sizeof tls->why, "the peer closed the connection");
}

void tls_explain(struct yq_tls *tls, int result, int error_number)
{
    unsigned long code = ERR_peek_last_error();
    long verified = SSL_get_verify_result(tls->ssl);
    const char *known = words_for(code);
    char reason[120];
    if (result != SSL_ERROR_SSL || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        explain_end(tls, error_number);
    else if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
        explain_distrust(tls, verified);
    else if (known)
        snprintf(tls->why, sizeof tls->why, "%s", known);
    else
        snprintf(tls->why, sizeof tls->why, "TLS failed: %s", tls_reason(reason, sizeof reason));
    ERR_clear_error();
}

#include "core/tls/tls_error.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>

void
pop_tls_error_clear(void)
{
    ERR_clear_error();
}

enum pop_status
pop_tls_error_take(struct pop_error *error)
{
    unsigned long code;

    error->tls = 0;
    while ((code = ERR_get_error()) != 0) {
        if (error->tls == 0 || ERR_GET_LIB(code) != ERR_LIB_SYS) {
            error->tls = code;
        }
    }
    if (ERR_GET_REASON(error->tls) == ERR_R_MALLOC_FAILURE) {
        return POP_NO_MEMORY;
    }
    return POP_TLS;
}

const char *
pop_tls_error_library(unsigned long code)
{
    static const struct {
        int library;
        const char *name;
    } libraries[] = {
        {ERR_LIB_SSL, "SSL"},   {ERR_LIB_X509, "X509"},
        {ERR_LIB_PEM, "PEM"},   {ERR_LIB_ASN1, "ASN1"},
        {ERR_LIB_SYS, "SYS"},   {ERR_LIB_X509V3, "X509V3"},
        {ERR_LIB_EVP, "EVP"},   {ERR_LIB_RSA, "RSA"},
        {ERR_LIB_EC, "EC"},     {ERR_LIB_CRYPTO, "CRYPTO"},
        {ERR_LIB_BIO, "BIO"},   {ERR_LIB_PKCS12, "PKCS12"},
        {ERR_LIB_CONF, "CONF"}, {ERR_LIB_ENGINE, "ENGINE"},
    };
    size_t i;

    for (i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        if (libraries[i].library == ERR_GET_LIB(code)) {
            return libraries[i].name;
        }
    }
    return NULL;
}

const char *
pop_tls_error_reason(unsigned long code)
{
    return ERR_reason_error_string(code);
}

/* Names that are not the words in capitals: OpenSSL 3.2 has reworded these
   alerts (RFC 8446, section 6). */
static const char *
alert_name(unsigned long code)
{
    if (ERR_GET_LIB(code) != ERR_LIB_SSL) {
        return NULL;
    }
    switch (ERR_GET_REASON(code)) {
    case SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE:
        return "SSLV3_ALERT_UNEXPECTED_MESSAGE";
    case SSL_R_SSLV3_ALERT_BAD_RECORD_MAC:
        return "SSLV3_ALERT_BAD_RECORD_MAC";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "SSLV3_ALERT_HANDSHAKE_FAILURE";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        return "SSLV3_ALERT_BAD_CERTIFICATE";
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        return "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        return "SSLV3_ALERT_CERTIFICATE_REVOKED";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "SSLV3_ALERT_CERTIFICATE_EXPIRED";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        return "SSLV3_ALERT_CERTIFICATE_UNKNOWN";
    case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:
        return "SSLV3_ALERT_ILLEGAL_PARAMETER";
    default:
        return NULL;
    }
}

/* "internal error" and the like, which the ssl module has no names for. */
static bool
is_common(unsigned long code)
{
#ifdef ERR_RFLAG_COMMON
    return ERR_COMMON_ERROR(code);
#else
    return ERR_GET_REASON(code) < 100;
#endif
}

void
pop_tls_error_name(unsigned long code, char *name, size_t size)
{
    const char *known = alert_name(code);
    const char *words = known == NULL ? pop_tls_error_reason(code) : known;
    char *c;

    if (is_common(code)) {
        words = NULL;
    }
    (void)snprintf(name, size, "%s", words == NULL ? "" : words);
    for (c = name; *c != '\0'; c++) {
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c)
                                        : '_';
    }
}

#include "core/tls/tls_verify.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* --- the names of a certificate ----------------------------------------- */

static void
add_name(struct pop_tls_names *names, const char *name)
{
    size_t used = strlen(names->text);

    (void)snprintf(names->text + used, sizeof(names->text) - used, "%s%s",
                   used == 0 ? "" : ", ", name);
}

/* Whether the text could stand in a message: a server's names may hold
   anything. */
static bool
is_printable(const unsigned char *text, int length)
{
    int i;

    for (i = 0; i < length; i++) {
        if (text[i] <= 0x20 || text[i] >= 0x7f) {
            return false;
        }
    }
    return length > 0;
}

static void
add_dns_name(struct pop_tls_names *names, const ASN1_IA5STRING *value)
{
    const unsigned char *text = ASN1_STRING_get0_data(value);
    int length = ASN1_STRING_length(value);
    char name[128];

    if (is_printable(text, length)) {
        (void)snprintf(name, sizeof(name), "%.*s", length, (const char *)text);
        add_name(names, name);
    }
}

static void
add_address(struct pop_tls_names *names, const ASN1_OCTET_STRING *value)
{
    const unsigned char *octets = ASN1_STRING_get0_data(value);
    int length = ASN1_STRING_length(value);
    int family = length == 4 ? AF_INET : AF_INET6;
    char text[INET6_ADDRSTRLEN];

    if ((length == 4 || length == 16) &&
        inet_ntop(family, octets, text, sizeof(text)) != NULL) {
        add_name(names, text);
    }
}

static void
note_names(struct pop_tls_names *names, const X509 *certificate)
{
    GENERAL_NAMES *found;
    int i;

    found = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (i = 0; i < sk_GENERAL_NAME_num(found); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(found, i);

        if (name->type == GEN_DNS) {
            add_dns_name(names, name->d.dNSName);
        }
        else if (name->type == GEN_IPADD) {
            add_address(names, name->d.iPAddress);
        }
    }
    GENERAL_NAMES_free(found);
}

/* --- during the handshake ----------------------------------------------- */

static bool
is_about_the_host(int code)
{
    return code == X509_V_ERR_HOSTNAME_MISMATCH ||
           code == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

/* Changes no verdict. */
static int
watch(int ok, X509_STORE_CTX *context)
{
    int code = X509_STORE_CTX_get_error(context);

    if (!ok && is_about_the_host(code)) {
        SSL *ssl = X509_STORE_CTX_get_ex_data(
            context, SSL_get_ex_data_X509_STORE_CTX_idx());

        note_names(SSL_get_app_data(ssl),
                   X509_STORE_CTX_get_current_cert(context));
    }
    return ok;
}

void
pop_tls_verify_watch(struct ssl_st *ssl, struct pop_tls_names *names)
{
    names->text[0] = '\0';
    SSL_set_app_data(ssl, names);
    SSL_set_verify(ssl, SSL_get_verify_mode(ssl), watch);
}

/* --- afterwards --------------------------------------------------------- */

void
pop_tls_verify_explain(const struct ssl_st *ssl, const char *host,
                       const struct pop_tls_names *names,
                       struct pop_error *error)
{
    long code = SSL_get_verify_result(ssl);
    const char *kind = code == X509_V_ERR_HOSTNAME_MISMATCH ? "Hostname"
                                                            : "IP address";

    if (code == X509_V_OK || ERR_GET_LIB(error->tls) != ERR_LIB_SSL ||
        ERR_GET_REASON(error->tls) != SSL_R_CERTIFICATE_VERIFY_FAILED) {
        return;
    }
    error->verify = code;
    if (is_about_the_host((int)code)) {
        (void)snprintf(error->text, sizeof(error->text),
                       "%s mismatch, certificate is not valid for '%.128s', "
                       "but for: %s",
                       kind, host,
                       names->text[0] == '\0' ? "no name" : names->text);
    }
    else {
        (void)snprintf(error->text, sizeof(error->text), "%s",
                       X509_verify_cert_error_string(code));
    }
}

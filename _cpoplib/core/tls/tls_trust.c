#include "core/tls/tls_trust.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/tls/tls_error.h"

void
pop_tls_trust_bundle(struct ssl_ctx_st *config, const char *const *files)
{
    if (getenv(X509_get_default_cert_file_env()) != NULL) {
        return;
    }
    while (*files != NULL &&
           (access(*files, R_OK) != 0 ||
            SSL_CTX_load_verify_locations(config, *files, NULL) != 1)) {
        files++;
    }
    pop_tls_error_clear();
}

enum pop_status
pop_tls_trust_system(struct ssl_ctx_st *config, struct pop_error *error)
{
    if (SSL_CTX_set_default_verify_paths(config) != 1) {
        return pop_tls_error_take(error);
    }
#ifdef POP_OWN_OPENSSL
    /* Fedora's and its kin's; elsewhere they are below /etc/ssl. */
    static const char *const files[] = {
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt", NULL};

    pop_tls_trust_bundle(config, files);
#endif
    return POP_OK;
}

/* The default store, and bundles of certificates. */

#include "core/tls/tls_trust.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/stat.h>
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

const char *const *
pop_tls_trust_bundles(void)
{
    static const char *const files[] = {
#ifdef POP_OWN_OPENSSL
        /* Of Fedora and its relatives; other systems have theirs in
           /etc/ssl. */
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
#endif
        NULL};

    return files;
}

enum pop_status
pop_tls_trust_system(struct ssl_ctx_st *config, struct pop_error *error)
{
    if (SSL_CTX_set_default_verify_paths(config) != 1) {
        return pop_tls_error_take(error);
    }
    if (*pop_tls_trust_bundles() != NULL) {
        pop_tls_trust_bundle(config, pop_tls_trust_bundles());
    }
    return POP_OK;
}

bool
pop_tls_trust_is_directory(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

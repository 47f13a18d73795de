/* Trusted certificates if the user names none.  Calls tls_error.h. */

#ifndef POP_TLS_TRUST_H
#define POP_TLS_TRUST_H

#include <stdbool.h>

#include "core/proto/status.h"

struct ssl_ctx_st;

/* Trusts OpenSSL's own store, which SSL_CERT_FILE and SSL_CERT_DIR change.  An
   OpenSSL that was built into this extension (POP_OWN_OPENSSL) also trusts the
   system's bundle if that lies elsewhere.  Returns POP_OK, POP_NO_MEMORY or
   POP_TLS. */
enum pop_status pop_tls_trust_system(struct ssl_ctx_st *config,
                                     struct pop_error *error);

/* Returns the bundles that pop_tls_trust_system() tries; a NULL ends them. */
const char *const *pop_tls_trust_bundles(void);

/* Trusts the certificates of the first of `files` that has any; none if
   SSL_CERT_FILE is set.  A NULL ends `files`. */
void pop_tls_trust_bundle(struct ssl_ctx_st *config, const char *const *files);

/* Returns whether the path is a directory of certificates, not a file. */
bool pop_tls_trust_is_directory(const char *path);

#endif

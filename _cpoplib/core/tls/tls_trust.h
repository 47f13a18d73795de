/* Trusted certificates: the system's, and whether those in memory are still
   there.  Calls tls_error.h and core/net/deadline.h. */

#ifndef POP_TLS_TRUST_H
#define POP_TLS_TRUST_H

#include <stdbool.h>
#include <stdint.h>

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

/* The paths of OpenSSL's own store. */
struct pop_tls_places {
    const char *file;
    const char *directory;
    const char *own_file;      /* of SSL_CERT_FILE, or NULL */
    const char *own_directory; /* of SSL_CERT_DIR, or NULL */
};

struct pop_tls_places pop_tls_trust_places(void);

/* Counts the certificates that the config holds in memory.  Those of a
   directory come when a handshake looks for them. */
int pop_tls_trust_count(struct ssl_ctx_st *config);

/* Returns true if `directory` still has each certificate that the config
   holds, in a file that has not changed since a while before `made`, in
   nanoseconds of the real-time clock.  A directory's own state does not tell
   of files that were rewritten, nor of links that lead elsewhere now.  Reads
   those files. */
bool pop_tls_trust_is_in(struct ssl_ctx_st *config, const char *directory,
                         int64_t made);

/* Returns whether the path is a directory of certificates, not a file. */
bool pop_tls_trust_is_directory(const char *path);

#endif

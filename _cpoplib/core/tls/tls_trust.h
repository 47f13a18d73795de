/* Who is trusted unless something else is said. */

#ifndef POP_TLS_TRUST_H
#define POP_TLS_TRUST_H

#include "core/proto/status.h"

struct ssl_ctx_st;

/* OpenSSL's own store, where SSL_CERT_FILE and SSL_CERT_DIR count.  An OpenSSL
   that came with us, not from the system, also gets the system's bundle where
   that is in no place of its own.  POP_NO_MEMORY, POP_TLS. */
enum pop_status pop_tls_trust_system(struct ssl_ctx_st *config,
                                     struct pop_error *error);

/* Adds the certificates of the first of `files`, the last of which is NULL,
   that has any; none if SSL_CERT_FILE is set. */
void pop_tls_trust_bundle(struct ssl_ctx_st *config, const char *const *files);

#endif

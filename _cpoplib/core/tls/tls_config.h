/* How TLS is spoken, from plain options: versions, verification, the client's
   certificate.  (OpenSSL: an SSL_CTX, and an SSL made from it.) */

#ifndef POP_TLS_CONFIG_H
#define POP_TLS_CONFIG_H

#include <stdbool.h>

#include "core/proto/status.h"

struct ssl_ctx_st;
struct ssl_st;

struct pop_tls_options {
    bool verify;          /* the certificate's chain, and that it is the
                             host's */
    const char *ca;       /* who is trusted: a PEM file, or a directory of
                             hashed ones; NULL: OpenSSL's own store, where
                             SSL_CERT_FILE and SSL_CERT_DIR count */
    const char *certfile; /* what is shown to the server: a PEM file with the
                             certificate and its chain; NULL: nothing */
    const char *keyfile;  /* its key, PEM; NULL: in certfile as well */
};

/* The name, version and date of the OpenSSL that was loaded, which need not be
   the one that was compiled with. */
const char *pop_tls_config_library(void);

/* TLS 1.2 at the least; TLS 1.3 where OpenSSL has it.  POP_NO_MEMORY,
   POP_SYSTEM for a file that can't be read, POP_TLS for one that is not what
   it should be.  A key that is encrypted asks nobody: POP_TLS. */
enum pop_status pop_tls_config_new(const struct pop_tls_options *options,
                                   struct ssl_ctx_st **config,
                                   struct pop_error *error);

/* One more owner, who frees it too.  Sessions of several threads may be made
   from one config. */
struct ssl_ctx_st *pop_tls_config_share(struct ssl_ctx_st *config);

void pop_tls_config_free(struct ssl_ctx_st *config);

/* A client's session with `host`, a name or an address of 1 to 255 octets that
   does not begin with a dot; NULL, only without verification, if it is not
   known.  SNI is sent for names (RFC 6066, section 3).  POP_NO_MEMORY,
   POP_TLS. */
enum pop_status pop_tls_config_session(struct ssl_ctx_st *config,
                                       const char *host, struct ssl_st **ssl,
                                       struct pop_error *error);

#endif

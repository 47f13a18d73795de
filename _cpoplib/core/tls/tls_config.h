/* TLS from plain options: versions, verification, the client's certificate
   (OpenSSL's SSL_CTX, and an SSL made from it).  Calls tls_error.h and
   tls_trust.h. */

#ifndef POP_TLS_CONFIG_H
#define POP_TLS_CONFIG_H

#include <stdbool.h>

#include "core/proto/status.h"

struct ssl_ctx_st;
struct ssl_st;

struct pop_tls_options {
    bool verify;    /* the certificate's chain and its host */
    const char *ca; /* trusted certificates: a PEM file, or a directory with
                       hashed names; NULL: OpenSSL's own store, which
                       SSL_CERT_FILE and SSL_CERT_DIR change */
    struct ssl_ctx_st *trusted; /* a config with this `ca`, whose certificates
                                   are shared instead of read; or NULL */
    const char *certfile; /* the client's certificate: a PEM file with its
                             chain, or NULL */
    const char *keyfile;  /* its key, a PEM file; NULL: certfile */
};

/* Returns the name, version and date of the loaded OpenSSL, which may differ
   from the one compiled with. */
const char *pop_tls_config_library(void);

/* Creates a config with TLS 1.2 as the oldest version.  Returns POP_OK,
   POP_NO_MEMORY, POP_SYSTEM if a file can't be read, or POP_TLS if a file has
   other contents or its key is encrypted (nothing asks for a password).  The
   caller frees *config. */
enum pop_status pop_tls_config_new(const struct pop_tls_options *options,
                                   struct ssl_ctx_st **config,
                                   struct pop_error *error);

/* Adds an owner, who frees the config as well.  Sessions of several threads
   may share one config. */
struct ssl_ctx_st *pop_tls_config_share(struct ssl_ctx_st *config);

void pop_tls_config_free(struct ssl_ctx_st *config);

/* Creates a client's session with `host`: a name or an address of 1 to 255
   octets without a leading dot, or, without verification only, NULL.  Sends
   SNI for names (RFC 6066, section 3).  Returns POP_OK, POP_NO_MEMORY or
   POP_TLS.  The caller frees *ssl. */
enum pop_status pop_tls_config_session(struct ssl_ctx_st *config,
                                       const char *host, struct ssl_st **ssl,
                                       struct pop_error *error);

#endif

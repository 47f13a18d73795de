/* Why a server's certificate was refused, in words.  Calls nothing else in
   core/. */

#ifndef POP_TLS_VERIFY_H
#define POP_TLS_VERIFY_H

#include "core/proto/status.h"

struct ssl_st;

/* The names of a certificate that doesn't match the host, such as
   "mail.example.org, 10.0.0.1".  The handshake fills them in. */
struct pop_tls_names {
    char text[256];
};

/* Makes the verification of `ssl` note the names, which must outlive it. */
void pop_tls_verify_watch(struct ssl_st *ssl, struct pop_tls_names *names);

/* Adds to `error`, the POP_TLS of a handshake with `host`, why the certificate
   was refused.  Adds nothing if the handshake failed otherwise. */
void pop_tls_verify_explain(const struct ssl_st *ssl, const char *host,
                            const struct pop_tls_names *names,
                            struct pop_error *error);

#endif

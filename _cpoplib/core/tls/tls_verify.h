/* Why a server's certificate was refused, in words. */

#ifndef POP_TLS_VERIFY_H
#define POP_TLS_VERIFY_H

#include "core/proto/status.h"

struct ssl_st;

/* The names of a certificate that is not the host's: "mail.example.org,
   10.0.0.1".  Filled in during the handshake. */
struct pop_tls_names {
    char text[256];
};

/* Lets the verification of `ssl` note the names; they must outlive it. */
void pop_tls_verify_watch(struct ssl_st *ssl, struct pop_tls_names *names);

/* Adds to `error`, POP_TLS of a handshake with `host`, why the certificate did
   not verify; nothing if that is not why the handshake has failed. */
void pop_tls_verify_explain(const struct ssl_st *ssl, const char *host,
                            const struct pop_tls_names *names,
                            struct pop_error *error);

#endif

/* What a TLS session is, and who is at its other end. */

#ifndef POP_TLS_PEER_H
#define POP_TLS_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/proto/status.h"

/* Octets of the longest channel binding: a digest, or a Finished message. */
#define POP_TLS_BINDING_OCTETS 64

struct ssl_st;

/* The cipher suite in use; static texts. */
struct pop_tls_cipher {
    const char *name;    /* "TLS_AES_256_GCM_SHA384" */
    const char *version; /* of TLS, that has defined it */
    int bits;            /* of its secret */
};

enum pop_tls_binding {
    POP_TLS_UNIQUE,           /* RFC 5929, section 3; TLS 1.2 and older */
    POP_TLS_SERVER_END_POINT, /* RFC 5929, section 4 */
    POP_TLS_EXPORTER          /* RFC 9266 */
};

/* False if there is none yet. */
bool pop_tls_peer_cipher(const struct ssl_st *ssl,
                         struct pop_tls_cipher *cipher);

/* "TLSv1.3"; static text. */
const char *pop_tls_peer_version(const struct ssl_st *ssl);

/* Whether the server's certificate was asked for a proof, and has given it;
   not before the end of the handshake. */
bool pop_tls_peer_is_verified(const struct ssl_st *ssl);

/* The server's certificate in DER, which the caller frees with POP_FREE(), or
   NULL if it has shown none.  POP_NO_MEMORY, POP_TLS. */
enum pop_status pop_tls_peer_certificate(const struct ssl_st *ssl,
                                         unsigned char **der, size_t *length,
                                         struct pop_error *error);

/* Channel binding data; *length is 0 if this session has none of that kind,
   or not yet.  POP_TLS. */
enum pop_status
pop_tls_peer_binding(struct ssl_st *ssl, enum pop_tls_binding kind,
                     unsigned char binding[POP_TLS_BINDING_OCTETS],
                     size_t *length, struct pop_error *error);

#endif

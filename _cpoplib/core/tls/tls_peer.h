/* What a TLS session and its peer are: cipher, certificate, channel bindings.
   Calls tls_error.h and mem.h. */

#ifndef POP_TLS_PEER_H
#define POP_TLS_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/proto/status.h"

/* Octets of the longest channel binding, a digest or a Finished message. */
#define POP_TLS_BINDING_OCTETS 64

struct ssl_st;

/* The cipher suite in use, as static texts. */
struct pop_tls_cipher {
    const char *name;    /* "TLS_AES_256_GCM_SHA384" */
    const char *version; /* the TLS version that defined it */
    int bits;            /* of the secret */
};

enum pop_tls_binding {
    POP_TLS_UNIQUE,           /* RFC 5929, section 3; TLS 1.2 and older */
    POP_TLS_SERVER_END_POINT, /* RFC 5929, section 4 */
    POP_TLS_EXPORTER          /* RFC 9266 */
};

/* Returns false before a cipher suite is agreed on. */
bool pop_tls_peer_cipher(const struct ssl_st *ssl,
                         struct pop_tls_cipher *cipher);

/* Returns "TLSv1.3" or the like, a static text. */
const char *pop_tls_peer_version(const struct ssl_st *ssl);

/* Returns true if the handshake is over and has verified the server's
   certificate. */
bool pop_tls_peer_is_verified(const struct ssl_st *ssl);

/* Encodes the server's certificate in DER; the caller frees *der with
   POP_FREE().  *der is NULL if the server has shown none.  Returns POP_OK,
   POP_NO_MEMORY or POP_TLS. */
enum pop_status pop_tls_peer_certificate(const struct ssl_st *ssl,
                                         unsigned char **der, size_t *length,
                                         struct pop_error *error);

/* Writes a channel binding.  *length is 0 if this session has none of that
   kind, or not yet.  Returns POP_OK or POP_TLS. */
enum pop_status
pop_tls_peer_binding(struct ssl_st *ssl, enum pop_tls_binding kind,
                     unsigned char binding[POP_TLS_BINDING_OCTETS],
                     size_t *length, struct pop_error *error);

#endif

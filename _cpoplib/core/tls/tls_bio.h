/* A BIO on a socket's descriptor.  OpenSSL's own needs a non-blocking socket,
   whose mode is its owner's, and doesn't suppress SIGPIPE.  Calls
   core/net/socket.h and wait.h. */

#ifndef POP_TLS_BIO_H
#define POP_TLS_BIO_H

#include <stdbool.h>
#include <stddef.h>

struct bio_method_st;
struct ssl_st;

struct pop_tls_socket {
    int fd;
    bool flowing;  /* see core/net/socket.h */
    int sys;       /* errno of a system call that failed, or 0 */
    bool eof;      /* the peer has closed its side */
    size_t budget; /* octets to receive before the BIO asks to retry; otherwise
                      OpenSSL reads on while any come */
    struct bio_method_st *method;
};

/* Makes `ssl` receive and send through the socket, which must outlive it.
   Never blocks.  Returns false if out of memory. */
bool pop_tls_bio_attach(struct ssl_st *ssl, struct pop_tls_socket *socket);

/* Frees what pop_tls_bio_attach() made.  Called after SSL_free(). */
void pop_tls_bio_release(struct pop_tls_socket *socket);

#endif

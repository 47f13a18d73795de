/* A descriptor as OpenSSL sees it.  OpenSSL's own BIO for sockets relies on
   their non-blocking mode, which is their owner's, and lets SIGPIPE through.
 */

#ifndef POP_TLS_BIO_H
#define POP_TLS_BIO_H

#include <stdbool.h>
#include <stddef.h>

struct bio_method_st;
struct ssl_st;

struct pop_tls_socket {
    int fd;
    int sys;       /* errno of a system call that failed, or 0 */
    bool eof;      /* there was nothing more to receive */
    size_t budget; /* octets that may be received before it seems that there
                      are no more: OpenSSL goes on as long as there are */
    struct bio_method_st *method;
};

/* Lets `ssl` receive and send through the socket, which has to outlive it.
   Nothing blocks.  False if out of memory. */
bool pop_tls_bio_attach(struct ssl_st *ssl, struct pop_tls_socket *socket);

/* Frees what attach has made, after the SSL. */
void pop_tls_bio_release(struct pop_tls_socket *socket);

#endif

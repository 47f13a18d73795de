/* A TLS server at the other end of a socket.  Its records go through memory,
   where a test can hold, cut and change them. */

#ifndef POP_TEST_TLS_SERVER_H
#define POP_TEST_TLS_SERVER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "support.h"
#include "tls_identity.h"

#define RECORD_HEADER 5
#define RECORD_OCTETS ((size_t)16384)
#define NOT_CUT ((size_t)-1)

struct tls_server {
    SSL_CTX *config;
    SSL *ssl;
    BIO *in;  /* records of the client */
    BIO *out; /* records for the client */
    int fd;
    size_t records;   /* so many more are sent, and then... */
    size_t octets;    /* ...so much of the next one, and then comes EOF */
    size_t drip_us;   /* not 0: octet by octet, and so much in between */
    size_t sent;      /* whole records */
    char space[1024]; /* what it has read last */
    size_t done;
};

/* version: TLS1_2_VERSION, TLS1_3_VERSION; 0: both. */
void open_server(struct tls_server *server, int version,
                 const struct tls_identity *identity, int fd);
void close_server(struct tls_server *server);

/* Another session, before the handshake, with what the other server has: its
   sessions can be resumed. */
void reopen_server(struct tls_server *server, const struct tls_server *other);

/* Receives what is there, goes on with the handshake, sends what comes of it.
   False if the handshake has failed. */
bool server_step(struct tls_server *server);

/* What the socket has goes to the SSL, without waiting; and back. */
void server_receive(struct tls_server *server);
void server_send(struct tls_server *server);

/* One record, not sent yet. */
void server_write(struct tls_server *server, const char *bytes, size_t length);
/* The same, and sent. */
void server_says(struct tls_server *server, const char *text);

/* Receives and decrypts what is there; the result of SSL_read_ex(). */
int server_read(struct tls_server *server);

/* What would have been sent, which the caller frees. */
char *server_take(struct tls_server *server, size_t *length);

/* For a task whose context is the server: the handshake. */
void server_shake_hands(struct support_task *task);

/* Sends task->bytes one by one, until nobody receives. */
void drip(struct support_task *task);

#endif

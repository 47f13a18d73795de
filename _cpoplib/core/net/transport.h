/* What carries the bytes: a vtable, the transport on a descriptor, and the one
   that speaks TLS on it. */

#ifndef POP_TRANSPORT_H
#define POP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/net/timeout.h"
#include "core/proto/status.h"

struct ssl_ctx_st;
struct ssl_st;

struct pop_transport;

struct pop_transport_ops {
    /* Waits until there is at least one byte, and stores what is there, at
       most `room` bytes.  POP_OK (*received > 0), POP_EOF, POP_TIMEOUT,
       POP_DEADLINE, POP_INTERRUPTED (call again with the same deadline),
       POP_SYSTEM, POP_TLS, POP_WANT_READ, POP_WANT_WRITE, POP_NO_MEMORY,
       POP_HOST.  POP_TIMEOUT also, for a limit that is_pause, where the wait
       might have no end. */
    enum pop_status (*recv)(struct pop_transport *transport, char *space,
                            size_t room, size_t *received,
                            struct pop_timeout *deadline,
                            struct pop_error *error);

    /* Sends some of the bytes, at least one.  *sent is always set, also on
       failure.  The same results as recv, with POP_TLS_EOF for POP_EOF. */
    enum pop_status (*send)(struct pop_transport *transport, const char *bytes,
                            size_t length, size_t *sent,
                            struct pop_timeout *deadline,
                            struct pop_error *error);

    /* Whether a send that has failed may have begun to send what it did not
       count. */
    bool (*has_begun)(struct pop_transport *transport);

    /* Whether bytes can be received now.  It neither waits nor takes away
       an error that is due to recv or send; false where it can't tell. */
    bool (*readable)(struct pop_transport *transport);

    /* Waits until something can be received or, each as asked for, sent; to
       be called when recv and send have failed because they must not wait.
       POP_OK also if that is only likely, POP_TIMEOUT, POP_DEADLINE,
       POP_INTERRUPTED, POP_SYSTEM.  NULL where recv and send wait whatever the
       deadline. */
    enum pop_status (*wait)(struct pop_transport *transport, bool receivable,
                            bool sendable, struct pop_timeout *deadline,
                            struct pop_error *error);

    /* Makes a recv, send or wait that is blocked in another thread return. */
    void (*interrupt)(struct pop_transport *transport);

    /* Frees the transport; it never closes what it was given. */
    void (*destroy)(struct pop_transport *transport);

    /* recv and send call into Python. */
    bool needs_gil;
};

/* The first member of every transport. */
struct pop_transport {
    const struct pop_transport_ops *ops;
};

/* A transport on a connected socket whose descriptor is told to it before
   each operation with pop_transport_fd_set().  NULL if out of memory. */
struct pop_transport *pop_transport_fd_new(void);

/* The descriptor, and whether it is in blocking mode (a socket with no
   timeout): then, if the deadline has no limit, recv and send block in the
   system call, where SO_RCVTIMEO and SO_SNDTIMEO count, and give POP_TIMEOUT
   when those have passed. */
void pop_transport_fd_set(struct pop_transport *transport, int fd,
                          bool blocking);

/* --- TLS ---------------------------------------------------------------- */

/* A client's TLS session with `host` (see tls_config.h) on a connected socket
   whose descriptor is told to it before each operation with
   pop_transport_tls_set().  `config` may be freed afterwards.  A failure of
   recv or send for good is told again by each later one.  POP_NO_MEMORY,
   POP_TLS. */
enum pop_status pop_transport_tls_new(struct ssl_ctx_st *config,
                                      const char *host,
                                      struct pop_transport **transport,
                                      struct pop_error *error);

/* The descriptor, whose blocking mode does not matter: what is received and
   sent through it never blocks, and poll() waits. */
void pop_transport_tls_set(struct pop_transport *transport, int fd);

/* The handshake, before anything is received or sent.  POP_OK, POP_TIMEOUT,
   POP_DEADLINE, POP_INTERRUPTED (call again with the same deadline),
   POP_SYSTEM, POP_TLS (error->verify is set if the certificate was refused),
   POP_TLS_EOF, POP_WANT_READ, POP_WANT_WRITE, POP_NO_MEMORY. */
enum pop_status pop_transport_tls_handshake(struct pop_transport *transport,
                                            struct pop_timeout *deadline,
                                            struct pop_error *error);

/* Sends close_notify and waits for the server's (RFC 8446, section 6.1).  The
   results of the handshake; POP_TLS also if the server sends more before. */
enum pop_status pop_transport_tls_shutdown(struct pop_transport *transport,
                                           struct pop_timeout *deadline,
                                           struct pop_error *error);

/* How many decrypted octets recv gives without the descriptor.  Octets that
   were received, but not decrypted, are decrypted for that. */
size_t pop_transport_tls_pending(struct pop_transport *transport);

/* Octets of memory of each, without OpenSSL's. */
size_t pop_transport_tls_size(void);

/* The session, for tls_peer.h; it stays the transport's. */
struct ssl_st *pop_transport_tls_session(struct pop_transport *transport);

#endif

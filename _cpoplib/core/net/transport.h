/* What carries the bytes: the vtable of transports, the transport on a
   descriptor (transport_fd.c), and the one that speaks TLS on a descriptor
   (core/tls/transport_tls.c). */

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
    /* Receives at least one and at most `room` bytes; waits for the first.
       Returns POP_OK (*received > 0), POP_EOF, POP_TIMEOUT, POP_DEADLINE,
       POP_INTERRUPTED (call again with the same timeout), POP_SYSTEM, POP_TLS,
       POP_WANT_READ, POP_WANT_WRITE, POP_NO_MEMORY or POP_HOST.  If the
       deadline is_pause, a transport that can't end the wait returns
       POP_TIMEOUT at once. */
    enum pop_status (*recv)(struct pop_transport *transport, char *space,
                            size_t room, size_t *received,
                            struct pop_timeout *timeout,
                            struct pop_error *error);

    /* Sends at least one of the bytes.  Sets *sent in any case.  Returns what
       recv returns, with POP_TLS_EOF for POP_EOF. */
    enum pop_status (*send)(struct pop_transport *transport, const char *bytes,
                            size_t length, size_t *sent,
                            struct pop_timeout *timeout,
                            struct pop_error *error);

    /* Returns true if a send that failed may have sent a part of the bytes
       that *sent does not count. */
    bool (*has_begun)(struct pop_transport *transport);

    /* Returns true if bytes can be received now, and false if that can't be
       told.  Doesn't wait, and keeps a pending error for recv or send. */
    bool (*readable)(struct pop_transport *transport);

    /* Waits until the transport is receivable or sendable, as asked for.
       Called after recv and send with POP_WAIT_NEVER returned that they must
       wait.  Returns POP_OK (also if that is only likely), POP_TIMEOUT,
       POP_DEADLINE, POP_INTERRUPTED or POP_SYSTEM.  NULL if recv and send wait
       in spite of POP_WAIT_NEVER. */
    enum pop_status (*wait)(struct pop_transport *transport, bool receivable,
                            bool sendable, struct pop_timeout *timeout,
                            struct pop_error *error);

    /* Sends from now on without waiting for acknowledgements.  Returns POP_OK,
       also if that is not possible, or POP_HOST.  NULL if sends never wait for
       them. */
    enum pop_status (*hurry)(struct pop_transport *transport);

    /* Makes a recv, send or wait that blocks in another thread return. */
    void (*interrupt)(struct pop_transport *transport);

    /* Frees the transport and closes nothing. */
    void (*destroy)(struct pop_transport *transport);

    /* recv and send call into Python */
    bool needs_gil;
};

/* The first member of every transport. */
struct pop_transport {
    const struct pop_transport_ops *ops;
};

/* Returns a transport on a connected socket, or NULL if out of memory.  The
   caller frees it with ops->destroy() and calls pop_transport_fd_set() before
   each operation. */
struct pop_transport *pop_transport_fd_new(void);

/* Sets the descriptor, and whether it is in blocking mode (a socket with no
   timeout).  In blocking mode without a deadline, recv and send block in the
   system call, where SO_RCVTIMEO and SO_SNDTIMEO count: POP_TIMEOUT if one of
   those passes. */
void pop_transport_fd_set(struct pop_transport *transport, int fd,
                          bool blocking);

/* --- TLS ---------------------------------------------------------------- */

/* Creates a client's TLS session with `host` (see tls_config.h) on a connected
   socket.  The caller frees *transport with ops->destroy(), may free `config`
   at once, and calls pop_transport_tls_set() before each operation. recv and
   send repeat a permanent failure in each later call.  Returns POP_OK,
   POP_NO_MEMORY or POP_TLS. */
enum pop_status pop_transport_tls_new(struct ssl_ctx_st *config,
                                      const char *host,
                                      struct pop_transport **transport,
                                      struct pop_error *error);

/* Sets the descriptor.  Its blocking mode doesn't matter: recv and send never
   block on it, and poll() waits. */
void pop_transport_tls_set(struct pop_transport *transport, int fd);

/* Performs the handshake, before the first recv or send.  Returns POP_OK,
   POP_TIMEOUT, POP_DEADLINE, POP_INTERRUPTED (call again with the same
   timeout), POP_SYSTEM, POP_TLS (error->verify is set if the certificate was
   refused), POP_TLS_EOF, POP_WANT_READ, POP_WANT_WRITE or POP_NO_MEMORY. */
enum pop_status pop_transport_tls_handshake(struct pop_transport *transport,
                                            struct pop_timeout *timeout,
                                            struct pop_error *error);

/* Sends close_notify and waits for the server's (RFC 8446, section 6.1).
   Returns what the handshake returns; POP_TLS also if the server sends data
   before its close_notify. */
enum pop_status pop_transport_tls_shutdown(struct pop_transport *transport,
                                           struct pop_timeout *timeout,
                                           struct pop_error *error);

/* Returns how many decrypted octets recv returns without the descriptor.
   Decrypts octets that were received before. */
size_t pop_transport_tls_pending(struct pop_transport *transport);

/* Returns the octets of memory of one transport, without OpenSSL's. */
size_t pop_transport_tls_size(void);

/* Returns the session, for tls_peer.h.  The transport owns it. */
struct ssl_st *pop_transport_tls_session(struct pop_transport *transport);

#endif

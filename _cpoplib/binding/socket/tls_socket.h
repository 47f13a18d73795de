/* TLSSocket, the .sock of our own TLS: a socket and a TLS session.  Its
   struct, handshake, lock and closing.  Calls python_socket, base and core. */

#ifndef BINDING_TLS_SOCKET_H
#define BINDING_TLS_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "binding/base/guard.h"
#include "binding/base/lock.h"
#include "binding/base/state.h"
#include "core/tls/tls_config.h"

typedef struct {
    GUARD_HEAD
    PyObject *dict;
    PyObject *weakrefs;
    struct module_state *state;      /* of `module` */
    PyObject *module;                /* kept until the end */
    PyObject *sock;                  /* underneath; owned by this object alone
                                        after the handshake */
    PyObject *server_hostname;       /* str or None */
    PyObject *certificate;           /* the server's, DER; or None */
    PyObject *cipher;                /* name, version, bits; or None */
    PyObject *version;               /* str; None before the handshake */
    bool verified;                   /* the certificate was verified */
    struct lock lock;                /* held while the session is used */
    struct pop_transport *transport; /* the session */
    Py_ssize_t io_refs; /* files made by makefile() that are still open */
    bool unwrapped;     /* unwrap() was called */
    bool closed;        /* close() was called */
    bool aborted;       /* close() interrupted a thread inside */
    bool sock_closed;   /* the last user closed `sock` */
} TLSSocketObject;

#define TLSSOCKET(op) ((TLSSocketObject *)(op))

/* Returns a TLSSocket over `sock`, before its handshake with `host` (see
   pop_tls_config_session()), or NULL and an exception.  `sock` must be
   python_socket_is_direct(); `guard` is the connection's. */
TLSSocketObject *tls_socket_new(struct module_state *state, PyObject *sock,
                                PyObject *server_hostname, const char *host,
                                struct ssl_ctx_st *config, PyObject *guard);

/* Shakes hands within the socket's timeout and the deadline.  Then the object
   owns the descriptor, and `sock` is detached, as the ssl module does.  On
   failure returns -1 with an exception; `sock` keeps its descriptor, but bytes
   may have been sent.  If the socket never waits, and `wanted` is not NULL,
   returns 1 and sets it to POP_WANT_READ or POP_WANT_WRITE: call again after
   the wait. */
int tls_socket_shake_hands(TLSSocketObject *self,
                           const struct pop_deadline *deadline,
                           enum pop_status *wanted);

/* Returns whether `sock` is a TLSSocket whose recv_into() and sendall() are
   not overridden, so that its session can be used instead: 1, 0 or -1. */
int tls_socket_is_direct(struct module_state *state, PyObject *sock);

/* Takes the session's lock, and asks the socket for its descriptor and
   timeout.  Returns -1 and raises RuntimeError if this thread holds the lock,
   ValueError after unwrap(), OSError after close().  This function and the two
   after it enter the guard's section themselves. */
int tls_socket_enter(TLSSocketObject *self, int64_t *timeout);

/* Releases the session's lock; keeps a pending exception. */
void tls_socket_leave(TLSSocketObject *self);

/* Closes the inner socket if close() was called and no file is open.  If a
   thread is inside, wakes it, and that thread closes it.  Returns -1 and an
   exception. */
int tls_socket_close_unused(TLSSocketObject *self);

/* Returns a new type poplib_c.TLSSocket, or NULL and an exception.  Fills
   state->own_tls_... */
PyTypeObject *tls_socket_type_new(struct module_state *state,
                                  PyObject *module);

#endif

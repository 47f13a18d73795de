/* TLSSocket, which .sock is on our own TLS: a socket, and a TLS session over
   it. The handshake, how a session is entered for I/O, and its end.

   Calls python_socket.h, the base and core/tls. */

#ifndef BINDING_TLS_SOCKET_H
#define BINDING_TLS_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "binding/base/lock.h"
#include "binding/base/state.h"
#include "core/tls/tls_config.h"
#include "core/tls/tls_peer.h"

typedef struct {
    PyObject_HEAD
    PyObject *dict;
    PyObject *weakrefs;
    struct module_state *state; /* of `module` */
    PyObject *module;           /* kept until the end */
    PyObject *sock;             /* underneath; after the handshake nobody
                                   else has it */
    PyObject *server_hostname;  /* str or None */
    PyObject *certificate;      /* the server's, DER; or None */
    bool verified;              /* that certificate was */
    bool has_cipher;
    struct pop_tls_cipher cipher;
    const char *version;
    struct lock lock;                /* held while the session is used */
    struct pop_transport *transport; /* the session */
    Py_ssize_t io_refs; /* files made by makefile() that are still open */
    bool unwrapped;     /* unwrap(): no TLS any more */
    bool closed;        /* close() was called */
    bool aborted;       /* that has interrupted a thread inside */
    bool sock_closed;   /* and the socket underneath was closed: by the last
                           user */
} TLSSocketObject;

#define TLSSOCKET(op) ((TLSSocketObject *)(op))

/* A TLSSocket with the descriptor of `sock`, whose python_socket_is_direct()
   holds, after a handshake with `host` (see pop_tls_config_session()) within
   the socket's timeout and the limit; `sock` is detached, as the ssl module
   does it.  NULL and an exception; `sock` is then as it was, apart from what
   was said. */
PyObject *tls_socket_wrap(struct module_state *state, PyObject *sock,
                          PyObject *server_hostname, const char *host,
                          struct ssl_ctx_st *config,
                          const struct pop_deadline *limit);

/* An attribute: its own or, if it has none of that name, the socket's. */
PyObject *tls_socket_getattro(PyObject *op, PyObject *name);

/* Whether `sock` is a TLSSocket whose session may be used instead of its
   methods.  1, 0 or -1. */
int tls_socket_is_direct(struct module_state *state, PyObject *sock);

/* Takes the session for moving bytes: waits for its lock, and asks the socket
   anew for its descriptor and timeout.  -1 and an exception: RuntimeError if
   this thread is inside already, ValueError after unwrap(), OSError if it is
   closed. */
int tls_socket_enter(TLSSocketObject *self, int64_t *timeout);

/* Gives it back.  A pending exception stays. */
void tls_socket_leave(TLSSocketObject *self);

/* Closes the socket underneath if it is closed here and has no open files; a
   thread that is inside is woken, and closes it.  -1 and an exception. */
int tls_socket_close_unused(TLSSocketObject *self);

#endif

/* Asks a Python socket for its descriptor and timeout, and whether its methods
   are the standard ones; shortens its timeout.  Calls base and core/net. */

#ifndef BINDING_PYTHON_SOCKET_H
#define BINDING_PYTHON_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "binding/base/state.h"
#include "core/net/deadline.h"

/* Stores sock.fileno().  Returns -1 and an exception; OSError (EBADF) if the
   socket is closed. */
int python_socket_fileno(struct module_state *state, PyObject *sock, int *fd);

/* Stores sock.gettimeout() as nanoseconds or POP_WAIT_...
   (core/net/timeout.h). Returns -1 and an exception. */
int python_socket_timeout(struct module_state *state, PyObject *sock,
                          int64_t *timeout);

/* Converts seconds to nanoseconds, rounded up.  Returns INT64_MAX for too many
   seconds, POP_WAIT_NEVER for zero and less. */
int64_t python_socket_nanoseconds(double seconds);

/* A shortened timeout. */
struct python_socket_hold {
    PyObject *own;   /* before; NULL if it was not shortened */
    PyObject *held;  /* now */
    bool is_endless; /* a call may never return */
};

/* Shortens the socket's timeout to the time left, while a method of it is
   called.  Leaves a non-blocking socket alone, and one without gettimeout()
   and settimeout().  Returns -1 and an exception. */
int python_socket_hold(struct module_state *state, PyObject *sock,
                       const struct pop_deadline *deadline,
                       struct python_socket_hold *hold);

/* Restores the timeout of python_socket_hold(), unless it was changed
   meanwhile.  A pending exception stays, unless a signal handler raises one
   that is no subclass of Exception.  Returns -1 and an exception. */
int python_socket_let_go(struct module_state *state, PyObject *sock,
                         struct python_socket_hold *hold);

/* Returns whether recv_into() and sendall() of `sock` are those methods of its
   type: 1, 0 or -1. */
int python_socket_has_own(struct module_state *state, PyObject *sock,
                          PyObject *own_recv_into, PyObject *own_sendall);

/* Returns whether recv_into() and sendall() are those of _socket.socket, so
   that the descriptor can be used instead: 1, 0 or -1. */
int python_socket_is_direct(struct module_state *state, PyObject *sock);

/* Returns whether makefile() is that of socket.socket, which returns a
   socket.SocketIO, or a buffer over that: 1, 0 or -1. */
int python_socket_makes_files(struct module_state *state, PyObject *sock);

/* Calls object.close() and restores the pending exception by
   errors_raise_again(). */
void python_socket_discard(struct module_state *state, PyObject *object);

#endif

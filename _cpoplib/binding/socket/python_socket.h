/* What is asked of a Python socket: its descriptor, its timeout, and whose
   methods it has; and its descriptor taken. */

#ifndef BINDING_PYTHON_SOCKET_H
#define BINDING_PYTHON_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "binding/base/state.h"
#include "core/net/deadline.h"

/* sock.fileno(); -1 and OSError (EBADF) if it is closed. */
int python_socket_fileno(struct module_state *state, PyObject *sock, int *fd);

/* sock.gettimeout(), for a deadline: see deadline.h. */
int python_socket_timeout(struct module_state *state, PyObject *sock,
                          int64_t *timeout);

/* Rounded up, so that a time is never shorter than it was asked for; too many
   seconds are INT64_MAX, and what is not above 0 is POP_WAIT_NEVER. */
int64_t python_socket_nanoseconds(double seconds);

/* A timeout that was shortened. */
struct python_socket_hold {
    PyObject *own;   /* what it was; NULL: it was not shortened */
    PyObject *held;  /* what it is now */
    bool is_endless; /* a call may never return, for all that is known */
};

/* While a method of the socket's is called, its timeout is no longer than what
   the limit leaves.  Nothing is done to a socket that never waits, or that has
   no gettimeout() and settimeout(): only its own timeouts end what it does.
   -1 and an exception. */
int python_socket_hold(struct module_state *state, PyObject *sock,
                       const struct pop_deadline *limit,
                       struct python_socket_hold *hold);

/* The socket has its own timeout again, unless somebody has changed it
   meanwhile, or it can't be told.  A pending exception stays unless what is
   raised now, by a signal handler, is no Exception.  -1 and such an exception,
   MemoryError or, perhaps, the pending one. */
int python_socket_let_go(struct module_state *state, PyObject *sock,
                         struct python_socket_hold *hold);

/* 1 if sock.name, looked up by type->tp_getattro == getattro, is `own` of its
   type; else 0, or -1. */
int python_socket_has_own(PyObject *sock, PyObject *name, PyObject *own,
                          getattrofunc getattro);

/* Whether the descriptor may be used instead of the socket's methods: they
   are _socket.socket's own.  1, 0 or -1. */
int python_socket_is_direct(struct module_state *state, PyObject *sock);

/* A new socket of the socket module's own class that has the descriptor and
   the timeout of `sock`, whose python_socket_is_direct() holds; `sock` is
   detached. NULL and an exception; `sock` then has its descriptor still. */
PyObject *python_socket_take(struct module_state *state, PyObject *sock);

/* object.close(), of a socket or its file, because of the pending exception.
   That stays unless closing raises a more urgent one. */
void python_socket_discard(struct module_state *state, PyObject *object);

#endif

/* What is asked of a Python socket: its descriptor, its timeout, and whose
   methods it has; and its descriptor taken. */

#ifndef BINDING_PYSOCKET_H
#define BINDING_PYSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "binding/module.h"

/* sock.fileno(); -1 and OSError (EBADF) if it is closed. */
int pysocket_fileno(struct module_state *state, PyObject *sock, int *fd);

/* sock.gettimeout(), for a deadline: see deadline.h. */
int pysocket_timeout(struct module_state *state, PyObject *sock,
                     int64_t *timeout);

/* 1 if sock.name, looked up by type->tp_getattro == getattro, is `own` of its
   type; else 0, or -1. */
int pysocket_has_own(PyObject *sock, PyObject *name, PyObject *own,
                     getattrofunc getattro);

/* Whether the descriptor may be used instead of the socket's methods: they
   are _socket.socket's own.  1, 0 or -1. */
int pysocket_is_direct(struct module_state *state, PyObject *sock);

/* A new socket of the socket module's own class that has the descriptor and
   the timeout of `sock`, whose pysocket_is_direct() holds; `sock` is detached.
   NULL and an exception; `sock` then has its descriptor still. */
PyObject *pysocket_take(struct module_state *state, PyObject *sock);

#endif

/* The type TLSSocket: its slots, members and method tables.  Calls the other
   files tls_socket*. */

#ifndef BINDING_TLS_SOCKET_TYPE_H
#define BINDING_TLS_SOCKET_TYPE_H

#include "binding/base/state.h"

/* Returns a new type poplib_c.TLSSocket, or NULL and an exception.  Fills
   state->own_tls_... */
PyTypeObject *tls_socket_type_new(struct module_state *state,
                                  PyObject *module);

#endif

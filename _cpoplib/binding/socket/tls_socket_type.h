/* The type TLSSocket: its slots and its members, with the methods of the files
   tls_socket_*.c, all of which it may call. */

#ifndef BINDING_TLS_SOCKET_TYPE_H
#define BINDING_TLS_SOCKET_TYPE_H

#include "binding/base/state.h"

/* A new type poplib_c.TLSSocket, or NULL.  Fills state->own_tls_... */
PyTypeObject *tls_socket_type_new(struct module_state *state,
                                  PyObject *module);

#endif

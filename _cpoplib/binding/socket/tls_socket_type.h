/* The type TLSSocket: its slots and members, and the methods that move bytes
   or need the session; poplib_c/_tls_socket.py adds the others.  Calls
   tls_socket, base and core. */

#ifndef BINDING_TLS_SOCKET_TYPE_H
#define BINDING_TLS_SOCKET_TYPE_H

#include "binding/socket/tls_socket.h"

/* Returns a new type poplib_c.TLSSocket, or NULL and an exception.  Fills
   state->own_tls_... */
PyTypeObject *tls_socket_type_new(struct module_state *state,
                                  PyObject *module);

#endif

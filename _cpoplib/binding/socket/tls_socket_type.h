/* The type TLSSocket: its slots and members, and its methods: tls_socket_io.c
   has those that move bytes, tls_socket_info.c facts about the session,
   tls_socket_file.c makefile(), close() and methods that it refuses.  Calls
   tls_socket, base and core. */

#ifndef BINDING_TLS_SOCKET_TYPE_H
#define BINDING_TLS_SOCKET_TYPE_H

#include "binding/socket/tls_socket.h"

/* Returns a new type poplib_c.TLSSocket, or NULL and an exception.  Fills
   state->own_tls_... */
PyTypeObject *tls_socket_type_new(struct module_state *state,
                                  PyObject *module);

extern PyMethodDef tls_socket_io_methods[];
extern PyMethodDef tls_socket_info_methods[];
extern PyMethodDef tls_socket_file_methods[];
extern PyGetSetDef tls_socket_info_getset[];

#endif

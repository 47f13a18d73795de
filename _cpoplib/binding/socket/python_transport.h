/* A transport over the methods of any socket-like object.  Calls
   python_socket, base and core/net. */

#ifndef BINDING_PYTHON_TRANSPORT_H
#define BINDING_PYTHON_TRANSPORT_H

#include "binding/base/state.h"
#include "core/net/transport.h"

/* Returns a transport over recv_into() and sendall() of `sock` (borrowed; the
   caller keeps it alive), or NULL and MemoryError.  The object's own timeout
   ends a call. */
struct pop_transport *python_transport_new(struct module_state *state,
                                           PyObject *sock);

/* Returns the memory of the transport in octets. */
size_t python_transport_size(const struct pop_transport *transport);

#endif

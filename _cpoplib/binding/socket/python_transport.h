/* Any Python socket-like object behind the transport's vtable. */

#ifndef BINDING_PYTHON_TRANSPORT_H
#define BINDING_PYTHON_TRANSPORT_H

#include "binding/base/state.h"
#include "core/net/transport.h"

/* A transport over the methods recv_into() and sendall() of `sock`, which the
   caller keeps alive.  The object's own timeout counts; deadlines do not.
   NULL and an exception if out of memory. */
struct pop_transport *python_transport_new(struct module_state *state,
                                           PyObject *sock);

/* Its octets of memory. */
size_t python_transport_size(const struct pop_transport *transport);

#endif

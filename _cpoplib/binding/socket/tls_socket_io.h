/* TLSSocket's methods that move bytes.  Calls tls_socket and base. */

#ifndef BINDING_TLS_SOCKET_IO_H
#define BINDING_TLS_SOCKET_IO_H

#include "binding/socket/tls_socket.h"

extern PyMethodDef tls_socket_io_methods[];

#endif

/* The methods of a TLSSocket that move bytes. */

#ifndef BINDING_TLS_SOCKET_IO_H
#define BINDING_TLS_SOCKET_IO_H

#include "binding/socket/tls_socket.h"

extern PyMethodDef tls_socket_io_methods[];

#endif

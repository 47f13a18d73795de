/* What a TLSSocket tells of its session. */

#ifndef BINDING_TLS_SOCKET_INFO_H
#define BINDING_TLS_SOCKET_INFO_H

#include "binding/socket/tls_socket.h"

extern PyMethodDef tls_socket_info_methods[];
extern PyGetSetDef tls_socket_info_getset[];

#endif

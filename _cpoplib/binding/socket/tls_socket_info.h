/* What a TLSSocket tells of its session. */

#ifndef BINDING_TLS_SOCKET_INFO_H
#define BINDING_TLS_SOCKET_INFO_H

#include "binding/socket/tls_socket.h"

extern PyMethodDef tlssocketinfo_methods[];
extern PyGetSetDef tlssocketinfo_getset[];

#endif

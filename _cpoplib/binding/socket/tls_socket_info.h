/* TLSSocket's methods that tell facts about the session: certificate, cipher,
   channel binding.  Calls tls_socket, base and core/tls. */

#ifndef BINDING_TLS_SOCKET_INFO_H
#define BINDING_TLS_SOCKET_INFO_H

#include "binding/socket/tls_socket.h"

extern PyMethodDef tls_socket_info_methods[];
extern PyGetSetDef tls_socket_info_getset[];

#endif

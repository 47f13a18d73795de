/* TLSSocket's makefile(), close(), and the methods that it refuses.  Calls
   tls_socket and base. */

#ifndef BINDING_TLS_SOCKET_FILE_H
#define BINDING_TLS_SOCKET_FILE_H

#include "binding/socket/tls_socket.h"

extern PyMethodDef tls_socket_file_methods[];

#endif

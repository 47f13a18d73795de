/* A TLSSocket as a file: makefile(), closing, and what is not possible on it.
 */

#ifndef BINDING_TLS_SOCKET_FILE_H
#define BINDING_TLS_SOCKET_FILE_H

#include "binding/socket/tls_socket.h"

extern PyMethodDef tls_socket_file_methods[];

#endif

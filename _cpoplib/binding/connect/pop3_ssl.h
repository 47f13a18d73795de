/* The type POP3_SSL: POP3 over TLS from the first octet (RFC 8314).  Calls
   connect, tls_* and the layers below. */

#ifndef BINDING_POP3_SSL_H
#define BINDING_POP3_SSL_H

#include "binding/base/state.h"

/* Returns a new type poplib_c.POP3_SSL, or NULL and an exception. */
PyTypeObject *pop3_ssl_new_type(struct module_state *state, PyObject *module);

/* Functions of the module. */
extern PyMethodDef pop3_ssl_functions[];

#endif

/* Connects and closes an instance of POP3: __init__(), _create_socket(),
   close().  Calls dialogue and the layers below. */

#ifndef BINDING_CONNECT_H
#define BINDING_CONNECT_H

#include "binding/client/pop3.h"

/* Closes .file, then .sock, as poplib does; sets each to None first.  Takes no
   lock.  Wakes a thread that is blocked in the connection.  Returns None, or
   NULL and an exception. */
PyObject *connect_close(POP3Object *self);

/* What a constructor does with the values of its arguments. */
typedef int (*connect_init)(POP3Object *self, PyObject *const *values);

/* Calls init() with the command lock: a command of another thread waits until
   the greeting is read, which it would take for its reply.  Returns -1 and an
   exception. */
int connect_locked(POP3Object *self, PyObject *const *values,
                   connect_init init);

/* POP3.__init__(), with the command lock; `port` and `timeout` may be NULL.
   On failure closes the socket and returns -1 with an exception. */
int connect_open(POP3Object *self, PyObject *host, PyObject *port,
                 PyObject *timeout);

/* For docstrings of the constructors. */
#define TIMEOUT_SIGNATURE "timeout=poplib_c._options.SOCKET_DEFAULT"

/* Returns the argument or, if it is NULL or the default that signatures show,
   socket._GLOBAL_DEFAULT_TIMEOUT: a new reference, or NULL and an exception.
 */
PyObject *connect_timeout(struct module_state *state, PyObject *given);

/* Sets self.sock, and self.file to sock.makefile('rb') or a Reader in its
   place.  On failure closes the socket and returns -1 with an exception. */
int connect_use_socket(POP3Object *self, PyObject *sock);

/* Calls connect_close() and restores the pending exception by
   errors_raise_again(). */
void connect_give_up(POP3Object *self);

extern PyMethodDef connect_methods[];

/* stls(), of stls.c. */
extern PyMethodDef stls_methods[];

/* Returns a new type poplib_c.POP3_SSL, or NULL and an exception: POP3 over
   TLS from the first octet (RFC 8314), of pop3_ssl.c. */
PyTypeObject *pop3_ssl_new_type(struct module_state *state, PyObject *module);

/* Functions of the module, of pop3_ssl.c. */
extern PyMethodDef pop3_ssl_functions[];

#endif

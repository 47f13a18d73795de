/* How an instance of POP3 is connected and closed. */

#ifndef BINDING_CONNECT_H
#define BINDING_CONNECT_H

#include "binding/client/pop3.h"

/* poplib's close(): .file, then .sock, each set to None first.  Takes no
   lock; it wakes a thread that is blocked in this connection. */
PyObject *connect_close(POP3Object *self);

/* What POP3.__init__ does; `port` and `timeout` may be NULL.  -1 and an
   exception; the socket is closed then. */
int connect_open(POP3Object *self, PyObject *host, PyObject *port,
                 PyObject *timeout);

/* The socket module's sentinel for a timeout that was not given; a new
   reference, or NULL. */
PyObject *connect_default_timeout(struct module_state *state);

/* self.sock = sock; self.file = sock.makefile('rb'), or a Reader in its
   place.  -1 and an exception; the socket is closed then. */
int connect_use_socket(POP3Object *self, PyObject *sock);

/* connect_close() because of the pending exception, which stays unless
   closing raises a more urgent one, as errors_raise_again() has it. */
void connect_give_up(POP3Object *self);

extern PyMethodDef connect_methods[];

#endif

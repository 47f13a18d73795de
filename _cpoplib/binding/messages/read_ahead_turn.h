/* retr() and retr_bytes() with the option read_ahead.

   Calls dialogue, the client, the Reader and base. */

#ifndef BINDING_READ_AHEAD_TURN_H
#define BINDING_READ_AHEAD_TURN_H

#include "binding/client/pop3.h"
#include "core/proto/reply.h"

/* Returns the message `which`: one that was read ahead or, if there is none,
   what ask() returns, which sends RETR.  It is poplib's tuple (POP_LINES) or
   bytes (POP_OCTETS): a new reference, or NULL and an exception. */
PyObject *read_ahead_turn_retr(POP3Object *client, PyObject *which,
                               enum pop_reply_form form,
                               PyObject *(*ask)(POP3Object *client,
                                                PyObject *which));

#endif

/* retr() and retr_bytes() with the option read_ahead.

   Calls dialogue, the client, the Reader and base. */

#ifndef BINDING_READ_AHEAD_TURN_H
#define BINDING_READ_AHEAD_TURN_H

#include "binding/client/pop3.h"
#include "core/proto/reply.h"

/* RETR of `which`: the message that was read ahead; otherwise ask() sends the
   command.  The value is poplib's tuple (POP_LINES) or bytes
   (POP_OCTETS): a new reference, or NULL and the exception. */
PyObject *read_ahead_turn_retr(POP3Object *client, PyObject *which,
                               enum pop_reply_form form,
                               PyObject *(*ask)(POP3Object *client,
                                                PyObject *which));

#endif

/* How retr() is answered by what was read ahead, and reads ahead. */

#ifndef BINDING_READ_AHEAD_TURN_H
#define BINDING_READ_AHEAD_TURN_H

#include "binding/client/pop3.h"
#include "core/proto/reply.h"

/* RETR of `which`: what was read ahead or, if that is nothing, ask(), which
   sends the command.  The value is poplib's tuple (POP_LINES) or bytes
   (POP_OCTETS): a new reference, or NULL and the exception. */
PyObject *read_ahead_turn_retr(POP3Object *client, PyObject *which,
                               enum pop_reply_form form,
                               PyObject *(*ask)(POP3Object *client,
                                                PyObject *which));

#endif

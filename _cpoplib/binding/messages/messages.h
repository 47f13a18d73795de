/* The method tables of the room, and what its files do for others: many
   messages (bulk.c), LIST and UIDL as data (listings.c), whole messages as
   bytes or into a file (retr_bytes.c), and read-ahead (read_ahead_turn.c).
   They call bulk_iterator.h, dialogue, the client, the Reader and base. */

#ifndef BINDING_MESSAGES_H
#define BINDING_MESSAGES_H

#include "binding/client/pop3.h"
#include "core/proto/reply.h"

/* Notes for read-ahead which messages exist, from the lines (a list of bytes)
   of a reply to LIST or UIDL.  Ignores any other object. */
void listings_note(POP3Object *client, PyObject *lines);

/* Returns the message `which`: one that was read ahead or, if there is none,
   what ask() returns, which sends RETR.  It is poplib's tuple (POP_LINES) or
   bytes (POP_OCTETS): a new reference, or NULL and an exception. */
PyObject *read_ahead_turn_retr(POP3Object *client, PyObject *which,
                               enum pop_reply_form form,
                               PyObject *(*ask)(POP3Object *client,
                                                PyObject *which));

/* Sends a command line (str; stolen; NULL with an exception is passed on) and
   returns the message that answers it, bytes; or NULL and an exception. */
PyObject *retr_bytes_fetch(POP3Object *self, PyObject *line);

extern PyMethodDef bulk_methods[];
extern PyMethodDef listings_methods[];
extern PyMethodDef retr_bytes_methods[];

#endif

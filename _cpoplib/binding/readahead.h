/* The option read_ahead: messages that a loop over retr() will ask for next
   are asked for before it does (RFC 2449, section 6.6). */

#ifndef BINDING_READAHEAD_H
#define BINDING_READAHEAD_H

#include "binding/pop3.h"
#include "core/reply.h"

/* The largest value of the option. */
#define READAHEAD_MOST 65535

/* What one connection has read ahead: at first nothing.  NULL and
   MemoryError. */
struct readahead *readahead_new(void);

/* Forgets it all; what is to come is nobody's. */
void readahead_clear(struct readahead *self);

void readahead_free(struct readahead *self);

int readahead_traverse(const struct readahead *self, visitproc visit,
                       void *arg);

/* The instance connects, perhaps once more. */
void readahead_reset(POP3Object *client);

/* RETR of `which`: what was read ahead or, if that is nothing, ask(), which
   sends the command.  The value is poplib's tuple (POP_LINES) or bytes
   (POP_OCTETS): a new reference, or NULL and the exception. */
PyObject *
readahead_retr(POP3Object *client, PyObject *which, enum pop_reply_form form,
               PyObject *(*ask)(POP3Object *client, PyObject *which));

/* A command line (bytes) goes out: after some, what was read ahead is not what
   the server would say. */
void readahead_note_line(POP3Object *client, PyObject *line);

/* A command was answered that the server allows after the login only. */
void readahead_note_login(POP3Object *client);

/* The maildrop has so many messages at least, says the server: int, or a list
   with one item for each.  Any other object says nothing. */
void readahead_note_messages(POP3Object *client, PyObject *messages);

/* What was read ahead is dropped, for there are other limits, or nothing is to
   be read ahead any more. */
void readahead_drop(POP3Object *client);

/* The session ends: what is on its way is dropped as it comes, if it is not
   too large.  No exception is left. */
void readahead_quit(POP3Object *client);

#endif

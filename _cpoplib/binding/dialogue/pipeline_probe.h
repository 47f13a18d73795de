/* May commands be sent ahead of the replies to others?  (RFC 2449, section
   6.6.) */

#ifndef BINDING_PIPELINE_PROBE_H
#define BINDING_PIPELINE_PROBE_H

#include "binding/client/pop3.h"
#include "binding/reader/reader.h"

/* Octets of commands that may be on their way where receiving and sending
   wait for one another: any server takes as many. */
#define PIPELINING_HALF_DUPLEX_OCTETS ((size_t)1024)

/* Replies are read as retr_bytes() reads them, by no other method that could
   be overridden. */
#define PIPELINING_PLAIN 1U
/* Not before the server has passed the test, whatever the option says: what it
   mixes up would be deleted. */
#define PIPELINING_PROVED 2U

/* 1 and, in *reader, a new reference to what they go through; 0 if commands
   are to go one by one; -1 and an exception.

   `numbers` is a list of messages that are to be asked for.  The server is
   asked for its capabilities where that was not done, and then proved with
   them: replies have no tags, so it has to tell their sizes in the right
   order.  `how`: PIPELINING_ flags.  The connection lock is held. */
int pipeline_probe_is_on(POP3Object *self, PyObject *numbers, unsigned int how,
                         ReaderObject **reader);

/* The message number that an object will be on the wire; -1 if that is not
   certain. */
long long pipeline_probe_number(PyObject *object);

/* Whether a command of so many octets may be queued.  One by one, once an
   uncertain end was taken for one (see core/proto/reply.h). */
bool pipeline_probe_has_room(const ReaderObject *reader, size_t octets);

/* A command was sent through `reader`, which may be NULL: after logging in,
   the server may have other capabilities. */
void pipeline_probe_note(ReaderObject *reader, PyObject *line);

#endif

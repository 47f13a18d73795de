/* May commands be sent ahead of the replies to others?  (RFC 2449, section
   6.6.)

   Calls pipeline_ask.h, pipeline.h, held.h, the client, the Reader and base.
 */

#ifndef BINDING_PIPELINE_PROBE_H
#define BINDING_PIPELINE_PROBE_H

#include "binding/client/pop3.h"
#include "binding/reader/requests.h"

/* Replies are read as retr_bytes() reads them, by no other method that could
   be overridden. */
#define PIPELINING_PLAIN 1U
/* Not before the server has passed the test, whatever the option says: what it
   mixes up would be deleted. */
#define PIPELINING_PROVED 2U

/* Whether commands may be sent ahead through `reader`, which is .file, or NULL
   if that is none: 1, 0 or -1.

   The server is asked for its capabilities where that was not done, and then
   proved with the messages of requests->unsent: replies have no tags, so it
   has to tell their sizes in the right order.  `how`: PIPELINING_ flags.  The
   connection lock is held. */
int pipeline_probe_is_on(POP3Object *self, ReaderObject *reader,
                         const struct requests *requests, unsigned int how);

/* The message number that an object will be on the wire; -1 if that is not
   certain. */
long long pipeline_probe_number(PyObject *object);

/* pipeline_probe_note() where something is known of the server. */
void pipeline_probe_note_line(ReaderObject *reader, PyObject *line);

/* A command was sent through `reader`, which may be NULL: after logging in,
   the server may have other capabilities. */
static inline void
pipeline_probe_note(ReaderObject *reader, PyObject *line)
{
    if (reader != NULL && reader->ability != READER_UNASKED) {
        pipeline_probe_note_line(reader, line);
    }
}

#endif

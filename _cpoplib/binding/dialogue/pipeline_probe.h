/* Finds out whether commands may be sent ahead of the replies to others (RFC
   2449, section 6.6).

   Calls pipeline_proof, pipeline_ask, pipeline, the client, the Reader and
   base. */

#ifndef BINDING_PIPELINE_PROBE_H
#define BINDING_PIPELINE_PROBE_H

#include "binding/client/pop3.h"
#include "binding/reader/requests.h"

/* Replies are read like those of retr_bytes(), by no method that may be
   overridden. */
#define PIPELINING_PLAIN 1U
/* Deletions: the server must have passed the test, whatever the option
   says. */
#define PIPELINING_PROVED 2U

/* Returns whether commands may be sent ahead through `reader`, which is .file,
   or NULL if that is no Reader: 1, 0 or -1.

   Asks the server for its capabilities, then tests it with the messages of
   requests->unsent, once for each Reader: replies have no tags, so the server
   has to tell their sizes in the right order.  `how`: PIPELINING_ flags.
   Needs the command lock. */
int pipeline_probe_is_on(POP3Object *self, ReaderObject *reader,
                         const struct requests *requests, unsigned int how);

/* Notes the result of the test. */
void pipeline_probe_note_ability(ReaderObject *reader, bool able);

/* Returns whether the line (a str, or else false) is a command that logs in.
 */
bool pipeline_probe_is_login(PyObject *line);

/* Notes a command that was sent through `reader`, which may be NULL: after a
   login, the server may have other capabilities. */
static inline void
pipeline_probe_note(ReaderObject *reader, PyObject *line)
{
    if (reader != NULL && reader->ability != READER_UNASKED &&
        pipeline_probe_is_login(line)) {
        reader->ability = READER_UNASKED;
    }
}

#endif

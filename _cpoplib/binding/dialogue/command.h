/* One command: what is asked for, and the way from its line to its result.
   Where nothing on the way is overridden, printed or logged, C does the whole
   in one go.  Elsewhere it takes poplib's call graph: _shortcmd or _longcmd,
   below them _putcmd and _putline, then _getresp or _getlongresp.

   Calls dialogue/announce, putcmd, getresp, pipeline, and the folders below.
 */

#ifndef BINDING_COMMAND_H
#define BINDING_COMMAND_H

#include "binding/client/overrides.h"
#include "binding/reader/sinks.h"

struct command {
    /* The description, by the caller; what is NULL is left out. */
    hook_set hooks;           /* methods that poplib calls on the way */
    struct stream_sink *sink; /* takes the reply; command_run() releases it */
    ReaderObject *source;     /* read from whatever .file is */
    /* Reads the reply and makes the result, instead of _getresp() and
       _getlongresp(), where C can't do the whole. */
    PyObject *(*read)(POP3Object *client, struct stream_sink *sink);

    /* The rest is command_run()'s; NULL before. */
    POP3Object *client;
    PyObject *line;       /* borrowed */
    ReaderObject *reader; /* .file or the source; NULL if it is no Reader */
    PyObject *bytes;      /* the line as it is sent, once that was announced */
    bool is_heard;        /* an audit hook saw it */
};

/* Sends the line as self._putcmd() does and reads the reply, where the stream
   has to be at rest.  Returns sink_result(); NULL and an exception, also for a
   refusal.  The method, if it is overridden, is called instead; HOOK_COUNT for
   none.  The connection lock is held. */
PyObject *command_run(struct command *self, POP3Object *client, PyObject *line,
                      enum hook method);

/* self._shortcmd(line), overridden or not, as one command.  The rule is that
   of the reply's end, if no overridden method reads it. */
PyObject *command_shortcmd(POP3Object *self, PyObject *line,
                           enum pop_end_rule rule);

/* self._longcmd(line), overridden or not, as one command.  `sink`, unless
   NULL, takes the lines of a reply that no overridden method reads: its take()
   is called then, and the tuple has None in their place.  The rule is that of
   the reply's end. */
PyObject *command_longcmd(POP3Object *self, PyObject *line,
                          enum pop_end_rule rule, struct stream_sink *sink);

/* Sends an answer to a challenge, str, and reads what the server says to that,
   by self._putcmd() and self._getresp(): the rest of a command, where no other
   one can begin.  The connection lock is held. */
PyObject *command_respond(POP3Object *self, PyObject *line);

/* close() in another thread has come before a failure: the pending exception,
   which would be that of a connection closed long ago, becomes
   ConnectionAbortedError.  The Reader, or NULL, was open before. */
void command_explain_failure(const ReaderObject *reader);

extern PyMethodDef command_methods[];

#endif

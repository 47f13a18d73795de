/* One command, from its line to its result.  C runs all of it if nothing on
   the way is overridden, printed or logged.  Otherwise it takes poplib's call
   graph: _shortcmd or _longcmd, then _putcmd and _putline, then _getresp or
   _getlongresp.

   Calls announce, putcmd, getresp, pipeline, and the folders below. */

#ifndef BINDING_COMMAND_H
#define BINDING_COMMAND_H

#include "binding/client/overrides.h"
#include "binding/reader/sinks.h"

struct command {
    /* The description, by the caller; NULL fields do not apply. */
    hook_set hooks;           /* methods that poplib calls on the way */
    struct stream_sink *sink; /* takes the reply; command_run() releases it */
    ReaderObject *source;     /* to read from, whatever .file is */
    /* Reads the reply and makes the result if C can't run the whole command;
       instead of _getresp() and _getlongresp(). */
    PyObject *(*read)(POP3Object *client, struct stream_sink *sink);

    /* The rest is command_run()'s; NULL before. */
    POP3Object *client;
    PyObject *line;       /* borrowed */
    ReaderObject *reader; /* .file or the source; NULL if it is no Reader */
    PyObject *bytes;      /* the encoded line, once announced */
    bool is_heard;        /* an audit hook saw the line */
};

/* Runs the command: sends the line like self._putcmd(), and reads the reply.
   The stream has to be at rest.  Calls `method` instead if that is overridden;
   HOOK_COUNT stands for none.  Returns sink_result(), or NULL and an
   exception, also for a refusal.  Needs the command lock. */
PyObject *command_run(struct command *self, POP3Object *client, PyObject *line,
                      enum hook method);

/* Runs self._shortcmd(line), overridden or not.  Steals the line, which may be
   NULL with an exception.  `rule` tells where the reply ends, if no overridden
   method reads it. */
PyObject *command_shortcmd(POP3Object *self, PyObject *line,
                           enum pop_end_rule rule);

/* Runs self._longcmd(line), overridden or not.  `line` and `rule` as for
   command_shortcmd().  `sink`, unless NULL, takes the lines of a reply that no
   overridden method reads; the tuple has None instead of them. */
PyObject *command_longcmd(POP3Object *self, PyObject *line,
                          enum pop_end_rule rule, struct stream_sink *sink);

/* Sends the response (str) to a challenge, and returns the server's answer, by
   self._putcmd() and self._getresp().  No other command can begin here.  Needs
   the command lock. */
PyObject *command_respond(POP3Object *self, PyObject *line);

/* Replaces the pending AttributeError or ValueError of a closed connection by
   ConnectionAbortedError, if another thread has closed the Reader.  The
   Reader, or NULL, was open before. */
void command_explain_failure(const ReaderObject *reader);

extern PyMethodDef command_methods[];

#endif

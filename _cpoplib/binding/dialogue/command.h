/* poplib's _putline, _putcmd, _shortcmd and _longcmd, and the call graph
   between them: in C while nothing on the way is overridden, by calls of the
   Python methods otherwise. */

#ifndef BINDING_COMMAND_H
#define BINDING_COMMAND_H

#include "binding/client/overrides.h"
#include "binding/reader/stream.h"

/* What a line goes through before it is sent, beside _shortcmd or _longcmd. */
#define COMMAND_HOOKS (HOOK_SET(HOOK_PUTCMD) | HOOK_SET(HOOK_PUTLINE))

/* self._shortcmd(line), overridden or not, as one command. */
PyObject *command_shortcmd(POP3Object *self, PyObject *line);

/* command_shortcmd() by the rule POP_END_IF_QUIET, if no overridden method
   reads the reply. */
PyObject *command_shortcmd_if_quiet(POP3Object *self, PyObject *line);

/* self._longcmd(line), overridden or not, as one command.  `sink`, unless
   NULL, takes the lines of a reply that no overridden method reads: its take()
   is called then, and the tuple has None in their place.  The rule is that of
   the reply's end. */
PyObject *command_longcmd(POP3Object *self, PyObject *line,
                          enum pop_end_rule rule, struct stream_sink *sink);

/* How a command's reply is read, and what it becomes. */
struct dialogue {
    hook_set hooks;           /* through which poplib would send and read */
    struct stream_sink *sink; /* takes its lines; NULL: it is one line */
    void *context;            /* of the functions, which return new references,
                                 or NULL: */
    /* The result, if the reply was read in one go. */
    PyObject *(*finish)(const struct stream_reply *reply, void *context);
    /* The same, reading it, where it can't be read so. */
    PyObject *(*get)(POP3Object *self, void *context);
};

/* Sends the line as self._putcmd() does, overridden or not, and reads the
   reply, where the stream has to be at rest.  `source` is the Reader that it
   is read from in C, whatever is overridden, or NULL.  The connection lock is
   held. */
PyObject *command_exchange(POP3Object *self, PyObject *line,
                           const struct dialogue *how, ReaderObject *source);

/* Sends an answer to a challenge, str, and reads what the server says to that,
   by self._putcmd() and self._getresp(): the rest of a command, where no other
   one can begin.  The connection lock is held. */
PyObject *command_respond(POP3Object *self, PyObject *line);

/* What sending or reading raises if close() in another thread has come before
   it is none of what a connection raises that was closed long ago: then the
   pending exception becomes another one.  The Reader, or NULL, was open
   before. */
void command_explain_failure(const ReaderObject *reader);

extern PyMethodDef command_methods[];

#endif

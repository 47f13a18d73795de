/* poplib's _putline, _putcmd, _shortcmd and _longcmd, and the call graph
   between them: in C while nothing on the way is overridden, by calls of the
   Python methods otherwise. */

#ifndef BINDING_DIALOGUE_H
#define BINDING_DIALOGUE_H

#include "binding/pop3.h"
#include "binding/reader.h"

/* self._shortcmd(line), overridden or not, as one command. */
PyObject *dialogue_shortcmd(POP3Object *self, PyObject *line);

/* self._longcmd(line), overridden or not, as one command. */
PyObject *dialogue_longcmd(POP3Object *self, PyObject *line);

/* Reads the reply to a command: a new reference, or NULL. */
typedef PyObject *(*dialogue_get)(POP3Object *self, void *context);

/* Sends the line through self._putcmd(), overridden or not, and reads the
   reply by get(), where the stream has to be at rest.  `phase` is what the
   reply begins with; `source` the Reader that it is read from in C, whatever
   is overridden, or NULL.  The connection lock is held. */
PyObject *dialogue_exchange(POP3Object *self, PyObject *line,
                            enum pop3_phase phase, ReaderObject *source,
                            dialogue_get get, void *context);

/* Sends an answer to a challenge, str, and reads what the server says to that,
   by self._putcmd() and self._getresp(): the rest of a command, where no other
   one can begin.  The connection lock is held. */
PyObject *dialogue_respond(POP3Object *self, PyObject *line);

/* What sending or reading raises if close() in another thread has come before
   it is none of what a connection raises that was closed long ago: then the
   pending exception becomes another one.  The Reader, or NULL, was open
   before. */
void dialogue_explain_failure(const ReaderObject *reader);

extern PyMethodDef dialogue_methods[];

#endif

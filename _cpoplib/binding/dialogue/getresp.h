/* poplib's _getline, _getresp and _getlongresp, and the call graph between
   them: in C while nothing on the way is overridden, by calls of the Python
   methods otherwise.  The connection lock is held. */

#ifndef BINDING_GETRESP_H
#define BINDING_GETRESP_H

#include "binding/client/overrides.h"
#include "binding/reader/stream.h"

/* What replies are read by. */
#define REPLIES_HOOKS                                                         \
    (HOOK_SET(HOOK_GETLONGRESP) | HOOK_SET(HOOK_GETRESP) |                    \
     HOOK_SET(HOOK_GETLINE))

/* self._getresp(), overridden or not. */
PyObject *getresp_call(POP3Object *self);

/* self._getlongresp(), overridden or not.  `sink`, unless NULL, takes the
   lines where they are read in C: it has begun then, and the tuple has None in
   their place. */
PyObject *getresp_call_long(POP3Object *self, struct stream_sink *sink);

/* 1 if none of the three is overridden, 0, or -1 and an exception. */
int getresp_are_own(POP3Object *self);

/* What is to come is nobody's: the stream that .file reads from is out of
   step.  An exception is pending, and stays unless asking for .file raises a
   more urgent one. */
void getresp_abandon(POP3Object *self, const char *why);

extern PyMethodDef getresp_methods[];

/* progress_reply_awaited(), for the reply to a command line, whose lines the
   sink takes; NULL: it is one line.  progress_rested() has to follow. */
void getresp_await(POP3Object *self, PyObject *line,
                   const struct stream_sink *sink);

#endif

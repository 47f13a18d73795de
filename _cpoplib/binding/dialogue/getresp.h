/* poplib's _getresp() and _getlongresp(), and the methods of that name and
   _getline().  C reads unless a method on the way is overridden; then it is
   called.  Calls getline, pipeline, the client and the Reader.  Needs the
   command lock. */

#ifndef BINDING_GETRESP_H
#define BINDING_GETRESP_H

#include "binding/client/overrides.h"
#include "binding/reader/stream.h"

/* Calls self._getresp(), overridden or not. */
PyObject *getresp_call(POP3Object *self);

/* Enters the Reader and reads a reply within the client's limits.  Returns -1
   and an exception. */
int getresp_read(POP3Object *self, ReaderObject *reader,
                 struct stream_sink *sink);

/* Prints and logs the status line that was read, and returns sink_result(). */
PyObject *getresp_result(POP3Object *self, struct stream_sink *sink);

/* Calls self._getlongresp(), overridden or not.  `sink`, unless NULL, takes
   the reply if no overridden method reads it. */
PyObject *getresp_call_long(POP3Object *self, struct stream_sink *sink);

/* Marks the stream that .file reads from out of sync: the pending reply has no
   reader.  The pending exception stays, unless getting .file raises a more
   urgent one. */
void getresp_abandon(POP3Object *self, const char *why);

extern PyMethodDef getresp_methods[];

#endif

/* Commands that are sent ahead of the replies to others, through a Reader
   (RFC 2449, section 6.6): what was queued is sent, and received for its
   owner.  The connection lock is held, and no command is in its midst.

   Calls held.h, getline.h, the client and the Reader. */

#ifndef BINDING_PIPELINE_H
#define BINDING_PIPELINE_H

#include "binding/client/pop3.h"
#include "binding/reader/reader.h"

/* Sends what is queued, as far as it goes without waiting. */
int pipeline_push(ReaderObject *reader);

/* Receives the next reply, sending on meanwhile, and those behind it that have
   arrived with it, and tells their owners.  -1 and an exception: one was not
   received, and the stream is no longer in step; or there was none to come,
   which is a SystemError.  A command that Python code on the way has given may
   have received them first. */
int pipeline_receive(POP3Object *self, ReaderObject *reader);

/* Receives all replies that are to come. */
int pipeline_receive_all(POP3Object *self, ReaderObject *reader);

/* Returns what pop3_get_reader() does, after receiving all replies that are to
   come from it; sets *failed, also with a Reader, if that raised. */
ReaderObject *pipeline_get_reader(POP3Object *self, int *failed);

/* Receives all replies that are to come from .file, if that is a Reader. */
int pipeline_receive_pending(POP3Object *self);

#endif

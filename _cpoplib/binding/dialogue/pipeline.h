/* Commands that are sent ahead of the replies to others, through a Reader
   (RFC 2449, section 6.6): how they are queued, and how their owners are told
   of the replies.

   Calls announce.h, held.h, getline.h, the client and the Reader. */

#ifndef BINDING_PIPELINE_H
#define BINDING_PIPELINE_H

#include "binding/client/pop3.h"
#include "binding/reader/pipeline_owner.h"
#include "binding/reader/reader.h"

/* Queues a command line (str) as _putcmd() does, with what that prints and
   raises.  The owner is borrowed until its answer, or pipeline_disown().  The
   connection lock is held, here and below, and no command is in its midst.
   0, or -1 and an exception: nothing was queued. */
int pipeline_send(POP3Object *self, ReaderObject *reader, PyObject *line,
                  enum pop_reply_form form, struct pipeline_owner *owner);

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

/* The same for whatever .file is. */
int pipeline_receive_pending(POP3Object *self);

/* From here on, nobody is told of the owner's replies: they are received and
   dropped when it is their turn.  Nothing is received now. */
void pipeline_disown(ReaderObject *reader, const struct pipeline_owner *owner);

#endif

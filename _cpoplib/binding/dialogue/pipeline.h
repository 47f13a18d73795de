/* Sends and receives through a Reader, while commands are sent ahead of the
   replies to others (RFC 2449, section 6.6).  The caller holds the command
   lock, and is not inside another command.

   Calls held, getline, the client and the Reader. */

#ifndef BINDING_PIPELINE_H
#define BINDING_PIPELINE_H

#include "binding/client/pop3.h"
#include "binding/reader/reader.h"

/* Sends queued commands, as many as it can without waiting. */
int pipeline_push(ReaderObject *reader);

/* Receives the next reply, and others that have arrived with it; gives them to
   their owners.  Sends queued commands meanwhile.  Returns -1 and an exception
   if a reply was not received, and the stream is out of sync; or SystemError
   if none is pending.  If Python code on the way runs a command, that receives
   the replies. */
int pipeline_receive(POP3Object *self, ReaderObject *reader);

/* Receives all pending replies. */
int pipeline_receive_all(POP3Object *self, ReaderObject *reader);

/* Returns pop3_get_reader(), after receiving all replies that are pending
   there.  Sets *failed, also if it returns a Reader, if that raised. */
ReaderObject *pipeline_get_reader(POP3Object *self, int *failed);

/* Receives all pending replies, if .file is a Reader. */
int pipeline_receive_pending(POP3Object *self);

#endif

/* Answers that are held back, from the first message on whose end is uncertain
   (see core/proto/reply.h) although replies to other commands were to come.

   If the server ends its messages so, there are as many replies as commands,
   and nothing follows the last one.  If the line of one dot is a line of the
   message, what follows it is taken for replies, and as many true ones are
   left over: whatever reply is taken out of a message ends where the message
   ends, at its CRLF . CRLF, so no true reply is ever a part of it.  That holds
   while all commands are answered with lines.  So nobody is told of an answer
   before all have come, and nothing is left over.  A slow server may send what
   is left over late, but not later than the reply to another command: LIST of
   that message, whose reply is like none to the commands before it.

   Calls announce.h, the client and the Reader. */

#ifndef BINDING_HELD_H
#define BINDING_HELD_H

#include "binding/client/pop3.h"
#include "binding/reader/pipeline_owner.h"
#include "binding/reader/stream.h"

/* Holds the answers to all commands that are sent, beginning with the reply
   that was just read.  -1 and an exception if the number of replies can prove
   nothing, or there is no memory: the stream is out of step. */
int held_begin(POP3Object *self, ReaderObject *reader);

/* Holds the answer to the next one; the reference is stolen. */
void held_add(ReaderObject *reader, struct pipeline_owner *owner,
              PyObject *value, bool failed);

/* All answers were received: asks by LIST whether any reply is left over.  The
   Reader is not entered, and the phase is PHASE_REPLY.  -1 and an exception if
   one is, or that can't be found out.  `status_lines` gets the status line of
   the reply, unless it is NULL. */
int held_prove(POP3Object *self, ReaderObject *reader,
               const struct stream_limits *limits, PyObject *status_lines);

/* `received`: no reply is left over, and the owners are told of their answers.
   Otherwise an exception is pending, and the answers are dropped.  A pending
   error_proto, caused by a message that was taken for replies, becomes that of
   errors_raise_uncertain(), unless the stream has ended.  Any other exception
   stays. */
void held_end(POP3Object *self, ReaderObject *reader, bool received);

/* Nobody is told of this owner's answers any more. */
void held_disown(ReaderObject *reader, const struct pipeline_owner *owner);

/* The message number in "+OK number size", which answers LIST; -1.  *rest is
   the text after it. */
long long held_listed_number(PyObject *response, const char **rest);

#endif

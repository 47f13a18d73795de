/* Holds answers back.  That begins with the first message whose end is
   uncertain (see core/proto/reply.h) while other replies are pending.

   If the server ends its messages so, there is one reply for each command, and
   nothing follows the last one.  If the line of one dot is text of the
   message, the client takes the text after it for replies, and as many true
   replies are left over.  No true reply is lost in that text, because the
   message ends at its CRLF .  CRLF, and so does the last reply that was taken
   out of it.  This holds as long as all commands are answered with lines.  So
   no owner gets an answer until all replies have come and none is left over.
   A slow server may send a left over reply late, but not after the reply to a
   later command: LIST of that message, whose reply is unlike those to the
   commands before it.

   Calls announce, the client and the Reader. */

#ifndef BINDING_HELD_H
#define BINDING_HELD_H

#include "binding/client/pop3.h"
#include "binding/reader/requests.h"
#include "binding/reader/stream.h"

/* Begins to hold answers, first that of the reply just read.  Returns -1 and
   an exception, and the stream is out of sync, if there is no memory, or if
   the number of replies can prove nothing. */
int held_begin(POP3Object *self, ReaderObject *reader);

/* After all answers were received, asks by LIST whether a reply is left over.
   The Reader is not entered, and the phase is PHASE_REPLY.  Returns -1 and an
   exception if a reply is left over, or the server does not tell.  Appends the
   status line to `status_lines`, unless that is NULL. */
int held_prove(POP3Object *self, ReaderObject *reader,
               const struct stream_limits *limits, PyObject *status_lines);

/* Ends holding.  If `received`, no reply is left over, and the owners get
   their answers.  Otherwise an exception is pending, and the answers are
   dropped.  If that is error_proto, and the stream has not ended, it is
   replaced by that of errors_raise_uncertain(). */
void held_end(POP3Object *self, ReaderObject *reader, bool received);

/* Returns the message number in "+OK number size", the reply to LIST, or -1.
 *rest is the text after the number. */
long long held_listed_number(PyObject *response, const char **rest);

#endif

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

   Calls requests and the Reader. */

#ifndef BINDING_HELD_H
#define BINDING_HELD_H

#include "binding/reader/requests.h"
#include "binding/reader/stream.h"

/* Begins to hold answers, first that of the reply just read.  Inside.  Returns
   -1 and an exception, and the stream is out of sync, if there is no memory,
   or if the number of replies can prove nothing. */
int held_begin(ReaderObject *reader);

/* After all answers were received, returns the command (str) whose reply tells
   whether a reply is left over: LIST of the first message. */
PyObject *held_question(const ReaderObject *reader);

/* Returns a sink for the reply to that command.  No other reply may follow.
   Inside. */
struct stream_sink held_sink(ReaderObject *reader,
                             const struct stream_limits *limits);

/* Returns -1 and an exception, and the stream is out of sync, if `response`
   does not answer the question: a reply is left over.  `lock` is held. */
int held_check(ReaderObject *reader, const struct lock *lock,
               PyObject *response);

/* Ends holding.  If `received`, no reply is left over, and the owners get
   their answers.  Otherwise an exception is pending, and the answers are
   dropped.  If that is error_proto, and the stream has not ended, it is
   replaced by that of errors_raise_uncertain().  `lock` is held. */
void held_end(ReaderObject *reader, const struct lock *lock, bool received);

/* Ends holding, of a connection that is given up: drops the answers. */
void held_forget(ReaderObject *reader);

/* Returns the message number in "+OK number size", the reply to LIST, or -1.
 *rest is the text after the number. */
long long held_listed_number(PyObject *response, const char **rest);

#endif

/* One client's POP3 session (RFC 1939, RFC 2449). */

#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include "channel.h"
#include "mailbox.h"

/* Serves until the client says QUIT or hangs up.  Each command is answered
   `delay` nanoseconds after it has come, however many are under way; the
   replies that are due go out in one piece. */
void session_serve(const struct channel *channel, struct mailboxes *mailboxes,
                   int64_t delay);

#endif

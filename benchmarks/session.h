/* One client's POP3 session (RFC 1939, RFC 2449). */

#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include <stdbool.h>

#include "channel.h"
#include "mailbox.h"

/* Serves until the client says QUIT or hangs up.  Each command is answered
   `delay` nanoseconds after it has come, however many are under way.  The
   replies that are due go out in one piece; if `in_pieces`, status line, lines
   and terminator of each are sent apart. */
void session_serve(const struct channel *channel, struct mailboxes *mailboxes,
                   int64_t delay, bool in_pieces);

#endif

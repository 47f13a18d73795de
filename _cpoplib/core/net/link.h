/* A connection without its host language: a transport, the bytes in and out,
   and the reply being read.  No function here is safe to call while another
   thread is in one with the same link; pop_link_interrupt() alone is. */

#ifndef POP_LINK_H
#define POP_LINK_H

#include <stdint.h>

#include "core/proto/buffer.h"
#include "core/net/timeout.h"
#include "core/proto/reply.h"
#include "core/proto/status.h"
#include "core/net/transport.h"

/* What is done at an uncertain end of a reply (see reply.h). */
enum pop_end_rule {
    POP_END_AT_ONCE, /* the reply is over, as it is for poplib */
    POP_END_IF_QUIET /* it is over if nothing follows for a while: no command
                        is under way but the one that it answers */
};

/* What is known of the ends of replies on a connection. */
struct pop_ends {
    bool uncertain; /* one was taken for the end of its reply */
    bool doubtful;  /* and might have been a line of it, so that what follows
                       may be the rest of it */
    bool misannounced; /* a message had more octets than were announced */
};

struct pop_link {
    struct pop_transport *transport; /* not owned; set before each operation */
    int64_t timeout;                 /* of each recv and send: see deadline.h;
                                        set before each operation */
    struct pop_deadline limit;       /* of everything; likewise */
    struct pop_timeout deadline;     /* of the one that was interrupted */
    bool resuming;                   /* go on with that deadline; to be
                                        cleared where POP_INTERRUPTED is not
                                        followed by the same call again */
    struct pop_buffer in;
    struct pop_buffer out;
    size_t received; /* octets, ever; it may wrap around */
    bool flooded;    /* pop_link_has_unread() has given up looking */
    size_t chunk;    /* room wanted for the next recv */
    struct pop_reply reply;
    enum pop_end_rule end_rule; /* of that; set after it was begun */
    struct pop_ends ends;
    bool is_sent; /* the command that it answers; see pop_link_exchange() */
    struct pop_batch batch;
};

void pop_link_init(struct pop_link *link);

/* Frees the memory.  The transports stay the caller's. */
void pop_link_release(struct pop_link *link);

/* Wakes a thread that is blocked in this link. */
void pop_link_interrupt(struct pop_link *link);

/* Sends all of link->out.  POP_OK, POP_TIMEOUT, POP_DEADLINE (also before a
   part is sent), POP_INTERRUPTED (call again; also after each part, so that
   signal handlers run), and the other results of pop_transport_ops.send; what
   was not sent stays in link->out. */
enum pop_status pop_link_flush(struct pop_link *link, struct pop_error *error);

/* Sends what can be sent of link->out without waiting, where the transport
   can do that; otherwise it is pop_link_flush().  POP_OK also if the sending
   has failed: pop_link_fill() tells.  POP_INTERRUPTED (call again). */
enum pop_status pop_link_push(struct pop_link *link, struct pop_error *error);

/* Whether receiving and sending wait for one another: then no more may be
   queued than the peer takes while it sends. */
bool pop_link_is_half_duplex(const struct pop_link *link);

/* Whether none of the `queued` bytes that link->out held before a flush that
   failed can have been sent. */
bool pop_link_is_unsent(const struct pop_link *link, size_t queued);

/* Receives once, behind the unread bytes of link->in.  While it waits, what is
   in link->out is sent; if that fails, what can be received comes first.
   Nothing is received once the limit has passed: POP_DEADLINE.
   The results of pop_transport_ops.recv and send, POP_NO_MEMORY,
   POP_TOO_LONG. */
enum pop_status pop_link_fill(struct pop_link *link, struct pop_error *error);

/* Whether some of the unread bytes had been received already when
   link->received was this; a lone CR, as below, is none. */
bool pop_link_had_unread(const struct pop_link *link, size_t received);

/* Whether there are unread bytes, received or ready to be received; those
   that are ready are received.  A lone CR does not count: it is the rest of a
   line that a server ended in LF CR.  Never waits.  True although none were
   received: there was no memory for them, or, if link->flooded says so, too
   much else was in front of whatever comes: records of TLS without data. */
bool pop_link_has_unread(struct pop_link *link);

/* Starts reading a reply; the parameters are pop_reply_begin()'s.  The rule is
   POP_END_AT_ONCE.  POP_NO_MEMORY. */
enum pop_status pop_link_begin(struct pop_link *link, enum pop_reply_form form,
                               size_t status_limit, size_t line_limit);

/* Starts reading the lines behind a status line that was read already. */
enum pop_status pop_link_begin_lines(struct pop_link *link, size_t line_limit);

/* Reads on until a batch is ready, without receiving where the unread bytes
   are enough.  POP_OK: take link->batch (its offsets are from the first
   unread byte), call pop_link_take(), and go on unless link->reply.part is
   POP_REPLY_DONE.  POP_INTERRUPTED: call again; also now and then while much
   is received, so that signal handlers run.  POP_UNASKED: see below. Otherwise
   the results of pop_link_fill() and pop_reply_scan().

   With POP_END_IF_QUIET, a reply that ends uncertainly goes on if anything
   follows: no other command is under way, so whatever comes belongs to it.  If
   nothing follows for a while, it is over.  The author of a message can choose
   where such a line stands, but not that the server pauses there.  If the
   network does, the end is false, and the rest of the message comes later.  So
   the end is doubtful, unless the status line announces as many octets as have
   come, and no message of this connection had more than were announced.  After
   a doubtful end nothing may follow the next reply either: POP_UNASKED if
   anything does.  For if the rest of the message was taken for that reply, the
   true reply follows. */
enum pop_status pop_link_pump(struct pop_link *link, struct pop_error *error);

/* Sends a command and reads on: pop_link_flush(), and, once that is done,
   which link->is_sent tells, pop_link_pump(). */
enum pop_status pop_link_exchange(struct pop_link *link,
                                  struct pop_error *error);

/* Looks at the unread bytes only: pop_link_pump() without receiving, with
   POP_NEED_INPUT where it would receive or wait. */
enum pop_status pop_link_scan(struct pop_link *link);

/* The batch has been used: forget it and the bytes it covers. */
void pop_link_take(struct pop_link *link);

/* The end of the reply that was read, or of one before, may have been a line
   of a message: what comes next may be the rest of it. */
void pop_link_doubt(struct pop_link *link);

/* Gives back memory that an unusually long line took, in or out. */
void pop_link_trim(struct pop_link *link);

#endif

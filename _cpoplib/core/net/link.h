/* A connection without its host language: a transport, the bytes in and out,
   and the reply being read.  Calls core/proto and the transport's operations;
   waits only in those.  One thread at a time uses a link; pop_link_interrupt()
   alone may be called by another. */

#ifndef POP_LINK_H
#define POP_LINK_H

#include <stdint.h>

#include "core/proto/buffer.h"
#include "core/net/timeout.h"
#include "core/proto/reply.h"
#include "core/proto/status.h"
#include "core/net/transport.h"

/* What to do at an uncertain end of a reply (see reply.h). */
enum pop_end_rule {
    POP_END_AT_ONCE, /* take it for the end, as poplib does */
    POP_END_IF_QUIET /* take it for the end if silence follows; no other
                        command may be under way */
};

/* What the connection's replies tell about their ends. */
struct pop_ends {
    bool uncertain;    /* an uncertain end was taken for the end of a reply */
    bool doubtful;     /* the last one may have been a line of a message, whose
                          rest may follow */
    bool misannounced; /* a message had more octets than were announced */
};

/* What a caller that polls has to wait for: one of them is enough. */
struct pop_wants {
    bool receivable;
    bool sendable;
};

struct pop_link {
    struct pop_transport *transport; /* not owned; set before each operation */
    int64_t timeout; /* nanoseconds for each recv and send (see timeout.h); set
                        before each operation */
    struct pop_deadline deadline; /* of all operations; set before each */
    struct pop_timeout wait; /* of the last recv or send, for the call after
                                POP_INTERRUPTED */
    bool resuming; /* the next call goes on with `wait`; the caller clears it
                      if it does not repeat the interrupted call */
    struct pop_buffer in;
    struct pop_buffer out;
    size_t received; /* octets, ever; may wrap around */
    bool flooded;    /* pop_link_has_unread() gave up looking */
    bool hurried;    /* the transport was told to hurry */
    size_t chunk;    /* room wanted for the next recv */
    struct pop_reply reply;
    enum pop_end_rule end_rule; /* of this reply; set after pop_link_begin() */
    struct pop_ends ends;
    bool is_sent;   /* the command was sent (see pop_link_exchange()) */
    bool is_polled; /* the caller waits: see pop_link_must_wait() */
    struct pop_wants wants;    /* is_polled: what the caller waits for */
    struct pop_deadline quiet; /* is_polled: ends the wait for silence */
    struct pop_batch batch;
};

/* Memory for the link that is used next, of one that is not.  All zeros:
   none. */
struct pop_spare {
    char *data; /* of link->in */
    size_t capacity;
    struct pop_span *spans; /* of link->batch */
};

void pop_link_init(struct pop_link *link);

/* Frees the memory of the link.  The caller keeps the transport. */
void pop_link_release(struct pop_link *link);

/* Takes the spare memory, unless the link has its own.  Called before
   operations on the link; it allocates what there is not. */
static inline void
pop_link_borrow(struct pop_link *link, struct pop_spare *spare)
{
    if (link->in.data == NULL && link->batch.spans == NULL) {
        link->in.data = spare->data;
        link->in.capacity = spare->capacity;
        link->batch.spans = spare->spans;
        *spare = (struct pop_spare){.data = NULL};
    }
}

/* Gives back the memory for receiving, unless bytes are unread or a reply is
   under way.  It becomes the spare, or is freed if there is one, or if it is
   unusually large.  Called after operations on the link. */
void pop_link_return(struct pop_link *link, struct pop_spare *spare);

/* Frees the memory. */
void pop_link_release_spare(struct pop_spare *spare);

/* Wakes a thread that blocks in this link. */
void pop_link_interrupt(struct pop_link *link);

/* Sends all of link->out.  Returns POP_OK, POP_TIMEOUT, POP_DEADLINE (checked
   before each part), POP_INTERRUPTED (call again; also returned after each
   part, so that signal handlers run), or what pop_transport_ops.send returns.
   Unsent bytes stay in link->out. */
enum pop_status pop_link_flush(struct pop_link *link, struct pop_error *error);

/* Sends ahead of the replies to other commands: what link->out can send
   without waiting; calls pop_link_flush() if the transport is half duplex.
   The first call makes the transport hurry: acknowledgements come late while
   the peer waits for more.  Returns POP_OK, also if sending failed
   (pop_link_fill() reports that), POP_INTERRUPTED (call again) or
   POP_HOST. */
enum pop_status pop_link_push(struct pop_link *link, struct pop_error *error);

/* Returns true if recv and send wait for each other.  Then no more may be
   queued than the peer takes while it sends. */
bool pop_link_is_half_duplex(const struct pop_link *link);

/* Returns true if a failed flush can't have sent any of the `queued` bytes
   that link->out held before. */
bool pop_link_is_unsent(const struct pop_link *link, size_t queued);

/* Returns POP_DEADLINE if the deadline has passed, else POP_OK.  Called before
   each operation: a fast peer lets none of them wait. */
enum pop_status pop_link_check_deadline(const struct pop_link *link,
                                        struct pop_error *error);

/* Returns true if an operation of a link that is_polled failed only because it
   must not wait.  Then link->wants says for what the caller waits before it
   calls the operation again; at most until link->quiet, if that is set. */
bool pop_link_must_wait(const struct pop_link *link, enum pop_status status);

/* Receives once, after the unread bytes of link->in.  Sends link->out while it
   waits; if sending fails, bytes that can be received come first.  Receives
   nothing after the deadline: POP_DEADLINE.  Returns what
   pop_transport_ops.recv and send return, POP_NO_MEMORY or POP_TOO_LONG. */
enum pop_status pop_link_fill(struct pop_link *link, struct pop_error *error);

/* Returns true if the room is not worth the system call of a recv. */
static inline bool
pop_link_is_cramped(const struct pop_link *link)
{
    return pop_buffer_room(&link->in) < link->chunk / 2;
}

/* Returns true if some of the unread bytes had been received when
   link->received had the value `received`.  A lone CR does not count (see
   pop_link_has_unread()). */
bool pop_link_had_unread(const struct pop_link *link, size_t received);

/* Receives what is ready and returns true if there are unread bytes.  Never
   waits.  A lone CR does not count: it is the rest of a line that a server
   ended in LF CR.  Also true if there was no memory to receive, or, with
   link->flooded, if too many TLS records without data came first. */
bool pop_link_has_unread(struct pop_link *link);

/* Starts reading a reply with the rule POP_END_AT_ONCE; pop_reply_begin()
   explains the parameters.  Returns POP_OK or POP_NO_MEMORY. */
enum pop_status pop_link_begin(struct pop_link *link, enum pop_reply_form form,
                               size_t status_limit, size_t line_limit);

/* Reads on until a batch is ready; receives only if the unread bytes are not
   enough.  Returns POP_OK: take link->batch (offsets count from the first
   unread byte), call pop_link_take(), and go on unless link->reply.part is
   POP_REPLY_DONE.  POP_INTERRUPTED: call again; also returned while much is
   received, so that signal handlers run.  POP_UNASKED: see below.  Otherwise
   what pop_link_fill() and pop_reply_scan() return.

   With POP_END_IF_QUIET, a reply goes on after an uncertain end if anything
   follows, since no other command is under way.  Silence ends the reply: the
   author of a message can choose its lines, but can't make the server pause
   after one.  The network can; then the end is false, and the rest of the
   message comes later.  So the end is doubtful unless the status line
   announces exactly the octets that have come and no message of this
   connection had more octets than announced.  After a doubtful end nothing may
   follow the next reply: POP_UNASKED if something does, since the rest of the
   message may have been taken for that reply. */
enum pop_status pop_link_pump(struct pop_link *link, struct pop_error *error);

/* Sends a command and reads its reply: pop_link_flush(), then pop_link_pump().
   link->is_sent tells whether the flush is done. */
enum pop_status pop_link_exchange(struct pop_link *link,
                                  struct pop_error *error);

/* Does what pop_link_pump() does with the unread bytes alone.  Returns
   POP_NEED_INPUT if that would receive or wait. */
enum pop_status pop_link_scan(struct pop_link *link);

/* Forgets the batch and consumes the bytes that it covers. */
void pop_link_take(struct pop_link *link);

/* Marks the end of the last reply doubtful: the rest of a message may follow
   (see pop_link_pump()). */
void pop_link_doubt(struct pop_link *link);

#endif

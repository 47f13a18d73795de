/* The state of a connection, and the functions that change it.

   There are two structs, because a Reader is an object of its own: a program
   may read from it by hand, keep it after its client, or give it to another
   client.  The stream knows which replies are pending, and whether its
   position is the start of one.  The command knows what the thread that holds
   the command lock is doing.

   Only these files write the fields, which tests/test_house.py asserts.  A
   function is named after what has happened.  In debug builds it asserts the
   lock that it needs, and what must hold before.  README.rst has the tables.

   Calls base/lock, base/errors and core. */

#ifndef BINDING_PROGRESS_H
#define BINDING_PROGRESS_H

#include <assert.h>
#include <stdbool.h>

#include "binding/base/lock.h"
#include "core/net/link.h"
#include "core/proto/pipeline.h"

struct module_state;

enum stream_step {
    STEP_IN,        /* at the start of a reply, or of what the user reads */
    STEP_ENDED,     /* the stream is over; send and recv tell how */
    STEP_TIMED_OUT, /* a read timed out: what comes later has no reader */
    STEP_OUT        /* a reply or a command was abandoned half-way */
};

enum stream_life {
    STREAM_OPEN,
    STREAM_CLOSED,     /* by close(); a thread may still be inside */
    STREAM_FILE_CLOSED /* by the last user; or forgotten */
};

/* Of a Reader; or of another .file, of which only the step is known. */
struct stream_progress {
    enum stream_step step;
    const char *why;   /* STEP_OUT: what happened, static text */
    int broken_by;     /* errno, once a method of the socket has said that the
                         connection broke: nothing is sent any more; or 0 */
    bool mixed_up;     /* replies may have been to other commands than they
                          were taken for */
    size_t unanswered; /* commands sent whose reply was not read */
    struct pop_pipeline ahead; /* commands sent ahead, which are not counted
                                  there */
    enum stream_life life;
    unsigned long closer; /* the thread that closed it */
};

/* Where a command is.  Hooks and signal handlers of its thread may try another
   command meanwhile. */
enum pop3_phase {
    PHASE_REST,      /* between two commands */
    PHASE_SENDING,   /* a line is being sent by a method of the socket, or some
                        are being sent ahead */
    PHASE_CHALLENGE, /* the response to a challenge is being computed */
    PHASE_STATUS,    /* a reply of one line is pending */
    PHASE_REPLY,     /* a reply with lines is pending */
    PHASE_LINES      /* its lines are being read */
};

/* Where auth() is. */
enum pop3_sasl {
    SASL_NONE,
    SASL_COMMAND,   /* AUTH is being sent */
    SASL_CHALLENGED /* the server waits for a response */
};

/* Of the thread that owns the command lock. */
struct command_progress {
    const struct lock *lock; /* the command lock */
    enum pop3_phase phase;
    enum pop3_sasl sasl;
    size_t reply_limit;           /* octets of the lines of the pending
                                     reply */
    enum pop_end_rule reply_rule; /* of the pending reply */
    bool needs_answers; /* a command's line is being sent, and all lines sent
                           before it must have been answered */
    bool is_challenged; /* by the last status line, or perhaps by the reply to
                           AUTH */
    bool is_logged_in;  /* since the connection was made */
};

/* --- the stream, asked -------------------------------------------------- */

static inline bool
progress_is_in_step(const struct stream_progress *stream)
{
    return stream->step == STEP_IN;
}

static inline bool
progress_has_ended(const struct stream_progress *stream)
{
    return stream->step == STEP_ENDED;
}

static inline bool
progress_is_closed(const struct stream_progress *stream)
{
    return stream->life != STREAM_OPEN;
}

/* Returns whether another thread has closed the stream. */
static inline bool
progress_was_taken_away(const struct stream_progress *stream)
{
    return progress_is_closed(stream) &&
           stream->closer != PyThread_get_thread_ident();
}

/* Raises the exception of progress_check().  Returns -1. */
int progress_refuse(struct module_state *state,
                    const struct stream_progress *stream);

/* Does what progress_check_send() does. */
int progress_refuse_send(struct module_state *state,
                         const struct stream_progress *stream);

/* Returns -1 and an exception if no command can begin and nothing can be read:
   OSError after a timeout, as files of the socket module raise; else
   error_proto. */
static inline int
progress_check(struct module_state *state,
               const struct stream_progress *stream)
{
    return progress_is_in_step(stream) || progress_has_ended(stream)
               ? 0
               : progress_refuse(state, stream);
}

/* Does what progress_check() does, before sending.  Also returns -1 with the
   error that broke the connection, which poplib's sending would meet again. */
static inline int
progress_check_send(struct module_state *state,
                    const struct stream_progress *stream)
{
    return progress_is_in_step(stream) && stream->broken_by == 0
               ? 0
               : progress_refuse_send(state, stream);
}

/* --- the stream, with a lock -------------------------------------------- */

/* `held` is the lock that the caller holds: the Reader's or, outside of the
   Reader and of another .file, the command lock. */

/* A command was sent; its reply follows the other unanswered ones. */
static inline void
progress_line_sent(const struct lock *held, struct stream_progress *stream)
{
    assert(lock_is_mine(held));
    (void)held;
    stream->unanswered++;
}

/* A line was read; it answers the oldest command. */
static inline void
progress_status_read(const struct lock *held, struct stream_progress *stream)
{
    assert(lock_is_mine(held));
    (void)held;
    if (stream->ahead.count > 0) {
        pop_pipeline_begin(&stream->ahead);
    }
    if (stream->unanswered > 0) {
        stream->unanswered--;
    }
}

/* All commands are answered. */
static inline void
progress_answered(const struct lock *held, struct stream_progress *stream)
{
    assert(lock_is_mine(held));
    (void)held;
    stream->unanswered = 0;
}

/* The stream leaves the step, because of `why` (static text) or a timeout.
   Changes nothing if it had left the step or ended before. */
void progress_left(const struct lock *held, struct stream_progress *stream,
                   const char *why);
void progress_timed_out(const struct lock *held,
                        struct stream_progress *stream);

/* Like progress_left(); also, replies may have been taken for those of other
   commands. */
void progress_mixed_up(const struct lock *held, struct stream_progress *stream,
                       const char *why);

/* The end of a message is in doubt: the stream leaves the step.  No caller got
   a reply that may be another command's. */
void progress_doubted(const struct lock *held, struct stream_progress *stream);

/* The end of the message is not in doubt any more.  If nothing else is wrong,
   the stream is in step. */
void progress_trusted(const struct lock *held, struct stream_progress *stream);

/* The stream has ended: no reply is pending.  This overrides what was found
   before. */
void progress_ended(const struct lock *held, struct stream_progress *stream);

/* A method that reads, or sends, has raised the pending exception, which
   stays.  A stream that was read has ended if the exception says that the
   connection broke.  It is not known how much was sent. */
void progress_read_raised(const struct lock *held, struct module_state *state,
                          struct stream_progress *stream);
void progress_send_raised(const struct lock *held,
                          struct stream_progress *stream);

/* A stream yields bytes.  Returns -1 and error_proto if it had ended: it had
   only paused, and the bytes may answer an earlier command. */
int progress_went_on(const struct lock *held, struct module_state *state,
                     struct stream_progress *stream);

/* A temporary Reader (`inner`) begins to read a reply for another .file
   (`outer`), and has read it, in part or whole. */
void progress_lent(const struct lock *held, struct stream_progress *inner,
                   const struct stream_progress *outer);
void progress_given_back(const struct lock *held,
                         struct stream_progress *outer,
                         const struct stream_progress *inner);

/* --- the stream, without a lock ----------------------------------------- */

/* The object is new, or .file was replaced.  pop_pipeline_release() frees the
   memory of a Reader's progress. */
void progress_begun(struct stream_progress *stream);

/* This thread closes the stream, unless it is closed. */
void progress_closed(struct stream_progress *stream);

/* The file under the stream is closed, or forgotten. */
void progress_file_closed(struct stream_progress *stream);

/* --- the command, asked ------------------------------------------------- */

static inline bool
progress_is_at_rest(const struct command_progress *command)
{
    return command->phase == PHASE_REST;
}

/* Returns whether a command can begin: the thread is not inside another one,
   and the server does not wait for a response to its challenge. */
static inline bool
progress_is_idle(const struct command_progress *command)
{
    return command->phase == PHASE_REST && command->sasl != SASL_CHALLENGED;
}

/* --- the command, with its lock ----------------------------------------- */

/* The object is new, and its lock not held. */
void progress_command_begun(struct command_progress *command,
                            const struct lock *lock);

/* Enters a phase, and returns the one before it, for progress_resumed():

   PHASE_SENDING    a line goes out, or some do; at rest before
   PHASE_CHALLENGE  the answer to a challenge is being thought of; at rest
                    before
   PHASE_STATUS     a status line is read, perhaps by hand: nothing changes
                    unless the command was at rest
   PHASE_REPLY      a whole reply with lines is read, perhaps by hand
   PHASE_LINES      the lines of the reply come next */
enum pop3_phase progress_entered(struct command_progress *command,
                                 enum pop3_phase phase);

/* A command was sent, or is about to be.  Its reply has this form, this rule
   for its end, and lines of at most `limit` octets.  The command was at rest;
   progress_rested() has to follow. */
static inline void
progress_reply_awaited(struct command_progress *command,
                       enum pop_reply_form form, enum pop_end_rule rule,
                       size_t limit)
{
    assert(lock_is_mine(command->lock) && progress_is_at_rest(command));
    command->phase = form == POP_NO_LINES ? PHASE_STATUS : PHASE_REPLY;
    command->reply_rule = rule;
    command->reply_limit = limit;
}

/* What had begun is over, successfully or not. */
static inline void
progress_rested(struct command_progress *command)
{
    assert(lock_is_mine(command->lock));
    command->phase = PHASE_REST;
    command->reply_rule = POP_END_AT_ONCE;
    command->reply_limit = POP_UNLIMITED_OCTETS;
}

/* A status line was read.  The command is at rest if that was all of a reply
   awaited in this phase. */
void progress_status_ended(struct command_progress *command,
                           enum pop3_phase awaited);

/* What progress_entered() began is over, successfully or not. */
void progress_resumed(struct command_progress *command,
                      enum pop3_phase before);

/* Sets whether lines that are sent now need an answer to all lines before
   them.  Returns the value before, to be restored. */
bool progress_needs_answers(struct command_progress *command, bool needs);

/* The server may be waiting for a response to a challenge; or it is not. */
static inline void
progress_challenged(struct command_progress *command, bool is)
{
    assert(lock_is_mine(command->lock));
    command->is_challenged = is;
}

/* A connection is being made: no login has succeeded on it. */
static inline void
progress_connecting(struct command_progress *command)
{
    assert(lock_is_mine(command->lock));
    command->is_logged_in = false;
}

static inline void
progress_logged_in(struct command_progress *command)
{
    assert(lock_is_mine(command->lock));
    command->is_logged_in = true;
}

/* auth() sends its command, perhaps inside another auth(), while that
   announces its own.  Returns the state before, for progress_auth_over(). */
enum pop3_sasl progress_auth_begun(struct command_progress *command);

/* The command of auth() was answered: responses come next. */
void progress_auth_sent(struct command_progress *command);
void progress_auth_over(struct command_progress *command,
                        enum pop3_sasl before);

#endif

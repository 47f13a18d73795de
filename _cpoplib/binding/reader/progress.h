/* What a connection is in the midst of: the one home of that state.

   There are two structs, because a Reader is an object of its own: a program
   may read from it by hand, keep it after its client, or give it to another
   client.  The stream knows which replies are to come, and whether its
   position is the start of one.  The command knows what the thread that has
   the connection is doing.

   These files alone write the fields, which tests/test_house.py asserts.  A
   transition is named after what happens.  In debug builds it asserts the lock
   that it needs, and what must hold before.  README.rst has the table.

   May call: base/lock, base/errors, core. */

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

/* Where a command is, for another one that a hook or a signal handler of the
   same thread tries in its midst. */
enum pop3_phase {
    PHASE_REST,      /* between two commands */
    PHASE_SENDING,   /* a line goes out, by a method of the socket's; or
                        some, ahead of their replies */
    PHASE_CHALLENGE, /* the answer to a challenge is being thought of */
    PHASE_STATUS,    /* a reply of one line is to come */
    PHASE_REPLY,     /* a reply with lines is to come */
    PHASE_LINES      /* its lines are being read */
};

/* Where auth() is. */
enum pop3_sasl {
    SASL_NONE,
    SASL_COMMAND,   /* AUTH goes out */
    SASL_CHALLENGED /* an answer is what the server waits for */
};

/* Of the thread that owns the command lock. */
struct command_progress {
    const struct lock *lock; /* the command lock */
    enum pop3_phase phase;
    enum pop3_sasl sasl;
    size_t reply_limit;           /* octets of the lines that are awaited */
    enum pop_end_rule reply_rule; /* of the reply that is awaited */
    bool needs_answers; /* a command's line goes out: whatever is sent
                           meanwhile, all before it was answered */
    bool is_challenged; /* by the last status line, or perhaps by what AUTH
                           was answered with */
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

/* Whether another thread has closed it. */
static inline bool
progress_was_taken_away(const struct stream_progress *stream)
{
    return progress_is_closed(stream) &&
           stream->closer != PyThread_get_thread_ident();
}

/* Raises what progress_check() does, and returns -1. */
int progress_refuse(struct module_state *state,
                    const struct stream_progress *stream);

/* -1 and an exception if no command can begin, nor anything be read any more:
   OSError after a timeout, as the socket module's own file raises; else
   error_proto. */
static inline int
progress_check(struct module_state *state,
               const struct stream_progress *stream)
{
    return progress_is_in_step(stream) || progress_has_ended(stream)
               ? 0
               : progress_refuse(state, stream);
}

/* progress_check() before something is sent: -1 also with the error that the
   connection broke with, which poplib's sending would meet again. */
int progress_check_send(struct module_state *state,
                        const struct stream_progress *stream);

/* --- the stream, with a lock -------------------------------------------- */

/* `held` is the lock that the caller holds: the Reader's or, outside of the
   Reader and of another .file, the command lock. */

/* A command went out, whose reply is the next one after the unanswered. */
static inline void
progress_line_sent(const struct lock *held, struct stream_progress *stream)
{
    assert(lock_is_mine(held));
    (void)held;
    stream->unanswered++;
}

/* A line was read as the answer to the oldest command. */
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

/* All answers were read, by whatever means. */
static inline void
progress_answered(const struct lock *held, struct stream_progress *stream)
{
    assert(lock_is_mine(held));
    (void)held;
    stream->unanswered = 0;
}

/* Static text says why the stream leaves the step.  This, and a timeout,
   changes nothing if the stream was left or has ended before. */
void progress_left(const struct lock *held, struct stream_progress *stream,
                   const char *why);
void progress_timed_out(const struct lock *held,
                        struct stream_progress *stream);

/* progress_left(), and replies may have been taken for one another. */
void progress_mixed_up(const struct lock *held, struct stream_progress *stream,
                       const char *why);

/* The end of a message is in doubt: the stream leaves the step.  No caller was
   given the replies that may have been mixed up, if any were. */
void progress_doubted(const struct lock *held, struct stream_progress *stream);

/* That doubt is over: if there was none but that, the stream is in step. */
void progress_trusted(const struct lock *held, struct stream_progress *stream);

/* The stream is over, whatever was found before: no reply is to come. */
void progress_ended(const struct lock *held, struct stream_progress *stream);

/* A method that reads, or sends, was ended by the pending exception, which
   stays.  How much was sent is not known; a stream that was read from is over
   if the exception says that the connection broke. */
void progress_read_raised(const struct lock *held, struct module_state *state,
                          struct stream_progress *stream);
void progress_send_raised(const struct lock *held,
                          struct stream_progress *stream);

/* -1 and error_proto if a stream that was found at its end goes on: it had
   only paused, and what comes may be the answer to an earlier command. */
int progress_went_on(const struct lock *held, struct module_state *state,
                     struct stream_progress *stream);

/* A Reader that nobody else has reads one reply from the file, no Reader, that
   `outer` is about; and has read it, in part or whole. */
void progress_lent(const struct lock *held, struct stream_progress *inner,
                   const struct stream_progress *outer);
void progress_given_back(const struct lock *held,
                         struct stream_progress *outer,
                         const struct stream_progress *inner);

/* --- the stream, without a lock ----------------------------------------- */

/* The object is new, or there is another .file.  In the end,
   pop_pipeline_release() frees what a Reader's has. */
void progress_begun(struct stream_progress *stream);

/* This thread closes the stream, unless it is closed. */
void progress_closed(struct stream_progress *stream);

/* What is underneath is closed, or forgotten. */
void progress_file_closed(struct stream_progress *stream);

/* --- the command, asked ------------------------------------------------- */

static inline bool
progress_is_at_rest(const struct command_progress *command)
{
    return command->phase == PHASE_REST;
}

/* Whether a command can begin: neither in the midst of another one, nor while
   the server waits for an answer to its challenge. */
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

/* A command was sent, or is about to be.  Its reply has this form, and `limit`
   octets of lines at most; the rule says where it ends.  At rest before;
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

/* What had begun is over, well or not. */
static inline void
progress_rested(struct command_progress *command)
{
    assert(lock_is_mine(command->lock));
    command->phase = PHASE_REST;
    command->reply_rule = POP_END_AT_ONCE;
    command->reply_limit = POP_UNLIMITED_OCTETS;
}

/* The status line was all of a reply that was awaited in this phase. */
void progress_status_ended(struct command_progress *command,
                           enum pop3_phase awaited);

/* What was read is over, well or not. */
void progress_resumed(struct command_progress *command,
                      enum pop3_phase before);

/* The line of a command goes out: does it need answers to all before it?
   Returns what was needed before, for another call when it is out. */
bool progress_needs_answers(struct command_progress *command, bool needs);

/* The server asks for the rest of a command, or may do so; or it does not. */
static inline void
progress_challenged(struct command_progress *command, bool is)
{
    assert(lock_is_mine(command->lock));
    command->is_challenged = is;
}

/* auth() sends its command, perhaps in the midst of another auth(), which
   announces its own.  Returns where that is, for progress_auth_over(). */
enum pop3_sasl progress_auth_begun(struct command_progress *command);

/* The command of auth() was answered: what it sends next are answers. */
void progress_auth_sent(struct command_progress *command);
void progress_auth_over(struct command_progress *command,
                        enum pop3_sasl before);

#endif

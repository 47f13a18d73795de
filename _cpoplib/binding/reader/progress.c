/* Transitions of the state of a connection: see progress.h. */

#include "binding/reader/progress.h"

#include "binding/base/errors.h"

static const char doubt[] = "the end of a message was uncertain";

/* --- the stream --------------------------------------------------------- */

int
progress_refuse(struct module_state *state,
                const struct stream_progress *stream)
{
    if (stream->step == STEP_TIMED_OUT) {
        errors_raise_timed_out_object();
    }
    else {
        errors_raise_out_of_step(state, stream->why, NULL);
    }
    return -1;
}

int
progress_refuse_send(struct module_state *state,
                     const struct stream_progress *stream)
{
    struct pop_error error = {.sys = stream->broken_by};

    if (progress_check(state, stream) < 0) {
        return -1;
    }
    return errors_check(state, error.sys == 0 ? POP_OK : POP_SYSTEM, &error);
}

static void
leave(const struct lock *held, struct stream_progress *stream,
      enum stream_step step, const char *why)
{
    assert(lock_is_mine(held));
    (void)held;
    if (stream->step == STEP_IN) {
        stream->step = step;
        stream->why = why;
    }
}

void
progress_left(const struct lock *held, struct stream_progress *stream,
              const char *why)
{
    leave(held, stream, STEP_OUT, why);
}

void
progress_timed_out(const struct lock *held, struct stream_progress *stream)
{
    leave(held, stream, STEP_TIMED_OUT, NULL);
}

void
progress_mixed_up(const struct lock *held, struct stream_progress *stream,
                  const char *why)
{
    leave(held, stream, STEP_OUT, why);
    stream->mixed_up = true;
}

void
progress_doubted(const struct lock *held, struct stream_progress *stream)
{
    leave(held, stream, STEP_OUT, doubt);
    stream->mixed_up = false;
}

void
progress_trusted(const struct lock *held, struct stream_progress *stream)
{
    assert(lock_is_mine(held));
    (void)held;
    if (stream->step == STEP_OUT && stream->why == doubt) {
        stream->step = STEP_IN;
    }
}

void
progress_ended(const struct lock *held, struct stream_progress *stream)
{
    stream->step = STEP_ENDED;
    progress_answered(held, stream);
}

/* Whether the pending exception, which stays, says that the connection broke.
 */
static bool
note_broken(struct stream_progress *stream)
{
    int number = errors_pending_errno(PyExc_ConnectionError);

    if (stream->step == STEP_IN && stream->broken_by == 0) {
        stream->broken_by = number;
    }
    return number != 0;
}

void
progress_read_raised(const struct lock *held, struct module_state *state,
                     struct stream_progress *stream)
{
    if (errors_is_socket_timeout(state)) {
        progress_timed_out(held, stream);
    }
    else if (note_broken(stream)) {
        progress_ended(held, stream);
    }
    else {
        progress_left(held, stream, "a read was interrupted");
    }
}

void
progress_send_raised(const struct lock *held, struct stream_progress *stream)
{
    if (!note_broken(stream)) {
        progress_left(held, stream, "a command was sent in part");
    }
}

int
progress_went_on(const struct lock *held, struct module_state *state,
                 struct stream_progress *stream)
{
    if (stream->step != STEP_ENDED) {
        return 0;
    }
    stream->step = STEP_IN;
    progress_left(held, stream, "a reply came after the stream's end");
    return progress_refuse(state, stream);
}

static void
copy_step(struct stream_progress *to, const struct stream_progress *from)
{
    to->step = from->step;
    to->why = from->why;
    to->broken_by = from->broken_by;
    to->mixed_up = from->mixed_up;
}

void
progress_lent(const struct lock *held, struct stream_progress *inner,
              const struct stream_progress *outer)
{
    copy_step(inner, outer);
    progress_line_sent(held, inner);
}

void
progress_given_back(const struct lock *held, struct stream_progress *outer,
                    const struct stream_progress *inner)
{
    copy_step(outer, inner);
    if (inner->unanswered > 0) {
        progress_left(held, outer, "a reply was left unread");
    }
}

void
progress_begun(struct stream_progress *stream)
{
    *stream = (struct stream_progress){.step = STEP_IN, .life = STREAM_OPEN};
    pop_pipeline_init(&stream->ahead);
}

void
progress_closed(struct stream_progress *stream)
{
    if (stream->life == STREAM_OPEN) {
        stream->life = STREAM_CLOSED;
        stream->closer = PyThread_get_thread_ident();
    }
}

void
progress_file_closed(struct stream_progress *stream)
{
    stream->life = STREAM_FILE_CLOSED;
}

/* --- the command -------------------------------------------------------- */

void
progress_command_begun(struct command_progress *command,
                       const struct lock *lock)
{
    *command = (struct command_progress){
        .lock = lock,
        .reply_rule = POP_END_AT_ONCE,
        .reply_limit = POP_UNLIMITED_OCTETS,
    };
}

enum pop3_phase
progress_entered(struct command_progress *command, enum pop3_phase phase)
{
    enum pop3_phase before = command->phase;

    assert(lock_is_mine(command->lock));
    assert(phase == PHASE_STATUS ||
           (phase < PHASE_STATUS ? before == PHASE_REST
                                 : before != PHASE_CHALLENGE));
    if (phase != PHASE_STATUS || before == PHASE_REST) {
        command->phase = phase;
    }
    return before;
}

void
progress_status_ended(struct command_progress *command,
                      enum pop3_phase awaited)
{
    assert(lock_is_mine(command->lock));
    if (command->phase == awaited) {
        command->phase = PHASE_REST;
    }
}

void
progress_resumed(struct command_progress *command, enum pop3_phase before)
{
    assert(lock_is_mine(command->lock));
    command->phase = before;
}

bool
progress_needs_answers(struct command_progress *command, bool needs)
{
    bool before = command->needs_answers;

    assert(lock_is_mine(command->lock));
    command->needs_answers = needs;
    return before;
}

enum pop3_sasl
progress_auth_begun(struct command_progress *command)
{
    enum pop3_sasl before = command->sasl;

    assert(lock_is_mine(command->lock) && progress_is_idle(command));
    command->sasl = SASL_COMMAND;
    command->is_challenged = false;
    return before;
}

void
progress_auth_sent(struct command_progress *command)
{
    assert(lock_is_mine(command->lock) && command->sasl == SASL_COMMAND);
    command->sasl = SASL_CHALLENGED;
}

void
progress_auth_over(struct command_progress *command, enum pop3_sasl before)
{
    assert(lock_is_mine(command->lock) && command->sasl == SASL_CHALLENGED);
    command->sasl = before;
    command->is_challenged = false;
}

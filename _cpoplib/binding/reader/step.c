#include "binding/reader/step.h"

#include "binding/base/errors.h"

void
step_reset(struct step *step)
{
    step->state = STEP_IN;
    step->why = NULL;
    step->broken = 0;
    step->mixed_up = false;
}

void
step_leave(struct step *step, const char *why)
{
    if (step->state == STEP_IN) {
        step->state = STEP_OUT;
        step->why = why;
    }
}

void
step_mix_up(struct step *step, const char *why)
{
    step_leave(step, why);
    step->mixed_up = true;
}

void
step_return(struct step *step, const char *why)
{
    if (step->state == STEP_OUT && step->why == why) {
        step->state = STEP_IN;
        step->why = NULL;
    }
}

void
step_forget_mix_up(struct step *step)
{
    step->mixed_up = false;
}

void
step_time_out(struct step *step)
{
    if (step->state == STEP_IN) {
        step->state = STEP_TIMED_OUT;
    }
}

void
step_end(struct step *step)
{
    step->state = STEP_ENDED;
}

/* Whether the pending exception, which stays, says that the connection broke.
 */
static bool
note_broken(struct step *step)
{
    int number = errors_pending_errno(PyExc_ConnectionError);

    if (step->state == STEP_IN && step->broken == 0) {
        step->broken = number;
    }
    return number != 0;
}

void
step_note_exception(struct module_state *state, struct step *step)
{
    if (errors_is_socket_timeout(state)) {
        step_time_out(step);
    }
    else if (note_broken(step)) {
        step_end(step);
    }
    else {
        step_leave(step, "a read was interrupted");
    }
}

void
step_note_unsent(struct step *step)
{
    if (!note_broken(step)) {
        step_leave(step, "a command was sent in part");
    }
}

int
step_check_not_ended(struct module_state *state, struct step *step)
{
    if (step->state != STEP_ENDED) {
        return 0;
    }
    step->state = STEP_OUT;
    step->why = "a reply came after the stream's end";
    return step_check(state, step);
}

int
step_check(struct module_state *state, const struct step *step)
{
    switch (step->state) {
    case STEP_IN:
    case STEP_ENDED:
        break;
    case STEP_TIMED_OUT:
        errors_raise_timed_out_object();
        return -1;
    case STEP_OUT:
        errors_raise_out_of_step(state, step->why, NULL);
        return -1;
    }
    return 0;
}

int
step_check_send(struct module_state *state, const struct step *step)
{
    struct pop_error error = {.sys = step->broken};

    if (step_check(state, step) < 0) {
        return -1;
    }
    if (step->broken != 0) {
        errors_raise(state, POP_SYSTEM, &error);
        return -1;
    }
    return 0;
}

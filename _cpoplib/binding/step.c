#include "binding/step.h"

#include "binding/errors.h"

void
step_reset(struct step *step)
{
    step->state = STEP_IN;
    step->why = NULL;
    step->number = 0;
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
step_time_out(struct step *step)
{
    if (step->state == STEP_IN) {
        step->state = STEP_TIMED_OUT;
    }
}

bool
step_break(struct step *step)
{
    int number = errors_connection_errno();

    if (number != 0 && step->state == STEP_IN) {
        step->state = STEP_BROKEN;
        step->number = number;
    }
    return number != 0;
}

void
step_end(struct step *step)
{
    step->state = STEP_ENDED;
}

void
step_note_exception(struct module_state *state, struct step *step)
{
    if (errors_is_socket_timeout(state)) {
        step_time_out(step);
    }
    else if (!step_break(step)) {
        step_leave(step, "a read was interrupted");
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
    struct pop_error error = {0};

    switch (step->state) {
    case STEP_IN:
    case STEP_ENDED:
        break;
    case STEP_BROKEN:
        error.sys = step->number;
        errors_raise(state, POP_SYSTEM, &error);
        return -1;
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
step_check_at_rest(struct module_state *state, const struct step *step)
{
    return step->state == STEP_BROKEN ? 0 : step_check(state, step);
}

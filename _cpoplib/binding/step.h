/* Whether a connection's next bytes are the reply that is waited for. */

#ifndef BINDING_STEP_H
#define BINDING_STEP_H

#include <stdbool.h>

#include "binding/module.h"

enum step_state {
    STEP_IN,        /* at the start of a reply, or of what the user reads */
    STEP_ENDED,     /* the stream is over; send and recv tell how */
    STEP_BROKEN,    /* the connection broke; nothing is sent any more */
    STEP_TIMED_OUT, /* a read timed out: what comes later is nobody's */
    STEP_OUT        /* a reply or a command was abandoned half-way */
};

struct step {
    enum step_state state;
    const char *why; /* STEP_OUT: what happened, static text */
    int number;      /* STEP_BROKEN: errno */
};

void step_reset(struct step *step);

/* These keep what was found first, but for the end of the stream. */
void step_leave(struct step *step, const char *why);
void step_time_out(struct step *step);
void step_end(struct step *step);

/* Whether the pending exception, which stays, says that the connection broke:
   later commands meet that error again, as poplib's do. */
bool step_break(struct step *step);

/* -1 and error_proto if a stream that was found at its end goes on: it had
   only paused, and what comes may be the answer to an earlier command. */
int step_check_not_ended(struct module_state *state, struct step *step);

/* A read was ended by the pending exception, which stays. */
void step_note_exception(struct module_state *state, struct step *step);

/* -1 and an exception if nothing can be read or sent any more: OSError after
   a timeout, as the socket module's own file raises, or where the connection
   broke; else error_proto. */
int step_check(struct module_state *state, const struct step *step);

/* The same before a command begins; where the connection broke, sending tells.
 */
int step_check_at_rest(struct module_state *state, const struct step *step);

#endif

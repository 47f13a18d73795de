/* Whether a connection's next bytes are the reply that is waited for. */

#ifndef BINDING_STEP_H
#define BINDING_STEP_H

#include <stdbool.h>

#include "binding/base/state.h"

enum step_state {
    STEP_IN,        /* at the start of a reply, or of what the user reads */
    STEP_ENDED,     /* the stream is over; send and recv tell how */
    STEP_TIMED_OUT, /* a read timed out: what comes later is nobody's */
    STEP_OUT        /* a reply or a command was abandoned half-way */
};

struct step {
    enum step_state state;
    const char *why; /* STEP_OUT: what happened, static text */
    int broken;      /* errno, once a method of the socket has said that the
                        connection broke: nothing is sent any more; or 0 */
    bool mixed_up;   /* replies may have been to other commands than they
                        were taken for */
};

void step_reset(struct step *step);

/* These keep what was found first, but for the end of the stream. */
void step_leave(struct step *step, const char *why);
void step_mix_up(struct step *step, const char *why);

/* The stream was left for this reason only, which was a doubt and is none any
   more. */
void step_return(struct step *step, const char *why);

/* No caller was given the replies that may have been mixed up. */
void step_forget_mix_up(struct step *step);
void step_time_out(struct step *step);
void step_end(struct step *step);

/* -1 and error_proto if a stream that was found at its end goes on: it had
   only paused, and what comes may be the answer to an earlier command. */
int step_check_not_ended(struct module_state *state, struct step *step);

/* A method that reads was ended by the pending exception, which stays.  Says
   it that the connection broke, then the stream is over. */
void step_note_exception(struct module_state *state, struct step *step);

/* The same for a method that sends: how much it has sent is not known. */
void step_note_unsent(struct step *step);

/* -1 and an exception if no command can begin, nor anything be read any more:
   OSError after a timeout, as the socket module's own file raises; else
   error_proto. */
int step_check(struct module_state *state, const struct step *step);

/* The same before something is sent: also the error that the connection broke
   with, again, as poplib's sending would meet it. */
int step_check_send(struct module_state *state, const struct step *step);

#endif

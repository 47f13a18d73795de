/* The logger poplib_c: each command and each status line, without secrets.
   Never imports logging, uses it if the program did.  Calls redact, pop3 and
   base.  Functions return -1 and an exception on failure. */

#ifndef BINDING_LOG_H
#define BINDING_LOG_H

#include "binding/client/pop3.h"
#include "binding/client/redact.h"

/* Sets client->is_logged, valid until the next command. */
int log_begin(POP3Object *self);

/* Calls log_begin() and logs a line about to be sent. */
int log_command(POP3Object *self, PyObject *line);

/* log_status() of a client whose commands are logged. */
int log_tell_status(POP3Object *self, PyObject *line);

/* Notes and logs a received status line; `line` may be any object. */
static inline int
log_status(POP3Object *self, PyObject *line)
{
    /* Noted without a log, too: it may be turned on before the answer. */
    progress_challenged(&self->progress, redact_is_challenge(line));
    return self->is_logged ? log_tell_status(self, line) : 0;
}

/* Before waiting for the command lock: raises RuntimeError if this thread is
   inside a logging handler, because the lock's owner may wait for it. */
int log_check_outside(POP3Object *self);

#endif

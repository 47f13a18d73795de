/* The logger poplib_c: each command and each status line, without secrets.
   The logging module is not imported for it, only looked for. */

#ifndef BINDING_LOG_H
#define BINDING_LOG_H

#include "binding/client/pop3.h"
#include "binding/client/redact.h"

/* Finds out whether anybody wants to know: for what comes until the next
   command.  0, or -1 and an exception. */
int log_begin(POP3Object *self);

/* A line that is about to be sent: log_begin(), and tells of it. */
int log_command(POP3Object *self, PyObject *line);

/* log_status() of a client whose commands are logged. */
int log_tell_status(POP3Object *self, PyObject *line);

/* Notes and logs a status line that was received; `line` may be any object.
   0, or -1 and an exception. */
static inline int
log_status(POP3Object *self, PyObject *line)
{
    /* Somebody may turn the log on before a challenge is answered. */
    progress_challenged(&self->progress, redact_is_challenge(line));
    return self->is_logged ? log_tell_status(self, line) : 0;
}

/* Before another thread's command is waited for, which may wait for a handler
   of the log: -1 and RuntimeError if this thread is inside one of them. */
int log_check_outside(POP3Object *self);

#endif

/* set_debuglevel() output, as in poplib.  Calls log, redact, pop3 and base.
   Functions that return int return -1 and an exception on failure. */

#ifndef BINDING_DEBUG_H
#define BINDING_DEBUG_H

#include "binding/client/pop3.h"

/* Returns 1 if self._debugging is true, else 0. */
int debug_is_on(POP3Object *self);

/* Returns 1 if self._debugging > 1, else 0. */
int debug_is_verbose(POP3Object *self);

/* Prints a command if self._debugging is true; masks secrets of auth(). */
int debug_command(POP3Object *self, PyObject *line);

/* Prints a line about to be sent if self._debugging > 1. */
int debug_sent(POP3Object *self, PyObject *line);

/* Prints a received line (any object) if self._debugging > 1. */
int debug_received(POP3Object *self, const char *tag, PyObject *line);

/* Prints and logs a status line. */
int debug_status(POP3Object *self, PyObject *line);

#endif

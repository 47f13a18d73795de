/* How a command line is made ready to be sent: encoded, checked, and announced
   to all that hear of lines before they go out.

   Calls the client: its debug output, its log, its secrets. */

#ifndef BINDING_ANNOUNCE_H
#define BINDING_ANNOUNCE_H

#include "binding/client/pop3.h"

/* -1 and ValueError for control characters in a line, bytes. */
int announce_check(struct module_state *state, PyObject *bytes);

/* What _putcmd(line) gives to _putline(): printed, encoded and checked.  NULL
   and an exception: RuntimeError in the midst of another command. */
PyObject *announce_encode(POP3Object *self, PyObject *line);

/* What _putline(line) lets others see: printed, audited and logged.  0, or -1
   and an exception. */
int announce_line(POP3Object *self, PyObject *line);

/* announce_encode(), then announce_line() of what that returns: the octets to
   send, or NULL and an exception. */
PyObject *announce_command(POP3Object *self, PyObject *line);

/* Whether all that announce_command() does of an ASCII line without control
   characters is the audit event: 1, 0 or -1. */
int announce_is_plain(POP3Object *self);

/* announce_line() if announce_is_plain(). */
int announce_plain(POP3Object *self, PyObject *bytes);

#endif

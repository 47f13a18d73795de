/* set_debuglevel() output and audit events, as poplib's. */

#ifndef BINDING_DEBUG_H
#define BINDING_DEBUG_H

#include "binding/client/pop3.h"

/* `if self._debugging`: 1, 0, or -1 and an exception. */
int debug_is_on(POP3Object *self);

/* `if self._debugging > 1`. */
int debug_is_verbose(POP3Object *self);

/* print(tag, repr(object)). */
int debug_print(const char *tag, PyObject *object);

/* The same if self._debugging, for a command; of auth() without secrets. */
int debug_command(POP3Object *self, PyObject *line);

/* The same if self._debugging > 1, for a line that is about to be sent. */
int debug_sent(POP3Object *self, PyObject *line);

/* The same if self._debugging > 1, for what was received, bytes or not. */
int debug_received(POP3Object *self, const char *tag, PyObject *line);

/* debug_received() of a status line, and the log. */
int debug_status(POP3Object *self, PyObject *line);

/* sys.audit("poplib.connect", self, host, port). */
int debug_audit_connect(POP3Object *self, PyObject *host, PyObject *port);

/* sys.audit("poplib.putline", self, line). */
int debug_audit_putline(POP3Object *self, PyObject *line);

#endif

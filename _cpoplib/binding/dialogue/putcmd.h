/* poplib's _putline() and _putcmd(): send a command line, through the Reader
   or any other socket.

   Calls announce, pipeline, the client and the Reader. */

#ifndef BINDING_PUTCMD_H
#define BINDING_PUTCMD_H

#include "binding/client/pop3.h"

/* Sends a line that was announced, as POP3._putline() does after its audit
   event.  Returns -1 and an exception. */
int putcmd_send_line(POP3Object *self, PyObject *line);

/* Run POP3._putline(line) and POP3._putcmd(line).  Return None, or NULL and an
   exception. */
PyObject *putcmd_putline_own(POP3Object *self, PyObject *line);
PyObject *putcmd_own(POP3Object *self, PyObject *line);

/* Calls self._putcmd(line), overridden or not.  Returns -1 and an
   exception. */
int putcmd_call(POP3Object *self, PyObject *line);

#endif

/* poplib's _putline and _putcmd: how a command line goes out, by the Reader or
   by whatever socket there is.

   Calls announce.h, pipeline.h, the client and the Reader. */

#ifndef BINDING_PUTCMD_H
#define BINDING_PUTCMD_H

#include "binding/client/pop3.h"

/* Sends a line that was announced: all that POP3._putline() does behind its
   audit event.  0, or -1 and an exception. */
int putcmd_send_line(POP3Object *self, PyObject *line);

/* POP3._putline(line), POP3._putcmd(line): None, or NULL. */
PyObject *putcmd_putline_own(POP3Object *self, PyObject *line);
PyObject *putcmd_own(POP3Object *self, PyObject *line);

/* self._putcmd(line), overridden or not.  0, or -1 and an exception. */
int putcmd_call(POP3Object *self, PyObject *line);

#endif

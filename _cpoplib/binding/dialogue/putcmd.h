/* poplib's _putline and _putcmd: how a command line goes out. */

#ifndef BINDING_PUTCMD_H
#define BINDING_PUTCMD_H

#include "binding/client/pop3.h"
#include "binding/reader/reader.h"

/* .file if it is an open Reader, as a new reference; otherwise NULL, with an
   exception if *failed. */
ReaderObject *putcmd_reader(POP3Object *self, int *failed);

/* progress_check() of the stream that .file reads from, or, for who `sends`,
   progress_check_send(). */
int putcmd_check_step(POP3Object *self, bool sends);

/* Whether the next bytes of that stream are the reply that is waited for; not
   if it can't be told, with an exception. */
bool putcmd_is_in_step(POP3Object *self);

/* -1 and ValueError for control characters in a line, bytes. */
int putcmd_check_line(struct module_state *state, PyObject *bytes);

/* Sends a line that was announced: all that POP3._putline() does behind its
   audit event.  0, or -1 and an exception. */
int putcmd_send_line(POP3Object *self, PyObject *line);

/* POP3._putline(line), POP3._putcmd(line): None, or NULL. */
PyObject *putcmd_putline_own(POP3Object *self, PyObject *line);
PyObject *putcmd_own(POP3Object *self, PyObject *line);

/* All that the two do, but for sending: the octets of the line, which is
   announced as they announce it, or NULL and what they raise. */
PyObject *putcmd_prepare(POP3Object *self, PyObject *line);

/* Whether all that putcmd_prepare() does of an ASCII line without control
   characters is the audit event: 1, 0 or -1. */
int putcmd_is_plain(POP3Object *self);

/* That, for such a line: 0 or -1. */
int putcmd_announce_plain(POP3Object *self, PyObject *bytes);

/* self._putcmd(line), overridden or not.  0, or -1 and an exception. */
int putcmd_call(POP3Object *self, PyObject *line);

#endif

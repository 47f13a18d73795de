/* How a command line is made ready to be sent: encoded, checked, and announced
   to all that hear of lines before they go out.

   Calls the client: its debug output, its log, its secrets. */

#ifndef BINDING_ANNOUNCE_H
#define BINDING_ANNOUNCE_H

#include "binding/base/errors.h"
#include "binding/client/pop3.h"
#include "binding/client/redact.h"
#include "core/proto/command.h"

/* Returns `bytes` (stolen), an encoded line; NULL, and ValueError for control
   characters, or the pending exception of encoding it, without secrets. */
static inline PyObject *
announce_check(POP3Object *self, PyObject *line, PyObject *bytes)
{
    enum pop_status status;

    if (bytes == NULL) {
        redact_unicode_error(line, REDACT_NOT_SENT);
        return NULL;
    }
    status = pop_command_check(PyBytes_AS_STRING(bytes),
                               (size_t)PyBytes_GET_SIZE(bytes));
    if (status != POP_OK) {
        errors_raise(self->state, status, NULL);
        Py_CLEAR(bytes);
    }
    return bytes;
}

/* announce_check() of a line in UTF-8. */
static inline PyObject *
announce_utf8(POP3Object *self, PyObject *line)
{
    return announce_check(self, line, PyUnicode_AsUTF8String(line));
}

/* What _putcmd(line) gives to _putline(): printed, encoded and checked.  NULL
   and an exception: RuntimeError in the midst of another command. */
PyObject *announce_encode(POP3Object *self, PyObject *line);

/* Lets others see what _putline(line) sends: printed, audited and logged; only
   audited if `plain`.  Returns -1 and an exception. */
int announce_line(POP3Object *self, PyObject *line, bool plain);

/* announce_encode(), then announce_line() of what that returns: the octets to
   send, or NULL and an exception. */
PyObject *announce_command(POP3Object *self, PyObject *line);

/* Returns whether all that announce_command() does of an ASCII line without
   control characters is the audit event: 1, 0 or -1. */
int announce_is_plain(POP3Object *self);

#endif

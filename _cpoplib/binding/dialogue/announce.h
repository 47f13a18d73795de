/* Makes a command line ready to be sent: encodes and checks it, and announces
   it to print(), audit hooks and the logger.  Calls the client. */

#ifndef BINDING_ANNOUNCE_H
#define BINDING_ANNOUNCE_H

#include "binding/base/errors.h"
#include "binding/client/pop3.h"
#include "binding/client/redact.h"
#include "core/proto/command.h"

/* Returns `bytes` (stolen), the encoded line.  Returns NULL and ValueError for
   a control character, or the pending exception of the encoder, without
   secrets, if `bytes` is NULL. */
static inline PyObject *
announce_check(struct module_state *state, PyObject *line, PyObject *bytes)
{
    enum pop_status status;

    if (bytes == NULL) {
        redact_unicode_error(state, line, REDACT_NOT_SENT);
        return NULL;
    }
    status = pop_command_check(PyBytes_AS_STRING(bytes),
                               (size_t)PyBytes_GET_SIZE(bytes));
    if (status != POP_OK) {
        errors_raise(state, status, NULL);
        Py_CLEAR(bytes);
    }
    return bytes;
}

/* Encodes a line in UTF-8, and calls announce_check(). */
static inline PyObject *
announce_utf8(struct module_state *state, PyObject *line)
{
    return announce_check(state, line, PyUnicode_AsUTF8String(line));
}

/* Returns bytes(line, client.encoding), checked: a new reference, or NULL and
   an exception. */
PyObject *announce_bytes(struct module_state *state, PyObject *client,
                         PyObject *line);

/* Prints, encodes and checks a line, as _putcmd() does before it calls
   _putline().  Returns bytes, or NULL and an exception: RuntimeError inside
   another command. */
PyObject *announce_encode(POP3Object *self, PyObject *line);

/* Prints, audits and logs a line, as _putline() does before it sends the line;
   only audits it if `plain`.  Returns -1 and an exception. */
int announce_line(POP3Object *self, PyObject *line, bool plain);

/* Calls announce_encode(), then announce_line().  Returns the octets to send,
   or NULL and an exception. */
PyObject *announce_command(POP3Object *self, PyObject *line);

/* Returns whether all that announce_command() does of an ASCII line without
   control characters is the audit event: 1, 0 or -1. */
int announce_is_plain(POP3Object *self);

#endif

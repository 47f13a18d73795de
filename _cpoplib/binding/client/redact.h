/* Masks secrets in lines, for the log and for debug output of AUTH.  Calls
   base, core/proto and poplib_c/_redact.py. */

#ifndef BINDING_REDACT_H
#define BINDING_REDACT_H

#include "binding/base/state.h"

/* Returns a command line (any object) with "***" for secrets.  If `response`,
   the line answers a challenge: masks all of it, except "*", which cancels.  A
   new reference, or NULL and an exception. */
PyObject *redact_command(struct module_state *state, PyObject *line,
                         bool response);

/* Returns whether a command line begins an AUTH exchange. */
bool redact_is_auth(PyObject *line);

/* Returns a server's line (bytes, line end optional) with "***" for a
   challenge. */
PyObject *redact_status(struct module_state *state, PyObject *line);

/* redact_is_challenge() of bytes that begin with "+". */
bool redact_is_bare_plus(PyObject *line);

/* Returns whether a server's line is a challenge: "+", alone or with base64.
   Most lines are "+OK". */
static inline bool
redact_is_challenge(PyObject *line)
{
    return PyBytes_Check(line) && PyBytes_AS_STRING(line)[0] == '+' &&
           PyBytes_AS_STRING(line)[1] != 'O' && redact_is_bare_plus(line);
}

/* A reason for redact_unicode_error(). */
#define REDACT_NOT_SENT                                                       \
    "the secret, which is not shown, has characters that client.encoding "    \
    "lacks; set that to 'UTF-8' and call utf8(); lone surrogates can't be "   \
    "sent at all"
#define REDACT_NOT_PRINTED                                                    \
    "the secret, which is not shown, has characters that the encoding of "    \
    "the output lacks"

/* Replaces a pending UnicodeError, which holds the command line, by one with
   the masked line, if the line has a secret.  An object other than bytes or
   str counts as a secret. */
void redact_unicode_error(struct module_state *state, PyObject *line,
                          const char *reason);

#endif

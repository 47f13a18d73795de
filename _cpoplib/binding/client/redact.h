/* Lines without their secrets, for whoever may read them: the log, and what is
   printed of an AUTH exchange. */

#ifndef BINDING_REDACT_H
#define BINDING_REDACT_H

#include <stdbool.h>

#include "binding/base/pycompat.h"

/* A command line, str or bytes, with "***" for what is secret in it; for all
   of it if it is `response`, an answer to a challenge, unless it is "*", which
   cancels.  A new reference, or NULL. */
PyObject *redact_command(PyObject *line, bool response);

/* Whether a command line begins an exchange of AUTH. */
bool redact_is_auth(PyObject *line);

/* A line of the server's, bytes with or without its line end, with "***" for a
   challenge. */
PyObject *redact_status(PyObject *line);

/* redact_is_challenge() of bytes that begin with "+". */
bool redact_is_bare_plus(PyObject *line);

/* Whether a line from the server asks for the rest of a command: "+" alone, or
   with a challenge.  Most are "+OK". */
static inline bool
redact_is_challenge(PyObject *line)
{
    return PyBytes_Check(line) && PyBytes_AS_STRING(line)[0] == '+' &&
           PyBytes_AS_STRING(line)[1] != 'O' && redact_is_bare_plus(line);
}

/* Why a line can't be encoded: for redact_unicode_error(). */
#define REDACT_NOT_SENT                                                       \
    "the secret, which is not shown, has characters that client.encoding "    \
    "lacks; set that to 'UTF-8' and call utf8(); lone surrogates can't be "   \
    "sent at all"
#define REDACT_NOT_PRINTED                                                    \
    "the secret, which is not shown, has characters that the encoding of "    \
    "the output lacks"

/* A UnicodeError that is pending holds what was to be encoded: if a command
   line has a secret, another one takes its place, which holds the line as
   redact_command() shows it.  Any other object than bytes or str is a secret.
 */
void redact_unicode_error(PyObject *line, const char *reason);

#endif

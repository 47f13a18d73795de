#include "binding/client/redact.h"

#include <string.h>

#include "binding/base/package.h"
#include "core/proto/scan.h"

PyObject *
redact_command(struct module_state *state, PyObject *line, bool response)
{
    return package_call_own(state, state->name.redact, "command", "(OO)", line,
                            response ? Py_True : Py_False);
}

void
redact_unicode_error(struct module_state *state, PyObject *line,
                     const char *reason)
{
    PyObject *pending;
    PyObject *masked;

    if (!PyErr_ExceptionMatches(PyExc_UnicodeError)) {
        return;
    }
    pending = PyErr_GetRaisedException();
    masked = package_call_own(state, state->name.redact, "unicode_error",
                              "(OOs)", pending, line, reason);
    if (masked == pending) {
        PyErr_SetRaisedException(Py_NewRef(pending));
    }
    else if (masked != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(masked), masked);
    }
    Py_XDECREF(masked);
    Py_DECREF(pending);
}

bool
redact_is_auth(PyObject *line)
{
    const char *text;

    if (!PyBytes_Check(line)) {
        return false;
    }
    text = PyBytes_AS_STRING(line);
    text += strspn(text, " ");
    return pop_scan_begins_with(text, strlen(text), "AUTH ");
}

bool
redact_is_bare_plus(PyObject *line)
{
    const char *rest = PyBytes_AS_STRING(line) + 1;

    return *rest == ' ' || strspn(rest, "\r\n") == strlen(rest);
}

PyObject *
redact_status(struct module_state *state, PyObject *line)
{
    return redact_is_challenge(line)
               ? package_call_own(state, state->name.redact, "challenge",
                                  "(O)", line)
               : Py_NewRef(line);
}

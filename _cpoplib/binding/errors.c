#include "binding/errors.h"

#include <errno.h>

PyDoc_STRVAR(error_proto_doc,
"A reply that is an error, or that is no reply.\n"
"\n"
"args[0] is bytes for what the server said (b'-ERR no such message') and str\n"
"for what the client found ('-ERR EOF', 'line too long').\n"
"OSError from sockets passes through and is never turned into error_proto.");

PyObject *
errors_new_error_proto(void)
{
    return PyErr_NewExceptionWithDoc("poplib_c.error_proto", error_proto_doc,
                                     NULL, NULL);
}

void
errors_raise_proto(struct module_state *state, const char *text)
{
    PyErr_SetString(state->error_proto, text);
}

void
errors_raise_response(struct module_state *state, PyObject *response)
{
    PyObject *exception;

    exception = PyObject_CallFunctionObjArgs(state->error_proto, response,
                                             NULL);
    if (exception == NULL) {
        return;
    }
    PyErr_SetObject(state->error_proto, exception);
    Py_DECREF(exception);
}

void
errors_raise_out_of_step(struct module_state *state, const char *why,
                         PyObject *detail)
{
    static const char advice[] = "close this connection and make a new one";

    if (detail == NULL) {
        PyErr_Format(state->error_proto, "-ERR out of step: %s; %s", why,
                     advice);
    }
    else {
        PyErr_Format(state->error_proto, "-ERR out of step: %s: %R; %s", why,
                     detail, advice);
    }
}

void
errors_raise_timed_out_object(void)
{
    PyErr_SetString(PyExc_OSError, "cannot read from timed out object");
}

void
errors_raise_closed_meanwhile(void)
{
    PyObject *exception;

    exception = PyObject_CallFunction(
        PyExc_ConnectionAbortedError, "is", ECONNABORTED,
        "the connection was closed while it was in use");
    if (exception != NULL) {
        PyErr_SetObject(PyExc_ConnectionAbortedError, exception);
        Py_DECREF(exception);
    }
}

void
errors_raise_closed(const char *missing)
{
    PyErr_Format(PyExc_AttributeError,
                 "'NoneType' object has no attribute '%s': "
                 "the connection is closed",
                 missing);
}

void
errors_raise_bad_length(Py_ssize_t length, Py_ssize_t room)
{
    PyErr_Format(PyExc_OSError,
                 "recv_into() returned %zd for a buffer of %zd octets", length,
                 room);
}

static void
raise_imported(const char *module_name, const char *name, const char *text)
{
    PyObject *type = module_imported(module_name, name);

    if (type != NULL) {
        PyErr_SetString(type, text);
        Py_DECREF(type);
    }
}

void
errors_raise_unsupported(const char *text)
{
    raise_imported("io", "UnsupportedOperation", text);
}

bool
errors_is_socket_timeout(void)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *timeout = module_imported("_socket", "timeout");
    bool matches = false;

    if (timeout == NULL) {
        PyErr_Clear();
    }
    else {
        matches = PyErr_GivenExceptionMatches(pending, timeout);
        Py_DECREF(timeout);
    }
    PyErr_SetRaisedException(pending);
    return matches;
}

void
errors_raise(struct module_state *state, enum pop_status status,
             const struct pop_error *error)
{
    switch (status) {
    case POP_EOF:
        errors_raise_proto(state, "-ERR EOF");
        break;
    case POP_TIMEOUT:
        raise_imported("_socket", "timeout", "timed out");
        break;
    case POP_TOO_LONG:
        errors_raise_proto(state, "line too long");
        break;
    case POP_CONTROL:
        PyErr_SetString(PyExc_ValueError,
                        "Control characters not allowed in commands");
        break;
    case POP_NO_MEMORY:
        PyErr_NoMemory();
        break;
    case POP_SYSTEM:
        errno = error->sys;
        PyErr_SetFromErrno(PyExc_OSError);
        break;
    case POP_HOST:
        break;
    case POP_OK:
    case POP_NEED_INPUT:
    case POP_INTERRUPTED:
        PyErr_Format(PyExc_SystemError, "unexpected status %d", (int)status);
        break;
    }
}

#include "binding/base/errors.h"

#include "binding/base/package.h"

#include <errno.h>
#include <limits.h>

#include "core/tls/tls_error.h"

int
errors_clear(PyObject *type)
{
    if (!PyErr_ExceptionMatches(type)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

/* Raises `exception` (stolen); if NULL, an exception is pending already. */
static void
raise_made(PyObject *exception)
{
    if (exception != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    }
}

void
errors_raise_proto(struct module_state *state, const char *text)
{
    PyErr_SetString(state->error_proto, text);
}

void
errors_raise_response(struct module_state *state, PyObject *response)
{
    raise_made(
        PyObject_CallFunctionObjArgs(state->error_proto, response, NULL));
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
errors_raise_uncertain(struct module_state *state, long long number)
{
    PyObject *key = number < 0 ? Py_NewRef(Py_None)
                               : PyLong_FromLongLong(number);
    PyObject *exception = NULL;

    if (key != NULL) {
        exception = PyObject_CallFunction(
            state->error_proto, "N",
            PyUnicode_FromFormat(
                "-ERR out of step: a line of one dot may end message %S or be "
                "a part of it, and other commands were sent ahead; close this "
                "connection, make a new one, and fetch that message alone, "
                "by retr_bytes() or top_bytes()",
                key));
    }
    if (exception != NULL &&
        PyObject_SetAttrString(exception, "number", key) == 0) {
        PyErr_SetObject(state->error_proto, exception);
    }
    Py_XDECREF(exception);
    Py_XDECREF(key);
}

void
errors_raise_too_large(struct module_state *state, size_t limit)
{
    PyErr_Format(state->error_proto, "reply larger than %zd octets",
                 (Py_ssize_t)limit);
}

void
errors_raise_timed_out_object(void)
{
    PyErr_SetString(PyExc_OSError, "cannot read from timed out object");
}

void
errors_raise_closed_meanwhile(void)
{
    raise_made(PyObject_CallFunction(
        PyExc_ConnectionAbortedError, "is", ECONNABORTED,
        "the connection was closed while it was in use"));
}

void
errors_raise_bad_length(Py_ssize_t length, Py_ssize_t room)
{
    PyErr_Format(PyExc_OSError,
                 "recv_into() returned %zd for a buffer of %zd octets", length,
                 room);
}

PyObject *
errors_socket_timeout(struct module_state *state)
{
#if PY_VERSION_HEX >= 0x030a0000
    (void)state;
    return PyExc_TimeoutError;
#else
    if (state->socket_timeout == NULL) {
        PyObject *type = package_import("_socket", "timeout");

        Py_XSETREF(state->socket_timeout, type);
    }
    return state->socket_timeout;
#endif
}

static void
raise_timeout(struct module_state *state, const char *text)
{
    PyObject *type = errors_socket_timeout(state);

    if (type != NULL) {
        PyErr_SetString(type, text);
    }
}

bool
errors_is_socket_timeout(struct module_state *state)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *timeout = errors_socket_timeout(state);

    PyErr_SetRaisedException(pending);
    return timeout != NULL && PyErr_ExceptionMatches(timeout);
}

/* Returns whether `exception` is ssl.<name>.  Does not import ssl: without it
   that exception can't have been raised. */
static bool
is_of_ssl(struct module_state *state, PyObject *exception, const char *name)
{
    PyObject *ssl = PyImport_GetModule(state->name.ssl);
    PyObject *type = NULL;
    bool is;

    if (ssl != NULL) {
        type = PyObject_GetAttrString(ssl, name);
    }
    is = type != NULL && PyErr_GivenExceptionMatches(exception, type);
    Py_XDECREF(type);
    Py_XDECREF(ssl);
    return is;
}

bool
errors_is_would_block(struct module_state *state)
{
    PyObject *pending;
    bool is;

    if (PyErr_ExceptionMatches(PyExc_BlockingIOError)) {
        return true;
    }
    pending = PyErr_GetRaisedException();
    is = is_of_ssl(state, pending, "SSLWantReadError");
    errors_raise_again(pending);
    return is;
}

int
errors_pending_errno(PyObject *type)
{
    PyObject *pending;
    PyObject *number;
    long value = 0;

    if (!PyErr_ExceptionMatches(type)) {
        return 0;
    }
    pending = PyErr_GetRaisedException();
    number = PyObject_GetAttrString(pending, "errno");
    if (number != NULL && PyLong_Check(number)) {
        value = PyLong_AsLong(number);
    }
    Py_XDECREF(number);
    errors_raise_again(pending);
    return value > 0 && value <= INT_MAX ? (int)value : 0;
}

bool
errors_is_refusal(struct module_state *state)
{
    PyObject *pending;
    PyObject *args;
    bool is = false;

    if (!PyErr_ExceptionMatches(state->error_proto)) {
        return false;
    }
    pending = PyErr_GetRaisedException();
    args = PyObject_GetAttrString(pending, "args");
    if (args != NULL && PyTuple_Check(args) && PyTuple_GET_SIZE(args) == 1) {
        is = PyBytes_Check(PyTuple_GET_ITEM(args, 0));
    }
    Py_XDECREF(args);
    errors_raise_again(pending);
    return is;
}

/* --- contexts ----------------------------------------------------------- */

void
errors_handle(struct errors_handling *before, PyObject *exception)
{
    PyErr_GetExcInfo(&before->type, &before->value, &before->traceback);
    PyErr_SetExcInfo(Py_NewRef((PyObject *)Py_TYPE(exception)),
                     Py_NewRef(exception),
                     PyException_GetTraceback(exception));
}

void
errors_handled(struct errors_handling *before)
{
    PyErr_SetExcInfo(before->type, before->value, before->traceback);
}

void
errors_chain(PyObject *context)
{
    PyObject *exception = PyErr_GetRaisedException();

    PyException_SetContext(exception, context);
    PyErr_SetRaisedException(exception);
}

void
errors_raise_again(PyObject *pending)
{
    PyObject *later = PyErr_GetRaisedException();

    if (later == NULL || PyErr_GivenExceptionMatches(later, PyExc_Exception)) {
        Py_XDECREF(later);
        PyErr_SetRaisedException(pending);
        return;
    }
    PyErr_SetRaisedException(later);
    errors_chain(pending);
}

void
errors_report(PyObject *where, PyObject *earlier)
{
    if (earlier == NULL || PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_WriteUnraisable(where);
    }
}

/* --- TLS ---------------------------------------------------------------- */

/* Raises the exception (stolen).  While the interpreter exits, nothing can be
   imported: raises OSError(text) then. */
static void
raise_ssl(PyObject *exception, const char *text)
{
    if (exception == NULL && errors_clear(PyExc_ImportError) == 0) {
        PyErr_SetString(PyExc_OSError, text);
    }
    raise_made(exception);
}

static void
raise_tls(const struct pop_error *error)
{
    const char *words = pop_tls_error_reason(error->tls);
    PyObject *text = PyUnicode_DecodeFSDefault(error->text);

    if (text != NULL) {
        raise_ssl(package_call("poplib_c._tls", "new_error", "(iizNl)",
                               pop_tls_error_library(error->tls),
                               pop_tls_error_number(error->tls), words, text,
                               error->verify),
                  words != NULL ? words : error->text);
    }
}

/* Raises the exception of a status of TLS that has no OpenSSL code. */
static void
raise_tls_status(enum pop_status status)
{
    const char *name = status == POP_TLS_EOF     ? "SSLEOFError"
                       : status == POP_WANT_READ ? "SSLWantReadError"
                                                 : "SSLWantWriteError";

    raise_ssl(package_call("poplib_c._tls", "new_condition", "(s)", name),
              name);
}

/* --- statuses ----------------------------------------------------------- */

static void
raise_system(const struct pop_error *error)
{
    errno = error->sys;
    if (error->text[0] == '\0') {
        PyErr_SetFromErrno(PyExc_OSError);
    }
    else {
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, error->text);
    }
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
    case POP_DEADLINE:
        raise_timeout(state,
                      error->text[0] == '\0' ? "timed out" : error->text);
        break;
    case POP_TOO_LONG:
        errors_raise_proto(state, "line too long");
        break;
    case POP_TOO_MUCH:
        errors_raise_proto(state, "reply too large");
        break;
    case POP_CONTROL:
        PyErr_SetString(PyExc_ValueError,
                        "Control characters not allowed in commands");
        break;
    case POP_NO_MEMORY:
        PyErr_NoMemory();
        break;
    case POP_SYSTEM:
        raise_system(error);
        break;
    case POP_TLS:
        raise_tls(error);
        break;
    case POP_TLS_EOF:
    case POP_WANT_READ:
    case POP_WANT_WRITE:
        raise_tls_status(status);
        break;
    case POP_HOST:
        break;
    case POP_OK:
    case POP_NEED_INPUT:
    case POP_INTERRUPTED:
    case POP_UNASKED:
        PyErr_Format(PyExc_SystemError, "unexpected status %d", (int)status);
        break;
    }
}

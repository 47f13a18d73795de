#include "binding/client/redact.h"

#include <string.h>

#include "core/proto/command.h"
#include "core/proto/scan.h"

#define MASK "***"

static size_t
shown(const char *line, size_t length, bool response)
{
    if (!response) {
        return pop_command_shown(line, length);
    }
    return length == 1 && line[0] == '*' ? 1 : 0;
}

static PyObject *
redact_bytes(PyObject *line, bool response)
{
    const char *bytes = PyBytes_AS_STRING(line);
    size_t length = (size_t)PyBytes_GET_SIZE(line);
    size_t keep = shown(bytes, length, response);
    PyObject *masked;

    if (keep == length) {
        return Py_NewRef(line);
    }
    masked = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)keep);
    PyBytes_ConcatAndDel(&masked, PyBytes_FromString(MASK));
    return masked;
}

static PyObject *
redact_text(PyObject *line, bool response)
{
    PyObject *octets = PyUnicode_AsEncodedString(line, "utf-8",
                                                 "surrogatepass");
    PyObject *masked = octets == NULL ? NULL : redact_bytes(octets, response);
    PyObject *text = NULL;

    if (masked != NULL) {
        text = masked == octets
                   ? Py_NewRef(line)
                   : PyUnicode_DecodeUTF8(PyBytes_AS_STRING(masked),
                                          PyBytes_GET_SIZE(masked),
                                          "surrogatepass");
    }
    Py_XDECREF(octets);
    Py_XDECREF(masked);
    return text;
}

PyObject *
redact_command(PyObject *line, bool response)
{
    if (PyBytes_Check(line)) {
        return redact_bytes(line, response);
    }
    return PyUnicode_Check(line) ? redact_text(line, response)
                                 : PyUnicode_FromString(MASK);
}

/* Raises UnicodeEncodeError for the masked text, with the codec of
   `exception`. */
static void
raise_masked(PyObject *exception, PyObject *masked, const char *reason)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(masked);
    PyObject *encoding;
    PyObject *other = NULL;

    encoding = PyErr_GivenExceptionMatches(exception, PyExc_UnicodeEncodeError)
                   ? PyUnicodeEncodeError_GetEncoding(exception)
                   : PyUnicode_FromString("unknown");
    if (encoding != NULL) {
        other = PyObject_CallFunction(
            PyExc_UnicodeEncodeError, "OOnns", encoding, masked,
            length - (Py_ssize_t)strlen(MASK), length, reason);
        Py_DECREF(encoding);
    }
    if (other != NULL) {
        PyErr_SetObject(PyExc_UnicodeEncodeError, other);
        Py_DECREF(other);
    }
}

void
redact_unicode_error(PyObject *line, const char *reason)
{
    PyObject *pending;
    PyObject *masked;

    if (!PyErr_ExceptionMatches(PyExc_UnicodeError)) {
        return;
    }
    pending = PyErr_GetRaisedException();
    masked = redact_command(line, false);
    if (masked == line) {
        Py_DECREF(masked);
        PyErr_SetRaisedException(pending);
        return;
    }
    if (masked != NULL && PyBytes_Check(masked)) {
        Py_SETREF(masked,
                  PyUnicode_DecodeLatin1(PyBytes_AS_STRING(masked),
                                         PyBytes_GET_SIZE(masked), NULL));
    }
    if (masked != NULL) {
        raise_masked(pending, masked, reason);
        Py_DECREF(masked);
    }
    Py_DECREF(pending);
}

bool
redact_is_auth(PyObject *line)
{
    const char *bytes;
    size_t length;

    if (!PyBytes_Check(line)) {
        return false;
    }
    bytes = PyBytes_AS_STRING(line);
    length = (size_t)PyBytes_GET_SIZE(line);
    while (length > 0 && bytes[0] == ' ') {
        bytes++;
        length--;
    }
    return pop_scan_begins_with(bytes, length, "AUTH ");
}

/* Returns the length without the line end. */
static size_t
text_length(PyObject *line)
{
    const char *bytes = PyBytes_AS_STRING(line);
    size_t length = (size_t)PyBytes_GET_SIZE(line);

    while (length > 0 &&
           (bytes[length - 1] == '\n' || bytes[length - 1] == '\r')) {
        length--;
    }
    return length;
}

bool
redact_is_bare_plus(PyObject *line)
{
    return PyBytes_AS_STRING(line)[1] == ' ' || text_length(line) == 1;
}

PyObject *
redact_status(PyObject *line)
{
    size_t length;

    if (!redact_is_challenge(line)) {
        return Py_NewRef(line);
    }
    length = text_length(line);
    if (length <= 2) {
        return Py_NewRef(line);
    }
    return PyBytes_FromFormat("+ " MASK "%s",
                              PyBytes_AS_STRING(line) + length);
}

#include "binding/mask.h"

#include "core/command.h"
#include "core/scan.h"

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
mask_bytes(PyObject *line, bool response)
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
mask_text(PyObject *line, bool response)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(line, &length);
    PyObject *front;
    PyObject *masked;
    size_t keep;

    if (text == NULL) {
        return NULL;
    }
    keep = shown(text, (size_t)length, response);
    if (keep == (size_t)length) {
        return Py_NewRef(line);
    }
    front = PyUnicode_DecodeUTF8(text, (Py_ssize_t)keep, NULL);
    if (front == NULL) {
        return NULL;
    }
    masked = PyUnicode_FromFormat("%U" MASK, front);
    Py_DECREF(front);
    return masked;
}

PyObject *
mask_command(PyObject *line, bool response)
{
    PyObject *masked = NULL;

    if (PyBytes_Check(line)) {
        return mask_bytes(line, response);
    }
    if (PyUnicode_Check(line)) {
        masked = mask_text(line, response);
    }
    if (masked == NULL &&
        (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_UnicodeError))) {
        PyErr_Clear();
        masked = PyUnicode_FromString(MASK);
    }
    return masked;
}

bool
mask_is_auth(PyObject *line)
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

/* Octets without the line end. */
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
mask_is_challenge(PyObject *line)
{
    const char *bytes;
    size_t length;

    if (!PyBytes_Check(line)) {
        return false;
    }
    bytes = PyBytes_AS_STRING(line);
    length = text_length(line);
    return length > 0 && bytes[0] == '+' && (length == 1 || bytes[1] == ' ');
}

PyObject *
mask_status(PyObject *line)
{
    size_t length;

    if (!mask_is_challenge(line)) {
        return Py_NewRef(line);
    }
    length = text_length(line);
    if (length <= 2) {
        return Py_NewRef(line);
    }
    return PyBytes_FromFormat("+ " MASK "%s",
                              PyBytes_AS_STRING(line) + length);
}

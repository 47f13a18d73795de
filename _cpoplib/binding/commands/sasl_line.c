#include "binding/commands/sasl_line.h"

#include "core/proto/base64.h"
#include "core/proto/scan.h"

PyObject *
sasl_line_octets(PyObject *value, const char *what)
{
    if (PyUnicode_Check(value)) {
        if (PyUnicode_IS_ASCII(value)) {
            return PyUnicode_AsASCIIString(value);
        }
        PyErr_Format(PyExc_ValueError,
                     "%s must be bytes, or str of ASCII characters alone",
                     what);
        return NULL;
    }
    if (PyObject_CheckBuffer(value)) {
        return PyBytes_FromObject(value);
    }
    PyErr_Format(PyExc_TypeError, "%s must be bytes, str or None, not %.100s",
                 what, Py_TYPE(value)->tp_name);
    return NULL;
}

int
sasl_line_check_name(PyObject *name)
{
    Py_ssize_t i;
    bool is_word;

    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError,
                     "a mechanism's name must be str, not %.100s",
                     Py_TYPE(name)->tp_name);
        return -1;
    }
    is_word = PyUnicode_GET_LENGTH(name) > 0;
    for (i = 0; i < PyUnicode_GET_LENGTH(name); i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(name, i);

        is_word = is_word && c > ' ' && c < 0x7f;
    }
    if (!is_word) {
        PyErr_Format(PyExc_ValueError, "no name of a mechanism: %R", name);
    }
    return is_word ? 0 : -1;
}

PyObject *
sasl_line_encode(PyObject *bytes)
{
    size_t length = (size_t)PyBytes_GET_SIZE(bytes);
    PyObject *text;

    if (length > PY_SSIZE_T_MAX / 2) {
        PyErr_NoMemory();
        return NULL;
    }
    text = PyUnicode_New((Py_ssize_t)pop_base64_encoded(length), 0x7f);
    if (text != NULL && length > 0) {
        pop_base64_encode(PyBytes_AS_STRING(bytes), length,
                          (char *)PyUnicode_1BYTE_DATA(text));
    }
    return text;
}

enum sasl_line_reply
sasl_line_classify(PyObject *reply)
{
    const char *text;
    size_t length;

    if (!PyBytes_Check(reply)) {
        return SASL_LINE_OTHER;
    }
    text = PyBytes_AS_STRING(reply);
    length = (size_t)PyBytes_GET_SIZE(reply);
    if (pop_scan_begins_with(text, length, "+OK")) {
        return SASL_LINE_SUCCESS;
    }
    return length > 0 && text[0] == '+' && (length == 1 || text[1] == ' ')
               ? SASL_LINE_CHALLENGE
               : SASL_LINE_OTHER;
}

int
sasl_line_decode(PyObject *reply, PyObject **challenge)
{
    const char *text = PyBytes_AS_STRING(reply);
    size_t length = (size_t)PyBytes_GET_SIZE(reply);
    size_t start = length < 2 ? length : 2;
    size_t octets;

    while (length > start && text[length - 1] == ' ') {
        length--;
    }
    length -= start;
    *challenge = PyBytes_FromStringAndSize(
        NULL, (Py_ssize_t)pop_base64_decoded(length));
    if (*challenge == NULL) {
        return -1;
    }
    if (!pop_base64_decode(text + start, length,
                           (unsigned char *)PyBytes_AS_STRING(*challenge),
                           &octets)) {
        Py_SETREF(*challenge,
                  PyBytes_FromStringAndSize(text + start, (Py_ssize_t)length));
        return *challenge == NULL ? -1 : 0;
    }
    return _PyBytes_Resize(challenge, (Py_ssize_t)octets) < 0 ? -1 : 1;
}

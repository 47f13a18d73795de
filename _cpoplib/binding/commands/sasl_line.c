#include "binding/commands/sasl_line.h"

#include "binding/base/package.h"
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
    PyObject *encoded = package_call("binascii", "b2a_base64", "(O)", bytes);
    PyObject *text = NULL;

    if (encoded != NULL) {
        /* Without the line end. */
        text = PyUnicode_DecodeASCII(PyBytes_AS_STRING(encoded),
                                     PyBytes_GET_SIZE(encoded) - 1, NULL);
        Py_DECREF(encoded);
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
    Py_ssize_t length = PyBytes_GET_SIZE(reply);
    Py_ssize_t start = length < 2 ? length : 2;
    PyObject *decoded = NULL;

    while (length > start && text[length - 1] == ' ') {
        length--;
    }
    *challenge = PyBytes_FromStringAndSize(text + start, length - start);
    if (*challenge != NULL) {
        decoded = package_call("poplib_c._base64", "decode", "(O)",
                               *challenge);
    }
    if (decoded == NULL) {
        Py_CLEAR(*challenge);
        return -1;
    }
    if (decoded == Py_None) {
        Py_DECREF(decoded);
        return 0;
    }
    Py_SETREF(*challenge, decoded);
    return 1;
}

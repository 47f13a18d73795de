#include "binding/connect/tls_options.h"

PyObject *
tls_options_given(PyObject *argument)
{
    return argument == Py_None ? NULL : argument;
}

bool
tls_options_verifies(const struct tls_options *options)
{
    return options->verify != NULL && options->verify != Py_False;
}

static bool
is_empty(PyObject *path)
{
    return path != NULL &&
           ((PyUnicode_Check(path) && PyUnicode_GET_LENGTH(path) == 0) ||
            (PyBytes_Check(path) && PyBytes_GET_SIZE(path) == 0));
}

int
tls_options_check(const struct tls_options *options)
{
    const char *other = NULL;

    if (options->keyfile != NULL) {
        other = "keyfile";
    }
    else if (options->certfile != NULL) {
        other = "certfile";
    }
    else if (options->verify != NULL) {
        other = "verify";
    }
    if (options->context != NULL && other != NULL) {
        PyErr_Format(PyExc_ValueError,
                     "context and %s arguments are mutually exclusive", other);
        return -1;
    }
    if (options->keyfile != NULL && options->certfile == NULL) {
        PyErr_SetString(PyExc_ValueError, "certfile must be specified");
        return -1;
    }
    if (is_empty(options->verify)) {
        PyErr_SetString(PyExc_ValueError,
                        "verify must be True, or name a PEM file or a "
                        "directory of trusted certificates");
        return -1;
    }
    return 0;
}

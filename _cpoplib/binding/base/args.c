#include "binding/base/args.h"

#include <string.h>

/* Python 3.9 names methods in TypeError without their class. */
static const char *
shown_name(const struct args_signature *signature)
{
#if PY_VERSION_HEX < 0x030a0000
    const char *dot = strrchr(signature->method, '.');

    if (dot != NULL) {
        return dot + 1;
    }
#endif
    return signature->method;
}

static void
raise_too_many(const struct args_signature *signature, Py_ssize_t positional,
               Py_ssize_t nargs)
{
    /* The interpreter counts self. */
    Py_ssize_t least = signature->required + 1;
    Py_ssize_t most = positional + 1;

    if (least == most) {
        PyErr_Format(PyExc_TypeError,
                     "%s() takes %zd positional argument%s but %zd were given",
                     shown_name(signature), most, most == 1 ? "" : "s",
                     nargs + 1);
    }
    else {
        PyErr_Format(PyExc_TypeError,
                     "%s() takes from %zd to %zd positional arguments "
                     "but %zd were given",
                     shown_name(signature), least, most, nargs + 1);
    }
}

static int
bind_keyword(const struct args_signature *signature, Py_ssize_t count,
             PyObject *name, PyObject *value, PyObject **values)
{
    Py_ssize_t i;

    for (i = 0; i < count; i++) {
        if (PyUnicode_CompareWithASCIIString(name, signature->names[i]) != 0) {
            continue;
        }
        if (values[i] != NULL) {
            PyErr_Format(PyExc_TypeError,
                         "%s() got multiple values for argument '%U'",
                         shown_name(signature), name);
            return -1;
        }
        values[i] = value;
        return 0;
    }
    PyErr_Format(PyExc_TypeError,
                 "%s() got an unexpected keyword argument '%U'",
                 shown_name(signature), name);
    return -1;
}

static int
check_required(const struct args_signature *signature, PyObject **values)
{
    const char *missing[ARGS_MAX] = {NULL};
    Py_ssize_t count = 0;
    Py_ssize_t i;

    for (i = 0; i < signature->required; i++) {
        if (values[i] == NULL) {
            missing[count++] = signature->names[i];
        }
    }
    if (count == 0) {
        return 0;
    }
    /* No method requires more than two arguments. */
    PyErr_Format(PyExc_TypeError,
                 "%s() missing %zd required positional argument%s: "
                 "'%s'%s%s%s",
                 shown_name(signature), count, count == 1 ? "" : "s",
                 missing[0], count == 1 ? "" : " and '",
                 count == 1 ? "" : missing[1], count == 1 ? "" : "'");
    return -1;
}

int
args_bind(const struct args_signature *signature, PyObject *const *args,
          Py_ssize_t nargs, PyObject *kwnames, PyObject **values)
{
    Py_ssize_t count = 0;
    Py_ssize_t positional;
    Py_ssize_t nkwargs = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    Py_ssize_t i;

    while (count < ARGS_MAX && signature->names[count] != NULL) {
        values[count] = count < nargs ? args[count] : NULL;
        count++;
    }
    positional = count - signature->keyword_only;
    for (i = positional; i < count; i++) {
        values[i] = NULL;
    }
    for (i = 0; i < nkwargs; i++) {
        if (bind_keyword(signature, count, PyTuple_GET_ITEM(kwnames, i),
                         args[nargs + i], values) < 0) {
            return -1;
        }
    }
    if (nargs > positional) {
        raise_too_many(signature, positional, nargs);
        return -1;
    }
    return check_required(signature, values);
}

int
args_octets(PyObject *value, size_t *octets)
{
    Py_ssize_t number = PyNumber_AsSsize_t(value, NULL);

    if (number == -1 && PyErr_Occurred()) {
        return -1;
    }
    *octets = number < 0 ? 0 : (size_t)number;
    return 0;
}

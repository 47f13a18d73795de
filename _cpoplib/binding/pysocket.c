#include "binding/pysocket.h"

#include <errno.h>

#include "binding/errors.h"
#include "core/deadline.h"

#define NS_PER_SECOND 1e9
#define LONGEST_SECONDS 9e9

/* --- whose methods ------------------------------------------------------ */

int
pysocket_has_own(PyObject *sock, PyObject *name, PyObject *own,
                 getattrofunc getattro)
{
    PyTypeObject *type = Py_TYPE(sock);
    PyObject *found;
    PyObject *dict;
    int shadowed;

    if (type->tp_getattro != getattro) {
        return 0;
    }
    if (PyObject_GetOptionalAttr((PyObject *)type, name, &found) < 0) {
        return -1;
    }
    Py_XDECREF(found);
    if (found != own || type->tp_dictoffset == 0) {
        return found == own;
    }
    dict = PyObject_GenericGetDict(sock, NULL);
    if (dict == NULL) {
        return -1;
    }
    shadowed = PyDict_Contains(dict, name);
    Py_DECREF(dict);
    return shadowed < 0 ? -1 : !shadowed;
}

/* state->slot = value, which is stolen, unless another thread was first. */
static int
store(PyObject **slot, PyObject *value)
{
    if (value == NULL) {
        return -1;
    }
    if (*slot == NULL) {
        *slot = value;
    }
    else {
        Py_DECREF(value);
    }
    return 0;
}

static int
load_own_methods(struct module_state *state)
{
    PyObject *type;
    int failed = -1;

    if (state->own_sendall != NULL) {
        return 0;
    }
    type = module_imported("_socket", "socket");
    if (type == NULL) {
        return -1;
    }
    if (errors_socket_timeout(state) != NULL &&
        store(&state->own_recv_into,
              PyObject_GetAttr(type, state->name.recv_into)) == 0) {
        failed = store(&state->own_sendall,
                       PyObject_GetAttr(type, state->name.sendall));
    }
    Py_DECREF(type);
    return failed;
}

int
pysocket_is_direct(struct module_state *state, PyObject *sock)
{
    int own;

    if (load_own_methods(state) < 0) {
        return -1;
    }
    own = pysocket_has_own(sock, state->name.recv_into, state->own_recv_into,
                           PyObject_GenericGetAttr);
    if (own <= 0) {
        return own;
    }
    return pysocket_has_own(sock, state->name.sendall, state->own_sendall,
                            PyObject_GenericGetAttr);
}

/* --- descriptor and timeout --------------------------------------------- */

int
pysocket_fileno(struct module_state *state, PyObject *sock, int *fd)
{
    PyObject *result;

    result = PyObject_CallMethodNoArgs(sock, state->name.fileno);
    if (result == NULL) {
        return -1;
    }
    *fd = PyObject_AsFileDescriptor(result);
    Py_DECREF(result);
    if (*fd < 0 && PyErr_ExceptionMatches(PyExc_ValueError)) {
        struct pop_error error = {.sys = EBADF};

        /* A closed socket says -1: poplib's recv() then fails like this. */
        PyErr_Clear();
        errors_raise(state, POP_SYSTEM, &error);
    }
    return *fd < 0 ? -1 : 0;
}

/* Rounded up, so that a timeout is never shorter than it was asked for. */
static int64_t
nanoseconds(double seconds)
{
    if (!(seconds > 0.0)) {
        return POP_WAIT_NEVER;
    }
    if (seconds > LONGEST_SECONDS) {
        return INT64_MAX;
    }
    return (int64_t)(seconds * NS_PER_SECOND) + 1;
}

int
pysocket_timeout(struct module_state *state, PyObject *sock, int64_t *timeout)
{
    PyObject *result;
    double seconds;

    result = PyObject_CallMethodNoArgs(sock, state->name.gettimeout);
    if (result == NULL) {
        return -1;
    }
    if (result == Py_None) {
        Py_DECREF(result);
        *timeout = POP_WAIT_FOREVER;
        return 0;
    }
    seconds = PyFloat_AsDouble(result);
    Py_DECREF(result);
    if (seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    *timeout = nanoseconds(seconds);
    return 0;
}

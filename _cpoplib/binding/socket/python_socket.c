#include "binding/socket/python_socket.h"

#include <errno.h>

#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "core/net/timeout.h"

#define LONGEST_SECONDS 9e9

/* --- own methods -------------------------------------------------------- */

/* Returns whether sock.name is `own` of the type: 1, 0 or -1. */
static int
has_own(PyObject *sock, PyObject *name, PyObject *own)
{
    PyTypeObject *type = Py_TYPE(sock);
    PyObject *found = pycompat_lookup(type, name);
    PyObject *dict;
    int shadowed;

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

int
python_socket_has_own(struct module_state *state, PyObject *sock,
                      PyObject *own_recv_into, PyObject *own_sendall)
{
    int own = has_own(sock, state->name.recv_into, own_recv_into);

    return own > 0 ? has_own(sock, state->name.sendall, own_sendall) : own;
}

/* Keeps the methods (stolen) unless another thread has. */
static void
keep_own_methods(struct module_state *state, PyObject *recv_into,
                 PyObject *sendall)
{
    Py_BEGIN_CRITICAL_SECTION(state->module);
    if (!state->has_own_methods) {
        state->own_recv_into = Py_NewRef(recv_into);
        state->own_sendall = Py_NewRef(sendall);
        state->has_own_methods = true;
    }
    Py_END_CRITICAL_SECTION();
    Py_DECREF(recv_into);
    Py_DECREF(sendall);
}

static int
load_own_methods(struct module_state *state)
{
    PyObject *type;
    PyObject *recv_into = NULL;
    PyObject *sendall = NULL;

    if (atomic_load_explicit(&state->has_own_methods, memory_order_acquire)) {
        return 0;
    }
    type = package_import("_socket", "socket");
    if (type == NULL) {
        return -1;
    }
    if (errors_socket_timeout(state) != NULL) {
        recv_into = PyObject_GetAttr(type, state->name.recv_into);
    }
    if (recv_into != NULL) {
        sendall = PyObject_GetAttr(type, state->name.sendall);
    }
    Py_DECREF(type);
    if (sendall == NULL) {
        Py_XDECREF(recv_into);
        return -1;
    }
    keep_own_methods(state, recv_into, sendall);
    return 0;
}

int
python_socket_is_direct(struct module_state *state, PyObject *sock)
{
    if (load_own_methods(state) < 0) {
        return -1;
    }
    return Py_TYPE(sock)->tp_getattro == PyObject_GenericGetAttr
               ? python_socket_has_own(state, sock, state->own_recv_into,
                                       state->own_sendall)
               : 0;
}

/* Returns the globals of a function, borrowed; NULL without an exception for
   NULL, and for what is no function in Python. */
static PyObject *
globals_of(PyObject *function)
{
    return function != NULL && PyFunction_Check(function)
               ? PyFunction_GetGlobals(function)
               : NULL;
}

int
python_socket_makes_files(struct module_state *state, PyObject *sock)
{
    PyObject *makefile = pycompat_lookup(Py_TYPE(sock), state->name.makefile);
    PyObject *globals = globals_of(makefile);
    PyObject *file = NULL;
    PyObject *init = NULL;
    int own = globals != NULL &&
              Py_TYPE(sock)->tp_getattro == PyObject_GenericGetAttr;

    if (own) {
        own = PyDict_GetItemRef(globals, state->name.socketio, &file);
    }
    if (own > 0 && PyType_Check(file)) {
        init = pycompat_lookup((PyTypeObject *)file, state->name.init);
    }
    /* Both are functions of the module that defines SocketIO. */
    if (own > 0) {
        own = globals_of(init) == globals
                  ? has_own(sock, state->name.makefile, makefile)
                  : 0;
    }
    Py_XDECREF(init);
    Py_XDECREF(file);
    Py_XDECREF(makefile);
    return own;
}

/* --- descriptor and timeout --------------------------------------------- */

int
python_socket_fileno(struct module_state *state, PyObject *sock, int *fd)
{
    PyObject *result;

    result = PyObject_CallMethodNoArgs(sock, state->name.fileno);
    if (result == NULL) {
        return -1;
    }
    *fd = PyObject_AsFileDescriptor(result);
    Py_DECREF(result);
    if (*fd < 0 && errors_clear(PyExc_ValueError) == 0) {
        struct pop_error error = {.sys = EBADF};

        /* fileno() of a closed socket is -1; recv() would fail with EBADF. */
        errors_raise(state, POP_SYSTEM, &error);
    }
    return *fd < 0 ? -1 : 0;
}

int64_t
python_socket_nanoseconds(double seconds)
{
    if (!(seconds > 0.0)) {
        return POP_WAIT_NEVER;
    }
    if (seconds > LONGEST_SECONDS) {
        return INT64_MAX;
    }
    return (int64_t)(seconds * POP_NS_PER_SECOND) + 1;
}

int
python_socket_timeout(struct module_state *state, PyObject *sock,
                      int64_t *timeout)
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
    *timeout = python_socket_nanoseconds(seconds);
    return 0;
}

/* --- a shorter timeout -------------------------------------------------- */

/* sock.settimeout(timeout) */
static int
set_timeout(struct module_state *state, PyObject *sock, PyObject *timeout)
{
    return errors_drop_result(PyObject_CallMethodObjArgs(
        sock, state->name.settimeout, timeout, NULL));
}

/* Returns whether the object has gettimeout() and settimeout(): 1, 0
   or -1. */
static int
has_timeout(struct module_state *state, PyObject *sock)
{
    PyObject *method;
    int has = PyObject_GetOptionalAttr(sock, state->name.gettimeout, &method);

    Py_XDECREF(method);
    if (has <= 0) {
        return has;
    }
    has = PyObject_GetOptionalAttr(sock, state->name.settimeout, &method);
    Py_XDECREF(method);
    return has;
}

/* Calls sock.settimeout(left); keeps what gettimeout() then returns. */
static int
shorten(struct module_state *state, PyObject *sock, int64_t left,
        struct python_socket_hold *hold)
{
    PyObject *timeout = PyFloat_FromDouble((double)left / POP_NS_PER_SECOND);
    int failed;

    if (timeout == NULL) {
        return -1;
    }
    failed = set_timeout(state, sock, timeout);
    Py_DECREF(timeout);
    if (failed == 0) {
        hold->held = PyObject_CallMethodNoArgs(sock, state->name.gettimeout);
    }
    return hold->held == NULL ? -1 : 0;
}

int
python_socket_hold(struct module_state *state, PyObject *sock,
                   const struct pop_deadline *deadline,
                   struct python_socket_hold *hold)
{
    int64_t left = pop_deadline_left(deadline);
    int64_t own;
    int has;

    hold->own = NULL;
    hold->held = NULL;
    hold->is_endless = false;
    if (deadline->at == POP_NO_DEADLINE) {
        return 0;
    }
    has = has_timeout(state, sock);
    if (has <= 0) {
        hold->is_endless = true;
        return has;
    }
    if (python_socket_timeout(state, sock, &own) < 0) {
        return -1;
    }
    if (own == POP_WAIT_NEVER || (own != POP_WAIT_FOREVER && own <= left)) {
        return 0;
    }
    hold->own = PyObject_CallMethodNoArgs(sock, state->name.gettimeout);
    if (hold->own == NULL) {
        return -1;
    }
    /* A timeout of 0 would make the socket non-blocking. */
    if (shorten(state, sock, left > 0 ? left : 1, hold) < 0) {
        (void)python_socket_let_go(state, sock, hold);
        return -1;
    }
    return 0;
}

/* Restores the timeout unless it was changed since shorten(). */
static int
lengthen(struct module_state *state, PyObject *sock,
         const struct python_socket_hold *hold)
{
    PyObject *now;
    int is;

    if (hold->held == NULL) {
        return set_timeout(state, sock, hold->own);
    }
    now = PyObject_CallMethodNoArgs(sock, state->name.gettimeout);
    if (now == NULL) {
        return -1;
    }
    is = PyObject_RichCompareBool(now, hold->held, Py_EQ);
    Py_DECREF(now);
    return is > 0 ? set_timeout(state, sock, hold->own) : is;
}

int
python_socket_let_go(struct module_state *state, PyObject *sock,
                     struct python_socket_hold *hold)
{
    PyObject *pending = PyErr_GetRaisedException();
    int failed = 0;

    /* A socket closed meanwhile raises OSError. */
    if (hold->own != NULL && lengthen(state, sock, hold) < 0) {
        failed = pending == NULL ? errors_clear(PyExc_OSError) : -1;
    }
    Py_CLEAR(hold->own);
    Py_CLEAR(hold->held);
    if (pending != NULL) {
        errors_raise_again(pending);
    }
    return failed;
}

void
python_socket_discard(struct module_state *state, PyObject *object)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *result = PyObject_CallMethodNoArgs(object, state->name.close);

    Py_XDECREF(result);
    errors_raise_again(pending);
}

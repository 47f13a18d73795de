/* How a Reader is entered for I/O, by which transport, and what a failure
   means for the stream. */

#include "binding/reader.h"

#include <errno.h>

#include "binding/errors.h"
#include "binding/transport_pysock.h"

#define NS_PER_SECOND 1e9
#define LONGEST_SECONDS 9e9

/* --- which transport ---------------------------------------------------- */

/* 1 if looking `name` up on the socket gives _socket.socket's own method. */
static int
is_own_method(PyObject *sock, PyObject *name, PyObject *own)
{
    PyTypeObject *type = Py_TYPE(sock);
    PyObject *found;
    PyObject *dict;
    int shadowed;

    if (type->tp_getattro != PyObject_GenericGetAttr) {
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

static int
load_own_methods(struct module_state *state)
{
    PyObject *type;

    if (state->own_sendall != NULL) {
        return 0;
    }
    type = module_imported("_socket", "socket");
    if (type == NULL) {
        return -1;
    }
    Py_XSETREF(state->own_recv_into,
               PyObject_GetAttr(type, state->name.recv_into));
    if (state->own_recv_into != NULL) {
        state->own_sendall = PyObject_GetAttr(type, state->name.sendall);
    }
    Py_DECREF(type);
    return state->own_sendall == NULL ? -1 : 0;
}

/* Whether the descriptor may be used instead of the socket's methods. */
static int
is_direct(ReaderObject *self)
{
    struct module_state *state = self->state;
    int own;

    if (load_own_methods(state) < 0) {
        return -1;
    }
    own = is_own_method(self->sock, state->name.recv_into,
                        state->own_recv_into);
    if (own <= 0) {
        return own;
    }
    return is_own_method(self->sock, state->name.sendall, state->own_sendall);
}

static int
ask_fileno(ReaderObject *self, int *fd)
{
    PyObject *result;

    result = PyObject_CallMethodNoArgs(self->sock, self->state->name.fileno);
    if (result == NULL) {
        return -1;
    }
    *fd = PyObject_AsFileDescriptor(result);
    Py_DECREF(result);
    if (*fd < 0 && PyErr_ExceptionMatches(PyExc_ValueError)) {
        struct pop_error error = {.sys = EBADF};

        /* A closed socket says -1: poplib's recv() then fails like this. */
        PyErr_Clear();
        errors_raise(self->state, POP_SYSTEM, &error);
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

static int
ask_timeout(ReaderObject *self, int64_t *timeout)
{
    PyObject *result;
    double seconds;

    result = PyObject_CallMethodNoArgs(self->sock,
                                       self->state->name.gettimeout);
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

static int
use_direct(ReaderObject *self)
{
    int fd;

    if (ask_fileno(self, &fd) < 0 ||
        ask_timeout(self, &self->link.timeout) < 0) {
        return -1;
    }
    pop_transport_fd_set(self->direct, fd,
                         self->link.timeout == POP_WAIT_FOREVER);
    self->link.transport = self->direct;
    return 0;
}

static int
use_pysock(ReaderObject *self)
{
    if (self->pysock == NULL) {
        self->pysock = pysock_new(self->state, self->sock);
    }
    if (self->pysock == NULL) {
        return -1;
    }
    self->link.timeout = POP_WAIT_FOREVER;
    self->link.transport = self->pysock;
    return 0;
}

static int
choose_transport(ReaderObject *self)
{
    int direct = is_direct(self);

    if (direct < 0) {
        return -1;
    }
    return direct ? use_direct(self) : use_pysock(self);
}

/* --- entering and leaving ----------------------------------------------- */

int
reader_enter(ReaderObject *self)
{
    if (io_lock_is_mine(&self->lock)) {
        PyErr_Format(PyExc_RuntimeError, "reentrant call inside %R", self);
        return -1;
    }
    if (io_lock_acquire(&self->lock) < 0) {
        return -1;
    }
    if (self->closed) {
        PyErr_SetString(PyExc_ValueError, "I/O operation on closed file.");
        reader_leave(self);
        return -1;
    }
    if (choose_transport(self) < 0) {
        reader_leave(self);
        return -1;
    }
    return 0;
}

int
reader_enter_in_step(ReaderObject *self)
{
    if (reader_enter(self) < 0) {
        return -1;
    }
    if (step_check(self->state, &self->step) < 0) {
        reader_leave(self);
        return -1;
    }
    return 0;
}

static int
close_file(ReaderObject *self)
{
    PyObject *result;

    self->file_closed = true;
    result = PyObject_CallMethodNoArgs(self->file, self->state->name.close);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

void
reader_leave(ReaderObject *self)
{
    bool last = self->closed && !self->file_closed;

    io_lock_release(&self->lock);
    if (last) {
        PyObject *pending = PyErr_GetRaisedException();

        if (close_file(self) < 0) {
            PyErr_WriteUnraisable((PyObject *)self);
        }
        PyErr_SetRaisedException(pending);
    }
}

int
reader_close(ReaderObject *self)
{
    if (self->closed) {
        return 0;
    }
    self->closed = true;
    if (io_lock_is_held(&self->lock)) {
        if (self->link.transport != NULL) {
            pop_link_interrupt(&self->link);
        }
        return 0;
    }
    return close_file(self);
}

/* --- failures ----------------------------------------------------------- */

void
reader_end(ReaderObject *self)
{
    pop_buffer_consume(&self->link.in, pop_buffer_length(&self->link.in));
    step_end(&self->step);
}

static bool
is_dead(int error)
{
    switch (error) {
    case EBADF:
    case ECONNABORTED:
    case ECONNRESET:
    case ENOTCONN:
    case ENOTSOCK:
    case EPIPE:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

void
reader_fail(ReaderObject *self, enum pop_status status,
            struct pop_error *error)
{
    if (self->closed && (status == POP_EOF || status == POP_SYSTEM)) {
        reader_end(self);
        errors_raise_closed_meanwhile();
        return;
    }
    if (status == POP_TIMEOUT && self->link.timeout == POP_WAIT_NEVER) {
        status = POP_SYSTEM;
        error->sys = EAGAIN;
    }
    switch (status) {
    case POP_EOF:
        reader_end(self);
        break;
    case POP_TIMEOUT:
        step_time_out(&self->step);
        break;
    case POP_TOO_LONG:
        step_leave(&self->step, "a line was too long");
        break;
    case POP_HOST:
        step_note_exception(&self->step);
        break;
    case POP_SYSTEM:
        if (is_dead(error->sys)) {
            reader_end(self);
            break;
        }
        step_leave(&self->step, "a read failed");
        break;
    default:
        step_leave(&self->step, "a read failed");
        break;
    }
    errors_raise(self->state, status, error);
}

void
reader_fail_write(ReaderObject *self, enum pop_status status,
                  struct pop_error *error, bool untouched)
{
    if (self->closed && status == POP_SYSTEM) {
        reader_end(self);
        errors_raise_closed_meanwhile();
        return;
    }
    if (status == POP_TIMEOUT && self->link.timeout == POP_WAIT_NEVER) {
        status = POP_SYSTEM;
        error->sys = EAGAIN;
    }
    if (!untouched) {
        step_leave(&self->step, "a command was sent in part");
    }
    errors_raise(self->state, status, error);
}

int
reader_fill(ReaderObject *self)
{
    struct pop_error error = {0};
    enum pop_status status = io_run(&self->link, pop_link_fill, &error);

    if (status == POP_OK) {
        /* A peer that never pauses must not lock out Ctrl-C. */
        return PyErr_CheckSignals() < 0 ? -1 : 1;
    }
    if (status == POP_EOF && !self->closed) {
        return 0;
    }
    reader_fail(self, status, &error);
    return -1;
}

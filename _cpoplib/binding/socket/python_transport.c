#include "binding/socket/python_transport.h"

#include <string.h>

#include "binding/base/errors.h"
#include "binding/socket/python_socket.h"
#include "core/net/socket.h"

/* recv_into() gets a bytearray, not the link's buffer: a method written in
   Python may keep a view, which would then reach freed memory. */
#define STAGING_OCTETS ((Py_ssize_t)64 * 1024)

/* Octets per sendall() if there is a deadline: a socket may send in pieces and
   use its whole timeout for each. */
#define HELD_OCTETS ((size_t)16 * 1024)

/* A recv_into() that takes longer in the middle of a reply may have waited for
   a server that waits for an acknowledgement, which comes after 40 ms. */
#define SLOW (POP_NS_PER_SECOND / 50)

struct python_transport {
    struct pop_transport base;
    struct module_state *state;
    PyObject *sock;    /* borrowed from the owner */
    PyObject *staging; /* bytearray, exported during each recv_into */
    bool replying;     /* bytes have come since the last send */
    bool acknowledges; /* acknowledges them before each further recv_into:
                          one was slow */
    bool interrupted;
};

/* Returns how many octets recv_into() stored, or -1 and an exception.  It may
   have shrunk the bytearray. */
static Py_ssize_t
received_octets(struct python_transport *self, PyObject *result,
                Py_ssize_t room)
{
    Py_ssize_t n = PyNumber_AsSsize_t(result, PyExc_OverflowError);

    if (n == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (room > PyByteArray_GET_SIZE(self->staging)) {
        room = PyByteArray_GET_SIZE(self->staging);
    }
    if (n < 0 || n > room) {
        errors_raise_bad_length(n, room);
        return -1;
    }
    return n;
}

static Py_ssize_t
recv_into_staging(struct python_transport *self, Py_ssize_t room)
{
    PyObject *whole = PyMemoryView_FromObject(self->staging);
    PyObject *view = NULL;
    PyObject *result = NULL;
    Py_ssize_t n = -1;

    if (whole == NULL) {
        goto done;
    }
    view = PySequence_GetSlice(whole, 0, room);
    if (view == NULL) {
        goto done;
    }
    result = PyObject_CallMethodObjArgs(
        self->sock, self->state->name.recv_into, view, NULL);
    if (result != NULL) {
        n = received_octets(self, result, room);
    }
done:
    Py_XDECREF(result);
    Py_XDECREF(view);
    Py_XDECREF(whole);
    return n;
}

/* Returns the status for the pending exception of a method. */
static enum pop_status
failure(const struct python_transport *self, const struct pop_timeout *timeout,
        struct pop_error *error)
{
    bool late = errors_is_socket_timeout(self->state);

    if (late && pop_deadline_has_passed(&timeout->deadline) &&
        errors_clear(PyExc_OSError) == 0) {
        return pop_deadline_end(&timeout->deadline, error);
    }
    if (timeout->deadline.is_pause &&
        (late || errors_is_would_block(self->state)) &&
        errors_clear(PyExc_OSError) == 0) {
        return POP_TIMEOUT;
    }
    return POP_HOST;
}

/* Holds an export during the copy, so that no other thread can shrink the
   bytearray. */
static int
copy_staging(struct python_transport *self, char *space, Py_ssize_t octets)
{
    Py_buffer view;
    int failed = -1;

    if (PyObject_GetBuffer(self->staging, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    if (octets > view.len) {
        errors_raise_bad_length(octets, view.len);
    }
    else {
        memcpy(space, view.buf, (size_t)octets);
        failed = 0;
    }
    PyBuffer_Release(&view);
    return failed;
}

/* Stores the socket's descriptor, or -1 if it has none.  Returns -1 and an
   exception that is no subclass of Exception. */
static int
find_descriptor(const struct python_transport *self, int *fd)
{
    if (python_socket_fileno(self->state, self->sock, fd) == 0) {
        return 0;
    }
    *fd = -1;
    return errors_clear(PyExc_Exception);
}

/* Acknowledges what has come, if the socket is one of TCP.  Otherwise waits
   for another slow recv_into() before it tries again. */
static int
acknowledge(struct python_transport *self)
{
    int fd;

    if (find_descriptor(self, &fd) < 0) {
        return -1;
    }
    self->acknowledges = pop_socket_acknowledge(fd);
    return 0;
}

static enum pop_status
python_transport_recv(struct pop_transport *transport, char *space,
                      size_t room, size_t *received,
                      struct pop_timeout *timeout, struct pop_error *error)
{
    struct python_transport *self = (struct python_transport *)transport;
    Py_ssize_t limit = PyByteArray_GET_SIZE(self->staging);
    struct python_socket_hold hold;
    int64_t start;
    Py_ssize_t n;

    *received = 0;
    if (self->replying && self->acknowledges && acknowledge(self) < 0) {
        return POP_HOST;
    }
    /* Not every socket-like object obeys shutdown(). */
    if (self->interrupted) {
        return POP_EOF;
    }
    if (room < (size_t)limit) {
        limit = (Py_ssize_t)room;
    }
    if (python_socket_hold(self->state, self->sock, &timeout->deadline,
                           &hold) < 0) {
        return POP_HOST;
    }
    if (hold.is_endless && timeout->deadline.is_pause) {
        return POP_TIMEOUT;
    }
    start = pop_deadline_now();
    n = recv_into_staging(self, limit);
    if (python_socket_let_go(self->state, self->sock, &hold) < 0 || n < 0) {
        return failure(self, timeout, error);
    }
    if (n == 0) {
        return POP_EOF;
    }
    if (copy_staging(self, space, n) < 0) {
        return POP_HOST;
    }
    if (self->replying && pop_deadline_now() - start > SLOW) {
        self->acknowledges = true;
    }
    self->replying = true;
    *received = (size_t)n;
    return POP_OK;
}

/* sock.sendall(data) */
static int
send_all(const struct python_transport *self, PyObject *data)
{
    return errors_drop_result(PyObject_CallMethodObjArgs(
        self->sock, self->state->name.sendall, data, NULL));
}

static enum pop_status
python_transport_send(struct pop_transport *transport, const char *bytes,
                      size_t length, size_t *sent, struct pop_timeout *timeout,
                      struct pop_error *error)
{
    struct python_transport *self = (struct python_transport *)transport;
    struct python_socket_hold hold;
    PyObject *data;
    int failed;

    *sent = 0;
    if (timeout->deadline.at != POP_NO_DEADLINE && length > HELD_OCTETS) {
        length = HELD_OCTETS;
    }
    data = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)length);
    if (data == NULL) {
        return POP_HOST;
    }
    if (python_socket_hold(self->state, self->sock, &timeout->deadline,
                           &hold) < 0) {
        Py_DECREF(data);
        return POP_HOST;
    }
    /* A failed sendall() may have sent all, part or nothing. */
    *sent = length;
    self->replying = false;
    failed = send_all(self, data);
    Py_DECREF(data);
    if (python_socket_let_go(self->state, self->sock, &hold) < 0) {
        failed = -1;
    }
    return failed < 0 ? failure(self, timeout, error) : POP_OK;
}

/* What a method of the socket has begun, or could receive, is unknown. */
static bool
python_transport_unknown(struct pop_transport *Py_UNUSED(transport))
{
    return false;
}

static enum pop_status
python_transport_hurry(struct pop_transport *transport)
{
    int fd;

    if (find_descriptor((struct python_transport *)transport, &fd) < 0) {
        return POP_HOST;
    }
    pop_socket_hurry(fd);
    return POP_OK;
}

static void
python_transport_interrupt(struct pop_transport *transport)
{
    struct python_transport *self = (struct python_transport *)transport;
    PyObject *result;

    self->interrupted = true;
    result = PyObject_CallMethod(self->sock, "shutdown", "i", 2);
    if (result == NULL && errors_clear(PyExc_OSError) < 0) {
        /* The object may have no shutdown(). */
        (void)errors_clear(PyExc_AttributeError);
    }
    Py_XDECREF(result);
}

static void
python_transport_destroy(struct pop_transport *transport)
{
    struct python_transport *self = (struct python_transport *)transport;

    Py_DECREF(self->staging);
    PyMem_Free(self);
}

static const struct pop_transport_ops python_transport_ops = {
    .recv = python_transport_recv,
    .send = python_transport_send,
    .has_begun = python_transport_unknown,
    .readable = python_transport_unknown,
    .hurry = python_transport_hurry,
    .interrupt = python_transport_interrupt,
    .destroy = python_transport_destroy,
    .needs_gil = true,
};

struct pop_transport *
python_transport_new(struct module_state *state, PyObject *sock)
{
    struct python_transport *self = PyMem_Calloc(1, sizeof(*self));

    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    /* Made empty and resized: if a sized one fails to allocate, CPython frees
       uninitialised fields. */
    self->staging = PyByteArray_FromStringAndSize(NULL, 0);
    if (self->staging == NULL ||
        PyByteArray_Resize(self->staging, STAGING_OCTETS) < 0) {
        Py_XDECREF(self->staging);
        PyMem_Free(self);
        return NULL;
    }
    /* A method that returns more than it stores must not leak old memory. */
    memset(PyByteArray_AS_STRING(self->staging), 0, STAGING_OCTETS);
    self->base.ops = &python_transport_ops;
    self->state = state;
    self->sock = sock;
    return &self->base;
}

size_t
python_transport_size(const struct pop_transport *transport)
{
    const struct python_transport *self = (const struct python_transport *)
        transport;

    return sizeof(*self) + (size_t)PyByteArray_GET_SIZE(self->staging);
}

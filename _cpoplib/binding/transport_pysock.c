#include "binding/transport_pysock.h"

#include <string.h>

#include "binding/errors.h"

/* Received into a bytearray of its own and copied once: a method written in
   Python may keep a view of what it is given for ever, and a view of the
   link's buffer would then reach into freed memory. */
#define STAGING_OCTETS ((Py_ssize_t)64 * 1024)

struct pysock {
    struct pop_transport base;
    struct module_state *state;
    PyObject *sock;    /* borrowed from the owner */
    PyObject *staging; /* bytearray, exported during each recv_into */
    bool interrupted;
};

/* How many octets recv_into() says it stored, or -1 and an exception.  It may
   have released its view, and made the staging smaller. */
static Py_ssize_t
received_octets(struct pysock *self, PyObject *result, Py_ssize_t room)
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
recv_into_staging(struct pysock *self, Py_ssize_t room)
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

static enum pop_status
pysock_recv(struct pop_transport *transport, char *space, size_t room,
            size_t *received, struct pop_deadline *Py_UNUSED(deadline),
            struct pop_error *Py_UNUSED(error))
{
    struct pysock *self = (struct pysock *)transport;
    Py_ssize_t limit = PyByteArray_GET_SIZE(self->staging);
    Py_ssize_t n;

    *received = 0;
    /* Not every socket-like object minds shutdown(). */
    if (self->interrupted) {
        return POP_EOF;
    }
    if (room < (size_t)limit) {
        limit = (Py_ssize_t)room;
    }
    n = recv_into_staging(self, limit);
    if (n < 0) {
        return POP_HOST;
    }
    if (n == 0) {
        return POP_EOF;
    }
    memcpy(space, PyByteArray_AS_STRING(self->staging), (size_t)n);
    *received = (size_t)n;
    return POP_OK;
}

static enum pop_status
pysock_send(struct pop_transport *transport, const char *bytes, size_t length,
            size_t *sent, struct pop_deadline *Py_UNUSED(deadline),
            struct pop_error *Py_UNUSED(error))
{
    struct pysock *self = (struct pysock *)transport;
    PyObject *data;
    PyObject *result;

    /* How much a failed sendall() has sent is not known: all or part. */
    *sent = length;
    data = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)length);
    if (data == NULL) {
        *sent = 0;
        return POP_HOST;
    }
    result = PyObject_CallMethodObjArgs(self->sock, self->state->name.sendall,
                                        data, NULL);
    Py_DECREF(data);
    if (result == NULL) {
        return POP_HOST;
    }
    Py_DECREF(result);
    return POP_OK;
}

static bool
pysock_has_begun(struct pop_transport *Py_UNUSED(transport))
{
    return false;
}

static bool
pysock_readable(struct pop_transport *Py_UNUSED(transport))
{
    return false;
}

static void
pysock_interrupt(struct pop_transport *transport)
{
    struct pysock *self = (struct pysock *)transport;
    PyObject *result;

    self->interrupted = true;
    result = PyObject_CallMethod(self->sock, "shutdown", "i", 2);
    if (result == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
    }
    else if (result == NULL) {
        PyErr_WriteUnraisable(self->sock);
    }
    Py_XDECREF(result);
}

static void
pysock_destroy(struct pop_transport *transport)
{
    struct pysock *self = (struct pysock *)transport;

    Py_DECREF(self->staging);
    PyMem_Free(self);
}

static const struct pop_transport_ops pysock_ops = {
    .recv = pysock_recv,
    .send = pysock_send,
    .has_begun = pysock_has_begun,
    .readable = pysock_readable,
    .interrupt = pysock_interrupt,
    .destroy = pysock_destroy,
    .needs_gil = true,
};

struct pop_transport *
pysock_new(struct module_state *state, PyObject *sock)
{
    struct pysock *self = PyMem_Malloc(sizeof(*self));

    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    self->staging = PyByteArray_FromStringAndSize(NULL, STAGING_OCTETS);
    if (self->staging == NULL) {
        PyMem_Free(self);
        return NULL;
    }
    /* A method that counts more than it stores shows no stale memory. */
    memset(PyByteArray_AS_STRING(self->staging), 0, STAGING_OCTETS);
    self->base.ops = &pysock_ops;
    self->state = state;
    self->sock = sock;
    self->interrupted = false;
    return &self->base;
}

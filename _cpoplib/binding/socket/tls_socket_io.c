#include "binding/socket/tls_socket_type.h"

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "core/net/transport.h"

/* --- one receive or send ------------------------------------------------ */

struct transfer {
    struct pop_transport *transport;
    struct pop_timeout timeout;
    char *space;
    const char *bytes;
    size_t length;
    size_t done;
};

static enum pop_status
receive(void *argument, struct pop_error *error)
{
    struct transfer *self = argument;
    const struct pop_transport_ops *ops = self->transport->ops;

    return ops->recv(self->transport, self->space, self->length, &self->done,
                     &self->timeout, error);
}

static enum pop_status
send_some(void *argument, struct pop_error *error)
{
    struct transfer *self = argument;
    const struct pop_transport_ops *ops = self->transport->ops;

    return ops->send(self->transport, self->bytes, self->length, &self->done,
                     &self->timeout, error);
}

/* Returns whether close() in another thread caused the failure. */
static bool
was_aborted(const TLSSocketObject *self, enum pop_status status)
{
    return self->aborted && (status == POP_EOF || status == POP_SYSTEM ||
                             status == POP_TLS || status == POP_TLS_EOF);
}

/* Returns -1 and an exception.  At the end of the stream 0 octets are done,
   with or without close_notify, as with suppress_ragged_eofs of the ssl
   module. */
static int
move(TLSSocketObject *self, lock_function function, struct transfer *transfer)
{
    struct pop_error error = {0};
    enum pop_status status;
    int64_t timeout;

    if (tls_socket_enter(self, &timeout) < 0) {
        return -1;
    }
    transfer->transport = self->transport;
    pop_timeout_set(&transfer->timeout, timeout);
    status = lock_call_detached(function, transfer, &error);
    tls_socket_leave(self);
    if (was_aborted(self, status)) {
        errors_raise_closed_meanwhile();
        return -1;
    }
    if (status != POP_OK && status != POP_EOF) {
        errors_raise(self->state, status, &error);
        return -1;
    }
    return 0;
}

/* --- arguments ---------------------------------------------------------- */

/* Raises ValueError for flags other than 0, which TLS does not support. */
static int
check_flags(PyObject *flags, const char *name)
{
    long value = flags == NULL ? 0 : PyLong_AsLong(flags);

    if (value == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (value != 0) {
        PyErr_Format(PyExc_ValueError,
                     "non-zero flags not allowed in calls to %s() on a "
                     "TLSSocket",
                     name);
        return -1;
    }
    return 0;
}

/* Converts a size; *size stays if it is not given.  Returns -1 and an
   exception. */
static int
convert_size(PyObject *value, Py_ssize_t *size)
{
    if (value == NULL) {
        return 0;
    }
    *size = PyNumber_AsSsize_t(value, PyExc_OverflowError);
    return *size == -1 && PyErr_Occurred() ? -1 : 0;
}

/* --- receiving ---------------------------------------------------------- */

static PyObject *
receive_bytes(TLSSocketObject *self, Py_ssize_t size)
{
    struct transfer incoming = {.length = (size_t)size};
    PyObject *bytes;

    if (size < 0) {
        PyErr_SetString(PyExc_ValueError, "negative buffersize in recv");
        return NULL;
    }
    bytes = PyBytes_FromStringAndSize(NULL, size);
    if (bytes == NULL || size == 0) {
        return bytes;
    }
    incoming.space = PyBytes_AS_STRING(bytes);
    if (move(self, receive, &incoming) < 0) {
        Py_DECREF(bytes);
        return NULL;
    }
    /* On failure bytes is NULL. */
    (void)_PyBytes_Resize(&bytes, (Py_ssize_t)incoming.done);
    return bytes;
}

PyDoc_STRVAR(recv_doc,
"recv($self, buflen=1024, flags=0)\n"
"--\n"
"\n"
"Receive at most buflen octets, bytes; b'' at the end of the stream.\n"
"\n"
"flags must be 0.  ssl.SSLWantReadError on a non-blocking socket.");

static PyObject *
recv_bytes(TLSSocketObject *self, PyObject *buflen, PyObject *flags)
{
    Py_ssize_t size = 1024;

    if (check_flags(flags, "recv") < 0 || convert_size(buflen, &size) < 0) {
        return NULL;
    }
    return receive_bytes(self, size);
}

ARGS_FUNCTION(tls_socket_recv, recv_bytes(TLSSOCKET(op), values[0], values[1]),
              .method = "TLSSocket.recv", .names = {"buflen", "flags"});

/* Receives at most `size` octets into the buffer, or as many as fit if `size`
   is 0, negative or larger than the buffer. */
static PyObject *
receive_into(TLSSocketObject *self, PyObject *buffer, Py_ssize_t size)
{
    struct transfer incoming = {0};
    Py_buffer view;
    int failed = 0;

    if (!PyArg_Parse(buffer, "w*:recv_into", &view)) {
        return NULL;
    }
    if (size <= 0 || size > view.len) {
        size = view.len;
    }
    incoming.space = view.buf;
    incoming.length = (size_t)size;
    if (size > 0) {
        failed = move(self, receive, &incoming);
    }
    PyBuffer_Release(&view);
    return failed < 0 ? NULL : PyLong_FromSize_t(incoming.done);
}

PyDoc_STRVAR(recv_into_doc,
"recv_into($self, buffer, nbytes=None, flags=0)\n"
"--\n"
"\n"
"Receive at most nbytes octets into a writable buffer; how many.\n"
"\n"
"Without nbytes, with 0, or with more than that, as many as fit.  0 at the\n"
"end of the stream.  flags must be 0.");

static PyObject *
recv_into(TLSSocketObject *self, PyObject *buffer, PyObject *nbytes,
          PyObject *flags)
{
    Py_ssize_t size = 0;

    if (check_flags(flags, "recv_into") < 0 ||
        convert_size(nbytes == Py_None ? NULL : nbytes, &size) < 0) {
        return NULL;
    }
    return receive_into(self, buffer, size);
}

ARGS_FUNCTION(tls_socket_recv_into,
              recv_into(TLSSOCKET(op), values[0], values[1], values[2]),
              .method = "TLSSocket.recv_into",
              .names = {"buffer", "nbytes", "flags"}, .required = 1);

PyDoc_STRVAR(read_doc,
"read($self, len=1024, buffer=None)\n"
"--\n"
"\n"
"recv(len) or, with a buffer, recv_into(buffer, len).");

static PyObject *
read_some(TLSSocketObject *self, PyObject *len, PyObject *buffer)
{
    Py_ssize_t size = 1024;

    if (convert_size(len, &size) < 0) {
        return NULL;
    }
    return buffer == NULL || buffer == Py_None
               ? receive_bytes(self, size)
               : receive_into(self, buffer, size);
}

ARGS_FUNCTION(tls_socket_read, read_some(TLSSOCKET(op), values[0], values[1]),
              .method = "TLSSocket.read", .names = {"len", "buffer"});

/* --- sending ------------------------------------------------------------ */

/* Sends some of the bytes, or `all`.  Returns how many, or -1 and an
   exception. */
static Py_ssize_t
send_bytes(TLSSocketObject *self, const char *bytes, Py_ssize_t length,
           bool all)
{
    Py_ssize_t sent = 0;

    while (sent < length) {
        struct transfer outgoing = {
            .bytes = bytes + sent,
            .length = (size_t)(length - sent),
        };

        /* close() may have been called between two parts. */
        if (sent > 0 && self->sock_closed) {
            errors_raise_closed_meanwhile();
            return -1;
        }
        if (move(self, send_some, &outgoing) < 0) {
            return -1;
        }
        sent += (Py_ssize_t)outgoing.done;
        if (!all) {
            break;
        }
        /* Ctrl-C works even if the peer receives a little at a time. */
        if (PyErr_CheckSignals() < 0) {
            return -1;
        }
    }
    return sent;
}

static Py_ssize_t
send_object(TLSSocketObject *self, PyObject *data, bool all)
{
    Py_buffer view;
    Py_ssize_t sent;

    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    sent = send_bytes(self, view.buf, view.len, all);
    PyBuffer_Release(&view);
    return sent;
}

PyDoc_STRVAR(send_doc,
"send($self, data, flags=0)\n"
"--\n"
"\n"
"Send some of the data; how many octets.  flags must be 0.");

static PyObject *
send_part(TLSSocketObject *self, PyObject *data, PyObject *flags)
{
    Py_ssize_t sent = check_flags(flags, "send") < 0
                          ? -1
                          : send_object(self, data, false);

    return sent < 0 ? NULL : PyLong_FromSsize_t(sent);
}

ARGS_FUNCTION(tls_socket_send, send_part(TLSSOCKET(op), values[0], values[1]),
              .method = "TLSSocket.send", .names = {"data", "flags"},
              .required = 1);

PyDoc_STRVAR(sendall_doc,
"sendall($self, data, flags=0)\n"
"--\n"
"\n"
"Send all of the data; each part within the timeout.  flags must be 0.");

static PyObject *
send_all(TLSSocketObject *self, PyObject *data, PyObject *flags)
{
    if (check_flags(flags, "sendall") < 0 ||
        send_object(self, data, true) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

ARGS_FUNCTION(tls_socket_sendall,
              send_all(TLSSOCKET(op), values[0], values[1]),
              .method = "TLSSocket.sendall", .names = {"data", "flags"},
              .required = 1);

PyDoc_STRVAR(write_doc,
"write($self, data)\n"
"--\n"
"\n"
"send(data)");

static PyObject *
tls_socket_write(PyObject *op, PyObject *data)
{
    return send_part(TLSSOCKET(op), data, NULL);
}

/* --- the end ------------------------------------------------------------ */

static enum pop_status
shut_down(void *argument, struct pop_error *error)
{
    struct transfer *self = argument;

    return pop_transport_tls_shutdown(self->transport, &self->timeout, error);
}

PyDoc_STRVAR(unwrap_doc,
"unwrap($self)\n"
"--\n"
"\n"
"End TLS: send close_notify, await the server's, return the plain socket.\n"
"\n"
"What goes on in plain text does so by that socket: here receiving and\n"
"sending are ValueError from then on, and so are the connection's commands.\n"
"ValueError if that was done already.");

static PyObject *
tls_socket_unwrap(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    TLSSocketObject *self = TLSSOCKET(op);
    struct transfer end = {0};

    if (self->unwrapped) {
        PyErr_Format(PyExc_ValueError, "No SSL wrapper around %R", op);
        return NULL;
    }
    if (move(self, shut_down, &end) < 0) {
        return NULL;
    }
    self->unwrapped = true;
    return Py_NewRef(self->sock);
}

PyMethodDef tls_socket_io_methods[] = {
    ARGS_METHOD("recv", tls_socket_recv, recv_doc),
    ARGS_METHOD("recv_into", tls_socket_recv_into, recv_into_doc),
    ARGS_METHOD("read", tls_socket_read, read_doc),
    ARGS_METHOD("send", tls_socket_send, send_doc),
    ARGS_METHOD("sendall", tls_socket_sendall, sendall_doc),
    {"write", tls_socket_write, METH_O, write_doc},
    {"unwrap", tls_socket_unwrap, METH_NOARGS, unwrap_doc},
    {NULL, NULL, 0, NULL},
};

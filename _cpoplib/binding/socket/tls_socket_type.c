/* The type TLSSocket: its slots and members, and the methods that move bytes
   or need the session; poplib_c/_tls_socket.py adds the others. */

#include "binding/socket/tls_socket.h"

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/base/heap_type.h"
#include "core/net/transport.h"
#include "core/tls/tls_peer.h"

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

static enum pop_status
shut_down(void *argument, struct pop_error *error)
{
    struct transfer *self = argument;

    return pop_transport_tls_shutdown(self->transport, &self->timeout, error);
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
    return status == POP_EOF ? 0 : errors_check(self->state, status, &error);
}

/* --- moving bytes ------------------------------------------------------- */

/* Raises ValueError for flags other than 0, which TLS does not support. */
static int
check_flags(PyObject *flags)
{
    long value = flags == NULL ? 0 : PyLong_AsLong(flags);

    if (value == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (value != 0) {
        PyErr_SetString(PyExc_ValueError,
                        "non-zero flags not allowed on a TLSSocket");
        return -1;
    }
    return 0;
}

ARGS_DOC(recv_into_doc, "recv_into($self, buffer, nbytes=None, flags=0)",
"Receive octets into a buffer.\n"
"\n"
"Args:\n"
"    buffer (buffer): A writable object such as a bytearray.\n"
"    nbytes (int): The most octets to receive; None or 0 for as many as fit.\n"
"    flags (int): Must be 0.\n"
"\n"
"Returns:\n"
"    int: The number of octets; 0 at the end of the stream.");

static PyObject *
recv_into(TLSSocketObject *self, PyObject *buffer, PyObject *nbytes,
          PyObject *flags)
{
    struct transfer incoming = {0};
    Py_ssize_t size = 0;
    Py_buffer view;
    int failed = 0;

    if (check_flags(flags) < 0) {
        return NULL;
    }
    if (nbytes != NULL && nbytes != Py_None) {
        size = PyNumber_AsSsize_t(nbytes, PyExc_OverflowError);
    }
    if ((size == -1 && PyErr_Occurred()) ||
        !PyArg_Parse(buffer, "w*:recv_into", &view)) {
        return NULL;
    }
    incoming.space = view.buf;
    incoming.length = (size_t)(size <= 0 || size > view.len ? view.len : size);
    if (incoming.length > 0) {
        failed = move(self, receive, &incoming);
    }
    PyBuffer_Release(&view);
    return failed < 0 ? NULL : PyLong_FromSize_t(incoming.done);
}

ARGS_FUNCTION(tls_socket_recv_into,
              recv_into(TLSSOCKET(op), values[0], values[1], values[2]),
              .method = "TLSSocket.recv_into",
              .names = {"buffer", "nbytes", "flags"}, .required = 1);

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
send_object(TLSSocketObject *self, PyObject *const *values, bool all)
{
    Py_buffer view;
    Py_ssize_t sent;

    if (check_flags(values[1]) < 0 ||
        PyObject_GetBuffer(values[0], &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    sent = send_bytes(self, view.buf, view.len, all);
    PyBuffer_Release(&view);
    return sent;
}

ARGS_DOC(send_doc, "send($self, data, flags=0)",
"Send some of the data.\n"
"\n"
"Args:\n"
"    data (buffer): The octets.\n"
"    flags (int): Must be 0.\n"
"\n"
"Returns:\n"
"    int: The number of octets sent.");

static PyObject *
send_part(TLSSocketObject *self, PyObject *const *values)
{
    Py_ssize_t sent = send_object(self, values, false);

    return sent < 0 ? NULL : PyLong_FromSsize_t(sent);
}

ARGS_FUNCTION(tls_socket_send, send_part(TLSSOCKET(op), values),
              .method = "TLSSocket.send", .names = {"data", "flags"},
              .required = 1);

ARGS_DOC(sendall_doc, "sendall($self, data, flags=0)",
"Send all of the data. Each part must be sent within the timeout.\n"
"\n"
"Args:\n"
"    data (buffer): The octets.\n"
"    flags (int): Must be 0.");

ARGS_FUNCTION(tls_socket_sendall,
              args_none(send_object(TLSSOCKET(op), values, true) < 0),
              .method = "TLSSocket.sendall", .names = {"data", "flags"},
              .required = 1);

/* --- for poplib_c/_tls_socket.py ---------------------------------------- */

static PyObject *
get_pending(TLSSocketObject *self)
{
    int64_t timeout;
    size_t octets;

    if (tls_socket_enter(self, &timeout) < 0) {
        return NULL;
    }
    octets = pop_transport_tls_pending(self->transport);
    tls_socket_leave(self);
    return PyLong_FromSize_t(octets);
}

GUARD_METHOD(tls_socket_pending, get_pending(TLSSOCKET(op)));

/* Returns the channel binding of an enum pop_tls_binding, or None. */
static PyObject *
get_binding(TLSSocketObject *self, PyObject *kind)
{
    long number = PyLong_AsLong(kind);
    struct pop_error error = {0};
    unsigned char binding[POP_TLS_BINDING_OCTETS];
    enum pop_status status;
    int64_t timeout;
    size_t length;

    if ((number == -1 && PyErr_Occurred()) ||
        tls_socket_enter(self, &timeout) < 0) {
        return NULL;
    }
    status = pop_tls_peer_binding(pop_transport_tls_session(self->transport),
                                  (enum pop_tls_binding)number, binding,
                                  &length, &error);
    tls_socket_leave(self);
    if (errors_check(self->state, status, &error) < 0) {
        return NULL;
    }
    return length == 0 ? Py_NewRef(Py_None)
                       : PyBytes_FromStringAndSize((const char *)binding,
                                                   (Py_ssize_t)length);
}

GUARD_METHOD(tls_socket_binding, get_binding(TLSSOCKET(op), args));

/* Sends close_notify and waits for the server's. */
static PyObject *
end_session(TLSSocketObject *self)
{
    struct transfer end = {0};

    if (move(self, shut_down, &end) < 0) {
        return NULL;
    }
    self->unwrapped = true;
    Py_RETURN_NONE;
}

GUARD_METHOD(tls_socket_shut_down, end_session(TLSSOCKET(op)));

GUARD_METHOD(tls_socket_close_if_unused,
             args_none(tls_socket_close_unused(TLSSOCKET(op)) < 0));

/* A file made by makefile() was closed. */
static PyObject *
drop_file(TLSSocketObject *self)
{
    if (self->io_refs > 0) {
        self->io_refs--;
    }
    return args_none(tls_socket_close_unused(self) < 0);
}

GUARD_METHOD(tls_socket_decref_socketios, drop_file(TLSSOCKET(op)));

ARGS_DOC(sizeof_doc, "__sizeof__($self)",
"Octets of memory, without those that OpenSSL takes for the session.");

static PyObject *
tls_socket_sizeof(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSize_t(heap_type_own_size(op) +
                             pop_transport_tls_size());
}

/* --- type --------------------------------------------------------------- */

/* Objects that __del__() of others may still need after tp_clear. */
#define KEPT_OBJECTS(X)                                                       \
    X(module)                                                                 \
    X(sock)                                                                   \
    X(server_hostname)                                                        \
    X(certificate)                                                            \
    X(cipher)                                                                 \
    X(version)

static int
tls_socket_traverse(PyObject *op, visitproc visit, void *arg)
{
    TLSSocketObject *self = TLSSOCKET(op);

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->dict);
#define X(field) Py_VISIT(self->field);
    KEPT_OBJECTS(X)
#undef X
    return 0;
}

/* Keeps `sock`, which the methods need; a cycle through it is broken in the
   __dict__ of that socket. */
static int
tls_socket_clear(PyObject *op)
{
    Py_CLEAR(TLSSOCKET(op)->dict);
    return 0;
}

static void
tls_socket_dealloc(PyObject *op)
{
    TLSSocketObject *self = TLSSOCKET(op);
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(op);
    PyObject_ClearWeakRefs(op);
    if (!lock_is_abandoned(&self->lock)) {
        self->transport->ops->destroy(self->transport);
    }
    lock_destroy(&self->lock);
    (void)tls_socket_clear(op);
    Py_DECREF(self->guard);
#define X(field) Py_XDECREF(self->field);
    KEPT_OBJECTS(X)
#undef X
    type->tp_free(op);
    Py_DECREF(type);
}

static PyGetSetDef tls_socket_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define MEMBER(name, type, field, flags)                                      \
    {name, type, offsetof(TLSSocketObject, field), flags, NULL}

static PyMemberDef tls_socket_members[] = {
    MEMBER("__dictoffset__", Py_T_PYSSIZET, dict, Py_READONLY),
    MEMBER("__weaklistoffset__", Py_T_PYSSIZET, weakrefs, Py_READONLY),
    MEMBER("server_hostname", Py_T_OBJECT_EX, server_hostname, Py_READONLY),
    MEMBER("_sock", Py_T_OBJECT_EX, sock, Py_READONLY),
    MEMBER("_certificate", Py_T_OBJECT_EX, certificate, Py_READONLY),
    MEMBER("_cipher", Py_T_OBJECT_EX, cipher, Py_READONLY),
    MEMBER("_version", Py_T_OBJECT_EX, version, Py_READONLY),
    MEMBER("_verified", Py_T_BOOL, verified, Py_READONLY),
    MEMBER("_unwrapped", Py_T_BOOL, unwrapped, Py_READONLY),
    MEMBER("_io_refs", Py_T_PYSSIZET, io_refs, 0),
    MEMBER("_closed", Py_T_BOOL, closed, 0),
    MEMBER("_sock_closed", Py_T_BOOL, sock_closed, 0),
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef tls_socket_methods[] = {
    ARGS_METHOD("recv_into", tls_socket_recv_into, recv_into_doc),
    ARGS_METHOD("send", tls_socket_send, send_doc),
    ARGS_METHOD("sendall", tls_socket_sendall, sendall_doc),
    {"_pending", tls_socket_pending, METH_NOARGS, NULL},
    {"_binding", tls_socket_binding, METH_O, NULL},
    {"_shut_down", tls_socket_shut_down, METH_NOARGS, NULL},
    {"_close_unused", tls_socket_close_if_unused, METH_NOARGS, NULL},
    {"_decref_socketios", tls_socket_decref_socketios, METH_NOARGS, NULL},
    {"__sizeof__", tls_socket_sizeof, METH_NOARGS, sizeof_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tls_socket_slots[] = {
    {Py_tp_new, heap_type_refuse_new},   {Py_tp_traverse, tls_socket_traverse},
    {Py_tp_clear, tls_socket_clear},     {Py_tp_dealloc, tls_socket_dealloc},
    {Py_tp_getset, tls_socket_getset},   {Py_tp_members, tls_socket_members},
    {Py_tp_methods, tls_socket_methods}, {0, NULL},
};

static PyType_Spec tls_socket_spec = {
    .name = "poplib_c.TLSSocket",
    .basicsize = sizeof(TLSSocketObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = tls_socket_slots,
};

PyTypeObject *
tls_socket_type_new(struct module_state *state, PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &tls_socket_spec, NULL);

    if (type == NULL) {
        return NULL;
    }
    state->own_tls_recv_into = PyObject_GetAttr(type, state->name.recv_into);
    state->own_tls_sendall = PyObject_GetAttr(type, state->name.sendall);
    if (state->own_tls_recv_into == NULL || state->own_tls_sendall == NULL) {
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

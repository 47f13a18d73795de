/* The type TLSSocket: its life, and how it is entered. */

#include "binding/socket/tls_socket.h"

#include "binding/base/errors.h"
#include "binding/socket/python_socket.h"
#include "binding/socket/tls_socket_file.h"
#include "binding/socket/tls_socket_info.h"
#include "binding/socket/tls_socket_io.h"
#include "binding/base/heap_type.h"
#include "core/proto/mem.h"
#include "core/net/transport.h"

/* --- life cycle --------------------------------------------------------- */

static PyObject *
tlssocket_refuse_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                     PyObject *Py_UNUSED(kwargs))
{
    PyErr_Format(PyExc_TypeError,
                 "cannot create '%s' instances; use POP3_SSL or stls()",
                 type->tp_name);
    return NULL;
}

/* Takes the session, unless it fails. */
static TLSSocketObject *
tlssocket_new(struct module_state *state, PyObject *sock,
              PyObject *server_hostname, struct pop_transport *session)
{
    PyTypeObject *type = state->tlssocket_type;
    TLSSocketObject *self;
    struct io_lock lock;

    if (io_lock_init(&lock, &state->locks) < 0) {
        return NULL;
    }
    self = TLSSOCKET(type->tp_alloc(type, 0));
    if (self == NULL) {
        io_lock_destroy(&lock);
        return NULL;
    }
    self->lock = lock;
    self->transport = session;
    self->state = state;
    self->module = Py_NewRef(state->module);
    self->sock = Py_NewRef(sock);
    self->server_hostname = Py_NewRef(server_hostname);
    self->certificate = Py_NewRef(Py_None);
    self->version = "in its handshake";
    return self;
}

static int
tlssocket_traverse(PyObject *op, visitproc visit, void *arg)
{
    TLSSocketObject *self = TLSSOCKET(op);

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->module);
    Py_VISIT(self->dict);
    Py_VISIT(self->sock);
    Py_VISIT(self->server_hostname);
    Py_VISIT(self->certificate);
    return 0;
}

/* A cycle through the socket underneath is broken in its own __dict__; its
   methods here rely on it. */
static int
tlssocket_clear(PyObject *op)
{
    Py_CLEAR(TLSSOCKET(op)->dict);
    return 0;
}

static void
tlssocket_dealloc(PyObject *op)
{
    TLSSocketObject *self = TLSSOCKET(op);
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    if (!io_lock_is_abandoned(&self->lock)) {
        self->transport->ops->destroy(self->transport);
    }
    io_lock_destroy(&self->lock);
    (void)tlssocket_clear(op);
    Py_XDECREF(self->sock);
    Py_XDECREF(self->server_hostname);
    Py_XDECREF(self->certificate);
    Py_XDECREF(self->module);
    type->tp_free(op);
    Py_DECREF(type);
}

/* --- handshake ---------------------------------------------------------- */

struct handshake {
    struct pop_transport *transport;
    struct pop_timeout deadline;
};

static enum pop_status
shake_hands(void *argument, struct pop_error *error)
{
    struct handshake *self = argument;

    return pop_transport_tls_handshake(self->transport, &self->deadline,
                                       error);
}

/* Keeps the server's certificate. */
static int
keep_certificate(TLSSocketObject *self, const struct ssl_st *session)
{
    struct pop_error error = {0};
    enum pop_status status;
    unsigned char *der;
    size_t length;
    PyObject *bytes;

    status = pop_tls_peer_certificate(session, &der, &length, &error);
    if (status != POP_OK) {
        errors_raise(self->state, status, &error);
        return -1;
    }
    if (der == NULL) {
        return 0;
    }
    bytes = PyBytes_FromStringAndSize((const char *)der, (Py_ssize_t)length);
    POP_FREE(der);
    if (bytes == NULL) {
        return -1;
    }
    Py_SETREF(self->certificate, bytes);
    return 0;
}

/* What is asked later, without the lock: another thread may be inside. */
static int
keep_answers(TLSSocketObject *self)
{
    struct ssl_st *session = pop_transport_tls_session(self->transport);

    self->has_cipher = pop_tls_peer_cipher(session, &self->cipher);
    self->version = pop_tls_peer_version(session);
    self->verified = pop_tls_peer_is_verified(session);
    return keep_certificate(self, session);
}

static int
begin(TLSSocketObject *self, const struct pop_deadline *limit)
{
    struct pop_error error = {0};
    enum pop_status status;
    struct handshake handshake;
    int64_t timeout;

    if (tlssocket_enter(self, &timeout) < 0) {
        return -1;
    }
    handshake.transport = self->transport;
    pop_timeout_set(&handshake.deadline, timeout);
    handshake.deadline.limit = *limit;
    status = io_call(shake_hands, &handshake, &error);
    tlssocket_leave(self);
    if (status != POP_OK) {
        errors_raise(self->state, status, &error);
        return -1;
    }
    return keep_answers(self);
}

/* The socket underneath is this object's alone: whoever has kept the one that
   was given can't reach under TLS. */
static int
take_socket(TLSSocketObject *self)
{
    PyObject *taken = pysocket_take(self->state, self->sock);

    if (taken == NULL) {
        return -1;
    }
    Py_SETREF(self->sock, taken);
    return 0;
}

PyObject *
tlssocket_wrap(struct module_state *state, PyObject *sock,
               PyObject *server_hostname, const char *host,
               struct ssl_ctx_st *config, const struct pop_deadline *limit)
{
    struct pop_error error = {0};
    struct pop_transport *session;
    TLSSocketObject *self;
    enum pop_status status;

    status = pop_transport_tls_new(config, host, &session, &error);
    if (status != POP_OK) {
        errors_raise(state, status, &error);
        return NULL;
    }
    self = tlssocket_new(state, sock, server_hostname, session);
    if (self == NULL) {
        session->ops->destroy(session);
        return NULL;
    }
    if (begin(self, limit) < 0 || take_socket(self) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

/* --- entering and leaving ----------------------------------------------- */

/* What was to be protected does not go on in plain text. */
static int
check_wrapped(TLSSocketObject *self)
{
    if (self->unwrapped) {
        PyErr_SetString(PyExc_ValueError,
                        "TLS was ended by unwrap(); use the plain socket that "
                        "it returned");
        return -1;
    }
    return 0;
}

int
tlssocket_enter(TLSSocketObject *self, int64_t *timeout)
{
    int fd;

    if (io_lock_is_mine(&self->lock)) {
        PyErr_Format(PyExc_RuntimeError, "reentrant call inside %R", self);
        return -1;
    }
    if (io_lock_acquire(&self->lock) < 0) {
        return -1;
    }
    if (check_wrapped(self) < 0 ||
        pysocket_fileno(self->state, self->sock, &fd) < 0 ||
        pysocket_timeout(self->state, self->sock, timeout) < 0) {
        tlssocket_leave(self);
        return -1;
    }
    pop_transport_tls_set(self->transport, fd);
    return 0;
}

int
tlssocket_close_unused(TLSSocketObject *self)
{
    PyObject *result;

    if (!self->closed || self->sock_closed || self->io_refs > 0) {
        return 0;
    }
    if (io_lock_is_held(&self->lock)) {
        self->aborted = true;
        self->transport->ops->interrupt(self->transport);
        return 0;
    }
    self->sock_closed = true;
    result = PyObject_CallMethodNoArgs(self->sock, self->state->name.close);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

void
tlssocket_leave(TLSSocketObject *self)
{
    io_lock_release(&self->lock);
    if (self->closed && !self->sock_closed) {
        PyObject *pending = PyErr_GetRaisedException();

        if (tlssocket_close_unused(self) < 0) {
            errors_report((PyObject *)self, pending);
        }
        errors_raise_again(pending);
    }
}

/* --- attributes --------------------------------------------------------- */

static bool
is_special(PyObject *name)
{
    return PyUnicode_GET_LENGTH(name) > 1 &&
           PyUnicode_READ_CHAR(name, 0) == '_' &&
           PyUnicode_READ_CHAR(name, 1) == '_';
}

/* What it does not have itself is the socket's. */
static PyObject *
tlssocket_getattro(PyObject *op, PyObject *name)
{
    TLSSocketObject *self = TLSSOCKET(op);
    PyObject *value = PyObject_GenericGetAttr(op, name);

    if (value != NULL || is_special(name) ||
        errors_clear(PyExc_AttributeError) < 0) {
        return value;
    }
    return PyObject_GetAttr(self->sock, name);
}

int
tlssocket_is_direct(struct module_state *state, PyObject *sock)
{
    int own;

    if (!Py_IS_TYPE(sock, state->tlssocket_type)) {
        return 0;
    }
    own = pysocket_has_own(sock, state->name.recv_into,
                           state->own_tls_recv_into, tlssocket_getattro);
    if (own <= 0) {
        return own;
    }
    return pysocket_has_own(sock, state->name.sendall, state->own_tls_sendall,
                            tlssocket_getattro);
}

static PyObject *
tlssocket_repr(PyObject *op)
{
    TLSSocketObject *self = TLSSOCKET(op);

    return PyUnicode_FromFormat("<poplib_c.TLSSocket %s, %R over %R>",
                                self->unwrapped ? "unwrapped" : self->version,
                                self->server_hostname, self->sock);
}

/* --- type --------------------------------------------------------------- */

static PyMemberDef tlssocket_members[] = {
    {"__dictoffset__", Py_T_PYSSIZET, offsetof(TLSSocketObject, dict),
     Py_READONLY, NULL},
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(TLSSocketObject, weakrefs),
     Py_READONLY, NULL},
    {"server_hostname", Py_T_OBJECT_EX,
     offsetof(TLSSocketObject, server_hostname), Py_READONLY,
     "The name or address of the server, str."},
    {"_io_refs", Py_T_PYSSIZET, offsetof(TLSSocketObject, io_refs), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(tlssocket_doc,
"A connected socket with TLS, made by POP3_SSL and stls().\n"
"\n"
"It is what the attribute .sock of a connection is after a TLS handshake\n"
"without a context= argument, and answers what one asks of an\n"
"ssl.SSLSocket.  What has no method here is the socket's underneath:\n"
"settimeout(), getpeername(), fileno(), setsockopt() and others.\n"
"\n"
"One thread at a time moves bytes; others wait.  Errors are ssl.SSLError\n"
"and its subclasses, and OSError.");

static PyType_Slot tlssocket_slots[] = {
    {Py_tp_doc, (void *)tlssocket_doc},
    {Py_tp_new, tlssocket_refuse_new},
    {Py_tp_traverse, tlssocket_traverse},
    {Py_tp_clear, tlssocket_clear},
    {Py_tp_dealloc, tlssocket_dealloc},
    {Py_tp_getattro, tlssocket_getattro},
    {Py_tp_repr, tlssocket_repr},
    {Py_tp_getset, tlssocketinfo_getset},
    {Py_tp_members, tlssocket_members},
    {Py_tp_methods, tlssocketio_methods},
    {0, NULL},
};

static PyType_Spec tlssocket_spec = {
    .name = "poplib_c.TLSSocket",
    .basicsize = sizeof(TLSSocketObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = tlssocket_slots,
};

PyTypeObject *
tlssocket_new_type(struct module_state *state, PyObject *module)
{
    PyMethodDef *const tables[] = {tlssocketfile_methods,
                                   tlssocketinfo_methods};
    PyObject *type = PyType_FromModuleAndSpec(module, &tlssocket_spec, NULL);
    size_t i;

    if (type == NULL) {
        return NULL;
    }
    for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (types_add_methods((PyTypeObject *)type, tables[i]) < 0) {
            goto error;
        }
    }
    state->own_tls_recv_into = PyObject_GetAttr(type, state->name.recv_into);
    state->own_tls_sendall = PyObject_GetAttr(type, state->name.sendall);
    if (state->own_tls_recv_into == NULL || state->own_tls_sendall == NULL) {
        goto error;
    }
    return (PyTypeObject *)type;
error:
    Py_DECREF(type);
    return NULL;
}

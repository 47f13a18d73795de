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
tls_socket_refuse_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                      PyObject *Py_UNUSED(kwargs))
{
    PyErr_Format(PyExc_TypeError,
                 "cannot create '%s' instances; use POP3_SSL or stls()",
                 type->tp_name);
    return NULL;
}

/* Takes the session, unless it fails. */
static TLSSocketObject *
tls_socket_new(struct module_state *state, PyObject *sock,
               PyObject *server_hostname, struct pop_transport *session)
{
    PyTypeObject *type = state->tls_socket_type;
    TLSSocketObject *self;
    struct lock lock;

    if (lock_init(&lock, &state->locks) < 0) {
        return NULL;
    }
    self = TLSSOCKET(type->tp_alloc(type, 0));
    if (self == NULL) {
        lock_destroy(&lock);
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
tls_socket_traverse(PyObject *op, visitproc visit, void *arg)
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
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    if (!lock_is_abandoned(&self->lock)) {
        self->transport->ops->destroy(self->transport);
    }
    lock_destroy(&self->lock);
    (void)tls_socket_clear(op);
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

    if (tls_socket_enter(self, &timeout) < 0) {
        return -1;
    }
    handshake.transport = self->transport;
    pop_timeout_set(&handshake.deadline, timeout);
    handshake.deadline.limit = *limit;
    status = lock_call_detached(shake_hands, &handshake, &error);
    tls_socket_leave(self);
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
    PyObject *taken = python_socket_take(self->state, self->sock);

    if (taken == NULL) {
        return -1;
    }
    Py_SETREF(self->sock, taken);
    return 0;
}

PyObject *
tls_socket_wrap(struct module_state *state, PyObject *sock,
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
    self = tls_socket_new(state, sock, server_hostname, session);
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
tls_socket_enter(TLSSocketObject *self, int64_t *timeout)
{
    int fd;

    if (lock_is_mine(&self->lock)) {
        PyErr_Format(PyExc_RuntimeError, "reentrant call inside %R", self);
        return -1;
    }
    if (lock_acquire(&self->lock) < 0) {
        return -1;
    }
    if (check_wrapped(self) < 0 ||
        python_socket_fileno(self->state, self->sock, &fd) < 0 ||
        python_socket_timeout(self->state, self->sock, timeout) < 0) {
        tls_socket_leave(self);
        return -1;
    }
    pop_transport_tls_set(self->transport, fd);
    return 0;
}

int
tls_socket_close_unused(TLSSocketObject *self)
{
    PyObject *result;

    if (!self->closed || self->sock_closed || self->io_refs > 0) {
        return 0;
    }
    if (lock_is_held(&self->lock)) {
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
tls_socket_leave(TLSSocketObject *self)
{
    lock_release(&self->lock);
    if (self->closed && !self->sock_closed) {
        PyObject *pending = PyErr_GetRaisedException();

        if (tls_socket_close_unused(self) < 0) {
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
tls_socket_getattro(PyObject *op, PyObject *name)
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
tls_socket_is_direct(struct module_state *state, PyObject *sock)
{
    int own;

    if (!Py_IS_TYPE(sock, state->tls_socket_type)) {
        return 0;
    }
    own = python_socket_has_own(sock, state->name.recv_into,
                                state->own_tls_recv_into, tls_socket_getattro);
    if (own <= 0) {
        return own;
    }
    return python_socket_has_own(sock, state->name.sendall,
                                 state->own_tls_sendall, tls_socket_getattro);
}

static PyObject *
tls_socket_repr(PyObject *op)
{
    TLSSocketObject *self = TLSSOCKET(op);

    return PyUnicode_FromFormat("<poplib_c.TLSSocket %s, %R over %R>",
                                self->unwrapped ? "unwrapped" : self->version,
                                self->server_hostname, self->sock);
}

/* --- type --------------------------------------------------------------- */

static PyMemberDef tls_socket_members[] = {
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

PyDoc_STRVAR(tls_socket_doc,
"A connected socket with TLS, made by POP3_SSL and stls().\n"
"\n"
"It is what the attribute .sock of a connection is after a TLS handshake\n"
"without a context= argument, and answers what one asks of an\n"
"ssl.SSLSocket.  What has no method here is the socket's underneath:\n"
"settimeout(), getpeername(), fileno(), setsockopt() and others.\n"
"\n"
"One thread at a time moves bytes; others wait.  Errors are ssl.SSLError\n"
"and its subclasses, and OSError.");

static PyType_Slot tls_socket_slots[] = {
    {Py_tp_doc, (void *)tls_socket_doc},
    {Py_tp_new, tls_socket_refuse_new},
    {Py_tp_traverse, tls_socket_traverse},
    {Py_tp_clear, tls_socket_clear},
    {Py_tp_dealloc, tls_socket_dealloc},
    {Py_tp_getattro, tls_socket_getattro},
    {Py_tp_repr, tls_socket_repr},
    {Py_tp_getset, tls_socket_info_getset},
    {Py_tp_members, tls_socket_members},
    {Py_tp_methods, tls_socket_io_methods},
    {0, NULL},
};

static PyType_Spec tls_socket_spec = {
    .name = "poplib_c.TLSSocket",
    .basicsize = sizeof(TLSSocketObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = tls_socket_slots,
};

PyTypeObject *
tls_socket_new_type(struct module_state *state, PyObject *module)
{
    PyMethodDef *const tables[] = {tls_socket_file_methods,
                                   tls_socket_info_methods};
    PyObject *type = PyType_FromModuleAndSpec(module, &tls_socket_spec, NULL);
    size_t i;

    if (type == NULL) {
        return NULL;
    }
    for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (heap_type_add_methods((PyTypeObject *)type, tables[i]) < 0) {
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

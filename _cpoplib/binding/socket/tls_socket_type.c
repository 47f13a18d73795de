#include "binding/socket/tls_socket_type.h"

#include "binding/base/heap_type.h"
#include "core/net/transport.h"

static PyObject *
tls_socket_refuse_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                      PyObject *Py_UNUSED(kwargs))
{
    PyErr_Format(PyExc_TypeError,
                 "cannot create '%s' instances; use POP3_SSL or stls()",
                 type->tp_name);
    return NULL;
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

static PyObject *
tls_socket_repr(PyObject *op)
{
    TLSSocketObject *self = TLSSOCKET(op);

    return PyUnicode_FromFormat("<poplib_c.TLSSocket %s, %R over %R>",
                                self->unwrapped ? "unwrapped" : self->version,
                                self->server_hostname, self->sock);
}

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
tls_socket_type_new(struct module_state *state, PyObject *module)
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

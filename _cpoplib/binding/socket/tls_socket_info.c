#include "binding/socket/tls_socket_type.h"

#include <string.h>

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/base/heap_type.h"
#include "binding/base/package.h"
#include "core/net/transport.h"

/* --- certificate -------------------------------------------------------- */

PyDoc_STRVAR(getpeercert_doc,
"getpeercert($self, binary_form=False)\n"
"--\n"
"\n"
"The server's certificate: with binary_form its DER encoding, bytes; else\n"
"a dict as ssl.SSLSocket.getpeercert() has it, empty if the certificate was\n"
"not verified.  None if there is no certificate.");

static PyObject *
getpeercert(TLSSocketObject *self, PyObject *binary_form)
{
    int binary = binary_form == NULL ? 0 : PyObject_IsTrue(binary_form);

    if (binary < 0) {
        return NULL;
    }
    if (binary || self->certificate == Py_None) {
        return Py_NewRef(self->certificate);
    }
    return self->verified ? package_call("poplib_c._certificate", "decode",
                                         "(O)", self->certificate)
                          : PyDict_New();
}

ARGS_FUNCTION(tls_socket_getpeercert, getpeercert(TLSSOCKET(op), values[0]),
              .method = "TLSSocket.getpeercert", .names = {"binary_form"});

/* --- session ------------------------------------------------------------ */

static bool
has_ended(const TLSSocketObject *self)
{
    return self->unwrapped || self->sock_closed;
}

PyDoc_STRVAR(cipher_doc,
"cipher($self)\n"
"--\n"
"\n"
"(name of the cipher suite, version of TLS that defines it, secret bits), as\n"
"the handshake found it; None after the end of TLS.");

static PyObject *
tls_socket_cipher(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    TLSSocketObject *self = TLSSOCKET(op);

    if (has_ended(self) || !self->has_cipher) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("ssi", self->cipher.name, self->cipher.version,
                         self->cipher.bits);
}

PyDoc_STRVAR(version_doc,
"version($self)\n"
"--\n"
"\n"
"'TLSv1.2' or 'TLSv1.3'; None after the end of TLS.");

static PyObject *
tls_socket_version(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    TLSSocketObject *self = TLSSOCKET(op);

    if (has_ended(self)) {
        Py_RETURN_NONE;
    }
    return PyUnicode_FromString(self->version);
}

PyDoc_STRVAR(none_doc,
"None: it is not used.");

static PyObject *
tls_socket_none(PyObject *Py_UNUSED(op), PyObject *Py_UNUSED(ignored))
{
    Py_RETURN_NONE;
}

PyDoc_STRVAR(pending_doc,
"pending($self)\n"
"--\n"
"\n"
"How many octets can be received although select() may say that there are\n"
"none: they are decrypted already.");

static PyObject *
tls_socket_pending(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    TLSSocketObject *self = TLSSOCKET(op);
    int64_t timeout;
    size_t octets;

    if (has_ended(self)) {
        return PyLong_FromLong(0);
    }
    if (tls_socket_enter(self, &timeout) < 0) {
        return NULL;
    }
    octets = pop_transport_tls_pending(self->transport);
    tls_socket_leave(self);
    return PyLong_FromSize_t(octets);
}

/* --- channel binding ---------------------------------------------------- */

struct binding_name {
    const char *text;
    enum pop_tls_binding kind;
};

static int
find_binding(PyObject *value, enum pop_tls_binding *kind)
{
    static const struct binding_name kinds[] = {
        {"tls-unique", POP_TLS_UNIQUE},
        {"tls-server-end-point", POP_TLS_SERVER_END_POINT},
        {"tls-exporter", POP_TLS_EXPORTER},
    };
    const char *name = PyUnicode_AsUTF8(value);
    size_t i;

    if (name == NULL) {
        return -1;
    }
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(name, kinds[i].text) == 0) {
            *kind = kinds[i].kind;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "%R channel binding type not implemented",
                 value);
    return -1;
}

static PyObject *
channel_binding(TLSSocketObject *self, enum pop_tls_binding kind)
{
    struct pop_error error = {0};
    unsigned char binding[POP_TLS_BINDING_OCTETS];
    enum pop_status status;
    int64_t timeout;
    size_t length;

    if (tls_socket_enter(self, &timeout) < 0) {
        return NULL;
    }
    status = pop_tls_peer_binding(pop_transport_tls_session(self->transport),
                                  kind, binding, &length, &error);
    tls_socket_leave(self);
    if (status != POP_OK) {
        errors_raise(self->state, status, &error);
        return NULL;
    }
    if (length == 0) {
        Py_RETURN_NONE;
    }
    return PyBytes_FromStringAndSize((const char *)binding,
                                     (Py_ssize_t)length);
}

PyDoc_STRVAR(get_channel_binding_doc,
"get_channel_binding($self, cb_type='tls-unique')\n"
"--\n"
"\n"
"Channel binding data, bytes, for SASL: 'tls-unique' (RFC 5929; None in\n"
"TLS 1.3, which has none), 'tls-server-end-point' (RFC 5929),\n"
"'tls-exporter' (RFC 9266; None in TLS 1.2 without the extended master\n"
"secret).  None after the end of TLS.");

static PyObject *
get_channel_binding(TLSSocketObject *self, PyObject *cb_type)
{
    enum pop_tls_binding kind = POP_TLS_UNIQUE;

    if (cb_type != NULL && find_binding(cb_type, &kind) < 0) {
        return NULL;
    }
    if (has_ended(self)) {
        Py_RETURN_NONE;
    }
    return channel_binding(self, kind);
}

ARGS_FUNCTION(tls_socket_get_channel_binding,
              get_channel_binding(TLSSOCKET(op), values[0]),
              .method = "TLSSocket.get_channel_binding", .names = {"cb_type"});

/* --- attributes --------------------------------------------------------- */

static PyObject *
tls_socket_false(PyObject *Py_UNUSED(op), void *Py_UNUSED(closure))
{
    Py_RETURN_FALSE;
}

static PyObject *
tls_socket_closed(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(TLSSOCKET(op)->closed);
}

PyDoc_STRVAR(sizeof_doc,
"__sizeof__($self)\n"
"--\n"
"\n"
"Octets of memory, without those that OpenSSL takes for the session.");

static PyObject *
tls_socket_sizeof(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSize_t(heap_type_own_size(op) +
                             pop_transport_tls_size());
}

PyMethodDef tls_socket_info_methods[] = {
    {"__sizeof__", tls_socket_sizeof, METH_NOARGS, sizeof_doc},
    ARGS_METHOD("getpeercert", tls_socket_getpeercert, getpeercert_doc),
    {"cipher", tls_socket_cipher, METH_NOARGS, cipher_doc},
    {"version", tls_socket_version, METH_NOARGS, version_doc},
    {"compression", tls_socket_none, METH_NOARGS, none_doc},
    {"selected_alpn_protocol", tls_socket_none, METH_NOARGS, none_doc},
    {"pending", tls_socket_pending, METH_NOARGS, pending_doc},
    ARGS_METHOD("get_channel_binding", tls_socket_get_channel_binding,
                get_channel_binding_doc),
    {NULL, NULL, 0, NULL},
};

PyGetSetDef tls_socket_info_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {"server_side", tls_socket_false, NULL, "False: this is a client.", NULL},
    {"session_reused", tls_socket_false, NULL, "False: no session is resumed.",
     NULL},
    {"_closed", tls_socket_closed, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

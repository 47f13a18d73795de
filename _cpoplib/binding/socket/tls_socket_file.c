#include "binding/socket/tls_socket_type.h"

/* --- makefile() --------------------------------------------------------- */

PyDoc_STRVAR(makefile_doc,
"makefile($self, /, *args, **kwargs)\n"
"--\n"
"\n"
"A file over this socket, as socket.socket.makefile() makes it.");

/* Calls socket.socket.makefile() with this object, which needs recv_into(),
   send(), _decref_socketios() and _io_refs. */
static PyObject *
tls_socket_makefile(PyObject *op, PyObject *args, PyObject *kwargs)
{
    PyObject *type = (PyObject *)Py_TYPE(TLSSOCKET(op)->sock);
    PyObject *function = PyObject_GetAttrString(type, "makefile");
    PyObject *method = NULL;
    PyObject *file = NULL;

    if (function != NULL) {
        method = PyMethod_New(function, op);
        Py_DECREF(function);
    }
    if (method != NULL) {
        file = PyObject_Call(method, args, kwargs);
        Py_DECREF(method);
    }
    return file;
}

/* --- closing ------------------------------------------------------------ */

PyDoc_STRVAR(close_doc,
"close($self)\n"
"--\n"
"\n"
"Close the socket, once the files made by makefile() are closed too.\n"
"\n"
"No close_notify is sent; see unwrap().  A thread that is blocked in this\n"
"socket is woken.");

static PyObject *
tls_socket_close(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    TLSSOCKET(op)->closed = true;
    if (tls_socket_close_unused(TLSSOCKET(op)) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
tls_socket_decref_socketios(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    TLSSocketObject *self = TLSSOCKET(op);

    if (self->io_refs > 0) {
        self->io_refs--;
    }
    if (tls_socket_close_unused(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(detach_doc,
"detach($self)\n"
"--\n"
"\n"
"Give the descriptor away without closing it, and return it.");

static PyObject *
tls_socket_detach(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    TLSSocketObject *self = TLSSOCKET(op);

    self->closed = true;
    self->sock_closed = true;
    return PyObject_CallMethod(self->sock, "detach", NULL);
}

static PyObject *
tls_socket_enter_context(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(op);
}

static PyObject *
tls_socket_exit_context(PyObject *op, PyObject *Py_UNUSED(args))
{
    return tls_socket_close(op, NULL);
}

/* --- methods that would bypass TLS -------------------------------------- */

PyDoc_STRVAR(refuse_doc,
"Raises NotImplementedError: it would go past TLS.");

static PyObject *
tls_socket_refuse(PyObject *op, PyObject *Py_UNUSED(args),
                  PyObject *Py_UNUSED(kwargs))
{
    PyErr_Format(PyExc_NotImplementedError,
                 "not possible on a TLSSocket; use recv(), recv_into(), "
                 "send() or sendall() of %R",
                 op);
    return NULL;
}

#define REFUSED(name)                                                         \
    {name, (PyCFunction)(void (*)(void))tls_socket_refuse,                    \
     METH_VARARGS | METH_KEYWORDS, refuse_doc}

PyMethodDef tls_socket_file_methods[] = {
    {"makefile", (PyCFunction)(void (*)(void))tls_socket_makefile,
     METH_VARARGS | METH_KEYWORDS, makefile_doc},
    {"close", tls_socket_close, METH_NOARGS, close_doc},
    {"detach", tls_socket_detach, METH_NOARGS, detach_doc},
    {"_decref_socketios", tls_socket_decref_socketios, METH_NOARGS, NULL},
    {"__enter__", tls_socket_enter_context, METH_NOARGS, NULL},
    {"__exit__", tls_socket_exit_context, METH_VARARGS, NULL},
    REFUSED("recvfrom"),
    REFUSED("recvfrom_into"),
    REFUSED("recvmsg"),
    REFUSED("recvmsg_into"),
    REFUSED("sendto"),
    REFUSED("sendmsg"),
    REFUSED("sendmsg_afalg"),
    REFUSED("sendfile"),
    REFUSED("dup"),
    {NULL, NULL, 0, NULL},
};

#include "binding/reader/reader_file.h"

#include "binding/base/errors.h"
#include "binding/base/heap_type.h"
#include "binding/socket/python_transport.h"

#define READER(op) ((ReaderObject *)(op))

PyDoc_STRVAR(close_doc,
"close($self, /)\n"
"--\n"
"\n"
"Close the reader.  A thread that is blocked in it is woken.");

static PyObject *
reader_file_close(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    if (reader_close(READER(op)) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int
check_open(ReaderObject *self)
{
    if (progress_is_closed(&self->progress)) {
        PyErr_SetString(PyExc_ValueError, "I/O operation on closed file.");
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(fileno_doc,
"fileno($self, /)\n"
"--\n"
"\n"
"Return the descriptor of the socket.");

static PyObject *
reader_file_fileno(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    ReaderObject *self = READER(op);

    if (check_open(self) < 0) {
        return NULL;
    }
    return PyObject_CallMethodNoArgs(self->sock, self->state->name.fileno);
}

PyDoc_STRVAR(readable_doc,
"readable($self, /)\n"
"--\n"
"\n"
"True.");

static PyObject *
reader_file_readable(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return check_open(READER(op)) < 0 ? NULL : Py_NewRef(Py_True);
}

PyDoc_STRVAR(writable_doc,
"writable($self, /)\n"
"--\n"
"\n"
"False.");

PyDoc_STRVAR(seekable_doc,
"seekable($self, /)\n"
"--\n"
"\n"
"False.");

PyDoc_STRVAR(isatty_doc,
"isatty($self, /)\n"
"--\n"
"\n"
"False.");

static PyObject *
reader_file_false(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return check_open(READER(op)) < 0 ? NULL : Py_NewRef(Py_False);
}

PyDoc_STRVAR(flush_doc,
"flush($self, /)\n"
"--\n"
"\n"
"Do nothing: nothing is written through a reader.");

static PyObject *
reader_file_flush(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return check_open(READER(op)) < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(unsupported_doc,
"Raises io.UnsupportedOperation: a reader neither writes nor seeks.");

static PyObject *
reader_file_unsupported(PyObject *Py_UNUSED(op), PyObject *Py_UNUSED(args))
{
    errors_raise_unsupported("a POP3 reader neither writes nor seeks");
    return NULL;
}

static PyObject *
reader_file_enter_context(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return check_open(READER(op)) < 0 ? NULL : Py_NewRef(op);
}

static PyObject *
reader_file_exit_context(PyObject *op, PyObject *Py_UNUSED(args))
{
    return reader_file_close(op, NULL);
}

PyObject *
reader_file_iter(PyObject *op)
{
    return check_open(READER(op)) < 0 ? NULL : Py_NewRef(op);
}

static PyObject *
reader_file_get_closed(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(progress_is_closed(&READER(op)->progress));
}

static PyObject *
reader_file_get_mode(PyObject *Py_UNUSED(op), void *Py_UNUSED(closure))
{
    return PyUnicode_FromString("rb");
}

/* Returns the memory in octets, with the buffers unless another thread is
   inside. */
static size_t
size_of(const ReaderObject *self)
{
    const struct pop_link *link = &self->link;
    size_t octets = heap_type_own_size((PyObject *)self);

    if (lock_is_held(&self->lock) && !lock_is_mine(&self->lock)) {
        return octets;
    }
    octets += link->in.capacity + link->out.capacity;
    if (link->batch.spans != NULL) {
        octets += link->batch.capacity * sizeof(*link->batch.spans);
    }
    octets += self->progress.ahead.capacity *
              sizeof(*self->progress.ahead.entries);
    return self->python_transport == NULL
               ? octets
               : octets + python_transport_size(self->python_transport);
}

PyDoc_STRVAR(sizeof_doc,
"__sizeof__($self)\n"
"--\n"
"\n"
"Octets of memory, its buffers included.");

static PyObject *
reader_file_sizeof(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSize_t(size_of(READER(op)));
}

PyMethodDef reader_file_methods[] = {
    {"__sizeof__", reader_file_sizeof, METH_NOARGS, sizeof_doc},
    {"close", reader_file_close, METH_NOARGS, close_doc},
    {"fileno", reader_file_fileno, METH_NOARGS, fileno_doc},
    {"readable", reader_file_readable, METH_NOARGS, readable_doc},
    {"writable", reader_file_false, METH_NOARGS, writable_doc},
    {"seekable", reader_file_false, METH_NOARGS, seekable_doc},
    {"isatty", reader_file_false, METH_NOARGS, isatty_doc},
    {"flush", reader_file_flush, METH_NOARGS, flush_doc},
    {"write", reader_file_unsupported, METH_VARARGS, unsupported_doc},
    {"seek", reader_file_unsupported, METH_VARARGS, unsupported_doc},
    {"tell", reader_file_unsupported, METH_VARARGS, unsupported_doc},
    {"truncate", reader_file_unsupported, METH_VARARGS, unsupported_doc},
    {"__enter__", reader_file_enter_context, METH_NOARGS, NULL},
    {"__exit__", reader_file_exit_context, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyGetSetDef reader_file_getset[] = {
    {"closed", reader_file_get_closed, NULL, "Whether it was closed.", NULL},
    {"mode", reader_file_get_mode, NULL, "'rb'", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

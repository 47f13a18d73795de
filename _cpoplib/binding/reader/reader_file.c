/* The Reader's methods that read, as a buffered binary file;
   poplib_c/_reader.py adds the others. */

#include "binding/reader/reader.h"

#include <string.h>

#include "binding/base/args.h"
#include "binding/base/heap_type.h"
#include "binding/base/package.h"
#include "binding/socket/python_transport.h"

#define READER(op) ((ReaderObject *)(op))

#define ALL_OCTETS PY_SSIZE_T_MAX

/* --- reading ------------------------------------------------------------ */

/* Consumes octets read by hand; a line end among them answers the oldest
   command. */
static void
consume(ReaderObject *self, size_t octets)
{
    struct pop_buffer *in = &self->link.in;

    if (octets > 0 && memchr(pop_buffer_bytes(in), '\n', octets) != NULL) {
        progress_status_read(&self->lock, &self->progress);
    }
    pop_buffer_consume(in, octets);
}

/* Consumes the first `octets` unread bytes and returns them. */
static PyObject *
take_bytes(ReaderObject *self, size_t octets)
{
    struct pop_span span = {0, octets};
    PyObject *bytes = reader_bytes(&self->link, span);

    if (bytes != NULL) {
        consume(self, octets);
    }
    return bytes;
}

static size_t
at_most(const ReaderObject *self, size_t wanted)
{
    size_t length = pop_buffer_length(&self->link.in);

    return length < wanted ? length : wanted;
}

/* Receives until `wanted` octets are unread, or the stream has ended. */
static int
fill_up_to(ReaderObject *self, size_t wanted)
{
    while (pop_buffer_length(&self->link.in) < wanted) {
        int got = reader_fill(self);

        if (got <= 0) {
            return got;
        }
    }
    return 0;
}

/* Receives until a line end, `limit` octets or the end of the stream; *octets
   is the length to take. */
static int
fill_line(ReaderObject *self, size_t limit, size_t *octets)
{
    size_t searched = 0;

    for (;;) {
        const struct pop_buffer *in = &self->link.in;
        enum pop_status status;
        int got;

        status = pop_scan_line(pop_buffer_bytes(in), pop_buffer_length(in),
                               limit, &searched, octets);
        if (status == POP_OK) {
            return 0;
        }
        *octets = at_most(self, limit);
        if (*octets == limit) {
            return 0;
        }
        got = reader_fill(self);
        if (got <= 0) {
            *octets = at_most(self, limit);
            return got;
        }
    }
}

/* Parses an optional size; None and negative sizes mean all. */
static int
parse_size(PyObject *args, const char *format, Py_ssize_t *size)
{
    PyObject *value = Py_None;

    *size = -1;
    if (!PyArg_ParseTuple(args, format, &value)) {
        return -1;
    }
    if (value != Py_None) {
        *size = PyNumber_AsSsize_t(value, PyExc_OverflowError);
    }
    if (*size == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (*size < 0) {
        *size = ALL_OCTETS;
    }
    return 0;
}

static PyObject *
read_line(ReaderObject *self, Py_ssize_t limit)
{
    PyObject *line = NULL;
    size_t octets;

    if (reader_enter(self, READER_BY_HAND) < 0) {
        return NULL;
    }
    if (fill_line(self, (size_t)limit, &octets) == 0) {
        line = take_bytes(self, octets);
    }
    reader_leave(self);
    return line;
}

ARGS_DOC(readline_doc, "readline($self, size=-1, /)",
"Read a line with its line end.\n"
"\n"
"Args:\n"
"    size (int): The most octets to return; -1 or None sets no limit.\n"
"\n"
"Returns:\n"
"    bytes: The line; b'' at the end of the stream.");

static PyObject *
readline(ReaderObject *self, PyObject *args)
{
    Py_ssize_t size;

    return parse_size(args, "|O:readline", &size) < 0 ? NULL
                                                      : read_line(self, size);
}

GUARD_METHOD(reader_file_readline, readline(READER(op), args));

/* Reads at most `most` octets, once `wanted` are unread or the stream has
   ended. */
static PyObject *
read_bytes(ReaderObject *self, Py_ssize_t wanted, Py_ssize_t most)
{
    PyObject *bytes = NULL;

    if (reader_enter(self, READER_BY_HAND) < 0) {
        return NULL;
    }
    if (fill_up_to(self, (size_t)wanted) == 0) {
        bytes = take_bytes(self, at_most(self, (size_t)most));
    }
    reader_leave(self);
    return bytes;
}

ARGS_DOC(read_doc, "read($self, size=-1, /)",
"Read octets.\n"
"\n"
"Args:\n"
"    size (int): How many; -1 or None for all until the end of the stream.\n"
"\n"
"Returns:\n"
"    bytes: The octets; fewer than size only at the end of the stream.");

static PyObject *
read_all(ReaderObject *self, PyObject *args)
{
    Py_ssize_t size;

    return parse_size(args, "|O:read", &size) < 0
               ? NULL
               : read_bytes(self, size, size);
}

GUARD_METHOD(reader_file_read, read_all(READER(op), args));

ARGS_DOC(read1_doc, "read1($self, size=-1, /)",
"Read what is available, with at most one receive.\n"
"\n"
"Args:\n"
"    size (int): The most octets to return; -1 for as many as are available.\n"
"\n"
"Returns:\n"
"    bytes: The octets; b'' at the end of the stream.");

static PyObject *
read_once(ReaderObject *self, PyObject *args)
{
    Py_ssize_t size;

    return parse_size(args, "|O:read1", &size) < 0
               ? NULL
               : read_bytes(self, size > 0, size);
}

GUARD_METHOD(reader_file_read1, read_once(READER(op), args));

ARGS_DOC(peek_doc, "peek($self, size=0, /)",
"Return unread octets without reading them, after at most one receive.\n"
"\n"
"Args:\n"
"    size (int): Ignored.\n"
"\n"
"Returns:\n"
"    bytes: The octets; b'' at the end of the stream.");

static PyObject *
peek(ReaderObject *self, PyObject *args)
{
    const struct pop_buffer *in = &self->link.in;
    PyObject *bytes = NULL;
    Py_ssize_t size = 0;

    if (!PyArg_ParseTuple(args, "|n:peek", &size) ||
        reader_enter(self, READER_BY_HAND) < 0) {
        return NULL;
    }
    if (fill_up_to(self, 1) == 0) {
        bytes = PyBytes_FromStringAndSize(pop_buffer_bytes(in),
                                          (Py_ssize_t)pop_buffer_length(in));
    }
    reader_leave(self);
    return bytes;
}

GUARD_METHOD(reader_file_peek, peek(READER(op), args));

static PyObject *
next(ReaderObject *self)
{
    PyObject *line = read_line(self, ALL_OCTETS);

    if (line != NULL && PyBytes_GET_SIZE(line) == 0) {
        Py_CLEAR(line);
    }
    return line;
}

PyObject *
reader_file_next(PyObject *op)
{
    PyObject *line;

    GUARD_BEGIN(op)
    line = next(READER(op));
    GUARD_END()
    return line;
}

ARGS_DOC(readlines_doc, "readlines($self, hint=-1, /)",
"Read lines until the end of the stream.\n"
"\n"
"Args:\n"
"    hint (int): Stop after the line that makes this many octets; -1 or None\n"
"        reads all lines.\n"
"\n"
"Returns:\n"
"    list: The lines, bytes with their line ends.");

static PyObject *
readlines(ReaderObject *self, PyObject *args)
{
    PyObject *list;
    PyObject *line;
    Py_ssize_t hint;
    Py_ssize_t total = 0;

    if (parse_size(args, "|O:readlines", &hint) < 0) {
        return NULL;
    }
    list = PyList_New(0);
    if (list == NULL) {
        return NULL;
    }
    while ((line = next(self)) != NULL) {
        int failed = PyList_Append(list, line);

        total += PyBytes_GET_SIZE(line);
        Py_DECREF(line);
        if (failed < 0) {
            break;
        }
        if (hint > 0 && total >= hint) {
            return list;
        }
        if (reader_check_open(self) < 0) {
            break;
        }
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(list);
    }
    return list;
}

GUARD_METHOD(reader_file_readlines, readlines(READER(op), args));

/* --- the rest of a file ------------------------------------------------- */

ARGS_DOC(close_doc, "close($self, /)",
"Close the reader. A thread that is blocked in it raises an exception.");

GUARD_METHOD(reader_file_close, args_none(reader_close(READER(op)) < 0));

ARGS_DOC(fileno_doc, "fileno($self, /)",
"Return the descriptor of the socket.");

static PyObject *
get_descriptor(ReaderObject *self)
{
    if (reader_check_usable(self) < 0) {
        return NULL;
    }
    return PyObject_CallMethodNoArgs(self->sock, self->state->name.fileno);
}

GUARD_METHOD(reader_file_fileno, get_descriptor(READER(op)));

PyDoc_STRVAR(unsupported_doc,
"Raise io.UnsupportedOperation: a reader neither writes nor seeks.");

static PyObject *
reader_file_unsupported(PyObject *Py_UNUSED(op), PyObject *Py_UNUSED(args))
{
    PyObject *type = package_import("io", "UnsupportedOperation");

    if (type != NULL) {
        PyErr_SetString(type, "a POP3 reader neither writes nor seeks");
        Py_DECREF(type);
    }
    return NULL;
}

PyObject *
reader_file_iter(PyObject *op)
{
    int failed;

    GUARD_BEGIN(op)
    failed = reader_check_usable(READER(op));
    GUARD_END()
    return failed < 0 ? NULL : Py_NewRef(op);
}

GUARD_FUNCTION(PyObject *, reader_file_get_closed,
               (PyObject * op, void *Py_UNUSED(closure)),
               PyBool_FromLong(progress_is_closed(&READER(op)->progress)));

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

ARGS_DOC(sizeof_doc, "__sizeof__($self)",
"Octets of memory, its buffers included.");

GUARD_METHOD(reader_file_sizeof, PyLong_FromSize_t(size_of(READER(op))));

PyMethodDef reader_file_methods[] = {
    {"__sizeof__", reader_file_sizeof, METH_NOARGS, sizeof_doc},
    {"read", reader_file_read, METH_VARARGS, read_doc},
    {"read1", reader_file_read1, METH_VARARGS, read1_doc},
    {"readline", reader_file_readline, METH_VARARGS, readline_doc},
    {"readlines", reader_file_readlines, METH_VARARGS, readlines_doc},
    {"peek", reader_file_peek, METH_VARARGS, peek_doc},
    {"close", reader_file_close, METH_NOARGS, close_doc},
    {"fileno", reader_file_fileno, METH_NOARGS, fileno_doc},
    {"write", reader_file_unsupported, METH_VARARGS, unsupported_doc},
    {"seek", reader_file_unsupported, METH_VARARGS, unsupported_doc},
    {"tell", reader_file_unsupported, METH_VARARGS, unsupported_doc},
    {"truncate", reader_file_unsupported, METH_VARARGS, unsupported_doc},
    {NULL, NULL, 0, NULL},
};

PyGetSetDef reader_file_getset[] = {
    {"closed", reader_file_get_closed, NULL, "Whether it was closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

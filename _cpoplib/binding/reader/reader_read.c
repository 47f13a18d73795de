/* The methods of a Reader that read. */

#include "binding/reader/reader_read.h"

#include <string.h>

#define READER(op) ((ReaderObject *)(op))

#define ALL_OCTETS PY_SSIZE_T_MAX

/* Whoever reads a line's end by hand has read the answer to the oldest
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

/* The first `octets` unread bytes as an object, consumed. */
static PyObject *
take_bytes(ReaderObject *self, size_t octets)
{
    struct pop_buffer *in = &self->link.in;
    PyObject *bytes;

    bytes = PyBytes_FromStringAndSize(pop_buffer_bytes(in),
                                      (Py_ssize_t)octets);
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

/* Receives at least once if there is nothing unread. */
static int
fill_if_empty(ReaderObject *self)
{
    return fill_up_to(self, 1);
}

/* Receives until there is a line end within `limit` octets, or as many
   octets, or the end of the stream; *octets is what to take. */
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

/* The one optional argument, a size: None and negative ones mean all. */
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

    if (reader_enter_by_hand(self) < 0) {
        return NULL;
    }
    if (fill_line(self, (size_t)limit, &octets) == 0) {
        line = take_bytes(self, octets);
    }
    reader_leave(self);
    return line;
}

PyDoc_STRVAR(readline_doc,
"readline($self, size=-1, /)\n"
"--\n"
"\n"
"Read a line with its line end, at most size octets of it.\n"
"\n"
"b'' at the end of the stream.");

static PyObject *
reader_read_readline(PyObject *op, PyObject *args)
{
    Py_ssize_t size;

    if (parse_size(args, "|O:readline", &size) < 0) {
        return NULL;
    }
    return read_line(READER(op), size);
}

PyDoc_STRVAR(read_doc,
"read($self, size=-1, /)\n"
"--\n"
"\n"
"Read size octets, or fewer at the end of the stream; without size, all.");

static PyObject *
reader_read_read(PyObject *op, PyObject *args)
{
    ReaderObject *self = READER(op);
    PyObject *bytes = NULL;
    Py_ssize_t size;

    if (parse_size(args, "|O:read", &size) < 0) {
        return NULL;
    }
    if (reader_enter_by_hand(self) < 0) {
        return NULL;
    }
    if (fill_up_to(self, (size_t)size) == 0) {
        bytes = take_bytes(self, at_most(self, (size_t)size));
    }
    reader_leave(self);
    return bytes;
}

PyDoc_STRVAR(read1_doc,
"read1($self, size=-1, /)\n"
"--\n"
"\n"
"Read what is there, at most size octets, with at most one receive.");

static PyObject *
reader_read_read1(PyObject *op, PyObject *args)
{
    ReaderObject *self = READER(op);
    PyObject *bytes = NULL;
    Py_ssize_t size;

    if (parse_size(args, "|O:read1", &size) < 0) {
        return NULL;
    }
    if (reader_enter_by_hand(self) < 0) {
        return NULL;
    }
    if (size == 0 || fill_if_empty(self) == 0) {
        bytes = take_bytes(self, at_most(self, (size_t)size));
    }
    reader_leave(self);
    return bytes;
}

PyDoc_STRVAR(peek_doc,
"peek($self, size=0, /)\n"
"--\n"
"\n"
"Return what is unread without reading it, after at most one receive.");

static PyObject *
reader_read_peek(PyObject *op, PyObject *args)
{
    ReaderObject *self = READER(op);
    PyObject *bytes = NULL;
    Py_ssize_t size = 0;

    if (!PyArg_ParseTuple(args, "|n:peek", &size)) {
        return NULL;
    }
    if (reader_enter_by_hand(self) < 0) {
        return NULL;
    }
    if (fill_if_empty(self) == 0) {
        const struct pop_buffer *in = &self->link.in;

        bytes = PyBytes_FromStringAndSize(pop_buffer_bytes(in),
                                          (Py_ssize_t)pop_buffer_length(in));
    }
    reader_leave(self);
    return bytes;
}

/* Fills `view`, or stores what is there (`once`); how many octets, or -1. */
static Py_ssize_t
read_into(ReaderObject *self, Py_buffer *view, bool once)
{
    size_t wanted = once && view->len > 0 ? 1 : (size_t)view->len;
    size_t octets;
    int failed;

    if (reader_enter_by_hand(self) < 0) {
        return -1;
    }
    failed = fill_up_to(self, wanted) < 0;
    octets = at_most(self, (size_t)view->len);
    if (!failed && octets > 0) {
        memcpy(view->buf, pop_buffer_bytes(&self->link.in), octets);
        consume(self, octets);
    }
    reader_leave(self);
    return failed ? -1 : (Py_ssize_t)octets;
}

static PyObject *
read_into_buffer(PyObject *op, PyObject *buffer, bool once)
{
    Py_buffer view;
    Py_ssize_t octets;

    if (!PyArg_Parse(buffer, "w*:readinto", &view)) {
        return NULL;
    }
    octets = read_into(READER(op), &view, once);
    PyBuffer_Release(&view);
    return octets < 0 ? NULL : PyLong_FromSsize_t(octets);
}

PyDoc_STRVAR(readinto_doc,
"readinto($self, buffer, /)\n"
"--\n"
"\n"
"Fill a writable buffer; return how many octets were stored.\n"
"\n"
"Fewer than the buffer holds only at the end of the stream.");

static PyObject *
reader_read_readinto(PyObject *op, PyObject *buffer)
{
    return read_into_buffer(op, buffer, false);
}

PyDoc_STRVAR(readinto1_doc,
"readinto1($self, buffer, /)\n"
"--\n"
"\n"
"Store what is there in a writable buffer, with at most one receive.");

static PyObject *
reader_read_readinto1(PyObject *op, PyObject *buffer)
{
    return read_into_buffer(op, buffer, true);
}

PyObject *
reader_read_next(PyObject *op)
{
    PyObject *line = read_line(READER(op), ALL_OCTETS);

    if (line != NULL && PyBytes_GET_SIZE(line) == 0) {
        Py_CLEAR(line);
    }
    return line;
}

PyDoc_STRVAR(readlines_doc,
"readlines($self, hint=-1, /)\n"
"--\n"
"\n"
"Read lines to the end of the stream, or until they have hint octets.");

static PyObject *
reader_read_readlines(PyObject *op, PyObject *args)
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
    while ((line = reader_read_next(op)) != NULL) {
        int failed = PyList_Append(list, line);

        total += PyBytes_GET_SIZE(line);
        Py_DECREF(line);
        if (failed < 0) {
            break;
        }
        if (hint > 0 && total >= hint) {
            return list;
        }
        if (reader_check_open(READER(op)) < 0) {
            break;
        }
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(list);
    }
    return list;
}

PyMethodDef reader_read_methods[] = {
    {"read", reader_read_read, METH_VARARGS, read_doc},
    {"read1", reader_read_read1, METH_VARARGS, read1_doc},
    {"readinto", reader_read_readinto, METH_O, readinto_doc},
    {"readinto1", reader_read_readinto1, METH_O, readinto1_doc},
    {"readline", reader_read_readline, METH_VARARGS, readline_doc},
    {"readlines", reader_read_readlines, METH_VARARGS, readlines_doc},
    {"peek", reader_read_peek, METH_VARARGS, peek_doc},
    {NULL, NULL, 0, NULL},
};

/* The list limit: one call from Python that sends a command, receives its
   reply and makes the list of bytes objects, and does nothing else.  It knows
   neither debug output nor hooks, limits, signals or a server that answers
   wrongly. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* A command under way. */
struct exchange {
    int fd;              /* -1: with `recv_into` */
    int timeout;         /* milliseconds, or -1: the descriptor blocks */
    PyObject *recv_into; /* an ssl.SSLSocket's */
    char *room;
    size_t size;
    size_t length; /* of what is unread in `room` */
    bool waited;
    PyObject *response;
    PyObject *lines;
    Py_ssize_t octets;
};

/* --- bytes --------------------------------------------------------------- */

static ssize_t
recv_from_fd(struct exchange *exchange, char *space, size_t size)
{
    struct pollfd source = {.fd = exchange->fd, .events = POLLIN};
    bool wait = exchange->timeout >= 0 && !exchange->waited;
    ssize_t n;

    Py_BEGIN_ALLOW_THREADS
    do {
        if (wait) {
            (void)poll(&source, 1, exchange->timeout);
        }
        n = recv(exchange->fd, space, size, 0);
        wait = true;
    } while (n < 0 && errno == EAGAIN && exchange->timeout >= 0);
    Py_END_ALLOW_THREADS
    exchange->waited = true;
    return n;
}

static ssize_t
recv_from_python(struct exchange *exchange, char *space, size_t size)
{
    PyObject *view = PyMemoryView_FromMemory(space, (Py_ssize_t)size,
                                             PyBUF_WRITE);
    PyObject *result;
    ssize_t n;

    if (view == NULL) {
        return -1;
    }
    result = PyObject_CallFunctionObjArgs(exchange->recv_into, view, NULL);
    Py_DECREF(view);
    if (result == NULL) {
        return -1;
    }
    n = PyLong_AsSsize_t(result);
    Py_DECREF(result);
    return n;
}

/* At least one byte more, or -1 and an exception. */
static int
receive(struct exchange *exchange)
{
    char *space = exchange->room + exchange->length;
    size_t size = exchange->size - exchange->length;
    ssize_t n = exchange->fd >= 0 ? recv_from_fd(exchange, space, size)
                                  : recv_from_python(exchange, space, size);

    if (n <= 0) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ConnectionError, "cannot receive");
        }
        return -1;
    }
    exchange->length += (size_t)n;
    return 0;
}

static int
send_to_fd(int fd, const char *bytes, Py_ssize_t length)
{
    ssize_t n;

    Py_BEGIN_ALLOW_THREADS
    n = send(fd, bytes, (size_t)length, MSG_NOSIGNAL);
    Py_END_ALLOW_THREADS
    if (n != length) {
        PyErr_SetString(PyExc_ConnectionError, "cannot send");
        return -1;
    }
    return 0;
}

/* --- lines --------------------------------------------------------------- */

static int
add_line(struct exchange *exchange, const char *text, size_t length)
{
    bool stuffed = length > 1 && text[0] == '.' && text[1] == '.';
    PyObject *line = PyBytes_FromStringAndSize(text + stuffed,
                                               (Py_ssize_t)length - stuffed);
    int failed;

    if (line == NULL) {
        return -1;
    }
    if (exchange->response == NULL) {
        exchange->response = line;
        return 0;
    }
    exchange->octets += (Py_ssize_t)length - stuffed + 2;
    failed = PyList_Append(exchange->lines, line);
    Py_DECREF(line);
    return failed;
}

/* Makes the lines of what has come: 1 if the reply is over, 0, or -1. */
static int
take_lines(struct exchange *exchange)
{
    char *at = exchange->room;
    char *end = at + exchange->length;
    char *lf;

    while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        size_t length = (size_t)(lf - at);

        if (length > 0 && lf[-1] == '\r') {
            length--;
        }
        if (exchange->lines != NULL && length == 1 && at[0] == '.') {
            return 1;
        }
        if (add_line(exchange, at, length) < 0) {
            return -1;
        }
        if (exchange->lines == NULL) {
            return 1;
        }
        at = lf + 1;
    }
    exchange->length = (size_t)(end - at);
    memmove(exchange->room, at, exchange->length);
    return 0;
}

static PyObject *
read_reply(struct exchange *exchange, bool multiline)
{
    PyObject *result = NULL;
    int done = 0;

    if (multiline) {
        exchange->lines = PyList_New(0);
        if (exchange->lines == NULL) {
            return NULL;
        }
    }
    while (done == 0) {
        done = receive(exchange) < 0 ? -1 : take_lines(exchange);
    }
    if (done > 0 && multiline) {
        result = Py_BuildValue("OOn", exchange->response, exchange->lines,
                               exchange->octets);
    }
    else if (done > 0) {
        Py_INCREF(exchange->response);
        result = exchange->response;
    }
    Py_XDECREF(exchange->response);
    Py_XDECREF(exchange->lines);
    return result;
}

/* --- what Python sees ---------------------------------------------------- */

PyDoc_STRVAR(exchange_doc,
"exchange(fd, timeout, command, multiline, room)\n"
"\n"
"The reply to a command (bytes) as poplib has it, through a descriptor\n"
"whose timeout in milliseconds is given, -1 if there is none.");

static PyObject *
listlimit_exchange(PyObject *Py_UNUSED(module), PyObject *args)
{
    struct exchange exchange = {0};
    const char *command;
    Py_ssize_t length;
    int multiline;
    Py_buffer room;
    PyObject *result = NULL;

    if (!PyArg_ParseTuple(args, "iiy#pw*", &exchange.fd, &exchange.timeout,
                          &command, &length, &multiline, &room)) {
        return NULL;
    }
    exchange.room = room.buf;
    exchange.size = (size_t)room.len;
    if (send_to_fd(exchange.fd, command, length) == 0) {
        result = read_reply(&exchange, multiline);
    }
    PyBuffer_Release(&room);
    return result;
}

PyDoc_STRVAR(exchange_by_doc,
"exchange_by(sendall, recv_into, command, multiline, room)\n"
"\n"
"The same through methods of a socket.");

static PyObject *
listlimit_exchange_by(PyObject *Py_UNUSED(module), PyObject *args)
{
    struct exchange exchange = {.fd = -1};
    PyObject *sendall;
    PyObject *command;
    PyObject *sent;
    int multiline;
    Py_buffer room;
    PyObject *result = NULL;

    if (!PyArg_ParseTuple(args, "OOSpw*", &sendall, &exchange.recv_into,
                          &command, &multiline, &room)) {
        return NULL;
    }
    exchange.room = room.buf;
    exchange.size = (size_t)room.len;
    sent = PyObject_CallFunctionObjArgs(sendall, command, NULL);
    if (sent != NULL) {
        Py_DECREF(sent);
        result = read_reply(&exchange, multiline);
    }
    PyBuffer_Release(&room);
    return result;
}

static PyMethodDef methods[] = {
    {"exchange", listlimit_exchange, METH_VARARGS, exchange_doc},
    {"exchange_by", listlimit_exchange_by, METH_VARARGS, exchange_by_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "listlimit", .m_size = 0,
    .m_slots = slots,      .m_methods = methods,
};

PyMODINIT_FUNC
PyInit_listlimit(void)
{
    return PyModuleDef_Init(&definition);
}

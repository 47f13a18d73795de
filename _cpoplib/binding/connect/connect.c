#include "binding/connect/connect.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "binding/base/args.h"
#include "binding/client/deadline.h"
#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/client/log.h"
#include "binding/client/opening.h"
#include "binding/client/options.h"
#include "binding/reader/reader.h"
#include "binding/socket/python_socket.h"
#include "binding/dialogue/getresp.h"

#define DEFAULT_PORT 110

/* --- connecting --------------------------------------------------------- */

static int
set_attribute(POP3Object *self, PyObject *name, PyObject *value)
{
    return PyObject_SetAttr((PyObject *)self, name, value);
}

/* Sets self.name to a value (stolen), unless that is NULL. */
static int
set_made(POP3Object *self, PyObject *name, PyObject *value)
{
    int failed = value == NULL ? -1 : set_attribute(self, name, value);

    Py_XDECREF(value);
    return failed;
}

PyObject *
connect_timeout(struct module_state *state, PyObject *given)
{
    PyObject *module;
    PyObject *timeout;

    if (!args_is_default(given, "<socket default>")) {
        return Py_NewRef(given);
    }
    module = package_attribute(state, state->name.socket);
    if (module == NULL) {
        return NULL;
    }
    timeout = PyObject_GetAttr(module, state->name.default_timeout);
    Py_DECREF(module);
    return timeout;
}

/* self.file = self.sock.makefile('rb') */
static int
set_file(POP3Object *self)
{
    struct module_state *state = self->state;
    PyObject *sock = PyObject_GetAttr((PyObject *)self, state->name.sock);
    PyObject *file;
    int failed = -1;

    if (sock == NULL) {
        return -1;
    }
    file = reader_open(state, sock, &self->deadlines->earliest, self->guard);
    if (file != NULL) {
        failed = set_attribute(self, state->name.file, file);
        if (failed < 0) {
            python_socket_discard(state, file);
        }
        Py_DECREF(file);
    }
    Py_DECREF(sock);
    return failed;
}

int
connect_use_socket(POP3Object *self, PyObject *sock)
{
    if (set_attribute(self, self->state->name.sock, sock) < 0 ||
        set_file(self) < 0) {
        python_socket_discard(self->state, sock);
        return -1;
    }
    return 0;
}

/* self._debugging = 0; self.welcome = self._getresp() */
static int
read_welcome(POP3Object *self)
{
    struct module_state *state = self->state;
    PyObject *welcome;

    if (set_made(self, state->name.debugging, PyLong_FromLong(0)) < 0) {
        return -1;
    }
    welcome = log_begin(self) < 0 ? NULL : getresp_call(self);
    return set_made(self, state->name.welcome, welcome);
}

void
connect_give_up(POP3Object *self)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *result = connect_close(self);

    Py_XDECREF(result);
    errors_raise_again(pending);
}

/* Sets the attributes in the order of poplib. */
static int
set_target(POP3Object *self, PyObject *host, PyObject *port)
{
    struct module_state *state = self->state;

    if (set_attribute(self, state->name.host, host) < 0 ||
        set_attribute(self, state->name.port, port) < 0 ||
        set_attribute(self, state->name.tls_established, Py_False) < 0) {
        return -1;
    }
    return PySys_Audit("poplib.connect", "OOO", self, host, port);
}

/* Sets self.sock and self.file; closes the socket on failure. */
static int
open_socket(POP3Object *self, PyObject *timeout)
{
    struct module_state *state = self->state;
    PyObject *sock;
    int failed;

    sock = PyObject_CallMethodObjArgs(
        (PyObject *)self, state->name.create_socket, timeout, NULL);
    if (sock == NULL) {
        return -1;
    }
    failed = connect_use_socket(self, sock);
    Py_DECREF(sock);
    return failed;
}

static int
connect_to(POP3Object *self, PyObject *host, PyObject *port, PyObject *timeout)
{
    if (set_target(self, host, port) < 0) {
        return -1;
    }
    if (opening_check(self) < 0 || open_socket(self, timeout) < 0 ||
        opening_check(self) < 0 || read_welcome(self) < 0) {
        connect_give_up(self);
        return -1;
    }
    return 0;
}

int
connect_open(POP3Object *self, PyObject *host, PyObject *port,
             PyObject *timeout)
{
    PyObject *default_port = PyLong_FromLong(DEFAULT_PORT);
    int failed = -1;

    assert(lock_is_mine(&self->lock));
    if (default_port == NULL) {
        return -1;
    }
    read_ahead_reset(&self->ahead);
    progress_connecting(&self->progress);
    timeout = connect_timeout(self->state, timeout);
    if (timeout != NULL) {
        failed = connect_to(self, host, port == NULL ? default_port : port,
                            timeout);
        Py_DECREF(timeout);
    }
    Py_DECREF(default_port);
    return failed;
}

ARGS_DOC(init_doc,
"__init__($self, host, port=110, " TIMEOUT_SIGNATURE ", *, "
OPTIONS_SIGNATURE DEADLINE_SIGNATURE ")",
"Connect to host and read the server's greeting (RFC 1939, section 4).");

int
connect_locked(POP3Object *self, PyObject *const *values, connect_init init)
{
    int failed = pop3_lock(self);

    if (failed == 0) {
        opening_begin(self);
        failed = opening_end(self, init(self, values));
        pop3_unlock(self);
    }
    return failed;
}

static int
init(POP3Object *self, PyObject *const *values)
{
    return options_set(self, values + 3) < 0 ||
                   deadline_begin(self, values[3 + OPTIONS_COUNT]) < 0
               ? -1
               : connect_open(self, values[0], values[1], values[2]);
}

ARGS_FUNCTION(pop3___init__,
              args_none(connect_locked(POP3(op), values, init) < 0),
              .method = "POP3.__init__",
              .names = {"host", "port", "timeout", OPTIONS_NAMES, "deadline"},
              .required = 1, .keyword_only = OPTIONS_COUNT + 1);

static PyObject *
watch(PyObject *op, PyObject *fd)
{
    long number = PyLong_AsLong(fd);

    return args_none((number == -1 && PyErr_Occurred()) ||
                     opening_watch(POP3(op), (int)number) < 0);
}

static PyMethodDef watch_method = {"watch", watch, METH_O, NULL};

/* Does what socket.create_connection() does; the deadline limits the time for
   all addresses, and close() in another thread ends it. */
static PyObject *
connect_in_time(POP3Object *self, PyObject *socket, PyObject *address,
                PyObject *timeout)
{
    const struct pop_deadline *deadline = &self->deadlines->earliest;
    double left = Py_HUGE_VAL;
    PyObject *watching = PyCFunction_New(&watch_method, (PyObject *)self);
    PyObject *sock;

    if (watching == NULL) {
        return NULL;
    }
    if (deadline->at != POP_NO_DEADLINE) {
        left = (double)pop_deadline_left(deadline) / POP_NS_PER_SECOND;
    }
    sock = package_call("poplib_c._connect", "connect", "(OdOOO)", watching,
                        left, socket, address, timeout);
    Py_DECREF(watching);
    if (sock == NULL) {
        deadline_explain(self);
    }
    return sock;
}

/* Looks socket.create_connection up through the package, so that both can be
   patched. */
static PyObject *
create_connection(POP3Object *self, PyObject *timeout)
{
    struct module_state *state = self->state;
    PyObject *module = package_attribute(state, state->name.socket);
    PyObject *host = NULL;
    PyObject *port = NULL;
    PyObject *address = NULL;
    PyObject *sock = NULL;

    if (module == NULL) {
        return NULL;
    }
    host = PyObject_GetAttr((PyObject *)self, state->name.host);
    if (host != NULL) {
        port = PyObject_GetAttr((PyObject *)self, state->name.port);
    }
    if (port != NULL) {
        address = PyTuple_Pack(2, host, port);
    }
    if (address != NULL) {
        sock = connect_in_time(self, module, address, timeout);
    }
    Py_XDECREF(address);
    Py_XDECREF(port);
    Py_XDECREF(host);
    Py_DECREF(module);
    return sock;
}

ARGS_DOC(create_socket_doc, "_create_socket($self, timeout)",
"Return a socket that is connected to (self.host, self.port).\n"
"\n"
"The constructor calls it; a subclass overrides it to connect in another\n"
"way.\n"
"\n"
"Args:\n"
"    timeout (float or None): Seconds, as the constructor got it.\n"
"\n"
"Returns:\n"
"    socket.socket: The socket.\n"
"\n"
"Raises:\n"
"    ValueError: timeout is 0.\n"
"    OSError: The connection fails.");

static PyObject *
create_socket(POP3Object *self, PyObject *timeout)
{
    int given = timeout == Py_None ? 1 : PyObject_IsTrue(timeout);

    if (given < 0) {
        return NULL;
    }
    if (!given) {
        PyErr_SetString(PyExc_ValueError,
                        "Non-blocking socket (timeout=0) is not supported");
        return NULL;
    }
    return create_connection(self, timeout);
}

ARGS_FUNCTION(pop3__create_socket, create_socket(POP3(op), values[0]),
              .method = "POP3._create_socket", .names = {"timeout"},
              .required = 1);

/* --- closing ------------------------------------------------------------ */

/* Sets self.name to None and returns the old value; NULL, without an
   exception, if there was none. */
static PyObject *
take_attribute(POP3Object *self, PyObject *name)
{
    PyObject *value = PyObject_GetAttr((PyObject *)self, name);

    if (value != NULL && set_attribute(self, name, Py_None) < 0) {
        Py_CLEAR(value);
    }
    return value;
}

static int
close_file(POP3Object *self)
{
    PyObject *file = take_attribute(self, self->state->name.file);
    PyObject *result;

    if (file == NULL) {
        return -1;
    }
    if (file == Py_None) {
        Py_DECREF(file);
        return 0;
    }
    result = PyObject_CallMethodNoArgs(file, self->state->name.close);
    Py_DECREF(file);
    return errors_drop_result(result);
}

static int
shut_down(PyObject *sock)
{
    PyObject *result = PyObject_CallMethod(sock, "shutdown", "i", SHUT_RDWR);

    Py_XDECREF(result);
    /* ENOTCONN: the server closed the connection first. */
    return result != NULL ||
                   (errors_pending_errno(PyExc_OSError) == ENOTCONN &&
                    errors_clear(PyExc_OSError) == 0)
               ? 0
               : -1;
}

/* Runs `step` as in a `finally` block: a pending exception becomes the context
   of a new one. */
static int
finally(POP3Object *self, PyObject *argument,
        int (*step)(POP3Object *, PyObject *))
{
    PyObject *pending = PyErr_GetRaisedException();
    struct errors_handling before;
    int failed;

    if (pending == NULL) {
        return step(self, argument);
    }
    errors_handle(&before, pending);
    failed = step(self, argument);
    errors_handled(&before);
    if (failed < 0) {
        Py_DECREF(pending);
    }
    else {
        PyErr_SetRaisedException(pending);
    }
    return -1;
}

static int
call_close(POP3Object *self, PyObject *sock)
{
    return errors_drop_result(
        PyObject_CallMethodNoArgs(sock, self->state->name.close));
}

static int
close_sock(POP3Object *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *sock = take_attribute(self, self->state->name.sock);
    int failed;

    if (sock == NULL) {
        return -1;
    }
    if (sock == Py_None) {
        Py_DECREF(sock);
        return 0;
    }
    (void)shut_down(sock);
    failed = finally(self, sock, call_close);
    Py_DECREF(sock);
    return failed;
}

PyObject *
connect_close(POP3Object *self)
{
    assert(guard_is_mine(self->guard));
    if (!lock_is_held(&self->lock)) {
        requests_clear(&self->ahead.requests);
    }
    (void)close_file(self);
    return args_none(finally(self, NULL, close_sock) < 0);
}

ARGS_DOC(close_doc, "close($self)",
"Close the connection without QUIT: the server commits no deletion.\n"
"\n"
"Another thread may call it: a command that is blocked in the connection, or\n"
"a constructor, raises ConnectionAbortedError; a constructor that resolves a\n"
"name raises when that ends. Do nothing if the connection is closed.");

static PyObject *
close_client(POP3Object *self)
{
    bool was_opening = opening_close(self);
    PyObject *result = connect_close(self);

    /* The constructor sets .sock and .file later than close() comes. */
    if (result == NULL && was_opening &&
        errors_clear(PyExc_AttributeError) == 0) {
        result = Py_NewRef(Py_None);
    }
    return result;
}

GUARD_METHOD(pop3_close_method, close_client(POP3(op)));

PyMethodDef connect_methods[] = {
    ARGS_METHOD("__init__", pop3___init__, init_doc),
    ARGS_METHOD("_create_socket", pop3__create_socket, create_socket_doc),
    {"close", pop3_close_method, METH_NOARGS, close_doc},
    {NULL, NULL, 0, NULL},
};

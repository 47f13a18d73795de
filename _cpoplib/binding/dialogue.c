#include "binding/dialogue.h"

#include "binding/args.h"
#include "binding/errors.h"
#include "binding/hooks.h"
#include "binding/replies.h"
#include "binding/stream.h"
#include "binding/trace.h"
#include "core/command.h"

/* .file if it is an open Reader, as a new reference; otherwise NULL, with an
   exception if *failed. */
static ReaderObject *
get_reader(POP3Object *self, int *failed)
{
    PyObject *file;

    *failed = PyObject_GetOptionalAttr((PyObject *)self,
                                       self->state->name.file, &file) < 0;
    if (file != NULL &&
        (!reader_check(self->state, file) || ((ReaderObject *)file)->closed)) {
        Py_CLEAR(file);
    }
    return (ReaderObject *)file;
}

/* What step_check() raises, where .file is none of ours. */
static int
check_foreign(POP3Object *self)
{
    struct module_state *state = self->state;
    PyObject *file;
    int failed = 0;

    if (PyObject_GetOptionalAttr((PyObject *)self, state->name.file, &file) <
        0) {
        return -1;
    }
    if (file != NULL && file != Py_None && !reader_check(state, file)) {
        failed = step_check(state, pop3_step_of(self, file));
    }
    Py_XDECREF(file);
    return failed;
}

/* --- _putline ----------------------------------------------------------- */

/* sock.sendall(line + CRLF) of any socket that .file does not read from. */
static int
send_foreign(POP3Object *self, PyObject *sock, PyObject *line)
{
    PyObject *data;
    PyObject *result;

    if (check_foreign(self) < 0) {
        return -1;
    }
    data = PyNumber_Add(line, self->state->crlf);
    if (data == NULL) {
        return -1;
    }
    result = PyObject_CallMethodObjArgs(sock, self->state->name.sendall, data,
                                        NULL);
    Py_DECREF(data);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
send_line(POP3Object *self, PyObject *line)
{
    int failed;
    ReaderObject *reader = get_reader(self, &failed);
    PyObject *sock = NULL;
    int result = -1;

    if (!failed) {
        sock = pop3_get_sock(self, "sendall");
    }
    if (sock == NULL) {
        Py_XDECREF(reader);
        return -1;
    }
    if (reader == NULL || reader->sock != sock || !PyBytes_CheckExact(line)) {
        result = send_foreign(self, sock, line);
    }
    else {
        result = stream_send(reader, PyBytes_AS_STRING(line),
                             (size_t)PyBytes_GET_SIZE(line));
    }
    Py_XDECREF(reader);
    Py_DECREF(sock);
    return result;
}

static PyObject *
putline_own(POP3Object *self, PyObject *line)
{
    int verbose = trace_is_verbose(self);

    if (verbose < 0 || (verbose > 0 && trace_print("*put*", line) < 0)) {
        return NULL;
    }
    if (trace_audit_putline(self, line) < 0 || send_line(self, line) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
putline(POP3Object *self, PyObject *line)
{
    int own = hook_is_own(self, HOOK_PUTLINE);

    if (own < 0) {
        return NULL;
    }
    return own ? putline_own(self, line) : hook_call(self, HOOK_PUTLINE, line);
}

/* --- _putcmd ------------------------------------------------------------ */

/* bytes(line, self.encoding). */
static PyObject *
encode(POP3Object *self, PyObject *line)
{
    PyObject *encoding;
    PyObject *bytes;

    encoding = PyObject_GetAttr((PyObject *)self, self->state->name.encoding);
    if (encoding == NULL) {
        return NULL;
    }
    if (PyUnicode_CheckExact(line) && PyUnicode_CheckExact(encoding) &&
        PyUnicode_CompareWithASCIIString(encoding, "UTF-8") == 0) {
        bytes = PyUnicode_AsUTF8String(line);
    }
    else {
        bytes = PyObject_CallFunctionObjArgs((PyObject *)&PyBytes_Type, line,
                                             encoding, NULL);
    }
    Py_DECREF(encoding);
    return bytes;
}

static PyObject *
putcmd_own(POP3Object *self, PyObject *line)
{
    int on = trace_is_on(self);
    PyObject *bytes;
    PyObject *result = NULL;
    enum pop_status status;

    if (on < 0 || (on > 0 && trace_print("*cmd*", line) < 0)) {
        return NULL;
    }
    bytes = encode(self, line);
    if (bytes == NULL) {
        return NULL;
    }
    status = pop_command_check(PyBytes_AS_STRING(bytes),
                               (size_t)PyBytes_GET_SIZE(bytes));
    if (status == POP_OK) {
        result = putline(self, bytes);
    }
    else {
        errors_raise(self->state, status, NULL);
    }
    Py_DECREF(bytes);
    return result;
}

static int
putcmd(POP3Object *self, PyObject *line)
{
    int own = hook_is_own(self, HOOK_PUTCMD);
    PyObject *result;

    if (own < 0) {
        return -1;
    }
    result = own ? putcmd_own(self, line) : hook_call(self, HOOK_PUTCMD, line);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* --- _shortcmd and _longcmd --------------------------------------------- */

/* The stream must be at rest, so that what comes next is the answer to what
   is sent next.  Where replies are read by hooks, only they know. */
static int
check_at_rest(POP3Object *self)
{
    int failed;
    ReaderObject *reader = get_reader(self, &failed);
    int own;

    if (failed) {
        return -1;
    }
    if (reader == NULL) {
        return check_foreign(self);
    }
    own = replies_are_own(self);
    if (own > 0) {
        failed = stream_check_at_rest(reader) < 0;
    }
    else {
        failed = own < 0 || step_check(self->state, &reader->step) < 0;
    }
    Py_DECREF(reader);
    return failed ? -1 : 0;
}

/* The answer was read, by whatever means. */
static int
settle(POP3Object *self)
{
    int failed;
    ReaderObject *reader = get_reader(self, &failed);

    if (reader != NULL) {
        reader->step.unanswered = 0;
        Py_DECREF(reader);
    }
    return failed ? -1 : 0;
}

static PyObject *
exchange(POP3Object *self, PyObject *line, PyObject *(*get)(POP3Object *))
{
    PyObject *reply;

    if (check_at_rest(self) < 0 || putcmd(self, line) < 0) {
        return NULL;
    }
    reply = get(self);
    if (reply != NULL && settle(self) < 0) {
        Py_CLEAR(reply);
    }
    return reply;
}

static PyObject *
shortcmd_own(POP3Object *self, PyObject *line)
{
    return exchange(self, line, replies_getresp);
}

static PyObject *
longcmd_own(POP3Object *self, PyObject *line)
{
    return exchange(self, line, replies_getlongresp);
}

/* --- as one command ----------------------------------------------------- */

static PyObject *
call_locked(POP3Object *self, PyObject *line,
            PyObject *(*function)(POP3Object *, PyObject *))
{
    PyObject *result;

    if (io_lock_acquire(&self->lock) < 0) {
        return NULL;
    }
    result = function(self, line);
    io_lock_release(&self->lock);
    return result;
}

static PyObject *
shortcmd(POP3Object *self, PyObject *line)
{
    int own = hook_is_own(self, HOOK_SHORTCMD);

    if (own < 0) {
        return NULL;
    }
    return own ? shortcmd_own(self, line)
               : hook_call(self, HOOK_SHORTCMD, line);
}

static PyObject *
longcmd(POP3Object *self, PyObject *line)
{
    int own = hook_is_own(self, HOOK_LONGCMD);

    if (own < 0) {
        return NULL;
    }
    return own ? longcmd_own(self, line) : hook_call(self, HOOK_LONGCMD, line);
}

PyObject *
dialogue_shortcmd(POP3Object *self, PyObject *line)
{
    return call_locked(self, line, shortcmd);
}

PyObject *
dialogue_longcmd(POP3Object *self, PyObject *line)
{
    return call_locked(self, line, longcmd);
}

/* --- what Python sees --------------------------------------------------- */

static PyObject *
run_method(const char *method, PyObject *(*function)(POP3Object *, PyObject *),
           PyObject *op, PyObject *const *args, Py_ssize_t nargs,
           PyObject *kwnames)
{
    const struct args_signature signature = {
        .method = method,
        .names = {"line"},
        .required = 1,
    };
    PyObject *values[ARGS_MAX];

    if (args_bind(&signature, args, nargs, kwnames, values) < 0) {
        return NULL;
    }
    return call_locked(POP3(op), values[0], function);
}

PyDoc_STRVAR(putline_doc,
"_putline($self, line)\n"
"--\n"
"\n"
"Send a line (bytes) and CRLF.");

static PyObject *
pop3__putline(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
              PyObject *kwnames)
{
    return run_method("POP3._putline", putline_own, op, args, nargs, kwnames);
}

PyDoc_STRVAR(putcmd_doc,
"_putcmd($self, line)\n"
"--\n"
"\n"
"Send a command line (str), encoded, through _putline().\n"
"\n"
"ValueError, and nothing is sent, if it holds a control character.");

static PyObject *
pop3__putcmd(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    return run_method("POP3._putcmd", putcmd_own, op, args, nargs, kwnames);
}

PyDoc_STRVAR(shortcmd_doc,
"_shortcmd($self, line)\n"
"--\n"
"\n"
"Send any command whose reply is one line; return that line.");

static PyObject *
pop3__shortcmd(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    return run_method("POP3._shortcmd", shortcmd_own, op, args, nargs,
                      kwnames);
}

PyDoc_STRVAR(longcmd_doc,
"_longcmd($self, line)\n"
"--\n"
"\n"
"Send any command whose reply has several lines; return\n"
"(response, list of lines, octets).");

static PyObject *
pop3__longcmd(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
              PyObject *kwnames)
{
    return run_method("POP3._longcmd", longcmd_own, op, args, nargs, kwnames);
}

PyMethodDef dialogue_methods[] = {
    ARGS_METHOD("_putline", pop3__putline, putline_doc),
    ARGS_METHOD("_putcmd", pop3__putcmd, putcmd_doc),
    ARGS_METHOD("_shortcmd", pop3__shortcmd, shortcmd_doc),
    ARGS_METHOD("_longcmd", pop3__longcmd, longcmd_doc),
    {NULL, NULL, 0, NULL},
};

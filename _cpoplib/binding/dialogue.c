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

/* What is known of the stream that .file reads from; *file keeps it, or is
   NULL as the result is. */
static struct step *
get_step(POP3Object *self, PyObject **file, int *failed)
{
    *failed = PyObject_GetOptionalAttr((PyObject *)self,
                                       self->state->name.file, file) < 0;
    if (*file == Py_None) {
        Py_CLEAR(*file);
    }
    return *file == NULL ? NULL : pop3_step_of(self, *file);
}

/* What check(), one of step.h's, raises. */
static int
check_step(POP3Object *self,
           int (*check)(struct module_state *, const struct step *))
{
    PyObject *file;
    int failed;
    struct step *step = get_step(self, &file, &failed);

    if (step != NULL) {
        failed = check(self->state, step);
    }
    Py_XDECREF(file);
    return failed ? -1 : 0;
}

/* --- _putline ----------------------------------------------------------- */

/* sock.sendall(data), in whose midst no other command may be sent. */
static PyObject *
call_sendall(POP3Object *self, PyObject *sock, PyObject *data)
{
    PyObject *sendall = PyObject_GetAttr(sock, self->state->name.sendall);
    PyObject *result;

    if (sendall == NULL) {
        return NULL;
    }
    self->phase = PHASE_SENDING;
    result = PyObject_CallFunctionObjArgs(sendall, data, NULL);
    self->phase = PHASE_REST;
    Py_DECREF(sendall);
    return result;
}

/* How much a failed sendall() has sent is not known. */
static void
note_sent_in_part(POP3Object *self)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *file;
    int failed;
    struct step *step = get_step(self, &file, &failed);

    PyErr_SetRaisedException(pending);
    if (step != NULL && !step_break(step)) {
        step_leave(step, "a command was sent in part");
    }
    Py_XDECREF(file);
}

/* sock.sendall(line + CRLF) of any socket that .file does not read from;
   `reader` is .file if that is a Reader, which waits for the answer. */
static int
send_foreign(POP3Object *self, ReaderObject *reader, PyObject *sock,
             PyObject *line)
{
    PyObject *data;
    PyObject *result;

    if (check_step(self, step_check) < 0) {
        return -1;
    }
    data = PyNumber_Add(line, self->state->crlf);
    if (data == NULL) {
        return -1;
    }
    result = call_sendall(self, sock, data);
    Py_DECREF(data);
    if (result == NULL) {
        note_sent_in_part(self);
        return -1;
    }
    Py_DECREF(result);
    if (reader != NULL) {
        reader->unanswered++;
    }
    return 0;
}

static int
send_by_reader(ReaderObject *reader, PyObject *line)
{
    Py_buffer view;
    int result;

    if (PyObject_GetBuffer(line, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    result = stream_send(reader, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return result;
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
    if (reader != NULL && reader->sock == sock &&
        (PyBytes_Check(line) || PyByteArray_Check(line))) {
        result = send_by_reader(reader, line);
    }
    else {
        result = send_foreign(self, reader, sock, line);
    }
    Py_XDECREF(reader);
    Py_DECREF(sock);
    return result;
}

static PyObject *
putline_own(POP3Object *self, PyObject *line)
{
    int verbose;

    if (pop3_check_rest(self) < 0) {
        return NULL;
    }
    verbose = trace_is_verbose(self);
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
    PyObject *bytes;
    PyObject *result = NULL;
    enum pop_status status;
    int on;

    if (pop3_check_rest(self) < 0) {
        return NULL;
    }
    on = trace_is_on(self);
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
check_stream(POP3Object *self, ReaderObject *reader)
{
    int own;

    if (reader == NULL) {
        return check_step(self, step_check_at_rest);
    }
    own = replies_are_own(self);
    if (own > 0) {
        return stream_check_at_rest(reader);
    }
    return own < 0 ? -1 : step_check_at_rest(self->state, &reader->step);
}

/* Nothing else is under way: 0 and, if .file is an open Reader, that. */
static int
check_at_rest(POP3Object *self, ReaderObject **reader)
{
    int failed;

    *reader = NULL;
    if (pop3_check_rest(self) < 0) {
        return -1;
    }
    *reader = get_reader(self, &failed);
    if (failed || check_stream(self, *reader) < 0) {
        Py_CLEAR(*reader);
        return -1;
    }
    return 0;
}

/* The answer was read, by whatever means. */
static int
settle(POP3Object *self)
{
    int failed;
    ReaderObject *reader = get_reader(self, &failed);

    if (reader != NULL) {
        reader->unanswered = 0;
        Py_DECREF(reader);
    }
    return failed ? -1 : 0;
}

PyObject *
dialogue_exchange(POP3Object *self, PyObject *line, enum pop3_phase phase,
                  dialogue_get get, void *context)
{
    ReaderObject *reader;
    PyObject *reply = NULL;

    if (check_at_rest(self, &reader) < 0) {
        return NULL;
    }
    if (putcmd(self, line) == 0) {
        self->phase = phase;
        self->reply_limit = replies_limit(line);
        reply = get(self, context);
        self->phase = PHASE_REST;
        self->reply_limit = POP_NO_LIMIT;
        if (reply == NULL) {
            reader_explain_failure(reader);
        }
        else if (settle(self) < 0) {
            Py_CLEAR(reply);
        }
    }
    Py_XDECREF(reader);
    return reply;
}

static PyObject *
get_short(POP3Object *self, void *Py_UNUSED(context))
{
    return replies_getresp(self);
}

static PyObject *
shortcmd_own(POP3Object *self, PyObject *line)
{
    return dialogue_exchange(self, line, PHASE_STATUS, get_short, NULL);
}

static PyObject *
get_long(POP3Object *self, void *Py_UNUSED(context))
{
    return replies_getlongresp(self);
}

static PyObject *
longcmd_own(POP3Object *self, PyObject *line)
{
    return dialogue_exchange(self, line, PHASE_REPLY, get_long, NULL);
}

/* --- as one command ----------------------------------------------------- */

static PyObject *
call_locked(POP3Object *self, PyObject *line,
            PyObject *(*function)(POP3Object *, PyObject *))
{
    PyObject *result;

    if (pop3_lock(self) < 0) {
        return NULL;
    }
    result = function(self, line);
    pop3_unlock(self);
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

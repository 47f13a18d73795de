#include "binding/dialogue/putcmd.h"

#include "binding/dialogue/pipeline.h"
#include "binding/client/deadline.h"
#include "binding/base/errors.h"
#include "binding/client/overrides.h"
#include "binding/client/log.h"
#include "binding/client/redact.h"
#include "binding/reader/stream.h"
#include "binding/client/debug.h"
#include "core/proto/command.h"

ReaderObject *
putcmd_reader(POP3Object *self, int *failed)
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

int
putcmd_check_step(POP3Object *self,
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

bool
putcmd_is_in_step(POP3Object *self)
{
    PyObject *file;
    int failed;
    struct step *step = get_step(self, &file, &failed);
    bool is = step != NULL && step->state == STEP_IN;

    Py_XDECREF(file);
    return is;
}

/* --- _putline ----------------------------------------------------------- */

/* sendall(data) within the deadline. */
static PyObject *
send_in_time(POP3Object *self, PyObject *sock, PyObject *sendall,
             PyObject *data)
{
    struct python_socket_hold hold;
    PyObject *result;

    if (deadline_hold(self, sock, &hold) < 0) {
        return NULL;
    }
    result = PyObject_CallFunctionObjArgs(sendall, data, NULL);
    if (deadline_let_go(self, sock, &hold) < 0) {
        Py_CLEAR(result);
    }
    return result;
}

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
    result = send_in_time(self, sock, sendall, data);
    self->phase = PHASE_REST;
    Py_DECREF(sendall);
    return result;
}

/* sendall() was ended by the pending exception, which stays. */
static void
note_unsent(POP3Object *self)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *file;
    int failed;
    struct step *step = get_step(self, &file, &failed);

    PyErr_SetRaisedException(pending);
    if (step != NULL) {
        step_note_unsent(step);
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

    if (putcmd_check_step(self, step_check_send) < 0 ||
        deadline_check(self) < 0) {
        return -1;
    }
    data = PyNumber_Add(line, self->state->crlf);
    if (data == NULL) {
        return -1;
    }
    result = call_sendall(self, sock, data);
    Py_DECREF(data);
    if (result == NULL) {
        note_unsent(self);
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

int
putcmd_send_line(POP3Object *self, PyObject *line)
{
    int failed;
    ReaderObject *reader = putcmd_reader(self, &failed);
    PyObject *sock = NULL;
    int result = -1;

    /* An audit hook, a logging handler or what prints may have sent lines. */
    if (reader != NULL) {
        failed = pipeline_receive_all(self, reader);
    }
    if (reader != NULL && !failed && self->needs_answers) {
        failed = stream_check_answered(reader);
    }
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

/* What is to be seen of a line that goes out. */
static int
announce(POP3Object *self, PyObject *line)
{
    if (read_ahead_note_line(&self->ahead, line) < 0 ||
        debug_sent(self, line) < 0 || debug_audit_putline(self, line) < 0) {
        return -1;
    }
    return log_command(self, line);
}

PyObject *
putcmd_putline_own(POP3Object *self, PyObject *line)
{
    if (pop3_check_rest(self) < 0 || deadline_check(self) < 0 ||
        pipeline_receive_pending(self) < 0 || announce(self, line) < 0 ||
        putcmd_send_line(self, line) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
putline(POP3Object *self, PyObject *line)
{
    int own = overrides_is_own(self, HOOK_PUTLINE);

    if (own < 0) {
        return NULL;
    }
    return own ? putcmd_putline_own(self, line)
               : overrides_call(self, HOOK_PUTLINE, line);
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
    if (bytes == NULL) {
        redact_unicode_error(line, REDACT_NOT_SENT);
    }
    return bytes;
}

int
putcmd_check_line(struct module_state *state, PyObject *bytes)
{
    enum pop_status status;

    status = pop_command_check(PyBytes_AS_STRING(bytes),
                               (size_t)PyBytes_GET_SIZE(bytes));
    if (status != POP_OK) {
        errors_raise(state, status, NULL);
        return -1;
    }
    return 0;
}

/* What _putcmd() gives to _putline(). */
static PyObject *
encode_checked(POP3Object *self, PyObject *line)
{
    PyObject *bytes;

    if (pop3_check_rest(self) < 0 || debug_command(self, line) < 0) {
        return NULL;
    }
    bytes = encode(self, line);
    if (bytes != NULL && putcmd_check_line(self->state, bytes) < 0) {
        Py_CLEAR(bytes);
    }
    return bytes;
}

PyObject *
putcmd_own(POP3Object *self, PyObject *line)
{
    PyObject *bytes = encode_checked(self, line);
    PyObject *result;

    if (bytes == NULL) {
        return NULL;
    }
    result = putline(self, bytes);
    Py_DECREF(bytes);
    return result;
}

PyObject *
putcmd_prepare(POP3Object *self, PyObject *line)
{
    PyObject *bytes = encode_checked(self, line);

    if (bytes != NULL && announce(self, bytes) < 0) {
        Py_CLEAR(bytes);
    }
    return bytes;
}

int
putcmd_is_plain(POP3Object *self)
{
    int on = debug_is_on(self);
    PyObject *encoding;
    int plain;

    if (on < 0 || log_begin(self) < 0) {
        return -1;
    }
    if (on > 0 || self->is_logged) {
        return 0;
    }
    encoding = PyObject_GetAttr((PyObject *)self, self->state->name.encoding);
    if (encoding == NULL) {
        return -1;
    }
    plain = PyUnicode_CheckExact(encoding) &&
            PyUnicode_CompareWithASCIIString(encoding, "UTF-8") == 0;
    Py_DECREF(encoding);
    return plain;
}

int
putcmd_announce_plain(POP3Object *self, PyObject *bytes)
{
    return read_ahead_note_line(&self->ahead, bytes) < 0
               ? -1
               : debug_audit_putline(self, bytes);
}

int
putcmd_call(POP3Object *self, PyObject *line)
{
    int own = overrides_is_own(self, HOOK_PUTCMD);
    PyObject *result;

    if (own < 0) {
        return -1;
    }
    result = own ? putcmd_own(self, line)
                 : overrides_call(self, HOOK_PUTCMD, line);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

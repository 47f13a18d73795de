#include "binding/dialogue/putcmd.h"

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/client/deadline.h"
#include "binding/client/overrides.h"
#include "binding/dialogue/announce.h"
#include "binding/dialogue/pipeline.h"
#include "binding/reader/stream.h"

/* --- _putline ----------------------------------------------------------- */

/* Calls sock.sendall(data) within the deadline.  Commands of hooks and signal
   handlers raise meanwhile. */
static PyObject *
call_sendall(POP3Object *self, PyObject *sock, PyObject *data)
{
    PyObject *sendall = PyObject_GetAttr(sock, self->state->name.sendall);
    struct python_socket_hold hold;
    PyObject *result = NULL;

    if (sendall == NULL) {
        return NULL;
    }
    (void)progress_entered(&self->progress, PHASE_SENDING);
    if (deadline_hold(self, sock, &hold) == 0) {
        result = PyObject_CallFunctionObjArgs(sendall, data, NULL);
        if (deadline_let_go(self, sock, &hold) < 0) {
            Py_CLEAR(result);
        }
    }
    progress_rested(&self->progress);
    Py_DECREF(sendall);
    return result;
}

/* Calls sock.sendall(line + CRLF) of a socket that is not the Reader's.
   `reader` is .file if that is a Reader, else NULL. */
static int
send_foreign(POP3Object *self, ReaderObject *reader, PyObject *sock,
             PyObject *line)
{
    PyObject *data;
    PyObject *result;

    if (pop3_check_step(self, true) < 0 || deadline_check(self) < 0) {
        return -1;
    }
    data = PyNumber_Add(line, self->state->crlf);
    if (data == NULL) {
        return -1;
    }
    result = call_sendall(self, sock, data);
    Py_DECREF(data);
    if (result == NULL) {
        pop3_note_unsent(self);
        return -1;
    }
    Py_DECREF(result);
    if (reader != NULL) {
        progress_line_sent(&self->lock, &reader->progress);
    }
    return 0;
}

int
putcmd_send_line(POP3Object *self, PyObject *line)
{
    int failed;
    /* Audit hooks, logging handlers and print() may have sent lines. */
    ReaderObject *reader = pipeline_get_reader(self, &failed);
    bool needs_answers = self->progress.needs_answers;
    PyObject *sock = NULL;
    int result = -1;

    if (!failed) {
        sock = pop3_get_sock(self, "sendall");
    }
    if (sock != NULL && reader != NULL && reader->sock == sock &&
        (PyBytes_Check(line) || PyByteArray_Check(line))) {
        /* One entry: another client whose .file is this Reader may send. */
        result = stream_send(reader, line,
                             needs_answers ? READER_ANSWERED : READER_TO_SEND);
    }
    else if (sock != NULL && (reader == NULL || !needs_answers ||
                              reader_require(reader, READER_ANSWERED) == 0)) {
        result = send_foreign(self, reader, sock, line);
    }
    Py_XDECREF(reader);
    Py_XDECREF(sock);
    return result;
}

PyObject *
putcmd_putline_own(POP3Object *self, PyObject *line)
{
    return args_none(pop3_check_rest(self) < 0 || deadline_check(self) < 0 ||
                     pipeline_receive_pending(self) < 0 ||
                     announce_line(self, line, false) < 0 ||
                     putcmd_send_line(self, line) < 0);
}

/* --- _putcmd ------------------------------------------------------------ */

PyObject *
putcmd_own(POP3Object *self, PyObject *line)
{
    PyObject *bytes = announce_encode(self, line);
    PyObject *result;

    if (bytes == NULL) {
        return NULL;
    }
    if (!overrides_call(self, HOOK_PUTLINE, bytes, &result)) {
        result = putcmd_putline_own(self, bytes);
    }
    Py_DECREF(bytes);
    return result;
}

int
putcmd_call(POP3Object *self, PyObject *line)
{
    PyObject *result;

    if (!overrides_call(self, HOOK_PUTCMD, line, &result)) {
        result = putcmd_own(self, line);
    }
    return errors_drop_result(result);
}

#include "binding/dialogue/getresp.h"

#include <assert.h>

#include "binding/base/args.h"
#include "binding/dialogue/pipeline.h"
#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/dialogue/getline.h"
#include "binding/client/overrides.h"
#include "binding/client/log.h"
#include "binding/reader/sinks.h"
#include "binding/client/debug.h"
#include "core/proto/command.h"

/* --- _getresp ----------------------------------------------------------- */

/* Returns line.startswith(b"+"): 1, 0 or -1.  An overridden _getline() may
   return any object. */
static int
is_positive(PyObject *line)
{
    if (PyBytes_CheckExact(line)) {
        return PyBytes_AS_STRING(line)[0] == '+';
    }
    return errors_drop_truth(
        PyObject_CallMethod(line, "startswith", "y", "+"));
}

static PyObject *
get_status_line(POP3Object *self)
{
    PyObject *line = package_call_own(self->state, self->state->name.replies,
                                      "status_line", "(O)", self);

    if (line != NULL && debug_status(self, line) < 0) {
        Py_CLEAR(line);
    }
    return line;
}

int
getresp_read(POP3Object *self, ReaderObject *reader, struct stream_sink *sink)
{
    int failed;

    if (getline_limits(self, &sink->limits) < 0 ||
        reader_enter(reader, READER_IN_STEP) < 0) {
        return -1;
    }
    failed = stream_read(reader, sink);
    reader_leave(reader);
    return failed;
}

PyObject *
getresp_result(POP3Object *self, struct stream_sink *sink)
{
    return debug_status(self, sink->response) < 0
               ? NULL
               : sink_result(self->state, sink);
}

static PyObject *
read_status(POP3Object *self)
{
    struct stream_sink sink;
    int failed;
    ReaderObject *reader = getline_quiet_reader(self, HOOK_SET(HOOK_GETLINE),
                                                &failed);

    if (reader == NULL) {
        return failed ? NULL : get_status_line(self);
    }
    sink_init(&sink, POP_NO_LINES, POP_END_AT_ONCE);
    if (getresp_read(self, reader, &sink) == 0 &&
        log_status(self, sink.response) < 0) {
        Py_CLEAR(sink.response);
    }
    Py_DECREF(reader);
    return sink.response;
}

/* Reads a status line; raises error_proto for a refusal.  A reply of one line
   is over then. */
static PyObject *
read_positive(POP3Object *self)
{
    PyObject *line = read_status(self);
    int positive;

    if (line == NULL) {
        return NULL;
    }
    progress_status_ended(&self->progress, PHASE_STATUS);
    positive = is_positive(line);
    if (positive > 0) {
        return line;
    }
    if (positive == 0) {
        /* A refusal is a reply of one line (RFC 1939, section 3). */
        progress_status_ended(&self->progress, PHASE_REPLY);
        errors_raise_response(self->state, line);
    }
    Py_DECREF(line);
    return NULL;
}

static PyObject *
getresp_own(POP3Object *self)
{
    enum pop3_phase before = progress_entered(&self->progress, PHASE_STATUS);
    PyObject *line = read_positive(self);

    if (before == PHASE_REST) {
        progress_resumed(&self->progress, before);
    }
    return line;
}

PyObject *
getresp_call(POP3Object *self)
{
    PyObject *line;

    assert(lock_is_mine(&self->lock));
    return overrides_call(self, HOOK_GETRESP, NULL, &line) ? line
                                                           : getresp_own(self);
}

/* --- _getlongresp ------------------------------------------------------- */

/* Reads the lines after a status line, by one _getline() each, which count as
   one octet at least.  If they are too many, the rest is not read: the caller
   abandons the reply. */
static PyObject *
get_lines(POP3Object *self, PyObject *response)
{
    size_t limit = getline_size_limit(self);
    PyObject *result;

    (void)progress_entered(&self->progress, PHASE_LINES);
    result = package_call_own(self->state, self->state->name.replies, "lines",
                              "(OON)", self, response,
                              limit == POP_UNLIMITED_OCTETS
                                  ? Py_NewRef(Py_None)
                                  : PyLong_FromSize_t(limit));
    if (result == Py_None) {
        Py_CLEAR(result);
        errors_raise_too_large(self->state, limit);
    }
    return result;
}

void
getresp_abandon(POP3Object *self, const char *why)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *file;

    file = PyObject_GetAttr((PyObject *)self, self->state->name.file);
    if (file != NULL && file != Py_None) {
        progress_left(&self->lock, pop3_progress_of(self, file), why);
    }
    Py_XDECREF(file);
    errors_raise_again(pending);
}

/* An exception was raised between two lines of a reply. */
static const char abandoned[] = "a reply was abandoned half-way";

static PyObject *
getlongresp_by_lines(POP3Object *self)
{
    PyObject *response = getresp_call(self);
    PyObject *result;

    if (response == NULL) {
        /* Lines may follow, unless the reply is a refusal. */
        if (!errors_is_refusal(self->state)) {
            getresp_abandon(self, abandoned);
        }
        return NULL;
    }
    result = get_lines(self, response);
    if (result == NULL) {
        getresp_abandon(self, abandoned);
    }
    Py_DECREF(response);
    return result;
}

static PyObject *
getlongresp_by_reader(POP3Object *self, ReaderObject *reader,
                      struct stream_sink *sink)
{
    struct stream_sink own;
    PyObject *result = NULL;

    if (sink == NULL) {
        sink_init(&own, POP_LINES, self->progress.reply_rule);
        sink = &own;
    }
    if (getresp_read(self, reader, sink) == 0) {
        result = getresp_result(self, sink);
    }
    sink_release(sink);
    return result;
}

static PyObject *
read_reply(POP3Object *self, struct stream_sink *sink)
{
    int failed;
    ReaderObject *reader = getline_quiet_reader(
        self, HOOK_SET(HOOK_GETRESP) | HOOK_SET(HOOK_GETLINE), &failed);
    PyObject *result;

    if (reader == NULL) {
        return failed ? NULL : getlongresp_by_lines(self);
    }
    result = getlongresp_by_reader(self, reader, sink);
    Py_DECREF(reader);
    return result;
}

static PyObject *
getlongresp_into(POP3Object *self, struct stream_sink *sink)
{
    enum pop3_phase before = progress_entered(&self->progress, PHASE_REPLY);
    PyObject *result = read_reply(self, sink);

    /* A hook may read a reply between the lines of another. */
    progress_resumed(&self->progress,
                     before == PHASE_LINES ? PHASE_LINES : PHASE_REST);
    return result;
}

static PyObject *
getlongresp_own(POP3Object *self)
{
    return getlongresp_into(self, NULL);
}

PyObject *
getresp_call_long(POP3Object *self, struct stream_sink *sink)
{
    PyObject *reply;

    assert(lock_is_mine(&self->lock));
    return overrides_call(self, HOOK_GETLONGRESP, NULL, &reply)
               ? reply
               : getlongresp_into(self, sink);
}

/* --- what Python sees --------------------------------------------------- */

static PyObject *
call_locked(POP3Object *self, PyObject *(*function)(POP3Object *))
{
    PyObject *result = NULL;

    if (pop3_lock(self) < 0) {
        return NULL;
    }
    /* No reply is pending while the response to a challenge is computed.
       Replies to commands sent ahead come before what is read by hand. */
    if (self->progress.phase == PHASE_CHALLENGE) {
        (void)pop3_check_rest(self);
    }
    else if (!progress_is_at_rest(&self->progress) ||
             pipeline_receive_pending(self) == 0) {
        result = function(self);
    }
    pop3_unlock(self);
    return result;
}

ARGS_DOC(getline_doc, "_getline($self)",
"Read one line.\n"
"\n"
"Returns:\n"
"    tuple: (line without line end, octets with it).\n"
"\n"
"Raises:\n"
"    error_proto: The line is too long, or the server closed the connection.");

GUARD_METHOD(pop3__getline, call_locked(POP3(op), getline_own));

ARGS_DOC(getresp_doc, "_getresp($self)",
"Read a status line.\n"
"\n"
"Returns:\n"
"    bytes: The line.\n"
"\n"
"Raises:\n"
"    error_proto: The line does not begin with b'+'.");

GUARD_METHOD(pop3__getresp, call_locked(POP3(op), getresp_own));

ARGS_DOC(getlongresp_doc, "_getlongresp($self)",
"Read a reply of several lines.\n"
"\n"
"Returns:\n"
"    tuple: (response, [line, ...], octets), as retr() returns it.\n"
"\n"
"Raises:\n"
"    error_proto: The status line does not begin with b'+'.");

GUARD_METHOD(pop3__getlongresp, call_locked(POP3(op), getlongresp_own));

PyMethodDef getresp_methods[] = {
    {"_getline", pop3__getline, METH_NOARGS, getline_doc},
    {"_getresp", pop3__getresp, METH_NOARGS, getresp_doc},
    {"_getlongresp", pop3__getlongresp, METH_NOARGS, getlongresp_doc},
    {NULL, NULL, 0, NULL},
};

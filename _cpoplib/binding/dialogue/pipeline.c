#include "binding/dialogue/pipeline.h"

#include <assert.h>
#include <stdio.h>

#include "binding/base/errors.h"
#include "binding/dialogue/getline.h"
#include "binding/dialogue/held.h"
#include "binding/dialogue/announce.h"
#include "binding/reader/requests.h"
#include "binding/reader/sinks.h"
#include "binding/client/debug.h"
#include "core/proto/scan.h"

/* --- sending ------------------------------------------------------------ */

int
pipeline_push(ReaderObject *reader)
{
    struct pop_error error = {0};
    enum pop_status status = POP_OK;

    if (pop_buffer_length(&reader->link.out) == 0) {
        return 0;
    }
    if (reader_enter(reader, READER_IN_STEP) < 0) {
        return -1;
    }
    status = lock_run_detached(&reader->link, pop_link_push, &error);
    if (status != POP_OK) {
        reader_fail_write(reader, status, &error, false);
    }
    reader_leave(reader);
    return status == POP_OK ? 0 : -1;
}

/* --- receiving ---------------------------------------------------------- */

/* What one reception of replies needs, inside the Reader. */
struct reception {
    POP3Object *self;
    ReaderObject *reader;
    struct stream_limits limits;
    PyObject *status_lines; /* a list; NULL if they are neither printed nor
                               logged */
};

static bool
begins_with(PyObject *response, const char *text)
{
    return pop_scan_begins_with(PyBytes_AS_STRING(response),
                                (size_t)PyBytes_GET_SIZE(response), text);
}

/* Raises for a reply that is not +OK.  poplib takes any for a refusal.  Among
   replies to several commands, one that does not begin with -ERR is rather a
   line of another reply. */
static void
refuse(const struct reception *in, PyObject *response)
{
    static const char why[] = "neither +OK nor -ERR begins a reply to one of "
                              "several commands";
    ReaderObject *reader = in->reader;

    if (reader->progress.ahead.sent < 2 || begins_with(response, "-ERR")) {
        errors_raise_response(in->self->state, response);
        return;
    }
    errors_raise_out_of_step(reader->state, why, response);
    progress_mixed_up(&reader->lock, &reader->progress, why);
}

/* Some servers refuse with "+ERR": what follows that line is then the next
   command's reply. */
static bool
is_accepted(const struct reception *in, const struct stream_sink *sink)
{
    return sink->is_positive && (sink->form == POP_NO_LINES ||
                                 in->reader->progress.ahead.sent < 2 ||
                                 begins_with(sink->response, "+OK"));
}

/* Explains that a dropped message is too large: no limit of the user applies
   to it. */
static void
explain_undropped(const struct reception *in)
{
    if (in->reader->progress.step == STEP_OUT &&
        in->reader->link.reply.part == POP_REPLY_LINES &&
        errors_clear(in->reader->state->error_proto) == 0) {
        errors_raise_proto(in->reader->state,
                           "a message that was asked for ahead, and that "
                           "nobody waits for any more, is too large to be "
                           "dropped: close() this connection and make another "
                           "one; a smaller window asks for fewer");
    }
}

/* Reads the next reply.  Returns the value for its owner, or NULL and an
   exception. */
static PyObject *
read_value(const struct reception *in)
{
    const struct pop_pipeline *ahead = &in->reader->progress.ahead;
    const struct pop_expected *next = pop_pipeline_next(ahead);
    bool dropped = next->owner == NULL && next->form != POP_NO_LINES;
    struct stream_sink sink;
    PyObject *value = NULL;

    /* Nothing follows the last pending reply. */
    sink_init(&sink, dropped ? POP_OCTETS : next->form,
              ahead->count > 1 ? POP_END_AT_ONCE : POP_END_IF_QUIET);
    sink.limits = in->limits;
    if (dropped) {
        sink_drop(&sink);
        if (sink.limits.size > STREAM_DROPPED_OCTETS) {
            sink.limits.size = STREAM_DROPPED_OCTETS;
        }
    }
    if (stream_read(in->reader, &sink) == 0 &&
        (in->status_lines == NULL ||
         PyList_Append(in->status_lines, sink.response) == 0)) {
        if (is_accepted(in, &sink)) {
            value = sink_value(&sink);
        }
        else {
            refuse(in, sink.response);
        }
    }
    if (value == NULL && dropped) {
        explain_undropped(in);
    }
    sink_release(&sink);
    return value;
}

/* Adds to the exception of a missing reply how many commands were answered,
   and what to try. */
static void
explain(ReaderObject *reader)
{
    const struct pop_pipeline *pipeline = &reader->progress.ahead;
    bool late = errors_is_socket_timeout(reader->state) &&
                !pop_deadline_has_passed(&reader->link.deadline);
    bool ended = progress_has_ended(&reader->progress) &&
                 PyErr_ExceptionMatches(reader->state->error_proto);
    struct pop_error error = {0};
    PyObject *pending;

    if (pipeline->sent < 2 || (!late && !ended)) {
        return;
    }
    (void)snprintf(error.text, sizeof(error.text),
                   "%s%zu of %zu commands sent ahead were answered; "
                   "pipelining=False sends one at a time",
                   late ? "timed out: " : "-ERR EOF: ",
                   pipeline->sent - pipeline->count, pipeline->sent);
    pending = PyErr_GetRaisedException();
    if (late) {
        errors_raise(reader->state, POP_TIMEOUT, &error);
    }
    else {
        errors_raise_proto(reader->state, error.text);
    }
    errors_chain(pending);
}

/* Raises error_proto: a reply that came before its command was sent is another
   command's.  A pending exception becomes the context; a more urgent one
   stays. */
static int
raise_early(ReaderObject *reader)
{
    static const char why[] = "a reply came before its command was sent";
    PyObject *pending = PyErr_GetRaisedException();

    progress_mixed_up(&reader->lock, &reader->progress, why);
    if (pending != NULL &&
        !PyErr_GivenExceptionMatches(pending, PyExc_Exception)) {
        PyErr_SetRaisedException(pending);
        return -1;
    }
    errors_raise_out_of_step(reader->state, why, NULL);
    if (pending != NULL) {
        errors_chain(pending);
    }
    return -1;
}

/* Raises error_proto if bytes of the next reply came before its command was
   queued: an earlier command had two replies, and either may be the wrong
   one. */
static int
check_was_queued(ReaderObject *reader)
{
    const struct pop_expected *next = pop_pipeline_next(
        &reader->progress.ahead);

    return pop_link_had_unread(&reader->link, next->before)
               ? raise_early(reader)
               : 0;
}

/* Raises error_proto if the reply came before its command was sent, also for a
   refusal, whose exception is pending. */
static int
check_was_sent(ReaderObject *reader)
{
    const struct pop_pipeline *pipeline = &reader->progress.ahead;
    size_t later = pipeline->octets - pop_pipeline_next(pipeline)->octets;

    return pop_buffer_length(&reader->link.out) > later ? raise_early(reader)
                                                        : 0;
}

/* Gives the pending exception to the owner of a reply that has no value.
   Returns -1 if it is no Exception: then it is also raised here. */
static int
tell_failure(ReaderObject *reader)
{
    bool urgent = !PyErr_ExceptionMatches(PyExc_Exception);
    PyObject *exception = PyErr_GetRaisedException();

    requests_tell(reader, Py_NewRef(exception), true);
    if (urgent) {
        PyErr_SetRaisedException(exception);
        return -1;
    }
    Py_DECREF(exception);
    return 0;
}

static int
receive_next(const struct reception *in)
{
    ReaderObject *reader = in->reader;
    const struct pop_pipeline *ahead = &reader->progress.ahead;
    PyObject *value;

    if (check_was_queued(reader) < 0) {
        return -1;
    }
    value = read_value(in);
    if (value == NULL &&
        (!ahead->begun || !progress_is_in_step(&reader->progress))) {
        explain(reader);
        return -1;
    }
    if (check_was_sent(reader) < 0) {
        Py_XDECREF(value);
        return -1;
    }
    if (ahead->count > 1 && reader->held == NULL &&
        !reader->link.reply.is_certain) {
        PyObject *pending = PyErr_GetRaisedException();

        if (held_begin(in->self, reader) < 0) {
            Py_XDECREF(pending);
            Py_XDECREF(value);
            return -1;
        }
        PyErr_SetRaisedException(pending);
    }
    if (value == NULL) {
        return tell_failure(reader);
    }
    requests_tell(reader, value, false);
    return 0;
}

/* Receives one reply, and all others if answers are held.  Receives none if
   Python code on the way into the Reader has received them. */
static int
receive(const struct reception *in)
{
    ReaderObject *reader = in->reader;
    int failed = 0;

    do {
        if (reader->progress.ahead.count == 0) {
            break;
        }
        failed = receive_next(in);
    } while (failed == 0 && reader->held != NULL);
    if (reader->held != NULL && failed < 0) {
        held_end(in->self, reader, false);
    }
    return failed;
}

/* Returns whether the next reply has arrived whole.  *after is how many bytes
   follow the last reply that has, valid until link->received differs from
   *received. */
static bool
has_arrived(const ReaderObject *reader, size_t *received, size_t *after)
{
    const struct pop_expected *next = pop_pipeline_next(
        &reader->progress.ahead);
    const struct pop_link *link = &reader->link;
    const char *bytes = pop_buffer_bytes(&link->in);
    size_t length = pop_buffer_length(&link->in);

    if (next == NULL || length == 0) {
        return false;
    }
    if (*received != link->received) {
        *received = link->received;
        *after = pop_reply_after_end(bytes, length);
    }
    return length > *after || pop_reply_is_whole(next->form, bytes, length);
}

/* Prints and logs the status lines that were received.  The Reader is left,
   because this may run Python code. */
static int
debug_kept_status(POP3Object *self, PyObject *lines, int failed)
{
    PyObject *pending = failed < 0 ? PyErr_GetRaisedException() : NULL;
    int shown = 0;
    Py_ssize_t i;

    for (i = 0; shown == 0 && i < PyList_GET_SIZE(lines); i++) {
        PyObject *line = PyList_GetItemRef(lines, i);

        shown = line == NULL ? -1 : debug_status(self, line);
        Py_XDECREF(line);
    }
    if (shown < 0) {
        failed = -1;
    }
    if (pending != NULL) {
        errors_raise_again(pending);
    }
    return failed;
}

static int
receive_inside(POP3Object *self, ReaderObject *reader)
{
    struct reception in = {.self = self, .reader = reader};
    size_t received;
    size_t after = 0;
    int verbose;
    int failed;

    assert(lock_is_mine(&self->lock) && progress_is_at_rest(&self->progress));
    assert(guard_is_mine(self->guard) && guard_is_mine(reader->guard));
    if (pop_pipeline_next(&reader->progress.ahead) == NULL) {
        PyErr_SetString(PyExc_SystemError, "no reply is to come");
        return -1;
    }
    verbose = debug_is_verbose(self);
    if (verbose < 0 || getline_limits(self, &in.limits) < 0 ||
        reader_enter(reader, READER_IN_STEP) < 0) {
        return -1;
    }
    if (verbose > 0 || self->is_logged) {
        in.status_lines = PyList_New(0);
        if (in.status_lines == NULL) {
            reader_leave(reader);
            return -1;
        }
    }
    (void)progress_entered(&self->progress, PHASE_REPLY);
    received = reader->link.received - 1;
    do {
        failed = receive(&in);
    } while (failed == 0 && reader->held == NULL && in.status_lines == NULL &&
             has_arrived(reader, &received, &after));
    reader_leave(reader);
    if (reader->held != NULL) {
        failed = held_prove(self, reader, &in.limits, in.status_lines);
        held_end(self, reader, failed == 0);
    }
    if (in.status_lines != NULL) {
        failed = debug_kept_status(self, in.status_lines, failed);
        Py_DECREF(in.status_lines);
    }
    progress_rested(&self->progress);
    return failed;
}

int
pipeline_receive(POP3Object *self, ReaderObject *reader)
{
    int failed = 0;

    if (self->guard == reader->guard) {
        return receive_inside(self, reader);
    }
    /* The owners of the replies belong to the client that made the Reader.
       That client may have received them during the wait for its section. */
    Py_BEGIN_CRITICAL_SECTION2(self->guard, reader->guard);
    if (reader->progress.ahead.count > 0) {
        failed = receive_inside(self, reader);
    }
    Py_END_CRITICAL_SECTION2();
    return failed;
}

int
pipeline_receive_all(POP3Object *self, ReaderObject *reader)
{
    assert(lock_is_mine(&self->lock));
    while (reader->progress.ahead.count > 0) {
        if (pipeline_receive(self, reader) < 0) {
            return -1;
        }
    }
    return 0;
}

ReaderObject *
pipeline_get_reader(POP3Object *self, int *failed)
{
    ReaderObject *reader = pop3_get_reader(self, failed);

    if (reader != NULL) {
        *failed = pipeline_receive_all(self, reader);
    }
    return reader;
}

int
pipeline_receive_pending(POP3Object *self)
{
    int failed;

    Py_XDECREF(pipeline_get_reader(self, &failed));
    return failed ? -1 : 0;
}

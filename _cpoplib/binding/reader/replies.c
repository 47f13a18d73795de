#include "binding/reader/replies.h"

#include <stdio.h>

#include "binding/base/errors.h"
#include "binding/reader/held.h"
#include "core/proto/scan.h"

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
        errors_raise_response(reader->state, response);
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

/* Prepares the sink for the next reply. */
static void
begin_reply(struct reception *in)
{
    const struct pop_pipeline *ahead = &in->reader->progress.ahead;
    const struct pop_expected *next = pop_pipeline_next(ahead);
    struct stream_sink *sink = &in->sink;

    in->is_dropped = next->owner == NULL && next->form != POP_NO_LINES;
    /* Nothing follows the last pending reply. */
    sink_init(sink, in->is_dropped ? POP_OCTETS : next->form,
              ahead->count > 1 ? POP_END_AT_ONCE : POP_END_IF_QUIET);
    sink->limits = in->limits;
    if (in->is_dropped) {
        sink_drop(sink);
        if (sink->limits.size > STREAM_DROPPED_OCTETS) {
            sink->limits.size = STREAM_DROPPED_OCTETS;
        }
    }
}

/* Ends the reply, which was read with this result.  Returns the value for its
   owner, or NULL and an exception. */
static PyObject *
end_reply(struct reception *in, int result)
{
    struct stream_sink *sink = &in->sink;
    PyObject *value = NULL;

    if (result == STREAM_DONE &&
        (in->status_lines == NULL ||
         PyList_Append(in->status_lines, sink->response) == 0)) {
        if (is_accepted(in, sink)) {
            value = sink_value(sink);
        }
        else {
            refuse(in, sink->response);
        }
    }
    if (value == NULL && in->is_dropped) {
        explain_undropped(in);
    }
    sink_release(sink);
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
                   "%s: %zu of %zu commands sent ahead were answered; %s",
                   late ? "timed out" : "-ERR EOF",
                   pipeline->sent - pipeline->count, pipeline->sent,
                   late ? "use a longer timeout, or pipelining=False to send "
                          "one at a time"
                        : "pipelining=False sends one at a time");
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

/* The reply was read with this result. */
static int
tell(struct reception *in, int result)
{
    ReaderObject *reader = in->reader;
    const struct pop_pipeline *ahead = &reader->progress.ahead;
    PyObject *value = end_reply(in, result);

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

        if (held_begin(reader) < 0) {
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

static int
receive_next(struct reception *in)
{
    int result;

    if (in->is_begun) {
        result = stream_go_on(in->reader, &in->sink);
    }
    else if (check_was_queued(in->reader) < 0) {
        return STREAM_FAILED;
    }
    else {
        begin_reply(in);
        result = stream_read(in->reader, &in->sink);
    }
    in->is_begun = result == STREAM_WAITS;
    return in->is_begun ? result : tell(in, result);
}

/* Drops the answers that are held, if a reply was not received. */
static int
end(struct reception *in, int result)
{
    if (in->reader->held != NULL && result == STREAM_FAILED) {
        held_end(in->reader, &in->reader->lock, false);
    }
    return result;
}

int
replies_fail(struct reception *in)
{
    in->is_begun = false;
    return end(in, tell(in, STREAM_FAILED));
}

int
replies_receive(struct reception *in)
{
    ReaderObject *reader = in->reader;
    int result = STREAM_DONE;

    do {
        if (reader->progress.ahead.count == 0) {
            break;
        }
        result = receive_next(in);
    } while (result == STREAM_DONE && reader->held != NULL);
    return end(in, result);
}

#include "binding/reader/stream.h"

#include <assert.h>

#include "binding/base/errors.h"
#include "core/proto/command.h"

/* --- sending ------------------------------------------------------------ */

/* Raises for a line of `queued` octets that was not sent, or only in part. */
static void
fail_sending(ReaderObject *reader, enum pop_status status,
             struct pop_error *error, size_t queued)
{
    struct pop_buffer *out = &reader->link.out;
    bool untouched = pop_link_is_unsent(&reader->link, queued);

    pop_buffer_consume(out, pop_buffer_length(out));
    reader_fail_write(reader, status, error, untouched);
}

/* Enters the Reader to send a line. */
static int
enter_to_send(ReaderObject *reader, enum reader_need needed)
{
    if (reader_enter(reader, needed) < 0) {
        return -1;
    }
    if (progress_check_send(reader->state, &reader->progress) < 0) {
        reader_leave(reader);
        return -1;
    }
    return 0;
}

int
stream_send(ReaderObject *reader, PyObject *line, enum reader_need needed)
{
    struct pop_error error = {0};
    enum pop_status status;
    Py_buffer view;
    size_t queued;

    if (PyObject_GetBuffer(line, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    if (enter_to_send(reader, needed) < 0) {
        PyBuffer_Release(&view);
        return -1;
    }
    status = pop_command_append(&reader->link.out, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    queued = pop_buffer_length(&reader->link.out);
    if (status == POP_OK) {
        status = lock_run_detached(&reader->link, pop_link_flush, &error);
    }
    if (status == POP_OK) {
        progress_line_sent(&reader->lock, &reader->progress);
    }
    else {
        fail_sending(reader, status, &error, queued);
    }
    reader_leave(reader);
    return status == POP_OK ? 0 : -1;
}

/* Inside.  All or nothing. */
static enum pop_status
queue(ReaderObject *reader, const char *line, size_t length,
      enum pop_reply_form form, void *owner)
{
    const struct pop_expected reply = {
        .form = form,
        .number = pop_command_number(line, length),
        .octets = length + 2,
        .before = reader->link.received,
        .owner = owner,
    };
    enum pop_status status;

    assert(lock_is_mine(&reader->lock));
    /* Room first: there is no way back from either queue. */
    status = pop_buffer_reserve(&reader->link.out, reply.octets);
    if (status == POP_OK) {
        status = pop_pipeline_push(&reader->progress.ahead, &reply);
    }
    return status == POP_OK
               ? pop_command_append(&reader->link.out, line, length)
               : status;
}

/* Enters the Reader to queue a line after others or, if the queue is empty,
   after all commands are answered.  During the wait for the Reader the queue
   may become empty. */
static int
enter_to_queue(ReaderObject *reader)
{
    if (reader->progress.ahead.count > 0) {
        if (reader_enter(reader, READER_STILL) < 0) {
            return -1;
        }
        if (reader->progress.ahead.count > 0) {
            return 0;
        }
        reader_leave(reader);
    }
    return reader_enter(reader, READER_ANSWERED);
}

int
stream_queue(ReaderObject *reader, PyObject *line, enum pop_reply_form form,
             void *owner)
{
    enum pop_status status;

    if (enter_to_queue(reader) < 0) {
        return -1;
    }
    status = queue(reader, PyBytes_AS_STRING(line),
                   (size_t)PyBytes_GET_SIZE(line), form, owner);
    reader_leave(reader);
    return errors_check(reader->state, status, NULL);
}

/* --- receiving ---------------------------------------------------------- */

static enum pop_status
begin(ReaderObject *reader, const struct stream_sink *sink)
{
    enum pop_status status;

    assert(lock_is_mine(&reader->lock));
    assert(progress_is_in_step(&reader->progress) ||
           progress_has_ended(&reader->progress));
    status = pop_link_begin(&reader->link, sink->form, sink->limits.status,
                            sink->limits.line);
    reader->link.end_rule = sink->rule;
    return status;
}

/* Scans the unread bytes; receives only if they don't suffice. */
static enum pop_status
pump(ReaderObject *reader, struct pop_error *error)
{
    enum pop_status status = pop_link_scan(&reader->link);

    if (status == POP_NEED_INPUT) {
        status = lock_run_detached(&reader->link, pop_link_pump, error);
    }
    return status;
}

/* Pumps until the first line of a reply is scanned. */
static enum pop_status
pump_first(ReaderObject *reader, const struct stream_sink *sink,
           struct pop_error *error)
{
    enum pop_status status = begin(reader, sink);

    return status == POP_OK ? pump(reader, error) : status;
}

PyObject *
stream_raw_line(ReaderObject *reader, size_t limit, bool answers)
{
    const struct stream_sink sink = {
        .form = POP_NO_LINES,
        .rule = POP_END_AT_ONCE,
        .limits.status = limit,
    };
    struct pop_link *link = &reader->link;
    struct pop_error error = {0};
    struct pop_span span = {0, 0};
    enum pop_status status;
    PyObject *line = NULL;

    if (reader_enter(reader, READER_IN_STEP) < 0) {
        return NULL;
    }
    status = pump_first(reader, &sink, &error);
    if (status == POP_EOF && !progress_is_closed(&reader->progress)) {
        span.length = pop_buffer_length(&link->in);
        line = reader_bytes(link, span);
        reader_end(reader);
    }
    else if (status != POP_OK) {
        reader_fail(reader, status, &error);
    }
    else {
        span.length = link->batch.scanned;
        line = reader_bytes(link, span);
        pop_link_take(link);
        if (answers) {
            progress_status_read(&reader->lock, &reader->progress);
        }
    }
    reader_leave(reader);
    return line;
}

/* --- a whole reply ------------------------------------------------------ */

static bool
is_done(const ReaderObject *reader)
{
    return reader->link.reply.part == POP_REPLY_DONE;
}

/* The most octets that one call receives through a link that is_polled. */
#define POLLED_OCTETS ((size_t)512 * 1024)

/* Returns whether the caller has to wait, or to let others have their turn,
   before the reply goes on. */
static bool
waits(ReaderObject *reader, enum pop_status status)
{
    struct pop_link *link = &reader->link;

    if (!link->is_polled) {
        return false;
    }
    if (status == POP_INTERRUPTED) {
        link->wants = (struct pop_wants){.receivable = false};
        return true;
    }
    return pop_link_must_wait(link, status);
}

/* Lets Ctrl-C and close() end a read from a peer that never pauses. */
static int
check_go_on(ReaderObject *reader)
{
    if (is_done(reader)) {
        return 0;
    }
    return PyErr_CheckSignals() < 0 ? -1 : reader_check_open(reader);
}

/* Reads and drops at most STREAM_DROPPED_OCTETS of the rest of a reply, after
   the exception sink->failure.  Raises that, unless a signal handler raises
   another. */
static int
drop_rest(ReaderObject *reader, struct stream_sink *sink)
{
    struct pop_link *link = &reader->link;
    PyObject *failure;
    int failed = 0;

    while (failed == 0 && !is_done(reader) &&
           link->reply.octets - sink->kept < STREAM_DROPPED_OCTETS) {
        struct pop_error error = {0};
        enum pop_status status = pump(reader, &error);

        if (waits(reader, status)) {
            return STREAM_WAITS;
        }
        if (status != POP_OK) {
            reader_fail(reader, status, &error);
            break;
        }
        pop_link_take(link);
        failed = check_go_on(reader);
    }
    failure = sink->failure;
    sink->failure = NULL;
    errors_raise_again(failure);
    return STREAM_FAILED;
}

/* Begins to drop the rest of the reply because of the pending exception. */
static int
begin_to_drop(ReaderObject *reader, struct stream_sink *sink)
{
    sink->failure = PyErr_GetRaisedException();
    sink->kept = reader->link.reply.octets;
    pop_reply_drop(&reader->link.reply);
    return drop_rest(reader, sink);
}

/* Passes the batch to the sink, and consumes it even if the sink raises: an
   exception at the end of a reply leaves the stream in step. */
static int
take_batch(ReaderObject *reader, struct stream_sink *sink)
{
    int failed = sink->take(sink, &reader->link);

    pop_link_take(&reader->link);
    return failed < 0 && sink->form == POP_OCTETS &&
                   PyErr_ExceptionMatches(PyExc_Exception)
               ? begin_to_drop(reader, sink)
               : failed;
}

static int
read_lines(ReaderObject *reader, struct stream_sink *sink)
{
    size_t before = reader->link.received;

    do {
        struct pop_error error = {0};
        enum pop_status status = reader->link.is_polled &&
                                         reader->link.received - before >=
                                             POLLED_OCTETS
                                     ? POP_INTERRUPTED
                                     : pump(reader, &error);
        int result;

        if (waits(reader, status)) {
            return STREAM_WAITS;
        }
        if (status == POP_TOO_MUCH) {
            pop_link_take(&reader->link);
            errors_raise_too_large(reader->state, sink->limits.size);
            return begin_to_drop(reader, sink);
        }
        if (status != POP_OK) {
            reader_fail(reader, status, &error);
            return STREAM_FAILED;
        }
        result = take_batch(reader, sink);
        if (result == STREAM_DONE) {
            result = check_go_on(reader);
        }
        if (result != STREAM_DONE) {
            return result;
        }
    } while (!is_done(reader));
    return STREAM_DONE;
}

/* Consumes the status line that was pumped, also on MemoryError: the stream is
   then at the end of a line.  Reads the lines after it. */
static int
read_whole(ReaderObject *reader, struct stream_sink *sink)
{
    struct pop_link *link = &reader->link;

    sink->response = reader_bytes(link, link->batch.spans[0]);
    pop_link_take(link);
    progress_status_read(&reader->lock, &reader->progress);
    if (sink->response == NULL) {
        return STREAM_FAILED;
    }
    sink->is_positive = PyBytes_AS_STRING(sink->response)[0] == '+';
    if (is_done(reader)) {
        return STREAM_DONE;
    }
    link->reply.size_limit = sink->limits.size;
    return read_lines(reader, sink);
}

/* Marks the stream out of step if the reply was not read to its end. */
static int
end_read(ReaderObject *reader, struct stream_sink *sink, int result)
{
    if (result == STREAM_WAITS) {
        return result;
    }
    sink->octets = reader->link.reply.octets;
    if (result == STREAM_FAILED) {
        Py_CLEAR(sink->response);
        if (reader->link.reply.part == POP_REPLY_LINES) {
            progress_left(&reader->lock, &reader->progress,
                          "a reply was abandoned half-way");
        }
    }
    return result;
}

/* Reads a reply whose status line was pumped, with this status. */
static int
read_reply(ReaderObject *reader, enum pop_status status,
           struct pop_error *error, struct stream_sink *sink)
{
    int result = STREAM_FAILED;

    if (waits(reader, status)) {
        return STREAM_WAITS;
    }
    if (status == POP_OK) {
        result = read_whole(reader, sink);
    }
    else {
        reader_fail(reader, status, error);
    }
    return end_read(reader, sink, result);
}

int
stream_read(ReaderObject *reader, struct stream_sink *sink)
{
    struct pop_error error = {0};
    enum pop_status status = pump_first(reader, sink, &error);

    return read_reply(reader, status, &error, sink);
}

/* --- a command and its reply -------------------------------------------- */

int
stream_start(ReaderObject *reader, PyObject *line, struct stream_sink *sink)
{
    struct pop_link *link = &reader->link;
    struct pop_error error = {0};
    enum pop_status status;

    if (progress_check_send(reader->state, &reader->progress) < 0) {
        return -1;
    }
    status = begin(reader, sink);
    if (status == POP_OK && line != NULL) {
        status = pop_command_append(&link->out, PyBytes_AS_STRING(line),
                                    (size_t)PyBytes_GET_SIZE(line));
    }
    if (status != POP_OK) {
        reader_fail_write(reader, status, &error, true);
        return -1;
    }
    sink->is_sending = line != NULL;
    sink->queued = pop_buffer_length(&link->out);
    return 0;
}

/* Sends the command, and reads its reply. */
static int
exchange(ReaderObject *reader, struct stream_sink *sink)
{
    struct pop_link *link = &reader->link;
    struct pop_error error = {0};
    enum pop_status status;

    status = lock_run_detached(link, pop_link_exchange, &error);
    if (!link->is_sent) {
        if (waits(reader, status)) {
            return STREAM_WAITS;
        }
        fail_sending(reader, status, &error, sink->queued);
        return STREAM_FAILED;
    }
    sink->is_sending = false;
    progress_line_sent(&reader->lock, &reader->progress);
    return read_reply(reader, status, &error, sink);
}

int
stream_go_on(ReaderObject *reader, struct stream_sink *sink)
{
    struct pop_error error = {0};

    assert(lock_is_mine(&reader->lock));
    if (sink->is_sending) {
        return exchange(reader, sink);
    }
    if (sink->response == NULL) {
        return read_reply(reader, pump(reader, &error), &error, sink);
    }
    return end_read(reader, sink,
                    sink->failure != NULL ? drop_rest(reader, sink)
                                          : read_lines(reader, sink));
}

int
stream_exchange(ReaderObject *reader, PyObject *line, struct stream_sink *sink)
{
    return stream_start(reader, line, sink) < 0 ? -1 : exchange(reader, sink);
}

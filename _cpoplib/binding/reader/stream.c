#include "binding/reader/stream.h"

#include <assert.h>
#include <string.h>

#include "binding/base/errors.h"
#include "binding/reader/lines.h"
#include "core/proto/command.h"

#define SHOWN_OCTETS 200

/* --- sending ------------------------------------------------------------ */

/* The line did not go out, or not all of it; `queued` octets were to. */
static void
fail_sending(ReaderObject *reader, enum pop_status status,
             struct pop_error *error, size_t queued)
{
    struct pop_buffer *out = &reader->link.out;
    bool untouched = pop_link_is_unsent(&reader->link, queued);

    pop_buffer_consume(out, pop_buffer_length(out));
    reader_fail_write(reader, status, error, untouched);
}

int
stream_send(ReaderObject *reader, const char *line, size_t length)
{
    struct pop_buffer *out = &reader->link.out;
    struct pop_error error = {0};
    enum pop_status status;
    size_t queued;

    if (reader_enter(reader) < 0) {
        return -1;
    }
    if (progress_check_send(reader->state, &reader->progress) < 0) {
        reader_leave(reader);
        return -1;
    }
    status = pop_command_append(out, line, length);
    queued = pop_buffer_length(out);
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

/* --- at rest? ----------------------------------------------------------- */

/* The first line of what is unread, or as much of it as the text of an
   exception can do with. */
static PyObject *
unread_line(const struct pop_link *link)
{
    const char *bytes = pop_buffer_bytes(&link->in);
    size_t length = pop_buffer_length(&link->in);
    const char *lf = memchr(bytes, '\n', length);
    struct pop_span span = {0, length};

    if (lf != NULL) {
        span = pop_scan_strip(bytes, 0, (size_t)(lf - bytes) + 1);
    }
    if (span.length > SHOWN_OCTETS) {
        span.length = SHOWN_OCTETS;
    }
    return lines_bytes(bytes, span);
}

static void
raise_unread(ReaderObject *reader)
{
    static const char why[] = "the server sent a reply that nobody asked for";
    static const char flood[] = "the server sent more than it may while "
                                "nobody asked for anything";
    PyObject *line;

    if (reader->link.flooded) {
        errors_raise_out_of_step(reader->state, flood, NULL);
        progress_mixed_up(&reader->lock, &reader->progress, flood);
        return;
    }
    if (!pop_link_had_unread(&reader->link, reader->link.received)) {
        /* What there is may be no reply at all, but a record of TLS. */
        PyErr_NoMemory();
        return;
    }
    progress_mixed_up(&reader->lock, &reader->progress, why);
    line = unread_line(&reader->link);
    if (line != NULL) {
        errors_raise_out_of_step(reader->state, why, line);
        Py_DECREF(line);
    }
}

static int
enter(ReaderObject *reader, bool (*has_unread)(struct pop_link *))
{
    if (reader_enter_in_step(reader) < 0) {
        return -1;
    }
    if (reader->progress.unanswered > 0) {
        errors_raise_out_of_step(
            reader->state, "the reply to an earlier command was not read",
            NULL);
    }
    else if (reader->progress.ahead.count > 0) {
        /* By a signal handler, while the Reader was waited for. */
        errors_raise_out_of_step(
            reader->state, "the reply to an earlier command is still to come",
            NULL);
    }
    else if (has_unread(&reader->link)) {
        raise_unread(reader);
    }
    else {
        return 0;
    }
    reader_leave(reader);
    return -1;
}

static bool
has_received(struct pop_link *link)
{
    link->flooded = false;
    return pop_link_had_unread(link, link->received);
}

int
stream_enter_answered(ReaderObject *reader)
{
    return enter(reader, has_received);
}

int
stream_check_answered(ReaderObject *reader)
{
    if (stream_enter_answered(reader) < 0) {
        return -1;
    }
    reader_leave(reader);
    return 0;
}

int
stream_enter_at_rest(ReaderObject *reader)
{
    return enter(reader, pop_link_has_unread);
}

int
stream_check_at_rest(ReaderObject *reader)
{
    if (stream_enter_at_rest(reader) < 0) {
        return -1;
    }
    reader_leave(reader);
    return 0;
}

int
stream_queue(ReaderObject *reader, PyObject *line, enum pop_reply_form form,
             void *owner)
{
    if (reader->progress.ahead.count == 0 &&
        stream_check_answered(reader) < 0) {
        return -1;
    }
    return reader_queue(reader, line, form, owner);
}

/* --- one line ----------------------------------------------------------- */

/* Records what a failed read means for the stream, and raises. */
static void
fail(ReaderObject *reader, enum pop_status status, struct pop_error *error)
{
    if (status == POP_UNASKED) {
        pop_link_take(&reader->link);
        raise_unread(reader);
    }
    else {
        reader_fail(reader, status, error);
    }
}

/* Scans what is there, and receives only if that is not enough. */
static enum pop_status
pump(ReaderObject *reader, struct pop_error *error)
{
    enum pop_status status = pop_link_scan(&reader->link);

    if (status == POP_NEED_INPUT) {
        status = lock_run_detached(&reader->link, pop_link_pump, error);
    }
    return status;
}

static const struct stream_sink one_line = {
    .form = POP_NO_LINES,
    .rule = POP_END_AT_ONCE,
};

static enum pop_status
begin_reply(ReaderObject *reader, const struct stream_limits *limits,
            const struct stream_sink *sink)
{
    enum pop_status status;

    assert(lock_is_mine(&reader->lock));
    assert(progress_is_in_step(&reader->progress) ||
           progress_has_ended(&reader->progress));
    status = pop_link_begin(&reader->link, sink->form, limits->status,
                            limits->line);
    reader->link.end_rule = sink->rule;
    return status;
}

static enum pop_status
pump_status(ReaderObject *reader, const struct stream_limits *limits,
            const struct stream_sink *sink, struct pop_error *error)
{
    enum pop_status status = begin_reply(reader, limits, sink);

    return status == POP_OK ? pump(reader, error) : status;
}

/* The unread bytes up to the end of the scanned line, or all of them if the
   stream has ended within it. */
static PyObject *
raw_bytes(ReaderObject *reader, bool ended)
{
    const struct pop_link *link = &reader->link;
    struct pop_span span = {0, link->batch.scanned};

    if (ended) {
        span.length = pop_buffer_length(&link->in);
    }
    return lines_bytes(pop_buffer_bytes(&link->in), span);
}

PyObject *
stream_raw_line(ReaderObject *reader, size_t limit, bool answers)
{
    const struct stream_limits limits = {.status = limit};
    struct pop_error error = {0};
    enum pop_status status;
    PyObject *line = NULL;

    if (reader_enter_in_step(reader) < 0) {
        return NULL;
    }
    status = pump_status(reader, &limits, &one_line, &error);
    if (status == POP_EOF && !progress_is_closed(&reader->progress)) {
        line = raw_bytes(reader, true);
        reader_end(reader);
    }
    else if (status != POP_OK) {
        reader_fail(reader, status, &error);
    }
    else {
        line = raw_bytes(reader, false);
        pop_link_take(&reader->link);
        if (answers) {
            progress_status_read(&reader->lock, &reader->progress);
        }
    }
    reader_leave(reader);
    return line;
}

/* The status line at the front, consumed also if there is no memory for it:
   the stream is at the end of a line either way. */
static PyObject *
take_status(ReaderObject *reader)
{
    struct pop_link *link = &reader->link;
    PyObject *text = lines_bytes(pop_buffer_bytes(&link->in),
                                 link->batch.spans[0]);

    pop_link_take(link);
    progress_status_read(&reader->lock, &reader->progress);
    return text;
}

PyObject *
stream_status_inside(ReaderObject *reader, size_t limit,
                     enum pop_end_rule rule)
{
    const struct stream_limits limits = {.status = limit};
    const struct stream_sink line = {.form = POP_NO_LINES, .rule = rule};
    struct pop_error error = {0};
    enum pop_status status = pump_status(reader, &limits, &line, &error);

    if (status != POP_OK) {
        fail(reader, status, &error);
        return NULL;
    }
    return take_status(reader);
}

PyObject *
stream_status(ReaderObject *reader, size_t limit)
{
    PyObject *text;

    if (reader_enter_in_step(reader) < 0) {
        return NULL;
    }
    text = stream_status_inside(reader, limit, POP_END_AT_ONCE);
    reader_leave(reader);
    return text;
}

/* --- a whole reply ------------------------------------------------------ */

static bool
is_done(const ReaderObject *reader)
{
    return reader->link.reply.part == POP_REPLY_DONE;
}

/* A peer that never pauses must not lock out Ctrl-C, nor close(). */
static int
check_go_on(ReaderObject *reader)
{
    return PyErr_CheckSignals() < 0 ? -1 : reader_check_open(reader);
}

/* Reads the rest of a reply, but not too much of it. */
static void
drop_lines(ReaderObject *reader)
{
    struct pop_link *link = &reader->link;
    size_t start = link->reply.octets;

    pop_reply_drop(&link->reply);
    while (!is_done(reader) &&
           link->reply.octets - start < STREAM_DROPPED_OCTETS) {
        struct pop_error error = {0};
        enum pop_status status = pump(reader, &error);

        if (status != POP_OK) {
            fail(reader, status, &error);
            return;
        }
        pop_link_take(link);
        if (!is_done(reader) && check_go_on(reader) < 0) {
            return;
        }
    }
}

/* Drops the rest of a reply that nobody wants any more, for the pending
   exception, which stays unless a signal handler raises meanwhile. */
static void
drop_rest(ReaderObject *reader)
{
    PyObject *pending = PyErr_GetRaisedException();

    drop_lines(reader);
    errors_raise_again(pending);
}

/* The batch is forgotten also if it was not kept: an exception at the end of
   a reply leaves the stream in step. */
static int
take_batch(ReaderObject *reader, struct stream_sink *sink)
{
    struct pop_link *link = &reader->link;
    int failed = sink->take(sink, link);

    pop_link_take(link);
    if (failed < 0 && sink->form == POP_OCTETS &&
        PyErr_ExceptionMatches(PyExc_Exception)) {
        drop_rest(reader);
    }
    return failed;
}

static void
refuse_too_large(ReaderObject *reader)
{
    struct pop_link *link = &reader->link;

    pop_link_take(link);
    errors_raise_too_large(reader->state, link->reply.size_limit);
    drop_rest(reader);
}

static int
read_lines(ReaderObject *reader, struct stream_sink *sink)
{
    do {
        struct pop_error error = {0};
        enum pop_status status = pump(reader, &error);

        if (status == POP_TOO_MUCH) {
            refuse_too_large(reader);
            return -1;
        }
        if (status != POP_OK) {
            fail(reader, status, &error);
            return -1;
        }
        if (take_batch(reader, sink) < 0) {
            return -1;
        }
        if (!is_done(reader) && check_go_on(reader) < 0) {
            return -1;
        }
    } while (!is_done(reader));
    return 0;
}

/* What is received once the status line was pumped for: that, and the lines
   behind it if there are any. */
static int
read_whole(ReaderObject *reader, enum pop_status status,
           struct pop_error *error, const struct stream_limits *limits,
           struct stream_sink *sink, struct stream_reply *reply)
{
    if (status != POP_OK) {
        fail(reader, status, error);
        return -1;
    }
    reply->response = take_status(reader);
    if (reply->response == NULL) {
        return -1;
    }
    reply->is_positive = PyBytes_AS_STRING(reply->response)[0] == '+';
    if (is_done(reader)) {
        return 0;
    }
    reader->link.reply.size_limit = limits->size;
    return read_lines(reader, sink);
}

/* The same; a reply that is not read to its end leaves the stream out of
   step. */
static int
read_reply(ReaderObject *reader, enum pop_status status,
           struct pop_error *error, const struct stream_limits *limits,
           struct stream_sink *sink, struct stream_reply *reply)
{
    int result;

    reply->response = NULL;
    result = read_whole(reader, status, error, limits, sink, reply);
    reply->octets = reader->link.reply.octets;
    if (result < 0) {
        Py_CLEAR(reply->response);
        if (reader->link.reply.part == POP_REPLY_LINES) {
            progress_left(&reader->lock, &reader->progress,
                          "a reply was abandoned half-way");
        }
    }
    return result;
}

int
stream_read_reply_inside(ReaderObject *reader,
                         const struct stream_limits *limits,
                         struct stream_sink *sink, struct stream_reply *reply)
{
    struct pop_error error = {0};
    enum pop_status status = pump_status(reader, limits, sink, &error);

    return read_reply(reader, status, &error, limits, sink, reply);
}

int
stream_read_reply(ReaderObject *reader, const struct stream_limits *limits,
                  struct stream_sink *sink, struct stream_reply *reply)
{
    int result;

    reply->response = NULL;
    if (reader_enter_in_step(reader) < 0) {
        return -1;
    }
    result = stream_read_reply_inside(reader, limits, sink, reply);
    reader_leave(reader);
    return result;
}

/* --- a command and its reply -------------------------------------------- */

int
stream_exchange(ReaderObject *reader, const char *line, size_t length,
                const struct stream_limits *limits, struct stream_sink *sink,
                struct stream_reply *reply)
{
    struct pop_link *link = &reader->link;
    struct pop_error error = {0};
    enum pop_status status;
    size_t queued;

    reply->response = NULL;
    if (progress_check_send(reader->state, &reader->progress) < 0) {
        return -1;
    }
    status = begin_reply(reader, limits, sink == NULL ? &one_line : sink);
    if (status == POP_OK) {
        status = pop_command_append(&link->out, line, length);
    }
    if (status != POP_OK) {
        reader_fail_write(reader, status, &error, true);
        return -1;
    }
    queued = pop_buffer_length(&link->out);
    status = lock_run_detached(link, pop_link_exchange, &error);
    if (!link->is_sent) {
        fail_sending(reader, status, &error, queued);
        return -1;
    }
    progress_line_sent(&reader->lock, &reader->progress);
    return read_reply(reader, status, &error, limits, sink, reply);
}

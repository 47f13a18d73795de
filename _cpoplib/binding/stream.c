#include "binding/stream.h"

#include <string.h>

#include "binding/errors.h"
#include "binding/lines.h"
#include "core/command.h"

#define SHOWN_OCTETS 200

int
stream_send(ReaderObject *reader, const char *line, size_t length)
{
    struct pop_buffer *out = &reader->link.out;
    struct pop_error error = {0};
    enum pop_status status;
    size_t queued;

    if (reader_enter_in_step(reader) < 0) {
        return -1;
    }
    status = pop_command_append(out, line, length);
    queued = pop_buffer_length(out);
    if (status == POP_OK) {
        status = io_run(&reader->link, pop_link_flush, &error);
    }
    if (status == POP_OK) {
        reader->unanswered++;
    }
    else {
        bool untouched = pop_link_is_unsent(&reader->link, queued);

        pop_buffer_consume(out, pop_buffer_length(out));
        reader_fail_write(reader, status, &error, untouched);
    }
    reader_leave(reader);
    return status == POP_OK ? 0 : -1;
}

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
    PyObject *line = unread_line(&reader->link);

    if (line == NULL) {
        return;
    }
    errors_raise_out_of_step(reader->state, why, line);
    step_leave(&reader->step, why);
    Py_DECREF(line);
}

int
stream_check_at_rest(ReaderObject *reader)
{
    bool at_rest = false;

    if (reader_enter_in_step(reader) < 0) {
        return -1;
    }
    if (reader->unanswered > 0) {
        errors_raise_out_of_step(
            reader->state, "the reply to an earlier command was not read",
            NULL);
    }
    else if (pop_link_has_unread(&reader->link)) {
        raise_unread(reader);
    }
    else {
        at_rest = true;
    }
    reader_leave(reader);
    return at_rest ? 0 : -1;
}

/* Scans what is there, and receives only if that is not enough. */
static enum pop_status
pump(ReaderObject *reader, struct pop_error *error)
{
    enum pop_status status = pop_link_scan(&reader->link);

    if (status == POP_NEED_INPUT) {
        status = io_run(&reader->link, pop_link_pump, error);
    }
    return status;
}

static enum pop_status
pump_status(ReaderObject *reader, bool multiline, size_t status_limit,
            size_t line_limit, struct pop_error *error)
{
    enum pop_status status = pop_link_begin(&reader->link, multiline,
                                            status_limit, line_limit);

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
    struct pop_error error = {0};
    enum pop_status status;
    PyObject *line = NULL;

    if (reader_enter_in_step(reader) < 0) {
        return NULL;
    }
    status = pump_status(reader, false, limit, 0, &error);
    if (status == POP_EOF && !reader->closed) {
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
            reader_answer(reader);
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
    reader_answer(reader);
    return text;
}

PyObject *
stream_status(ReaderObject *reader, size_t limit)
{
    struct pop_error error = {0};
    enum pop_status status;
    PyObject *text = NULL;

    if (reader_enter_in_step(reader) < 0) {
        return NULL;
    }
    status = pump_status(reader, false, limit, 0, &error);
    if (status == POP_OK) {
        text = take_status(reader);
    }
    else {
        reader_fail(reader, status, &error);
    }
    reader_leave(reader);
    return text;
}

/* The lines of the batch, consumed if they were kept or if they are the last:
   an exception at the end of a reply leaves the stream in step. */
static int
take_lines(ReaderObject *reader, PyObject *list)
{
    struct pop_link *link = &reader->link;
    int failed = lines_append(list, pop_buffer_bytes(&link->in),
                              link->batch.spans, link->batch.count);

    pop_link_take(link);
    return failed;
}

static bool
is_done(const ReaderObject *reader)
{
    return reader->link.reply.part == POP_REPLY_DONE;
}

static int
read_lines(ReaderObject *reader, PyObject *list)
{
    do {
        struct pop_error error = {0};
        enum pop_status status = pump(reader, &error);

        if (status != POP_OK) {
            reader_fail(reader, status, &error);
            return -1;
        }
        if (take_lines(reader, list) < 0) {
            return -1;
        }
        /* A peer that never pauses must not lock out Ctrl-C, nor close(). */
        if (!is_done(reader) &&
            (PyErr_CheckSignals() < 0 || reader_check_open(reader) < 0)) {
            return -1;
        }
    } while (!is_done(reader));
    return 0;
}

int
stream_read_reply(ReaderObject *reader, const struct stream_limits *limits,
                  struct stream_reply *reply)
{
    struct pop_error error = {0};
    enum pop_status status;
    int result = -1;

    reply->response = NULL;
    reply->lines = NULL;
    if (reader_enter_in_step(reader) < 0) {
        return -1;
    }
    status = pump_status(reader, true, limits->status, limits->line, &error);
    if (status != POP_OK) {
        reader_fail(reader, status, &error);
        goto done;
    }
    reply->response = take_status(reader);
    if (is_done(reader)) {
        result = reply->response == NULL ? -1 : 0;
        goto done;
    }
    reply->lines = reply->response == NULL ? NULL : PyList_New(0);
    if (reply->lines != NULL) {
        reader->link.reply.size_limit = limits->size;
        result = read_lines(reader, reply->lines);
    }
    if (result < 0 && !is_done(reader)) {
        step_leave(&reader->step, "a reply was abandoned half-way");
    }
    reply->octets = reader->link.reply.octets;
done:
    if (result < 0) {
        Py_CLEAR(reply->response);
        Py_CLEAR(reply->lines);
    }
    reader_leave(reader);
    return result;
}

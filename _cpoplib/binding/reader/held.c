#include "binding/dialogue/held.h"

#include <assert.h>
#include <string.h>

#include "binding/base/errors.h"
#include "binding/dialogue/announce.h"
#include "core/proto/scan.h"

static void
raise_uncertain(POP3Object *self, ReaderObject *reader, long long number)
{
    progress_doubted(&self->lock, &reader->progress);
    errors_raise_uncertain(reader->state, number);
}

int
held_begin(POP3Object *self, ReaderObject *reader)
{
    const struct pop_pipeline *pipeline = &reader->progress.ahead;
    long long number = pop_pipeline_next(pipeline)->number;
    struct held *held;

    if (number < 1 || !pop_pipeline_all_have_lines(pipeline)) {
        raise_uncertain(self, reader, number);
        return -1;
    }
    held = PyMem_Malloc(sizeof(*held) +
                        pipeline->count * sizeof(held->answers[0]));
    if (held == NULL) {
        progress_left(&reader->lock, &reader->progress,
                      "there was no memory for replies");
        PyErr_NoMemory();
        return -1;
    }
    held->number = number;
    held->count = 0;
    reader->held = held;
    pop_link_doubt(&reader->link);
    return 0;
}

long long
held_listed_number(PyObject *response, const char **rest)
{
    const char *text = PyBytes_AS_STRING(response);
    long long number;
    size_t digits;

    text += strcspn(text, " \t");
    text += strspn(text, " \t");
    number = pop_scan_number(text, strlen(text), &digits);
    *rest = text + digits;
    return number;
}

/* Returns whether the response is "+OK number size". */
static bool
is_listing(PyObject *response, long long number)
{
    const char *rest;
    size_t digits;

    if (PyBytes_AS_STRING(response)[0] != '+' ||
        held_listed_number(response, &rest) != number) {
        return false;
    }
    rest += strspn(rest, " \t");
    return pop_scan_number(rest, strlen(rest), &digits) >= 0;
}

/* Announces the line and returns it, encoded.  Python code that is called here
   finds the stream out of sync. */
static PyObject *
announce(POP3Object *self, ReaderObject *reader)
{
    PyObject *line = PyUnicode_FromFormat("LIST %lld", reader->held->number);
    PyObject *bytes = NULL;

    progress_doubted(&self->lock, &reader->progress);
    if (line != NULL) {
        progress_rested(&self->progress);
        bytes = announce_command(self, line);
        (void)progress_entered(&self->progress, PHASE_REPLY);
        Py_DECREF(line);
    }
    if (bytes != NULL) {
        progress_trusted(&self->lock, &reader->progress);
    }
    return bytes;
}

/* Returns the reply to the line.  No other reply may follow. */
static PyObject *
ask(ReaderObject *reader, PyObject *line, const struct stream_limits *limits)
{
    struct stream_sink sink = {
        .form = POP_NO_LINES,
        .rule = POP_END_IF_QUIET,
        .limits = *limits,
    };

    if (reader_enter(reader, READER_AT_REST) < 0) {
        return NULL;
    }
    pop_link_doubt(&reader->link);
    (void)stream_exchange(reader, line, &sink);
    reader_leave(reader);
    return sink.response;
}

int
held_prove(POP3Object *self, ReaderObject *reader,
           const struct stream_limits *limits, PyObject *status_lines)
{
    PyObject *line = announce(self, reader);
    long long number = reader->held->number;
    PyObject *response = NULL;
    int failed = -1;

    assert(!lock_is_mine(&reader->lock));
    assert(self->progress.phase == PHASE_REPLY);
    if (line != NULL) {
        response = ask(reader, line, limits);
        Py_DECREF(line);
    }
    if (response == NULL) {
        return -1;
    }
    if (!is_listing(response, number)) {
        raise_uncertain(self, reader, number);
    }
    else if (status_lines == NULL ||
             PyList_Append(status_lines, response) == 0) {
        failed = 0;
    }
    Py_DECREF(response);
    return failed;
}

static void
drop(POP3Object *self, const struct held *held, ReaderObject *reader)
{
    PyObject *pending = PyErr_GetRaisedException();
    size_t i;

    for (i = 0; i < held->count; i++) {
        Py_DECREF(held->answers[i].value);
    }
    if (!progress_has_ended(&reader->progress) &&
        PyErr_GivenExceptionMatches(pending, reader->state->error_proto)) {
        raise_uncertain(self, reader, held->number);
        Py_DECREF(pending);
    }
    else {
        PyErr_SetRaisedException(pending);
    }
}

void
held_end(POP3Object *self, ReaderObject *reader, bool received)
{
    struct held *held = reader->held;
    size_t i;

    /* An owner that is freed meanwhile calls requests_disown(). */
    for (i = 0; received && i < held->count; i++) {
        requests_answer(held->answers[i].owner, held->answers[i].value,
                        held->answers[i].failed);
    }
    reader->held = NULL;
    if (!received) {
        drop(self, held, reader);
    }
    PyMem_Free(held);
}

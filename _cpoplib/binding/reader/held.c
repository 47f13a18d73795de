#include "binding/reader/held.h"

#include <assert.h>
#include <string.h>

#include "binding/base/errors.h"
#include "core/proto/scan.h"

static void
raise_uncertain(ReaderObject *reader, const struct lock *lock,
                long long number)
{
    progress_doubted(lock, &reader->progress);
    errors_raise_uncertain(reader->state, number);
}

int
held_begin(ReaderObject *reader)
{
    const struct pop_pipeline *pipeline = &reader->progress.ahead;
    long long number = pop_pipeline_next(pipeline)->number;
    struct held *held;

    if (number < 1 || !pop_pipeline_all_have_lines(pipeline)) {
        raise_uncertain(reader, &reader->lock, number);
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

PyObject *
held_question(const ReaderObject *reader)
{
    return PyUnicode_FromFormat("LIST %lld", reader->held->number);
}

struct stream_sink
held_sink(ReaderObject *reader, const struct stream_limits *limits)
{
    pop_link_doubt(&reader->link);
    return (struct stream_sink){
        .form = POP_NO_LINES,
        .rule = POP_END_IF_QUIET,
        .limits = *limits,
    };
}

int
held_check(ReaderObject *reader, const struct lock *lock, PyObject *response)
{
    long long number = reader->held->number;

    if (is_listing(response, number)) {
        return 0;
    }
    raise_uncertain(reader, lock, number);
    return -1;
}

void
held_forget(ReaderObject *reader)
{
    struct held *held = reader->held;
    size_t i;

    reader->held = NULL;
    for (i = 0; held != NULL && i < held->count; i++) {
        Py_DECREF(held->answers[i].value);
    }
    PyMem_Free(held);
}

static void
drop(ReaderObject *reader, const struct lock *lock)
{
    PyObject *pending = PyErr_GetRaisedException();
    long long number = reader->held->number;

    held_forget(reader);
    if (!progress_has_ended(&reader->progress) &&
        PyErr_GivenExceptionMatches(pending, reader->state->error_proto)) {
        raise_uncertain(reader, lock, number);
        Py_DECREF(pending);
    }
    else {
        PyErr_SetRaisedException(pending);
    }
}

void
held_end(ReaderObject *reader, const struct lock *lock, bool received)
{
    struct held *held = reader->held;
    size_t i;

    if (!received) {
        drop(reader, lock);
        return;
    }
    /* An owner that is freed meanwhile calls requests_disown(). */
    for (i = 0; i < held->count; i++) {
        requests_answer(held->answers[i].owner, held->answers[i].value,
                        held->answers[i].failed);
    }
    reader->held = NULL;
    PyMem_Free(held);
}

#include "binding/held.h"

#include "binding/errors.h"

struct answer {
    struct ahead_owner *owner; /* NULL: nobody */
    PyObject *value;
    bool failed;
};

struct held {
    long long number; /* of the first message */
    size_t count;
    struct answer answers[];
};

static void
raise_uncertain(ReaderObject *reader, long long number)
{
    step_leave(&reader->step, "the end of a message was uncertain");
    step_forget_mix_up(&reader->step);
    errors_raise_uncertain(reader->state, number);
}

int
held_begin(ReaderObject *reader)
{
    const struct pop_pipeline *pipeline = &reader->pipeline;
    long long number = pop_pipeline_next(pipeline)->number;
    struct held *held;

    if (!pop_pipeline_all_have_lines(pipeline)) {
        raise_uncertain(reader, number);
        return -1;
    }
    held = PyMem_Malloc(sizeof(*held) +
                        pipeline->count * sizeof(held->answers[0]));
    if (held == NULL) {
        step_leave(&reader->step, "there was no memory for replies");
        PyErr_NoMemory();
        return -1;
    }
    held->number = number;
    held->count = 0;
    reader->held = held;
    return 0;
}

void
held_add(ReaderObject *reader, struct ahead_owner *owner, PyObject *value,
         bool failed)
{
    struct answer *answer = &reader->held->answers[reader->held->count++];

    answer->owner = owner;
    answer->value = value;
    answer->failed = failed;
}

static void
tell(const struct held *self)
{
    size_t i;

    for (i = 0; i < self->count; i++) {
        const struct answer *answer = &self->answers[i];

        ahead_answer(answer->owner, answer->value, answer->failed);
    }
}

static void
drop(const struct held *self, ReaderObject *reader)
{
    PyObject *pending = PyErr_GetRaisedException();
    size_t i;

    for (i = 0; i < self->count; i++) {
        Py_DECREF(self->answers[i].value);
    }
    if (reader->step.state != STEP_ENDED &&
        PyErr_GivenExceptionMatches(pending, reader->state->error_proto)) {
        raise_uncertain(reader, self->number);
        Py_DECREF(pending);
    }
    else {
        PyErr_SetRaisedException(pending);
    }
}

void
held_end(ReaderObject *reader, bool received)
{
    struct held *held = reader->held;

    reader->held = NULL;
    if (received) {
        tell(held);
    }
    else {
        drop(held, reader);
    }
    PyMem_Free(held);
}

void
held_disown(ReaderObject *reader, const struct ahead_owner *owner)
{
    struct held *held = reader->held;
    size_t i;

    for (i = 0; held != NULL && i < held->count; i++) {
        if (held->answers[i].owner == owner) {
            held->answers[i].owner = NULL;
        }
    }
}

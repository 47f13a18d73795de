#include "binding/messages/read_ahead_turn.h"

#include <assert.h>
#include <stdio.h>

#include "binding/client/deadline.h"
#include "binding/dialogue/command.h"
#include "binding/dialogue/pipeline_probe.h"
#include "binding/client/read_ahead.h"
#include "binding/dialogue/announce.h"

/* Of a command line. */
#define LINE_OCTETS 30

/* The last number that may be asked for while the program is at `number`,
   which has POP_NUMBER_DIGITS at most. */
static long long
last_to_ask_for(const POP3Object *client, long long number)
{
    return number + (long long)client->read_ahead;
}

/* The messages to prove the server with, where that was not done; or none. */
static PyObject *
numbers_to_prove(const POP3Object *client, const ReaderObject *reader,
                 long long number)
{
    PyObject *numbers = PyList_New(0);
    long long last = last_to_ask_for(client, number);
    int there = reader->ability == READER_UNASKED;

    for (; numbers != NULL && there > 0 && number <= last; number++) {
        PyObject *object = PyLong_FromLongLong(number);

        if (object == NULL || PyList_Append(numbers, object) < 0) {
            Py_CLEAR(numbers);
        }
        Py_XDECREF(object);
        there = numbers == NULL
                    ? -1
                    : read_ahead_is_there(client->readahead, number + 1);
    }
    if (there < 0) {
        Py_CLEAR(numbers);
    }
    return numbers;
}

/* 1 and the Reader, a new reference, if commands may go ahead; 0; -1. */
static int
find_reader(POP3Object *client, enum pop_reply_form form, long long number,
            ReaderObject **reader)
{
    int on = announce_is_plain(client);
    int failed;
    PyObject *numbers;

    if (on <= 0) {
        return on;
    }
    *reader = pop3_get_reader(client, &failed);
    if (*reader == NULL) {
        return failed ? -1 : 0;
    }
    numbers = numbers_to_prove(client, *reader, number);
    Py_CLEAR(*reader);
    if (numbers == NULL) {
        return -1;
    }
    on = pipeline_probe_is_on(
        client, numbers, form == POP_OCTETS ? PIPELINING_PLAIN : 0, reader);
    Py_DECREF(numbers);
    return on;
}

/* A command was queued.  What was held, and even where it comes from, may have
   been dropped before: the wait for the Reader runs signal handlers, and other
   threads. */
static int
note_queued(struct readahead *self, ReaderObject *reader, PyObject *key)
{
    if (self->reader != reader) {
        pipeline_disown(reader, &self->owner);
        return 0;
    }
    if (bulk_slots_reserve(&self->slots) < 0) {
        read_ahead_forget(self);
        self->dropped++;
        return -1;
    }
    bulk_slots_add(&self->slots, key, false);
    return 0;
}

/* Queues a command that is announced when the program asks for the message. */
static int
add(struct readahead *self, ReaderObject *reader, long long number)
{
    PyObject *key = PyLong_FromLongLong(number);
    char text[LINE_OCTETS];
    PyObject *line;
    int failed = -1;

    (void)snprintf(text, sizeof(text), "RETR %lld", number);
    line = PyBytes_FromString(text);
    if (key != NULL && line != NULL && bulk_slots_reserve(&self->slots) == 0) {
        failed = stream_queue(reader, line, self->form, &self->owner);
    }
    if (failed == 0) {
        failed = note_queued(self, reader, key);
    }
    Py_XDECREF(key);
    Py_XDECREF(line);
    return failed;
}

/* Asks for the messages behind `number`, which is held, once half of those are
   there no more. */
static int
add_next(POP3Object *client, ReaderObject *reader, long long number)
{
    struct readahead *self = client->readahead;
    long long next = read_ahead_first(self) + (long long)self->slots.count;
    long long last = last_to_ask_for(client, number);

    if (next - number - 1 > (long long)(client->read_ahead / 2)) {
        return 0;
    }
    for (; next <= last && pipeline_probe_has_room(reader, LINE_OCTETS);
         next++) {
        int there = read_ahead_is_there(self, next);

        if (there == 0) {
            break;
        }
        if (there < 0 || add(self, reader, next) < 0) {
            return -1;
        }
    }
    return pipeline_push(reader);
}

static bool
is_ready(const struct readahead *self, long long number)
{
    return self->slots.ready > 0 && read_ahead_first(self) == number;
}

/* Receives until the reply is the first slot, and ready.  It may be neither,
   if what was called on the way has taken it. */
static int
receive(POP3Object *client, long long number)
{
    struct readahead *self = client->readahead;

    while (read_ahead_holds(self, number) && !is_ready(self, number)) {
        if (self->slots.ready > 0) {
            bulk_slots_drop(&self->slots);
        }
        else if (pipeline_receive(client, self->reader) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Whether the first slot is the message's, although the pending exception came
   of what is behind it. */
static bool
is_sure(const struct readahead *self, long long number)
{
    return is_ready(self, number) && !self->reader->progress.mixed_up &&
           PyErr_ExceptionMatches(PyExc_Exception);
}

/* The pending exception is that of the first message that is not there, when
   the program asks for it; behind that, nothing is to come. */
static void
postpone(struct readahead *self)
{
    PyObject *failure = PyErr_GetRaisedException();

    pipeline_disown(self->reader, &self->owner);
    self->dropped = 0;
    if (self->slots.count > self->slots.ready) {
        bulk_slots_answer(&self->slots, failure, true);
        bulk_slots_forget_unanswered(&self->slots);
    }
    else {
        Py_DECREF(failure);
    }
}

/* What the program sees of a command: its audit event. */
static int
announce(POP3Object *client, PyObject *which)
{
    PyObject *line = PyUnicode_FromFormat("RETR %S", which);
    PyObject *bytes = NULL;

    if (line != NULL) {
        bytes = announce_command(client, line);
        Py_DECREF(line);
    }
    Py_XDECREF(bytes);
    return bytes == NULL ? -1 : 0;
}

/* Asks for the message, if that was not done, and for those behind it if the
   program takes one after the other. */
static int
ask_ahead(POP3Object *client, ReaderObject *reader, enum pop_reply_form form,
          long long number, bool goes_on)
{
    struct readahead *self = client->readahead;

    if (self->reader != reader) {
        read_ahead_clear(self);
        self->reader = (ReaderObject *)Py_NewRef((PyObject *)reader);
    }
    if (!read_ahead_holds(self, number)) {
        read_ahead_forget(self);
        self->form = form;
        if (add(self, reader, number) < 0) {
            return -1;
        }
    }
    return goes_on ? add_next(client, reader, number) : pipeline_push(reader);
}

/* The value or the exception of the first slot: 1 or -1. */
static int
give(struct readahead *self, PyObject **value)
{
    struct slot slot = bulk_slots_take(&self->slots);

    Py_DECREF(slot.number);
    if (slot.failed) {
        PyErr_SetRaisedException(slot.value);
        return -1;
    }
    *value = slot.value;
    return 1;
}

static int
fetch_by(POP3Object *client, ReaderObject *reader, enum pop_reply_form form,
         PyObject *which, long long number, bool goes_on, PyObject **value)
{
    struct readahead *self = client->readahead;
    bool was_closed = progress_is_closed(&reader->progress);
    int failed;

    if (announce(client, which) < 0) {
        return -1;
    }
    progress_sending(&client->progress);
    failed = ask_ahead(client, reader, form, number, goes_on);
    progress_rested(&client->progress);
    if (failed == 0) {
        failed = receive(client, number);
    }
    if (failed == 0) {
        return is_ready(self, number) ? give(self, value) : 0;
    }
    if (is_sure(self, number)) {
        postpone(self);
        return give(self, value);
    }
    read_ahead_clear(self);
    if (!was_closed) {
        command_explain_failure(reader);
    }
    return -1;
}

/* 1 and the value; 0 if the command is to be sent as ever; -1.  Locked. */
static int
fetch(POP3Object *client, PyObject *which, enum pop_reply_form form,
      PyObject **value)
{
    struct readahead *self = client->readahead;
    long long number = pipeline_probe_number(which);
    bool again = number == self->last;
    bool goes_on = number > 0 && number - 1 == self->last;
    ReaderObject *reader = NULL;
    int found = 1;

    assert(lock_is_mine(&client->lock));
    self->last = number > 0 ? number : 0;
    if (self->slots.count > 0 && form != self->form) {
        read_ahead_forget(self);
    }
    if (!read_ahead_holds(self, number)) {
        found = goes_on ? read_ahead_is_there(self, number + 1) : 0;
    }
    if (found <= 0) {
        if (!again) {
            read_ahead_forget(self);
        }
        return found;
    }
    found = find_reader(client, form, number, &reader);
    /* Nothing that is held is sure to be what it seems. */
    if (found > 0 && reader->progress.mixed_up) {
        found = progress_check(reader->state, &reader->progress);
    }
    if (found <= 0) {
        read_ahead_forget(self);
        Py_XDECREF(reader);
        return found;
    }
    found = fetch_by(client, reader, form, which, number, goes_on, value);
    Py_DECREF(reader);
    return found;
}

static int
fetch_locked(POP3Object *client, PyObject *which, enum pop_reply_form form,
             PyObject **value)
{
    int found = 0;

    if (client->read_ahead == 0) {
        return 0;
    }
    if (pop3_lock(client) < 0) {
        return -1;
    }
    if (progress_is_idle(&client->progress)) {
        found = deadline_check(client) < 0 ? -1
                                           : fetch(client, which, form, value);
    }
    pop3_unlock(client);
    return found;
}

PyObject *
read_ahead_turn_retr(POP3Object *client, PyObject *which,
                     enum pop_reply_form form,
                     PyObject *(*ask)(POP3Object *client, PyObject *which))
{
    PyObject *value = NULL;
    int found = fetch_locked(client, which, form, &value);

    return found == 0 ? ask(client, which) : value;
}

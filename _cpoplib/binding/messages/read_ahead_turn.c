#include "binding/messages/messages.h"

#include <assert.h>

#include "binding/base/format_command.h"
#include "binding/client/deadline.h"
#include "binding/dialogue/command.h"
#include "binding/dialogue/pipeline.h"
#include "binding/dialogue/pipeline_ask.h"
#include "binding/dialogue/pipeline_probe.h"
#include "binding/dialogue/announce.h"

/* --- asking ------------------------------------------------------------- */

/* Adds a request for the message, unless it is held.  If the program takes
   messages in order (`goes_on`), and has taken half of those after this one,
   adds requests for the next ones.  `number` has at most POP_NUMBER_DIGITS. */
static int
plan(POP3Object *client, long long number, bool goes_on)
{
    struct read_ahead *self = &client->ahead;
    long long next = number;
    long long last = number;

    if (read_ahead_holds(self, number)) {
        next = read_ahead_first(self) +
               (long long)requests_count(&self->requests);
    }
    if (goes_on && next - number - 1 <= (long long)(client->read_ahead / 2)) {
        last += (long long)client->read_ahead;
    }
    for (; next <= last; next++) {
        int there = next == number ? 1 : read_ahead_is_there(self, next);

        if (there <= 0) {
            return there;
        }
        if (requests_add(&self->requests, PyLong_FromLongLong(next)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Returns whether commands may be sent ahead: 1, 0 or -1. */
static int
is_on(POP3Object *client, ReaderObject *reader, enum pop_reply_form form,
      long long number)
{
    struct requests *requests = &client->ahead.requests;
    int on = 0;

    /* A server that was not tested is tested with these requests. */
    if (client->pipelining == PIPELINING_AUTO &&
        reader->ability == READER_UNASKED) {
        on = plan(client, number, true);
    }
    if (on == 0) {
        on = pipeline_probe_is_on(client, reader, requests,
                                  form == POP_OCTETS ? PIPELINING_PLAIN : 0);
    }
    requests_empty(&requests->unsent);
    /* Messages that are held may have wrong numbers. */
    if (on > 0 && reader->progress.mixed_up) {
        on = progress_check(reader->state, &reader->progress);
    }
    return on;
}

/* Raises the audit event, all that the program sees of a command. */
static int
announce(POP3Object *client, PyObject *which)
{
    PyObject *line = format_command_make(POP_VERB_RETR, which, NULL);
    PyObject *bytes = line == NULL ? NULL : PyUnicode_AsUTF8String(line);
    int failed = bytes == NULL ? -1 : announce_line(client, bytes, true);

    Py_XDECREF(line);
    Py_XDECREF(bytes);
    return failed;
}

/* Sends the planned requests.  Those that there is no room for are planned
   again by a later call. */
static int
ask_ahead(POP3Object *client, ReaderObject *reader, enum pop_reply_form form,
          long long number, bool goes_on)
{
    struct requests *requests = &client->ahead.requests;
    bool asks;
    int failed;

    if (requests->reader != reader) {
        requests_clear(requests);
        Py_XSETREF(requests->reader,
                   (ReaderObject *)Py_NewRef((PyObject *)reader));
    }
    if (!read_ahead_holds(&client->ahead, number)) {
        requests_forget(requests);
        requests->verb = POP_VERB_RETR;
        requests->form = form;
        requests->is_silent = true;
    }
    failed = plan(client, number, goes_on);
    if (failed == 0) {
        /* Only the message that retr() waits for needs no room. */
        asks = requests->unsent.first != NULL &&
               (read_ahead_first(&client->ahead) == 0 ||
                pipeline_ask_has_room(requests, reader));
        failed = asks ? pipeline_ask(client, reader, requests)
                      : pipeline_push(reader);
    }
    requests_empty(&requests->unsent);
    return failed;
}

/* --- giving ------------------------------------------------------------- */

static bool
is_ready(const POP3Object *client, long long number)
{
    return client->ahead.requests.answered.first != NULL &&
           read_ahead_first(&client->ahead) == number;
}

/* Receives until the message is the first answer.  Stops if it is not held any
   more: code that ran meanwhile may have taken it. */
static int
receive(POP3Object *client, long long number)
{
    struct requests *requests = &client->ahead.requests;

    while (read_ahead_holds(&client->ahead, number) &&
           !is_ready(client, number)) {
        if (requests->answered.first != NULL) {
            requests_free(requests_take(&requests->answered));
        }
        else if (pipeline_receive(client, requests->reader) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Takes the first answer: stores its value and returns 1, or raises its
   exception and returns -1. */
static int
give(struct requests *requests, PyObject **value)
{
    struct request *first = requests_take(&requests->answered);

    if (first->failed) {
        PyErr_SetRaisedException(Py_NewRef(first->value));
    }
    else {
        *value = Py_NewRef(first->value);
    }
    requests_free(first);
    return *value == NULL ? -1 : 1;
}

static int
fetch_by(POP3Object *client, ReaderObject *reader, enum pop_reply_form form,
         PyObject *which, long long number, bool goes_on, PyObject **value)
{
    struct requests *requests = &client->ahead.requests;
    bool was_closed = progress_is_closed(&reader->progress);
    int failed;

    if (announce(client, which) < 0) {
        return -1;
    }
    (void)progress_entered(&client->progress, PHASE_SENDING);
    failed = ask_ahead(client, reader, form, number, goes_on);
    progress_rested(&client->progress);
    if (failed == 0) {
        failed = receive(client, number);
    }
    if (failed == 0) {
        return is_ready(client, number) ? give(requests, value) : 0;
    }
    /* The message was received before the failure, which the next one raises.
     */
    if (is_ready(client, number) && !requests->reader->progress.mixed_up &&
        PyErr_ExceptionMatches(PyExc_Exception)) {
        requests_end(requests, PyErr_GetRaisedException());
        return give(requests, value);
    }
    requests_clear(requests);
    if (!was_closed) {
        command_explain_failure(reader);
    }
    return -1;
}

/* Returns 1 and the value, 0 if the command must be sent, or -1 and an
   exception. */
static int
fetch(POP3Object *client, PyObject *which, enum pop_reply_form form,
      PyObject **value)
{
    struct read_ahead *self = &client->ahead;
    long long number = format_command_number(which);
    bool again = number == self->last;
    bool goes_on = number > 0 && number - 1 == self->last;
    ReaderObject *reader = NULL;
    int found = 1;
    int failed;

    assert(lock_is_mine(&client->lock));
    self->last = number > 0 ? number : 0;
    if (form != self->requests.form) {
        requests_forget(&self->requests);
    }
    if (!read_ahead_holds(self, number)) {
        found = goes_on ? read_ahead_is_there(self, number + 1) : 0;
    }
    if (found <= 0) {
        if (!again) {
            requests_forget(&self->requests);
        }
        return found;
    }
    found = announce_is_plain(client);
    if (found > 0) {
        reader = pop3_get_reader(client, &failed);
        found = failed ? -1 : reader != NULL;
    }
    if (found > 0) {
        found = is_on(client, reader, form, number);
    }
    if (found > 0) {
        found = fetch_by(client, reader, form, which, number, goes_on, value);
    }
    else {
        requests_forget(&self->requests);
    }
    Py_XDECREF(reader);
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

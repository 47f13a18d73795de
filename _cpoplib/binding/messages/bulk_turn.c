#include "binding/messages/bulk_turn.h"

#include <assert.h>
#include <stdio.h>

#include "binding/client/deadline.h"
#include "binding/dialogue/command.h"
#include "binding/base/errors.h"
#include "binding/dialogue/pipeline_probe.h"
#include "binding/dialogue/announce.h"
#include "binding/reader/stream.h"
#include "binding/messages/retr_bytes.h"

/* Of a command line, without what is behind its number. */
#define LINE_OCTETS 30

/* --- asking ------------------------------------------------------------- */

/* Whether .file can't be read from any more, whatever the number; perhaps with
   an exception. */
static bool
is_closed(POP3Object *client)
{
    PyObject *file = pop3_get_file(client, "readline");
    bool is = file == NULL ||
              (reader_check(client->state, file) &&
               progress_is_closed(&((ReaderObject *)file)->progress));

    Py_XDECREF(file);
    return is;
}

/* Whether the pending exception is about one number, and others can follow:
   the server's refusal, a reply that is too large, an argument that can't be
   sent. */
static bool
is_about_number(BulkIteratorObject *self)
{
    PyObject *pending = PyErr_GetRaisedException();
    bool is = false;

    if (PyErr_GivenExceptionMatches(pending, PyExc_ValueError)) {
        /* io.UnsupportedOperation is both. */
        is = !PyErr_GivenExceptionMatches(pending, PyExc_OSError) &&
             !is_closed(self->client);
    }
    else if (PyErr_GivenExceptionMatches(pending,
                                         self->client->state->error_proto)) {
        is = pop3_is_in_step(self->client);
    }
    errors_raise_again(pending);
    return is;
}

/* A slot that has failed without being asked for. */
static int
add_failed(BulkIteratorObject *self, PyObject *number, bool is_deletion)
{
    if (!is_about_number(self)) {
        return -1;
    }
    bulk_slots_add(&self->slots, number, is_deletion);
    bulk_slots_answer_last(&self->slots, PyErr_GetRaisedException(), true);
    return 0;
}

static PyObject *
command_line(BulkIteratorObject *self, PyObject *number, bool is_deletion)
{
    if (is_deletion) {
        return PyUnicode_FromFormat("DELE %S", number);
    }
    return PyUnicode_FromFormat("%s %S%U", self->verb, number, self->suffix);
}

static enum pop_reply_form
reply_form(const BulkIteratorObject *self, bool is_deletion)
{
    if (is_deletion || !self->multiline) {
        return POP_NO_LINES;
    }
    return self->as_lines ? POP_LINES : POP_OCTETS;
}

/* One command, and its reply. */
static PyObject *
call(BulkIteratorObject *self, PyObject *line, bool is_deletion)
{
    switch (reply_form(self, is_deletion)) {
    case POP_NO_LINES:
        return command_shortcmd_if_quiet(self->client, line);
    case POP_LINES:
        return command_longcmd(self->client, line, POP_END_IF_QUIET, NULL);
    case POP_OCTETS:
        break;
    }
    return retr_bytes_fetch(self->client, line);
}

/* Asks ahead for an int, where no more is seen of the command than its audit
   event: 1; 0 if that is no such number; -1. */
static int
ask_plainly(BulkIteratorObject *self, ReaderObject *reader, PyObject *number)
{
    long long value = PyLong_CheckExact(number) ? pipeline_probe_number(number)
                                                : -1;
    char text[LINE_OCTETS];
    PyObject *bytes;
    int failed;

    if (value < 0 || PyUnicode_GET_LENGTH(self->suffix) > 0) {
        return 0;
    }
    (void)snprintf(text, sizeof(text), "%s %lld", self->verb, value);
    bytes = PyBytes_FromString(text);
    if (bytes == NULL) {
        return -1;
    }
    failed = bulk_slots_reserve(&self->slots) < 0 ||
             announce_plain(self->client, bytes) < 0 ||
             stream_queue(reader, bytes, reply_form(self, false),
                          &self->owner) < 0;
    Py_DECREF(bytes);
    if (failed) {
        return add_failed(self, number, false) < 0 ? -1 : 1;
    }
    bulk_slots_add(&self->slots, number, false);
    return 1;
}

/* Asks for one number: ahead, or, if `reader` is NULL, with all else done. */
static int
ask(BulkIteratorObject *self, ReaderObject *reader, PyObject *number,
    bool is_deletion)
{
    PyObject *line;
    PyObject *value = NULL;
    bool sent = false;

    if (bulk_slots_reserve(&self->slots) < 0) {
        return -1;
    }
    line = command_line(self, number, is_deletion);
    if (line != NULL && reader != NULL) {
        sent = pipeline_send(self->client, reader, line,
                             reply_form(self, is_deletion), &self->owner) == 0;
    }
    else if (line != NULL) {
        value = call(self, line, is_deletion);
    }
    Py_XDECREF(line);
    if (!sent && value == NULL) {
        return add_failed(self, number, is_deletion);
    }
    bulk_slots_add(&self->slots, number, is_deletion);
    if (!sent) {
        bulk_slots_answer_last(&self->slots, value, false);
    }
    return 0;
}

/* Answers can come only from where they were asked for. */
static int
use_reader(BulkIteratorObject *self, ReaderObject *reader)
{
    if (self->reader == reader) {
        return 0;
    }
    if (self->slots.count > self->slots.ready) {
        errors_raise_out_of_step(self->client->state,
                                 "another file has taken the place of the one "
                                 "that replies are to come from",
                                 NULL);
        return -1;
    }
    Py_XSETREF(self->reader, (ReaderObject *)Py_NewRef((PyObject *)reader));
    return 0;
}

/* As many as there is room for. */
static int
ask_ahead(BulkIteratorObject *self, ReaderObject *reader)
{
    size_t octets = (size_t)PyUnicode_GET_LENGTH(self->suffix) + LINE_OCTETS;
    Py_ssize_t asked = 0;
    int plain;

    if (!pipeline_probe_has_room(reader, octets) ||
        (reader->half_duplex &&
         reader->progress.ahead.octets > PIPELINING_HALF_DUPLEX_OCTETS / 2)) {
        /* Those of another iterator's, perhaps. */
        return self->slots.count > 0
                   ? 0
                   : pipeline_receive_all(self->client, reader);
    }
    plain = announce_is_plain(self->client);
    if (plain < 0) {
        return -1;
    }
    while (asked < PyList_GET_SIZE(self->pulled) &&
           pipeline_probe_has_room(reader, octets)) {
        PyObject *number = Py_NewRef(PyList_GET_ITEM(self->pulled, asked));
        int done = plain > 0 ? ask_plainly(self, reader, number) : 0;

        if (done == 0) {
            done = ask(self, reader, number, false);
        }
        Py_DECREF(number);
        if (done < 0) {
            return -1;
        }
        asked++;
    }
    if (PyList_SetSlice(self->pulled, 0, asked, NULL) < 0) {
        return -1;
    }
    return pipeline_push(reader);
}

static int
ask_one(BulkIteratorObject *self)
{
    PyObject *number = Py_NewRef(PyList_GET_ITEM(self->pulled, 0));
    int failed = PyList_SetSlice(self->pulled, 0, 1, NULL);

    if (failed == 0) {
        failed = ask(self, NULL, number, false);
    }
    Py_DECREF(number);
    return failed;
}

static int
ask_due(BulkIteratorObject *self, ReaderObject *reader)
{
    PyObject *number = self->due;
    int failed = 0;

    if (number == NULL) {
        return 0;
    }
    self->due = NULL;
    if (reader != NULL && !pipeline_probe_has_room(reader, LINE_OCTETS)) {
        failed = pipeline_receive_all(self->client, reader);
    }
    if (failed == 0) {
        failed = ask(self, reader, number, true);
    }
    Py_DECREF(number);
    return failed;
}

/* What others have asked for comes before a deletion: the caller may go by
   it, and one reply too many shows only at its end. */
static int
receive_others(BulkIteratorObject *self, ReaderObject *reader)
{
    if (self->multiline || reader->progress.ahead.count <=
                               self->slots.count - self->slots.ready) {
        return 0;
    }
    return pipeline_receive_all(self->client, reader) < 0
               ? -1
               : stream_check_at_rest(reader);
}

static int
ask_all(BulkIteratorObject *self, ReaderObject *reader)
{
    if (reader != NULL &&
        (use_reader(self, reader) < 0 || receive_others(self, reader) < 0)) {
        return -1;
    }
    if (ask_due(self, reader) < 0) {
        return -1;
    }
    if (PyList_GET_SIZE(self->pulled) == 0) {
        return 0;
    }
    if (reader != NULL) {
        return ask_ahead(self, reader);
    }
    return self->slots.count == 0 ? ask_one(self) : 0;
}

/* --- answers ------------------------------------------------------------ */

/* The first answer that is to come, unless what gives .file has received it.
 */
static int
receive_one(BulkIteratorObject *self)
{
    PyObject *file = pop3_get_file(self->client, "readline");
    int failed = -1;

    if (file == NULL) {
        return -1;
    }
    if (self->slots.ready > 0) {
        failed = 0;
    }
    else if (!reader_check(self->client->state, file)) {
        failed = use_reader(self, NULL);
    }
    else if (use_reader(self, (ReaderObject *)file) == 0) {
        failed = pipeline_receive(self->client, self->reader);
    }
    Py_DECREF(file);
    return failed;
}

/* At the end: more replies than commands mean that some are not those of the
   numbers they were given with.  What else there is to say of the connection
   is its next command's. */
static int
check_end(BulkIteratorObject *self)
{
    ReaderObject *reader;
    int failed;

    if (self->reader == NULL || self->slots.count > 0 ||
        self->numbers != NULL) {
        return 0;
    }
    reader = pop3_get_reader(self->client, &failed);
    if (reader == self->reader && progress_is_in_step(&reader->progress) &&
        reader->progress.unanswered == 0 &&
        reader->progress.ahead.count == 0) {
        failed = stream_check_at_rest(reader);
    }
    Py_XDECREF(reader);
    return failed ? -1 : 0;
}

static unsigned int
how(const BulkIteratorObject *self)
{
    bool deletes = self->deletes || !self->multiline;

    return (self->multiline && !self->as_lines ? PIPELINING_PLAIN : 0) |
           (deletes ? PIPELINING_PROVED : 0);
}

/* With the lock held. */
static int
turn(BulkIteratorObject *self)
{
    ReaderObject *reader = NULL;
    int on = 0;
    int failed = 0;

    assert(lock_is_mine(&self->client->lock));
    if (pop3_check_idle(self->client) < 0 ||
        deadline_check(self->client) < 0) {
        return -1;
    }
    if (self->due != NULL || PyList_GET_SIZE(self->pulled) > 0) {
        on = pipeline_probe_is_on(self->client, self->pulled, how(self),
                                  &reader);
        if (on < 0) {
            return -1;
        }
        self->ahead = on;
        failed = ask_all(self, reader);
        Py_XDECREF(reader);
    }
    while (failed == 0 && !bulk_slots_find_result(&self->slots) &&
           self->slots.count > 0) {
        failed = receive_one(self);
    }
    return failed == 0 ? check_end(self) : failed;
}

int
bulk_turn_run(BulkIteratorObject *self)
{
    POP3Object *client = (POP3Object *)Py_NewRef((PyObject *)self->client);
    bool was_closed = self->reader != NULL &&
                      progress_is_closed(&self->reader->progress);
    int failed = pop3_lock(client);

    if (failed == 0) {
        failed = turn(self);
        pop3_unlock(client);
    }
    if (failed < 0 && !was_closed) {
        command_explain_failure(self->reader);
    }
    Py_DECREF(client);
    return failed;
}

#include "binding/messages/bulk_iterator.h"

#include <assert.h>

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/base/heap_type.h"
#include "binding/client/deadline.h"
#include "binding/dialogue/command.h"
#include "binding/dialogue/pipeline.h"
#include "binding/dialogue/pipeline_ask.h"
#include "binding/dialogue/pipeline_probe.h"
#include "binding/dialogue/announce.h"
#include "binding/messages/messages.h"
#include "binding/reader/stream.h"

/* Enough to fetch hundreds of messages in a few round trips; few enough to
   keep in memory if another command has to receive them first. */
#define DEFAULT_WINDOW 128

/* --- life --------------------------------------------------------------- */

PyObject *
bulk_iterator_new(const struct bulk_source *source, PyObject *numbers,
                  enum pop_verb verb, enum pop_reply_form form,
                  PyObject *second)
{
    PyTypeObject *type = source->state->bulk_iterator_type;
    BulkIteratorObject *self = (BulkIteratorObject *)type->tp_alloc(type, 0);

    if (self == NULL) {
        return NULL;
    }
    self->guard = Py_NewRef(source->guard);
    self->client = Py_NewRef(source->client);
    self->state = source->state;
    self->turn = source->turn;
    self->window = DEFAULT_WINDOW;
    self->ahead = source->ahead;
    self->requests.verb = verb;
    self->requests.form = form;
    self->requests.keeps_errors = true;
    if (second != NULL) {
        self->second = PyObject_Str(second);
        self->requests.second = self->second;
    }
    if (second == NULL || self->second != NULL) {
        self->numbers = PyObject_GetIter(numbers);
    }
    if (self->numbers == NULL) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int
many_traverse(PyObject *op, visitproc visit, void *arg)
{
    BulkIteratorObject *self = BULK_ITERATOR(op);

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->client);
    Py_VISIT(self->numbers);
    Py_VISIT(self->failure);
    Py_VISIT(self->second);
    return requests_traverse(&self->requests, visit, arg);
}

/* Ends the iteration; pending replies are received later, and dropped. */
static int
clear(BulkIteratorObject *self)
{
    PyObject *client = self->client;

    self->client = NULL;
    requests_clear(&self->requests);
    Py_CLEAR(self->numbers);
    Py_CLEAR(self->failure);
    Py_CLEAR(self->second);
    Py_XDECREF(client);
    return 0;
}

GUARD_FUNCTION(int, many_clear, (PyObject * op), clear(BULK_ITERATOR(op)));

/* --- asking ------------------------------------------------------------- */

/* Returns -1 and raises error_proto if `file`, the value of .file, is not the
   one that pending answers come from. */
static int
check_source(const BulkIteratorObject *self, const void *file)
{
    if (self->requests.sent.first == NULL || self->requests.reader == file) {
        return 0;
    }
    errors_raise_out_of_step(self->state,
                             "another file has taken the place of the one "
                             "that replies are to come from",
                             NULL);
    return -1;
}

bool
bulk_iterator_may_ask(const BulkIteratorObject *self,
                      const ReaderObject *reader)
{
    const struct requests *requests = &self->requests;

    /* Few large sends carry more commands than many small ones. */
    return pipeline_ask_has_room(requests, reader) &&
           (requests->unsent.first->is_deletion || !reader->half_duplex ||
            2 * reader->progress.ahead.octets <=
                PIPELINING_HALF_DUPLEX_OCTETS);
}

bool
bulk_iterator_must_receive(const BulkIteratorObject *self,
                           const ReaderObject *reader)
{
    const struct requests *requests = &self->requests;

    /* Before deletions by dele_many(): the caller may rely on the replies. */
    if (requests->form == POP_NO_LINES &&
        reader->progress.ahead.count > requests->sent.count) {
        return true;
    }
    /* A deletion comes before the numbers that were taken ahead.  If none of
       its own is pending, requests of others take the room. */
    return !bulk_iterator_may_ask(self, reader) &&
           (requests->unsent.first->is_deletion ||
            (requests->answered.first == NULL &&
             requests->sent.first == NULL));
}

/* Queues and sends as many requests as there is room for. */
static int
ask_ahead(BulkIteratorObject *self, ReaderObject *reader)
{
    struct requests *requests = &self->requests;
    int failed = check_source(self, reader);

    if (failed == 0) {
        Py_XSETREF(requests->reader,
                   (ReaderObject *)Py_NewRef((PyObject *)reader));
        if (bulk_iterator_must_receive(self, reader)) {
            failed = pipeline_receive_all(POP3(self->client), reader) < 0
                         ? -1
                         : reader_require(reader, READER_AT_REST);
        }
    }
    if (failed < 0 || requests->unsent.first == NULL) {
        return failed; /* or receiving has run code that closed the iterator */
    }
    return bulk_iterator_may_ask(self, reader)
               ? pipeline_ask(POP3(self->client), reader, requests)
               : 0;
}

/* Sends the command of a request, and returns its reply. */
static PyObject *
call(BulkIteratorObject *self, const struct request *request)
{
    POP3Object *client = POP3(self->client);
    PyObject *line = pipeline_ask_line(&self->requests, request);

    switch (pipeline_ask_form(&self->requests, request)) {
    case POP_NO_LINES:
        return command_shortcmd(client, line, POP_END_IF_QUIET);
    case POP_LINES:
        return command_longcmd(client, line, POP_END_IF_QUIET, NULL);
    default:
        return retr_bytes_fetch(client, line);
    }
}

/* Sends the next request alone, and receives its reply. */
static int
ask_alone(BulkIteratorObject *self)
{
    struct request *request = requests_take(&self->requests.unsent);
    PyObject *value = call(self, request);

    if (value == NULL) {
        return pipeline_ask_fail(
            &self->requests, request,
            pipeline_ask_is_about_number(POP3(self->client)));
    }
    requests_answer_unsent(&self->requests, request, value, false);
    return 0;
}

static void
free_first(BulkIteratorObject *self)
{
    struct request *first = requests_take(&self->requests.answered);

    self->deletions -= first->is_deletion;
    requests_free(first);
}

bool
bulk_iterator_has_answer(BulkIteratorObject *self)
{
    const struct request *first;

    while ((first = self->requests.answered.first) != NULL &&
           first->is_deletion && !first->failed) {
        free_first(self);
    }
    return first != NULL;
}

bool
bulk_iterator_deletes(const BulkIteratorObject *self)
{
    return self->deletes || self->requests.form == POP_NO_LINES;
}

bool
bulk_iterator_asks_alone(BulkIteratorObject *self)
{
    return self->requests.unsent.first->is_deletion ||
           (!bulk_iterator_has_answer(self) &&
            self->requests.sent.first == NULL);
}

/* Sends requests: ahead, as many as there is room for, or one at a time after
   all replies were received. */
static int
ask(BulkIteratorObject *self)
{
    struct requests *requests = &self->requests;
    unsigned int how = 0;
    int failed;
    ReaderObject *reader = pop3_get_reader(POP3(self->client), &failed);
    int on = -1;

    if (requests->form == POP_OCTETS) {
        how |= PIPELINING_PLAIN;
    }
    if (bulk_iterator_deletes(self)) {
        how |= PIPELINING_PROVED;
    }
    if (!failed) {
        on = pipeline_probe_is_on(POP3(self->client), reader, requests, how);
    }
    if (on >= 0) {
        self->ahead = on;
    }
    if (on > 0) {
        on = ask_ahead(self, reader);
    }
    else if (on == 0 && bulk_iterator_asks_alone(self)) {
        on = ask_alone(self);
    }
    Py_XDECREF(reader);
    return on;
}

/* --- receiving ---------------------------------------------------------- */

/* Receives the next answer, unless code that ran while .file was looked up has
   received it. */
static int
receive_one(BulkIteratorObject *self)
{
    PyObject *file = pop3_get_file(POP3(self->client), "readline");
    int failed = file == NULL ? -1 : check_source(self, file);

    if (failed == 0 && self->requests.answered.first == NULL) {
        failed = pipeline_receive(POP3(self->client), self->requests.reader);
    }
    Py_XDECREF(file);
    return failed;
}

bool
bulk_iterator_has_ended(const BulkIteratorObject *self,
                        const ReaderObject *reader)
{
    return reader != NULL && reader == self->requests.reader &&
           self->numbers == NULL && requests_count(&self->requests) == 0 &&
           progress_is_in_step(&reader->progress) &&
           reader->progress.unanswered == 0 &&
           reader->progress.ahead.count == 0;
}

/* At the end of the iteration, returns -1 and raises error_proto if there were
   more replies than commands: some results have wrong numbers.  Leaves other
   faults of the connection to the next command. */
static int
check_end(BulkIteratorObject *self)
{
    ReaderObject *reader;
    int failed;

    if (!bulk_iterator_has_ended(self, self->requests.reader)) {
        return 0;
    }
    reader = pop3_get_reader(POP3(self->client), &failed);
    if (bulk_iterator_has_ended(self, reader)) {
        failed = reader_require(reader, READER_AT_REST);
    }
    Py_XDECREF(reader);
    return failed ? -1 : 0;
}

static int
turn(BulkIteratorObject *self)
{
    assert(lock_is_mine(&POP3(self->client)->lock));
    if (pop3_check_idle(POP3(self->client)) < 0 ||
        deadline_check(POP3(self->client)) < 0) {
        return -1;
    }
    if (self->requests.unsent.first != NULL && ask(self) < 0) {
        return -1;
    }
    while (!bulk_iterator_has_answer(self) &&
           self->requests.sent.first != NULL) {
        if (receive_one(self) < 0) {
            return -1;
        }
    }
    return check_end(self);
}

int
bulk_iterator_turn(BulkIteratorObject *self)
{
    POP3Object *client = POP3(Py_NewRef(self->client));
    const ReaderObject *reader = self->requests.reader;
    bool was_closed = reader != NULL && progress_is_closed(&reader->progress);
    int failed = pop3_lock(client);

    if (failed == 0) {
        failed = turn(self);
        pop3_unlock(client);
    }
    if (failed < 0 && !was_closed) {
        command_explain_failure(self->requests.reader);
    }
    Py_DECREF(client);
    return failed;
}

/* --- numbers ------------------------------------------------------------ */

/* Ends the numbers.  Keeps an Exception that they raised until all results
   were returned; returns -1 for another exception. */
static int
end_numbers(BulkIteratorObject *self)
{
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    self->failure = PyErr_GetRaisedException();
    Py_CLEAR(self->numbers);
    return 0;
}

/* Takes numbers from the iterable once half of the window is free, so that a
   few large sends carry many commands. */
static int
pull(BulkIteratorObject *self)
{
    size_t most = self->ahead ? self->window : 1;
    size_t held = requests_count(&self->requests) - self->deletions;

    if (held > most / 2) {
        return 0;
    }
    for (; self->numbers != NULL && held < most; held++) {
        PyObject *number = PyIter_Next(self->numbers);

        if (number == NULL) {
            return end_numbers(self);
        }
        if (requests_add(&self->requests, number) < 0) {
            return -1;
        }
    }
    return 0;
}

/* --- results ------------------------------------------------------------ */

/* Keeps the pending exception until the answers that were received are
   returned; sends nothing more.  Returns -1 if there are no answers, or if the
   exception is no subclass of Exception. */
static int
end_after_answers(BulkIteratorObject *self)
{
    if (self->requests.answered.first == NULL || self->failure != NULL ||
        !PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    self->failure = PyErr_GetRaisedException();
    Py_CLEAR(self->numbers);
    requests_end(&self->requests, NULL);
    self->deletes = false;
    self->broken = true;
    return 0;
}

static int
find(BulkIteratorObject *self)
{
    const struct request_list *unsent = &self->requests.unsent;
    int result;

    do {
        if (pull(self) < 0) {
            return BULK_FAILED;
        }
        if (unsent->first == NULL && bulk_iterator_has_answer(self)) {
            return BULK_READY;
        }
        result = self->broken ? BULK_END : self->turn(self);
        if (result == BULK_WAITS) {
            return result;
        }
        if (result == BULK_FAILED && end_after_answers(self) < 0) {
            return BULK_FAILED;
        }
        if (bulk_iterator_has_answer(self)) {
            return BULK_READY;
        }
    } while (self->numbers != NULL || unsent->first != NULL);
    if (self->failure != NULL) {
        PyErr_SetRaisedException(self->failure);
        self->failure = NULL;
        return BULK_FAILED;
    }
    return BULK_END;
}

/* Returns whether the exception is a result (errors='return'). */
static bool
returns(const BulkIteratorObject *self, PyObject *exception)
{
    return self->returns_errors &&
           PyErr_GivenExceptionMatches(exception, self->state->error_proto);
}

/* Returns (number, value) of the first answer, or raises its exception. */
static PyObject *
give(BulkIteratorObject *self)
{
    struct request *first = self->requests.answered.first;
    PyObject *pair = NULL;

    if (first->failed && !returns(self, first->value)) {
        PyErr_SetRaisedException(Py_NewRef(first->value));
    }
    else {
        pair = PyTuple_Pack(2, first->number, first->value);
    }
    if (pair == NULL || first->failed || !self->deletes) {
        free_first(self);
        return pair;
    }
    /* The deletion precedes the numbers that were taken ahead. */
    (void)requests_take(&self->requests.answered);
    Py_CLEAR(first->value);
    first->is_deletion = true;
    self->deletions++;
    requests_put_back(&self->requests.unsent, first);
    return pair;
}

static void
end(BulkIteratorObject *self)
{
    PyObject *pending = PyErr_GetRaisedException();

    (void)clear(self);
    PyErr_SetRaisedException(pending);
}

static int
check_idle(const BulkIteratorObject *self)
{
    if (self->running) {
        PyErr_SetString(PyExc_ValueError, "iterator already executing");
        return -1;
    }
    return 0;
}

PyObject *
bulk_iterator_next(BulkIteratorObject *self, int *result)
{
    *result = BULK_END;
    if (check_idle(self) < 0 || self->client == NULL) {
        return NULL;
    }
    self->running = true;
    *result = find(self);
    self->running = false;
    if (*result == BULK_READY) {
        return give(self);
    }
    if (*result != BULK_WAITS) {
        end(self);
    }
    return NULL;
}

GUARD_FUNCTION(PyObject *, many_next, (PyObject * op),
               bulk_iterator_next(BULK_ITERATOR(op), &(int){0}));

ARGS_DOC(close_doc, "close($self)",
"End the iteration without waiting.\n"
"\n"
"The next command on the connection receives and drops the pending replies.\n"
"Deleting the iterator has the same effect.");

static PyObject *
close_idle(BulkIteratorObject *self)
{
    if (check_idle(self) < 0) {
        return NULL;
    }
    end(self);
    Py_RETURN_NONE;
}

GUARD_METHOD(many_close, close_idle(BULK_ITERATOR(op)));

ARGS_DOC(sizeof_doc, "__sizeof__($self)",
"Octets of memory, requests and answers included.");

GUARD_METHOD(many_sizeof,
             PyLong_FromSize_t(heap_type_own_size(op) +
                               requests_size(&BULK_ITERATOR(op)->requests)));

ARGS_DOC(length_hint_doc, "__length_hint__($self)",
"Return how many results are left; NotImplemented if the numbers have no\n"
"length.");

static PyObject *
length_hint(const BulkIteratorObject *self)
{
    PyObject *numbers = Py_XNewRef(self->numbers);
    Py_ssize_t left = 0;

    if (numbers != NULL) {
        left = PyObject_LengthHint(numbers, -1);
        Py_DECREF(numbers);
    }
    if (left < 0) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
    }
    return PyLong_FromSize_t((size_t)left + requests_count(&self->requests) -
                             self->deletions);
}

GUARD_METHOD(many_length_hint, length_hint(BULK_ITERATOR(op)));

ARGS_DOC(class_getitem_doc, "__class_getitem__($cls, item, /)",
"Return ManyIterator[number, answer], for annotations.");

/* --- type --------------------------------------------------------------- */

static PyMethodDef many_methods[] = {
    {"close", many_close, METH_NOARGS, close_doc},
    {"__sizeof__", many_sizeof, METH_NOARGS, sizeof_doc},
    {"__length_hint__", many_length_hint, METH_NOARGS, length_hint_doc},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS,
     class_getitem_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(many_doc,
"An iterator over (number, answer), which retr_many() returns.");

static PyType_Slot many_slots[] = {
    {Py_tp_doc, (void *)many_doc},
    {Py_tp_traverse, many_traverse},
    {Py_tp_clear, many_clear},
    {Py_tp_dealloc, heap_type_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, many_next},
    {Py_tp_methods, many_methods},
    {Py_tp_new, heap_type_refuse_new},
    {0, NULL},
};

PyType_Spec bulk_iterator_spec = {
    .name = "poplib_c.ManyIterator",
    .basicsize = sizeof(BulkIteratorObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = many_slots,
};

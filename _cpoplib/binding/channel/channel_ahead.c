/* Commands sent ahead of the replies to others, and retr_many(). */

#include "binding/channel/channel.h"

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/dialogue/pipeline.h"
#include "binding/dialogue/pipeline_ask.h"
#include "binding/dialogue/pipeline_probe.h"
#include "binding/dialogue/pipeline_proof.h"
#include "binding/reader/held.h"
#include "binding/reader/stream.h"

/* Functions that return int return enum stream_result, unless they say
   otherwise. */

/* --- receiving ---------------------------------------------------------- */

/* Sends the question whether a reply is left over. */
static int
begin_question(ChannelObject *self)
{
    ReaderObject *reader = self->reader;
    PyObject *line = channel_announce(self, held_question(reader));
    int failed = -1;

    if (line != NULL && reader_enter(reader, READER_AT_REST) == 0) {
        self->reply.sink = held_sink(reader, &self->in.limits);
        failed = stream_start(reader, line, &self->reply.sink);
        reader_leave(reader);
    }
    Py_XDECREF(line);
    return failed;
}

/* Finds out by the question whether a reply is left over; gives the answers
   that are held to their owners, or raises. */
static int
question(ChannelObject *self)
{
    ReaderObject *reader = self->reader;
    int result = self->is_questioned ? STREAM_DONE : begin_question(self);
    PyObject *pending = PyErr_GetRaisedException();

    self->is_questioned = true;
    if (reader_enter(reader, READER_OPEN) < 0) {
        Py_XDECREF(pending);
        self->is_questioned = false;
        held_forget(reader);
        return STREAM_FAILED;
    }
    PyErr_SetRaisedException(pending);
    if (result == STREAM_DONE) {
        result = channel_note(self, stream_go_on(reader, &self->reply.sink));
    }
    if (result == STREAM_DONE) {
        result = held_check(reader, &reader->lock, self->reply.sink.response);
    }
    if (result != STREAM_WAITS) {
        self->is_questioned = false;
        held_end(reader, &reader->lock, result == STREAM_DONE);
        channel_end_reply(self);
    }
    reader_leave(reader);
    return result;
}

/* Receives one reply, and all others if answers are held. */
static int
receive(ChannelObject *self)
{
    ReaderObject *reader = self->reader;
    int result;

    if (reader->held == NULL || reader->progress.ahead.count > 0) {
        if (channel_limits(self, POP_UNLIMITED_OCTETS, false,
                           &self->in.limits) < 0 ||
            reader_enter(reader, READER_IN_STEP) < 0) {
            return STREAM_FAILED;
        }
        result = channel_note(self, replies_receive(&self->in));
        reader_leave(reader);
        if (result != STREAM_DONE || reader->held == NULL) {
            return result;
        }
    }
    return question(self);
}

static int
receive_all(ChannelObject *self)
{
    int result = STREAM_DONE;

    while (result == STREAM_DONE && (self->reader->progress.ahead.count > 0 ||
                                     self->reader->held != NULL)) {
        result = receive(self);
    }
    return result;
}

/* --- asking ------------------------------------------------------------- */

/* Returns whether the pending exception is an answer about one number. */
static bool
is_about_number(ChannelObject *self)
{
    const struct stream_progress *stream = &self->reader->progress;

    return !progress_is_closed(stream) && progress_is_in_step(stream) &&
           (PyErr_ExceptionMatches(self->state->error_proto) ||
            (PyErr_ExceptionMatches(PyExc_ValueError) &&
             !PyErr_ExceptionMatches(PyExc_OSError)));
}

/* Queues the next request. */
static int
ask_next(ChannelObject *self, struct requests *requests)
{
    struct request *request = requests_take(&requests->unsent);
    PyObject *line = channel_announce(self,
                                      pipeline_ask_line(requests, request));

    return pipeline_ask_queue(self->reader, requests, request, line) == 0
               ? 0
               : pipeline_ask_fail(requests, request,
                                   requests->keeps_errors &&
                                       is_about_number(self));
}

/* Queues and sends requests, `most` of them or as many as there is room for.
   The queue is not empty. */
static int
ask(ChannelObject *self, struct requests *requests, size_t most)
{
    ReaderObject *reader = self->reader;

    if (reader->progress.ahead.count == 0 &&
        reader_require(reader, READER_AT_REST) < 0) {
        return -1;
    }
    Py_XSETREF(requests->reader,
               (ReaderObject *)Py_NewRef((PyObject *)reader));
    do {
        if (ask_next(self, requests) < 0) {
            return -1;
        }
    } while (--most > 0 && requests->unsent.first != NULL &&
             pipeline_ask_has_room(requests, reader));
    return pipeline_push(reader);
}

/* Returns whether commands may be sent ahead: 1, 0, -1 and an exception, or 2
   if that has to be proved. */
static int
is_able(ChannelObject *self, const BulkIteratorObject *many)
{
    const struct requests *requests = &many->requests;
    enum reader_ability ability = self->reader->ability;

    if (self->pipelining == PIPELINING_NEVER) {
        return 0;
    }
    if (self->pipelining == PIPELINING_ALWAYS &&
        !bulk_iterator_deletes(many)) {
        return 1;
    }
    if (ability != READER_UNASKED) {
        return ability == READER_ABLE;
    }
    requests_clear(&self->proof);
    if (pipeline_proof_collect(&self->proof, requests) < 0) {
        return -1;
    }
    return self->proof.unsent.count < 2 ? 0 : 2;
}

/* Sends requests: ahead, as many as there is room for, or one at a time. */
static int
ask_many(ChannelObject *self, BulkIteratorObject *many)
{
    struct requests *requests = &many->requests;
    int able = is_able(self, many);
    int result = STREAM_DONE;

    if (able == 2) {
        self->wants = CHANNEL_WANTS_PROOF;
        return STREAM_WAITS;
    }
    many->ahead = able > 0;
    if (able < 0 || (able == 0 && !bulk_iterator_asks_alone(many))) {
        return able;
    }
    if (able == 0 || bulk_iterator_must_receive(many, self->reader)) {
        result = receive_all(self);
    }
    /* Receiving may have run code that closed the iterator. */
    if (result != STREAM_DONE || requests->unsent.first == NULL ||
        !bulk_iterator_may_ask(many, self->reader)) {
        return result;
    }
    return ask(self, requests, able > 0 ? SIZE_MAX : 1);
}

/* --- retr_many() and others --------------------------------------------- */

/* See bulk_turn. */
static int
take_turn(BulkIteratorObject *many)
{
    ChannelObject *self = CHANNEL(many->client);
    const struct requests *requests = &many->requests;
    int result = STREAM_DONE;

    if (self->client == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "Channel.next() continues it");
        return BULK_FAILED;
    }
    if (requests->unsent.first != NULL) {
        result = ask_many(self, many);
    }
    while (result == STREAM_DONE && !bulk_iterator_has_answer(many) &&
           requests->sent.first != NULL) {
        result = receive(self);
    }
    if (result == STREAM_DONE && bulk_iterator_has_ended(many, self->reader)) {
        result = reader_require(self->reader, READER_AT_REST);
    }
    return result;
}

/* Returns an iterator for next(): many(verb, numbers, howmuch, window, errors,
   delete, lines). */
static PyObject *
start_many(ChannelObject *self, PyObject **values)
{
    const struct bulk_source source = {
        .client = (PyObject *)self,
        .guard = self->guard,
        .state = self->state,
        .turn = take_turn,
        .ahead = self->pipelining != PIPELINING_NEVER,
    };
    enum pop_verb verb = POP_VERB_RETR;

    if (values[2] != Py_None) {
        verb = POP_VERB_TOP;
    }
    else if (PyUnicode_CompareWithASCIIString(values[0], "DELE") == 0) {
        verb = POP_VERB_DELE;
    }
    if (verb != POP_VERB_TOP) {
        values[2] = values[1];
        values++;
    }
    return bulk_start(&source, verb, values + 1);
}

ARGS_FUNCTION(channel_many, start_many(CHANNEL(op), values),
              .method = "Channel.many",
              .names = {"verb", "numbers", "howmuch", "window", "errors",
                        "delete", "lines"},
              .required = 2);

/* Return the iterator's next result, or None to wait.  Raises
   StopAsyncIteration at its end. */
static PyObject *
next(ChannelObject *self, PyObject **values)
{
    PyObject *many = values[1];
    PyObject *pair;
    int result;

    if (!Py_IS_TYPE(many, self->state->bulk_iterator_type) ||
        BULK_ITERATOR(many)->turn != take_turn) {
        PyErr_BadArgument();
        return NULL;
    }
    self->client = values[0];
    pair = bulk_iterator_next(BULK_ITERATOR(many), &result);
    if (result == BULK_WAITS) {
        Py_RETURN_NONE;
    }
    if (pair == NULL && !PyErr_Occurred()) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
    }
    return pair;
}

ARGS_FUNCTION(channel_next, channel_run(op, values, next),
              .method = "Channel.next", .names = {"client", "many"},
              .required = 2);

/* Receive all pending replies to commands sent ahead.  Returns True after
   that, None to wait. */
static PyObject *
receive_pending(ChannelObject *self, PyObject **values)
{
    int result;

    self->client = values[0];
    result = receive_all(self);
    if (result == STREAM_FAILED) {
        return NULL;
    }
    return Py_NewRef(result == STREAM_DONE ? Py_True : Py_None);
}

ARGS_FUNCTION(channel_receive, channel_run(op, values, receive_pending),
              .method = "Channel.receive", .names = {"client"}, .required = 1);

/* --- the proof ---------------------------------------------------------- */

/* Send the requests of the proof that next() wants; receive() their answers.
 */
static PyObject *
prove(ChannelObject *self, PyObject **values)
{
    self->client = values[0];
    return args_none(self->proof.unsent.first != NULL &&
                     ask(self, &self->proof, SIZE_MAX) < 0);
}

ARGS_FUNCTION(channel_prove, channel_run(op, values, prove),
              .method = "Channel.prove", .names = {"client"}, .required = 1);

/* Judges by the answers.  Returns 1, 0, -1 and an exception, or 2 if a proof
   of one suspect message is to follow. */
static int
judge(ChannelObject *self)
{
    struct requests *proof = &self->proof;
    PyObject *suspect;

    if (reader_require(self->reader, READER_AT_REST) < 0) {
        return -1;
    }
    if (proof->answered.count == 1) {
        return pipeline_proof_is_refused(proof);
    }
    if (!pipeline_proof_holds(proof, &suspect)) {
        return 0;
    }
    if (suspect == NULL) {
        return 1;
    }
    Py_INCREF(suspect);
    requests_clear(proof);
    return pipeline_proof_add(proof, suspect) < 0 ? -1 : 2;
}

/* Note whether the server keeps the order; without `able`, as the answers to
   the proof say.  Returns True if another proof is needed, else False. */
static PyObject *
settle(ChannelObject *self, PyObject **values)
{
    int is = values[0] == NULL ? judge(self) : PyObject_IsTrue(values[0]);

    if (is == 2) {
        Py_RETURN_TRUE;
    }
    requests_clear(&self->proof);
    if (is < 0) {
        return NULL;
    }
    pipeline_probe_note_ability(self->reader, is > 0);
    Py_RETURN_FALSE;
}

ARGS_FUNCTION(channel_settle, channel_run(op, values, settle),
              .method = "Channel.settle", .names = {"able"});

PyMethodDef channel_ahead_methods[] = {
    ARGS_METHOD("many", channel_many, NULL),
    ARGS_METHOD("next", channel_next, NULL),
    ARGS_METHOD("receive", channel_receive, NULL),
    ARGS_METHOD("prove", channel_prove, NULL),
    ARGS_METHOD("settle", channel_settle, NULL),
    {NULL, NULL, 0, NULL},
};

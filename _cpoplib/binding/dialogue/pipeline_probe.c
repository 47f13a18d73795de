#include "binding/dialogue/pipeline_probe.h"

#include <assert.h>
#include <string.h>

#include "binding/reader/held.h"
#include "binding/dialogue/pipeline.h"
#include "binding/dialogue/pipeline_ask.h"
#include "binding/base/errors.h"
#include "binding/client/overrides.h"
#include "binding/dialogue/announce.h"
#include "binding/reader/stream.h"
#include "core/proto/scan.h"

/* --- can it be done on our side? ---------------------------------------- */

/* Returns whether no method on the way is overridden: 1, 0 or -1. */
static int
are_own(POP3Object *self, bool plain)
{
    hook_set others = HOOK_SET(HOOK_SHORTCMD) | HOOK_SET(HOOK_LONGCMD) |
                      REPLIES_HOOKS;

    return overrides_are_own(self, COMMAND_HOOKS | (plain ? 0 : others));
}

/* Returns whether .sock is the Reader's socket: 1, 0 or -1. */
static int
is_own_socket(POP3Object *self, const ReaderObject *reader)
{
    PyObject *sock;
    int is;

    if (PyObject_GetOptionalAttr((PyObject *)self, self->state->name.sock,
                                 &sock) < 0) {
        return -1;
    }
    is = sock == reader->sock;
    Py_XDECREF(sock);
    return is;
}

/* --- what the server says ----------------------------------------------- */

/* 'PIPELINING' in self.capa() */
static int
is_announced(POP3Object *self, const ReaderObject *reader)
{
    PyObject *capabilities;
    PyObject *name;
    int announced = -1;

    capabilities = PyObject_CallMethodNoArgs((PyObject *)self,
                                             self->state->name.capa);
    if (capabilities == NULL) {
        /* Without CAPA there are no capabilities. */
        return progress_is_in_step(&reader->progress)
                   ? errors_clear(self->state->error_proto)
                   : -1;
    }
    name = PyUnicode_FromString("PIPELINING");
    if (name != NULL) {
        announced = PySequence_Contains(capabilities, name);
        Py_DECREF(name);
    }
    Py_DECREF(capabilities);
    return announced;
}

/* --- what the server does ----------------------------------------------- */

long long
pipeline_probe_number(PyObject *object)
{
    const char *text;
    long long number;
    size_t length;
    size_t digits;

    if (PyLong_CheckExact(object)) {
        int overflow;

        number = PyLong_AsLongLongAndOverflow(object, &overflow);
        return overflow == 0 && number > 0 && number <= POP_NUMBER_MOST
                   ? number
                   : -1;
    }
    if (!PyUnicode_CheckExact(object) || !PyUnicode_IS_ASCII(object)) {
        return -1;
    }
    text = (const char *)PyUnicode_1BYTE_DATA(object);
    length = (size_t)PyUnicode_GET_LENGTH(object);
    number = pop_scan_number(text, length, &digits);
    return digits == length ? number : -1;
}

/* Adds a request for the number, unless there is one: an answer that came
   twice must not pass the test. */
static int
add_distinct(struct requests *proof, PyObject *seen, long long number)
{
    Py_ssize_t before = PySet_GET_SIZE(seen);
    PyObject *key = PyLong_FromLongLong(number);

    if (key == NULL || PySet_Add(seen, key) < 0) {
        Py_XDECREF(key);
        return -1;
    }
    if (PySet_GET_SIZE(seen) > before) {
        return requests_add(proof, key);
    }
    Py_DECREF(key);
    return 0;
}

/* Adds a request for each message whose number is certain. */
static int
collect(struct requests *proof, const struct requests *requests)
{
    PyObject *seen = PySet_New(NULL);
    /* Making the set may collect garbage, whose __del__ may use the client. */
    const struct request *request = requests->unsent.first;
    int failed = seen == NULL ? -1 : 0;

    for (; failed == 0 && request != NULL; request = request->next) {
        long long number = pipeline_probe_number(request->number);

        if (number > 0 && !request->is_deletion) {
            failed = add_distinct(proof, seen, number);
        }
    }
    Py_XDECREF(seen);
    return failed;
}

static int
run(struct requests *proof, POP3Object *client, ReaderObject *reader)
{
    int failed;

    proof->verb = POP_VERB_LIST;
    proof->form = POP_NO_LINES;
    proof->reader = (ReaderObject *)Py_NewRef((PyObject *)reader);
    /* Commands of others would take the room that the test needs. */
    failed = pipeline_receive_all(client, reader);
    if (failed == 0) {
        failed = pipeline_ask(client, reader, proof);
    }
    if (failed == 0) {
        failed = pipeline_receive_all(client, reader);
    }
    requests_end(proof, NULL);
    return failed < 0 ? -1 : reader_require(reader, READER_AT_REST);
}

/* Returns whether a message that was refused among others is also refused
   alone: 1, 0 or -1.  A server with too many commands at once may refuse
   some. */
static int
is_refused_alone(POP3Object *client, ReaderObject *reader, PyObject *number)
{
    struct requests alone = {0};
    int is = -1;

    if (requests_add(&alone, Py_NewRef(number)) == 0 &&
        run(&alone, client, reader) == 0) {
        is = alone.answered.first != NULL && alone.answered.first->failed;
    }
    requests_clear(&alone);
    return is;
}

/* Returns whether the answers prove that the server keeps their order: 1, 0 or
   -1.  Refusals prove nothing; a message that does not exist is refused. */
static int
holds(const struct requests *proof, POP3Object *client, ReaderObject *reader)
{
    const struct request *request = proof->answered.first;
    PyObject *first = NULL; /* refused after the last that was not */
    PyObject *last = NULL;  /* refused last */
    bool is_right = false;

    for (; request != NULL; request = request->next) {
        const char *rest;

        if (request->failed) {
            first = first != NULL ? first : request->number;
            last = request->number;
        }
        else if (held_listed_number(request->value, &rest) ==
                 pipeline_probe_number(request->number)) {
            is_right = true;
            first = NULL;
        }
        else {
            return 0;
        }
    }
    if (!is_right || last == NULL) {
        return is_right;
    }
    return is_refused_alone(client, reader, first != NULL ? first : last);
}

static int
find_out(POP3Object *self, ReaderObject *reader, struct requests *proof)
{
    int able = 1;

    if (proof->unsent.count < 2) {
        return 0;
    }
    if (self->pipelining == PIPELINING_AUTO) {
        able = is_announced(self, reader);
    }
    if (able < 0 || progress_is_closed(&reader->progress)) {
        return able < 0 ? -1 : 0;
    }
    if (able > 0) {
        able = run(proof, self, reader) < 0 ? -1 : holds(proof, self, reader);
    }
    if (able >= 0) {
        reader->ability = able > 0 ? READER_ABLE : READER_UNABLE;
    }
    return able;
}

static int
server_is_able(POP3Object *self, ReaderObject *reader,
               const struct requests *requests, bool proved)
{
    struct requests proof = {0};
    int able;

    if (self->pipelining == PIPELINING_ALWAYS && !proved) {
        return 1;
    }
    if (reader->ability != READER_UNASKED) {
        return reader->ability == READER_ABLE;
    }
    able = collect(&proof, requests) < 0 ? -1 : find_out(self, reader, &proof);
    requests_clear(&proof);
    return able;
}

/* --- both --------------------------------------------------------------- */

int
pipeline_probe_is_on(POP3Object *self, ReaderObject *reader,
                     const struct requests *requests, unsigned int how)
{
    int on;

    assert(lock_is_mine(&self->lock));
    if (self->pipelining == PIPELINING_NEVER || reader == NULL) {
        return 0;
    }
    on = are_own(self, (how & PIPELINING_PLAIN) != 0);
    if (on > 0) {
        on = is_own_socket(self, reader);
    }
    /* Commands sent by hand must be answered first. */
    if (on > 0 && reader->progress.ahead.count == 0 &&
        reader_require(reader, READER_AT_REST) < 0) {
        on = -1;
    }
    return on > 0 ? server_is_able(self, reader, requests,
                                   (how & PIPELINING_PROVED) != 0)
                  : on;
}

/* Returns whether the line (str) begins with the verb and a space. */
static bool
begins_with(PyObject *line, const char *verb)
{
    char text[8];
    size_t length = (size_t)PyUnicode_GET_LENGTH(line);
    size_t i;

    for (i = 0; i < sizeof(text) && i < length; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(line, (Py_ssize_t)i);

        text[i] = c < 0x80 ? (char)c : '?';
    }
    return pop_scan_begins_with(text, i, verb);
}

void
pipeline_probe_note_line(ReaderObject *reader, PyObject *line)
{
    static const char *const verbs[] = {"APOP ", "AUTH ", "PASS ", "RPOP "};
    size_t i;

    if (!PyUnicode_Check(line)) {
        return;
    }
    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (begins_with(line, verbs[i])) {
            reader->ability = READER_UNASKED;
        }
    }
}

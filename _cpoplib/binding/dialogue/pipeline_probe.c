#include "binding/dialogue/pipeline_probe.h"

#include <assert.h>
#include <string.h>

#include "binding/dialogue/pipeline.h"
#include "binding/base/errors.h"
#include "binding/client/overrides.h"
#include "binding/dialogue/getresp.h"
#include "binding/dialogue/held.h"
#include "binding/reader/stream.h"
#include "core/proto/scan.h"

/* --- can it be done on our side? ---------------------------------------- */

/* Whether no method between us and the wire is overridden. */
static int
are_own(POP3Object *self, bool plain)
{
    static const enum hook others[] = {HOOK_SHORTCMD, HOOK_LONGCMD};
    int own = overrides_is_own(self, HOOK_PUTCMD);
    size_t i;

    if (own > 0) {
        own = overrides_is_own(self, HOOK_PUTLINE);
    }
    if (plain) {
        return own;
    }
    for (i = 0; own > 0 && i < sizeof(others) / sizeof(others[0]); i++) {
        own = overrides_is_own(self, others[i]);
    }
    return own > 0 ? getresp_are_own(self) : own;
}

/* Whether .sock is what the Reader reads from. */
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

/* The answers to LIST, each with an argument. */
struct proof {
    struct pipeline_owner owner;
    long long *numbers;
    size_t count;
    size_t answered;
    size_t right;
    long long refused; /* the first one behind those; 0 */
    long long other;   /* any one; 0 */
    bool wrong;
};

/* A message that does not exist is refused. */
static void
proof_answer(struct pipeline_owner *owner, PyObject *value, bool failed)
{
    struct proof *self = (struct proof *)owner;
    long long number = self->numbers[self->answered++];
    const char *rest;

    if (failed) {
        self->refused = self->refused != 0 ? self->refused : number;
        self->other = number;
    }
    else if (held_listed_number(value, &rest) == number) {
        self->right++;
        self->refused = 0;
    }
    else {
        self->wrong = true;
    }
    Py_DECREF(value);
}

static void
proof_init(struct proof *self, long long *numbers, size_t count)
{
    self->owner.answer = proof_answer;
    self->numbers = numbers;
    self->count = count;
    self->answered = 0;
    self->right = 0;
    self->refused = 0;
    self->other = 0;
    self->wrong = false;
}

/* Adds the number to a set: 1, 0 if it was there, -1. */
static int
add_distinct(PyObject *seen, long long number)
{
    PyObject *key = PyLong_FromLongLong(number);
    int has = key == NULL ? -1 : PySet_Contains(seen, key);

    if (has == 0) {
        has = PySet_Add(seen, key);
        has = has < 0 ? -1 : 1;
    }
    else if (has > 0) {
        has = 0;
    }
    Py_XDECREF(key);
    return has;
}

/* Whichever messages can be recognised by their number, each once: an answer
   that came twice must not pass. */
static int
collect(PyObject *objects, long long *numbers, size_t *count)
{
    PyObject *seen = PySet_New(NULL);
    int added = seen == NULL ? -1 : 0;
    Py_ssize_t i;

    *count = 0;
    for (i = 0; added >= 0 && i < PyList_GET_SIZE(objects); i++) {
        long long number = pipeline_probe_number(PyList_GET_ITEM(objects, i));

        added = number > 0 ? add_distinct(seen, number) : 0;
        if (added > 0) {
            numbers[(*count)++] = number;
        }
    }
    Py_XDECREF(seen);
    return added < 0 ? -1 : 0;
}

static int
proof_send(struct proof *self, POP3Object *client, ReaderObject *reader)
{
    size_t i;

    for (i = 0; i < self->count; i++) {
        PyObject *line = PyUnicode_FromFormat("LIST %lld", self->numbers[i]);
        int failed;

        if (line == NULL) {
            return -1;
        }
        if (!pipeline_probe_has_room(reader,
                                     (size_t)PyUnicode_GET_LENGTH(line) + 2)) {
            self->count = i;
        }
        failed = i < self->count &&
                 pipeline_send(client, reader, line, POP_NO_LINES,
                               &self->owner) < 0;
        Py_DECREF(line);
        if (failed) {
            return -1;
        }
    }
    return pipeline_push(reader);
}

static int
proof_run(struct proof *self, POP3Object *client, ReaderObject *reader)
{
    int failed = proof_send(self, client, reader);

    if (failed == 0) {
        failed = pipeline_receive_all(client, reader);
    }
    pipeline_disown(reader, &self->owner);
    return failed < 0 ? -1 : stream_check_at_rest(reader);
}

/* Whether a message that was refused among others is refused on its own, too:
   a server that has too many commands at once may refuse some.  1, 0, -1. */
static int
is_refused_alone(POP3Object *client, ReaderObject *reader, long long number)
{
    struct proof alone;

    proof_init(&alone, &number, 1);
    if (proof_run(&alone, client, reader) < 0) {
        return -1;
    }
    return alone.other != 0;
}

/* Whether the answers are those of a server that keeps their order: one that
   has refused them all shows none. */
static int
proof_holds(const struct proof *self, POP3Object *client, ReaderObject *reader)
{
    if (self->right == 0 || self->wrong) {
        return 0;
    }
    if (self->other == 0) {
        return 1;
    }
    return is_refused_alone(client, reader,
                            self->refused != 0 ? self->refused : self->other);
}

static int
find_out(POP3Object *self, ReaderObject *reader, struct proof *proof)
{
    int able = 1;

    if (proof->count < 2) {
        return 0;
    }
    if (self->pipelining == PIPELINING_AUTO) {
        able = is_announced(self, reader);
    }
    if (able < 0 || progress_is_closed(&reader->progress)) {
        return able < 0 ? -1 : 0;
    }
    if (able > 0) {
        able = proof_run(proof, self, reader) < 0
                   ? -1
                   : proof_holds(proof, self, reader);
    }
    if (able >= 0) {
        reader->ability = able > 0 ? READER_ABLE : READER_UNABLE;
    }
    return able;
}

static int
server_is_able(POP3Object *self, ReaderObject *reader, PyObject *objects,
               bool proved)
{
    struct proof proof;
    long long *numbers;
    size_t count;
    int able = -1;

    if (self->pipelining == PIPELINING_ALWAYS && !proved) {
        return 1;
    }
    if (reader->ability != READER_UNASKED) {
        return reader->ability == READER_ABLE;
    }
    numbers = PyMem_New(long long, (size_t)PyList_GET_SIZE(objects));
    if (numbers == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (collect(objects, numbers, &count) == 0) {
        proof_init(&proof, numbers, count);
        able = find_out(self, reader, &proof);
    }
    PyMem_Free(numbers);
    return able;
}

/* --- both --------------------------------------------------------------- */

static int
is_on(POP3Object *self, PyObject *numbers, unsigned int how,
      ReaderObject *reader)
{
    int on = are_own(self, (how & PIPELINING_PLAIN) != 0);

    if (on > 0) {
        on = is_own_socket(self, reader);
    }
    /* What was sent by hand is to be answered first. */
    if (on > 0 && reader->progress.ahead.count == 0 &&
        stream_check_at_rest(reader) < 0) {
        on = -1;
    }
    return on > 0 ? server_is_able(self, reader, numbers,
                                   (how & PIPELINING_PROVED) != 0)
                  : on;
}

int
pipeline_probe_is_on(POP3Object *self, PyObject *numbers, unsigned int how,
                     ReaderObject **reader)
{
    int failed;
    int on;

    assert(lock_is_mine(&self->lock));
    *reader = NULL;
    if (self->pipelining == PIPELINING_NEVER) {
        return 0;
    }
    *reader = pop3_get_reader(self, &failed);
    if (*reader == NULL) {
        return failed ? -1 : 0;
    }
    on = is_on(self, numbers, how, *reader);
    if (on <= 0) {
        Py_CLEAR(*reader);
    }
    return on;
}

bool
pipeline_probe_has_room(const ReaderObject *reader, size_t octets)
{
    if (reader->progress.ahead.count == 0) {
        return true;
    }
    return !reader->link.ends.uncertain &&
           (!reader->half_duplex || reader->progress.ahead.octets + octets <=
                                        PIPELINING_HALF_DUPLEX_OCTETS);
}

/* Whether the line, str, begins with the verb and a blank. */
static bool
begins_with(PyObject *line, const char *verb)
{
    char text[8];
    size_t length = (size_t)PyUnicode_GET_LENGTH(line);
    size_t i;

    if (length > sizeof(text)) {
        length = sizeof(text);
    }
    for (i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(line, (Py_ssize_t)i);

        text[i] = c < 0x80 ? (char)c : '?';
    }
    return pop_scan_begins_with(text, length, verb);
}

void
pipeline_probe_note(ReaderObject *reader, PyObject *line)
{
    static const char *const verbs[] = {"APOP ", "AUTH ", "PASS ", "RPOP "};
    size_t i;

    if (reader == NULL || !PyUnicode_Check(line)) {
        return;
    }
    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (begins_with(line, verbs[i])) {
            reader->ability = READER_UNASKED;
        }
    }
}

#include "binding/readahead.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "binding/ahead.h"
#include "binding/dialogue.h"
#include "binding/pipelining.h"
#include "binding/sending.h"
#include "binding/slots.h"
#include "core/scan.h"

/* Of a command line. */
#define LINE_OCTETS 30
#define UNKNOWN (-1)

/* The slots are messages with consecutive numbers. */
struct readahead {
    struct ahead_owner owner;
    ReaderObject *reader; /* what the replies come from; NULL at first */
    struct slots slots;
    size_t dropped; /* replies to come before those, which nobody wants */
    enum pop_reply_form form;
    long long last;     /* message that was asked for last; 0 */
    long long messages; /* in the maildrop, at least; UNKNOWN */
    bool logged_in;
};

/* --- life --------------------------------------------------------------- */

static void
readahead_answer(struct ahead_owner *owner, PyObject *value, bool failed)
{
    struct readahead *self = (struct readahead *)owner;

    if (self->dropped > 0) {
        self->dropped--;
        Py_DECREF(value);
        return;
    }
    slots_answer(&self->slots, value, failed);
}

struct readahead *
readahead_new(void)
{
    struct readahead *self = PyMem_Calloc(1, sizeof(*self));

    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    self->owner.answer = readahead_answer;
    slots_init(&self->slots);
    self->form = POP_LINES;
    self->messages = UNKNOWN;
    return self;
}

void
readahead_clear(struct readahead *self)
{
    ReaderObject *reader = self->reader;

    self->reader = NULL;
    if (reader != NULL) {
        ahead_disown(reader, &self->owner);
    }
    self->dropped = 0;
    slots_clear(&self->slots);
    Py_XDECREF(reader);
}

void
readahead_free(struct readahead *self)
{
    if (self != NULL) {
        readahead_clear(self);
        PyMem_Free(self);
    }
}

int
readahead_traverse(const struct readahead *self, visitproc visit, void *arg)
{
    if (self == NULL) {
        return 0;
    }
    Py_VISIT(self->reader);
    return slots_traverse(&self->slots, visit, arg);
}

void
readahead_reset(POP3Object *client)
{
    struct readahead *self = client->readahead;

    readahead_clear(self);
    self->last = 0;
    self->messages = UNKNOWN;
    self->logged_in = false;
}

/* --- what is held ------------------------------------------------------- */

/* What is to come is received whole all the same, however large it is, one
   message at a time: the program has not left anything. */
static void
drop(struct readahead *self)
{
    self->dropped += self->slots.count - self->slots.ready;
    slots_clear(&self->slots);
}

void
readahead_drop(POP3Object *client)
{
    drop(client->readahead);
}

/* The first number that is held; 0 if none is. */
static long long
first_number(const struct readahead *self)
{
    return self->slots.count == 0
               ? 0
               : PyLong_AsLongLong(slots_first(&self->slots)->number);
}

static bool
holds(const struct readahead *self, long long number)
{
    long long first = first_number(self);

    return first > 0 && number >= first &&
           (unsigned long long)(number - first) < self->slots.count;
}

static void
drop_first(struct readahead *self)
{
    struct slot first = slots_take(&self->slots);

    Py_DECREF(first.number);
    Py_DECREF(first.value);
}

/* --- what is noted ------------------------------------------------------ */

static bool
begins_with(const char *line, const char *verb)
{
    return strncasecmp(line, verb, strlen(verb)) == 0;
}

/* The number behind the verb, which is followed by one blank; -1. */
static long long
number_in(const char *line)
{
    const char *number = strchr(line, ' ');
    size_t digits;

    return number == NULL
               ? -1
               : pop_scan_number(number + 1, strlen(number + 1), &digits);
}

/* Whether the replies to RETR are the same after this line as before. */
static bool
changes_nothing(const struct readahead *self, const char *line)
{
    static const char *const verbs[] = {"RETR ", "TOP ", "LIST", "UIDL",
                                        "STAT",  "NOOP", "CAPA"};
    size_t i;

    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (begins_with(line, verbs[i])) {
            return true;
        }
    }
    return begins_with(line, "DELE ") && number_in(line) > 0 &&
           !holds(self, number_in(line));
}

void
readahead_note_line(POP3Object *client, PyObject *line)
{
    struct readahead *self = client->readahead;

    if (self->slots.count > 0 &&
        (!PyBytes_Check(line) ||
         !changes_nothing(self, PyBytes_AS_STRING(line)))) {
        drop(self);
    }
}

void
readahead_note_login(POP3Object *client)
{
    client->readahead->logged_in = true;
}

/* Messages that are marked as deleted are not counted any more, but keep the
   others' numbers: the largest count is the best one. */
void
readahead_note_messages(POP3Object *client, PyObject *messages)
{
    struct readahead *self = client->readahead;
    long long count = UNKNOWN;

    if (PyList_Check(messages)) {
        count = PyList_GET_SIZE(messages);
    }
    else if (PyLong_Check(messages)) {
        int overflow;

        count = PyLong_AsLongLongAndOverflow(messages, &overflow);
    }
    if (count > self->messages) {
        self->messages = count;
    }
    self->logged_in = true;
}

/* --- asking ------------------------------------------------------------- */

static long long
last_to_ask_for(const POP3Object *client, long long number)
{
    long long most = (long long)client->read_ahead;
    long long messages = client->readahead->messages;

    if (number > LLONG_MAX - most) {
        return number;
    }
    if (messages != UNKNOWN && messages < number + most) {
        return messages > number ? messages : number;
    }
    return number + most;
}

/* The messages to prove the server with, where that was not done; or none. */
static PyObject *
numbers_to_prove(const POP3Object *client, const ReaderObject *reader,
                 long long number)
{
    PyObject *numbers = PyList_New(0);
    long long last = last_to_ask_for(client, number);

    if (reader->ability != READER_UNASKED) {
        return numbers;
    }
    for (; numbers != NULL && number <= last; number++) {
        PyObject *object = PyLong_FromLongLong(number);

        if (object == NULL || PyList_Append(numbers, object) < 0) {
            Py_CLEAR(numbers);
        }
        Py_XDECREF(object);
    }
    return numbers;
}

/* 1 and the Reader, a new reference, if commands may go ahead; 0; -1. */
static int
find_reader(POP3Object *client, enum pop_reply_form form, long long number,
            ReaderObject **reader)
{
    int on = sending_is_plain(client);
    int failed;
    PyObject *numbers;

    if (on <= 0) {
        return on;
    }
    *reader = sending_reader(client, &failed);
    if (*reader == NULL) {
        return failed ? -1 : 0;
    }
    numbers = numbers_to_prove(client, *reader, number);
    Py_CLEAR(*reader);
    if (numbers == NULL) {
        return -1;
    }
    on = pipelining_is_on(client, numbers,
                          form == POP_OCTETS ? PIPELINING_PLAIN : 0, reader);
    Py_DECREF(numbers);
    return on;
}

/* Queues a command that is announced when the program asks for the message. */
static int
add(struct readahead *self, long long number)
{
    PyObject *key = PyLong_FromLongLong(number);
    char text[LINE_OCTETS];
    PyObject *line;
    int failed = -1;

    (void)snprintf(text, sizeof(text), "RETR %lld", number);
    line = PyBytes_FromString(text);
    if (key != NULL && line != NULL && slots_reserve(&self->slots) == 0) {
        failed = reader_queue(self->reader, line, self->form, &self->owner);
    }
    if (failed == 0) {
        slots_add(&self->slots, key, false);
    }
    Py_XDECREF(key);
    Py_XDECREF(line);
    return failed;
}

/* Asks for the messages behind `number`, which is held, once half of those are
   there no more. */
static int
add_next(POP3Object *client, long long number)
{
    struct readahead *self = client->readahead;
    long long next = first_number(self) + (long long)self->slots.count;
    long long last = last_to_ask_for(client, number);

    if (next - number - 1 > (long long)(client->read_ahead / 2)) {
        return 0;
    }
    for (; next <= last && pipelining_has_room(self->reader, LINE_OCTETS);
         next++) {
        if (add(self, next) < 0) {
            return -1;
        }
    }
    return ahead_push(self->reader);
}

static bool
is_ready(const struct readahead *self, long long number)
{
    return self->slots.ready > 0 && first_number(self) == number;
}

/* Receives until the reply is the first slot, and ready.  It may be neither,
   if what was called on the way has taken it. */
static int
receive(POP3Object *client, long long number)
{
    struct readahead *self = client->readahead;

    while (holds(self, number) && !is_ready(self, number)) {
        if (self->slots.ready > 0) {
            drop_first(self);
        }
        else if (ahead_receive(client, self->reader) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The pending exception is that of the first message that is not there, when
   the program asks for it; behind that, nothing is to come. */
static void
postpone(struct readahead *self)
{
    PyObject *failure = PyErr_GetRaisedException();

    ahead_disown(self->reader, &self->owner);
    self->dropped = 0;
    if (self->slots.count > self->slots.ready) {
        slots_answer(&self->slots, failure, true);
        slots_forget_unanswered(&self->slots);
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
        bytes = sending_prepare(client, line);
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
        readahead_clear(self);
        self->reader = (ReaderObject *)Py_NewRef((PyObject *)reader);
    }
    if (!holds(self, number)) {
        drop(self);
        self->form = form;
        if (add(self, number) < 0) {
            return -1;
        }
    }
    return goes_on ? add_next(client, number) : ahead_push(reader);
}

/* The value or the exception of the first slot: 1 or -1. */
static int
give(struct readahead *self, PyObject **value)
{
    struct slot slot = slots_take(&self->slots);

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
    bool was_closed = reader->closed;
    int failed;

    if (announce(client, which) < 0) {
        return -1;
    }
    failed = ask_ahead(client, reader, form, number, goes_on);
    if (failed == 0) {
        failed = receive(client, number);
    }
    if (failed == 0) {
        return is_ready(self, number) ? give(self, value) : 0;
    }
    if (is_ready(self, number) && PyErr_ExceptionMatches(PyExc_Exception)) {
        postpone(self);
        return give(self, value);
    }
    readahead_clear(self);
    if (!was_closed) {
        dialogue_explain_failure(reader);
    }
    return -1;
}

/* 1 and the value; 0 if the command is to be sent as ever; -1.  Locked. */
static int
fetch(POP3Object *client, PyObject *which, enum pop_reply_form form,
      PyObject **value)
{
    struct readahead *self = client->readahead;
    long long number = pipelining_number(which);
    bool again = number == self->last;
    bool goes_on = number > 0 && number - 1 == self->last;
    ReaderObject *reader = NULL;
    int found;

    self->last = number > 0 ? number : 0;
    if (self->slots.count > 0 && form != self->form) {
        drop(self);
    }
    if (!holds(self, number) && !(goes_on && self->logged_in)) {
        if (!again) {
            drop(self);
        }
        return 0;
    }
    found = find_reader(client, form, number, &reader);
    if (found <= 0) {
        drop(self);
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
    if (client->phase == PHASE_REST) {
        found = fetch(client, which, form, value);
    }
    pop3_unlock(client);
    return found;
}

PyObject *
readahead_retr(POP3Object *client, PyObject *which, enum pop_reply_form form,
               PyObject *(*ask)(POP3Object *client, PyObject *which))
{
    PyObject *value = NULL;
    int found = fetch_locked(client, which, form, &value);

    if (found != 0) {
        return value;
    }
    value = ask(client, which);
    if (value != NULL) {
        readahead_note_login(client);
    }
    return value;
}

void
readahead_quit(POP3Object *client)
{
    struct readahead *self = client->readahead;

    if (self->reader == NULL) {
        return;
    }
    if (pop3_lock(client) < 0) {
        PyErr_Clear();
        return;
    }
    readahead_clear(self);
    pop3_unlock(client);
}

#include "binding/reader/rows.h"

#include "core/proto/scan.h"

/* The part of a line that was not parsed yet. */
struct rest {
    const char *text;
    Py_ssize_t length;
};

static void
skip(struct rest *rest, Py_ssize_t octets)
{
    rest->text += octets;
    rest->length -= octets;
}

static bool
is_blank(char octet)
{
    return octet == ' ' || octet == '\t';
}

/* RFC 1939 has one space between words; some servers send several blanks. */
static void
skip_blanks(struct rest *rest)
{
    while (rest->length > 0 && is_blank(rest->text[0])) {
        skip(rest, 1);
    }
}

/* Returns whether the word that was taken ends here. */
static bool
at_word_end(const struct rest *rest)
{
    return rest->length == 0 || is_blank(rest->text[0]);
}

/* Takes a number; returns -1 if there is none. */
static long long
take_number(struct rest *rest)
{
    size_t digits;
    long long number = pop_scan_number(rest->text, (size_t)rest->length,
                                       &digits);

    skip(rest, (Py_ssize_t)digits);
    return number;
}

/* Takes the message number that a row begins with; returns 0 if there is none.
   Numbers begin at 1 (RFC 1939, section 4). */
static long long
take_message(struct rest *rest)
{
    long long number;

    skip_blanks(rest);
    number = take_number(rest);
    if (number < 1 || !at_word_end(rest)) {
        return 0;
    }
    skip_blanks(rest);
    return number;
}

/* --- values ------------------------------------------------------------- */

/* These return the value of a row, from its text after the number: a new
   reference.  They return NULL with an exception, or without one to leave the
   row out. */

static PyObject *
size_of(struct rest *rest)
{
    long long octets = take_number(rest);

    return octets < 0 || !at_word_end(rest) ? Py_NewRef(Py_None)
                                            : PyLong_FromLongLong(octets);
}

/* Takes any id: servers send longer ones, and other octets, than RFC 1939,
   section 7, allows. */
static PyObject *
uid_of(struct rest *rest)
{
    while (rest->length > 0 && is_blank(rest->text[rest->length - 1])) {
        rest->length--;
    }
    return rest->length == 0
               ? NULL
               : PyBytes_FromStringAndSize(rest->text, rest->length);
}

/* --- rows --------------------------------------------------------------- */

long long
rows_message(PyObject *line)
{
    struct rest rest = {PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line)};

    return take_message(&rest);
}

static int
add_row(struct rows *self, struct rest rest)
{
    long long number = take_message(&rest);
    PyObject *key;
    PyObject *value;
    int failed = -1;

    if (number == 0) {
        return 0;
    }
    self->count++;
    self->last = number;
    value = self->verb == POP_VERB_UIDL ? uid_of(&rest) : size_of(&rest);
    if (value == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    key = PyLong_FromLongLong(number);
    if (key != NULL) {
        failed = PyDict_SetItem(self->dict, key, value);
        Py_DECREF(key);
    }
    Py_DECREF(value);
    return failed;
}

int
rows_begin(struct rows *self)
{
    if (self->dict == NULL) {
        self->dict = PyDict_New();
    }
    return self->dict == NULL ? -1 : 0;
}

static int
take(struct stream_sink *sink, const struct pop_link *link)
{
    struct rows *self = (struct rows *)sink;
    const char *bytes = pop_buffer_bytes(&link->in);
    int failed = rows_begin(self);
    size_t i;

    for (i = 0; failed == 0 && i < link->batch.count; i++) {
        struct pop_span span = link->batch.spans[i];
        struct rest rest = {bytes + span.offset, (Py_ssize_t)span.length};

        failed = add_row(self, rest);
    }
    return failed;
}

int
rows_add(struct rows *self, PyObject *line)
{
    char *text;
    Py_ssize_t length;
    struct rest rest;

    if (PyBytes_AsStringAndSize(line, &text, &length) < 0) {
        return -1;
    }
    rest = (struct rest){text, length};
    return add_row(self, rest);
}

void
rows_init(struct rows *self, enum pop_verb verb, enum pop_end_rule rule)
{
    *self = (struct rows){
        .sink = {.form = POP_LINES, .rule = rule, .take = take},
        .verb = verb,
    };
}

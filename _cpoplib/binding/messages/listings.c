#include "binding/messages/messages.h"

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/dialogue/command.h"
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

/* Returns the value of a row, from its text after the number: a new reference.
   Returns NULL with an exception, or without one to leave the row out. */
typedef PyObject *(*row_value)(struct rest *rest);

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

void
listings_note(POP3Object *client, PyObject *lines)
{
    Py_ssize_t count = PyList_Check(lines) ? PyList_GET_SIZE(lines) : 0;
    PyObject *last = count == 0 ? NULL : PyList_GetItemRef(lines, count - 1);

    if (count > 0 && last == NULL) {
        /* A hook keeps the list, and another thread has shortened it. */
        (void)errors_clear(PyExc_IndexError);
    }
    if (last != NULL && PyBytes_Check(last)) {
        struct rest rest = {PyBytes_AS_STRING(last), PyBytes_GET_SIZE(last)};

        read_ahead_note_listing(&client->ahead, count, take_message(&rest));
    }
    Py_XDECREF(last);
}

/* A listing: its rows become items of the dict as they arrive. */
struct rows {
    struct stream_sink sink;
    row_value value_of;
    PyObject *dict;  /* NULL before the first lines */
    long long count; /* rows that name a message */
    long long last;  /* message that the last row names, or 0 */
};

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
    value = self->value_of(&rest);
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

static int
begin(struct rows *self)
{
    if (self->dict == NULL) {
        self->dict = PyDict_New();
    }
    return self->dict == NULL ? -1 : 0;
}

static int
rows_take(struct stream_sink *sink, const struct pop_link *link)
{
    struct rows *self = (struct rows *)sink;
    const char *bytes = pop_buffer_bytes(&link->in);
    int failed = begin(self);
    size_t i;

    for (i = 0; failed == 0 && i < link->batch.count; i++) {
        struct pop_span span = link->batch.spans[i];
        struct rest rest = {bytes + span.offset, (Py_ssize_t)span.length};

        failed = add_row(self, rest);
    }
    return failed;
}

static int
take_line(struct rows *self, PyObject *line)
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

/* Adds the rows of a reply that an overridden method returned: the sink has
   not received them. */
static int
take_reply(struct rows *self, PyObject *reply)
{
    PyObject *lines = PySequence_GetItem(reply, 1);
    PyObject *iterator = lines == NULL ? NULL : PyObject_GetIter(lines);
    PyObject *line;
    int failed = iterator == NULL ? -1 : begin(self);

    while (failed == 0 && (line = PyIter_Next(iterator)) != NULL) {
        failed = take_line(self, line);
        Py_DECREF(line);
    }
    Py_XDECREF(iterator);
    Py_XDECREF(lines);
    return failed < 0 || PyErr_Occurred() ? -1 : 0;
}

static PyObject *
ask(POP3Object *self, const char *command, row_value value_of)
{
    struct rows rows = {
        .sink = {.form = POP_LINES, .take = rows_take},
        .value_of = value_of,
    };
    PyObject *reply = command_longcmd(self, PyUnicode_FromString(command),
                                      POP_END_IF_QUIET, &rows.sink);
    int failed = -1;

    if (reply != NULL) {
        failed = rows.dict == NULL ? take_reply(&rows, reply) : 0;
    }
    if (failed == 0) {
        read_ahead_note_listing(&self->ahead, rows.count, rows.last);
    }
    else {
        Py_CLEAR(rows.dict);
    }
    Py_XDECREF(reply);
    return rows.dict;
}

ARGS_DOC(sizes_doc, "sizes($self)",
"Ask for the messages' sizes (LIST; RFC 1939, section 5): a dict of message\n"
"number to octets, in the server's order.\n"
"\n"
"Every message that the server lists is there.  A size that can't be read is\n"
"None: it is missing, negative, has more than 18 digits or is no number.\n"
"Servers are often wrong by some octets.  If a number comes twice, the last\n"
"row counts.  Rows that name no message are left out: their number can't be\n"
"read, or is 0.");

ARGS_FUNCTION(pop3_sizes, ask(POP3(op), "LIST", size_of),
              .method = "POP3.sizes");

ARGS_DOC(uids_doc, "uids($self)",
"Ask for the messages' unique ids (UIDL; RFC 1939, section 7): a dict of\n"
"message number to id, bytes of any length.\n"
"\n"
"Some servers give one id to several messages.  A message without an id is\n"
"left out: take the numbers from sizes(), and the ids by get().  If a number\n"
"comes twice, the last row counts.  Rows that name no message are left out:\n"
"their number can't be read, or is 0.");

ARGS_FUNCTION(pop3_uids, ask(POP3(op), "UIDL", uid_of), .method = "POP3.uids");

PyMethodDef listings_methods[] = {
    ARGS_METHOD("sizes", pop3_sizes, sizes_doc),
    ARGS_METHOD("uids", pop3_uids, uids_doc),
    {NULL, NULL, 0, NULL},
};

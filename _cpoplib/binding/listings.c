#include "binding/listings.h"

#include "binding/args.h"
#include "binding/dialogue.h"
#include "binding/readahead.h"
#include "core/scan.h"

/* What is left of a line. */
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

/* Some servers send several (RFC 1939 has one space). */
static bool
skip_blanks(struct rest *rest)
{
    bool any = false;

    while (rest->length > 0 && is_blank(rest->text[0])) {
        skip(rest, 1);
        any = true;
    }
    return any;
}

/* A number at the front; -1 if there is none. */
static long long
take_number(struct rest *rest)
{
    size_t digits;
    long long number = pop_scan_number(rest->text, (size_t)rest->length,
                                       &digits);

    skip(rest, (Py_ssize_t)digits);
    return number;
}

/* What a line says of its message: an object, NULL without an exception if
   it says nothing, or NULL with one. */
typedef PyObject *(*listing_value)(struct rest *rest);

static PyObject *
size_of(struct rest *rest)
{
    long long octets = take_number(rest);

    return octets < 0 ? NULL : PyLong_FromLongLong(octets);
}

/* Whatever stands there: servers send longer ones, and other octets, than RFC
   1939, section 7, allows. */
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

/* "number value", or nothing that could be used. */
static int
add_line(PyObject *dict, PyObject *line, listing_value value_of)
{
    struct rest rest;
    long long number;
    char *text;
    PyObject *key;
    PyObject *value;
    int failed = -1;

    if (PyBytes_AsStringAndSize(line, &text, &rest.length) < 0) {
        return -1;
    }
    rest.text = text;
    (void)skip_blanks(&rest);
    number = take_number(&rest);
    if (number < 0 || !skip_blanks(&rest)) {
        return 0;
    }
    value = value_of(&rest);
    if (value == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    key = PyLong_FromLongLong(number);
    if (key != NULL) {
        failed = PyDict_SetItem(dict, key, value);
        Py_DECREF(key);
    }
    Py_DECREF(value);
    return failed;
}

static PyObject *
parse(PyObject *lines, listing_value value_of)
{
    PyObject *dict = PyDict_New();
    Py_ssize_t i;

    if (dict == NULL) {
        return NULL;
    }
    for (i = 0; i < PyList_GET_SIZE(lines); i++) {
        PyObject *line = PyList_GetItemRef(lines, i);
        int failed = line == NULL ? -1 : add_line(dict, line, value_of);

        Py_XDECREF(line);
        if (failed < 0) {
            Py_DECREF(dict);
            return NULL;
        }
    }
    return dict;
}

/* The lines of a reply, as a list of whatever _longcmd() has returned. */
static PyObject *
lines_of(PyObject *reply)
{
    PyObject *lines = PySequence_GetItem(reply, 1);
    PyObject *list;

    if (lines == NULL || PyList_CheckExact(lines)) {
        return lines;
    }
    list = PySequence_List(lines);
    Py_DECREF(lines);
    return list;
}

static PyObject *
ask(const char *method, const char *command, listing_value value_of,
    PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    const struct args_signature signature = {.method = method};
    PyObject *values[ARGS_MAX];
    PyObject *line = NULL;
    PyObject *reply = NULL;
    PyObject *lines = NULL;
    PyObject *dict = NULL;

    if (args_bind(&signature, args, nargs, kwnames, values) < 0) {
        return NULL;
    }
    line = PyUnicode_FromString(command);
    if (line != NULL) {
        reply = dialogue_longcmd_settled(POP3(op), line);
    }
    if (reply != NULL) {
        lines = lines_of(reply);
    }
    if (lines != NULL) {
        readahead_note_messages(POP3(op), lines);
        dict = parse(lines, value_of);
    }
    Py_XDECREF(lines);
    Py_XDECREF(reply);
    Py_XDECREF(line);
    return dict;
}

PyDoc_STRVAR(sizes_doc,
"sizes($self)\n"
"--\n"
"\n"
"Ask for the messages' sizes (LIST; RFC 1939, section 5): a dict of message\n"
"number to octets.\n"
"\n"
"Servers are often wrong by some octets.  Lines that are not understood are\n"
"left out.");

static PyObject *
pop3_sizes(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
           PyObject *kwnames)
{
    return ask("POP3.sizes", "LIST", size_of, op, args, nargs, kwnames);
}

PyDoc_STRVAR(uids_doc,
"uids($self)\n"
"--\n"
"\n"
"Ask for the messages' unique ids (UIDL; RFC 1939, section 7): a dict of\n"
"message number to id, bytes of any length.\n"
"\n"
"Some servers give one id to several messages.  A message without an id is\n"
"left out.");

static PyObject *
pop3_uids(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
          PyObject *kwnames)
{
    return ask("POP3.uids", "UIDL", uid_of, op, args, nargs, kwnames);
}

PyMethodDef listings_methods[] = {
    ARGS_METHOD("sizes", pop3_sizes, sizes_doc),
    ARGS_METHOD("uids", pop3_uids, uids_doc),
    {NULL, NULL, 0, NULL},
};

#include "binding/messages/messages.h"

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/base/format_command.h"
#include "binding/dialogue/command.h"
#include "binding/reader/rows.h"

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
        read_ahead_note_listing(&client->ahead, count, rows_message(last));
    }
    Py_XDECREF(last);
}

/* Adds the rows of a reply that an overridden method returned: the sink has
   not received them. */
static int
take_reply(struct rows *self, PyObject *reply)
{
    PyObject *lines = PySequence_GetItem(reply, 1);
    PyObject *iterator = lines == NULL ? NULL : PyObject_GetIter(lines);
    PyObject *line;
    int failed = iterator == NULL ? -1 : rows_begin(self);

    while (failed == 0 && (line = PyIter_Next(iterator)) != NULL) {
        failed = rows_add(self, line);
        Py_DECREF(line);
    }
    Py_XDECREF(iterator);
    Py_XDECREF(lines);
    return failed < 0 || PyErr_Occurred() ? -1 : 0;
}

static PyObject *
ask(POP3Object *self, enum pop_verb verb)
{
    struct rows rows;
    PyObject *reply;
    int failed = -1;

    rows_init(&rows, verb, POP_END_IF_QUIET);
    reply = command_longcmd(self, format_command_make(verb, NULL, NULL),
                            rows.sink.rule, &rows.sink);
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
"Get the sizes of all messages (LIST; RFC 1939, section 5).\n"
"\n"
"The dict has every message that the server lists. A size is None if it\n"
"can't be read: it is missing, negative, has more than 18 digits or is no\n"
"number. Servers are often wrong by some octets. If a number comes twice,\n"
"the last row counts. Rows without a readable message number are left out.\n"
"\n"
"Returns:\n"
"    dict: Message numbers and their sizes in octets, in the server's order.");

ARGS_FUNCTION(pop3_sizes, ask(POP3(op), POP_VERB_LIST),
              .method = "POP3.sizes");

ARGS_DOC(uids_doc, "uids($self)",
"Get the unique ids of all messages (UIDL; RFC 1939, section 7).\n"
"\n"
"Messages without an id are left out: take the numbers from sizes(), and the\n"
"ids by uids().get(number). Some servers give several messages one id. If a\n"
"number comes twice, the last row counts. Rows without a readable message\n"
"number are left out.\n"
"\n"
"Returns:\n"
"    dict: Message numbers and their ids, bytes of any length.\n"
"\n"
"Raises:\n"
"    error_proto: The server refuses. UIDL is optional for servers.");

ARGS_FUNCTION(pop3_uids, ask(POP3(op), POP_VERB_UIDL), .method = "POP3.uids");

PyMethodDef listings_methods[] = {
    ARGS_METHOD("sizes", pop3_sizes, sizes_doc),
    ARGS_METHOD("uids", pop3_uids, uids_doc),
    {NULL, NULL, 0, NULL},
};

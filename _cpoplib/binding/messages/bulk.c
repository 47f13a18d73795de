#include "binding/messages/messages.h"

#include "binding/base/args.h"
#include "binding/client/options.h"
#include "binding/messages/bulk_iterator.h"

/* So many numbers are taken ahead at most: the iterable may be endless. */
#define LARGEST_WINDOW ((size_t)65535)

/* Sets the options from the values of window, errors, delete and lines, NULL
   for one not given.  Returns -1 and an exception. */
static int
set_options(BulkIteratorObject *self, PyObject *const *values)
{
    struct module_state *state = self->state;
    size_t errors = 0;
    size_t deletes = 0;
    size_t as_lines = 0;

    if (options_parse(state, "window", values[0], &self->window) < 0 ||
        options_parse(state, "errors", values[1], &errors) < 0 ||
        options_parse(state, "delete", values[2], &deletes) < 0 ||
        options_parse(state, "lines", values[3], &as_lines) < 0) {
        return -1;
    }
    if (self->window > LARGEST_WINDOW) {
        self->window = LARGEST_WINDOW;
    }
    self->returns_errors = errors != 0;
    self->deletes = deletes != 0;
    if (as_lines != 0) {
        self->requests.form = POP_LINES;
    }
    return 0;
}

/* --- methods ------------------------------------------------------------ */

/* Returns -1 and raises TypeError for text or octets: "12" means message 12,
   but iterating over it returns "1" and "2". */
static int
check_numbers(PyObject *numbers)
{
    if (!PyUnicode_Check(numbers) && !PyBytes_Check(numbers) &&
        !PyByteArray_Check(numbers) && !PyMemoryView_Check(numbers)) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError,
                 "numbers must be an iterable of message numbers, not %.100s; "
                 "for one message, [number]",
                 Py_TYPE(numbers)->tp_name);
    return -1;
}

/* The arguments are the numbers, `howmuch` if the verb is TOP, and the
   options. */
PyObject *
bulk_start(const struct bulk_source *source, enum pop_verb verb,
           PyObject **values)
{
    bool has_second = verb == POP_VERB_TOP;
    PyObject **options = values + 1 + has_second;
    PyObject *self = NULL;

    if (verb == POP_VERB_DELE) {
        options[2] = NULL;
        options[3] = NULL;
    }
    if (check_numbers(values[0]) == 0) {
        self = bulk_iterator_new(source, values[0], verb,
                                 verb == POP_VERB_DELE ? POP_NO_LINES
                                                       : POP_OCTETS,
                                 has_second ? values[1] : NULL);
    }
    if (self != NULL && set_options(BULK_ITERATOR(self), options) < 0) {
        Py_CLEAR(self);
    }
    return self;
}

static PyObject *
start(POP3Object *client, enum pop_verb verb, PyObject **values)
{
    const struct bulk_source source = {
        .client = (PyObject *)client,
        .guard = client->guard,
        .state = client->state,
        .turn = bulk_iterator_turn,
        .ahead = client->pipelining != PIPELINING_NEVER,
    };

    return bulk_start(&source, verb, values);
}

ARGS_DOC(retr_many_doc,
"retr_many($self, numbers, *, window=128, delete=False, errors='raise',\n"
"          lines=False)",
"Retrieve many messages; return an iterator over (number, message).\n"
"\n"
"The results have the order of the numbers. Commands are sent ahead of the\n"
"replies to others (RFC 2449, section 6.6) if the option pipelining and the\n"
"server allow it. Other commands may be called during the iteration: they\n"
"first receive all pending replies.\n"
"\n"
"If a message can't be retrieved, next() raises error_proto at its turn and\n"
"goes on after it. Other exceptions end the iteration.\n"
"\n"
"Args:\n"
"    numbers (iterable): Numbers of messages, int or str. At most window\n"
"        numbers are taken ahead of the results.\n"
"    window (int): Messages to request ahead, at least 1; at most 65535 are\n"
"        requested.\n"
"    delete (bool): Whether to mark each message as deleted when the next\n"
"        one is requested. A refused deletion is an error of its own.\n"
"    errors (str): 'raise', or 'return' to return error_proto in place of\n"
"        the message, so that a for loop goes on.\n"
"    lines (bool): Whether a message is what retr() returns, instead of what\n"
"        retr_bytes() returns.\n"
"\n"
"Returns:\n"
"    ManyIterator: The iterator. Nothing is sent before its first next().\n"
"\n"
"Raises:\n"
"    TypeError: numbers is str, bytes or no iterable.\n"
"    ValueError: window is less than 1, or errors is another text.");

ARGS_FUNCTION(pop3_retr_many, start(POP3(op), POP_VERB_RETR, values),
              .method = "POP3.retr_many",
              .names = {"numbers", "window", "errors", "delete", "lines"},
              .required = 1, .keyword_only = 4);

ARGS_DOC(top_many_doc,
"top_many($self, numbers, howmuch, *, window=128, delete=False,\n"
"         errors='raise', lines=False)",
"Retrieve the headers and first lines of many messages.\n"
"\n"
"Args:\n"
"    numbers (iterable): As for retr_many().\n"
"    howmuch (int or str): Number of lines of each body; 0 for the headers\n"
"        alone.\n"
"    window (int): As for retr_many().\n"
"    delete (bool): As for retr_many().\n"
"    errors (str): As for retr_many().\n"
"    lines (bool): Whether a result is what top() returns, instead of what\n"
"        top_bytes() returns.\n"
"\n"
"Returns:\n"
"    ManyIterator: An iterator over (number, message), as retr_many() has\n"
"    it.\n"
"\n"
"Raises:\n"
"    TypeError: As for retr_many().\n"
"    ValueError: As for retr_many().");

ARGS_FUNCTION(pop3_top_many, start(POP3(op), POP_VERB_TOP, values),
              .method = "POP3.top_many",
              .names = {"numbers", "howmuch", "window", "errors", "delete",
                        "lines"},
              .required = 2, .keyword_only = 4);

ARGS_DOC(dele_many_doc,
"dele_many($self, numbers, *, window=128, errors='raise')",
"Mark many messages as deleted; quit() commits the deletions.\n"
"\n"
"Nothing is sent before the iterator is used.\n"
"\n"
"Args:\n"
"    numbers (iterable): As for retr_many().\n"
"    window (int): As for retr_many().\n"
"    errors (str): As for retr_many().\n"
"\n"
"Returns:\n"
"    ManyIterator: An iterator over (number, response), as retr_many() has\n"
"    it.\n"
"\n"
"Raises:\n"
"    TypeError: As for retr_many().\n"
"    ValueError: As for retr_many().");

ARGS_FUNCTION(pop3_dele_many, start(POP3(op), POP_VERB_DELE, values),
              .method = "POP3.dele_many",
              .names = {"numbers", "window", "errors"}, .required = 1,
              .keyword_only = 2);

PyMethodDef bulk_methods[] = {
    ARGS_METHOD("retr_many", pop3_retr_many, retr_many_doc),
    ARGS_METHOD("top_many", pop3_top_many, top_many_doc),
    ARGS_METHOD("dele_many", pop3_dele_many, dele_many_doc),
    {NULL, NULL, 0, NULL},
};

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
"Retrieve many messages: an iterator over (number, message), in the order of\n"
"the numbers, any iterable.\n"
"\n"
"The messages are what retr_bytes() returns or, with lines, what retr()\n"
"returns.  Commands are sent ahead of the replies to others (RFC 2449,\n"
"section 6.6) where the option `pipelining` and the server allow it, up to\n"
"`window` of them, 65535 at most; numbers are taken from the iterable as far\n"
"ahead.\n"
"A message that can't be retrieved raises error_proto in its turn, and\n"
"next() continues after it; with errors='return' the exception is returned\n"
"in place of the message.  Other exceptions end the iteration.\n"
"delete: marks each message as deleted when the next one is requested; a\n"
"refusal is an error of its own.\n"
"Other commands may be called in between: they first receive all pending\n"
"replies.");

ARGS_FUNCTION(pop3_retr_many, start(POP3(op), POP_VERB_RETR, values),
              .method = "POP3.retr_many",
              .names = {"numbers", "window", "errors", "delete", "lines"},
              .required = 1, .keyword_only = 4);

ARGS_DOC(top_many_doc,
"top_many($self, numbers, howmuch, *, window=128, delete=False,\n"
"         errors='raise', lines=False)",
"Retrieve the headers and the first `howmuch` lines of many messages: an\n"
"iterator over (number, bytes or what top() returns), as retr_many() gives\n"
"whole ones.");

ARGS_FUNCTION(pop3_top_many, start(POP3(op), POP_VERB_TOP, values),
              .method = "POP3.top_many",
              .names = {"numbers", "howmuch", "window", "errors", "delete",
                        "lines"},
              .required = 2, .keyword_only = 4);

ARGS_DOC(dele_many_doc,
"dele_many($self, numbers, *, window=128, errors='raise')",
"Mark many messages as deleted: an iterator over (number, response), as\n"
"retr_many() gives messages.  quit() commits it.");

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

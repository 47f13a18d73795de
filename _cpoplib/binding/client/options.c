#include "binding/client/options.h"

#include "binding/base/args.h"

#define DEFAULT_MAX_LINE ((size_t)16 * 1024 * 1024)

void
options_init(POP3Object *self)
{
    self->max_line = DEFAULT_MAX_LINE;
    self->max_size = POP_UNLIMITED_OCTETS;
    self->pipelining = PIPELINING_AUTO;
    self->read_ahead = self->state->read_ahead;
}

static int
set_read_ahead(PyObject *value, size_t *read_ahead)
{
    Py_ssize_t messages;

    if (!PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError,
                     "read_ahead must be an int (messages), not %.100s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    messages = PyLong_AsSsize_t(value);
    if (messages == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (messages < 0 || messages > READAHEAD_MOST) {
        PyErr_Format(PyExc_ValueError, "read_ahead must be from 0 to %d",
                     READAHEAD_MOST);
        return -1;
    }
    *read_ahead = (size_t)messages;
    return 0;
}

static int
set_pipelining(PyObject *value, enum pop3_pipelining *pipelining)
{
    if (value == Py_True) {
        *pipelining = PIPELINING_ALWAYS;
    }
    else if (value == Py_False) {
        *pipelining = PIPELINING_NEVER;
    }
    else if (PyUnicode_Check(value) &&
             PyUnicode_CompareWithASCIIString(value, "auto") == 0) {
        *pipelining = PIPELINING_AUTO;
    }
    else {
        PyErr_Format(PyExc_ValueError,
                     "pipelining must be 'auto', True or False, not %R",
                     value);
        return -1;
    }
    return 0;
}

int
options_set(POP3Object *self, PyObject *const *values)
{
    size_t max_line = self->max_line;
    size_t max_size = self->max_size;
    enum pop3_pipelining pipelining = self->pipelining;
    size_t read_ahead = self->read_ahead;

    if (values[0] != NULL &&
        args_limit("max_line", values[0], &max_line) < 0) {
        return -1;
    }
    if (values[1] != NULL &&
        args_limit("max_size", values[1], &max_size) < 0) {
        return -1;
    }
    if (values[2] != NULL && set_pipelining(values[2], &pipelining) < 0) {
        return -1;
    }
    if (values[3] != NULL && set_read_ahead(values[3], &read_ahead) < 0) {
        return -1;
    }
    requests_forget(&self->ahead.requests);
    self->max_line = max_line;
    self->max_size = max_size;
    self->pipelining = pipelining;
    self->read_ahead = read_ahead;
    return 0;
}

PyDoc_STRVAR(set_options_doc,
"set_options($self, *, max_line=..., max_size=..., pipelining=...,\n"
"            read_ahead=...)\n"
"--\n"
"\n"
"Change what the keyword-only arguments of the constructor have set.\n"
"\n"
"max_line: octets of the longest line of a message, line end included, or\n"
"None for no limit; a longer line raises error_proto('line too long').\n"
"Where the module's _MAXLINE is larger, that counts.\n"
"max_size: octets of the largest reply of several lines, a message for\n"
"instance, or None for no limit; a larger one raises error_proto, and is\n"
"not kept.\n"
"pipelining: whether retr_many(), top_many() and dele_many() send commands\n"
"ahead of the replies to others.  'auto': if the server says that it takes\n"
"them, and has passed a test; True: without asking; False: never.\n"
"read_ahead: so many messages are asked for ahead, by the same rules, while\n"
"retr() or retr_bytes() is called for one after the other; 0 for none.  They\n"
"are messages that stat() or a listing has named, and that are not deleted.\n"
"As many may be held in memory, and servers may mark them as seen.\n"
"What is not given stays as it is.");

static PyObject *
set_options(POP3Object *self, PyObject *const *values)
{
    if (options_set(self, values) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

ARGS_FUNCTION(pop3_set_options, set_options(POP3(op), values),
              .method = "POP3.set_options", .names = {OPTIONS_NAMES},
              .keyword_only = OPTIONS_COUNT);

PyMethodDef options_methods[] = {
    ARGS_METHOD("set_options", pop3_set_options, set_options_doc),
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(set_read_ahead_doc,
"_set_read_ahead($module, read_ahead, /)\n"
"--\n"
"\n"
"Set the default of the option read_ahead for connections that are made from\n"
"here on; return what it was.");

static PyObject *
options_set_read_ahead(PyObject *module, PyObject *value)
{
    struct module_state *state = PyModule_GetState(module);
    size_t before = state->read_ahead;

    if (set_read_ahead(value, &state->read_ahead) < 0) {
        return NULL;
    }
    return PyLong_FromSize_t(before);
}

PyMethodDef options_functions[] = {
    {"_set_read_ahead", options_set_read_ahead, METH_O, set_read_ahead_doc},
    {NULL, NULL, 0, NULL},
};

#include "binding/options.h"

#include "binding/args.h"

#define DEFAULT_MAX_LINE ((size_t)16 * 1024 * 1024)

void
options_init(POP3Object *self)
{
    self->max_line = DEFAULT_MAX_LINE;
    self->max_size = POP_NO_LIMIT;
    self->pipelining = PIPELINING_AUTO;
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
    self->max_line = max_line;
    self->max_size = max_size;
    self->pipelining = pipelining;
    return 0;
}

PyDoc_STRVAR(set_options_doc,
"set_options($self, *, max_line=..., max_size=..., pipelining=...)\n"
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
"What is not given stays as it is.");

static PyObject *
pop3_set_options(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames)
{
    static const struct args_signature signature = {
        .method = "POP3.set_options",
        .names = {OPTIONS_NAMES},
        .keyword_only = OPTIONS_COUNT,
    };
    PyObject *values[ARGS_MAX];

    if (args_bind(&signature, args, nargs, kwnames, values) < 0 ||
        options_set(POP3(op), values) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyMethodDef options_methods[] = {
    ARGS_METHOD("set_options", pop3_set_options, set_options_doc),
    {NULL, NULL, 0, NULL},
};

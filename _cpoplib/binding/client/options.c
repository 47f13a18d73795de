#include "binding/client/options.h"

#include "binding/base/args.h"
#include "binding/base/package.h"

#define DEFAULT_MAX_LINE ((size_t)16 * 1024 * 1024)

void
options_init(POP3Object *self)
{
    self->max_line = DEFAULT_MAX_LINE;
    self->max_size = POP_UNLIMITED_OCTETS;
    self->pipelining = PIPELINING_AUTO;
    self->read_ahead = self->state->read_ahead;
}

int
options_parse(struct module_state *state, const char *name, PyObject *value,
              size_t *parsed)
{
    PyObject *number;
    Py_ssize_t octets;

    if (value == NULL) {
        return 0;
    }
    number = package_call_own(state, state->name.options, name, "(O)", value);
    if (number == NULL) {
        return -1;
    }
    octets = PyLong_AsSsize_t(number);
    Py_DECREF(number);
    if (octets == -1 && PyErr_Occurred()) {
        return -1;
    }
    *parsed = octets < 0 ? POP_UNLIMITED_OCTETS : (size_t)octets;
    return 0;
}

int
options_set(POP3Object *self, PyObject *const *values)
{
    static const char *const names[OPTIONS_COUNT] = {OPTIONS_NAMES};
    size_t parsed[OPTIONS_COUNT] = {self->max_line, self->max_size,
                                    self->pipelining, self->read_ahead};
    int i;

    for (i = 0; i < OPTIONS_COUNT; i++) {
        if (options_parse(self->state, names[i], values[i], &parsed[i]) < 0) {
            return -1;
        }
    }
    assert(guard_is_mine(self->guard));
    requests_forget(&self->ahead.requests);
    self->max_line = parsed[0];
    self->max_size = parsed[1];
    self->pipelining = (enum pop3_pipelining)parsed[2];
    self->read_ahead = parsed[3];
    return 0;
}

ARGS_DOC(set_options_doc,
"set_options($self, *, max_line=..., max_size=..., pipelining=...,\n"
"            read_ahead=...)",
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

ARGS_FUNCTION(pop3_set_options, args_none(options_set(POP3(op), values) < 0),
              .method = "POP3.set_options", .names = {OPTIONS_NAMES},
              .keyword_only = OPTIONS_COUNT);

PyMethodDef options_methods[] = {
    ARGS_METHOD("set_options", pop3_set_options, set_options_doc),
    {NULL, NULL, 0, NULL},
};

ARGS_DOC(set_read_ahead_doc, "_set_read_ahead($module, read_ahead, /)",
"Set the default of the option read_ahead for connections that are made from\n"
"here on; return what it was.");

static PyObject *
options_set_read_ahead(PyObject *module, PyObject *value)
{
    struct module_state *state = PyModule_GetState(module);
    size_t parsed;
    size_t before;

    if (options_parse(state, "read_ahead", value, &parsed) < 0) {
        return NULL;
    }
    before = atomic_exchange(&state->read_ahead, parsed);
    return PyLong_FromSize_t(before);
}

PyMethodDef options_functions[] = {
    {"_set_read_ahead", options_set_read_ahead, METH_O, set_read_ahead_doc},
    {NULL, NULL, 0, NULL},
};

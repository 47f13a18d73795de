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

    if (args_is_default(value, "<unchanged>") ||
        args_is_default(value, "<install() default>")) {
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

#define UNCHANGED "poplib_c._options.UNCHANGED"

ARGS_DOC(set_options_doc,
"set_options($self, *, max_line=" UNCHANGED ", max_size=" UNCHANGED ",\n"
"            pipelining=" UNCHANGED ", read_ahead=" UNCHANGED ")",
"Change options of the constructor; an option not given stays as it is.\n"
"\n"
"Args:\n"
"    max_line (int or None): Octets of the longest line of a message, line\n"
"        end included; a longer line raises error_proto('line too long').\n"
"        None sets no limit. If the module's _MAXLINE is larger, it counts.\n"
"    max_size (int or None): Octets of the largest message or other reply of\n"
"        several lines; a larger one raises error_proto and is not kept.\n"
"        None sets no limit.\n"
"    pipelining (bool or str): Whether retr_many(), top_many() and\n"
"        dele_many() send commands ahead of the replies to others. 'auto':\n"
"        if the server lists PIPELINING and passes a test; True: without\n"
"        asking the server; False: never.\n"
"    read_ahead (int): Messages to request ahead, by the rules of\n"
"        pipelining, while retr() or retr_bytes() is called for one number\n"
"        after the other; 0 to 65535. Only messages that stat() or a listing\n"
"        has named, and that are not deleted, are requested. As many are\n"
"        held in memory, and servers may mark them as seen.\n"
"\n"
"Raises:\n"
"    TypeError: An option has another type.\n"
"    ValueError: An option is out of its range.");

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

#include "binding/module/pop3_type.h"

#include "binding/base/args.h"
#include "binding/base/heap_type.h"
#include "binding/client/deadline.h"
#include "binding/client/options.h"
#include "binding/client/pop3.h"
#include "binding/commands/commands.h"
#include "binding/connect/connect.h"
#include "binding/dialogue/command.h"
#include "binding/dialogue/getresp.h"
#include "binding/messages/messages.h"
#include "core/tls/tls_config.h"

/* --- object ------------------------------------------------------------- */

/* Returns the state of the module that made POP3.  Each subclass extends
   POP3's struct, so its chain of tp_base ends in POP3 and object.  Raises
   TypeError if the garbage collector has cleared the type. */
static struct module_state *
find_state(PyTypeObject *type)
{
    while (type->tp_base != &PyBaseObject_Type) {
        type = type->tp_base;
    }
    return PyType_GetModuleState(type);
}

/* Allocates the object last: __del__() of a subclass may run commands, which
   need a complete object. */
static PyObject *
pop3_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
         PyObject *Py_UNUSED(kwargs))
{
    struct module_state *state = find_state(type);
    PyObject *guard = NULL;
    POP3Object *self = NULL;
    struct lock lock;

    if (state == NULL || lock_init(&lock, &state->locks) < 0) {
        return NULL;
    }
    guard = deadlines_new(state);
    if (guard != NULL) {
        self = (POP3Object *)type->tp_alloc(type, 0);
    }
    if (self == NULL) {
        Py_XDECREF(guard);
        lock_destroy(&lock);
        return NULL;
    }
    self->state = state;
    self->module = Py_NewRef(state->module);
    self->lock = lock;
    self->guard = guard;
    self->deadlines = deadlines_get(guard);
    progress_command_begun(&self->progress, &self->lock);
    progress_begun(&self->foreign);
    options_init(self);
    return (PyObject *)self;
}

static int
pop3_traverse(PyObject *op, visitproc visit, void *arg)
{
    POP3Object *self = POP3(op);

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->module);
    Py_VISIT(self->dict);
    Py_VISIT(self->verify);
    Py_VISIT(self->foreign_file);
    return read_ahead_traverse(&self->ahead, visit, arg);
}

static int
clear(POP3Object *self)
{
    Py_CLEAR(self->dict);
    Py_CLEAR(self->verify);
    Py_CLEAR(self->foreign_file);
    read_ahead_reset(&self->ahead);
    return 0;
}

GUARD_FUNCTION(int, pop3_clear, (PyObject * op), clear(POP3(op)));

static void
pop3_dealloc(PyObject *op)
{
    POP3Object *self = POP3(op);
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(op);
    PyObject_ClearWeakRefs(op);
    (void)pop3_clear(op);
    pop_tls_config_free(self->tls_config);
    Py_DECREF(self->guard);
    lock_destroy(&self->lock);
    Py_DECREF(self->module);
    type->tp_free(op);
    Py_DECREF(type);
}

ARGS_DOC(sizeof_doc, "__sizeof__($self)",
"Octets of memory, what was read ahead and the deadlines included.");

static size_t
size_of(const POP3Object *self)
{
    return heap_type_own_size((PyObject *)self) + sizeof(*self->deadlines) +
           requests_size(&self->ahead.requests);
}

GUARD_METHOD(pop3_sizeof, PyLong_FromSize_t(size_of(POP3(op))));

ARGS_DOC(get_state_doc, "_get_state($self)",
"Return the attribute session_state.");

ARGS_FUNCTION(pop3__get_state, pop3_get_state(POP3(op)),
              .method = "POP3._get_state");

/* --- type --------------------------------------------------------------- */

static PyMethodDef pop3_methods[] = {
    {"__sizeof__", pop3_sizeof, METH_NOARGS, sizeof_doc},
    ARGS_METHOD("_get_state", pop3__get_state, get_state_doc),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef pop3_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef pop3_members[] = {
    {"__dictoffset__", Py_T_PYSSIZET, offsetof(POP3Object, dict), Py_READONLY,
     NULL},
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(POP3Object, weakrefs),
     Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

ARGS_DOC(pop3_doc,
"POP3(host, port=110, " TIMEOUT_SIGNATURE ", *, "
OPTIONS_SIGNATURE DEADLINE_SIGNATURE ")",
"A connection to a POP3 server (RFC 1939), plain until stls().\n"
"\n"
"The constructor connects and reads the server's greeting.\n"
"\n"
"Methods that send a command raise error_proto if the server refuses or its\n"
"reply is broken, OSError if the network fails, ValueError for a control\n"
"character in an argument, AttributeError after close(), and RuntimeError if\n"
"the same thread is in the middle of another command, in a signal handler\n"
"for example. Arguments of commands may be str, int or any object; '%s'\n"
"formats them.\n"
"\n"
"Args:\n"
"    host (str): Name or address of the server.\n"
"    port (int): Port of the server.\n"
"    timeout (float or None): Seconds that connecting, and each later send\n"
"        or receive, may take. None sets no limit; the default is the value\n"
"        of socket.getdefaulttimeout().\n"
"    max_line (int or None): Octets of the longest line of a message, as\n"
"        described at set_options(). None sets no limit.\n"
"    max_size (int or None): Octets of the largest message or other reply of\n"
"        several lines. None sets no limit.\n"
"    pipelining (bool or str): Whether retr_many() and its like send\n"
"        commands ahead: 'auto', True or False, as described at\n"
"        set_options().\n"
"    read_ahead (int): Messages to request ahead of retr(), 0 to 65535, as\n"
"        described at set_options(). The default is 0, unless install() has\n"
"        set another.\n"
"    deadline (float or None): Seconds that the whole session may take, from\n"
"        the start of the constructor. None sets no limit. Later commands\n"
"        raise TimeoutError and send nothing. See deadline().\n"
"\n"
"Raises:\n"
"    error_proto: The greeting is not positive, or there is none.\n"
"    OSError: The network fails: socket.gaierror, ConnectionRefusedError,\n"
"        TimeoutError (socket.timeout before Python 3.10) or another.\n"
"    ValueError: timeout is 0, or an option is out of its range.\n"
"    TypeError: An option has another type.");

static PyType_Slot pop3_slots[] = {
    {Py_tp_doc, (void *)pop3_doc},
    {Py_tp_new, pop3_new},
    {Py_tp_traverse, pop3_traverse},
    {Py_tp_clear, pop3_clear},
    {Py_tp_dealloc, pop3_dealloc},
    {Py_tp_getset, pop3_getset},
    {Py_tp_members, pop3_members},
    {Py_tp_methods, pop3_methods},
    {0, NULL},
};

static PyType_Spec pop3_spec = {
    .name = "poplib_c.POP3",
    .basicsize = sizeof(POP3Object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = pop3_slots,
};

/* Adds the class attribute `encoding`; poplib_c/_attributes.py adds those that
   are computed. */
static int
add_encoding(struct module_state *state, PyTypeObject *type)
{
    state->own_encoding = PyUnicode_InternFromString("UTF-8");
    return state->own_encoding == NULL
               ? -1
               : PyObject_SetAttr((PyObject *)type, state->name.encoding,
                                  state->own_encoding);
}

/* Records POP3's hooks for overrides_are_own(). */
static int
remember_hooks(struct module_state *state, PyTypeObject *type)
{
    int i;

    for (i = 0; i < HOOK_COUNT; i++) {
        state->own_hook[i] = PyObject_GetAttr((PyObject *)type,
                                              state->hook_name[i]);
        if (state->own_hook[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

PyTypeObject *
pop3_type_new(struct module_state *state, PyObject *module)
{
    PyMethodDef *const tables[] = {
        connect_methods,  options_methods,    deadline_methods,
        getresp_methods,  command_methods,    commands_methods,
        listings_methods, retr_bytes_methods, bulk_methods,
        quit_methods,     apop_methods,       sasl_methods,
        login_methods,    stls_methods,
    };
    PyTypeObject *type;
    size_t i;

    type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &pop3_spec, NULL);
    if (type == NULL) {
        return NULL;
    }
    for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (heap_type_add_methods(type, tables[i]) < 0) {
            goto error;
        }
    }
    state->own_init = PyObject_GetAttrString((PyObject *)type, "__init__");
    if (state->own_init == NULL || add_encoding(state, type) < 0 ||
        remember_hooks(state, type) < 0) {
        goto error;
    }
    return type;
error:
    Py_DECREF(type);
    return NULL;
}

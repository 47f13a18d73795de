/* PyInit__cpoplib: fills the module's state and makes the types.  Calls all
   layers below. */

#include "binding/base/state.h"

#include "binding/base/args.h"
#include "binding/channel/channel.h"
#include "binding/client/deadline.h"
#include "binding/messages/bulk_iterator.h"
#include "binding/client/options.h"
#include "binding/commands/commands.h"
#include "binding/connect/connect.h"
#include "binding/module/pop3_type.h"
#include "binding/reader/reader.h"
#include "binding/socket/tls_socket.h"
#include "core/tls/tls_config.h"

/* Keeps a new type; false if it is NULL. */
static bool
keep(PyTypeObject **slot, PyTypeObject *type)
{
    *slot = type;
    return type != NULL;
}

static bool
make(PyTypeObject **slot, PyObject *module, PyType_Spec *spec)
{
    return keep(slot,
                (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL));
}

static int
init_types(struct module_state *state, PyObject *module)
{
    /* poplib_c/_attributes.py completes it. */
    state->error_proto = PyErr_NewException("poplib_c.error_proto", NULL,
                                            NULL);
    return state->error_proto != NULL &&
                   make(&state->reader_type, module, &reader_spec) &&
                   keep(&state->tls_socket_type,
                        tls_socket_type_new(state, module)) &&
                   make(&state->bulk_iterator_type, module,
                        &bulk_iterator_spec) &&
                   keep(&state->channel_type, channel_type_new(module)) &&
                   make(&state->deadline_type, module, &deadline_spec) &&
                   keep(&state->pop3_type, pop3_type_new(state, module)) &&
                   keep(&state->pop3_ssl_type,
                        pop3_ssl_new_type(state, module))
               ? 0
               : -1;
}

ARGS_DOC(note_fork_doc, "_note_fork($module)",
"Forget what other threads were using; called in the child after a fork.");

static PyObject *
note_fork(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    return args_none(state_note_fork(PyModule_GetState(module)) < 0);
}

static PyMethodDef functions[] = {
    {"_note_fork", note_fork, METH_NOARGS, note_fork_doc},
    {NULL, NULL, 0, NULL},
};

static int
module_exec(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    size_t i;

    if (state_init(state, module) < 0 || init_types(state, module) < 0 ||
        PyModule_AddFunctions(module, functions) < 0 ||
        PyModule_AddFunctions(module, apop_functions) < 0 ||
        PyModule_AddFunctions(module, pop3_ssl_functions) < 0) {
        return -1;
    }
    const struct {
        const char *name;
        void *object;
    } public[] = {
        {"Channel", state->channel_type},
        {"Deadline", state->deadline_type},
        {"ManyIterator", state->bulk_iterator_type},
        {"POP3", state->pop3_type},
        {"POP3_SSL", state->pop3_ssl_type},
        {"Reader", state->reader_type},
        {"TLSSocket", state->tls_socket_type},
        {"error_proto", state->error_proto},
    };
    for (i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
        if (PyObject_SetAttrString(module, public[i].name, public[i].object) <
            0) {
            return -1;
        }
    }
    return PyModule_AddStringConstant(module, "OPENSSL_VERSION",
                                      pop_tls_config_library());
}

PyDoc_STRVAR(module_doc,
"POP3 client in C; use it through the package poplib_c.");

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_cpoplib",
    .m_doc = module_doc,
    .m_size = sizeof(struct module_state),
    .m_methods = options_functions,
    .m_slots = module_slots,
    .m_traverse = state_traverse,
    .m_clear = state_clear,
    .m_free = state_free,
};

PyMODINIT_FUNC
PyInit__cpoplib(void)
{
    return PyModuleDef_Init(&module_def);
}

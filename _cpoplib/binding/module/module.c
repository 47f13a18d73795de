#include "binding/module/module.h"

#include "binding/client/deadline.h"
#include "binding/base/error_proto.h"
#include "binding/base/lazy_attribute.h"
#include "binding/messages/bulk_iterator.h"
#include "binding/client/options.h"
#include "binding/client/pop3.h"
#include "binding/connect/pop3_ssl.h"
#include "binding/reader/reader.h"
#include "binding/socket/tls_socket.h"
#include "core/tls/tls_config.h"

static struct PyModuleDef module_def;

struct module_state *
module_state_of_type(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, &module_def);

    return module == NULL ? NULL : PyModule_GetState(module);
}

/* The package, as a new reference. */
static PyObject *
get_package(struct module_state *state)
{
    PyObject *package = NULL;

    if (state->modules != NULL &&
        PyDict_GetItemRef(state->modules, state->name.package, &package) < 0) {
        return NULL;
    }
    /* At exit, sys.modules is emptied before the last objects go. */
    if (package == NULL || package == Py_None) {
        Py_XDECREF(package);
        return state->package != NULL ? Py_NewRef(state->package)
                                      : PyImport_Import(state->name.package);
    }
    if (package != state->package) {
        Py_XSETREF(state->package, Py_NewRef(package));
    }
    return package;
}

PyObject *
module_package_attribute(struct module_state *state, PyObject *name)
{
    PyObject *package = get_package(state);
    PyObject *value;

    if (package == NULL) {
        return NULL;
    }
    value = PyObject_GetAttr(package, name);
    Py_DECREF(package);
    return value;
}

int
module_package_global(struct module_state *state, PyObject *name,
                      PyObject **value)
{
    PyObject *package = NULL;
    int found = 0;

    *value = NULL;
    if (state->modules != NULL) {
        found = PyDict_GetItemRef(state->modules, state->name.package,
                                  &package);
    }
    if (package != NULL) {
        found = PyModule_CheckExact(package)
                    ? PyDict_GetItemRef(PyModule_GetDict(package), name, value)
                    : 0;
        Py_DECREF(package);
    }
    return found;
}

/* From a module that was imported before: NULL, and perhaps an exception, also
   if that is still under way. */
static PyObject *
get_imported(PyObject *module, const char *name)
{
    PyObject *imported = PyImport_GetModule(module);
    PyObject *attribute;
    PyObject *value = NULL;

    if (imported == NULL) {
        return NULL;
    }
    attribute = PyUnicode_InternFromString(name);
    if (attribute != NULL) {
        (void)PyObject_GetOptionalAttr(imported, attribute, &value);
        Py_DECREF(attribute);
    }
    Py_DECREF(imported);
    return value;
}

PyObject *
module_imported(const char *module, const char *name)
{
    PyObject *path = PyUnicode_FromString(module);
    PyObject *imported;
    PyObject *value;

    if (path == NULL) {
        return NULL;
    }
    /* An import statement costs ten times as much. */
    value = get_imported(path, name);
    if (value == NULL && !PyErr_Occurred()) {
        imported = PyImport_Import(path);
        if (imported != NULL) {
            value = PyObject_GetAttrString(imported, name);
            Py_DECREF(imported);
        }
    }
    Py_DECREF(path);
    return value;
}

/* --- state -------------------------------------------------------------- */

static int
intern(PyObject **slot, const char *text)
{
    *slot = PyUnicode_InternFromString(text);
    return *slot == NULL ? -1 : 0;
}

static int
init_names(struct module_state *state)
{
    static const char *const hook_names[HOOK_COUNT] = {
#define X(id, text) [id] = text,
        HOOK_NAMES(X)
#undef X
    };
    const struct {
        PyObject **slot;
        const char *text;
    } names[] = {
#define X(field, text) {&state->name.field, text},
        STATE_NAMES(X)
#undef X
    };
    size_t i;

    for (i = 0; i < HOOK_COUNT; i++) {
        if (intern(&state->hook_name[i], hook_names[i]) < 0) {
            return -1;
        }
    }
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (intern(names[i].slot, names[i].text) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
init_bytes(struct module_state *state)
{
    state->crlf = PyBytes_FromString("\r\n");
    state->terminator = PyBytes_FromString(".");
    state->stuffed = PyBytes_FromString("..");
    state->positive = PyBytes_FromString("+");
    if (state->crlf == NULL || state->terminator == NULL ||
        state->stuffed == NULL || state->positive == NULL) {
        return -1;
    }
    return 0;
}

static int
init_types(struct module_state *state, PyObject *module)
{
    state->reader_type = reader_new_type(module);
    if (state->reader_type == NULL) {
        return -1;
    }
    state->lazy_attribute_type = lazy_attribute_new_type(module);
    if (state->lazy_attribute_type == NULL) {
        return -1;
    }
    state->error_proto = error_proto_new_type(state);
    if (state->error_proto == NULL) {
        return -1;
    }
    state->tls_socket_type = tls_socket_new_type(state, module);
    if (state->tls_socket_type == NULL) {
        return -1;
    }
    state->bulk_iterator_type = bulk_iterator_new_type(module);
    if (state->bulk_iterator_type == NULL) {
        return -1;
    }
    state->deadline_type = deadline_new_type(module);
    if (state->deadline_type == NULL) {
        return -1;
    }
    state->pop3_type = pop3_new_type(state, module);
    if (state->pop3_type == NULL) {
        return -1;
    }
    state->pop3_ssl_type = pop3_ssl_new_type(state, module);
    return state->pop3_ssl_type == NULL ? -1 : 0;
}

/* In the child of a fork. */
static PyObject *
note_fork(PyObject *reference, PyObject *Py_UNUSED(ignored))
{
    PyObject *module = PyObject_CallNoArgs(reference);

    if (module == NULL) {
        return NULL;
    }
    if (module != Py_None) {
        struct module_state *state = PyModule_GetState(module);

        lock_note_fork(&state->locks);
    }
    Py_DECREF(module);
    Py_RETURN_NONE;
}

static PyMethodDef note_fork_function = {"_note_fork", note_fork, METH_NOARGS,
                                         NULL};

/* os.register_at_fork(after_in_child=...), which nothing takes back: the
   module may go before the interpreter does. */
static int
hear_of_forks(PyObject *module)
{
    PyObject *reference = PyWeakref_NewRef(module, NULL);
    PyObject *function = NULL;
    PyObject *register_at_fork = NULL;
    PyObject *nothing = NULL;
    PyObject *how = NULL;
    PyObject *result = NULL;

    if (reference != NULL) {
        function = PyCFunction_New(&note_fork_function, reference);
    }
    if (function != NULL) {
        register_at_fork = module_imported("os", "register_at_fork");
    }
    if (register_at_fork != NULL) {
        nothing = PyTuple_New(0);
    }
    if (nothing != NULL) {
        how = Py_BuildValue("{sO}", "after_in_child", function);
    }
    if (how != NULL) {
        result = PyObject_Call(register_at_fork, nothing, how);
    }
    Py_XDECREF(result);
    Py_XDECREF(how);
    Py_XDECREF(nothing);
    Py_XDECREF(register_at_fork);
    Py_XDECREF(function);
    Py_XDECREF(reference);
    return result == NULL ? -1 : 0;
}

static int
module_exec(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    size_t i;

    state->module = module;
    state->modules = Py_NewRef(PyImport_GetModuleDict());
    if (init_names(state) < 0 || init_bytes(state) < 0 ||
        init_types(state, module) < 0 || hear_of_forks(module) < 0) {
        return -1;
    }
    const struct {
        const char *name;
        void *object;
    } public[] = {
        {"POP3", state->pop3_type},
        {"POP3_SSL", state->pop3_ssl_type},
        {"Reader", state->reader_type},
        {"TLSSocket", state->tls_socket_type},
        {"error_proto", state->error_proto},
    };
    for (i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
        if (PyModule_AddObjectRef(module, public[i].name, public[i].object) <
            0) {
            return -1;
        }
    }
    return PyModule_AddStringConstant(module, "OPENSSL_VERSION",
                                      pop_tls_config_library());
}

/* The objects that may be part of a cycle: names and bytes refer to
   nothing. */
#define CYCLIC_OBJECTS(X)                                                     \
    X(modules)                                                                \
    X(package)                                                                \
    X(logging)                                                                \
    X(logger)                                                                 \
    X(error_proto)                                                            \
    X(pop3_type)                                                              \
    X(pop3_ssl_type)                                                          \
    X(reader_type)                                                            \
    X(tls_socket_type)                                                        \
    X(bulk_iterator_type)                                                     \
    X(deadline_type)                                                          \
    X(lazy_attribute_type)                                                    \
    X(timestamp_pattern)                                                      \
    X(own_recv_into)                                                          \
    X(own_sendall)                                                            \
    X(socket_timeout)                                                         \
    X(own_tls_recv_into)                                                      \
    X(own_tls_sendall)                                                        \
    X(own_init)

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct module_state *state = PyModule_GetState(module);
    int i;

#define X(field) Py_VISIT(state->field);
    CYCLIC_OBJECTS(X)
#undef X
    for (i = 0; i < HOOK_COUNT; i++) {
        Py_VISIT(state->own_hook[i]);
    }
    return 0;
}

static int
module_clear(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    int i;

#define X(field) Py_CLEAR(state->field);
    CYCLIC_OBJECTS(X)
#undef X
    for (i = 0; i < HOOK_COUNT; i++) {
        Py_CLEAR(state->own_hook[i]);
    }
    return 0;
}

static void
module_free(void *module)
{
    struct module_state *state = PyModule_GetState((PyObject *)module);
    int i;

    (void)module_clear((PyObject *)module);
    pop_tls_config_free(state->plain_config);
    state->plain_config = NULL;
    for (i = 0; i < HOOK_COUNT; i++) {
        Py_CLEAR(state->hook_name[i]);
    }
#define X(field, text) Py_CLEAR(state->name.field);
    STATE_NAMES(X)
#undef X
    Py_CLEAR(state->own_encoding);
    Py_CLEAR(state->crlf);
    Py_CLEAR(state->terminator);
    Py_CLEAR(state->stuffed);
    Py_CLEAR(state->positive);
}

PyDoc_STRVAR(module_doc,
"POP3 client in C; use it through the package poplib_c.");

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
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
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__cpoplib(void)
{
    return PyModuleDef_Init(&module_def);
}

#include "binding/base/state.h"

#include <string.h>

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

int
state_init(struct module_state *state, PyObject *module)
{
    state->module = module;
    lock_group_init(&state->locks, module);
#ifdef Py_GIL_DISABLED
    state->guards = guard_list_new();
    if (state->guards == NULL) {
        return -1;
    }
#endif
    state->modules = Py_NewRef(PyImport_GetModuleDict());
    if (lock_init(&state->tls_lock, &state->locks) < 0) {
        return -1;
    }
    state->crlf = PyBytes_FromString("\r\n");
    return state->crlf == NULL ? -1 : init_names(state);
}

int
state_note_fork(struct module_state *state)
{
    struct lock lock;

    lock_note_fork(&state->locks);
#ifdef Py_GIL_DISABLED
    guard_note_fork(state->guards, state->module);
#endif
    /* Forgets the configs without freeing them: a thread may have held one of
       OpenSSL's locks, which nobody releases here. */
    memset(state->tls_configs, 0, sizeof(state->tls_configs));
    if (lock_init(&lock, &state->locks) < 0) {
        return -1;
    }
    lock_destroy(&state->tls_lock);
    state->tls_lock = lock;
    return 0;
}

/* Objects that may be part of a reference cycle; names and bytes can't. */
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
    X(channel_type)                                                           \
    X(deadline_type)                                                          \
    X(socket_timeout)                                                         \
    X(own_recv_into)                                                          \
    X(own_sendall)                                                            \
    X(own_tls_recv_into)                                                      \
    X(own_tls_sendall)                                                        \
    X(own_init)

int
state_traverse(PyObject *module, visitproc visit, void *arg)
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

int
state_clear(PyObject *module)
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

void
state_free(void *module)
{
    struct module_state *state = PyModule_GetState((PyObject *)module);
    int i;

    (void)state_clear((PyObject *)module);
    pop_link_release_spare(&state->spare);
    for (i = 0; i < STATE_CONFIGS; i++) {
        pop_tls_config_free(state->tls_configs[i].config);
        Py_CLEAR(state->tls_configs[i].identity.owner);
        state->tls_configs[i].config = NULL;
    }
#ifdef Py_GIL_DISABLED
    if (state->guards != NULL) {
        guard_list_release(state->guards);
        state->guards = NULL;
    }
#endif
    if (state->tls_lock.handle != NULL) {
        lock_destroy(&state->tls_lock);
        state->tls_lock.handle = NULL;
    }
    for (i = 0; i < HOOK_COUNT; i++) {
        Py_CLEAR(state->hook_name[i]);
    }
#define X(field, text) Py_CLEAR(state->name.field);
    STATE_NAMES(X)
#undef X
    Py_CLEAR(state->own_encoding);
    Py_CLEAR(state->crlf);
}

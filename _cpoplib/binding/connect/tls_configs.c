#include "binding/connect/tls_configs.h"

#include "binding/base/errors.h"

/* The arguments and results of functions that run with the GIL released. */
struct making {
    struct pop_tls_options options;
    struct pop_tls_identity identity;
    struct ssl_ctx_st *config;
};

static enum pop_status
identify(void *argument, struct pop_error *error)
{
    struct making *making = argument;

    return pop_tls_identity_take(&making->options, &making->identity, error);
}

static enum pop_status
make(void *argument, struct pop_error *error)
{
    struct making *making = argument;

    return pop_tls_config_new(&making->options, &making->config, error);
}

/* Calls make(), and makes sure that what it has read has that identity. */
static enum pop_status
make_identified(void *argument, struct pop_error *error)
{
    struct making *making = argument;
    struct pop_tls_identity before = making->identity;
    enum pop_status status = make(making, error);

    if (status == POP_OK) {
        status = identify(making, error);
    }
    if (status != POP_OK) {
        pop_tls_config_free(making->config);
        making->config = NULL;
        return status;
    }
    before.settled &= pop_tls_identity_equals(&before, &making->identity);
    making->identity = before;
    return POP_OK;
}

/* Returns -1 and an exception. */
static int
run(struct module_state *state, lock_function function, struct making *making)
{
    struct pop_error error = {0};
    enum pop_status status = lock_call_detached(function, making, &error);

    if (status != POP_OK) {
        errors_raise(state, status, &error);
        return -1;
    }
    return 0;
}

/* Needs the lock, so that threads that want one new config make it once. */
static enum pop_status
find_or_make(struct module_state *state, struct making *making,
             struct pop_error *error)
{
    enum pop_status status;

    making->config = pop_tls_shared_find(&state->tls_shared,
                                         &making->identity);
    if (making->config != NULL) {
        return POP_OK;
    }
    status = lock_call_detached(make_identified, making, error);
    if (status == POP_OK && making->identity.settled) {
        pop_tls_shared_add(&state->tls_shared, &making->identity,
                           making->config);
    }
    return status;
}

/* Returns a config without a client certificate.  Reads what can't be shared,
   such as a pipe, without the lock, since that may take as long as it likes.
   Raises without it, too: that may run Python code, which may wait for another
   thread. */
static struct ssl_ctx_st *
get_shared(struct module_state *state, struct making *making)
{
    struct pop_error error = {0};
    enum pop_status status;

    if (run(state, identify, making) < 0) {
        return NULL;
    }
    making->config = pop_tls_shared_find(&state->tls_shared,
                                         &making->identity);
    if (making->config != NULL) {
        return making->config;
    }
    if (!making->identity.settled) {
        return run(state, make, making) < 0 ? NULL : making->config;
    }
    if (lock_acquire(&state->tls_lock) < 0) {
        return NULL;
    }
    status = find_or_make(state, making, &error);
    lock_release(&state->tls_lock);
    if (status != POP_OK) {
        errors_raise(state, status, &error);
    }
    return making->config;
}

/* Returns a config of its own, so that private keys stay in memory no longer
   than their connection.  The trusted certificates are shared. */
static struct ssl_ctx_st *
make_with_certificate(struct module_state *state, struct making *making,
                      const char *certfile, const char *keyfile)
{
    struct ssl_ctx_st *trusted = NULL;

    if (making->options.verify) {
        trusted = get_shared(state, making);
        if (trusted == NULL) {
            return NULL;
        }
    }
    making->options.trusted = trusted;
    making->options.certfile = certfile;
    making->options.keyfile = keyfile;
    making->config = NULL;
    (void)run(state, make, making);
    pop_tls_config_free(trusted);
    return making->config;
}

/* Encodes a path to bytes; *path is NULL if there is none. */
static int
encode_path(PyObject *value, PyObject **path)
{
    *path = NULL;
    if (value == NULL) {
        return 0;
    }
    return PyUnicode_FSConverter(value, path) ? 0 : -1;
}

static const char *
text_of(PyObject *bytes)
{
    return bytes == NULL ? NULL : PyBytes_AS_STRING(bytes);
}

struct ssl_ctx_st *
tls_configs_get(struct module_state *state, const struct tls_options *options)
{
    struct making making = {.options.verify = tls_options_verify(options)};
    struct ssl_ctx_st *config = NULL;
    PyObject *ca = making.options.verify && options->verify != Py_True
                       ? options->verify
                       : NULL;
    PyObject *paths[3] = {NULL};

    if (encode_path(ca, &paths[0]) == 0 &&
        encode_path(options->certfile, &paths[1]) == 0 &&
        encode_path(options->keyfile, &paths[2]) == 0) {
        making.options.ca = text_of(paths[0]);
        config = paths[1] == NULL
                     ? get_shared(state, &making)
                     : make_with_certificate(state, &making, text_of(paths[1]),
                                             text_of(paths[2]));
    }
    Py_XDECREF(paths[0]);
    Py_XDECREF(paths[1]);
    Py_XDECREF(paths[2]);
    return config;
}

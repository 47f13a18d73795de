#include "binding/connect/tls_configs.h"

#include <string.h>

#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "core/tls/tls_trust.h"

/* The arguments and the result of make(), which runs detached. */
struct making {
    struct pop_tls_options options;
    struct ssl_ctx_st *config;
};

static enum pop_status
make(void *argument, struct pop_error *error)
{
    struct making *making = argument;

    return pop_tls_config_new(&making->options, &making->config, error);
}

/* Makes a config of its own.  Returns NULL and an exception. */
static struct ssl_ctx_st *
make_own(struct module_state *state, struct making *making)
{
    struct pop_error error = {0};
    enum pop_status status = lock_call_detached(make, making, &error);

    return errors_check(state, status, &error) < 0 ? NULL : making->config;
}

/* --- what a config is made of ------------------------------------------- */

/* Describes a config with these options, which name no client certificate.
   The caller releases identity->owner.  Returns -1 and an exception. */
static int
identify(const struct pop_tls_options *options,
         struct state_identity *identity)
{
    struct pop_tls_places places = pop_tls_trust_places();
    const char *const *bundles = pop_tls_trust_bundles();

    if (!options->verify) {
        identity->owner = Py_NewRef(Py_None);
        identity->source = identity->state = Py_None;
        identity->is_settled = 1;
        identity->made = 0;
        identity->directory = "";
        return 0;
    }
    identity->owner = package_call(
        "poplib_c._tls_trust", "identify", "(yyyyyyy)", options->ca,
        places.file, places.directory, places.own_file, places.own_directory,
        bundles[0], bundles[0] == NULL ? NULL : bundles[1]);
    if (identity->owner == NULL ||
        !PyArg_ParseTuple(identity->owner, "O!O!pLy:identify", &PyTuple_Type,
                          &identity->source, &PyTuple_Type, &identity->state,
                          &identity->is_settled, &identity->made,
                          &identity->directory)) {
        Py_CLEAR(identity->owner);
        return -1;
    }
    return 0;
}

/* Compares tuples of bytes and ints, which runs no Python code.  What can't be
   compared is not equal. */
static bool
is_equal(PyObject *one, PyObject *other)
{
    int is = PyObject_RichCompareBool(one, other, Py_EQ);

    if (is < 0) {
        (void)errors_clear(PyExc_Exception);
    }
    return is > 0;
}

/* --- the list of shared configs ----------------------------------------- */

/* These functions need the module's critical section, except those that take
   the state. */

/* Moves one to the front. */
static void
use(struct state_config *configs, int at)
{
    struct state_config used = configs[at];

    memmove(configs + 1, configs, (size_t)at * sizeof(used));
    configs[0] = used;
}

static void
drop(struct state_config *configs, int at)
{
    pop_tls_config_free(configs[at].config);
    Py_XDECREF(configs[at].identity.owner);
    memmove(configs + at, configs + at + 1,
            (size_t)(STATE_CONFIGS - 1 - at) * sizeof(*configs));
    memset(configs + STATE_CONFIGS - 1, 0, sizeof(*configs));
}

static void
drop_config(struct state_config *configs, const struct ssl_ctx_st *config)
{
    int i;

    for (i = 0; i < STATE_CONFIGS; i++) {
        if (configs[i].config == config) {
            drop(configs, i);
            return;
        }
    }
}

/* Returns true if a config of this identity made now would verify as this one.
   If certificates of several places are in memory, nobody knows of which. */
static bool
is_current(const struct state_config *shared)
{
    return pop_tls_trust_count(shared->config) == shared->count ||
           (shared->count == 0 && shared->identity.directory[0] != '\0' &&
            pop_tls_trust_is_in(shared->config, shared->identity.directory,
                                shared->identity.made));
}

/* Returns the config with this identity, which the caller frees, or NULL.
   Drops one whose certificates have changed since it was made. */
static struct ssl_ctx_st *
find_in(struct state_config *configs, const struct state_identity *identity)
{
    int i;

    for (i = 0; i < STATE_CONFIGS && configs[i].config != NULL; i++) {
        const struct state_identity *each = &configs[i].identity;

        if (!is_equal(each->source, identity->source) ||
            !is_equal(each->state, identity->state)) {
            continue;
        }
        if (!is_current(configs + i)) {
            drop(configs, i);
            return NULL;
        }
        use(configs, i);
        return pop_tls_config_share(configs[0].config);
    }
    return NULL;
}

static struct ssl_ctx_st *
find(struct module_state *state, const struct state_identity *identity)
{
    struct ssl_ctx_st *found;

    Py_BEGIN_CRITICAL_SECTION(state->module);
    found = find_in(state->tls_configs, identity);
    Py_END_CRITICAL_SECTION();
    return found;
}

/* Keeps a config as another owner.  Drops one of the same source, or the one
   that was not used for longest. */
static void
add(struct state_config *configs, const struct state_identity *identity,
    struct ssl_ctx_st *config)
{
    int at = 0;

    while (at < STATE_CONFIGS - 1 && configs[at].config != NULL &&
           !is_equal(configs[at].identity.source, identity->source)) {
        at++;
    }
    drop(configs, at);
    use(configs, STATE_CONFIGS - 1);
    configs[0].config = pop_tls_config_share(config);
    configs[0].identity = *identity;
    configs[0].count = pop_tls_trust_count(config);
    Py_INCREF(identity->owner);
}

/* --- getting one -------------------------------------------------------- */

/* Needs the lock, so that threads that want one new config make it once. */
static enum pop_status
find_or_make(struct module_state *state, const struct state_identity *identity,
             struct making *making, struct pop_error *error)
{
    enum pop_status status;

    making->config = find(state, identity);
    if (making->config != NULL) {
        return POP_OK;
    }
    status = lock_call_detached(make, making, error);
    if (status == POP_OK) {
        Py_BEGIN_CRITICAL_SECTION(state->module);
        add(state->tls_configs, identity, making->config);
        Py_END_CRITICAL_SECTION();
    }
    return status;
}

/* Drops the new config from the list if it may have read other files than
   those of the identity.  Returns -1 and an exception. */
static int
check_unchanged(struct module_state *state,
                const struct state_identity *identity, struct making *making)
{
    struct state_identity now;
    int failed = identify(&making->options, &now);

    if (failed < 0 || !is_equal(now.source, identity->source) ||
        !is_equal(now.state, identity->state)) {
        Py_BEGIN_CRITICAL_SECTION(state->module);
        drop_config(state->tls_configs, making->config);
        Py_END_CRITICAL_SECTION();
    }
    Py_XDECREF(now.owner);
    return failed;
}

/* Makes a config to be shared, or waits until another thread has made it.
   Raises without the lock, since that may run Python code, which may wait for
   another thread. */
static void
make_shared(struct module_state *state, const struct state_identity *identity,
            struct making *making)
{
    struct pop_error error = {0};
    enum pop_status status;

    if (lock_acquire(&state->tls_lock) < 0) {
        return;
    }
    status = find_or_make(state, identity, making, &error);
    lock_release(&state->tls_lock);
    if (errors_check(state, status, &error) == 0 &&
        check_unchanged(state, identity, making) < 0) {
        pop_tls_config_free(making->config);
        making->config = NULL;
    }
}

/* Returns a config without a client certificate.  Reads what can't be shared,
   such as a pipe, without the lock, since that may take as long as it
   likes. */
static struct ssl_ctx_st *
get_shared(struct module_state *state, struct making *making)
{
    struct state_identity identity;

    if (identify(&making->options, &identity) < 0) {
        return NULL;
    }
    making->config = find(state, &identity);
    if (making->config == NULL && identity.is_settled) {
        make_shared(state, &identity, making);
    }
    else if (making->config == NULL) {
        (void)make_own(state, making);
    }
    Py_DECREF(identity.owner);
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
    (void)make_own(state, making);
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

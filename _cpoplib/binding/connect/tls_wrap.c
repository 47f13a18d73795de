#include "binding/connect/tls_wrap.h"

#include <stdlib.h>

#include "binding/base/args.h"
#include "binding/client/deadline.h"
#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/socket/python_socket.h"

/* --- arguments ---------------------------------------------------------- */

static PyObject *
or_null(PyObject *argument)
{
    return argument == Py_None ? NULL : argument;
}

int
tls_wrap_options(struct tls_options *options, PyObject *context,
                 PyObject *keyfile, PyObject *certfile, PyObject *verify)
{
    PyObject *checked;

    options->context = or_null(context);
    options->keyfile = or_null(keyfile);
    options->certfile = or_null(certfile);
    options->verify = or_null(verify);
    checked = package_call("poplib_c._tls", "check_arguments", "(OOOO)",
                           args_or_none(context), args_or_none(keyfile),
                           args_or_none(certfile), args_or_none(verify));
    return errors_drop_result(checked);
}

/* --- our own TLS -------------------------------------------------------- */

TLSSocketObject *
tls_wrap_new_socket(struct module_state *state, PyObject *sock, PyObject *host,
                    const struct tls_options *options,
                    struct ssl_ctx_st *config, PyObject *guard)
{
    PyObject *hostname = package_call("poplib_c._tls_socket", "begin", "(OO)",
                                      state->tls_socket_type, host);
    const char *name = NULL;
    struct ssl_ctx_st *own = NULL;
    TLSSocketObject *wrapped = NULL;

    if (hostname != NULL && hostname != Py_None) {
        name = PyUnicode_AsUTF8(hostname);
    }
    if (name == NULL && hostname != Py_None) {
        Py_XDECREF(hostname);
        return NULL;
    }
    if (config == NULL) {
        own = tls_configs_get(state, options);
        config = own;
    }
    if (config != NULL) {
        wrapped = tls_socket_new(state, sock, hostname, name, config, guard);
    }
    pop_tls_config_free(own);
    Py_DECREF(hostname);
    return wrapped;
}

static PyObject *
wrap_natively(POP3Object *self, PyObject *sock, PyObject *host,
              const struct tls_options *options, struct ssl_ctx_st *config)
{
    TLSSocketObject *wrapped = tls_wrap_new_socket(
        self->state, sock, host, options, config, self->guard);

    if (wrapped != NULL &&
        tls_socket_shake_hands(wrapped, &self->deadlines->earliest, NULL) <
            0) {
        Py_CLEAR(wrapped);
    }
    return (PyObject *)wrapped;
}

/* --- the ssl module's --------------------------------------------------- */

PyObject *
tls_wrap_new_context(struct module_state *state,
                     const struct tls_options *options)
{
    PyObject *ssl = package_attribute(state, state->name.ssl);
    PyObject *context;

    if (ssl == NULL) {
        return NULL;
    }
    context = package_call("poplib_c._tls", "new_context", "(OOOO)", ssl,
                           args_or_none(options->certfile),
                           args_or_none(options->keyfile),
                           args_or_none(options->verify));
    Py_DECREF(ssl);
    return context;
}

/* Calls context.wrap_socket() within the deadline; the result has the timeout
   of `sock`. */
static PyObject *
wrap_by_context(POP3Object *self, PyObject *context, PyObject *sock,
                PyObject *host)
{
    struct python_socket_hold hold;
    PyObject *wrapped;

    if (deadline_hold(self, sock, &hold) < 0) {
        return NULL;
    }
    wrapped = package_call("poplib_c._tls", "wrap", "(OOO)", context, sock,
                           host);
    if (deadline_let_go(self, wrapped == NULL ? sock : wrapped, &hold) < 0 &&
        wrapped != NULL) {
        python_socket_discard(self->state, wrapped);
        Py_CLEAR(wrapped);
    }
    return wrapped;
}

/* --- choice ------------------------------------------------------------- */

/* Returns whether our own TLS serves the options and the process: 1, 0
   or -1. */
static int
is_native(struct module_state *state, PyObject *sock,
          const struct tls_options *options)
{
    int native = python_socket_is_direct(state, sock);
    const char *key_log = getenv("SSLKEYLOGFILE");

    if (native <= 0) {
        return native;
    }
    native = errors_drop_truth(package_call(
        "poplib_c._tls", "is_wanted", "(Oi)", args_or_none(options->verify),
        key_log != NULL && key_log[0] != '\0'));
    return native < 0 ? -1 : !native;
}

static PyObject *
wrap(POP3Object *self, PyObject *sock, PyObject *host,
     const struct tls_options *options, struct ssl_ctx_st *config)
{
    PyObject *context = Py_XNewRef(options->context);
    PyObject *wrapped = NULL;
    int native = context != NULL ? 0 : is_native(self->state, sock, options);

    if (native > 0) {
        return wrap_natively(self, sock, host, options, config);
    }
    if (native == 0 && context == NULL) {
        context = tls_wrap_new_context(self->state, options);
    }
    if (context != NULL) {
        wrapped = wrap_by_context(self, context, sock, host);
        Py_DECREF(context);
    }
    return wrapped;
}

PyObject *
tls_wrap_start(POP3Object *self, PyObject *sock,
               const struct tls_options *options, struct ssl_ctx_st *config)
{
    PyObject *host = PyObject_GetAttr((PyObject *)self,
                                      self->state->name.host);
    PyObject *wrapped;

    if (host == NULL) {
        return NULL;
    }
    wrapped = wrap(self, sock, host, options, config);
    Py_DECREF(host);
    return wrapped;
}

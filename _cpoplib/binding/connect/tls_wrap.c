#include "binding/connect/tls_wrap.h"

#include <stdlib.h>
#include <string.h>

#include "binding/client/deadline.h"
#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/socket/python_socket.h"
#include "binding/connect/tls_configs.h"
#include "binding/connect/tls_context.h"
#include "binding/socket/tls_socket.h"

/* --- our own TLS -------------------------------------------------------- */

/* Returns host.encode("idna"), as the ssl module does, or None for None. */
static PyObject *
encode_host(PyObject *host)
{
    PyObject *encoded;

    if (host == Py_None || PyBytes_Check(host)) {
        encoded = Py_NewRef(host);
    }
    else if (PyUnicode_Check(host)) {
        encoded = PyUnicode_AsEncodedString(host, "idna", NULL);
    }
    else {
        PyErr_Format(PyExc_TypeError, "host should be str, not %.100s",
                     Py_TYPE(host)->tp_name);
        return NULL;
    }
    if (encoded == NULL || encoded == Py_None) {
        return encoded;
    }
    if (PyBytes_GET_SIZE(encoded) == 0 ||
        PyBytes_AS_STRING(encoded)[0] == '.') {
        PyErr_SetString(PyExc_ValueError,
                        "server_hostname cannot be an empty string or start "
                        "with a leading dot.");
        Py_CLEAR(encoded);
    }
    else if (strlen(PyBytes_AS_STRING(encoded)) !=
             (size_t)PyBytes_GET_SIZE(encoded)) {
        PyErr_SetString(PyExc_TypeError,
                        "host should be without null characters");
        Py_CLEAR(encoded);
    }
    return encoded;
}

/* Returns sock.server_hostname as an ssl.SSLSocket has it. */
static PyObject *
decode_host(PyObject *encoded)
{
    if (encoded == Py_None) {
        return Py_NewRef(Py_None);
    }
    return PyUnicode_DecodeASCII(PyBytes_AS_STRING(encoded),
                                 PyBytes_GET_SIZE(encoded), NULL);
}

static PyObject *
wrap_natively(POP3Object *self, PyObject *sock, PyObject *host,
              const struct tls_options *options, struct ssl_ctx_st *config)
{
    struct module_state *state = self->state;
    PyObject *encoded = encode_host(host);
    PyObject *hostname = encoded == NULL ? NULL : decode_host(encoded);
    struct ssl_ctx_st *own = NULL;
    PyObject *wrapped = NULL;

    if (hostname != NULL && config == NULL) {
        own = tls_configs_get(state, options);
        config = own;
    }
    if (hostname != NULL && config != NULL) {
        wrapped = tls_socket_wrap(
            state, sock, hostname,
            encoded == Py_None ? NULL : PyBytes_AS_STRING(encoded), config,
            &self->deadlines->limit);
    }
    pop_tls_config_free(own);
    Py_XDECREF(hostname);
    Py_XDECREF(encoded);
    return wrapped;
}

/* --- the ssl module's --------------------------------------------------- */

/* context.wrap_socket(sock, server_hostname=host) */
static PyObject *
wrap_in_context(PyObject *context, PyObject *sock, PyObject *host)
{
    PyObject *wrap = PyObject_GetAttrString(context, "wrap_socket");
    PyObject *args = PyTuple_Pack(1, sock);
    PyObject *keywords = PyDict_New();
    PyObject *wrapped = NULL;

    if (wrap != NULL && args != NULL && keywords != NULL &&
        PyDict_SetItemString(keywords, "server_hostname", host) == 0) {
        wrapped = PyObject_Call(wrap, args, keywords);
    }
    Py_XDECREF(wrap);
    Py_XDECREF(args);
    Py_XDECREF(keywords);
    return wrapped;
}

/* Calls wrap_in_context() within the deadline; the result has the timeout of
   `sock`. */
static PyObject *
wrap_by_context(POP3Object *self, PyObject *context, PyObject *sock,
                PyObject *host)
{
    struct python_socket_hold hold;
    PyObject *wrapped;

    if (deadline_hold(self, sock, &hold) < 0) {
        return NULL;
    }
    wrapped = wrap_in_context(context, sock, host);
    if (deadline_let_go(self, wrapped == NULL ? sock : wrapped, &hold) < 0 &&
        wrapped != NULL) {
        python_socket_discard(self->state, wrapped);
        Py_CLEAR(wrapped);
    }
    return wrapped;
}

/* --- choice ------------------------------------------------------------- */

/* Returns whether the function was defined in ssl: 1, 0 or -1.  Compares its
   globals, since a wrapper copies the names (functools.wraps). */
static int
is_own_factory(struct module_state *state, PyObject *ssl, PyObject *function)
{
    PyObject *name;
    int own;

    if (!PyModule_Check(ssl) || !PyFunction_Check(function) ||
        PyFunction_GetGlobals(function) != PyModule_GetDict(ssl)) {
        return 0;
    }
    name = PyObject_GetAttr(function, state->name.qualname);
    if (name == NULL) {
        return -1;
    }
    own = PyUnicode_Check(name) &&
          PyUnicode_CompareWithASCIIString(name,
                                           "_create_unverified_context") == 0;
    Py_DECREF(name);
    return own;
}

/* Returns whether ssl._create_stdlib_context was replaced: 1, 0 or -1; 0 if
   ssl was not imported. */
static int
is_replaced(struct module_state *state)
{
    PyObject *ssl = PyImport_GetModule(state->name.ssl);
    PyObject *seen = NULL;
    PyObject *function = NULL;
    int own = -1;

    if (ssl == NULL || ssl == Py_None) {
        Py_XDECREF(ssl);
        return PyErr_Occurred() ? -1 : 0;
    }
    seen = package_attribute(state, state->name.ssl);
    if (seen != NULL) {
        function = PyObject_GetAttrString(seen, "_create_stdlib_context");
    }
    if (function != NULL) {
        own = is_own_factory(state, ssl, function);
    }
    Py_XDECREF(function);
    Py_XDECREF(seen);
    Py_DECREF(ssl);
    return own < 0 ? -1 : !own;
}

/* Returns whether SSLKEYLOGFILE is set, which the ssl module obeys: 1, 0
   or -1. */
static int
wants_key_log(void)
{
    const char *path = getenv("SSLKEYLOGFILE");
    PyObject *flags;
    PyObject *ignored;
    int truth;

    if (path == NULL || path[0] == '\0') {
        return 0;
    }
    flags = package_import("sys", "flags");
    if (flags == NULL) {
        return -1;
    }
    ignored = PyObject_GetAttrString(flags, "ignore_environment");
    Py_DECREF(flags);
    if (ignored == NULL) {
        return -1;
    }
    truth = PyObject_IsTrue(ignored);
    Py_DECREF(ignored);
    return truth < 0 ? -1 : !truth;
}

/* Returns whether our own TLS serves the options and the process: 1, 0
   or -1. */
static int
is_native(struct module_state *state, PyObject *sock,
          const struct tls_options *options)
{
    int direct = python_socket_is_direct(state, sock);
    int other = 0;

    if (direct > 0) {
        other = wants_key_log();
    }
    if (direct > 0 && other == 0 && options->verify == NULL) {
        other = is_replaced(state);
    }
    if (direct < 0 || other < 0) {
        return -1;
    }
    return direct && !other;
}

static PyObject *
wrap_by_new_context(POP3Object *self, PyObject *sock, PyObject *host,
                    const struct tls_options *options)
{
    PyObject *context = tls_context_new(self->state, options);
    PyObject *wrapped;

    if (context == NULL) {
        return NULL;
    }
    wrapped = wrap_by_context(self, context, sock, host);
    Py_DECREF(context);
    return wrapped;
}

PyObject *
tls_wrap_start(POP3Object *self, PyObject *sock,
               const struct tls_options *options, struct ssl_ctx_st *config)
{
    struct module_state *state = self->state;
    PyObject *host = PyObject_GetAttr((PyObject *)self, state->name.host);
    PyObject *wrapped = NULL;
    int native;

    if (host == NULL) {
        return NULL;
    }
    if (options->context != NULL) {
        wrapped = wrap_by_context(self, options->context, sock, host);
        Py_DECREF(host);
        return wrapped;
    }
    native = is_native(state, sock, options);
    if (native > 0) {
        wrapped = wrap_natively(self, sock, host, options, config);
    }
    else if (native == 0) {
        wrapped = wrap_by_new_context(self, sock, host, options);
    }
    Py_DECREF(host);
    return wrapped;
}

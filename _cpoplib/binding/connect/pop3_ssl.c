#include "binding/connect/connect.h"

#include "binding/base/args.h"
#include "binding/client/deadline.h"
#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/client/opening.h"
#include "binding/client/options.h"
#include "binding/client/pop3.h"
#include "binding/connect/tls_configs.h"
#include "binding/connect/tls_wrap.h"
#include "binding/socket/python_socket.h"
#include "binding/base/heap_type.h"

#define DEFAULT_PORT 995

/* --- options ------------------------------------------------------------ */

/* Gets self.name; *value is NULL if it is None or absent.  Returns -1 and an
   exception. */
static int
get_given(POP3Object *self, PyObject *name, PyObject **value)
{
    if (PyObject_GetOptionalAttr((PyObject *)self, name, value) < 0) {
        return -1;
    }
    if (*value == Py_None) {
        Py_CLEAR(*value);
    }
    return 0;
}

/* Returns whether self.context was set, or made by an access: 1, 0 or -1.
   Does not call the attribute of the class that makes it, which is of one type
   with error_proto.code. */
static int
has_context(POP3Object *self)
{
    struct module_state *state = self->state;
    int present = pop3_dict_has(self, state->name.context);
    PyObject *found;
    PyObject *code;

    if (present != 0) {
        return present;
    }
    found = pycompat_lookup(Py_TYPE(self), state->name.context);
    code = pycompat_lookup((PyTypeObject *)state->error_proto,
                           state->name.code);
    present = found != NULL &&
              (code == NULL || Py_TYPE(found) != Py_TYPE(code));
    Py_XDECREF(found);
    Py_XDECREF(code);
    return present;
}

/* Gets self.context if has_context(), else NULL.  Returns -1 and an
   exception. */
static int
get_context(POP3Object *self, PyObject **context)
{
    int has = has_context(self);

    *context = NULL;
    if (has <= 0) {
        return has;
    }
    return get_given(self, self->state->name.context, context);
}

/* Fills the options from the attributes; new references. */
static int
get_options(POP3Object *self, struct tls_options *options)
{
    struct module_state *state = self->state;

    if (get_context(self, &options->context) < 0 ||
        get_given(self, state->name.keyfile, &options->keyfile) < 0 ||
        get_given(self, state->name.certfile, &options->certfile) < 0) {
        return -1;
    }
    options->verify = Py_XNewRef(self->verify);
    return 0;
}

static void
release_options(struct tls_options *options)
{
    Py_XDECREF(options->context);
    Py_XDECREF(options->keyfile);
    Py_XDECREF(options->certfile);
    Py_XDECREF(options->verify);
}

/* --- POP3_SSL.context --------------------------------------------------- */

ARGS_DOC(new_context_doc, "_new_context($module, client, /)",
"Make the context of a POP3_SSL, for its attribute of that name.");

static PyObject *
pop3_ssl_new_context(PyObject *module, PyObject *client)
{
    struct module_state *state = PyModule_GetState(module);
    struct tls_options options = {.context = NULL};
    PyObject *context = NULL;
    int failed;

    if (!PyObject_TypeCheck(client, state->pop3_type)) {
        PyErr_Format(PyExc_TypeError, "client must be a POP3, not %.100s",
                     Py_TYPE(client)->tp_name);
        return NULL;
    }
    GUARD_BEGIN(client)
    failed = get_options(POP3(client), &options);
    GUARD_END()
    if (failed == 0) {
        context = tls_wrap_new_context(state, &options);
    }
    release_options(&options);
    return context;
}

PyMethodDef pop3_ssl_functions[] = {
    {"_new_context", pop3_ssl_new_context, METH_O, new_context_doc},
    {NULL, NULL, 0, NULL},
};

/* --- connecting --------------------------------------------------------- */

static int
set_or_none(POP3Object *self, PyObject *name, PyObject *value)
{
    return PyObject_SetAttr((PyObject *)self, name, args_or_none(value));
}

/* Removes 'context' from self.__dict__. */
static int
forget_context(POP3Object *self)
{
    PyObject *name = self->state->name.context;
    PyObject *dict = pop3_get_dict(self);
    int has = pop3_dict_has(self, name);

    if (has > 0) {
        has = PyDict_DelItem(dict, name);
    }
    Py_XDECREF(dict);
    return has;
}

/* Drops an earlier context if verify or certfile is given.  Raises ValueError
   if the class has one. */
static int
drop_context(POP3Object *self, const struct tls_options *options)
{
    int has;

    if (options->verify == NULL && options->certfile == NULL) {
        return 0;
    }
    if (forget_context(self) < 0) {
        return -1;
    }
    has = has_context(self);
    if (has > 0) {
        PyErr_Format(PyExc_ValueError,
                     "the class has a context, which excludes %s",
                     options->verify != NULL ? "verify" : "certfile");
    }
    return has == 0 ? 0 : -1;
}

/* Replaces self->tls_config; steals the config, which may be NULL. */
static void
set_config(POP3Object *self, struct ssl_ctx_st *config)
{
    struct ssl_ctx_st *before = self->tls_config;

    self->tls_config = config;
    pop_tls_config_free(before);
}

static int
set_options(POP3Object *self, const struct tls_options *options)
{
    struct module_state *state = self->state;

    if (set_or_none(self, state->name.keyfile, options->keyfile) < 0 ||
        set_or_none(self, state->name.certfile, options->certfile) < 0) {
        return -1;
    }
    Py_XSETREF(self->verify, Py_XNewRef(options->verify));
    if (options->context != NULL) {
        return PyObject_SetAttr((PyObject *)self, state->name.context,
                                options->context);
    }
    if (drop_context(self, options) < 0) {
        return -1;
    }
    /* Loads the certificate files now: a bad file raises before connecting. */
    set_config(self, tls_configs_get(state, options));
    return self->tls_config == NULL ? -1 : 0;
}

/* Calls init(self, host, port, timeout). */
static int
call_init(POP3Object *self, PyObject *init, PyObject *host, PyObject *port,
          PyObject *timeout)
{
    PyObject *result = NULL;

    timeout = connect_timeout(self->state, timeout);
    if (timeout != NULL) {
        result = PyObject_CallFunctionObjArgs(init, self, host, port, timeout,
                                              NULL);
        Py_DECREF(timeout);
    }
    return errors_drop_result(result);
}

/* Calls POP3.__init__(), which may have been replaced. */
static int
call_base(POP3Object *self, PyObject *host, PyObject *port, PyObject *timeout)
{
    struct module_state *state = self->state;
    PyObject *init;
    int failed;

    init = PyObject_GetAttrString((PyObject *)state->pop3_type, "__init__");
    if (init == NULL) {
        return -1;
    }
    failed = init == state->own_init
                 ? connect_open(self, host, port, timeout)
                 : call_init(self, init, host, port, timeout);
    Py_DECREF(init);
    return failed;
}

static int
connect_ssl(POP3Object *self, PyObject *host, PyObject *port,
            PyObject *timeout)
{
    PyObject *default_port = PyLong_FromLong(DEFAULT_PORT);
    int failed;

    if (default_port == NULL) {
        return -1;
    }
    self->deadlines->is_begun = true;
    failed = call_base(self, host, port == NULL ? default_port : port,
                       timeout);
    self->deadlines->is_begun = false;
    Py_DECREF(default_port);
    set_config(self, NULL);
    return failed;
}

ARGS_DOC(init_doc,
"__init__($self, host, port=995, keyfile=None, certfile=None,\n"
"         " TIMEOUT_SIGNATURE ", context=None, *,\n"
"         verify=None, " OPTIONS_SIGNATURE DEADLINE_SIGNATURE ")",
"Connect to host, speak TLS and read the server's greeting.");

static int
init(POP3Object *self, PyObject *const *values)
{
    struct tls_options options;

    return options_set(self, values + 7) < 0 ||
                   tls_wrap_options(&options, values[5], values[2], values[3],
                                    values[6]) < 0 ||
                   set_options(self, &options) < 0 ||
                   deadline_begin(self, values[7 + OPTIONS_COUNT]) < 0
               ? -1
               : connect_ssl(self, values[0], values[1], values[4]);
}

ARGS_FUNCTION(pop3_ssl___init__,
              args_none(connect_locked(POP3(op), values, init) < 0),
              .method = "POP3_SSL.__init__",
              .names = {"host", "port", "keyfile", "certfile", "timeout",
                        "context", "verify", OPTIONS_NAMES, "deadline"},
              .required = 1, .keyword_only = 1 + OPTIONS_COUNT + 1);

/* Has close() in another thread end the handshake over this socket, if that
   has a descriptor. */
static int
watch(POP3Object *self, PyObject *plain)
{
    int fd;

    if (python_socket_fileno(self->state, plain, &fd) < 0) {
        return errors_clear(PyExc_Exception);
    }
    return opening_watch(self, fd);
}

ARGS_DOC(create_socket_doc, "_create_socket($self, timeout)",
"Return a socket from POP3._create_socket(), with TLS.\n"
"\n"
"Args:\n"
"    timeout (float or None): Seconds, as the constructor got it.\n"
"\n"
"Returns:\n"
"    TLSSocket or ssl.SSLSocket: The socket; ssl.SSLSocket with context.");

static PyObject *
create_socket(POP3Object *self, PyObject *timeout)
{
    struct tls_options options = {.context = NULL};
    struct ssl_ctx_st *config = NULL;
    PyObject *plain = PyObject_CallMethodObjArgs(
        (PyObject *)self->state->pop3_type, self->state->name.create_socket,
        self, timeout, NULL);
    PyObject *wrapped = NULL;

    if (plain == NULL) {
        return NULL;
    }
    if (self->tls_config != NULL) {
        config = pop_tls_config_share(self->tls_config);
    }
    if (watch(self, plain) == 0 && get_options(self, &options) == 0) {
        wrapped = tls_wrap_start(self, plain, &options, config);
    }
    pop_tls_config_free(config);
    if (wrapped == NULL) {
        python_socket_discard(self->state, plain);
    }
    release_options(&options);
    Py_DECREF(plain);
    return wrapped;
}

ARGS_FUNCTION(pop3_ssl__create_socket, create_socket(POP3(op), values[0]),
              .method = "POP3_SSL._create_socket", .names = {"timeout"},
              .required = 1);

ARGS_DOC(stls_doc,
"stls($self, keyfile=None, certfile=None, context=None, *, verify=None)",
"Raise error_proto: the connection uses TLS from its start.");

static PyObject *
refuse_stls(POP3Object *self)
{
    errors_raise_proto(self->state, "-ERR TLS session already established");
    return NULL;
}

ARGS_FUNCTION(pop3_ssl_stls, refuse_stls(POP3(op)), .method = "POP3_SSL.stls",
              .names = {"keyfile", "certfile", "context", "verify"},
              .keyword_only = 1);

/* --- type --------------------------------------------------------------- */

static PyMethodDef pop3_ssl_methods[] = {
    ARGS_METHOD("__init__", pop3_ssl___init__, init_doc),
    ARGS_METHOD("_create_socket", pop3_ssl__create_socket, create_socket_doc),
    ARGS_METHOD("stls", pop3_ssl_stls, stls_doc),
    {NULL, NULL, 0, NULL},
};

ARGS_DOC(pop3_ssl_doc,
"POP3_SSL(host, port=995, keyfile=None, certfile=None,\n"
"         " TIMEOUT_SIGNATURE ", context=None, *,\n"
"         verify=None, " OPTIONS_SIGNATURE DEADLINE_SIGNATURE ")",
"A connection to a POP3 server over TLS (RFC 8314).\n"
"\n"
"Without context the package's own TLS is used, TLS 1.2 or later, and the\n"
"attribute sock is a TLSSocket.\n"
"\n"
"Args:\n"
"    host (str): Name or address of the server.\n"
"    port (int): Port of the server.\n"
"    keyfile (path): PEM file with the client's key, without a password.\n"
"    certfile (path): PEM file with the client's certificate chain.\n"
"    timeout (float or None): Seconds, as for POP3.\n"
"    context (ssl.SSLContext): Makes the TLS socket. Excludes keyfile,\n"
"        certfile and verify.\n"
"    verify (bool or path): True verifies the server's certificate by the\n"
"        system's trust store, and that it is for host. A path does so by\n"
"        the CA certificates in that PEM file or directory of hashed names.\n"
"        None or False verifies nothing, as poplib does.\n"
"    max_line (int or None): Octets, as for POP3.\n"
"    max_size (int or None): Octets, as for POP3.\n"
"    pipelining (bool or str): As for POP3.\n"
"    read_ahead (int): Messages, as for POP3.\n"
"    deadline (float or None): Seconds, as for POP3.\n"
"\n"
"Raises:\n"
"    ssl.SSLError: The TLS handshake fails; ssl.SSLCertVerificationError for\n"
"        the server's certificate.\n"
"    error_proto: As for POP3.\n"
"    OSError: As for POP3; also a file that can't be read.\n"
"    ValueError: As for POP3; also arguments that exclude each other.");

static PyType_Slot pop3_ssl_slots[] = {
    {Py_tp_doc, (void *)pop3_ssl_doc},
    {0, NULL},
};

static PyType_Spec pop3_ssl_spec = {
    .name = "poplib_c.POP3_SSL",
    .basicsize = sizeof(POP3Object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = pop3_ssl_slots,
};

PyTypeObject *
pop3_ssl_new_type(struct module_state *state, PyObject *module)
{
    PyObject *bases = PyTuple_Pack(1, state->pop3_type);
    PyTypeObject *type;

    if (bases == NULL) {
        return NULL;
    }
    type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &pop3_ssl_spec,
                                                    bases);
    Py_DECREF(bases);
    if (type != NULL && heap_type_add_methods(type, pop3_ssl_methods) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

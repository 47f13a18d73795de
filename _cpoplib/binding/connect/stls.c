/* The method stls(): the STLS command (RFC 2595, section 4).  Calls connect,
   tls_wrap and the layers below. */

#include "binding/base/args.h"
#include "binding/client/deadline.h"
#include "binding/dialogue/command.h"
#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/connect/connect.h"
#include "binding/reader/reader.h"
#include "binding/reader/stream.h"
#include "binding/connect/tls_configs.h"
#include "binding/connect/tls_wrap.h"
#include "binding/socket/python_socket.h"

/* --- start of TLS ------------------------------------------------------- */

/* Raises error_proto if bytes follow the reply to STLS: an attacker injected
   them (CVE-2021-22947).  Only a Reader can tell. */
static int
check_nothing_follows(POP3Object *self, PyObject *file)
{
    if (!reader_check(self->state, file)) {
        return 0;
    }
    return reader_require((ReaderObject *)file, READER_AT_REST);
}

/* Raises ConnectionAbortedError, in place of an error of the socket, if
   another thread or a signal handler closed the connection. */
static int
check_open(POP3Object *self, PyObject *file)
{
    if (!reader_check(self->state, file) ||
        !progress_is_closed(&((ReaderObject *)file)->progress)) {
        return 0;
    }
    if (PyErr_Occurred() && errors_clear(PyExc_OSError) < 0) {
        return -1;
    }
    errors_raise_closed_meanwhile();
    return -1;
}

/* Sets .sock and .file to those of the TLS session. */
static int
replace(POP3Object *self, PyObject *sock, PyObject *file,
        const struct tls_options *options, struct ssl_ctx_st *config)
{
    PyObject *wrapped = tls_wrap_start(self, sock, options, config);
    int failed;

    if (check_open(self, file) < 0 && wrapped != NULL) {
        python_socket_discard(self->state, wrapped);
        Py_CLEAR(wrapped);
    }
    if (wrapped == NULL) {
        return -1;
    }
    failed = connect_use_socket(self, wrapped);
    Py_DECREF(wrapped);
    return failed < 0 ? -1 : check_open(self, file);
}

/* Shakes hands while inside the plain Reader: nobody else can use the socket,
   its descriptor stays open, and close() wakes this thread.  Retires that
   Reader before it is left: it must neither read the TLS session's octets nor
   keep its socket open. */
static int
change(POP3Object *self, PyObject *sock, PyObject *file,
       const struct tls_options *options, struct ssl_ctx_st *config)
{
    bool adopted = reader_check(self->state, file);
    int failed;

    if (adopted && reader_enter((ReaderObject *)file, READER_OPEN) < 0) {
        return -1;
    }
    failed = replace(self, sock, file, options, config);
    if (adopted) {
        reader_retire((ReaderObject *)file);
        reader_leave((ReaderObject *)file);
    }
    if (failed < 0) {
        return -1;
    }
    return PyObject_SetAttr((PyObject *)self,
                            self->state->name.tls_established, Py_True);
}

/* Starts TLS after the server's +OK; closes the connection on failure. */
static int
begin_tls(POP3Object *self, const struct tls_options *options,
          struct ssl_ctx_st *config)
{
    PyObject *sock = pop3_get_sock(self, "makefile");
    PyObject *file = sock == NULL ? NULL : pop3_get_file(self, "readline");
    int failed = -1;

    if (file != NULL && check_nothing_follows(self, file) == 0) {
        failed = change(self, sock, file, options, config);
    }
    if (failed < 0) {
        connect_give_up(self);
    }
    Py_XDECREF(sock);
    Py_XDECREF(file);
    return failed;
}

static PyObject *
run(POP3Object *self, const struct tls_options *options,
    struct ssl_ctx_st *config)
{
    PyObject *response = package_call_own(
        self->state, self->state->name.replies, "check_stls", "(OO)",
        self->state->error_proto, self);

    Py_XDECREF(response);
    if (response == NULL || deadline_check(self) < 0) {
        return NULL;
    }
    response = command_shortcmd(self, PyUnicode_FromString("STLS"),
                                POP_END_AT_ONCE);
    /* The server may have begun TLS: send nothing more in plain text. */
    if (response == NULL && !errors_is_refusal(self->state) &&
        !PyErr_ExceptionMatches(PyExc_RuntimeError)) {
        connect_give_up(self);
    }
    if (response != NULL && begin_tls(self, options, config) < 0) {
        Py_CLEAR(response);
    }
    return response;
}

/* Needs the command lock.  Loads the certificate files first: a bad file
   raises before STLS is sent. */
static PyObject *
run_locked(POP3Object *self, const struct tls_options *options)
{
    struct ssl_ctx_st *config = NULL;
    PyObject *response = NULL;

    if (options->context == NULL) {
        config = tls_configs_get(self->state, options);
        if (config == NULL) {
            return NULL;
        }
    }
    if (pop3_lock(self) == 0) {
        response = run(self, options, config);
        pop3_unlock(self);
    }
    pop_tls_config_free(config);
    return response;
}

ARGS_DOC(stls_doc,
"stls($self, context=None, *, keyfile=None, certfile=None, verify=None)",
"Start TLS on a plain connection (STLS; RFC 2595, section 4).\n"
"\n"
"Call it before logging in. If the handshake fails, the connection is\n"
"closed.\n"
"\n"
"Args:\n"
"    context (ssl.SSLContext): As for POP3_SSL.\n"
"    keyfile (path): As for POP3_SSL.\n"
"    certfile (path): As for POP3_SSL.\n"
"    verify (bool or path): As for POP3_SSL.\n"
"\n"
"Returns:\n"
"    bytes: The response.\n"
"\n"
"Raises:\n"
"    error_proto: The server does not support STLS, the connection uses TLS\n"
"        already, or something unprotected follows the response.\n"
"    ssl.SSLError: The TLS handshake fails; ssl.SSLCertVerificationError for\n"
"        the server's certificate.\n"
"    OSError: The connection fails, or a file can't be read.\n"
"    ValueError: The arguments exclude each other.");

static PyObject *
stls(POP3Object *self, PyObject *const *values)
{
    struct tls_options options;

    return tls_wrap_options(&options, values[0], values[1], values[2],
                            values[3]) < 0
               ? NULL
               : run_locked(self, &options);
}

ARGS_FUNCTION(pop3_stls, stls(POP3(op), values), .method = "POP3.stls",
              .names = {"context", "keyfile", "certfile", "verify"},
              .keyword_only = 3);

PyMethodDef stls_methods[] = {
    ARGS_METHOD("stls", pop3_stls, stls_doc),
    {NULL, NULL, 0, NULL},
};

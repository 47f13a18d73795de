/* auth(): sends and receives what poplib_c/_auth.py computes. */

#include "binding/commands/commands.h"

#include "binding/base/args.h"
#include "binding/dialogue/command.h"
#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/connect/connect.h"
#include "binding/dialogue/getresp.h"
#include "core/proto/scan.h"

static void
abandon(POP3Object *self)
{
    getresp_abandon(self, "an authentication was abandoned half-way");
}

static bool
is_success(PyObject *reply)
{
    return PyBytes_Check(reply) &&
           pop_scan_begins_with(PyBytes_AS_STRING(reply),
                                (size_t)PyBytes_GET_SIZE(reply), "+OK");
}

/* Sends the answer to a challenge, or "*"; returns the next status line. */
static PyObject *
send_answer(POP3Object *self, PyObject *line)
{
    PyObject *reply = command_respond(self, line);

    /* The server may still wait for the answer. */
    if (reply == NULL && !errors_is_refusal(self->state)) {
        abandon(self);
    }
    return reply;
}

/* Sends "*", which the server must reject with -ERR (RFC 5034, section 4).
   Always raises: the pending exception, or else the server's reply. */
static void
cancel(POP3Object *self)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *line = PyUnicode_FromString("*");
    PyObject *reply = line == NULL ? NULL : send_answer(self, line);

    if (reply != NULL) {
        errors_raise_proto(self->state,
                           "the server did not let AUTH be cancelled");
        if (!is_success(reply)) {
            abandon(self);
        }
        Py_DECREF(reply);
    }
    Py_XDECREF(line);
    if (pending != NULL) {
        errors_raise_again(pending);
    }
}

/* Answers one challenge; replaces *reply by the next status line.  No command
   can begin while the answer is computed. */
static int
take_turn(POP3Object *self, PyObject *exchange, PyObject **reply)
{
    PyObject *line;

    (void)progress_entered(&self->progress, PHASE_CHALLENGE);
    line = PyObject_CallMethod(exchange, "answer", "O", *reply);
    progress_rested(&self->progress);
    if (line == NULL || line == Py_None) {
        Py_XDECREF(line);
        cancel(self);
        return -1;
    }
    Py_SETREF(*reply, send_answer(self, line));
    Py_DECREF(line);
    return *reply == NULL ? -1 : 0;
}

/* Sends AUTH and returns the status line.  If a logger or an overridden method
   raises after a challenge, the server still waits for the answer. */
static PyObject *
send_command(POP3Object *self, PyObject *line)
{
    PyObject *reply = command_shortcmd(self, Py_NewRef(line), POP_END_AT_ONCE);

    if (reply == NULL && self->progress.is_challenged) {
        abandon(self);
    }
    return reply;
}

/* Closes the connection if the program raises after +OK. */
static PyObject *
converse(POP3Object *self, PyObject *exchange, PyObject *line)
{
    enum pop3_sasl before = progress_auth_begun(&self->progress);
    PyObject *reply = send_command(self, line);

    progress_auth_sent(&self->progress);
    while (reply != NULL && !is_success(reply)) {
        if (take_turn(self, exchange, &reply) < 0) {
            Py_CLEAR(reply);
        }
    }
    progress_auth_over(&self->progress, before);
    if (reply != NULL && errors_drop_result(PyObject_CallMethod(
                             exchange, "success", NULL)) < 0) {
        connect_give_up(self);
        Py_CLEAR(reply);
    }
    return reply;
}

/* `given`: mechanism, and authobject and initial response or NULL. */
static PyObject *
run(POP3Object *self, PyObject *const *given)
{
    PyObject *exchange;
    PyObject *line = NULL;
    PyObject *reply = NULL;

    if (pop3_check_idle(self) < 0) {
        return NULL;
    }
    exchange = package_call("poplib_c._auth", "Exchange", "(OOO)",
                            self->state->error_proto, given[0],
                            args_or_none(given[1]));
    if (exchange != NULL &&
        PyObject_SetAttrString(exchange, "first", args_or_none(given[2])) ==
            0) {
        line = PyObject_CallMethod(exchange, "command", NULL);
    }
    if (line != NULL) {
        reply = converse(self, exchange, line);
        Py_DECREF(line);
    }
    Py_XDECREF(exchange);
    return reply;
}

/* --- what Python sees --------------------------------------------------- */

ARGS_DOC(auth_doc,
"auth($self, mechanism, authobject=None, initial_response=None)",
"Log in by a SASL mechanism (AUTH; RFC 5034).\n"
"\n"
"Args:\n"
"    mechanism (str or object): Name of a mechanism, such as 'PLAIN', or an\n"
"        object of poplib_c.sasl, which makes the other arguments needless.\n"
"    authobject (callable): Gets each challenge, bytes, and returns the\n"
"        response, bytes or ASCII str; None cancels the exchange. If it\n"
"        raises, the exchange is cancelled and auth() raises the exception.\n"
"        It can't use the connection. Its success(), if it has one, is\n"
"        called after +OK; if success() raises, the connection is closed.\n"
"    initial_response (bytes or str): The first response, sent with the\n"
"        command. If the command would have more than 255 octets, it is sent\n"
"        after an empty challenge.\n"
"\n"
"Returns:\n"
"    bytes: The response.\n"
"\n"
"Raises:\n"
"    error_proto: The server refuses, or sends something that is no\n"
"        challenge.\n"
"    ValueError: The name is that of no mechanism, or a str is not ASCII;\n"
"        nothing was sent.\n"
"    TypeError: There is neither authobject nor initial_response, or an\n"
"        argument has another type.");

static PyObject *
auth(POP3Object *self, PyObject *const *given)
{
    PyObject *reply;

    if (pop3_lock(self) < 0) {
        return NULL;
    }
    reply = run(self, given);
    pop3_unlock(self);
    return reply;
}

ARGS_FUNCTION(pop3_auth, auth(POP3(op), values), .method = "POP3.auth",
              .names = {"mechanism", "authobject", "initial_response"},
              .required = 1);

PyMethodDef sasl_methods[] = {
    ARGS_METHOD("auth", pop3_auth, auth_doc),
    {NULL, NULL, 0, NULL},
};

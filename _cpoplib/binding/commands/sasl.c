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
"mechanism: its name, 'PLAIN', or an object of poplib_c.sasl, which brings\n"
"what the other two arguments are, unless they are given.\n"
"authobject: a callable that is given each challenge, bytes, and returns\n"
"the response, bytes or ASCII str, or None to cancel.  If it raises, the\n"
"exchange is cancelled too, and that is raised.  It can't use the\n"
"connection.\n"
"initial_response: bytes or ASCII str to begin with.  It is sent along with\n"
"the command, or, if that had more than 255 octets then, as the answer to\n"
"an empty challenge.\n"
"\n"
"Returns the response, bytes.  error_proto for the server's refusal, and for\n"
"what is no challenge; ValueError, before anything is sent, for a name that\n"
"is none, or for str beyond ASCII.  What success() of either object raises\n"
"after +OK closes the connection.");

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

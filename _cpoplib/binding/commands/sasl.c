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

/* Returns whether there is another line to send, after the reply or, if that
   is NULL, the pending exception.  Otherwise an exception is pending:
   StopIteration after success.  No command can begin meanwhile. */
static bool
go_on(POP3Object *self, PyObject *turns, PyObject *reply)
{
    PyObject *pending = reply == NULL ? PyErr_GetRaisedException() : NULL;
    PyObject *result;

    (void)progress_entered(&self->progress, PHASE_CHALLENGE);
    result = pending != NULL
                 ? PyObject_CallMethod(turns, "throw", "(O)", pending)
                 : PyObject_CallMethod(turns, "send", "(O)", reply);
    progress_rested(&self->progress);
    Py_XDECREF(pending);
    Py_XDECREF(result);
    return result != NULL;
}

/* Sends exchange.line, and returns the status line.  After a challenge, the
   server still waits for an answer, unless it has refused. */
static PyObject *
send_line(POP3Object *self, PyObject *exchange, bool is_answer)
{
    PyObject *line = PyObject_GetAttrString(exchange, "line");
    PyObject *reply = NULL;

    if (line != NULL && is_answer) {
        reply = command_respond(self, line);
    }
    else if (line != NULL) {
        reply = command_shortcmd(self, Py_NewRef(line), POP_END_AT_ONCE);
    }
    if (reply == NULL && (is_answer ? !errors_is_refusal(self->state)
                                    : self->progress.is_challenged)) {
        abandon(self);
    }
    Py_XDECREF(line);
    return reply;
}

/* Sends AUTH, then answers as exchange.turns() says.  Closes the connection if
   the program raises after +OK. */
static PyObject *
converse(POP3Object *self, PyObject *exchange, PyObject *turns)
{
    enum pop3_sasl before = progress_auth_begun(&self->progress);
    PyObject *reply = send_line(self, exchange, false);

    progress_auth_sent(&self->progress);
    while (go_on(self, turns, reply)) {
        Py_XSETREF(reply, send_line(self, exchange, true));
    }
    progress_auth_over(&self->progress, before);
    if (errors_clear(PyExc_StopIteration) < 0) {
        if (reply != NULL && !is_success(reply)) {
            abandon(self);
        }
        else if (reply != NULL &&
                 !PyErr_ExceptionMatches(self->state->error_proto)) {
            connect_give_up(self); /* Nobody has verified the server. */
        }
        Py_CLEAR(reply);
        return NULL;
    }
    if (errors_drop_result(PyObject_CallMethod(exchange, "success", NULL)) <
        0) {
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
    PyObject *turns = NULL;
    PyObject *first = NULL;
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
        turns = PyObject_CallMethod(exchange, "turns", NULL);
    }
    if (turns != NULL) {
        first = PyIter_Next(turns);
    }
    if (first != NULL) {
        reply = converse(self, exchange, turns);
    }
    Py_XDECREF(first);
    Py_XDECREF(turns);
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

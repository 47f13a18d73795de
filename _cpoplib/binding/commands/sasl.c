#include "binding/commands/commands.h"

#include "binding/base/args.h"
#include "binding/dialogue/command.h"
#include "binding/base/errors.h"
#include "binding/connect/connect.h"
#include "binding/dialogue/getresp.h"
#include "binding/commands/sasl_line.h"
#include "core/proto/command.h"

/* A limit for endless servers; no mechanism needs as many. */
#define CHALLENGES_MAX 64

struct sasl {
    POP3Object *client;
    PyObject *mechanism; /* the object, or None */
    PyObject *name;      /* str */
    PyObject *respond;   /* the callable, or None */
    PyObject *first;     /* initial response (bytes), NULL once sent */
    int challenges;
};

/* --- arguments ---------------------------------------------------------- */

static int
check_respond(struct sasl *self)
{
    if (self->respond != Py_None && !PyCallable_Check(self->respond)) {
        PyErr_Format(PyExc_TypeError,
                     "authobject must be callable, not %.100s",
                     Py_TYPE(self->respond)->tp_name);
        return -1;
    }
    if (self->respond == Py_None && self->first == NULL) {
        PyErr_SetString(PyExc_TypeError,
                        "auth() needs an authobject or an initial_response");
        return -1;
    }
    return 0;
}

/* Returns object.name(), or None if it has no such method. */
static PyObject *
call_if_there(PyObject *object, PyObject *name)
{
    PyObject *method;
    PyObject *result;

    if (PyObject_GetOptionalAttr(object, name, &method) < 0) {
        return NULL;
    }
    if (method == NULL) {
        return Py_NewRef(Py_None);
    }
    result = PyObject_CallNoArgs(method);
    Py_DECREF(method);
    return result;
}

static int
set_first(struct sasl *self, PyObject *given)
{
    PyObject *name = self->client->state->name.initial_response;
    PyObject *first = given == Py_None && self->mechanism != Py_None
                          ? call_if_there(self->mechanism, name)
                          : Py_NewRef(given);

    if (first != NULL && first != Py_None) {
        self->first = sasl_line_octets(first, "initial_response");
        Py_DECREF(first);
        return self->first == NULL ? -1 : 0;
    }
    Py_XDECREF(first);
    return first == NULL ? -1 : 0;
}

/* Returns object.name; raises TypeError for a class, whose instance is
   needed. */
static PyObject *
name_of(struct sasl *self, PyObject *object)
{
    PyObject *name = NULL;

    if (!PyType_Check(object) &&
        PyObject_GetOptionalAttr(
            object, self->client->state->name.mechanism_name, &name) < 0) {
        return NULL;
    }
    if (name == NULL) {
        PyErr_Format(PyExc_TypeError,
                     "mechanism must be a str or an object of poplib_c.sasl, "
                     "not %.100s",
                     Py_TYPE(object)->tp_name);
    }
    return name;
}

/* Checks and stores `given`: mechanism, authobject and initial response, None
   if not given. */
static int
begin(struct sasl *self, PyObject *const *given)
{
    bool is_name = PyUnicode_Check(given[0]);

    self->mechanism = Py_NewRef(is_name ? Py_None : given[0]);
    self->name = is_name ? Py_NewRef(given[0]) : name_of(self, given[0]);
    self->respond = Py_NewRef(given[1] == Py_None ? self->mechanism
                                                  : given[1]);
    if (self->name == NULL || sasl_line_check_name(self->name) < 0 ||
        set_first(self, given[2]) < 0) {
        return -1;
    }
    return check_respond(self);
}

static void
end(struct sasl *self)
{
    Py_XDECREF(self->mechanism);
    Py_XDECREF(self->name);
    Py_XDECREF(self->respond);
    Py_XDECREF(self->first);
}

/* --- the command line --------------------------------------------------- */

/* Returns the AUTH line.  "=" stands for an empty initial response; one too
   long for the line is sent after an empty challenge (RFC 5034, section 4). */
static PyObject *
command_line(struct sasl *self)
{
    PyObject *encoded;
    PyObject *line = NULL;

    if (self->first == NULL) {
        return PyUnicode_FromFormat("AUTH %U", self->name);
    }
    encoded = sasl_line_encode(self->first);
    if (encoded != NULL) {
        bool is_empty = PyUnicode_GET_LENGTH(encoded) == 0;

        line = PyUnicode_FromFormat("AUTH %U %U%s", self->name, encoded,
                                    is_empty ? "=" : "");
        Py_DECREF(encoded);
    }
    if (line != NULL &&
        (size_t)PyUnicode_GET_LENGTH(line) + 2 > POP_COMMAND_OCTETS) {
        Py_DECREF(line);
        return PyUnicode_FromFormat("AUTH %U", self->name);
    }
    Py_CLEAR(self->first);
    return line;
}

/* --- turns -------------------------------------------------------------- */

/* Returns the method of the callable that answers a text that is not base64;
   NULL and error_proto if there is none. */
static PyObject *
get_prompt(struct sasl *self)
{
    PyObject *name = PyUnicode_FromString("prompt");
    PyObject *method = NULL;
    int found = -1;

    if (name != NULL) {
        found = PyObject_GetOptionalAttr(self->respond, name, &method);
        Py_DECREF(name);
    }
    if (found == 0) {
        errors_raise_proto(self->client->state,
                           "the server's challenge is not base64");
    }
    return method;
}

/* The answer of the callable: a new reference, which None is if it cancels, or
   NULL. */
static PyObject *
call(PyObject *callable, PyObject *challenge)
{
    PyObject *answer;

    if (callable == Py_None) {
        return Py_NewRef(Py_None);
    }
    answer = PyObject_CallFunctionObjArgs(callable, challenge, NULL);
    if (answer != NULL && answer != Py_None) {
        Py_SETREF(answer, sasl_line_octets(answer, "what authobject returns"));
    }
    return answer;
}

/* Lets the callable answer a challenge.  Returns the answer (new reference;
   None cancels), or NULL and an exception.  No command can begin meanwhile. */
static PyObject *
ask(struct sasl *self, PyObject *reply)
{
    PyObject *callable = Py_NewRef(self->respond);
    PyObject *challenge;
    PyObject *answer = NULL;
    int is_base64;

    (void)progress_entered(&self->client->progress, PHASE_CHALLENGE);
    is_base64 = sasl_line_decode(reply, &challenge);
    if (is_base64 == 0) {
        Py_SETREF(callable, get_prompt(self));
    }
    if (is_base64 >= 0 && callable != NULL) {
        answer = call(callable, challenge);
    }
    progress_rested(&self->client->progress);
    Py_XDECREF(challenge);
    Py_XDECREF(callable);
    return answer;
}

/* Returns the answer to a challenge: bytes, None to cancel, or NULL and an
   exception.  An initial response that had no place in the command answers an
   empty challenge; some servers put a text there ("+ go ahead"), which says
   nothing more. */
static PyObject *
answer(struct sasl *self, PyObject *reply)
{
    PyObject *first = self->first;

    if (sasl_line_classify(reply) != SASL_LINE_CHALLENGE) {
        errors_raise_proto(self->client->state,
                           "the server's reply to AUTH is neither a challenge "
                           "nor +OK");
        return NULL;
    }
    if (++self->challenges > CHALLENGES_MAX) {
        errors_raise_proto(self->client->state,
                           "the server sent too many challenges");
        return NULL;
    }
    self->first = NULL;
    return first != NULL ? first : ask(self, reply);
}

static PyObject *
send_answer(struct sasl *self, PyObject *line)
{
    PyObject *reply = command_respond(self->client, line);

    /* The server may still wait for the answer. */
    if (reply == NULL && !errors_is_refusal(self->client->state)) {
        getresp_abandon(self->client,
                        "an authentication was abandoned half-way");
    }
    return reply;
}

/* Sends the answer to a challenge; returns the next status line. */
static PyObject *
respond(struct sasl *self, PyObject *answer)
{
    PyObject *line = sasl_line_encode(answer);
    PyObject *reply;

    if (line == NULL) {
        getresp_abandon(self->client,
                        "an authentication was abandoned half-way");
        return NULL;
    }
    reply = send_answer(self, line);
    Py_DECREF(line);
    return reply;
}

/* Sends "*", which the server must reject with -ERR (RFC 5034, section 4).
   Always raises: the pending exception, or else the server's reply. */
static void
cancel(struct sasl *self)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *line = PyUnicode_FromString("*");
    PyObject *reply = line == NULL ? NULL : send_answer(self, line);

    if (reply != NULL) {
        errors_raise_proto(self->client->state,
                           "the server did not let AUTH be cancelled");
        if (sasl_line_classify(reply) != SASL_LINE_SUCCESS) {
            getresp_abandon(self->client,
                            "an authentication was abandoned half-way");
        }
        Py_DECREF(reply);
    }
    Py_XDECREF(line);
    if (pending != NULL) {
        errors_raise_again(pending);
    }
}

/* Answers one challenge; replaces *reply by the next status line. */
static int
take_turn(struct sasl *self, PyObject **reply)
{
    PyObject *octets = answer(self, *reply);

    if (octets == NULL || octets == Py_None) {
        Py_XDECREF(octets);
        cancel(self);
        return -1;
    }
    Py_SETREF(*reply, respond(self, octets));
    Py_DECREF(octets);
    return *reply == NULL ? -1 : 0;
}

static int
call_success(struct module_state *state, PyObject *object)
{
    return errors_drop_result(call_if_there(object, state->name.success));
}

/* After +OK, lets the mechanism or the authobject verify the server; closes
   the connection if that raises. */
static int
check_success(struct sasl *self)
{
    struct module_state *state = self->client->state;
    int failed = 0;

    if (self->first != NULL) {
        errors_raise_proto(state, "the server said +OK before the initial "
                                  "response");
        failed = -1;
    }
    if (failed == 0) {
        failed = call_success(state, self->respond);
    }
    if (failed == 0 && self->mechanism != self->respond) {
        failed = call_success(state, self->mechanism);
    }
    if (failed < 0) {
        connect_give_up(self->client);
    }
    return failed;
}

/* Sends AUTH and returns the status line.  If a logger or an overridden method
   raises after a challenge, the server still waits for the answer. */
static PyObject *
send_command(struct sasl *self, PyObject *line)
{
    POP3Object *client = self->client;
    PyObject *reply = command_shortcmd(client, line, POP_END_AT_ONCE);

    if (reply == NULL && client->progress.is_challenged) {
        getresp_abandon(client, "an authentication was abandoned half-way");
    }
    return reply;
}

static PyObject *
converse(struct sasl *self, PyObject *line)
{
    POP3Object *client = self->client;
    enum pop3_sasl before = progress_auth_begun(&client->progress);
    PyObject *reply = send_command(self, line);

    progress_auth_sent(&client->progress);
    while (reply != NULL && sasl_line_classify(reply) != SASL_LINE_SUCCESS) {
        if (take_turn(self, &reply) < 0) {
            Py_CLEAR(reply);
        }
    }
    progress_auth_over(&client->progress, before);
    if (reply != NULL && check_success(self) < 0) {
        Py_CLEAR(reply);
    }
    return reply;
}

static PyObject *
run(POP3Object *client, PyObject *const *given)
{
    struct sasl self = {.client = client};
    PyObject *line = NULL;
    PyObject *reply = NULL;

    if (pop3_check_idle(client) == 0 && begin(&self, given) == 0) {
        line = command_line(&self);
    }
    if (line != NULL) {
        reply = converse(&self, line);
        Py_DECREF(line);
    }
    end(&self);
    return reply;
}

/* --- what Python sees --------------------------------------------------- */

PyDoc_STRVAR(auth_doc,
"auth($self, mechanism, authobject=None, initial_response=None)\n"
"--\n"
"\n"
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
auth(POP3Object *self, PyObject **given)
{
    PyObject *reply;
    int i;

    for (i = 1; i < 3; i++) {
        if (given[i] == NULL) {
            given[i] = Py_None;
        }
    }
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

#include "binding/commands/commands.h"

#include "binding/base/args.h"
#include "binding/dialogue/command.h"
#include "binding/base/package.h"
#include "binding/client/redact.h"

/* The functions below take any client with the attributes encoding, welcome
   and timestamp. */

/* bytes(password, client.encoding) */
static PyObject *
encode_password(struct module_state *state, PyObject *client,
                PyObject *password)
{
    PyObject *encoding;
    PyObject *secret;

    encoding = PyObject_GetAttr(client, state->name.encoding);
    if (encoding == NULL) {
        return NULL;
    }
    secret = PyObject_CallFunctionObjArgs((PyObject *)&PyBytes_Type, password,
                                          encoding, NULL);
    Py_DECREF(encoding);
    if (secret == NULL) {
        redact_unicode_error(state, Py_None, REDACT_NOT_SENT);
    }
    return secret;
}

/* Returns the hexadecimal MD5 of the data, which no Python frame sees. */
static PyObject *
md5_hexdigest(struct module_state *state, PyObject *data)
{
    PyObject *hash = package_call_own(state, state->name.replies, "md5", "()");
    PyObject *updated = NULL;
    PyObject *digest = NULL;

    if (hash != NULL) {
        updated = PyObject_CallMethod(hash, "update", "O", data);
    }
    if (updated != NULL) {
        digest = PyObject_CallMethod(hash, "hexdigest", NULL);
    }
    Py_XDECREF(updated);
    Py_XDECREF(hash);
    return digest;
}

/* Returns the digest of RFC 1939, section 7. */
static PyObject *
apop_digest(struct module_state *state, PyObject *client, PyObject *secret)
{
    PyObject *timestamp = package_call_own(state, state->name.replies,
                                           "timestamp", "(OO)",
                                           state->error_proto, client);
    PyObject *data = NULL;
    PyObject *digest = NULL;

    if (timestamp == NULL) {
        return NULL;
    }
    data = PyNumber_Add(timestamp, secret);
    if (data != NULL) {
        digest = md5_hexdigest(state, data);
    }
    Py_DECREF(timestamp);
    Py_XDECREF(data);
    return digest;
}

static PyObject *
apop_line(struct module_state *state, PyObject *client, PyObject *user,
          PyObject *password)
{
    PyObject *secret = encode_password(state, client, password);
    PyObject *digest = NULL;
    PyObject *line = NULL;

    if (secret == NULL) {
        return NULL;
    }
    digest = apop_digest(state, client, secret);
    if (digest != NULL) {
        line = PyUnicode_FromFormat("APOP %S %S", user, digest);
    }
    Py_DECREF(secret);
    Py_XDECREF(digest);
    return line;
}

ARGS_DOC(apop_doc, "apop($self, user, password)",
"Log in by a digest of the password (APOP; RFC 1939, section 7).\n"
"\n"
"The server locks the mailbox until quit() or the end of the connection.\n"
"\n"
"Args:\n"
"    user (str): The user's name.\n"
"    password (str): The password, which is not sent.\n"
"\n"
"Returns:\n"
"    bytes: The response.\n"
"\n"
"Raises:\n"
"    error_proto: The server refuses, or its greeting has no time stamp.");

ARGS_FUNCTION(pop3_apop,
              command_shortcmd(POP3(op),
                               apop_line(POP3(op)->state, op, values[0],
                                         values[1]),
                               POP_END_AT_ONCE),
              .method = "POP3.apop", .names = {"user", "password"},
              .required = 2);

ARGS_DOC(apop_line_doc, "_apop_line($module, client, user, password)",
"Return the line that apop() sends, str; for clients that are no POP3.");

ARGS_MODULE_FUNCTION(line,
                     apop_line(PyModule_GetState(op), values[0], values[1],
                               values[2]),
                     .method = "_apop_line",
                     .names = {"client", "user", "password"}, .required = 3);

PyMethodDef apop_functions[] = {
    ARGS_METHOD("_apop_line", line, apop_line_doc),
    {NULL, NULL, 0, NULL},
};

PyMethodDef apop_methods[] = {
    ARGS_METHOD("apop", pop3_apop, apop_doc),
    {NULL, NULL, 0, NULL},
};

#include "binding/commands/login.h"

#include "binding/base/args.h"

/* Calls poplib_c._login.<function>(client, user, secret, mechanisms,
   allow_insecure) with the command lock.  Wraps the secret (values[1]), so
   that no traceback shows it as a local variable. */
static PyObject *
call_policy(POP3Object *self, const char *function, PyObject *const *values)
{
    PyObject *module = PyImport_ImportModule("poplib_c._login");
    PyObject *secret = NULL;
    PyObject *response = NULL;

    if (module == NULL) {
        return NULL;
    }
    secret = PyObject_CallMethod(module, "Secret", "(O)", values[1]);
    if (secret != NULL && pop3_lock(self) == 0) {
        response = PyObject_CallMethod(
            module, function, "OOOOO", self, values[0], secret,
            values[2] == NULL ? Py_None : values[2],
            values[3] == NULL ? Py_False : values[3]);
        pop3_unlock(self);
    }
    Py_XDECREF(secret);
    Py_DECREF(module);
    return response;
}

/* Binds the arguments of login() or login_oauth2() and runs it. */
static PyObject *
run(const char *method, const char *function, const char *secret, PyObject *op,
    PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    const struct args_signature signature = {
        .method = method,
        .names = {"user", secret, "mechanisms", "allow_insecure"},
        .required = 2,
        .keyword_only = 2,
    };
    PyObject *values[ARGS_MAX];

    if (args_bind(&signature, args, nargs, kwnames, values) < 0) {
        return NULL;
    }
    return call_policy(POP3(op), function, values);
}

/* --- what Python sees --------------------------------------------------- */

PyDoc_STRVAR(login_doc,
"login($self, user, password, *, mechanisms=None, allow_insecure=False)\n"
"--\n"
"\n"
"Log in by the best means that the server and the connection allow.\n"
"\n"
"These are, from the best: 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS',\n"
"'SCRAM-SHA-256', 'SCRAM-SHA-1' (all four where the library scramp is\n"
"installed), 'CRAM-MD5', 'APOP', 'PLAIN', 'LOGIN', 'USER'.\n"
"mechanisms: some of these names, in the order to try them in.\n"
"allow_insecure: PLAIN, LOGIN and USER are used only over TLS or to this\n"
"very machine, unless this is true.\n"
"\n"
"Returns the response, bytes.  error_proto if the server refuses, or if no\n"
"means are left.  A password that was refused is not tried by weaker ones.");

static PyObject *
pop3_login(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
           PyObject *kwnames)
{
    return run("POP3.login", "login", "password", op, args, nargs, kwnames);
}

PyDoc_STRVAR(login_oauth2_doc,
"login_oauth2($self, user, token, *, mechanisms=None,\n"
"             allow_insecure=False)\n"
"--\n"
"\n"
"Log in by an OAuth 2.0 access token (OAUTHBEARER, RFC 7628; XOAUTH2).\n"
"\n"
"token: str, or a callable without arguments that returns it.  That is\n"
"called anew, once, when the server says that the token is bad.\n"
"mechanisms: 'OAUTHBEARER', 'XOAUTH2', or both in the order to prefer them.\n"
"allow_insecure: the token is sent only over TLS or to this very machine,\n"
"unless this is true.\n"
"\n"
"Returns the response, bytes.  error_proto if the server refuses; its\n"
"__cause__ has what the server says of the token.");

static PyObject *
pop3_login_oauth2(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames)
{
    return run("POP3.login_oauth2", "login_oauth2", "token", op, args, nargs,
               kwnames);
}

PyMethodDef login_methods[] = {
    ARGS_METHOD("login", pop3_login, login_doc),
    ARGS_METHOD("login_oauth2", pop3_login_oauth2, login_oauth2_doc),
    {NULL, NULL, 0, NULL},
};

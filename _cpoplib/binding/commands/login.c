#include "binding/commands/commands.h"

#include "binding/base/args.h"
#include "binding/base/package.h"
#include "binding/socket/tls_socket.h"

/* Whether the connection is on our own TLS, and the server's certificate was
   verified: 1, 0 or -1. */
static int
is_verified(POP3Object *self)
{
    PyObject *sock;
    int verified;

    if (PyObject_GetOptionalAttr((PyObject *)self, self->state->name.sock,
                                 &sock) < 0) {
        return -1;
    }
    verified = sock != NULL &&
               PyObject_TypeCheck(sock, self->state->tls_socket_type) &&
               TLSSOCKET(sock)->verified && !TLSSOCKET(sock)->unwrapped;
    Py_XDECREF(sock);
    return verified;
}

/* Calls poplib_c._login.<function>(client, user, secret, mechanisms,
   allow_insecure, encoding, is_verified) with the command lock; without the
   last two if `encoding` was not among the `count` arguments.  Wraps the
   secret (values[1]), so that no traceback shows it as a local variable. */
static PyObject *
call_policy(POP3Object *self, const char *function, PyObject *const *values,
            int count)
{
    PyObject *secret = package_call("poplib_c._login", "Secret", "(O)",
                                    values[1]);
    PyObject *response = NULL;
    int verified;

    if (secret != NULL && pop3_lock(self) == 0) {
        verified = is_verified(self);
        if (verified >= 0) {
            response = package_call("poplib_c._login", function,
                                    count > 4 ? "(OOOOOOO)" : "(OOOOO)", self,
                                    values[0], secret, args_or_none(values[2]),
                                    values[3] == NULL ? Py_False : values[3],
                                    args_or_none(count > 4 ? values[4] : NULL),
                                    verified ? Py_True : Py_False);
        }
        pop3_unlock(self);
    }
    Py_XDECREF(secret);
    return response;
}

/* --- what Python sees --------------------------------------------------- */

ARGS_DOC(login_doc,
"login($self, user, password, *, mechanisms=None, allow_insecure=False,\n"
"      encoding=None)",
"Log in by the best mechanism that the server and the connection allow.\n"
"\n"
"If the server's certificate was verified, the order is\n"
"'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1'\n"
"(these four need the library scramp), 'PLAIN', 'LOGIN', 'USER',\n"
"'CRAM-MD5', 'APOP'.  Otherwise 'PLAIN', 'LOGIN' and 'USER' come last.\n"
"mechanisms: some of these names, in the order to try them.\n"
"allow_insecure: PLAIN, LOGIN and USER are used only over TLS or to this\n"
"machine, unless this is true.\n"
"encoding: of user and password, instead of .encoding; SCRAM is UTF-8.\n"
"\n"
"Returns the response, bytes.  Raises error_proto if the server refuses, or\n"
"if no mechanism is left; its text says what was tried.");

ARGS_FUNCTION(pop3_login, call_policy(POP3(op), "login", values, 5),
              .method = "POP3.login",
              .names = {"user", "password", "mechanisms", "allow_insecure",
                        "encoding"},
              .required = 2, .keyword_only = 3);

ARGS_DOC(login_oauth2_doc,
"login_oauth2($self, user, token, *, mechanisms=None,\n"
"             allow_insecure=False)",
"Log in by an OAuth 2.0 access token (OAUTHBEARER, RFC 7628; XOAUTH2).\n"
"\n"
"token: str, or a callable without arguments that returns one.  It is\n"
"called once more if the server refuses the token.\n"
"mechanisms: 'OAUTHBEARER', 'XOAUTH2', or both in the order to prefer them.\n"
"allow_insecure: the token is sent only over TLS or to this machine, unless\n"
"this is true.\n"
"\n"
"Returns the response, bytes.  Raises error_proto if the server refuses; its\n"
"__cause__ is an OAuthError with the server's explanation.");

ARGS_FUNCTION(pop3_login_oauth2,
              call_policy(POP3(op), "login_oauth2", values, 4),
              .method = "POP3.login_oauth2",
              .names = {"user", "token", "mechanisms", "allow_insecure"},
              .required = 2, .keyword_only = 2);

PyMethodDef login_methods[] = {
    ARGS_METHOD("login", pop3_login, login_doc),
    ARGS_METHOD("login_oauth2", pop3_login_oauth2, login_oauth2_doc),
    {NULL, NULL, 0, NULL},
};

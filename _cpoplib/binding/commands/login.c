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
"(these four need the library scramp), 'PLAIN', 'LOGIN', 'USER', 'CRAM-MD5',\n"
"'APOP'. Otherwise 'PLAIN', 'LOGIN' and 'USER' come last.\n"
"\n"
"Args:\n"
"    user (str): The user's name.\n"
"    password (str): The password.\n"
"    mechanisms (iterable of str): Some of the names above, in the order to\n"
"        try them. None for the order above.\n"
"    allow_insecure (bool): Whether the password itself may be sent without\n"
"        TLS to another machine, by 'PLAIN', 'LOGIN' or 'USER'.\n"
"    encoding (str): Encoding of user and password. None for the attribute\n"
"        encoding, UTF-8. SCRAM always uses UTF-8.\n"
"\n"
"Returns:\n"
"    bytes: The response.\n"
"\n"
"Raises:\n"
"    error_proto: The server refuses, or no mechanism is left; the text says\n"
"        what was tried.\n"
"    ValueError: A name of mechanisms is unknown, or no mechanism can send\n"
"        the user or the password.");

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
"Args:\n"
"    user (str): The user's name.\n"
"    token (str or callable): The access token, or a function without\n"
"        arguments that returns it. The function is called a second time if\n"
"        the server refuses the first token and keeps the connection open.\n"
"    mechanisms (iterable of str): 'OAUTHBEARER', 'XOAUTH2', or both in the\n"
"        order to prefer them. None for the order given here.\n"
"    allow_insecure (bool): Whether the token may be sent without TLS to\n"
"        another machine.\n"
"\n"
"Returns:\n"
"    bytes: The response.\n"
"\n"
"Raises:\n"
"    error_proto: The server refuses. The attribute __cause__ is a\n"
"        poplib_c.sasl.OAuthError with the server's explanation, if it sent\n"
"        one.");

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

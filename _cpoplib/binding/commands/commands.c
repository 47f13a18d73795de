#include "binding/commands/commands.h"

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/base/format_command.h"
#include "binding/base/package.h"
#include "binding/dialogue/command.h"
#include "binding/messages/messages.h"

/* --- one command -------------------------------------------------------- */

/* Sends a command; `argument` may be NULL.  The verb table says whether the
   reply has lines. */
static PyObject *
run(POP3Object *self, enum pop_verb verb, PyObject *argument)
{
    const struct pop_command *command = pop_command(verb);
    bool has_lines = argument == NULL ? command->multiline
                                      : command->multiline_with_argument;
    PyObject *line = argument == NULL ? format_command_make(verb, NULL, NULL)
                                      : format_command_format(verb, argument);

    return has_lines ? command_longcmd(self, line, POP_END_AT_ONCE, NULL)
                     : command_shortcmd(self, line, POP_END_AT_ONCE);
}

static PyObject *
ask_lines(POP3Object *self, PyObject *which)
{
    return run(self, POP_VERB_RETR, which);
}

/* Treats an argument that is None as one that is left out. */
static PyObject *
run_optional(POP3Object *self, enum pop_verb verb, PyObject *argument)
{
    return run(self, verb, argument == Py_None ? NULL : argument);
}

/* LIST or UIDL: a multi-line reply without `which`, one line with it. */
static PyObject *
run_which(POP3Object *self, enum pop_verb verb, PyObject *which)
{
    PyObject *reply = run_optional(self, verb, which);

    if (reply != NULL && PyTuple_Check(reply) && PyTuple_GET_SIZE(reply) > 1) {
        listings_note(self, PyTuple_GET_ITEM(reply, 1));
    }
    return reply;
}

/* --- authorization ------------------------------------------------------ */

ARGS_DOC(user_doc, "user($self, user)",
"Send the user name (USER; RFC 1939, section 7).\n"
"\n"
"Args:\n"
"    user (str): The user's name.\n"
"\n"
"Returns:\n"
"    bytes: The response, which usually asks for the password.");

ARGS_FUNCTION(pop3_user, run(POP3(op), POP_VERB_USER, values[0]),
              .method = "POP3.user", .names = {"user"}, .required = 1);

ARGS_DOC(pass_doc, "pass_($self, pswd)",
"Send the password and log in (PASS; RFC 1939, section 7).\n"
"\n"
"The server locks the mailbox until quit() or the end of the connection.\n"
"\n"
"Args:\n"
"    pswd (str): The password.\n"
"\n"
"Returns:\n"
"    bytes: The response.\n"
"\n"
"Raises:\n"
"    error_proto: The server refuses. Its attribute code says why, if the\n"
"        server does: 'AUTH', 'IN-USE' or another.");

ARGS_FUNCTION(pop3_pass_, run(POP3(op), POP_VERB_PASS, values[0]),
              .method = "POP3.pass_", .names = {"pswd"}, .required = 1);

ARGS_DOC(rpop_doc, "rpop($self, user)",
"Log in by the obsolete command RPOP (RFC 1081).\n"
"\n"
"Args:\n"
"    user (str): The user's name.\n"
"\n"
"Returns:\n"
"    bytes: The response.");

ARGS_FUNCTION(pop3_rpop, run(POP3(op), POP_VERB_RPOP, values[0]),
              .method = "POP3.rpop", .names = {"user"}, .required = 1);

/* --- STAT --------------------------------------------------------------- */

ARGS_DOC(stat_doc, "stat($self)",
"Get the number and size of the messages (STAT; RFC 1939, section 5).\n"
"\n"
"Returns:\n"
"    tuple: (number of messages, octets of all messages), two ints.\n"
"\n"
"Raises:\n"
"    error_proto: The server refuses, or the response lacks two numbers.");

static PyObject *
mailbox_status(POP3Object *self)
{
    PyObject *response = run(self, POP_VERB_STAT, NULL);
    PyObject *numbers;

    if (response == NULL) {
        return NULL;
    }
    numbers = package_call_own(self->state, self->state->name.replies,
                               "printed_stat", "(OON)",
                               self->state->error_proto, self, response);
    if (numbers != NULL) {
        PyObject *count = PyTuple_GET_ITEM(numbers, 0);

        read_ahead_note_count(&self->ahead, format_command_number(count));
    }
    return numbers;
}

ARGS_FUNCTION(pop3_stat, mailbox_status(POP3(op)), .method = "POP3.stat");

/* --- messages ----------------------------------------------------------- */

ARGS_DOC(list_doc, "list($self, which=None)",
"Get the sizes of messages as text (LIST; RFC 1939, section 5).\n"
"\n"
"sizes() returns them as a dict of numbers.\n"
"\n"
"Args:\n"
"    which (int or str): Number of a message; None for all messages.\n"
"\n"
"Returns:\n"
"    tuple or bytes: (response, [b'number octets', ...], octets); for one\n"
"    message the response, b'+OK number octets'.");

ARGS_FUNCTION(pop3_list, run_which(POP3(op), POP_VERB_LIST, values[0]),
              .method = "POP3.list", .names = {"which"});

ARGS_DOC(uidl_doc, "uidl($self, which=None)",
"Get the unique ids of messages as text (UIDL; RFC 1939, section 7).\n"
"\n"
"uids() returns them as a dict.\n"
"\n"
"Args:\n"
"    which (int or str): Number of a message; None for all messages.\n"
"\n"
"Returns:\n"
"    tuple or bytes: (response, [b'number uid', ...], octets); for one\n"
"    message the response, b'+OK number uid'.");

ARGS_FUNCTION(pop3_uidl, run_which(POP3(op), POP_VERB_UIDL, values[0]),
              .method = "POP3.uidl", .names = {"which"});

ARGS_DOC(retr_doc, "retr($self, which)",
"Retrieve a message as a list of lines (RETR; RFC 1939, section 5).\n"
"\n"
"retr_bytes() returns the message as one bytes object.\n"
"\n"
"Args:\n"
"    which (int or str): Number of the message.\n"
"\n"
"Returns:\n"
"    tuple: (response, [line, ...], octets). Lines are bytes without line\n"
"    ends; octets counts them with their line ends.\n"
"\n"
"Raises:\n"
"    error_proto: The server refuses, a line is longer than max_line, or the\n"
"        message is larger than max_size.");

ARGS_FUNCTION(pop3_retr,
              read_ahead_turn_retr(POP3(op), values[0], POP_LINES, ask_lines),
              .method = "POP3.retr", .names = {"which"}, .required = 1);

ARGS_DOC(top_doc, "top($self, which, howmuch)",
"Retrieve a header and some lines of the body (TOP; RFC 1939, section 7).\n"
"\n"
"Some servers mark the message as seen.\n"
"\n"
"Args:\n"
"    which (int or str): Number of the message.\n"
"    howmuch (int or str): Number of lines of the body; 0 for the header\n"
"        alone.\n"
"\n"
"Returns:\n"
"    tuple: (response, [line, ...], octets), as retr() returns it.\n"
"\n"
"Raises:\n"
"    error_proto: As for retr(). TOP is optional for servers.");

ARGS_FUNCTION(pop3_top,
              command_longcmd(POP3(op),
                              format_command_make(POP_VERB_TOP, values[0],
                                                  values[1]),
                              POP_END_AT_ONCE, NULL),
              .method = "POP3.top", .names = {"which", "howmuch"},
              .required = 2);

ARGS_DOC(dele_doc, "dele($self, which)",
"Mark a message as deleted (DELE; RFC 1939, section 5).\n"
"\n"
"quit() commits the deletion; rset() takes it back. Some servers also delete\n"
"marked messages if the connection ends without quit().\n"
"\n"
"Args:\n"
"    which (int or str): Number of the message.\n"
"\n"
"Returns:\n"
"    bytes: The response.");

ARGS_FUNCTION(pop3_dele, run(POP3(op), POP_VERB_DELE, values[0]),
              .method = "POP3.dele", .names = {"which"}, .required = 1);

ARGS_DOC(rset_doc, "rset($self)",
"Unmark the messages marked as deleted (RSET; RFC 1939, section 5).\n"
"\n"
"Returns:\n"
"    bytes: The response.");

ARGS_FUNCTION(pop3_rset, run(POP3(op), POP_VERB_RSET, NULL),
              .method = "POP3.rset");

ARGS_DOC(noop_doc, "noop($self)",
"Do nothing but keep the connection alive (NOOP; RFC 1939, section 5).\n"
"\n"
"Returns:\n"
"    bytes: The response.");

ARGS_FUNCTION(pop3_noop, run(POP3(op), POP_VERB_NOOP, NULL),
              .method = "POP3.noop");

ARGS_DOC(utf8_doc, "utf8($self)",
"Enter UTF-8 mode (UTF8; RFC 6856, section 2).\n"
"\n"
"Returns:\n"
"    bytes: The response.\n"
"\n"
"Raises:\n"
"    error_proto: The server does not support the command.");

ARGS_FUNCTION(pop3_utf8, run(POP3(op), POP_VERB_UTF8, NULL),
              .method = "POP3.utf8");

ARGS_DOC(lang_doc, "lang($self, tag=None)",
"Choose or list the languages of the server's texts (LANG; RFC 6856).\n"
"\n"
"capa() has 'LANG' if the server supports the command.\n"
"\n"
"Args:\n"
"    tag (str): A language such as 'de', or '*' for the server's choice.\n"
"        None lists the languages.\n"
"\n"
"Returns:\n"
"    bytes or tuple: The response; for a list (response, [b'tag name', ...],\n"
"    octets).");

ARGS_FUNCTION(pop3_lang, run_optional(POP3(op), POP_VERB_LANG, values[0]),
              .method = "POP3.lang", .names = {"tag"});

/* --- CAPA --------------------------------------------------------------- */

ARGS_DOC(capa_doc, "capa($self)",
"Get the server's capabilities (CAPA; RFC 2449, section 5).\n"
"\n"
"Returns:\n"
"    dict: Names of capabilities and their arguments, all str: {'UIDL': [],\n"
"    'EXPIRE': ['NEVER'], ...}.\n"
"\n"
"Raises:\n"
"    error_proto: '-ERR CAPA not supported by server' if the server refuses.");

/* Replaces the server's -ERR, if that is pending, by poplib's error_proto. */
static void
replace_refusal(POP3Object *self)
{
    PyObject *pending;

    if (errors_is_refusal(self->state)) {
        pending = PyErr_GetRaisedException();
        errors_raise_proto(self->state, "-ERR CAPA not supported by server");
        errors_chain(pending);
    }
}

static PyObject *
capa(POP3Object *self)
{
    PyObject *reply = run(self, POP_VERB_CAPA, NULL);

    if (reply == NULL) {
        replace_refusal(self);
        return NULL;
    }
    return package_call_own(self->state, self->state->name.replies, "capa",
                            "(N)", reply);
}

ARGS_FUNCTION(pop3_capa, capa(POP3(op)), .method = "POP3.capa");

/* --- local methods ------------------------------------------------------ */

ARGS_DOC(getwelcome_doc, "getwelcome($self)",
"Return the server's greeting.\n"
"\n"
"Returns:\n"
"    bytes: The line that the server sent first.");

ARGS_FUNCTION(pop3_getwelcome,
              PyObject_GetAttr(op, POP3(op)->state->name.welcome),
              .method = "POP3.getwelcome");

ARGS_DOC(set_debuglevel_doc, "set_debuglevel($self, level)",
"Print what is sent and received, passwords included.\n"
"\n"
"The logger 'poplib_c' shows the same without secrets.\n"
"\n"
"Args:\n"
"    level (int): 0 prints nothing, 1 commands and status lines, 2 also each\n"
"        line that is sent or received.");

ARGS_FUNCTION(pop3_set_debuglevel,
              args_none(PyObject_SetAttr(op, POP3(op)->state->name.debugging,
                                         values[0]) < 0),
              .method = "POP3.set_debuglevel", .names = {"level"},
              .required = 1);

PyMethodDef commands_methods[] = {
    ARGS_METHOD("getwelcome", pop3_getwelcome, getwelcome_doc),
    ARGS_METHOD("set_debuglevel", pop3_set_debuglevel, set_debuglevel_doc),
    ARGS_METHOD("user", pop3_user, user_doc),
    ARGS_METHOD("pass_", pop3_pass_, pass_doc),
    ARGS_METHOD("rpop", pop3_rpop, rpop_doc),
    ARGS_METHOD("stat", pop3_stat, stat_doc),
    ARGS_METHOD("list", pop3_list, list_doc),
    ARGS_METHOD("retr", pop3_retr, retr_doc),
    ARGS_METHOD("dele", pop3_dele, dele_doc),
    ARGS_METHOD("noop", pop3_noop, noop_doc),
    ARGS_METHOD("rset", pop3_rset, rset_doc),
    ARGS_METHOD("top", pop3_top, top_doc),
    ARGS_METHOD("uidl", pop3_uidl, uidl_doc),
    ARGS_METHOD("utf8", pop3_utf8, utf8_doc),
    ARGS_METHOD("lang", pop3_lang, lang_doc),
    ARGS_METHOD("capa", pop3_capa, capa_doc),
    {NULL, NULL, 0, NULL},
};

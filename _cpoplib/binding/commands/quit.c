#include "binding/commands/commands.h"

#include "binding/base/args.h"
#include "binding/dialogue/command.h"
#include "binding/base/errors.h"
#include "binding/socket/python_socket.h"
#include "core/proto/command.h"

/* --- QUIT --------------------------------------------------------------- */

/* Calls self.<name>() and drops the result. */
static int
call(POP3Object *self, PyObject *name)
{
    return errors_drop_result(
        PyObject_CallMethodNoArgs((PyObject *)self, name));
}

/* What is on its way is dropped as it comes, if it is not too large.  -1 and
   an exception: the connection can't be had. */
static int
drop_what_was_read_ahead(POP3Object *self)
{
    if (self->ahead.requests.reader == NULL) {
        return 0;
    }
    if (pop3_lock(self) < 0) {
        return -1;
    }
    requests_clear(&self->ahead.requests);
    pop3_unlock(self);
    return 0;
}

ARGS_DOC(quit_doc, "quit($self)",
"Commit deletions, unlock the mailbox and close the connection.\n"
"\n"
"Sends QUIT (RFC 1939, section 6). The connection is closed even if quit()\n"
"raises.\n"
"\n"
"Returns:\n"
"    bytes: The response.\n"
"\n"
"Raises:\n"
"    error_proto: The server refuses: it may not have removed all messages\n"
"        that were marked as deleted.");

static PyObject *
quit(POP3Object *self)
{
    PyObject *response = NULL;

    if (drop_what_was_read_ahead(self) == 0) {
        response = command_shortcmd(
            self, PyUnicode_FromString(pop_command(POP_VERB_QUIT)->name),
            POP_END_AT_ONCE);
    }
    if (response == NULL) {
        python_socket_discard(self->state, (PyObject *)self);
    }
    else if (call(self, self->state->name.close) < 0) {
        Py_CLEAR(response);
    }
    return response;
}

ARGS_FUNCTION(pop3_quit, quit(POP3(op)), .method = "POP3.quit");

/* --- with --------------------------------------------------------------- */

ARGS_DOC(enter_doc, "__enter__($self)",
"Return the connection, for a with statement.\n"
"\n"
"The statement calls quit() at its end. If its block raises, it calls\n"
"close() instead, so that no deletion is committed.");

static PyObject *
pop3___enter__(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(op);
}

/* Returns whether close() or quit() was called: 1, 0 or -1. */
static int
is_over(POP3Object *self)
{
    PyObject *sock;
    int over;

    if (PyObject_GetOptionalAttr((PyObject *)self, self->state->name.sock,
                                 &sock) < 0) {
        return -1;
    }
    over = sock == NULL || sock == Py_None;
    Py_XDECREF(sock);
    return over;
}

ARGS_DOC(exit_doc, "__exit__($self, type, value, traceback)",
"Call quit(), or close() if the block has raised an exception.\n"
"\n"
"Do nothing if the connection is closed.");

static PyObject *
leave(POP3Object *self, PyObject *exception_type)
{
    int over = is_over(self);

    return args_none(over < 0 ||
                     (!over && call(self, exception_type == Py_None
                                              ? self->state->name.quit
                                              : self->state->name.close) < 0));
}

ARGS_FUNCTION(pop3___exit__, leave(POP3(op), values[0]),
              .method = "POP3.__exit__",
              .names = {"type", "value", "traceback"}, .required = 3);

PyMethodDef quit_methods[] = {
    ARGS_METHOD("quit", pop3_quit, quit_doc),
    {"__enter__", pop3___enter__, METH_NOARGS, enter_doc},
    ARGS_METHOD("__exit__", pop3___exit__, exit_doc),
    {NULL, NULL, 0, NULL},
};

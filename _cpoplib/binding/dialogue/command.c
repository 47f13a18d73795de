#include "binding/dialogue/command.h"

#include <assert.h>
#include <string.h>

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/client/deadline.h"
#include "binding/client/log.h"
#include "binding/dialogue/announce.h"
#include "binding/dialogue/getline.h"
#include "binding/dialogue/getresp.h"
#include "binding/dialogue/pipeline.h"
#include "binding/dialogue/pipeline_probe.h"
#include "binding/dialogue/putcmd.h"
#include "core/proto/command.h"

/* Functions that return int return 1 if C can run the whole command, or has
   done so; 0 if something is overridden, printed or logged, or .sock is not
   the Reader's; -1 and an exception.  If an audit hook has changed that, they
   return 0 with command->bytes set: the line was announced. */

/* --- in one go ---------------------------------------------------------- */

static bool
is_ready(struct module_state *state, const struct overrides_view *view)
{
    ReaderObject *reader = (ReaderObject *)view->file;

    return PyLong_CheckExact(view->debugging) &&
           PyObject_Not(view->debugging) == 1 &&
           reader_check(state, view->file) &&
           !progress_is_closed(&reader->progress) &&
           reader->sock == view->sock && reader->progress.ahead.count == 0;
}

/* Returns .file (new reference) if it is a Reader and C can run the whole
   command; else NULL without an exception. */
static ReaderObject *
look(POP3Object *client, hook_set hooks)
{
    struct overrides_view view;
    ReaderObject *reader = NULL;

    if (overrides_are_plain(client, hooks, &view)) {
        if (is_ready(client->state, &view)) {
            reader = (ReaderObject *)Py_NewRef(view.file);
        }
        overrides_release(&view);
    }
    return reader;
}

static bool
looks_as_before(const struct command *self, hook_set hooks)
{
    ReaderObject *reader = look(self->client, hooks);

    Py_XDECREF(reader);
    return reader == self->reader;
}

/* Makes the argument of the audit event, and leaves the Reader: audit hooks
   may use the connection.  The interpreter calls this only if there are
   hooks. */
static PyObject *
make_argument(void *context)
{
    struct command *self = context;

    self->is_heard = true;
    reader_leave(self->reader);
    return Py_NewRef(self->bytes);
}

/* The Reader is entered, and still is if this returns 1. */
static int
audit(struct command *self, hook_set hooks)
{
    int failed;

    assert(lock_is_mine(&self->reader->lock));
    failed = PySys_Audit("poplib.putline", "OO&", self->client, make_argument,
                         self);
    if (!self->is_heard) {
        if (failed < 0) {
            reader_leave(self->reader);
        }
        return failed < 0 ? -1 : 1;
    }
    if (failed < 0) {
        return -1;
    }
    if (!looks_as_before(self, hooks)) {
        return 0;
    }
    return reader_enter(self->reader, READER_ANSWERED) < 0 ? -1 : 1;
}

/* Returns how many octets the lines of the reply may have. */
static size_t
size_limit(PyObject *line)
{
    const char *capa = pop_command(POP_VERB_CAPA)->name;

    return PyUnicode_Check(line) &&
                   PyUnicode_CompareWithASCIIString(line, capa) == 0
               ? POP_COMMAND_CAPA_OCTETS
               : POP_UNLIMITED_OCTETS;
}

static void
await_reply(const struct command *self)
{
    progress_reply_awaited(&self->client->progress, self->sink->form,
                           self->sink->rule, size_limit(self->line));
}

/* The Reader is entered. */
static int
send_and_read(struct command *self)
{
    struct command_progress *progress = &self->client->progress;
    int done;

    assert(lock_is_mine(&self->reader->lock));
    await_reply(self);
    /* A challenge, if there was one, is answered. */
    progress_challenged(progress, false);
    done = getline_plain_limits(self->client, &self->sink->limits);
    if (done > 0 &&
        stream_exchange(self->reader, self->bytes, self->sink) < 0) {
        done = -1;
    }
    progress_rested(progress);
    return done;
}

/* Enters the Reader once: to see that the stream is at rest, to send, and to
   receive. */
static int
run_at_once(struct command *self, hook_set hooks)
{
    POP3Object *client = self->client;
    int done;

    if (!progress_is_at_rest(&client->progress) ||
        client->progress.sasl != SASL_NONE) {
        return 0;
    }
    if (log_begin(client) < 0) {
        return -1;
    }
    if (PyUnicode_CheckExact(self->line) && !client->is_logged) {
        self->reader = look(client, hooks);
    }
    if (self->reader == NULL) {
        return 0;
    }
    if (deadline_check(client) < 0 ||
        reader_enter(self->reader, READER_AT_REST) < 0) {
        return -1;
    }
    self->bytes = announce_utf8(client->state, self->line);
    if (self->bytes == NULL ||
        read_ahead_note_line(&client->ahead, self->bytes) < 0) {
        reader_leave(self->reader);
        return -1;
    }
    done = audit(self, hooks);
    if (done > 0) {
        done = send_and_read(self);
        reader_leave(self->reader);
    }
    /* Notes a challenge: the next command may be logged. */
    if (done > 0 && log_status(client, self->sink->response) < 0) {
        done = -1;
    }
    return done;
}

/* --- by poplib's call graph --------------------------------------------- */

/* Returns whether the stream must be at rest, so that the next reply answers
   the next line: 1, 0 or -1.  Overridden methods may read replies in another
   order. */
static int
must_rest(const struct command *self)
{
    return self->reader == NULL
               ? 0
               : overrides_are_own(self->client, self->hooks & REPLIES_HOOKS);
}

/* Finds the Reader, receives the replies to commands sent ahead, and checks
   that no other command is under way. */
static int
come_to_rest(struct command *self)
{
    POP3Object *client = self->client;
    int failed = 0;
    int must;

    if (pop3_check_rest(client) < 0 || deadline_check(client) < 0) {
        return -1;
    }
    self->reader = self->source == NULL
                       ? pop3_get_reader(client, &failed)
                       : (ReaderObject *)Py_NewRef((PyObject *)self->source);
    if (self->reader != NULL) {
        failed = pipeline_receive_all(client, self->reader);
    }
    must = failed ? -1 : must_rest(self);
    if (must > 0) {
        failed = reader_require(self->reader, READER_AT_REST);
    }
    else if (must == 0) {
        failed = pop3_check_step(client, false);
    }
    if (must < 0 || failed) {
        Py_CLEAR(self->reader);
        return -1;
    }
    return 0;
}

/* Marks all commands answered: the reply was read, perhaps by an overridden
   method. */
static int
settle(POP3Object *client)
{
    int failed;
    ReaderObject *reader = pop3_get_reader(client, &failed);

    if (reader != NULL) {
        progress_answered(&client->lock, &reader->progress);
        Py_DECREF(reader);
    }
    return failed ? -1 : 0;
}

/* Sends the line; announces it before, unless it was announced.  Python code
   that is called here may use the connection. */
static int
send_line(const struct command *self)
{
    POP3Object *client = self->client;
    int must = must_rest(self);
    bool before;
    int failed;

    if (must < 0) {
        return -1;
    }
    before = progress_needs_answers(&client->progress, must > 0);
    failed = self->bytes != NULL ? putcmd_send_line(client, self->bytes)
                                 : putcmd_call(client, self->line);
    (void)progress_needs_answers(&client->progress, before);
    return failed;
}

static PyObject *
read_reply(const struct command *self)
{
    if (self->read != NULL) {
        return self->read(self->client, self->sink);
    }
    if (self->sink->form == POP_NO_LINES) {
        return getresp_call(self->client);
    }
    return getresp_call_long(self->client, self->sink);
}

void
command_explain_failure(const ReaderObject *reader)
{
    if (reader != NULL && progress_was_taken_away(&reader->progress) &&
        (errors_clear(PyExc_AttributeError) == 0 ||
         errors_clear(PyExc_ValueError) == 0)) {
        errors_raise_closed_meanwhile();
    }
}

/* The stream is at rest. */
static PyObject *
run_by_steps(const struct command *self)
{
    PyObject *result;

    if (send_line(self) < 0) {
        return NULL;
    }
    await_reply(self);
    result = read_reply(self);
    progress_rested(&self->client->progress);
    if (result == NULL) {
        command_explain_failure(self->reader);
    }
    else if (settle(self->client) < 0) {
        Py_CLEAR(result);
    }
    return result;
}

/* --- either way --------------------------------------------------------- */

/* Notes a login: the reply to its last line is +OK. */
static void
note_login(POP3Object *client, PyObject *line, PyObject *reply)
{
    if (!client->progress.is_logged_in && PyBytes_Check(reply) &&
        strncmp(PyBytes_AS_STRING(reply), "+OK", 3) == 0 &&
        (client->progress.sasl != SASL_NONE ||
         pipeline_probe_is_login(line))) {
        progress_logged_in(&client->progress);
    }
}

/* Releases what the command holds; returns the result. */
static PyObject *
end(struct command *self, PyObject *result)
{
    if (result != NULL) {
        pipeline_probe_note(self->reader, self->line);
        note_login(self->client, self->line, result);
    }
    sink_release(self->sink);
    Py_CLEAR(self->bytes);
    Py_CLEAR(self->reader);
    return result;
}

static PyObject *
run_from_rest(struct command *self)
{
    return come_to_rest(self) < 0 ? NULL : run_by_steps(self);
}

static PyObject *
call_or_run(struct command *self, enum hook method)
{
    PyObject *result;

    if (method != HOOK_COUNT &&
        overrides_call(self->client, method, self->line, &result)) {
        return result;
    }
    return pop3_check_idle(self->client) < 0 ? NULL : run_from_rest(self);
}

PyObject *
command_run(struct command *self, POP3Object *client, PyObject *line,
            enum hook method)
{
    PyObject *result = NULL;
    int done;

    assert(lock_is_mine(&client->lock));
    self->client = client;
    self->line = line;
    done = run_at_once(self, self->hooks | HOOK_SET(method));
    if (done < 0) {
        command_explain_failure(self->reader);
    }
    else if (done > 0) {
        result = sink_result(client->state, self->sink);
    }
    else if (self->bytes != NULL) {
        result = run_by_steps(self);
    }
    else {
        result = call_or_run(self, method);
    }
    return end(self, result);
}

/* --- a reply of one line, and one with lines ---------------------------- */

/* Steals the line, as command_shortcmd() does. */
static PyObject *
run(POP3Object *client, PyObject *line, enum hook method,
    struct stream_sink *sink)
{
    struct command command = {.hooks = COMMAND_HOOKS | REPLIES_HOOKS,
                              .sink = sink};
    PyObject *result = NULL;

    if (line != NULL && pop3_lock(client) == 0) {
        result = command_run(&command, client, line, method);
        pop3_unlock(client);
    }
    Py_XDECREF(line);
    return result;
}

static PyObject *
run_short(POP3Object *client, PyObject *line, enum hook method,
          enum pop_end_rule rule)
{
    struct stream_sink sink = {.form = POP_NO_LINES, .rule = rule};

    return run(client, line, method, &sink);
}

/* POP3._shortcmd(line) */
static PyObject *
shortcmd_own(POP3Object *client, PyObject *line)
{
    return run_short(client, Py_NewRef(line), HOOK_COUNT, POP_END_AT_ONCE);
}

PyObject *
command_shortcmd(POP3Object *client, PyObject *line, enum pop_end_rule rule)
{
    return run_short(client, line, HOOK_SHORTCMD, rule);
}

static PyObject *
run_long(POP3Object *client, PyObject *line, enum hook method,
         enum pop_end_rule rule, struct stream_sink *sink)
{
    struct stream_sink list;

    if (sink == NULL) {
        sink = &list;
        sink_init(sink, POP_LINES, rule);
    }
    sink->rule = rule;
    return run(client, line, method, sink);
}

/* POP3._longcmd(line) */
static PyObject *
longcmd_own(POP3Object *client, PyObject *line)
{
    return run_long(client, Py_NewRef(line), HOOK_COUNT, POP_END_AT_ONCE,
                    NULL);
}

PyObject *
command_longcmd(POP3Object *client, PyObject *line, enum pop_end_rule rule,
                struct stream_sink *sink)
{
    return run_long(client, line, HOOK_LONGCMD, rule, sink);
}

PyObject *
command_respond(POP3Object *client, PyObject *line)
{
    struct stream_sink sink;
    struct command command = {.hooks = COMMAND_HOOKS | REPLIES_HOOKS,
                              .sink = &sink,
                              .client = client,
                              .line = line};

    assert(lock_is_mine(&client->lock));
    sink_init(&sink, POP_NO_LINES, POP_END_AT_ONCE);
    return end(&command, run_from_rest(&command));
}

/* --- what Python sees --------------------------------------------------- */

static PyObject *
call_locked(POP3Object *client, PyObject *line,
            PyObject *(*function)(POP3Object *, PyObject *))
{
    PyObject *result;

    if (pop3_lock(client) < 0) {
        return NULL;
    }
    result = function(client, line);
    pop3_unlock(client);
    return result;
}

ARGS_DOC(putline_doc, "_putline($self, line)",
"Send a line and CRLF.\n"
"\n"
"Args:\n"
"    line (bytes): The line.");

ARGS_FUNCTION(pop3__putline,
              call_locked(POP3(op), values[0], putcmd_putline_own),
              .method = "POP3._putline", .names = {"line"}, .required = 1);

ARGS_DOC(putcmd_doc, "_putcmd($self, line)",
"Send a command line through _putline().\n"
"\n"
"Args:\n"
"    line (str): The command; it is encoded by the attribute encoding.\n"
"\n"
"Raises:\n"
"    ValueError: The line has a control character; nothing was sent.");

ARGS_FUNCTION(pop3__putcmd, call_locked(POP3(op), values[0], putcmd_own),
              .method = "POP3._putcmd", .names = {"line"}, .required = 1);

ARGS_DOC(shortcmd_doc, "_shortcmd($self, line)",
"Send a command whose reply is one line.\n"
"\n"
"Args:\n"
"    line (str): The command.\n"
"\n"
"Returns:\n"
"    bytes: The response.");

ARGS_FUNCTION(pop3__shortcmd, call_locked(POP3(op), values[0], shortcmd_own),
              .method = "POP3._shortcmd", .names = {"line"}, .required = 1);

ARGS_DOC(longcmd_doc, "_longcmd($self, line)",
"Send a command whose reply has several lines.\n"
"\n"
"Args:\n"
"    line (str): The command.\n"
"\n"
"Returns:\n"
"    tuple: (response, [line, ...], octets), as retr() returns it.");

ARGS_FUNCTION(pop3__longcmd, call_locked(POP3(op), values[0], longcmd_own),
              .method = "POP3._longcmd", .names = {"line"}, .required = 1);

PyMethodDef command_methods[] = {
    ARGS_METHOD("_putline", pop3__putline, putline_doc),
    ARGS_METHOD("_putcmd", pop3__putcmd, putcmd_doc),
    ARGS_METHOD("_shortcmd", pop3__shortcmd, shortcmd_doc),
    ARGS_METHOD("_longcmd", pop3__longcmd, longcmd_doc),
    {NULL, NULL, 0, NULL},
};

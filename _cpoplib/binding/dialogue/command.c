#include "binding/dialogue/command.h"

#include <assert.h>

#include "binding/dialogue/pipeline.h"
#include "binding/base/args.h"
#include "binding/client/deadline.h"
#include "binding/base/errors.h"
#include "binding/dialogue/fast_path.h"
#include "binding/client/overrides.h"
#include "binding/dialogue/pipeline_probe.h"
#include "binding/dialogue/getresp.h"
#include "binding/dialogue/putcmd.h"
#include "binding/reader/sinks.h"
#include "binding/reader/stream.h"

/* --- _shortcmd and _longcmd --------------------------------------------- */

/* Whether the stream must be at rest, so that what comes next is the answer to
   what is sent next: 1, 0 or -1.  Where replies are read by hooks, only they
   know. */
static int
must_rest(POP3Object *self, const ReaderObject *reader,
          const struct dialogue *how)
{
    if (reader == NULL) {
        return 0;
    }
    return (how->hooks & REPLIES_HOOKS) == 0 ? 1 : getresp_are_own(self);
}

static int
check_stream(POP3Object *self, ReaderObject *reader,
             const struct dialogue *how)
{
    int must = must_rest(self, reader, how);

    if (must > 0) {
        return stream_check_at_rest(reader);
    }
    return must < 0 ? -1 : pop3_check_step(self, false);
}

/* Nothing else is under way, once the replies to what was sent ahead are
   there: 0 and `source`, or .file if that is an open Reader. */
static int
check_at_rest(POP3Object *self, const struct dialogue *how,
              ReaderObject *source, ReaderObject **reader)
{
    int failed = 0;

    *reader = NULL;
    if (pop3_check_rest(self) < 0 || deadline_check(self) < 0) {
        return -1;
    }
    *reader = source == NULL ? pop3_get_reader(self, &failed)
                             : (ReaderObject *)Py_NewRef((PyObject *)source);
    if (*reader != NULL) {
        failed = pipeline_receive_all(self, *reader);
    }
    if (failed || check_stream(self, *reader, how) < 0) {
        Py_CLEAR(*reader);
        return -1;
    }
    return 0;
}

/* The answer was read, by whatever means. */
static int
settle(POP3Object *self)
{
    int failed;
    ReaderObject *reader = pop3_get_reader(self, &failed);

    if (reader != NULL) {
        progress_answered(&self->lock, &reader->progress);
        Py_DECREF(reader);
    }
    return failed ? -1 : 0;
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

/* Sends the line; `announced` is it as it is sent, if only that is left to do,
   or NULL.  What runs before that may have used the connection. */
static int
send_line(POP3Object *self, PyObject *line, const struct dialogue *how,
          ReaderObject *reader, PyObject *announced)
{
    int must = must_rest(self, reader, how);
    bool before;
    int failed;

    if (must < 0) {
        return -1;
    }
    before = progress_needs_answers(&self->progress, must > 0);
    failed = announced != NULL ? putcmd_send_line(self, announced)
                               : putcmd_call(self, line);
    (void)progress_needs_answers(&self->progress, before);
    return failed;
}

/* What is left to do where the stream is at rest. */
static PyObject *
by_steps(POP3Object *self, PyObject *line, const struct dialogue *how,
         ReaderObject *reader, PyObject *announced)
{
    PyObject *reply;

    if (send_line(self, line, how, reader, announced) < 0) {
        return NULL;
    }
    getresp_await(self, line, how->sink);
    reply = how->get(self, how->context);
    progress_rested(&self->progress);
    if (reply == NULL) {
        command_explain_failure(reader);
    }
    else if (settle(self) < 0) {
        Py_CLEAR(reply);
    }
    return reply;
}

/* poplib's call graph. */
static PyObject *
exchange_by_steps(POP3Object *self, PyObject *line, const struct dialogue *how,
                  ReaderObject *source)
{
    ReaderObject *reader;
    PyObject *reply;

    if (check_at_rest(self, how, source, &reader) < 0) {
        return NULL;
    }
    reply = by_steps(self, line, how, reader, NULL);
    if (reply != NULL) {
        pipeline_probe_note(reader, line);
    }
    Py_XDECREF(reader);
    return reply;
}

/* The same for a command, which is not the answer to a challenge. */
static PyObject *
command_by_steps(POP3Object *self, PyObject *line, const struct dialogue *how,
                 ReaderObject *source)
{
    if (pop3_check_idle(self) < 0) {
        return NULL;
    }
    return exchange_by_steps(self, line, how, source);
}

/* What comes of a reply that was read. */
static PyObject *
finish(POP3Object *self, const struct dialogue *how,
       const struct stream_reply *reply)
{
    if (!reply->is_positive) {
        errors_raise_response(self->state, reply->response);
        return NULL;
    }
    return how->finish(reply, how->context);
}

/* The same in one go, unless another hook, too, or one of the dialogue's is
   overridden: then false, and nothing was done. */
static bool
exchange_at_once(POP3Object *self, PyObject *line, const struct dialogue *how,
                 hook_set too, PyObject **result)
{
    struct exchange exchange = {
        .hooks = how->hooks | too,
        .sink = how->sink,
    };
    enum fast_path_end end = FAST_PATH_UNTOUCHED;

    *result = NULL;
    if (progress_is_at_rest(&self->progress) &&
        self->progress.sasl == SASL_NONE) {
        end = fast_path_run(&exchange, self, line);
    }
    switch (end) {
    case FAST_PATH_UNTOUCHED:
        return false;
    case FAST_PATH_FAILED:
        command_explain_failure(exchange.reader);
        break;
    case FAST_PATH_ANNOUNCED:
        *result = by_steps(self, line, how, exchange.reader, exchange.bytes);
        break;
    case FAST_PATH_DONE:
        *result = finish(self, how, &exchange.reply);
        break;
    }
    if (*result != NULL) {
        pipeline_probe_note(exchange.reader, line);
    }
    fast_path_release(&exchange);
    return true;
}

PyObject *
command_exchange(POP3Object *self, PyObject *line, const struct dialogue *how,
                 ReaderObject *source)
{
    PyObject *result;

    assert(lock_is_mine(&self->lock));
    if (!exchange_at_once(self, line, how, 0, &result)) {
        result = command_by_steps(self, line, how, source);
    }
    return result;
}

/* --- a reply of one line ------------------------------------------------ */

static PyObject *
finish_short(const struct stream_reply *reply, void *Py_UNUSED(context))
{
    return Py_NewRef(reply->response);
}

static PyObject *
get_short(POP3Object *self, void *Py_UNUSED(context))
{
    return getresp_call(self);
}

static const struct dialogue short_dialogue = {
    .hooks = COMMAND_HOOKS | REPLIES_HOOKS,
    .finish = finish_short,
    .get = get_short,
};

/* POP3._shortcmd(line) */
static PyObject *
shortcmd_own(POP3Object *self, PyObject *line)
{
    return command_exchange(self, line, &short_dialogue, NULL);
}

static PyObject *
shortcmd_as(POP3Object *self, PyObject *line, const struct dialogue *how)
{
    PyObject *result;
    int own;

    if (exchange_at_once(self, line, how, HOOK_SET(HOOK_SHORTCMD), &result)) {
        return result;
    }
    own = overrides_is_own(self, HOOK_SHORTCMD);
    if (own < 0) {
        return NULL;
    }
    return own ? command_by_steps(self, line, how, NULL)
               : overrides_call(self, HOOK_SHORTCMD, line);
}

static PyObject *
shortcmd(POP3Object *self, PyObject *line)
{
    return shortcmd_as(self, line, &short_dialogue);
}

static PyObject *
shortcmd_if_quiet(POP3Object *self, PyObject *line)
{
    struct stream_sink sink = {
        .form = POP_NO_LINES,
        .rule = POP_END_IF_QUIET,
    };
    struct dialogue dialogue = short_dialogue;

    dialogue.sink = &sink;
    return shortcmd_as(self, line, &dialogue);
}

PyObject *
command_respond(POP3Object *self, PyObject *line)
{
    assert(lock_is_mine(&self->lock));
    assert(self->progress.sasl == SASL_CHALLENGED);
    return exchange_by_steps(self, line, &short_dialogue, NULL);
}

/* --- a reply with lines ------------------------------------------------- */

/* What takes the lines: a list, unless the caller has a sink. */
struct long_reply {
    struct sink_lines lines;
    struct stream_sink *sink; /* the caller's, or NULL */
};

static PyObject *
finish_long(const struct stream_reply *reply, void *context)
{
    const struct long_reply *self = context;
    PyObject *lines = self->sink == NULL ? self->lines.list : Py_None;

    return sink_lines_tuple(reply, lines);
}

static PyObject *
get_long(POP3Object *self, void *context)
{
    return getresp_call_long(self, ((struct long_reply *)context)->sink);
}

static void
long_dialogue_init(struct dialogue *self, struct long_reply *reply,
                   enum pop_end_rule rule, struct stream_sink *sink)
{
    sink_lines_init(&reply->lines);
    reply->sink = sink;
    self->hooks = COMMAND_HOOKS | REPLIES_HOOKS;
    self->sink = sink == NULL ? &reply->lines.sink : sink;
    self->sink->rule = rule;
    self->context = reply;
    self->finish = finish_long;
    self->get = get_long;
}

/* POP3._longcmd(line) */
static PyObject *
longcmd_own(POP3Object *self, PyObject *line)
{
    struct dialogue dialogue;
    struct long_reply reply;
    PyObject *result;

    long_dialogue_init(&dialogue, &reply, POP_END_AT_ONCE, NULL);
    result = command_exchange(self, line, &dialogue, NULL);
    Py_XDECREF(reply.lines.list);
    return result;
}

static PyObject *
longcmd(POP3Object *self, PyObject *line, enum pop_end_rule rule,
        struct stream_sink *sink)
{
    struct dialogue dialogue;
    struct long_reply reply;
    PyObject *result;
    int own;

    long_dialogue_init(&dialogue, &reply, rule, sink);
    if (exchange_at_once(self, line, &dialogue, HOOK_SET(HOOK_LONGCMD),
                         &result)) {
        Py_XDECREF(reply.lines.list);
        return result;
    }
    own = overrides_is_own(self, HOOK_LONGCMD);
    if (own < 0) {
        return NULL;
    }
    return own ? command_by_steps(self, line, &dialogue, NULL)
               : overrides_call(self, HOOK_LONGCMD, line);
}

/* --- as one command ----------------------------------------------------- */

static PyObject *
call_locked(POP3Object *self, PyObject *line,
            PyObject *(*function)(POP3Object *, PyObject *))
{
    PyObject *result;

    if (pop3_lock(self) < 0) {
        return NULL;
    }
    result = function(self, line);
    pop3_unlock(self);
    return result;
}

PyObject *
command_shortcmd(POP3Object *self, PyObject *line)
{
    return call_locked(self, line, shortcmd);
}

PyObject *
command_shortcmd_if_quiet(POP3Object *self, PyObject *line)
{
    return call_locked(self, line, shortcmd_if_quiet);
}

PyObject *
command_longcmd(POP3Object *self, PyObject *line, enum pop_end_rule rule,
                struct stream_sink *sink)
{
    PyObject *result;

    if (pop3_lock(self) < 0) {
        return NULL;
    }
    result = longcmd(self, line, rule, sink);
    pop3_unlock(self);
    return result;
}

/* --- what Python sees --------------------------------------------------- */

static PyObject *
run_method(const char *method, PyObject *(*function)(POP3Object *, PyObject *),
           PyObject *op, PyObject *const *args, Py_ssize_t nargs,
           PyObject *kwnames)
{
    const struct args_signature signature = {
        .method = method,
        .names = {"line"},
        .required = 1,
    };
    PyObject *values[ARGS_MAX];

    if (args_bind(&signature, args, nargs, kwnames, values) < 0) {
        return NULL;
    }
    return call_locked(POP3(op), values[0], function);
}

PyDoc_STRVAR(putline_doc,
"_putline($self, line)\n"
"--\n"
"\n"
"Send a line (bytes) and CRLF.");

static PyObject *
pop3__putline(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
              PyObject *kwnames)
{
    return run_method("POP3._putline", putcmd_putline_own, op, args, nargs,
                      kwnames);
}

PyDoc_STRVAR(putcmd_doc,
"_putcmd($self, line)\n"
"--\n"
"\n"
"Send a command line (str), encoded, through _putline().\n"
"\n"
"ValueError, and nothing is sent, if it holds a control character.");

static PyObject *
pop3__putcmd(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    return run_method("POP3._putcmd", putcmd_own, op, args, nargs, kwnames);
}

PyDoc_STRVAR(shortcmd_doc,
"_shortcmd($self, line)\n"
"--\n"
"\n"
"Send any command whose reply is one line; return that line.");

static PyObject *
pop3__shortcmd(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    return run_method("POP3._shortcmd", shortcmd_own, op, args, nargs,
                      kwnames);
}

PyDoc_STRVAR(longcmd_doc,
"_longcmd($self, line)\n"
"--\n"
"\n"
"Send any command whose reply has several lines; return\n"
"(response, list of lines, octets).");

static PyObject *
pop3__longcmd(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
              PyObject *kwnames)
{
    return run_method("POP3._longcmd", longcmd_own, op, args, nargs, kwnames);
}

PyMethodDef command_methods[] = {
    ARGS_METHOD("_putline", pop3__putline, putline_doc),
    ARGS_METHOD("_putcmd", pop3__putcmd, putcmd_doc),
    ARGS_METHOD("_shortcmd", pop3__shortcmd, shortcmd_doc),
    ARGS_METHOD("_longcmd", pop3__longcmd, longcmd_doc),
    {NULL, NULL, 0, NULL},
};

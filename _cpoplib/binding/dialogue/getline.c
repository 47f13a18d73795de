#include "binding/dialogue/getline.h"

#include "binding/base/args.h"
#include "binding/client/deadline.h"
#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/client/overrides.h"
#include "binding/client/redact.h"
#include "binding/client/debug.h"
#include "core/proto/command.h"

/* --- limits ------------------------------------------------------------- */

size_t
getline_size_limit(const POP3Object *self)
{
    return self->max_size < self->progress.reply_limit
               ? self->max_size
               : self->progress.reply_limit;
}

/* Fills the limits; steals the value of _MAXLINE, which may be NULL with an
   exception. */
static int
fill_limits(const struct getline_options *options, PyObject *value,
            struct stream_limits *limits)
{
    int failed = value == NULL ? -1 : args_octets(value, &limits->status);

    Py_XDECREF(value);
    if (failed < 0) {
        return -1;
    }
    if (options->is_sasl && limits->status < POP_COMMAND_SASL_OCTETS) {
        limits->status = POP_COMMAND_SASL_OCTETS;
    }
    limits->line = options->max_line > limits->status ? options->max_line
                                                      : limits->status;
    limits->size = options->max_size;
    return 0;
}

int
getline_fill_limits(struct module_state *state,
                    const struct getline_options *options,
                    struct stream_limits *limits)
{
    return fill_limits(options, package_attribute(state, state->name.maxline),
                       limits);
}

static struct getline_options
options_of(const POP3Object *self)
{
    return (struct getline_options){
        .max_line = self->max_line,
        .max_size = getline_size_limit(self),
        .is_sasl = self->progress.sasl != SASL_NONE,
    };
}

int
getline_limits(POP3Object *self, struct stream_limits *limits)
{
    struct getline_options options = options_of(self);

    return getline_fill_limits(self->state, &options, limits);
}

int
getline_plain_limits(POP3Object *self, struct stream_limits *limits)
{
    PyObject *value;
    int found = package_global(self->state, self->state->name.maxline, &value);

    if (found > 0 && PyLong_CheckExact(value)) {
        struct getline_options options = options_of(self);

        return fill_limits(&options, value, limits) < 0 ? -1 : 1;
    }
    Py_XDECREF(value);
    return found < 0 ? -1 : 0;
}

/* --- _getline ----------------------------------------------------------- */

static PyObject *
call_readline(PyObject *file, Py_ssize_t size)
{
    return PyObject_CallMethod(file, "readline", "n", size);
}

/* Calls file.readline(size) within the deadline, if the file reads from .sock.
   Each of its receives may take the time that is left when the line begins. */
static PyObject *
readline_in_time(POP3Object *self, PyObject *file, Py_ssize_t size)
{
    struct python_socket_hold hold;
    PyObject *sock;
    PyObject *line = NULL;

    if (deadline_check_reading(self) < 0 ||
        PyObject_GetOptionalAttr((PyObject *)self, self->state->name.sock,
                                 &sock) < 0) {
        return NULL;
    }
    if (sock == NULL) {
        return call_readline(file, size);
    }
    if (deadline_hold(self, sock, &hold) == 0) {
        line = call_readline(file, size);
        if (deadline_let_go(self, sock, &hold) < 0) {
            Py_CLEAR(line);
        }
    }
    Py_DECREF(sock);
    return line;
}

/* Calls file.readline(size).  Commands of hooks and signal handlers raise
   meanwhile. */
static PyObject *
read_alone(POP3Object *self, PyObject *file, Py_ssize_t size)
{
    enum pop3_phase before = progress_entered(&self->progress, PHASE_STATUS);
    PyObject *line;

    line = self->deadlines->earliest.at == POP_NO_DEADLINE
               ? call_readline(file, size)
               : readline_in_time(self, file, size);
    progress_resumed(&self->progress, before);
    return line;
}

/* Updates the progress of a stream after readline() of another .file than a
   Reader returned this line, or NULL.  Returns -1 and an exception if there is
   no line to use. */
static int
check_foreign_line(POP3Object *self, struct stream_progress *stream,
                   PyObject *line, size_t limit)
{
    if (line == NULL) {
        progress_read_raised(&self->lock, self->state, stream);
        return -1;
    }
    if (!PyBytes_Check(line)) {
        PyErr_Format(PyExc_TypeError,
                     "readline() of .file should return bytes, not %.100s",
                     Py_TYPE(line)->tp_name);
        return -1;
    }
    if ((size_t)PyBytes_GET_SIZE(line) > limit) {
        progress_left(&self->lock, stream, "a line was too long");
        errors_raise(self->state, POP_TOO_LONG, NULL);
        return -1;
    }
    if (PyBytes_GET_SIZE(line) > 0) {
        return progress_went_on(&self->lock, self->state, stream);
    }
    return 0;
}

/* Calls file.readline(limit + 1) of another .file than a Reader. */
static PyObject *
read_foreign_line(POP3Object *self, PyObject *file, size_t limit)
{
    struct stream_progress other;
    struct stream_progress *stream = pop3_progress_of(self, file);
    Py_ssize_t size = -1;
    PyObject *line;

    if (progress_check(self->state, stream) < 0) {
        return NULL;
    }
    if (limit < (size_t)PY_SSIZE_T_MAX) {
        size = (Py_ssize_t)limit + 1;
    }
    line = read_alone(self, file, size);
    /* readline() may have replaced .file. */
    stream = pop3_known_progress(self, file, &other);
    if (check_foreign_line(self, stream, line, limit) < 0) {
        Py_CLEAR(line);
    }
    return line;
}

/* Reads the next line of .file, with its line end, if the stream does not end
   before. */
static PyObject *
read_raw_line(POP3Object *self, PyObject *file)
{
    struct stream_limits limits;
    size_t limit;

    if (getline_limits(self, &limits) < 0) {
        return NULL;
    }
    limit = self->progress.phase == PHASE_LINES
                ? pop_reply_line_limit(limits.line, limits.size)
                : limits.status;
    if (reader_check(self->state, file)) {
        return stream_raw_line((ReaderObject *)file, limit,
                               self->progress.phase != PHASE_LINES);
    }
    return read_foreign_line(self, file, limit);
}

/* Raises error_proto: the stream has ended.  A Reader has noted that.  In the
   middle of a line, another file may also have stopped because it must not
   wait. */
static void
raise_end(POP3Object *self, PyObject *file, bool within_line)
{
    struct stream_progress other;
    struct stream_progress *stream = pop3_known_progress(self, file, &other);

    if (within_line) {
        progress_left(&self->lock, stream, "a line was cut off");
    }
    else {
        progress_ended(&self->lock, stream);
    }
    errors_raise(self->state, POP_EOF, NULL);
}

/* Returns (text, octets) of a line; raises error_proto if it has no line
   end. */
static PyObject *
strip_line(POP3Object *self, PyObject *file, PyObject *raw)
{
    const char *bytes = PyBytes_AS_STRING(raw);
    size_t octets = (size_t)PyBytes_GET_SIZE(raw);
    struct pop_span text;

    if (octets == 0 || bytes[octets - 1] != '\n') {
        raise_end(self, file, octets > 0);
        return NULL;
    }
    text = pop_scan_strip(bytes, 0, octets);
    return Py_BuildValue("y#n", bytes + text.offset, (Py_ssize_t)text.length,
                         (Py_ssize_t)octets);
}

PyObject *
getline_own(POP3Object *self)
{
    PyObject *file = pop3_get_file(self, "readline");
    PyObject *raw;
    PyObject *result = NULL;

    if (file == NULL) {
        return NULL;
    }
    raw = read_raw_line(self, file);
    if (raw == NULL) {
        Py_DECREF(file);
        return NULL;
    }
    if (self->progress.phase != PHASE_LINES) {
        progress_challenged(&self->progress, redact_is_challenge(raw));
    }
    progress_status_ended(&self->progress, PHASE_STATUS);
    if (debug_received(self, "*get*", raw) == 0) {
        result = strip_line(self, file, raw);
    }
    Py_DECREF(raw);
    Py_DECREF(file);
    return result;
}

ReaderObject *
getline_quiet_reader(POP3Object *self, hook_set hooks, int *failed)
{
    PyObject *file;
    int own = overrides_are_own(self, hooks);
    int verbose = own > 0 ? debug_is_verbose(self) : 0;

    *failed = own < 0 || verbose < 0;
    if (own <= 0 || verbose != 0) {
        return NULL;
    }
    file = pop3_get_file(self, "readline");
    if (file == NULL) {
        *failed = 1;
        return NULL;
    }
    if (!reader_check(self->state, file)) {
        Py_DECREF(file);
        return NULL;
    }
    return (ReaderObject *)file;
}

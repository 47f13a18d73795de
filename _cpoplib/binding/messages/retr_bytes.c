#include "binding/messages/messages.h"

#include "binding/base/args.h"
#include "binding/base/format_command.h"
#include "binding/client/deadline.h"
#include "binding/dialogue/command.h"
#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/dialogue/getline.h"
#include "binding/dialogue/getresp.h"
#include "binding/reader/sinks.h"

/* --- a file that is no Reader -------------------------------------------- */

/* Returns a Reader of the lines that another file returns, for one reply. */
static ReaderObject *
new_reader(POP3Object *self, PyObject *file)
{
    PyObject *sock;
    PyObject *lines = NULL;
    ReaderObject *reader = NULL;

    if (PyObject_GetOptionalAttr((PyObject *)self, self->state->name.sock,
                                 &sock) >= 0) {
        lines = package_call("poplib_c._file", "Lines", "(OO)", file,
                             sock == NULL ? Py_None : sock);
    }
    if (lines != NULL) {
        reader = reader_new(self->state, lines, lines,
                            &self->deadlines->earliest, self->guard);
    }
    Py_XDECREF(sock);
    Py_XDECREF(lines);
    return reader;
}

/* If the file was at its end, reads a line and raises what that raises: the
   file may only have paused. */
static int
check_not_ended(POP3Object *self, PyObject *file)
{
    PyObject *line = NULL;

    if (!progress_has_ended(pop3_progress_of(self, file))) {
        return 0;
    }
    line = getline_own(self);
    if (line != NULL) {
        Py_DECREF(line);
        errors_raise_out_of_step(self->state,
                                 "another file has taken the place of the one "
                                 "that the reply was to come from",
                                 NULL);
    }
    return -1;
}

/* Marks the stream out of step, since the message may continue in the file.
   Raises error_proto, unless an exception is pending. */
static void
raise_doubtful(POP3Object *self, struct stream_progress *stream)
{
    static const char why[] = "a line of one dot may end the message or be a "
                              "part of it, and .file is not the connection's";

    progress_left(&self->lock, stream, why);
    if (!PyErr_Occurred()) {
        errors_raise_out_of_step(self->state, why, NULL);
    }
}

/* Like getresp_read(), from a file that is no Reader. */
static int
read_foreign(POP3Object *self, PyObject *file, struct stream_sink *sink)
{
    ReaderObject *reader = NULL;
    struct stream_progress other;
    struct stream_progress *stream;
    int failed;

    if (check_not_ended(self, file) == 0) {
        reader = new_reader(self, file);
    }
    stream = pop3_progress_of(self, file);
    if (reader == NULL) {
        progress_left(&self->lock, stream, "a reply was left unread");
        return -1;
    }
    progress_lent(&self->lock, &reader->progress, stream);
    /* Waiting whether more follows may time out, and the file could not be
       read any more. */
    sink->rule = POP_END_AT_ONCE;
    failed = getresp_read(self, reader, sink);
    /* Reading may have replaced .file. */
    stream = pop3_known_progress(self, file, &other);
    progress_given_back(&self->lock, stream, &reader->progress);
    if (reader->link.ends.doubtful && progress_is_in_step(stream)) {
        raise_doubtful(self, stream);
        Py_CLEAR(sink->response);
        failed = -1;
    }
    Py_DECREF(reader);
    return failed;
}

/* --- one message --------------------------------------------------------- */

/* Reads the reply into the sink, and returns sink_result(). */
static PyObject *
read_message(POP3Object *self, struct stream_sink *sink)
{
    PyObject *file = pop3_get_file(self, "readline");
    PyObject *result = NULL;

    if (file == NULL) {
        return NULL;
    }
    if ((reader_check(self->state, file)
             ? getresp_read(self, (ReaderObject *)file, sink)
             : read_foreign(self, file, sink)) == 0) {
        result = getresp_result(self, sink);
    }
    Py_DECREF(file);
    return result;
}

/* Steals the line, which may be NULL with an exception. */
static PyObject *
exchange(POP3Object *self, PyObject *line, struct stream_sink *sink)
{
    struct command command = {
        .hooks = COMMAND_HOOKS,
        .sink = sink,
        .read = read_message,
    };
    PyObject *file;
    PyObject *result = NULL;

    if (line == NULL || pop3_lock(self) < 0) {
        Py_XDECREF(line);
        return NULL;
    }
    file = pop3_get_file(self, "readline");
    if (file != NULL) {
        if (reader_check(self->state, file)) {
            command.source = (ReaderObject *)file;
        }
        result = command_run(&command, self, line, HOOK_COUNT);
        Py_DECREF(file);
    }
    pop3_unlock(self);
    Py_DECREF(line);
    return result;
}

PyObject *
retr_bytes_fetch(POP3Object *self, PyObject *line)
{
    struct stream_sink sink;

    sink_init(&sink, POP_OCTETS, POP_END_IF_QUIET);
    return exchange(self, line, &sink);
}

static PyObject *
ask_bytes(POP3Object *self, PyObject *which)
{
    return retr_bytes_fetch(self,
                            format_command_make(POP_VERB_RETR, which, NULL));
}

ARGS_DOC(retr_bytes_doc, "retr_bytes($self, which)",
"Retrieve a message as bytes (RETR; RFC 1939, section 5).\n"
"\n"
"email.message_from_bytes() parses it. No line is too long.\n"
"\n"
"Args:\n"
"    which (int or str): Number of the message.\n"
"\n"
"Returns:\n"
"    bytes: The octets that the server sent, with its line ends and without\n"
"    the dots that the protocol adds.\n"
"\n"
"Raises:\n"
"    error_proto: The server refuses, or the message is larger than\n"
"        max_size.");

ARGS_FUNCTION(pop3_retr_bytes,
              read_ahead_turn_retr(POP3(op), values[0], POP_OCTETS, ask_bytes),
              .method = "POP3.retr_bytes", .names = {"which"}, .required = 1);

ARGS_DOC(top_bytes_doc, "top_bytes($self, which, howmuch)",
"Retrieve a header and some lines of the body (TOP; RFC 1939, section 7).\n"
"\n"
"Args:\n"
"    which (int or str): Number of the message.\n"
"    howmuch (int or str): Number of lines of the body; 0 for the header\n"
"        alone.\n"
"\n"
"Returns:\n"
"    bytes: The octets, as retr_bytes() returns them.\n"
"\n"
"Raises:\n"
"    error_proto: As for retr_bytes(). TOP is optional for servers.");

ARGS_FUNCTION(pop3_top_bytes,
              retr_bytes_fetch(POP3(op),
                               format_command_make(POP_VERB_TOP, values[0],
                                                   values[1])),
              .method = "POP3.top_bytes", .names = {"which", "howmuch"},
              .required = 2);

ARGS_DOC(retr_into_doc, "retr_into($self, which, file)",
"Retrieve a message into a file (RETR; RFC 1939, section 5).\n"
"\n"
"If write() raises, retr_into() reads and drops the rest of the message, up\n"
"to 16 MiB. If there is more, the connection is out of step.\n"
"\n"
"Args:\n"
"    which (int or str): Number of the message.\n"
"    file (binary file): Any object with write(bytes). It gets the octets\n"
"        that retr_bytes() returns, in blocks. A file opened with\n"
"        buffering=0 is written to without the GIL.\n"
"\n"
"Returns:\n"
"    int: The number of octets written.\n"
"\n"
"Raises:\n"
"    error_proto: As for retr_bytes().\n"
"    Exception: What write() raises.");

static PyObject *
retr_into(POP3Object *self, PyObject *which, PyObject *target)
{
    struct sink_file file;
    PyObject *octets;

    if (sink_file_init(&file, self->state, target) < 0) {
        return NULL;
    }
    octets = exchange(self, format_command_make(POP_VERB_RETR, which, NULL),
                      &file.sink);
    sink_file_release(&file);
    return octets;
}

ARGS_FUNCTION(pop3_retr_into, retr_into(POP3(op), values[0], values[1]),
              .method = "POP3.retr_into", .names = {"which", "file"},
              .required = 2);

PyMethodDef retr_bytes_methods[] = {
    ARGS_METHOD("retr_bytes", pop3_retr_bytes, retr_bytes_doc),
    ARGS_METHOD("top_bytes", pop3_top_bytes, top_bytes_doc),
    ARGS_METHOD("retr_into", pop3_retr_into, retr_into_doc),
    {NULL, NULL, 0, NULL},
};

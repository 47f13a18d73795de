#include "binding/dialogue/pipeline_ask.h"

#include <assert.h>

#include "binding/base/errors.h"
#include "binding/base/format_command.h"
#include "binding/dialogue/pipeline.h"
#include "binding/dialogue/announce.h"
#include "binding/reader/stream.h"

/* Of a command line, without a second argument. */
#define LINE_OCTETS ((size_t)30)

/* --- commands ----------------------------------------------------------- */

static enum pop_verb
verb(const struct requests *requests, const struct request *request)
{
    return request->is_deletion ? POP_VERB_DELE : requests->verb;
}

/* Returns the second argument, or NULL. */
static PyObject *
second(const struct requests *requests, const struct request *request)
{
    return request->is_deletion ? NULL : requests->second;
}

PyObject *
pipeline_ask_line(const struct requests *requests,
                  const struct request *request)
{
    return format_command_make(verb(requests, request), request->number,
                               second(requests, request));
}

enum pop_reply_form
pipeline_ask_form(const struct requests *requests,
                  const struct request *request)
{
    return request->is_deletion ? POP_NO_LINES : requests->form;
}

bool
pipeline_ask_has_room(const struct requests *requests,
                      const ReaderObject *reader)
{
    PyObject *more = second(requests, requests->unsent.first);
    size_t octets = LINE_OCTETS;

    if (more != NULL) {
        octets += (size_t)PyUnicode_GET_LENGTH(more);
    }
    return reader->progress.ahead.count == 0 ||
           (!reader->link.ends.uncertain &&
            (!reader->half_duplex || reader->progress.ahead.octets + octets <=
                                         PIPELINING_HALF_DUPLEX_OCTETS));
}

/* Announces a command and returns its line (bytes).  If only audit hooks can
   see it, makes a line of ints without a str. */
static PyObject *
announced_line(POP3Object *client, const struct requests *requests,
               const struct request *request, bool plain)
{
    PyObject *line;
    PyObject *bytes = NULL;

    if (plain) {
        bytes = format_command_make_plain(verb(requests, request),
                                          request->number,
                                          second(requests, request));
    }
    if (bytes != NULL) {
        if (!requests->is_silent && announce_line(client, bytes, true) < 0) {
            Py_CLEAR(bytes);
        }
        return bytes;
    }
    line = PyErr_Occurred() ? NULL : pipeline_ask_line(requests, request);
    if (line != NULL) {
        bytes = announce_command(client, line);
        Py_DECREF(line);
    }
    return bytes;
}

/* --- errors ------------------------------------------------------------- */

/* Returns whether .file is closed, perhaps with an exception. */
static bool
is_closed(POP3Object *client)
{
    PyObject *file = pop3_get_file(client, "readline");
    bool is = file == NULL ||
              (reader_check(client->state, file) &&
               progress_is_closed(&((ReaderObject *)file)->progress));

    Py_XDECREF(file);
    return is;
}

bool
pipeline_ask_is_about_number(POP3Object *client)
{
    PyObject *pending = PyErr_GetRaisedException();
    bool is = false;

    if (PyErr_GivenExceptionMatches(pending, PyExc_ValueError)) {
        /* io.UnsupportedOperation is both. */
        is = !PyErr_GivenExceptionMatches(pending, PyExc_OSError) &&
             !is_closed(client);
    }
    else if (PyErr_GivenExceptionMatches(pending,
                                         client->state->error_proto)) {
        is = pop3_is_in_step(client);
    }
    errors_raise_again(pending);
    return is;
}

/* --- asking ------------------------------------------------------------- */

/* Moves a queued request to `sent`.  While the queue waited for the Reader,
   signal handlers or other threads may have cleared the requests. */
static void
note_queued(struct requests *requests, ReaderObject *reader,
            struct request *request)
{
    if (requests->reader == reader) {
        requests_put(&requests->sent, request);
    }
    else {
        requests_disown(reader, requests);
        requests_free(request);
    }
}

int
pipeline_ask_queue(ReaderObject *reader, struct requests *requests,
                   struct request *request, PyObject *line)
{
    int failed = line == NULL
                     ? -1
                     : stream_queue(reader, line,
                                    pipeline_ask_form(requests, request),
                                    requests);

    Py_XDECREF(line);
    if (failed == 0) {
        note_queued(requests, reader, request);
    }
    return failed;
}

int
pipeline_ask_fail(struct requests *requests, struct request *request,
                  bool is_answer)
{
    if (!is_answer) {
        requests_put_back(&requests->unsent, request);
        return -1;
    }
    requests_answer_unsent(requests, request, PyErr_GetRaisedException(),
                           true);
    return 0;
}

/* Queues the command of the next request, which exists.  Announces it, unless
   the requests are silent; `plain` is the result of announce_is_plain().
   With keeps_errors, an exception that concerns its message becomes its
   answer.  Returns -1 and any other exception. */
static int
ask_next(POP3Object *client, ReaderObject *reader, struct requests *requests,
         bool plain)
{
    struct request *request = requests_take(&requests->unsent);
    PyObject *line = announced_line(client, requests, request, plain);

    assert(lock_is_mine(&client->lock));
    return pipeline_ask_queue(reader, requests, request, line) == 0
               ? 0
               : pipeline_ask_fail(requests, request,
                                   requests->keeps_errors &&
                                       pipeline_ask_is_about_number(client));
}

int
pipeline_ask(POP3Object *client, ReaderObject *reader,
             struct requests *requests)
{
    int plain = requests->is_silent ? 1 : announce_is_plain(client);

    if (plain < 0) {
        return -1;
    }
    do {
        if (ask_next(client, reader, requests, plain) < 0) {
            return -1;
        }
    } while (requests->unsent.first != NULL &&
             pipeline_ask_has_room(requests, reader));
    return pipeline_push(reader);
}

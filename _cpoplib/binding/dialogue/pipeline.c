#include "binding/dialogue/pipeline.h"

#include <assert.h>

#include "binding/base/errors.h"
#include "binding/dialogue/getline.h"
#include "binding/dialogue/announce.h"
#include "binding/reader/held.h"
#include "binding/reader/replies.h"
#include "binding/client/debug.h"

/* --- sending ------------------------------------------------------------ */

int
pipeline_push(ReaderObject *reader)
{
    struct pop_error error = {0};
    enum pop_status status = POP_OK;

    if (pop_buffer_length(&reader->link.out) == 0) {
        return 0;
    }
    if (reader_enter(reader, READER_IN_STEP) < 0) {
        return -1;
    }
    status = lock_run_detached(&reader->link, pop_link_push, &error);
    if (status == POP_INTERRUPTED) {
        /* The link is polled.  The rest goes out while replies come. */
        status = POP_OK;
    }
    if (status != POP_OK) {
        reader_fail_write(reader, status, &error, false);
    }
    reader_leave(reader);
    return status == POP_OK ? 0 : -1;
}

/* --- receiving ---------------------------------------------------------- */

/* Announces the question whether a reply is left over, and returns it,
   encoded. Python code that is called here finds the stream out of sync. */
static PyObject *
announce_question(POP3Object *self, ReaderObject *reader)
{
    PyObject *line = held_question(reader);
    PyObject *bytes = NULL;

    progress_doubted(&self->lock, &reader->progress);
    if (line != NULL) {
        progress_rested(&self->progress);
        bytes = announce_command(self, line);
        (void)progress_entered(&self->progress, PHASE_REPLY);
        Py_DECREF(line);
    }
    if (bytes != NULL) {
        progress_trusted(&self->lock, &reader->progress);
    }
    return bytes;
}

/* Asks whether a reply is left over.  The Reader is not entered, and the phase
   is PHASE_REPLY. */
static int
prove(POP3Object *self, const struct reception *in)
{
    ReaderObject *reader = in->reader;
    PyObject *line = announce_question(self, reader);
    struct stream_sink sink = {.response = NULL};
    int failed = -1;

    assert(!lock_is_mine(&reader->lock));
    assert(self->progress.phase == PHASE_REPLY);
    if (line != NULL && reader_enter(reader, READER_AT_REST) == 0) {
        sink = held_sink(reader, &in->limits);
        (void)stream_exchange(reader, line, &sink);
        reader_leave(reader);
    }
    Py_XDECREF(line);
    if (sink.response != NULL &&
        held_check(reader, &self->lock, sink.response) == 0 &&
        (in->status_lines == NULL ||
         PyList_Append(in->status_lines, sink.response) == 0)) {
        failed = 0;
    }
    Py_XDECREF(sink.response);
    return failed;
}

/* Returns whether the next reply has arrived whole.  *after is how many bytes
   follow the last reply that has, valid until link->received differs from
   *received. */
static bool
has_arrived(const ReaderObject *reader, size_t *received, size_t *after)
{
    const struct pop_expected *next = pop_pipeline_next(
        &reader->progress.ahead);
    const struct pop_link *link = &reader->link;
    const char *bytes = pop_buffer_bytes(&link->in);
    size_t length = pop_buffer_length(&link->in);

    if (next == NULL || length == 0) {
        return false;
    }
    if (*received != link->received) {
        *received = link->received;
        *after = pop_reply_after_end(bytes, length);
    }
    return length > *after || pop_reply_is_whole(next->form, bytes, length);
}

/* Prints and logs the status lines that were received.  The Reader is left,
   because this may run Python code. */
static int
debug_kept_status(POP3Object *self, PyObject *lines, int failed)
{
    PyObject *pending = failed < 0 ? PyErr_GetRaisedException() : NULL;
    int shown = 0;
    Py_ssize_t i;

    for (i = 0; shown == 0 && i < PyList_GET_SIZE(lines); i++) {
        PyObject *line = PyList_GetItemRef(lines, i);

        shown = line == NULL ? -1 : debug_status(self, line);
        Py_XDECREF(line);
    }
    if (shown < 0) {
        failed = -1;
    }
    if (pending != NULL) {
        errors_raise_again(pending);
    }
    return failed;
}

static int
receive_inside(POP3Object *self, ReaderObject *reader)
{
    struct reception in = {.reader = reader};
    size_t received;
    size_t after = 0;
    int verbose;
    int failed;

    assert(lock_is_mine(&self->lock) && progress_is_at_rest(&self->progress));
    assert(guard_is_mine(self->guard) && guard_is_mine(reader->guard));
    if (pop_pipeline_next(&reader->progress.ahead) == NULL) {
        PyErr_SetString(PyExc_SystemError, "no reply is to come");
        return -1;
    }
    verbose = debug_is_verbose(self);
    if (verbose < 0 || getline_limits(self, &in.limits) < 0 ||
        reader_enter(reader, READER_IN_STEP) < 0) {
        return -1;
    }
    if (verbose > 0 || self->is_logged) {
        in.status_lines = PyList_New(0);
        if (in.status_lines == NULL) {
            reader_leave(reader);
            return -1;
        }
    }
    (void)progress_entered(&self->progress, PHASE_REPLY);
    received = reader->link.received - 1;
    do {
        failed = replies_receive(&in);
    } while (failed == 0 && reader->held == NULL && in.status_lines == NULL &&
             has_arrived(reader, &received, &after));
    reader_leave(reader);
    if (reader->held != NULL) {
        failed = prove(self, &in);
        held_end(reader, &self->lock, failed == 0);
    }
    if (in.status_lines != NULL) {
        failed = debug_kept_status(self, in.status_lines, failed);
        Py_DECREF(in.status_lines);
    }
    progress_rested(&self->progress);
    return failed;
}

int
pipeline_receive(POP3Object *self, ReaderObject *reader)
{
    int failed = 0;

    if (self->guard == reader->guard) {
        return receive_inside(self, reader);
    }
    /* The owners of the replies belong to the client that made the Reader.
       That client may have received them during the wait for its section. */
    Py_BEGIN_CRITICAL_SECTION2(self->guard, reader->guard);
    if (reader->progress.ahead.count > 0) {
        failed = receive_inside(self, reader);
    }
    Py_END_CRITICAL_SECTION2();
    return failed;
}

int
pipeline_receive_all(POP3Object *self, ReaderObject *reader)
{
    assert(lock_is_mine(&self->lock));
    while (reader->progress.ahead.count > 0) {
        if (pipeline_receive(self, reader) < 0) {
            return -1;
        }
    }
    return 0;
}

ReaderObject *
pipeline_get_reader(POP3Object *self, int *failed)
{
    ReaderObject *reader = pop3_get_reader(self, failed);

    if (reader != NULL) {
        *failed = pipeline_receive_all(self, reader);
    }
    return reader;
}

int
pipeline_receive_pending(POP3Object *self)
{
    int failed;

    Py_XDECREF(pipeline_get_reader(self, &failed));
    return failed ? -1 : 0;
}

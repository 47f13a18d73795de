#include "binding/dialogue/fast_path.h"

#include <assert.h>

#include "binding/client/deadline.h"
#include "binding/dialogue/getline.h"
#include "binding/client/log.h"
#include "binding/client/redact.h"
#include "binding/client/read_ahead.h"
#include "binding/dialogue/getresp.h"
#include "binding/dialogue/announce.h"
#include "binding/client/debug.h"

static bool
is_zero(PyObject *level)
{
    int overflow;

    return PyLong_CheckExact(level) &&
           PyLong_AsLongAndOverflow(level, &overflow) == 0;
}

static bool
is_ready(struct module_state *state, const struct overrides_view *view)
{
    ReaderObject *reader = (ReaderObject *)view->file;

    return is_zero(view->debugging) && reader_check(state, view->file) &&
           !progress_is_closed(&reader->progress) &&
           reader->sock == view->sock && reader->progress.ahead.count == 0;
}

/* .file, a new reference, if that is a Reader and it can be done so. */
static ReaderObject *
look(const struct exchange *self, POP3Object *client)
{
    struct overrides_view view;
    ReaderObject *reader = NULL;

    if (overrides_are_plain(client, self->hooks, &view)) {
        if (is_ready(client->state, &view)) {
            reader = (ReaderObject *)Py_NewRef(view.file);
        }
        overrides_release(&view);
    }
    return reader;
}

static bool
looks_the_same(const struct exchange *self, POP3Object *client)
{
    ReaderObject *reader = look(self, client);

    Py_XDECREF(reader);
    return reader == self->reader;
}

/* --- the audit event ---------------------------------------------------- */

struct hearing {
    const struct exchange *exchange;
    bool heard;
};

/* The event's argument, which is made only if anybody hears it.  Audit hooks
   may use the connection. */
static PyObject *
make_argument(void *context)
{
    struct hearing *hearing = context;

    hearing->heard = true;
    reader_leave(hearing->exchange->reader);
    return Py_NewRef(hearing->exchange->bytes);
}

/* Entered; afterwards, too, if that is FAST_PATH_DONE. */
static enum fast_path_end
announce(const struct exchange *self, POP3Object *client)
{
    struct hearing hearing = {self, false};
    int failed;

    assert(lock_is_mine(&self->reader->lock));
    failed = debug_audit_putline_made(client, make_argument, &hearing);
    if (!hearing.heard) {
        if (failed < 0) {
            reader_leave(self->reader);
        }
        return failed < 0 ? FAST_PATH_FAILED : FAST_PATH_DONE;
    }
    if (failed < 0) {
        return FAST_PATH_FAILED;
    }
    if (!looks_the_same(self, client)) {
        return FAST_PATH_ANNOUNCED;
    }
    return stream_enter_answered(self->reader) < 0 ? FAST_PATH_FAILED
                                                   : FAST_PATH_DONE;
}

/* --- the exchange ------------------------------------------------------- */

static int
encode(struct exchange *self, struct module_state *state, PyObject *line)
{
    self->bytes = PyUnicode_AsUTF8String(line);
    if (self->bytes == NULL) {
        redact_unicode_error(line, REDACT_NOT_SENT);
        return -1;
    }
    return announce_check(state, self->bytes);
}

/* Entered. */
static enum fast_path_end
send_and_read(struct exchange *self, POP3Object *client, PyObject *line)
{
    struct stream_limits limits;
    enum fast_path_end end = FAST_PATH_FAILED;
    int plain;

    assert(lock_is_mine(&self->reader->lock));
    getresp_await(client, line, self->sink);
    /* What was a challenge is answered. */
    progress_challenged(&client->progress, false);
    plain = getline_plain_limits(client, &limits);
    if (plain == 0) {
        end = FAST_PATH_ANNOUNCED;
    }
    else if (plain > 0 &&
             stream_exchange(self->reader, PyBytes_AS_STRING(self->bytes),
                             (size_t)PyBytes_GET_SIZE(self->bytes), &limits,
                             self->sink, &self->reply) == 0) {
        end = FAST_PATH_DONE;
    }
    progress_rested(&client->progress);
    return end;
}

enum fast_path_end
fast_path_run(struct exchange *self, POP3Object *client, PyObject *line)
{
    enum fast_path_end end;

    assert(lock_is_mine(&client->lock));
    assert(progress_is_at_rest(&client->progress));
    self->reply.response = NULL;
    self->bytes = NULL;
    self->reader = NULL;
    if (log_begin(client) < 0) {
        return FAST_PATH_FAILED;
    }
    if (PyUnicode_CheckExact(line) && !client->is_logged) {
        self->reader = look(self, client);
    }
    if (self->reader == NULL) {
        return FAST_PATH_UNTOUCHED;
    }
    if (deadline_check(client) < 0 || stream_enter_at_rest(self->reader) < 0) {
        return FAST_PATH_FAILED;
    }
    if (encode(self, client->state, line) < 0 ||
        read_ahead_note_line(client, self->bytes) < 0) {
        reader_leave(self->reader);
        return FAST_PATH_FAILED;
    }
    end = announce(self, client);
    if (end == FAST_PATH_DONE) {
        end = send_and_read(self, client, line);
        reader_leave(self->reader);
    }
    /* Not logged now, but perhaps from the next command on. */
    if (end == FAST_PATH_DONE &&
        log_status(client, self->reply.response) < 0) {
        end = FAST_PATH_FAILED;
    }
    return end;
}

void
fast_path_release(struct exchange *self)
{
    Py_CLEAR(self->reply.response);
    Py_CLEAR(self->bytes);
    Py_CLEAR(self->reader);
}

#include "binding/client/pop3.h"

#include "binding/base/errors.h"
#include "binding/client/log.h"
#include "binding/reader/reader.h"
#include "binding/socket/tls_socket.h"

/* --- attributes --------------------------------------------------------- */

int
pop3_dict_has(POP3Object *self, PyObject *name)
{
    /* Comparing with its keys may run Python code, which may replace it. */
    PyObject *dict = pop3_get_dict(self);
    int has = 0;

    if (dict != NULL) {
        has = PyDict_Contains(dict, name);
        Py_DECREF(dict);
    }
    return has;
}

static PyObject *
get_open(POP3Object *self, PyObject *name, const char *wanted)
{
    PyObject *value = PyObject_GetAttr((PyObject *)self, name);

    if (value == Py_None) {
        Py_DECREF(value);
        PyErr_Format(PyExc_AttributeError,
                     "'NoneType' object has no attribute '%s': "
                     "the connection is closed",
                     wanted);
        return NULL;
    }
    return value;
}

PyObject *
pop3_get_file(POP3Object *self, const char *wanted)
{
    return get_open(self, self->state->name.file, wanted);
}

PyObject *
pop3_get_sock(POP3Object *self, const char *wanted)
{
    return get_open(self, self->state->name.sock, wanted);
}

struct stream_progress *
pop3_progress_of(POP3Object *self, PyObject *file)
{
    PyObject *old = self->foreign_file;

    assert(lock_is_mine(&self->lock));
    if (reader_check(self->state, file)) {
        return &((ReaderObject *)file)->progress;
    }
    if (old != file) {
        self->foreign_file = Py_NewRef(file);
        progress_begun(&self->foreign);
        Py_XDECREF(old);
    }
    return &self->foreign;
}

struct stream_progress *
pop3_known_progress(POP3Object *self, PyObject *file,
                    struct stream_progress *other)
{
    progress_begun(other);
    return self->foreign_file == file ? &self->foreign : other;
}

ReaderObject *
pop3_get_reader(POP3Object *self, int *failed)
{
    PyObject *file;

    *failed = PyObject_GetOptionalAttr((PyObject *)self,
                                       self->state->name.file, &file) < 0;
    if (file != NULL &&
        (!reader_check(self->state, file) ||
         progress_is_closed(&((ReaderObject *)file)->progress))) {
        Py_CLEAR(file);
    }
    return (ReaderObject *)file;
}

static const char *
describe_file(POP3Object *self, PyObject *file)
{
    struct stream_progress other;
    const struct stream_progress *stream;

    if (file == NULL || file == Py_None) {
        return "closed";
    }
    stream = reader_check(self->state, file)
                 ? &((ReaderObject *)file)->progress
                 : pop3_known_progress(self, file, &other);
    if (progress_is_closed(stream)) {
        return "closed";
    }
    if (progress_has_ended(stream) || stream->broken_by != 0) {
        return "ended";
    }
    if (!progress_is_in_step(stream)) {
        return stream->step == STEP_TIMED_OUT ? "timed out" : "out of step";
    }
    return self->progress.is_logged_in ? "transaction" : "authorization";
}

PyObject *
pop3_get_state(POP3Object *self)
{
    PyObject *dict = pop3_get_dict(self);
    PyObject *file = NULL;
    PyObject *description = NULL;

    if (dict == NULL ||
        PyDict_GetItemRef(dict, self->state->name.file, &file) >= 0) {
        description = PyUnicode_FromString(describe_file(self, file));
    }
    Py_XDECREF(file);
    Py_XDECREF(dict);
    return description;
}

/* Returns the progress of the stream that .file reads from, which *file keeps
   alive; or NULL, and *file is NULL. */
static struct stream_progress *
get_progress(POP3Object *self, PyObject **file, int *failed)
{
    *failed = PyObject_GetOptionalAttr((PyObject *)self,
                                       self->state->name.file, file) < 0;
    if (*file == Py_None) {
        Py_CLEAR(*file);
    }
    return *file == NULL ? NULL : pop3_progress_of(self, *file);
}

int
pop3_check_step(POP3Object *self, bool sends)
{
    PyObject *file;
    int failed;
    struct stream_progress *stream = get_progress(self, &file, &failed);

    if (stream != NULL) {
        failed = sends ? progress_check_send(self->state, stream)
                       : progress_check(self->state, stream);
    }
    Py_XDECREF(file);
    return failed ? -1 : 0;
}

bool
pop3_is_in_step(POP3Object *self)
{
    PyObject *file;
    int failed;
    struct stream_progress *stream = get_progress(self, &file, &failed);
    bool is = stream != NULL && progress_is_in_step(stream);

    Py_XDECREF(file);
    return is;
}

void
pop3_note_unsent(POP3Object *self)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *file;
    int failed;
    struct stream_progress *stream = get_progress(self, &file, &failed);

    PyErr_SetRaisedException(pending);
    if (stream != NULL) {
        progress_send_raised(&self->lock, stream);
    }
    Py_XDECREF(file);
}

/* --- one command at a time ---------------------------------------------- */

static int
check_outside(POP3Object *self)
{
    struct module_state *state = self->state;
    PyObject *file = NULL;
    PyObject *sock = NULL;
    int failed = -1;

    if (PyObject_GetOptionalAttr((PyObject *)self, state->name.file, &file) >=
            0 &&
        PyObject_GetOptionalAttr((PyObject *)self, state->name.sock, &sock) >=
            0) {
        failed = 0;
    }
    if (failed == 0 && file != NULL && reader_check(state, file)) {
        failed = errors_check_outside(
            file, lock_is_mine(&((ReaderObject *)file)->lock));
    }
    if (failed == 0 && sock != NULL &&
        Py_IS_TYPE(sock, state->tls_socket_type)) {
        failed = errors_check_outside(sock,
                                      lock_is_mine(&TLSSOCKET(sock)->lock));
    }
    Py_XDECREF(file);
    Py_XDECREF(sock);
    return failed;
}

int
pop3_wait_for_lock(POP3Object *self)
{
    if (check_outside(self) < 0 || log_check_outside(self) < 0) {
        return -1;
    }
    return lock_acquire(&self->lock);
}

int
pop3_check_rest(POP3Object *self)
{
    return errors_check_outside((PyObject *)self,
                                !progress_is_at_rest(&self->progress));
}

int
pop3_check_idle(POP3Object *self)
{
    return errors_check_outside((PyObject *)self,
                                !progress_is_idle(&self->progress));
}

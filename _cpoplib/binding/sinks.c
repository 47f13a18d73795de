#include "binding/sinks.h"

#include <string.h>

#include "binding/errors.h"
#include "core/output.h"

static size_t
batch_octets(const struct pop_batch *batch)
{
    size_t octets = 0;
    size_t i;

    for (i = 0; i < batch->count; i++) {
        octets += batch->spans[i].length;
    }
    return octets;
}

/* Copies the batch's octets to `space`, which has room for them. */
static void
copy_batch(const struct pop_link *link, char *space)
{
    const char *bytes = pop_buffer_bytes(&link->in);
    size_t i;

    for (i = 0; i < link->batch.count; i++) {
        struct pop_span span = link->batch.spans[i];

        memcpy(space, bytes + span.offset, span.length);
        space += span.length;
    }
}

/* --- bytes -------------------------------------------------------------- */

#define FEWEST_OCTETS ((size_t)4 * 1024)
/* Of what a server has only announced. */
#define MOST_OCTETS ((size_t)64 * 1024 * 1024)

/* The first number in the status line, "+OK 120 octets": what servers say of
   the size, with or without line ends.  0 if there is none. */
static size_t
announced_octets(PyObject *response)
{
    const char *text = PyBytes_AS_STRING(response);
    size_t octets = 0;

    text += strcspn(text, "0123456789");
    for (; *text >= '0' && *text <= '9' && octets < MOST_OCTETS; text++) {
        octets = 10 * octets + (size_t)(*text - '0');
    }
    return octets < MOST_OCTETS ? octets : MOST_OCTETS;
}

static int
bytes_begin(struct stream_sink *sink, PyObject *response)
{
    struct sink_bytes *self = (struct sink_bytes *)sink;
    size_t octets = announced_octets(response);

    if (octets < FEWEST_OCTETS) {
        octets = FEWEST_OCTETS;
    }
    self->bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)octets);
    return self->bytes == NULL ? -1 : 0;
}

/* Makes room for more octets: at least half as many as there are. */
static int
bytes_reserve(struct sink_bytes *self, size_t octets)
{
    size_t capacity = (size_t)PyBytes_GET_SIZE(self->bytes);

    if (octets <= capacity - self->used) {
        return 0;
    }
    if (octets > (size_t)PY_SSIZE_T_MAX / 2 - capacity) {
        PyErr_NoMemory();
        return -1;
    }
    capacity += octets > capacity / 2 ? octets : capacity / 2;
    return _PyBytes_Resize(&self->bytes, (Py_ssize_t)capacity);
}

static int
bytes_take(struct stream_sink *sink, const struct pop_link *link)
{
    struct sink_bytes *self = (struct sink_bytes *)sink;
    size_t octets = batch_octets(&link->batch);

    if (bytes_reserve(self, octets) < 0) {
        return -1;
    }
    copy_batch(link, PyBytes_AS_STRING(self->bytes) + self->used);
    self->used += octets;
    return 0;
}

void
sink_bytes_init(struct sink_bytes *self)
{
    self->sink.form = POP_OCTETS;
    self->sink.begin = bytes_begin;
    self->sink.take = bytes_take;
    self->bytes = NULL;
    self->used = 0;
}

PyObject *
sink_bytes_finish(struct sink_bytes *self)
{
    PyObject *bytes;

    if (_PyBytes_Resize(&self->bytes, (Py_ssize_t)self->used) < 0) {
        return NULL;
    }
    bytes = self->bytes;
    self->bytes = NULL;
    return bytes;
}

void
sink_bytes_release(struct sink_bytes *self)
{
    Py_CLEAR(self->bytes);
}

/* --- files -------------------------------------------------------------- */

/* file.write(block[start:]); how much of it was written, or -1. */
static Py_ssize_t
call_write(struct sink_file *self, PyObject *block, Py_ssize_t start)
{
    Py_ssize_t left = PyBytes_GET_SIZE(block) - start;
    PyObject *rest = PySequence_GetSlice(block, start, PY_SSIZE_T_MAX);
    PyObject *result = NULL;
    Py_ssize_t written = left;

    if (rest != NULL) {
        result = PyObject_CallFunctionObjArgs(self->write, rest, NULL);
        Py_DECREF(rest);
    }
    if (result == NULL) {
        return -1;
    }
    if (PyLong_Check(result)) {
        written = PyLong_AsSsize_t(result);
    }
    Py_DECREF(result);
    if (written == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (written <= 0 || written > left) {
        errors_raise_bad_write(written, left);
        return -1;
    }
    return written;
}

/* An unbuffered file may write less than it is given. */
static int
write_block(struct sink_file *self, PyObject *block)
{
    Py_ssize_t done = 0;

    while (done < PyBytes_GET_SIZE(block)) {
        Py_ssize_t written = call_write(self, block, done);

        if (written < 0) {
            return -1;
        }
        done += written;
    }
    return 0;
}

static int
write_batch(struct sink_file *self, const struct pop_link *link, size_t octets)
{
    PyObject *block = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)octets);
    int failed;

    if (block == NULL) {
        return -1;
    }
    copy_batch(link, PyBytes_AS_STRING(block));
    failed = write_block(self, block);
    Py_DECREF(block);
    return failed;
}

static enum pop_status
call_output(void *argument, struct pop_error *error)
{
    return pop_output_write(argument, error);
}

static int
output_batch(struct sink_file *self, const struct pop_link *link)
{
    struct pop_output output = {
        .fd = self->fd,
        .bytes = pop_buffer_bytes(&link->in),
        .spans = link->batch.spans,
        .count = link->batch.count,
    };
    struct pop_error error = {0};
    enum pop_status status = io_call(call_output, &output, &error);

    if (status == POP_OK) {
        return 0;
    }
    errors_raise(self->state, status, &error);
    return -1;
}

static int
file_begin(struct stream_sink *Py_UNUSED(sink), PyObject *Py_UNUSED(response))
{
    return 0;
}

static int
file_take(struct stream_sink *sink, const struct pop_link *link)
{
    struct sink_file *self = (struct sink_file *)sink;

    size_t octets = batch_octets(&link->batch);

    if (octets == 0) {
        return 0;
    }
    if ((self->write == NULL ? output_batch(self, link)
                             : write_batch(self, link, octets)) < 0) {
        return -1;
    }
    self->octets += octets;
    return 0;
}

/* Whether the file is exactly an io.FileIO: 1, 0 or -1. */
static int
is_raw(PyObject *file)
{
    PyObject *type = module_imported("io", "FileIO");
    int is;

    if (type == NULL) {
        return -1;
    }
    is = (PyObject *)Py_TYPE(file) == type;
    Py_DECREF(type);
    return is;
}

/* The descriptor, in self->fd, if it may be written to. */
static int
use_descriptor(struct sink_file *self, PyObject *file)
{
    PyObject *nothing = PyObject_CallFunction(self->write, "y", "");

    if (nothing == NULL) {
        return -1;
    }
    Py_DECREF(nothing);
    self->fd = PyObject_AsFileDescriptor(file);
    if (self->fd < 0) {
        return -1;
    }
    Py_CLEAR(self->write);
    return 0;
}

int
sink_file_init(struct sink_file *self, struct module_state *state,
               PyObject *file)
{
    int raw = is_raw(file);

    self->sink.form = POP_OCTETS;
    self->sink.begin = file_begin;
    self->sink.take = file_take;
    self->state = state;
    self->write = NULL;
    self->fd = -1;
    self->octets = 0;
    if (raw < 0) {
        return -1;
    }
    self->write = PyObject_GetAttrString(file, "write");
    if (self->write == NULL || (raw > 0 && use_descriptor(self, file) < 0)) {
        Py_CLEAR(self->write);
        return -1;
    }
    return 0;
}

void
sink_file_release(struct sink_file *self)
{
    Py_CLEAR(self->write);
}

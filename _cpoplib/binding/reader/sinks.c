#include "binding/reader/sinks.h"

#include <string.h>

#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "core/net/output.h"

/* --- lines -------------------------------------------------------------- */

/* Makes the list from the first batch, which often is the only one. */
static int
make_list(struct stream_sink *self, const struct pop_link *link)
{
    size_t i;

    self->value = PyList_New((Py_ssize_t)link->batch.count);
    for (i = 0; self->value != NULL && i < link->batch.count; i++) {
        PyObject *line = reader_bytes(link, link->batch.spans[i]);

        if (line == NULL) {
            Py_CLEAR(self->value);
        }
        else {
            PyList_SET_ITEM(self->value, (Py_ssize_t)i, line);
        }
    }
    return self->value == NULL ? -1 : 0;
}

static int
lines_take(struct stream_sink *self, const struct pop_link *link)
{
    int failed = 0;
    size_t i;

    if (self->value == NULL) {
        return make_list(self, link);
    }
    for (i = 0; failed == 0 && i < link->batch.count; i++) {
        PyObject *line = reader_bytes(link, link->batch.spans[i]);

        failed = line == NULL ? -1 : PyList_Append(self->value, line);
        Py_XDECREF(line);
    }
    return failed;
}

/* --- octets ------------------------------------------------------------- */

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
/* Most octets allocated because a server announced them. */
#define MOST_OCTETS ((size_t)64 * 1024 * 1024)

/* Returns the octets that the status line announces, at most MOST_OCTETS. */
static size_t
announced_octets(const struct pop_reply *reply)
{
    if (reply->announced < 0) {
        return 0;
    }
    return reply->announced < (long long)MOST_OCTETS ? (size_t)reply->announced
                                                     : MOST_OCTETS;
}

/* Allocates room for the first octets; exactly those if the reply is
   complete. */
static int
bytes_allocate(struct stream_sink *self, size_t octets,
               const struct pop_reply *reply)
{
    size_t room = octets;

    if (reply->part != POP_REPLY_DONE) {
        size_t announced = announced_octets(reply);

        room = announced > room ? announced : room;
        room = room > FEWEST_OCTETS ? room : FEWEST_OCTETS;
    }
    self->value = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room);
    return self->value == NULL ? -1 : 0;
}

/* Makes room for more octets; grows by at least half. */
static int
bytes_reserve(struct stream_sink *self, size_t octets)
{
    size_t capacity = (size_t)PyBytes_GET_SIZE(self->value);

    if (octets <= capacity - self->used) {
        return 0;
    }
    if (octets > (size_t)PY_SSIZE_T_MAX / 2 - capacity) {
        PyErr_NoMemory();
        return -1;
    }
    capacity += octets > capacity / 2 ? octets : capacity / 2;
    return _PyBytes_Resize(&self->value, (Py_ssize_t)capacity);
}

static int
bytes_take(struct stream_sink *self, const struct pop_link *link)
{
    size_t octets = batch_octets(&link->batch);

    if ((self->value == NULL ? bytes_allocate(self, octets, &link->reply)
                             : bytes_reserve(self, octets)) < 0) {
        return -1;
    }
    copy_batch(link, PyBytes_AS_STRING(self->value) + self->used);
    self->used += octets;
    return 0;
}

/* Trims the bytes.  Copies instead of shrinking a large block, which would
   keep its mapping; a process has a limited number of mappings. */
static int
bytes_finish(struct stream_sink *self)
{
    if (self->used < (size_t)PyBytes_GET_SIZE(self->value) / 2) {
        Py_SETREF(self->value,
                  PyBytes_FromStringAndSize(PyBytes_AS_STRING(self->value),
                                            (Py_ssize_t)self->used));
        return self->value == NULL ? -1 : 0;
    }
    return _PyBytes_Resize(&self->value, (Py_ssize_t)self->used);
}

/* --- a sink ------------------------------------------------------------- */

static int
nothing_take(struct stream_sink *Py_UNUSED(self),
             const struct pop_link *Py_UNUSED(link))
{
    return 0;
}

void
sink_init(struct stream_sink *self, enum pop_reply_form form,
          enum pop_end_rule rule)
{
    *self = (struct stream_sink){
        .form = form,
        .rule = rule,
        .take = form == POP_OCTETS ? bytes_take : lines_take,
    };
}

void
sink_drop(struct stream_sink *self)
{
    self->take = nothing_take;
}

PyObject *
sink_value(struct stream_sink *self)
{
    PyObject *lines = self->value == NULL ? Py_None : self->value;
    PyObject *octets;
    PyObject *tuple = NULL;

    if (self->form == POP_NO_LINES) {
        return Py_NewRef(self->response);
    }
    if (self->form == POP_OCTETS && self->value != NULL) {
        return bytes_finish(self) < 0 ? NULL : Py_NewRef(self->value);
    }
    octets = PyLong_FromSize_t(self->octets);
    if (self->form == POP_OCTETS) {
        return octets;
    }
    if (octets != NULL) {
        tuple = PyTuple_Pack(3, self->response, lines, octets);
        Py_DECREF(octets);
    }
    return tuple;
}

/* --- files -------------------------------------------------------------- */

/* Writes all of the batch.  Python code looks at what write() returned unless
   that says so at once: a raw file may take a part. */
static int
write_batch(struct sink_file *self, const struct pop_link *link, size_t octets)
{
    PyObject *block = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)octets);
    PyObject *result;
    int overflow;

    if (block == NULL) {
        return -1;
    }
    copy_batch(link, PyBytes_AS_STRING(block));
    result = PyObject_CallFunctionObjArgs(self->write, block, NULL);
    if (result != NULL && !(PyLong_CheckExact(result) &&
                            PyLong_AsLongLongAndOverflow(result, &overflow) ==
                                (long long)octets)) {
        Py_SETREF(result, package_call("poplib_c._file", "write_rest",
                                       "(OOOO)", self->write, block, result,
                                       self->is_raw ? Py_True : Py_False));
    }
    Py_DECREF(block);
    return errors_drop_result(result);
}

static enum pop_status
call_output(void *argument, struct pop_error *error)
{
    return pop_output_write(argument, error);
}

/* Asks for the descriptor each time: after close() it may belong to another
   file. */
static int
output_once(struct sink_file *self, struct pop_output *output)
{
    struct pop_error error = {0};
    enum pop_status status;

    output->fd = PyObject_AsFileDescriptor(self->file);
    if (output->fd < 0) {
        return -1;
    }
    status = lock_call_detached(call_output, output, &error);
    return errors_check(self->state, status, &error) < 0
               ? -1
               : PyErr_CheckSignals();
}

static int
output_batch(struct sink_file *self, const struct pop_link *link)
{
    struct pop_output output = {
        .bytes = pop_buffer_bytes(&link->in),
        .spans = link->batch.spans,
        .count = link->batch.count,
    };
    int failed = 0;

    while (failed == 0 && output.done < output.count) {
        failed = output_once(self, &output);
    }
    return failed;
}

static int
file_take(struct stream_sink *sink, const struct pop_link *link)
{
    struct sink_file *self = (struct sink_file *)sink;
    size_t octets = batch_octets(&link->batch);

    if (octets == 0) {
        return 0;
    }
    return self->is_direct ? output_batch(self, link)
                           : write_batch(self, link, octets);
}

static int
open_file(struct sink_file *self)
{
    PyObject *opened = package_call("poplib_c._file", "opened", "(O)",
                                    self->file);
    int raw = 0;
    int direct = 0;
    int failed = -1;

    if (opened != NULL &&
        PyArg_ParseTuple(opened, "Opp", &self->write, &raw, &direct) != 0) {
        Py_INCREF(self->write);
        self->is_raw = raw != 0;
        self->is_direct = direct != 0;
        failed = 0;
    }
    Py_XDECREF(opened);
    return failed;
}

int
sink_file_init(struct sink_file *self, struct module_state *state,
               PyObject *file)
{
    *self = (struct sink_file){
        .sink =
            {
                .form = POP_OCTETS,
                .rule = POP_END_IF_QUIET,
                .take = file_take,
            },
        .state = state,
        .file = Py_NewRef(file),
    };
    if (open_file(self) < 0) {
        sink_file_release(self);
        return -1;
    }
    return 0;
}

void
sink_file_release(struct sink_file *self)
{
    sink_release(&self->sink);
    Py_CLEAR(self->write);
    Py_CLEAR(self->file);
}

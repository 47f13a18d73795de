#include "binding/channel/channel.h"

#include "binding/base/errors.h"
#include "binding/dialogue/announce.h"
#include "binding/dialogue/getline.h"

PyObject *
channel_run(PyObject *op, PyObject **values, channel_method method)
{
    ChannelObject *self = CHANNEL(op);
    PyObject *result;

    if (self->is_running || self->reader == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        self->is_running ? "another thread uses the connection"
                                         : "the channel has no socket");
        return NULL;
    }
    self->is_running = true;
    result = method(self, values);
    self->client = NULL;
    self->is_running = false;
    return result;
}

PyObject *
channel_announce(ChannelObject *self, PyObject *line)
{
    PyObject *bytes = line == NULL
                          ? NULL
                          : announce_bytes(self->state, self->client, line);

    Py_XDECREF(line);
    if (bytes != NULL &&
        PySys_Audit("poplib.putline", "OO", self->client, bytes) < 0) {
        Py_CLEAR(bytes);
    }
    return bytes;
}

int
channel_limits(ChannelObject *self, size_t size, bool is_sasl,
               struct stream_limits *limits)
{
    struct getline_options options = {
        .max_line = self->max_line,
        .max_size = self->max_size < size ? self->max_size : size,
        .is_sasl = is_sasl,
    };

    return getline_fill_limits(self->state, &options, limits);
}

int
channel_note(ChannelObject *self, int result)
{
    struct pop_wants wants = self->reader->link.wants;

    self->wants = (wants.receivable ? CHANNEL_WANTS_READ : 0) |
                  (wants.sendable ? CHANNEL_WANTS_WRITE : 0);
    return result;
}

void
channel_end_reply(ChannelObject *self)
{
    if (self->form == CHANNEL_FILE) {
        sink_file_release(&self->reply.file);
    }
    else {
        sink_release(&self->reply.sink);
    }
    if (self->form >= CHANNEL_SIZES) {
        Py_CLEAR(self->reply.rows.dict);
    }
    self->form = CHANNEL_STATUS;
    self->is_started = false;
}

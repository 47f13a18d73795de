/* The type Channel: life, socket, TLS and commands. */

#include "binding/channel/channel.h"

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/base/heap_type.h"
#include "binding/client/deadline.h"
#include "binding/client/options.h"
#include "binding/connect/tls_wrap.h"
#include "binding/dialogue/pipeline_probe.h"
#include "binding/reader/held.h"
#include "binding/socket/python_socket.h"

static const struct pop_deadline no_deadline = {.at = POP_NO_DEADLINE};

/* --- life --------------------------------------------------------------- */

/* Channel(max_line, max_size, pipelining) */
static PyObject *
channel_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    struct module_state *state = PyType_GetModuleState(type);
    size_t pipelining = PIPELINING_AUTO;
    size_t max_line = POP_UNLIMITED_OCTETS;
    size_t max_size = POP_UNLIMITED_OCTETS;
    PyObject *values[3];
    PyObject *guard;
    ChannelObject *self;

    if (!PyArg_ParseTuple(args, "OOO", &values[0], &values[1], &values[2]) ||
        options_parse(state, "max_line", values[0], &max_line) < 0 ||
        options_parse(state, "max_size", values[1], &max_size) < 0 ||
        options_parse(state, "pipelining", values[2], &pipelining) < 0) {
        return NULL;
    }
    guard = deadlines_new(state);
    if (guard == NULL) {
        return NULL;
    }
    self = CHANNEL(type->tp_alloc(type, 0));
    if (self == NULL) {
        Py_DECREF(guard);
    }
    else {
        self->guard = guard;
        self->state = state;
        self->module = Py_NewRef(state->module);
        self->max_line = max_line;
        self->max_size = max_size;
        self->pipelining = (enum pop3_pipelining)pipelining;
    }
    return (PyObject *)self;
}

static int
channel_traverse(PyObject *op, visitproc visit, void *arg)
{
    ChannelObject *self = CHANNEL(op);

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->module);
    Py_VISIT(self->reader);
    Py_VISIT(self->tls);
    Py_VISIT(self->reply.sink.failure);
    Py_VISIT(self->in.sink.failure);
    if (self->form == CHANNEL_FILE) {
        Py_VISIT(self->reply.file.file);
        Py_VISIT(self->reply.file.write);
    }
    return requests_traverse(&self->proof, visit, arg);
}

static int
clear(ChannelObject *self)
{
    requests_clear(&self->proof);
    channel_end_reply(self);
    sink_release(&self->in.sink);
    Py_CLEAR(self->tls);
    if (self->reader != NULL) {
        held_forget(self->reader);
    }
    Py_CLEAR(self->reader);
    return 0;
}

GUARD_FUNCTION(int, channel_clear, (PyObject * op), clear(CHANNEL(op)));

static void
channel_dealloc(PyObject *op)
{
    ChannelObject *self = CHANNEL(op);
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)channel_clear(op);
    pop_tls_config_free(self->config);
    Py_DECREF(self->guard);
    Py_DECREF(self->module);
    type->tp_free(op);
    Py_DECREF(type);
}

/* --- the socket --------------------------------------------------------- */

/* Reads from `sock`, and closes it; closes the Reader before it. */
static int
use_socket(ChannelObject *self, PyObject *sock)
{
    ReaderObject *reader = reader_new(self->state, sock, sock, &no_deadline,
                                      self->guard);
    ReaderObject *before = self->reader;
    int failed = 0;

    if (reader == NULL) {
        return -1;
    }
    reader->link.is_polled = true;
    self->reader = reader;
    self->in = (struct reception){.reader = reader};
    if (before != NULL) {
        failed = reader_close(before);
        Py_DECREF(before);
    }
    return failed;
}

/* Use a connected socket.socket that never waits. */
static PyObject *
attach(ChannelObject *self, PyObject *sock)
{
    int direct = python_socket_is_direct(self->state, sock);

    if (direct == 0) {
        PyErr_Format(PyExc_TypeError,
                     "sock must be a socket.socket with its own recv_into() "
                     "and sendall(), not %.100s",
                     Py_TYPE(sock)->tp_name);
    }
    else if (self->reader != NULL) {
        direct = -1;
        PyErr_SetString(PyExc_RuntimeError, "the channel has a socket");
    }
    return direct <= 0 ? NULL : args_none(use_socket(self, sock) < 0);
}

ARGS_FUNCTION(channel_attach, attach(CHANNEL(op), values[0]),
              .method = "Channel.attach", .names = {"sock"}, .required = 1);

/* Close the socket. */
static PyObject *
close_channel(ChannelObject *self)
{
    /* Another thread may end a handshake meanwhile, and replace the Reader. */
    PyObject *reader = Py_XNewRef((PyObject *)self->reader);
    int failed = reader != NULL && reader_close((ReaderObject *)reader) < 0;

    Py_XDECREF(reader);
    return args_none(failed);
}

ARGS_FUNCTION(channel_close, close_channel(CHANNEL(op)),
              .method = "Channel.close");

/* --- TLS ---------------------------------------------------------------- */

/* Read the certificate files, unless another connection has. */
static PyObject *
load_tls(ChannelObject *self, PyObject *const *values)
{
    struct tls_options options;
    struct ssl_ctx_st *config;

    if (tls_wrap_options(&options, Py_None, values[0], values[1], values[2]) <
        0) {
        return NULL;
    }
    config = tls_configs_get(self->state, &options);
    if (config == NULL) {
        return NULL;
    }
    pop_tls_config_free(self->config);
    self->config = config;
    Py_RETURN_NONE;
}

ARGS_FUNCTION(channel_load_tls, load_tls(CHANNEL(op), values),
              .method = "Channel.load_tls",
              .names = {"keyfile", "certfile", "verify"});

/* Prepare the handshake.  Raises error_proto if bytes follow the last reply:
   an attacker injected them. */
static PyObject *
begin_tls(ChannelObject *self, PyObject **values)
{
    const struct tls_options none = {.context = NULL};
    struct ssl_ctx_st *config;
    TLSSocketObject *tls;

    if (self->config == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "load_tls() comes first");
        return NULL;
    }
    if (self->reader->link.received > 0 &&
        reader_require(self->reader, READER_AT_REST) < 0) {
        return NULL;
    }
    /* load_tls() in another thread does not free what is in use. */
    config = self->config;
    self->config = NULL;
    tls = tls_wrap_new_socket(self->state, self->reader->sock, values[0],
                              &none, config, self->guard);
    pop_tls_config_free(config);
    Py_XSETREF(self->tls, tls);
    return args_none(tls == NULL);
}

ARGS_FUNCTION(channel_begin_tls, channel_run(op, values, begin_tls),
              .method = "Channel.begin_tls", .names = {"host"}, .required = 1);

/* Continue the handshake.  Returns True after its end, None to wait. */
static PyObject *
handshake(ChannelObject *self, PyObject **Py_UNUSED(values))
{
    enum pop_status wanted = POP_OK;
    int result;

    if (self->tls == NULL) {
        errors_raise_closed_meanwhile();
        return NULL;
    }
    result = tls_socket_shake_hands(self->tls, &no_deadline, &wanted);
    if (result > 0) {
        self->wants = wanted == POP_WANT_READ ? CHANNEL_WANTS_READ
                                              : CHANNEL_WANTS_WRITE;
        Py_RETURN_NONE;
    }
    if (result == 0) {
        result = use_socket(self, (PyObject *)self->tls);
    }
    Py_CLEAR(self->tls);
    return result < 0 ? NULL : Py_NewRef(Py_True);
}

ARGS_FUNCTION(channel_handshake, channel_run(op, values, handshake),
              .method = "Channel.handshake");

/* --- a command ---------------------------------------------------------- */

/* The command has no reply yet.  `file` is NULL but for CHANNEL_FILE. */
static int
init_reply(ChannelObject *self, enum channel_form form, PyObject *file)
{
    static const enum pop_reply_form forms[] = {POP_NO_LINES, POP_LINES,
                                                POP_OCTETS};

    channel_end_reply(self);
    if (form == CHANNEL_FILE) {
        if (sink_file_init(&self->reply.file, self->state, file) < 0) {
            return -1;
        }
    }
    else if (form >= CHANNEL_SIZES) {
        rows_init(&self->reply.rows,
                  form == CHANNEL_SIZES ? POP_VERB_LIST : POP_VERB_UIDL,
                  POP_END_IF_QUIET);
    }
    else {
        sink_init(&self->reply.sink, forms[form],
                  form == CHANNEL_OCTETS ? POP_END_IF_QUIET : POP_END_AT_ONCE);
    }
    self->form = form;
    return 0;
}

static int
start(ChannelObject *self, PyObject *line, size_t size, bool is_sasl)
{
    PyObject *bytes = NULL;
    int failed = -1;

    if (channel_limits(self, size, is_sasl, &self->reply.sink.limits) < 0) {
        return -1;
    }
    if (line != Py_None) {
        if (reader_require(self->reader, READER_AT_REST) < 0) {
            return -1;
        }
        bytes = channel_announce(self, Py_NewRef(line));
        if (bytes == NULL) {
            return -1;
        }
        pipeline_probe_note(self->reader, line);
    }
    if (reader_enter(self->reader,
                     bytes == NULL ? READER_IN_STEP : READER_ANSWERED) == 0) {
        failed = stream_start(self->reader, bytes, &self->reply.sink);
        reader_leave(self->reader);
    }
    Py_XDECREF(bytes);
    return failed;
}

/* Begin a command; step() sends it and reads its reply.
   line: str, or None for the greeting.  form: enum channel_form.  file: takes
   the octets. */
static PyObject *
start_command(ChannelObject *self, PyObject **values)
{
    const char *capa = pop_command(POP_VERB_CAPA)->name;
    PyObject *line = values[1];
    int is_sasl = values[4] == NULL ? 0 : PyObject_IsTrue(values[4]);
    size_t size = POP_UNLIMITED_OCTETS;
    long form = values[2] == NULL ? CHANNEL_STATUS : PyLong_AsLong(values[2]);

    if (form < CHANNEL_STATUS || form > CHANNEL_UIDS ||
        (form == CHANNEL_FILE) != (values[3] != NULL)) {
        form = -1;
        PyErr_BadArgument();
    }
    if (form < 0 || is_sasl < 0 ||
        init_reply(self, (enum channel_form)form, values[3]) < 0) {
        return NULL;
    }
    if (PyUnicode_Check(line) &&
        PyUnicode_CompareWithASCIIString(line, capa) == 0) {
        size = POP_COMMAND_CAPA_OCTETS;
    }
    self->client = values[0];
    self->is_started = start(self, line, size, is_sasl != 0) == 0;
    if (!self->is_started) {
        channel_end_reply(self);
    }
    return args_none(!self->is_started);
}

ARGS_FUNCTION(channel_start, channel_run(op, values, start_command),
              .method = "Channel.start",
              .names = {"client", "line", "form", "file", "is_sasl"},
              .required = 2, .keyword_only = 2);

/* Returns the result of a reply that was read. */
static PyObject *
make_value(ChannelObject *self)
{
    PyObject *value = sink_result(self->state, &self->reply.sink);

    if (value != NULL && self->form >= CHANNEL_SIZES) {
        Py_SETREF(value, rows_begin(&self->reply.rows) < 0
                             ? NULL
                             : Py_NewRef(self->reply.rows.dict));
    }
    return value;
}

/* Continue the command.  Returns its result, or None to wait. */
static PyObject *
step(ChannelObject *self, PyObject **Py_UNUSED(values))
{
    PyObject *value = NULL;
    int result = STREAM_FAILED;

    if (!self->is_started) {
        PyErr_SetString(PyExc_RuntimeError, "start() comes first");
    }
    else if (reader_enter(self->reader, READER_IN_STEP) == 0) {
        result = channel_note(self,
                              stream_go_on(self->reader, &self->reply.sink));
        reader_leave(self->reader);
    }
    if (result == STREAM_WAITS) {
        Py_RETURN_NONE;
    }
    if (result == STREAM_DONE) {
        value = make_value(self);
    }
    channel_end_reply(self);
    return value;
}

ARGS_FUNCTION(channel_step, channel_run(op, values, step),
              .method = "Channel.step");

/* Mark the stream out of sync: an authentication was abandoned. */
static PyObject *
abandon(ChannelObject *self, PyObject **Py_UNUSED(values))
{
    if (reader_enter(self->reader, READER_OPEN) < 0) {
        return NULL;
    }
    progress_left(&self->reader->lock, &self->reader->progress,
                  "an authentication was abandoned half-way");
    reader_leave(self->reader);
    Py_RETURN_NONE;
}

ARGS_FUNCTION(channel_abandon, channel_run(op, values, abandon),
              .method = "Channel.abandon");

/* --- waiting ------------------------------------------------------------ */

/* Returns the status of a wait that is over. */
static enum pop_status
end_wait(ChannelObject *self, struct pop_error *error)
{
    struct pop_timeout timeout;
    enum pop_status status;

    if (self->tls != NULL) {
        /* Sets the text that tells what has timed out. */
        pop_timeout_set(&timeout, 1);
        return pop_transport_tls_handshake(self->tls->transport, &timeout,
                                           error);
    }
    pop_timeout_set(&timeout, POP_WAIT_NEVER);
    status = self->reader->link.transport->ops->wait(
        self->reader->link.transport, true, self->wants & CHANNEL_WANTS_WRITE,
        &timeout, error);
    /* What is readable may be more records of TLS without octets. */
    return status == POP_OK ? POP_TIMEOUT : status;
}

/* Raise socket.timeout, unless this ends the handshake. */
static PyObject *
time_out(ChannelObject *self, PyObject **Py_UNUSED(values))
{
    struct pop_error error = {0};
    enum pop_status status;

    if (reader_enter(self->reader, READER_OPEN) < 0) {
        return NULL;
    }
    status = end_wait(self, &error);
    if (status == POP_TIMEOUT) {
        /* Otherwise EAGAIN is raised, as for sockets that never wait. */
        self->reader->link.timeout = POP_WAIT_FOREVER;
        reader_fail(self->reader, status, &error);
        if (self->in.is_begun) {
            (void)replies_fail(&self->in);
        }
        held_forget(self->reader);
    }
    reader_leave(self->reader);
    return args_none(status == POP_TIMEOUT);
}

ARGS_FUNCTION(channel_time_out, channel_run(op, values, time_out),
              .method = "Channel.time_out");

/* --- what Python sees --------------------------------------------------- */

static PyObject *
wants(ChannelObject *self)
{
    const struct pop_deadline *quiet = self->reader == NULL
                                           ? &no_deadline
                                           : &self->reader->link.quiet;

    if (self->tls != NULL || quiet->at == POP_NO_DEADLINE) {
        return Py_BuildValue("iO", self->wants, Py_None);
    }
    return Py_BuildValue("id", self->wants,
                         (double)pop_deadline_left(quiet) /
                             (double)POP_NS_PER_SECOND);
}

GUARD_FUNCTION(PyObject *, get_wants,
               (PyObject * op, void *Py_UNUSED(closure)), wants(CHANNEL(op)));

static PyObject *
moved(const ChannelObject *self)
{
    const struct pop_link *link = self->reader == NULL ? NULL
                                                       : &self->reader->link;

    return link == NULL
               ? Py_NewRef(Py_None)
               : Py_BuildValue("nn", (Py_ssize_t)link->received,
                               (Py_ssize_t)pop_buffer_length(&link->out));
}

GUARD_FUNCTION(PyObject *, get_moved,
               (PyObject * op, void *Py_UNUSED(closure)), moved(CHANNEL(op)));

static PyObject *
sock(const ChannelObject *self)
{
    return Py_NewRef(self->reader == NULL ? Py_None : self->reader->sock);
}

GUARD_FUNCTION(PyObject *, get_sock, (PyObject * op, void *Py_UNUSED(closure)),
               sock(CHANNEL(op)));

static PyGetSetDef channel_getset[] = {
    {"wants", get_wants, NULL,
     "(bits, seconds): what to wait for, and for how long at most, or None",
     NULL},
    {"moved", get_moved, NULL,
     "(received, unsent) octets: they change unless there is silence", NULL},
    {"sock", get_sock, NULL, "the socket, or None", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef channel_methods[] = {
    ARGS_METHOD("attach", channel_attach, NULL),
    ARGS_METHOD("close", channel_close, NULL),
    ARGS_METHOD("load_tls", channel_load_tls, NULL),
    ARGS_METHOD("begin_tls", channel_begin_tls, NULL),
    ARGS_METHOD("handshake", channel_handshake, NULL),
    ARGS_METHOD("start", channel_start, NULL),
    ARGS_METHOD("step", channel_step, NULL),
    ARGS_METHOD("abandon", channel_abandon, NULL),
    ARGS_METHOD("time_out", channel_time_out, NULL),
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(channel_doc,
"A connection that never waits, for poplib_c.aio.");

static PyType_Slot channel_slots[] = {
    {Py_tp_doc, (void *)channel_doc},   {Py_tp_new, channel_new},
    {Py_tp_traverse, channel_traverse}, {Py_tp_clear, channel_clear},
    {Py_tp_dealloc, channel_dealloc},   {Py_tp_methods, channel_methods},
    {Py_tp_getset, channel_getset},     {0, NULL},
};

static PyType_Spec channel_spec = {
    .name = "_cpoplib.Channel",
    .basicsize = sizeof(ChannelObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = channel_slots,
};

PyTypeObject *
channel_type_new(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &channel_spec, NULL);

    if (type != NULL && heap_type_add_methods((PyTypeObject *)type,
                                              channel_ahead_methods) < 0) {
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

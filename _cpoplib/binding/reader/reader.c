#include "binding/reader/reader.h"

#include "binding/base/errors.h"
#include "binding/base/heap_type.h"
#include "binding/base/package.h"
#include "binding/socket/python_socket.h"

#define READER(op) ((ReaderObject *)(op))

/* --- life cycle --------------------------------------------------------- */

static void
destroy_transport(struct pop_transport *transport)
{
    if (transport != NULL) {
        transport->ops->destroy(transport);
    }
}

ReaderObject *
reader_new(struct module_state *state, PyObject *sock, PyObject *file,
           const struct pop_deadline *deadline, PyObject *guard)
{
    PyTypeObject *type = state->reader_type;
    struct pop_transport *direct;
    ReaderObject *self = NULL;
    struct lock lock;

    if (lock_init(&lock, &state->locks) < 0) {
        return NULL;
    }
    direct = pop_transport_fd_new();
    if (direct == NULL) {
        PyErr_NoMemory();
    }
    else {
        self = (ReaderObject *)type->tp_alloc(type, 0);
    }
    if (self == NULL) {
        destroy_transport(direct);
        lock_destroy(&lock);
        return NULL;
    }
    self->state = state;
    self->module = Py_NewRef(state->module);
    self->sock = Py_NewRef(sock);
    self->file = Py_NewRef(file);
    self->lock = lock;
    pop_link_init(&self->link);
    self->deadline = deadline;
    self->guard = Py_NewRef(guard);
    self->direct = direct;
    progress_begun(&self->progress);
    return self;
}

static int
reader_traverse(PyObject *op, visitproc visit, void *arg)
{
    ReaderObject *self = READER(op);

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->module);
    Py_VISIT(self->sock);
    Py_VISIT(self->file);
    return 0;
}

static int
clear(ReaderObject *self)
{
    progress_file_closed(&self->progress);
    Py_CLEAR(self->sock);
    Py_CLEAR(self->file);
    return 0;
}

GUARD_FUNCTION(int, reader_clear, (PyObject * op), clear(READER(op)));

static void
reader_dealloc(PyObject *op)
{
    ReaderObject *self = READER(op);
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(op);
    PyObject_ClearWeakRefs(op);
    if (!lock_is_abandoned(&self->lock)) {
        destroy_transport(self->direct);
        destroy_transport(self->python_transport);
        pop_link_release(&self->link);
        pop_pipeline_release(&self->progress.ahead);
    }
    lock_destroy(&self->lock);
    (void)reader_clear(op);
    Py_DECREF(self->guard);
    Py_DECREF(self->module);
    type->tp_free(op);
    Py_DECREF(type);
}

/* Returns whether `file` is exactly a BufferedReader over exactly a SocketIO
   over `sock`: 1, 0 or -1. */
static int
reads_socket(struct module_state *state, PyObject *file, PyObject *sock)
{
    return errors_drop_truth(package_call_own(
        state, state->name.reader, "reads_socket", "(OO)", file, sock));
}

PyObject *
reader_open(struct module_state *state, PyObject *sock,
            const struct pop_deadline *deadline, PyObject *guard)
{
    int ours = python_socket_makes_files(state, sock);
    PyObject *file;
    PyObject *made;

    if (ours < 0) {
        return NULL;
    }
    /* A buffer would stay empty and is left out: that takes a tenth of the
       time of connecting. */
    made = PyObject_CallMethod(sock, "makefile", ours ? "si" : "s", "rb", 0);
    if (made == NULL) {
        return NULL;
    }
    if (!ours) {
        ours = reads_socket(state, made, sock);
    }
    if (ours == 0) {
        return made;
    }
    file = ours < 0
               ? NULL
               : (PyObject *)reader_new(state, sock, made, deadline, guard);
    if (file == NULL) {
        python_socket_discard(state, made);
    }
    Py_DECREF(made);
    return file;
}

static PyObject *
describe(ReaderObject *self)
{
    return PyUnicode_FromFormat(
        "<poplib_c.Reader %s at %p>",
        progress_is_closed(&self->progress) ? "closed" : "open", self);
}

GUARD_FUNCTION(PyObject *, reader_repr, (PyObject * op), describe(READER(op)));

static PyMemberDef reader_members[] = {
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(ReaderObject, weakrefs),
     Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(reader_doc,
"A buffered binary file over the receive buffer of a connection.\n"
"\n"
"The attribute file of a connection is a Reader. It reads what the commands\n"
"have not read. Methods raise ValueError after close() and RuntimeError\n"
"while a command reads.");

static PyType_Slot reader_slots[] = {
    {Py_tp_doc, (void *)reader_doc},      {Py_tp_new, heap_type_refuse_new},
    {Py_tp_traverse, reader_traverse},    {Py_tp_clear, reader_clear},
    {Py_tp_dealloc, reader_dealloc},      {Py_tp_repr, reader_repr},
    {Py_tp_iter, reader_file_iter},       {Py_tp_iternext, reader_file_next},
    {Py_tp_methods, reader_file_methods}, {Py_tp_getset, reader_file_getset},
    {Py_tp_members, reader_members},      {0, NULL},
};

PyType_Spec reader_spec = {
    .name = "poplib_c.Reader",
    .basicsize = sizeof(ReaderObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = reader_slots,
};

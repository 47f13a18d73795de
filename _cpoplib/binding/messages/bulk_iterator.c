#include "binding/messages/bulk_iterator.h"

#include "binding/messages/bulk_turn.h"
#include "binding/base/heap_type.h"

/* --- life --------------------------------------------------------------- */

static void
many_answer(struct pipeline_owner *owner, PyObject *value, bool failed)
{
    BulkIteratorObject *self = (BulkIteratorObject *)((char *)owner -
                                                      offsetof(
                                                          BulkIteratorObject,
                                                          owner));

    bulk_slots_answer(&self->slots, value, failed);
}

PyObject *
bulk_iterator_new(POP3Object *client, PyObject *numbers,
                  const struct bulk_iterator_options *options)
{
    PyObject *iterator = PyObject_GetIter(numbers);
    BulkIteratorObject *self = NULL;
    PyObject *pulled = NULL;

    if (iterator != NULL) {
        pulled = PyList_New(0);
    }
    if (pulled != NULL) {
        self = PyObject_GC_New(BulkIteratorObject,
                               client->state->bulk_iterator_type);
    }
    if (self == NULL) {
        Py_XDECREF(iterator);
        Py_XDECREF(pulled);
        return NULL;
    }
    self->owner.answer = many_answer;
    self->client = (POP3Object *)Py_NewRef((PyObject *)client);
    self->numbers = iterator;
    self->failure = NULL;
    self->pulled = pulled;
    self->due = NULL;
    self->verb = options->verb;
    self->suffix = Py_NewRef(options->suffix);
    self->reader = NULL;
    bulk_slots_init(&self->slots);
    self->window = options->window;
    self->multiline = options->multiline;
    self->as_lines = options->as_lines;
    self->deletes = options->deletes;
    self->returns_errors = options->returns_errors;
    self->ahead = client->pipelining != PIPELINING_NEVER;
    self->running = false;
    self->broken = false;
    PyObject_GC_Track((PyObject *)self);
    return (PyObject *)self;
}

static int
many_traverse(PyObject *op, visitproc visit, void *arg)
{
    BulkIteratorObject *self = BULK_ITERATOR(op);

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->client);
    Py_VISIT(self->numbers);
    Py_VISIT(self->failure);
    Py_VISIT(self->pulled);
    Py_VISIT(self->due);
    Py_VISIT(self->suffix);
    Py_VISIT(self->reader);
    return bulk_slots_traverse(&self->slots, visit, arg);
}

/* It is over; what is to come is nobody's. */
static int
many_clear(PyObject *op)
{
    BulkIteratorObject *self = BULK_ITERATOR(op);
    POP3Object *client = self->client;

    self->client = NULL;
    if (self->reader != NULL) {
        pipeline_owner_gone(self->reader, &self->owner);
    }
    bulk_slots_clear(&self->slots);
    Py_CLEAR(self->reader);
    Py_CLEAR(self->numbers);
    Py_CLEAR(self->failure);
    Py_CLEAR(self->pulled);
    Py_CLEAR(self->due);
    Py_CLEAR(self->suffix);
    Py_XDECREF(client);
    return 0;
}

static void
many_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)many_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

/* --- numbers ------------------------------------------------------------ */

/* The end of the numbers; what they have raised, if that is no more urgent,
   waits for its turn. */
static int
end_numbers(BulkIteratorObject *self)
{
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    self->failure = PyErr_GetRaisedException();
    Py_CLEAR(self->numbers);
    return 0;
}

/* Takes numbers once half of the window is free: then a few large sends do
   for many commands. */
static int
pull(BulkIteratorObject *self)
{
    size_t most = self->ahead ? self->window : 1;
    size_t held = self->slots.messages + (size_t)PyList_GET_SIZE(self->pulled);

    if (held > most / 2) {
        return 0;
    }
    for (; self->numbers != NULL && held < most; held++) {
        PyObject *number = PyIter_Next(self->numbers);
        int failed;

        if (number == NULL) {
            return end_numbers(self);
        }
        failed = PyList_Append(self->pulled, number);
        Py_DECREF(number);
        if (failed < 0) {
            return -1;
        }
    }
    return 0;
}

/* --- results ------------------------------------------------------------ */

/* Whether the next result is there, and nothing is to be asked for; or, if
   the iteration is broken off, whatever there is. */
static bool
has_result(BulkIteratorObject *self)
{
    return (self->broken ||
            (self->due == NULL && PyList_GET_SIZE(self->pulled) == 0)) &&
           bulk_slots_find_result(&self->slots);
}

/* The pending exception ends the iteration, but behind the answers that are
   held, unless it is more urgent. */
static int
end_behind_answers(BulkIteratorObject *self)
{
    if (self->slots.ready == 0 || self->failure != NULL ||
        !PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    self->failure = PyErr_GetRaisedException();
    Py_CLEAR(self->numbers);
    Py_CLEAR(self->due);
    if (self->reader != NULL) {
        pipeline_owner_gone(self->reader, &self->owner);
    }
    bulk_slots_forget_unanswered(&self->slots);
    self->deletes = false;
    self->broken = true;
    return PyList_SetSlice(self->pulled, 0, PY_SSIZE_T_MAX, NULL);
}

/* 1 if the first slot is the next result; 0 at the end; -1. */
static int
find(BulkIteratorObject *self)
{
    do {
        if (pull(self) < 0) {
            return -1;
        }
        if (has_result(self)) {
            return 1;
        }
        if (!self->broken && bulk_turn_run(self) < 0 &&
            end_behind_answers(self) < 0) {
            return -1;
        }
        if (bulk_slots_find_result(&self->slots)) {
            return 1;
        }
    } while (self->numbers != NULL || PyList_GET_SIZE(self->pulled) > 0);
    if (self->failure != NULL) {
        PyErr_SetRaisedException(self->failure);
        self->failure = NULL;
        return -1;
    }
    return 0;
}

/* (number, value), or the exception. */
static PyObject *
give(BulkIteratorObject *self)
{
    struct slot slot = bulk_slots_take(&self->slots);
    PyObject *pair = NULL;

    if (slot.failed && !(self->returns_errors &&
                         PyErr_GivenExceptionMatches(
                             slot.value, self->client->state->error_proto))) {
        PyErr_SetRaisedException(slot.value);
    }
    else {
        pair = PyTuple_Pack(2, slot.number, slot.value);
        Py_DECREF(slot.value);
    }
    if (pair != NULL && self->deletes && !slot.failed) {
        self->due = Py_NewRef(slot.number);
    }
    Py_DECREF(slot.number);
    return pair;
}

static void
end(BulkIteratorObject *self)
{
    PyObject *pending = PyErr_GetRaisedException();

    (void)many_clear((PyObject *)self);
    PyErr_SetRaisedException(pending);
}

static int
check_idle(const BulkIteratorObject *self)
{
    if (self->running) {
        PyErr_SetString(PyExc_ValueError, "iterator already executing");
        return -1;
    }
    return 0;
}

static PyObject *
many_next(PyObject *op)
{
    BulkIteratorObject *self = BULK_ITERATOR(op);
    int found;

    if (check_idle(self) < 0 || self->client == NULL) {
        return NULL;
    }
    self->running = true;
    found = find(self);
    self->running = false;
    if (found > 0) {
        return give(self);
    }
    end(self);
    return NULL;
}

PyDoc_STRVAR(close_doc,
"close($self)\n"
"--\n"
"\n"
"End the iteration.\n"
"\n"
"Nothing is received now: the next command on the connection receives and\n"
"drops what is on its way, as it does when the iterator is no more.");

static PyObject *
many_close(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    if (check_idle(BULK_ITERATOR(op)) < 0) {
        return NULL;
    }
    end(BULK_ITERATOR(op));
    Py_RETURN_NONE;
}

PyDoc_STRVAR(sizeof_doc,
"__sizeof__($self)\n"
"--\n"
"\n"
"Octets of memory, what was asked for included.");

static PyObject *
many_sizeof(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSize_t(heap_type_own_size(op) +
                             bulk_slots_size(&BULK_ITERATOR(op)->slots));
}

/* --- type --------------------------------------------------------------- */

static PyMethodDef many_methods[] = {
    {"close", many_close, METH_NOARGS, close_doc},
    {"__sizeof__", many_sizeof, METH_NOARGS, sizeof_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(many_doc,
"An iterator over (number, answer), as retr_many() returns it.");

static PyType_Slot many_slots[] = {
    {Py_tp_doc, (void *)many_doc},
    {Py_tp_traverse, many_traverse},
    {Py_tp_clear, many_clear},
    {Py_tp_dealloc, many_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, many_next},
    {Py_tp_methods, many_methods},
    {Py_tp_new, heap_type_refuse_new},
    {0, NULL},
};

static PyType_Spec many_spec = {
    .name = "poplib_c.ManyIterator",
    .basicsize = sizeof(BulkIteratorObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = many_slots,
};

PyTypeObject *
bulk_iterator_new_type(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &many_spec, NULL);
}

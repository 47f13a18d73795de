#include "binding/client/deadline.h"

#include "binding/base/args.h"
#include "binding/base/errors.h"
#include "binding/base/heap_type.h"

/* --- deadlines of a connection ------------------------------------------ */

static void
free_deadlines(PyObject *guard)
{
    struct deadlines *deadlines = deadlines_get(guard);

#ifdef Py_GIL_DISABLED
    guard_unlink(&deadlines->link);
#endif
    PyMem_Free(deadlines);
}

PyObject *
deadlines_new(struct module_state *state)
{
    struct deadlines *deadlines = PyMem_Calloc(1, sizeof(*deadlines));
    PyObject *guard;

    if (deadlines == NULL) {
        return PyErr_NoMemory();
    }
    pop_deadline_clear(&deadlines->earliest);
    pop_deadline_clear(&deadlines->session);
    guard = PyCapsule_New(deadlines, NULL, free_deadlines);
    if (guard == NULL) {
        PyMem_Free(deadlines);
        return NULL;
    }
#ifdef Py_GIL_DISABLED
    guard_link(state->guards, &deadlines->link, guard);
#else
    (void)state;
#endif
    return guard;
}

struct deadlines *
deadlines_get(PyObject *guard)
{
    return PyCapsule_GetPointer(guard, NULL);
}

/* An entry of deadlines->blocks, stored in a DeadlineObject. */
struct deadline_block {
    struct pop_deadline deadline;
    struct deadline_block *next;
};

static void
find_earliest(struct deadlines *self)
{
    const struct deadline_block *block;

    self->earliest = self->session;
    for (block = self->blocks; block != NULL; block = block->next) {
        if (block->deadline.at < self->earliest.at) {
            self->earliest = block->deadline;
        }
    }
}

/* --- the argument ------------------------------------------------------- */

/* Converts seconds to nanoseconds, None to INT64_MAX.  Returns -1 and an
   exception. */
static int
parse(PyObject *value, int64_t *allowed)
{
    double seconds;

    *allowed = INT64_MAX;
    if (value == Py_None) {
        return 0;
    }
    seconds = PyFloat_AsDouble(value);
    if (seconds == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError,
                         "deadline must be a number (seconds) or None, not "
                         "%.100s",
                         Py_TYPE(value)->tp_name);
        }
        return -1;
    }
    if (!(seconds > 0.0)) {
        PyErr_SetString(PyExc_ValueError,
                        "deadline must be more than 0 seconds, or None for no "
                        "limit");
        return -1;
    }
    *allowed = python_socket_nanoseconds(seconds);
    return 0;
}

int
deadline_begin(POP3Object *self, PyObject *seconds)
{
    int64_t allowed;

    if (seconds == NULL && self->deadlines->is_begun) {
        return 0;
    }
    if (parse(seconds == NULL ? Py_None : seconds, &allowed) < 0) {
        return -1;
    }
    pop_deadline_start(&self->deadlines->session, allowed);
    find_earliest(self->deadlines);
    return 0;
}

/* --- when it has passed ------------------------------------------------- */

/* pop_deadline_end() or pop_deadline_refuse(). */
typedef enum pop_status (*deadline_status)(const struct pop_deadline *deadline,
                                           struct pop_error *error);

/* Returns -1 and raises socket.timeout if the deadline has passed. */
static int
check(POP3Object *self, deadline_status status)
{
    struct pop_error error = {0};

    if (!pop_deadline_has_passed(&self->deadlines->earliest)) {
        return 0;
    }
    return errors_check(self->state,
                        status(&self->deadlines->earliest, &error), &error);
}

int
deadline_check_clock(POP3Object *self)
{
    return check(self, pop_deadline_refuse);
}

int
deadline_check_reading(POP3Object *self)
{
    return check(self, pop_deadline_end);
}

void
deadline_explain(POP3Object *self)
{
    PyObject *pending;

    if (!pop_deadline_has_passed(&self->deadlines->earliest) ||
        !errors_is_socket_timeout(self->state)) {
        return;
    }
    pending = PyErr_GetRaisedException();
    (void)check(self, pop_deadline_end);
    errors_chain(pending);
}

int
deadline_hold(POP3Object *self, PyObject *sock,
              struct python_socket_hold *hold)
{
    return python_socket_hold(self->state, sock, &self->deadlines->earliest,
                              hold);
}

int
deadline_let_go(POP3Object *self, PyObject *sock,
                struct python_socket_hold *hold)
{
    int failed = python_socket_let_go(self->state, sock, hold);

    if (PyErr_Occurred()) {
        deadline_explain(self);
    }
    return failed;
}

/* --- a block ------------------------------------------------------------ */

typedef struct {
    GUARD_HEAD
    POP3Object *client; /* NULL after tp_clear */
    int64_t allowed;
    struct deadline_block block; /* in client->deadlines->blocks if entered */
    bool is_entered;
} DeadlineObject;

#define DEADLINE(op) ((DeadlineObject *)(op))

/* Removes the block from the list, in any order of leaving. */
static void
leave(DeadlineObject *self)
{
    struct deadlines *deadlines = self->client->deadlines;
    struct deadline_block **link = &deadlines->blocks;

    assert(guard_is_mine(self->guard));
    while (*link != &self->block) {
        link = &(*link)->next;
    }
    *link = self->block.next;
    self->is_entered = false;
    find_earliest(deadlines);
}

static int
deadline_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(DEADLINE(op)->client);
    return 0;
}

static int
clear(DeadlineObject *self)
{
    if (self->is_entered) {
        leave(self);
    }
    Py_CLEAR(self->client);
    return 0;
}

GUARD_FUNCTION(int, deadline_clear, (PyObject * op), clear(DEADLINE(op)));

ARGS_DOC(enter_doc, "__enter__($self)",
"Start the clock.\n"
"\n"
"Raises:\n"
"    RuntimeError: The block is entered already.");

static int
check_enter(const DeadlineObject *self)
{
    if (self->client == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the connection of this deadline is no more");
        return -1;
    }
    if (self->is_entered) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this deadline was entered already; call deadline() "
                        "for each block");
        return -1;
    }
    return 0;
}

static PyObject *
enter(DeadlineObject *self)
{
    struct deadlines *deadlines;

    if (check_enter(self) < 0) {
        return NULL;
    }
    deadlines = self->client->deadlines;
    pop_deadline_start(&self->block.deadline, self->allowed);
    self->block.next = deadlines->blocks;
    deadlines->blocks = &self->block;
    self->is_entered = true;
    find_earliest(deadlines);
    return Py_NewRef((PyObject *)self);
}

GUARD_METHOD(deadline___enter__, enter(DEADLINE(op)));

ARGS_DOC(exit_doc, "__exit__($self, type, value, traceback)",
"Restore the deadline that applied before the block.");

static PyObject *
exit_block(DeadlineObject *self)
{
    if (self->is_entered) {
        leave(self);
    }
    Py_RETURN_NONE;
}

GUARD_METHOD(deadline___exit__, exit_block(DEADLINE(op)));

static PyMethodDef block_methods[] = {
    {"__enter__", deadline___enter__, METH_NOARGS, enter_doc},
    {"__exit__", deadline___exit__, METH_VARARGS, exit_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(block_doc,
"The time limit of a block of commands, which deadline() returns.");

static PyType_Slot block_slots[] = {
    {Py_tp_doc, (void *)block_doc},
    {Py_tp_traverse, deadline_traverse},
    {Py_tp_clear, deadline_clear},
    {Py_tp_dealloc, heap_type_dealloc},
    {Py_tp_methods, block_methods},
    {Py_tp_new, heap_type_refuse_new},
    {0, NULL},
};

PyType_Spec deadline_spec = {
    .name = "poplib_c.Deadline",
    .basicsize = sizeof(DeadlineObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = block_slots,
};

/* --- POP3.deadline() ---------------------------------------------------- */

ARGS_DOC(deadline_doc, "deadline($self, seconds)",
"Limit the time of a block: `with client.deadline(30): ...`.\n"
"\n"
"All commands of the block together may take that long, however often the\n"
"server sends something. The earliest deadline of the entered blocks and the\n"
"constructor applies, in addition to the timeout of each operation. Leaving\n"
"a block restores the deadline before it. The context manager is reusable,\n"
"not reentrant; each entry restarts the clock.\n"
"\n"
"After the deadline a waiting command raises TimeoutError (socket.timeout\n"
"before Python 3.10), and the connection can only be closed. A command that\n"
"begins later raises TimeoutError and sends nothing; the connection can be\n"
"used after the block.\n"
"\n"
"Args:\n"
"    seconds (float or None): More than 0; None sets no limit.\n"
"\n"
"Returns:\n"
"    Deadline: The context manager.\n"
"\n"
"Raises:\n"
"    ValueError: seconds is not positive.");

static PyObject *
new_block(POP3Object *self, PyObject *seconds)
{
    DeadlineObject *block;
    int64_t allowed;

    if (parse(seconds, &allowed) < 0) {
        return NULL;
    }
    block = PyObject_GC_New(DeadlineObject, self->state->deadline_type);
    if (block == NULL) {
        return NULL;
    }
    block->guard = Py_NewRef(self->guard);
    block->client = (POP3Object *)Py_NewRef((PyObject *)self);
    block->allowed = allowed;
    block->is_entered = false;
    PyObject_GC_Track((PyObject *)block);
    return (PyObject *)block;
}

ARGS_FUNCTION(pop3_deadline, new_block(POP3(op), values[0]),
              .method = "POP3.deadline", .names = {"seconds"}, .required = 1);

PyMethodDef deadline_methods[] = {
    ARGS_METHOD("deadline", pop3_deadline, deadline_doc),
    {NULL, NULL, 0, NULL},
};

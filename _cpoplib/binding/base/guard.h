/* The critical section of a connection.  Calls nothing of the binding.

   The objects of a connection (the client, its Readers, TLSSockets, iterators
   and deadlines) share a guard, an object that they all own.  Their fields are
   read and written inside the guard's critical section.  The interpreter
   suspends that section where it would release the GIL: while the thread is
   detached, or waits for a lock.  With the GIL the section is empty.
   README.rst has the rules ("Locks"). */

#ifndef BINDING_GUARD_H
#define BINDING_GUARD_H

#include "binding/base/pycompat.h"

/* The first members of a guarded struct. */
#define GUARD_HEAD                                                            \
    PyObject_HEAD                                                             \
    PyObject *guard;

struct guarded {
    GUARD_HEAD
};

#define GUARD(op) (((struct guarded *)(op))->guard)

/* Begins and ends a block inside the section of a guarded object; no jump
   leaves the block.  Entering the thread's innermost section again is cheap:
   CPython sees it from 3.14 on; 3.13 would wait in vain, then suspend and
   resume all sections. */
#if defined(Py_GIL_DISABLED) && PY_VERSION_HEX < 0x030e0000
#define GUARD_BEGIN(op)                                                       \
    {                                                                         \
        PyObject *guard_ = GUARD(op);                                         \
        bool enters_ = !pycompat_is_inside(guard_);                           \
        PyCriticalSection section_;                                           \
                                                                              \
        if (enters_) {                                                        \
            PyCriticalSection_Begin(&section_, guard_);                       \
        }
#define GUARD_END()                                                           \
    if (enters_) {                                                            \
        PyCriticalSection_End(&section_);                                     \
    }                                                                         \
    }
#else
#define GUARD_BEGIN(op) Py_BEGIN_CRITICAL_SECTION(GUARD(op));
#define GUARD_END() Py_END_CRITICAL_SECTION();
#endif

/* Returns whether the thread is inside the section, as far as CPython tells:
   for assertions. */
static inline bool
guard_is_mine(PyObject *guard)
{
    return pycompat_is_inside(guard);
}

/* --- forks -------------------------------------------------------------- */

/* A fork may come while CPython hands a guard from one thread to another,
   which the child does not have.  So the module lists its guards, and the
   child frees those that no thread of its own is inside. */

#ifdef Py_GIL_DISABLED

struct guard_list {
    PyMutex mutex;
    size_t users; /* its links and the module */
    struct guard_link *first;
};

struct guard_link {
    PyObject *guard; /* borrowed: it owns the link */
    struct guard_list *list;
    struct guard_link *next;
    struct guard_link **back;
};

/* Returns NULL and raises MemoryError. */
struct guard_list *guard_list_new(void);

/* Frees the list once its links are gone, too. */
void guard_list_release(struct guard_list *list);

void guard_link(struct guard_list *list, struct guard_link *link,
                PyObject *guard);
void guard_unlink(struct guard_link *link);

/* Called in the child, by its only thread. */
void guard_note_fork(struct guard_list *list, PyObject *module);

#endif

/* --- methods ------------------------------------------------------------ */

/* Defines a function of a guarded object `op`, one of `parameters`: returns
   `call`, an expression that is computed inside the section. */
#define GUARD_FUNCTION(type, function, parameters, call)                      \
    static type function parameters                                           \
    {                                                                         \
        type result_;                                                         \
                                                                              \
        GUARD_BEGIN(op)                                                       \
        result_ = (call);                                                     \
        GUARD_END()                                                           \
        return result_;                                                       \
    }                                                                         \
    struct guarded

/* Defines a method, METH_NOARGS, METH_O or METH_VARARGS, as GUARD_FUNCTION()
   does; `args` is its argument. */
#define GUARD_METHOD(function, call)                                          \
    GUARD_FUNCTION(PyObject *, function, (PyObject * op, PyObject * args),    \
                   ((void)args, (call)))

#endif

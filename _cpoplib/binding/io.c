#include "binding/io.h"

#include <assert.h>

int
io_lock_init(struct io_lock *lock)
{
    lock->owner = 0;
    lock->depth = 0;
    lock->handle = PyThread_allocate_lock();
    if (lock->handle == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

void
io_lock_destroy(struct io_lock *lock)
{
    if (lock->handle != NULL) {
        PyThread_free_lock(lock->handle);
        lock->handle = NULL;
    }
}

static int
wait_for_lock(struct io_lock *lock)
{
    for (;;) {
        PyLockStatus status;

        Py_BEGIN_ALLOW_THREADS
        status = PyThread_acquire_lock_timed(lock->handle, -1, 1);
        Py_END_ALLOW_THREADS
        if (status == PY_LOCK_ACQUIRED) {
            return 0;
        }
        if (PyErr_CheckSignals() < 0) {
            return -1;
        }
    }
}

int
io_lock_acquire(struct io_lock *lock)
{
    if (io_lock_is_mine(lock)) {
        lock->depth++;
        return 0;
    }
    if (!PyThread_acquire_lock(lock->handle, NOWAIT_LOCK) &&
        wait_for_lock(lock) < 0) {
        return -1;
    }
    lock->owner = PyThread_get_thread_ident();
    lock->depth = 1;
    return 0;
}

void
io_lock_release(struct io_lock *lock)
{
    assert(io_lock_is_mine(lock));
    lock->depth--;
    if (lock->depth == 0) {
        PyThread_release_lock(lock->handle);
    }
}

bool
io_lock_is_mine(const struct io_lock *lock)
{
    return lock->depth > 0 && lock->owner == PyThread_get_thread_ident();
}

bool
io_lock_is_held(const struct io_lock *lock)
{
    return lock->depth > 0;
}

static enum pop_status
call_nogil(io_function function, void *argument, struct pop_error *error)
{
    enum pop_status status;

    Py_BEGIN_ALLOW_THREADS
    status = function(argument, error);
    Py_END_ALLOW_THREADS
    return status;
}

static enum pop_status
repeat(io_function function, void *argument, bool needs_gil,
       struct pop_error *error)
{
    for (;;) {
        enum pop_status status;

        status = needs_gil ? function(argument, error)
                           : call_nogil(function, argument, error);
        if (status != POP_INTERRUPTED) {
            return status;
        }
        if (PyErr_CheckSignals() < 0) {
            return POP_HOST;
        }
    }
}

enum pop_status
io_call(io_function function, void *argument, struct pop_error *error)
{
    return repeat(function, argument, false, error);
}

struct link_call {
    struct pop_link *link;
    io_operation operation;
};

static enum pop_status
call_on_link(void *argument, struct pop_error *error)
{
    struct link_call *call = argument;

    return call->operation(call->link, error);
}

enum pop_status
io_run(struct pop_link *link, io_operation operation, struct pop_error *error)
{
    struct link_call call = {link, operation};
    enum pop_status status;

    status = repeat(call_on_link, &call, link->transport->ops->needs_gil,
                    error);
    if (status == POP_HOST) {
        link->resuming = false;
    }
    return status;
}

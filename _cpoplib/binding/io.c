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
run_nogil(struct pop_link *link, io_operation operation,
          struct pop_error *error)
{
    enum pop_status status;

    Py_BEGIN_ALLOW_THREADS
    status = operation(link, error);
    Py_END_ALLOW_THREADS
    return status;
}

enum pop_status
io_run(struct pop_link *link, io_operation operation, struct pop_error *error)
{
    for (;;) {
        enum pop_status status;

        if (link->transport->ops->needs_gil) {
            status = operation(link, error);
        }
        else {
            status = run_nogil(link, operation, error);
        }
        if (status != POP_INTERRUPTED) {
            return status;
        }
        if (PyErr_CheckSignals() < 0) {
            link->resuming = false;
            return POP_HOST;
        }
    }
}
